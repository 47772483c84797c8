/*
 * Text boxes from made-up probability maps, and the size of the detector's input.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "failing_malloc.h"
#include "ocr/detect.h"

enum { WIDTH = 320, HEIGHT = 256 };

static float map[WIDTH * HEIGHT];

static void clear_map(void)
{
    memset(map, 0, sizeof(map));
}

/* A rectangle of `width` × `height` round (x, y), turned by `degrees` clockwise. */
static void draw(double x, double y, double width, double height, double degrees, float p)
{
    const double radians = degrees * 3.14159265358979 / 180, c = cos(radians), s = sin(radians);
    for (int row = 0; row < HEIGHT; row++)
        for (int column = 0; column < WIDTH; column++) {
            const double dx = column + 0.5 - x, dy = row + 0.5 - y;
            if (fabs(dx * c + dy * s) <= width / 2 && fabs(dy * c - dx * s) <= height / 2)
                map[row * WIDTH + column] = p;
        }
}

static struct text_boxes find(float scale_x, float scale_y)
{
    struct text_boxes boxes;
    assert_int_equal(
        detect_boxes(map, WIDTH, HEIGHT, scale_x, scale_y, &detect_defaults, &boxes, NULL), SE_OK);
    return boxes;
}

static float side(const struct quad *quad, int from, int to)
{
    return hypotf(quad->p[to].x - quad->p[from].x, quad->p[to].y - quad->p[from].y);
}

static void test_upright_box_is_the_unclipped_rectangle(void **state)
{
    (void)state;
    clear_map();
    draw(100, 60, 80, 10, 0, 0.9F);
    struct text_boxes boxes = find(1, 1);
    assert_int_equal(boxes.count, 1);
    assert_true(fabsf(boxes.items[0].score - 0.9F) < 1e-3F);
    /* 80 × 10: grown by 800 × 1.6 / 180 on every side. */
    const float grown = 800 * 1.6F / 180;
    const struct quad *q = &boxes.items[0].quad;
    assert_true(fabsf(q->p[0].x - (60 - grown)) < 0.2F && fabsf(q->p[0].y - (55 - grown)) < 0.2F);
    assert_true(fabsf(q->p[2].x - (140 + grown)) < 0.2F && fabsf(q->p[2].y - (65 + grown)) < 0.2F);
    assert_true(q->p[1].x > q->p[0].x && q->p[3].y > q->p[0].y);
    text_boxes_free(&boxes);
    assert_null(boxes.items);
}

static void test_boxes_at_any_angle(void **state)
{
    (void)state;
    for (int degrees = 0; degrees < 180; degrees += 9) {
        clear_map();
        draw(160, 128, 120, 16, degrees, 0.8F);
        struct text_boxes boxes = find(1, 1);
        assert_int_equal(boxes.count, 1);
        const struct quad *q = &boxes.items[0].quad;
        const float a = side(q, 0, 1), b = side(q, 1, 2), grown = 1920 * 1.6F / 272;
        assert_true(fabsf(fmaxf(a, b) - (120 + 2 * grown)) < 4);
        assert_true(fabsf(fminf(a, b) - (16 + 2 * grown)) < 4);
        assert_true(fabsf((q->p[0].x + q->p[2].x) / 2 - 160) < 1);
        assert_true(fabsf((q->p[0].y + q->p[2].y) / 2 - 128) < 1);
        /* The long side runs along the bar. */
        const int from = a > b ? 0 : 1;
        const double angle = atan2((double)(q->p[from + 1].y - q->p[from].y),
                                   (double)(q->p[from + 1].x - q->p[from].x));
        assert_true(fabs(sin(angle - degrees * 3.14159265358979 / 180)) < 0.03);
        text_boxes_free(&boxes);
    }
}

static void test_boxes_are_scaled_to_the_image(void **state)
{
    (void)state;
    clear_map();
    draw(100, 60, 80, 10, 0, 0.9F);
    struct text_boxes boxes = find(0.5F, 0.25F);
    assert_int_equal(boxes.count, 1);
    const struct quad *q = &boxes.items[0].quad;
    assert_true(fabsf((q->p[0].x + q->p[2].x) / 2 - 200) < 1);
    assert_true(fabsf((q->p[0].y + q->p[2].y) / 2 - 240) < 1);
    text_boxes_free(&boxes);
}

static void test_faint_and_tiny_spots_are_left_out(void **state)
{
    (void)state;
    clear_map();
    draw(60, 60, 60, 12, 0, 0.4F); /* above the threshold, but faint throughout */
    draw(200, 60, 60, 12, 0, 0.25F);
    draw(60, 160, 2, 2, 0, 0.9F);
    draw(200, 160, 40, 2, 0, 0.9F); /* too thin */
    struct text_boxes boxes = find(1, 1);
    assert_int_equal(boxes.count, 0);
    text_boxes_free(&boxes);
}

static void test_boxes_come_in_reading_order(void **state)
{
    (void)state;
    clear_map();
    draw(200, 62, 60, 8, 0, 0.9F);
    draw(100, 60, 60, 8, 0, 0.9F);
    draw(150, 200, 90, 8, 0, 0.9F);
    struct text_boxes boxes = find(1, 1);
    assert_int_equal(boxes.count, 3);
    assert_true(boxes.items[0].quad.p[0].x < boxes.items[1].quad.p[0].x);
    assert_true(boxes.items[2].quad.p[0].y > 150);
    text_boxes_free(&boxes);
}

static void assert_rect(struct rect got, int x, int y, int width, int height)
{
    assert_int_equal(got.x, x);
    assert_int_equal(got.y, y);
    assert_int_equal(got.width, width);
    assert_int_equal(got.height, height);
}

static void test_areas_hold_all_that_is_like_text(void **state)
{
    (void)state;
    clear_map();
    draw(48, 48, 8, 2, 0, 0.15F);     /* too faint and too small for a box */
    draw(260, 210, 20, 8, 0, 0.9F);   /* over the border of two cells */
    draw(150.5, 20.5, 1, 1, 0, 0.9F); /* a speck */
    draw(20, 240, 8, 4, 0, 0.1F);     /* nothing */
    struct text_boxes boxes = find(2, 2);
    assert_int_equal(boxes.count, 1);
    assert_int_equal(boxes.area_count, 2);
    assert_rect(boxes.areas[0], 0, 0, 48, 48);
    assert_rect(boxes.areas[1], 96, 80, 64, 48);
    text_boxes_free(&boxes);
    /* Bounding rectangles that overlap are one: an arch, and what stands in it. */
    clear_map();
    draw(16, 128, 8, 200, 0, 0.9F);
    draw(304, 128, 8, 200, 0, 0.9F);
    draw(160, 16, 290, 8, 0, 0.9F);
    draw(160, 160, 20, 8, 0, 0.9F);
    boxes = find(1, 1);
    assert_int_equal(boxes.area_count, 1);
    assert_rect(boxes.areas[0], 0, 0, WIDTH, HEIGHT);
    text_boxes_free(&boxes);
}

static void test_maps_of_any_numbers_are_bounded(void **state)
{
    (void)state;
    srand(5);
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        const float odd[] = {NAN, INFINITY, -INFINITY, 1e30F, -1, 0, 0.9F, 1};
        map[i] = odd[rand() % 8];
    }
    struct detect_params params = detect_defaults;
    params.max_boxes = 7;
    struct text_boxes boxes;
    assert_int_equal(detect_boxes(map, WIDTH, HEIGHT, 1, 1, &params, &boxes, NULL), SE_OK);
    assert_true(boxes.count <= 7);
    for (int i = 0; i < boxes.count; i++)
        for (int k = 0; k < 4; k++)
            assert_true(isfinite(boxes.items[i].quad.p[k].x));
    text_boxes_free(&boxes);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            map[y * WIDTH + x] = x % 8 < 4 && y % 8 < 4 ? 0.9F : 0;
    assert_int_equal(detect_boxes(map, WIDTH, HEIGHT, 1, 1, &params, &boxes, NULL), SE_OK);
    assert_int_equal(boxes.count, 7);
    text_boxes_free(&boxes);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    if (!failing_malloc_works())
        skip();
    clear_map();
    draw(100, 60, 80, 10, 0, 0.9F);
    draw(100, 160, 80, 10, 0, 0.9F);
    for (size_t nth = 1;; nth++) {
        struct text_boxes boxes;
        failing_malloc_start(nth, FAILING_THIS_THREAD);
        const int status = detect_boxes(map, WIDTH, HEIGHT, 1, 1, &detect_defaults, &boxes, NULL);
        const bool all = failing_malloc_stop() < nth;
        assert_int_equal(status, all ? SE_OK : SE_ERR_MEMORY);
        assert_int_equal(boxes.count, all ? 2 : 0);
        assert_true(all || !boxes.items);
        text_boxes_free(&boxes);
        if (all)
            return;
    }
}

static void assert_input(int width, int height, int want_w, int want_h)
{
    int w, h;
    float x, y;
    detect_input_size(&detect_defaults, width, height, &w, &h, &x, &y);
    assert_int_equal(w, want_w);
    assert_int_equal(h, want_h);
    assert_true(fabsf(x * (float)width - (float)w) < 0.01F);
    assert_true(fabsf(y * (float)height - (float)h) < 0.01F);
}

static void test_input_sizes(void **state)
{
    (void)state;
    assert_input(4032, 3024, 1280, 960);
    assert_input(1280, 720, 1280, 704);
    assert_input(1000, 1000, 992, 992);
    assert_input(640, 480, 960, 704);
    assert_input(800, 600, 960, 704);
    assert_input(100, 50, 160, 64);
    assert_input(1, 1, 32, 32);
    assert_input(65535, 1, 1280, 32);
    struct detect_params small = detect_defaults;
    small.max_side = 320;
    int w, h;
    float x, y;
    detect_input_size(&small, 300, 100, &w, &h, &x, &y);
    assert_int_equal(w, 320);
    assert_int_equal(h, 96);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_upright_box_is_the_unclipped_rectangle),
        cmocka_unit_test(test_boxes_at_any_angle),
        cmocka_unit_test(test_boxes_are_scaled_to_the_image),
        cmocka_unit_test(test_faint_and_tiny_spots_are_left_out),
        cmocka_unit_test(test_boxes_come_in_reading_order),
        cmocka_unit_test(test_areas_hold_all_that_is_like_text),
        cmocka_unit_test(test_maps_of_any_numbers_are_bounded),
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_input_sizes),
    };
    return cmocka_run_group_tests_name("ocr/detect", tests, NULL, NULL);
}
