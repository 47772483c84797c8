/*
 * wino_in and wino_out. Each is linear, so it is held to its matrix in double; that the two
 * together are a convolution is for the whole step to show (conv_winograd* in test_ref_cases).
 */
#include <math.h>
#include <stdio.h>

#include "kernel_check.h"

enum { SIDE = CPU_WINO_SIDE, OUT = CPU_WINO_OUT, TAPS = SIDE * SIDE };

static const double in_matrix[SIDE][SIDE] = {
    {4, 0, -5, 0, 1, 0},  {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0},
    {0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1},
};
static const double out_matrix[OUT][SIDE] = {
    {1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}};

static const size_t counts[] = {1, 3, 8, 15, 16, 17, 24, 33, 96};
enum { COUNTS = sizeof(counts) / sizeof(counts[0]) };

/* Σ left[i][·] x[·][·] right[j][·], and the sum of sizes. */
static double both_sides(const double *left, const double *right, const float *const *x, size_t c,
                         double *size)
{
    double sum = 0;
    *size = 0;
    for (int p = 0; p < TAPS; p++) {
        const double term = left[p / SIDE] * (double)x[p][c] * right[p % SIDE];
        sum += term;
        *size += fabs(term);
    }
    return sum;
}

static void in_check(const struct cpu_kernels *kernels, const char *name, size_t c, bool outliers)
{
    const float *x[TAPS];
    const size_t step = c + 5;
    float *data = check_random(TAPS * c, outliers), *out = check_area((TAPS - 1) * step + c);
    for (size_t p = 0; p < TAPS; p++)
        x[p] = data + (p * 7 % TAPS) * c;
    const struct cpu_wino_in args = {.x = x, .c = c, .out = out, .step = (ptrdiff_t)step};
    kernels->wino_in(&args);
    for (size_t p = 0; p < TAPS; p++) {
        for (size_t i = 0; i < c; i++) {
            double size;
            const double want = both_sides(in_matrix[p / SIDE], in_matrix[p % SIDE], x, i, &size);
            check_near(name, p * c + i, out[p * step + i], want, 1e-6 * size + 1e-38);
        }
        for (size_t i = c; p + 1 < TAPS && i < step; i++)
            if (!check_is_untouched(out[p * step + i]))
                check_near(name, i, out[p * step + i], NAN, 0);
    }
    check_free_areas(name);
}

void check_wino_in(const struct cpu_kernels *kernels, const char *name)
{
    for (size_t i = 0; i < COUNTS; i++) {
        check_seed(i);
        in_check(kernels, name, counts[i], false);
        in_check(kernels, name, counts[i], true);
    }
}

static void out_check(const struct cpu_kernels *kernels, const char *name, size_t c, size_t rows,
                      size_t columns, enum nn_func func)
{
    const size_t step = c + 3, pitch = c + 2, row_step = OUT * pitch + 1;
    const float *m[TAPS];
    float *data = check_random((TAPS - 1) * step + c, false);
    float *out = check_area((rows - 1) * row_step + (columns - 1) * pitch + c);
    const struct cpu_wino_out args = {
        .m = data,
        .step = (ptrdiff_t)step,
        .c = c,
        .bias = check_random(c, false),
        .out = out,
        .row_step = (ptrdiff_t)row_step,
        .pitch = (ptrdiff_t)pitch,
        .rows = rows,
        .columns = columns,
        .act = {.func = func, .alpha = 0.2f, .beta = 0.5f},
    };
    for (size_t p = 0; p < TAPS; p++)
        m[p] = data + p * step;
    kernels->wino_out(&args);
    for (size_t p = 0; p < rows * columns; p++) {
        const float *pixel = out + p / columns * row_step + p % columns * pitch;
        for (size_t i = 0; i < c; i++) {
            double size, gain, extra;
            double want = both_sides(out_matrix[p / columns], out_matrix[p % columns], m, i, &size);
            want = check_act(&args.act, want + (double)args.bias[i], &gain, &extra);
            check_near(name, p * c + i, pixel[i], want, 1e-6 * gain * (size + 1) + extra);
        }
        for (size_t i = c; p % columns + 1 < columns && i < pitch; i++)
            if (!check_is_untouched(pixel[i]))
                check_near(name, i, pixel[i], NAN, 0);
    }
    check_free_areas(name);
}

void check_wino_out(const struct cpu_kernels *kernels, const char *name)
{
    for (size_t i = 0; i < COUNTS; i++) {
        check_seed(i);
        for (size_t rows = 1; rows <= OUT; rows++)
            out_check(kernels, name, counts[i], rows, rows % OUT + 1,
                      rows == 2   ? NN_FUNC_GELU
                      : rows == 3 ? NN_FUNC_RELU
                                  : NN_FUNC_NONE);
        out_check(kernels, name, counts[i], OUT, OUT, NN_FUNC_RELU);
    }
}

static void run_in(const struct cpu_kernels *kernels, const void *args)
{
    kernels->wino_in(args);
}

static void run_out(const struct cpu_kernels *kernels, const void *args)
{
    kernels->wino_out(args);
}

void bench_wino_in(const struct cpu_kernels *kernels, const char *name)
{
    enum { C = 96 };
    const float *x[TAPS];
    float *data = check_random(TAPS * C, false);
    for (size_t p = 0; p < TAPS; p++)
        x[p] = data + p * C;
    const struct cpu_wino_in args = {
        .x = x, .c = C, .out = check_area(TAPS * 12 * C), .step = 12 * C};
    const struct check_bench bench = {kernels,        name,   "6 x 6 x 96", 12.0 * 15 * C,
                                      8.0 * TAPS * C, run_in, &args};
    check_bench_run(&bench);
    check_free_areas(name);
}

void bench_wino_out(const struct cpu_kernels *kernels, const char *name)
{
    enum { C = 24 };
    const struct cpu_wino_out args = {
        .m = check_random(TAPS * 12 * C, false),
        .step = 12 * C,
        .c = C,
        .bias = check_random(C, false),
        .out = check_area(OUT * OUT * C),
        .row_step = OUT * C,
        .pitch = C,
        .rows = OUT,
        .columns = OUT,
        .act = {.func = NN_FUNC_RELU},
    };
    const struct check_bench bench = {
        kernels, name, "4 x 4 x 24", 10.0 * 13 * C, 4.0 * (TAPS + OUT * OUT) * C, run_out, &args};
    check_bench_run(&bench);
    check_free_areas(name);
}
