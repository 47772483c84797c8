#define _GNU_SOURCE
#include "serve/http.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/budget.h"
#include "serve/journal.h"
#include "serve/request.h"
#include "serve/request_begin.h"
#include "serve/tls_serving.h"

enum {
    CONNECTION_MEMORY = 32 << 10, /* bounds the headers of a request */
    SILENCE_S = 30,               /* neither side sends anything */
    BACKLOG = 1024
};

struct http {
    struct MHD_Daemon *daemon;
    struct service *service;
    int quiesced; /* the listening socket, ours again; -1 before */
};

/* ---- replies -------------------------------------------------------------------------------- */

static bool add_headers(struct MHD_Response *response, const struct request *request)
{
    const struct reply *reply = &request->reply;
    static const char *const always[][2] = {
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
    };
    const char *policy =
        reply->policy ? reply->policy : "default-src 'none'; frame-ancestors 'none'";
    char text[32];
    bool good = !reply->content_type ||
                MHD_add_response_header(response, "Content-Type", reply->content_type) == MHD_YES;
    good &= MHD_add_response_header(response, "X-Request-Id", request->id) == MHD_YES;
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
        good &= MHD_add_response_header(response, always[i][0], always[i][1]) == MHD_YES;
    good &= MHD_add_response_header(response, "Content-Security-Policy", policy) == MHD_YES;
    good &= MHD_add_response_header(response, "Cache-Control",
                                    reply->etag ? "no-cache" : "no-store") == MHD_YES;
    if (reply->etag)
        good &= MHD_add_response_header(response, "ETag", reply->etag) == MHD_YES;
    if (reply->retry_after_s > 0) {
        snprintf(text, sizeof(text), "%d", reply->retry_after_s);
        good &= MHD_add_response_header(response, "Retry-After", text) == MHD_YES;
    }
    if (reply->status == 401)
        good &= MHD_add_response_header(response, "WWW-Authenticate", "Bearer") == MHD_YES;
    if (*reply->allow)
        good &= MHD_add_response_header(response, "Allow", reply->allow) == MHD_YES;
    if (reply->reading_id > 0) {
        snprintf(text, sizeof(text), "%lld", (long long)reply->reading_id);
        good &= MHD_add_response_header(response, "X-Reading-Id", text) == MHD_YES;
    }
    if (reply->file_name && reply->status == 200) {
        char disposition[128];
        snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s\"", reply->file_name);
        good &= MHD_add_response_header(response, "Content-Disposition", disposition) == MHD_YES;
    }
    if (reply->close)
        good &= MHD_add_response_header(response, "Connection", "close") == MHD_YES;
    return good;
}

/* Hands the reply over; MHD_NO closes the connection. */
static enum MHD_Result send_reply(struct request *request)
{
    struct reply *reply = &request->reply;
    char *data = reply->body.data;
    const void *fixed = reply->fixed ? reply->fixed : "";
    struct MHD_Response *response = reply->stream;
    reply->stream = NULL;
    if (!response) {
        response = MHD_create_response_from_buffer(
            data ? reply->body.size : reply->fixed_size, data ? data : (void *)(uintptr_t)fixed,
            data ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
        if (!response)
            return MHD_NO;
        buffer_init(&reply->body, 0); /* it is the response's now */
    }
    enum MHD_Result result = MHD_NO;
    if (add_headers(response, request))
        result = MHD_queue_response(request->connection, reply->status, response);
    MHD_destroy_response(response);
    request->replied = true;
    slow_guard_phase(request->service->guard, request->guard, SLOW_REPLY);
    return result;
}

/* ---- requests ------------------------------------------------------------------------------- */

static void take_body(struct request *request, const char *data, size_t size)
{
    struct service *service = request->service;
    se_error err;
    slow_guard_progress(service->guard, request->guard, size);
    request->body_bytes += size;
    if (request->refused || !request->route)
        return;
    const bool room = !request->route->reads || admission_grow(service->admission, &request->hold,
                                                               size, &request->reply.retry_after_s);
    const int status = room ? buffer_append(&request->body, data, size, &err) : SE_ERR_MEMORY;
    if (status == SE_OK)
        return;
    request->refused = true;
    buffer_free(&request->body);
    admission_end(service->admission, &request->hold);
    if (!room)
        request_fail_overload(request);
    else if (status == SE_ERR_LIMIT)
        request_fail(request, "too_large", "the body is larger than %zu bytes", request->body.max);
    else
        request_fail_error(request, &err);
}

static void work_done(struct work *work)
{
    const struct request *request = work->context;
    MHD_resume_connection(request->connection);
}

void request_read(struct request *request, void (*finish)(struct request *request))
{
    struct service *service = request->service;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    request->work.context = request;
    request->work.done = work_done;
    request->work.socket = info ? info->connect_fd : -1;
    request->work.deadline_ns = request->started_ns + config_now(&service->config)->deadline_ns;
    request->work.id = engine_next_id(service->engine);
    memcpy(request->work.client, request->client, sizeof(request->work.client));
    request->finish = finish;
    request->asleep = true;
    MHD_suspend_connection(request->connection);
    engine_submit(service->engine, &request->work);
}

/* On the keeper's thread. */
static void run_errand(struct keeper_errand *errand)
{
    struct request *request =
        (struct request *)(void *)((char *)errand - offsetof(struct request, errand));
    request->on_errand(request);
    MHD_resume_connection(request->connection);
}

void request_errand(struct request *request, void (*run)(struct request *request))
{
    request->on_errand = run;
    request->errand.run = run_errand;
    request->finish = NULL;
    request->asleep = true;
    MHD_suspend_connection(request->connection);
    keeper_errand(request->service->keeper, &request->errand);
}

/* The body is whole. */
static void handle(struct request *request)
{
    if (request->route->reads && !admission_take_seat(request->service->admission, &request->hold,
                                                      &request->reply.retry_after_s))
        request_fail_overload(request);
    else
        request->route->handle(request);
}

static enum MHD_Result go_on(struct request *request)
{
    slow_guard_phase(request->service->guard, request->guard, SLOW_REPLY);
    if (request->asleep) {
        request->asleep = false;
        if (request->finish)
            request->finish(request);
    } else if (!request->refused) {
        handle(request);
    }
    return request->asleep ? MHD_YES : send_reply(request);
}

static enum MHD_Result on_access(void *context, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_size, void **slot)
{
    struct http *http = context;
    struct request *request = *slot;
    (void)version;
    if (!request) {
        request = request_begin(http->service, connection, method, url);
        if (!request)
            return MHD_NO;
        *slot = request;
        if (!request->route)
            return send_reply(request);
        slow_guard_phase(http->service->guard, request->guard, SLOW_BODY);
        return MHD_YES;
    }
    if (*upload_size > 0) {
        take_body(request, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    return request->replied ? MHD_NO : go_on(request);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **slot,
                         enum MHD_RequestTerminationCode why)
{
    struct request *request = *slot;
    (void)context;
    (void)connection;
    *slot = NULL;
    if (!request)
        return;
    slow_guard_phase(request->service->guard, request->guard, SLOW_HEADERS);
    request_end(request, why == MHD_REQUEST_TERMINATED_COMPLETED_OK);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **slot,
                          enum MHD_ConnectionNotificationCode what)
{
    const struct http *http = context;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *slot = info ? slow_guard_add(http->service->guard, info->connect_fd) : NULL;
    } else {
        const int unread = slow_guard_unread_socket(*slot);
        if (unread >= 0)
            linger_add(http->service->linger, unread);
        slow_guard_remove(http->service->guard, *slot);
        *slot = NULL;
    }
}

static void on_message(void *context, const char *format, va_list arguments)
{
    char text[512];
    (void)context;
    vsnprintf(text, sizeof(text), format, arguments);
    text[strcspn(text, "\n")] = '\0';
    journal_event(JOURNAL_WARNING, "http", text);
}

/* ---- the server ----------------------------------------------------------------------------- */

int http_start(struct http **out, struct service *service, int socket, se_error *err)
{
    const struct serve_config *config = config_now(&service->config);
    struct http *http = *out = calloc(1, sizeof(*http));
    if (!http) {
        close(socket);
        return se_fail_memory(err, "the server", sizeof(*http));
    }
    http->service = service;
    http->quiesced = -1;
    const bool tls = config->tls != TLS_OFF;
    /* Without TLS the list of options ends before its own. */
    struct MHD_OptionItem secure[] = {
        {tls ? MHD_OPTION_HTTPS_CERT_CALLBACK : MHD_OPTION_END, 0,
         (void *)(uintptr_t)tls_serving_retrieve},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL}};
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
            (tls ? MHD_USE_TLS : 0u),
        0, NULL, NULL, on_access, http, MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL,
        MHD_OPTION_LISTEN_SOCKET, socket, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_LIMIT, (unsigned)config->connections,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)config->per_address,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SILENCE_S, MHD_OPTION_ARRAY, secure,
        MHD_OPTION_END);
    if (http->daemon)
        return SE_OK;
    close(socket);
    free(http);
    *out = NULL;
    return se_fail(err, SE_ERR_IO, "the HTTP server could not be started");
}

void http_quiesce(struct http *http)
{
    http->quiesced = MHD_quiesce_daemon(http->daemon);
}

void http_stop(struct http *http)
{
    if (!http)
        return;
    MHD_stop_daemon(http->daemon);
    if (http->quiesced >= 0)
        close(http->quiesced);
    free(http);
}

static int listen_on(const struct addrinfo *address)
{
    const int yes = 1;
    const int fd =
        socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    const int failure = errno;
    close(fd);
    errno = failure;
    return -1;
}

int http_listen(const struct serve_config *config, int *out, int *port, se_error *err)
{
    const struct addrinfo wish = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                  .ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses;
    char service[8];
    snprintf(service, sizeof(service), "%d", config->port);
    const int failure =
        getaddrinfo(*config->host ? config->host : NULL, service, &wish, &addresses);
    RETURN_ERROR_IF(failure, err, SE_ERR_IO, "host = %.200s: %s", config->host,
                    gai_strerror(failure));
    *out = -1;
    for (const struct addrinfo *one = addresses; one && *out < 0; one = one->ai_next)
        *out = listen_on(one);
    const int reason = errno;
    freeaddrinfo(addresses);
    RETURN_ERROR_IF(*out < 0, err, SE_ERR_IO, "cannot listen on %.200s, port %d: %s", config->host,
                    config->port, strerror(reason));
    struct sockaddr_storage own;
    socklen_t size = sizeof(own);
    if (getsockname(*out, (struct sockaddr *)&own, &size) == 0 &&
        getnameinfo((struct sockaddr *)&own, size, NULL, 0, service, sizeof(service),
                    NI_NUMERICSERV) == 0)
        *port = atoi(service);
    return SE_OK;
}
