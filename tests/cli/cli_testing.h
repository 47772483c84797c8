/*
 * What the tests of subcommands share: the program run with a line of arguments, JSON out of it.
 */
#ifndef SE_TESTS_CLI_TESTING_H
#define SE_TESTS_CLI_TESTING_H

#include <jansson.h>
#include <stdbool.h>

#include "run_program.h"

enum { CLI_EXIT_SKIP = 77 };

/* The program that is tested. */
extern const char *cli_program;

/* Are the models in place? Says SKIP and why when they are not. */
bool cli_models_are_there(void);
/* Runs the program with arguments up to NULL; ends the test unless it ends with `status`. */
struct program_run cli_run(int status, const char *first, ...);
/* The same, for the JSON that it prints; the caller gives it back. */
json_t *cli_json(int status, const char *first, ...);
/* Runs it for its failure: expects `message` in stderr. */
#define CLI_EXPECT_FAILURE(status, message, ...)                                                   \
    do {                                                                                           \
        struct program_run run_ = cli_run(status, __VA_ARGS__, NULL);                              \
        if (!strstr(run_.err, message))                                                            \
            fail_msg("no \"%s\" in: %s", message, run_.err);                                       \
        program_run_free(&run_);                                                                   \
    } while (0)

/* A number at path a.b.c of objects; ends the test when there is none. */
double cli_number(const json_t *all, const char *path);
/* A string there; "" when there is none. */
const char *cli_string(const json_t *all, const char *path);

#endif
