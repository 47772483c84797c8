/*
 * Jobs: pictures that are read later, and asked for or listened to meanwhile.
 */
#include <stdlib.h>
#include <string.h>

#include "serve/events.h"
#include "serve/json_text.h"
#include "serve/keeper.h"
#include "serve/outcome_json.h"
#include "serve/query.h"
#include "serve/routes.h"
#include "serve/upload.h"

enum {
    MAX_REPLY = 256 << 20,
    MAX_KEY = 128, /* bytes of an idempotency key */
    LIST_SIZE = 50,
    EVENTS_AT_ONCE = 16,
    EVENT_BLOCK = 16 << 10,
    RETRY_MS = 2000 /* told to clients: when to connect again */
};

/* ---- adding --------------------------------------------------------------------------------- */

static void add_failed(struct request *request, int status, const se_error *err)
{
    if (status == SE_ERR_ARGUMENT)
        request_fail(request, "idempotency", "%s", err->message);
    else if (status == SE_ERR_LIMIT)
        request_fail(request, "overload", "%s", err->message);
    else
        request_fail_error(request, err);
}

static void add_in_store(struct request *request)
{
    struct service *service = request->service;
    struct buffer *out = &request->reply.body;
    struct store_job job;
    se_error err;
    bool existed = false;
    const struct store_new_job wish = {
        .client = request->client,
        .idempotency_key = request_header(request, "Idempotency-Key"),
        .pictures = request->new_pictures,
        .count = request->new_count,
        .options = request->work.options,
        .webhook = *request->webhook ? request->webhook : NULL,
        .max_waiting = config_now(&service->config)->max_jobs,
    };
    int status = store_add_job(service->store, &wish, &job, &existed, &err);
    if (status != SE_OK) {
        add_failed(request, status, &err);
        return;
    }
    if (!existed)
        keeper_kick(service->keeper);
    buffer_init(out, MAX_REPLY);
    status = store_job_json(service->store, &job, false, out, &err);
    if (status == SE_OK)
        status = buffer_append(out, "\n", 1, &err);
    request_end_json(request, status, &err);
    if (status == SE_OK && !existed)
        request->reply.status = 202;
}

void routes_job_add(struct request *request)
{
    const char *key = request_header(request, "Idempotency-Key");
    if (key && (!*key || strlen(key) > MAX_KEY))
        request_fail(request, "parameter", "Idempotency-Key takes 1 to %d bytes", MAX_KEY);
    else if (upload_parse(request, ROUTES_MAX_PICTURES))
        request_errand(request, add_in_store);
}

/* ---- asking --------------------------------------------------------------------------------- */

static void list_from_store(struct request *request)
{
    struct buffer *out = &request->reply.body;
    se_error err;
    int64_t limit;
    if (!query_check(request, "limit before") ||
        !query_number(request, "limit", 1, STORE_LIMIT, LIST_SIZE, &limit))
        return;
    buffer_init(out, MAX_REPLY);
    int status = buffer_printf(out, &err, "{\"jobs\":[");
    if (status == SE_OK)
        status = store_list_jobs(request->service->store, query_text(request, "before"), (int)limit,
                                 out, &err);
    if (status == SE_OK)
        status = buffer_append(out, "]}\n", 3, &err);
    request_end_json(request, status, &err);
}

void routes_job_list(struct request *request)
{
    request_errand(request, list_from_store);
}

/* The job that the path names; false when the reply says that there is none. */
static bool find_job(struct request *request, struct store_job *job)
{
    se_error err;
    bool found = false;
    if (store_find_job(request->service->store, request->path_part, job, &found, &err) != SE_OK)
        request_fail_error(request, &err);
    else if (!found)
        request_fail(request, "not_found", "there is no job %.60s", request->path_part);
    return found;
}

static void get_from_store(struct request *request)
{
    struct buffer *out = &request->reply.body;
    struct store_job job;
    se_error err;
    if (!query_check(request, "") || !find_job(request, &job))
        return;
    buffer_init(out, MAX_REPLY);
    int status = store_job_json(request->service->store, &job, true, out, &err);
    if (status == SE_OK)
        status = buffer_append(out, "\n", 1, &err);
    request_end_json(request, status, &err);
}

void routes_job_get(struct request *request)
{
    request_errand(request, get_from_store);
}

static void delete_in_store(struct request *request)
{
    struct service *service = request->service;
    se_error err;
    bool found = false;
    if (!query_check(request, ""))
        return;
    if (store_delete_job(service->store, request->path_part, &found, &err) != SE_OK) {
        request_fail_error(request, &err);
    } else if (!found) {
        request_fail(request, "not_found", "there is no job %.60s", request->path_part);
    } else {
        keeper_cancel(service->keeper, request->path_part);
        events_tell(service->events, request->path_part);
        request_succeed(request, 204, NULL);
    }
}

void routes_job_delete(struct request *request)
{
    request_errand(request, delete_in_store);
}

/* ---- events --------------------------------------------------------------------------------- */

/*
 * A stream of events (HTML, section 9.2): "result" for each picture, its id being that of the
 * reading, "done" in the end. What was told before Last-Event-ID is left out.
 */
struct event_stream {
    struct events_listener listener;
    struct service *service;
    struct buffer block; /* what is to be sent */
    size_t sent;         /* of it */
    int64_t last_id;
    bool ended;
};

static int append_event(void *context, const struct store_reading *reading, se_error *err)
{
    struct event_stream *stream = context;
    struct buffer *out = &stream->block;
    stream->last_id = reading->id;
    FORWARD_IF_ERROR(
        buffer_printf(out, err, "event: result\nid: %lld\ndata: ", (long long)reading->id));
    FORWARD_IF_ERROR(outcome_json_append(out, reading->file, reading->error, reading->message,
                                         reading->result, err));
    return buffer_append(out, "\n\n", 2, err);
}

/* Fills the block with what is new: events, the end, or, when there is nothing, nothing. */
static int next_block(struct event_stream *stream, se_error *err)
{
    struct store *store = stream->service->store;
    struct store_job job;
    bool found;
    const struct store_filter filter = {.job = stream->listener.job,
                                        .after = stream->last_id,
                                        .oldest_first = true,
                                        .limit = EVENTS_AT_ONCE};
    stream->block.size = stream->sent = 0;
    /* The job first: what it counts as done is then among the readings. */
    FORWARD_IF_ERROR(store_find_job(store, stream->listener.job, &job, &found, err));
    FORWARD_IF_ERROR(store_readings(store, &filter, append_event, stream, err));
    if (events_pinged(stream->service->events, &stream->listener))
        FORWARD_IF_ERROR(buffer_append(&stream->block, ":\n\n", 3, err));
    if (stream->block.size > 0)
        return SE_OK;
    if (found && !*job.finished)
        return SE_OK;
    stream->ended = true;
    return found ? buffer_printf(&stream->block, err,
                                 "event: done\ndata: {\"total\":%d,\"failed\":%d}\n\n", job.total,
                                 job.failed)
                 : buffer_printf(&stream->block, err, "event: deleted\ndata: {}\n\n");
}

static ssize_t read_stream(void *context, uint64_t position, char *out, size_t size)
{
    struct event_stream *stream = context;
    se_error err;
    (void)position;
    while (stream->sent == stream->block.size) {
        if (stream->ended || events_are_closed(stream->service->events))
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (next_block(stream, &err) != SE_OK)
            return MHD_CONTENT_READER_END_WITH_ERROR;
        if (stream->block.size > 0)
            break;
        if (events_sleep(stream->service->events, &stream->listener))
            return 0;
    }
    const size_t left = stream->block.size - stream->sent;
    const size_t count = left < size ? left : size;
    memcpy(out, stream->block.data + stream->sent, count);
    stream->sent += count;
    return (ssize_t)count;
}

static void free_stream(void *context)
{
    struct event_stream *stream = context;
    events_leave(stream->service->events, &stream->listener);
    buffer_free(&stream->block);
    free(stream);
}

/* The header Last-Event-ID, 0 without one; false when the reply says that it is none of ours. */
static bool take_last_id(struct request *request, int64_t *id)
{
    const char *text = request_header(request, "Last-Event-ID");
    char *end;
    *id = 0;
    if (!text)
        return true;
    *id = strtoll(text, &end, 10);
    if (*text < '0' || *text > '9' || *end)
        request_fail(request, "parameter", "Last-Event-ID cannot be \"%.60s\"", text);
    return !request->reply.code;
}

static void open_stream(struct request *request)
{
    struct store_job job;
    int64_t last;
    if (!query_check(request, "") || !take_last_id(request, &last) || !find_job(request, &job))
        return;
    struct event_stream *stream = calloc(1, sizeof(*stream));
    struct MHD_Response *response =
        stream ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, EVENT_BLOCK, read_stream,
                                                   stream, free_stream)
               : NULL;
    if (!response) {
        free(stream);
        request_fail(request, "memory", "out of memory");
        return;
    }
    stream->service = request->service;
    stream->listener.connection = request->connection;
    stream->last_id = last;
    memcpy(stream->listener.job, job.id, sizeof(job.id));
    buffer_init(&stream->block, MAX_REPLY);
    buffer_printf(&stream->block, NULL, "retry: %d\n\n", RETRY_MS);
    events_listen(request->service->events, &stream->listener);
    request_succeed(request, 200, "text/event-stream");
    request->reply.stream = response;
}

void routes_job_events(struct request *request)
{
    request_errand(request, open_stream);
}
