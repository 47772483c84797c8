/*
 * The 8-bit kernels of every tier against plain loops: sums exactly, what surrounds them in double.
 * Tiers that this machine lacks are skipped, with the reason.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "int8_tiers.h"
#include "kernel_check.h"
#include "nn/backend.h"

static size_t round_up(size_t count, size_t step)
{
    return (count + step - 1) / step * step;
}

/* Bytes that end where readable memory ends. */
static uint8_t *byte_area(size_t count)
{
    const size_t floats = (count + 3) / 4;
    return (uint8_t *)check_area(floats) + 4 * floats - count;
}

/* Factors and offsets of channels that all differ, for `channels` and the rest of a vector. */
static struct cpu_int8_range make_range(const struct tier *tier, size_t channels)
{
    const size_t vl = tier->int8->tile.vl, count = (channels + vl - 1) / vl * vl;
    float *factor = check_area(count), *offset = check_area(count);
    for (size_t i = 0; i < count; i++) {
        factor[i] = 20.0f + (float)(i % 7) * 19;
        offset[i] = CPU_INT8_MAGIC + (float)(i % 5) * 60;
    }
    return (struct cpu_int8_range){factor, offset};
}

/* Before it is rounded to a whole number. */
static double exact_level(const struct cpu_int8_range *range, size_t channel, double x)
{
    const double zero = (double)range->offset[channel] - (double)CPU_INT8_MAGIC;
    return fmax(0, fmin(255, x * (double)range->factor[channel] + zero));
}

/* `got` is the level next to `level`, or one of two that are as near but for `slack`. */
static void check_level(const char *name, size_t index, uint8_t got, double level, double slack)
{
    check_near(name, index, (float)got, level, 0.5 + slack);
}

/* ---- rounding ------------------------------------------------------------------------------- */

static void check_quantize(const struct tier *tier, size_t rows, size_t c, size_t pad)
{
    const struct cpu_int8_range range = make_range(tier, c);
    const size_t whole = round_up(c, CPU_INT8_STEP), step = c + pad, q_step = whole + pad;
    const char *name = tier->int8->names[CPU_INT8_KERNEL_quantize];
    const float *x = check_random((rows - 1) * step + c, true);
    const size_t bytes = (rows - 1) * q_step + whole;
    uint8_t *q = byte_area(bytes);
    memset(q, 77, bytes);
    const struct cpu_int8_quantize args = {.x = x,
                                           .x_step = (ptrdiff_t)step,
                                           .rows = rows,
                                           .c = c,
                                           .q = q,
                                           .q_step = (ptrdiff_t)q_step,
                                           .range = range};
    tier->int8->quantize(&args);
    for (size_t r = 0; r < rows; r++) {
        const uint8_t *row = q + r * q_step;
        for (size_t i = 0; i < c; i++)
            check_level(name, i, row[i], exact_level(&range, i, (double)x[r * step + i]), 1e-4);
        for (size_t i = c; i < whole; i++)
            assert_int_equal(row[i], 0);
        for (size_t i = whole; i < q_step && r + 1 < rows; i++)
            assert_int_equal(row[i], 77);
    }
    check_free_areas(name);
}

static void test_quantize(void **state)
{
    const struct tier *tier = *state;
    skip_where_missing(tier);
    for (size_t c = 1; c <= 70; c++) {
        check_seed(c);
        check_quantize(tier, 1 + c % 4, c, c % 3);
    }
    check_quantize(tier, 48, 384, 16);
    /* What lies beyond the range, however far, is its border. */
    static const float far[] = {INFINITY, -INFINITY, 3e38f, -3e38f, 1e10f, -1e10f};
    uint8_t q[8];
    const struct cpu_int8_quantize args = {
        .x = far, .rows = 1, .c = 6, .q = q, .range = make_range(tier, 6)};
    tier->int8->quantize(&args);
    for (int i = 0; i < 6; i++)
        assert_int_equal(q[i], i % 2 == 0 ? 255 : 0);
    check_free_areas("far");
}

/* ---- products ------------------------------------------------------------------------------- */

struct product_case {
    size_t m, k, n, pad;
    enum nn_func func;
    enum nn_residual residual;
    bool bytes;
};

static const struct product_case product_cases[] = {
    /* layers of the detector at odd numbers of pixels */
    {48, 48, 96, 64, NN_FUNC_GELU, NN_RESIDUAL_NONE, true},
    {17, 96, 48, 16, NN_FUNC_NONE, NN_RESIDUAL_AFTER, false},
    {5, 96, 192, 0, NN_FUNC_GELU, NN_RESIDUAL_NONE, true},
    {13, 192, 96, 4, NN_FUNC_NONE, NN_RESIDUAL_AFTER, false},
    {9, 384, 768, 0, NN_FUNC_GELU, NN_RESIDUAL_NONE, true},
    {7, 768, 384, 64, NN_FUNC_NONE, NN_RESIDUAL_BEFORE, false},
    {48, 96, 24, 0, NN_FUNC_RELU, NN_RESIDUAL_NONE, false},
    {33, 24, 48, 0, NN_FUNC_NONE, NN_RESIDUAL_NONE, false},
    /* odd everything */
    {1, 1, 1, 0, NN_FUNC_NONE, NN_RESIDUAL_NONE, false},
    {1, 5, 3, 1, NN_FUNC_GELU, NN_RESIDUAL_NONE, true},
    {3, 7, 17, 3, NN_FUNC_RELU, NN_RESIDUAL_AFTER, false},
    {11, 13, 50, 5, NN_FUNC_GELU, NN_RESIDUAL_BEFORE, false},
    {9, 31, 47, 2, NN_FUNC_SWISH, NN_RESIDUAL_AFTER, false},
    {8, 66, 71, 0, NN_FUNC_HARDSIGMOID, NN_RESIDUAL_NONE, true},
    {15, 4001, 33, 0, NN_FUNC_NONE, NN_RESIDUAL_NONE, false},
};

struct product {
    const struct product_case *t;
    const struct cpu_packed *packed; /* owned */
    float *weight;                   /* [n, k], whole numbers, the largest of each row 127 or 0 */
    const uint8_t *a[CPU_INT8_SEGMENTS]; /* [segment][m rows of run bytes, lda apart] */
    size_t run;
    struct cpu_int8_gemm g;
    uint8_t *bytes; /* where g.q points */
};

/* Inputs as they come, or all as large as can be, and weights, too: sums that overflow 16 bits, or
 * would if weights were not packed as they are. */
enum product_size { PRODUCT_ANY, PRODUCT_LARGE_INPUTS, PRODUCT_LARGE };

static void product_make(const struct tier *tier, const struct product_case *t,
                         enum product_size size_of, size_t segments, struct product *p)
{
    const bool worst = size_of == PRODUCT_LARGE;
    const size_t ldc = t->n + t->pad;
    p->t = t;
    p->run = round_up(t->k, CPU_INT8_STEP) / segments;
    const size_t lda = p->run + t->pad, count = (t->m - 1) * lda + p->run;
    p->weight = check_random(t->n * t->k, false);
    float *bias = check_random(t->n, true);
    int16_t *ranges = (int16_t *)(void *)check_area(2 * t->k);
    for (size_t i = 0; i < t->k; i++) {
        int16_t *of = ranges + NN_RANGE_NUMBERS * i;
        of[0] = (int16_t)(worst ? 0 : -(int)(i % 256));
        of[1] = (int16_t)(of[0] + 255);
        of[2] = 0;
    }
    for (size_t i = 0; i < t->n * t->k; i++)
        p->weight[i] = worst ? (i / t->k % 2 ? -127.0f : 127.0f) : rintf(p->weight[i] * 126);
    for (size_t j = 0; j < t->n && !worst; j++)
        p->weight[j * t->k + j % t->k] = j % 2 ? 127.0f : -127.0f;
    for (size_t i = 0; i < t->k && t->n > 2; i++)
        p->weight[2 * t->k + i] = 0;
    const struct nn_node node = {
        .op = NN_OP_GEMM,
        .name = "test",
        .type = "Gemm",
        .weight = {{p->weight, 2, {(int64_t)t->n, (int64_t)t->k}}, {bias, 1, {(int64_t)t->n}}},
        .quant = {.x = ranges},
    };
    void *packed;
    size_t size;
    assert_int_equal(cpu_pack(tier->kernels, &node, &packed, &size, NULL), SE_OK);
    p->packed = packed;
    p->g = (struct cpu_int8_gemm){
        .rows = t->m,
        .segments = segments,
        .lda = (ptrdiff_t)lda,
        .b = &p->packed->int8->panels[0],
        .residual_mode = t->residual,
        .act = {.func = t->func, .alpha = 0.2f, .beta = 0.5f},
    };
    for (size_t s = 0; s < segments; s++) {
        uint8_t *a = byte_area(count);
        float *levels = check_random(count, false);
        for (size_t i = 0; i < count; i++)
            a[i] = (uint8_t)(size_of == PRODUCT_ANY ? (int)((levels[i] + 1) * 127.9f) : 255);
        p->a[s] = p->g.a[s] = a;
    }
    const size_t elements = (t->m - 1) * ldc + t->n;
    if (t->bytes) {
        p->bytes = byte_area(elements);
        memset(p->bytes, 77, elements);
        p->g.q = p->bytes;
        p->g.ldq = (ptrdiff_t)ldc;
        p->g.range = make_range(tier, t->n);
    } else {
        p->g.c = check_area(elements);
        p->g.ldc = (ptrdiff_t)ldc;
    }
    if (t->residual != NN_RESIDUAL_NONE) {
        p->g.residual = check_random(elements, true);
        p->g.ldr = (ptrdiff_t)ldc;
    }
}

static int64_t zero_of(const struct cpu_int8_range *range, size_t k)
{
    return (int64_t)(range->offset[k] - CPU_INT8_MAGIC);
}

/* Weight k of a row of them in 8 bits: with its input's step, in units of `scale`. */
static int64_t weight_of(const float *row, const struct cpu_int8_range *range, size_t k,
                         double scale)
{
    return (int64_t)nearbyintf(row[k] / range->factor[k] / (float)scale);
}

/* What element (i, j) is in double, and how far float32 may be from it. */
static double product_want(const struct product *p, size_t i, size_t j, double *limit)
{
    const struct cpu_int8_panels *b = p->g.b;
    const struct product_case *t = p->t;
    const struct cpu_int8_range *range = &p->packed->int8->range[0];
    int64_t sum = 0;
    double gain, extra;
    for (size_t k = 0; k < t->k; k++)
        sum += ((int64_t)p->a[k / p->run][i * (size_t)p->g.lda + k % p->run] - zero_of(range, k)) *
               weight_of(p->weight + j * t->k, range, k, (double)b->scale[j]);
    const double product = (double)sum * (double)b->scale[j];
    double y = product + (double)b->bias[j];
    double size = fabs(product) + fabs((double)b->bias[j]);
    const double residual = p->g.residual ? (double)p->g.residual[i * (size_t)p->g.ldr + j] : 0;
    if (t->residual == NN_RESIDUAL_BEFORE)
        y += residual;
    y = check_act(&p->g.act, y, &gain, &extra);
    if (t->residual == NN_RESIDUAL_AFTER)
        y += residual;
    size += fabs(residual);
    *limit = 3e-7 * gain * size + extra + 1e-38;
    return y;
}

static void product_check(const struct tier *tier, const struct product_case *t,
                          enum product_size size_of, size_t segments)
{
    const char *name = tier->int8->names[CPU_INT8_KERNEL_gemm];
    struct product p = {0};
    product_make(tier, t, size_of, segments, &p);
    tier->int8->gemm(&p.g);
    const size_t ld = (size_t)(t->bytes ? p.g.ldq : p.g.ldc);
    for (size_t i = 0; i < t->m; i++) {
        for (size_t j = 0; j < t->n; j++) {
            double limit;
            const double want = product_want(&p, i, j, &limit);
            if (t->bytes) /* GELU for 8 bits is off by 1.7e-4 at most */
                check_level(name, i * t->n + j, p.bytes[i * ld + j],
                            exact_level(&p.g.range, j, want),
                            (limit + 1.8e-4) * (double)p.g.range.factor[j] + 1e-4);
            else
                check_near(name, i * t->n + j, p.g.c[i * ld + j], want, limit);
        }
        for (size_t j = t->n; j < ld && i + 1 < t->m; j++)
            assert_true(t->bytes ? p.bytes[i * ld + j] == 77
                                 : check_is_untouched(p.g.c[i * ld + j]));
    }
    cpu_pack_free((void *)(uintptr_t)p.packed);
    check_free_areas(name);
}

static void test_product(void **state)
{
    const struct tier *tier = *state;
    skip_where_missing(tier);
    for (size_t i = 0; i < sizeof(product_cases) / sizeof(product_cases[0]); i++) {
        check_seed(i);
        for (int size_of = PRODUCT_ANY; size_of <= PRODUCT_LARGE; size_of++)
            product_check(tier, &product_cases[i], (enum product_size)size_of, 1);
    }
    /* Every count of rows and columns round the tiles. */
    for (size_t m = 1; m <= 17; m++) {
        for (size_t n = 1; n <= 4 * 16 + 1; n += m % 3 + 1) {
            const struct product_case floats = {.m = m, .k = 6, .n = n, .pad = 2};
            const struct product_case bytes = {
                .m = m, .k = 6, .n = n, .pad = 2, .func = NN_FUNC_GELU, .bytes = true};
            product_check(tier, &floats, PRODUCT_ANY, 1);
            product_check(tier, &bytes, PRODUCT_ANY, 1);
        }
    }
}

/* Convolutions of stems, row of taps by row of taps. */
static void test_segments(void **state)
{
    static const struct product_case cases[] = {
        {19, 96, 12, 0, NN_FUNC_RELU, NN_RESIDUAL_NONE, true},
        {40, 48, 24, 24, NN_FUNC_RELU, NN_RESIDUAL_NONE, true},
        {1, 16, 5, 0, NN_FUNC_NONE, NN_RESIDUAL_NONE, false},
        {25, 432, 24, 0, NN_FUNC_RELU, NN_RESIDUAL_NONE, false},
        {10, 864, 48, 96, NN_FUNC_NONE, NN_RESIDUAL_NONE, false},
    };
    const struct tier *tier = *state;
    skip_where_missing(tier);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_seed(i);
        for (int size_of = PRODUCT_ANY; size_of <= PRODUCT_LARGE; size_of++)
            product_check(tier, &cases[i], (enum product_size)size_of, i < 3 ? 2 : 3);
    }
}

int main(void)
{
    static const CMUnitTestFunction kinds[] = {test_quantize, test_product, test_segments};
    static const char *const what[] = {"rounding", "products", "segments"};
    return run_for_tiers("int8", kinds, what, 3, NULL, 0);
}
