#include "serve/upload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "serve/courier.h"
#include "serve/metrics.h"
#include "serve/multipart.h"
#include "serve/places.h"
#include "serve/routes.h"

enum { MAX_TIME_LIMIT_MS = 3600000 };

/* ---- options -------------------------------------------------------------------------------- */

static bool parse_flag(const char *text, int *out)
{
    *out = strcmp(text, "true") == 0;
    return *out || strcmp(text, "false") == 0;
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

static bool take_pattern(const char *text, struct work_options *options)
{
    const size_t length = strlen(text);
    if (length >= sizeof(options->pattern))
        return false;
    memcpy(options->pattern, text, length + 1);
    options->has_pattern = true;
    return true;
}

/* Is it one of the setting's choices, which its range names with '|' between? */
static bool is_preset(const se_settings *settings, const char *text)
{
    const size_t length = strlen(text);
    se_setting_info info;
    size_t i = 0;
    while (se_settings_at(settings, i, &info) == SE_OK && strcmp(info.name, "preset") != 0)
        i++;
    for (const char *at = info.range; *at; at += *at == '|') {
        const size_t size = strcspn(at, "|");
        if (size == length && memcmp(at, text, size) == 0)
            return true;
        at += size;
    }
    return false;
}

static bool take_preset(struct request *request, const char *text)
{
    struct work_options *options = &request->work.options;
    const size_t length = strlen(text);
    if (length == 0 || length >= sizeof(options->preset))
        return false;
    if (is_preset(config_now(&request->service->config)->settings, text))
        memcpy(options->preset, text, length + 1);
    else
        request_fail(request, "setting", "there is no preset \"%s\"", text);
    return !request->reply.code;
}

/* The name of a file in the folder of lists, without a folder of its own, and no hidden one. */
static bool take_known(struct request *request, const char *text)
{
    struct work_options *options = &request->work.options;
    const char *folder = config_now(&request->service->config)->known_lists;
    const size_t length = strlen(text);
    char path[PLACE_SIZE + WORK_KNOWN_SIZE];
    if (length == 0 || length >= sizeof(options->known) || *text == '.' || strchr(text, '/'))
        return false;
    snprintf(path, sizeof(path), "%.*s/%s", PLACE_SIZE - 1, folder, text);
    if (!*folder)
        request_fail(request, "setting", "lists by name need the setting known_lists");
    else if (access(path, R_OK) != 0)
        request_fail(request, "setting", "there is no list \"%s\" in the folder known_lists", text);
    else
        memcpy(options->known, text, length + 1);
    return !request->reply.code;
}

/* Where the end of a job is told. */
static bool take_webhook(struct request *request, const char *text)
{
    const char *why = NULL;
    if (request->route->handle != routes_job_add)
        why = "only jobs have one";
    else if (!request->service->courier)
        why = "this service has none: the setting webhook_secret is not set";
    else if (courier_takes(text, &why))
        snprintf(request->webhook, sizeof(request->webhook), "%s", text);
    if (why)
        request_fail(request, "parameter", "webhook: %s", why);
    return !why;
}

static bool take_same_device(struct request *request, const char *text)
{
    int flag;
    if (request->route->handle != routes_batch)
        request_fail(request, "parameter", "same_device is for /v1/batch");
    else if (parse_flag(text, &flag))
        request->work.options.same_device = flag != 0;
    else
        return false;
    return !request->reply.code;
}

/* Takes one option; false when the reply says what is wrong with it. */
static bool take_option(struct request *request, const char *name, const char *value)
{
    bool good = false;
    if (strcmp(name, "lines") == 0)
        good = parse_flag(value, &request->work.options.lines);
    else if (strcmp(name, "time_limit_ms") == 0)
        good = parse_milliseconds(value, &request->work.options.time_limit_ms);
    else if (strcmp(name, "pattern") == 0)
        good = take_pattern(value, &request->work.options);
    else if (strcmp(name, "preset") == 0)
        good = take_preset(request, value);
    else if (strcmp(name, "known") == 0)
        good = take_known(request, value);
    else if (strcmp(name, "webhook") == 0)
        good = take_webhook(request, value);
    else if (strcmp(name, "same_device") == 0)
        good = take_same_device(request, value);
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
    if (MHD_lookup_connection_value(request->connection, kind, name) != value) {
        request_fail(request, "parameter", "%s is given twice", name);
        return MHD_NO;
    }
    if (strcmp(name, "name") == 0 && !multipart_is(request_header(request, "Content-Type")))
        return MHD_YES;
    return take_option(request, name, value ? value : "") ? MHD_YES : MHD_NO;
}

/* ---- the body ------------------------------------------------------------------------------- */

/* A part without a file name is an option. */
static bool take_field(struct request *request, const struct multipart_part *part)
{
    char value[STORE_URL_SIZE];
    if (part->size >= sizeof(value) || memchr(part->data, '\0', part->size)) {
        request_fail(request, "parameter", "the value of \"%s\" is too long", part->name);
        return false;
    }
    memcpy(value, part->data, part->size);
    value[part->size] = '\0';
    return take_option(request, part->name, value);
}

static bool take_picture(struct request *request, const void *bytes, size_t size, const char *name,
                         size_t limit)
{
    if (request->new_count == limit) {
        request_fail(request, "body", "more than %zu pictures", limit);
        return false;
    }
    if (!request->new_pictures)
        request->new_pictures = calloc(limit, sizeof(*request->new_pictures));
    char *copy = name ? strdup(name) : NULL;
    if (!request->new_pictures || (name && !copy)) {
        free(copy);
        request_fail(request, "memory", "out of memory");
        return false;
    }
    request->new_pictures[request->new_count++] = (struct store_new_picture){copy, bytes, size};
    return true;
}

static bool take_file(struct request *request, const struct multipart_part *part, size_t limit)
{
    return take_picture(request, part->data, part->size, *part->file ? part->file : NULL, limit);
}

static bool take_parts(struct request *request, size_t limit)
{
    struct multipart multipart;
    struct multipart_part part;
    se_error err;
    bool more = true;
    int status =
        multipart_begin(&multipart, request_header(request, "Content-Type"),
                        request->body.data ? request->body.data : "", request->body.size, &err);
    while (status == SE_OK && more) {
        status = multipart_next(&multipart, &part, &more, &err);
        if (status != SE_OK || !more)
            break;
        if (part.is_file ? !take_file(request, &part, limit) : !take_field(request, &part))
            return false;
    }
    if (status != SE_OK)
        request_fail(request, "body", "%s", err.message);
    else if (request->new_count == 0)
        request_fail(request, "body", "the body has no part with a file name: no picture");
    return status == SE_OK && request->new_count > 0;
}

static bool take_body(struct request *request, size_t limit)
{
    if (multipart_is(request_header(request, "Content-Type")))
        return take_parts(request, limit);
    const char *name =
        MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, "name");
    const char *bytes = request->body.data ? request->body.data : "";
    return take_picture(request, bytes, request->body.size, name, limit);
}

bool upload_parse(struct request *request, size_t limit)
{
    MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, take_query, request);
    if (request->reply.code || !take_body(request, limit))
        return false;
    metrics_upload(request->service->metrics, request->new_count);
    return true;
}
