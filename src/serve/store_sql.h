/*
 * SQL for the files of the store. It is written so that SQLite and PostgreSQL both take it; what
 * they do not share is in store_sqlite.c and store_postgres.c, behind struct store_backend.
 */
#ifndef SE_SERVE_STORE_SQL_H
#define SE_SERVE_STORE_SQL_H

#include <pthread.h>
#include <stdatomic.h>

#include "serve/store.h"

enum { STORE_SCHEMA_VERSION = 3, STORE_MAX_VALUES = 20 };

/* What a "?" of a statement stands for. */
struct store_value {
    char type; /* t text, i whole number, d real number, b bytes */
    const char *text;
    int64_t whole;
    double real;
    const void *bytes; /* NULL and a NULL text: null */
    size_t size;
};

/* A statement that was begun. Each backend has its own behind it. */
struct store_rows {
    const struct store_backend *backend;
};

/* All under the store's lock. */
struct store_backend {
    void (*close)(struct store *store);
    /* Begins a statement; *out goes to `end`. */
    int (*begin)(struct store *store, struct store_rows **out, const char *sql,
                 const struct store_value *values, size_t count, se_error *err);
    int (*step)(struct store_rows *rows, bool *row, se_error *err);
    void (*end)(struct store_rows *rows);
    bool (*is_null)(struct store_rows *rows, int column);
    const char *(*text)(struct store_rows *rows, int column); /* NULL: null */
    int64_t (*whole)(struct store_rows *rows, int column);
    double (*real)(struct store_rows *rows, int column);
    const void *(*bytes)(struct store_rows *rows, int column, size_t *size);
    int64_t (*changes)(const struct store *store); /* rows of the last statement */
    /* Takes a transaction back that failed, if it has not ended by itself. */
    void (*take_back)(struct store *store);
    /* Readings have ids up to this one, also when they are removed. In a transaction. */
    int (*remember_id)(struct store *store, int64_t id, se_error *err);
};

struct store {
    const struct store_backend *backend;
    void *connection; /* the backend's */
    pthread_mutex_t mutex;
    int lock;                /* file that says that a service uses the store; -1 */
    int64_t last_ms;         /* of store_now */
    _Atomic int64_t next_id; /* of store_next_id, which does not wait for the lock */
};

/* Open `place` and fill `backend`, `connection`, `lock`, `next_id`. On failure store_close frees
 * what there is. */
int store_open_sqlite(struct store *store, const char *place, se_error *err);
int store_open_postgres(struct store *store, const char *place, se_error *err);

/* The time now; never the same and never earlier than before, so that rows have an order. */
void store_now(struct store *store, char out[STORE_TIME_SIZE]);
/* The time in so many seconds (or before now). */
void store_time_in(int64_t seconds, char out[STORE_TIME_SIZE]);

/*
 * Begins a statement with the values of `types`: t text (const char *, NULL: null), i int64_t,
 * d double, b bytes (const void *, size_t). Texts and bytes must outlive the statement. *out goes
 * to store_rows_end.
 */
int store_query(struct store *store, struct store_rows **out, se_error *err, const char *sql,
                const char *types, ...);
/* Does a statement without rows, with values in the same way. */
int store_do(struct store *store, se_error *err, const char *sql, const char *types, ...);
/* Steps: *row says whether there is one. */
int store_step(struct store_rows *rows, bool *row, se_error *err);
/* NULL is allowed. */
void store_rows_end(struct store_rows *rows);

bool rows_null(struct store_rows *rows, int column);
/* Until the next step; NULL: null. */
const char *rows_text(struct store_rows *rows, int column);
int64_t rows_whole(struct store_rows *rows, int column);
double rows_real(struct store_rows *rows, int column);
const void *rows_bytes(struct store_rows *rows, int column, size_t *size);

/* Locks the store and begins a transaction; store_end commits it when `status` is SE_OK, else takes
 * it back, and unlocks. Returns `status`, or why the commit failed. */
int store_begin(struct store *store, se_error *err);
int store_end(struct store *store, int status, se_error *err);

#endif
