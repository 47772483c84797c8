/*
 * Images that the GPU makes out of a picture, against those that src/image makes: the same network
 * on both must give the same bits. argv: a small model with three input channels.
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
#include "image/ops.h"
#include "nn/nn.h"

static struct fake_controls *fake;
static const char *model_path;
static struct nn_model *model;
static struct nn_exec *exec;
static uint32_t seed;

static uint32_t next(void)
{
    seed = seed * 1664525U + 1013904223U;
    return seed >> 8;
}

static void open_with(bool spare, size_t max_bytes)
{
    se_error err = {0, ""};
    const struct nn_model_options options = {
        .backend = NN_BACKEND_GPU, .spare = spare, .device_max_bytes = max_bytes};
    if (nn_model_load(&model, model_path, &options, &err) != SE_OK ||
        nn_exec_create(&exec, model, NULL, 0, &err) != SE_OK)
        fail_msg("%s", err.message);
}

static int start(void **state)
{
    (void)state;
    seed = 7;
    fake = fake_start();
    fake->backwards = 0;
    open_with(false, 0);
    return 0;
}

static void close_all(void)
{
    nn_exec_free(exec);
    nn_model_free(model);
    assert_int_equal(fake->allocations, 0);
    assert_int_equal(fake->unpinned, 0);
    assert_int_equal(fake->pinned, 0);
    assert_int_equal(fake->graphs, 0);
}

static int stop(void **state)
{
    (void)state;
    close_all();
    return 0;
}

/* Noise, in rows that are longer than the picture. */
static struct image make_image(int width, int height, int channels)
{
    struct image image;
    assert_int_equal(image_create(&image, width, height, channels, NULL), SE_OK);
    for (int y = 0; y < height; y++)
        for (int i = 0; i < width * channels; i++)
            image_row(&image, y)[i] = (uint8_t)next();
    return image;
}

static struct nn_pixels pixels_of(const struct image *image)
{
    return (struct nn_pixels){.data = image->data,
                              .width = image->width,
                              .height = image->height,
                              .channels = image->channels,
                              .stride = image->stride,
                              .row_count = image->height,
                              .id = nn_pixels_new_id()};
}

/* What the current plan makes of the input that was filled in; the caller frees it. */
static float *run_filled(int64_t *count)
{
    struct nn_shape shape;
    se_error err = {0, ""};
    if (nn_exec_run(exec, NULL, &err) != SE_OK)
        fail_msg("%s", err.message);
    const float *out = nn_exec_output(exec, &shape);
    *count = shape.dims[0] * shape.dims[1] * shape.dims[2] * shape.dims[3];
    float *copy = malloc((size_t)*count * sizeof(float));
    assert_non_null(copy);
    memcpy(copy, out, (size_t)*count * sizeof(float));
    return copy;
}

/* The same out of the picture, bit by bit. */
static void expect_same(const char *what, const struct nn_pixels *pixels,
                        const struct nn_sample *samples, const float *want, int64_t count)
{
    struct nn_shape shape;
    se_error err = {0, ""};
    for (int i = 0; i < 2; i++) {
        fake->backwards = i;
        memset(nn_exec_input(exec), 0xff, 64); /* nobody reads it */
        if (nn_exec_run_pixels(exec, pixels, samples, NULL, &err) != SE_OK)
            fail_msg("%s: %s", what, err.message);
        const float *got = nn_exec_output(exec, &shape);
        for (int64_t k = 0; k < count; k++)
            if (memcmp(&got[k], &want[k], sizeof(float)) != 0)
                fail_msg("%s: element %lld is %g, not %g", what, (long long)k, (double)got[k],
                         (double)want[k]);
    }
    fake->backwards = 0;
}

static void prepare(int64_t n, int64_t h, int64_t width)
{
    se_error err = {0, ""};
    if (nn_exec_prepare(exec, (const int64_t[4]){n, h, width, 3}, &err) != SE_OK)
        fail_msg("%s", err.message);
    assert_true(nn_exec_takes_pixels(exec));
}

/* ---- resizing ------------------------------------------------------------------------------- */

static void test_resize(void **state)
{
    /* Enlarged, as it is, by up to 2, by more, by so much that rows are summed in floats; mixed. */
    static const int sizes[][4] = {{1, 1, 5, 4},      {2, 1, 7, 3},     {7, 5, 13, 9},
                                   {32, 24, 32, 24},  {90, 70, 45, 35}, {91, 71, 45, 35},
                                   {64, 48, 31, 23},  {100, 9, 10, 8},  {9, 100, 12, 6},
                                   {200, 150, 11, 4}, {333, 40, 32, 32}};
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (int channels = 1; channels <= 3; channels += 2)
            for (int band = 0; band < 2; band++) {
                struct image image = make_image(sizes[i][0], sizes[i][1], channels);
                const int height = sizes[i][3], rows = band ? (height + 1) / 2 : height;
                const struct tensor_part part = {sizes[i][2],        height,
                                                 height - rows,      rows,
                                                 {1.1F, 2.3F, 0.7F}, {0.1F, -0.2F, 0.35F}};
                struct nn_sample sample = {
                    .to_width = part.width, .to_height = height, .first = part.first};
                char what[80];
                int64_t count;
                snprintf(what, sizeof(what), "%dx%dx%d to %dx%d from row %d", sizes[i][0],
                         sizes[i][1], channels, part.width, height, part.first);
                memcpy(sample.factor, part.factor, sizeof(sample.factor));
                memcpy(sample.offset, part.offset, sizeof(sample.offset));
                prepare(1, rows, part.width);
                assert_int_equal(img_to_tensor(&image, &part, nn_exec_input(exec), NULL), SE_OK);
                float *want = run_filled(&count);
                const struct nn_pixels pixels = pixels_of(&image);
                expect_same(what, &pixels, &sample, want, count);
                free(want);
                image_free(&image);
            }
}

/* ---- crops ---------------------------------------------------------------------------------- */

/* A crop as the recognizer's input: its columns [x, x + width), the rest mid-grey. */
static void fill_crop(const struct image *image, const struct quad *quad, int crop_width, int x,
                      int width, int h, int bucket, float *out)
{
    struct image crop;
    assert_int_equal(image_create(&crop, crop_width, h, image->channels, NULL), SE_OK);
    assert_int_equal(img_warp_quad(image, quad, &crop, NULL), SE_OK);
    for (int y = 0; y < h; y++)
        for (int i = 0; i < bucket; i++)
            for (int c = 0; c < 3; c++) {
                const uint8_t *from = image_row(&crop, y) + (x + i) * image->channels;
                *out++ =
                    i >= width ? 0 : (float)from[image->channels == 3 ? 2 - c : 0] / 127.5F - 1;
            }
    image_free(&crop);
}

static struct nn_sample crop_sample(const struct quad *quad, int crop_width, int x, int width,
                                    int h)
{
    struct img_warp_plan plan;
    assert_int_equal(img_warp_plan(quad, crop_width, h, &plan, NULL), SE_OK);
    struct nn_sample sample = {.crop = true,
                               .to_width = crop_width,
                               .to_height = h,
                               .first = x,
                               .filled = width,
                               .g = plan.g,
                               .h = plan.h,
                               .across = plan.across,
                               .down = plan.down};
    memcpy(sample.m, plan.m, sizeof(sample.m));
    return sample;
}

static void test_crops(void **state)
{
    enum { BATCH = 3, H = 12, BUCKET = 160 };
    static const struct quad quads[] = {
        {{{10, 10}, {110, 12}, {108, 30}, {12, 28}}},   /* as usual */
        {{{-40, -20}, {150, 5}, {170, 80}, {-30, 95}}}, /* reaching outside */
        {{{5, 60}, {20, 60}, {20, 2}, {5, 2}}},         /* upside down */
        {{{0, 0}, {119.5F, 0}, {119.5F, 79.5F}, {0, 79.5F}}} /* nearly all of it, much reduced */,
        {{{10, 10}, {100, 70}, {100, 10}, {10, 70}}},               /* crossing: no perspective */
        {{{50, 50}, {50, 50}, {50, 50}, {50, 50}}},                 /* a point */
        {{{1e6F, 1e6F}, {2e6F, 1e6F}, {2e6F, 2e6F}, {1e6F, 2e6F}}}, /* far away */
    };
    static const int widths[][3] = {{160, 0, 160}, {97, 0, 97}, {200, 40, 155}, {1, 0, 1}};
    enum { QUADS = sizeof(quads) / sizeof(quads[0]), WIDTHS = sizeof(widths) / sizeof(widths[0]) };
    (void)state;
    for (int channels = 1; channels <= 3; channels += 2) {
        struct image image = make_image(120, 80, channels);
        const struct nn_pixels pixels = pixels_of(&image);
        prepare(BATCH, H, BUCKET);
        for (int i = 0; i < QUADS * WIDTHS; i++) {
            struct nn_sample samples[BATCH];
            for (int k = 0; k < BATCH; k++) {
                const struct quad *quad = &quads[(i + k) % QUADS];
                const int *w = widths[(i / QUADS + k) % WIDTHS];
                samples[k] = crop_sample(quad, w[0], w[1], w[2], H);
                fill_crop(&image, quad, w[0], w[1], w[2], H, BUCKET,
                          nn_exec_input(exec) + k * H * BUCKET * 3);
            }
            char what[40];
            int64_t count;
            snprintf(what, sizeof(what), "crops %d, %d channels", i, channels);
            float *want = run_filled(&count);
            expect_same(what, &pixels, samples, want, count);
            free(want);
        }
        image_free(&image);
    }
}

/* ---- what is sent --------------------------------------------------------------------------- */

/* A picture goes over once for its id; rows that are not named are not looked at. */
static void test_sending(void **state)
{
    const struct quad quad = {{{10, 30}, {110, 31}, {108, 44}, {12, 43}}};
    const struct nn_sample sample = crop_sample(&quad, 64, 0, 64, 12);
    struct image image = make_image(120, 80, 3);
    struct nn_pixels pixels = pixels_of(&image);
    int64_t count;
    (void)state;
    if (fake_is_real())
        skip();
    pixels.first_row = 28;
    pixels.row_count = 19;
    prepare(1, 12, 64);
    fill_crop(&image, &quad, 64, 0, 64, 12, 64, nn_exec_input(exec));
    float *want = run_filled(&count);
    for (int y = 0; y < 80; y++)
        if (y < 28 || y >= 47)
            memset(image_row(&image, y), 0, 360);
    long long copies = fake->copies;
    expect_same("some rows", &pixels, &sample, want, count);
    assert_int_equal(fake->copies - copies, 1 + 2 * 2); /* picture; twice samples and result */
    /* Other bytes under the same id are not looked at; under another they are. */
    memset(image_row(&image, 35), 0, 360);
    expect_same("the same id", &pixels, &sample, want, count);
    pixels.id = nn_pixels_new_id();
    assert_int_equal(nn_exec_run_pixels(exec, &pixels, &sample, NULL, NULL), SE_OK);
    struct nn_shape shape;
    assert_true(memcmp(nn_exec_output(exec, &shape), want, (size_t)count * sizeof(float)) != 0);
    /* After a trim all is sent anew. */
    nn_exec_trim(exec);
    assert_false(nn_exec_takes_pixels(exec));
    prepare(1, 12, 64);
    copies = fake->copies;
    assert_int_equal(nn_exec_run_pixels(exec, &pixels, &sample, NULL, NULL), SE_OK);
    assert_int_equal(fake->copies - copies, 3);
    free(want);
    image_free(&image);
}

/* ---- failures ------------------------------------------------------------------------------- */

static void test_refusals(void **state)
{
    const struct quad quad = {{{10, 30}, {110, 31}, {108, 44}, {12, 43}}};
    const struct nn_sample right = crop_sample(&quad, 64, 0, 64, 12);
    struct image image = make_image(120, 80, 3);
    const struct nn_pixels pixels = pixels_of(&image);
    (void)state;
    assert_int_equal(nn_exec_run_pixels(exec, &pixels, &right, NULL, NULL), SE_ERR_ARGUMENT);
    prepare(1, 12, 64);
    struct nn_sample bad[12];
    for (size_t i = 0; i < 12; i++)
        bad[i] = right;
    bad[0].to_width = 0;
    bad[1].to_height = 13;
    bad[2].first = -1;
    bad[3].first = 1;
    bad[4].filled = 65;
    bad[5].across = 0;
    bad[6].down = 17;
    bad[7].m[3] = (double)NAN;
    bad[8].g = (double)INFINITY;
    bad[9].crop = false;
    bad[9].first = 5; /* past its end */
    bad[10].to_width = 1 << 30;
    bad[11].filled = -1;
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(nn_exec_run_pixels(exec, &pixels, &bad[i], NULL, NULL), SE_ERR_ARGUMENT);
    struct nn_pixels wrong[8];
    for (size_t i = 0; i < 8; i++)
        wrong[i] = pixels;
    wrong[0].data = NULL;
    wrong[1].channels = 2;
    wrong[2].stride = 100;
    wrong[3].row_count = 81;
    wrong[4].first_row = -1;
    wrong[5].id = 0;
    wrong[6].width = 0;
    wrong[7].height = 1 << 30;
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(nn_exec_run_pixels(exec, &wrong[i], &right, NULL, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(nn_exec_run_pixels(exec, &pixels, &right, NULL, NULL), SE_OK);
    image_free(&image);
}

/* Without room for the picture, and with a GPU that is lost, the usual way still answers. */
static void test_the_usual_way_stands_by(void **state)
{
    struct image image = make_image(2000, 1500, 3);
    struct nn_pixels pixels = pixels_of(&image);
    const struct nn_sample sample = {.to_width = 40, .to_height = 30, .factor = {1, 1, 1}};
    const struct tensor_part part = {40, 30, 0, 30, {1, 1, 1}, {0, 0, 0}};
    se_error err = {0, ""};
    int64_t count;
    (void)state;
    if (fake_is_real())
        skip();
    close_all();
    open_with(true, 4 << 20);
    prepare(1, 30, 40);
    assert_int_equal(nn_exec_run_pixels(exec, &pixels, &sample, NULL, &err), SE_ERR_LIMIT);
    assert_non_null(strstr(err.message, "gpu_memory_mb = 4"));
    assert_int_equal(img_to_tensor(&image, &part, nn_exec_input(exec), NULL), SE_OK);
    free(run_filled(&count));
    assert_int_equal(nn_exec_runs(exec).gpu, 1);
    struct image small = make_image(80, 60, 3);
    pixels = pixels_of(&small);
    assert_int_equal(nn_exec_run_pixels(exec, &pixels, &sample, NULL, &err), SE_OK);
    assert_int_equal(nn_exec_runs(exec).gpu, 2);
    fake->launches_until_error = 1;
    assert_int_equal(nn_exec_run_pixels(exec, &pixels, &sample, NULL, &err), SE_ERR_DEVICE);
    assert_int_equal(img_to_tensor(&small, &part, nn_exec_input(exec), NULL), SE_OK);
    free(run_filled(&count));
    assert_int_equal(nn_exec_runs(exec).gpu, 2);
    assert_int_equal(nn_exec_runs(exec).spare, 1);
    assert_false(nn_exec_takes_pixels(exec));
    fake->launches_until_error = 0;
    image_free(&small);
    image_free(&image);
    nn_exec_free(exec);
    nn_model_free(model);
    open_with(false, 0);
}

/* Each allocation of a run on a picture fails once: an error, and then it works. */
static void test_every_allocation(void **state)
{
    struct image image = make_image(80, 60, 3);
    const struct nn_pixels pixels = pixels_of(&image);
    const struct nn_sample sample = {.to_width = 40, .to_height = 30, .factor = {1, 1, 1}};
    bool failed = true;
    (void)state;
    if (fake_is_real())
        skip();
    for (int n = 1; failed; n++) {
        assert_true(n < 20);
        nn_exec_trim(exec);
        prepare(1, 30, 40);
        fake->allocs_until_failure = n;
        const int status = nn_exec_run_pixels(exec, &pixels, &sample, NULL, NULL);
        failed = status != SE_OK;
        assert_true(!failed || status == SE_ERR_LIMIT);
        fake->allocs_until_failure = 0;
        assert_int_equal(nn_exec_run_pixels(exec, &pixels, &sample, NULL, NULL), SE_OK);
    }
    image_free(&image);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_resize, start, stop),
        cmocka_unit_test_setup_teardown(test_crops, start, stop),
        cmocka_unit_test_setup_teardown(test_sending, start, stop),
        cmocka_unit_test_setup_teardown(test_refusals, start, stop),
        cmocka_unit_test_setup_teardown(test_the_usual_way_stands_by, start, stop),
        cmocka_unit_test_setup_teardown(test_every_allocation, start, stop),
    };
    model_path = argc > 1 ? argv[1] : "";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
