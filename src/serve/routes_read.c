/*
 * Pictures in, readings out.
 */
#include <stdlib.h>
#include <string.h>

#include "serve/keeper.h"
#include "serve/multipart.h"
#include "serve/outcome_json.h"
#include "serve/routes.h"
#include "serve/upload.h"

enum { MAX_REPLY = 512 << 20 };

static bool take_picture(struct request *request, const void *bytes, size_t size, const char *name)
{
    struct work *work = &request->work;
    se_error err;
    if (!work->pictures)
        work->pictures = calloc(ROUTES_MAX_PICTURES, sizeof(*work->pictures));
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

/* ---- replies -------------------------------------------------------------------------------- */

/* Was it looked at? What was given up is no outcome. */
static bool is_outcome(const struct work_picture *picture)
{
    static const char *const given_up[] = {"cancelled", "draining", "deadline", "refused"};
    for (size_t i = 0; i < sizeof(given_up) / sizeof(given_up[0]); i++)
        if (strcmp(picture->code, given_up[i]) == 0)
            return false;
    return true;
}

/* Keeps what came of a picture; returns the id under which, 0: it is not kept. */
static int64_t keep(struct request *request, const struct work_picture *picture)
{
    struct service *service = request->service;
    if (!is_outcome(picture))
        return 0;
    const int64_t id = store_next_id(service->store);
    keeper_record(service->keeper, id, request->client, picture);
    return id;
}

static int append_outcome(struct buffer *out, const struct work_picture *picture, se_error *err)
{
    return outcome_json_append(out, *picture->name ? picture->name : NULL,
                               *picture->code ? picture->code : NULL, picture->text, picture->text,
                               err);
}

static void reply_one(struct request *request)
{
    const struct work_picture *picture = &request->work.pictures[0];
    struct buffer *out = &request->reply.body;
    se_error err;
    request->reply.reading_id = keep(request, picture);
    if (*picture->code) {
        request_fail(request, picture->code, "%s", picture->text ? picture->text : "");
        return;
    }
    buffer_init(out, MAX_REPLY);
    int status = append_outcome(out, picture, &err);
    if (status == SE_OK)
        status = buffer_append(out, "\n", 1, &err);
    request_end_json(request, status, &err);
}

static void reply_batch(struct request *request)
{
    struct buffer *out = &request->reply.body;
    const struct work *work = &request->work;
    se_error err;
    buffer_init(out, MAX_REPLY);
    int status = buffer_printf(out, &err, "{\"results\":[");
    for (size_t i = 0; i < work->count && status == SE_OK; i++) {
        if (i > 0)
            status = buffer_append(out, ",", 1, &err);
        if (status == SE_OK)
            status = append_outcome(out, &work->pictures[i], &err);
    }
    if (status == SE_OK)
        status = buffer_printf(out, &err, "],\"reading_ids\":[");
    for (size_t i = 0; i < work->count && status == SE_OK; i++)
        status = buffer_printf(out, &err, "%s%lld", i > 0 ? "," : "",
                               (long long)keep(request, &work->pictures[i]));
    if (status == SE_OK)
        status = buffer_append(out, "]}\n", 3, &err);
    request_end_json(request, status, &err);
}

/* ---- routes --------------------------------------------------------------------------------- */

void routes_read(struct request *request)
{
    if (!upload_parse(request, 1, take_picture))
        return;
    buffer_free(&request->body); /* the memory file has it */
    request_read(request, reply_one);
}

void routes_batch(struct request *request)
{
    if (!multipart_is(request_header(request, "Content-Type"))) {
        request_fail(request, "media_type", "%s takes multipart/form-data", request->path);
        return;
    }
    if (!upload_parse(request, ROUTES_MAX_PICTURES, take_picture))
        return;
    buffer_free(&request->body);
    request_read(request, reply_batch);
}
