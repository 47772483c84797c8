/*
 * One picture's outcome as plain text, JSON and CSV, with names and texts that mean harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <string.h>

#include "cli/outcome.h"
#include "failing_malloc.h"
#include "reader/result.h"

static se_result *make_result(const char *name, const struct se_reading *readings, size_t count)
{
    struct se_result *result;
    assert_int_equal(result_create(&result, name, NULL), SE_OK);
    result->width = 40;
    result->height = 30;
    result->readings = (struct se_reading *)(uintptr_t)readings;
    result->reading_count = count;
    assert_int_equal(result_finish(result, NULL), SE_OK);
    return result;
}

static const char *const sources[] = {"text"};
static const struct se_reading two[] = {
    {.text = "AB12",
     .printed = "AB 12, \"x\"\n\x1b[2J",
     .kind = "serial",
     .format = "generic",
     .score = 0.98765,
     .status = "check",
     .sources = sources,
     .source_count = 1},
    {.text = "MAC1",
     .printed = "MAC1",
     .kind = "mac",
     .format = "mac",
     .score = 0.5,
     .status = "sure",
     .sources = sources,
     .source_count = 1},
};

static void expect(const struct outcome *outcome, const struct outcome_style *style,
                   const char *text)
{
    struct buffer out;
    se_error err = {0};
    buffer_init(&out, 100000);
    if (outcome_append(outcome, style, &out, &err) != SE_OK)
        fail_msg("%s", err.message);
    assert_string_equal(out.data ? out.data : "", text);
    buffer_free(&out);
}

static void test_plain(void **state)
{
    (void)state;
    struct outcome outcome = {.file = "a\x1b[31m\xFF.jpg", .result = make_result("a", two, 2)};
    struct outcome_style style = {.format = OUTCOME_PLAIN};
    expect(&outcome, &style,
           "AB12  serial  check 0.9877\n"
           "MAC1  mac  sure 0.5000\n");
    style.name_files = true;
    expect(&outcome, &style,
           "a\xEF\xBF\xBD[31m\xEF\xBF\xBD.jpg: AB12  serial  check 0.9877\n"
           "a\xEF\xBF\xBD[31m\xEF\xBF\xBD.jpg: MAC1  mac  sure 0.5000\n");
    se_result_free((se_result *)(uintptr_t)outcome.result);
}

static void test_plain_without_readings(void **state)
{
    (void)state;
    struct se_result *result;
    struct se_line line = {"two\twords", 0.5, {{{0, 0}}}};
    assert_int_equal(result_create(&result, "a", NULL), SE_OK);
    result->lines = &line;
    result->line_count = 1;
    result->with_lines = true;
    assert_int_equal(result_finish(result, NULL), SE_OK);
    const struct outcome outcome = {.file = "a", .result = result};
    const struct outcome_style style = {.format = OUTCOME_PLAIN, .lines = true};
    expect(&outcome, &style, "no serial number found\n| two\xEF\xBF\xBDwords\n");
    se_result_free(result);
    assert_int_equal(result_create(&result, "a", NULL), SE_OK);
    result->limited_by_time = true;
    assert_int_equal(result_finish(result, NULL), SE_OK);
    const struct outcome cut = {.file = "a", .result = result};
    expect(&cut, &style, "no serial number found within the time limit\n");
    se_result_free(result);
}

static void test_plain_explained(void **state)
{
    (void)state;
    static const se_term terms[] = {{"anchor", 6, 1, NULL},
                                    {"shape", -0.5, 2, NULL},
                                    {"length", 0.9, 0, NULL},
                                    {"joint", 20, 0.25, "read"},
                                    {"bias", 1, -1, "read"}};
    struct se_reading reading = two[0];
    reading.why = "\"s/n\" right\tbefore it";
    reading.terms = terms;
    reading.term_count = 5;
    const struct outcome outcome = {.file = "a", .result = make_result("a", &reading, 1)};
    const struct outcome_style style = {.format = OUTCOME_PLAIN, .explain = true};
    expect(&outcome, &style,
           "AB12  serial  check 0.9877\n"
           "    \"s/n\" right\xEF\xBF\xBD"
           "before it\n"
           "    anchor        +6.00\n"
           "    shape         -1.00\n"
           "    sum           +5.00\n"
           "    read: how sure the characters are\n"
           "      joint         +5.00\n"
           "      bias          -1.00\n"
           "      sum           +4.00\n");
    se_result_free((se_result *)(uintptr_t)outcome.result);
}

static void test_failures(void **state)
{
    (void)state;
    struct outcome outcome = {.file = "a\xFF,\".jpg"};
    outcome.error.code = SE_ERR_TRUNCATED;
    strcpy(outcome.error.message, "a\xFF: ends \"early\"");
    expect(&outcome, &(struct outcome_style){.format = OUTCOME_PLAIN}, "");
    expect(&outcome, &(struct outcome_style){.format = OUTCOME_JSON},
           "{\"file\":\"a\xEF\xBF\xBD,\\\".jpg\",\"error\":{\"code\":\"truncated\",\"message\":"
           "\"a\xEF\xBF\xBD: ends \\\"early\\\"\"}}\n");
    expect(&outcome, &(struct outcome_style){.format = OUTCOME_CSV},
           "\"a\xEF\xBF\xBD,\"\".jpg\",,,,,,,\"truncated: a\xEF\xBF\xBD: ends \"\"early\"\"\"\r\n");
}

static void test_csv(void **state)
{
    (void)state;
    const struct outcome_style style = {.format = OUTCOME_CSV};
    struct outcome outcome = {.file = "a b.jpg", .result = make_result("a b.jpg", two, 2)};
    expect(&outcome, &style,
           "a b.jpg,AB12,serial,generic,0.98765,check,\"AB 12, \"\"x\"\"\n\x1b[2J\",\r\n");
    se_result_free((se_result *)(uintptr_t)outcome.result);
    outcome.result = make_result("a b.jpg", two + 1, 1);
    expect(&outcome, &style, "a b.jpg,MAC1,mac,mac,0.5,sure,MAC1,\r\n");
    se_result_free((se_result *)(uintptr_t)outcome.result);
    outcome.result = make_result("a b.jpg", NULL, 0);
    expect(&outcome, &style, "a b.jpg,,,,,,,\r\n");
    se_result_free((se_result *)(uintptr_t)outcome.result);
}

static void test_json_is_the_results_own(void **state)
{
    (void)state;
    se_result *result = make_result("a", two, 2);
    const struct outcome outcome = {.file = "a", .result = result};
    char line[4000];
    snprintf(line, sizeof(line), "%s\n", se_result_json(result));
    expect(&outcome, &(struct outcome_style){.format = OUTCOME_JSON}, line);
    se_result_free(result);
}

static void test_lack_of_memory(void **state)
{
    (void)state;
    if (!failing_malloc_works())
        skip();
    se_result *result = make_result("a", two, 2);
    for (int kind = 0; kind < 6; kind++) {
        struct outcome outcome = {.file = "a", .result = kind % 2 ? result : NULL};
        const struct outcome_style style = {.format = (enum outcome_format)(kind / 2),
                                            .name_files = true};
        outcome.error.code = SE_ERR_IO;
        strcpy(outcome.error.message, "a: gone");
        for (size_t nth = 1;; nth++) {
            struct buffer out;
            se_error err;
            buffer_init(&out, 100000);
            failing_malloc_start(nth, FAILING_THIS_THREAD);
            const int status = outcome_append(&outcome, &style, &out, &err);
            const size_t count = failing_malloc_stop();
            if (status == SE_OK) /* a failure that was made up for */
                expect(&outcome, &style, out.data ? out.data : "");
            else
                assert_int_equal(status, SE_ERR_MEMORY);
            buffer_free(&out);
            if (count < nth)
                break;
        }
    }
    se_result_free(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_plain_without_readings),
        cmocka_unit_test(test_plain_explained),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_json_is_the_results_own),
        cmocka_unit_test(test_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
