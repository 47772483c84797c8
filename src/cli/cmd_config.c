/*
 * serialeye config: the settings in force and where each comes from.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/plain_command.h"
#include "cli/text.h"

static const char usage[] =
    "usage: serialeye config [--json] [--config FILE] [--set NAME=VALUE]…\n\n"
    "Prints every setting: what it is for, what it takes, where it comes from, its value.\n"
    "The plain form is a file for --config.\n\n"
    "Settings come from, the later the stronger: the defaults, the file of --config, the\n"
    "environment (SERIALEYE_ and the name in capitals), the command line.\n\n"
    "  --json            one JSON object\n"
    "  --config FILE     read settings from an INI file\n"
    "  --set NAME=VALUE  set one\n"
    "  -h, --help        print this\n";

static int print_plain(const se_settings *settings)
{
    se_setting_info info;
    for (size_t i = 0; se_settings_at(settings, i, &info) == SE_OK; i++)
        printf("%s; %s (%s; from: %s)\n%s = %s\n", i ? "\n" : "", info.description, info.range,
               info.origin, info.name, info.value);
    return cli_flush_stdout();
}

static int print_json(const se_settings *settings)
{
    se_setting_info info;
    json_t *all = json_object();
    int failed = !all;
    for (size_t i = 0; se_settings_at(settings, i, &info) == SE_OK; i++) {
        json_t *one = json_object();
        failed |= json_object_set_new(one, "value", text_json(info.value));
        failed |= json_object_set_new(one, "origin", text_json(info.origin));
        failed |= json_object_set_new(one, "range", text_json(info.range));
        failed |= json_object_set_new(one, "description", text_json(info.description));
        failed |= json_object_set_new(all, info.name, one);
    }
    return text_print_json(all, failed);
}

static int print(const se_settings *settings, bool json)
{
    return json ? print_json(settings) : print_plain(settings);
}

static int run(int argc, char **argv)
{
    return plain_command_run(&command_config, argc, argv, print);
}

const struct command command_config = {"config", "prints the settings in force", usage, run};
