#define _GNU_SOURCE
#include "diag/truth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/utf8.h"

enum {
    MAX_TABLE_BYTES = 64 << 20,
    MAX_ARENA_BYTES = 512 << 20,
    MAX_ROWS = 1000000,
    MAX_LINE_BYTES = 1 << 16
};

enum column { COLUMN_FILE, COLUMN_SERIAL, COLUMN_KIND, COLUMN_CODES, COLUMN_COUNT };

static const char *const column_names[COLUMN_COUNT] = {"file", "serial", "kind", "codes"};

struct table {
    const char *path;
    size_t line;                /* from 1 */
    int position[COLUMN_COUNT]; /* in a row; -1: there is no such column */
    size_t capacity;            /* of truth->rows */
    struct truth *truth;
};

bool truth_has_serial(const struct truth_row *row)
{
    return strcmp(row->serial, "-") != 0 && strcmp(row->serial, "none") != 0;
}

static int out_of_memory(se_error *err)
{
    return se_fail_memory(err, "the table of truth", MAX_ARENA_BYTES);
}

static int wrong(const struct table *table, se_error *err, const char *what)
{
    return se_fail(err, SE_ERR_CORRUPT, "%s:%zu: %s", table->path, table->line, what);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static int add_row(struct truth *truth, size_t *capacity, const struct truth_row *row,
                   se_error *err)
{
    if (truth->count == *capacity) {
        const size_t more = *capacity ? *capacity * 2 : 128;
        struct truth_row *grown = reallocarray(truth->rows, more, sizeof(*grown));
        if (!grown)
            return out_of_memory(err);
        truth->rows = grown;
        *capacity = more;
    }
    truth->rows[truth->count++] = *row;
    return SE_OK;
}

/* Does the name stay below the folder that it is in? */
static bool stays_below(const char *file)
{
    if (*file == '/')
        return false;
    for (const char *at = file; at; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0'))
            return false;
    }
    return true;
}

/* Splits the line in place; returns how many fields there are, of which `most` are kept. */
static int split(char *line, char **fields, int most)
{
    int count = 0;
    for (char *at = line; at;) {
        char *end = strchr(at, '\t');
        if (end)
            *end++ = '\0';
        if (count < most)
            fields[count] = at;
        count++;
        at = end;
    }
    return count;
}

enum { MAX_COLUMNS = 64 };

static int take_header(struct table *table, char *line, se_error *err)
{
    char *fields[MAX_COLUMNS];
    const int count = split(line, fields, MAX_COLUMNS);
    if (count > MAX_COLUMNS)
        return wrong(table, err, "more columns than 64");
    for (int i = 0; i < COLUMN_COUNT; i++) {
        table->position[i] = -1;
        for (int k = 0; k < count; k++) {
            if (strcmp(fields[k], column_names[i]) != 0)
                continue;
            if (table->position[i] >= 0)
                return wrong(table, err, "two columns of one name");
            table->position[i] = k;
        }
    }
    if (table->position[COLUMN_FILE] < 0 || table->position[COLUMN_SERIAL] < 0)
        return wrong(table, err,
                     "the first line must name the columns, \"file\" and \"serial\" among them, "
                     "with tabs between");
    return SE_OK;
}

static int take_row(struct table *table, const char *folder, char *line, se_error *err)
{
    struct arena *arena = &table->truth->arena;
    char *fields[MAX_COLUMNS];
    const int count = split(line, fields, MAX_COLUMNS);
    const char *value[COLUMN_COUNT];
    for (int i = 0; i < COLUMN_COUNT; i++) {
        const int at = table->position[i];
        if (at >= count)
            return wrong(table, err, "fewer fields than columns");
        value[i] = at < 0 ? "" : arena_copy(arena, fields[at], strlen(fields[at]));
        if (!value[i])
            return out_of_memory(err);
    }
    const struct truth_row row = {
        .file = value[COLUMN_FILE],
        .path = arena_printf(arena, "%s%s", folder, value[COLUMN_FILE]),
        .kind = value[COLUMN_KIND],
        .serial = value[COLUMN_SERIAL],
        .codes = value[COLUMN_CODES],
    };
    if (!row.path)
        return out_of_memory(err);
    if (!*row.file || !stays_below(row.file))
        return wrong(table, err, "the file must be named and lie below the table's folder");
    if (!*row.serial)
        return wrong(table, err,
                     "the serial is empty; \"-\" where there is no single answer, \"none\" where "
                     "there is no serial number");
    RETURN_ERROR_IF(table->truth->count == MAX_ROWS, err, SE_ERR_LIMIT, "%s:%zu: more than %d rows",
                    table->path, table->line, MAX_ROWS);
    table->truth->has_codes |= *row.codes != '\0';
    return add_row(table->truth, &table->capacity, &row, err);
}

/* ---- table ---------------------------------------------------------------------------------- */

static bool is_utf8(const char *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        uint32_t code_point;
        const size_t used = utf8_get(text + at, size - at, &code_point);
        char again[UTF8_MAX];
        if (utf8_put(code_point, again) != used || memcmp(again, text + at, used) != 0)
            return false;
        at += used;
    }
    return true;
}

static int take_lines(struct table *table, const char *folder, struct buffer *text, se_error *err)
{
    char *at = text->data, *const end = text->data + text->size;
    bool header = false;
    while (at < end) {
        table->line++;
        char *newline = memchr(at, '\n', (size_t)(end - at));
        char *after = newline ? newline + 1 : end;
        size_t size = (size_t)((newline ? newline : end) - at);
        while (size > 0 && at[size - 1] == '\r')
            size--;
        RETURN_ERROR_IF(size > MAX_LINE_BYTES, err, SE_ERR_LIMIT, "%s:%zu: longer than %d bytes",
                        table->path, table->line, MAX_LINE_BYTES);
        if (memchr(at, '\0', size) || !is_utf8(at, size))
            return wrong(table, err, "not text in UTF-8");
        at[size] = '\0';
        if (size > 0)
            FORWARD_IF_ERROR(header ? take_row(table, folder, at, err)
                                    : take_header(table, at, err));
        header |= size > 0;
        at = after;
    }
    return table->truth->count > 0 ? SE_OK : wrong(table, err, "no rows in the table");
}

static int by_file(const void *a, const void *b)
{
    return strcmp((*(const struct truth_row *const *)a)->file,
                  (*(const struct truth_row *const *)b)->file);
}

/* A file that stands there twice would count twice. */
static int check_twice(const struct table *table, se_error *err)
{
    const struct truth *truth = table->truth;
    const struct truth_row **sorted = calloc(truth->count, sizeof(const struct truth_row *));
    if (!sorted)
        return out_of_memory(err);
    for (size_t i = 0; i < truth->count; i++)
        sorted[i] = &truth->rows[i];
    qsort(sorted, truth->count, sizeof(const struct truth_row *), by_file);
    int status = SE_OK;
    for (size_t i = 1; i < truth->count && status == SE_OK; i++)
        if (by_file(&sorted[i - 1], &sorted[i]) == 0)
            status = se_fail(err, SE_ERR_CORRUPT, "%s: \"%.200s\" stands in two rows", table->path,
                             sorted[i]->file);
    free(sorted);
    return status;
}

static int read_text(const char *path, struct buffer *text, se_error *err)
{
    FILE *file = fopen(path, "rbe");
    RETURN_ERROR_IF(!file, err, SE_ERR_IO, "%s: %s", path, strerror(errno));
    const int status = file_read_stream(file, path, text, err);
    fclose(file);
    return status;
}

int truth_load(struct truth *out, const char *path, se_error *err)
{
    *out = (struct truth){.rows = NULL};
    struct table table = {.path = path, .truth = out};
    struct buffer text;
    const char *slash = strrchr(path, '/');
    buffer_init(&text, MAX_TABLE_BYTES);
    arena_init(&out->arena, MAX_ARENA_BYTES);
    const char *folder = arena_copy(&out->arena, path, slash ? (size_t)(slash - path) + 1 : 0);
    int status = folder ? read_text(path, &text, err) : out_of_memory(err);
    /* The line's end is overwritten, also that of a last line without one. */
    if (status == SE_OK)
        status = buffer_append(&text, "\n", 1, err);
    if (status == SE_OK)
        status = take_lines(&table, folder, &text, err);
    if (status == SE_OK)
        status = check_twice(&table, err);
    buffer_free(&text);
    if (status != SE_OK)
        truth_free(out);
    return status;
}

/* ---- names ---------------------------------------------------------------------------------- */

static int add_name(struct truth *out, size_t *capacity, const char *path, se_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    RETURN_ERROR_IF(name[strcspn(name, "_.")] == '\0' || strcspn(name, "_.") == 0, err,
                    SE_ERR_CORRUPT,
                    "%s: a name such as SERIAL.jpg or SERIAL_2.jpg is needed, or a table", path);
    struct truth_row row = {.kind = "", .codes = ""};
    row.file = row.path = arena_copy(&out->arena, path, strlen(path));
    row.serial = arena_copy(&out->arena, name, strcspn(name, "_."));
    if (!row.path || !row.serial)
        return out_of_memory(err);
    return add_row(out, capacity, &row, err);
}

int truth_from_names(struct truth *out, const char *const *paths, size_t count, se_error *err)
{
    *out = (struct truth){.rows = NULL};
    arena_init(&out->arena, MAX_ARENA_BYTES);
    size_t capacity = 0;
    int status = SE_OK;
    for (size_t i = 0; i < count && status == SE_OK; i++)
        status = add_name(out, &capacity, paths[i], err);
    if (status != SE_OK)
        truth_free(out);
    return status;
}

void truth_free(struct truth *truth)
{
    free(truth->rows);
    arena_free(&truth->arena);
    *truth = (struct truth){.rows = NULL};
}
