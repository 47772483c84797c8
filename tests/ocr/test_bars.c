/*
 * Bars above digits: told from other things, painted out as far down as they go; check digits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "ocr/bars.h"
#include "ocr/crop.h"

enum { WIDTH = 240, HEIGHT = BARS_ABOVE + CROP_HEIGHT, LIGHT = 220, INK = 30 };

static void fill(struct image *image, int x, int y, int width, int height, int value)
{
    for (int row = y; row < y + height; row++)
        memset(image_row(image, row) + x, value, (size_t)width);
}

/* Twelve bars above, of which three long ones reach 30 pixels into the text; a digit's stroke. */
static struct image make_crop(void)
{
    struct image image;
    assert_int_equal(image_create(&image, WIDTH, HEIGHT, 1, NULL), SE_OK);
    fill(&image, 0, 0, WIDTH, HEIGHT, LIGHT);
    for (int i = 0; i < 12; i++)
        fill(&image, 10 + 18 * i, 0, 6, i % 5 == 1 ? BARS_ABOVE + 30 : BARS_ABOVE - 6, INK);
    fill(&image, 12 + 18 * 4, BARS_ABOVE + 4, 5, 40, INK);
    return image;
}

static void test_bars_are_painted_out_and_digits_stay(void **state)
{
    (void)state;
    struct image crop = make_crop();
    assert_true(bars_are_above(&crop));
    bars_paint_out(&crop);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            const bool digit = x >= 84 && x < 89 && y >= BARS_ABOVE + 4 && y < BARS_ABOVE + 44;
            const int value = image_row(&crop, y)[x];
            assert_true(digit ? value == INK : value >= LIGHT - 2);
        }
    image_free(&crop);
}

static void test_other_things_are_no_bars(void **state)
{
    (void)state;
    struct image crop = make_crop();
    fill(&crop, 0, 0, WIDTH, BARS_ABOVE, LIGHT); /* nothing above */
    assert_false(bars_are_above(&crop));
    for (int i = 0; i < 20; i++) /* faint stripes */
        fill(&crop, 12 * i, 0, 6, BARS_ABOVE, LIGHT - 30);
    assert_false(bars_are_above(&crop));
    fill(&crop, 0, 0, WIDTH, BARS_ABOVE, LIGHT);
    for (int i = 0; i < 7; i++) /* too few */
        fill(&crop, 30 * i, 0, 10, BARS_ABOVE, INK);
    assert_false(bars_are_above(&crop));
    for (int i = 0; i < 20; i++) /* letters: strokes that lie across, too */
        fill(&crop, 12 * i, 4 + i % 9, 6, 8, INK);
    assert_false(bars_are_above(&crop));
    image_free(&crop);
}

static void test_outline_has_room_above(void **state)
{
    (void)state;
    const struct quad line = {{{100, 200}, {300, 200}, {300, 248}, {100, 248}}};
    const struct quad tall = bars_outline(&line);
    assert_true(tall.p[0].x == 100 && tall.p[0].y == 200 - BARS_ABOVE);
    assert_true(tall.p[1].x == 300 && tall.p[1].y == 200 - BARS_ABOVE);
    assert_true(tall.p[2].y == 248 && tall.p[3].y == 248);
}

static bool check(const char *text, bool (*what)(const struct text_char *, size_t))
{
    struct text_char chars[64];
    const size_t count = strlen(text);
    for (size_t i = 0; i < count; i++)
        chars[i] = (struct text_char){.c = (unsigned char)text[i], .p = 1};
    return what(chars, count);
}

/* Numbers out of the GS1 General Specifications and everyday life. */
static void test_check_digits(void **state)
{
    (void)state;
    static const char *const right[] = {"4006381333931",   "4 006381 333931>", "036000291452",
                                        "0 36000 29145 2", "73513537",         "9780201379624"};
    static const char *const wrong[] = {
        "4006381333932", "14006381333931", "036000291453", "3600029145", "4006381333931A", "", "0"};
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
        assert_true(check(right[i], bars_are_gtin));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(check(wrong[i], bars_are_gtin));
    assert_true(check("152919146000I9", bars_are_digits));
    assert_false(check("5CG3274HKW", bars_are_digits));
    assert_false(check("12345", bars_are_digits));
    assert_false(check("1234567890123456789012345", bars_are_digits));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bars_are_painted_out_and_digits_stay),
        cmocka_unit_test(test_other_things_are_no_bars),
        cmocka_unit_test(test_outline_has_room_above),
        cmocka_unit_test(test_check_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
