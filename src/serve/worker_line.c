#include "serve/worker_line.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 5000 };

/* Settings that the service decides, or that are its own. */
static bool is_not_for_workers(const se_setting_info *info)
{
    static const char of_service[] = "serve: ";
    if (strcmp(info->name, "sandbox") == 0)
        return false;
    return strcmp(info->origin, "default") == 0 || strcmp(info->name, "jobs") == 0 ||
           strcmp(info->name, "threads") == 0 ||
           strncmp(info->description, of_service, sizeof(of_service) - 1) == 0;
}

static bool add(char **line, size_t *count, const char *text)
{
    line[*count] = strdup(text);
    return line[(*count)++] != NULL;
}

static bool add_setting(char **line, size_t *count, const char *name, const char *value)
{
    char text[MAX_TEXT];
    snprintf(text, sizeof(text), "%s=%s", name, value);
    return add(line, count, "--set") && add(line, count, text);
}

char **worker_line_make(const se_settings *settings, int jobs, int threads, se_error *err)
{
    const size_t room = 2 * se_settings_count(settings) + 8;
    char **line = calloc(room, sizeof(*line));
    size_t count = 0;
    se_setting_info info;
    char side_by_side[16], number[16];
    snprintf(side_by_side, sizeof(side_by_side), "%d", jobs);
    snprintf(number, sizeof(number), "%d", threads);
    bool good = line && add(line, &count, "serialeye") && add(line, &count, "serve-worker") &&
                add_setting(line, &count, "jobs", side_by_side) &&
                add_setting(line, &count, "threads", number);
    for (size_t i = 0; good && se_settings_at(settings, i, &info) == SE_OK; i++)
        if (!is_not_for_workers(&info))
            good = add_setting(line, &count, info.name, info.value);
    if (good)
        return line;
    worker_line_free(line);
    se_fail_memory(err, "the command line of a worker", room * sizeof(*line));
    return NULL;
}

void worker_line_free(char **line)
{
    for (size_t i = 0; line && line[i]; i++)
        free(line[i]);
    free(line);
}
