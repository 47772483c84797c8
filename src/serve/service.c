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
#include "serve/generations.h"
#include "serve/http.h"
#include "serve/journal.h"
#include "serve/places.h"
#include "serve/tls_serving.h"

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

/* Loads the certificate, if there is to be one, for the connections that come from now on. */
static int take_certificate(const struct serve_config *config, se_error *err)
{
    struct tls tls;
    if (config->tls == TLS_OFF)
        return SE_OK;
    FORWARD_IF_ERROR(tls_load(&tls, config, err));
    const int status = tls_serving_set(&tls, err);
    tls_free(&tls);
    return status;
}

/* The certificate again: the one before stays when this one is not good. */
static void reload_certificate(struct service *service)
{
    const struct serve_config *config = config_now(&service->config);
    se_error err;
    if (config->tls == TLS_OFF)
        return;
    if (take_certificate(config, &err) == SE_OK)
        journal_event(JOURNAL_INFO, "tls", "the certificate was read again");
    else
        journal_event(JOURNAL_ERROR, "tls", err.message);
}

/* New settings; those before stay when these are not understood. */
static void reload(struct service *service, struct generation **newest,
                   const struct service_source *source)
{
    se_error err;
    bool kept;
    if (generation_add(newest, &service->config, source, &kept, &err) != SE_OK) {
        journal_event(JOURNAL_ERROR, "reload", err.message);
        return;
    }
    engine_configure(service->engine, (*newest)->worker_line);
    reload_certificate(service);
    journal_event(JOURNAL_INFO, "reload", "the settings were read again");
    if (kept)
        journal_event(
            JOURNAL_WARNING, "reload",
            "host, port, workers, connections, store, keys, tls and webhook_secret stay as "
            "they are until the next start");
}

/* Waits for SIGTERM or SIGINT. SE_ERR_MODEL when the workers do not come up. */
static int wait_for_end(struct service *service, struct generation **newest,
                        const struct service_source *source, const sigset_t *signals, se_error *err)
{
    for (unsigned ticks = 0;;) {
        const int signal = sigtimedwait(signals, NULL, &tick);
        if (signal == SIGTERM || signal == SIGINT)
            return SE_OK;
        if (signal == SIGHUP)
            reload(service, newest, source);
        slow_guard_check(service->guard);
        if (++ticks % PING_TICKS == 0)
            events_ping(service->events);
        RETURN_ERROR_IF(engine_has_failed(service->engine), err, SE_ERR_MODEL,
                        "the first worker process ended before it was ready; it has said why");
    }
}

static void drain(struct service *service, struct http *http)
{
    const int64_t until = clock_now_ns() + config_now(&service->config)->drain_ns;
    struct admission_numbers numbers;
    atomic_store(&service->draining, true);
    journal_event(JOURNAL_INFO, "drain", "no new requests; those in work come to their end");
    http_quiesce(http);
    do {
        admission_numbers(service->admission, &numbers);
        if (numbers.seats + numbers.uploading == 0)
            return;
        nanosleep(&drain_tick, NULL);
        slow_guard_check(service->guard);
    } while (clock_now_ns() < until);
    journal_event(JOURNAL_WARNING, "drain", "the time is over; what is left is given up");
}

/* Says where it is to be found: the address, and for telephones the code that gives them a key. */
static int announce(struct service *service, int port, se_error *err)
{
    const struct serve_config *config = config_now(&service->config);
    printf("serialeye: serving on %s://%s:%d\n", config->tls != TLS_OFF ? "https" : "http",
           config->host, port);
    if (config->tls == TLS_AUTO)
        FORWARD_IF_ERROR(pairing_open(&service->pairing, config, port, err));
    fflush(stdout);
    return SE_OK;
}

static int serve(struct service *service, struct generation **newest,
                 const struct service_source *source, const sigset_t *signals, se_error *err)
{
    const struct serve_config *config = config_now(&service->config);
    struct http *http = NULL;
    int socket, port = config->port;
    FORWARD_IF_ERROR(http_listen(config, &socket, &port, err));
    /* Before the server: its threads call the engine and the keeper. */
    int status = engine_start(&service->engine, &service->config, service->admission,
                              (*newest)->worker_line, err);
    if (status != SE_OK) {
        close(socket);
        return status;
    }
    /* Before the keeper, which kicks it. */
    status = courier_start(&service->courier, service, err);
    if (status == SE_OK)
        status = keeper_start(&service->keeper, service, err);
    if (status == SE_OK)
        status = http_start(&http, service, socket, err);
    else
        close(socket);
    if (status == SE_OK)
        status = announce(service, port, err);
    if (status == SE_OK)
        status = wait_for_end(service, newest, source, signals, err);
    if (status == SE_OK)
        drain(service, http);
    /* First those that wake the connections that sleep, then the server, which calls them. */
    engine_stop(service->engine);
    keeper_stop(service->keeper);
    courier_stop(service->courier);
    events_close(service->events);
    http_stop(http);
    keeper_free(service->keeper);
    engine_free(service->engine);
    pairing_close(service->pairing);
    return status;
}

/* Makes the parts that need no thread of the service, and serves. */
static int serve_with_parts(struct service *service, struct generation **newest,
                            const struct service_source *source, const sigset_t *signals,
                            se_error *err)
{
    const struct serve_config *config = config_now(&service->config);
    char store[PLACE_SIZE];
    int status = slow_guard_create(&service->guard, &service->config, err);
    if (status == SE_OK)
        status = linger_start(&service->linger, err);
    if (status == SE_OK)
        status = events_create(&service->events, err);
    if (status == SE_OK)
        status = metrics_create(&service->metrics, err);
    if (status == SE_OK)
        status = admission_create(&service->admission, &service->config, err);
    if (status == SE_OK)
        status = take_certificate(config, err);
    const bool server = store_is_server(config->store);
    if (status == SE_OK && !server)
        status = place_of_store(config->store, store, err);
    if (status == SE_OK)
        status = store_open(&service->store, server ? config->store : store, err);
    if (status == SE_OK)
        status = access_open(&service->access, config, err);
    if (status == SE_OK)
        status = serve(service, newest, source, signals, err);
    access_free(service->access);
    store_close(service->store);
    tls_serving_free();
    admission_free(service->admission);
    metrics_free(service->metrics);
    events_free(service->events);
    linger_stop(service->linger);
    slow_guard_free(service->guard);
    return status;
}

int service_run(const struct service_source *source, se_error *err)
{
    struct service service = {.store = NULL};
    struct generation *newest = NULL;
    sigset_t signals;
    FORWARD_IF_ERROR(generation_add(&newest, &service.config, source, NULL, err));
    raise_file_limit();
    /* Blocked in all threads that follow; this one waits for them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    const int status = serve_with_parts(&service, &newest, source, &signals, err);
    generations_free(newest);
    return status;
}
