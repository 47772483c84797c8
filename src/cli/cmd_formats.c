/*
 * serialeye formats: the identifier formats that readings are held against.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/plain_command.h"
#include "cli/text.h"
#include "diag/format_list.h"

static const char usage[] =
    "usage: serialeye formats [--json] [--config FILE] [--set NAME=VALUE]…\n\n"
    "Lists the formats of identifiers: name, kind, pattern; where it is described, what checks "
    "it,\n"
    "a code that fits. A file of your own (setting formats) adds some:\n\n"
    "  [acme-pump]\n"
    "  kind = serial\n"
    "  pattern = AC[0-9]{2}d{6}\n"
    "  pass = AC01482913\n\n"
    "Patterns: capitals and digits stand for themselves; a letter, d digit, x either, h "
    "hexadecimal\n"
    "digit, n either but not I or O, v the alphabet of VINs; [ABC0-9] one of a set; {n}, {m,n}\n"
    "repeat. More fields: starts, makers, check, flags, bare, announced, source, fail.\n\n"
    "  --json            one JSON object, with every field\n"
    "  --config FILE     settings from an INI file\n"
    "  --set NAME=VALUE  any setting, for one formats=FILE\n"
    "  -h, --help        print this\n";

static void print_plain(const struct format_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct format_entry *entry = &list->entries[i];
        char *source = text_printable(entry->source);
        printf("%-18s%-11s%s\n", entry->name, entry->kind, entry->pattern);
        printf("%18s%s%s%s%s%s%s%s\n", "", source ? source : "", source && *source ? "; " : "",
               entry->check[0] ? "check " : "", entry->check, entry->check[0] ? "; " : "",
               entry->own ? "your own; " : "", entry->pass[0]);
        free(source);
    }
}

static json_t *strings_json(const char *const strings[FORMAT_LIST_EXAMPLES])
{
    json_t *array = json_array();
    int failed = !array;
    for (int i = 0; i < FORMAT_LIST_EXAMPLES && strings[i]; i++)
        failed |= json_array_append_new(array, json_string(strings[i]));
    if (!failed)
        return array;
    json_decref(array);
    return NULL;
}

static json_t *entry_json(const struct format_entry *entry)
{
    json_t *one = json_object();
    int failed = json_object_set_new(one, "name", json_string(entry->name));
    failed |= json_object_set_new(one, "kind", json_string(entry->kind));
    failed |= json_object_set_new(one, "source", text_json(entry->source));
    failed |= json_object_set_new(one, "pattern", json_string(entry->pattern));
    failed |= json_object_set_new(one, "starts", json_string(entry->starts));
    failed |= json_object_set_new(one, "makers", text_json(entry->makers));
    failed |= json_object_set_new(one, "check", json_string(entry->check));
    failed |= json_object_set_new(one, "flags", json_string(entry->flags));
    failed |= json_object_set_new(one, "bare", json_real(entry->bare));
    failed |= json_object_set_new(one, "announced", json_real(entry->announced));
    failed |= json_object_set_new(one, "pass", strings_json(entry->pass));
    failed |= json_object_set_new(one, "fail", strings_json(entry->fail));
    failed |= json_object_set_new(one, "own", json_boolean(entry->own));
    if (!failed)
        return one;
    json_decref(one);
    return NULL;
}

static int print_json(const struct format_list *list)
{
    json_t *all = json_object();
    json_t *formats = json_array();
    int failed = !formats;
    for (size_t i = 0; i < list->count; i++)
        failed |= json_array_append_new(formats, entry_json(&list->entries[i]));
    failed |= json_object_set_new(all, "formats", formats);
    return text_print_json(all, failed);
}

static int print_formats(const se_settings *settings, bool json)
{
    struct format_list list;
    se_error err;
    int status = STATUS_ALL_DONE;
    if (format_list_make(&list, settings, &err) != SE_OK)
        return cli_fail(&err);
    if (json) {
        status = print_json(&list);
    } else {
        print_plain(&list);
        status = cli_flush_stdout();
    }
    format_list_free(&list);
    return status;
}

static int run(int argc, char **argv)
{
    return plain_command_run(&command_formats, argc, argv, print_formats);
}

const struct command command_formats = {"formats", "lists the formats of identifiers", usage, run};
