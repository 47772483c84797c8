#define _GNU_SOURCE
#include "run_program.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Input and output go through files: no pipe can fill up and block. */
static pid_t spawn(const char *const *arguments, int in, int out, int err)
{
    pid_t child;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_adddup2(&actions, err, 2);
    const int failure = posix_spawn(&child, arguments[0], &actions, NULL,
                                    (char *const *)(uintptr_t)arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return failure ? 0 : child;
}

static char *take(FILE *file, size_t *size)
{
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    char *text = calloc(*size + 1, 1);
    if (!text || fread(text, 1, *size, file) != *size)
        abort();
    fclose(file);
    return text;
}

void program_run(struct program_run *run, const char *const *arguments, const void *input,
                 size_t input_size)
{
    FILE *in = tmpfile(), *out = tmpfile(), *err = tmpfile();
    if (!in || !out || !err || fwrite(input ? input : "", 1, input_size, in) != input_size ||
        fflush(in) != 0)
        abort();
    lseek(fileno(in), 0, SEEK_SET);
    *run = (struct program_run){.status = -1};
    const pid_t child = spawn(arguments, fileno(in), fileno(out), fileno(err));
    int status;
    struct rusage usage;
    if (child && wait4(child, &status, 0, &usage) == child) {
        run->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        run->peak_kib = usage.ru_maxrss;
    }
    fclose(in);
    run->out = take(out, &run->out_size);
    run->err = take(err, &run->err_size);
}

void program_run_free(struct program_run *run)
{
    free(run->out);
    free(run->err);
    run->out = run->err = NULL;
}

pid_t program_start(const char *const *arguments)
{
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    const pid_t child = spawn(arguments, nothing, nothing, nothing);
    close(nothing);
    return child;
}
