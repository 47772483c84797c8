/*
 * Slots that nobody uses give their memory back. argv: a small model.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <time.h>

#include "reader/slots.h"

enum { MS = 1000000 };

static struct nn_model *model;
static const char *path;
static const int64_t shape[4] = {1, 16, 24, 4};

static void wait_ms(int ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * MS};
    nanosleep(&time, NULL);
}

static struct slots *make(int64_t idle_ns)
{
    struct slots *slots;
    const struct slot_models models = {model, model, 0};
    assert_int_equal(slots_create(&slots, &models, 1, 1, 2, 1, 0, NULL), SE_OK);
    if (idle_ns > 0)
        assert_int_equal(slots_keep(slots, NULL, idle_ns, NULL), SE_OK);
    return slots;
}

static size_t bytes(const struct slot *slot)
{
    return nn_exec_bytes(slot->detector);
}

static void use(struct slots *slots)
{
    struct slot *slot = slots_acquire(slots, false);
    assert_int_equal(nn_exec_prepare(slot->detector, shape, NULL), SE_OK);
    assert_true(bytes(slot) > 0);
    slots_release(slots, slot);
}

static size_t bytes_now(struct slots *slots)
{
    struct slot *slot = slots_acquire(slots, false);
    const size_t held = bytes(slot);
    slots_release(slots, slot);
    return held;
}

static void test_idle_slots_are_trimmed(void **state)
{
    (void)state;
    struct slots *slots = make(20 * MS);
    for (int i = 0; i < 3; i++) {
        use(slots);
        size_t held = 1;
        for (int wait = 40; held > 0 && wait < 10000; wait *= 2) {
            wait_ms(wait);
            held = bytes_now(slots);
        }
        assert_int_equal(held, 0);
    }
    slots_free(slots);
}

/* Not while they work, not before their time, and not at all unless asked. */
static void test_others_are_not(void **state)
{
    (void)state;
    struct slots *slots = make(5 * MS);
    struct slot *slot = slots_acquire(slots, false);
    assert_int_equal(nn_exec_prepare(slot->detector, shape, NULL), SE_OK);
    wait_ms(60);
    assert_true(bytes(slot) > 0);
    slots_release(slots, slot);
    slots_free(slots);
    const int64_t times[] = {0, (int64_t)3600 * 1000 * MS};
    for (size_t i = 0; i < 2; i++) {
        slots = make(times[i]);
        use(slots);
        wait_ms(60);
        assert_true(bytes_now(slots) > 0);
        slots_trim(slots);
        assert_int_equal(bytes_now(slots), 0);
        slots_free(slots); /* does not wait for the hour */
    }
}

/* Slots take the devices in turns; each picture stays on one. */
static void test_devices_in_turns(void **state)
{
    struct nn_model *other;
    const struct nn_model_options options = {.backend = NN_BACKEND_CPU, .cpu = NN_CPU_PORTABLE};
    struct slots *slots;
    struct slot *held[4];
    (void)state;
    assert_int_equal(nn_model_load(&other, path, &options, NULL), SE_OK);
    const struct slot_models models[2] = {{model, model, 0}, {other, other, 1}};
    assert_int_equal(slots_create(&slots, models, 2, 1, 3, 1, 0, NULL), SE_OK);
    for (size_t i = 0; i < 4; i++) {
        held[i] = slots_acquire(slots, i > 0);
        assert_int_equal(nn_exec_prepare(held[i]->detector, shape, NULL), SE_OK);
    }
    /* The two backends divide the work into steps of other memory. */
    assert_true(bytes(held[0]) == bytes(held[1]) && bytes(held[1]) == bytes(held[3]));
    assert_true(bytes(held[2]) != bytes(held[1]));
    for (size_t i = 0; i < 4; i++)
        slots_release(slots, held[i]);
    slots_free(slots);
    nn_model_free(other);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_slots_are_trimmed),
        cmocka_unit_test(test_others_are_not),
        cmocka_unit_test(test_devices_in_turns),
    };
    const struct nn_model_options options = {.backend = NN_BACKEND_REF};
    se_error err = {0, ""};
    path = argc > 1 ? argv[1] : "";
    if (argc != 2 || nn_model_load(&model, argv[1], &options, &err) != SE_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nn_model_free(model);
    return failed;
}
