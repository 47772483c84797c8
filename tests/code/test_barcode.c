/*
 * Barcodes, drawn here, upright, turned, slanted, twice, small and huge; and what is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "code/barcode.h"
#include "failing_malloc.h"
#include "image/ops.h"

/* ---- drawing -------------------------------------------------------------------------------- */

/* ISO/IEC 15417: widths of bars and spaces of the values 0 … 105. */
static const char code128_widths[106][7] = {
    "212222", "222122", "222221", "121223", "121322", "131222", "122213", "122312", "132212",
    "221213", "221312", "231212", "112232", "122132", "122231", "113222", "123122", "123221",
    "223211", "221132", "221231", "213212", "223112", "312131", "311222", "321122", "321221",
    "312212", "322112", "322211", "212123", "212321", "232121", "111323", "131123", "131321",
    "112313", "132113", "132311", "211313", "231113", "231311", "112133", "112331", "132131",
    "113123", "113321", "133121", "313121", "211331", "231131", "213113", "213311", "213131",
    "311123", "311321", "331121", "312113", "312311", "332111", "314111", "221411", "431111",
    "111224", "111422", "121124", "121421", "141122", "141221", "112214", "112412", "122114",
    "122411", "142112", "142211", "241211", "221114", "413111", "241112", "134111", "111242",
    "121142", "121241", "114212", "124112", "124211", "411212", "421112", "421211", "212141",
    "214121", "412121", "111143", "111341", "131141", "114113", "114311", "411113", "411311",
    "113141", "114131", "311141", "411131", "211412", "211214", "211232"};
enum { START_A = 103, START_B = 104 };

/* Modules of a symbol, 1 for a bar; returns how many. */
static int code128_modules(int start, const char *text, size_t length, uint8_t modules[1000])
{
    int values[80], count = 0, check = start, used = 0;
    values[count++] = start;
    for (size_t i = 0; i < length; i++) {
        const int value = start == START_A && text[i] < ' ' ? text[i] + 64 : text[i] - ' ';
        check += value * count;
        values[count++] = value;
    }
    values[count++] = check % 103;
    for (int i = 0; i <= count; i++) {
        const char *widths = i < count ? code128_widths[values[i]] : "2331112";
        for (int k = 0; widths[k]; k++)
            for (int n = widths[k] - '0'; n > 0; n--)
                modules[used++] = k % 2 == 0;
    }
    return used;
}

/* A QR code (21 × 21 modules, drawn by another program) that says "SN-42A7Q". */
static const uint32_t qr_rows[21] = {0x1fca7f, 0x105c41, 0x17435d, 0x174f5d, 0x17425d, 0x105f41,
                                     0x1fd57f, 0x001800, 0x01ee62, 0x0bb148, 0x1d638c, 0x199ca0,
                                     0x0df9fb, 0x001b85, 0x1fd53e, 0x105378, 0x17579d, 0x174853,
                                     0x174460, 0x1043a9, 0x1fcc57};

static struct image white(int width, int height)
{
    struct image image;
    assert_int_equal(image_create(&image, width, height, 1, NULL), SE_OK);
    for (int y = 0; y < height; y++)
        memset(image_row(&image, y), 255, (size_t)width);
    return image;
}

/* Draws at (x, y), `scale` pixels a module, `height` high; each row lies `slant` pixels further to
 * the right than the one above. Returns the width in pixels. */
static int draw_code128(struct image *image, const char *text, int x, int y, int scale, int height,
                        double slant)
{
    uint8_t modules[1000];
    const int count = code128_modules(START_B, text, strlen(text), modules);
    for (int row = 0; row < height; row++)
        for (int i = 0; i < count * scale; i++)
            if (modules[i / scale])
                image_row(image, y + row)[x + i + (int)(row * slant)] = 20;
    return count * scale;
}

static void draw_qr(struct image *image, int x, int y, int scale)
{
    for (int v = 0; v < 21 * scale; v++)
        for (int u = 0; u < 21 * scale; u++)
            if (qr_rows[v / scale] >> (20 - u / scale) & 1)
                image_row(image, y + v)[x + u] = 30;
}

/* ---- checks --------------------------------------------------------------------------------- */

static struct barcode found[BARCODE_MAX];

static int find(const struct image *image)
{
    static struct barcode again[BARCODE_MAX];
    int count = -1, count_again = -1;
    se_error err = {0};
    struct pool *pool;
    if (barcode_find(image, NULL, found, &count, &err) != SE_OK)
        fail_msg("%s", err.message);
    /* The same with threads. */
    assert_int_equal(pool_create(&pool, 2, &err), SE_OK);
    assert_int_equal(barcode_find(image, pool, again, &count_again, &err), SE_OK);
    pool_free(pool);
    assert_int_equal(count_again, count);
    assert_memory_equal(again, found, (size_t)count * sizeof(*found));
    return count;
}

static const struct barcode *find_text(int count, const char *text)
{
    for (int i = 0; i < count; i++)
        if (strcmp(found[i].text, text) == 0)
            return &found[i];
    return NULL;
}

static void check_corner(const struct barcode *barcode, int corner, double x, double y, double off)
{
    const struct point p = barcode->quad.p[corner];
    if (fabs((double)p.x - x) > off || fabs((double)p.y - y) > off)
        fail_msg("corner %d of %s is (%.1f, %.1f), not (%.1f, %.1f)", corner, barcode->text,
                 (double)p.x, (double)p.y, x, y);
}

static void test_finds_code128_in_four_directions(void **state)
{
    (void)state;
    struct image image = white(400, 300);
    const int width = draw_code128(&image, "C02Y95LGJG5H", 50, 100, 2, 60, 0);
    const double corners[4][2] = {{50, 100}, {50 + width, 100}, {50 + width, 160}, {50, 160}};
    for (int turns = 0; turns < 4; turns++) {
        struct image turned = image;
        if (turns > 0)
            assert_int_equal(img_turn(&image, turns, &turned, NULL), SE_OK);
        assert_int_equal(find(&turned), 1);
        assert_string_equal(found[0].text, "C02Y95LGJG5H");
        assert_string_equal(found[0].symbology, "code128");
        for (int i = 0; i < 4; i++) {
            const double x = corners[i][0], y = corners[i][1];
            const double at[4][2] = {{x, y}, {300 - y, x}, {400 - x, 300 - y}, {y, 400 - x}};
            check_corner(&found[0], i, at[turns][0], at[turns][1], 3);
        }
        if (turns > 0)
            image_free(&turned);
    }
    image_free(&image);
}

static void test_finds_all_symbols_and_equal_ones(void **state)
{
    (void)state;
    struct image image = white(700, 620);
    draw_code128(&image, "SN12345678", 40, 40, 2, 60, 0);
    draw_code128(&image, "SN12345678", 60, 160, 2, 60, 0);
    draw_code128(&image, "PN-99-AB", 300, 300, 2, 60, 0);
    draw_code128(&image, "SN12345678", 390, 40, 2, 200, 0);
    draw_qr(&image, 60, 400, 5);
    draw_qr(&image, 300, 430, 6);
    const int count = find(&image);
    int equal = 0, qr = 0;
    for (int i = 0; i < count; i++) {
        equal += strcmp(found[i].text, "SN12345678") == 0;
        qr += strcmp(found[i].text, "SN-42A7Q") == 0 && strcmp(found[i].symbology, "qr") == 0;
    }
    assert_int_equal(equal, 3);
    assert_int_equal(qr, 2);
    assert_non_null(find_text(count, "PN-99-AB"));
    assert_int_equal(count, 6);
    image_free(&image);
}

static void test_follows_slanted_symbols(void **state)
{
    (void)state;
    static const double slants[] = {0.2, -0.3, 0.7, -0.9};
    for (int i = 0; i < 4; i++) {
        struct image image = white(600, 300);
        const int x = slants[i] > 0 ? 30 : 180, height = 100;
        const int width = draw_code128(&image, "SLANTED-1", x, 80, 2, height, slants[i]);
        assert_int_equal(find(&image), 1);
        assert_string_equal(found[0].text, "SLANTED-1");
        const double over = slants[i] * height;
        check_corner(&found[0], 0, x, 80, 6);
        check_corner(&found[0], 1, x + width, 80, 6);
        check_corner(&found[0], 2, x + width + over, 180, 6);
        check_corner(&found[0], 3, x + over, 180, 6);
        image_free(&image);
    }
}

static void test_finds_symbols_of_pictures_that_it_shrinks(void **state)
{
    (void)state;
    struct image image = white(6000, 4000);
    const int width = draw_code128(&image, "BIG12345", 3000, 2000, 12, 500, 0);
    draw_qr(&image, 400, 600, 40);
    const int count = find(&image);
    assert_int_equal(count, 2);
    const struct barcode *barcode = find_text(count, "BIG12345");
    assert_non_null(barcode);
    check_corner(barcode, 0, 3000, 2000, 15);
    check_corner(barcode, 2, 3000 + width, 2500, 15);
    barcode = find_text(count, "SN-42A7Q");
    assert_non_null(barcode);
    check_corner(barcode, 0, 400, 600, 40);
    check_corner(barcode, 2, 1240, 1440, 40);
    image_free(&image);
}

static void test_finds_inside_a_window(void **state)
{
    (void)state;
    struct image image = white(500, 400);
    const int width = draw_code128(&image, "WINDOW7", 120, 100, 2, 50, 0);
    draw_code128(&image, "OUTSIDE", 120, 250, 2, 50, 0);
    uint8_t before[500];
    memcpy(before, image_row(&image, 120), sizeof(before));
    const struct image window = image_window(&image, 90, 60, 350, 130);
    assert_int_equal(find(&window), 1);
    check_corner(&found[0], 0, 30, 40, 3);
    check_corner(&found[0], 1, 30 + width, 40, 3);
    assert_memory_equal(before, image_row(&image, 120), sizeof(before));
    image_free(&image);
}

static void test_leaves_out_what_is_no_text(void **state)
{
    (void)state;
    static const char with_nul[] = {'A', 'B', '\0', 'C', 'D'};
    uint8_t modules[1000];
    const int count = code128_modules(START_A, with_nul, sizeof(with_nul), modules);
    struct image image = white(500, 200);
    for (int y = 50; y < 150; y++)
        for (int i = 0; i < 3 * count; i++)
            image_row(&image, y)[100 + i] = modules[i / 3] ? 0 : 255;
    assert_int_equal(find(&image), 0);
    image_free(&image);
}

static void test_finds_nothing_in_pictures_without(void **state)
{
    (void)state;
    static const int sides[][2] = {{1, 1},   {1, 400},   {400, 1},   {2, 2},     {7, 300},
                                   {8, 8},   {9, 3000},  {3000, 9},  {65535, 8}, {8, 65535},
                                   {33, 33}, {640, 480}, {65535, 40}};
    uint64_t seed = 88172645463325252u;
    for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
        struct image image = white(sides[i][0], sides[i][1]);
        assert_int_equal(find(&image), 0);
        for (int y = 0; y < image.height; y++)
            for (int x = 0; x < image.width; x++) {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                image_row(&image, y)[x] = (uint8_t)(seed >> 32);
            }
        assert_int_equal(find(&image), 0);
        image_free(&image);
    }
}

static void test_survives_damaged_symbols(void **state)
{
    (void)state;
    uint64_t seed = 1234567;
    for (int round = 0; round < 150; round++) {
        struct image image = white(260, 200);
        draw_code128(&image, "DAMAGED", 20, 20, 2, 40, round % 5 * 0.2);
        draw_qr(&image, 30 + round % 7, 80, 3 + round % 3);
        for (int i = 0; i < round * 8; i++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            image_row(&image, (int)(seed % 200))[seed / 200 % 260] = (uint8_t)(seed >> 40);
        }
        const int count = find(&image);
        for (int i = 0; i < count; i++)
            assert_true(strcmp(found[i].text, "DAMAGED") == 0 ||
                        strcmp(found[i].text, "SN-42A7Q") == 0);
        if (round == 0)
            assert_int_equal(count, 2);
        image_free(&image);
    }
}

static void test_refuses_colour(void **state)
{
    (void)state;
    struct image rgb, none = {0};
    int count = 5;
    assert_int_equal(image_create(&rgb, 50, 50, 3, NULL), SE_OK);
    assert_int_equal(barcode_find(&rgb, NULL, found, &count, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(count, 0);
    assert_int_equal(barcode_find(&none, NULL, found, &count, NULL), SE_ERR_ARGUMENT);
    image_free(&rgb);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    if (!failing_malloc_works())
        skip();
    struct image image = white(260, 200);
    draw_code128(&image, "MEMORY", 20, 20, 2, 40, 0);
    draw_qr(&image, 30, 80, 4);
    const int all = find(&image);
    size_t nth = 1;
    for (;; nth++) {
        se_error err = {0};
        int count = -1;
        failing_malloc_start(nth, FAILING_ALL_THREADS);
        const int status = barcode_find(&image, NULL, found, &count, &err);
        if (failing_malloc_stop() < nth) {
            assert_int_equal(status, SE_OK);
            assert_int_equal(count, all);
            break;
        }
        /* The C++ library has a reserve for the exception itself, whose allocation may fail too. */
        assert_true(status == SE_ERR_MEMORY ? count == 0 && strlen(err.message) > 0
                                            : status == SE_OK);
    }
    assert_true(nth > 3);
    image_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_code128_in_four_directions),
        cmocka_unit_test(test_finds_all_symbols_and_equal_ones),
        cmocka_unit_test(test_follows_slanted_symbols),
        cmocka_unit_test(test_finds_symbols_of_pictures_that_it_shrinks),
        cmocka_unit_test(test_finds_inside_a_window),
        cmocka_unit_test(test_leaves_out_what_is_no_text),
        cmocka_unit_test(test_finds_nothing_in_pictures_without),
        cmocka_unit_test(test_survives_damaged_symbols),
        cmocka_unit_test(test_refuses_colour),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
