/* Products of split numbers beyond what kernel_gemm_test.c sees: split itself, and views. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel_check.h"
#include "nn/cpu/cpu_pack.h"

/* The number that a bfloat16 stands for. */
static double bf16(uint16_t bits)
{
    const uint32_t wide = (uint32_t)bits << 16;
    float x;
    memcpy(&x, &wide, sizeof(x));
    return (double)x;
}

/* `count` numbers of 2 bytes that end where readable memory ends. */
static uint16_t *half_area(size_t count)
{
    const size_t floats = (count + 1) / 2;
    return (uint16_t *)(void *)check_area(floats) + 2 * floats - count;
}

/* hi + lo is the number, up to what two times 8 bits cannot hold, or hi up to what 8 bits cannot.
 */
static void check_split(const struct cpu_kernels *kernels, const char *name, size_t rows,
                        size_t count)
{
    const size_t x_step = count + 3, step = count + 5;
    const float *x = check_random((rows - 1) * x_step + count, true);
    uint16_t *hi = half_area((rows - 1) * step + count), *lo = half_area((rows - 1) * step + count);
    const uint16_t between = rows > 1 ? hi[count] : 0, between_lo = rows > 1 ? lo[count + 1] : 0;
    const struct cpu_split_run run = {.x = x,
                                      .x_step = (ptrdiff_t)x_step,
                                      .rows = rows,
                                      .count = count,
                                      .hi = hi,
                                      .lo = lo,
                                      .step = (ptrdiff_t)step};
    const double part = kernels->tile.parts > 1 ? 1.0 / 65536 : 1.0 / 256;
    kernels->split(&run);
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < count; i++) {
            const double want = (double)x[r * x_step + i];
            double sum = bf16(hi[r * step + i]);
            if (kernels->tile.parts > 1)
                sum += bf16(lo[r * step + i]);
            check_near(name, r * count + i, (float)sum, want, fabs(want) * part + 1e-37);
        }
    }
    if (rows > 1 && (hi[count] != between || lo[count + 1] != between_lo))
        check_near(name, count, NAN, 0, 0); /* fails: wrote between rows */
    check_free_areas(name);
}

struct view_case {
    size_t m, ci, kh, kw, stride, n; /* outputs of a row; channels; the kernel; columns */
};

/* Rows of a picture in split form, [kh][hi, lo, if there is one][half], and weights [kh][kw·ci
 * rounded up][n]. */
struct view_data {
    size_t run, half;
    float *x, *weight;
    uint16_t *split;
};

static struct view_data view_make(const struct cpu_kernels *kernels, const struct view_case *t)
{
    enum { TILE_ROWS = 64 };
    struct view_data d = {.run = cpu_split_depth(t->kw * t->ci)};
    const size_t whole = (t->m + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;
    d.half = (whole - 1) * t->stride * t->ci + d.run;
    d.x = check_random(t->kh * d.half, true);
    d.split = half_area(t->kh * kernels->tile.parts * d.half);
    for (size_t r = 0; r < t->kh; r++) {
        uint16_t *hi = d.split + kernels->tile.parts * r * d.half;
        const struct cpu_split_run run = {
            .x = d.x + r * d.half, .rows = 1, .count = d.half, .hi = hi, .lo = hi + d.half};
        kernels->split(&run);
    }
    d.weight = check_random(t->kh * d.run * t->n, true);
    for (size_t i = 0; i < t->kh * d.run; i++)
        for (size_t j = 0; i % d.run >= t->kw * t->ci && j < t->n; j++)
            d.weight[i * t->n + j] = 0;
    return d;
}

static void check_view(const struct cpu_kernels *kernels, const char *name,
                       const struct view_case *t)
{
    const struct view_data d = view_make(kernels, t);
    const size_t k = t->kh * d.run, columns = cpu_panels_bias_floats(&kernels->tile, t->n);
    float *b = check_area(cpu_panels_floats(&kernels->tile, k, t->n));
    float *bias = check_area(columns);
    check_fill(bias, columns, false);
    cpu_panels_fill(&kernels->tile, b, d.weight, k, t->n, (ptrdiff_t)t->n, 1, NULL, NULL);
    const struct cpu_panels panels = {
        .k = k, .n = t->n, .vectors = columns / kernels->tile.vl, .b = b, .bias = bias};
    const struct cpu_split_view view = {.hi = d.split,
                                        .lo = (ptrdiff_t)d.half,
                                        .pixel = (ptrdiff_t)(t->stride * t->ci),
                                        .run = (ptrdiff_t)(kernels->tile.parts * d.half),
                                        .runs = t->kh,
                                        .steps = d.run / CPU_SPLIT_STEP,
                                        .depth = t->kw * t->ci};
    const struct cpu_gemm g = {.rows = t->m,
                               .b = &panels,
                               .c = check_area(t->m * t->n),
                               .ldc = (ptrdiff_t)t->n,
                               .act = {.func = NN_FUNC_RELU},
                               .view = &view};
    kernels->gemm(&g);
    for (size_t i = 0; i < t->m; i++) {
        for (size_t j = 0; j < t->n; j++) {
            double sum = (double)bias[j], squares = 0, size = fabs(sum);
            for (size_t at = 0; at < k; at++) {
                const double x =
                    (double)d.x[at / d.run * d.half + i * t->stride * t->ci + at % d.run];
                const double product = x * (double)d.weight[at * t->n + j];
                sum += product;
                squares += product * product;
                size += fabs(product);
            }
            /* As in kernel_gemm_test.c. */
            const double limit = check_split_error(&kernels->tile) * sqrt(squares) +
                                 size * 1e-7 * (2 + sqrt((double)k)) + 1e-35;
            check_near(name, i * t->n + j, g.c[i * t->n + j], sum > 0 ? sum : 0, limit);
        }
    }
    check_free_areas(name);
}

void check_split_products(const struct cpu_kernels *kernels, const char *name)
{
    static const struct view_case cases[] = {
        {184, 96, 3, 3, 1, 24}, {37, 3, 3, 3, 2, 24}, {65, 24, 2, 2, 1, 12}, {9, 48, 3, 3, 2, 48},
        {1, 1, 1, 1, 1, 1},     {33, 5, 2, 3, 3, 17}, {17, 32, 1, 1, 2, 33}, {63, 7, 7, 7, 1, 5},
    };
    for (size_t rows = 1; rows < 4; rows++)
        for (size_t count = 1; count < 70; count += rows)
            check_split(kernels, name, rows, count);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_seed(i);
        check_view(kernels, name, &cases[i]);
    }
}
