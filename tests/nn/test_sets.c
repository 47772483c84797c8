/*
 * Sets of inputs that an exec runs together: each output is that of a run alone, bit by bit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/budget.h"
#include "failing_malloc.h"
#include "nn/inspect.h"
#include "onnx_build.h"

enum { SIDES = 40, CHANNELS = 8 };

static uint32_t random_state = 1;

static int random_below(int limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (int)((random_state >> 8) % (uint32_t)limit);
}

/* A convolution, pointwise layers that make a group with the mean behind them in large inputs, and
 * a factor from that mean. */
static struct nn_model *small_model(enum nn_backend_kind backend)
{
    const struct nn_model_options options = {.backend = backend};
    struct onnx_build build;
    onnx_build_begin(&build, 11, 3);
    onnx_build_noise(&build, "w", "8,3,3,3");
    onnx_build_noise(&build, "u", "8,8,1,1");
    onnx_build_node(&build, "Conv", "x w", "c", "strides=[2,2] pads=[1,1,1,1]");
    onnx_build_node(&build, "Relu", "c", "r", "");
    onnx_build_node(&build, "Conv", "r u", "d", "");
    onnx_build_node(&build, "ReduceMean", "d", "m", "axes=[2,3] keepdims=1");
    onnx_build_node(&build, "Mul", "d m", "f", "");
    onnx_build_node(&build, "Add", "f r", "a", "");
    onnx_build_node(&build, "Transpose", "a", "t", "perm=[0,2,3,1]");
    onnx_build_node(&build, "Softmax", "t", "y", "axis=3");
    return onnx_build_load(&build, "y", "small", &options);
}

static struct nn_exec *new_exec(const struct nn_model *model, struct pool *pool, size_t max_bytes)
{
    struct nn_exec *exec;
    se_error err;
    if (nn_exec_create(&exec, model, pool, max_bytes, &err) != SE_OK)
        fail_msg("%s", err.message);
    return exec;
}

static void fill(float *to, int64_t side)
{
    uint32_t seed = (uint32_t)side;
    for (int64_t i = 0; i < side * side * 3; i++) {
        seed = seed * 1664525 + 1013904223;
        to[i] = (float)(seed >> 8) / (1 << 24);
    }
}

static size_t output_bytes(int64_t side)
{
    const size_t half = (size_t)(side + 1) / 2;
    return half * half * CHANNELS * sizeof(float);
}

static void assert_alone(struct nn_exec *alone, int64_t side, const float *out,
                         const struct nn_shape *shape)
{
    struct nn_shape single;
    assert_int_equal(nn_exec_prepare(alone, (int64_t[4]){1, side, side, 3}, NULL), SE_OK);
    fill(nn_exec_input(alone), side);
    assert_int_equal(nn_exec_run(alone, NULL, NULL), SE_OK);
    const float *want = nn_exec_output(alone, &single);
    assert_memory_equal(shape, &single, sizeof(single));
    assert_memory_equal(out, want, output_bytes(side));
}

/* Makes a set of squares, runs it, and compares. */
static void check_set(struct nn_exec *exec, struct nn_exec *alone, const int *sides, int count)
{
    int64_t nhwc[NN_EXEC_SET][4];
    se_error err;
    double flop = 0;
    for (int i = 0; i < count; i++)
        memcpy(nhwc[i], (int64_t[4]){1, sides[i], sides[i], 3}, sizeof(nhwc[i]));
    if (nn_exec_prepare_set(exec, (const int64_t(*)[4])nhwc, count, &err) != SE_OK)
        fail_msg("%s", err.message);
    for (int i = 0; i < count; i++)
        fill(nn_exec_set_input(exec, i), sides[i]);
    assert_int_equal(nn_exec_run(exec, NULL, NULL), SE_OK);
    for (int i = 0; i < count; i++) {
        struct nn_shape shape;
        const float *out = nn_exec_set_output(exec, i, &shape);
        assert_alone(alone, sides[i], out, &shape);
        flop += nn_exec_flop(alone);
    }
    assert_true(nn_exec_flop(exec) > 0.999 * flop && nn_exec_flop(exec) < 1.001 * flop);
}

static void check_backend(enum nn_backend_kind kind, int threads)
{
    struct nn_model *model = small_model(kind);
    struct pool *pool = NULL;
    if (threads > 1)
        assert_int_equal(pool_create(&pool, threads, NULL), SE_OK);
    struct nn_exec *exec = new_exec(model, pool, 0), *alone = new_exec(model, NULL, 0);
    assert_true(nn_exec_takes_sets(exec));
    for (int round = 0; round < 60; round++) {
        int sides[NN_EXEC_SET];
        const int count = 1 + random_below(NN_EXEC_SET);
        for (int i = 0; i < count; i++) /* some twice */
            sides[i] = i > 0 && random_below(3) == 0 ? sides[i - 1] : 1 + random_below(SIDES);
        check_set(exec, alone, sides, count);
        if (round % 5 == 0) /* and single ones between them */
            check_set(exec, alone, sides, 1);
    }
    /* One that is large enough for groups of steps among small ones. */
    check_set(exec, alone, (const int[]){8, 400, 400, 9}, 4);
    nn_exec_free(exec);
    nn_exec_free(alone);
    pool_free(pool);
    nn_model_free(model);
}

static void test_sets_are_single_runs(void **state)
{
    (void)state;
    check_backend(NN_BACKEND_REF, 1);
    check_backend(NN_BACKEND_CPU, 1);
    check_backend(NN_BACKEND_CPU, 3);
}

static void test_wrong_sets(void **state)
{
    struct nn_model *model = small_model(NN_BACKEND_REF);
    struct nn_exec *exec = new_exec(model, NULL, 0);
    struct nn_shape shape;
    int64_t nhwc[NN_EXEC_SET + 1][4];
    se_error err;
    (void)state;
    for (int i = 0; i <= NN_EXEC_SET; i++)
        memcpy(nhwc[i], (int64_t[4]){1, 8, 8, 3}, sizeof(nhwc[i]));
    const int64_t(*inputs)[4] = (const int64_t(*)[4])nhwc;
    assert_null(nn_exec_set_input(exec, 0));
    assert_null(nn_exec_set_output(exec, 0, &shape));
    assert_int_equal(nn_exec_prepare_set(exec, inputs, 0, &err), SE_ERR_ARGUMENT);
    assert_int_equal(nn_exec_prepare_set(exec, inputs, NN_EXEC_SET + 1, &err), SE_ERR_ARGUMENT);
    assert_int_equal(nn_exec_prepare_set(exec, inputs, NN_EXEC_SET, &err), SE_OK);
    for (int i = -1; i <= NN_EXEC_SET; i++) {
        const bool is = i >= 0 && i < NN_EXEC_SET;
        assert_true((nn_exec_set_input(exec, i) != NULL) == is);
        assert_true((nn_exec_set_output(exec, i, &shape) != NULL) == is);
    }
    nhwc[2][3] = 4; /* what was prepared stays */
    assert_int_equal(nn_exec_prepare_set(exec, inputs, 3, &err), SE_ERR_ARGUMENT);
    assert_non_null(nn_exec_set_input(exec, NN_EXEC_SET - 1));
    nn_exec_free(exec);
    assert_int_equal(nn_exec_create_inspected(&exec, model, NULL, &err), SE_OK);
    assert_false(nn_exec_takes_sets(exec));
    assert_int_equal(nn_exec_prepare_set(exec, inputs, 2, &err), SE_ERR_ARGUMENT);
    nn_exec_free(exec);
    nn_model_free(model);
}

/* A set takes more than its parts one by one; where that passes the bound, they still run. */
static void test_memory_of_sets(void **state)
{
    struct nn_model *model = small_model(NN_BACKEND_CPU);
    struct nn_exec *exec = new_exec(model, NULL, 0), *alone = new_exec(model, NULL, 0);
    int64_t nhwc[NN_EXEC_SET][4];
    se_error err;
    (void)state;
    for (int i = 0; i < NN_EXEC_SET; i++)
        memcpy(nhwc[i], (int64_t[4]){1, 64, 64, 3}, sizeof(nhwc[i]));
    const int64_t(*inputs)[4] = (const int64_t(*)[4])nhwc;
    assert_int_equal(nn_exec_prepare(exec, nhwc[0], NULL), SE_OK);
    const size_t single = nn_exec_bytes(exec);
    assert_int_equal(nn_exec_prepare_set(exec, inputs, 4, NULL), SE_OK);
    const size_t four = nn_exec_bytes(exec);
    assert_true(four > 3 * single && four <= 4 * single + 4 * 64);
    nn_exec_free(exec);

    exec = new_exec(model, NULL, four);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(nn_exec_prepare_set(exec, inputs, 5, &err), SE_ERR_LIMIT);
        assert_non_null(strstr(err.message, "5 inputs"));
        assert_true(nn_exec_bytes(exec) <= four);
        check_set(exec, alone, (const int[]){64, 64, 64, 64}, 4);
        assert_true(nn_exec_bytes(exec) <= four);
        check_set(exec, alone, (const int[]){64}, 1);
        check_set(exec, alone, (const int[]){7, 64, 9}, 3);
        assert_true(nn_exec_bytes(exec) <= four);
    }
    nn_exec_free(exec);
    nn_exec_free(alone);
    nn_model_free(model);
}

static void test_sets_end_when_cancelled(void **state)
{
    struct nn_model *model = small_model(NN_BACKEND_CPU);
    struct nn_exec *exec = new_exec(model, NULL, 0);
    const int64_t nhwc[2][4] = {{1, 8, 8, 3}, {1, 9, 9, 3}};
    struct se_cancel cancel;
    (void)state;
    atomic_init(&cancel.set, 1);
    const struct budget budget = {.cancel = &cancel};
    assert_int_equal(nn_exec_prepare_set(exec, nhwc, 2, NULL), SE_OK);
    for (int i = 0; i < 2; i++)
        fill(nn_exec_set_input(exec, i), nhwc[i][1]);
    assert_int_equal(nn_exec_run(exec, &budget, NULL), SE_ERR_CANCELLED);
    atomic_store(&cancel.set, 0);
    assert_int_equal(nn_exec_run(exec, &budget, NULL), SE_OK);
    nn_exec_free(exec);
    nn_model_free(model);
}

/* A failing allocation leaves an exec that is good for the next try. */
static void test_failing_allocations(void **state)
{
    struct nn_model *model = small_model(NN_BACKEND_CPU);
    const int64_t nhwc[3][4] = {{1, 8, 8, 3}, {1, 9, 9, 3}, {1, 8, 8, 3}};
    struct nn_exec *alone = new_exec(model, NULL, 0);
    (void)state;
    if (!failing_malloc_works())
        skip();
    for (size_t n = 1;; n++) {
        struct nn_exec *exec = new_exec(model, NULL, 0);
        se_error err;
        failing_malloc_start(n, FAILING_THIS_THREAD);
        const int status = nn_exec_prepare_set(exec, nhwc, 3, &err);
        const bool all = failing_malloc_stop() < n;
        assert_int_equal(status, all ? SE_OK : SE_ERR_MEMORY);
        check_set(exec, alone, (const int[]){8, 9, 8}, 3);
        nn_exec_free(exec);
        if (all)
            break;
    }
    nn_exec_free(alone);
    nn_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets_are_single_runs),    cmocka_unit_test(test_wrong_sets),
        cmocka_unit_test(test_memory_of_sets),          cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_sets_end_when_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
