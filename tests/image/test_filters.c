/*
 * CLAHE and unsharp mask against plain references.
 */
#include "image_testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/ops.h"

/* ---- CLAHE ---------------------------------------------------------------------------------- */

/* The curve of a rectangle at value `v`, as Zuiderveld describes it. */
static double reference_curve(const struct image *image, struct rect tile, double clip, int v)
{
    double histogram[256] = {0}, excess = 0, below = 0;
    const double pixels = (double)tile.width * tile.height;
    const double limit = fmin(fmax(floor(clip * pixels / 256), 1), pixels);
    for (int y = 0; y < tile.height; y++)
        for (int x = 0; x < tile.width; x++)
            histogram[testing_at(image, tile.x + x, tile.y + y, 0)]++;
    for (int i = 0; i < 256; i++) {
        excess += fmax(histogram[i] - limit, 0);
        histogram[i] = fmin(histogram[i], limit);
    }
    for (int i = 0; i <= v; i++)
        below += histogram[i] + excess / 256;
    return 255 * below / pixels;
}

static double reference_clahe(const struct image *image, int tiles, double clip, int x, int y)
{
    const int across = tiles < image->width ? tiles : image->width;
    const int down = tiles < image->height ? tiles : image->height;
    const double u = (x + 0.5) * across / image->width - 0.5;
    const double v = (y + 0.5) * down / image->height - 0.5;
    double sum = 0;
    for (int j = 0; j < down; j++)
        for (int i = 0; i < across; i++) {
            const double held_u = fmin(fmax(u, 0), across - 1);
            const double held_v = fmin(fmax(v, 0), down - 1);
            const double weight = fmax(1 - fabs(held_u - i), 0) * fmax(1 - fabs(held_v - j), 0);
            if (weight == 0)
                continue;
            const struct rect tile = {image->width * i / across, image->height * j / down,
                                      image->width * (i + 1) / across - image->width * i / across,
                                      image->height * (j + 1) / down - image->height * j / down};
            sum += weight * reference_curve(image, tile, clip, testing_at(image, x, y, 0));
        }
    return sum;
}

static void test_clahe_is_the_reference(void **state)
{
    (void)state;
    uint64_t seed = 31;
    static const struct {
        int width, height, tiles;
        float clip;
    } cases[] = {{1, 1, 8, 2},   {1, 40, 8, 2},        {40, 1, 3, 2},      {64, 48, 4, 2},
                 {61, 47, 5, 3}, {30, 20, 1, 1},       {33, 21, 64, 1.5f}, {50, 50, 2, 1000},
                 {80, 60, 8, 4}, {20, 20, 2, INFINITY}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct image all = testing_noise(&seed, cases[i].width + 2, cases[i].height + 2, 1);
        struct image image = image_window(&all, 1, 1, cases[i].width, cases[i].height);
        /* Few values, so that bins are high enough to be clipped. */
        for (int y = 0; y < image.height; y++)
            for (int x = 0; x < image.width; x++)
                image_row(&image, y)[x] = (uint8_t)(100 + image_row(&image, y)[x] / 8 + x / 2);
        struct image before = testing_flat(image.width, image.height, 1, 0);
        assert_int_equal(img_resize(&image, &before, NULL), SE_OK);
        const int tiles = cases[i].tiles;
        const int least = (image.width > tiles ? image.width / tiles : 1) *
                          (image.height > tiles ? image.height / tiles : 1);
        const int outside = testing_at(&all, 0, 0, 0);
        assert_int_equal(img_clahe(&image, tiles, tiles, cases[i].clip, NULL), SE_OK);
        for (int y = 0; y < image.height; y++)
            for (int x = 0; x < image.width; x++) {
                const double want = reference_clahe(&before, tiles, (double)cases[i].clip, x, y);
                /* Curves and weights are rounded, and the excess is shared out in whole pixels. */
                if (fabs(testing_at(&image, x, y, 0) - want) > 1.6 + 255.0 / least)
                    fail_msg("case %zu at (%d, %d): %d, not %f", i, x, y,
                             testing_at(&image, x, y, 0), want);
            }
        assert_int_equal(testing_at(&all, 0, 0, 0), outside);
        image_free(&all);
        image_free(&before);
    }
}

static void test_clahe_raises_local_contrast(void **state)
{
    (void)state;
    /* Strokes of 4 grey levels on a slope of light. */
    struct image image = testing_flat(256, 128, 1, 0);
    for (int y = 0; y < 128; y++)
        for (int x = 0; x < 256; x++)
            image_row(&image, y)[x] = (uint8_t)(60 + x / 4 + (x / 8 % 2 ? 4 : 0));
    assert_int_equal(img_clahe(&image, 8, 8, 4, NULL), SE_OK);
    int contrast = 0;
    for (int x = 16; x < 240; x += 16)
        contrast += testing_at(&image, x + 12, 64, 0) - testing_at(&image, x + 4, 64, 0);
    assert_true(contrast / 14 > 10);
    image_free(&image);
}

static void test_clahe_refuses(void **state)
{
    (void)state;
    struct image grey = testing_flat(5, 5, 1, 7), rgb = testing_flat(5, 5, 3, 7), none = {0};
    assert_int_equal(img_clahe(&rgb, 2, 2, 2, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_clahe(&none, 2, 2, 2, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_clahe(&grey, 0, 0, 2, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_clahe(&grey, 65, 65, 2, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_clahe(&grey, 2, 2, 0, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_clahe(&grey, 2, 2, NAN, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(testing_at(&grey, 3, 3, 0), 7);
    image_free(&grey);
    image_free(&rgb);
}

/* ---- unsharp mask --------------------------------------------------------------------------- */

static double reference_blur(const struct image *image, double sigma, int x, int y, int c)
{
    const int radius = (int)ceil(3 * sigma);
    double sum = 0, total = 0;
    for (int v = -radius; v <= radius; v++)
        for (int u = -radius; u <= radius; u++) {
            const int at_x = x + u < 0 ? 0 : x + u >= image->width ? image->width - 1 : x + u;
            const int at_y = y + v < 0 ? 0 : y + v >= image->height ? image->height - 1 : y + v;
            const double weight = exp(-(u * u + v * v) / (2 * sigma * sigma));
            sum += weight * testing_at(image, at_x, at_y, c);
            total += weight;
        }
    return sum / total;
}

static void test_sharpen_is_the_reference(void **state)
{
    (void)state;
    uint64_t seed = 32;
    static const struct {
        int width, height, channels;
        float sigma, amount;
    } cases[] = {{1, 1, 3, 1, 1},   {1, 30, 1, 2, 1},     {30, 1, 3, 2, 0.5f},   {3, 2, 3, 5, 2},
                 {40, 31, 1, 1, 1}, {23, 40, 3, 0.4f, 3}, {25, 20, 3, 3, -0.7f}, {6, 90, 1, 20, 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const int channels = cases[i].channels;
        struct image all = testing_noise(&seed, cases[i].width + 2, cases[i].height + 2, channels);
        struct image image = image_window(&all, 1, 1, cases[i].width, cases[i].height);
        struct image before = testing_flat(image.width, image.height, channels, 0);
        assert_int_equal(img_resize(&image, &before, NULL), SE_OK);
        const int outside = testing_at(&all, 0, 1, 0);
        assert_int_equal(img_sharpen(&image, cases[i].sigma, cases[i].amount, NULL), SE_OK);
        for (int y = 0; y < image.height; y++)
            for (int x = 0; x < image.width; x++)
                for (int c = 0; c < channels; c++) {
                    const double v = testing_at(&before, x, y, c);
                    const double blurred = reference_blur(&before, (double)cases[i].sigma, x, y, c);
                    const double want =
                        fmin(fmax(v + (double)cases[i].amount * (v - blurred), 0), 255);
                    assert_true(fabs(testing_at(&image, x, y, c) - want) < 0.51);
                }
        assert_int_equal(testing_at(&all, 0, 1, 0), outside);
        image_free(&all);
        image_free(&before);
    }
}

static void test_sharpen_refuses(void **state)
{
    (void)state;
    struct image image = testing_flat(5, 5, 3, 7), none = {0};
    assert_int_equal(img_sharpen(&none, 1, 1, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_sharpen(&image, 0, 1, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_sharpen(&image, 22, 1, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_sharpen(&image, NAN, 1, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_sharpen(&image, 1, INFINITY, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(testing_at(&image, 3, 3, 0), 7);
    assert_int_equal(img_sharpen(&image, 1, 3e38f, NULL), SE_OK);
    image_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clahe_is_the_reference),
        cmocka_unit_test(test_clahe_raises_local_contrast),
        cmocka_unit_test(test_clahe_refuses),
        cmocka_unit_test(test_sharpen_is_the_reference),
        cmocka_unit_test(test_sharpen_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
