/*
 * Denormal numbers are zero inside the CPU backend, on every tier and thread, and the caller's own
 * floating-point mode comes back.
 */
#include <fenv.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nn/backend.h"
#include "nn/cpu/cpu_denormals.h"
#include "nn/cpu/cpu_detect.h"

enum { COUNT = 100000 }; /* several pieces */

static float a[COUNT], b[COUNT], y[COUNT];

static struct nn_tensor tensor(float *data)
{
    return (struct nn_tensor){.data = data, .rank = 1, .dims = {COUNT}, .strides = {1}};
}

/* y = a ∘ b on a tier. */
static void run(const struct nn_backend *backend, enum nn_binary op, float left, float right,
                struct pool *pool)
{
    se_error err;
    struct nn_step step = {
        .op = NN_OP_BINARY,
        .attr = {.binary = op},
        .in = {[NN_IN_X] = tensor(a), [NN_IN_B] = tensor(b)},
        .out = tensor(y),
        .group = 1,
    };
    struct nn_plan plan = {.steps = &step, .step_count = 1, .threads = pool_size(pool)};
    for (int i = 0; i < COUNT; i++) {
        a[i] = left;
        b[i] = right;
        y[i] = NAN;
    }
    assert_int_equal(backend->compile(&plan, &err), SE_OK);
    assert_int_equal(backend->run(&plan, pool, NULL, &err), SE_OK);
    if (backend->release)
        backend->release(&plan);
}

static void all_are(float want)
{
    for (int i = 0; i < COUNT; i++)
        if (memcmp(&y[i], &want, sizeof(want)) != 0)
            fail_msg("element %d is %g, not %g", i, (double)y[i], (double)want);
}

/* Does this thread itself compute with denormals? */
static int thread_has_denormals(void)
{
    volatile float x = 1e-20f;
    const float product = x * x;
    return product > 0.0f;
}

static void test_tiers(void **state)
{
    (void)state;
    se_error err;
    for (int threads = 1; threads <= 2; threads++) {
        struct pool *pool;
        assert_int_equal(pool_create(&pool, threads, &err), SE_OK);
        for (enum nn_cpu_tier tier = NN_CPU_PORTABLE; tier <= NN_CPU_AMX_BF16; tier++) {
            const char *missing;
            if (!cpu_has_tier(tier, &missing)) {
                print_message("SKIP tier %d: this machine lacks %s\n", (int)tier, missing);
                continue;
            }
            const struct nn_backend *backend = nn_cpu_backend(tier, &err);
            assert_non_null(backend);
            assert_true(thread_has_denormals());
            run(backend, NN_BINARY_MUL, 1e-20f, 1e-20f, pool); /* a result of 1e-40 */
            all_are(0.0f);
            run(backend, NN_BINARY_MUL, 1e-40f, 1e10f, pool); /* an operand of 1e-40 */
            all_are(0.0f);
            run(backend, NN_BINARY_MUL, 0x1p-60f, 0x1p-66f, pool); /* the smallest that is kept */
            all_are(0x1p-126f);
            assert_true(thread_has_denormals());
        }
        pool_free(pool);
    }
}

/* Whatever mode the caller's thread is in, it is in the same one afterwards. */
static void test_the_callers_mode_comes_back(void **state)
{
    (void)state;
    se_error err;
    const struct nn_backend *backend = nn_cpu_backend(NN_CPU_AUTO, &err);
    assert_non_null(backend);
    const int rounding[] = {FE_TONEAREST, FE_UPWARD, FE_TOWARDZERO};
    for (size_t i = 0; i < sizeof(rounding) / sizeof(rounding[0]); i++) {
        assert_int_equal(fesetround(rounding[i]), 0);
        run(backend, NN_BINARY_ADD, 1.0f, 2.0f, NULL);
        assert_int_equal(fegetround(), rounding[i]);
        assert_true(thread_has_denormals());
        const cpu_float_mode before = cpu_flush_denormals();
        assert_false(thread_has_denormals());
        run(backend, NN_BINARY_ADD, 1.0f, 2.0f, NULL);
        assert_false(thread_has_denormals());
        cpu_restore_float_mode(before);
        assert_true(thread_has_denormals());
    }
    assert_int_equal(fesetround(FE_TONEAREST), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiers),
        cmocka_unit_test(test_the_callers_mode_comes_back),
    };
    return cmocka_run_group_tests_name("denormals", tests, NULL, NULL);
}
