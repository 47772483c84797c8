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
#include <sys/stat.h>

#include <cmocka.h>

#include "fake_start.h"
#include "nn/inspect.h"

static char detector[512], recognizer[512];
static struct fake_controls *fake;

static bool find_models(void)
{
    const char *folder = getenv("SERIALEYE_MODELS"), *home = getenv("HOME");
    char standard[400];
    struct stat info;
    if (!folder) {
        snprintf(standard, sizeof(standard), "%.300s/.local/share/serialeye/models",
                 home ? home : "");
        folder = standard;
    }
    snprintf(detector, sizeof(detector), "%.400s/PP-OCRv6_det_small.onnx", folder);
    snprintf(recognizer, sizeof(recognizer), "%.400s/PP-OCRv6_rec_small.onnx", folder);
    return stat(detector, &info) == 0 && stat(recognizer, &info) == 0;
}

struct run {
    struct nn_model *model;
    struct nn_exec *exec;
    const float *out;
    struct nn_shape shape;
    int64_t count; /* elements of the output */
};

/* Loads, prepares and runs pictures of soft stripes, all of a batch alike. */
static struct run start(const char *path, const struct nn_model_options *options,
                        const int64_t nhwc[4], bool keep_all)
{
    struct run run;
    se_error err = {0, ""};
    if (nn_model_load(&run.model, path, options, &err) != SE_OK ||
        (keep_all ? nn_exec_create_inspected(&run.exec, run.model, NULL, &err)
                  : nn_exec_create(&run.exec, run.model, NULL, 0, &err)) != SE_OK ||
        nn_exec_prepare(run.exec, nhwc, &err) != SE_OK)
        fail_msg("%s", err.message);
    float *to = nn_exec_input(run.exec);
    const int64_t pixels = nhwc[1] * nhwc[2] * nhwc[3];
    for (int64_t i = 0; i < nhwc[0] * pixels; i++) {
        const int64_t at = i % pixels, x = at / nhwc[3] % nhwc[2], y = at / nhwc[3] / nhwc[2];
        *to++ = (float)(sin(0.7 * (double)x) + sin(0.31 * (double)(x + 2 * y)) +
                        0.1 * (double)(i % nhwc[3]));
    }
    if (nn_exec_run(run.exec, NULL, &err) != SE_OK)
        fail_msg("%s", err.message);
    run.out = nn_exec_output(run.exec, &run.shape);
    assert_true(nn_shape_count(&run.shape, &run.count));
    return run;
}

static void end(struct run *run)
{
    nn_exec_free(run->exec);
    nn_model_free(run->model);
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

static int compare_tensors(const struct run *of, const struct run *other, double limit)
{
    int compared = 0;
    const size_t count = nn_exec_value_count(of->exec);
    for (size_t i = 0; i < nn_exec_value_count(other->exec); i++) {
        struct nn_shape shape, shape2;
        int64_t elements, elements2;
        const char *name = nn_exec_value_name(other->exec, i, &shape, &elements), *name2 = NULL;
        size_t k = 0;
        for (; name && k < count && (!name2 || strcmp(name, name2) != 0); k++)
            name2 = nn_exec_value_name(of->exec, k, &shape2, &elements2);
        if (!name || !name2 || strcmp(name, name2) != 0)
            continue;
        assert_int_equal(elements, elements2);
        float *a = malloc((size_t)elements * sizeof(float));
        float *b = malloc((size_t)elements * sizeof(float));
        assert_true(a && b);
        nn_exec_value_copy(of->exec, k - 1, a);
        nn_exec_value_copy(other->exec, i, b);
        const double d = difference(a, b, elements);
        if (!(d < limit))
            fail_msg("%s differs by %g", name, d);
        free(a);
        free(b);
        compared++;
    }
    return compared;
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
    struct run oracle = start(path, &plain, nhwc, true);
    for (size_t i = 0; i < 2; i++) {
        struct run run = start(path, others[i], nhwc, true);
        assert_true(compare_tensors(&oracle, &run, limits[i][0]) > 80);
        end(&run);
        run = start(path, others[i], nhwc, false); /* memory shared */
        assert_true(nn_shape_equal(&oracle.shape, &run.shape));
        const double d = difference(oracle.out, run.out, run.count);
        print_message("%s: output differs by %.2g\n", strrchr(path, '/') + 1, d);
        assert_true(d < limits[i][1]);
        assert_int_equal(nn_exec_runs(run.exec).gpu, 1);
        end(&run);
    }
    end(&oracle);
}

static void test_detector(void **state)
{
    const int64_t nhwc[4] = {1, 64, 96, 3};
    (void)state;
    check_model(detector, nhwc);
}

static void test_recognizer(void **state)
{
    const int64_t nhwc[4] = {2, 48, 64, 3};
    (void)state;
    check_model(recognizer, nhwc);
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
    struct run oracle = start(recognizer, &ref, nhwc, false);
    struct run run = start(recognizer, &on_gpu, nhwc, false);
    assert_true(nn_shape_equal(&oracle.shape, &run.shape));
    const int64_t row = run.shape.dims[2];
    for (int64_t i = 0; i < run.count; i++) {
        const double want = (double)oracle.out[i], got = (double)run.out[i];
        if (i % row == row - 2)
            assert_true(want == got); /* the most likely class */
        else if (!(fabs(exp(want) - exp(got)) < 0.01) || !(fabs(want - got) < 0.1 + 0.01 * -want))
            fail_msg("log-probability %lld is %g, not %g", (long long)i, got, want);
    }
    end(&run);
    end(&oracle);
}

/* out of `a` and `b`, bit by bit, the first `count`. */
static void expect_same(const char *what, const struct run *a, const struct run *b, int64_t count)
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
    struct run alone = start(path, options, one, false);
    struct run many = start(path, options, three, false);
    expect_same("first of three", &alone, &many, alone.count);
    many.out += 2 * alone.count;
    expect_same("third of three", &alone, &many, alone.count);
    end(&many);
    fake->backwards = 1;
    many = start(path, options, one, false);
    expect_same("threads backwards", &alone, &many, alone.count);
    fake->backwards = 0;
    end(&many);
    fake->multiprocessors = 1000; /* every FFN as two products */
    many = start(path, options, one, false);
    expect_same("two products", &alone, &many, alone.count);
    end(&many);
    fake->multiprocessors = 1; /* every FFN fused */
    many = start(path, options, one, false);
    expect_same("fused", &alone, &many, alone.count);
    fake->multiprocessors = 4;
    se_error err;
    assert_int_equal(nn_exec_run(many.exec, NULL, &err), SE_OK);
    many.out = nn_exec_output(many.exec, &many.shape);
    expect_same("second run", &alone, &many, alone.count);
    end(&many);
    end(&alone);
}

static void test_bits(void **state)
{
    const struct nn_model_options head = selected(NN_BACKEND_GPU);
    (void)state;
    check_bits(detector, &gpu, 64, 96);
    check_bits(recognizer, &head, 48, 96);
}

/* Steps one by one, as the profile runs them, and then the output of a usual run. */
static void test_profile(void **state)
{
    const int64_t nhwc[4] = {1, 32, 64, 3};
    (void)state;
    struct run run = start(detector, &gpu, nhwc, false);
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
    end(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_detector),      cmocka_unit_test(test_recognizer),
        cmocka_unit_test(test_selected_head), cmocka_unit_test(test_bits),
        cmocka_unit_test(test_profile),
    };
    if (!find_models()) {
        printf("SKIP: no %s; fetch the models, or name their folder in SERIALEYE_MODELS\n",
               detector);
        return 77;
    }
    fake = fake_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
