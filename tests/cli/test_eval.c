/*
 * `serialeye eval` from outside. Needs the models (SKIP without them). argv: the program, a small
 * picture and the serial number on it.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli_testing.h"
#include "scratch.h"

static const char *serial;
static char *picture;
static size_t picture_size;

/* Nothing is sure: what is sure where there is no serial number is one miss more. */
#define UNSURE "--set", "max_error=0"

/* Four pictures: right, wrong by one character, no serial number asked for, broken. */
static void write_set(void)
{
    char table[1000], wrong[64];
    snprintf(wrong, sizeof(wrong), "%s", serial);
    wrong[0] = wrong[0] == '8' ? 'B' : '8';
    snprintf(table, sizeof(table),
             "file\tkind\tserial\tcodes\n"
             "right.jpg\tgood\t%s\t%s|NOTTHERE99\n"
             "<b>&.jpg\tbad\t%s\t\n"
             "none.jpg\tgood\tnone\t\n"
             "broken.jpg\tbad\tX\t\n",
             serial, serial, wrong);
    scratch_write("set/right.jpg", picture, picture_size);
    scratch_write("set/<b>&.jpg", picture, picture_size);
    scratch_write("set/none.jpg", picture, picture_size);
    scratch_write("set/broken.jpg", "garbage", 7);
    scratch_write("set/table.tsv", table, strlen(table));
}

static void test_figures(void **state)
{
    (void)state;
    write_set();
    json_t *all = cli_json(1, "eval", "--json", "--time-limit", "0", UNSURE,
                           scratch_path("set/table.tsv"), NULL);
    assert_int_equal(cli_number(all, "pictures"), 4);
    assert_int_equal(cli_number(all, "failed"), 1);
    assert_int_equal(cli_number(all, "codes"), 2);
    assert_int_equal(cli_number(all, "codes_found"), 1);
    assert_int_equal(cli_number(all, "serial"), 3);
    assert_int_equal(cli_number(all, "serial_right"), 1);
    assert_true(cli_number(all, "ms_median") > 0);
    const json_t *kinds = json_object_get(all, "kinds");
    assert_int_equal(json_array_size(kinds), 2);
    assert_string_equal(cli_string(json_array_get(kinds, 0), "kind"), "bad");
    assert_int_equal(cli_number(json_array_get(kinds, 0), "serial_right"), 0);
    assert_int_equal(cli_number(json_array_get(kinds, 1), "serial_right"), 1);
    const json_t *pair = json_array_get(json_object_get(all, "confusions"), 0);
    const char first[2] = {serial[0], '\0'};
    assert_string_equal(cli_string(pair, "read"), first);
    assert_int_equal(json_array_size(json_object_get(all, "misses")), 3);
    json_decref(all);
    /* Without codes each picture is read once. */
    all = cli_json(1, "eval", "--json", "--no-codes", scratch_path("set/table.tsv"), NULL);
    assert_int_equal(cli_number(all, "codes"), 0);
    json_decref(all);
}

static void test_plain_text_and_page(void **state)
{
    (void)state;
    write_set();
    struct program_run run =
        cli_run(1, "eval", "--time-limit", "0", UNSURE, "--html", scratch_path("page.html"),
                scratch_path("set/table.tsv"), NULL);
    assert_ptr_equal(strstr(run.out, "codes 1/2 (50.0 %)  serial 1/3 (33.3 %)  "), run.out);
    assert_non_null(strstr(run.out, "failed 1\n"));
    assert_non_null(strstr(run.out, "right.jpg: not found: NOTTHERE99\n"));
    assert_non_null(strstr(run.out, "broken.jpg: serial X, read nothing; failed: unknown_type\n"));
    program_run_free(&run);
    size_t size;
    char *page = scratch_read(scratch_path("page.html"), &size);
    assert_null(strstr(page, "<b>"));
    assert_non_null(strstr(page, "<h3>&#60;b&#62;&#38;.jpg</h3>"));
    int pictures = 0;
    for (const char *at = page; (at = strstr(at, "src=\"data:image/jpeg;base64,/9j/")); at++)
        pictures++;
    assert_int_equal(pictures, 2); /* the two that were read and missed something */
    free(page);
}

static void test_hostile_tables(void **state)
{
    (void)state;
    static const char outside[] = "file\tserial\n../right.jpg\tA\n";
    static const char no_files[] = "file\tserial\npipe\tA\nmissing.jpg\tB\n";
    scratch_write("t.tsv", outside, strlen(outside));
    CLI_EXPECT_FAILURE(2, "t.tsv:2: ", "eval", scratch_path("t.tsv"));
    CLI_EXPECT_FAILURE(2, "none.tsv: ", "eval", scratch_path("none.tsv"));
    CLI_EXPECT_FAILURE(2, "takes one table", "eval");
    CLI_EXPECT_FAILURE(2, "takes one table", "eval", "a", "b");
    /* What is no file must not be waited for. */
    assert_int_equal(mkfifo(scratch_path("pipe"), 0600), 0);
    scratch_write("t.tsv", no_files, strlen(no_files));
    json_t *all = cli_json(1, "eval", "--json", scratch_path("t.tsv"), NULL);
    assert_int_equal(cli_number(all, "failed"), 2);
    assert_int_equal(cli_number(all, "serial_right"), 0);
    json_decref(all);
}

static void test_full_disk_is_an_error(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK) != 0)
        skip();
    write_set();
    CLI_EXPECT_FAILURE(1, "/dev/full: No space left", "eval", "--no-codes", "--html", "/dev/full",
                       scratch_path("set/table.tsv"));
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    cli_program = argv[1];
    serial = argv[3];
    if (!cli_models_are_there())
        return CLI_EXIT_SKIP;
    picture = scratch_read(argv[2], &picture_size);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_figures, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_plain_text_and_page, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_hostile_tables, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_full_disk_is_an_error, scratch_setup,
                                        scratch_teardown),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(picture);
    return failed;
}
