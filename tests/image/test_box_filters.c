/*
 * Filters over square windows against plain references, and what treatments do to text.
 */
#include "image_testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/ops.h"
#include "image/treat.h"

static const struct {
    int width, height, side;
} cases[] = {{1, 1, 3}, {1, 30, 5}, {30, 1, 5}, {23, 17, 1}, {31, 20, 7}, {9, 12, 101}};
enum { CASE_COUNT = sizeof(cases) / sizeof(cases[0]) };

/* Calls `visit` for each pixel of the window of (x, y) that lies in the image. */
static void each_in_window(const struct image *image, int x, int y, int side,
                           void (*visit)(int value, double *sums), double *sums)
{
    for (int v = y - side / 2; v <= y + side / 2; v++)
        for (int u = x - side / 2; u <= x + side / 2; u++)
            if (u >= 0 && v >= 0 && u < image->width && v < image->height)
                visit(testing_at(image, u, v, 0), sums);
}

static void take_least(int value, double *sums)
{
    sums[0] = fmin(sums[0], value);
}

static void take_greatest(int value, double *sums)
{
    sums[0] = fmax(sums[0], value);
}

static void take_moments(int value, double *sums)
{
    sums[0] += 1;
    sums[1] += value;
    sums[2] += (double)value * value;
}

/* Noise inside a frame that must not change. */
struct framed {
    struct image all, image, before;
};

static struct framed make_framed(uint64_t *seed, int i)
{
    struct framed framed = {.all = testing_noise(seed, cases[i].width + 2, cases[i].height + 2, 1)};
    framed.image = image_window(&framed.all, 1, 1, cases[i].width, cases[i].height);
    framed.before = testing_flat(cases[i].width, cases[i].height, 1, 0);
    assert_int_equal(img_resize(&framed.image, &framed.before, NULL), SE_OK);
    return framed;
}

static void free_framed(struct framed *framed)
{
    image_free(&framed->all);
    image_free(&framed->before);
}

static void test_top_hat_is_the_reference(void **state)
{
    (void)state;
    uint64_t seed = 41;
    for (int i = 0; i < CASE_COUNT; i++) {
        struct framed framed = make_framed(&seed, i);
        const struct image *before = &framed.before;
        struct image low = testing_flat(before->width, before->height, 1, 0);
        for (int y = 0; y < before->height; y++)
            for (int x = 0; x < before->width; x++) {
                double least = 255;
                each_in_window(before, x, y, cases[i].side, take_least, &least);
                image_row(&low, y)[x] = (uint8_t)least;
            }
        const int outside = testing_at(&framed.all, 0, 0, 0);
        assert_int_equal(img_top_hat(&framed.image, cases[i].side, NULL), SE_OK);
        for (int y = 0; y < before->height; y++)
            for (int x = 0; x < before->width; x++) {
                double opened = 0;
                each_in_window(&low, x, y, cases[i].side, take_greatest, &opened);
                assert_int_equal(testing_at(&framed.image, x, y, 0),
                                 testing_at(before, x, y, 0) - (int)opened);
            }
        assert_int_equal(testing_at(&framed.all, 0, 0, 0), outside);
        image_free(&low);
        free_framed(&framed);
    }
}

static void test_division_is_the_reference(void **state)
{
    (void)state;
    uint64_t seed = 42;
    for (int i = 0; i < CASE_COUNT; i++) {
        struct framed framed = make_framed(&seed, i);
        assert_int_equal(img_divide_background(&framed.image, cases[i].side, NULL), SE_OK);
        for (int y = 0; y < framed.before.height; y++)
            for (int x = 0; x < framed.before.width; x++) {
                double sums[3] = {0};
                each_in_window(&framed.before, x, y, cases[i].side, take_moments, sums);
                const double want =
                    128 * (testing_at(&framed.before, x, y, 0) + 1) / (sums[1] / sums[0] + 1);
                assert_true(fabs(testing_at(&framed.image, x, y, 0) - fmin(want, 255)) < 0.51);
            }
        free_framed(&framed);
    }
}

static void test_threshold_is_the_reference(void **state)
{
    (void)state;
    uint64_t seed = 43;
    for (int i = 0; i < CASE_COUNT; i++) {
        struct framed framed = make_framed(&seed, i);
        assert_int_equal(img_binarize(&framed.image, cases[i].side, 0.25F, NULL), SE_OK);
        for (int y = 0; y < framed.before.height; y++)
            for (int x = 0; x < framed.before.width; x++) {
                double sums[3] = {0};
                each_in_window(&framed.before, x, y, cases[i].side, take_moments, sums);
                const double mean = sums[1] / sums[0];
                const double deviation = sqrt(fmax(sums[2] / sums[0] - mean * mean, 0));
                const double bar = mean * (1 + 0.25 * (deviation / 128 - 1));
                const int value = testing_at(&framed.before, x, y, 0);
                if (fabs(value - bar) > 1e-6)
                    assert_int_equal(testing_at(&framed.image, x, y, 0), value > bar ? 255 : 0);
            }
        free_framed(&framed);
    }
}

static void test_spread(void **state)
{
    (void)state;
    struct image image = testing_flat(100, 10, 1, 100);
    img_spread(&image, 0.01);
    assert_int_equal(testing_at(&image, 50, 5, 0), 100); /* flat: as it was */
    for (int x = 0; x < 100; x++)
        for (int y = 0; y < 10; y++)
            image_row(&image, y)[x] = (uint8_t)(100 + x / 2);
    image_row(&image, 0)[0] = 0; /* one pixel does not decide */
    img_spread(&image, 0.01);
    assert_int_equal(testing_at(&image, 0, 0, 0), 0);
    assert_int_equal(testing_at(&image, 1, 5, 0), 0);
    assert_int_equal(testing_at(&image, 99, 5, 0), 255);
    assert_in_range(testing_at(&image, 50, 5, 0), 120, 140);
    image_free(&image);
}

static void test_boxes_refuse(void **state)
{
    (void)state;
    struct image grey = testing_flat(5, 5, 1, 7), rgb = testing_flat(5, 5, 3, 7), none = {0};
    assert_int_equal(img_top_hat(&rgb, 3, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_top_hat(&none, 3, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_top_hat(&grey, 4, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_divide_background(&grey, 0, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_divide_background(&grey, 1025, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_binarize(&grey, -1, 0.2F, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_treat(&none, IMG_CONTRAST, 20, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_treat(&grey, IMG_CONTRAST, 0, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_treat(&grey, IMG_CONTRAST, NAN, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(testing_at(&grey, 3, 3, 0), 7);
    image_free(&grey);
    image_free(&rgb);
}

/* Strokes 4 pixels wide, 24 high, `step` lighter or darker than light that falls off to the right.
 */
static struct image make_strokes(int channels, int step)
{
    struct image image = testing_flat(256, 40, channels, 0);
    for (int y = 0; y < 40; y++)
        for (int x = 0; x < 256; x++) {
            const bool stroke = y >= 8 && y < 32 && x % 16 >= 6 && x % 16 < 10;
            for (int c = 0; c < channels; c++)
                image_row(&image, y)[x * channels + c] =
                    (uint8_t)(190 - x / 2 + (stroke ? step : 0));
        }
    return image;
}

/* How much lighter strokes are than the ground between them, at both ends of the picture. */
static int stroke_contrast(const struct image *image)
{
    int contrast[2];
    for (int i = 0; i < 2; i++) {
        const int x = i ? 232 : 24;
        const int ground = testing_at(image, x - 8, 20, 0) + testing_at(image, x + 8, 20, 0);
        contrast[i] = testing_at(image, x, 20, 0) - ground / 2;
    }
    const int left = contrast[0], right = contrast[1];
    return abs(left) < abs(right) ? left : right;
}

static void test_treatments_bring_faint_strokes_out(void **state)
{
    (void)state;
    static const struct {
        enum img_treatment treatment;
        int step, low, high; /* contrast before; at least and at most afterwards */
    } wanted[] = {
        {IMG_PLAIN, -12, -12, -12},       {IMG_INVERT, -12, 12, 12},
        {IMG_CONTRAST, -12, -255, -20},   {IMG_SHARPEN, -12, -255, -15},
        {IMG_BACKGROUND, -12, -255, -60}, {IMG_BLACK_HAT, -12, -255, -200},
        {IMG_WHITE_HAT, 12, -255, -200},  {IMG_ADAPTIVE, -60, -255, -255},
        {IMG_BACKGROUND, 12, 60, 255},
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        for (int channels = 1; channels <= 3; channels += 2) {
            struct image image = make_strokes(channels, wanted[i].step);
            assert_int_equal(img_treat(&image, wanted[i].treatment, 30, NULL), SE_OK);
            const int contrast = stroke_contrast(&image);
            if (contrast < wanted[i].low || contrast > wanted[i].high)
                fail_msg("%s: contrast %d", img_treatment_names[wanted[i].treatment], contrast);
            image_free(&image);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_top_hat_is_the_reference),
        cmocka_unit_test(test_division_is_the_reference),
        cmocka_unit_test(test_threshold_is_the_reference),
        cmocka_unit_test(test_spread),
        cmocka_unit_test(test_boxes_refuse),
        cmocka_unit_test(test_treatments_bring_faint_strokes_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
