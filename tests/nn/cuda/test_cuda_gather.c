/*
 * Runs of several execs that are joined: how many graphs that takes, and that each gets the bits of
 * its own run. The driver of the tests holds the first run back until all others wait. argv: a
 * small model with three input channels.
 */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/budget.h"
#include "fake_start.h"
#include "image/ops.h"
#include "nn/nn.h"

enum { PARTS = 5, CHANNELS = 3 };

static struct fake_controls *fake;
static const char *model_path;
static struct nn_model *model;
static struct nn_gather *gather;

/* One exec and what it is to compute. */
struct part {
    struct nn_exec *exec;
    int64_t shape[4];
    float *want; /* of a run without others */
    int64_t count;
    struct image image; /* data NULL: floats */
    struct nn_pixels pixels;
    struct nn_sample samples[4];
    se_cancel *cancel;
    pthread_t thread;
    int status;
    se_error error;
};

static struct part parts[PARTS];

static int reset(void **state)
{
    (void)state;
    fake = fake_start();
    *fake = (struct fake_controls){
        .version = 12090, .devices = 1, .capability = 90, .multiprocessors = 4};
    return 0;
}

static void open_all(bool spare)
{
    se_error err = {0, ""};
    const struct nn_model_options options = {.backend = NN_BACKEND_GPU, .spare = spare};
    const struct nn_model *const *models = (const struct nn_model *const *)&model;
    if (nn_model_load(&model, model_path, &options, &err) != SE_OK ||
        nn_gather_create(&gather, models, 1, 1, 0, &err) != SE_OK)
        fail_msg("%s", err.message);
    assert_non_null(gather);
    memset(parts, 0, sizeof(parts));
    for (int i = 0; i < PARTS; i++)
        assert_int_equal(nn_exec_create(&parts[i].exec, model, NULL, 0, NULL), SE_OK);
}

static void close_all(void)
{
    for (int i = 0; i < PARTS; i++) {
        free(parts[i].want);
        image_free(&parts[i].image);
        se_cancel_free(parts[i].cancel);
        nn_exec_free(parts[i].exec);
    }
    nn_gather_free(gather);
    nn_model_free(model);
    assert_int_equal(fake->allocations, 0);
    assert_int_equal(fake->unpinned, 0);
    assert_int_equal(fake->pinned, 0);
    assert_int_equal(fake->graphs, 0);
    assert_int_equal(fake->streams, 0);
}

static int run_part(struct part *part)
{
    const struct budget budget = {.cancel = part->cancel};
    return part->image.data
               ? nn_exec_run_pixels(part->exec, &part->pixels, part->samples, &budget, &part->error)
               : nn_exec_run(part->exec, &budget, &part->error);
}

static void fill(struct part *part, int i)
{
    float *to = nn_exec_input(part->exec);
    for (int64_t k = 0; k < part->shape[0] * part->shape[1] * part->shape[2] * CHANNELS; k++)
        to[k] = (float)sin(0.37 * (double)k + i);
}

/* Images of a picture of its own: resized, or a quarter turn of it and its parts cut out. */
static void draw(struct part *part, int i)
{
    const int h = (int)part->shape[1], width = (int)part->shape[2];
    assert_int_equal(image_create(&part->image, 60 + i, 50 + 2 * i, i % 2 ? 1 : 3, NULL), SE_OK);
    struct image *image = &part->image;
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width * image->channels; x++)
            image_row(image, y)[x] = (uint8_t)(x * 7 + y * 13 + i * 31 + x * y % 11);
    part->pixels = (struct nn_pixels){.data = image->data,
                                      .width = image->width,
                                      .height = image->height,
                                      .channels = image->channels,
                                      .stride = image->stride,
                                      .row_count = image->height,
                                      .id = nn_pixels_new_id()};
    for (int n = 0; n < part->shape[0]; n++)
        part->samples[n] = (struct nn_sample){.to_width = width,
                                              .to_height = h + n,
                                              .first = n,
                                              .factor = {0.1F, 0.2F, 0.3F},
                                              .offset = {(float)n, 0.5F, -1}};
}

/* Prepares part i, notes what it computes alone, and lets its runs be joined from then on. */
static void set_up(int i, int64_t n, int64_t width, bool picture)
{
    struct part *part = &parts[i];
    const int64_t nhwc[4] = {n, 16, width, CHANNELS};
    struct nn_shape shape;
    memcpy(part->shape, nhwc, sizeof(nhwc));
    assert_int_equal(nn_exec_prepare(part->exec, nhwc, NULL), SE_OK);
    if (picture)
        draw(part, i);
    else
        fill(part, i);
    assert_int_equal(run_part(part), SE_OK);
    const float *out = nn_exec_output(part->exec, &shape);
    part->count = shape.dims[0] * shape.dims[1] * shape.dims[2] * shape.dims[3];
    part->want = malloc((size_t)part->count * sizeof(float));
    assert_non_null(part->want);
    memcpy(part->want, out, (size_t)part->count * sizeof(float));
    if (picture)
        part->pixels.id = nn_pixels_new_id(); /* sent again */
    nn_exec_join(part->exec, gather);
    assert_int_equal(se_cancel_new(&part->cancel, NULL), SE_OK);
}

static void *run_in_thread(void *context)
{
    struct part *part = context;
    part->status = run_part(part);
    return NULL;
}

static void start(int i)
{
    assert_int_equal(pthread_create(&parts[i].thread, NULL, run_in_thread, &parts[i]), 0);
}

/* The first part runs, and all others wait for it. */
static void queue_all(void)
{
    __atomic_store_n(&fake->hold, 1, __ATOMIC_SEQ_CST);
    start(0);
    while (__atomic_load_n(&fake->held, __ATOMIC_SEQ_CST) == 0)
        usleep(200);
    for (int i = 1; i < PARTS; i++) {
        start(i);
        while (nn_gather_counts(gather).waiting < (size_t)i)
            usleep(200);
    }
}

static void finish(void)
{
    __atomic_store_n(&fake->hold, 0, __ATOMIC_SEQ_CST);
    for (int i = 0; i < PARTS; i++)
        assert_int_equal(pthread_join(parts[i].thread, NULL), 0);
    assert_int_equal(nn_gather_counts(gather).waiting, 0);
}

/* tolerance 0: the same bits. */
static void expect_result(int i, double tolerance)
{
    const struct part *part = &parts[i];
    struct nn_shape shape;
    if (part->status != SE_OK)
        fail_msg("part %d: %s", i, part->error.message);
    const float *got = nn_exec_output(part->exec, &shape);
    assert_int_equal(shape.dims[0], part->shape[0]);
    for (int64_t k = 0; k < part->count; k++) {
        const double off = fabs((double)got[k] - (double)part->want[k]);
        if (!(off <= tolerance * fmax(1, fabs((double)part->want[k]))))
            fail_msg("part %d, element %lld: %g, not %g", i, (long long)k, (double)got[k],
                     (double)part->want[k]);
    }
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void join_of(bool pictures)
{
    open_all(false);
    for (int i = 0; i < PARTS; i++)
        set_up(i, 1 + i % 3, 24, pictures);
    const long long before = fake->graph_launches;
    queue_all();
    finish();
    for (int i = 0; i < PARTS; i++)
        expect_result(i, 0);
    assert_int_equal(fake->graph_launches - before, 2);
    const struct nn_gather_counts counts = nn_gather_counts(gather);
    assert_int_equal(counts.runs, 2);
    assert_int_equal(counts.joined, PARTS - 1);
    assert_int_equal(counts.halved, 0);
    close_all();
}

/* 2 + 3 + 1 + 2 images in one graph of 8, and bit by bit what each gives alone. */
static void test_floats(void **state)
{
    (void)state;
    join_of(false);
}

static void test_pictures(void **state)
{
    (void)state;
    join_of(true);
}

/* Other sizes, and pictures beside floats, do not go together, and lose nothing. */
static void test_different(void **state)
{
    (void)state;
    open_all(false);
    set_up(0, 1, 24, false);
    set_up(1, 1, 24, false);
    set_up(2, 1, 40, false);
    set_up(3, 1, 24, true);
    set_up(4, 2, 24, false);
    const long long before = fake->graph_launches;
    queue_all();
    finish();
    for (int i = 0; i < PARTS; i++)
        expect_result(i, 0);
    assert_int_equal(fake->graph_launches - before, 4); /* 0 | 1 and 4 | 2 | 3 */
    assert_int_equal(nn_gather_counts(gather).joined, 2);
    close_all();
}

/* Without memory for the join it is halved, till each runs as it would without. */
static void test_no_memory(void **state)
{
    (void)state;
    open_all(false);
    for (int i = 0; i < PARTS; i++)
        set_up(i, 1, 24, false);
    const long long before = fake->graph_launches;
    queue_all();
    fake->allocs_until_failure = 1;
    finish();
    fake->allocs_until_failure = 0;
    for (int i = 0; i < PARTS; i++)
        expect_result(i, 0);
    assert_int_equal(fake->graph_launches - before, PARTS);
    assert_int_equal(nn_gather_counts(gather).halved, 3); /* four, and twice two */
    assert_int_equal(nn_gather_counts(gather).joined, 0);
    /* No more is tried together until memory was given back. */
    queue_all();
    finish();
    assert_int_equal(fake->graph_launches - before, 2 * PARTS);
    assert_int_equal(nn_gather_counts(gather).halved, 3);
    nn_gather_trim(gather);
    queue_all();
    finish();
    for (int i = 0; i < PARTS; i++)
        expect_result(i, 0);
    assert_int_equal(fake->graph_launches - before, 2 * PARTS + 2);
    close_all();
}

/* Who is cancelled while it waits does not run; the others do. */
static void test_cancelled(void **state)
{
    (void)state;
    open_all(false);
    for (int i = 0; i < PARTS; i++)
        set_up(i, 1, 24, false);
    const long long before = fake->graph_launches;
    queue_all();
    se_cancel_set(parts[1].cancel);
    se_cancel_set(parts[3].cancel);
    finish();
    for (int i = 0; i < PARTS; i++) {
        if (i % 2)
            assert_int_equal(parts[i].status, SE_ERR_CANCELLED);
        else
            expect_result(i, 0);
    }
    assert_int_equal(fake->graph_launches - before, 2);
    assert_int_equal(nn_gather_counts(gather).joined, 2);
    close_all();
}

/* The device fails in the join: the CPU answers every caller. */
static void test_failure(void **state)
{
    (void)state;
    open_all(true);
    for (int i = 0; i < PARTS; i++)
        set_up(i, 1, 24, false);
    queue_all();
    fake->launches_until_error = 2;
    finish();
    fake->launches_until_error = 0;
    for (int i = 0; i < PARTS; i++) {
        expect_result(i, i ? 0.01 : 0);
        assert_int_equal(nn_exec_runs(parts[i].exec).spare, i > 0);
    }
    close_all();
}

/* Its memory can be given back, and is when an exec finds none. */
static void test_memory_goes_back(void **state)
{
    (void)state;
    open_all(false);
    for (int i = 0; i < PARTS; i++)
        set_up(i, 1, 24, false);
    const long long before = fake->allocated_bytes;
    assert_false(nn_gather_trim(gather));
    queue_all();
    finish();
    assert_true(fake->allocated_bytes > before);
    assert_true(nn_gather_trim(gather));
    assert_int_equal(fake->allocated_bytes, before);
    for (int i = 0; i < 300; i++) {
        queue_all();
        finish();
        if (i == 0)
            fake->most_bytes = fake->allocated_bytes;
    }
    assert_int_equal(fake->most_bytes, fake->allocated_bytes);
    /* No room for a larger plan but that of the gather. */
    fake->memory_bytes = fake->allocated_bytes + 4096;
    assert_int_equal(nn_exec_prepare(parts[0].exec, (const int64_t[4]){1, 16, 32, 3}, NULL), SE_OK);
    assert_false(nn_gather_trim(gather));
    close_all();
}

/* While one run computes, another picture is sent and begins to run, up to as many as there are
 * lanes; who comes then has sent its picture before it waits. */
static void test_overlap(void **state)
{
    enum { LANES = 2 };
    const struct nn_model *const *models = (const struct nn_model *const *)&model;
    (void)state;
    open_all(false);
    nn_gather_free(gather);
    assert_int_equal(nn_gather_create(&gather, models, 1, LANES, 0, NULL), SE_OK);
    for (int i = 0; i < PARTS; i++)
        set_up(i, 1, i < LANES ? 24 : 40, true);
    __atomic_store_n(&fake->hold, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < PARTS; i++) {
        const long long copies = __atomic_load_n(&fake->copies, __ATOMIC_SEQ_CST);
        start(i);
        while (i < LANES ? __atomic_load_n(&fake->held, __ATOMIC_SEQ_CST) < i + 1
                         : nn_gather_counts(gather).waiting < (size_t)(i + 1 - LANES))
            usleep(200);
        /* Its picture; and what is made of it, where it has a lane. */
        assert_int_equal(__atomic_load_n(&fake->copies, __ATOMIC_SEQ_CST) - copies,
                         i < LANES ? 2 : 1);
    }
    finish();
    for (int i = 0; i < PARTS; i++)
        expect_result(i, 0);
    close_all();
}

/* In joined runs the n-th call of the driver fails: each has its result, the GPU's or the CPU's,
 * and nothing is left behind. */
static void test_every_call(void **state)
{
    static const int results[] = {2 /* out of memory */, 700 /* illegal address */};
    (void)state;
    for (size_t k = 0; k < sizeof(results) / sizeof(results[0]); k++) {
        bool reached = true;
        for (int n = 1; reached; n++) {
            open_all(true);
            for (int i = 0; i < PARTS; i++)
                set_up(i, 1, 24, false);
            queue_all();
            fake->call_result = results[k];
            __atomic_store_n(&fake->calls_until_error, n, __ATOMIC_SEQ_CST);
            finish();
            reached = __atomic_exchange_n(&fake->calls_until_error, 0, __ATOMIC_SEQ_CST) == 0;
            assert_true(reached || n > 10);
            for (int i = 0; i < PARTS; i++)
                expect_result(i, 0.01);
            close_all();
        }
    }
}

/* A model on the CPU needs none. */
static void test_cpu(void **state)
{
    struct nn_model *cpu;
    struct nn_gather *none;
    const struct nn_model_options options = {.backend = NN_BACKEND_CPU};
    (void)state;
    assert_int_equal(nn_model_load(&cpu, model_path, &options, NULL), SE_OK);
    const struct nn_model *const *models = (const struct nn_model *const *)&cpu;
    assert_int_equal(nn_gather_create(&none, models, 1, 1, 0, NULL), SE_OK);
    assert_null(none);
    assert_int_equal(nn_gather_create(&none, models, 3, 1, 0, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(nn_gather_create(&none, models, 1, 0, 0, NULL), SE_ERR_ARGUMENT);
    nn_model_free(cpu);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_floats, reset),
        cmocka_unit_test_setup(test_pictures, reset),
        cmocka_unit_test_setup(test_different, reset),
        cmocka_unit_test_setup(test_no_memory, reset),
        cmocka_unit_test_setup(test_cancelled, reset),
        cmocka_unit_test_setup(test_failure, reset),
        cmocka_unit_test_setup(test_memory_goes_back, reset),
        cmocka_unit_test_setup(test_overlap, reset),
        cmocka_unit_test_setup(test_every_call, reset),
        cmocka_unit_test_setup(test_cpu, reset),
    };
    model_path = argc > 1 ? argv[1] : "";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
