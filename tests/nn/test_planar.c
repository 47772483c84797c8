/*
 * The stem of the text networks over planes (cpu_planar.c) against the plain reference: odd sizes,
 * several images, all tiers, any number of threads; and that it is left alone where it does not
 * fit.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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
};

static const struct kind usual = {"kernel_shape=[2,2] pads=[0,0,1,1]", "Relu", false};

static struct nn_model *stem_model(enum nn_backend_kind backend, enum nn_cpu_tier cpu,
                                   const struct kind *kind)
{
    const struct nn_model_options options = {.backend = backend, .cpu = cpu};
    struct onnx_build build;
    onnx_build_begin(&build, 11, 3);
    onnx_build_noise(&build, "wa", "24,3,3,3");
    onnx_build_noise(&build, "ba", "24");
    onnx_build_noise(&build, "wb", "12,24,2,2");
    onnx_build_noise(&build, "wc", "24,12,2,2");
    onnx_build_noise(&build, "wy", "24,48,3,3");
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
    return onnx_build_load(&build, "y", "stem", &options);
}

struct run {
    struct nn_exec *exec;
    const float *out;
    size_t count;
    int32_t group; /* of the first step */
};

static struct run run(const struct nn_model *model, const int64_t nhwc[4], struct pool *pool)
{
    struct run r;
    struct nn_shape shape;
    int64_t count;
    se_error err;
    uint32_t seed = 5;
    if (nn_exec_create(&r.exec, model, pool, 0, &err) != SE_OK ||
        nn_exec_prepare(r.exec, nhwc, &err) != SE_OK)
        fail_msg("%s", err.message);
    float *in = nn_exec_input(r.exec);
    for (int64_t i = 0; i < nhwc[0] * nhwc[1] * nhwc[2] * nhwc[3]; i++) {
        seed = seed * 1664525 + 1013904223;
        in[i] = (float)(seed >> 8) / (1 << 23) - 1;
    }
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
        {"kernel_shape=[2,2] pads=[0,0,1,1]", "Sigmoid", false},
        {"kernel_shape=[2,2] pads=[1,1,0,0]", "Relu", false},
        {"kernel_shape=[2,2] pads=[0,0,1,1]", "Relu", true},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_large_in_bf16),
        cmocka_unit_test(test_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
