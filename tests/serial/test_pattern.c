/*
 * Patterns: what they match, how they are refused, and how long hostile ones take.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "serial/pattern.h"
#include "failing_malloc.h"

static bool matches(const char *pattern_text, const char *text)
{
    struct pattern *pattern;
    se_error err;
    uint8_t symbols[100];
    size_t length = 0;
    if (pattern_compile(&pattern, pattern_text, &err) != SE_OK)
        fail_msg("%s: %s", pattern_text, err.message);
    for (; text[length]; length++) {
        const int symbol = automaton_symbol((uint32_t)(unsigned char)text[length]);
        assert_true(symbol >= 0);
        symbols[length] = (uint8_t)symbol;
    }
    const bool does = automaton_matches(pattern_automaton(pattern), symbols, length);
    pattern_free(pattern);
    return does;
}

static size_t states_of(const char *text)
{
    struct pattern *pattern;
    assert_int_equal(pattern_compile(&pattern, text, NULL), SE_OK);
    const size_t states = pattern_automaton(pattern)->states;
    pattern_free(pattern);
    return states;
}

static void test_what_patterns_match(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *yes[3], *no[4];
    } rows[] = {
        {"AB12", {"AB12", "ab12"}, {"AB1", "AB123", "BB12", ""}},
        {"^ab12$", {"AB12"}, {"B12"}},
        {"[A-Z]{2}[0-9]{8}", {"AB12345678", "zz00000000"}, {"A123456789", "AB1234567"}},
        {"[a-cX]\\d+", {"A1", "C999", "X0"}, {"D1", "A"}},
        {"[^IO0-1]", {"A", "2", "Z"}, {"I", "O", "0", "1"}},
        {"S?N*\\w{2,3}", {"SN12", "AB", "NNN123"}, {"-", "A"}},
        {"A{2,}", {"AA", "AAAAAAAA"}, {"A", ""}},
        {"(AB|C)D", {"ABD", "CD"}, {"D", "ABCD", "AD"}},
        {"((A|B)1)+", {"A1", "A1B1B1"}, {"A", "A1B", ""}},
        {"A-B", {"A-B"}, {"AB", "A.B"}},
        {"A[-.]B", {"A-B", "A.B"}, {"A/B"}},
        {"A\\.B\\+ \\-", {"A.B+ -"}, {"AxB+ -"}},
        {"[\\d-]+", {"1-2", "-"}, {"A"}},
        {".{3}", {"A1Z"}, {"A-Z", "AA"}},
        {"\xd0\x90\xef\xbc\x91", {"A1"}, {"A"}}, /* Cyrillic A, full-width 1 */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t k = 0; k < 3 && rows[i].yes[k]; k++)
            if (!matches(rows[i].pattern, rows[i].yes[k]))
                fail_msg("%s should match %s", rows[i].pattern, rows[i].yes[k]);
        for (size_t k = 0; k < 4 && rows[i].no[k]; k++)
            if (matches(rows[i].pattern, rows[i].no[k]))
                fail_msg("%s should not match %s", rows[i].pattern, rows[i].no[k]);
    }
}

static void test_automata_are_minimal(void **state)
{
    (void)state;
    assert_int_equal(states_of("[A-Z]{2}[0-9]{8}"), 11);
    assert_int_equal(states_of("(AB|CB|DB)"), 3);
    assert_int_equal(states_of("(A|AA|AAA)"), 4);
    assert_int_equal(states_of("(A*)*"), 1);
    assert_int_equal(states_of("(A|B)*A(A|B)(A|B)"), 8);
}

static void test_errors_name_the_position(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *want;
    } rows[] = {
        {"", "position 1: nothing stands here"},
        {"AB|", "position 4: nothing stands here"},
        {"A()", "position 3: nothing stands here"},
        {"A(B", "position 2: this ( has no )"},
        {"AB)", "position 3: this ) has no ("},
        {"A[BC", "position 2: this [ has no ]"},
        {"A[]", "position 2: this set is empty"},
        {"A[Z-A]", "position 3: a range"},
        {"A[9-A]", "position 3: a range"},
        {"+A", "position 1: nothing stands before this"},
        {"A**", "position 3: nothing stands before this"},
        {"A{2", "position 2: this { has no }"},
        {"A{x}", "position 3: a number"},
        {"A{3,2}", "position 2: {m,n}"},
        {"A{0}", "position 2: {m,n}"},
        {"A{49}", "position 3: more than 48"},
        {"A{99999999999999999999}", "position 3: more than 48"},
        {"AB#", "position 3: \"#\" cannot"},
        {"\xc3\x84", "position 1: \"\xc3\x84\" cannot"},
        {"A\xff", "position 2: this is not UTF-8"},
        {"A\\", "position 3: the pattern ends"},
        {"A\\b", "position 3: \\d, \\w"},
        {"A^", "position 2: \"^\" cannot"},
        {"((((((((((((((((((((((A))))))))))))))))))))))", "position 21: more than 20"},
        {"(.{48}){48}", "position 1: stands for more than 1000"},
        {"(A|B)*A(A|B){11}", "position 1: needs more than 1024 states"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pattern *pattern;
        se_error err;
        assert_int_equal(pattern_compile(&pattern, rows[i].pattern, &err), SE_ERR_SETTING);
        assert_null(pattern);
        if (strncmp(err.message, "pattern: ", 9) != 0 || !strstr(err.message, rows[i].want))
            fail_msg("%s: \"%s\" instead of \"%s\"", rows[i].pattern, err.message, rows[i].want);
    }
    char text[PATTERN_MAX_LENGTH + 2];
    memset(text, 'A', sizeof(text));
    text[PATTERN_MAX_LENGTH] = '\0';
    assert_int_equal(states_of(text), PATTERN_MAX_LENGTH + 1);
    text[PATTERN_MAX_LENGTH] = 'A';
    text[PATTERN_MAX_LENGTH + 1] = '\0';
    struct pattern *pattern;
    assert_int_equal(pattern_compile(&pattern, text, NULL), SE_ERR_SETTING);
}

/* Those that made other compilers slow: they end, one way or the other. */
static void test_hostile_patterns_end(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "((((((A?){48}){48}){48}){48}){48}){48}",
        "((((((A*)*)*)*)*)*)*",
        "(A?){48}(A?){48}(A?){48}(A?){48}(A?){48}(A?){48}(A?){48}(A?){48}(A?){48}",
        "(.*A){30}",
        "(.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*)*A.{9}",
        "(A|A|A|A|A|A|A|A|A|A|A|A|A|A|A|A|A|A|A|A){40}",
        "([A-M]?[N-Z]?[0-4]?[5-9]?){48}",
        "(0|1)*0(0|1){9}|(2|3)*2(2|3){9}",
        ".*1.{9}",
        ".*1.{20}",
        "(.*1.{4}|.*2.{5}|.*3.{6})",
    };
    const clock_t start = clock();
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        struct pattern *pattern;
        const int status = pattern_compile(&pattern, patterns[i], NULL);
        assert_true(status == SE_OK || status == SE_ERR_SETTING);
        if (status == SE_OK)
            assert_true(pattern_automaton(pattern)->states <= AUTOMATON_MAX_STATES);
        pattern_free(pattern);
    }
    /* Each within the second that is promised, ten times slower with sanitizers. */
    const double each = (double)(clock() - start) / CLOCKS_PER_SEC /
                        (double)(sizeof(patterns) / sizeof(patterns[0]));
    assert_true(each < 1);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    if (!failing_malloc_works())
        skip();
    for (size_t nth = 1;; nth++) {
        struct pattern *pattern;
        se_error err;
        failing_malloc_start(nth, FAILING_THIS_THREAD);
        const int status = pattern_compile(&pattern, "(AB|C{3})[0-9]+", &err);
        const bool all = failing_malloc_stop() < nth;
        pattern_free(pattern);
        assert_int_equal(status, all ? SE_OK : SE_ERR_MEMORY);
        if (all)
            return;
        assert_null(pattern);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_patterns_match),
        cmocka_unit_test(test_automata_are_minimal),
        cmocka_unit_test(test_errors_name_the_position),
        cmocka_unit_test(test_hostile_patterns_end),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
