/*
 * Cuts off connections that are too slow, which libmicrohttpd's time limit for silence alone does
 * not: headers and bodies that trickle in, a byte now and then.
 *
 *   HEADERS ──headers are whole──> BODY ──body is whole──> REPLY ──reply sent──> HEADERS …
 *
 * A phase has a limit of time; a body has a least rate, too. The HTTP thread reports phases, any
 * thread may call slow_guard_check.
 */
#ifndef SE_SERVE_SLOW_GUARD_H
#define SE_SERVE_SLOW_GUARD_H

#include <stddef.h>

#include "serve/serve_config.h"

struct slow_guard;
struct slow_guard_entry;

enum slow_phase { SLOW_HEADERS, SLOW_BODY, SLOW_REPLY };

int slow_guard_create(struct slow_guard **out, const struct config_slot *config, se_error *err);
void slow_guard_free(struct slow_guard *guard);

/* A connection has begun; NULL when memory is spent. */
struct slow_guard_entry *slow_guard_add(struct slow_guard *guard, int socket);
/* It has ended; its socket is still open. */
void slow_guard_remove(struct slow_guard *guard, struct slow_guard_entry *entry);
/* Its client may still be sending a body that was refused. */
void slow_guard_set_unread(struct slow_guard_entry *entry);
/* The socket of such a connection, -1 of another. */
int slow_guard_unread_socket(const struct slow_guard_entry *entry);
void slow_guard_phase(struct slow_guard *guard, struct slow_guard_entry *entry,
                      enum slow_phase phase);
/* So many more bytes of the body have come. */
void slow_guard_progress(struct slow_guard *guard, struct slow_guard_entry *entry, size_t bytes);

/* Shuts down what is too slow; to be called about once a second. Returns how many. */
size_t slow_guard_check(struct slow_guard *guard);
size_t slow_guard_connections(struct slow_guard *guard);

#endif
