/*
 * Settings from an INI file and from the environment.
 *
 * The INI grammar is inih's, with three things made stricter, since a setting must never be changed
 * by accident: a line longer than inih's own limit is refused instead of cut in two, an indented
 * line is a line of its own instead of the continuation of the one before, and a file with a line
 * that is none (no "=") is read up to that line only.
 */
#define _GNU_SOURCE
#include "reader/settings.h"

#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

enum { ENVIRONMENT_NAME_MAX = 80 };

static const char environment_prefix[] = "SERIALEYE_";
/* Has the prefix and is no setting: where the tests of this project find photographs. */
static const char photos_variable[] = "SERIALEYE_PHOTOS";

/* Where inih's reader stands in a file that is held in memory. */
struct ini_source {
    const char *at, *end;
    int line;              /* the one handed out last, from 1 */
    int last_line;         /* no line behind this one is handed out; 0: no such limit */
    int too_long;          /* bytes that a line may have, once `line` was longer; else 0 */
    se_settings *settings; /* NULL while only the grammar is looked at */
    const char *path;
    int status;
    se_error *err;
};

/* fgets for inih. */
static char *ini_next_line(char *out, int size, void *context)
{
    struct ini_source *source = context;
    if (source->at == source->end || source->status != SE_OK || source->too_long ||
        (source->last_line && source->line == source->last_line))
        return NULL;
    const char *stop = memchr(source->at, '\n', (size_t)(source->end - source->at));
    const char *next = stop ? stop + 1 : source->end;
    source->line++;
    while (source->at < next && (*source->at == ' ' || *source->at == '\t'))
        source->at++;
    const size_t length = (size_t)(next - source->at);
    if (length + 1 > (size_t)size) {
        source->too_long = size - 2;
        return NULL;
    }
    memcpy(out, source->at, length);
    out[length] = '\0';
    source->at = next;
    return out;
}

/* inih's handler; 0 marks the line as bad. */
static int ini_take(void *context, const char *section, const char *name, const char *value)
{
    struct ini_source *source = context;
    if (!source->settings || source->status != SE_OK)
        return 1;
    if (*section && strcmp(section, "serialeye") != 0) {
        source->status =
            se_fail(source->err, SE_ERR_SETTING, "%s:%d: unknown section [%.60s]; use [serialeye]",
                    source->path, source->line, section);
        return 0;
    }
    char *origin;
    if (asprintf(&origin, "%s:%d", source->path, source->line) < 0) {
        source->status = se_fail_memory(source->err, "the origin of a setting", 0);
        return 0;
    }
    se_error why;
    source->status = se_settings_set(source->settings, name, value, origin, &why);
    if (source->status != SE_OK)
        se_fail(source->err, source->status, "%s: %s", origin, why.message);
    free(origin);
    return source->status == SE_OK;
}

static int load_ini_text(se_settings *settings, const char *path, const char *text, size_t size,
                         se_error *err)
{
    if (size >= 3 &&
        memcmp(text, "\xEF\xBB\xBF", 3) == 0) { /* before inih sees it: it may be cut */
        text += 3;
        size -= 3;
    }
    RETURN_ERROR_IF(size && memchr(text, '\0', size), err, SE_ERR_SETTING,
                    "%s: a zero byte: not a text file", path);
    struct ini_source look = {.at = text, .end = text + size, .path = path};
    const int bad = ini_parse_stream(ini_next_line, &look, ini_take, &look);
    RETURN_ERROR_IF(bad < 0, err, SE_ERR_MEMORY, "%s: out of memory", path);
    const int stop = bad > 0 ? bad : look.too_long ? look.line : 0;

    struct ini_source take = {.at = text,
                              .end = look.end,
                              .last_line = stop > 1 ? stop - 1 : 0,
                              .settings = settings,
                              .path = path,
                              .err = err};
    if (stop != 1)
        ini_parse_stream(ini_next_line, &take, ini_take, &take);
    FORWARD_IF_ERROR(take.status);
    RETURN_ERROR_IF(bad > 0, err, SE_ERR_SETTING, "%s:%d: not of the form name = value", path, bad);
    RETURN_ERROR_IF(look.too_long, err, SE_ERR_SETTING, "%s:%d: line longer than %d bytes", path,
                    look.line, look.too_long);
    return SE_OK;
}

int se_settings_load_ini(se_settings *settings, const char *path, se_error *error)
{
    RETURN_ERROR_IF(!settings || !path, error, SE_ERR_ARGUMENT,
                    "se_settings_load_ini: settings or path is NULL");
    struct file_map map;
    FORWARD_IF_ERROR(file_map_open(&map, path, error));
    const int status = load_ini_text(settings, path, (const char *)map.data, map.size, error);
    file_map_close(&map);
    return status;
}

int se_settings_load_environment(se_settings *settings, se_error *error)
{
    RETURN_ERROR_IF(!settings, error, SE_ERR_ARGUMENT,
                    "se_settings_load_environment: settings is NULL");
    const size_t prefix = sizeof(environment_prefix) - 1;
    for (char **entry = environ; entry && *entry; entry++) {
        const char *equals = strchr(*entry, '=');
        if (!equals || strncmp(*entry, environment_prefix, prefix) != 0)
            continue;
        if (strncmp(*entry, photos_variable, strlen(photos_variable)) == 0 &&
            equals == *entry + strlen(photos_variable))
            continue;
        char name[ENVIRONMENT_NAME_MAX];
        const size_t length = (size_t)(equals - *entry) - prefix;
        RETURN_ERROR_IF(length >= sizeof(name), error, SE_ERR_SETTING,
                        "environment: unknown setting %.60s…", *entry);
        for (size_t i = 0; i < length; i++) {
            const char c = (*entry)[prefix + i];
            name[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        }
        name[length] = '\0';
        se_error why;
        const int status = se_settings_set(settings, name, equals + 1, "environment", &why);
        if (status != SE_OK)
            return se_fail(error, status, "environment, %.*s: %s", (int)(equals - *entry), *entry,
                           why.message);
    }
    return SE_OK;
}
