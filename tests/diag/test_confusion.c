/*
 * Which characters were read as which.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "diag/confusion.h"
#include "failing_malloc.h"

static struct confusions counts;

/* Expects the pairs "truth read" that make one text of the other, in the order of their ranks. */
static void expect(const char *truth, const char *read, bool anywhere, const char *pairs)
{
    char found[200] = "";
    struct confusion pair;
    counts = (struct confusions){.compared = 0};
    assert_int_equal(confusion_add(&counts, truth, read, anywhere, NULL), SE_OK);
    for (size_t rank = 0; confusion_at(&counts, rank, &pair); rank++) {
        for (unsigned i = 0; i < pair.count; i++) {
            strcat(found, *pair.truth ? pair.truth : "-");
            strcat(found, *pair.read ? pair.read : "-");
            strcat(found, " ");
        }
    }
    if (strcmp(found, pairs) != 0)
        fail_msg("%s, %s: %s", truth, read, found);
}

static void test_pairs(void **state)
{
    (void)state;
    expect("AB12CD", "AB12CD", false, "");
    expect("AB12CD", "A812CD", false, "B8 ");
    expect("O0O0O0AB", "0000O0AB", false, "O0 O0 ");
    expect("AB12CD", "AB2CD", false, "1- ");
    expect("AB12CD", "AB12CDX", false, "-X ");
    expect("SERIAL5", "5ERIAL5", false, "S5 ");
    /* Somewhere in a long text: what stands beside it does not count. */
    expect("AB12CD", "XXXXXAB1ZCDYYYYYY", true, "2Z ");
    expect("AB12CD", "AB12CDYYYYYY", true, "");
    expect("AB12CD", "YYYYYAB12CD", true, "");
}

static void test_texts_too_far_apart(void **state)
{
    (void)state;
    expect("AB12CD", "QWERTZ", false, "");
    assert_int_equal(counts.apart, 1);
    assert_int_equal(counts.compared, 0);
    expect("AB12CD", "", true, "");
    assert_int_equal(counts.apart, 1);
    char *longest = calloc(CONFUSION_MAX_TEXT + 2, 1);
    assert_non_null(longest);
    memset(longest, 'A', CONFUSION_MAX_TEXT + 1);
    expect("AB12CD", longest, true, "");
    assert_int_equal(counts.apart, 1);
    longest[CONFUSION_MAX_TEXT] = '\0';
    expect("AAAAAA", longest, true, "");
    assert_int_equal(counts.compared, 1);
    free(longest);
}

static void test_ranks(void **state)
{
    (void)state;
    struct confusion pair;
    counts = (struct confusions){.compared = 0};
    for (int i = 0; i < 3; i++)
        assert_int_equal(confusion_add(&counts, "AAAAO", "AAAA0", false, NULL), SE_OK);
    assert_int_equal(confusion_add(&counts, "AAAAS", "AAAA5", false, NULL), SE_OK);
    assert_true(confusion_at(&counts, 0, &pair));
    assert_string_equal(pair.truth, "O");
    assert_string_equal(pair.read, "0");
    assert_int_equal(pair.count, 3);
    assert_true(confusion_at(&counts, 1, &pair));
    assert_string_equal(pair.truth, "S");
    assert_false(confusion_at(&counts, 2, &pair));
}

static void test_distance(void **state)
{
    (void)state;
    size_t distance;
    assert_int_equal(confusion_distance("KITTEN", "SITTING", &distance, NULL), SE_OK);
    assert_int_equal(distance, 3);
    assert_int_equal(confusion_distance("", "ABC", &distance, NULL), SE_OK);
    assert_int_equal(distance, 3);
}

static void test_no_memory(void **state)
{
    (void)state;
    if (!failing_malloc_works())
        skip();
    size_t distance;
    failing_malloc_start(1, FAILING_ALL_THREADS);
    const int status = confusion_add(&counts, "A", "B", false, NULL);
    failing_malloc_stop();
    assert_int_equal(status, SE_ERR_MEMORY);
    failing_malloc_start(1, FAILING_ALL_THREADS);
    const int other = confusion_distance("A", "B", &distance, NULL);
    failing_malloc_stop();
    assert_int_equal(other, SE_ERR_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),     cmocka_unit_test(test_texts_too_far_apart),
        cmocka_unit_test(test_ranks),     cmocka_unit_test(test_distance),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
