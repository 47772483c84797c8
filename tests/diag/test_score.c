/*
 * Scores of single pictures. Whole runs are held to the script of the photographs in
 * tests/pictures/eval_test.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "diag/score.h"
#include "failing_malloc.h"

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static void test_normalise(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"s/n: ab-12 c", "SNAB12C"},
        {"", ""},
        {"ß ı ﬁ ſ é Ω", "SSIFIS"},
        {"\xFF"
         "a",
         "A"},
        {"ﬃﬆ", "FFIST"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[64];
        assert_int_equal(score_normalise(cases[i][0], out), strlen(cases[i][1]));
        assert_string_equal(out, cases[i][1]);
    }
}

/* Scores the codes alone. */
static struct score codes(const char *wanted, const char *const *lines, size_t count)
{
    const struct truth_row truth = {.serial = "-", .codes = wanted};
    const struct answer answer = {.lines = lines, .line_count = count};
    struct score score;
    assert_int_equal(score_answer(&truth, NULL, &answer, true, &arena, &score, NULL), SE_OK);
    return score;
}

static void test_codes(void **state)
{
    (void)state;
    static const char *const lines[] = {"S/N: AB12", "CD34 rev.2", "MAC 00:11",
                                        "22:33",     "44\u00a055", "12,XYZ;9"};
    struct score score = codes("ab12cd34|AB12CD34|00:11:22:33:44:55|ZZZZZZ||", lines, 6);
    assert_int_equal(score.code_count, 3);
    assert_int_equal(score.lost_count, 1);
    assert_string_equal(score.lost[0], "ZZZZZZ");
    /* Five lines are too many to run through. */
    static const char *const far[] = {"AA", "BB", "CC", "DD", "EE"};
    assert_int_equal(codes("AABBCCDDEE|AABBCCDD|BBCCDDEE", far, 5).lost_count, 1);
    /* Short ones stand alone, as a word or a line, and run through none. */
    assert_int_equal(codes("AB12|XYZ|9|55|2233", lines, 6).lost_count, 0);
    assert_int_equal(codes("B12|YZ|AB|4422|445", lines, 6).lost_count, 5);
    assert_int_equal(codes("", lines, 6).code_count, 0);
    /* A picture that failed has lost all of them. */
    const struct truth_row truth = {.serial = "-", .codes = "ABCDEF|X"};
    assert_int_equal(score_answer(&truth, NULL, NULL, true, &arena, &score, NULL), SE_OK);
    assert_int_equal(score.lost_count, 2);
    assert_int_equal(score_answer(&truth, NULL, NULL, false, &arena, &score, NULL), SE_OK);
    assert_int_equal(score.code_count, 0);
}

static struct score readings(const char *serial, const char *wanted,
                             const struct answer_reading *list, size_t count)
{
    const struct truth_row truth = {.serial = serial, .codes = wanted};
    const struct answer answer = {.readings = list, .reading_count = count};
    struct score score;
    assert_int_equal(score_answer(&truth, &answer, NULL, false, &arena, &score, NULL), SE_OK);
    return score;
}

static void test_first_reading(void **state)
{
    (void)state;
    static const struct answer_reading list[] = {{"AB-12", "serial", NULL, 0.9},
                                                 {"X9", "part", NULL, 0.5}};
    struct score score = readings("Z|AB 12", "", list, 2);
    assert_true(score.asked && score.right && !score.sure && !score.has_status);
    assert_string_equal(score.best, "AB12");
    assert_true(score.best_score == 0.9);
    score = readings("X9", "", list, 2);
    assert_true(score.asked && !score.right);
    score = readings("X9", "", NULL, 0);
    assert_true(score.asked && !score.right);
    assert_string_equal(score.best, "");
    assert_false(readings("-", "", list, 2).asked);
    assert_false(readings("none", "", list, 2).asked);
}

static void test_sure_and_wrong(void **state)
{
    (void)state;
    static const struct answer_reading list[] = {{"AB12", "serial", "sure", 0.999},
                                                 {"X9", "part", "sure", 0.99},
                                                 {"X-9", "part", "sure", 0.99},
                                                 {"Q1", "code", "check", 0.5}};
    /* Right, and the part number stands among the codes. */
    struct score score = readings("AB12", "X9", list, 4);
    assert_true(score.right && score.sure && score.has_status);
    assert_int_equal(score.wrong_count, 0);
    /* The part number is not on the picture: wrong, but once. */
    score = readings("AB12", "", list, 4);
    assert_int_equal(score.wrong_count, 1);
    assert_string_equal(score.wrong[0], "X9");
    /* The first reading is another code of the picture: sure and not the serial number. */
    score = readings("ZZ", "AB12|X9", list, 4);
    assert_true(!score.right && score.sure);
    assert_int_equal(score.wrong_count, 1);
    assert_string_equal(score.wrong[0], "AB12");
    /* No serial number: a sure reading of that kind is wrong even if it is printed there. */
    score = readings("none", "AB12|X9", list, 4);
    assert_int_equal(score.wrong_count, 1);
    /* No single answer: any code will do. */
    assert_int_equal(readings("-", "AB12|X9", list, 4).wrong_count, 0);
    assert_int_equal(readings("-", "AB12", list, 4).wrong_count, 1);
    /* "-" is no accepted form. */
    static const struct answer_reading nothing[] = {{"--", "code", "sure", 0.9}};
    assert_int_equal(readings("-", "", nothing, 1).wrong_count, 1);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    static const char *const lines[] = {"AB12CD34"};
    static const struct answer_reading list[] = {{"AB12", "serial", "sure", 0.999}};
    const struct truth_row truth = {.serial = "A|B", .codes = "AB12CD34|C"};
    const struct answer answer = {list, 1, lines, 1};
    if (!failing_malloc_works())
        skip();
    for (size_t n = 1;; n++) {
        struct arena own;
        struct score score;
        arena_init(&own, 1 << 20);
        failing_malloc_start(n, FAILING_ALL_THREADS);
        const int status = score_answer(&truth, &answer, &answer, true, &own, &score, NULL);
        const size_t count = failing_malloc_stop();
        arena_free(&own);
        assert_int_equal(status, count < n ? SE_OK : SE_ERR_MEMORY);
        if (count < n)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalise),
        cmocka_unit_test_setup_teardown(test_codes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_first_reading, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sure_and_wrong, setup, teardown),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
