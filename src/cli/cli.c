#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int cli_print_usage(const struct command *command)
{
    fputs(command->usage, stdout);
    return cli_flush_stdout();
}

int cli_misuse(const struct command *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "serialeye %s: ", command->name);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n\"serialeye help %s\" says more.\n", command->name);
    va_end(args);
    return STATUS_WRONG_USE;
}

int cli_fail(const se_error *error)
{
    fprintf(stderr, "serialeye: %s\n", error->message);
    return STATUS_WRONG_USE;
}

int cli_flush_stdout(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return STATUS_ALL_DONE;
    fprintf(stderr, "serialeye: standard output: %s\n", strerror(errno));
    return STATUS_SOME_FAILED;
}
