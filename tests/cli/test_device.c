/*
 * `serialeye read --same-device` from outside. Needs the models (SKIP without them). argv: the
 * program, a small picture and the serial number on it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cli_testing.h"
#include "scratch.h"

static const char *serial;
static char *picture;
static size_t picture_size;

static void test_pictures_of_one_device(void **state)
{
    (void)state;
    scratch_write("set/a.jpg", picture, picture_size);
    scratch_write("set/b.jpg", picture, picture_size);
    json_t *all = cli_json(0, "read", "--same-device", "--json", "--explain", "--time-limit", "0",
                           scratch_path("set"), NULL);
    const json_t *files = json_object_get(all, "files");
    assert_int_equal(json_array_size(files), 2);
    assert_int_equal(json_array_size(json_object_get(all, "pictures")), 2);
    assert_null(json_object_get(all, "file"));
    assert_true(cli_number(json_array_get(json_object_get(all, "pictures"), 1), "width") > 0);
    const json_t *best = json_array_get(json_object_get(all, "readings"), 0);
    assert_string_equal(cli_string(best, "text"), serial);
    const json_t *seen = json_object_get(best, "seen");
    assert_int_equal(json_array_size(seen), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *one = json_array_get(seen, i);
        const size_t at = (size_t)cli_number(one, "picture");
        assert_true(json_is_true(json_object_get(one, "agrees")));
        assert_string_equal(cli_string(one, "file"), json_string_value(json_array_get(files, at)));
        assert_string_equal(cli_string(one, "text"), serial);
    }
    assert_non_null(strstr(cli_string(best, "why"), "seen in 2 of 2 pictures"));
    json_decref(all);

    struct program_run run =
        cli_run(0, "read", "--same-device", "--time-limit", "0", scratch_path("set"), NULL);
    assert_int_equal(strncmp(run.out, serial, strlen(serial)), 0);
    assert_non_null(strstr(run.out, "in 2 of 2 pictures\n"));
    program_run_free(&run);
}

static void test_broken_pictures_take_no_part(void **state)
{
    (void)state;
    scratch_write("a.jpg", picture, picture_size);
    scratch_write("broken.jpg", "garbage", 7);
    struct program_run run =
        cli_run(1, "read", "--same-device", "--json", "--time-limit", "0", scratch_path("a.jpg"),
                scratch_path("broken.jpg"), scratch_path("none.jpg"), NULL);
    json_t *all = json_loads(run.out, 0, NULL);
    assert_non_null(all);
    assert_non_null(strstr(run.err, "none.jpg: No such file"));
    assert_non_null(strstr(run.err, "broken.jpg"));
    assert_string_equal(cli_string(json_array_get(json_object_get(all, "readings"), 0), "text"),
                        serial);
    const json_t *pictures = json_object_get(all, "pictures");
    assert_int_equal(json_array_size(pictures), 2);
    assert_string_equal(cli_string(json_array_get(pictures, 1), "error.code"), "unknown_type");
    json_decref(all);
    program_run_free(&run);
    CLI_EXPECT_FAILURE(1, "broken.jpg", "read", "--same-device", scratch_path("broken.jpg"));
    CLI_EXPECT_FAILURE(1, "none.jpg", "read", "--same-device", scratch_path("none.jpg"));
}

static void test_wrong_use(void **state)
{
    (void)state;
    CLI_EXPECT_FAILURE(2, "--same-device", "read", "--same-device", "--csv", "a.jpg");
    CLI_EXPECT_FAILURE(2, "--same-device", "read", "--same-device", "--lines", "a.jpg");
    CLI_EXPECT_FAILURE(2, "--same-device", "read", "--same-device", "--overlay", "o.png", "a.jpg");
    for (int i = 0; i < 33; i++) {
        char name[40];
        snprintf(name, sizeof(name), "many/%02d.jpg", i);
        scratch_write(name, "x", 1);
    }
    CLI_EXPECT_FAILURE(1, "33 pictures of one device; at most 32", "read", "--same-device",
                       scratch_path("many"));
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
        cmocka_unit_test_setup_teardown(test_pictures_of_one_device, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_broken_pictures_take_no_part, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_use, scratch_setup, scratch_teardown),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(picture);
    return failed;
}
