/*
 * Zeros beside digits; U and V told apart by their foot: drawn in strokes and in dots, dark and
 * light, shifted, with rows above and below; nothing is said where nothing can be seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ocr/crop.h"
#include "ocr/glyph.h"
#include "ocr/line_text.h"

enum { PITCH = 24, LETTERS = 7, WIDTH = PITCH * LETTERS, TOP = 9, CAP = 28, HALF = 8 };

/* Dots of 5 x 7 letters as display controllers draw them. */
static const char *const dots_of_v[] = {"#...#", "#...#", "#...#", "#...#",
                                        "#...#", ".#.#.", "..#.."};
static const char *const dots_of_u[] = {"#...#", "#...#", "#...#", "#...#",
                                        "#...#", "#...#", ".###."};
static const char *const dots_of_h[] = {"#...#", "#...#", "#...#", "#####",
                                        "#...#", "#...#", "#...#"};

struct pens {
    uint8_t ground, ink;
};

static void dot(struct image *image, int x, int y, int size, uint8_t value)
{
    for (int dy = 0; dy < size; dy++)
        for (int dx = 0; dx < size; dx++)
            if (x + dx >= 0 && x + dx < image->width && y + dy >= 0 && y + dy < image->height)
                image_row(image, y + dy)[x + dx] = value;
}

static void draw_dots(struct image *image, int x, int y, const char *const rows[7], uint8_t ink)
{
    for (int row = 0; row < 7; row++)
        for (int column = 0; column < 5; column++)
            if (rows[row][column] == '#')
                dot(image, x + 4 * column, y + 4 * row, 3, ink);
}

/* Two strokes of 3 pixels: upright with a bar at the foot, or leaning to one point. */
static void draw_strokes(struct image *image, int centre, int y, char letter, uint8_t ink)
{
    for (int row = 0; row < CAP; row++) {
        int off = letter == 'V' ? HALF * (CAP - 1 - row) / CAP : HALF;
        dot(image, centre - off - 1, y + row, 3, ink);
        dot(image, centre + off - 1, y + row, 3, ink);
    }
    for (int x = centre - HALF; letter == 'U' && x < centre + HALF; x++)
        dot(image, x, y + CAP - 3, 3, ink);
}

static struct image new_crop(const struct pens *pens)
{
    struct image image;
    assert_int_equal(image_create(&image, WIDTH, CROP_HEIGHT, 1, NULL), SE_OK);
    for (int y = 0; y < CROP_HEIGHT; y++)
        memset(image_row(&image, y), pens->ground, WIDTH);
    return image;
}

static void place(struct text_char chars[LETTERS], char letter)
{
    for (int i = 0; i < LETTERS; i++) {
        const int middle = PITCH * i + PITCH / 2;
        chars[i] = (struct text_char){.c = i == 3 ? (uint32_t)letter : 'H',
                                      .step = middle / CROP_STEP,
                                      .end = middle / CROP_STEP + 1};
    }
}

static float foot_of_dots(const struct pens *pens, const char *const letter[7], int down)
{
    struct image crop = new_crop(pens);
    struct text_char chars[LETTERS];
    place(chars, 'U');
    for (int i = 0; i < LETTERS; i++) {
        draw_dots(&crop, PITCH * i + 3, TOP + down, i == 3 ? letter : dots_of_h, pens->ink);
        draw_dots(&crop, PITCH * i + 3, TOP + down + 34, dots_of_h, pens->ink); /* the next row */
    }
    const float foot = glyph_foot(&crop, chars, LETTERS, 3);
    image_free(&crop);
    return foot;
}

static float foot_of_strokes(const struct pens *pens, char letter)
{
    struct image crop = new_crop(pens);
    struct text_char chars[LETTERS];
    place(chars, letter);
    for (int i = 0; i < LETTERS; i++)
        draw_strokes(&crop, PITCH * i + PITCH / 2, TOP, i == 3 ? letter : 'H', pens->ink);
    const float foot = glyph_foot(&crop, chars, LETTERS, 3);
    image_free(&crop);
    return foot;
}

static const struct pens dark = {200, 40}, light = {30, 160};

static void test_dots(void **state)
{
    (void)state;
    for (int down = -5; down <= 4; down += 3) {
        assert_in_range((int)(1000 * foot_of_dots(&dark, dots_of_v, down)), 100, 450);
        assert_in_range((int)(1000 * foot_of_dots(&light, dots_of_v, down)), 100, 450);
        assert_in_range((int)(1000 * foot_of_dots(&dark, dots_of_u, down)), 600, 1000);
        assert_in_range((int)(1000 * foot_of_dots(&light, dots_of_u, down)), 600, 1000);
    }
}

static void test_strokes(void **state)
{
    (void)state;
    assert_in_range((int)(1000 * foot_of_strokes(&dark, 'V')), 100, 450);
    assert_in_range((int)(1000 * foot_of_strokes(&light, 'V')), 100, 450);
    assert_in_range((int)(1000 * foot_of_strokes(&dark, 'U')), 600, 1000);
    assert_in_range((int)(1000 * foot_of_strokes(&light, 'U')), 600, 1000);
}

static void test_nothing_is_said_without_contrast_or_room(void **state)
{
    (void)state;
    const struct pens faint = {100, 110};
    assert_true(foot_of_strokes(&faint, 'V') < 0);
    struct image crop = new_crop(&dark);
    struct text_char chars[LETTERS];
    place(chars, 'V');
    assert_true(glyph_foot(&crop, chars, LETTERS, 3) < 0); /* empty */
    draw_strokes(&crop, PITCH * 3 + PITCH / 2, TOP, 'V', dark.ink);
    for (int i = 0; i < LETTERS; i++) {
        chars[i].step = i; /* too close */
        chars[i].end = i;
    }
    chars[3].step = chars[3].end = 2;
    assert_true(glyph_foot(&crop, chars, LETTERS, 3) < 0);
    image_free(&crop);
}

/* A lattice may be longer than the crop, and its characters stand at its ends. */
static void test_characters_beyond_the_crop(void **state)
{
    (void)state;
    struct image crop = new_crop(&dark);
    for (int step = 0; step < 400; step += 3) {
        const struct text_char alone = {.c = 'V', .step = step, .end = step + 1};
        const float foot = glyph_foot(&crop, &alone, 1, 0);
        assert_true(foot <= 1);
    }
    image_free(&crop);
}

/* ---- what a lattice becomes ----------------------------------------------------------------- */

enum { COLUMNS = 37, ROW = COLUMNS + LATTICE_EXTRA, STEPS = 40 };

static uint32_t points[COLUMNS];

static int column_of(char c)
{
    return c <= '9' ? 1 + c - '0' : 11 + c - 'A';
}

static void make_recognizer(struct recognizer *recognizer)
{
    *recognizer = (struct recognizer){.classes = COLUMNS, .code_points = points};
    for (int i = 1; i < COLUMNS; i++) {
        points[i] = (uint32_t)(i < 11 ? '0' + i - 1 : 'A' + i - 11);
        recognizer->columns[i] = i;
    }
    recognizer->alphabet = (struct alphabet){COLUMNS, points};
}

/* A line in which every second step says a character of `text`, and one of them is `other` with
 * a probability of `p`. */
static struct text_line make_line(const struct recognizer *recognizer, const char *text, size_t at,
                                  char other, float p, struct arena *arena)
{
    static float head[STEPS * ROW];
    const int steps = 2 * (int)strlen(text);
    for (int step = 0; step < steps; step++) {
        float *row = head + (size_t)step * ROW;
        for (int i = 0; i < ROW; i++)
            row[i] = logf(1e-4F);
        const size_t i = (size_t)step / 2;
        const int best = step % 2 ? column_of(text[i]) : 0;
        row[best] = logf(step % 2 && i == at ? 1 - p : 0.99F);
        if (step % 2 && i == at)
            row[column_of(other)] = logf(p);
        row[COLUMNS + 1] = (float)best;
        row[COLUMNS + 2] = row[best];
    }
    struct lattice lattice;
    assert_int_equal(
        lattice_from_head(&recognizer->alphabet, head, steps, COLUMNS, arena, &lattice), 0);
    struct text_line line = {.quad = {{{0, 0}, {600, 0}, {600, 30}, {0, 30}}}};
    assert_int_equal(
        line_text_from_lattice(recognizer, &lattice, steps * CROP_STEP, arena, &line, NULL), SE_OK);
    return line;
}

/* What the line says after weighing. */
static void assert_becomes(const char *text, size_t at, char other, float p, const char *want)
{
    struct arena arena;
    struct recognizer recognizer;
    struct image image;
    make_recognizer(&recognizer);
    arena_init(&arena, 1 << 20);
    assert_int_equal(image_create(&image, 640, 40, 1, NULL), SE_OK);
    memset(image_row(&image, 0), 0, image.stride * (size_t)image.height);
    struct text_line line = make_line(&recognizer, text, at, other, p, &arena);
    assert_int_equal(line.count, strlen(text));
    assert_int_equal(glyph_weigh(&recognizer, &image, &arena, &line, NULL), SE_OK);
    assert_int_equal(line.count, strlen(want));
    for (size_t i = 0; i < line.count; i++)
        assert_int_equal(line.chars[i].c, want[i]);
    image_free(&image);
    arena_free(&arena);
}

static void test_a_zero_beside_digits(void **state)
{
    (void)state;
    assert_becomes("CO2RKR6F998R", 1, '0', 0.3F, "C02RKR6F998R");
    assert_becomes("CO2RKR6F998R", 1, '0', 0.05F, "CO2RKR6F998R"); /* clearly an O */
    assert_becomes("JOF7W78ZGFX", 1, '0', 0.4F, "JOF7W78ZGFX");    /* among letters */
    assert_becomes("FDO1725X4XK", 2, '0', 0.4F, "FDO1725X4XK");    /* ends a word */
    assert_becomes("PO7", 1, '0', 0.4F, "PO7");                    /* too short */
    assert_becomes("TOTAL0", 5, 'O', 0.4F, "TOTAL0");
    /* among digits alone even what looks more like an O */
    assert_becomes("4807O12345", 4, '0', 0.05F, "4807012345");
    assert_becomes("O480712345", 0, '0', 0.05F, "0480712345");
    assert_becomes("4807O12345", 4, '0', 0.005F, "4807O12345"); /* clearly an O */
    assert_becomes("48O7", 2, '0', 0.05F, "48O7");              /* too short */
}

/* A line of `text` on a picture that shows `drawn`, whose character `at` the network takes for
 * `other` with a probability of 0.03: what is read in the end. */
static char read_drawn(const char *text, const char *drawn, size_t at, char other)
{
    enum { LEFT = 40 };
    const size_t count = strlen(text);
    struct arena arena;
    struct recognizer recognizer;
    struct image image;
    make_recognizer(&recognizer);
    arena_init(&arena, 4 << 20);
    assert_int_equal(image_create(&image, 2 * LEFT + PITCH * (int)count, 100, 1, NULL), SE_OK);
    for (int y = 0; y < image.height; y++)
        memset(image_row(&image, y), dark.ground, (size_t)image.width);
    for (size_t i = 0; i < count; i++)
        draw_strokes(&image, LEFT + PITCH * (int)i + PITCH / 2, 36, drawn[i], dark.ink);
    const float right = LEFT + PITCH * (float)count;
    struct text_line line = {.quad = {{{LEFT, 30}, {right, 30}, {right, 70}, {LEFT, 70}}}};
    float margin;
    const struct quad outline = crop_outline(&line.quad, &margin);
    const int width = crop_width(&outline), steps = width / CROP_STEP;
    const float scale = (float)width / (outline.p[1].x - outline.p[0].x);
    float *head = calloc((size_t)steps * ROW, sizeof(*head));
    assert_non_null(head);
    for (int step = 0; step < steps; step++) {
        float *row = head + (size_t)step * ROW;
        for (int i = 0; i < ROW; i++)
            row[i] = logf(1e-4F);
        row[0] = row[COLUMNS + 2] = logf(0.99F);
        row[COLUMNS + 1] = 0;
    }
    for (size_t i = 0; i < count; i++) {
        const float middle = (float)LEFT + PITCH * ((float)i + 0.5F) - outline.p[0].x;
        float *row = head + (size_t)(middle * scale / CROP_STEP) * ROW;
        row[0] = logf(1e-4F);
        row[column_of(text[i])] = row[COLUMNS + 2] = logf(0.97F);
        row[COLUMNS + 1] = (float)column_of(text[i]);
        if (i == at)
            row[column_of(other)] = logf(0.03F);
    }
    struct lattice lattice;
    assert_int_equal(
        lattice_from_head(&recognizer.alphabet, head, steps, COLUMNS, &arena, &lattice), 0);
    free(head);
    assert_int_equal(
        line_text_from_lattice(&recognizer, &lattice, steps * CROP_STEP, &arena, &line, NULL),
        SE_OK);
    assert_int_equal(line.count, count);
    assert_int_equal(glyph_weigh(&recognizer, &image, &arena, &line, NULL), SE_OK);
    assert_int_equal(line.count, count);
    const char read = (char)line.chars[at].c;
    image_free(&image);
    arena_free(&arena);
    return read;
}

static void test_drawn_letters(void **state)
{
    (void)state;
    assert_int_equal(read_drawn("HHH1U2HH", "HHHHVHHH", 4, 'V'), 'V');
    assert_int_equal(read_drawn("HHH1U2HH", "HHHHUHHH", 4, 'V'), 'U');
    assert_int_equal(read_drawn("HHH1V2HH", "HHHHVHHH", 4, 'U'), 'V');
    assert_int_equal(read_drawn("HHH1V2HH", "HHHHUHHH", 4, 'U'), 'V'); /* a U says nothing */
    assert_int_equal(read_drawn("U1HHHHH2", "VHHHHHHH", 0, 'V'), 'V');
    assert_int_equal(read_drawn("H1HHHH2U", "HHHHHHHV", 7, 'V'), 'V');
}

static void test_letters_without_pixels_stay(void **state)
{
    (void)state;
    assert_becomes("4RU42PL52Z", 2, 'V', 0.45F, "4RU42PL52Z"); /* an empty picture says nothing */
}

static void test_spent_memory_is_reported(void **state)
{
    (void)state;
    struct arena arena, small;
    struct recognizer recognizer;
    struct image image;
    make_recognizer(&recognizer);
    arena_init(&arena, 1 << 20);
    arena_init(&small, 64);
    assert_int_equal(image_create(&image, 640, 40, 1, NULL), SE_OK);
    struct text_line line = make_line(&recognizer, "CO2RKR6F998R", 1, '0', 0.3F, &arena);
    assert_int_equal(glyph_weigh(&recognizer, &image, &small, &line, NULL), SE_ERR_MEMORY);
    assert_int_equal(line.chars[1].c, 'O');
    image_free(&image);
    arena_free(&small);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dots),
        cmocka_unit_test(test_strokes),
        cmocka_unit_test(test_nothing_is_said_without_contrast_or_room),
        cmocka_unit_test(test_characters_beyond_the_crop),
        cmocka_unit_test(test_a_zero_beside_digits),
        cmocka_unit_test(test_drawn_letters),
        cmocka_unit_test(test_letters_without_pixels_stay),
        cmocka_unit_test(test_spent_memory_is_reported),
    };
    return cmocka_run_group_tests_name("ocr/glyph", tests, NULL, NULL);
}
