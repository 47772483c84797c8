/*
 * Views, the memory planner, and nn_exec: plans, limits, and that a run allocates nothing.
 */
#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "nn/inspect.h"
#include "nn/memory.h"
#include "nn/tensor.h"
#include "onnx_build.h"

static uint32_t random_state = 1;

static int random_below(int limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (int)((random_state >> 8) % (uint32_t)limit);
}

/* ---- views ---------------------------------------------------------------------------------- */

/* Address of the element with this index in row-major order of the dims. */
static int64_t address(const struct nn_tensor *tensor, int64_t index)
{
    int64_t at = tensor->offset;
    for (int i = tensor->rank - 1; i >= 0; i--) {
        at += index % tensor->dims[i] * tensor->strides[i];
        index /= tensor->dims[i];
    }
    return at;
}

static struct nn_shape random_shape(int max_rank)
{
    struct nn_shape shape = {.rank = random_below(max_rank + 1)};
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = 1 + random_below(4);
    return shape;
}

/* A random permutation of a random row-major tensor, perhaps with a slice taken out of it. */
static struct nn_tensor random_tensor(void)
{
    struct nn_tensor tensor = {0};
    int32_t perm[NN_MAX_RANK];
    const struct nn_shape shape = random_shape(NN_MAX_RANK);
    nn_tensor_row_major(&tensor, &shape);
    for (int i = 0; i < shape.rank; i++) {
        const int at = random_below(i + 1);
        perm[i] = perm[at];
        perm[at] = i;
    }
    nn_tensor_permute(&tensor, &tensor, perm);
    if (shape.rank && random_below(2)) {
        const int axis = random_below(shape.rank);
        nn_tensor_slice(&tensor, axis, 0, 1, 1 + random_below((int)tensor.dims[axis]));
    }
    return tensor;
}

/* Another shape of the same count: the prime factors dealt out anew. */
static struct nn_shape same_count(const struct nn_tensor *tensor)
{
    struct nn_shape shape = {.rank = 1 + random_below(NN_MAX_RANK)};
    int64_t left = nn_tensor_count(tensor);
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = 1;
    for (int64_t p = 2; left > 1; p++)
        for (; left % p == 0; left /= p)
            shape.dims[random_below(shape.rank)] *= p;
    return shape;
}

static void test_reshape(void **state)
{
    int done = 0;
    (void)state;
    for (int round = 0; round < 20000; round++) {
        const struct nn_tensor from = random_tensor();
        const struct nn_shape shape = same_count(&from);
        struct nn_tensor to;
        if (!nn_tensor_reshape(&to, &from, &shape)) {
            assert_false(nn_tensor_is_row_major(&from));
            continue;
        }
        done++;
        const struct nn_shape got = nn_tensor_shape(&to);
        assert_true(nn_shape_equal(&got, &shape));
        for (int64_t i = 0; i < nn_tensor_count(&from); i++)
            assert_int_equal(address(&to, i), address(&from, i));
    }
    assert_true(done > 5000);
}

/* Merged tensors still pair up the same elements. */
static void test_merge(void **state)
{
    (void)state;
    for (int round = 0; round < 5000; round++) {
        struct nn_tensor before[3], after[3];
        before[0] = random_tensor();
        const struct nn_shape shape = nn_tensor_shape(&before[0]);
        nn_tensor_row_major(&before[1], &shape);
        before[1].offset = 0;
        nn_tensor_broadcast(&before[2], &before[1], &shape);
        memcpy(after, before, sizeof(after));
        nn_tensors_merge(after, 3);
        const int64_t count = nn_tensor_count(&before[0]);
        assert_int_equal(nn_tensor_count(&after[0]), count);
        assert_in_range(after[0].rank, 1, NN_MAX_RANK);
        for (int i = 1; i < after[0].rank; i++)
            assert_true(after[0].strides[i - 1] >= after[0].strides[i]);
        int64_t partner[4096];
        for (int64_t i = 0; i < count; i++)
            partner[address(&before[0], i) % 4096] = address(&before[1], i);
        for (int64_t i = 0; i < count; i++)
            assert_int_equal(partner[address(&after[0], i) % 4096], address(&after[1], i));
    }
}

static void test_picture(void **state)
{
    struct nn_tensor tensor = {0}, view;
    const struct nn_shape shape = {4, {2, 6, 3, 5}};
    (void)state;
    nn_tensor_row_major(&tensor, &shape);
    assert_false(nn_tensor_picture(&view, &tensor));
    nn_tensor_channels_last(&tensor, &shape);
    assert_true(nn_tensor_picture(&view, &tensor));
    assert_int_equal(view.strides[2], 6);
    nn_tensor_slice(&tensor, 1, 2, 1, 3); /* some of the channels: the pitch stays */
    assert_true(nn_tensor_picture(&view, &tensor));
    assert_int_equal(view.dims[3], 3);
    assert_int_equal(view.strides[2], 6);
    nn_tensor_slice(&tensor, 3, 0, 1, 4); /* a column less: no regular pitch */
    assert_false(nn_tensor_picture(&view, &tensor));
}

/* ---- memory --------------------------------------------------------------------------------- */

static bool alive_together(const struct nn_buffer *a, const struct nn_buffer *b)
{
    return a->first <= b->last && b->first <= a->last;
}

static void test_memory(void **state)
{
    enum { MAX = 60 };
    (void)state;
    for (int round = 0; round < 300; round++) {
        struct nn_buffer buffers[MAX];
        int32_t order[MAX];
        const int count = random_below(MAX);
        const bool share = round % 3 != 0;
        const size_t guard = round % 2 ? NN_MEMORY_ALIGN : 0;
        size_t total, sum = 0;
        for (int i = 0; i < count; i++) {
            const int first = random_below(40);
            buffers[i] = (struct nn_buffer){.bytes = 1 + (size_t)random_below(1000),
                                            .first = first,
                                            .last = first + random_below(5)};
            sum += (buffers[i].bytes + guard + 2 * NN_MEMORY_ALIGN);
        }
        assert_true(nn_memory_place(buffers, order, count, guard, share, &total));
        assert_true(total <= sum);
        for (int i = 0; i < count; i++) {
            assert_int_equal(buffers[i].offset % NN_MEMORY_ALIGN, 0);
            assert_true(buffers[i].offset + buffers[i].bytes + guard <= total);
            for (int k = 0; k < i; k++) {
                const struct nn_buffer *a = &buffers[i], *b = &buffers[k];
                const bool apart = a->offset >= b->offset + b->bytes + guard ||
                                   b->offset >= a->offset + a->bytes + guard;
                assert_true(apart || (share && !alive_together(a, b)));
            }
        }
    }
    struct nn_buffer huge[3];
    for (int i = 0; i < 3; i++)
        huge[i] = (struct nn_buffer){.bytes = SIZE_MAX / 5, .first = 0, .last = 1};
    int32_t order[3];
    size_t total;
    assert_false(nn_memory_place(huge, order, 3, 0, true, &total));
}

/* A chain needs no more than its two largest neighbours. */
static void test_memory_chain(void **state)
{
    struct nn_buffer buffers[20];
    int32_t order[20];
    size_t total;
    (void)state;
    for (int i = 0; i < 20; i++)
        buffers[i] = (struct nn_buffer){.bytes = 640, .first = i, .last = i + 1};
    assert_true(nn_memory_place(buffers, order, 20, 0, true, &total));
    assert_int_equal(total, 1280);
}

/* ---- exec ----------------------------------------------------------------------------------- */

/* conv 3×3 s2 → relu → conv 1×1 + x' → gelu-less tail: a few steps, one residual, one view. */
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
    onnx_build_node(&build, "Add", "d r", "a", "");
    onnx_build_node(&build, "Transpose", "a", "t", "perm=[0,2,3,1]");
    onnx_build_node(&build, "Softmax", "t", "y", "axis=3");
    return onnx_build_load(&build, "y", "small", &options);
}

static struct nn_exec *new_exec(const struct nn_model *model, struct pool *pool, size_t max_bytes)
{
    struct nn_exec *exec;
    se_error err;
    assert_int_equal(nn_exec_create(&exec, model, pool, max_bytes, &err), SE_OK);
    return exec;
}

static int prepare(struct nn_exec *exec, int64_t side, se_error *err)
{
    const int64_t nhwc[4] = {1, side, side, 3};
    return nn_exec_prepare(exec, nhwc, err);
}

static void fill(struct nn_exec *exec, int64_t side, uint32_t seed)
{
    float *to = nn_exec_input(exec);
    for (int64_t i = 0; i < side * side * 3; i++) {
        seed = seed * 1664525 + 1013904223;
        to[i] = (float)(seed >> 8) / (1 << 24);
    }
}

/* Runs one input; a sum of the output that depends on order. */
static double run(struct nn_exec *exec, int64_t side, uint32_t seed)
{
    se_error err;
    struct nn_shape shape;
    double sum = 0;
    if (prepare(exec, side, &err) != SE_OK)
        fail_msg("%s", err.message);
    fill(exec, side, seed);
    assert_int_equal(nn_exec_run(exec, NULL, &err), SE_OK);
    const float *out = nn_exec_output(exec, &shape);
    assert_int_equal(shape.rank, 4);
    int64_t count = 1;
    for (int i = 0; i < shape.rank; i++)
        count *= shape.dims[i];
    assert_int_equal(count, (side + 1) / 2 * ((side + 1) / 2) * 8);
    for (int64_t i = 0; i < count; i++)
        sum += (double)out[i] * (double)(i % 97 + 1);
    return sum;
}

static void test_plans_do_not_mix(void **state)
{
    struct nn_model *model = small_model(NN_BACKEND_REF);
    struct nn_exec *exec = new_exec(model, NULL, 0);
    double expected[40];
    (void)state;
    for (int i = 1; i < 40; i++) {
        struct nn_exec *alone = new_exec(model, NULL, 0);
        expected[i] = run(alone, i, (uint32_t)i);
        nn_exec_free(alone);
    }
    for (int i = 0; i < 400; i++) { /* more sizes than plans are kept */
        const int side = 1 + random_below(39);
        assert_true(run(exec, side, (uint32_t)side) == expected[side]);
    }
    nn_exec_trim(exec);
    assert_null(nn_exec_input(exec));
    assert_true(nn_exec_bytes(exec) == 0);
    assert_true(run(exec, 5, 5) == expected[5]);
    nn_exec_free(exec);
    nn_model_free(model);
}

/* Two execs over one arena: each run is what it is alone, and ends the other's current plan. */
static void test_taking_turns(void **state)
{
    (void)state;
    struct nn_model *model = small_model(NN_BACKEND_REF);
    struct nn_exec *lender = new_exec(model, NULL, 0), *other = new_exec(model, NULL, 0);
    struct nn_exec *alone = new_exec(model, NULL, 0);
    nn_exec_take_turns(other, lender);
    for (int i = 0; i < 100; i++) {
        const int side = 1 + random_below(39);
        const double expected = run(alone, side, (uint32_t)side);
        struct nn_exec *now = i % 2 ? lender : other, *before = i % 2 ? other : lender;
        assert_true(run(now, side, (uint32_t)side) == expected);
        assert_null(nn_exec_input(before));
        assert_int_equal(nn_exec_run(before, NULL, NULL), SE_ERR_ARGUMENT);
        assert_non_null(nn_exec_input(now));
    }
    nn_exec_trim(other);
    assert_true(nn_exec_bytes(other) == 0);
    assert_null(nn_exec_input(lender));
    assert_true(run(lender, 7, 7) == run(alone, 7, 7));
    nn_exec_free(alone);
    nn_exec_free(other);
    nn_exec_free(lender);
    nn_model_free(model);
}

/* The stem of the text networks: the first layer's result, of 8 channels, lies in the 16 of the
 * concatenation. */
static struct nn_model *stem_model(enum nn_backend_kind backend, bool no_fusion)
{
    const struct nn_model_options options = {.backend = backend, .no_fusion = no_fusion};
    struct onnx_build build;
    onnx_build_begin(&build, 11, 3);
    onnx_build_noise(&build, "w", "8,3,3,3");
    onnx_build_noise(&build, "u", "4,8,3,3");
    onnx_build_noise(&build, "v", "8,4,3,3");
    onnx_build_noise(&build, "l", "2,16,3,3");
    onnx_build_node(&build, "Conv", "x w", "a", "pads=[1,1,1,1]");
    onnx_build_node(&build, "Conv", "a u", "b", "pads=[1,1,1,1]");
    onnx_build_node(&build, "Conv", "b v", "c", "pads=[1,1,1,1]");
    onnx_build_node(&build, "MaxPool", "a", "p", "kernel_shape=[3,3] pads=[1,1,1,1]");
    onnx_build_node(&build, "Concat", "p c", "m", "axis=1");
    onnx_build_node(&build, "Conv", "m l", "y", "pads=[1,1,1,1]");
    return onnx_build_load(&build, "y", "stem", &options);
}

static void test_borrowed_places(void **state)
{
    enum { SIDE = 64, PIXELS = SIDE * SIDE, OUT = 2 };
    static float expected[PIXELS * OUT];
    size_t apart = 0;
    (void)state;
    for (int k = 0; k < 3; k++) {
        struct nn_model *model = stem_model(k < 2 ? NN_BACKEND_REF : NN_BACKEND_CPU, k == 0);
        struct nn_exec *exec = new_exec(model, NULL, 0);
        struct nn_shape shape;
        se_error err;
        assert_int_equal(prepare(exec, SIDE, &err), SE_OK);
        fill(exec, SIDE, 3);
        assert_int_equal(nn_exec_run(exec, NULL, &err), SE_OK);
        const float *out = nn_exec_output(exec, &shape);
        if (k == 0)
            memcpy(expected, out, sizeof(expected));
        for (int i = 0; i < PIXELS * OUT; i++)
            assert_true(fabsf(out[i] - expected[i]) <= (k == 2 ? 1e-2F : 0)); /* of 300 */
        /* As long as nothing is fused, pooling comes last and nothing is borrowed. */
        if (k == 0)
            apart = nn_exec_bytes(exec);
        if (k == 1)
            assert_true(nn_exec_bytes(exec) + 7 * PIXELS * sizeof(float) < apart);
        nn_exec_free(exec);
        nn_model_free(model);
    }
}

/* Large plans and their arena go, small ones stay; each run is what it was. */
static void test_shrinking(void **state)
{
    (void)state;
    struct nn_model *model = small_model(NN_BACKEND_REF);
    struct nn_exec *exec = new_exec(model, NULL, 0), *other = new_exec(model, NULL, 0);
    nn_exec_take_turns(other, exec);
    const double small = run(exec, 7, 7);
    const size_t before = nn_exec_bytes(exec), keep = 16384; /* between the two arenas */
    const double large = run(other, 39, 39);
    assert_true(nn_exec_bytes(other) > before);
    nn_exec_shrink(exec, keep);
    nn_exec_shrink(other, keep);
    assert_in_range(nn_exec_bytes(exec), 1, before);
    assert_int_equal(nn_exec_bytes(other), 0);
    assert_null(nn_exec_input(exec));
    assert_null(nn_exec_input(other));
    assert_int_equal(nn_exec_run(other, NULL, NULL), SE_ERR_ARGUMENT);
    assert_true(run(exec, 7, 7) == small);
    nn_exec_shrink(exec, keep); /* nothing is too large: the plan stays the current one */
    assert_non_null(nn_exec_input(exec));
    assert_true(run(other, 39, 39) == large);
    nn_exec_shrink(other, 0);
    assert_true(nn_exec_bytes(other) == 0);
    nn_exec_free(other);
    nn_exec_free(exec);
    nn_model_free(model);
}

static void test_limits(void **state)
{
    struct nn_model *model = small_model(NN_BACKEND_REF);
    struct nn_exec *exec = new_exec(model, NULL, 0);
    se_error err;
    (void)state;
    assert_int_equal(prepare(exec, 64, &err), SE_OK);
    const size_t needed = nn_exec_bytes(exec);
    nn_exec_free(exec);

    exec = new_exec(model, NULL, needed);
    assert_int_equal(prepare(exec, 64, &err), SE_OK);
    assert_int_equal(prepare(exec, 80, &err), SE_ERR_LIMIT);
    assert_non_null(strstr(err.message, "80"));
    assert_non_null(nn_exec_input(exec)); /* the plan before is still there */
    for (int i = 0; i < 200; i++) {
        assert_int_equal(prepare(exec, 1 + random_below(64), &err), SE_OK);
        assert_true(nn_exec_bytes(exec) <= needed);
        assert_int_equal(nn_exec_run(exec, NULL, &err), SE_OK);
    }
    const int64_t beyond[][4] = {{1, 1 << 30, 1 << 30, 3}, {1 << 20, 1 << 20, 1 << 20, 3}};
    const int64_t wrong[][4] = {{1, 8, 8, 4}, {0, 8, 8, 3}, {1, -8, 8, 3}, {1, INT64_MAX, 2, 3}};
    for (size_t i = 0; i < 2; i++)
        assert_true(nn_exec_prepare(exec, beyond[i], &err) == SE_ERR_LIMIT ||
                    err.code == SE_ERR_ARGUMENT);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(nn_exec_prepare(exec, wrong[i], &err), SE_ERR_ARGUMENT);
    assert_int_equal(prepare(exec, 64, &err), SE_OK);
    nn_exec_free(exec);
    nn_model_free(model);
}

/* Many sizes: neither the number of plans nor the arena grows without end. */
static void test_bounded(void **state)
{
    struct nn_model *model = small_model(NN_BACKEND_REF);
    struct nn_exec *exec = new_exec(model, NULL, 0);
    se_error err;
    size_t most = 0;
    (void)state;
    for (int side = 1; side <= 100; side++)
        assert_int_equal(prepare(exec, side, &err), SE_OK);
    most = nn_exec_bytes(exec);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(prepare(exec, 1 + random_below(100), &err), SE_OK);
        assert_true(nn_exec_bytes(exec) <= most + most / 4);
    }
    nn_exec_free(exec);
    nn_model_free(model);
}

/* Allocations of a run and a repeated prepare, after `before` runs. */
static size_t count_allocations(enum nn_backend_kind kind, struct pool *pool, int before,
                                enum failing_scope scope)
{
    struct nn_model *model = small_model(kind);
    struct nn_exec *exec = new_exec(model, pool, 0);
    se_error err;
    assert_int_equal(prepare(exec, 30, &err), SE_OK);
    for (int i = 0; i < before; i++)
        assert_int_equal(nn_exec_run(exec, NULL, &err), SE_OK);
    failing_malloc_start(0, scope);
    const int status = nn_exec_run(exec, NULL, &err);
    const int again = prepare(exec, 30, &err);
    const size_t count = failing_malloc_stop();
    assert_int_equal(status, SE_OK);
    assert_int_equal(again, SE_OK);
    nn_exec_free(exec);
    nn_model_free(model);
    return count;
}

enum { POOL_THREADS = 2 };

/* Ends when every thread of the pool has come to a piece. */
static void meet(void *context, size_t piece, int thread)
{
    atomic_int *arrived = context;
    (void)piece;
    (void)thread;
    atomic_fetch_add(arrived, 1);
    while (atomic_load(arrived) < POOL_THREADS)
        sched_yield();
}

static void test_run_allocates_nothing(void **state)
{
    struct pool *pool;
    (void)state;
    if (!failing_malloc_works())
        skip();
    assert_int_equal(pool_create(&pool, POOL_THREADS, NULL), SE_OK);
    /* Threads that only just start allocate for themselves. */
    atomic_int arrived = 0;
    pool_run(pool, meet, &arrived, POOL_THREADS);
    const enum nn_backend_kind kinds[] = {NN_BACKEND_REF, NN_BACKEND_CPU};
    for (int k = 0; k < 2; k++) {
        assert_int_equal(count_allocations(kinds[k], NULL, 0, FAILING_THIS_THREAD), 0);
        assert_int_equal(count_allocations(kinds[k], pool, 1, FAILING_ALL_THREADS), 0);
    }
    pool_free(pool);
}

/* A profile counts the same work as the plan and leaves the output of a run. */
static void test_profile(void **state)
{
    struct nn_model *model = small_model(NN_BACKEND_CPU);
    struct nn_exec *exec = new_exec(model, NULL, 0);
    struct nn_step_profile one, *rows;
    struct nn_shape shape;
    se_error err;
    size_t count, together = 0;
    double gflop = 0;
    (void)state;
    assert_true(nn_model_peak_gflops(model) > 0);
    assert_int_equal(nn_exec_profile(exec, 1, &one, &count, &err), SE_ERR_ARGUMENT);
    assert_int_equal(nn_exec_step_count(exec), 0);
    assert_true(nn_exec_flop(exec) == 0);
    run(exec, 8, 1);
    const float before = nn_exec_output(exec, &shape)[0];
    const size_t steps = nn_exec_step_count(exec);
    rows = calloc(steps, sizeof(*rows));
    assert_non_null(rows);
    assert_int_equal(nn_exec_profile(exec, 0, rows, &count, &err), SE_ERR_ARGUMENT);
    assert_int_equal(nn_exec_profile(exec, 2, rows, &count, &err), SE_OK);
    for (size_t i = 0; i < count; i++) {
        gflop += rows[i].gflop;
        together += (size_t)rows[i].steps;
        assert_true(rows[i].ms >= 0 && rows[i].megabytes > 0 && rows[i].op[0]);
    }
    assert_int_equal(together, steps);
    assert_true(gflop > 0 && gflop <= 1.000001e-9 * nn_exec_flop(exec));
    assert_true(nn_exec_output(exec, &shape)[0] == before);
    free(rows);
    nn_exec_free(exec);
    nn_model_free(model);
}

/* Load, prepare two sizes, run; each allocation fails once. */
static int whole_life(const struct onnx_build *build, const struct nn_model_options *options,
                      se_error *err)
{
    struct nn_model *model = NULL;
    struct nn_exec *exec = NULL;
    int status =
        nn_model_load_memory(&model, build->file.data, build->file.size, "small", options, err);
    if (status == SE_OK)
        status = nn_exec_create(&exec, model, NULL, 0, err);
    for (int64_t side = 4; side <= 8 && status == SE_OK; side += 4) {
        status = prepare(exec, side, err);
        if (status == SE_OK)
            status = nn_exec_run(exec, NULL, err);
    }
    if (status != SE_OK && exec) { /* an exec survives a failed prepare */
        se_error second;
        const int again = prepare(exec, 4, &second);
        assert_int_equal(again, SE_OK);
        assert_int_equal(nn_exec_run(exec, NULL, &second), SE_OK);
    }
    nn_exec_free(exec);
    nn_model_free(model);
    return status;
}

static void test_failing_allocations(void **state)
{
    (void)state;
    if (!failing_malloc_works())
        skip();
    const enum nn_backend_kind kinds[] = {NN_BACKEND_REF, NN_BACKEND_CPU};
    for (int k = 0; k < 2; k++) {
        const struct nn_model_options options = {.backend = kinds[k]};
        struct onnx_build build;
        onnx_build_begin(&build, 11, 3);
        onnx_build_noise(&build, "w", "8,3,3,3");
        onnx_build_noise(&build, "b", "1,8,1,1");
        onnx_build_node(&build, "Conv", "x w", "c", "pads=[1,1,1,1]");
        onnx_build_node(&build, "Add", "c b", "d", "");
        onnx_build_node(&build, "Sigmoid", "d", "s", "");
        onnx_build_node(&build, "Mul", "d s", "m", "");
        onnx_build_node(&build, "Concat", "m d", "y", "axis=1");
        onnx_build_end(&build, "y");
        size_t n = 1;
        for (;; n++) {
            se_error err = {0, ""};
            failing_malloc_start(n, FAILING_THIS_THREAD);
            const int status = whole_life(&build, &options, &err);
            if (failing_malloc_stop() < n) {
                assert_int_equal(status, SE_OK);
                break;
            }
            assert_int_equal(status, SE_ERR_MEMORY);
            assert_int_equal(err.code, SE_ERR_MEMORY);
        }
        assert_true(n > 10);
        onnx_build_free(&build);
    }
}

static void test_cancel(void **state)
{
    struct nn_model *model = small_model(NN_BACKEND_REF);
    struct nn_exec *exec = new_exec(model, NULL, 0);
    struct se_cancel cancel;
    se_error err;
    (void)state;
    atomic_init(&cancel.set, 1);
    const struct budget budget = {.cancel = &cancel};
    assert_int_equal(prepare(exec, 8, &err), SE_OK);
    fill(exec, 8, 1);
    assert_int_equal(nn_exec_run(exec, &budget, &err), SE_ERR_CANCELLED);
    atomic_store(&cancel.set, 0);
    assert_int_equal(nn_exec_run(exec, &budget, &err), SE_OK);
    nn_exec_free(exec);
    nn_model_free(model);
}

/* The input may be filled while the last output is still read. */
static void test_input_and_output_apart(void **state)
{
    struct nn_model *model = small_model(NN_BACKEND_REF);
    struct nn_exec *exec = new_exec(model, NULL, 0);
    struct nn_shape shape;
    (void)state;
    for (int side = 1; side < 30; side++) {
        run(exec, side, 3);
        const float *out = nn_exec_output(exec, &shape);
        const int64_t count = shape.dims[0] * shape.dims[1] * shape.dims[2] * shape.dims[3];
        const float *in = nn_exec_input(exec);
        assert_true(out + count <= in || in + side * side * 3 <= out);
    }
    nn_exec_free(exec);
    nn_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reshape),      cmocka_unit_test(test_merge),
        cmocka_unit_test(test_picture),      cmocka_unit_test(test_memory),
        cmocka_unit_test(test_memory_chain), cmocka_unit_test(test_plans_do_not_mix),
        cmocka_unit_test(test_taking_turns), cmocka_unit_test(test_borrowed_places),
        cmocka_unit_test(test_shrinking),    cmocka_unit_test(test_limits),
        cmocka_unit_test(test_bounded),      cmocka_unit_test(test_run_allocates_nothing),
        cmocka_unit_test(test_profile),      cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_cancel),       cmocka_unit_test(test_input_and_output_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
