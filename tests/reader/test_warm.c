/*
 * What a GPU gets ready before the first picture, on the driver of the tests. argv: a small model
 * with three input channels.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_start.h"
#include "nn/gpu_info.h"
#include "reader/slots.h"

enum { SLOTS = 3 };

static struct fake_controls *fake;
static struct nn_model *model;
static const char *path;

/* ---- what --------------------------------------------------------------------------------- */

static struct warm plan_with(const char *name, const char *value)
{
    se_settings *settings;
    struct warm warm;
    assert_int_equal(se_settings_new(&settings, NULL), SE_OK);
    if (name)
        assert_int_equal(se_settings_set(settings, name, value, NULL, NULL), SE_OK);
    warm_plan(settings_values_of(settings), &warm);
    se_settings_free(settings);
    return warm;
}

static int64_t pixels_of(const int64_t nhwc[4])
{
    return nhwc[0] * nhwc[1] * nhwc[2];
}

static void test_usual_inputs(void **state)
{
    static const int64_t square[4] = {1, 640, 640, 3}, wide[4] = {1, 480, 640, 3};
    const struct warm warm = plan_with(NULL, NULL);
    int fours = 0, ones = 0;
    bool is_wide = false;
    (void)state;
    assert_int_equal(warm.detector_count, 5);
    assert_memory_equal(warm.detector[0], square, sizeof(square));
    for (int i = 0; i < warm.detector_count; i++) {
        is_wide |= memcmp(warm.detector[i], wide, sizeof(wide)) == 0;
        assert_true(i == 0 || pixels_of(warm.detector[i]) <= pixels_of(warm.detector[i - 1]));
    }
    assert_true(is_wide);
    for (int i = 0; i < warm.recognizer_count; i++) {
        const int64_t *shape = warm.recognizer[i];
        assert_true(shape[1] == 48 && shape[3] == 3 && shape[2] >= 64 && shape[2] <= 640);
        fours += shape[0] == 4;
        ones += shape[0] == 1;
        assert_true(i == 0 || pixels_of(shape) <= pixels_of(warm.recognizer[i - 1]));
    }
    assert_int_equal(fours, ones);
    assert_int_equal(fours + ones, warm.recognizer_count);
    assert_true(fours > 8);
    assert_int_equal(warm.most_bytes, 256 << 20);
}

/* Settings that make other inputs of the usual pictures. */
static void test_settings(void **state)
{
    (void)state;
    assert_int_equal(plan_with("detect_side", "320").detector[0][1], 320);
    assert_int_equal(plan_with("detect_side", "4096").detector_count, 0); /* bands */
    const struct warm one = plan_with("batch_size", "1");
    for (int i = 0; i < one.recognizer_count; i++)
        assert_int_equal(one.recognizer[i][0], 1);
    const struct warm many = plan_with("batch_size", "64");
    for (int i = 0; i < many.recognizer_count; i++)
        assert_true(many.recognizer[i][0] * many.recognizer[i][2] <= 6400);
    assert_int_equal(plan_with("gpu_memory_mb", "0").most_bytes, 0);
}

/* ---- when --------------------------------------------------------------------------------- */

static const struct warm some = {
    .detector = {{1, 32, 24, 3}, {1, 16, 24, 3}},
    .recognizer = {{4, 16, 16, 3}, {1, 16, 16, 3}, {1, 16, 8, 3}},
    .detector_count = 2,
    .recognizer_count = 3,
};

static int reset(void **state)
{
    (void)state;
    fake = fake_start();
    *fake = (struct fake_controls){
        .version = 12090, .devices = 1, .capability = 90, .multiprocessors = 4};
    const struct nn_model_options options = {.backend = NN_BACKEND_GPU};
    se_error err = {0, ""};
    if (nn_model_load(&model, path, &options, &err) != SE_OK)
        fail_msg("%s", err.message);
    return 0;
}

static struct slots *make(void)
{
    const struct slot_models models = {model, model, 0};
    struct slots *slots;
    assert_int_equal(slots_create(&slots, &models, 1, 1, SLOTS - 1, 1, 0, NULL), SE_OK);
    return slots;
}

static int graphs(void)
{
    return __atomic_load_n(&fake->graphs, __ATOMIC_SEQ_CST);
}

static void wait_for_graphs(int count)
{
    while (graphs() < count)
        usleep(200);
}

/* Holds all slots, one after the other, and gives them back: the keeper is at none then. */
static void visit_all(struct slots *slots, const int64_t nhwc[4])
{
    struct slot *held[SLOTS];
    for (int i = 0; i < SLOTS; i++)
        held[i] = slots_acquire(slots, false);
    for (int i = 0; i < SLOTS; i++)
        if (nhwc)
            assert_int_equal(nn_exec_prepare(held[i]->detector, nhwc, NULL), SE_OK);
    for (int i = 0; i < SLOTS; i++)
        slots_release(slots, held[i]);
}

static void end(struct slots *slots)
{
    slots_free(slots);
    nn_model_free(model);
    assert_int_equal(fake->allocations, 0);
    assert_int_equal(fake->graphs, 0);
    assert_int_equal(fake->pinned, 0);
    assert_int_equal(fake->streams, 0);
}

/* Both graphs of each input in each slot; what was named then needs no other. */
static void test_graphs_beforehand(void **state)
{
    struct slots *slots = make();
    const int all = 2 * SLOTS * (some.detector_count + some.recognizer_count);
    (void)state;
    assert_int_equal(slots_keep(slots, &some, 0, NULL), SE_OK);
    wait_for_graphs(all);
    for (int i = 0; i < some.detector_count; i++)
        visit_all(slots, some.detector[i]);
    assert_int_equal(graphs(), all);
    assert_int_equal(fake->kernel_launches, 0); /* nothing was run */
    visit_all(slots, (const int64_t[4]){1, 8, 8, 3});
    assert_int_equal(graphs(), all + SLOTS);
    slots_trim(slots);
    assert_int_equal(graphs(), 0);
    end(slots);
}

/* No more than the part of the budget that is named, and none where there is no memory. */
static void test_bounds(void **state)
{
    (void)state;
    struct warm warm = some;
    struct slots *slots = make();
    warm.most_bytes = nn_gpu_used(0) + 1;
    assert_int_equal(slots_keep(slots, &warm, 0, NULL), SE_OK);
    wait_for_graphs(2);
    visit_all(slots, NULL);
    assert_int_equal(graphs(), 2);
    slots_free(slots);
    slots = make();
    fake->allocs_until_failure = 1;
    assert_int_equal(slots_keep(slots, &some, 0, NULL), SE_OK);
    visit_all(slots, NULL);
    slots_free(slots); /* waits for the keeper */
    assert_int_equal(fake->graphs, 0);
    fake->allocs_until_failure = 0;
    slots = make();
    visit_all(slots, some.detector[0]);
    end(slots);
}

/* Who closes at once does not wait for all, and leaves nothing. */
static void test_closed_at_once(void **state)
{
    struct slots *slots = make();
    (void)state;
    assert_int_equal(slots_keep(slots, &some, (int64_t)1000000000, NULL), SE_OK);
    end(slots);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usual_inputs),
        cmocka_unit_test(test_settings),
        cmocka_unit_test_setup(test_graphs_beforehand, reset),
        cmocka_unit_test_setup(test_bounds, reset),
        cmocka_unit_test_setup(test_closed_at_once, reset),
    };
    path = argc > 1 ? argv[1] : "";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
