/*
 * Closing a connection whose client still sends.
 *
 * A request may be refused at its headers, while its body is on the way. When a socket with unread
 * bytes is closed, the system resets the connection, and the client loses the reply it has not read
 * yet. So such a socket is kept for a moment: what comes is dropped until the client ends.
 */
#ifndef SE_SERVE_LINGER_H
#define SE_SERVE_LINGER_H

#include "base/status.h"

struct linger_set;

/* Starts the thread that does it. SE_ERR_IO, SE_ERR_MEMORY. */
int linger_start(struct linger_set **out, se_error *err);
/* Keeps a duplicate of `socket`, which the caller is about to close. Where there are too many
 * already, it is let go. Any thread. */
void linger_add(struct linger_set *set, int socket);
void linger_stop(struct linger_set *set);

#endif
