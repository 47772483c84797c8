/*
 * What an earlier run has written about: whole, cut off, and foreign files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cli/resume.h"
#include "failing_malloc.h"
#include "scratch.h"

static void read_ok(struct resume_names *names, const char *text, enum outcome_format format)
{
    se_error err = {0};
    scratch_write("out", text, strlen(text));
    if (resume_read(names, scratch_path("out"), format, &err) != SE_OK)
        fail_msg("%s", err.message);
}

static void read_refused(const char *text, enum outcome_format format, const char *message)
{
    struct resume_names names;
    se_error err;
    scratch_write("out", text, strlen(text));
    assert_int_equal(resume_read(&names, scratch_path("out"), format, &err), SE_ERR_CORRUPT);
    assert_non_null(strstr(err.message, message));
    assert_int_equal(names.count, 0);
}

static void test_nothing_there(void **state)
{
    (void)state;
    struct resume_names names;
    assert_int_equal(resume_read(&names, scratch_path("none"), OUTCOME_JSON, NULL), SE_OK);
    assert_int_equal(names.end, 0);
    assert_false(resume_has(&names, "a"));
    resume_free(&names);
    read_ok(&names, "", OUTCOME_CSV);
    assert_int_equal(names.end, 0);
    resume_free(&names);
    se_error err;
    assert_int_equal(resume_read(&names, scratch_path(""), OUTCOME_JSON, &err), SE_ERR_IO);
    assert_int_equal(resume_read(&names, scratch_path(""), OUTCOME_CSV, &err), SE_ERR_IO);
}

static void test_json_lines(void **state)
{
    (void)state;
    struct resume_names names;
    static const char text[] = "{\"file\":\"b.jpg\",\"readings\":[]}\n"
                               "{\"file\":\"a \\u00e9\\n\",\"error\":{}}\n";
    read_ok(&names, text, OUTCOME_JSON);
    assert_true(resume_has(&names, "a.jpg") == false);
    assert_true(resume_has(&names, "b.jpg"));
    assert_true(resume_has(&names, "a \xC3\xA9\n"));
    assert_int_equal(names.end, sizeof(text) - 1);
    resume_free(&names);
}

static void test_cut_json(void **state)
{
    (void)state;
    struct resume_names names;
    static const char whole[] = "{\"file\":\"a\"}\n{\"file\":\"b\"}\n";
    for (size_t cut = 0; cut < sizeof(whole); cut++) {
        char text[sizeof(whole)];
        memcpy(text, whole, sizeof(whole));
        text[cut] = '\0';
        read_ok(&names, text, OUTCOME_JSON);
        assert_int_equal(names.end, cut / 13 * 13);
        assert_true(resume_has(&names, "a") == (cut >= 13));
        assert_true(resume_has(&names, "b") == (cut >= 26));
        resume_free(&names);
    }
}

static void test_csv(void **state)
{
    (void)state;
    struct resume_names names;
    read_ok(&names,
            "file,text,kind,format,score,status,printed,error\r\n"
            "\"a,\"\"b\"\"\nc.jpg\",X,serial,generic,0.5,,\"X\n,Y\",\r\n"
            "d.jpg,,,,,,,\"io: no, none\"\r\n"
            "e.jpg,,,,,,,\n"
            "f.jpg,,,",
            OUTCOME_CSV);
    assert_int_equal(names.count, 3);
    assert_true(resume_has(&names, "a,\"b\"\nc.jpg"));
    assert_true(resume_has(&names, "d.jpg"));
    assert_true(resume_has(&names, "e.jpg"));
    assert_false(resume_has(&names, "f.jpg"));
    assert_false(resume_has(&names, "file"));
    resume_free(&names);
}

static void test_cut_csv(void **state)
{
    (void)state;
    struct resume_names names;
    static const char whole[] = "file,text,kind,format,score,status,printed,error\r\n"
                                "\"a\r\nb\",,,,,,,\r\n";
    for (size_t cut = 0; cut < sizeof(whole); cut++) {
        char text[sizeof(whole)];
        memcpy(text, whole, sizeof(whole));
        text[cut] = '\0';
        read_ok(&names, text, OUTCOME_CSV);
        assert_int_equal(names.end, cut < 50 ? 0 : cut < sizeof(whole) - 1 ? 50 : cut);
        assert_int_equal(names.count, cut == sizeof(whole) - 1);
        resume_free(&names);
    }
}

static void test_foreign_files_are_refused(void **state)
{
    (void)state;
    read_refused("{\"file\":\"a\"}\nmy thesis\n", OUTCOME_JSON, "out:2: not a line of JSON");
    read_refused("{\"file\":7}\n", OUTCOME_JSON, "out:1:");
    read_refused("[1]\n", OUTCOME_JSON, "out:1:");
    read_refused("file,text,kind,format,score,status,printed,error\r\n", OUTCOME_JSON, "out:1:");
    read_refused("{\"file\":\"a\"}\n", OUTCOME_CSV, "out:1: not a row of CSV");
    read_refused("a,b\n", OUTCOME_CSV, "out:1:");
    read_refused("name,text,kind,format,score,status,printed,error\r\n", OUTCOME_CSV, "out:1:");
}

static void test_lack_of_memory(void **state)
{
    (void)state;
    if (!failing_malloc_works())
        skip();
    static const char *const texts[] = {
        "{\"file\":\"a\"}\n{\"file\":\"b\"}\n",
        "file,text,kind,format,score,status,printed,error\r\na,,,,,,,\r\n"};
    for (int format = OUTCOME_JSON; format <= OUTCOME_CSV; format++) {
        const char *text = texts[format - OUTCOME_JSON];
        scratch_write("out", text, strlen(text));
        for (size_t nth = 1;; nth++) {
            struct resume_names names;
            se_error err;
            failing_malloc_start(nth, FAILING_THIS_THREAD);
            const int status =
                resume_read(&names, scratch_path("out"), (enum outcome_format)format, &err);
            const size_t count = failing_malloc_stop();
            if (status == SE_OK)
                assert_true(resume_has(&names, "a"));
            else if (status != SE_ERR_MEMORY)
                /* jansson cannot always tell lack of memory from a wrong line. */
                assert_true(format == OUTCOME_JSON && status == SE_ERR_CORRUPT);
            resume_free(&names);
            if (count < nth)
                break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_there, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_json_lines, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_cut_json, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_csv, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_cut_csv, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_foreign_files_are_refused, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_lack_of_memory, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
