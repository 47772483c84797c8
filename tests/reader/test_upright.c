/*
 * Pictures that lie on their side, and lines that were cut off: what the merge of looks says of
 * them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reader/merge.h"
#include "serial/evidence.h"

enum { CHARACTERS = 10 };

static struct text_char characters[CHARACTERS];

/* A line of `count` characters from (x, y) on in direction (dx, dy), 20 pixels high. */
static struct text_line line_along(float x, float y, float dx, float dy, size_t count, float score)
{
    const float length = 12 * (float)count, height = 20;
    const struct point end = {x + dx * length, y + dy * length};
    const float hx = -dy * height, hy = dx * height;
    return (struct text_line){
        .chars = characters,
        .count = count,
        .score = score,
        .quad = {{{x, y}, end, {end.x + hx, end.y + hy}, {x + hx, y + hy}}},
    };
}

static float turn_of(struct text_line *lines, size_t count)
{
    const struct merge merge = {.lines = lines, .line_count = count};
    return merge_quarter_turn(&merge);
}

static void test_quarter_turn(void **state)
{
    (void)state;
    struct text_line lines[3] = {line_along(100, 100, 1, 0, 10, 0.99F)};
    assert_float_equal(turn_of(lines, 0), 0, 0);
    assert_float_equal(turn_of(lines, 1), 0, 0);
    lines[0] = line_along(100, 100, 0, 1, 10, 0.99F); /* down: turned clockwise */
    assert_float_equal(turn_of(lines, 1), 270, 0);
    lines[0] = line_along(100, 300, 0, -1, 10, 0.99F); /* up */
    assert_float_equal(turn_of(lines, 1), 90, 0);
    lines[0] = line_along(100, 300, 0.26F, -0.97F, 10, 0.99F);
    assert_float_equal(turn_of(lines, 1), 90, 0);
    lines[0] = line_along(100, 300, 0.7F, -0.7F, 10, 0.99F); /* neither the one nor the other */
    assert_float_equal(turn_of(lines, 1), 0, 0);
    /* Few characters, or those that were not read well, tell nothing; nor does half of them. */
    lines[0] = line_along(100, 100, 0, 1, 7, 0.99F);
    assert_float_equal(turn_of(lines, 1), 0, 0);
    lines[0] = line_along(100, 100, 0, 1, 10, 0.5F);
    assert_float_equal(turn_of(lines, 1), 0, 0);
    lines[0] = line_along(100, 100, 0, 1, 8, 0.99F);
    lines[1] = line_along(200, 100, 1, 0, 8, 0.99F);
    assert_float_equal(turn_of(lines, 2), 0, 0);
    lines[2] = line_along(300, 100, 0, 1, 4, 0.99F);
    assert_float_equal(turn_of(lines, 3), 270, 0);
    /* Those that run up do not count for those that run down. */
    lines[1] = line_along(200, 100, 0, -1, 8, 0.99F);
    lines[2] = line_along(300, 100, 1, 0, 2, 0.99F);
    assert_float_equal(turn_of(lines, 3), 0, 0);
}

static void test_sideways_convinces_later(void **state)
{
    (void)state;
    double strong[EVIDENCE_TERMS] = {[EVIDENCE_PRIOR] = 5};
    struct ser_reading reading = {.kind = SER_SERIAL, .score = 0.5F, .evidence = strong};
    struct merge merge = {.found = {.readings = &reading, .count = 1}};
    assert_true(merge_is_convincing(&merge));
    merge.quarter = 90;
    assert_true(merge_is_plausible(&merge));
    assert_false(merge_is_convincing(&merge));
    reading.score = 0.96F;
    assert_true(merge_is_convincing(&merge));
}

/* A box that goes on where a well-read line was cut off is read, however much of it that covers. */
static void test_a_longer_box_is_not_well_read(void **state)
{
    (void)state;
    struct text_line lines[1] = {line_along(100, 100, 1, 0, 10, 0.99F)};
    const struct merge merge = {.lines = lines, .line_count = 1};
    const struct quad same = {{{102, 101}, {221, 101}, {221, 121}, {102, 121}}};
    const struct quad wider = {{{94, 100}, {228, 100}, {228, 120}, {94, 120}}};
    const struct quad longer = {{{102, 101}, {244, 101}, {244, 119}, {102, 119}}};
    const struct quad earlier = {{{76, 101}, {218, 101}, {218, 119}, {76, 119}}};
    const struct quad apart = {{{102, 301}, {221, 301}, {221, 321}, {102, 321}}};
    assert_true(merge_is_well_read(&merge, &same));
    assert_true(merge_is_well_read(&merge, &wider));
    assert_false(merge_is_well_read(&merge, &longer));
    assert_false(merge_is_well_read(&merge, &earlier));
    assert_false(merge_is_well_read(&merge, &apart));
    lines[0].score = 0.9F;
    assert_false(merge_is_well_read(&merge, &same));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quarter_turn),
        cmocka_unit_test(test_sideways_convinces_later),
        cmocka_unit_test(test_a_longer_box_is_not_well_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
