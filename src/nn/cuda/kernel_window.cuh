/*
 * Windows over pixels [n, h, w, c] of any pitch: depthwise convolution, pooling, resizing, and the
 * plain form of convolutions that the matrix product does not take. Sums are in float.
 *
 * A thread makes some channels of some output pixels; channels vary fastest from thread to thread,
 * so that neighbours read neighbouring memory.
 */
#ifndef SE_NN_CUDA_KERNEL_WINDOW_CUH
#define SE_NN_CUDA_KERNEL_WINDOW_CUH

#include "kernel_device.cuh"

/* Which pixel, and from which channel on, thread t of the grid has; false past the end. */
struct window_place {
    int n, y, x, c;
};

/* `across` output pixels of a row and `channels` channels a thread. */
DEVICE bool window_locate(const struct cuda_window &p, int t, int across, int channels,
                          struct window_place &at)
{
    const int groups = (p.out_c + channels - 1) / channels;
    const int columns = (p.out_width + across - 1) / across;
    int index = BLOCK_X * 128 + t;
    at.c = index % groups * channels;
    index /= groups;
    at.x = index % columns * across;
    index /= columns;
    at.y = index % p.out_h;
    at.n = index / p.out_h;
    return at.n < p.n;
}

DEVICE const half *window_input(const struct cuda_window &p, int n, int y, int x)
{
    return p.x + ((n * p.h + y) * p.width + x) * p.x_row;
}

DEVICE half *window_output(const struct cuda_window &p, const struct window_place &at)
{
    return p.out + ((at.n * p.out_h + at.y) * p.out_width + at.x) * p.out_row + at.c;
}

/* Calls visit(tap, input pixel) for the taps of a window that lie inside the picture, row by row.
 */
template <typename VISIT>
DEVICE void window_taps(const struct cuda_window &p, const struct window_place &at, VISIT visit)
{
    for (int ky = 0; ky < p.kh; ky++) {
        const int y = at.y * p.stride_y - p.pad_y + ky * p.dilation_y;
        for (int kx = 0; kx < p.kw; kx++) {
            const int x = at.x * p.stride_x - p.pad_x + kx * p.dilation_x;
            if (y >= 0 && y < p.h && x >= 0 && x < p.width)
                visit(ky * p.kw + kx, window_input(p, at.n, y, x));
        }
    }
}

/* ---- depthwise convolution ------------------------------------------------------------------ */

/* K × K, dilation 1, 8 channels and ACROSS pixels a thread: the row of the input is read once. */
template <int K, int STRIDE, int ACROSS> DEVICE void dwconv_block(const struct cuda_window &p)
{
    enum { SPAN = (ACROSS - 1) * STRIDE + K };
    THREADS_LAST(t)
    {
        struct window_place at;
        if (!window_locate(p, t, ACROSS, 8, at))
            continue;
        float sum[ACROSS][8];
        UNROLL
        for (int i = 0; i < ACROSS; i++)
            UNROLL
        for (int c = 0; c < 8; c++)
            sum[i][c] = p.bias[at.c + c];
        const int left = at.x * STRIDE - p.pad_x;
        for (int ky = 0; ky < K; ky++) {
            const int y = at.y * STRIDE - p.pad_y + ky;
            if (y < 0 || y >= p.h)
                continue;
            half8 row[SPAN];
            UNROLL
            for (int i = 0; i < SPAN; i++)
                row[i] = left + i >= 0 && left + i < p.width
                             ? load8(window_input(p, at.n, y, left + i) + at.c)
                             : zero8();
            UNROLL
            for (int kx = 0; kx < K; kx++) {
                const half8 w = load8(p.w + (ky * K + kx) * p.c_padded + at.c);
                UNROLL
                for (int i = 0; i < ACROSS; i++)
                    UNROLL
                for (int c = 0; c < 8; c++)
                    sum[i][c] += number(row[i * STRIDE + kx].at[c]) * number(w.at[c]);
            }
        }
        UNROLL
        for (int i = 0; i < ACROSS; i++) {
            if (at.x + i >= p.out_width)
                continue;
            half8 out;
            UNROLL
            for (int c = 0; c < 8; c++)
                out.at[c] = to_half_value(activate(p.act, sum[i][c]));
            store8(window_output(p, at) + i * p.out_row, out);
        }
    }
}

KERNEL(dwconv_3x3_s1, cuda_window, 128)
{
    dwconv_block<3, 1, 4>(p);
}

KERNEL(dwconv_3x3_s2, cuda_window, 128)
{
    dwconv_block<3, 2, 2>(p);
}

KERNEL(dwconv_7x7_s1, cuda_window, 128)
{
    dwconv_block<7, 1, 4>(p);
}

/* Any window, one channel a thread. */
KERNEL(dwconv, cuda_window, 128)
{
    THREADS_LAST(t)
    {
        struct window_place at;
        if (!window_locate(p, t, 1, 1, at))
            continue;
        float sum = p.bias[at.c];
        window_taps(p, at, [&](int tap, const half *x) {
            sum += number(x[at.c]) * number(p.w[tap * p.c_padded + at.c]);
        });
        *window_output(p, at) = to_half_value(activate(p.act, sum));
    }
}

/* ---- convolutions in their plain form ------------------------------------------------------- */

/* Σ over the input channels of a group: one tap of output channel at.c. */
DEVICE float conv_tap(const struct cuda_window &p, const half *x, int tap, int c)
{
    const int inputs = p.c / p.groups, outputs = p.out_c / p.groups, group = c / outputs;
    const half *w = p.w + (group * p.kh * p.kw + tap) * inputs * outputs + c % outputs;
    float sum = 0.0f;
    for (int i = 0; i < inputs; i++)
        sum += number(x[group * inputs + i]) * number(w[i * outputs]);
    return sum;
}

KERNEL(conv, cuda_window, 128)
{
    THREADS_LAST(t)
    {
        struct window_place at;
        if (!window_locate(p, t, 1, 1, at))
            continue;
        float sum = p.bias[at.c];
        window_taps(p, at, [&](int tap, const half *x) { sum += conv_tap(p, x, tap, at.c); });
        *window_output(p, at) = to_half_value(activate(p.act, sum));
    }
}

/* Each output pixel gathers the taps of those input pixels that land on it. */
KERNEL(deconv, cuda_window, 128)
{
    THREADS_LAST(t)
    {
        struct window_place at;
        if (!window_locate(p, t, 1, 1, at))
            continue;
        float sum = p.bias[at.c];
        for (int ky = 0; ky < p.kh; ky++) {
            const int ty = at.y + p.pad_y - ky * p.dilation_y, y = ty / p.stride_y;
            for (int kx = 0; kx < p.kw; kx++) {
                const int tx = at.x + p.pad_x - kx * p.dilation_x, x = tx / p.stride_x;
                if (ty >= 0 && tx >= 0 && ty % p.stride_y == 0 && tx % p.stride_x == 0 && y < p.h &&
                    x < p.width)
                    sum += conv_tap(p, window_input(p, at.n, y, x), ky * p.kw + kx, at.c);
            }
        }
        *window_output(p, at) = to_half_value(activate(p.act, sum));
    }
}

/* ---- pooling -------------------------------------------------------------------------------- */

KERNEL(maxpool, cuda_window, 128)
{
    THREADS_LAST(t)
    {
        struct window_place at;
        if (!window_locate(p, t, 1, 1, at))
            continue;
        float most = -INFINITY;
        window_taps(p, at, [&](int, const half *x) {
            const float v = number(x[at.c]);
            most = v > most || v != v ? v : most;
        });
        *window_output(p, at) = to_half_value(activate(p.act, most));
    }
}

/* Divides by the taps inside the picture; with count_include_pad by all taps. */
KERNEL(avgpool, cuda_window, 128)
{
    THREADS_LAST(t)
    {
        struct window_place at;
        if (!window_locate(p, t, 1, 1, at))
            continue;
        float sum = 0.0f;
        int count = 0;
        window_taps(p, at, [&](int, const half *x) {
            sum += number(x[at.c]);
            count++;
        });
        if (p.count_include_pad)
            count = p.kh * p.kw;
        *window_output(p, at) = to_half_value(activate(p.act, sum / (float)count));
    }
}

/* ---- resizing ------------------------------------------------------------------------------- */

KERNEL(resize, cuda_resize, 128)
{
    const int channels = p.vector ? 8 : 1, groups = p.c / channels;
    THREADS_LAST(t)
    {
        int index = BLOCK_X * 128 + t;
        const int c = index % groups * channels;
        index /= groups;
        const int x = index % p.out_width;
        index /= p.out_width;
        const int y = index % p.out_h, n = index / p.out_h;
        if (n >= p.n)
            continue;
        const int from_y = p.map_y ? p.map_y[y] : y / p.factor_y;
        const int from_x = p.map_x ? p.map_x[x] : x / p.factor_x;
        const half *from = p.x + ((n * p.h + from_y) * p.width + from_x) * p.x_row + c;
        const int pixel = (n * p.out_h + y) * p.out_width + x;
        const half *residual = p.residual ? p.residual + pixel * p.residual_row + c : nullptr;
        half *to = p.out + pixel * p.out_row + c;
        for (int i = 0; i < channels; i++)
            to[i] = to_half_value(finish(p.act, p.residual_mode, number(from[i]),
                                         residual ? number(residual[i]) : 0.0f));
    }
}

#endif
