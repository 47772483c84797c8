/*
 * Who may do what.
 *
 * A client on this machine needs no key (unless the setting key_on_loopback says so), but must have
 * called the service by an address or as localhost and not come from another site's page: else a
 * page from anywhere, open in a browser on this machine, could speak for it. A key that is given is
 * checked wherever the client is.
 *
 * Not thread-safe: for the HTTP thread alone.
 */
#ifndef SE_SERVE_ACCESS_H
#define SE_SERVE_ACCESS_H

#include <stdbool.h>

#include "base/status.h"

/* What a route asks for; a key of one scope has those before it, too. */
enum access_scope { ACCESS_OPEN, ACCESS_READ, ACCESS_JOBS, ACCESS_ADMIN };

struct access;
struct request;
struct serve_config;

/* Reads the keys. SE_ERR_SETTING, SE_ERR_IO say what is wrong with their file. */
int access_open(struct access **out, const struct serve_config *config, se_error *err);
void access_free(struct access *access);

/* May this request have its route? False when the reply says why not. With a key, request->client
 * becomes "key:" and its name. A file of keys that has changed is read again before. */
bool access_check(struct request *request);

#endif
