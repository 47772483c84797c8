/*
 * Subcommands that take settings and --json alone.
 */
#ifndef SE_CLI_PLAIN_COMMAND_H
#define SE_CLI_PLAIN_COMMAND_H

#include <stdbool.h>

#include "cli/cli.h"

/* Parses argv and calls `work` with the settings in force; returns the exit status. */
int plain_command_run(const struct command *command, int argc, char **argv,
                      int (*work)(const se_settings *settings, bool json));

#endif
