#define _GNU_SOURCE
#include "serve/request.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "base/budget.h"
#include "serve/journal.h"
#include "serve/metrics.h"
#include "serve/problem.h"
#include "serve/request_begin.h"

enum { SMALL_BODY = 64 << 10, MAX_PROBLEM = 8192, DRAIN_RETRY_AFTER_S = 5 };

/* ---- replies -------------------------------------------------------------------------------- */

static void fail_with(struct request *request, const char *code, const char *detail)
{
    struct reply *reply = &request->reply;
    buffer_free(&reply->body);
    buffer_init(&reply->body, MAX_PROBLEM);
    reply->code = code;
    reply->status = problem_status(code);
    reply->content_type = "application/problem+json";
    /* Without memory the reply has a status and no body. */
    if (problem_append(&reply->body, code, detail, request->id, NULL) != SE_OK)
        buffer_free(&reply->body);
    if (reply->status == 503 && reply->retry_after_s == 0)
        reply->retry_after_s = DRAIN_RETRY_AFTER_S;
}

void request_fail(struct request *request, const char *code, const char *detail, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, detail);
    vsnprintf(text, sizeof(text), detail, arguments);
    va_end(arguments);
    fail_with(request, code, text);
}

void request_fail_error(struct request *request, const se_error *error)
{
    fail_with(request, se_status_name(error->code), error->message);
}

void request_fail_overload(struct request *request)
{
    request_fail(request, "overload", "too many requests are in work; try again later");
}

void request_succeed(struct request *request, unsigned status, const char *content_type)
{
    request->reply.status = status;
    request->reply.content_type = content_type;
}

void request_end_json(struct request *request, int status, const se_error *error)
{
    if (status == SE_OK)
        request_succeed(request, 200, "application/json");
    else
        request_fail_error(request, error);
}

const char *request_header(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* ---- begin ---------------------------------------------------------------------------------- */

static bool is_id(const char *text)
{
    const size_t length = strlen(text);
    return length > 0 && length < REQUEST_ID_SIZE &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
               length;
}

/* The id that the client gave, or one of our own. */
static void settle_id(struct request *request)
{
    const char *given = request_header(request, "X-Request-Id");
    unsigned char random[16] = {0};
    if (given && is_id(given)) {
        memcpy(request->id, given, strlen(given) + 1);
        return;
    }
    if (getrandom(random, sizeof(random), GRND_NONBLOCK) < 0)
        memcpy(random, &request->started_ns, sizeof(request->started_ns));
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(request->id + 2 * i, 3, "%02x", random[i]);
}

static void settle_client(struct request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    const socklen_t size = address && address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                                     : sizeof(struct sockaddr_in);
    char text[NI_MAXHOST] = "";
    if (!address || getnameinfo(address, size, text, sizeof(text), NULL, 0, NI_NUMERICHOST) != 0)
        snprintf(text, sizeof(text), "unknown");
    const char *mapped = strncmp(text, "::ffff:", 7) == 0 ? text + 7 : text;
    snprintf(request->address, sizeof(request->address), "%.60s", mapped);
    memcpy(request->client, request->address, sizeof(request->client));
}

/* Does `path` have the form of `pattern`? What stands for {id} goes to `part`. */
static bool path_matches(const char *pattern, const char *path, char part[REQUEST_PATH_SIZE])
{
    for (; *pattern && *path; pattern++, path++) {
        if (*pattern == '{') {
            const size_t length = strcspn(path, "/");
            if (length == 0 || length >= REQUEST_PATH_SIZE)
                return false;
            memcpy(part, path, length);
            part[length] = '\0';
            pattern = strchr(pattern, '}');
            path += length - 1;
        } else if (*pattern != *path) {
            return false;
        }
    }
    return !*pattern && !*path;
}

static const struct route *find_route(struct request *request)
{
    const char *method = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method;
    char allow[64] = "";
    for (const struct route *route = request_routes; route->method; route++) {
        if (!path_matches(route->path, request->path, request->path_part))
            continue;
        if (strcmp(route->method, method) == 0)
            return route;
        const size_t used = strlen(allow);
        snprintf(allow + used, sizeof(allow) - used, "%s%s", used ? ", " : "",
                 strcmp(route->method, "GET") == 0 ? "GET, HEAD" : route->method);
    }
    if (*allow) {
        memcpy(request->reply.allow, allow, sizeof(allow));
        request_fail(request, "method", "%s takes %s", request->path, allow);
    } else {
        request_fail(request, "not_found", "there is nothing at %s", request->path);
    }
    return NULL;
}

static bool has_body(const struct request *request)
{
    const char *length = request_header(request, "Content-Length");
    return request_header(request, "Transfer-Encoding") || (length && strcmp(length, "0") != 0);
}

/* The size that the headers announce: 0 without a body or when it comes in chunks. False when it is
 * too large. */
static bool announced_size(struct request *request, size_t *size)
{
    const size_t limit = request->body.max;
    const char *length = request_header(request, "Content-Length");
    *size = 0;
    if (length) {
        const unsigned long long value = strtoull(length, NULL, 10);
        if (value > limit) {
            request_fail(request, "too_large", "the body is larger than %zu bytes", limit);
            return false;
        }
        *size = (size_t)value;
    }
    return true;
}

static bool admit(struct request *request)
{
    struct service *service = request->service;
    size_t size;
    if (!announced_size(request, &size))
        return false;
    if (!request->route->reads)
        return true;
    if (atomic_load(&service->draining)) {
        request_fail(request, "draining", "the service is being shut down");
        return false;
    }
    if (admission_begin(service->admission, &request->hold, size, &request->reply.retry_after_s))
        return true;
    request_fail_overload(request);
    return false;
}

struct request *request_begin(struct service *service, struct MHD_Connection *connection,
                              const char *method, const char *url)
{
    struct request *request = calloc(1, sizeof(*request));
    if (!request)
        return NULL;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    request->service = service;
    request->connection = connection;
    request->guard = info ? info->socket_context : NULL;
    request->started_ns = clock_now_ns();
    request->work.socket = -1;
    request->work.options.time_limit_ms = -1;
    snprintf(request->method, sizeof(request->method), "%s", method);
    snprintf(request->path, sizeof(request->path), "%s", url);
    settle_id(request);
    settle_client(request);
    request->route = request->found = find_route(request);
    buffer_init(&request->body, request->route && request->route->reads
                                    ? config_now(&service->config)->body_bytes
                                    : SMALL_BODY);
    if (request->route && (!access_check(request) || !admit(request)))
        request->route = NULL;
    if (!request->route && has_body(request)) {
        request->reply.close = true; /* what follows is not wanted */
        slow_guard_set_unread(request->guard);
    }
    if (atomic_load(&service->draining))
        request->reply.close = true;
    return request;
}

void request_end(struct request *request, bool completed)
{
    const struct journal_request entry = {
        .id = request->id,
        .address = request->address,
        .client = request->client,
        .method = request->method,
        .path = request->path,
        .code = completed || request->reply.code ? request->reply.code : "client_left",
        .status = request->reply.status,
        .ms = (double)(clock_now_ns() - request->started_ns) * 1e-6,
        .bytes = request->body_bytes,
    };
    metrics_request(request->service->metrics, request->found, entry.status, entry.ms * 1e-3);
    /* Probes come every few seconds for ever. */
    if (strncmp(request->path, "/health/", 8) != 0 && strcmp(request->path, "/metrics") != 0)
        journal_request(&entry);
    admission_end(request->service->admission, &request->hold);
    for (size_t i = 0; i < request->work.count; i++)
        work_picture_free(&request->work.pictures[i]);
    free(request->work.pictures);
    for (size_t i = 0; i < request->new_count; i++)
        free((void *)(uintptr_t)request->new_pictures[i].name);
    free(request->new_pictures);
    if (request->reply.stream)
        MHD_destroy_response(request->reply.stream);
    buffer_free(&request->body);
    buffer_free(&request->reply.body);
    free(request);
}
