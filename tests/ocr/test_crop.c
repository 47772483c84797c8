/*
 * Outlines and widths of line crops.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "ocr/crop.h"

static struct quad box(float x, float y, float width, float height)
{
    return (struct quad){{{x, y}, {x + width, y}, {x + width, y + height}, {x, y + height}}};
}

static void assert_point(struct point p, float x, float y)
{
    assert_true(fabsf(p.x - x) < 1e-3F && fabsf(p.y - y) < 1e-3F);
}

static void test_tall_quads_are_read_along_the_tall_side(void **state)
{
    (void)state;
    const struct quad tall = box(10, 20, 30, 45), low = box(10, 20, 30, 44);
    const struct quad along = crop_along_text(&tall), same = crop_along_text(&low);
    assert_point(along.p[0], 10, 65); /* from bottom to top */
    assert_point(along.p[1], 10, 20);
    assert_point(along.p[2], 40, 20);
    assert_point(same.p[0], 10, 20);
    assert_true(crop_is_steep(&along));
    assert_false(crop_is_steep(&same));
    const struct quad down = crop_turn(&along);
    assert_point(down.p[0], 40, 20);
    assert_point(down.p[1], 40, 65);
    const struct quad back = crop_turn(&down);
    assert_point(back.p[0], 10, 65);
}

static void test_outline_grows_along_and_shrinks_across(void **state)
{
    (void)state;
    float margin;
    const struct quad line = box(100, 50, 180, 20);
    struct quad outline = crop_outline(&line, &margin);
    assert_point(outline.p[0], 98, 51);
    assert_point(outline.p[1], 282, 51);
    assert_point(outline.p[2], 282, 69);
    assert_point(outline.p[3], 98, 69);
    assert_true(fabsf(margin - 2.0F / 184) < 1e-6F);
    const struct quad up = {{{100, 200}, {100, 20}, {120, 20}, {120, 200}}};
    outline = crop_outline(&up, &margin);
    assert_point(outline.p[0], 101, 202);
    assert_point(outline.p[1], 101, 18);
    assert_point(outline.p[2], 119, 18);
}

static void test_widths_keep_the_shape_within_bounds(void **state)
{
    (void)state;
    const struct quad line = box(0, 0, 200, 24), thin = box(0, 0, 50000, 3);
    const struct quad narrow = box(0, 0, 2, 100), empty = box(5, 5, 0, 0), flat = box(5, 5, 90, 1);
    struct quad odd = line;
    assert_int_equal(crop_width(&line), 400);
    assert_int_equal(crop_width(&thin), CROP_MAX_WIDTH);
    assert_int_equal(crop_width(&narrow), CROP_STEP);
    assert_int_equal(crop_width(&empty), 0);
    assert_int_equal(crop_width(&flat), 0);
    odd.p[2].x = NAN;
    assert_int_equal(crop_width(&odd), 0);
    odd.p[2].x = INFINITY;
    assert_int_equal(crop_width(&odd), 0);
    float margin = -1;
    (void)crop_outline(&empty, &margin);
    assert_true(margin == 0);
}

static void test_buckets_hold_their_crops(void **state)
{
    (void)state;
    int few = 0, last = 0, last_fine = 0;
    for (int width = CROP_STEP; width <= CROP_MAX_BUCKET; width++) {
        const int bucket = crop_bucket(width, true), fine = crop_bucket(width, false);
        assert_true(bucket >= width && bucket % 32 == 0 && bucket >= last);
        assert_true(bucket - width < 64 || (bucket - width) * 4 < bucket);
        few += bucket != last;
        last = bucket;
        assert_true(fine >= width && fine % 16 == 0 && fine >= last_fine && fine <= bucket);
        assert_true(width < 64 || fine - width < 16 || (fine - width) * 16 < fine);
        last_fine = fine;
    }
    assert_true(few <= 26);
    assert_int_equal(last, CROP_MAX_BUCKET);
    assert_int_equal(last_fine, CROP_MAX_BUCKET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tall_quads_are_read_along_the_tall_side),
        cmocka_unit_test(test_outline_grows_along_and_shrinks_across),
        cmocka_unit_test(test_widths_keep_the_shape_within_bounds),
        cmocka_unit_test(test_buckets_hold_their_crops),
    };
    return cmocka_run_group_tests_name("ocr/crop", tests, NULL, NULL);
}
