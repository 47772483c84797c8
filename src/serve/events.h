/*
 * Who wants to be told when something happens to a job: streams of events (SSE) whose connections
 * sleep until there is something to send.
 */
#ifndef SE_SERVE_EVENTS_H
#define SE_SERVE_EVENTS_H

#include <microhttpd.h>
#include <stdbool.h>

#include "serve/store.h"

struct events;

/* One listener; the owner keeps it from events_listen to events_leave. */
struct events_listener {
    struct MHD_Connection *connection;
    char job[STORE_ID_SIZE];
    bool asleep, told, pinged;
    struct events_listener *next;
};

int events_create(struct events **out, se_error *err);
void events_free(struct events *events);

void events_listen(struct events *events, struct events_listener *listener);
void events_leave(struct events *events, struct events_listener *listener);
/* Lets the listener's connection sleep until it is told something, on the HTTP thread. Returns
 * false when it has been told since it last slept, or when the service ends: then it stays awake.
 */
bool events_sleep(struct events *events, struct events_listener *listener);
/* Something happened to the job; NULL: to all of them. Any thread. */
void events_tell(struct events *events, const char *job);
/* Asks all to send something, so that clients that are gone are noticed. */
void events_ping(struct events *events);
/* Was the listener asked so? Once. */
bool events_pinged(struct events *events, struct events_listener *listener);
/* Wakes everybody, for good. */
void events_close(struct events *events);
bool events_are_closed(struct events *events);

#endif
