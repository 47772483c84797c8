#define _GNU_SOURCE
#include "serve/linger.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/budget.h"

enum { LINGER_COUNT = 256, LINGER_EVENTS = 32, LINGER_CHUNK = 1 << 14, LINGER_TICK_MS = 250 };

static const int64_t linger_ns = 5000000000;

struct linger_set {
    pthread_t thread;
    int epoll;
    pthread_mutex_t mutex; /* guards what follows */
    bool stop;
    struct linger_one {
        int socket; /* -1: free */
        int64_t until_ns;
    } ones[LINGER_COUNT];
};

/* Drops what has come; true at the end of the connection. */
static bool drop_input(int socket, char *chunk)
{
    for (int round = 0; round < 16; round++) {
        const ssize_t got = recv(socket, chunk, LINGER_CHUNK, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return true;
        if (got < 0)
            return false;
    }
    return false;
}

static void let_go(struct linger_one *one)
{
    close(one->socket);
    one->socket = -1;
}

/* One round; false when the set is to stop. */
static bool go_round(struct linger_set *set, const struct epoll_event *events, int count,
                     char *chunk)
{
    pthread_mutex_lock(&set->mutex);
    for (int i = 0; i < count; i++) {
        struct linger_one *one = &set->ones[events[i].data.u32];
        if (one->socket >= 0 && drop_input(one->socket, chunk))
            let_go(one);
    }
    const int64_t now = clock_now_ns();
    for (size_t i = 0; i < LINGER_COUNT; i++)
        if (set->ones[i].socket >= 0 && now > set->ones[i].until_ns)
            let_go(&set->ones[i]);
    const bool stop = set->stop;
    pthread_mutex_unlock(&set->mutex);
    return !stop;
}

static void *linger_thread(void *argument)
{
    struct linger_set *set = argument;
    struct epoll_event events[LINGER_EVENTS];
    char chunk[LINGER_CHUNK]; /* nobody looks at it */
    int count = 0;
    while (go_round(set, events, count, chunk)) {
        count = epoll_wait(set->epoll, events, LINGER_EVENTS, LINGER_TICK_MS);
        if (count < 0)
            count = 0;
    }
    return NULL;
}

int linger_start(struct linger_set **out, se_error *err)
{
    *out = NULL;
    struct linger_set *set = calloc(1, sizeof(*set));
    if (!set)
        return se_fail_memory(err, "closing connections", sizeof(*set));
    for (size_t i = 0; i < LINGER_COUNT; i++)
        set->ones[i].socket = -1;
    pthread_mutex_init(&set->mutex, NULL);
    set->epoll = epoll_create1(EPOLL_CLOEXEC);
    int status = SE_OK;
    if (set->epoll < 0)
        status = se_fail(err, SE_ERR_IO, "closing connections: %s", strerror(errno));
    else if (pthread_create(&set->thread, NULL, linger_thread, set) != 0)
        status = se_fail(err, SE_ERR_MEMORY, "the thread that closes connections does not start");
    if (status != SE_OK) {
        if (set->epoll >= 0)
            close(set->epoll);
        pthread_mutex_destroy(&set->mutex);
        free(set);
        return status;
    }
    *out = set;
    return SE_OK;
}

void linger_add(struct linger_set *set, int socket)
{
    pthread_mutex_lock(&set->mutex);
    uint32_t free_one = 0;
    while (free_one < LINGER_COUNT && set->ones[free_one].socket >= 0)
        free_one++;
    const int copy = free_one < LINGER_COUNT ? fcntl(socket, F_DUPFD_CLOEXEC, 0) : -1;
    if (copy >= 0) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.u32 = free_one};
        shutdown(copy, SHUT_WR); /* the client sees the end behind the reply */
        set->ones[free_one] = (struct linger_one){copy, clock_now_ns() + linger_ns};
        if (epoll_ctl(set->epoll, EPOLL_CTL_ADD, copy, &event) != 0)
            let_go(&set->ones[free_one]);
    }
    pthread_mutex_unlock(&set->mutex);
}

void linger_stop(struct linger_set *set)
{
    if (!set)
        return;
    pthread_mutex_lock(&set->mutex);
    set->stop = true;
    pthread_mutex_unlock(&set->mutex);
    pthread_join(set->thread, NULL);
    for (size_t i = 0; i < LINGER_COUNT; i++)
        if (set->ones[i].socket >= 0)
            let_go(&set->ones[i]);
    close(set->epoll);
    pthread_mutex_destroy(&set->mutex);
    free(set);
}
