/*
 * Pictures in, readings out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/bundle.h"
#include "serve/keeper.h"
#include "serve/multipart.h"
#include "serve/outcome_json.h"
#include "serve/routes.h"
#include "serve/upload.h"

enum {
    MAX_REPLY = 512 << 20,
    BUNDLE_OVERHEAD = SE_DEVICE_MAX_PICTURES * (WORK_NAME_SIZE + 8) /* beside the pictures */
};

/* ---- pictures ------------------------------------------------------------------------------- */

/* Room for the works of `count` pictures; false when the reply says that there is none. */
static bool make_room(struct request *request, size_t count)
{
    request->work.pictures = calloc(count, sizeof(*request->work.pictures));
    if (!request->work.pictures)
        request_fail(request, "memory", "out of memory");
    return request->work.pictures != NULL;
}

/* Each picture goes into a memory file of its own. */
static bool take_pictures(struct request *request)
{
    struct work *work = &request->work;
    se_error err;
    if (!make_room(request, request->new_count))
        return false;
    for (; work->count < request->new_count; work->count++) {
        const struct store_new_picture *one = &request->new_pictures[work->count];
        if (work_picture_init(&work->pictures[work->count], one->bytes, one->size, one->name,
                              &err) != SE_OK) {
            request_fail_error(request, &err);
            return false;
        }
    }
    return true;
}

/* The names of all pictures, as far as there is room. */
static void join_names(const struct request *request, char out[WORK_NAME_SIZE])
{
    size_t used = 0;
    *out = '\0';
    for (size_t i = 0; i < request->new_count && used + 1 < WORK_NAME_SIZE; i++) {
        const char *name = request->new_pictures[i].name;
        if (name)
            used +=
                (size_t)snprintf(out + used, WORK_NAME_SIZE - used, "%s%s", used ? ", " : "", name);
    }
}

/* All pictures go into one file: a process reads them together. */
static int make_bundle(struct request *request, struct buffer *bundle, se_error *err)
{
    struct work *work = &request->work;
    char names[WORK_NAME_SIZE];
    for (size_t i = 0; i < request->new_count; i++) {
        const struct store_new_picture *one = &request->new_pictures[i];
        const se_picture picture = {one->bytes, one->size, one->name};
        FORWARD_IF_ERROR(bundle_append(bundle, &picture, err));
    }
    join_names(request, names);
    FORWARD_IF_ERROR(work_picture_init(work->pictures, bundle->data, bundle->size, names, err));
    work->pictures->parts = (int)request->new_count;
    work->count = 1;
    return SE_OK;
}

static bool take_device(struct request *request)
{
    struct buffer bundle;
    se_error err;
    if (request->new_count > SE_DEVICE_MAX_PICTURES)
        request_fail(request, "body", "more than %d pictures of one device",
                     SE_DEVICE_MAX_PICTURES);
    else if (request->work.options.lines)
        request_fail(request, "parameter", "lines are those of one picture: not with same_device");
    if (request->reply.code || !make_room(request, 1))
        return false;
    buffer_init(&bundle, request->body.max + BUNDLE_OVERHEAD);
    const int status = make_bundle(request, &bundle, &err);
    buffer_free(&bundle);
    if (status != SE_OK)
        request_fail_error(request, &err);
    return status == SE_OK;
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

/* The memory files have what came in the body. */
static void read_taken(struct request *request, void (*finish)(struct request *request))
{
    buffer_free(&request->body);
    request_read(request, finish);
}

void routes_read(struct request *request)
{
    if (upload_parse(request, 1) && take_pictures(request))
        read_taken(request, reply_one);
}

void routes_batch(struct request *request)
{
    if (!multipart_is(request_header(request, "Content-Type"))) {
        request_fail(request, "media_type", "%s takes multipart/form-data", request->path);
        return;
    }
    if (!upload_parse(request, ROUTES_MAX_PICTURES))
        return;
    if (request->work.options.same_device ? take_device(request) : take_pictures(request))
        read_taken(request, reply_batch);
}
