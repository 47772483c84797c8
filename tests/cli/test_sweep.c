/*
 * `serialeye sweep` from outside. Needs the models (SKIP without them). argv: the program, a small
 * picture and the serial number on it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_testing.h"
#include "scratch.h"

enum { COUNT = 6 }; /* 6 of 6 gained: luck 2/64, below 0.05 */

static const char *serial;
static char *picture;
static size_t picture_size;

static void write_set(void)
{
    char table[2000] = "file\tserial\n", name[40];
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "set/%d.jpg", i);
        scratch_write(name, picture, picture_size);
        snprintf(table + strlen(table), sizeof(table) - strlen(table), "%d.jpg\t%s\n", i, serial);
    }
    scratch_write("set/table.tsv", table, strlen(table));
}

static char *read_text(const char *name)
{
    size_t size;
    return scratch_read(scratch_path(name), &size);
}

/* Too large for the limit in force: every picture fails, with another limit none does. */
static void test_a_sure_gain_is_written(void **state)
{
    (void)state;
    write_set();
    char ini[200], table[200];
    snprintf(ini, sizeof(ini), "%s", scratch_path("best.ini"));
    snprintf(table, sizeof(table), "%s", scratch_path("set/table.tsv"));
    json_t *all = cli_json(1, "sweep", "--json", "--set", "max_pixels=100", "--set", "roi_top_k=2",
                           "--try", "max_pixels=100,64000000", "--out", ini, table, NULL);
    assert_int_equal(cli_number(all, "base.serial_right"), 0);
    const json_t *tried = json_object_get(all, "tried");
    assert_int_equal(json_array_size(tried), 1); /* the value in force is none */
    const json_t *better = json_array_get(tried, 0);
    assert_int_equal(cli_number(better, "gained"), COUNT);
    assert_float_equal(cli_number(better, "p"), 2.0 / 64, 1e-9);
    assert_true(json_is_true(json_object_get(better, "wins")));
    json_decref(all);
    char *text = read_text("best.ini");
    assert_non_null(strstr(text, "max_pixels = 64000000\n"));
    assert_non_null(strstr(text, "roi_top_k = 2\n"));
    assert_null(strstr(text, "jobs"));
    assert_null(strstr(text, "time_limit_ms"));
    free(text);
    all = cli_json(0, "eval", "--json", "--no-codes", "--config", ini, table, NULL);
    assert_int_equal(cli_number(all, "serial_right"), COUNT);
    json_decref(all);
}

/* The same gain among two values may be luck: nothing wins, the settings in force are written. */
static void test_many_tries_need_more(void **state)
{
    (void)state;
    write_set();
    char ini[200];
    snprintf(ini, sizeof(ini), "%s", scratch_path("best.ini"));
    struct program_run run =
        cli_run(1, "sweep", "--set", "max_pixels=100", "--try", "max_pixels=50,64000000", "--out",
                ini, scratch_path("set/table.tsv"), NULL);
    assert_non_null(strstr(run.out, "+6 -0  luck 0.031"));
    assert_non_null(strstr(run.out, "+0 -0  luck 1"));
    assert_non_null(strstr(run.out, "No gain is sure"));
    program_run_free(&run);
    char *text = read_text("best.ini");
    assert_non_null(strstr(text, "max_pixels = 100\n"));
    free(text);
    run = cli_run(1, "sweep", "--level", "0.1", "--set", "max_pixels=100", "--try",
                  "max_pixels=50,64000000", scratch_path("set/table.tsv"), NULL);
    assert_non_null(strstr(run.out, "max_pixels = 64000000 gains 6 and loses 0; luck 0.0625"));
    program_run_free(&run);
}

static void test_time_ends_it(void **state)
{
    (void)state;
    write_set();
    json_t *all =
        cli_json(0, "sweep", "--json", "--max-time", "0.001", scratch_path("set/table.tsv"), NULL);
    assert_int_equal(cli_number(all, "base.serial_right"), COUNT);
    assert_true(json_is_true(json_object_get(all, "cut_short")));
    const json_t *tried = json_object_get(all, "tried");
    assert_true(json_array_size(tried) > 4); /* the usual ones, all of them accepted */
    for (size_t i = 0; i < json_array_size(tried); i++)
        assert_false(json_is_true(json_object_get(json_array_get(tried, i), "ran")));
    json_decref(all);
}

static void test_wrong_use(void **state)
{
    (void)state;
    write_set();
    char table[200];
    snprintf(table, sizeof(table), "%s", scratch_path("set/table.tsv"));
    CLI_EXPECT_FAILURE(2, "takes one table", "sweep");
    CLI_EXPECT_FAILURE(2, "No such file", "sweep", scratch_path("none.tsv"));
    CLI_EXPECT_FAILURE(2, "--try takes NAME=V1,V2", "sweep", "--try", "detect_side", table);
    CLI_EXPECT_FAILURE(2, "no_such_setting", "sweep", "--try", "no_such_setting=1", table);
    CLI_EXPECT_FAILURE(2, "detect_side", "sweep", "--try", "detect_side=640,many", table);
    CLI_EXPECT_FAILURE(2, "nothing to try", "sweep", "--try", "detect_side=640", table);
    CLI_EXPECT_FAILURE(2, "--max-time", "sweep", "--max-time", "0", table);
    CLI_EXPECT_FAILURE(2, "--level", "sweep", "--level", "2", table);
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
        cmocka_unit_test_setup_teardown(test_a_sure_gain_is_written, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_many_tries_need_more, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_time_ends_it, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_use, scratch_setup, scratch_teardown),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(picture);
    return failed;
}
