/*
 * The network's input out of a picture of bytes: resizing (src/image/resize.c) and perspective
 * crops (src/image/warp.c), normalised and turned to BGR, bit by bit what the CPU makes of them.
 * Hence the rounding of every single operation is spelt out (mul_rn, add_rn, div_rn: never fused),
 * and the formulas are those of the CPU's files, where they are explained.
 *
 * A thread makes one pixel; block row y is image y of the batch.
 */
#ifndef SE_NN_CUDA_KERNEL_SAMPLE_CUH
#define SE_NN_CUDA_KERNEL_SAMPLE_CUH

#include "kernel_device.cuh"

/* A row of the picture, one of those that are there. */
DEVICE const unsigned char *sample_row(const struct cuda_sample &s, int y)
{
    y = y < s.first_row ? s.first_row : y > s.last_row ? s.last_row : y;
    return s.pixels + static_cast<long long>(y - s.first_row) * s.stride;
}

DEVICE half *sample_output(const struct cuda_samples &p, int pixel)
{
    return p.out + static_cast<long long>(BLOCK_Y) * p.out_image + pixel * p.out_row;
}

/* ---- resizing ------------------------------------------------------------------------------- */

/* Source pixels of a result pixel along one axis: `count` from `start` on. */
struct sample_axis {
    long long begin, part; /* area: in 1 / dst pixels; bilinear: the second weight in 1 / (2 dst) */
    int src, dst, start, count;
    bool area;
};

DEVICE struct sample_axis sample_axis_at(int src, int dst, int i)
{
    struct sample_axis axis = {0, 0, src, dst, 0, 1, src > 2LL * dst};
    if (axis.area) {
        axis.begin = static_cast<long long>(i) * src;
        axis.start = static_cast<int>(axis.begin / dst);
        axis.count = static_cast<int>((axis.begin + src - 1) / dst) - axis.start + 1;
        return axis;
    }
    const long long unit = 2LL * dst;
    long long position = (2LL * i + 1) * src - dst;
    position = position < 0 ? 0 : position;
    axis.start = static_cast<int>(position / unit);
    axis.part = position % unit;
    if (axis.start >= src - 1) {
        axis.start = src > 1 ? src - 2 : 0;
        axis.part = src > 1 ? unit : 0;
    }
    axis.count = src > 1 ? 2 : 1;
    return axis;
}

DEVICE float sample_weight(const struct sample_axis &axis, int tap)
{
    if (!axis.area) {
        const double part = div_rn(static_cast<double>(axis.part), 2.0 * axis.dst);
        return static_cast<float>(tap == 0 ? add_rn(1.0, -part) : part);
    }
    const long long pixel = axis.start + tap, end = axis.begin + axis.src;
    const long long from = pixel * axis.dst > axis.begin ? pixel * axis.dst : axis.begin;
    const long long to = (pixel + 1) * axis.dst < end ? (pixel + 1) * axis.dst : end;
    return static_cast<float>(
        div_rn(static_cast<double>(to - from), static_cast<double>(axis.src)));
}

/* The weights of at most CUDA_SAMPLE_FIXED rows in 1 / 65536; -1 - tap when one row has all. */
DEVICE int sample_fixed_weights(const struct sample_axis &axis, int *fixed)
{
    double sum = 0.0;
    unsigned before = 0;
    for (int tap = 0; tap < axis.count; tap++) {
        sum = add_rn(sum, static_cast<double>(sample_weight(axis, tap)));
        const unsigned now = tap + 1 == axis.count
                                 ? 65536
                                 : static_cast<unsigned>(add_rn(mul_rn(sum, 65536.0), 0.5));
        if (now - before == 65536)
            return -1 - tap;
        fixed[tap] = static_cast<int>(now - before);
        before = now;
    }
    return axis.count;
}

/* The weighted sum of one column's rows, × 256. `taps`: of sample_fixed_weights, 0: in floats. */
DEVICE float sample_column(const struct cuda_sample &s, const struct sample_axis &y, int taps,
                           const int *fixed, int offset)
{
    if (taps < 0)
        return static_cast<float>(sample_row(s, y.start - taps - 1)[offset] << 8);
    if (taps == 0) {
        float sum = 0.0f;
        for (int tap = 0; tap < y.count; tap++)
            sum = add_rn(sum, mul_rn(mul_rn(sample_weight(y, tap), 256.0f),
                                     static_cast<float>(sample_row(s, y.start + tap)[offset])));
        return sum;
    }
    unsigned sum = static_cast<unsigned>(taps) / 2;
    for (int tap = 0; tap < taps; tap++)
        sum += (static_cast<unsigned>(sample_row(s, y.start + tap)[offset]) << 8) *
                   static_cast<unsigned>(fixed[tap]) >>
               16;
    return static_cast<float>(sum & 65535);
}

KERNEL(sample_resize, cuda_samples, 128)
{
    THREADS_LAST(t)
    {
        const int pixel = BLOCK_X * 128 + t;
        if (pixel >= p.h * p.width)
            continue;
        const struct cuda_sample &s = p.samples[BLOCK_Y];
        const struct sample_axis y =
            sample_axis_at(s.height, s.to_height, s.first + pixel / p.width);
        const struct sample_axis x = sample_axis_at(s.width, s.to_width, pixel % p.width);
        int fixed[CUDA_SAMPLE_FIXED];
        const int taps = y.count > CUDA_SAMPLE_FIXED ? 0 : sample_fixed_weights(y, fixed);
        half *out = sample_output(p, pixel);
        float sum[3] = {-1.0f, -1.0f, -1.0f};
        for (int tap = 0; tap < x.count; tap++) {
            const float weight = mul_rn(sample_weight(x, tap), s.scale);
            const int offset = (x.start + tap) * s.channels;
            for (int c = 0; c < s.channels; c++)
                sum[c] =
                    add_rn(sum[c], mul_rn(sample_column(s, y, taps, fixed, offset + c), weight));
        }
        for (int c = 0; c < 3; c++)
            out[c] = to_half_value(
                add_rn(mul_rn(sum[s.channels == 3 ? 2 - c : 0], s.factor[c]), s.offset[c]));
    }
}

/* ---- perspective crops ---------------------------------------------------------------------- */

/* Where the samples of one row lie, in 1/256 pixels. */
struct sample_line {
    double x, dx, y, dy, w, dw;
};

DEVICE struct sample_line sample_line_at(const struct cuda_sample &s, int row, int j)
{
    const double *m = s.m, step = div_rn(1.0, mul_rn(static_cast<double>(s.to_width),
                                                     static_cast<double>(s.across)));
    const double t =
        div_rn(add_rn(static_cast<double>(row), div_rn(j + 0.5, static_cast<double>(s.down))),
               static_cast<double>(s.to_height));
    const double first = 0.5 * step, dw = s.g, w = add_rn(mul_rn(s.hh, t), 1.0);
    const double dx = add_rn(add_rn(m[0], mul_rn(m[3], t)), -0.5 * dw);
    const double x = add_rn(add_rn(mul_rn(m[1], t), m[2]), -0.5 * w);
    const double dy = add_rn(add_rn(m[4], mul_rn(m[7], t)), -0.5 * dw);
    const double y = add_rn(add_rn(mul_rn(m[5], t), m[6]), -0.5 * w);
    struct sample_line line = {256.0 * add_rn(x, mul_rn(first, dx)), mul_rn(256.0 * step, dx),
                               256.0 * add_rn(y, mul_rn(first, dy)), mul_rn(256.0 * step, dy),
                               add_rn(w, mul_rn(first, dw)),         mul_rn(step, dw)};
    if (s.g == 0.0) {
        line.x = div_rn(line.x, line.w);
        line.dx = div_rn(line.dx, line.w);
        line.y = div_rn(line.y, line.w);
        line.dy = div_rn(line.dy, line.w);
    }
    return line;
}

DEVICE unsigned sample_clamp(float v, float max)
{
    v = v > 0.0f ? v : 0.0f;
    v = v < max ? v : max;
    return static_cast<unsigned>(static_cast<int>(add_rn(v, 0.5f)));
}

/* Adds 256 × the bilinear value at (x, y) to sum[3]. */
DEVICE void sample_add(const struct cuda_sample &s, unsigned x, unsigned y, unsigned *sum)
{
    const unsigned fx = x % 256, fy = y % 256;
    const int row = static_cast<int>(y / 256), column = static_cast<int>(x / 256) * s.channels;
    const unsigned char *top = sample_row(s, row) + column;
    const unsigned char *bottom = sample_row(s, fy ? row + 1 : row) + column;
    const int right = fx ? s.channels : 0;
    const unsigned w11 = fx * fy, w10 = fy * 256 - w11;
    const unsigned w01 = fx * 256 - w11, w00 = 65536 - w01 - w10 - w11;
    for (int c = 0; c < s.channels; c++)
        sum[c] +=
            (top[c] * w00 + top[right + c] * w01 + bottom[c] * w10 + bottom[right + c] * w11) / 256;
}

/* Adds the samples of row `line` that make pixel `column` of the crop. The CPU finds the places of
 * CUDA_SAMPLE_BLOCK samples at a time from the first of them, and so do we. */
DEVICE void sample_add_line(const struct cuda_sample &s, const struct sample_line &line, int column,
                            unsigned *sum)
{
    const int pixels = CUDA_SAMPLE_BLOCK / s.across, base = column / pixels * pixels;
    const double from = static_cast<double>(base * s.across);
    const float max_x = static_cast<float>((s.width - 1) * 256);
    const float max_y = static_cast<float>((s.height - 1) * 256);
    const float x = static_cast<float>(add_rn(line.x, mul_rn(from, line.dx)));
    const float y = static_cast<float>(add_rn(line.y, mul_rn(from, line.dy)));
    const float w = static_cast<float>(add_rn(line.w, mul_rn(from, line.dw)));
    const float dx = static_cast<float>(line.dx), dy = static_cast<float>(line.dy);
    const float dw = static_cast<float>(line.dw);
    for (int k = 0; k < s.across; k++) {
        const float at = static_cast<float>((column - base) * s.across + k);
        const float scale = s.g != 0.0 ? div_rn(1.0f, add_rn(w, mul_rn(at, dw))) : 1.0f;
        sample_add(s, sample_clamp(mul_rn(add_rn(x, mul_rn(at, dx)), scale), max_x),
                   sample_clamp(mul_rn(add_rn(y, mul_rn(at, dy)), scale), max_y), sum);
    }
}

/* Columns [first, first + filled) of the crop; what is right of them is mid-grey. */
KERNEL(sample_warp, cuda_samples, 128)
{
    THREADS_LAST(t)
    {
        const int pixel = BLOCK_X * 128 + t;
        if (pixel >= p.h * p.width)
            continue;
        const struct cuda_sample &s = p.samples[BLOCK_Y];
        const int row = pixel / p.width, column = pixel % p.width;
        half *out = sample_output(p, pixel);
        unsigned sum[3] = {0, 0, 0};
        if (column < s.filled)
            for (int j = 0; j < s.down; j++)
                sample_add_line(s, sample_line_at(s, row, j), s.first + column, sum);
        const float unit = div_rn(1.0f, static_cast<float>(s.across * s.down * 256));
        for (int c = 0; c < 3; c++) {
            const unsigned all = sum[s.channels == 3 ? 2 - c : 0];
            const int level = static_cast<int>(
                add_rn(mul_rn(static_cast<float>(static_cast<int>(all)), unit), 0.5f));
            const float value = add_rn(div_rn(static_cast<float>(level), 127.5f), -1.0f);
            out[c] = to_half_value(column < s.filled ? value : 0.0f);
        }
    }
}

#endif
