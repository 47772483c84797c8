/*
 * Kernels over planes: a row of one channel lies in one piece, and vectors go along it. So all
 * lanes work however few channels there are, where vectors along 24 channels would leave a quarter
 * idle. Included by tier_*.c.
 *
 * A tile of the convolution is some channels × PLANES_VECTORS vectors of outputs:
 *
 *     for each tap:   load 2 vectors of its inputs        12 weights, each for both vectors:
 *                     in[tap][x …], in[tap][x + VL …]     24 multiply-adds for 14 loads
 */
#ifndef SE_NN_CPU_KERNEL_PLANES_H
#define SE_NN_CPU_KERNEL_PLANES_H

#include "nn/cpu/kernel_math.h"
#include "nn/cpu/kernels.h"

/* Channels of a tile, so that its sums fit the registers beside two inputs and a weight. */
#if VEC_WIDTH == 16 || defined(__aarch64__)
enum { PLANES_CHANNELS = CPU_PLANE_CHANNELS };
#else
enum { PLANES_CHANNELS = CPU_PLANE_CHANNELS / 2 };
#endif
enum { PLANES_VECTORS = 2 };
_Static_assert(CPU_PLANE_CHANNELS % PLANES_CHANNELS == 0 && CPU_PLANE_WIDTH % VL == 0,
               "rows are whole vectors, groups of channels whole tiles");

/* Channels [c, c + PLANES_CHANNELS), outputs [x, x + vectors·VL). */
INLINE void planes_tile(const struct cpu_planes *p, size_t c, size_t x, const int vectors,
                        const bool relu)
{
    const float *w =
        p->weight + c / CPU_PLANE_CHANNELS * p->taps * CPU_PLANE_CHANNELS + c % CPU_PLANE_CHANNELS;
    vf sum[PLANES_CHANNELS][PLANES_VECTORS];
    UNROLL
    for (int i = 0; i < PLANES_CHANNELS; i++)
        for (int v = 0; v < vectors; v++)
            sum[i][v] = vf_set1(p->bias[c + (size_t)i]);
    for (size_t t = 0; t < p->taps; t++, w += CPU_PLANE_CHANNELS) {
        const float *from = p->in[t] + x;
        vf in[PLANES_VECTORS];
        UNROLL
        for (int v = 0; v < vectors; v++)
            in[v] = vf_load(from + v * VL);
        UNROLL
        for (int i = 0; i < PLANES_CHANNELS; i++) {
            const vf weight = vf_set1(w[i]);
            UNROLL
            for (int v = 0; v < vectors; v++)
                sum[i][v] = vf_fma(in[v], weight, sum[i][v]);
        }
    }
    UNROLL
    for (int i = 0; i < PLANES_CHANNELS; i++)
        for (int v = 0; v < vectors; v++)
            vf_store(p->out + (ptrdiff_t)(c + (size_t)i) * p->out_step + x + v * VL,
                     relu ? vf_max(vf_set1(0), sum[i][v]) : sum[i][v]);
}

INLINE void planes_all(const struct cpu_planes *p, const bool relu)
{
    size_t x = 0;
    for (; x + PLANES_VECTORS * VL <= p->width; x += PLANES_VECTORS * VL)
        for (size_t c = 0; c < p->channels; c += PLANES_CHANNELS)
            planes_tile(p, c, x, PLANES_VECTORS, relu);
    for (; x < p->width; x += VL)
        for (size_t c = 0; c < p->channels; c += PLANES_CHANNELS)
            planes_tile(p, c, x, 1, relu);
}

static void planes(const struct cpu_planes *p)
{
    if (p->act.func == NN_FUNC_RELU) {
        planes_all(p, true);
        return;
    }
    planes_all(p, false);
    act_block(p->out, p->out_step, p->channels, p->width, &p->act);
}

static void max4(const struct cpu_max4 *l)
{
    for (size_t p = 0; p < l->planes; p++) {
        const ptrdiff_t at = (ptrdiff_t)p * l->step;
        for (size_t x = 0; x < l->width; x += VL) {
            const vf a = vf_max(vf_load(l->x[0] + at + x), vf_load(l->x[1] + at + x));
            const vf b = vf_max(vf_load(l->x[2] + at + x), vf_load(l->x[3] + at + x));
            vf_store(l->out + (ptrdiff_t)p * l->out_step + x, vf_max(a, b));
        }
    }
}

#endif
