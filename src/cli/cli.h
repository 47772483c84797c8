/*
 * What the subcommands share: their table, exit status, ways to complain.
 *
 * Each subcommand has a file of its own, cmd_<name>.c, with one row `command_<name>`. A subcommand
 * gets its own argv, argv[0] being its name, and returns the program's exit status.
 */
#ifndef SE_CLI_CLI_H
#define SE_CLI_CLI_H

#include "serialeye.h"

enum {
    STATUS_ALL_DONE = 0,
    STATUS_SOME_FAILED = 1, /* some pictures failed, or something that was checked is not right */
    STATUS_WRONG_USE = 2    /* wrong use or settings: nothing was done */
};

struct command {
    const char *name;
    const char *summary; /* one line; NULL: not for people, `serialeye help` does not list it */
    const char *usage;   /* what `serialeye help NAME` prints */
    int (*run)(int argc, char **argv);
};

extern const struct command command_read;
extern const struct command command_models;
extern const struct command command_config;
extern const struct command command_formats;
extern const struct command command_doctor;
extern const struct command command_bench;
extern const struct command command_cost;
extern const struct command command_serve;
extern const struct command command_keys;
extern const struct command command_serve_worker;
extern const struct command command_eval;
extern const struct command command_sweep;
extern const struct command command_watch;
extern const struct command command_top;

/* Prints the usage of a subcommand to stdout; the exit status is STATUS_ALL_DONE. */
int cli_print_usage(const struct command *command);

/* Says on stderr what was used wrongly and where help is; returns STATUS_WRONG_USE. */
int cli_misuse(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Says a failure on stderr; returns STATUS_WRONG_USE. */
int cli_fail(const se_error *error);

/* Flushes stdout: 0, or, when something could not be written, says so and returns
 * STATUS_SOME_FAILED. */
int cli_flush_stdout(void);

#endif
