/*
 * Formats of a user's file: what is read, what is refused and with which words, and what they do to
 * readings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "label_builder.h"
#include "serial/evidence.h"
#include "serial/format_file.h"
#include "serial/formats.h"

static const char acme[] = "# Acme's pumps\r\n"
                           "\n"
                           "[acme-pump]\r\n"
                           "  kind = serial\n"
                           "pattern = AC[0-9]{2}d{6}\n"
                           "starts = AC01 AC02\n"
                           "makers = acme\n"
                           "bare = 2.5\n"
                           "announced = -0.5\n"
                           "flags = mixed strip\n"
                           "source = manual, page 3 \xC3\xBC\n"
                           "pass = AC01482913 AC02000017\n"
                           "fail = AC03482913\n"
                           "; another\n"
                           "[acme-card]\n"
                           "kind = code\n"
                           "pattern = d{16}\n"
                           "check = luhn\n"
                           "flags = veto\n"
                           "pass = 4111111111111111";

static void test_all_fields(void **state)
{
    (void)state;
    struct format_set set;
    se_error err;
    assert_int_equal(format_set_parse(&set, acme, strlen(acme), "f", &err), SE_OK);
    assert_int_equal(set.count, 2);
    const struct format *pump = &set.rows[0];
    assert_string_equal(pump->name, "acme-pump");
    assert_string_equal(pump->starts, "AC01 AC02");
    assert_string_equal(pump->source, "manual, page 3 \xC3\xBC");
    assert_int_equal(pump->kind, SER_SERIAL);
    assert_int_equal(pump->flags, FORMAT_MIXED | FORMAT_STRIP);
    assert_float_equal(pump->bare, 2.5F, 1e-6F);
    assert_float_equal(pump->announced, -0.5F, 1e-6F);
    assert_null(pump->check);
    assert_ptr_equal(set.rows[1].check, check_luhn);
    assert_int_equal(set.rows[1].kind, SER_CODE);
    format_set_free(&set);
    assert_int_equal(format_set_parse(&set, "", 0, "f", &err), SE_OK);
    assert_int_equal(set.count, 0);
    format_set_free(&set);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[a", "f:1: a section's name ends with ]"},
        {"\n[A]\n", "f:2: a format's name is 1 to 40 of a-z 0-9 -"},
        {"[]\n", "f:1: a format's name is 1 to 40 of a-z 0-9 -"},
        {"kind = serial", "f:1: a field before the first [NAME]"},
        {"[a]\npattern", "f:2: expected [NAME] or FIELD = VALUE"},
        {"[a]\ncolour = red", "f:2: there is no field \"colour\""},
        {"[a]\nkind = thing", "f:2: there is no kind \"thing\""},
        {"[a]\ncheck = crc", "f:2: there is no check \"crc\""},
        {"[a]\nflags = veto mixd", "f:2: there is no flag \"mixd\""},
        {"[a]\nbare = 11", "f:2: log-odds are a number from -10 to 10, not \"11\""},
        {"[a]\nbare = 1e3", "f:2: log-odds are a number from -10 to 10, not \"1e3\""},
        {"[a]\nbare = ", "f:2: log-odds are a number from -10 to 10, not \"\""},
        {"[a]\nsource = \xFF", "f:2: no text in UTF-8"},
        {"[a]\nsource = a\x01", "f:2: no text in UTF-8"},
        {"[a]\npass = ab", "f:2: an example is capitals and digits, 34 at most: \"ab\""},
        {"[a]\npass = A B C D\npass = E", "f:3: more than four examples: \"E\""},
        {"[a]\nstarts = a", "f:2: the start of a code is capitals and digits: \"a\""},
        {"[a]\n\n[b]\n", "f:1: a pattern is missing in \"a\""},
        {"[a]\npattern = d{6}", "f:1: an example that fits (pass = …) is missing in \"a\""},
        {"[a]\npattern = d{6}\npass = 123456\nflags = veto",
         "f:1: the flag veto needs a check in \"a\""},
        {"[a]\npattern = d{6}\npass = 12345", "f:1: does not fit its own format: \"12345\""},
        {"[a]\npattern = d{6}\npass = 123456\nfail = 123457",
         "f:1: should not fit its format, but does: \"123457\""},
        {"[a]\npattern = A{4", "f:2: pattern \"A{4\", character 2: expected {n} or {m,n}"},
        {"[a]\npattern = A{}", "character 2: expected {n} or {m,n}"},
        {"[a]\npattern = A{5,4}", "character 2: a count is 1 to 34"},
        {"[a]\npattern = A{999}", "character 2: expected {n} or {m,n}"},
        {"[a]\npattern = AB[", "character 3: [ without ]"},
        {"[a]\npattern = AB[]{4}", "character 3: an empty []"},
        {"[a]\npattern = AB[a]{4}", "character 3: in [] stand capitals"},
        {"[a]\npattern = AB[9-0]{4}", "character 3: a range goes upwards"},
        {"[a]\npattern = AB[0-Z]{4}", "character 3: a range goes upwards"},
        {"[a]\npattern = ABq{4}", "character 3: expected a capital"},
        {"[a]\npattern = AB-{4}", "character 3: expected a capital"},
        {"[a]\npattern = ABC", "character 1: codes have 4 to 34 symbols"},
        {"[a]\npattern = d{34}d", "character 1: codes have 4 to 34 symbols"},
        {"[a]\npattern = ", "character 1: codes have 4 to 34 symbols"},
        {"[a]\npattern = ABCDEFGHIJKLMNOPQ", "character 17: more than 16 elements"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct format_set set;
        se_error err = {0};
        const int status = format_set_parse(&set, cases[i].text, strlen(cases[i].text), "f", &err);
        if (status != SE_ERR_SETTING || !strstr(err.message, cases[i].message))
            fail_msg("\"%s\": %d, \"%s\"", cases[i].text, status, err.message);
    }
}

static void test_limits(void **state)
{
    (void)state;
    static char text[FORMAT_FILE_BYTES + 1];
    struct format_set set;
    se_error err;
    memset(text, '\n', sizeof(text));
    assert_int_equal(format_set_parse(&set, text, sizeof(text), "f", &err), SE_ERR_LIMIT);
    assert_int_equal(format_set_parse(&set, text, sizeof(text) - 1, "f", &err), SE_OK);
    format_set_free(&set);
    size_t size = 0;
    for (int i = 0; i <= FORMAT_FILE_ROWS; i++)
        size += (size_t)snprintf(text + size, sizeof(text) - size,
                                 "[f%d]\npattern = d{6}\npass = 123456\n", i);
    assert_int_equal(format_set_parse(&set, text, size, "f", &err), SE_ERR_LIMIT);
    assert_non_null(strstr(err.message, "f:769: more than 256 formats"));
    size = (size_t)snprintf(text, sizeof(text), "[a]\nsource = %0*d\n", FORMAT_FILE_VALUE + 1, 0);
    assert_int_equal(format_set_parse(&set, text, size, "f", &err), SE_ERR_SETTING);
    assert_int_equal(format_set_load(&set, "/nonexistent/f", &err), SE_ERR_IO);
}

/* The format explains, corrects and needs no word that announces it. */
static void test_readings(void **state)
{
    (void)state;
    struct format_set set;
    struct label label;
    assert_int_equal(format_set_parse(&set, acme, strlen(acme), "f", NULL), SE_OK);
    label_init(&label, 0);
    label_line(&label, 100, 100, "ACO1482913");
    label.input.formats = set.rows;
    label.input.format_count = set.count;
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "AC01482913");
    assert_string_equal(label_kind(&label, 0), "serial");
    assert_string_equal(label.found.readings[0].format, "acme-pump");
    const double alone = label.found.readings[0].evidence[EVIDENCE_FORMAT];
    label_line(&label, 100, 200, "ACME PUMPS");
    assert_int_equal(label_find(&label), SE_OK);
    assert_true(label.found.readings[0].evidence[EVIDENCE_FORMAT] > alone);
    label_free(&label);
    format_set_free(&set);
}

static void test_lack_of_memory(void **state)
{
    (void)state;
    if (!failing_malloc_works())
        skip();
    for (size_t nth = 1;; nth++) {
        struct format_set set;
        se_error err;
        failing_malloc_start(nth, FAILING_THIS_THREAD);
        const int status = format_set_parse(&set, acme, strlen(acme), "f", &err);
        const size_t count = failing_malloc_stop();
        if (status == SE_OK)
            format_set_free(&set);
        else
            assert_int_equal(status, SE_ERR_MEMORY);
        if (count < nth)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_fields),     cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_readings),
        cmocka_unit_test(test_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
