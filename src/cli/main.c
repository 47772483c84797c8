/*
 * serialeye, the command: finds the subcommand and runs it.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

static const struct command *const commands[] = {
    &command_read,   &command_watch,  &command_serve,   &command_keys,         &command_top,
    &command_eval,   &command_sweep,  &command_doctor,  &command_bench,        &command_cost,
    &command_models, &command_config, &command_formats, &command_serve_worker,
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static void print_overview(FILE *out)
{
    fputs("Reads serial numbers off photographs of devices.\n\n"
          "usage: serialeye COMMAND [OPTION]… [ARGUMENT]…\n\n",
          out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (commands[i]->summary)
            fprintf(out, "  %-9s%s\n", commands[i]->name, commands[i]->summary);
    fputs("  help     says more about a command: serialeye help read\n\n"
          "Exit status: 0 all done, also when no serial number was found; 1 some pictures failed;\n"
          "2 wrong use or settings.\n",
          out);
}

static int run_help(int argc, char **argv)
{
    if (argc < 2) {
        print_overview(stdout);
        return cli_flush_stdout();
    }
    const struct command *command = find_command(argv[1]);
    if (command)
        return cli_print_usage(command);
    fprintf(stderr, "serialeye: there is no command \"%s\"\n", argv[1]);
    print_overview(stderr);
    return STATUS_WRONG_USE;
}

/* Pictures and tensors come and go: what is as large as they are goes back to the system when it is
 * freed, whatever was freed before. Over the photographs that saves 36 of 245 MB. Of what is
 * smaller a little is kept for the next picture: to have its pages cleared anew takes 8 % of the
 * time of docs/example.jpg. */
static void settle_memory(void)
{
#ifdef __GLIBC__
    enum { LARGE = 2 << 20, KEPT = 8 << 20 };
    mallopt(M_MMAP_THRESHOLD, LARGE);
    mallopt(M_TRIM_THRESHOLD, KEPT);
#endif
}

int main(int argc, char **argv)
{
    settle_memory();
    if (argc < 2) {
        print_overview(stderr);
        return STATUS_WRONG_USE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        printf("serialeye %s\n", se_version());
        return cli_flush_stdout();
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return run_help(argc - 1, argv + 1);
    const struct command *command = find_command(name);
    if (command)
        return command->run(argc - 1, argv + 1);
    fprintf(stderr, "serialeye: there is no command \"%s\"\n", name);
    print_overview(stderr);
    return STATUS_WRONG_USE;
}
