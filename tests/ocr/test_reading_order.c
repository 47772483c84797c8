/*
 * Reading order of made-up layouts, also turned ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "ocr/reading_order.h"

enum { MOST = 64 };

static struct quad box(float x, float y, float width, float height)
{
    return (struct quad){{{x, y}, {x + width, y}, {x + width, y + height}, {x, y + height}}};
}

static struct quad turned(struct quad quad, double degrees)
{
    const double radians = degrees * 3.14159265358979 / 180;
    const float c = (float)cos(radians), s = (float)sin(radians);
    for (int i = 0; i < 4; i++) {
        const struct point p = quad.p[i];
        quad.p[i] = (struct point){2000 + c * p.x - s * p.y, 2000 + s * p.x + c * p.y};
    }
    return quad;
}

/* Whatever the order in which they are given and however they are turned together, the lines come
 * out as listed. */
static void assert_order(const struct quad *want, int count, bool turn)
{
    srand(1);
    for (int degrees = 0; degrees < (turn ? 360 : 1); degrees += 15) {
        int shuffle[MOST], order[MOST];
        struct quad quads[MOST];
        for (int i = 0; i < count; i++)
            shuffle[i] = i;
        for (int i = count - 1; i > 0; i--) {
            const int j = rand() % (i + 1), swap = shuffle[i];
            shuffle[i] = shuffle[j];
            shuffle[j] = swap;
        }
        for (int i = 0; i < count; i++)
            quads[i] = turned(want[shuffle[i]], degrees);
        assert_int_equal(ocr_reading_order(quads, count, order, NULL), SE_OK);
        for (int i = 0; i < count; i++)
            assert_int_equal(shuffle[order[i]], i);
    }
}

static void test_rows_of_a_label_in_any_direction(void **state)
{
    (void)state;
    const struct quad label[] = {
        box(100, 100, 60, 20), box(180, 103, 200, 20), /* S/N: | ABC123 */
        box(100, 130, 90, 20), box(210, 128, 120, 20), box(100, 160, 300, 20),
    };
    assert_order(label, 5, true);
}

static void test_a_code_broken_over_lines_beside_other_text(void **state)
{
    (void)state;
    /* The first block's rows stay together although the second one's lie between them. */
    const struct quad quads[] = {
        box(100, 100, 80, 20), box(100, 125, 80, 20), box(100, 150, 80, 20),
        box(400, 110, 90, 20), box(400, 135, 90, 20),
    };
    assert_order(quads, 5, false);
}

static void test_digits_set_apart_stay_in_their_row(void **state)
{
    (void)state;
    /* As under a bar code: one digit outside at each end, boxed a little lower. */
    const struct quad quads[] = {box(100, 104, 14, 18), box(130, 100, 90, 22),
                                 box(240, 100, 90, 22), box(345, 104, 14, 18)};
    assert_order(quads, 4, true);
}

static void test_single_characters_may_be_boxed_either_way(void **state)
{
    (void)state;
    struct quad digit = box(350, 100, 18, 20);
    digit = (struct quad){{digit.p[3], digit.p[0], digit.p[1], digit.p[2]}};
    const struct quad quads[] = {box(100, 100, 80, 20), box(200, 100, 120, 20), digit};
    assert_order(quads, 3, true);
}

static void test_rows_may_run_askew(void **state)
{
    (void)state;
    struct quad quads[6];
    for (int row = 0; row < 2; row++)
        for (int i = 0; i < 3; i++) {
            quads[row * 3 + i] = box(0, 0, 100, 20);
            for (int k = 0; k < 4; k++) {
                struct point *p = &quads[row * 3 + i].p[k];
                p->x += 100.0F + 130.0F * (float)i;
                p->y += 100.0F + 28.0F * (float)row + 0.1F * p->x;
            }
        }
    assert_order(quads, 6, false);
}

static void test_anything_goes_in_and_each_comes_out_once(void **state)
{
    (void)state;
    struct quad quads[MOST] = {0};
    srand(2);
    for (int i = 0; i < MOST; i++)
        for (int k = 0; k < 4; k++) {
            const float odd[] = {NAN, INFINITY, -INFINITY, 1e38F, 0, -5};
            const int which = rand() % 12;
            quads[i].p[k].x = which < 6 ? odd[which] : (float)(rand() % 100);
            quads[i].p[k].y = which > 9 ? odd[which - 8] : (float)(rand() % 100);
        }
    int order[MOST], seen[MOST] = {0};
    assert_int_equal(ocr_reading_order(quads, MOST, order, NULL), SE_OK);
    for (int i = 0; i < MOST; i++)
        seen[order[i]]++;
    for (int i = 0; i < MOST; i++)
        assert_int_equal(seen[i], 1);
    assert_int_equal(ocr_reading_order(NULL, 0, NULL, NULL), SE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_of_a_label_in_any_direction),
        cmocka_unit_test(test_a_code_broken_over_lines_beside_other_text),
        cmocka_unit_test(test_digits_set_apart_stay_in_their_row),
        cmocka_unit_test(test_single_characters_may_be_boxed_either_way),
        cmocka_unit_test(test_rows_may_run_askew),
        cmocka_unit_test(test_anything_goes_in_and_each_comes_out_once),
    };
    return cmocka_run_group_tests_name("ocr/reading_order", tests, NULL, NULL);
}
