/*
 * The 8-bit kernels of every tier, and steps of nodes in 8 bits, against plain loops: sums exactly,
 * what surrounds them in double. Tiers that this machine lacks are skipped, with the reason.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel_check.h"
#include "nn/backend.h"
#include "nn/cpu/cpu_detect.h"
#include "nn/cpu/cpu_int8.h"

enum { MAX_INPUTS = 128 };

/* A tier is one of the 8-bit kernels with the float32 kernels they go with. */
struct tier {
    const struct cpu_kernels *kernels;
    const struct cpu_int8_kernels *int8;
    enum nn_cpu_tier cpu;
};

static const struct tier tiers[] = {
    {&cpu_kernels_portable, &cpu_int8_kernels_portable, NN_CPU_PORTABLE},
#if defined(__x86_64__)
    {&cpu_kernels_avx2, &cpu_int8_kernels_avx2, NN_CPU_AVX2},
    {&cpu_kernels_avx512, &cpu_int8_kernels_avx512vnni, NN_CPU_AVX512},
#endif
};

static void skip_where_missing(const struct tier *tier)
{
    const char *missing;
    if (!cpu_has_tier(tier->cpu, &missing) ||
        (tier->cpu == NN_CPU_AVX512 && (missing = "AVX-512 VNNI", !cpu_has_vnni()))) {
        print_message("SKIP %s: this machine lacks %s\n", tier->int8->tier, missing);
        skip();
    }
    assert_ptr_equal(cpu_int8_kernels_for(tier->kernels), tier->int8);
}

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

/* ---- steps ---------------------------------------------------------------------------------- */

/* A layer, or two of them, over images of rows, as the planner would hand it over. */
struct step_case {
    enum nn_op op;
    int64_t images, rows, ci, hidden, co;
    bool scale, self;
    enum nn_residual residual;
};

static const struct step_case step_cases[] = {
    {NN_OP_FFN, 1, 100, 48, 96, 48, false, true, NN_RESIDUAL_AFTER},
    {NN_OP_FFN, 1, 48, 33, 61, 35, false, false, NN_RESIDUAL_NONE},
    {NN_OP_FFN, 2, 49, 48, 96, 48, true, true, NN_RESIDUAL_AFTER},
    {NN_OP_FFN, 2, 1, 5, 6, 7, true, false, NN_RESIDUAL_BEFORE},
    {NN_OP_GEMM, 1, 97, 48, 0, 96, false, false, NN_RESIDUAL_NONE},
    {NN_OP_GEMM, 3, 47, 31, 0, 50, true, false, NN_RESIDUAL_AFTER},
};

/* A range and a mean for each channel, all different. */
static int16_t step_x[NN_RANGE_NUMBERS * MAX_INPUTS], step_hidden[NN_RANGE_NUMBERS * MAX_INPUTS];

static void step_ranges(void)
{
    for (int i = 0; i < MAX_INPUTS; i++) {
        int16_t *x = step_x + NN_RANGE_NUMBERS * i, *hidden = step_hidden + NN_RANGE_NUMBERS * i;
        x[0] = (int16_t)(-100 - i % 90);
        x[1] = (int16_t)(190 - i % 90);
        x[2] = (int16_t)(i % 3 * 40 - 50);
        hidden[0] = -34;
        hidden[1] = (int16_t)(350 + i % 70);
        hidden[2] = (int16_t)(i % 60);
    }
}

struct step_data {
    const struct step_case *t;
    struct nn_node node;
    struct nn_step step;
    double x_steps[MAX_INPUTS], hidden_steps[MAX_INPUTS];
};

static struct nn_tensor step_tensor(float *data, int64_t images, int64_t rows, int64_t c)
{
    return (struct nn_tensor){
        .data = data, .rank = 3, .dims = {images, rows, c}, .strides = {rows * c, c, 1}};
}

static void step_weight(struct nn_node *node, int slot, int64_t n, int64_t k)
{
    float *w = check_random((size_t)(n * k), false);
    for (int64_t i = 0; i < n * k; i++)
        w[i] *= 2.0f / sqrtf((float)k);
    node->weight[slot] = (struct nn_weight){w, 2, {n, k}};
    node->weight[slot + 1] = (struct nn_weight){check_random((size_t)n, false), 1, {n}};
}

static void step_make(const struct step_case *t, struct step_data *d)
{
    const int64_t all = t->images * t->rows;
    *d = (struct step_data){.t = t, .node = {.op = t->op, .name = "test", .type = "Conv"}};
    d->node.quant = (struct nn_quant){step_x, step_hidden};
    step_weight(&d->node, 0, t->op == NN_OP_FFN ? t->hidden : t->co, t->ci);
    if (t->op == NN_OP_FFN)
        step_weight(&d->node, 2, t->co, t->hidden);
    d->step = (struct nn_step){.op = t->op, .node = &d->node, .group = 1};
    d->step.attr = (struct nn_attr){
        .residual = t->residual, .residual_self = t->self, .hidden = {.func = NN_FUNC_GELU}};
    d->step.in[NN_IN_X] =
        step_tensor(check_random((size_t)(all * t->ci), false), t->images, t->rows, t->ci);
    d->step.out = step_tensor(check_area((size_t)(all * t->co)), t->images, t->rows, t->co);
    if (t->scale)
        d->step.in[NN_IN_SCALE] =
            (struct nn_tensor){.data = check_random((size_t)(t->images * t->ci), false),
                               .rank = 2,
                               .dims = {t->images, t->ci},
                               .strides = {t->ci, 1}};
    if (t->residual != NN_RESIDUAL_NONE && !t->self)
        d->step.in[NN_IN_RESIDUAL] =
            step_tensor(check_random((size_t)(all * t->co), false), t->images, t->rows, t->co);
}

/* Step of input channel i of a layer: its levels are as the fifth root of its largest weight and
 * the fourth power of its range, and all 255 for the channel where that is largest. */
static double step_of(const struct nn_weight *w, const int16_t *ranges, int64_t i)
{
    double own = 0, most = 0;
    for (int64_t c = 0; c < w->dims[1]; c++) {
        double largest = 1e-6;
        for (int64_t j = 0; j < w->dims[0]; j++)
            largest = fmax(largest, fabs((double)w->data[j * w->dims[1] + c]));
        const int16_t *of = ranges + NN_RANGE_NUMBERS * c;
        const double range = (double)(of[1] - of[0]) / NN_RANGE_UNIT;
        const double levels = pow(largest, 0.2) / pow(range, 0.8);
        most = fmax(most, levels * range);
        if (c == i)
            own = levels;
    }
    return most / own / 255;
}

static void step_find_steps(struct step_data *d)
{
    for (int64_t i = 0; i < d->t->ci; i++)
        d->x_steps[i] = step_of(&d->node.weight[0], step_x, i);
    for (int64_t i = 0; i < d->t->hidden; i++)
        d->hidden_steps[i] = step_of(&d->node.weight[2], step_hidden, i);
}

/* In 8 bits and back. */
static double rounded(double x, double step, const int16_t *range)
{
    const double zero = rint(-255.0 * range[0] / (range[1] - range[0]));
    const double level = fmax(0, fmin(255, rint(x / step) + zero));
    return (level - zero) * step;
}

/* Of a row of k weights, each with its input's step: the largest is 127, but where eight are added
 * four by four in 16 bits, those of one sign in such a four come to 126 at most. */
static double scale_of(const struct tier *tier, const float *row, int64_t k, const double *steps)
{
    double scale = 0;
    for (int64_t i = 0; i < k; i++)
        scale = fmax(scale, fabs((double)row[i] * steps[i]) / 127);
    for (int64_t first = 0; tier->int8->short_sums && first < k; first++) {
        static const int others[3] = {1, 4, 5};
        if (first % 8 != 0 && first % 8 != 2)
            continue;
        double above = fmax(0, (double)row[first] * steps[first]);
        double below = fmax(0, -(double)row[first] * steps[first]);
        for (int i = 0; i < 3 && first + others[i] < k; i++) {
            const double w = (double)row[first + others[i]] * steps[first + others[i]];
            above += fmax(0, w);
            below += fmax(0, -w);
        }
        scale = fmax(scale, fmax(above, below) / 126);
    }
    return scale;
}

/* Σ x·w with the weights in 8 bits, and the bias; of mean inputs the sum is what it would be
 * without rounding weights. */
static double layer(const struct tier *tier, const struct nn_node *node, int slot, int64_t j,
                    const double *x, const double *steps)
{
    const int16_t *ranges = slot ? node->quant.hidden : node->quant.x;
    const struct nn_weight *w = &node->weight[slot];
    const float *row = w->data + j * w->dims[1];
    const double scale = scale_of(tier, row, w->dims[1], steps);
    double sum = (double)node->weight[slot + 1].data[j];
    for (int64_t i = 0; i < w->dims[1]; i++) {
        const double weight = rint((double)row[i] * steps[i] / scale) * scale / steps[i];
        const double mean = (double)ranges[NN_RANGE_NUMBERS * i + 2] / NN_RANGE_UNIT;
        sum += x[i] * weight + mean * ((double)row[i] - weight);
    }
    return sum;
}

/* Row `row` of an image as the step should make it. */
static void step_want(const struct tier *tier, const struct step_data *d, int64_t image,
                      int64_t row, double *want)
{
    const struct step_case *t = d->t;
    const struct nn_tensor *residual = &d->step.in[NN_IN_RESIDUAL];
    const float *in = d->step.in[NN_IN_X].data + (image * t->rows + row) * t->ci;
    const bool ffn = t->op == NN_OP_FFN;
    double x[MAX_INPUTS], q[MAX_INPUTS], hidden[MAX_INPUTS];
    for (int64_t i = 0; i < t->ci; i++) {
        x[i] = (double)in[i];
        if (t->scale)
            x[i] = (double)(in[i] * d->step.in[NN_IN_SCALE].data[image * t->ci + i]);
        q[i] = rounded(x[i], d->x_steps[i], step_x + NN_RANGE_NUMBERS * i);
    }
    const double *last = q;
    const double *last_steps = ffn ? d->hidden_steps : d->x_steps;
    for (int64_t j = 0; j < t->hidden; j++) {
        const double y = layer(tier, &d->node, 0, j, q, d->x_steps);
        hidden[j] = rounded(0.5 * y * erfc(-y * sqrt(0.5)), d->hidden_steps[j],
                            step_hidden + NN_RANGE_NUMBERS * j);
        last = hidden;
    }
    for (int64_t j = 0; j < t->co; j++) {
        want[j] = layer(tier, &d->node, ffn ? 2 : 0, j, last, last_steps);
        if (t->self)
            want[j] += x[j];
        else if (t->residual != NN_RESIDUAL_NONE)
            want[j] += (double)residual->data[(image * t->rows + row) * t->co + j];
    }
}

static void step_run(const struct tier *tier, struct step_data *d, int threads)
{
    const struct nn_backend *backend = nn_cpu_backend(tier->cpu, NULL);
    struct nn_plan plan = {.steps = &d->step, .step_count = 1, .threads = threads};
    struct pool *pool;
    void *packed;
    size_t bytes;
    assert_non_null(backend);
    assert_int_equal(pool_create(&pool, threads, NULL), SE_OK);
    assert_int_equal(backend->supports(&d->node, NULL), SE_OK);
    assert_int_equal(backend->pack(&d->node, &packed, &bytes, NULL), SE_OK);
    d->step.packed = packed;
    assert_int_equal(backend->compile(&plan, NULL), SE_OK);
    d->step.scratch = aligned_alloc(64, round_up(d->step.scratch_bytes, 64));
    assert_non_null(d->step.scratch);
    assert_int_equal(backend->run(&plan, pool, NULL, NULL), SE_OK);
    free(d->step.scratch);
    backend->pack_free(packed);
    pool_free(pool);
}

static void test_steps(void **state)
{
    const struct tier *tier = *state;
    skip_where_missing(tier);
    for (size_t i = 0; i < 2 * sizeof(step_cases) / sizeof(step_cases[0]); i++) {
        const struct step_case *t = &step_cases[i / 2];
        struct step_data d;
        double want[MAX_INPUTS];
        check_seed(i);
        step_make(t, &d);
        step_find_steps(&d);
        step_run(tier, &d, 1 + (int)(i % 2));
        for (int64_t row = 0; row < t->images * t->rows; row++) {
            step_want(tier, &d, row / t->rows, row % t->rows, want);
            /* A number at the border between two levels may go either way: one level of one. */
            for (int64_t j = 0; j < t->co; j++)
                check_near(tier->int8->tier, (size_t)(row * t->co + j),
                           d.step.out.data[row * t->co + j], want[j], 0.03);
        }
        check_free_areas(tier->int8->tier);
    }
}

/* ---- the head, some of whose columns are chosen ---------------------------------------------- */

enum { SELECT_CHOSEN = 5, SELECT_MOST = 2000 };

/* Log-probabilities of a row as the step should make them: chosen columns in float32, the others in
 * 8 bits. */
static void select_want(const struct tier *tier, const struct step_data *d, int64_t row,
                        const bool *chosen, double *logp)
{
    const struct nn_weight *w = &d->node.weight[0];
    const int64_t classes = w->dims[0], k = w->dims[1];
    const float *x = d->step.in[NN_IN_X].data + row * k;
    double q[MAX_INPUTS], sum = 0;
    for (int64_t i = 0; i < k; i++)
        q[i] = rounded((double)x[i], d->x_steps[i], step_x + NN_RANGE_NUMBERS * i);
    for (int64_t j = 0; j < classes; j++) {
        logp[j] = chosen[j] ? (double)d->node.weight[1].data[j]
                            : layer(tier, &d->node, 0, j, q, d->x_steps);
        for (int64_t i = 0; chosen[j] && i < k; i++)
            logp[j] += (double)x[i] * (double)w->data[j * k + i];
        sum += exp(logp[j]);
    }
    for (int64_t j = 0; j < classes; j++)
        logp[j] -= log(sum);
}

static void check_select(const struct tier *tier, int64_t rows, int64_t classes, int64_t k,
                         int threads)
{
    static const int32_t columns[SELECT_CHOSEN] = {3, 0, 17, 9, 30};
    const int64_t out = SELECT_CHOSEN + NN_SELECT_EXTRA;
    struct step_data d = {.node = {.op = NN_OP_SELECT, .name = "test", .type = "Softmax"}};
    bool chosen[SELECT_MOST] = {false};
    double logp[SELECT_MOST];
    d.node.quant = (struct nn_quant){.x = step_x};
    d.node.attr.columns = columns;
    d.node.attr.column_count = SELECT_CHOSEN;
    for (int i = 0; i < SELECT_CHOSEN; i++)
        chosen[columns[i]] = true;
    step_weight(&d.node, 0, classes, k);
    for (int64_t i = 0; i < k; i++)
        d.x_steps[i] = step_of(&d.node.weight[0], step_x, i);
    d.step = (struct nn_step){.op = NN_OP_SELECT, .node = &d.node, .group = 1, .attr = d.node.attr};
    d.step.in[NN_IN_X] = (struct nn_tensor){.data = check_random((size_t)(rows * k), false),
                                            .rank = 2,
                                            .dims = {rows, k},
                                            .strides = {k, 1}};
    d.step.out = (struct nn_tensor){.data = check_area((size_t)(rows * out)),
                                    .rank = 2,
                                    .dims = {rows, out},
                                    .strides = {out, 1}};
    step_run(tier, &d, threads);
    for (int64_t row = 0; row < rows; row++) {
        const float *y = d.step.out.data + row * out;
        double others = 0, best = -INFINITY;
        select_want(tier, &d, row, chosen, logp);
        for (int64_t j = 0; j < classes; j++) {
            others += chosen[j] ? 0 : exp(logp[j]);
            best = fmax(best, logp[j]);
        }
        for (int i = 0; i < SELECT_CHOSEN; i++)
            check_near(tier->int8->tier, (size_t)row, y[i], logp[columns[i]], 0.01);
        check_near(tier->int8->tier, (size_t)row, y[SELECT_CHOSEN], log(others), 0.03);
        check_near(tier->int8->tier, (size_t)row, y[SELECT_CHOSEN + 2], best, 0.03);
        assert_true(logp[(int)y[SELECT_CHOSEN + 1]] > best - 0.06);
    }
    check_free_areas(tier->int8->tier);
}

static void test_select(void **state)
{
    const struct tier *tier = *state;
    skip_where_missing(tier);
    check_seed(1);
    check_select(tier, 3, 31, 7, 1); /* less than a vector of a kind */
    check_select(tier, 97, 130, 33, 2);
    check_select(tier, 5, SELECT_MOST, 120, 2); /* more chunks than one, of every tier */
    check_select(tier, 1, SELECT_MOST - 5, 120, 1);
}

/* ---- refusals ------------------------------------------------------------------------------- */

static void test_what_cannot_be_in_8_bits(void **state)
{
    se_error err;
    void *packed;
    size_t bytes;
    (void)state;
    struct nn_node node = {
        .op = NN_OP_DWCONV, .name = "Conv.7", .type = "Conv", .quant = {.x = step_x}};
    assert_int_equal(cpu_pack(&cpu_kernels_portable, &node, &packed, &bytes, &err),
                     SE_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "Conv.7"));
    assert_null(packed);
    static const enum nn_op wide[] = {NN_OP_GEMM, NN_OP_SELECT};
    node.weight[0] = (struct nn_weight){.rank = 2, .dims = {1, CPU_INT8_MAX_K + 1}};
    for (int i = 0; i < 2; i++) {
        node.op = wide[i];
        assert_int_equal(cpu_pack(&cpu_kernels_portable, &node, &packed, &bytes, &err),
                         SE_ERR_UNSUPPORTED);
        assert_non_null(strstr(err.message, "65536"));
    }
}

/* Convolutions that the stem cannot hold in 8 bits. */
static void test_which_convolutions(void **state)
{
    static const struct {
        int32_t kernel[2], groups, dilation;
        int64_t ci;
        int16_t low;
        const char *words;
    } cases[] = {
        {{2, 2}, 1, 1, 12, 0, NULL},        {{3, 3}, 1, 1, 16, 0, NULL},
        {{4, 2}, 1, 1, 12, 0, "like this"}, {{2, 2}, 1, 1, 6, 0, "like this"},
        {{2, 2}, 2, 1, 12, 0, "like this"}, {{2, 2}, 1, 2, 12, 0, "like this"},
        {{2, 2}, 1, 1, 12, -1, "negative"}, {{3, 3}, 1, 1, 7288, 0, "65536"},
    };
    se_error err;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const int64_t taps = (int64_t)cases[i].kernel[0] * cases[i].kernel[1];
        int16_t *ranges = (int16_t *)(void *)check_area((size_t)(2 * cases[i].ci));
        for (int64_t c = 0; c < cases[i].ci; c++)
            memcpy(ranges + NN_RANGE_NUMBERS * c, (int16_t[]){0, 300, 10}, 3 * sizeof(*ranges));
        ranges[NN_RANGE_NUMBERS * (cases[i].ci - 1)] = cases[i].low;
        const struct nn_node node = {
            .op = NN_OP_CONV,
            .name = "Conv.7",
            .type = "Conv",
            .attr = {.kernel = {cases[i].kernel[0], cases[i].kernel[1]},
                     .groups = cases[i].groups,
                     .stride = {1, 1},
                     .dilation = {cases[i].dilation, cases[i].dilation}},
            .weight = {{check_random((size_t)(cases[i].ci * taps), false),
                        4,
                        {1, cases[i].ci, cases[i].kernel[0], cases[i].kernel[1]}}},
            .quant = {.x = ranges},
        };
        void *packed;
        size_t bytes;
        const int status = cpu_pack(&cpu_kernels_portable, &node, &packed, &bytes, &err);
        assert_int_equal(status, cases[i].words ? SE_ERR_UNSUPPORTED : SE_OK);
        if (cases[i].words)
            assert_non_null(strstr(err.message, cases[i].words));
        else
            assert_non_null(((const struct cpu_packed *)packed)->int8);
        cpu_pack_free(packed);
        check_free_areas("convolutions");
    }
}

enum { TIERS = sizeof(tiers) / sizeof(tiers[0]), KINDS = 5, OTHERS = 2 };

int main(void)
{
    step_ranges();
    static const CMUnitTestFunction kinds[KINDS] = {test_quantize, test_product, test_segments,
                                                    test_steps, test_select};
    static const char *const what[KINDS] = {"rounding", "products", "segments", "steps", "head"};
    struct CMUnitTest tests[TIERS * KINDS + OTHERS] = {
        cmocka_unit_test(test_what_cannot_be_in_8_bits), cmocka_unit_test(test_which_convolutions)};
    char names[TIERS * KINDS][64];
    for (size_t i = 0; i < TIERS * KINDS; i++) {
        const struct tier *tier = &tiers[i / KINDS];
        snprintf(names[i], sizeof(names[i]), "%s %s", what[i % KINDS], tier->int8->tier);
        tests[i + OTHERS] = (struct CMUnitTest){.name = names[i],
                                                .test_func = kinds[i % KINDS],
                                                .initial_state = (void *)(uintptr_t)tier};
    }
    return cmocka_run_group_tests_name("int8", tests, NULL, NULL);
}
