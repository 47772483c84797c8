/*
 * Element by element, row by row, and means. Sums are in float and in a fixed order.
 */
#ifndef SE_NN_CUDA_KERNEL_ROWS_CUH
#define SE_NN_CUDA_KERNEL_ROWS_CUH

#include "kernel_device.cuh"

/* ---- element by element --------------------------------------------------------------------- */

DEVICE float point_value(const struct cuda_point &p, float a, float b)
{
    switch (p.binary) {
    case CUDA_ADD:
        a += b;
        break;
    case CUDA_SUB:
        a -= b;
        break;
    case CUDA_MUL:
        a *= b;
        break;
    case CUDA_DIV:
        a /= b;
        break;
    case CUDA_POW:
        a = powf(a, b);
        break;
    default:
        break;
    }
    return activate(p.act, a);
}

/* 8 elements along the last dim a thread with `vector`, else one. */
KERNEL(point, cuda_point, 128)
{
    THREADS_LAST(t)
    {
        const int each = p.vector ? 8 : 1;
        int index = (BLOCK_X * 128 + t) * each;
        if (index >= p.count)
            continue;
        int a = 0, b = 0, out = 0;
        for (int i = p.rank - 1; i >= 0; i--) {
            const int at = index % p.dims[i];
            index /= p.dims[i];
            a += at * p.a_stride[i];
            b += at * p.b_stride[i];
            out += at * p.out_stride[i];
        }
        const int last = p.rank - 1;
        for (int i = 0; i < each; i++)
            p.out[out + i * p.out_stride[last]] =
                to_half_value(point_value(p, number(p.a[a + i * p.a_stride[last]]),
                                          p.b ? number(p.b[b + i * p.b_stride[last]]) : 0.0f));
    }
}

/* Any strides; a thread an element of the result. */
KERNEL(reduce_mean, cuda_reduce, 128)
{
    THREADS_LAST(t)
    {
        const int element = BLOCK_X * 128 + t;
        if (element >= p.count)
            continue;
        int from = 0, to = 0, index = element;
        for (int i = p.kept - 1; i >= 0; i--) {
            const int at = index % p.dims[i];
            index /= p.dims[i];
            from += at * p.x_stride[i];
            to += at * p.out_stride[i];
        }
        float sum = 0.0f;
        for (int r = 0; r < p.reduced; r++) {
            int offset = from, rest = r;
            for (int i = p.rank - 1; i >= p.kept; i--) {
                offset += rest % p.dims[i] * p.x_stride[i];
                rest /= p.dims[i];
            }
            sum += number(p.x[offset]);
        }
        p.out[to] = to_half_value(sum / (float)p.reduced);
    }
}

/* ---- means over pixels ---------------------------------------------------------------------- */

/* Block: CUDA_GAP_PIXELS pixels of an image. Threads are `lanes` channels × some pixels. */
KERNEL(gap_sum, cuda_gap, 128)
{
    SHARED(float, shared, 128);
    const int lanes = p.c < 128 ? p.c : 128, groups = 128 / lanes;
    const int first = BLOCK_X * CUDA_GAP_PIXELS;
    const int end = first + CUDA_GAP_PIXELS < p.pixels ? first + CUDA_GAP_PIXELS : p.pixels;
    const half *x = p.x + BLOCK_Y * p.x_image;
    float *partial = p.partial + (BLOCK_Y * p.parts + BLOCK_X) * p.c;
    for (int base = 0; base < p.c; base += lanes) {
        THREADS(t)
        {
            const int c = base + t % lanes, group = t / lanes;
            float sum = 0.0f;
            if (group < groups && c < p.c)
                for (int i = first + group; i < end; i += groups)
                    sum += number(x[i * p.x_row + c]);
            shared[t] = sum;
        }
        THREADS(t)
        {
            if (t < lanes && base + t < p.c) {
                float sum = 0.0f;
                for (int group = 0; group < groups; group++)
                    sum += shared[group * lanes + t];
                partial[base + t] = sum;
            }
        }
    }
}

/* A thread a channel of an image. */
KERNEL(gap_mean, cuda_gap, 128)
{
    THREADS_LAST(t)
    {
        const int c = BLOCK_X * 128 + t;
        if (c >= p.c)
            continue;
        float sum = 0.0f;
        for (int i = 0; i < p.parts; i++)
            sum += p.partial[(BLOCK_Y * p.parts + i) * p.c + c];
        p.out[BLOCK_Y * p.out_row + c] = to_half_value(sum / (float)p.pixels);
    }
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* Sums s[32] of a warp into s[0], always in the same order. */
DEVICE void warp_sum(float *s)
{
    for (int half_way = 16; half_way > 0; half_way /= 2) {
        LANES(l)
        {
            if (l < half_way)
                s[l] += s[l + half_way];
        }
    }
}

DEVICE void warp_max(float *s)
{
    for (int half_way = 16; half_way > 0; half_way /= 2) {
        LANES(l)
        {
            if (l < half_way && !(s[l] >= s[l + half_way]))
                s[l] = s[l + half_way];
        }
    }
}

/* A warp a row; mean first, then variance round it, as the definition has it. */
KERNEL(layernorm, cuda_rows, 128)
{
    SHARED(float, shared, 128);
    WARPS_LAST(w)
    {
        const int row = BLOCK_X * 4 + w;
        if (row >= p.rows)
            continue;
        const half *x = p.x + row * p.x_row;
        half *out = p.out + row * p.out_row;
        float *s = shared + 32 * w;
        LANES(l)
        {
            s[l] = 0.0f;
            for (int i = l; i < p.c; i += 32)
                s[l] += number(x[i]);
        }
        warp_sum(s);
        PER_THREAD(float, mean, 32, 1);
        LANES(l)
        {
            mean[THREAD_SLOT(l)][0] = s[0] / (float)p.c;
        }
        LANES(l)
        {
            float sum = 0.0f;
            for (int i = l; i < p.c; i += 32) {
                const float d = number(x[i]) - mean[THREAD_SLOT(l)][0];
                sum += d * d;
            }
            s[l] = sum;
        }
        warp_sum(s);
        LANES(l)
        {
            const float factor = 1.0f / sqrtf(s[0] / (float)p.c + p.epsilon);
            for (int i = l; i < p.c; i += 32) {
                float y = (number(x[i]) - mean[THREAD_SLOT(l)][0]) * factor;
                y *= p.gamma ? p.gamma[i] : 1.0f;
                y += p.beta ? p.beta[i] : 0.0f;
                out[i] = to_half_value(y);
            }
        }
    }
}

/* A warp a row. */
KERNEL(softmax, cuda_rows, 128)
{
    SHARED(float, shared, 128);
    WARPS_LAST(w)
    {
        const int row = BLOCK_X * 4 + w;
        if (row >= p.rows)
            continue;
        const half *x = p.x + row * p.x_row;
        half *out = p.out + row * p.out_row;
        float *s = shared + 32 * w;
        LANES(l)
        {
            float top = -INFINITY;
            for (int i = l; i < p.c; i += 32)
                top = number(x[i]) > top ? number(x[i]) : top;
            s[l] = top;
        }
        warp_max(s);
        PER_THREAD(float, top, 32, 1);
        LANES(l)
        {
            top[THREAD_SLOT(l)][0] = s[0];
        }
        LANES(l)
        {
            float sum = 0.0f;
            for (int i = l; i < p.c; i += 32)
                sum += expf(number(x[i]) - top[THREAD_SLOT(l)][0]);
            s[l] = sum;
        }
        warp_sum(s);
        LANES(l)
        {
            for (int i = l; i < p.c; i += 32)
                out[i] = to_half_value(expf(number(x[i]) - top[THREAD_SLOT(l)][0]) / s[0]);
        }
    }
}

/* ---- borders of the network ----------------------------------------------------------------- */

KERNEL(to_half, cuda_convert, 256)
{
    THREADS_LAST(t)
    {
        const int i = BLOCK_X * 256 + t;
        if (i < p.count)
            static_cast<half *>(p.to)[i] = to_half_value(static_cast<const float *>(p.from)[i]);
    }
}

KERNEL(to_float, cuda_convert, 256)
{
    THREADS_LAST(t)
    {
        const int i = BLOCK_X * 256 + t;
        if (i < p.count)
            static_cast<float *>(p.to)[i] = number(static_cast<const half *>(p.from)[i]);
    }
}

#endif
