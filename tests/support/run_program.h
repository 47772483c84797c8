/*
 * Runs a program as a user would and keeps what came of it.
 */
#ifndef SE_TESTS_RUN_PROGRAM_H
#define SE_TESTS_RUN_PROGRAM_H

#include <stddef.h>
#include <sys/types.h>

struct program_run {
    int status;      /* exit status; 128 + signal when one ended it; -1: it could not be started */
    char *out, *err; /* owned, '\0'-terminated */
    size_t out_size, err_size;
    long peak_kib; /* largest resident size */
};

/* Runs `arguments` (NULL-terminated, [0] is the path) with `input` (may be NULL: nothing) on its
 * standard input and waits for it. The caller gives the result to program_run_free. */
void program_run(struct program_run *run, const char *const *arguments, const void *input,
                 size_t input_size);
void program_run_free(struct program_run *run);

/* Starts it without waiting, output and errors thrown away; 0 when that fails. */
pid_t program_start(const char *const *arguments);

#endif
