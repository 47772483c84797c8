/*
 * The detector and the model_recognizer, if they are there: every tensor of the CPU backend against
 * the reference, fused against unfused, the selected head against the full one, and guards between
 * tensors.
 *
 *   test_models_run                 models in $SERIALEYE_MODELS, else in the user's data folder
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

#include "nn/cpu/cpu_detect.h"
#include "model_run.h"

static struct model_run start_with(const char *path, const struct nn_model_options *options,
                                   const int64_t nhwc[4], bool keep_all, struct pool *pool)
{
    const struct model_run_options how = {.keep_all = keep_all, .pool = pool};
    return model_run_start(path, options, nhwc, &how);
}

static struct model_run start(const char *path, const struct nn_model_options *options,
                              const int64_t nhwc[4], bool keep_all)
{
    return start_with(path, options, nhwc, keep_all, NULL);
}

/* Largest difference relative to the largest number. */
static double difference(const float *a, const float *b, int64_t count)
{
    double worst = 0, scale = 1e-3;
    for (int64_t i = 0; i < count; i++) {
        const double d = fabs((double)a[i] - (double)b[i]);
        worst = d <= worst ? worst : d;
        scale = fmax(scale, fabs((double)a[i]));
    }
    return worst / scale;
}

/* The best one that this machine has, and others that it is not. */
static const enum nn_cpu_tier tested_tiers[] = {NN_CPU_AUTO, NN_CPU_AMX_BF16, NN_CPU_AVX512_BF16,
                                                NN_CPU_AVX512, NN_CPU_PORTABLE};
enum { TESTED_TIERS = sizeof(tested_tiers) / sizeof(tested_tiers[0]) };

static bool has_tier(enum nn_cpu_tier tier)
{
    const char *missing;
    if (cpu_has_tier(tier, &missing))
        return true;
    print_message("SKIP tier %s: this machine lacks %s\n", nn_cpu_tier_name(tier), missing);
    return false;
}

/*
 * Products of the tier amx have errors of up to 3·2^-16 of each (docs/decisions/0013-amx.md), about
 * 2^-18 of the largest number in what they make. The worst tensor is an erf that is not fused: its
 * input reaches 50 or so and it is 1 at most, so the error is 50·2^-18 = 2e-4 of its largest.
 */
static const double SPLIT_LIMIT = 3e-4;

/* Logits of the recognizer are 20 or so, sums of sizes of up to ten times that: 200·2^-18/2 = 4e-4
 * of a probability, which are at most 0.25 for the noise of these tests; measured 1.0e-4. */
static const double SPLIT_LOG = 1e-3, SPLIT_OUT = 2e-4;

/* Products of bfloat16 have errors of up to 2^-7 of each, 170 times as large, and those of tensors
 * grow from layer to layer: of the noise of these tests up to 0.08 of the largest number. Each
 * product is held to its own limit by test_kernels. */
static const double BF16_LIMIT = 0.12, BF16_OUT = 0.05;

/* How far tensors may be off, and what comes out, in parts of their largest number. */
static double limit_of(const struct model_run *run, bool out)
{
    if (strcmp(nn_model_precision_name(run->model), "bf16") == 0)
        return out ? BF16_OUT : BF16_LIMIT;
    if (strcmp(nn_model_backend_name(run->model), "cpu amx") == 0)
        return out ? SPLIT_OUT : SPLIT_LIMIT;
    return 1e-4;
}

static void check_model(const char *path, const int64_t nhwc[4], int at_least)
{
    const struct nn_model_options plain = {.backend = NN_BACKEND_REF, .no_fusion = true};
    const struct nn_model_options others[] = {
        {.backend = NN_BACKEND_REF},
        {.backend = NN_BACKEND_CPU},
        {.backend = NN_BACKEND_CPU, .cpu = NN_CPU_AMX_BF16},
        {.backend = NN_BACKEND_CPU, .cpu = NN_CPU_AVX512_BF16},
        {.backend = NN_BACKEND_CPU, .cpu = NN_CPU_PORTABLE},
        {.backend = NN_BACKEND_CPU, .cpu = NN_CPU_AVX512},
        {.backend = NN_BACKEND_CPU, .no_fusion = true},
    };
    struct model_run oracle = start(path, &plain, nhwc, true);
    struct nn_shape shape, shape2;
    const float *expected = nn_exec_output(oracle.exec, &shape);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (!has_tier(others[i].cpu))
            continue;
        struct model_run run = start(path, &others[i], nhwc, true);
        const int compared = model_run_compare(&oracle, &run, limit_of(&run, false), difference);
        if (compared < at_least)
            fail_msg("only %d tensors in common", compared);
        model_run_end(&run);
        run = start(path, &others[i], nhwc, false); /* memory shared */
        const float *out = nn_exec_output(run.exec, &shape2);
        assert_true(nn_shape_equal(&shape, &shape2));
        int64_t count;
        assert_true(nn_shape_count(&shape, &count));
        assert_true(difference(expected, out, count) < limit_of(&run, true));
        assert_true(nn_exec_planned(run.exec)->arena_bytes <
                    nn_exec_planned(oracle.exec)->arena_bytes / 4);
        model_run_end(&run);
    }
    model_run_end(&oracle);
}

static void test_detector(void **state)
{
    const int64_t nhwc[4] = {1, 64, 96, 3};
    (void)state;
    check_model(model_detector, nhwc, 80);
}

static void test_recognizer(void **state)
{
    const int64_t nhwc[4] = {2, 48, 64, 3};
    (void)state;
    check_model(model_recognizer, nhwc, 80);
}

/* All blocks are fused: what is left is about one step per block. */
static void test_fused(void **state)
{
    const struct nn_model_options options = {.backend = NN_BACKEND_REF};
    const int64_t det[4] = {1, 32, 32, 3}, rec[4] = {1, 48, 32, 3};
    (void)state;
    struct model_run run = start(model_detector, &options, det, false);
    assert_int_equal(nn_exec_planned(run.exec)->plan.step_count, 95);
    model_run_end(&run);
    run = start(model_recognizer, &options, rec, false);
    assert_int_equal(nn_exec_planned(run.exec)->plan.step_count, 68);
    for (int32_t i = 0; i < 68; i++)
        assert_int_not_equal(nn_exec_planned(run.exec)->plan.steps[i].op, NN_OP_COPY);
    model_run_end(&run);
}

/* Is the stem, its first layer and those that read it, one group? */
static bool has_stem_group(const struct model_run *run)
{
    const struct nn_step *first = nn_exec_planned(run->exec)->plan.steps;
    return first->op == NN_OP_CONV && first->group >= 3;
}

/* Groups of steps that leave out what is between them, and groups in all. */
static int count_groups(const struct model_run *run, int *leaving_out)
{
    const struct nn_plan *plan = &nn_exec_planned(run->exec)->plan;
    int groups = 0;
    *leaving_out = 0;
    for (int32_t i = 0; i < plan->step_count; i += plan->steps[i].group) {
        groups += plan->steps[i].group > 1;
        *leaving_out += plan->steps[i].group > 1 && plan->steps[i].op == NN_OP_DWCONV &&
                        plan->steps[i + 1].op != NN_OP_GAP;
    }
    return groups;
}

/* Steps done band by band give what they give one by one, and the same whatever the threads. */
static void test_bands(void **state)
{
    static const int64_t sizes[][4] = {{1, 416, 320, 3}, {2, 320, 352, 3}};
    (void)state;
    for (size_t t = 0; t < TESTED_TIERS; t++) {
        const struct nn_model_options options = {.backend = NN_BACKEND_CPU, .cpu = tested_tiers[t]};
        if (!has_tier(options.cpu))
            continue;
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            struct model_run whole = start(model_detector, &options, sizes[i], true);
            struct model_run one = start(model_detector, &options, sizes[i], false);
            struct nn_shape shape;
            int64_t count;
            int leaving_out;
            const float *want = nn_exec_output(whole.exec, &shape);
            const float *got = nn_exec_output(one.exec, &shape);
            assert_true(nn_shape_count(&shape, &count));
            assert_true(difference(want, got, count) < 1e-5);
            count_groups(&whole, &leaving_out);
            assert_int_equal(leaving_out, 0);
            assert_false(has_stem_group(&whole));
            assert_true(has_stem_group(&one));
            assert_true(count_groups(&one, &leaving_out) >= 3);
            assert_true(leaving_out >= 2);
            for (int threads = 2; threads <= 3; threads++) {
                struct pool *pool;
                se_error err;
                assert_int_equal(pool_create(&pool, threads, &err), SE_OK);
                struct model_run more = start_with(model_detector, &options, sizes[i], false, pool);
                assert_memory_equal(got, nn_exec_output(more.exec, &shape),
                                    (size_t)count * sizeof(float));
                model_run_end(&more);
                pool_free(pool);
            }
            model_run_end(&one);
            model_run_end(&whole);
        }
    }
}

enum { HEAD_COLUMNS = 6 };
static const int32_t head_columns[HEAD_COLUMNS] = {0, 1, 17, 18709, 500, 2};

/* A step's chosen columns against the probabilities of all classes. loose: of another tier. */
static void check_head_step(const float *out, const float *row, int64_t classes, bool loose)
{
    int64_t best = 0;
    double rest = 1;
    for (int64_t i = 0; i < classes; i++)
        best = row[i] > row[best] ? i : best;
    for (int i = 0; i < HEAD_COLUMNS; i++) {
        const double expected = (double)row[head_columns[i]];
        assert_true(fabs(exp((double)out[i]) - expected) <
                    (loose ? SPLIT_LOG * expected + 1e-5 : 1e-5));
        rest -= expected;
    }
    assert_true(fabs(exp((double)out[HEAD_COLUMNS]) - rest) < 1e-4);
    assert_true(out[HEAD_COLUMNS + 1] == (float)best);
    assert_true(fabs((double)out[HEAD_COLUMNS + 2] - log((double)row[best])) <
                (loose ? SPLIT_LOG : 1e-4));
}

/* The selected head against all classes; that of bfloat16 against its own. */
static void test_selected_head(void **state)
{
    static const struct {
        struct nn_model_options all, chosen;
    } pairs[] = {
        {{.backend = NN_BACKEND_REF}, {.backend = NN_BACKEND_REF}},
        {{.backend = NN_BACKEND_REF}, {.backend = NN_BACKEND_CPU}},
        {{.backend = NN_BACKEND_CPU, .cpu = NN_CPU_AMX_BF16},
         {.backend = NN_BACKEND_CPU, .cpu = NN_CPU_AMX_BF16}},
        {{.backend = NN_BACKEND_CPU, .cpu = NN_CPU_AVX512_BF16},
         {.backend = NN_BACKEND_CPU, .cpu = NN_CPU_AVX512_BF16}},
    };
    const int64_t nhwc[4] = {1, 48, 96, 3};
    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct nn_model_options options = pairs[i].chosen;
        struct nn_shape shape, chosen;
        if (!has_tier(options.cpu))
            continue;
        options.head_columns = head_columns;
        options.head_column_count = HEAD_COLUMNS;
        struct model_run all = start(model_recognizer, &pairs[i].all, nhwc, false);
        struct model_run run = start(model_recognizer, &options, nhwc, false);
        const int64_t classes = nn_model_output_columns(all.model);
        const float *p = nn_exec_output(all.exec, &shape);
        const float *out = nn_exec_output(run.exec, &chosen);
        const bool loose = pairs[i].all.backend == NN_BACKEND_REF &&
                           strcmp(nn_model_backend_name(run.model), "cpu amx") == 0;
        assert_int_equal(classes, shape.dims[2]);
        assert_int_equal(chosen.dims[1], shape.dims[1]);
        assert_int_equal(nn_model_output_columns(run.model), classes);
        for (int64_t t = 0; t < shape.dims[1]; t++, out += HEAD_COLUMNS + NN_SELECT_EXTRA)
            check_head_step(out, p + t * classes, classes, loose);
        model_run_end(&run);
        model_run_end(&all);
    }
}

static void test_characters(void **state)
{
    const struct nn_model_options options = {.backend = NN_BACKEND_CPU};
    struct nn_model *model;
    se_error err;
    size_t size, lines = 0;
    (void)state;
    assert_int_equal(nn_model_load(&model, model_recognizer, &options, &err), SE_OK);
    const char *text = nn_model_metadata(model, "character", &size);
    assert_non_null(text);
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    /* the blank before them and a space behind them */
    assert_in_range(nn_model_output_columns(model), lines + 1, lines + 3);
    nn_model_free(model);
}

/* The first image comes out the same, bit by bit, whatever the company it is in. */
static void test_company(void **state)
{
    static const int64_t widths[] = {160, 480};
    (void)state;
    for (size_t t = 0; t < TESTED_TIERS; t++) {
        const struct nn_model_options options = {.backend = NN_BACKEND_CPU, .cpu = tested_tiers[t]};
        if (!has_tier(options.cpu))
            continue;
        for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
            struct model_run alone =
                start(model_recognizer, &options, (int64_t[4]){1, 48, widths[i], 3}, false);
            struct model_run three =
                start(model_recognizer, &options, (int64_t[4]){3, 48, widths[i], 3}, false);
            struct nn_shape shape;
            int64_t count;
            const float *want = nn_exec_output(alone.exec, &shape);
            assert_true(nn_shape_count(&shape, &count));
            assert_memory_equal(want, nn_exec_output(three.exec, &shape),
                                (size_t)count * sizeof(float));
            model_run_end(&alone);
            model_run_end(&three);
        }
    }
}

static void fill_stripes(float *to, const int64_t nhwc[4])
{
    const int64_t count = nhwc[0] * nhwc[1] * nhwc[2] * 3;
    for (int64_t i = 0; i < count; i++)
        to[i] = (float)sin((double)i * 0.37) * (float)cos((double)(i / 3 % nhwc[2]) * 0.21);
}

/* Lines of several widths as a set come out as they do alone, bit by bit. */
static void test_set(void **state)
{
    static const int64_t inputs[][4] = {{1, 48, 64, 3}, {2, 48, 96, 3}, {1, 48, 480, 3}};
    enum { INPUTS = sizeof(inputs) / sizeof(inputs[0]) };
    struct pool *pool;
    (void)state;
    assert_int_equal(pool_create(&pool, 2, NULL), SE_OK);
    for (size_t t = 0; t < TESTED_TIERS; t++) {
        const struct nn_model_options options = {.backend = NN_BACKEND_CPU,
                                                 .cpu = tested_tiers[t],
                                                 .head_columns = head_columns,
                                                 .head_column_count = HEAD_COLUMNS};
        if (!has_tier(options.cpu))
            continue;
        struct model_run set = start_with(model_recognizer, &options, inputs[0], false, pool);
        assert_int_equal(nn_exec_prepare_set(set.exec, inputs, INPUTS, NULL), SE_OK);
        for (int i = 0; i < INPUTS; i++)
            fill_stripes(nn_exec_set_input(set.exec, i), inputs[i]);
        assert_int_equal(nn_exec_run(set.exec, NULL, NULL), SE_OK);
        for (int i = 0; i < INPUTS; i++) {
            struct model_run alone = start(model_recognizer, &options, inputs[i], false);
            struct nn_shape shape;
            const float *out = nn_exec_set_output(set.exec, i, &shape);
            fill_stripes(nn_exec_input(alone.exec), inputs[i]);
            assert_int_equal(nn_exec_run(alone.exec, NULL, NULL), SE_OK);
            assert_true(nn_shape_equal(&shape, &alone.shape));
            assert_memory_equal(out, alone.out, (size_t)alone.count * sizeof(float));
            model_run_end(&alone);
        }
        model_run_end(&set);
    }
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_detector),      cmocka_unit_test(test_recognizer),
        cmocka_unit_test(test_fused),         cmocka_unit_test(test_bands),
        cmocka_unit_test(test_selected_head), cmocka_unit_test(test_characters),
        cmocka_unit_test(test_company),       cmocka_unit_test(test_set),
    };
    if (!model_find())
        return MODEL_EXIT_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
