/*
 * Readings that were made: lists, single ones, corrections, counts.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "serve/json_text.h"
#include "serve/query.h"
#include "serve/reading_json.h"
#include "serve/routes.h"

enum { MAX_REPLY = 256 << 20, LIST_SIZE = 50, MAX_CORRECTION = 100 };

/* ---- lists ---------------------------------------------------------------------------------- */

struct list {
    struct buffer *out;
    bool results;
    int count;
    int64_t last_id;
};

static int append_row(void *context, const struct store_reading *reading, se_error *err)
{
    struct list *list = context;
    if (list->count++ > 0)
        FORWARD_IF_ERROR(buffer_append(list->out, ",", 1, err));
    list->last_id = reading->id;
    return reading_json_append(list->out, reading, list->results, err);
}

static void list_from_store(struct request *request)
{
    struct buffer *out = &request->reply.body;
    struct list list = {.out = out};
    struct store_filter filter;
    se_error err;
    int64_t limit;
    if (!query_check(request, QUERY_FILTER_NAMES " limit before") ||
        !query_filter(request, &filter) ||
        !query_number(request, "limit", 1, STORE_LIMIT, LIST_SIZE, &limit) ||
        !query_number(request, "before", 1, INT64_MAX, 0, &filter.before))
        return;
    filter.limit = (int)limit;
    buffer_init(out, MAX_REPLY);
    int status = buffer_printf(out, &err, "{\"readings\":[");
    if (status == SE_OK)
        status = store_readings(request->service->store, &filter, append_row, &list, &err);
    if (status == SE_OK && list.count == filter.limit)
        status = buffer_printf(out, &err, "],\"next_before\":%lld}\n", (long long)list.last_id);
    else if (status == SE_OK)
        status = buffer_printf(out, &err, "],\"next_before\":null}\n");
    request_end_json(request, status, &err);
}

void routes_reading_list(struct request *request)
{
    request_errand(request, list_from_store);
}

/* ---- one ------------------------------------------------------------------------------------ */

/* The id in the path; 0 when there can be none such. */
static int64_t path_id(const struct request *request)
{
    char *end;
    const long long id = strtoll(request->path_part, &end, 10);
    return *end || id < 1 ? 0 : id;
}

static void reply_with(struct request *request, int64_t id)
{
    struct buffer *out = &request->reply.body;
    struct list list = {.out = out, .results = true};
    se_error err;
    const struct store_filter filter = {.after = id - 1, .before = id + 1, .limit = 1};
    buffer_init(out, MAX_REPLY);
    /* Of id 1, `after` is 0, which is no limit: `before` alone finds it. */
    int status = store_readings(request->service->store, &filter, append_row, &list, &err);
    if (status == SE_OK && list.count == 0) {
        buffer_free(out);
        request_fail(request, "not_found", "there is no reading %.60s", request->path_part);
        return;
    }
    if (status == SE_OK)
        status = buffer_append(out, "\n", 1, &err);
    request_end_json(request, status, &err);
}

static void get_from_store(struct request *request)
{
    if (!query_check(request, ""))
        return;
    const int64_t id = path_id(request);
    if (id > 0 && id < INT64_MAX)
        reply_with(request, id);
    else
        request_fail(request, "not_found", "there is no reading %.60s", request->path_part);
}

void routes_reading_get(struct request *request)
{
    request_errand(request, get_from_store);
}

/* ---- the picture ---------------------------------------------------------------------------- */

/* By its first bytes; what is none of these is not shown by a browser. */
static const char *picture_type(const struct buffer *bytes)
{
    const char *data = bytes->data ? bytes->data : "";
    const size_t size = bytes->size;
    if (size > 3 && memcmp(data, "\xff\xd8\xff", 3) == 0)
        return "image/jpeg";
    if (size > 8 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0)
        return "image/png";
    if (size > 12 && memcmp(data, "RIFF", 4) == 0 && memcmp(data + 8, "WEBP", 4) == 0)
        return "image/webp";
    if (size > 12 && memcmp(data + 4, "ftyp", 4) == 0)
        return memcmp(data + 8, "avif", 4) == 0 ? "image/avif" : "image/heic";
    return "application/octet-stream";
}

static void picture_from_store(struct request *request)
{
    struct buffer *out = &request->reply.body;
    se_error err;
    bool found = false;
    if (!query_check(request, ""))
        return;
    buffer_init(out, MAX_REPLY);
    if (store_kept_picture(request->service->store, path_id(request), out, &found, &err) != SE_OK)
        request_fail_error(request, &err);
    else if (!found)
        request_fail(request, "not_found", "no picture was kept of the reading %.60s",
                     request->path_part);
    else
        request_succeed(request, 200, picture_type(out));
}

void routes_reading_picture(struct request *request)
{
    request_errand(request, picture_from_store);
}

/* ---- corrections ---------------------------------------------------------------------------- */

/* Is this something that can stand on a label: printable ASCII, no space at its ends? */
static bool is_number_text(const char *text)
{
    const size_t length = strlen(text);
    if (length == 0 || length > MAX_CORRECTION || text[0] == ' ' || text[length - 1] == ' ')
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return true;
}

static void correct(struct request *request, const json_t *text)
{
    se_error err;
    bool found;
    const char *value = json_string_value(text);
    const int64_t id = path_id(request);
    if (!(json_is_null(text) || (value && is_number_text(value)))) {
        request_fail(request, "body", "text takes null or 1 to %d printable characters of ASCII",
                     MAX_CORRECTION);
    } else if (store_correct(request->service->store, id, value, &found, &err) != SE_OK) {
        request_fail_error(request, &err);
    } else if (!found) {
        request_fail(request, "not_found", "there is no reading %.60s", request->path_part);
    } else {
        reply_with(request, id);
    }
}

static void correct_in_store(struct request *request)
{
    json_error_t why;
    if (!query_check(request, ""))
        return;
    json_t *body = json_loadb(request->body.data ? request->body.data : "", request->body.size,
                              JSON_REJECT_DUPLICATES, &why);
    const json_t *text = json_object_get(body, "text");
    if (!text || json_object_size(body) != 1)
        request_fail(request, "body", "the body takes {\"text\": …}%s%s", body ? "" : ": ",
                     body ? "" : why.text);
    else
        correct(request, text);
    json_decref(body);
}

void routes_reading_correct(struct request *request)
{
    request_errand(request, correct_in_store);
}

/* ---- counts --------------------------------------------------------------------------------- */

static void stats_from_store(struct request *request)
{
    struct buffer *out = &request->reply.body;
    se_error err;
    if (!query_check(request, ""))
        return;
    buffer_init(out, MAX_REPLY);
    request_end_json(request, store_stats(request->service->store, out, &err), &err);
}

void routes_stats(struct request *request)
{
    request_errand(request, stats_from_store);
}
