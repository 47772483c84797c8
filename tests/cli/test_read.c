/*
 * `serialeye read` from outside, and the example program.
 *
 * Needs the models (SKIP without them). argv: the program, the example program, a picture and the
 * serial number on it, a small picture and the serial number on it.
 */
#define _GNU_SOURCE
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_program.h"
#include "scratch.h"

/* Sanitizers make reading about twenty times slower. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MANY = 12, VERY_MANY = 12 };
#else
enum { MANY = 40, VERY_MANY = 120 };
#endif
enum { EXIT_SKIP = 77, MAX_ARGUMENTS = 20 };

static const char *program, *example_program, *example, *serial, *small_serial;
static char *small;
static size_t small_size;

/* Runs `program read --time-limit 0` with more arguments, NULL-terminated. */
static struct program_run read_with(const char *first, ...)
{
    const char *list[MAX_ARGUMENTS] = {program, "read", "--time-limit", "0"};
    int count = 4;
    va_list more;
    va_start(more, first);
    for (const char *argument = first; argument; argument = va_arg(more, const char *))
        list[count++] = argument;
    va_end(more);
    struct program_run run;
    program_run(&run, list, NULL, 0);
    return run;
}

static void assert_run(const struct program_run *run, int status)
{
    if (run->status != status)
        fail_msg("exit status %d\nstdout: %s\nstderr: %s", run->status, run->out, run->err);
}

/* A folder of `count` copies (links) of the small picture: 000.jpg, 001.jpg, … */
static void write_many(int count)
{
    scratch_write("pictures/000.jpg", small, small_size);
    for (int i = 1; i < count; i++) {
        char name[40];
        snprintf(name, sizeof(name), "pictures/%03d.jpg", i);
        assert_int_equal(link(scratch_path("pictures/000.jpg"), scratch_path(name)), 0);
    }
}

/* The next line of JSON at *text; the caller gives it back. */
static json_t *next_object(const char **text)
{
    const char *end = strchr(*text, '\n');
    assert_non_null(end);
    json_t *all = json_loadb(*text, (size_t)(end - *text), 0, NULL);
    assert_non_null(all);
    *text = end + 1;
    return all;
}

static const char *first_text(const json_t *all)
{
    const char *text = json_string_value(
        json_object_get(json_array_get(json_object_get(all, "readings"), 0), "text"));
    return text ? text : "";
}

/* Expects one object a picture of write_many, in order and right. */
static void assert_many(const char *text, int count)
{
    for (int i = 0; i < count; i++) {
        char name[40];
        snprintf(name, sizeof(name), "pictures/%03d.jpg", i);
        json_t *all = next_object(&text);
        assert_string_equal(json_string_value(json_object_get(all, "file")), scratch_path(name));
        assert_string_equal(first_text(all), small_serial);
        json_decref(all);
    }
    assert_string_equal(text, "");
}

static void test_plain(void **state)
{
    (void)state;
    char expected[100];
    struct program_run run = read_with(example, NULL);
    assert_run(&run, 0);
    snprintf(expected, sizeof(expected), "%s  serial  sure 0.", serial);
    assert_ptr_equal(strstr(run.out, expected), run.out);
    assert_string_equal(run.err, "");
    program_run_free(&run);
}

static void test_preset(void **state)
{
    (void)state;
    struct program_run run = read_with("--preset", "steel", example, NULL);
    assert_run(&run, 2);
    assert_non_null(strstr(run.err, "--preset"));
    assert_non_null(strstr(run.err, "etched-dark"));
    program_run_free(&run);
    run = read_with("--json", "--preset", "sticker", "--set", "profile=gpu", example, NULL);
    assert_run(&run, 0);
    const char *text = run.out;
    json_t *all = next_object(&text);
    assert_string_equal(first_text(all), serial);
    json_decref(all);
    program_run_free(&run);
}

static void test_json_with_lines(void **state)
{
    (void)state;
    struct program_run run = read_with("--json", "--lines", "--no-barcodes", example, NULL);
    assert_run(&run, 0);
    const char *text = run.out;
    json_t *all = next_object(&text);
    assert_string_equal(json_string_value(json_object_get(all, "file")), example);
    json_t *lines = json_object_get(all, "lines");
    int found = 0;
    for (size_t i = 0; i < json_array_size(lines); i++)
        found += strstr(json_string_value(json_object_get(json_array_get(lines, i), "text")),
                        serial) != NULL;
    assert_true(found > 0);
    assert_string_equal(text, "");
    json_decref(all);
    program_run_free(&run);
}

/* The terms add up to the score. */
static void test_json_explained(void **state)
{
    (void)state;
    struct program_run run = read_with("--json", "--explain", example, NULL);
    assert_run(&run, 0);
    const char *text = run.out;
    json_t *all = next_object(&text);
    const json_t *reading = json_array_get(json_object_get(all, "readings"), 0);
    const json_t *terms = json_object_get(reading, "terms");
    double sum = 0;
    for (size_t i = 0; i < json_array_size(terms); i++) {
        const json_t *term = json_array_get(terms, i);
        if (!json_object_get(term, "of"))
            sum += json_number_value(json_object_get(term, "value")) *
                   json_number_value(json_object_get(term, "weight"));
    }
    assert_true(json_array_size(terms) > 10);
    assert_non_null(json_string_value(json_object_get(reading, "why")));
    assert_float_equal((float)(1 / (1 + exp(-sum))),
                       (float)json_number_value(json_object_get(reading, "score")), 1e-3);
    json_decref(all);
    program_run_free(&run);
}

static void test_csv(void **state)
{
    (void)state;
    char expected[200];
    scratch_write("a,b.jpg", small, small_size);
    scratch_write("c.jpg", "garbage", 7);
    struct program_run run =
        read_with("--csv", scratch_path("a,b.jpg"), scratch_path("c.jpg"), NULL);
    assert_run(&run, 1);
    snprintf(expected, sizeof(expected),
             "file,text,kind,format,score,status,printed,error\r\n\"%s\",%s,serial,",
             scratch_path("a,b.jpg"), small_serial);
    assert_ptr_equal(strstr(run.out, expected), run.out);
    snprintf(expected, sizeof(expected), "\r\n%s,,,,,,,", scratch_path("c.jpg"));
    assert_non_null(strstr(run.out, expected));
    assert_non_null(strstr(run.out, "unknown_type: "));
    program_run_free(&run);
}

static void test_broken_files_are_passed_over(void **state)
{
    (void)state;
    scratch_write("p/a.jpg", small, small_size / 2);
    scratch_write("p/b.jpg", small, small_size);
    scratch_write("p/c.png", "", 0);
    struct program_run run = read_with("--json", scratch_path("p"), "/no/such.jpg", NULL);
    assert_run(&run, 1);
    static const char *const codes[] = {"truncated", NULL, "empty", "io"};
    const char *text = run.out;
    for (int i = 0; i < 4; i++) {
        json_t *all = next_object(&text);
        json_t *error = json_object_get(all, "error");
        if (codes[i])
            assert_string_equal(json_string_value(json_object_get(error, "code")), codes[i]);
        else
            assert_string_equal(first_text(all), small_serial);
        json_decref(all);
    }
    program_run_free(&run);
    run = read_with(scratch_path("p"), NULL);
    assert_run(&run, 1);
    assert_non_null(strstr(run.out, "p/b.jpg: "));
    assert_null(strstr(run.out, "p/a.jpg"));
    assert_non_null(strstr(run.err, "p/a.jpg: "));
    assert_non_null(strstr(run.err, "p/c.png: "));
    assert_non_null(strstr(run.err, "2 of 3 pictures failed"));
    program_run_free(&run);
}

static void test_standard_input(void **state)
{
    (void)state;
    const char *arguments[] = {program, "read", "--json", "--time-limit", "0", "-", NULL};
    struct program_run run;
    program_run(&run, arguments, small, small_size);
    assert_run(&run, 0);
    const char *text = run.out;
    json_t *all = next_object(&text);
    assert_string_equal(json_string_value(json_object_get(all, "file")), "-");
    assert_string_equal(first_text(all), small_serial);
    json_decref(all);
    program_run_free(&run);
    program_run(&run, arguments, NULL, 0);
    assert_run(&run, 1);
    assert_non_null(strstr(run.out, "\"code\":\"empty\""));
    program_run_free(&run);
}

static void test_overlay(void **state)
{
    (void)state;
    scratch_write("a.jpg", small, small_size);
    struct program_run run =
        read_with("--overlay", scratch_path("o.png"), scratch_path("a.jpg"), NULL);
    assert_run(&run, 0);
    assert_ptr_equal(strstr(run.out, small_serial), run.out);
    program_run_free(&run);
    /* The serial number can still be read on it, between the marks. */
    run = read_with(scratch_path("o.png"), NULL);
    assert_run(&run, 0);
    assert_non_null(strstr(run.out, small_serial));
    program_run_free(&run);
    run = read_with("--overlay", "/no/such/folder/o.png", scratch_path("a.jpg"), NULL);
    assert_run(&run, 1);
    assert_non_null(strstr(run.err, "/no/such/folder/o.png: No such file"));
    program_run_free(&run);
    run = read_with("--overlay", scratch_path("o.png"), scratch_path(""), NULL);
    assert_run(&run, 2);
    assert_non_null(strstr(run.err, "takes one picture, not 2"));
    program_run_free(&run);
}

/* The JSON lines without their "ms". */
static void drop_ms(char *text)
{
    for (char *at = text; (at = strstr(at, "\"ms\":"));) {
        char *end = strchr(at, ',');
        memset(at, ' ', (size_t)(end - at));
    }
    char *to = text;
    for (const char *from = text; (*to = *from); from++)
        to += *from != ' ';
}

static void test_jobs_change_nothing(void **state)
{
    (void)state;
    write_many(12);
    scratch_write("pictures/005b.jpg", small, 100);
    struct program_run one =
        read_with("--json", "--jobs", "1", "--threads", "1", scratch_path("pictures"), NULL);
    struct program_run four = read_with("--json", "--jobs", "4", scratch_path("pictures"), NULL);
    assert_run(&one, 1);
    assert_run(&four, 1);
    drop_ms(one.out);
    drop_ms(four.out);
    assert_string_equal(one.out, four.out);
    program_run_free(&one);
    program_run_free(&four);
}

static void test_memory_does_not_grow_with_the_pictures(void **state)
{
    (void)state;
    write_many(VERY_MANY);
    struct program_run few = read_with(
        "--json", "--jobs", "2", scratch_path("pictures/000.jpg"), scratch_path("pictures/001.jpg"),
        scratch_path("pictures/002.jpg"), scratch_path("pictures/003.jpg"), NULL);
    struct program_run many = read_with("--json", "--jobs", "2", scratch_path("pictures"), NULL);
    assert_run(&few, 0);
    assert_run(&many, 0);
    assert_many(many.out, VERY_MANY);
    printf("%ld KiB for 4 pictures, %ld KiB for %d\n", few.peak_kib, many.peak_kib, VERY_MANY);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what is freed */
    assert_true(many.peak_kib < few.peak_kib + few.peak_kib / 10);
#endif
    program_run_free(&few);
    program_run_free(&many);
}

/* ---- interrupted runs ----------------------------------------------------------------------- */

static int count_lines(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return 0;
    size_t size;
    int count = 0;
    char *text = scratch_read(path, &size);
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        count++;
    free(text);
    return count;
}

/* Starts a run over many pictures and ends it with `signal_number` once some are done. */
static int interrupt_run(const char *format, int signal_number)
{
    char out[600], folder[600];
    snprintf(out, sizeof(out), "%s", scratch_path("out"));
    snprintf(folder, sizeof(folder), "%s", scratch_path("pictures"));
    const char *arguments[] = {program, "read",  format, "--time-limit", "0", "--jobs",
                               "2",     "--out", out,    folder,         NULL};
    const pid_t child = program_start(arguments);
    assert_true(child > 0);
    for (int i = 0; i < 6000 && count_lines(out) < 4; i++)
        usleep(10000);
    int status;
    kill(child, signal_number);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void test_resume_after_interruption(void **state)
{
    (void)state;
    write_many(MANY);
    assert_int_equal(interrupt_run("--json", SIGINT), 1);
    const int before = count_lines(scratch_path("out"));
    assert_true(before >= 4 && before < MANY);
    struct program_run run = read_with("--json", "--resume", "--out", scratch_path("out"),
                                       scratch_path("pictures"), NULL);
    assert_run(&run, 0);
    program_run_free(&run);
    size_t size;
    char *text = scratch_read(scratch_path("out"), &size);
    assert_many(text, MANY);
    /* A third run has nothing to do. */
    run = read_with("--json", "--resume", "--out", scratch_path("out"), scratch_path("pictures"),
                    NULL);
    assert_run(&run, 0);
    program_run_free(&run);
    char *again = scratch_read(scratch_path("out"), &size);
    assert_string_equal(text, again);
    free(text);
    free(again);
}

static void test_resume_after_a_kill(void **state)
{
    (void)state;
    write_many(MANY);
    assert_int_equal(interrupt_run("--csv", SIGKILL), 128 + SIGKILL);
    /* As if the kill had come in the middle of a row. */
    FILE *file = fopen(scratch_path("out"), "ab");
    fputs("\"cut, off", file);
    fclose(file);
    struct program_run run = read_with("--csv", "--resume", "--out", scratch_path("out"),
                                       scratch_path("pictures"), NULL);
    assert_run(&run, 0);
    program_run_free(&run);
    size_t size;
    char *text = scratch_read(scratch_path("out"), &size);
    assert_null(strstr(text, "cut"));
    assert_int_equal(count_lines(scratch_path("out")), MANY + 1);
    for (int i = 0; i < MANY; i++) {
        char name[40];
        snprintf(name, sizeof(name), "pictures/%03d.jpg,%s", i, small_serial);
        const char *at = strstr(text, name);
        assert_non_null(at);
        assert_null(strstr(at + 1, name));
    }
    free(text);
}

static void test_full_disk_is_an_error(void **state)
{
    (void)state;
    write_many(12);
    struct program_run run =
        read_with("--json", "--out", "/dev/full", scratch_path("pictures"), NULL);
    assert_run(&run, 1);
    assert_non_null(strstr(run.err, "/dev/full: No space left"));
    program_run_free(&run);
}

/* --------------------------------------------------------------------------------------------- */

static void test_doctor_finds_all_in_order(void **state)
{
    (void)state;
    const char *arguments[] = {program, "doctor", "--json", NULL};
    struct program_run run;
    program_run(&run, arguments, NULL, 0);
    assert_run(&run, 0);
    assert_non_null(strstr(run.out, "\"ok\":true"));
    program_run_free(&run);
    arguments[1] = "models";
    arguments[2] = "verify";
    program_run(&run, arguments, NULL, 0);
    assert_run(&run, 0);
    program_run_free(&run);
}

static void test_example_program(void **state)
{
    (void)state;
    char expected[100];
    const char *arguments[] = {example_program, example, NULL};
    struct program_run run;
    program_run(&run, arguments, NULL, 0);
    assert_run(&run, 0);
    snprintf(expected, sizeof(expected), "%s\n", serial);
    assert_string_equal(run.out, expected);
    program_run_free(&run);
}

static int models_are_there(void)
{
    const char *arguments[] = {program, "models", "verify", NULL};
    struct program_run run;
    program_run(&run, arguments, NULL, 0);
    const int there = run.status == 0;
    if (!there)
        printf("SKIP: %s", run.err);
    program_run_free(&run);
    return there;
}

/* Is a file of the folder watched by `watch` opened within a minute? */
static bool a_file_is_opened(int watch)
{
    _Alignas(struct inotify_event) char events[4096];
    struct pollfd poll_for = {.fd = watch, .events = POLLIN};
    while (poll(&poll_for, 1, 60000) == 1) {
        const ssize_t size = read(watch, events, sizeof(events));
        for (const char *at = events; at < events + size;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)at;
            if (event->len > 0)
                return true;
            at += sizeof(*event) + event->len;
        }
    }
    return false;
}

/* While the first picture, from a pipe, keeps one job waiting, the other reads those behind it:
 * jobs take pictures in the order of the list, not each its own part of it. */
static void test_jobs_go_on_side_by_side(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    write_many(COUNT);
    int pipe_to[2];
    assert_int_equal(pipe(pipe_to), 0);
    const int watch = inotify_init1(IN_CLOEXEC);
    assert_true(watch >= 0 && inotify_add_watch(watch, scratch_path("pictures"), IN_OPEN) >= 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const int nothing = open("/dev/null", O_WRONLY);
        dup2(pipe_to[0], 0);
        dup2(nothing, 1);
        dup2(nothing, 2);
        close(pipe_to[0]);
        close(pipe_to[1]);
        execl(program, program, "read", "--jobs", "2", "-", scratch_path("pictures"), (char *)NULL);
        _exit(127);
    }
    close(pipe_to[0]);
    const bool opened = a_file_is_opened(watch);
    close(pipe_to[1]); /* an empty picture: one failed */
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(opened);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    close(watch);
}

int main(int argc, char **argv)
{
    if (argc != 7)
        return 2;
    program = argv[1];
    example_program = argv[2];
    example = argv[3];
    serial = argv[4];
    small_serial = argv[6];
    if (!models_are_there())
        return EXIT_SKIP;
    small = scratch_read(argv[5], &small_size);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plain, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_preset, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_json_with_lines, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_json_explained, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_csv, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_broken_files_are_passed_over, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_standard_input, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_overlay, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_jobs_change_nothing, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_jobs_go_on_side_by_side, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_memory_does_not_grow_with_the_pictures, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_resume_after_interruption, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_resume_after_a_kill, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_full_disk_is_an_error, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_doctor_finds_all_in_order, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_example_program, scratch_setup, scratch_teardown),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(small);
    return failed;
}
