/*
 * The program from outside, as far as it needs no models: help, wrong use, settings, failures.
 *
 * argv[1]: the program, argv[2]: its version.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run_program.h"
#include "scratch.h"

enum { MAX_ARGUMENTS = 20 };

static const char *program, *version;

/* Runs the program with arguments separated by single spaces. */
static struct program_run run(const char *arguments)
{
    static char text[4096];
    const char *list[MAX_ARGUMENTS] = {program};
    struct program_run result;
    int count = 1;
    snprintf(text, sizeof(text), "%s", arguments);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
        list[count++] = word;
    list[count] = NULL;
    program_run(&result, list, NULL, 0);
    return result;
}

/* Expects an exit status and a text in stdout and in stderr ("": nothing at all there). */
static void expect(const char *arguments, int status, const char *out, const char *err)
{
    struct program_run got = run(arguments);
    if (got.status != status || !strstr(got.out, out) || (!*out && *got.out) ||
        !strstr(got.err, err) || (!*err && *got.err))
        fail_msg("serialeye %s: status %d\nstdout: %s\nstderr: %s", arguments, got.status, got.out,
                 got.err);
    program_run_free(&got);
}

static int setup(void **state)
{
    (void)state;
    scratch_make();
    setenv("XDG_DATA_HOME", scratch_path("data"), 1);
    setenv("XDG_DATA_DIRS", scratch_path("none"), 1);
    setenv("SERIALEYE_MODELS", scratch_path("models"), 1);
    return 0;
}

static void test_help_and_version(void **state)
{
    (void)state;
    char line[100];
    snprintf(line, sizeof(line), "serialeye %s\n", version);
    expect("--version", 0, line, "");
    expect("-V", 0, line, "");
    expect("--help", 0, "usage: serialeye COMMAND", "");
    expect("help", 0, "usage: serialeye COMMAND", "");
    static const char *const commands[] = {"read", "eval", "bench", "doctor", "models", "config"};
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        char arguments[100], usage[100];
        snprintf(usage, sizeof(usage), "usage: serialeye %s", commands[i]);
        snprintf(arguments, sizeof(arguments), "help %s", commands[i]);
        expect(arguments, 0, usage, "");
        snprintf(arguments, sizeof(arguments), "%s --help", commands[i]);
        expect(arguments, 0, usage, "");
        snprintf(arguments, sizeof(arguments), "%s --no-such-option", commands[i]);
        expect(arguments, 2, "", "no-such-option");
        expect("--help", 0, commands[i], "");
    }
}

static void test_wrong_use(void **state)
{
    (void)state;
    expect("", 2, "", "usage: serialeye COMMAND");
    expect("raed", 2, "", "no command \"raed\"");
    expect("help raed", 2, "", "no command \"raed\"");
    expect("read", 2, "", "no picture");
    expect("read --json --csv x", 2, "", "exclude each other");
    expect("read --csv --lines x", 2, "", "no room");
    expect("read --resume x", 2, "", "--out");
    expect("read --resume --out o x", 2, "", "--json or --csv");
    expect("read --threads", 2, "", "threads");
    expect("read - -", 2, "", "once only");
    expect("read --set threads x", 2, "", "NAME=VALUE");
    expect("read --set =1 x", 2, "", "NAME=VALUE");
    expect("read --set thread=1 x", 2, "", "did you mean threads?");
    expect("read --threads 300 x", 2, "", "--threads: threads = \"300\" is not possible");
    expect("read --time-limit -1 x", 2, "", "time_limit_ms");
    expect("read --backend gpu x", 2, "", "cpu|ref");
    expect("read --config /no/such/file x", 2, "", "/no/such/file");
    expect("config more", 2, "", "one argument too many");
    expect("models", 2, "", "one of fetch, verify, list");
    expect("models fetch verify", 2, "", "one of fetch, verify, list");
    expect("models burn", 2, "", "\"burn\" is none of");
}

static void test_settings_and_their_order(void **state)
{
    (void)state;
    expect("config", 0, "detect_side = 640", "");
    expect("config --set detect_side=960", 0, "from: --set)\ndetect_side = 960", "");
    static const char ini[] = "detect_side = 500\nroi_top_k = 7\njobs = 3\n";
    scratch_write("some.ini", ini, sizeof(ini) - 1);
    char arguments[700];
    setenv("SERIALEYE_ROI_TOP_K", "8", 1);
    setenv("SERIALEYE_JOBS", "4", 1);
    snprintf(arguments, sizeof(arguments), "config --json --set jobs=5 --config %s",
             scratch_path("some.ini"));
    struct program_run got = run(arguments);
    assert_int_equal(got.status, 0);
    json_t *all = json_loads(got.out, 0, NULL);
    static const char *const expected[][3] = {{"detect_side", "500", "some.ini:1"},
                                              {"roi_top_k", "8", "environment"},
                                              {"jobs", "5", "--set"},
                                              {"threads", "0", "default"}};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        json_t *one = json_object_get(all, expected[i][0]);
        const char *value = json_string_value(json_object_get(one, "value"));
        const char *origin = json_string_value(json_object_get(one, "origin"));
        assert_non_null(value);
        assert_non_null(origin);
        assert_string_equal(value, expected[i][1]);
        assert_non_null(strstr(origin, expected[i][2]));
    }
    json_decref(all);
    setenv("SERIALEYE_JOBS", "x", 1);
    expect("config", 2, "", "SERIALEYE_JOBS");
    unsetenv("SERIALEYE_ROI_TOP_K");
    unsetenv("SERIALEYE_JOBS");
    program_run_free(&got);
    /* The plain form is a file that --config takes. */
    got = run("config --set detect_side=777");
    scratch_write("again.ini", got.out, got.out_size);
    program_run_free(&got);
    snprintf(arguments, sizeof(arguments), "config --config %s", scratch_path("again.ini"));
    expect(arguments, 0, "detect_side = 777", "");
}

static void test_missing_models(void **state)
{
    (void)state;
    char picture[600];
    scratch_write("x.jpg", "not a picture", 13);
    snprintf(picture, sizeof(picture), "read %s", scratch_path("x.jpg"));
    expect(picture, 2, "", "run \"serialeye models fetch\"");
    expect("models verify", 1, "", "run \"serialeye models fetch\"");
    expect("models list", 0, "missing", "");
    expect("models list --json", 0, "\"state\":\"missing\"", "");
    expect("doctor", 1, "FAULT", "");
    struct program_run got = run("doctor --json");
    json_t *all = json_loads(got.out, 0, NULL);
    assert_int_equal(got.status, 1);
    assert_true(json_is_false(json_object_get(all, "ok")));
    assert_true(json_array_size(json_object_get(all, "findings")) > 10);
    json_decref(all);
    program_run_free(&got);
}

static void test_nothing_to_read(void **state)
{
    (void)state;
    char arguments[1400];
    scratch_write("empty/notes.txt", "", 0);
    snprintf(arguments, sizeof(arguments), "read %s", scratch_path("empty"));
    expect(arguments, 0, "", "no pictures in it");
    snprintf(arguments, sizeof(arguments), "read --csv %s", scratch_path("empty"));
    expect(arguments, 0, "file,text,kind,format,score,status,printed,error\r\n", "no pictures");
    snprintf(arguments, sizeof(arguments), "read --json --out /no/such/folder/out %s",
             scratch_path("empty"));
    expect(arguments, 2, "", "/no/such/folder/out");
    scratch_write("thesis", "my thesis\n", 10);
    snprintf(arguments, sizeof(arguments), "read --json --resume --out %s %s",
             scratch_path("thesis"), scratch_path("empty"));
    expect(arguments, 2, "", "cannot go on with this file");
    size_t size;
    char *thesis = scratch_read(scratch_path("thesis"), &size);
    assert_string_equal(thesis, "my thesis\n");
    free(thesis);
}

static void test_full_disk_is_an_error(void **state)
{
    (void)state;
    static const char *const commands[] = {"config", "doctor --json", "help", "--version"};
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        char command[1200];
        snprintf(command, sizeof(command), "'%s' %s >/dev/full 2>'%s'", program, commands[i],
                 scratch_path("stderr"));
        const int status = system(command);
        assert_int_equal(status >> 8, 1);
        size_t size;
        char *text = scratch_read(scratch_path("stderr"), &size);
        assert_non_null(strstr(text, "No space left"));
        free(text);
    }
}

static void test_formats(void **state)
{
    (void)state;
    char arguments[4200];
    expect("formats", 0, "iso-6346          container  a{3}[UJZ]d{7}\n", "");
    expect("formats", 0, "generic           code       x{4,34}\n", "");
    static const char own[] = "[acme]\npattern = AC[0-9]{2}d{6}\npass = AC01482913\n";
    static const char broken[] = "[acme]\npattern = AC[\n";
    scratch_write("own.ini", own, strlen(own));
    snprintf(arguments, sizeof(arguments), "formats --set formats=%s", scratch_path("own.ini"));
    expect(arguments, 0, "acme              serial     AC[0-9]{2}d{6}\n", "");
    struct program_run json = run(strcat(arguments, " --json"));
    json_t *all = json_loads(json.out, 0, NULL);
    const json_t *formats = json_object_get(all, "formats");
    const json_t *last = json_array_get(formats, json_array_size(formats) - 1);
    assert_string_equal(json_string_value(json_object_get(last, "name")), "acme");
    assert_true(json_is_true(json_object_get(last, "own")));
    json_decref(all);
    program_run_free(&json);
    scratch_write("own.ini", broken, strlen(broken));
    snprintf(arguments, sizeof(arguments), "formats --set formats=%s", scratch_path("own.ini"));
    expect(arguments, 2, "", "own.ini:2: pattern \"AC[\", character 3: [ without ]");
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    program = argv[1];
    version = argv[2];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_help_and_version),
        cmocka_unit_test(test_wrong_use),
        cmocka_unit_test(test_settings_and_their_order),
        cmocka_unit_test(test_missing_models),
        cmocka_unit_test(test_nothing_to_read),
        cmocka_unit_test(test_full_disk_is_an_error),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
