/*
 * The two transforms of Winograd's F(4×4, 3×3): a 3×3 convolution of stride 1 as 36 products of
 * matrices for every 4×4 outputs, 2.25 multiplications an output, tap and channel pair in place of
 * 9. Included by tier_*.c. Matrices: Lavin and Gray, https://arxiv.org/abs/1509.09308, section 4.3.
 *
 *     6×6 inputs ── Bᵀ d B ──> 36 numbers a channel ── 36 products with the weights G g Gᵀ ──>
 *     36 numbers an output channel ── Aᵀ m A ──> 4×4 outputs
 */
#ifndef SE_NN_CPU_KERNEL_WINO_H
#define SE_NN_CPU_KERNEL_WINO_H

#include "nn/cpu/kernel_math.h"
#include "nn/cpu/kernels.h"

/* t = Bᵀ d */
INLINE void wino_in_6(const vf *d, vf *t)
{
    const vf a = vf_fma(vf_set1(-4.0f), d[2], d[4]), b = vf_fma(vf_set1(-4.0f), d[1], d[3]);
    const vf e = d[4] - d[2], f = (d[3] - d[1]) * vf_set1(2.0f);
    t[0] = vf_fma(vf_set1(4.0f), d[0], vf_fma(vf_set1(-5.0f), d[2], d[4]));
    t[1] = a + b;
    t[2] = a - b;
    t[3] = e + f;
    t[4] = e - f;
    t[5] = vf_fma(vf_set1(4.0f), d[1], vf_fma(vf_set1(-5.0f), d[3], d[5]));
}

/* y = Aᵀ m */
INLINE void wino_out_6(const vf *m, vf *y)
{
    const vf a = m[1] + m[2], b = m[1] - m[2], e = m[3] + m[4], f = m[3] - m[4];
    y[0] = m[0] + a + e;
    y[1] = vf_fma(vf_set1(2.0f), f, b);
    y[2] = vf_fma(vf_set1(4.0f), e, a);
    y[3] = vf_fma(vf_set1(8.0f), f, b) + m[5];
}

INLINE void wino_in_vector(const struct cpu_wino_in *w, size_t c, const bool part, size_t count)
{
    vf rows[CPU_WINO_SIDE][CPU_WINO_SIDE]; /* [column][row] */
    for (int j = 0; j < CPU_WINO_SIDE; j++) {
        vf d[CPU_WINO_SIDE];
        UNROLL
        for (int i = 0; i < CPU_WINO_SIDE; i++) {
            const float *x = w->x[i * CPU_WINO_SIDE + j] + c;
            d[i] = part ? vf_load_part(x, count) : vf_load(x);
        }
        wino_in_6(d, rows[j]);
    }
    for (int i = 0; i < CPU_WINO_SIDE; i++) {
        vf d[CPU_WINO_SIDE], t[CPU_WINO_SIDE];
        UNROLL
        for (int j = 0; j < CPU_WINO_SIDE; j++)
            d[j] = rows[j][i];
        wino_in_6(d, t);
        UNROLL
        for (int j = 0; j < CPU_WINO_SIDE; j++) {
            float *out = w->out + (i * CPU_WINO_SIDE + j) * w->step + c;
            if (part)
                vf_store_part(out, t[j], count);
            else
                vf_store(out, t[j]);
        }
    }
}

static void wino_in(const struct cpu_wino_in *w)
{
    size_t c = 0;
    for (; c + VL <= w->c; c += VL)
        wino_in_vector(w, c, false, VL);
    if (c < w->c)
        wino_in_vector(w, c, true, w->c - c);
}

/* One vector of channels, at c; the tile may be `whole` or cut off by the picture's edge. */
INLINE void wino_out_vector(const struct cpu_wino_out *w, size_t c, const bool part, size_t count,
                            const bool whole)
{
    const size_t columns = whole ? CPU_WINO_OUT : w->columns;
    const size_t tile_rows = whole ? CPU_WINO_OUT : w->rows;
    const vf bias = part ? vf_load_part(w->bias + c, count) : vf_load(w->bias + c);
    const vf lowest = vf_set1(w->act.func == NN_FUNC_RELU ? 0.0f : -__builtin_inff());
    vf rows[CPU_WINO_SIDE][CPU_WINO_OUT];
    for (int i = 0; i < CPU_WINO_SIDE; i++) {
        vf m[CPU_WINO_SIDE];
        UNROLL
        for (int j = 0; j < CPU_WINO_SIDE; j++) {
            const float *from = w->m + (i * CPU_WINO_SIDE + j) * w->step + c;
            m[j] = part ? vf_load_part(from, count) : vf_load(from);
        }
        wino_out_6(m, rows[i]);
    }
    for (size_t j = 0; j < columns; j++) {
        vf m[CPU_WINO_SIDE], y[CPU_WINO_OUT];
        UNROLL
        for (int i = 0; i < CPU_WINO_SIDE; i++)
            m[i] = rows[i][j];
        wino_out_6(m, y);
        float *out = w->out + (ptrdiff_t)j * w->pitch + c;
        for (size_t i = 0; i < tile_rows; i++, out += w->row_step) {
            const vf v = vf_max(lowest, y[i] + bias);
            if (part)
                vf_store_part(out, v, count);
            else
                vf_store(out, v);
        }
    }
}

INLINE void wino_out_tile(const struct cpu_wino_out *w, const bool whole)
{
    size_t c = 0;
    for (; c + VL <= w->c; c += VL)
        wino_out_vector(w, c, false, VL, whole);
    if (c < w->c)
        wino_out_vector(w, c, true, w->c - c, whole);
}

static void wino_out(const struct cpu_wino_out *w)
{
    if (w->rows == CPU_WINO_OUT && w->columns == CPU_WINO_OUT)
        wino_out_tile(w, true);
    else
        wino_out_tile(w, false);
    if (w->act.func == NN_FUNC_NONE || w->act.func == NN_FUNC_RELU)
        return;
    for (size_t i = 0; i < w->rows; i++)
        act_block(w->out + (ptrdiff_t)i * w->row_step, w->pitch, w->columns, w->c, &w->act);
}

#endif
