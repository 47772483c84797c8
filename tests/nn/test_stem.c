/*
 * The stem of the text networks over planes (cpu_planar.c) and in 8 bits (cpu_int8_stem.c) against
 * the plain reference: odd sizes, several images, all tiers, any number of threads; and that it is
 * left alone where it does not fit.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/pool.h"
#include "nn/cpu/cpu_detect.h"
#include "nn/inspect.h"
#include "onnx_build.h"

enum { STEPS = 5 };

/* What differs between stems. */
struct kind {
    const char *pool;  /* attributes of the pool */
    const char *inner; /* activation of the first convolution */
    bool read_twice;   /* the concatenation, by a layer behind the stem, too */
    bool whole;        /* weights of -1, 0 and 1, few of which stand side by side */
};

static const struct kind usual = {"kernel_shape=[2,2] pads=[0,0,1,1]", "Relu", false, false};
static const struct kind ones = {"kernel_shape=[2,2] pads=[0,0,1,1]", "Relu", false, true};

/*
 * Weights "co,ci,kh,kw" of ones, at one of every `apart` places where one may stand; of an output
 * the first `above` are above zero. They may stand where no two of a short sum do (kernels_int8.h):
 * so they are 126 or 127 in 8 bits, whole numbers.
 */
static void put_ones(struct onnx_build *build, const char *name, const char *dims, uint32_t apart,
                     int above)
{
    enum { MOST = 24 * 48 * 9 };
    static float w[MOST];
    long co, ci, kh, kw;
    uint32_t seed = (uint32_t)name[1];
    assert_int_equal(sscanf(dims, "%ld,%ld,%ld,%ld", &co, &ci, &kh, &kw), 4);
    assert_true(co * ci * kh * kw <= MOST);
    memset(w, 0, sizeof(w));
    for (long j = 0; j < co; j++) {
        int placed = 0;
        for (long k = 0; k < ci * kh * kw; k++) {
            seed = seed * 1664525 + 1013904223;
            if ((k % 8 == 0 || k % 8 == 2) && (seed >> 16) % apart == 0)
                w[(j * ci + k % ci) * kh * kw + k / ci] = placed++ < above ? 1 : -1;
        }
    }
    onnx_build_floats(build, name, dims, w);
}

static struct nn_model *build_stem(const struct nn_model_options *options, const struct kind *kind)
{
    struct onnx_build build;
    onnx_build_begin(&build, 11, 3);
    if (kind->whole) {
        const float zeros[24] = {0};
        put_ones(&build, "wa", "24,3,3,3", 1, 5);
        onnx_build_floats(&build, "ba", "24", zeros);
        put_ones(&build, "wb", "12,24,2,2", 3, 6);
        put_ones(&build, "wc", "24,12,2,2", 2, 2);
        put_ones(&build, "wy", "24,48,3,3", 2, 40);
    } else {
        onnx_build_noise(&build, "wa", "24,3,3,3");
        onnx_build_noise(&build, "ba", "24");
        onnx_build_noise(&build, "wb", "12,24,2,2");
        onnx_build_noise(&build, "wc", "24,12,2,2");
        onnx_build_noise(&build, "wy", "24,48,3,3");
    }
    onnx_build_noise(&build, "wz", "24,48,1,1");
    onnx_build_node(&build, "Conv", "x wa ba", "a0", "strides=[2,2] pads=[1,1,1,1]");
    onnx_build_node(&build, kind->inner, "a0", "a", "");
    onnx_build_node(&build, "MaxPool", "a", "p", kind->pool);
    onnx_build_node(&build, "Conv", "a wb", "b0", "pads=[0,0,1,1]");
    onnx_build_node(&build, "Relu", "b0", "b", "");
    onnx_build_node(&build, "Conv", "b wc", "c0", "pads=[0,0,1,1]");
    onnx_build_node(&build, "Relu", "c0", "c", "");
    onnx_build_node(&build, "Concat", "p c", "m", "axis=1");
    onnx_build_node(&build, "Conv", "m wy", "y0", "strides=[2,2] pads=[1,1,1,1]");
    if (kind->read_twice) {
        onnx_build_node(&build, "Conv", "m wz", "z", "strides=[2,2]");
        onnx_build_node(&build, "Add", "y0 z", "y", "");
    } else {
        onnx_build_node(&build, "Relu", "y0", "y", "");
    }
    return onnx_build_load(&build, "y", "stem", options);
}

static struct nn_model *stem_model(enum nn_backend_kind backend, enum nn_cpu_tier cpu,
                                   const struct kind *kind)
{
    const struct nn_model_options options = {.backend = backend, .cpu = cpu};
    return build_stem(&options, kind);
}

struct run {
    struct nn_exec *exec;
    const float *out;
    size_t count;
    int32_t group; /* of the first step */
};

static void fill(float *in, const int64_t nhwc[4])
{
    uint32_t seed = 5;
    for (int64_t i = 0; i < nhwc[0] * nhwc[1] * nhwc[2] * nhwc[3]; i++) {
        seed = seed * 1664525 + 1013904223;
        in[i] = rintf((float)(seed >> 16) / (1 << 14) - 2) / 2;
    }
}

static struct run run(const struct nn_model *model, const int64_t nhwc[4], struct pool *pool)
{
    struct run r;
    struct nn_shape shape;
    int64_t count;
    se_error err;
    if (nn_exec_create(&r.exec, model, pool, 0, &err) != SE_OK ||
        nn_exec_prepare(r.exec, nhwc, &err) != SE_OK)
        fail_msg("%s", err.message);
    fill(nn_exec_input(r.exec), nhwc);
    if (nn_exec_run(r.exec, NULL, &err) != SE_OK)
        fail_msg("%s", err.message);
    r.out = nn_exec_output(r.exec, &shape);
    assert_true(nn_shape_count(&shape, &count));
    r.count = (size_t)count;
    r.group = nn_exec_planned(r.exec)->plan.steps[0].group;
    return r;
}

static const enum nn_cpu_tier tiers[] = {NN_CPU_PORTABLE, NN_CPU_AVX2, NN_CPU_AVX512};
enum { TIERS = sizeof(tiers) / sizeof(tiers[0]) };

static void check_near(const struct run *want, const struct run *got)
{
    float largest = 0;
    assert_int_equal(want->count, got->count);
    for (size_t i = 0; i < want->count; i++)
        largest = fmaxf(largest, fabsf(want->out[i]));
    for (size_t i = 0; i < want->count; i++)
        if (!(fabsf(want->out[i] - got->out[i]) <= 1e-5F * largest))
            fail_msg("output %zu: %g, not %g", i, (double)got->out[i], (double)want->out[i]);
}

/* Widths around whole vectors, heights around whole pieces, and images of a pixel or two. */
static void test_sizes(void **state)
{
    static const int64_t sizes[][2] = {{1, 1},   {2, 1},   {1, 2},   {3, 3},   {4, 5},
                                       {7, 64},  {9, 65},  {31, 66}, {33, 67}, {64, 130},
                                       {65, 31}, {130, 9}, {151, 63}};
    (void)state;
    struct nn_model *plain = stem_model(NN_BACKEND_REF, NN_CPU_AUTO, &usual);
    for (int t = 0; t < TIERS; t++) {
        const char *missing;
        if (!cpu_has_tier(tiers[t], &missing))
            continue;
        struct nn_model *model = stem_model(NN_BACKEND_CPU, tiers[t], &usual);
        struct pool *pool;
        se_error err;
        assert_int_equal(pool_create(&pool, 3, &err), SE_OK);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            const int64_t nhwc[4] = {1 + (int64_t)(i % 3), sizes[i][0], sizes[i][1], 3};
            struct run want = run(plain, nhwc, NULL), got = run(model, nhwc, NULL);
            struct run shared = run(model, nhwc, pool);
            if (got.group != STEPS && nhwc[1] > 2 && nhwc[2] > 2) /* a pixel has any strides */
                fail_msg("%lld x %lld, tier %d: a group of %d", (long long)nhwc[1],
                         (long long)nhwc[2], t, got.group);
            check_near(&want, &got);
            assert_memory_equal(got.out, shared.out, got.count * sizeof(float));
            nn_exec_free(want.exec);
            nn_exec_free(got.exec);
            nn_exec_free(shared.exec);
        }
        pool_free(pool);
        nn_model_free(model);
    }
    nn_model_free(plain);
}

/* Each image of a batch is what it is alone. */
static void test_batch(void **state)
{
    const int64_t one[4] = {1, 40, 70, 3}, three[4] = {3, 40, 70, 3};
    (void)state;
    struct nn_model *model = stem_model(NN_BACKEND_CPU, NN_CPU_AUTO, &usual);
    struct run alone = run(model, one, NULL), all = run(model, three, NULL);
    assert_memory_equal(alone.out, all.out, alone.count * sizeof(float));
    nn_exec_free(alone.exec);
    nn_exec_free(all.exec);
    nn_model_free(model);
}

/* Products of bfloat16 leave large stems to float32: then both tiers are the same. */
static void test_large_in_bf16(void **state)
{
    const int64_t large[4] = {1, 736, 720, 3}, small[4] = {1, 64, 64, 3};
    const char *missing;
    (void)state;
    if (!cpu_has_tier(NN_CPU_AVX512_BF16, &missing))
        skip();
    struct nn_model *half = stem_model(NN_BACKEND_CPU, NN_CPU_AVX512_BF16, &usual);
    struct nn_model *single = stem_model(NN_BACKEND_CPU, NN_CPU_AVX512, &usual);
    struct run a = run(half, large, NULL), b = run(single, large, NULL), c = run(half, small, NULL);
    assert_int_equal(a.group, STEPS);
    assert_int_not_equal(c.group, STEPS);
    assert_memory_equal(a.out, b.out, a.count * sizeof(float));
    nn_exec_free(a.exec);
    nn_exec_free(b.exec);
    nn_exec_free(c.exec);
    nn_model_free(half);
    nn_model_free(single);
}

/* Stems that are a little other are computed step by step, and right. */
static void test_others(void **state)
{
    static const struct kind kinds[] = {
        {"kernel_shape=[2,2] pads=[0,0,1,1]", "Sigmoid", false, false},
        {"kernel_shape=[2,2] pads=[1,1,0,0]", "Relu", false, false},
        {"kernel_shape=[2,2] pads=[0,0,1,1]", "Relu", true, false},
    };
    const int64_t nhwc[4] = {1, 37, 50, 3};
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct nn_model *plain = stem_model(NN_BACKEND_REF, NN_CPU_AUTO, &kinds[i]);
        for (int t = 0; t < TIERS; t++) {
            const char *missing;
            if (!cpu_has_tier(tiers[t], &missing))
                continue;
            struct nn_model *model = stem_model(NN_BACKEND_CPU, tiers[t], &kinds[i]);
            struct run want = run(plain, nhwc, NULL), got = run(model, nhwc, NULL);
            assert_int_not_equal(got.group, STEPS);
            check_near(&want, &got);
            nn_exec_free(want.exec);
            nn_exec_free(got.exec);
            nn_model_free(model);
        }
        nn_model_free(plain);
    }
}

/* ---- in 8 bits ------------------------------------------------------------------------------ */

enum { RANGED = 3, MOST_CHANNELS = 48 };

/* Between what numbers the inputs of the convolutions behind the first lie. */
struct seen {
    float low[RANGED][MOST_CHANNELS], high[RANGED][MOST_CHANNELS];
    double sum[RANGED][MOST_CHANNELS], pixels[RANGED];
};

static const char *const ranged[RANGED] = {"Conv.3", "Conv.5", "Conv.8"};
static const size_t ranged_channels[RANGED] = {24, 12, 48};

static void see(void *context, const struct nn_node *node, enum nn_observed what, const float *x,
                size_t rows, size_t c, ptrdiff_t pitch)
{
    struct seen *seen = context;
    for (int i = 0; i < RANGED; i++) {
        if (strcmp(node->name, ranged[i]) != 0)
            continue;
        assert_int_equal(what, NN_OBSERVED_X);
        assert_int_equal(c, ranged_channels[i]);
        seen->pixels[i] += (double)rows;
        for (size_t k = 0; k < rows * c; k++) {
            const float v = x[(ptrdiff_t)(k / c) * pitch + (ptrdiff_t)(k % c)];
            seen->low[i][k % c] = fminf(seen->low[i][k % c], v);
            seen->high[i][k % c] = fmaxf(seen->high[i][k % c], v);
            seen->sum[i][k % c] += (double)v;
        }
    }
}

/* What an observer sees of a stem of this kind. */
static struct seen observe(const struct kind *kind)
{
    static const int64_t nhwc[4] = {1, 60, 82, 3};
    struct seen seen = {0};
    const struct nn_observer observer = {see, &seen};
    struct nn_model *model = stem_model(NN_BACKEND_CPU, NN_CPU_PORTABLE, kind);
    struct nn_exec *exec;
    assert_int_equal(nn_exec_create(&exec, model, NULL, 0, NULL), SE_OK);
    nn_exec_observe(exec, &observer);
    assert_int_equal(nn_exec_prepare(exec, nhwc, NULL), SE_OK);
    fill(nn_exec_input(exec), nhwc);
    assert_int_equal(nn_exec_run(exec, NULL, NULL), SE_OK);
    for (int i = 0; i < RANGED; i++) /* every pixel once, of half the input's sides */
        assert_true(seen.pixels[i] == 30 * 41);
    nn_exec_free(exec);
    nn_model_free(model);
    return seen;
}

static int16_t numbers[RANGED][NN_RANGE_NUMBERS * MOST_CHANNELS];

static struct nn_range range_of(int i)
{
    return (struct nn_range){ranged[i], numbers[i],
                             NN_RANGE_NUMBERS * ranged_channels[i] * sizeof(**numbers), NULL, 0};
}

/* The ranges of what was seen, in `numbers`. */
static void find_ranges(const struct seen *seen, struct nn_range out[RANGED])
{
    for (int i = 0; i < RANGED; i++) {
        const size_t channels = ranged_channels[i];
        for (size_t c = 0; c < channels; c++) {
            int16_t *of = numbers[i] + NN_RANGE_NUMBERS * c;
            of[0] = (int16_t)lrintf(seen->low[i][c] * NN_RANGE_UNIT);
            of[1] = (int16_t)(lrintf(seen->high[i][c] * NN_RANGE_UNIT) + 1);
            of[2] = (int16_t)lrint(seen->sum[i][c] / seen->pixels[i] * NN_RANGE_UNIT);
        }
        out[i] = range_of(i);
    }
}

/* Rounding alone, of weights of noise: up to 6 % on average. Not the same, or nothing was in 8
 * bits. */
static void check_close(const struct run *want, const struct run *got)
{
    double squares = 0, differences = 0;
    assert_int_equal(want->count, got->count);
    for (size_t i = 0; i < want->count; i++) {
        squares += pow((double)want->out[i], 2);
        differences += pow((double)want->out[i] - (double)got->out[i], 2);
    }
    if (!(differences > 0 && differences <= 0.08 * 0.08 * squares))
        fail_msg("in 8 bits off by %g on average", sqrt(differences / squares));
}

static const int64_t eight_sizes[][2] = {{3, 3},   {4, 5},   {7, 64},  {48, 65},
                                         {31, 66}, {65, 31}, {130, 9}, {151, 63}};

static void check_eight_bits(const struct nn_model *plain, const struct nn_model *model,
                             void (*check)(const struct run *, const struct run *))
{
    struct pool *pool;
    assert_int_equal(pool_create(&pool, 3, NULL), SE_OK);
    for (size_t i = 0; i < sizeof(eight_sizes) / sizeof(eight_sizes[0]); i++) {
        const int64_t nhwc[4] = {1 + (int64_t)(i % 3), eight_sizes[i][0], eight_sizes[i][1], 3};
        struct run want = run(plain, nhwc, NULL), got = run(model, nhwc, NULL);
        struct run shared = run(model, nhwc, pool);
        assert_int_equal(got.group, STEPS);
        check(&want, &got);
        assert_memory_equal(got.out, shared.out, got.count * sizeof(float));
        nn_exec_free(want.exec);
        nn_exec_free(got.exec);
        nn_exec_free(shared.exec);
    }
    pool_free(pool);
}

static void check_tiers(const struct kind *kind, const struct nn_range ranges[RANGED],
                        void (*check)(const struct run *, const struct run *))
{
    struct nn_model *plain = stem_model(NN_BACKEND_REF, NN_CPU_AUTO, kind);
    /* Tiers differ in the first convolution, too: halves are exact in all. */
    for (int tier = NN_CPU_PORTABLE; tier <= NN_CPU_AMX_BF16; tier++) {
        const char *missing;
        if (!cpu_has_tier((enum nn_cpu_tier)tier, &missing))
            continue;
        const struct nn_model_options options = {
            .cpu = (enum nn_cpu_tier)tier, .ranges = ranges, .range_count = RANGED};
        struct nn_model *model = build_stem(&options, kind);
        check_eight_bits(plain, model, check);
        nn_model_free(model);
    }
    nn_model_free(plain);
}

static void test_eight_bits(void **state)
{
    (void)state;
    const struct seen seen = observe(&usual);
    struct nn_range ranges[RANGED];
    find_ranges(&seen, ranges);
    check_tiers(&usual, ranges, check_close);
}

/* Where all numbers are halves, and so are the steps of 8 bits, nothing is lost. */
static void test_eight_bits_of_halves(void **state)
{
    struct nn_range ranges[RANGED];
    (void)state;
    for (int i = 0; i < RANGED; i++) {
        for (size_t c = 0; c < ranged_channels[i]; c++) {
            numbers[i][NN_RANGE_NUMBERS * c] = 0;
            numbers[i][NN_RANGE_NUMBERS * c + 1] = 255 * NN_RANGE_UNIT / 2;
            numbers[i][NN_RANGE_NUMBERS * c + 2] = 4 * NN_RANGE_UNIT;
        }
        ranges[i] = range_of(i);
    }
    check_tiers(&ones, ranges, check_near);
}

/* A stem with ranges that is no whole stem stays in float32. */
static void test_eight_bits_elsewhere(void **state)
{
    static const struct kind other = {"kernel_shape=[2,2] pads=[0,0,1,1]", "Relu", true, false};
    const int64_t nhwc[4] = {1, 37, 50, 3};
    (void)state;
    const struct seen seen = observe(&other);
    struct nn_range ranges[RANGED];
    find_ranges(&seen, ranges);
    const struct nn_model_options options = {.ranges = ranges, .range_count = RANGED};
    struct nn_model *single = stem_model(NN_BACKEND_CPU, NN_CPU_AUTO, &other);
    struct nn_model *eight = build_stem(&options, &other);
    struct run want = run(single, nhwc, NULL), got = run(eight, nhwc, NULL);
    assert_int_not_equal(got.group, STEPS);
    assert_memory_equal(want.out, got.out, want.count * sizeof(float));
    nn_exec_free(want.exec);
    nn_exec_free(got.exec);
    nn_model_free(single);
    nn_model_free(eight);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_large_in_bf16),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_eight_bits),
        cmocka_unit_test(test_eight_bits_of_halves),
        cmocka_unit_test(test_eight_bits_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
