/*
 * Kernels over windows of pixels, vectors along the channels: depthwise convolution, pooling, sums.
 * Included by tier_*.c.
 *
 * Depthwise convolution keeps DW_PIXELS neighbouring outputs of one vector of channels in
 * registers; a row of the kernel then loads each input pixel once for all outputs that see it:
 *
 *     inputs   i0 i1 i2 i3 i4 i5 i6 i7 i8 i9     8 outputs of a 3-wide kernel at stride 1:
 *     outputs     o0 o1 o2 o3 o4 o5 o6 o7        10 loads for 24 products
 *
 * The last block of a row is moved back to end at the row's end, so it computes some pixels twice
 * and never one outside. Blocks at the left and right edge mask what is not there.
 */
#ifndef SE_NN_CPU_KERNEL_CONV_H
#define SE_NN_CPU_KERNEL_CONV_H

#include "nn/cpu/kernel_math.h"
#include "nn/cpu/kernels.h"

/* Enough sums to hide how long a multiply-add takes, where there are registers for them. */
#if GEMM_ROWS_3 == 8
enum { DW_PIXELS = 12 };
#else
enum { DW_PIXELS = 8 };
#endif
enum { DW_INPUTS = (DW_PIXELS - 1) * 2 + 3 };

/* Of a kernel at `origin` (may be negative) in `size` inputs: taps [*first, *end) lie inside. */
INLINE void window_clip(ptrdiff_t origin, ptrdiff_t size, ptrdiff_t taps, ptrdiff_t dilation,
                        ptrdiff_t *first, ptrdiff_t *end)
{
    *first = origin >= 0 ? 0 : (-origin + dilation - 1) / dilation;
    *end = size <= origin ? 0 : (size - origin + dilation - 1) / dilation;
    *end = *end < taps ? *end : taps;
    *first = *first < *end ? *first : *end;
}

/* A part of the outputs that is done row by row before the next part begins. */
struct dw_part {
    ptrdiff_t x_first, x_end;
    size_t c_first, c_end; /* channels; all ends but the last are whole vectors */
};

/* One row of a part. */
struct dw_row {
    const struct cpu_dwconv *d;
    const struct dw_part *part;
    const float *x;             /* where tap (0, 0) of output 0 would be; may lie outside */
    ptrdiff_t row_step;         /* floats from one row of taps to the next */
    ptrdiff_t ky_first, ky_end; /* rows of taps inside */
    float *out;
    struct dw_edge *edge;
};

/* For a block at an edge: where input i of a row lies, from the place of input 0, moved inside
 * where it is outside and then masked to 0. */
struct dw_edge {
    ptrdiff_t offset[DW_INPUTS];
    int32_t mask[DW_INPUTS];
};

/*
 * One vector of channels, at c, of `pixels` outputs beginning at `ox`. `edge`: inputs as
 * row->edge says. `part`: only `count` channels.
 */
INLINE void dw_vector(const struct dw_row *row, ptrdiff_t ox, size_t c, size_t count,
                      const bool part, const bool edge, const int pixels, const int kw,
                      const int stride)
{
    const struct cpu_dwconv *d = row->d;
    const ptrdiff_t pitch = d->x_pitch;
    const float *x = row->x + ox * stride * pitch + row->ky_first * row->row_step + c;
    const float *w = d->weight + (size_t)row->ky_first * (size_t)kw * d->c_padded + c;
    vf sum[DW_PIXELS];
    UNROLL
    for (int p = 0; p < pixels; p++)
        sum[p] = vf_load(d->bias + c);
    for (ptrdiff_t ky = row->ky_first; ky < row->ky_end; ky++) {
        vf weight[7];
        UNROLL
        for (int kx = 0; kx < kw; kx++)
            weight[kx] = vf_load(w + (size_t)kx * d->c_padded);
        UNROLL_LONG
        for (int i = 0; i < (pixels - 1) * stride + kw; i++) {
            const float *from = x + (edge ? row->edge->offset[i] : i * pitch);
            vf in = part ? vf_load_part(from, count) : vf_load(from);
            if (edge)
                in = (vf)((vi)in & (row->edge->mask[i] - (vi){0}));
            UNROLL
            for (int p = 0; p < pixels; p++)
                if (i - p * stride >= 0 && i - p * stride < kw)
                    sum[p] = vf_fma(in, weight[i - p * stride], sum[p]);
        }
        x += row->row_step;
        w += (size_t)kw * d->c_padded;
    }
    UNROLL
    for (int p = 0; p < pixels; p++) {
        float *out = row->out + (ox + p) * d->out_pitch + c;
        if (part)
            vf_store_part(out, sum[p], count);
        else
            vf_store(out, sum[p]);
    }
}

INLINE void dw_block(const struct dw_row *row, ptrdiff_t ox, const bool edge, const int pixels,
                     const int kw, const int stride)
{
    size_t c = row->part->c_first;
    const size_t end = row->part->c_end;
    for (; c + VL <= end; c += VL)
        dw_vector(row, ox, c, VL, false, edge, pixels, kw, stride);
    if (c < end)
        dw_vector(row, ox, c, end - c, true, edge, pixels, kw, stride);
}

/* A block whose windows hang over the left or right edge. */
INLINE void dw_block_at_edge(struct dw_row *row, ptrdiff_t ox, const int pixels, const int kw,
                             const int stride)
{
    const ptrdiff_t ix = ox * stride - row->d->attr.pad[1], w = (ptrdiff_t)row->d->w;
    struct dw_edge edge;
    for (int i = 0; i < (pixels - 1) * stride + kw; i++) {
        const ptrdiff_t at = ix + i < 0 ? 0 : ix + i >= w ? w - 1 : ix + i;
        edge.offset[i] = (at - ix) * row->d->x_pitch;
        edge.mask[i] = at == ix + i ? -1 : 0;
    }
    row->edge = &edge;
    dw_block(row, ox, true, pixels, kw, stride);
}

INLINE void dw_run_row(struct dw_row *row, const int kw, const int stride)
{
    const struct dw_part *part = row->part;
    if (part->x_end - part->x_first < DW_PIXELS) {
        for (ptrdiff_t ox = part->x_first; ox < part->x_end; ox++)
            dw_block_at_edge(row, ox, 1, kw, stride);
        return;
    }
    for (ptrdiff_t next = part->x_first; next < part->x_end; next += DW_PIXELS) {
        const ptrdiff_t last = part->x_end - DW_PIXELS, ox = next < last ? next : last;
        const ptrdiff_t ix = ox * stride - row->d->attr.pad[1];
        if (ix >= 0 && ix + (DW_PIXELS - 1) * stride + kw <= (ptrdiff_t)row->d->w)
            dw_block(row, ox, false, DW_PIXELS, kw, stride);
        else
            dw_block_at_edge(row, ox, DW_PIXELS, kw, stride);
    }
}

/* Kernels are instances by width and stride; the height is free. */
static void dw_row_3_1(struct dw_row *row)
{
    dw_run_row(row, 3, 1);
}

static void dw_row_3_2(struct dw_row *row)
{
    dw_run_row(row, 3, 2);
}

static void dw_row_7_1(struct dw_row *row)
{
    dw_run_row(row, 7, 1);
}

/* Any kernel, output by output. */
static void dw_row_any(const struct dw_row *row)
{
    const struct cpu_dwconv *d = row->d;
    const ptrdiff_t kw = d->attr.kernel[1], pitch = d->x_pitch, dilation = d->attr.dilation[1];
    for (ptrdiff_t ox = row->part->x_first; ox < row->part->x_end; ox++) {
        const float *x = row->x + ox * d->attr.stride[1] * pitch;
        ptrdiff_t kx_first, kx_end;
        window_clip(ox * d->attr.stride[1] - d->attr.pad[1], (ptrdiff_t)d->w, kw, dilation,
                    &kx_first, &kx_end);
        for (size_t c = row->part->c_first; c < row->part->c_end; c += VL) {
            const size_t count = row->part->c_end - c;
            vf sum = vf_load(d->bias + c);
            for (ptrdiff_t ky = row->ky_first; ky < row->ky_end; ky++) {
                for (ptrdiff_t kx = kx_first; kx < kx_end; kx++) {
                    const float *in = x + ky * row->row_step + kx * dilation * pitch + c;
                    const float *w = d->weight + (size_t)(ky * kw + kx) * d->c_padded + c;
                    sum = vf_fma(vf_load_some(in, count), vf_load(w), sum);
                }
            }
            vf_store_some(row->out + ox * d->out_pitch + c, sum, count);
        }
    }
}

static void dw_run(const struct cpu_dwconv *d, size_t y, const struct dw_part *part)
{
    const struct nn_attr *a = &d->attr;
    const ptrdiff_t w = (ptrdiff_t)d->w, stride = a->stride[1];
    const ptrdiff_t iy = (ptrdiff_t)y * a->stride[0] - a->pad[0];
    struct dw_row row = {
        .d = d,
        .part = part,
        .x = d->x + (iy * w - a->pad[1]) * d->x_pitch,
        .row_step = a->dilation[0] * w * d->x_pitch,
        .out = d->out + (ptrdiff_t)((y - d->y_first) * d->ow) * d->out_pitch,
    };
    window_clip(iy, (ptrdiff_t)d->h, a->kernel[0], a->dilation[0], &row.ky_first, &row.ky_end);
    if (a->dilation[1] == 1 && a->kernel[1] == 3 && stride == 1)
        dw_row_3_1(&row);
    else if (a->dilation[1] == 1 && a->kernel[1] == 3 && stride == 2)
        dw_row_3_2(&row);
    else if (a->dilation[1] == 1 && a->kernel[1] == 7 && stride == 1)
        dw_row_7_1(&row);
    else
        dw_row_any(&row);
    act_block(row.out + part->x_first * d->out_pitch + part->c_first, d->out_pitch,
              (size_t)(part->x_end - part->x_first), part->c_end - part->c_first, &a->act);
}

/*
 * Large kernels are bound by the loads of their windows, so they go through the rows in columns of
 * DW_STRIP outputs and one cache line of channels: the window, (DW_STRIP + kw)·kh lines, stays in
 * the first-level cache and each row brings one new line a pixel. For 3×3 it is better to read
 * memory in order.
 */
static void dwconv(const struct cpu_dwconv *d)
{
    enum { DW_STRIP = 24, DW_CHANNELS = 16, DW_LARGE = 16 };
    const bool large = d->attr.kernel[0] * d->attr.kernel[1] >= DW_LARGE;
    const ptrdiff_t ow = (ptrdiff_t)d->ow, strip = large ? DW_STRIP : ow;
    const size_t channels = large ? DW_CHANNELS : d->c;
    for (ptrdiff_t x = 0, x_end; x < ow; x = x_end) {
        x_end = ow - x < strip + DW_PIXELS ? ow : x + strip; /* no strip narrower than a block */
        for (size_t c = 0; c < d->c; c += channels) {
            const struct dw_part part = {x, x_end, c, c + channels < d->c ? c + channels : d->c};
            for (size_t y = d->y_first; y < d->y_end; y++)
                dw_run(d, y, &part);
        }
    }
}

/* One output pixel of a pool: its taps inside are [ky…) × [kx…), x at tap (0, 0). */
INLINE void pool_pixel(const struct cpu_pool2d *p, const float *x, float *out,
                       const ptrdiff_t ky[2], const ptrdiff_t kx[2], const bool average,
                       float divisor)
{
    const struct nn_attr *a = &p->attr;
    for (size_t c = 0; c < p->c; c += VL) {
        vf y = vf_set1(average ? 0.0f : -__builtin_inff());
        for (ptrdiff_t i = ky[0]; i < ky[1]; i++) {
            for (ptrdiff_t j = kx[0]; j < kx[1]; j++) {
                const ptrdiff_t pixel = i * a->dilation[0] * (ptrdiff_t)p->w + j * a->dilation[1];
                const vf in = vf_load_some(x + pixel * p->x_pitch + c, p->c - c);
                y = average ? y + in : vf_max(y, in);
            }
        }
        vf_store_some(out + c, average ? y / vf_set1(divisor) : y, p->c - c);
    }
}

/* A whole 2×2 window, the usual one. */
INLINE void pool_pixel_2x2(const struct cpu_pool2d *p, const float *x, float *out,
                           const bool average)
{
    const ptrdiff_t right = p->x_pitch, below = (ptrdiff_t)p->w * p->x_pitch;
    size_t c = 0;
    for (; c + VL <= p->c; c += VL) {
        const vf a = vf_load(x + c), b = vf_load(x + right + c);
        const vf d = vf_load(x + below + c), e = vf_load(x + below + right + c);
        vf_store(out + c,
                 average ? (a + b + d + e) * vf_set1(0.25f) : vf_max(vf_max(a, b), vf_max(d, e)));
    }
    if (c < p->c) {
        const size_t n = p->c - c;
        const vf a = vf_load_part(x + c, n), b = vf_load_part(x + right + c, n);
        const vf d = vf_load_part(x + below + c, n), e = vf_load_part(x + below + right + c, n);
        vf_store_part(
            out + c,
            average ? (a + b + d + e) * vf_set1(0.25f) : vf_max(vf_max(a, b), vf_max(d, e)), n);
    }
}

INLINE void pool2d(const struct cpu_pool2d *p, const bool average)
{
    const struct nn_attr *a = &p->attr;
    const bool small =
        a->kernel[0] == 2 && a->kernel[1] == 2 && a->dilation[0] == 1 && a->dilation[1] == 1;
    for (size_t y = p->y_first; y < p->y_end; y++) {
        const ptrdiff_t iy = (ptrdiff_t)y * a->stride[0] - a->pad[0];
        const bool inside = small && iy >= 0 && iy + 2 <= (ptrdiff_t)p->h;
        ptrdiff_t ky[2], kx[2];
        window_clip(iy, (ptrdiff_t)p->h, a->kernel[0], a->dilation[0], &ky[0], &ky[1]);
        for (size_t ox = 0; ox < p->ow; ox++) {
            const ptrdiff_t ix = (ptrdiff_t)ox * a->stride[1] - a->pad[1];
            const float *x = p->x + (iy * (ptrdiff_t)p->w + ix) * p->x_pitch;
            float *out = p->out + (ptrdiff_t)(y * p->ow + ox) * p->out_pitch;
            if (inside && ix >= 0 && ix + 2 <= (ptrdiff_t)p->w) {
                pool_pixel_2x2(p, x, out, average);
                continue;
            }
            window_clip(ix, (ptrdiff_t)p->w, a->kernel[1], a->dilation[1], &kx[0], &kx[1]);
            const ptrdiff_t taps = a->count_include_pad ? (ptrdiff_t)a->kernel[0] * a->kernel[1]
                                                        : (ky[1] - ky[0]) * (kx[1] - kx[0]);
            pool_pixel(p, x, out, ky, kx, average, (float)taps);
        }
    }
}

static void maxpool(const struct cpu_pool2d *p)
{
    pool2d(p, false);
}

static void avgpool(const struct cpu_pool2d *p)
{
    pool2d(p, true);
}

static void sum(const struct cpu_sum *s)
{
    size_t c = 0;
    for (; c + 4 * VL <= s->c; c += 4 * VL) {
        vf total[4] = {0};
        const float *x = s->x + c;
        for (size_t i = 0; i < s->pixels; i++, x += s->x_pitch) {
            UNROLL
            for (int v = 0; v < 4; v++)
                total[v] += vf_load(x + v * VL);
        }
        UNROLL
        for (int v = 0; v < 4; v++)
            vf_store(s->sum + c + v * VL, total[v]);
    }
    for (; c < s->c; c += VL) {
        vf total = vf_set1(0);
        for (size_t i = 0; i < s->pixels; i++)
            total += vf_load_some(s->x + (ptrdiff_t)i * s->x_pitch + c, s->c - c);
        vf_store_some(s->sum + c, total, s->c - c);
    }
}

/* out[·][c] += residual[·][c] over a row of pixels, or out = x[map[·]] + residual. */
INLINE void resize_row(const struct cpu_resize *r, const bool gather, const bool add)
{
    for (size_t ox = 0; ox < r->ow; ox++) {
        float *out = r->out + (ptrdiff_t)ox * r->out_pitch;
        const float *x = gather ? r->x + r->map[ox] * r->x_pitch : out;
        const float *residual = add ? r->residual + (ptrdiff_t)ox * r->residual_pitch : NULL;
        size_t c = 0;
        for (; c + VL <= r->c; c += VL)
            vf_store(out + c, add ? vf_load(x + c) + vf_load(residual + c) : vf_load(x + c));
        if (c < r->c) {
            vf y = vf_load_part(x + c, r->c - c);
            if (add)
                y += vf_load_part(residual + c, r->c - c);
            vf_store_part(out + c, y, r->c - c);
        }
    }
}

static void resize(const struct cpu_resize *r)
{
    const bool after = r->residual_mode == NN_RESIDUAL_AFTER && r->act.func != NN_FUNC_NONE;
    if (r->residual_mode == NN_RESIDUAL_NONE || after)
        resize_row(r, true, false);
    else
        resize_row(r, true, true);
    act_block(r->out, r->out_pitch, r->ow, r->c, &r->act);
    if (after)
        resize_row(r, false, true);
}

#endif
