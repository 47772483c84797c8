#define _GNU_SOURCE
#include "serve/access.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/budget.h"
#include "serve/journal.h"
#include "serve/keys.h"
#include "serve/places.h"
#include "serve/request.h"

static const int64_t look_every_ns = 1000000000;
static const double ns_per_minute = 60e9;

/* What is left of a key's requests: a bucket that holds a minute's worth and fills steadily. */
struct bucket {
    double tokens;
    int64_t filled_ns;
};

struct access {
    char path[PLACE_SIZE];
    struct key_list list;
    struct bucket *buckets; /* one for each key */
    struct stat seen;       /* the file that was read; all 0: there was none */
    int64_t look_at_ns;
};

/* ---- the keys ------------------------------------------------------------------------------- */

static struct stat look(const char *path)
{
    struct stat now;
    if (stat(path, &now) != 0)
        memset(&now, 0, sizeof(now));
    return now;
}

/* Takes a list over; a key that was there before keeps its bucket. */
static int take_list(struct access *access, struct key_list *list, se_error *err)
{
    struct bucket *buckets = calloc(list->count + 1, sizeof(*buckets));
    if (!buckets)
        return se_fail_memory(err, "keys", list->count * sizeof(*buckets));
    for (size_t i = 0; i < list->count; i++) {
        buckets[i] = (struct bucket){list->keys[i].rate, clock_now_ns()};
        for (size_t k = 0; k < access->list.count; k++)
            if (memcmp(list->keys[i].hash, access->list.keys[k].hash, KEY_HASH_SIZE) == 0)
                buckets[i] = access->buckets[k];
    }
    keys_free(&access->list);
    free(access->buckets);
    access->list = *list;
    access->buckets = buckets;
    return SE_OK;
}

static int read_keys(struct access *access, se_error *err)
{
    struct key_list list;
    access->seen = look(access->path);
    FORWARD_IF_ERROR(keys_read(&list, access->path, err));
    const int status = take_list(access, &list, err);
    if (status != SE_OK)
        keys_free(&list);
    return status;
}

/* Reads them again when the file has changed. When that fails, those before stay. */
static void refresh(struct access *access)
{
    const int64_t now = clock_now_ns();
    se_error err;
    if (now < access->look_at_ns)
        return;
    access->look_at_ns = now + look_every_ns;
    const struct stat found = look(access->path), *seen = &access->seen;
    if (found.st_ino == seen->st_ino && found.st_size == seen->st_size &&
        found.st_mtim.tv_sec == seen->st_mtim.tv_sec &&
        found.st_mtim.tv_nsec == seen->st_mtim.tv_nsec)
        return;
    if (read_keys(access, &err) == SE_OK)
        journal_event(JOURNAL_INFO, "keys", "the keys were read again");
    else
        journal_event(JOURNAL_ERROR, "keys", err.message);
}

int access_open(struct access **out, const struct serve_config *config, se_error *err)
{
    *out = NULL;
    struct access *access = calloc(1, sizeof(*access));
    if (!access)
        return se_fail_memory(err, "keys", sizeof(*access));
    int status = place_of_keys(config->keys, config->place, access->path, err);
    if (status == SE_OK)
        status = read_keys(access, err);
    if (status == SE_OK)
        *out = access;
    else
        access_free(access);
    return status;
}

void access_free(struct access *access)
{
    if (!access)
        return;
    keys_free(&access->list);
    free(access->buckets);
    free(access);
}

/* ---- with a key ----------------------------------------------------------------------------- */

/* Takes one request; 0 when it may go on, else the seconds after which it may. */
static int take_token(struct bucket *bucket, int rate)
{
    const int64_t now = clock_now_ns();
    const double per_ns = rate / ns_per_minute;
    if (rate == 0)
        return 0;
    bucket->tokens += (double)(now - bucket->filled_ns) * per_ns;
    bucket->filled_ns = now;
    if (bucket->tokens > rate)
        bucket->tokens = rate;
    if (bucket->tokens >= 1) {
        bucket->tokens -= 1;
        return 0;
    }
    return 1 + (int)((1 - bucket->tokens) / per_ns * 1e-9);
}

static bool check_key(struct request *request, const char *secret)
{
    struct access *access = request->service->access;
    const size_t index = keys_find(&access->list, secret);
    if (index == access->list.count) {
        request_fail(request, "unauthorized", "this key is not, or no longer, known");
        return false;
    }
    const struct key *key = &access->list.keys[index];
    snprintf(request->client, sizeof(request->client), "key:%s", key->name);
    if (key->scope < request->route->scope) {
        request_fail(request, "forbidden", "this takes a key of scope %s; %s has scope %s",
                     key_scope_name(request->route->scope), key->name, key_scope_name(key->scope));
        return false;
    }
    request->reply.retry_after_s = take_token(&access->buckets[index], key->rate);
    if (request->reply.retry_after_s > 0)
        request_fail(request, "rate", "the key %s has %d requests a minute", key->name, key->rate);
    return !request->reply.code;
}

/* The key that the request bears, or NULL. */
static const char *key_of(const struct request *request)
{
    static const char scheme[] = "Bearer ";
    const char *header = request_header(request, "Authorization");
    if (!header || strncasecmp(header, scheme, sizeof(scheme) - 1) != 0)
        return NULL;
    header += sizeof(scheme) - 1;
    return header + strspn(header, " ");
}

/* ---- without -------------------------------------------------------------------------------- */

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

/* Is the name in "name:port" or "[address]:port" an address or localhost? A name that others may
 * make point here (DNS rebinding) is neither. */
static bool is_own_name(const char *host)
{
    char name[64];
    unsigned char address[sizeof(struct in6_addr)];
    const bool bracket = *host == '[';
    const size_t length = strcspn(host + bracket, bracket ? "]" : ":");
    if (length >= sizeof(name))
        return false;
    snprintf(name, sizeof(name), "%.*s", (int)length, host + bracket);
    return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, address) == 1 ||
           inet_pton(AF_INET6, name, address) == 1;
}

/* Does the page that sends this, if it is one, come from the service itself? */
static bool is_same_origin(const char *origin, const char *host)
{
    const char *separator = strstr(origin, "://");
    return separator && strcasecmp(separator + 3, host) == 0;
}

static bool check_without_key(struct request *request)
{
    const char *host = request_header(request, "Host");
    const char *origin = request_header(request, "Origin");
    if (!is_loopback(request->address) || config_now(&request->service->config)->key_on_loopback)
        request_fail(
            request, "unauthorized", "%s",
            request->service->access->list.count > 0
                ? "this takes an API key: Authorization: Bearer KEY"
                : "this takes an API key, and there is none yet; on the service's machine, "
                  "\"serialeye keys add NAME\" makes one");
    else if (!host || !is_own_name(host))
        request_fail(request, "unauthorized",
                     "without a key the service is called by an address or as localhost");
    else if (origin && !is_same_origin(origin, host))
        request_fail(request, "forbidden", "this comes from a page of %.100s", origin);
    return !request->reply.code;
}

bool access_check(struct request *request)
{
    if (request->route->scope == ACCESS_OPEN)
        return true;
    refresh(request->service->access);
    const char *secret = key_of(request);
    return secret ? check_key(request, secret) : check_without_key(request);
}
