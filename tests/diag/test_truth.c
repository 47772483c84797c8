/*
 * Tables of truth: what they say, and how what is wrong with them is said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "diag/truth.h"
#include "failing_malloc.h"
#include "scratch.h"

static int load(struct truth *truth, const char *text, size_t size, se_error *err)
{
    scratch_write("t/table.tsv", text, size);
    return truth_load(truth, scratch_path("t/table.tsv"), err);
}

static void test_columns_in_any_order(void **state)
{
    (void)state;
    static const char text[] = "note\tserial\tfile\tcodes\tkind\r\n"
                               "x\tAB-1|AB1\ta/b.jpg\tAB-1|C 2\tlabels\r\n"
                               "\n"
                               "y\tnone\tü.png\t\t";
    struct truth truth;
    assert_int_equal(load(&truth, text, sizeof(text) - 1, NULL), SE_OK);
    assert_int_equal(truth.count, 2);
    assert_true(truth.has_codes);
    assert_string_equal(truth.rows[0].file, "a/b.jpg");
    assert_string_equal(truth.rows[0].path, scratch_path("t/a/b.jpg"));
    assert_string_equal(truth.rows[0].serial, "AB-1|AB1");
    assert_string_equal(truth.rows[0].codes, "AB-1|C 2");
    assert_string_equal(truth.rows[0].kind, "labels");
    assert_true(truth_has_serial(&truth.rows[0]));
    assert_string_equal(truth.rows[1].file, "ü.png");
    assert_string_equal(truth.rows[1].kind, "");
    assert_false(truth_has_serial(&truth.rows[1]));
    truth_free(&truth);
    assert_int_equal(load(&truth, "file\tserial\nx\t-\n", 16, NULL), SE_OK);
    assert_false(truth.has_codes);
    assert_false(truth_has_serial(&truth.rows[0]));
    truth_free(&truth);
}

static void expect_refusal(const char *text, size_t size, int code, const char *message)
{
    struct truth truth;
    se_error err;
    assert_int_equal(load(&truth, text, size, &err), code);
    if (!strstr(err.message, message))
        fail_msg("no \"%s\" in: %s", message, err.message);
    assert_null(truth.rows);
}

static void test_hostile_tables(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "no rows"},
        {"\n\n", "no rows"},
        {"file\tserial\n", ":2: no rows"},
        {"file\tkind\nx\ty\n", ":1: the first line must name"},
        {"file\tfile\tserial\n", ":1: two columns of one name"},
        {"file\tserial\nx\n", ":2: fewer fields"},
        {"file\tserial\nx\t\n", ":2: the serial is empty"},
        {"file\tserial\n\tA\n", ":2: the file must be named"},
        {"file\tserial\n/etc/passwd\tA\n", "below the table's folder"},
        {"file\tserial\n../x\tA\n", "below the table's folder"},
        {"file\tserial\na/../../x\tA\n", "below the table's folder"},
        {"file\tserial\na/..\tA\n", "below the table's folder"},
        {"file\tserial\nx\tA\ny\tA\nx\tB\n", "\"x\" stands in two rows"},
        {"file\tserial\n\xFF\tA\n", ":2: not text"},
        {"file\tserial\n\xC0\xAF\tA\n", ":2: not text"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_refusal(cases[i].text, strlen(cases[i].text), SE_ERR_CORRUPT, cases[i].message);
    expect_refusal("file\tserial\nx\0y\tA\n", 18, SE_ERR_CORRUPT, ":2: not text");
    char *longest = malloc(100000);
    assert_non_null(longest);
    memset(longest, '\t', 100000);
    expect_refusal(longest, 100000, SE_ERR_LIMIT, ":1: longer than");
    expect_refusal(longest, 5000, SE_ERR_CORRUPT, "more columns than 64");
    free(longest);
    struct truth truth;
    assert_int_equal(load(&truth, "file\tserial\n..x/a..\tA\n", 22, NULL), SE_OK);
    truth_free(&truth);
    se_error err;
    assert_int_equal(truth_load(&truth, scratch_path("none.tsv"), &err), SE_ERR_IO);
    assert_int_equal(truth_load(&truth, scratch_path(""), &err), SE_ERR_IO);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const paths[] = {"in/AB12.jpg", "AB12_2.jpg", "X-1.y.png"};
    struct truth truth;
    assert_int_equal(truth_from_names(&truth, paths, 3, NULL), SE_OK);
    assert_string_equal(truth.rows[0].serial, "AB12");
    assert_string_equal(truth.rows[0].path, "in/AB12.jpg");
    assert_string_equal(truth.rows[1].serial, "AB12");
    assert_string_equal(truth.rows[2].serial, "X-1");
    truth_free(&truth);
    static const char *const nameless[] = {"in/_2.jpg"};
    se_error err;
    assert_int_equal(truth_from_names(&truth, nameless, 1, &err), SE_ERR_CORRUPT);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    static const char text[] = "file\tserial\tcodes\na\tA\tA|B\nb\tB\tC\n";
    if (!failing_malloc_works())
        skip();
    scratch_write("t.tsv", text, sizeof(text) - 1);
    for (size_t n = 1;; n++) {
        struct truth truth;
        failing_malloc_start(n, FAILING_ALL_THREADS);
        const int status = truth_load(&truth, scratch_path("t.tsv"), NULL);
        const size_t counted = failing_malloc_stop();
        /* The C library reads on without a buffer of its own. */
        if (status == SE_OK) {
            assert_int_equal(truth.count, 2);
            truth_free(&truth);
        } else {
            assert_true(status == SE_ERR_MEMORY || status == SE_ERR_IO);
        }
        if (counted < n)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_columns_in_any_order, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_hostile_tables, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_names),
        cmocka_unit_test_setup_teardown(test_every_allocation_may_fail, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
