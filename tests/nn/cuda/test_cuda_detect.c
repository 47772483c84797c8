/*
 * Text boxes out of a map that stays on the GPU: the same, bit by bit, as out of the whole map;
 * with others on one GPU; and with every call of the driver failing once.
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

#include "fake_start.h"
#include "image/ops.h"
#include "ocr/detect.h"
#include "onnx_build.h"

enum { ILLEGAL_ADDRESS = 700, OUT_OF_MEMORY = 2, UNKNOWN = 999, PARTS = 3 };

static struct fake_controls *fake;
static struct nn_model *model;

static int reset(void **state)
{
    (void)state;
    fake = fake_start();
    *fake = (struct fake_controls){
        .version = 12090, .devices = 1, .capability = 90, .multiprocessors = 4};
    return 0;
}

/* The brighter a pixel, the more it is text: 1 / (1 + exp(-(b + g + r))) of normalised values. */
static void open_model(bool spare)
{
    static const float weights[3] = {1, 1, 1};
    const struct nn_model_options options = {.backend = NN_BACKEND_GPU, .spare = spare};
    struct onnx_build build;
    onnx_build_begin(&build, 11, 3);
    onnx_build_floats(&build, "w", "1,3,1,1", weights);
    onnx_build_node(&build, "Conv", "x w", "c", "");
    onnx_build_node(&build, "Sigmoid", "c", "y", "");
    onnx_build_end(&build, "y");
    assert_int_equal(
        nn_model_load_memory(&model, build.file.data, build.file.size, "pixels", &options, NULL),
        SE_OK);
    onnx_build_free(&build);
}

static struct nn_exec *make_exec(void)
{
    struct nn_exec *exec;
    assert_int_equal(nn_exec_create(&exec, model, NULL, 0, NULL), SE_OK);
    return exec;
}

static void close_model(void)
{
    nn_model_free(model);
    assert_int_equal(fake->allocations, 0);
    assert_int_equal(fake->unpinned, 0);
    assert_int_equal(fake->pinned, 0);
    assert_int_equal(fake->graphs, 0);
    assert_int_equal(fake->streams, 0);
}

/* ---- pictures ------------------------------------------------------------------------------- */

enum look { LINES, TURNED, GRAIN, DARK, BRIGHT, GRID, LOOKS };

static uint8_t brightness(enum look look, int y, int x, int i)
{
    const double a = 0.2 + 0.1 * i, u = x * cos(a) + y * sin(a), v = y * cos(a) - x * sin(a);
    switch (look) {
    case LINES: /* words of lines, each of a shade of its own */
        return (uint8_t)(y % 24 < 12 && (x + 9 * i) % 61 < 50
                             ? 150 + (x / 61 * 37 + y / 24 * 11) % 100
                             : 20);
    case TURNED:
        return (uint8_t)(fmod(fabs(v) + i, 30) < 11 && fmod(fabs(u), 90) < 80
                             ? 160 + fmod(fabs(u), 80)
                             : 90 + fmod(fabs(v), 30));
    case GRAIN:
        return (uint8_t)((x * 7919 + y * 104729 + x * y % 977 + i) % 256);
    case DARK:
        return 10;
    case BRIGHT:
        return 250;
    default:
        return x % 4 == 0 ? 255 : 0;
    }
}

static struct image draw(enum look look, int width, int height, int i)
{
    struct image image;
    assert_int_equal(image_create(&image, width, height, 3, NULL), SE_OK);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < 3 * width; x++)
            image_row(&image, y)[x] = brightness(look, y, x / 3, i);
    return image;
}

/* Input pixels are image pixels, where sides are multiples of 32. */
static struct detect_params params_of(void)
{
    struct detect_params params = detect_defaults;
    params.enlarge_to = 1;
    return params;
}

/* The boxes of the whole map of one run, which comes back as floats. */
static struct text_boxes find_whole(const struct image *image)
{
    const struct detect_params params = params_of();
    struct nn_exec *exec = make_exec();
    struct nn_shape shape;
    struct text_boxes boxes;
    int width, height;
    float scale_x, scale_y;
    detect_input_size(&params, image->width, image->height, &width, &height, &scale_x, &scale_y);
    struct tensor_part part = {.width = width, .height = height, .rows = height};
    static const float mean[3] = {0.485F, 0.456F, 0.406F}, deviation[3] = {0.229F, 0.224F, 0.225F};
    for (int c = 0; c < 3; c++) {
        part.factor[c] = 0.5F / deviation[c];
        part.offset[c] = (0.5F - mean[c]) / deviation[c];
    }
    assert_int_equal(nn_exec_prepare(exec, (const int64_t[4]){1, height, width, 3}, NULL), SE_OK);
    assert_int_equal(img_to_tensor(image, &part, nn_exec_input(exec), NULL), SE_OK);
    assert_int_equal(nn_exec_run(exec, NULL, NULL), SE_OK);
    assert_int_equal(detect_boxes(nn_exec_output(exec, &shape), width, height, scale_x, scale_y,
                                  &params, &boxes, NULL),
                     SE_OK);
    nn_exec_free(exec);
    return boxes;
}

static struct text_boxes find(struct nn_exec *exec, const struct image *image)
{
    const struct detect_params params = params_of();
    struct text_boxes boxes;
    se_error err = {0, ""};
    if (ocr_detect(exec, image, &params, NULL, &boxes, &err) != SE_OK)
        fail_msg("%s", err.message);
    return boxes;
}

static void expect_same(const struct text_boxes *want, const struct text_boxes *got)
{
    assert_int_equal(got->count, want->count);
    for (int i = 0; i < want->count; i++) {
        assert_memory_equal(&got->items[i].quad, &want->items[i].quad, sizeof(struct quad));
        assert_memory_equal(&got->items[i].score, &want->items[i].score, sizeof(float));
    }
    assert_int_equal(got->area_count, want->area_count);
    assert_memory_equal(got->areas, want->areas, (size_t)want->area_count * sizeof(struct rect));
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void test_same_boxes(void **state)
{
    static const int sizes[][2] = {{320, 256}, {301, 211}, {64, 480}, {1000, 40}};
    int boxes = 0;
    (void)state;
    open_model(false);
    struct nn_exec *exec = make_exec();
    for (int look = 0; look < GRID; look++)
        for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
            struct image image = draw((enum look)look, sizes[k][0], sizes[k][1], (int)k);
            struct text_boxes want = find_whole(&image), got = find(exec, &image);
            struct nn_shape shape;
            fake->backwards = !fake->backwards;
            expect_same(&want, &got);
            assert_null(nn_exec_output(exec, &shape)); /* it did not come back */
            boxes += got.count;
            text_boxes_free(&want);
            text_boxes_free(&got);
            image_free(&image);
        }
    assert_true(boxes > 100);
    assert_int_equal(nn_exec_runs(exec).whole_map, 0);
    nn_exec_free(exec);
    close_model();
}

/* More runs than there is room for: the whole map, counted; and the next picture as ever. */
static void test_too_many_runs(void **state)
{
    (void)state;
    open_model(false);
    struct nn_exec *exec = make_exec();
    for (int i = 0; i < 3; i++) {
        struct image image = draw(i == 1 ? GRID : LINES, 512, 512, 0);
        struct text_boxes want = find_whole(&image), got = find(exec, &image);
        expect_same(&want, &got);
        assert_int_equal(nn_exec_runs(exec).whole_map, i > 0);
        text_boxes_free(&want);
        text_boxes_free(&got);
        image_free(&image);
    }
    nn_exec_free(exec);
    close_model();
}

/* What is asked for is checked; without a reduction outputs come back as ever. */
static void test_asking(void **state)
{
    static const struct nn_map_params params = {0.3F, 1, 0.1F};
    const struct nn_map_span right = {3, 2, 30};
    const int32_t first[2] = {0, 1};
    const int64_t nhwc[4] = {1, 32, 64, 3};
    struct nn_map map;
    struct nn_shape shape;
    double sum;
    (void)state;
    open_model(false);
    struct nn_exec *exec = make_exec();
    assert_false(nn_exec_map(exec, 0, &map));
    assert_int_equal(nn_exec_map_sums(exec, 0, &right, first, 1, &sum, NULL), SE_ERR_ARGUMENT);
    nn_exec_reduce(exec, &params);
    assert_int_equal(nn_exec_prepare(exec, nhwc, NULL), SE_OK);
    for (int i = 0; i < 32 * 64 * 3; i++)
        nn_exec_input(exec)[i] = (float)(i % 100) / 100 - 0.5F;
    assert_int_equal(nn_exec_run(exec, NULL, NULL), SE_OK);
    assert_true(nn_exec_map(exec, 0, &map));
    assert_false(nn_exec_map(exec, 1, &map));
    assert_false(nn_exec_map(exec, -1, &map));
    assert_int_equal(nn_exec_map_sums(exec, 0, &right, first, 1, &sum, NULL), SE_OK);
    const struct nn_map_span wrong[] = {{-1, 2, 30}, {32, 2, 30}, {3, -1, 30},
                                        {3, 2, 65},  {3, 9, 8},   {3, INT32_MIN, 8}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(nn_exec_map_sums(exec, 0, &wrong[i], first, 1, &sum, NULL),
                         SE_ERR_ARGUMENT);
    const int32_t bad[][2] = {{1, 2}, {0, -1}, {0, NN_MAP_SPANS + 1}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(nn_exec_map_sums(exec, 0, &right, bad[i], 1, &sum, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(nn_exec_map_sums(exec, 0, &right, first, 0, &sum, NULL), SE_ERR_ARGUMENT);
    /* The whole of it after all, once. */
    assert_int_equal(nn_exec_fetch(exec, NULL), SE_OK);
    assert_int_equal(nn_exec_fetch(exec, NULL), SE_OK);
    assert_int_equal(nn_exec_runs(exec).whole_map, 1);
    const float *whole = nn_exec_output(exec, &shape);
    double want = 0;
    for (int x = right.begin; x < right.end; x++)
        want += (double)whole[right.y * 64 + x];
    assert_true(sum == want);
    assert_false(nn_exec_map(exec, 0, &map));
    /* Another reduction ends the plan; none is none. */
    nn_exec_reduce(exec, NULL);
    assert_null(nn_exec_input(exec));
    assert_int_equal(nn_exec_prepare(exec, nhwc, NULL), SE_OK);
    assert_int_equal(nn_exec_run(exec, NULL, NULL), SE_OK);
    assert_non_null(nn_exec_output(exec, &shape));
    nn_exec_free(exec);
    close_model();
}

/* ---- several pictures ----------------------------------------------------------------------- */

struct part {
    struct nn_exec *exec;
    struct image image;
    struct text_boxes want, got;
    pthread_t thread;
};

static void *find_in_thread(void *context)
{
    struct part *part = context;
    part->got = find(part->exec, &part->image);
    return NULL;
}

/* The first run is held until all others wait for it, so that those are joined. */
static void find_together(struct part parts[PARTS], struct nn_gather *gather)
{
    __atomic_store_n(&fake->hold, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < PARTS; i++) {
        assert_int_equal(pthread_create(&parts[i].thread, NULL, find_in_thread, &parts[i]), 0);
        while (i == 0 ? __atomic_load_n(&fake->held, __ATOMIC_SEQ_CST) == 0
                      : nn_gather_counts(gather).waiting < (size_t)i)
            usleep(200);
    }
    __atomic_store_n(&fake->hold, 0, __ATOMIC_SEQ_CST);
    for (int i = 0; i < PARTS; i++)
        assert_int_equal(pthread_join(parts[i].thread, NULL), 0);
}

static void join_of(int launches_until_error)
{
    struct part parts[PARTS] = {0};
    struct nn_gather *gather;
    open_model(launches_until_error > 0);
    const struct nn_model *models[1] = {model};
    assert_int_equal(nn_gather_create(&gather, models, 1, 1, 0, NULL), SE_OK);
    for (int i = 0; i < PARTS; i++) {
        parts[i].exec = make_exec();
        parts[i].image = draw(LINES, 320 - i, 160, i);
        parts[i].want = find_whole(&parts[i].image);
        nn_exec_join(parts[i].exec, gather);
    }
    const long long before = fake->graph_launches;
    fake->launches_until_error = launches_until_error;
    find_together(parts, gather);
    for (int i = 0; i < PARTS; i++) {
        assert_true(parts[i].want.count > 5);
        if (launches_until_error)
            assert_int_equal(parts[i].got.count, parts[i].want.count);
        else
            expect_same(&parts[i].want, &parts[i].got);
        assert_int_equal(nn_exec_runs(parts[i].exec).spare, launches_until_error ? i > 0 : 0);
        text_boxes_free(&parts[i].want);
        text_boxes_free(&parts[i].got);
        image_free(&parts[i].image);
        nn_exec_free(parts[i].exec);
    }
    if (!launches_until_error) {
        assert_int_equal(fake->graph_launches - before, 2);
        assert_int_equal(nn_gather_counts(gather).joined, PARTS - 1);
    }
    nn_gather_free(gather);
    close_model();
}

/* Each has its own boxes out of a run for all. */
static void test_together(void **state)
{
    (void)state;
    if (fake_is_real())
        skip();
    join_of(0);
}

/* ---- failures ------------------------------------------------------------------------------- */

/* Two pictures, of which the n-th call of the driver answers `result`: boxes as ever, by the GPU
 * or the CPU, or without a spare an error; nothing is left behind. Was it reached? */
static bool survives(int n, int result, bool spare, const struct image *image,
                     const struct text_boxes *want)
{
    const struct detect_params params = params_of();
    open_model(spare);
    struct nn_exec *exec = make_exec();
    fake->call_result = result;
    fake->calls_until_error = n;
    for (int i = 0; i < 2; i++) {
        struct text_boxes got;
        se_error err = {0, ""};
        const int status = ocr_detect(exec, image, &params, NULL, &got, &err);
        if (spare ? status != SE_OK
                  : status != SE_OK && status != SE_ERR_LIMIT && status != SE_ERR_DEVICE)
            fail_msg("call %d answers %d: %s", n, result, err.message);
        if (status != SE_OK) {
            assert_int_equal(got.count, 0);
            assert_true(strlen(err.message) > 0);
            continue;
        }
        if (nn_exec_runs(exec).spare == 0)
            expect_same(want, &got);
        else
            assert_int_equal(got.count, want->count);
        text_boxes_free(&got);
    }
    const bool reached = fake->calls_until_error == 0;
    fake->calls_until_error = 0;
    nn_exec_free(exec);
    close_model();
    return reached;
}

static void test_every_call(void **state)
{
    static const int results[] = {OUT_OF_MEMORY, ILLEGAL_ADDRESS, UNKNOWN};
    struct image image = draw(LINES, 192, 64, 0);
    (void)state;
    if (fake_is_real())
        skip();
    open_model(false);
    struct text_boxes want = find_whole(&image);
    close_model();
    for (size_t k = 0; k < sizeof(results) / sizeof(results[0]); k++)
        for (int spare = 0; spare < 2; spare++) {
            int n = 1;
            while (survives(n, results[k], spare, &image, &want))
                n += spare ? 1 : 3;
            assert_true(n > 40); /* allocations, copies, launches, graphs, waits */
        }
    text_boxes_free(&want);
    image_free(&image);
}

/* The device fails in the run for all: the CPU answers every caller. */
static void test_failure_together(void **state)
{
    (void)state;
    if (fake_is_real())
        skip();
    join_of(2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_same_boxes, reset),
        cmocka_unit_test_setup(test_too_many_runs, reset),
        cmocka_unit_test_setup(test_asking, reset),
        cmocka_unit_test_setup(test_together, reset),
        cmocka_unit_test_setup(test_every_call, reset),
        cmocka_unit_test_setup(test_failure_together, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
