/*
 * The table of routes, and those that say how the service is.
 */
#include "serve/routes.h"

#include <string.h>

#include "serve/json_text.h"
#include "serve/query.h"

enum { MAX_REPLY = 1 << 20 };

static void reply_status(struct request *request, const char *status)
{
    se_error err;
    buffer_init(&request->reply.body, MAX_REPLY);
    request_end_json(
        request, buffer_printf(&request->reply.body, &err, "{\"status\":\"%s\"}\n", status), &err);
}

static void live(struct request *request)
{
    reply_status(request, "live");
}

static void ready(struct request *request)
{
    if (atomic_load(&request->service->draining)) {
        request_fail(request, "draining", "the service is being shut down");
    } else if (!engine_is_ready(request->service->engine)) {
        request->reply.retry_after_s = 1;
        request_fail(request, "not_ready", "the models are being loaded");
    } else {
        reply_status(request, "ready");
    }
}

/* How it goes, in a few words and numbers. */
static void health(struct request *request)
{
    struct engine_numbers numbers;
    se_error err;
    const bool draining = atomic_load(&request->service->draining);
    engine_numbers(request->service->engine, &numbers);
    buffer_init(&request->reply.body, MAX_REPLY);
    const char *status = draining ? "draining" : numbers.workers_ready > 0 ? "ready" : "starting";
    request_end_json(
        request,
        buffer_printf(&request->reply.body, &err,
                      "{\"status\":\"%s\",\"version\":\"%s\",\"workers\":%d,"
                      "\"workers_ready\":%d,\"pictures_waiting\":%zu,\"pictures_running\":%zu,"
                      "\"keeps_pictures\":%s}\n",
                      status, se_version(), config_now(&request->service->config)->workers,
                      numbers.workers_ready, numbers.waiting, numbers.running,
                      config_now(&request->service->config)->keep_pictures ? "true" : "false"),
        &err);
}

static int append_setting(struct buffer *out, const se_setting_info *info, bool first,
                          se_error *err)
{
    if (!first)
        FORWARD_IF_ERROR(buffer_append(out, ",", 1, err));
    FORWARD_IF_ERROR(json_text_append(out, info->name, err));
    FORWARD_IF_ERROR(buffer_printf(out, err, ":{\"value\":"));
    /* The address of a server may have a password in it. */
    const char *value = store_is_server(info->value) ? "(a server)" : info->value;
    FORWARD_IF_ERROR(json_text_append(out, value, err));
    FORWARD_IF_ERROR(buffer_printf(out, err, ",\"origin\":"));
    FORWARD_IF_ERROR(json_text_append(out, info->origin, err));
    FORWARD_IF_ERROR(buffer_printf(out, err, ",\"description\":"));
    FORWARD_IF_ERROR(json_text_append(out, info->description, err));
    return buffer_append(out, "}", 1, err);
}

static void config(struct request *request)
{
    struct buffer *out = &request->reply.body;
    const se_settings *settings = config_now(&request->service->config)->settings;
    se_setting_info info;
    se_error err;
    if (!query_check(request, ""))
        return;
    buffer_init(out, MAX_REPLY);
    int status = buffer_append(out, "{", 1, &err);
    for (size_t i = 0; status == SE_OK && se_settings_at(settings, i, &info) == SE_OK; i++)
        status = append_setting(out, &info, i == 0, &err);
    if (status == SE_OK)
        status = buffer_append(out, "}\n", 2, &err);
    request_end_json(request, status, &err);
}

const struct route request_routes[] = {
    {"GET", "/", ACCESS_OPEN, false, routes_page},
    {"GET", "/page/{file}", ACCESS_OPEN, false, routes_page_file},
    {"GET", "/openapi.json", ACCESS_OPEN, false, routes_openapi},
    {"POST", "/v1/pair", ACCESS_OPEN, false, routes_pair},
    {"GET", "/health/live", ACCESS_OPEN, false, live},
    {"GET", "/health/ready", ACCESS_OPEN, false, ready},
    {"POST", "/v1/read", ACCESS_READ, true, routes_read},
    {"POST", "/v1/batch", ACCESS_READ, true, routes_batch},
    {"POST", "/v1/jobs", ACCESS_JOBS, true, routes_job_add},
    {"GET", "/v1/jobs", ACCESS_JOBS, false, routes_job_list},
    {"GET", "/v1/jobs/{id}", ACCESS_JOBS, false, routes_job_get},
    {"DELETE", "/v1/jobs/{id}", ACCESS_JOBS, false, routes_job_delete},
    {"GET", "/v1/jobs/{id}/events", ACCESS_JOBS, false, routes_job_events},
    {"GET", "/v1/readings", ACCESS_JOBS, false, routes_reading_list},
    {"GET", "/v1/readings/{id}", ACCESS_JOBS, false, routes_reading_get},
    {"GET", "/v1/readings/{id}/picture", ACCESS_JOBS, false, routes_reading_picture},
    {"PUT", "/v1/readings/{id}/correction", ACCESS_JOBS, false, routes_reading_correct},
    {"GET", "/v1/export", ACCESS_JOBS, false, routes_export},
    {"GET", "/v1/stats", ACCESS_JOBS, false, routes_stats},
    {"GET", "/v1/config", ACCESS_ADMIN, false, config},
    {"GET", "/metrics", ACCESS_READ, false, routes_metrics},
    /* The same under the names that the service before this one had. */
    {"POST", "/process-serial", ACCESS_READ, true, routes_read},
    {"POST", "/scan", ACCESS_JOBS, true, routes_job_add},
    {"GET", "/result/{id}", ACCESS_JOBS, false, routes_job_get},
    {"GET", "/jobs", ACCESS_JOBS, false, routes_job_list},
    {"DELETE", "/jobs/{id}", ACCESS_JOBS, false, routes_job_delete},
    {"GET", "/history", ACCESS_JOBS, false, routes_reading_list},
    {"GET", "/stats", ACCESS_JOBS, false, routes_stats},
    {"GET", "/export", ACCESS_JOBS, false, routes_export},
    {"GET", "/config", ACCESS_ADMIN, false, config},
    {"GET", "/health", ACCESS_READ, false, health},
    {NULL, NULL, ACCESS_OPEN, false, NULL},
};
