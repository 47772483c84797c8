/*
 * Problem details and the JSON they are made of.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <string.h>

#include "serve/json_text.h"
#include "serve/problem.h"

static void expect_text(const char *text, const char *json)
{
    struct buffer out;
    buffer_init(&out, 1000);
    assert_int_equal(json_text_append(&out, text, NULL), SE_OK);
    assert_string_equal(out.data, json);
    buffer_free(&out);
}

static void test_text(void **state)
{
    (void)state;
    expect_text("", "\"\"");
    expect_text("a\"b\\c/d", "\"a\\\"b\\\\c/d\"");
    expect_text("\x01\n\x7f", "\"\\u0001\\u000a\\u007f\"");
    expect_text("gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"");
    expect_text("\xff|\xed\xa0\x80", "\"\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    expect_text(NULL, "null");
}

static void test_text_has_a_limit(void **state)
{
    (void)state;
    for (size_t max = 0; max < 8; max++) {
        struct buffer out;
        buffer_init(&out, max);
        assert_int_equal(json_text_append(&out, "a\"\x01", NULL), SE_ERR_LIMIT);
        buffer_free(&out);
    }
}

static void test_problem(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 1000);
    assert_int_equal(problem_append(&out, "truncated", "ends \"early\"", "id-1", NULL), SE_OK);
    json_t *problem = json_loadb(out.data, out.size, 0, NULL);
    assert_non_null(problem);
    const char *const wanted[][2] = {{"type", "urn:serialeye:problem:truncated"},
                                     {"title", "Unprocessable Content"},
                                     {"detail", "ends \"early\""},
                                     {"code", "truncated"},
                                     {"request_id", "id-1"}};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        assert_string_equal(json_string_value(json_object_get(problem, wanted[i][0])),
                            wanted[i][1]);
    assert_int_equal(json_integer_value(json_object_get(problem, "status")), 422);
    json_decref(problem);
    buffer_free(&out);
}

/* Every way in which a picture can fail has its status of HTTP, and every status has a title. */
static void test_every_code(void **state)
{
    (void)state;
    for (int status = SE_ERR_ARGUMENT; strcmp(se_status_name(status), "unknown") != 0; status--) {
        const unsigned of_http = problem_status(se_status_name(status));
        assert_in_range(of_http, 400, 503);
        assert_string_not_equal(problem_title(of_http), "Error");
        if (of_http == 500)
            assert_true(status == SE_ERR_MODEL || status == SE_ERR_DEVICE ||
                        status == SE_ERR_INTERNAL);
    }
    assert_int_equal(problem_status("no such code"), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_has_a_limit),
        cmocka_unit_test(test_problem),
        cmocka_unit_test(test_every_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
