/*
 * Arena, buffer, UTF-8, status, budget and files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/budget.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/stage.h"
#include "base/utf8.h"

static void test_status_names(void **state)
{
    (void)state;
    assert_string_equal(se_status_name(SE_OK), "ok");
    assert_string_equal(se_status_name(SE_ERR_TRUNCATED), "truncated");
    assert_string_equal(se_status_name(SE_ERR_INTERNAL), "internal");
    assert_string_equal(se_status_name(SE_ERR_INTERNAL - 1), "unknown");
    assert_string_equal(se_status_name(7), "unknown");
}

static void test_fail_fills_error_and_cuts_long_messages(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    se_error err;
    assert_int_equal(se_fail(&err, SE_ERR_LIMIT, "%s", text), SE_ERR_LIMIT);
    assert_int_equal(err.code, SE_ERR_LIMIT);
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
    assert_int_equal(se_fail(NULL, SE_ERR_IO, "x"), SE_ERR_IO);
    se_error_clear(&err);
    assert_int_equal(err.code, SE_OK);
    assert_string_equal(err.message, "");
}

static void test_arena_zeroes_aligns_and_stays_below_its_maximum(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 100000);
    for (int i = 0; i < 100; i++) {
        unsigned char *p = arena_alloc(&arena, (size_t)i, 3);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (int k = 0; k < i * 3; k++)
            assert_int_equal(p[k], 0);
        memset(p, 0xAB, (size_t)i * 3);
    }
    assert_null(arena_alloc(&arena, 1, 100000));
    assert_null(arena_alloc(&arena, SIZE_MAX / 2, 3));
    assert_null(arena_alloc(&arena, SIZE_MAX, 1));
    assert_string_equal(arena_copy(&arena, "abcdef", 3), "abc");
    assert_string_equal(arena_printf(&arena, "%d-%s", 42, "x"), "42-x");
    assert_true(arena.total <= arena.max);
    arena_free(&arena);
    assert_non_null(arena_alloc(&arena, 1, 50000));
    arena_free(&arena);
}

static void test_buffer_keeps_its_maximum(void **state)
{
    (void)state;
    struct buffer buffer;
    se_error err;
    buffer_init(&buffer, 1000);
    for (int i = 0; i < 100; i++)
        assert_int_equal(buffer_append(&buffer, "0123456789", 10, &err), SE_OK);
    assert_int_equal(buffer_append(&buffer, "x", 1, &err), SE_ERR_LIMIT);
    assert_int_equal(buffer_append(&buffer, "x", SIZE_MAX, &err), SE_ERR_LIMIT);
    assert_int_equal(buffer.size, 1000);
    assert_int_equal(strlen(buffer.data), 1000);
    buffer_free(&buffer);
    assert_int_equal(buffer_printf(&buffer, &err, "%05d", 7), SE_OK);
    assert_string_equal(buffer.data, "00007");
    buffer_free(&buffer);
}

static void test_utf8(void **state)
{
    (void)state;
    static const uint32_t points[] = {1,      0x7F,   0x80,   0x7FF,   0x800,
                                      0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF};
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        char text[UTF8_MAX];
        uint32_t back;
        const size_t n = utf8_put(points[i], text);
        assert_int_equal(utf8_get(text, n, &back), n);
        assert_int_equal(back, points[i]);
        for (size_t cut = 1; cut < n; cut++) {
            assert_int_equal(utf8_get(text, cut, &back), 1);
            assert_int_equal(back, UTF8_REPLACEMENT);
        }
    }
    static const char *const bad[] = {
        "\x80",         "\xC0\x80",         "\xC1\xBF",         "\xE0\x80\x80",
        "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF",
        "\xE2\x28\xA1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint32_t c;
        assert_int_equal(utf8_get(bad[i], strlen(bad[i]), &c), 1);
        assert_int_equal(c, UTF8_REPLACEMENT);
    }
    uint32_t c;
    assert_int_equal(utf8_get("", 0, &c), 0);
    char text[UTF8_MAX];
    assert_int_equal(utf8_put(0xD800, text), 3);
    assert_memory_equal(text, "\xEF\xBF\xBD", 3);
}

static void test_budget(void **state)
{
    (void)state;
    se_cancel *cancel;
    se_error err;
    assert_int_equal(se_cancel_new(&cancel, &err), SE_OK);
    struct budget budget = {.deadline_ns = 0, .cancel = cancel};
    assert_false(budget_is_over(&budget));
    assert_false(budget_is_over(NULL));
    assert_int_equal(budget_check_cancel(&budget, &err), SE_OK);
    assert_int_equal(budget_check_cancel(NULL, &err), SE_OK);
    se_cancel_set(cancel);
    assert_int_equal(budget_check_cancel(&budget, &err), SE_ERR_CANCELLED);
    budget.deadline_ns = clock_now_ns();
    assert_true(budget_is_over(&budget));
    budget.deadline_ns = clock_now_ns() + (int64_t)3600 * 1000000000;
    assert_false(budget_is_over(&budget));
    se_cancel_free(cancel);
}

static void test_files(void **state)
{
    (void)state;
    char path[] = "/tmp/se-base-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    struct file_map map;
    se_error err;
    assert_int_equal(file_map_open(&map, path, &err), SE_OK);
    assert_int_equal(map.size, 0);
    file_map_close(&map);
    assert_int_equal(write(fd, "hello", 5), 5);
    close(fd);
    assert_int_equal(file_map_open(&map, path, &err), SE_OK);
    assert_int_equal(map.size, 5);
    assert_memory_equal(map.data, "hello", 5);
    file_map_close(&map);
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    struct buffer buffer;
    buffer_init(&buffer, 5);
    assert_int_equal(file_read_stream(stream, path, &buffer, &err), SE_OK);
    assert_string_equal(buffer.data, "hello");
    buffer_free(&buffer);
    buffer_init(&buffer, 4);
    rewind(stream);
    assert_int_equal(file_read_stream(stream, path, &buffer, &err), SE_ERR_LIMIT);
    assert_non_null(strstr(err.message, path));
    buffer_free(&buffer);
    fclose(stream);
    unlink(path);
    assert_int_equal(file_map_open(&map, path, &err), SE_ERR_IO);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(file_map_open(&map, "/", &err), SE_ERR_IO);
    assert_null(map.data);
}

static void test_stages(void **state)
{
    (void)state;
    struct stage_times times = {0};
    const struct budget budget = {.stages = &times};
    const int64_t start = clock_now_ns() - 5000;
    stage_add(&budget, STAGE_DETECT, start, 3, 0);
    stage_add(&budget, STAGE_DETECT, start, 4, 0);
    stage_add(&budget, STAGE_DECODE, start, 0, 10);
    assert_true(times.stages[STAGE_DETECT].ns >= 10000);
    assert_true(times.stages[STAGE_DETECT].flop == 7);
    assert_true(times.stages[STAGE_DECODE].ns >= 5000);
    assert_true(times.stages[STAGE_DECODE].bytes == 10);
    assert_int_equal(times.stages[STAGE_SERIAL].ns, 0);
    const struct budget none = {0};
    stage_add(&none, STAGE_DETECT, start, 1, 1);
    stage_add(NULL, STAGE_DETECT, start, 1, 1);
    assert_true(times.stages[STAGE_DETECT].flop == 7);
    assert_string_equal(stage_name(STAGE_DECODE), "decode");
    assert_string_equal(stage_name(STAGE_SERIAL), "serial");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_names),
        cmocka_unit_test(test_fail_fills_error_and_cuts_long_messages),
        cmocka_unit_test(test_arena_zeroes_aligns_and_stays_below_its_maximum),
        cmocka_unit_test(test_buffer_keeps_its_maximum),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_stages),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
