#define _GNU_SOURCE
#include "cli/resume.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/text.h"

enum { MAX_NAME = 1 << 16 }; /* longest first field of a CSV row, bytes */

struct source {
    FILE *file;
    const char *path;
    struct resume_names *names;
    size_t line; /* from 1 */
};

/* Takes `name` over, also on failure. */
static int add_name(struct resume_names *names, char *name, se_error *err)
{
    if (name && names->count == names->capacity) {
        const size_t capacity = names->capacity ? names->capacity * 2 : 256;
        char **grown = reallocarray(names->names, capacity, sizeof(*grown));
        if (grown) {
            names->names = grown;
            names->capacity = capacity;
        }
    }
    if (!name || names->count == names->capacity) {
        free(name);
        return se_fail_memory(err, "the names in --out", names->count);
    }
    names->names[names->count++] = name;
    return SE_OK;
}

static int wrong_line(const struct source *source, const char *what, se_error *err)
{
    return se_fail(err, SE_ERR_CORRUPT,
                   "%s:%zu: not %s that this program wrote: --resume cannot go on with this file",
                   source->path, source->line, what);
}

/* ---- JSON lines ----------------------------------------------------------------------------- */

static int take_json_line(struct source *source, const char *line, size_t size, se_error *err)
{
    json_error_t where;
    json_t *all = json_loadb(line, size, JSON_DISABLE_EOF_CHECK, &where);
    const char *name = json_string_value(json_object_get(all, "file"));
    int status;
    /* jansson gives no text when it lacks memory for its own beginnings. */
    if (!all && (!where.text[0] || json_error_code(&where) == json_error_out_of_memory))
        status = se_fail_memory(err, "a line of --out", size);
    else if (!name)
        status = wrong_line(source, "a line of JSON", err);
    else
        status = add_name(source->names, strdup(name), err);
    json_decref(all);
    return status;
}

static int read_json_lines(struct source *source, se_error *err)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    int status = SE_OK;
    while (status == SE_OK && (size = getline(&line, &room, source->file)) > 0) {
        source->line++;
        if (line[size - 1] != '\n')
            break; /* cut off */
        status = take_json_line(source, line, (size_t)size, err);
        source->names->end += (size_t)size;
    }
    /* getline sets no error flag when memory is spent. */
    const int reason = errno;
    free(line);
    RETURN_ERROR_IF(status == SE_OK && !feof(source->file), err,
                    reason == ENOMEM ? SE_ERR_MEMORY : SE_ERR_IO, "%s: %s", source->path,
                    strerror(reason));
    return status;
}

/* ---- CSV ------------------------------------------------------------------------------------ */

struct csv_row {
    char *first; /* the first field, MAX_NAME bytes */
    size_t first_size, size, fields;
    bool whole, wrong;
};

/* Reads one row (RFC 4180; a bare line feed ends it too). Not `whole` when the file ends first. */
static void read_csv_row(FILE *file, struct csv_row *row)
{
    bool quoted = false, after_quote = false;
    int c;
    *row = (struct csv_row){.first = row->first, .fields = 1};
    while (!row->whole && (c = getc_unlocked(file)) != EOF) {
        row->size++;
        if (c == '"') {
            /* A quote inside quotes is doubled: the second one brings the first back. */
            if (!quoted && !after_quote) {
                quoted = true;
                continue;
            }
            if (quoted) {
                quoted = false;
                after_quote = true;
                continue;
            }
            quoted = true;
        }
        after_quote = false;
        if (!quoted && c == '\n') {
            row->whole = true;
        } else if (!quoted && c == ',') {
            row->fields++;
        } else if (row->fields == 1 && (quoted || c != '\r')) {
            if (row->first_size + 1 < MAX_NAME)
                row->first[row->first_size++] = (char)c;
            else
                row->wrong = true;
        }
    }
    row->first[row->first_size] = '\0';
}

static int read_csv_rows(struct source *source, struct csv_row *row, se_error *err)
{
    size_t fields = 1;
    for (const char *at = outcome_csv_header; *at; at++)
        fields += *at == ',';
    for (;;) {
        read_csv_row(source->file, row);
        source->line++;
        RETURN_ERROR_IF(ferror(source->file), err, SE_ERR_IO, "%s: %s", source->path,
                        strerror(errno));
        if (!row->whole)
            return SE_OK; /* the end, or cut off */
        if (row->wrong || row->fields != fields ||
            (source->line == 1 && strcmp(row->first, "file") != 0))
            return wrong_line(source, "a row of CSV", err);
        if (source->line > 1)
            FORWARD_IF_ERROR(add_name(source->names, strdup(row->first), err));
        source->names->end += row->size;
    }
}

static int read_csv(struct source *source, se_error *err)
{
    struct csv_row row = {.first = malloc(MAX_NAME)};
    if (!row.first)
        return se_fail_memory(err, "a row of --out", MAX_NAME);
    const int status = read_csv_rows(source, &row, err);
    free(row.first);
    return status;
}

/* --------------------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int resume_read(struct resume_names *out, const char *path, enum outcome_format format,
                se_error *err)
{
    *out = (struct resume_names){.names = NULL};
    struct source source = {fopen(path, "rbe"), path, out, 0};
    if (!source.file && errno == ENOENT)
        return SE_OK;
    RETURN_ERROR_IF(!source.file, err, errno == ENOMEM ? SE_ERR_MEMORY : SE_ERR_IO, "%s: %s", path,
                    strerror(errno));
    const int status =
        format == OUTCOME_CSV ? read_csv(&source, err) : read_json_lines(&source, err);
    fclose(source.file);
    if (status != SE_OK)
        resume_free(out);
    else if (out->count > 0)
        qsort(out->names, out->count, sizeof(*out->names), compare_names);
    return status;
}

bool resume_has(const struct resume_names *names, const char *file)
{
    return names->count > 0 &&
           bsearch(&file, names->names, names->count, sizeof(*names->names), compare_names) != NULL;
}

void resume_free(struct resume_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
    *names = (struct resume_names){.names = NULL};
}
