/*
 * Marks on images, and images as PNG files.
 */
#include "image_testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <spng.h>

#include "image/draw.h"
#include "image/png_write.h"

static const struct draw_color red = {255, 0, 0}, blue = {0, 0, 255};

/* Distance from (x, y) to the nearest side. */
static double side_distance(const struct quad *quad, double x, double y)
{
    double least = INFINITY;
    for (int i = 0; i < 4; i++) {
        const double ax = (double)quad->p[i].x, ay = (double)quad->p[i].y;
        const double dx = (double)quad->p[(i + 1) % 4].x - ax;
        const double dy = (double)quad->p[(i + 1) % 4].y - ay;
        const double square = dx * dx + dy * dy;
        double t = square > 0 ? ((x - ax) * dx + (y - ay) * dy) / square : 0;
        t = fmin(fmax(t, 0), 1);
        least = fmin(least, hypot(x - ax - t * dx, y - ay - t * dy));
    }
    return least;
}

static void test_quad_covers_what_is_near_its_sides(void **state)
{
    (void)state;
    uint64_t seed = 41;
    for (int round = 0; round < 60; round++) {
        struct image all = testing_flat(82, 63, 3, 100);
        struct image image = image_window(&all, 1, 1, 80, 60);
        struct quad quad;
        for (int i = 0; i < 4; i++)
            quad.p[i] = (struct point){(float)testing_between(&seed, -20, 100),
                                       (float)testing_between(&seed, -20, 80)};
        const float width = round % 3 ? 3 : 1.5f;
        draw_quad(&image, &quad, red, width);
        for (int y = -1; y < 61; y++)
            for (int x = -1; x < 81; x++) {
                const double beyond = side_distance(&quad, x + 0.5, y + 0.5) - (double)width / 2;
                const int v = testing_at(&all, x + 1, y + 1, 0);
                if (x < 0 || y < 0 || x >= 80 || y >= 60 || beyond > 0.51)
                    assert_int_equal(v, 100);
                else if (beyond < -0.51)
                    assert_int_equal(v, 255);
            }
        image_free(&all);
    }
}

static void test_quad_of_strange_coordinates(void **state)
{
    (void)state;
    struct image image = testing_flat(50, 40, 3, 9);
    const float huge = 3e38f;
    const struct quad quads[] = {
        {{{NAN, 1}, {5, INFINITY}, {-INFINITY, 3}, {NAN, NAN}}},
        {{{-huge, -huge}, {huge, -huge}, {huge, huge}, {-huge, huge}}},
        {{{1e9f, 1e9f}, {2e9f, 1e9f}, {2e9f, 2e9f}, {1e9f, 2e9f}}},
    };
    for (size_t i = 0; i < sizeof(quads) / sizeof(quads[0]); i++)
        draw_quad(&image, &quads[i], red, 2);
    draw_quad(&image, &quads[0], red, NAN);
    for (int y = 0; y < 40; y++)
        for (int k = 0; k < 150; k++)
            assert_int_equal(image_row(&image, y)[k], 9);
    const struct quad point = {{{20, 20}, {20, 20}, {20, 20}, {20, 20}}};
    draw_quad(&image, &point, red, 4);
    assert_int_equal(testing_at(&image, 20, 20, 0), 255);
    assert_int_equal(testing_at(&image, 25, 20, 0), 9);
    image_free(&image);
}

static int count_color(const struct image *image, struct draw_color color)
{
    int count = 0;
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++) {
            const uint8_t *p = image_row(image, y) + 3 * x;
            count += p[0] == color.r && p[1] == color.g && p[2] == color.b;
        }
    return count;
}

static void test_label_is_a_box_with_text(void **state)
{
    (void)state;
    struct image image = testing_flat(100, 60, 3, 50);
    draw_label(&image, (struct point){10, 40}, "-", 2, red, blue);
    /* One bar of 5 × 1 in a box of 9 × 11, all twice as large. */
    assert_int_equal(count_color(&image, red), 5 * 4);
    assert_int_equal(count_color(&image, blue), (9 * 11 - 5) * 4);
    assert_int_equal(testing_at(&image, 10, 39, 2), 255);
    assert_int_equal(testing_at(&image, 10, 40, 2), 50);
    assert_int_equal(testing_at(&image, 27, 18, 2), 255);
    assert_int_equal(testing_at(&image, 28, 18, 2), 50);
    assert_int_equal(testing_at(&image, 14, 28, 0), 255);
    image_free(&image);
}

static void test_labels_stay_inside(void **state)
{
    (void)state;
    static const struct point places[] = {{-50, -50}, {500, 500}, {NAN, NAN}, {INFINITY, -INFINITY},
                                          {95, 3},    {1e30f, 0}};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct image image = testing_flat(60, 30, 3, 50);
        draw_label(&image, places[i], "AB", 1, red, blue);
        assert_int_equal(count_color(&image, red) + count_color(&image, blue), 15 * 11);
        image_free(&image);
    }
    static const int sides[][2] = {{1, 1}, {1, 50}, {50, 1}, {7, 7}};
    for (size_t i = 0; i < 4; i++) {
        struct image all = testing_flat(sides[i][0] + 2, sides[i][1] + 2, 3, 50);
        struct image image = image_window(&all, 1, 1, sides[i][0], sides[i][1]);
        draw_label(&image, (struct point){0, 0}, "long text that goes on and on", 900, red, blue);
        draw_label(&image, (struct point){0, 0}, "", -5, red, blue);
        for (int x = 0; x < all.width; x++) {
            assert_int_equal(testing_at(&all, x, 0, 0), 50);
            assert_int_equal(testing_at(&all, x, all.height - 1, 0), 50);
        }
        image_free(&all);
    }
}

static void test_every_character_has_a_glyph_of_its_own(void **state)
{
    (void)state;
    struct image glyphs[96];
    for (int c = 0x20; c <= 0x7f; c++) {
        /* 0x7f has none: it shows the frame, as foreign letters do. */
        char text[3] = {(char)c, '\0', '\0'};
        glyphs[c - 0x20] = testing_flat(9, 11, 3, 50);
        draw_label(&glyphs[c - 0x20], (struct point){0, 11}, text, 1, red, blue);
        for (int other = 0x20; other < c; other++)
            assert_true(memcmp(glyphs[other - 0x20].data, glyphs[c - 0x20].data,
                               11 * glyphs[c - 0x20].stride) != 0);
    }
    struct image foreign = testing_flat(9, 11, 3, 50);
    draw_label(&foreign, (struct point){0, 11}, "\xe4\xb8\xad", 1, red, blue);
    assert_memory_equal(foreign.data, glyphs[95].data, 11 * foreign.stride);
    image_free(&foreign);
    for (int i = 0; i < 96; i++)
        image_free(&glyphs[i]);
}

static void check_png(const struct image *image)
{
    struct buffer buffer;
    buffer_init(&buffer, 1 << 20);
    assert_int_equal(buffer_append(&buffer, "before", 6, NULL), SE_OK);
    assert_int_equal(png_write(image, &buffer, NULL), SE_OK);
    assert_memory_equal(buffer.data, "before", 6);
    spng_ctx *ctx = spng_ctx_new(0);
    struct spng_ihdr header;
    size_t size;
    assert_int_equal(spng_set_png_buffer(ctx, buffer.data + 6, buffer.size - 6), 0);
    assert_int_equal(spng_get_ihdr(ctx, &header), 0);
    assert_int_equal(header.width, image->width);
    assert_int_equal(header.height, image->height);
    assert_int_equal(spng_decoded_image_size(ctx, SPNG_FMT_PNG, &size), 0);
    const size_t row = (size_t)image->width * (size_t)image->channels;
    assert_int_equal(size, row * (size_t)image->height);
    uint8_t *pixels = malloc(size);
    assert_non_null(pixels);
    assert_int_equal(spng_decode_image(ctx, pixels, size, SPNG_FMT_PNG, 0), 0);
    for (int y = 0; y < image->height; y++)
        assert_memory_equal(pixels + (size_t)y * row, image_row(image, y), row);
    free(pixels);
    spng_ctx_free(ctx);
    buffer_free(&buffer);
}

static void test_png_reads_back(void **state)
{
    (void)state;
    uint64_t seed = 42;
    static const int sides[][2] = {{1, 1}, {1, 77}, {77, 1}, {60, 41}};
    for (size_t i = 0; i < 4; i++)
        for (int channels = 1; channels <= 3; channels += 2) {
            struct image all = testing_noise(&seed, sides[i][0] + 3, sides[i][1] + 1, channels);
            const struct image image = image_window(&all, 2, 1, sides[i][0], sides[i][1]);
            check_png(&image);
            image_free(&all);
        }
}

static void test_png_stays_below_the_limit(void **state)
{
    (void)state;
    uint64_t seed = 43;
    struct image image = testing_noise(&seed, 100, 100, 3), none = {0};
    struct buffer buffer;
    se_error err;
    buffer_init(&buffer, 5000);
    assert_int_equal(buffer_append(&buffer, "before", 6, NULL), SE_OK);
    assert_int_equal(png_write(&image, &buffer, &err), SE_ERR_LIMIT);
    assert_int_equal(err.code, SE_ERR_LIMIT);
    assert_int_equal(buffer.size, 6);
    assert_string_equal(buffer.data, "before");
    assert_int_equal(png_write(&none, &buffer, &err), SE_ERR_ARGUMENT);
    buffer_free(&buffer);
    image_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quad_covers_what_is_near_its_sides),
        cmocka_unit_test(test_quad_of_strange_coordinates),
        cmocka_unit_test(test_label_is_a_box_with_text),
        cmocka_unit_test(test_labels_stay_inside),
        cmocka_unit_test(test_every_character_has_a_glyph_of_its_own),
        cmocka_unit_test(test_png_reads_back),
        cmocka_unit_test(test_png_stays_below_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
