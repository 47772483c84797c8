/*
 * Input from an enemy: any code points, numbers that are none, quads without area, as many and as
 * long lines as there may be, and an arena that gives out.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "serial/serial.h"

static uint32_t random_state = 1;

static uint32_t random_next(void)
{
    random_state = random_state * 1664525U + 1013904223U;
    return random_state >> 8;
}

static void check(const struct ser_output *output)
{
    assert_true(output->count <= SER_MAX_READINGS);
    for (size_t i = 0; i < output->count; i++) {
        const struct ser_reading *r = &output->readings[i];
        assert_non_null(r->text);
        assert_non_null(r->printed);
        assert_non_null(r->why);
        assert_true(r->score >= 0 && r->score <= 1);
        assert_int_equal(strlen(r->text), r->char_count);
        assert_true(r->sources != 0);
        for (int k = 0; k < 4; k++)
            assert_true(isfinite(r->quad[k][0]) && isfinite(r->quad[k][1]));
        assert_true(r->alternative_count <= SER_MAX_ALTERNATIVES);
    }
}

static double run(const struct ser_input *input)
{
    struct arena arena;
    struct ser_output output;
    arena_init(&arena, 16 << 20);
    const clock_t start = clock();
    assert_int_equal(ser_find(input, &arena, &output, NULL), SE_OK);
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    check(&output);
    arena_free(&arena);
    return seconds;
}

static float any_number(void)
{
    static const float odd[] = {0, -1, 1, 0.5F, 1e30F, -1e30F, 1e-30F};
    switch (random_next() % 10) {
    case 0:
        return NAN;
    case 1:
        return INFINITY;
    case 2:
        return -INFINITY;
    default:
        return odd[random_next() % 7];
    }
}

static void test_garbage(void **state)
{
    (void)state;
    static struct ser_char chars[40][64];
    struct ser_line lines[40];
    for (int round = 0; round < 150; round++) {
        const struct ser_input input = {.lines = lines, .line_count = 40};
        for (size_t i = 0; i < 40; i++) {
            lines[i] = (struct ser_line){.chars = chars[i], .count = random_next() % 64};
            lines[i].score = any_number();
            for (int k = 0; k < 8; k++)
                lines[i].quad[k / 2][k % 2] =
                    round % 2 ? any_number() : (float)(random_next() % 1000);
            for (size_t k = 0; k < lines[i].count; k++) {
                static const char common[] = "SN:/ -.0123456789ABCDEFserial no#";
                const uint32_t r = random_next();
                chars[i][k] = (struct ser_char){
                    .c = r % 4 ? (uint32_t)common[r % (sizeof(common) - 1)] : r << 8 | r,
                    .p = any_number(),
                    .alt = random_next(),
                    .alt_p = any_number(),
                    .from = any_number(),
                    .to = any_number(),
                };
            }
        }
        run(&input);
    }
}

static void test_nothing(void **state)
{
    (void)state;
    struct ser_line line = {0};
    struct ser_barcode barcode = {.text = "", .symbology = NULL};
    const struct ser_input none = {0};
    const struct ser_input empty = {
        .lines = &line, .line_count = 1, .barcodes = &barcode, .barcode_count = 1};
    run(&none);
    run(&empty);
}

/* The largest input there is, filled with `pattern` over and over: under a second each. */
static void fill_and_run(const char *pattern, bool grid)
{
    const size_t length = strlen(pattern);
    struct ser_line *lines = calloc(SER_MAX_LINES + 5, sizeof(*lines));
    struct ser_char *chars = calloc(SER_MAX_LINE + 100, sizeof(*chars));
    assert_non_null(lines);
    assert_non_null(chars);
    const size_t count = grid ? 64 : SER_MAX_LINE + 100;
    for (size_t i = 0; i < count; i++)
        chars[i] = (struct ser_char){.c = (uint32_t)(unsigned char)pattern[i % length], .p = 0.9F};
    for (size_t i = 0; i < SER_MAX_LINES + 5; i++) {
        const float x = grid ? (float)(i % 4) * 700 : 0, y = grid ? (float)(i / 4) * 28 : 10;
        const float w = grid ? 690 : 9000;
        const float quad[4][2] = {{x, y}, {x + w, y}, {x + w, y + 24}, {x, y + 24}};
        lines[i] = (struct ser_line){.chars = chars, .count = count, .score = 0.9F};
        memcpy(lines[i].quad, quad, sizeof(quad));
    }
    const struct ser_input input = {.lines = lines, .line_count = SER_MAX_LINES + 5};
    const double seconds = run(&input);
    if (getenv("SERIAL_TIMES"))
        print_message("%.40s: %.0f ms\n", pattern, seconds * 1e3);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(seconds < 1); /* of the processor */
#endif
    free(lines);
    free(chars);
}

static void test_as_much_as_there_may_be(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "S/N ",
        "SN1234567 ",
        "Serial No. 12345678 ",
        "s",
        "A1",
        "1 ",
        "1-",
        "12 34 56 78 90 AB ",
        "AB:CD:EF:01:23:45 ",
        "1M8GDM9AXKP042789 ",
        "CSQU3054388 ",
        "CSQU 305438 8 ",
        "PIN: 12345678 ",
        "Serien Serienn Seriennu ",
        "999999 - 88888 / 7777 - ",
        "n.n.n.n.n.n.",
        "123456789012345 ",
        "W269N-WFGWX-YVC9B-4J6C9-T83GX ",
        "mumber number nunber numbor ",
    };
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
        fill_and_run(patterns[i], i % 2);
}

static void test_large_barcodes(void **state)
{
    (void)state;
    static char text[70000];
    struct ser_barcode barcodes[SER_MAX_BARCODES + 3];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = "SN:1234567\n"[i % 11];
    text[100] = (char)0xFF;
    for (size_t i = 0; i < SER_MAX_BARCODES + 3; i++)
        barcodes[i] = (struct ser_barcode){
            .text = text, .length = sizeof(text), .symbology = "qr", .quad = {{NAN, 0}}};
    const struct ser_input input = {.barcodes = barcodes, .barcode_count = SER_MAX_BARCODES + 3};
    run(&input);
}

/* Every size of arena: either an answer or SE_ERR_MEMORY with nothing in it. */
static void test_arena_gives_out(void **state)
{
    (void)state;
    struct ser_char chars[32];
    const char *text = "S/N: 4807X1623 MAC 001B638445E6";
    struct ser_line line = {.chars = chars, .count = strlen(text), .score = 1};
    const struct ser_input input = {.lines = &line, .line_count = 1};
    bool failed = false, answered = false;
    for (size_t i = 0; i < line.count; i++)
        chars[i] = (struct ser_char){.c = (uint32_t)text[i], .p = 1};
    for (size_t max = 0; max < 40000; max += 997) {
        struct arena arena;
        struct ser_output output;
        se_error error = {0};
        arena_init(&arena, max);
        const int status = ser_find(&input, &arena, &output, &error);
        assert_true(status == SE_OK || status == SE_ERR_MEMORY);
        if (status != SE_OK) {
            assert_int_equal(output.count, 0);
            assert_true(error.message[0] != '\0');
        }
        failed |= status != SE_OK;
        answered |= status == SE_OK && output.count == 2;
        arena_free(&arena);
    }
    assert_true(failed && answered);
}

/* Each allocation fails once: SE_ERR_MEMORY, and nothing leaks. */
static void test_every_allocation_fails(void **state)
{
    (void)state;
    struct ser_char chars[32];
    const char *text = "S/N: 4807X1623 MAC 001B638445E6";
    struct ser_line line = {.chars = chars, .count = strlen(text), .score = 1};
    const struct ser_input input = {.lines = &line, .line_count = 1};
    for (size_t i = 0; i < line.count; i++)
        chars[i] = (struct ser_char){.c = (uint32_t)text[i], .p = 1};
    if (!failing_malloc_works())
        skip();
    for (size_t n = 1;; n++) {
        struct arena arena;
        struct ser_output output;
        arena_init(&arena, 1 << 20);
        failing_malloc_start(n, FAILING_THIS_THREAD);
        const int status = ser_find(&input, &arena, &output, NULL);
        const bool failed = failing_malloc_stop() >= n;
        arena_free(&arena);
        assert_int_equal(status, failed ? SE_ERR_MEMORY : SE_OK);
        if (!failed)
            break;
        assert_int_equal(output.count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_as_much_as_there_may_be),
        cmocka_unit_test(test_large_barcodes),
        cmocka_unit_test(test_arena_gives_out),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
