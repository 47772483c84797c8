/*
 * SQL for the files of the store.
 */
#ifndef SE_SERVE_STORE_SQL_H
#define SE_SERVE_STORE_SQL_H

#include <pthread.h>
#include <sqlite3.h>

#include "serve/store.h"

struct store {
    sqlite3 *db;
    pthread_mutex_t mutex;
    int lock;        /* file that says that a service uses the store */
    int64_t last_ms; /* of store_now */
    int64_t next_id; /* of store_next_id */
};

/* The time now; never the same and never earlier than before, so that rows have an order. */
void store_now(struct store *store, char out[STORE_TIME_SIZE]);

/* Says what SQLite says; returns SE_ERR_IO, or SE_ERR_MEMORY. */
int store_fail(struct store *store, se_error *err);

/*
 * Prepares a statement and binds `types`: t text (const char *, NULL: null), i int64_t, d double,
 * b bytes (const void *, size_t). Texts and bytes must outlive the statement. *out goes to
 * sqlite3_finalize.
 */
int store_prepare(struct store *store, sqlite3_stmt **out, se_error *err, const char *sql,
                  const char *types, ...);
/* Does a statement without rows, bound in the same way. */
int store_do(struct store *store, se_error *err, const char *sql, const char *types, ...);
/* Steps: *row says whether there is one. */
int store_step(struct store *store, sqlite3_stmt *statement, bool *row, se_error *err);

/* Locks the store and begins a transaction; store_end commits it when `status` is SE_OK, else takes
 * it back, and unlocks. Returns `status`, or why the commit failed. */
int store_begin(struct store *store, se_error *err);
int store_end(struct store *store, int status, se_error *err);

#endif
