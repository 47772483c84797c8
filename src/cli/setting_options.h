/*
 * Settings given on the command line: --config FILE, --set NAME=VALUE, and short forms such as
 * --threads N. They are gathered while options are parsed and then applied in one order: defaults,
 * the file, the environment, the command line.
 */
#ifndef SE_CLI_SETTING_OPTIONS_H
#define SE_CLI_SETTING_OPTIONS_H

#include <getopt.h>
#include <stddef.h>

#include "cli/cli.h"

/* Values of struct option that stand for the options below. */
enum { OPTION_CONFIG = 0x1000, OPTION_SET, OPTION_SHORT_FORM };

#define SETTING_OPTIONS                                                                            \
    {"config", required_argument, NULL, OPTION_CONFIG},                                            \
    {                                                                                              \
        "set", required_argument, NULL, OPTION_SET                                                 \
    }

/* An option that stands for a setting. */
struct short_form {
    const char *option, *setting;
    const char *value; /* NULL: the option's argument */
};

struct setting_option {
    const char *name, *value; /* name is not '\0'-terminated */
    size_t name_length;
    const char *origin;
};

struct setting_options {
    const char *config;
    struct setting_option *items; /* owned; room for one an argument */
    size_t count;
};

/* Makes an empty list for a command line of `argc` arguments. SE_ERR_MEMORY. */
int setting_options_init(struct setting_options *options, int argc, se_error *err);
void setting_options_free(struct setting_options *options);
/* Takes what getopt_long gave that is not the command's own: 'h' of --help, '?', OPTION_CONFIG,
 * OPTION_SET, and OPTION_SHORT_FORM + i, which stands for forms[i] (NULL: there are none). Returns
 * -1 to go on, else the exit status, after saying why. */
int setting_options_take(struct setting_options *options, const struct command *command,
                         const struct short_form *forms, int option, const char *argument);
/* Makes the settings in force. Everything se_settings_set and the loaders refuse. */
int setting_options_apply(const struct setting_options *options, se_settings **out, se_error *err);

/*
 * How many pictures side by side, and with how many threads each: what was left open is settled by
 * how many pictures there are. Several pictures gain most side by side with one thread each; a
 * single one takes all. Sets both settings, and *jobs (>= 1).
 */
int setting_settle_jobs(se_settings *settings, size_t count, int *jobs, se_error *err);

#endif
