/*
 * The detector and the recognizer on the GPU backend, behind the driver of the tests: every tensor
 * against the reference, and what must not change a bit: the batch, the way an FFN is done, the
 * order of threads, a second run.
 *
 *   test_cuda_models     models in $SERIALEYE_MODELS, else in the user's data folder
 *
 * Exit status 77 (skipped) without models.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_start.h"
#include "../model_run.h"

static struct fake_controls *fake;

/* Images of a batch are alike. */
static struct model_run start(const char *path, const struct nn_model_options *options,
                              const int64_t nhwc[4], bool keep_all)
{
    const struct model_run_options how = {.keep_all = keep_all, .alike = true};
    return model_run_start(path, options, nhwc, &how);
}

/* Root of the mean square of the difference, relative to that of `a`: what many roundings to half
 * add up to. */
static double difference(const float *a, const float *b, int64_t count)
{
    double error = 0, size = 1e-9;
    for (int64_t i = 0; i < count; i++) {
        const double d = (double)a[i] - (double)b[i];
        error += d * d;
        size += (double)a[i] * (double)a[i];
    }
    return sqrt(error / size);
}

static const struct nn_model_options gpu = {.backend = NN_BACKEND_GPU};

static void check_model(const char *path, const int64_t nhwc[4])
{
    const struct nn_model_options plain = {.backend = NN_BACKEND_REF, .no_fusion = true};
    const struct nn_model_options unfused = {.backend = NN_BACKEND_GPU, .no_fusion = true};
    const struct nn_model_options *const others[] = {&gpu, &unfused};
    /* Unfused, every tensor of the file is rounded to half, inside of what is fused otherwise too.
     */
    static const double limits[][2] = {{3e-2, 1e-2}, {6e-2, 2e-2}};
    struct model_run oracle = start(path, &plain, nhwc, true);
    for (size_t i = 0; i < 2; i++) {
        struct model_run run = start(path, others[i], nhwc, true);
        assert_true(model_run_compare(&oracle, &run, limits[i][0], difference) > 80);
        model_run_end(&run);
        run = start(path, others[i], nhwc, false); /* memory shared */
        assert_true(nn_shape_equal(&oracle.shape, &run.shape));
        const double d = difference(oracle.out, run.out, run.count);
        print_message("%s: output differs by %.2g\n", strrchr(path, '/') + 1, d);
        assert_true(d < limits[i][1]);
        assert_int_equal(nn_exec_runs(run.exec).gpu, 1);
        model_run_end(&run);
    }
    model_run_end(&oracle);
}

static void test_detector(void **state)
{
    const int64_t nhwc[4] = {1, 64, 96, 3};
    (void)state;
    check_model(model_detector, nhwc);
}

static void test_recognizer(void **state)
{
    const int64_t nhwc[4] = {2, 48, 64, 3};
    (void)state;
    check_model(model_recognizer, nhwc);
}

/* The recognizer as it is used: some classes chosen. */
static int32_t columns[200];
static struct nn_model_options selected(enum nn_backend_kind backend)
{
    enum { COUNT = sizeof(columns) / sizeof(columns[0]) };
    for (int i = 0; i < COUNT; i++)
        columns[i] = i % 2 ? 18709 - i : i;
    return (struct nn_model_options){
        .backend = backend, .head_columns = columns, .head_column_count = COUNT};
}

static void test_selected_head(void **state)
{
    const int64_t nhwc[4] = {2, 48, 96, 3};
    const struct nn_model_options ref = selected(NN_BACKEND_REF), on_gpu = selected(NN_BACKEND_GPU);
    (void)state;
    struct model_run oracle = start(model_recognizer, &ref, nhwc, false);
    struct model_run run = start(model_recognizer, &on_gpu, nhwc, false);
    assert_true(nn_shape_equal(&oracle.shape, &run.shape));
    const int64_t row = run.shape.dims[2];
    for (int64_t i = 0; i < run.count; i++) {
        const double want = (double)oracle.out[i], got = (double)run.out[i];
        if (i % row == row - 2)
            assert_true(want == got); /* the most likely class */
        else if (!(fabs(exp(want) - exp(got)) < 0.01) || !(fabs(want - got) < 0.1 + 0.01 * -want))
            fail_msg("log-probability %lld is %g, not %g", (long long)i, got, want);
    }
    model_run_end(&run);
    model_run_end(&oracle);
}

/* out of `a` and `b`, bit by bit, the first `count`. */
static void expect_same(const char *what, const struct model_run *a, const struct model_run *b,
                        int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (memcmp(&a->out[i], &b->out[i], sizeof(float)) != 0)
            fail_msg("%s: element %lld is %g, not %g", what, (long long)i, (double)b->out[i],
                     (double)a->out[i]);
}

static void check_bits(const char *path, const struct nn_model_options *options, int64_t h,
                       int64_t w)
{
    const int64_t one[4] = {1, h, w, 3}, three[4] = {3, h, w, 3};
    struct model_run alone = start(path, options, one, false);
    struct model_run many = start(path, options, three, false);
    expect_same("first of three", &alone, &many, alone.count);
    many.out += 2 * alone.count;
    expect_same("third of three", &alone, &many, alone.count);
    model_run_end(&many);
    fake->backwards = 1;
    many = start(path, options, one, false);
    expect_same("threads backwards", &alone, &many, alone.count);
    fake->backwards = 0;
    model_run_end(&many);
    fake->multiprocessors = 1000; /* every FFN as two products */
    many = start(path, options, one, false);
    expect_same("two products", &alone, &many, alone.count);
    model_run_end(&many);
    fake->multiprocessors = 1; /* every FFN fused */
    many = start(path, options, one, false);
    expect_same("fused", &alone, &many, alone.count);
    fake->multiprocessors = 4;
    se_error err;
    assert_int_equal(nn_exec_run(many.exec, NULL, &err), SE_OK);
    many.out = nn_exec_output(many.exec, &many.shape);
    expect_same("second run", &alone, &many, alone.count);
    model_run_end(&many);
    model_run_end(&alone);
}

static void test_bits(void **state)
{
    const struct nn_model_options head = selected(NN_BACKEND_GPU);
    (void)state;
    check_bits(model_detector, &gpu, 64, 96);
    check_bits(model_recognizer, &head, 48, 96);
}

/* Steps one by one, as the profile runs them, and then the output of a usual run. */
static void test_profile(void **state)
{
    const int64_t nhwc[4] = {1, 32, 64, 3};
    (void)state;
    struct model_run run = start(model_detector, &gpu, nhwc, false);
    float *before = malloc((size_t)run.count * sizeof(float));
    struct nn_step_profile rows[200];
    size_t count;
    se_error err;
    assert_non_null(before);
    memcpy(before, run.out, (size_t)run.count * sizeof(float));
    assert_true(nn_exec_step_count(run.exec) <= 200);
    assert_int_equal(nn_exec_profile(run.exec, 2, rows, &count, &err), SE_OK);
    assert_int_equal(count, nn_exec_step_count(run.exec));
    assert_memory_equal(nn_exec_output(run.exec, &run.shape), before,
                        (size_t)run.count * sizeof(float));
    free(before);
    model_run_end(&run);
}

/* Bytes of the device's memory that an exec takes for the largest of some inputs. */
static double megabytes_for(struct nn_exec *exec, const int64_t (*inputs)[4], size_t count)
{
    const long long before = fake->allocated_bytes;
    for (size_t i = 0; i < count; i++)
        assert_int_equal(nn_exec_warm(exec, inputs[i], NULL), SE_OK);
    return (double)(fake->allocated_bytes - before) / (1 << 20);
}

/* What a picture takes at the default batch of 4 lines: 500 MiB at most, all looks together. Only
 * allocations count, so that nothing is computed. */
static void test_memory(void **state)
{
    /* The first look; the largest that is not cut into bands; a square. */
    static const int64_t maps[][4] = {{1, 480, 640, 3}, {1, 960, 1280, 3}, {1, 736, 736, 3}};
    /* Short lines, and as long as there can be four of. */
    static const int64_t lines[][4] = {{4, 48, 320, 3}, {4, 48, 640, 3}, {4, 48, 1600, 3}};
    static const struct nn_map_params params = {0.3F, 1, 0.1F};
    const struct nn_model_options head = selected(NN_BACKEND_GPU);
    struct nn_model *detector, *recognizer;
    struct nn_exec *det, *rec;
    (void)state;
    if (fake_is_real())
        skip();
    assert_int_equal(nn_model_load(&detector, model_detector, &gpu, NULL), SE_OK);
    assert_int_equal(nn_model_load(&recognizer, model_recognizer, &head, NULL), SE_OK);
    const double weights = (double)fake->allocated_bytes / (1 << 20);
    assert_int_equal(nn_exec_create(&det, detector, NULL, 0, NULL), SE_OK);
    assert_int_equal(nn_exec_create(&rec, recognizer, NULL, 0, NULL), SE_OK);
    nn_exec_reduce(det, &params);
    const double first = megabytes_for(det, maps, 1) + megabytes_for(rec, lines, 2);
    const double rest = megabytes_for(det, maps, 3) + megabytes_for(rec, lines, 3);
    /* A picture's bytes, 4000 x 3000 at most before it is cut into rows, for each network. */
    const double pictures = 2.0 * 4000 * 3000 * 3 / (1 << 20);
    print_message("weights %.1f MiB, a first look %.1f MiB more, all looks %.1f MiB more, pictures "
                  "%.1f MiB at most\n",
                  weights, first, rest, pictures);
    assert_true(weights + first < 100);
    assert_true(weights + first + rest + pictures < 500);
    nn_exec_free(rec);
    nn_exec_free(det);
    nn_model_free(recognizer);
    nn_model_free(detector);
    assert_int_equal(fake->allocations, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_detector),      cmocka_unit_test(test_recognizer),
        cmocka_unit_test(test_selected_head), cmocka_unit_test(test_bits),
        cmocka_unit_test(test_profile),       cmocka_unit_test(test_memory),
    };
    if (!model_find())
        return MODEL_EXIT_SKIP;
    fake = fake_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
