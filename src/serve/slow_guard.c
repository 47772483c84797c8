#include "serve/slow_guard.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/budget.h"

/* A body may be slow for so long: the first packets of a connection are. */
static const int64_t rate_grace_ns = 5000000000, second_ns = 1000000000;

struct slow_guard_entry {
    struct slow_guard_entry *before, *next;
    int socket;
    enum slow_phase phase;
    int64_t since_ns;
    size_t bytes; /* of the body */
    bool cut;
    bool unread; /* the HTTP thread's own */
};

struct slow_guard {
    pthread_mutex_t mutex;
    const struct config_slot *config;
    struct slow_guard_entry *first;
    size_t count;
};

int slow_guard_create(struct slow_guard **out, const struct config_slot *config, se_error *err)
{
    struct slow_guard *guard = *out = calloc(1, sizeof(*guard));
    if (!guard)
        return se_fail_memory(err, "the guard of connections", sizeof(*guard));
    pthread_mutex_init(&guard->mutex, NULL);
    guard->config = config;
    return SE_OK;
}

void slow_guard_free(struct slow_guard *guard)
{
    if (!guard)
        return;
    while (guard->first)
        slow_guard_remove(guard, guard->first);
    pthread_mutex_destroy(&guard->mutex);
    free(guard);
}

struct slow_guard_entry *slow_guard_add(struct slow_guard *guard, int socket)
{
    struct slow_guard_entry *entry = calloc(1, sizeof(*entry));
    if (!entry)
        return NULL;
    entry->socket = socket;
    entry->since_ns = clock_now_ns();
    pthread_mutex_lock(&guard->mutex);
    entry->next = guard->first;
    if (guard->first)
        guard->first->before = entry;
    guard->first = entry;
    guard->count++;
    pthread_mutex_unlock(&guard->mutex);
    return entry;
}

void slow_guard_remove(struct slow_guard *guard, struct slow_guard_entry *entry)
{
    if (!entry)
        return;
    pthread_mutex_lock(&guard->mutex);
    if (entry->before)
        entry->before->next = entry->next;
    else
        guard->first = entry->next;
    if (entry->next)
        entry->next->before = entry->before;
    guard->count--;
    pthread_mutex_unlock(&guard->mutex);
    free(entry);
}

void slow_guard_set_unread(struct slow_guard_entry *entry)
{
    if (entry)
        entry->unread = true;
}

int slow_guard_unread_socket(const struct slow_guard_entry *entry)
{
    return entry && entry->unread ? entry->socket : -1;
}

void slow_guard_phase(struct slow_guard *guard, struct slow_guard_entry *entry,
                      enum slow_phase phase)
{
    if (!entry)
        return;
    pthread_mutex_lock(&guard->mutex);
    entry->phase = phase;
    entry->since_ns = clock_now_ns();
    entry->bytes = 0;
    pthread_mutex_unlock(&guard->mutex);
}

void slow_guard_progress(struct slow_guard *guard, struct slow_guard_entry *entry, size_t bytes)
{
    if (!entry)
        return;
    pthread_mutex_lock(&guard->mutex);
    entry->bytes += bytes;
    pthread_mutex_unlock(&guard->mutex);
}

static bool is_too_slow(const struct serve_config *config, const struct slow_guard_entry *entry,
                        int64_t now)
{
    const int64_t age = now - entry->since_ns;
    switch (entry->phase) {
    case SLOW_HEADERS:
        return age > config->header_ns;
    case SLOW_BODY:
        return age > config->upload_ns ||
               (age > rate_grace_ns &&
                (int64_t)entry->bytes < config->upload_rate * (age / second_ns));
    case SLOW_REPLY:
        return false; /* the engine's deadline and libmicrohttpd's limit of silence */
    }
    return false;
}

size_t slow_guard_check(struct slow_guard *guard)
{
    const int64_t now = clock_now_ns();
    size_t cut = 0;
    pthread_mutex_lock(&guard->mutex);
    for (struct slow_guard_entry *entry = guard->first; entry; entry = entry->next)
        if (!entry->cut && is_too_slow(config_now(guard->config), entry, now)) {
            entry->cut = true;
            shutdown(entry->socket, SHUT_RDWR); /* the HTTP thread sees the end and closes it */
            cut++;
        }
    pthread_mutex_unlock(&guard->mutex);
    return cut;
}

size_t slow_guard_connections(struct slow_guard *guard)
{
    pthread_mutex_lock(&guard->mutex);
    const size_t count = guard->count;
    pthread_mutex_unlock(&guard->mutex);
    return count;
}
