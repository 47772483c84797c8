/*
 * Pictures in, readings out.
 *
 * Options are the same in the query and as fields of a multipart body; one that is not known is
 * refused.
 */
#include <stdlib.h>
#include <string.h>

#include "serve/multipart.h"
#include "serve/json_text.h"
#include "serve/routes.h"

enum { MAX_BATCH = 64, MAX_TIME_LIMIT_MS = 3600000, MAX_REPLY = 512 << 20 };

/* ---- options -------------------------------------------------------------------------------- */

static bool parse_flag(const char *text, int *out)
{
    *out = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    return *out || strcmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

static bool parse_milliseconds(const char *text, int *out)
{
    char *end;
    const long value = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || value > MAX_TIME_LIMIT_MS)
        return false;
    *out = (int)value;
    return true;
}

/* Takes one option; false when the reply says what is wrong with it. */
static bool take_option(struct request *request, const char *name, const char *value)
{
    bool good = false;
    if (strcmp(name, "lines") == 0)
        good = parse_flag(value, &request->work.lines);
    else if (strcmp(name, "time_limit_ms") == 0)
        good = parse_milliseconds(value, &request->work.time_limit_ms);
    else
        request_fail(request, "parameter", "there is no option \"%.60s\"", name);
    if (!good && !request->reply.code)
        request_fail(request, "parameter", "%s cannot be \"%.60s\"", name, value);
    return good;
}

static enum MHD_Result take_query(void *context, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    struct request *request = context;
    (void)kind;
    if (strcmp(name, "name") == 0 && strcmp(request->route->path, "/v1/read") == 0)
        return MHD_YES;
    return take_option(request, name, value ? value : "") ? MHD_YES : MHD_NO;
}

static bool take_queries(struct request *request)
{
    MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, take_query, request);
    return !request->reply.code;
}

/* ---- pictures ------------------------------------------------------------------------------- */

static bool add_picture(struct request *request, size_t limit, const void *bytes, size_t size,
                        const char *name)
{
    struct work *work = &request->work;
    se_error err;
    if (work->count == limit) {
        request_fail(request, "body", "more than %zu pictures", limit);
        return false;
    }
    if (!work->pictures)
        work->pictures = calloc(limit, sizeof(*work->pictures));
    if (!work->pictures) {
        request_fail(request, "memory", "out of memory");
        return false;
    }
    if (work_picture_init(&work->pictures[work->count], bytes, size, name, &err) != SE_OK) {
        request_fail_error(request, &err);
        return false;
    }
    work->count++;
    return true;
}

/* A part without a file name is an option. */
static bool take_field(struct request *request, const struct multipart_part *part)
{
    char value[64];
    if (part->size >= sizeof(value) || memchr(part->data, '\0', part->size)) {
        request_fail(request, "parameter", "the value of \"%s\" is too long", part->name);
        return false;
    }
    memcpy(value, part->data, part->size);
    value[part->size] = '\0';
    return take_option(request, part->name, value);
}

static bool take_parts(struct request *request, size_t limit)
{
    struct multipart multipart;
    struct multipart_part part;
    se_error err;
    bool more;
    int status =
        multipart_begin(&multipart, request_header(request, "Content-Type"),
                        request->body.data ? request->body.data : "", request->body.size, &err);
    while (status == SE_OK && (status = multipart_next(&multipart, &part, &more, &err)) == SE_OK &&
           more) {
        if (part.is_file
                ? !add_picture(request, limit, part.data, part.size, *part.file ? part.file : NULL)
                : !take_field(request, &part))
            return false;
    }
    if (status != SE_OK)
        request_fail(request, "body", "%s", err.message);
    else if (request->work.count == 0)
        request_fail(request, "body", "the body has no part with a file name: no picture");
    return status == SE_OK && request->work.count > 0;
}

/* ---- replies -------------------------------------------------------------------------------- */

static int append_outcome(struct buffer *out, const struct work_picture *picture, se_error *err)
{
    if (!*picture->code)
        return buffer_append(out, picture->text, strlen(picture->text), err);
    FORWARD_IF_ERROR(buffer_printf(out, err, "{\"file\":"));
    FORWARD_IF_ERROR(json_text_append(out, *picture->name ? picture->name : NULL, err));
    FORWARD_IF_ERROR(
        buffer_printf(out, err, ",\"error\":{\"code\":\"%s\",\"message\":", picture->code));
    FORWARD_IF_ERROR(json_text_append(out, picture->text, err));
    return buffer_append(out, "}}", 2, err);
}

static void reply_one(struct request *request)
{
    const struct work_picture *picture = &request->work.pictures[0];
    struct buffer *out = &request->reply.body;
    se_error err;
    if (*picture->code) {
        request_fail(request, picture->code, "%s", picture->text ? picture->text : "");
        return;
    }
    buffer_init(out, MAX_REPLY);
    int status = append_outcome(out, picture, &err);
    if (status == SE_OK)
        status = buffer_append(out, "\n", 1, &err);
    if (status == SE_OK)
        request_succeed(request, 200, "application/json");
    else
        request_fail_error(request, &err);
}

static void reply_batch(struct request *request)
{
    struct buffer *out = &request->reply.body;
    se_error err;
    buffer_init(out, MAX_REPLY);
    int status = buffer_printf(out, &err, "{\"results\":[");
    for (size_t i = 0; i < request->work.count && status == SE_OK; i++) {
        if (i > 0)
            status = buffer_append(out, ",", 1, &err);
        if (status == SE_OK)
            status = append_outcome(out, &request->work.pictures[i], &err);
    }
    if (status == SE_OK)
        status = buffer_append(out, "]}\n", 3, &err);
    if (status == SE_OK)
        request_succeed(request, 200, "application/json");
    else
        request_fail_error(request, &err);
}

/* ---- routes --------------------------------------------------------------------------------- */

void routes_read(struct request *request)
{
    if (!take_queries(request))
        return;
    if (multipart_is(request_header(request, "Content-Type"))) {
        if (!take_parts(request, 1))
            return;
    } else {
        const char *name =
            MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, "name");
        const char *bytes = request->body.data ? request->body.data : "";
        if (!add_picture(request, 1, bytes, request->body.size, name))
            return;
    }
    buffer_free(&request->body); /* the memory file has it */
    request_read(request, reply_one);
}

void routes_batch(struct request *request)
{
    if (!take_queries(request))
        return;
    if (!multipart_is(request_header(request, "Content-Type"))) {
        request_fail(request, "media_type", "/v1/batch takes multipart/form-data");
        return;
    }
    if (!take_parts(request, MAX_BATCH))
        return;
    buffer_free(&request->body);
    request_read(request, reply_batch);
}
