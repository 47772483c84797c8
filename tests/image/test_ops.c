/*
 * Images, resizing, tensors, turns, grey: against plain references in double precision.
 */
#include "image_testing.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "image/ops.h"

static void test_create_checks_sides_and_channels(void **state)
{
    (void)state;
    struct image image;
    se_error err;
    static const int bad[][3] = {{0, 1, 1}, {1, 0, 3},     {-1, 5, 1}, {65536, 1, 1},
                                 {5, 5, 2}, {1, 65536, 3}, {5, 5, 0},  {5, 5, 4}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(image_create(&image, bad[i][0], bad[i][1], bad[i][2], &err),
                         SE_ERR_ARGUMENT);
        assert_null(image.data);
        assert_true(strlen(err.message) > 0);
    }
    assert_int_equal(image_create(&image, 65535, 1, 3, &err), SE_OK);
    assert_true(image.stride >= 65535 * 3);
    for (size_t i = 0; i < image.stride; i++)
        assert_int_equal(image.data[i], 0);
    image_free(&image);
    assert_null(image.data);
    image_free(&image);
}

static void test_window_shares_rows_and_columns(void **state)
{
    (void)state;
    uint64_t seed = 1;
    struct image image = testing_noise(&seed, 17, 11, 3);
    const struct image window = image_window(&image, 5, 3, 12, 8);
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 12; x++)
            for (int c = 0; c < 3; c++)
                assert_int_equal(testing_at(&window, x, y, c), testing_at(&image, x + 5, y + 3, c));
    image_free(&image);
}

/* ---- resizing ------------------------------------------------------------------------------- */

/* Weight of source pixel `pixel` in result pixel `i` along one axis. */
static double reference_weight(int src, int dst, int i, int pixel)
{
    const double ratio = (double)src / dst;
    if (ratio <= 2.0) {
        double at = (i + 0.5) * ratio - 0.5;
        at = at < 0 ? 0 : at > src - 1 ? src - 1 : at;
        const double distance = fabs(at - pixel);
        return distance < 1 ? 1 - distance : 0;
    }
    const double from = fmax(i * ratio, pixel), to = fmin((i + 1) * ratio, pixel + 1);
    return to > from ? (to - from) / ratio : 0;
}

static double reference_resize(const struct image *src, int dst_w, int dst_h, int x, int y, int c)
{
    double sum = 0;
    for (int v = 0; v < src->height; v++) {
        const double wy = reference_weight(src->height, dst_h, y, v);
        if (wy == 0)
            continue;
        for (int u = 0; u < src->width; u++)
            sum += wy * reference_weight(src->width, dst_w, x, u) * testing_at(src, u, v, c);
    }
    return sum;
}

static void check_resize(uint64_t *seed, int src_w, int src_h, int dst_w, int dst_h, int channels)
{
    /* Windows: rows of src and dst lie apart, and what lies between must stay untouched. */
    struct image src_all = testing_noise(seed, src_w + 3, src_h + 2, channels);
    struct image dst_all = testing_flat(dst_w + 3, dst_h + 2, channels, 77);
    const struct image src = image_window(&src_all, 2, 1, src_w, src_h);
    struct image dst = image_window(&dst_all, 1, 1, dst_w, dst_h);
    assert_int_equal(img_resize(&src, &dst, NULL), SE_OK);
    for (int y = -1; y <= dst_h; y++) {
        for (int x = -1; x < dst_w + 2; x++) {
            const bool inside = x >= 0 && y >= 0 && x < dst_w && y < dst_h;
            for (int c = 0; c < channels; c++) {
                const int got = testing_at(&dst_all, x + 1, y + 1, c);
                if (!inside)
                    assert_int_equal(got, 77);
                else if (fabs(got - reference_resize(&src, dst_w, dst_h, x, y, c)) > 0.52)
                    fail_msg("%dx%d to %dx%d at (%d, %d): %d", src_w, src_h, dst_w, dst_h, x, y,
                             got);
            }
        }
    }
    image_free(&src_all);
    image_free(&dst_all);
}

static void test_resize_is_the_reference(void **state)
{
    (void)state;
    uint64_t seed = 2;
    static const int sides[][4] = {
        {1, 1, 1, 1},   {1, 1, 5, 7},    {1, 9, 4, 3},   {9, 1, 3, 5},      {7, 5, 7, 5},
        {2, 2, 1, 1},   {3, 3, 1, 1},    {40, 30, 1, 1}, {300, 200, 3, 2},  {1, 90, 1, 2},
        {90, 1, 2, 1},  {13, 17, 40, 9}, {64, 3, 31, 8}, {33, 47, 16, 23},  {33, 47, 17, 24},
        {100, 2, 7, 9}, {2, 100, 9, 7},  {50, 50, 9, 9}, {1200, 2, 130, 2}, {2, 500, 3, 13}};
    for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++)
        for (int channels = 1; channels <= 3; channels += 2)
            check_resize(&seed, sides[i][0], sides[i][1], sides[i][2], sides[i][3], channels);
    for (int i = 0; i < 60; i++) {
        const int channels = i % 2 ? 1 : 3;
        const int w = testing_between(&seed, 1, 50), h = testing_between(&seed, 1, 50);
        check_resize(&seed, w, h, testing_between(&seed, 1, 60), testing_between(&seed, 1, 60),
                     channels);
    }
}

static void test_resize_keeps_flat_pictures_flat(void **state)
{
    (void)state;
    for (int value = 0; value <= 255; value += 51) {
        struct image src = testing_flat(997, 613, 3, value);
        static const int sides[][2] = {{997, 613}, {500, 310}, {498, 306}, {250, 31}, {1, 1}};
        for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
            struct image dst = testing_flat(sides[i][0], sides[i][1], 3, 13);
            assert_int_equal(img_resize(&src, &dst, NULL), SE_OK);
            for (int y = 0; y < dst.height; y++)
                for (int k = 0; k < dst.width * 3; k++)
                    assert_int_equal(image_row(&dst, y)[k], value);
            image_free(&dst);
        }
        image_free(&src);
    }
}

static void test_resize_to_the_same_size_copies(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int channels = 1; channels <= 3; channels += 2) {
        struct image src = testing_noise(&seed, 61, 37, channels);
        struct image dst = testing_flat(61, 37, channels, 0);
        assert_int_equal(img_resize(&src, &dst, NULL), SE_OK);
        for (int y = 0; y < 37; y++)
            assert_memory_equal(image_row(&src, y), image_row(&dst, y), (size_t)(61 * channels));
        image_free(&src);
        image_free(&dst);
    }
}

static void test_resize_refuses_what_does_not_fit(void **state)
{
    (void)state;
    struct image grey = testing_flat(3, 3, 1, 0), rgb = testing_flat(3, 3, 3, 0), none = {0};
    assert_int_equal(img_resize(&grey, &rgb, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_resize(&none, &rgb, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_resize(&rgb, &none, NULL), SE_ERR_ARGUMENT);
    image_free(&grey);
    image_free(&rgb);
}

static void check_tensor(uint64_t *seed, int src_w, int src_h, int width, int height, int channels)
{
    enum { BEYOND = 4 };
    const int first = testing_between(seed, 0, height - 1);
    const struct tensor_part part = {width,
                                     height,
                                     first,
                                     testing_between(seed, 1, height - first),
                                     {1.0f, 2.0f, 4.0f},
                                     {0.0f, 0.5f, -1.0f}};
    const size_t count = (size_t)width * (size_t)part.rows * 3;
    struct image src = testing_noise(seed, src_w, src_h, channels);
    float *out = malloc((count + BEYOND) * sizeof(*out));
    assert_non_null(out);
    for (size_t i = 0; i < count + BEYOND; i++)
        out[i] = 1234.0f;
    assert_int_equal(img_to_tensor(&src, &part, out, NULL), SE_OK);
    for (size_t i = 0; i < count; i++) {
        const int c = (int)(i % 3), x = (int)(i / 3) % width, y = first + (int)(i / 3) / width;
        const int from = channels == 3 ? 2 - c : 0;
        const double plain = reference_resize(&src, width, height, x, y, from) / 127.5 - 1;
        const double want = plain * (double)part.factor[c] + (double)part.offset[c];
        if (fabs((double)out[i] - want) > 0.03 / 127.5 * (double)part.factor[c])
            fail_msg("%dx%d to %dx%d at (%d, %d): %f, not %f", src_w, src_h, width, height, x, y,
                     (double)out[i], want);
    }
    for (size_t i = count; i < count + BEYOND; i++)
        assert_true(out[i] == 1234.0f);
    free(out);
    image_free(&src);
}

static void test_tensor_is_the_reference(void **state)
{
    (void)state;
    uint64_t seed = 4;
    check_tensor(&seed, 1, 1, 1, 1, 3);
    check_tensor(&seed, 1, 8, 3, 5, 1);
    check_tensor(&seed, 300, 400, 9, 11, 3);
    for (int i = 0; i < 60; i++) {
        const int w = testing_between(&seed, 1, 50), h = testing_between(&seed, 1, 50);
        check_tensor(&seed, w, h, testing_between(&seed, 1, 40), testing_between(&seed, 1, 40),
                     i % 2 ? 1 : 3);
    }
}

static void test_tensor_of_the_same_size_is_exact(void **state)
{
    (void)state;
    uint64_t seed = 5;
    struct image src = testing_noise(&seed, 33, 9, 3);
    struct tensor_part part = {33, 9, 0, 9, {1, 1, 1}, {0}};
    float out[33 * 9 * 3];
    assert_int_equal(img_to_tensor(&src, &part, out, NULL), SE_OK);
    for (int y = 0; y < 9; y++)
        for (int x = 0; x < 33; x++)
            for (int c = 0; c < 3; c++)
                assert_true(fabs((double)out[(y * 33 + x) * 3 + 2 - c] -
                                 (testing_at(&src, x, y, c) / 127.5 - 1)) < 1e-6);
    part.first = 1;
    assert_int_equal(img_to_tensor(&src, &part, out, NULL), SE_ERR_ARGUMENT);
    part = (struct tensor_part){33, 9, 0, 0, {1, 1, 1}, {0}};
    assert_int_equal(img_to_tensor(&src, &part, out, NULL), SE_ERR_ARGUMENT);
    part = (struct tensor_part){0, 9, 0, 9, {1, 1, 1}, {0}};
    assert_int_equal(img_to_tensor(&src, &part, out, NULL), SE_ERR_ARGUMENT);
    image_free(&src);
}

/* ---- turns ---------------------------------------------------------------------------------- */

/* Where pixel (x, y) of the upright picture lies in a file of width × height (Exif 2.32, 0x0112).
 */
static void exif_source(int orientation, int width, int height, int x, int y, int *u, int *v)
{
    const int right = width - 1, bottom = height - 1;
    const int map[9][2] = {{0, 0},          {x, y}, {right - x, y},  {right - x, bottom - y},
                           {x, bottom - y}, {y, x}, {y, bottom - x}, {right - y, bottom - x},
                           {right - y, x}};
    *u = map[orientation][0];
    *v = map[orientation][1];
}

static void check_same(const struct image *turned, const struct image *src, int orientation)
{
    assert_int_equal(turned->width, orientation < 5 ? src->width : src->height);
    assert_int_equal(turned->height, orientation < 5 ? src->height : src->width);
    for (int y = 0; y < turned->height; y++)
        for (int x = 0; x < turned->width; x++)
            for (int c = 0; c < src->channels; c++) {
                int u, v;
                exif_source(orientation, src->width, src->height, x, y, &u, &v);
                assert_int_equal(testing_at(turned, x, y, c), testing_at(src, u, v, c));
            }
}

static void test_turns_and_orientations(void **state)
{
    (void)state;
    uint64_t seed = 6;
    static const int sides[][2] = {{1, 1}, {1, 7}, {7, 1}, {5, 4}, {70, 33}, {32, 64}};
    static const int turn_orientation[4] = {1, 6, 3, 8};
    for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
        for (int channels = 1; channels <= 3; channels += 2) {
            struct image all = testing_noise(&seed, sides[i][0] + 2, sides[i][1] + 2, channels);
            const struct image src = image_window(&all, 1, 1, sides[i][0], sides[i][1]);
            struct image turned;
            for (int turns = 1; turns <= 3; turns++) {
                assert_int_equal(img_turn(&src, turns, &turned, NULL), SE_OK);
                check_same(&turned, &src, turn_orientation[turns]);
                image_free(&turned);
            }
            for (int orientation = 1; orientation <= 8; orientation++) {
                struct image copy = testing_flat(src.width, src.height, channels, 0);
                assert_int_equal(img_resize(&src, &copy, NULL), SE_OK);
                assert_int_equal(img_orient(&copy, orientation, NULL), SE_OK);
                check_same(&copy, &src, orientation);
                image_free(&copy);
            }
            assert_int_equal(img_turn(&src, 0, &turned, NULL), SE_ERR_ARGUMENT);
            assert_int_equal(img_turn(&src, 4, &turned, NULL), SE_ERR_ARGUMENT);
            assert_null(turned.data);
            assert_int_equal(img_orient(&all, 0, NULL), SE_ERR_ARGUMENT);
            assert_int_equal(img_orient(&all, 9, NULL), SE_ERR_ARGUMENT);
            image_free(&all);
        }
    }
}

static void test_grey_is_bt601_luma(void **state)
{
    (void)state;
    uint64_t seed = 7;
    struct image src = testing_noise(&seed, 255, 63, 3), grey, copy;
    memset(image_row(&src, 0), 255, 3);
    assert_int_equal(img_to_grey(&src, &grey, NULL), SE_OK);
    assert_int_equal(testing_at(&grey, 0, 0, 0), 255);
    for (int y = 0; y < src.height; y++)
        for (int x = 0; x < src.width; x++) {
            const double luma = 0.299 * testing_at(&src, x, y, 0) +
                                0.587 * testing_at(&src, x, y, 1) +
                                0.114 * testing_at(&src, x, y, 2);
            assert_true(fabs(testing_at(&grey, x, y, 0) - luma) < 0.51);
        }
    assert_int_equal(img_to_grey(&grey, &copy, NULL), SE_OK);
    assert_true(copy.data != grey.data);
    check_same(&copy, &grey, 1);
    image_free(&src);
    image_free(&grey);
    image_free(&copy);
}

static void test_invert_stays_inside_a_window(void **state)
{
    (void)state;
    uint64_t seed = 8;
    struct image all = testing_noise(&seed, 9, 7, 3), copy = testing_flat(9, 7, 3, 0);
    assert_int_equal(img_resize(&all, &copy, NULL), SE_OK);
    struct image window = image_window(&all, 2, 1, 5, 4);
    img_invert(&window);
    for (int y = 0; y < 7; y++)
        for (int x = 0; x < 9; x++)
            for (int c = 0; c < 3; c++) {
                const int before = testing_at(&copy, x, y, c);
                const bool inside = x >= 2 && x < 7 && y >= 1 && y < 5;
                assert_int_equal(testing_at(&all, x, y, c), inside ? 255 - before : before);
            }
    image_free(&all);
    image_free(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_checks_sides_and_channels),
        cmocka_unit_test(test_window_shares_rows_and_columns),
        cmocka_unit_test(test_resize_is_the_reference),
        cmocka_unit_test(test_resize_keeps_flat_pictures_flat),
        cmocka_unit_test(test_resize_to_the_same_size_copies),
        cmocka_unit_test(test_resize_refuses_what_does_not_fit),
        cmocka_unit_test(test_tensor_is_the_reference),
        cmocka_unit_test(test_tensor_of_the_same_size_is_exact),
        cmocka_unit_test(test_turns_and_orientations),
        cmocka_unit_test(test_grey_is_bt601_luma),
        cmocka_unit_test(test_invert_stays_inside_a_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
