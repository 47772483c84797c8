/*
 * API keys. A key is "se_" and 64 hexadecimal digits of random; kept is its SHA-256, which needs no
 * salt since nobody can guess 256 random bits. The file is text, a key a line:
 *
 *   NAME SCOPE REQUESTS-A-MINUTE CREATED SHA-256
 *   till-3 read 120 2026-01-31T12:00:00Z 9f86d0…
 */
#ifndef SE_SERVE_KEYS_H
#define SE_SERVE_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "serve/access.h"

enum {
    KEY_NAME_SIZE = 41, /* letters, digits, and ._- */
    KEY_SECRET_SIZE = 68,
    KEY_CREATED_SIZE = 21,
    KEY_HASH_SIZE = 32,
    KEY_MAX_COUNT = 1000,
    KEY_MAX_RATE = 1000000
};

struct key {
    char name[KEY_NAME_SIZE];
    enum access_scope scope; /* not ACCESS_OPEN */
    int rate;                /* requests a minute, 0: no limit */
    char created[KEY_CREATED_SIZE];
    unsigned char hash[KEY_HASH_SIZE];
};

struct key_list {
    struct key *keys; /* owned */
    size_t count;
};

/* "read", "jobs", "admin". */
const char *key_scope_name(enum access_scope scope);
/* ACCESS_OPEN when there is none of that name. */
enum access_scope key_scope(const char *name);
bool key_name_is_valid(const char *name);
/* Parses requests a minute. */
bool key_rate(const char *text, int *rate);

/* Reads the file; one that does not exist has no keys. SE_ERR_SETTING names file and line. */
int keys_read(struct key_list *list, const char *path, se_error *err);
void keys_free(struct key_list *list);

/*
 * Adds a key with the name, scope and rate of `wish` and fills `secret`, which is kept nowhere.
 * SE_ERR_ARGUMENT: the name is taken. The file is replaced whole, or not at all; a service that
 * runs sees it within a second.
 */
int keys_add(const char *path, const struct key *wish, char secret[KEY_SECRET_SIZE], se_error *err);
int keys_remove(const char *path, const char *name, bool *found, se_error *err);

/* The index of the key, list->count when it is none of them. Takes the same time for all. */
size_t keys_find(const struct key_list *list, const char *secret);

#endif
