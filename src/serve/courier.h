/*
 * The courier: a thread that tells the webhooks of jobs that they are done.
 *
 *   store ── jobs that are due ──> POST, signed ──> 2xx: delivered
 *     ^                                └─ anything else: again after a pause that doubles
 *     └──────────────────────────────────────────────────┘   until webhook_tries are spent
 *
 * What is to be told is in the store: it survives the end of the service. A delivery may come twice
 * when the service is killed in the middle of it; its id tells.
 *
 * Where a webhook leads is decided by strangers: addresses that are not public are refused, unless
 * webhook_private is set. The check is of the address that is connected to, after names are
 * resolved, for each redirect anew.
 */
#ifndef SE_SERVE_COURIER_H
#define SE_SERVE_COURIER_H

#include <netinet/in.h>
#include <stdbool.h>

#include "base/status.h"

struct courier;
struct service;

/* Reads the secret and starts the thread. SE_ERR_SETTING: the file of the secret cannot be read or
 * is too short. Without the setting webhook_secret *out is NULL: there are no webhooks. */
int courier_start(struct courier **out, struct service *service, se_error *err);
/* A job may be done. Any thread; NULL is allowed. */
void courier_kick(struct courier *courier);
/* Gives up what is under way, which is tried again after the next start. */
void courier_stop(struct courier *courier);

/* Can this be the address of a webhook? *why (static) says why not. */
bool courier_takes(const char *url, const char **why);
/* Does this lead out of this machine and its networks? */
bool courier_is_public(const struct sockaddr *address);

enum { COURIER_SIGNATURE_SIZE = 96, COURIER_MAX_URL = 2000 };

/* "t=TIME,v1=HEX": HMAC-SHA256 of "TIME.BODY" with the secret. */
void courier_sign(char out[COURIER_SIGNATURE_SIZE], const void *secret, size_t secret_size,
                  long long time, const char *body, size_t size);

#endif
