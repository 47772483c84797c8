#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli_testing.h"

#include <stdio.h>
#include <string.h>

enum { MAX_ARGUMENTS = 40 };

const char *cli_program;

bool cli_models_are_there(void)
{
    const char *arguments[] = {cli_program, "models", "verify", NULL};
    struct program_run run;
    program_run(&run, arguments, NULL, 0);
    const bool there = run.status == 0;
    if (!there)
        printf("SKIP: %s", run.err);
    program_run_free(&run);
    return there;
}

static struct program_run run_list(int status, const char *first, va_list more)
{
    const char *list[MAX_ARGUMENTS] = {cli_program};
    int count = 1;
    for (const char *argument = first; argument; argument = va_arg(more, const char *)) {
        assert_true(count + 1 < MAX_ARGUMENTS);
        list[count++] = argument;
    }
    struct program_run run;
    program_run(&run, list, NULL, 0);
    if (run.status != status)
        fail_msg("serialeye %s: exit status %d\nstdout: %s\nstderr: %s", first, run.status, run.out,
                 run.err);
    return run;
}

struct program_run cli_run(int status, const char *first, ...)
{
    va_list more;
    va_start(more, first);
    struct program_run run = run_list(status, first, more);
    va_end(more);
    return run;
}

json_t *cli_json(int status, const char *first, ...)
{
    va_list more;
    va_start(more, first);
    struct program_run run = run_list(status, first, more);
    va_end(more);
    json_t *all = json_loads(run.out, 0, NULL);
    if (!all)
        fail_msg("not JSON: %s", run.out);
    program_run_free(&run);
    return all;
}

static const json_t *at_path(const json_t *all, const char *path)
{
    while (all && *path) {
        char key[64];
        const size_t size = strcspn(path, ".");
        snprintf(key, sizeof(key), "%.*s", (int)size, path);
        all = json_object_get(all, key);
        path += size + (path[size] == '.');
    }
    return all;
}

double cli_number(const json_t *all, const char *path)
{
    const json_t *value = at_path(all, path);
    if (!json_is_number(value))
        fail_msg("no number at %s", path);
    return json_number_value(value);
}

const char *cli_string(const json_t *all, const char *path)
{
    const char *text = json_string_value(at_path(all, path));
    return text ? text : "";
}
