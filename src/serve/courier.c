#define _GNU_SOURCE
#include "serve/courier.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/hmac.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "serve/journal.h"
#include "serve/service.h"

enum {
    MIN_SECRET = 16,
    MAX_SECRET = 4096,
    SIDE_BY_SIDE = 16,
    TIMEOUT_S = 10,
    LEASE_S = 60, /* nobody else takes a delivery for so long; longer than its timeout */
    MAX_PAUSE_S = 3600,
    MAX_REDIRECTS = 3,
    MAX_REPLY = 64 << 10, /* which is dropped */
    MAX_BODY = 256 << 20,
    WAIT_MS = 1000
};

struct delivery {
    struct courier *courier;
    CURL *easy; /* NULL: this place is free */
    struct curl_slist *headers;
    struct buffer body;
    struct store_notice notice;
    size_t got; /* of the reply */
    bool refused;
};

struct courier {
    struct service *service;
    pthread_t thread;
    CURLM *multi;
    char secret[MAX_SECRET];
    size_t secret_size;
    struct delivery deliveries[SIDE_BY_SIDE];
    atomic_bool stop;
};

/* ---- the signature -------------------------------------------------------------------------- */

void courier_sign(char out[COURIER_SIGNATURE_SIZE], const void *secret, size_t secret_size,
                  long long time, const char *body, size_t size)
{
    struct hmac_sha256_ctx hmac;
    uint8_t digest[SHA256_DIGEST_SIZE];
    char head[32];
    const int head_size = snprintf(head, sizeof(head), "%lld.", time);
    hmac_sha256_set_key(&hmac, secret_size, secret);
    hmac_sha256_update(&hmac, (size_t)head_size, (const uint8_t *)head);
    hmac_sha256_update(&hmac, size, (const uint8_t *)body);
    hmac_sha256_digest(&hmac, sizeof(digest), digest);
    int used = snprintf(out, COURIER_SIGNATURE_SIZE, "t=%lld,v1=", time);
    for (size_t i = 0; i < sizeof(digest); i++)
        used += snprintf(out + used, COURIER_SIGNATURE_SIZE - (size_t)used, "%02x", digest[i]);
}

/* ---- one delivery --------------------------------------------------------------------------- */

/* Called with the address that a connection is to be made to. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct delivery *delivery = context;
    const struct serve_config *config = config_now(&delivery->courier->service->config);
    (void)purpose;
    if (!config->webhook_private && !courier_is_public(&address->addr)) {
        delivery->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* The reply is of no interest; a long one ends the delivery. */
static size_t drop_reply(char *data, size_t one, size_t size, void *context)
{
    struct delivery *delivery = context;
    (void)data;
    delivery->got += one * size;
    return delivery->got > MAX_REPLY ? 0 : one * size;
}

static bool add_header(struct delivery *delivery, const char *name, const char *value)
{
    char line[256];
    snprintf(line, sizeof(line), "%s: %s", name, value);
    struct curl_slist *longer = curl_slist_append(delivery->headers, line);
    if (longer)
        delivery->headers = longer;
    return longer != NULL;
}

static bool add_headers(struct delivery *delivery)
{
    const struct courier *courier = delivery->courier;
    char signature[COURIER_SIGNATURE_SIZE], id[STORE_ID_SIZE + 16];
    courier_sign(signature, courier->secret, courier->secret_size, (long long)time(NULL),
                 delivery->body.data, delivery->body.size);
    snprintf(id, sizeof(id), "%s-%d", delivery->notice.job, delivery->notice.tries);
    return add_header(delivery, "Content-Type", "application/json") &&
           add_header(delivery, "X-SerialEye-Signature", signature) &&
           add_header(delivery, "X-SerialEye-Delivery", id) &&
           /* No wait for "100 Continue". */
           add_header(delivery, "Expect", "");
}

static bool set_options(struct delivery *delivery)
{
    CURL *easy = delivery->easy;
    CURLcode bad = CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_URL, delivery->notice.url);
    bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    bad |= curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    bad |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
    bad |= curl_easy_setopt(easy, CURLOPT_POSTREDIR, (long)CURL_REDIR_POST_ALL);
    /* A proxy would be connected to in place of the target, which could not be checked. */
    bad |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
    bad |= curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "SerialEye");
    bad |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, delivery->headers);
    bad |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)delivery->body.size);
    bad |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, delivery->body.data);
    bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, delivery);
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop_reply);
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, delivery);
    bad |= curl_easy_setopt(easy, CURLOPT_PRIVATE, delivery);
    return bad == CURLE_OK;
}

static void free_delivery(struct delivery *delivery)
{
    if (delivery->easy) {
        curl_multi_remove_handle(delivery->courier->multi, delivery->easy);
        curl_easy_cleanup(delivery->easy);
    }
    curl_slist_free_all(delivery->headers);
    buffer_free(&delivery->body);
    *delivery = (struct delivery){.courier = delivery->courier};
}

/* What is told: the job as GET /v1/jobs/{id} gives it. */
static int make_body(struct delivery *delivery, bool *found, se_error *err)
{
    struct store *store = delivery->courier->service->store;
    struct store_job job;
    buffer_init(&delivery->body, MAX_BODY);
    FORWARD_IF_ERROR(store_find_job(store, delivery->notice.job, &job, found, err));
    return *found ? store_job_json(store, &job, true, &delivery->body, err) : SE_OK;
}

/* Begins to tell of a job. One that was deleted meanwhile is left alone. */
static int begin(struct delivery *delivery, const struct store_notice *notice, se_error *err)
{
    bool found = false;
    delivery->notice = *notice;
    int status = make_body(delivery, &found, err);
    if (status == SE_OK && found) {
        delivery->easy = curl_easy_init();
        if (!delivery->easy || !add_headers(delivery) || !set_options(delivery) ||
            curl_multi_add_handle(delivery->courier->multi, delivery->easy) != CURLM_OK)
            status = se_fail_memory(err, "a webhook", 0);
    }
    if (status != SE_OK || !found)
        free_delivery(delivery);
    return status;
}

/* Seconds until the next attempt: doubling, and not for all at the same moment. */
static int64_t pause_s(const struct serve_config *config, int tries)
{
    const int steps = tries < 20 ? tries - 1 : 19;
    const int64_t pause = (int64_t)config->webhook_retry_s << steps;
    const int64_t most = pause < MAX_PAUSE_S ? pause : MAX_PAUSE_S;
    return most + (most > 4 ? rand() % (most / 4) : 0);
}

static void finish(struct delivery *delivery, CURLcode code)
{
    struct courier *courier = delivery->courier;
    const struct serve_config *config = config_now(&courier->service->config);
    const struct store_notice *notice = &delivery->notice;
    long reply = 0;
    char message[512];
    se_error err;
    curl_easy_getinfo(delivery->easy, CURLINFO_RESPONSE_CODE, &reply);
    const bool good = code == CURLE_OK && reply >= 200 && reply < 300;
    const bool last = delivery->refused || notice->tries >= config->webhook_tries;
    if (!good) {
        snprintf(message, sizeof(message), "job %s, attempt %d: %s%s", notice->job, notice->tries,
                 delivery->refused  ? "the address is not public"
                 : code != CURLE_OK ? curl_easy_strerror(code)
                                    : "not answered with 2xx",
                 last ? "; given up" : "");
        journal_event(last ? JOURNAL_ERROR : JOURNAL_WARNING, "webhook", message);
    }
    if (store_notified(courier->service->store, notice->job, good,
                       good || last ? -1 : pause_s(config, notice->tries), &err) != SE_OK)
        journal_event(JOURNAL_ERROR, "store", err.message);
    free_delivery(delivery);
}

/* ---- the thread ----------------------------------------------------------------------------- */

/* Begins what is due, as long as there are free places. */
static void begin_due(struct courier *courier)
{
    se_error err;
    for (size_t i = 0; i < SIDE_BY_SIDE; i++) {
        struct store_notice notice;
        bool found = false;
        if (courier->deliveries[i].easy)
            continue;
        int status = store_next_notice(courier->service->store, LEASE_S, &notice, &found, &err);
        if (status == SE_OK && found)
            status = begin(&courier->deliveries[i], &notice, &err);
        if (status != SE_OK)
            journal_event(JOURNAL_ERROR, "webhook", err.message);
        if (status != SE_OK || !found)
            return;
    }
}

static void *courier_thread(void *argument)
{
    struct courier *courier = argument;
    while (!atomic_load(&courier->stop)) {
        int running, left;
        CURLMsg *message;
        begin_due(courier);
        curl_multi_perform(courier->multi, &running);
        while ((message = curl_multi_info_read(courier->multi, &left))) {
            struct delivery *delivery = NULL;
            const CURLcode code = message->data.result;
            if (message->msg != CURLMSG_DONE)
                continue;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &delivery);
            finish(delivery, code);
        }
        curl_multi_poll(courier->multi, NULL, 0, WAIT_MS, NULL);
    }
    return NULL;
}

static int read_secret(struct courier *courier, const char *path, se_error *err)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    RETURN_ERROR_IF(file < 0, err, SE_ERR_SETTING, "webhook_secret = %.200s: %s", path,
                    strerror(errno));
    const ssize_t got = read(file, courier->secret, sizeof(courier->secret));
    close(file);
    size_t size = got > 0 ? (size_t)got : 0;
    while (size > 0 && strchr("\r\n", courier->secret[size - 1]))
        size--;
    courier->secret_size = size;
    RETURN_ERROR_IF(size < MIN_SECRET || size == MAX_SECRET, err, SE_ERR_SETTING,
                    "webhook_secret = %.200s: a secret of %d bytes or more is wanted", path,
                    MIN_SECRET);
    return SE_OK;
}

static void free_courier(struct courier *courier)
{
    for (size_t i = 0; i < SIDE_BY_SIDE; i++)
        free_delivery(&courier->deliveries[i]);
    if (courier->multi)
        curl_multi_cleanup(courier->multi);
    explicit_bzero(courier->secret, sizeof(courier->secret));
    free(courier);
    curl_global_cleanup();
}

int courier_start(struct courier **out, struct service *service, se_error *err)
{
    const char *path = config_now(&service->config)->webhook_secret;
    *out = NULL;
    if (!*path)
        return SE_OK;
    struct courier *courier = calloc(1, sizeof(*courier));
    if (!courier || curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        free(courier);
        return se_fail_memory(err, "the courier", sizeof(*courier));
    }
    courier->service = service;
    for (size_t i = 0; i < SIDE_BY_SIDE; i++)
        courier->deliveries[i].courier = courier;
    int status = read_secret(courier, path, err);
    if (status == SE_OK && !(courier->multi = curl_multi_init()))
        status = se_fail_memory(err, "the courier", 0);
    if (status == SE_OK && pthread_create(&courier->thread, NULL, courier_thread, courier) != 0)
        status = se_fail(err, SE_ERR_MEMORY, "the courier's thread could not be started");
    if (status != SE_OK) {
        free_courier(courier);
        return status;
    }
    *out = courier;
    return SE_OK;
}

void courier_kick(struct courier *courier)
{
    if (courier)
        curl_multi_wakeup(courier->multi);
}

void courier_stop(struct courier *courier)
{
    if (!courier)
        return;
    atomic_store(&courier->stop, true);
    curl_multi_wakeup(courier->multi);
    pthread_join(courier->thread, NULL);
    free_courier(courier);
}
