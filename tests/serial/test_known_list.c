/*
 * Lists of known serial numbers: what is found in them, what is refused, and where.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serial/known_list.h"
#include "failing_malloc.h"

static bool holds(const struct known_list *list, const char *text)
{
    uint8_t symbols[64];
    const size_t length = strlen(text);
    for (size_t i = 0; i < length; i++)
        symbols[i] = (uint8_t)automaton_symbol((uint32_t)(unsigned char)text[i]);
    return automaton_matches(known_list_automaton(list), symbols, length);
}

static struct known_list *read_text(const char *text)
{
    struct known_list *list;
    se_error err;
    if (known_list_read(&list, text, strlen(text), "list", &err) != SE_OK)
        fail_msg("%s", err.message);
    return list;
}

static void test_lines_become_words(void **state)
{
    (void)state;
    struct known_list *list =
        read_text("\xef\xbb\xbf"
                  "SN12345678\r\n\n  ab-12.34 \t\nAB1234\nSN1234567\n\xd0\x90\xd0\x92 99");
    assert_int_equal(known_list_count(list), 4);
    static const char *const yes[] = {"SN12345678", "SN1234567", "AB1234", "AB99"};
    static const char *const no[] = {"SN123456", "SN123456789", "AB123", "",
                                     "B123",     "ZZZZ",        "0000"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        assert_true(holds(list, yes[i]));
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        assert_false(holds(list, no[i]));
    known_list_free(list);
    known_list_free(NULL);
}

/* Words of a small alphabet in random order, many of them twice, against a plain search. */
static void test_random_words(void **state)
{
    (void)state;
    enum { WORDS = 3000, LONGEST = 9 };
    static char words[WORDS][LONGEST + 1], text[WORDS * (LONGEST + 1) + 1];
    uint32_t seed = 5;
    size_t used = 0;
    for (size_t i = 0; i < WORDS; i++) {
        seed = seed * 1664525U + 1013904223U;
        const size_t length = 4 + (seed >> 28) % (LONGEST - 3);
        for (size_t k = 0; k < length; k++)
            words[i][k] = "0AZ"[(seed >> (2 * k)) % 3];
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\n", words[i]);
    }
    struct known_list *list = read_text(text);
    for (size_t i = 0; i < WORDS; i++) {
        char other[LONGEST + 1];
        assert_true(holds(list, words[i]));
        snprintf(other, sizeof(other), "%s", words[i]);
        other[i % 4] = '7';
        assert_false(holds(list, other));
    }
    /* Walks of all words: as many as there are different ones. */
    size_t different = 0;
    for (size_t i = 0; i < WORDS; i++) {
        bool again = false;
        for (size_t k = 0; k < i && !again; k++)
            again = strcmp(words[i], words[k]) == 0;
        different += !again;
    }
    assert_int_equal(known_list_count(list), different);
    /* What known_list.h states: symbols and 5 bytes a line; `used` counts one of them. */
    assert_true(known_list_bytes(list) <= used + 4 * WORDS + 1024);
    known_list_free(list);
}

static void test_errors_name_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        const char *want;
    } rows[] = {
        {"", 0, "list: holds no serial number"},
        {"\n\n  \n", 5, "list: holds no serial number"},
        {"ABCD\nAB\n", 8, "list, line 2: shorter than 4"},
        {"ABCD\n\nAB#D\n", 11, "list, line 3: \"#\" at byte 3 cannot"},
        {"ABCD\nAB\0D\n", 10, "list, line 2: byte 3 is a control character (0)"},
        {"ABCD\nAB\xff"
         "D\n",
         10, "list, line 2: byte 3 is not UTF-8"},
        {"ABCD\nAB\xc3\x84"
         "D\n",
         11, "list, line 2: \"\xc3\x84\" at byte 3 cannot"},
        {"0123456789012345678901234567890123A", 35, "list, line 1: longer than 34"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct known_list *list;
        se_error err;
        const int status = known_list_read(&list, rows[i].text, rows[i].size, "list", &err);
        assert_int_equal(status, SE_ERR_SETTING);
        assert_null(list);
        if (!strstr(err.message, rows[i].want))
            fail_msg("\"%s\" instead of \"%s\"", err.message, rows[i].want);
    }
    struct known_list *list;
    se_error err;
    assert_int_equal(known_list_open(&list, "no-such-list.txt", &err), SE_ERR_IO);
    assert_non_null(strstr(err.message, "no-such-list.txt"));
}

/* A line of many megabytes, and words that make a plain quicksort slow. */
static void test_hostile_lists_end(void **state)
{
    (void)state;
    enum { SIZE = 4 << 20 };
    char *text = malloc(SIZE);
    struct known_list *list;
    se_error err;
    assert_non_null(text);
    memset(text, 'A', SIZE);
    assert_int_equal(known_list_read(&list, text, SIZE, "list", &err), SE_ERR_SETTING);
    memset(text, ' ', SIZE);
    assert_int_equal(known_list_read(&list, text, SIZE, "list", &err), SE_ERR_SETTING);
    for (size_t i = 0; i < SIZE; i++) /* the same word over and over, then one before it */
        text[i] = i % 5 == 4 ? '\n' : 'B';
    memcpy(text + SIZE - 6, "\nAAAA\n", 6);
    assert_int_equal(known_list_read(&list, text, SIZE, "list", &err), SE_ERR_SETTING);
    text[SIZE - 6] = 'B';
    const size_t last = (SIZE - 6) / 5 * 5;
    memcpy(text + last, "AAAA\n", 5);
    assert_int_equal(known_list_read(&list, text, last + 5, "list", &err), SE_OK);
    assert_int_equal(known_list_count(list), 2);
    assert_int_equal(known_list_bytes(list), 2 * (5 + 4));
    known_list_free(list);
    free(text);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    if (!failing_malloc_works())
        skip();
    for (size_t nth = 1;; nth++) {
        struct known_list *list;
        se_error err;
        failing_malloc_start(nth, FAILING_THIS_THREAD);
        const int status = known_list_read(&list, "ABCD\nAAAA\n", 10, "list", &err);
        const bool all = failing_malloc_stop() < nth;
        known_list_free(list);
        assert_int_equal(status, all ? SE_OK : SE_ERR_MEMORY);
        if (all)
            return;
        assert_null(list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_become_words),        cmocka_unit_test(test_random_words),
        cmocka_unit_test(test_errors_name_the_line),      cmocka_unit_test(test_hostile_lists_end),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
