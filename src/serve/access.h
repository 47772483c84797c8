/*
 * Who may do what.
 *
 * A client on this machine needs no key (unless the setting key_on_loopback says so), but must have
 * called the service by an address or as localhost and not come from another site's page: else a
 * page from anywhere, open in a browser on this machine, could speak for it.
 */
#ifndef SE_SERVE_ACCESS_H
#define SE_SERVE_ACCESS_H

#include <stdbool.h>

/* What a route asks for; a key of one scope has those before it, too. */
enum access_scope { ACCESS_OPEN, ACCESS_READ, ACCESS_JOBS, ACCESS_ADMIN };

struct request;

/* May this request have its route? False when the reply says why not. */
bool access_check(struct request *request);

#endif
