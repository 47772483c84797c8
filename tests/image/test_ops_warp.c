/*
 * Perspective crops and rotations.
 */
#include "image_testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/ops.h"

/* A smooth picture whose value at (x, y) is known in closed form, without rounding. */
static double smooth(double x, double y, int c)
{
    return 127 + 60 * sin(x * 0.11 + c) + 60 * cos(y * 0.13 - c);
}

static struct image smooth_picture(int width, int height, int channels)
{
    struct image image;
    assert_int_equal(image_create(&image, width, height, channels, NULL), SE_OK);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < channels; c++)
                image_row(&image, y)[x * channels + c] =
                    (uint8_t)(smooth(x + 0.5, y + 0.5, c) + 0.5);
    return image;
}

/* Solves for the perspective that takes the corners of width × height to the quad, by elimination.
 */
static void solve_perspective(const struct quad *quad, double width, double height, double h[8])
{
    double m[8][9] = {{0}};
    const double corner[4][2] = {{0, 0}, {width, 0}, {width, height}, {0, height}};
    for (int i = 0; i < 4; i++) {
        const double x = corner[i][0], y = corner[i][1];
        const double u = (double)quad->p[i].x, v = (double)quad->p[i].y;
        const double rows[2][9] = {{x, y, 1, 0, 0, 0, -u * x, -u * y, u},
                                   {0, 0, 0, x, y, 1, -v * x, -v * y, v}};
        memcpy(m[2 * i], rows, sizeof(rows));
    }
    for (int k = 0; k < 8; k++) {
        int best = k;
        for (int i = k; i < 8; i++)
            if (fabs(m[i][k]) > fabs(m[best][k]))
                best = i;
        for (int j = 0; j < 9; j++) {
            const double keep = m[k][j];
            m[k][j] = m[best][j];
            m[best][j] = keep;
        }
        for (int i = 0; i < 8; i++) {
            if (i == k)
                continue;
            const double factor = m[i][k] / m[k][k];
            for (int j = k; j < 9; j++)
                m[i][j] -= factor * m[k][j];
        }
    }
    for (int k = 0; k < 8; k++)
        h[k] = m[k][8] / m[k][k];
}

static void test_warp_follows_the_perspective(void **state)
{
    (void)state;
    uint64_t seed = 11;
    for (int round = 0; round < 80; round++) {
        const int channels = round % 2 ? 1 : 3;
        struct image all = smooth_picture(202, 153, channels);
        const struct image src = image_window(&all, 1, 2, 200, 150);
        struct quad quad = {{{40, 40}, {150, 40}, {150, 100}, {40, 100}}};
        for (int i = 0; i < 4; i++) {
            quad.p[i].x += (float)testing_between(&seed, -120, 120) / 10;
            quad.p[i].y += (float)testing_between(&seed, -120, 120) / 10;
        }
        struct image dst = testing_flat(round % 3 ? 151 : 23, round % 3 ? 41 : 17, channels, 0);
        assert_int_equal(img_warp_quad(&src, &quad, &dst, NULL), SE_OK);
        double h[8];
        solve_perspective(&quad, dst.width, dst.height, h);
        for (int y = 0; y < dst.height; y++)
            for (int x = 0; x < dst.width; x++)
                for (int c = 0; c < channels; c++) {
                    const double w = h[6] * (x + 0.5) + h[7] * (y + 0.5) + 1;
                    const double u = (h[0] * (x + 0.5) + h[1] * (y + 0.5) + h[2]) / w;
                    const double v = (h[3] * (x + 0.5) + h[4] * (y + 0.5) + h[5]) / w;
                    /* Bilinear and the mean of several samples both flatten the waves a little,
                     * most where the perspective makes pixels large. */
                    const double off = testing_at(&dst, x, y, c) - smooth(u + 1, v + 2, c);
                    if (fabs(off) > (round % 3 ? 1.6 : 6.0))
                        fail_msg("round %d at (%d, %d): off by %f", round, x, y, off);
                }
        image_free(&all);
        image_free(&dst);
    }
}

static void test_warp_of_the_whole_copies(void **state)
{
    (void)state;
    uint64_t seed = 12;
    static const int sides[][2] = {{1, 1}, {1, 6}, {6, 1}, {37, 23}, {600, 3}};
    for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
        const int w = sides[i][0], h = sides[i][1];
        struct image src = testing_noise(&seed, w, h, 3), dst = testing_flat(w, h, 3, 0);
        const float fw = (float)w, fh = (float)h;
        const struct quad quad = {{{0, 0}, {fw, 0}, {fw, fh}, {0, fh}}};
        assert_int_equal(img_warp_quad(&src, &quad, &dst, NULL), SE_OK);
        for (int y = 0; y < h; y++)
            assert_memory_equal(image_row(&src, y), image_row(&dst, y), (size_t)w * 3);
        image_free(&src);
        image_free(&dst);
    }
}

static void test_warp_upside_down_is_a_half_turn(void **state)
{
    (void)state;
    uint64_t seed = 13;
    struct image src = testing_noise(&seed, 31, 12, 1), dst = testing_flat(31, 12, 1, 0), turned;
    const struct quad quad = {{{31, 12}, {0, 12}, {0, 0}, {31, 0}}};
    assert_int_equal(img_warp_quad(&src, &quad, &dst, NULL), SE_OK);
    assert_int_equal(img_turn(&src, 2, &turned, NULL), SE_OK);
    for (int y = 0; y < 12; y++)
        assert_memory_equal(image_row(&turned, y), image_row(&dst, y), 31);
    image_free(&src);
    image_free(&dst);
    image_free(&turned);
}

static void test_warp_shrinks_without_aliasing(void **state)
{
    (void)state;
    /* Columns 0 255 0 255 …: single samples would give stripes, means give grey. */
    struct image src = testing_flat(960, 48, 1, 0);
    for (int y = 0; y < 48; y++)
        for (int x = 1; x < 960; x += 2)
            image_row(&src, y)[x] = 255;
    for (int shrink = 3; shrink <= 20; shrink++) {
        struct image dst = testing_flat(960 / shrink, 5, 1, 0);
        const struct quad quad = {{{0, 0}, {960, 0}, {960, 48}, {0, 48}}};
        assert_int_equal(img_warp_quad(&src, &quad, &dst, NULL), SE_OK);
        for (int x = 1; x + 1 < dst.width; x++)
            if (abs(testing_at(&dst, x, 2, 0) - 127) > 70)
                fail_msg("shrunk %d times, column %d is %d", shrink, x, testing_at(&dst, x, 2, 0));
        image_free(&dst);
    }
    image_free(&src);
}

static void test_warp_accepts_any_quad(void **state)
{
    (void)state;
    uint64_t seed = 14;
    struct image src = testing_noise(&seed, 20, 10, 3), dst = testing_flat(40, 30, 3, 0);
    const float far = 3e38f;
    const struct quad quads[] = {
        {{{5, 5}, {5, 5}, {5, 5}, {5, 5}}},                         /* a point */
        {{{0, 0}, {10, 0}, {20, 0}, {5, 0}}},                       /* a line */
        {{{0, 0}, {10, 10}, {10, 0}, {0, 10}}},                     /* crossed */
        {{{0, 0}, {10, 0}, {2, 2}, {0, 10}}},                       /* not convex */
        {{{0, 0}, {10, 0}, {5, 0}, {0, 10}}},                       /* three in a line */
        {{{-1e6f, -1e6f}, {-1e5f, -1e6f}, {-1e5f, 0}, {-1e6f, 0}}}, /* far outside */
        {{{-far, -far}, {far, -far}, {far, far}, {-far, far}}},
        {{{far, far}, {far, -far}, {-far, far}, {far, 0}}},
        {{{-0.0f, 1e-40f}, {1e-40f, 0}, {0, 1e-38f}, {1e-30f, 1e-30f}}},
    };
    for (size_t i = 0; i < sizeof(quads) / sizeof(quads[0]); i++)
        assert_int_equal(img_warp_quad(&src, &quads[i], &dst, NULL), SE_OK);
    for (int i = 0; i < 3000; i++) {
        struct quad quad;
        for (int k = 0; k < 4; k++) {
            quad.p[k].x = (float)testing_between(&seed, -6, 26);
            quad.p[k].y = (float)testing_between(&seed, -6, 16);
        }
        assert_int_equal(img_warp_quad(&src, &quad, &dst, NULL), SE_OK);
    }
    for (int i = 0; i < 8; i++) {
        struct quad quad = {{{0, 0}, {10, 0}, {10, 10}, {0, 10}}};
        *(i % 2 ? &quad.p[i / 2].x : &quad.p[i / 2].y) = i % 3 ? NAN : INFINITY;
        assert_int_equal(img_warp_quad(&src, &quad, &dst, NULL), SE_ERR_ARGUMENT);
    }
    struct image grey = testing_flat(4, 4, 1, 0), none = {0};
    const struct quad one = {{{0, 0}, {1, 0}, {1, 1}, {0, 1}}};
    assert_int_equal(img_warp_quad(&src, &one, &grey, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_warp_quad(&none, &one, &grey, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_warp_quad(&grey, &one, &none, NULL), SE_ERR_ARGUMENT);
    image_free(&grey);
    image_free(&src);
    image_free(&dst);
}

static void test_warp_repeats_the_border(void **state)
{
    (void)state;
    struct image src = testing_flat(8, 8, 1, 10), dst = testing_flat(24, 24, 1, 0);
    for (int y = 0; y < 8; y++)
        image_row(&src, y)[7] = 200;
    const struct quad quad = {{{-8, -8}, {16, -8}, {16, 16}, {-8, 16}}};
    assert_int_equal(img_warp_quad(&src, &quad, &dst, NULL), SE_OK);
    for (int y = 0; y < 24; y++)
        for (int x = 0; x < 24; x++)
            assert_int_equal(testing_at(&dst, x, y, 0), x < 15 ? 10 : 200);
    image_free(&src);
    image_free(&dst);
}

static void test_rotate_maps_back(void **state)
{
    (void)state;
    static const float angles[] = {0, 3, -7.5f, 30, 45, 89, 135, -180, 725};
    struct image all = smooth_picture(92, 63, 3);
    const struct image src = image_window(&all, 1, 1, 90, 60);
    for (size_t i = 0; i < sizeof(angles) / sizeof(angles[0]); i++) {
        struct image out;
        float m[6];
        assert_int_equal(img_rotate(&src, angles[i], &out, m, NULL), SE_OK);
        /* Clockwise: what pointed right now points right and down. */
        const double radians = (double)angles[i] * 3.14159265358979 / 180;
        assert_true(fabs((double)m[0] - cos(radians)) < 1e-5);
        assert_true(fabs((double)m[3] + sin(radians)) < 1e-5);
        int inside = 0;
        for (int y = 0; y < out.height; y++)
            for (int x = 0; x < out.width; x++) {
                const double u =
                    (double)(m[0] * ((float)x + 0.5f) + m[1] * ((float)y + 0.5f)) + (double)m[2];
                const double v =
                    (double)(m[3] * ((float)x + 0.5f) + m[4] * ((float)y + 0.5f)) + (double)m[5];
                if (u < 1 || v < 1 || u > 89 || v > 59)
                    continue;
                inside++;
                for (int c = 0; c < 3; c++)
                    assert_true(fabs(testing_at(&out, x, y, c) - smooth(u + 1, v + 1, c)) < 1.5);
            }
        assert_true(inside > 88 * 58 * 97 / 100);
        image_free(&out);
    }
    image_free(&all);
}

static void test_rotate_fills_with_the_border(void **state)
{
    (void)state;
    struct image src = testing_flat(40, 40, 3, 90), out;
    for (int y = 10; y < 30; y++)
        memset(image_row(&src, y) + 30, 250, 60);
    float m[6];
    assert_int_equal(img_rotate(&src, 45, &out, m, NULL), SE_OK);
    assert_int_equal(out.width, 57);
    assert_int_equal(testing_at(&out, 0, 0, 1), 90);
    assert_int_equal(testing_at(&out, 56, 56, 2), 90);
    assert_int_equal(testing_at(&out, 28, 28, 0), 250);
    image_free(&out);
    assert_int_equal(img_rotate(&src, NAN, &out, m, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(img_rotate(&src, -INFINITY, &out, m, NULL), SE_ERR_ARGUMENT);
    assert_null(out.data);
    image_free(&src);
    src = testing_flat(1, 1, 1, 3);
    assert_int_equal(img_rotate(&src, 1e30f, &out, m, NULL), SE_OK);
    image_free(&out);
    image_free(&src);
    src = testing_flat(1, 9, 1, 3);
    assert_int_equal(img_rotate(&src, 90, &out, m, NULL), SE_OK);
    assert_int_equal(out.width, 9);
    assert_int_equal(out.height, 1);
    image_free(&out);
    image_free(&src);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warp_follows_the_perspective),
        cmocka_unit_test(test_warp_of_the_whole_copies),
        cmocka_unit_test(test_warp_upside_down_is_a_half_turn),
        cmocka_unit_test(test_warp_shrinks_without_aliasing),
        cmocka_unit_test(test_warp_accepts_any_quad),
        cmocka_unit_test(test_warp_repeats_the_border),
        cmocka_unit_test(test_rotate_maps_back),
        cmocka_unit_test(test_rotate_fills_with_the_border),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
