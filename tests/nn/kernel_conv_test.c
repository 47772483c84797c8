/* dwconv, maxpool, avgpool, resize, sum against loops in double. */
#include <math.h>
#include <stdio.h>

#include "kernel_check.h"

struct window_case {
    size_t h, w, c;
    int32_t kernel[2], stride[2], dilation[2], pad[4];
    size_t pad_pitch;
    enum nn_func func;
};

#define K3                                                                                         \
    {                                                                                              \
        3, 3                                                                                       \
    }
#define ONE                                                                                        \
    {                                                                                              \
        1, 1                                                                                       \
    }
#define PAD1                                                                                       \
    {                                                                                              \
        1, 1, 1, 1                                                                                 \
    }
static const struct window_case window_cases[] = {
    /* layers of both networks */
    {9, 23, 48, K3, ONE, ONE, PAD1, 0, NN_FUNC_NONE},
    {8, 23, 96, K3, {2, 2}, ONE, PAD1, 0, NN_FUNC_NONE},
    {9, 24, 96, K3, {2, 2}, ONE, PAD1, 0, NN_FUNC_NONE},
    {6, 40, 192, K3, {2, 1}, ONE, PAD1, 0, NN_FUNC_NONE},
    {3, 23, 384, K3, ONE, ONE, PAD1, 0, NN_FUNC_NONE},
    {9, 23, 96, {7, 7}, ONE, ONE, {3, 3, 3, 3}, 0, NN_FUNC_NONE},
    {1, 40, 120, {1, 7}, ONE, ONE, {0, 3, 0, 3}, 0, NN_FUNC_SWISH},
    {7, 9, 24, {2, 2}, ONE, ONE, {0, 0, 1, 1}, 24, NN_FUNC_NONE},
    {3, 40, 120, {3, 2}, {3, 2}, ONE, {0, 0, 0, 0}, 0, NN_FUNC_NONE},
    /* odd sizes, channels off the vector, kernels larger than the picture */
    {1, 1, 1, K3, ONE, ONE, PAD1, 0, NN_FUNC_RELU},
    {2, 3, 5, K3, ONE, ONE, PAD1, 3, NN_FUNC_GELU},
    {5, 17, 17, K3, {2, 2}, ONE, PAD1, 1, NN_FUNC_HARDSIGMOID},
    {3, 2, 13, {7, 7}, ONE, ONE, {3, 3, 3, 3}, 0, NN_FUNC_NONE},
    {4, 11, 3, {7, 7}, ONE, ONE, {3, 3, 3, 3}, 5, NN_FUNC_NONE},
    {11, 13, 9, {5, 3}, {3, 2}, {1, 2}, {2, 1, 1, 2}, 0, NN_FUNC_NONE},
    {9, 10, 31, K3, ONE, {2, 3}, {2, 3, 2, 3}, 0, NN_FUNC_NONE},
    {5, 5, 33, K3, ONE, ONE, {0, 0, 0, 0}, 0, NN_FUNC_SIGMOID},
};

static size_t out_size(size_t in, const struct window_case *t, int axis)
{
    const int32_t span = (t->kernel[axis] - 1) * t->dilation[axis] + 1;
    const int32_t padded = (int32_t)in + t->pad[axis] + t->pad[axis + 2];
    return (size_t)((padded - span) / t->stride[axis]) + 1;
}

static struct nn_attr window_attr(const struct window_case *t)
{
    return (struct nn_attr){
        .kernel = {t->kernel[0], t->kernel[1]},
        .stride = {t->stride[0], t->stride[1]},
        .dilation = {t->dilation[0], t->dilation[1]},
        .pad = {t->pad[0], t->pad[1], t->pad[2], t->pad[3]},
        .groups = 1,
        .act = {.func = t->func, .alpha = 0.2f, .beta = 0.5f},
    };
}

/* Input index of tap k of output o, or -1 outside. */
static ptrdiff_t tap_at(const struct window_case *t, int axis, size_t o, int32_t k, size_t size)
{
    const ptrdiff_t i =
        (ptrdiff_t)o * t->stride[axis] - t->pad[axis] + (ptrdiff_t)k * t->dilation[axis];
    return i >= 0 && i < (ptrdiff_t)size ? i : -1;
}

/* Everything that is the same for a window over pixels. */
struct window_data {
    struct nn_attr attr;
    size_t oh, ow, pitch;
    const float *x;
    float *out;
};

static void window_make(const struct window_case *t, bool outliers, struct window_data *d)
{
    d->attr = window_attr(t);
    d->oh = out_size(t->h, t, 0);
    d->ow = out_size(t->w, t, 1);
    d->pitch = t->c + t->pad_pitch;
    d->x = check_random((t->h * t->w - 1) * d->pitch + t->c, outliers);
    d->out = check_area((d->oh * d->ow - 1) * d->pitch + t->c);
}

static void window_check_gaps(const char *name, const struct window_case *t,
                              const struct window_data *d)
{
    for (size_t i = 0; i + 1 < d->oh * d->ow; i++)
        for (size_t c = t->c; c < d->pitch; c++)
            if (!check_is_untouched(d->out[i * d->pitch + c]))
                check_near(name, c, d->out[i * d->pitch + c], NAN, 0);
}

static struct cpu_dwconv dw_make(const struct cpu_kernels *kernels, const struct window_case *t,
                                 const struct window_data *d, bool outliers)
{
    const size_t vl = kernels->tile.vl, padded = (t->c + vl - 1) / vl * vl;
    return (struct cpu_dwconv){
        .x = d->x,
        .x_pitch = (ptrdiff_t)d->pitch,
        .h = t->h,
        .w = t->w,
        .c = t->c,
        .out = d->out,
        .out_pitch = (ptrdiff_t)d->pitch,
        .ow = d->ow,
        .y_first = 0,
        .y_end = d->oh,
        .weight = check_random((size_t)(t->kernel[0] * t->kernel[1]) * padded, outliers),
        .bias = check_random(padded, outliers),
        .c_padded = padded,
        .attr = d->attr,
    };
}

static double dw_want(const struct window_case *t, const struct cpu_dwconv *d, size_t pixel,
                      size_t c, double *limit)
{
    double sum = (double)d->bias[c], size = fabs(sum), gain, extra;
    for (int32_t ky = 0; ky < t->kernel[0]; ky++) {
        for (int32_t kx = 0; kx < t->kernel[1]; kx++) {
            const ptrdiff_t y = tap_at(t, 0, pixel / d->ow, ky, t->h);
            const ptrdiff_t x = tap_at(t, 1, pixel % d->ow, kx, t->w);
            if (y < 0 || x < 0)
                continue;
            const double product =
                (double)d->x[(y * (ptrdiff_t)t->w + x) * d->x_pitch + (ptrdiff_t)c] *
                (double)d->weight[(size_t)(ky * t->kernel[1] + kx) * d->c_padded + c];
            sum += product;
            size += fabs(product);
        }
    }
    const double y = check_act(&d->attr.act, sum, &gain, &extra);
    *limit = gain * size * 1e-6 + extra + 1e-38;
    return y;
}

static void dw_check(const struct cpu_kernels *kernels, const char *name,
                     const struct window_case *t, bool outliers)
{
    struct window_data d;
    window_make(t, outliers, &d);
    const struct cpu_dwconv whole = dw_make(kernels, t, &d, outliers);
    /* In two parts, as threads would do it. */
    struct cpu_dwconv part = whole;
    part.y_end = d.oh / 2;
    kernels->dwconv(&part);
    part.y_first = part.y_end;
    part.y_end = d.oh;
    part.out += part.y_first * d.ow * d.pitch;
    kernels->dwconv(&part);
    for (size_t i = 0; i < d.oh * d.ow; i++) {
        for (size_t c = 0; c < t->c; c++) {
            double limit;
            const double want = dw_want(t, &whole, i, c, &limit);
            check_near(name, i * t->c + c, d.out[i * d.pitch + c], want, limit);
        }
    }
    window_check_gaps(name, t, &d);
    check_free_areas(name);
}

void check_dwconv(const struct cpu_kernels *kernels, const char *name)
{
    for (size_t i = 0; i < sizeof(window_cases) / sizeof(window_cases[0]); i++) {
        check_seed(i);
        dw_check(kernels, name, &window_cases[i], false);
        dw_check(kernels, name, &window_cases[i], true);
    }
}

/* Largest or mean of a window. */
static double pool_want(const struct window_case *t, const struct cpu_pool2d *p, size_t pixel,
                        size_t c, bool average, double *limit)
{
    double best = -INFINITY, sum = 0, size = 0, taps = 0;
    for (int32_t ky = 0; ky < t->kernel[0]; ky++) {
        for (int32_t kx = 0; kx < t->kernel[1]; kx++) {
            const ptrdiff_t y = tap_at(t, 0, pixel / p->ow, ky, t->h);
            const ptrdiff_t x = tap_at(t, 1, pixel % p->ow, kx, t->w);
            if (y < 0 || x < 0)
                continue;
            const double v = (double)p->x[(y * (ptrdiff_t)t->w + x) * p->x_pitch + (ptrdiff_t)c];
            best = fmax(best, v);
            sum += v;
            size += fabs(v);
            taps++;
        }
    }
    if (p->attr.count_include_pad)
        taps = (double)(t->kernel[0] * t->kernel[1]);
    *limit = average ? size * 1e-6 / taps + 1e-38 : 0;
    return average ? sum / taps : best;
}

static void pool_check(const struct cpu_kernels *kernels, const char *name,
                       const struct window_case *t, bool average)
{
    for (int include = 0; include < (average ? 2 : 1); include++) {
        struct window_data d;
        window_make(t, true, &d);
        d.attr.count_include_pad = include;
        const struct cpu_pool2d p = {
            .x = d.x,
            .x_pitch = (ptrdiff_t)d.pitch,
            .h = t->h,
            .w = t->w,
            .c = t->c,
            .out = d.out,
            .out_pitch = (ptrdiff_t)d.pitch,
            .ow = d.ow,
            .y_end = d.oh,
            .attr = d.attr,
        };
        if (average)
            kernels->avgpool(&p);
        else
            kernels->maxpool(&p);
        for (size_t i = 0; i < d.oh * d.ow; i++) {
            for (size_t c = 0; c < t->c; c++) {
                double limit;
                const double want = pool_want(t, &p, i, c, average, &limit);
                check_near(name, i * t->c + c, d.out[i * d.pitch + c], want, limit);
            }
        }
        window_check_gaps(name, t, &d);
        check_free_areas(name);
    }
}

void check_maxpool(const struct cpu_kernels *kernels, const char *name)
{
    for (size_t i = 0; i < sizeof(window_cases) / sizeof(window_cases[0]); i++)
        pool_check(kernels, name, &window_cases[i], false);
}

void check_avgpool(const struct cpu_kernels *kernels, const char *name)
{
    for (size_t i = 0; i < sizeof(window_cases) / sizeof(window_cases[0]); i++)
        pool_check(kernels, name, &window_cases[i], true);
}

static void resize_check(const struct cpu_kernels *kernels, const char *name, size_t c, size_t pad,
                         enum nn_residual mode, enum nn_func func)
{
    enum { IN = 5, OUT = 13 };
    int32_t map[OUT];
    for (int32_t i = 0; i < OUT; i++)
        map[i] = i * IN / OUT;
    const size_t pitch = c + pad;
    const float *x = check_random((IN - 1) * pitch + c, true);
    const float *residual = check_random((OUT - 1) * pitch + c, true);
    const struct cpu_resize r = {
        .x = x,
        .x_pitch = (ptrdiff_t)pitch,
        .map = map,
        .ow = OUT,
        .c = c,
        .out = check_area((OUT - 1) * pitch + c),
        .out_pitch = (ptrdiff_t)pitch,
        .residual = mode == NN_RESIDUAL_NONE ? NULL : residual,
        .residual_pitch = (ptrdiff_t)pitch,
        .residual_mode = mode,
        .act = {.func = func},
    };
    kernels->resize(&r);
    for (size_t i = 0; i < OUT; i++) {
        for (size_t j = 0; j < c; j++) {
            const double v = (double)x[(size_t)map[i] * pitch + j];
            const double add = (double)residual[i * pitch + j];
            double gain, extra;
            double y = check_act(&r.act, mode == NN_RESIDUAL_BEFORE ? v + add : v, &gain, &extra);
            if (mode == NN_RESIDUAL_AFTER)
                y += add;
            const double limit =
                mode == NN_RESIDUAL_NONE ? extra : (fabs(v) + fabs(add)) * 1.5e-7 + extra;
            check_near(name, i * c + j, r.out[i * pitch + j], y, limit);
        }
        for (size_t j = c; i + 1 < OUT && j < pitch; j++)
            if (!check_is_untouched(r.out[i * pitch + j]))
                check_near(name, j, r.out[i * pitch + j], NAN, 0);
    }
    check_free_areas(name);
}

void check_resize(const struct cpu_kernels *kernels, const char *name)
{
    static const size_t channels[] = {1, 3, 8, 17, 24, 96};
    for (size_t i = 0; i < sizeof(channels) / sizeof(channels[0]); i++) {
        for (int mode = NN_RESIDUAL_NONE; mode <= NN_RESIDUAL_AFTER; mode++) {
            resize_check(kernels, name, channels[i], i, (enum nn_residual)mode, NN_FUNC_NONE);
            resize_check(kernels, name, channels[i], i, (enum nn_residual)mode, NN_FUNC_RELU);
        }
    }
}

void check_sum(const struct cpu_kernels *kernels, const char *name)
{
    static const size_t sizes[][3] = {{1, 1, 0},    {2, 3, 1},    {5, 17, 0},   {512, 96, 0},
                                      {512, 24, 8}, {100, 48, 0}, {17, 100, 3}, {3, 384, 0}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const size_t pixels = sizes[i][0], c = sizes[i][1], pitch = c + sizes[i][2];
        check_seed(i);
        const float *x = check_random((pixels - 1) * pitch + c, true);
        float *sum = check_area(c);
        const struct cpu_sum s = {
            .x = x, .x_pitch = (ptrdiff_t)pitch, .pixels = pixels, .c = c, .sum = sum};
        kernels->sum(&s);
        for (size_t j = 0; j < c; j++) {
            double want = 0, size = 0;
            for (size_t k = 0; k < pixels; k++) {
                want += (double)x[k * pitch + j];
                size += fabs((double)x[k * pitch + j]);
            }
            check_near(name, j, sum[j], want, size * 6e-8 * (double)pixels);
        }
        check_free_areas(name);
    }
}

static void run_dwconv(const struct cpu_kernels *kernels, const void *args)
{
    kernels->dwconv(args);
}

void bench_dwconv(const struct cpu_kernels *kernels, const char *name)
{
    static const struct window_case cases[] = {
        {16, 184, 48, K3, ONE, ONE, PAD1, 0, NN_FUNC_NONE},
        {16, 92, 96, K3, ONE, ONE, PAD1, 0, NN_FUNC_NONE},
        {16, 92, 96, K3, {2, 2}, ONE, PAD1, 0, NN_FUNC_NONE},
        {16, 46, 192, K3, ONE, ONE, PAD1, 0, NN_FUNC_NONE},
        {23, 23, 384, K3, ONE, ONE, PAD1, 0, NN_FUNC_NONE},
        {16, 184, 96, {7, 7}, ONE, ONE, {3, 3, 3, 3}, 0, NN_FUNC_NONE},
        {1, 40, 120, {1, 7}, ONE, ONE, {0, 3, 0, 3}, 0, NN_FUNC_SWISH},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct window_case *t = &cases[i];
        struct window_data d;
        char shape[64];
        window_make(t, false, &d);
        const struct cpu_dwconv args = dw_make(kernels, t, &d, false);
        snprintf(shape, sizeof(shape), "%zu x %zu x %zu, kernel %d x %d, stride %d", t->h, t->w,
                 t->c, t->kernel[0], t->kernel[1], t->stride[1]);
        const double outs = (double)(d.oh * d.ow * t->c);
        const struct check_bench bench = {
            .kernels = kernels,
            .name = name,
            .shape = shape,
            .flop = 2 * outs * t->kernel[0] * t->kernel[1],
            .bytes = 4 * (outs + (double)(t->h * t->w * t->c)),
            .run = run_dwconv,
            .args = &args,
        };
        check_bench_run(&bench);
        check_free_areas(name);
    }
}
