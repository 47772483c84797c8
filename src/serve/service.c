#define _GNU_SOURCE
#include "serve/service.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/budget.h"
#include "serve/http.h"
#include "serve/journal.h"
#include "serve/places.h"

enum { PING_TICKS = 15 };

static const struct timespec tick = {.tv_sec = 1}, drain_tick = {.tv_nsec = 20000000};

/* As many open files as the system allows: a connection is one, a picture is one. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Waits for SIGTERM or SIGINT. SE_ERR_MODEL when the workers do not come up. */
static int wait_for_end(struct service *service, const sigset_t *signals, se_error *err)
{
    for (unsigned ticks = 0;;) {
        const int signal = sigtimedwait(signals, NULL, &tick);
        if (signal == SIGTERM || signal == SIGINT)
            return SE_OK;
        slow_guard_check(service->guard);
        if (++ticks % PING_TICKS == 0)
            events_ping(service->events);
        RETURN_ERROR_IF(engine_has_failed(service->engine), err, SE_ERR_MODEL,
                        "the first worker process ended before it was ready; it has said why");
    }
}

static void drain(struct service *service, struct http *http)
{
    const int64_t until = clock_now_ns() + service->config.drain_ns;
    struct engine_numbers numbers;
    atomic_store(&service->draining, true);
    journal_event(JOURNAL_INFO, "drain", "no new requests; those in work come to their end");
    http_quiesce(http);
    do {
        engine_numbers(service->engine, &numbers);
        if (numbers.admitted == 0)
            return;
        nanosleep(&drain_tick, NULL);
        slow_guard_check(service->guard);
    } while (clock_now_ns() < until);
    journal_event(JOURNAL_WARNING, "drain", "the time is over; what is left is given up");
}

static int serve(struct service *service, char *const *worker, const sigset_t *signals,
                 se_error *err)
{
    struct http *http = NULL;
    int socket, port = service->config.port;
    FORWARD_IF_ERROR(http_listen(&service->config, &socket, &port, err));
    /* Before the server: its threads call the engine and the keeper. */
    int status = engine_start(&service->engine, &service->config, worker, err);
    if (status != SE_OK) {
        close(socket);
        return status;
    }
    status = keeper_start(&service->keeper, service, err);
    if (status == SE_OK)
        status = http_start(&http, service, socket, err);
    else
        close(socket);
    if (status == SE_OK) {
        printf("serialeye: serving on http://%s:%d\n", service->config.host, port);
        fflush(stdout);
        status = wait_for_end(service, signals, err);
        if (status == SE_OK)
            drain(service, http);
    }
    /* First those that wake the connections that sleep, then the server, which calls them. */
    engine_stop(service->engine);
    keeper_stop(service->keeper);
    events_close(service->events);
    http_stop(http);
    keeper_free(service->keeper);
    engine_free(service->engine);
    return status;
}

int service_run(const se_settings *settings, char *const *worker, se_error *err)
{
    struct service service = {.settings = settings};
    sigset_t signals;
    char store[PLACE_SIZE];
    FORWARD_IF_ERROR(serve_config_read(&service.config, settings, err));
    raise_file_limit();
    /* Blocked in all threads that follow; this one waits for them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    int status = slow_guard_create(&service.guard, &service.config, err);
    if (status == SE_OK)
        status = linger_start(&service.linger, err);
    if (status == SE_OK)
        status = events_create(&service.events, err);
    if (status == SE_OK)
        status = metrics_create(&service.metrics, err);
    if (status == SE_OK)
        status = place_of_store(service.config.store, store, err);
    if (status == SE_OK)
        status = store_open(&service.store, store, err);
    if (status == SE_OK)
        status = access_open(&service.access, &service.config, err);
    if (status == SE_OK)
        status = serve(&service, worker, &signals, err);
    access_free(service.access);
    store_close(service.store);
    metrics_free(service.metrics);
    events_free(service.events);
    linger_stop(service.linger);
    slow_guard_free(service.guard);
    return status;
}
