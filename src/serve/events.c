#include "serve/events.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct events {
    pthread_mutex_t mutex;
    struct events_listener *first;
    bool closed;
};

int events_create(struct events **out, se_error *err)
{
    struct events *events = *out = calloc(1, sizeof(*events));
    if (!events)
        return se_fail_memory(err, "events", sizeof(*events));
    pthread_mutex_init(&events->mutex, NULL);
    return SE_OK;
}

void events_free(struct events *events)
{
    if (!events)
        return;
    pthread_mutex_destroy(&events->mutex);
    free(events);
}

void events_listen(struct events *events, struct events_listener *listener)
{
    pthread_mutex_lock(&events->mutex);
    listener->next = events->first;
    events->first = listener;
    pthread_mutex_unlock(&events->mutex);
}

void events_leave(struct events *events, struct events_listener *listener)
{
    pthread_mutex_lock(&events->mutex);
    for (struct events_listener **at = &events->first; *at; at = &(*at)->next)
        if (*at == listener) {
            *at = listener->next;
            break;
        }
    pthread_mutex_unlock(&events->mutex);
}

bool events_sleep(struct events *events, struct events_listener *listener)
{
    pthread_mutex_lock(&events->mutex);
    const bool sleeps = !listener->told && !events->closed;
    listener->told = false;
    if (sleeps) {
        listener->asleep = true;
        MHD_suspend_connection(listener->connection);
    }
    pthread_mutex_unlock(&events->mutex);
    return sleeps;
}

/* The mutex is held. */
static void tell(struct events_listener *listener)
{
    if (listener->asleep)
        MHD_resume_connection(listener->connection);
    else
        listener->told = true;
    listener->asleep = false;
}

void events_tell(struct events *events, const char *job)
{
    pthread_mutex_lock(&events->mutex);
    for (struct events_listener *one = events->first; one; one = one->next)
        if (!job || strcmp(one->job, job) == 0)
            tell(one);
    pthread_mutex_unlock(&events->mutex);
}

void events_ping(struct events *events)
{
    pthread_mutex_lock(&events->mutex);
    for (struct events_listener *one = events->first; one; one = one->next) {
        one->pinged = true;
        tell(one);
    }
    pthread_mutex_unlock(&events->mutex);
}

bool events_pinged(struct events *events, struct events_listener *listener)
{
    pthread_mutex_lock(&events->mutex);
    const bool pinged = listener->pinged;
    listener->pinged = false;
    pthread_mutex_unlock(&events->mutex);
    return pinged;
}

void events_close(struct events *events)
{
    pthread_mutex_lock(&events->mutex);
    events->closed = true;
    for (struct events_listener *one = events->first; one; one = one->next)
        tell(one);
    pthread_mutex_unlock(&events->mutex);
}

bool events_are_closed(struct events *events)
{
    pthread_mutex_lock(&events->mutex);
    const bool closed = events->closed;
    pthread_mutex_unlock(&events->mutex);
    return closed;
}
