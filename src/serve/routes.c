/*
 * The table of routes, and those that say how the service is.
 */
#include "serve/routes.h"

static void live(struct request *request)
{
    buffer_init(&request->reply.body, 64);
    if (buffer_printf(&request->reply.body, NULL, "{\"status\":\"live\"}\n") == SE_OK)
        request_succeed(request, 200, "application/json");
    else
        request_fail(request, "memory", "out of memory");
}

static void ready(struct request *request)
{
    if (atomic_load(&request->service->draining)) {
        request_fail(request, "draining", "the service is being shut down");
        return;
    }
    if (!engine_is_ready(request->service->engine)) {
        request->reply.retry_after_s = 1;
        request_fail(request, "not_ready", "the models are being loaded");
        return;
    }
    buffer_init(&request->reply.body, 64);
    if (buffer_printf(&request->reply.body, NULL, "{\"status\":\"ready\"}\n") == SE_OK)
        request_succeed(request, 200, "application/json");
    else
        request_fail(request, "memory", "out of memory");
}

const struct route request_routes[] = {
    {"GET", "/", false, routes_page},
    {"GET", "/page/{file}", false, routes_page_file},
    {"GET", "/health/live", false, live},
    {"GET", "/health/ready", false, ready},
    {"POST", "/v1/read", true, routes_read},
    {"POST", "/v1/batch", true, routes_batch},
    {NULL, NULL, false, NULL},
};
