/*
 * Tables of readings. CSV and JSON lines are streamed, a page of rows at a time, so that memory
 * does not grow with them; XLSX is made in a temporary file.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "serve/export_xlsx.h"
#include "serve/query.h"
#include "serve/reading_json.h"
#include "serve/routes.h"

enum {
    PAGE_ROWS = 200,
    MAX_PAGE = 256 << 20,
    STREAM_BLOCK = 64 << 10,
    TEXT_COUNT = 6 /* filters that are texts */
};

typedef int append_row(struct buffer *out, const struct store_reading *reading, se_error *err);

/* ---- CSV ------------------------------------------------------------------------------------ */

static const char csv_header[] = "id,at,file,text,corrected,kind,format,score,status,printed,error,"
                                 "job,client,sha256\r\n";

/* A cell (RFC 4180), quoted when it needs to be. A spreadsheet would take a text that begins with
 * one of =+-@ for a formula; it gets an apostrophe before it. */
static int append_cell(struct buffer *out, const char *text, bool last, se_error *err)
{
    const char *end = last ? "\r\n" : ",";
    if (!text)
        return buffer_append(out, end, strlen(end), err);
    const bool formula = *text && strchr("=+-@\t\r", *text);
    if (!formula && !strpbrk(text, ",\"\r\n"))
        return buffer_printf(out, err, "%s%s", text, end);
    FORWARD_IF_ERROR(buffer_printf(out, err, "\"%s", formula ? "'" : ""));
    for (; *text; text++)
        FORWARD_IF_ERROR(
            buffer_append(out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1, err));
    return buffer_printf(out, err, "\"%s", end);
}

static int append_csv(struct buffer *out, const struct store_reading *reading, se_error *err)
{
    char score[32] = "";
    if (reading->score >= 0)
        snprintf(score, sizeof(score), "%.6g", reading->score);
    const char *const cells[] = {
        reading->at,     reading->file,   reading->text,   reading->corrected, reading->kind,
        reading->format, score,           reading->status, reading->printed,   reading->error,
        reading->job,    reading->client, reading->hash};
    const size_t count = sizeof(cells) / sizeof(cells[0]);
    FORWARD_IF_ERROR(buffer_printf(out, err, "%lld,", (long long)reading->id));
    for (size_t i = 0; i < count; i++)
        FORWARD_IF_ERROR(append_cell(out, cells[i], i + 1 == count, err));
    return SE_OK;
}

static int append_json_line(struct buffer *out, const struct store_reading *reading, se_error *err)
{
    FORWARD_IF_ERROR(reading_json_append(out, reading, true, err));
    return buffer_append(out, "\n", 1, err);
}

/* ---- streaming ------------------------------------------------------------------------------ */

struct export
{
    struct store *store;
    struct store_filter filter; /* its texts are owned */
    append_row *append;
    struct buffer page;
    size_t sent;
    int rows; /* of this page */
    bool ended;
};

/* Where the texts of a filter are. */
static const char **filter_text(struct store_filter *filter, size_t index)
{
    const char **const texts[TEXT_COUNT] = {&filter->from,   &filter->to,     &filter->kind,
                                            &filter->status, &filter->search, &filter->job};
    return texts[index];
}

static void free_filter(struct store_filter *filter)
{
    for (size_t i = 0; i < TEXT_COUNT; i++)
        free((void *)(uintptr_t)*filter_text(filter, i));
}

/* Makes the texts copies of their own; false for lack of memory, with nothing to free. */
static bool own_filter(struct store_filter *filter)
{
    bool good = true;
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        const char **text = filter_text(filter, i);
        if (*text) {
            *text = strdup(*text);
            good &= *text != NULL;
        }
    }
    if (!good)
        free_filter(filter);
    return good;
}

static int take_row(void *context, const struct store_reading *reading, se_error *err)
{
    struct export *export = context;
    export->rows++;
    export->filter.after = reading->id;
    return export->append(&export->page, reading, err);
}

static ssize_t read_export(void *context, uint64_t position, char *out, size_t size)
{
    struct export *export = context;
    (void)position;
    while (export->sent == export->page.size) {
        if (export->ended)
            return MHD_CONTENT_READER_END_OF_STREAM;
        export->page.size = export->sent = 0;
        export->rows = 0;
        if (store_readings(export->store, &export->filter, take_row, export, NULL) != SE_OK)
            return MHD_CONTENT_READER_END_WITH_ERROR;
        export->ended = export->rows < PAGE_ROWS;
    }
    const size_t left = export->page.size - export->sent;
    const size_t count = left < size ? left : size;
    memcpy(out, export->page.data + export->sent, count);
    export->sent += count;
    return (ssize_t)count;
}

static void free_export(void *context)
{
    struct export *export = context;
    free_filter(&export->filter);
    buffer_free(&export->page);
    free(export);
}

static void stream(struct request *request, const struct store_filter *filter, append_row *append,
                   const char *header, const char *content_type)
{
    struct export *export = calloc(1, sizeof(*export));
    struct MHD_Response *response = NULL;
    if (export) {
        export->store = request->service->store;
        export->filter = *filter;
        export->filter.limit = PAGE_ROWS;
        export->filter.oldest_first = true;
        export->append = append;
        buffer_init(&export->page, MAX_PAGE);
        if (!own_filter(&export->filter)) {
            free(export);
        } else if (buffer_append(&export->page, header, strlen(header), NULL) != SE_OK ||
                   !(response = MHD_create_response_from_callback(
                         MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_export, export, free_export))) {
            free_export(export);
        }
    }
    if (!response) {
        request_fail(request, "memory", "out of memory");
        return;
    }
    request_succeed(request, 200, content_type);
    request->reply.stream = response;
}

/* ---- XLSX ----------------------------------------------------------------------------------- */

static void make_xlsx(struct request *request)
{
    struct store_filter filter;
    se_error err;
    int file;
    uint64_t size;
    if (!query_filter(request, &filter))
        return;
    const int status = export_xlsx(request->service->store, &filter, &file, &size, &err);
    if (status == SE_ERR_LIMIT) {
        request_fail(request, "too_large", "%s", err.message);
        return;
    }
    if (status != SE_OK) {
        request_fail_error(request, &err);
        return;
    }
    request->reply.stream = MHD_create_response_from_fd64(size, file);
    if (request->reply.stream) {
        request_succeed(request, 200,
                        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
    } else {
        close(file);
        request_fail(request, "memory", "out of memory");
    }
}

/* ---- route ---------------------------------------------------------------------------------- */

static void begin_csv(struct request *request)
{
    struct store_filter filter;
    if (query_filter(request, &filter))
        stream(request, &filter, append_csv, csv_header, "text/csv; charset=utf-8");
}

static void begin_json_lines(struct request *request)
{
    struct store_filter filter;
    if (query_filter(request, &filter))
        stream(request, &filter, append_json_line, "", "application/jsonl");
}

/* All begin as errands: what was read before is in the table. */
void routes_export(struct request *request)
{
    static const struct {
        const char *name, *file;
        void (*begin)(struct request *request);
    } formats[] = {{"xlsx", "readings.xlsx", make_xlsx},
                   {"csv", "readings.csv", begin_csv},
                   {"jsonl", "readings.jsonl", begin_json_lines}};
    struct store_filter filter;
    if (!query_check(request, QUERY_FILTER_NAMES " format") || !query_filter(request, &filter))
        return;
    const char *format = query_text(request, "format");
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (strcmp(format ? format : "xlsx", formats[i].name) != 0)
            continue;
        request->reply.file_name = formats[i].file;
        request_errand(request, formats[i].begin);
        return;
    }
    request_fail(request, "parameter", "format takes xlsx, csv or jsonl");
}
