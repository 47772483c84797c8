/*
 * O and 0 told apart by their width: drawn as frames of any width, dark and light, in fonts whose
 * letters are wider than digits and in those of one width; nothing is said where nothing can be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "ocr/crop.h"
#include "ocr/glyph_width.h"

enum { PITCH = 32, MOST = 16, TOP = 10, CAP = 28, STROKE = 3, DIGIT = 16 };

struct pens {
    uint8_t ground, ink;
};
static const struct pens dark = {220, 40}, light = {30, 200}, faint = {120, 110};

static void fill(struct image *image, int x, int y, int width, int height, uint8_t value)
{
    for (int row = y; row < y + height; row++)
        memset(image_row(image, row) + x, value, (size_t)width);
}

static void draw_frame(struct image *image, int centre, int width, uint8_t ink)
{
    const int x = centre - width / 2;
    fill(image, x, TOP, STROKE, CAP, ink);
    fill(image, x + width - STROKE, TOP, STROKE, CAP, ink);
    fill(image, x, TOP, width, STROKE, ink);
    fill(image, x, TOP + CAP - STROKE, width, STROKE, ink);
}

/* Odds for a 0 at `at` of `text`, in which letters are `letter` pixels wide, digits DIGIT and the
 * one in question `own`. */
static float odds(const char *text, size_t at, int letter, int own, const struct pens *pens)
{
    struct text_char chars[MOST];
    struct image crop;
    const size_t count = strlen(text);
    assert_true(count <= MOST);
    assert_int_equal(image_create(&crop, PITCH * MOST, CROP_HEIGHT, 1, NULL), SE_OK);
    fill(&crop, 0, 0, crop.width, crop.height, pens->ground);
    for (size_t i = 0; i < count; i++) {
        const int middle = PITCH * (int)i + PITCH / 2, step = middle / CROP_STEP;
        const bool digit = text[i] >= '0' && text[i] <= '9';
        chars[i] = (struct text_char){
            .c = (uint32_t)(unsigned char)text[i], .step = step, .end = step + 1};
        if (text[i] != ' ')
            draw_frame(&crop, middle, i == at ? own : digit ? DIGIT : letter, pens->ink);
    }
    const float result = glyph_width_odds(&crop, chars, count, at);
    image_free(&crop);
    return result;
}

static void test_wide_letters(void **state)
{
    (void)state;
    const struct pens *const pens[] = {&dark, &light};
    for (size_t i = 0; i < 2; i++) {
        assert_float_equal(odds("C5G0326H", 3, 23, DIGIT, pens[i]), 4, 0.01);
        assert_float_equal(odds("C5GO326H", 3, 23, DIGIT, pens[i]), 4, 0.01);
        assert_float_equal(odds("C5G0326H", 3, 23, 25, pens[i]), -3, 0.01);
        assert_float_equal(odds("0C5G326H", 0, 23, DIGIT, pens[i]), 4, 0.01); /* at either end */
        assert_float_equal(odds("C5G326H0", 7, 23, DIGIT, pens[i]), 4, 0.01);
    }
}

/* A wider 0 is never likelier than a narrow one. */
static void test_widths_between(void **state)
{
    (void)state;
    float before = 4;
    for (int own = DIGIT; own <= 26; own++) {
        const float now = odds("C5G0326H", 3, 23, own, &dark);
        assert_true(now <= before + 1e-4F);
        before = now;
    }
    assert_float_equal(before, -3, 0.01);
}

static void test_nothing_is_said(void **state)
{
    (void)state;
    assert_true(odds("C5G0326H", 3, DIGIT - 2, DIGIT, &dark) == 0); /* one width for all */
    assert_true(odds("C5G0HNUD", 3, 23, DIGIT, &dark) == 0);        /* a single digit */
    assert_true(odds("4510326", 3, 23, DIGIT, &dark) == 0);         /* no letter */
    assert_true(odds("CG 5032 HD", 4, 23, DIGIT, &dark) == 0);      /* those of other codes */
    assert_true(odds("C5G0326H", 3, 23, DIGIT, &faint) == 0);       /* hardly any contrast */
}

/* A lattice may be longer than the crop, its characters may stand at one place, and a code may be
 * longer than what is compared. */
static void test_odd_places(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    static struct text_char chars[COUNT];
    struct image crop;
    assert_int_equal(image_create(&crop, 64, CROP_HEIGHT, 1, NULL), SE_OK);
    fill(&crop, 0, 0, crop.width, crop.height, dark.ground);
    draw_frame(&crop, 20, DIGIT, dark.ink);
    for (int apart = 0; apart < 4; apart++) {
        for (int i = 0; i < COUNT; i++)
            chars[i] = (struct text_char){.c = (uint32_t)(unsigned char)"5C0G"[i % 4],
                                          .step = apart * i,
                                          .end = apart * i + 1};
        for (size_t at = 0; at < COUNT; at++) {
            const float result = glyph_width_odds(&crop, chars, COUNT, at);
            assert_true(result >= -3 && result <= 4);
        }
    }
    image_free(&crop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wide_letters),
        cmocka_unit_test(test_widths_between),
        cmocka_unit_test(test_nothing_is_said),
        cmocka_unit_test(test_odd_places),
    };
    return cmocka_run_group_tests_name("glyph_width", tests, NULL, NULL);
}
