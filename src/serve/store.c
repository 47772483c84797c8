#define _GNU_SOURCE
#include "serve/store.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "serve/store_sql.h"

/* ---- statements ----------------------------------------------------------------------------- */

static size_t take_values(struct store_value values[STORE_MAX_VALUES], const char *types,
                          va_list arguments)
{
    size_t count = 0;
    for (; types[count] && count < STORE_MAX_VALUES; count++) {
        struct store_value *value = &values[count];
        *value = (struct store_value){.type = types[count]};
        if (types[count] == 't') {
            value->text = va_arg(arguments, const char *);
        } else if (types[count] == 'i') {
            value->whole = va_arg(arguments, int64_t);
        } else if (types[count] == 'd') {
            value->real = va_arg(arguments, double);
        } else {
            value->bytes = va_arg(arguments, const void *);
            value->size = va_arg(arguments, size_t);
        }
    }
    return count;
}

static int query(struct store *store, struct store_rows **out, se_error *err, const char *sql,
                 const char *types, va_list arguments)
{
    struct store_value values[STORE_MAX_VALUES];
    const size_t count = take_values(values, types, arguments);
    *out = NULL;
    return store->backend->begin(store, out, sql, values, count, err);
}

int store_query(struct store *store, struct store_rows **out, se_error *err, const char *sql,
                const char *types, ...)
{
    va_list arguments;
    va_start(arguments, types);
    const int status = query(store, out, err, sql, types, arguments);
    va_end(arguments);
    return status;
}

int store_do(struct store *store, se_error *err, const char *sql, const char *types, ...)
{
    struct store_rows *rows;
    va_list arguments;
    bool row;
    va_start(arguments, types);
    int status = query(store, &rows, err, sql, types, arguments);
    va_end(arguments);
    if (status == SE_OK) {
        status = store_step(rows, &row, err);
        store_rows_end(rows);
    }
    return status;
}

int store_step(struct store_rows *rows, bool *row, se_error *err)
{
    return rows->backend->step(rows, row, err);
}

void store_rows_end(struct store_rows *rows)
{
    if (rows)
        rows->backend->end(rows);
}

bool rows_null(struct store_rows *rows, int column)
{
    return rows->backend->is_null(rows, column);
}

const char *rows_text(struct store_rows *rows, int column)
{
    return rows->backend->text(rows, column);
}

int64_t rows_whole(struct store_rows *rows, int column)
{
    return rows->backend->whole(rows, column);
}

double rows_real(struct store_rows *rows, int column)
{
    return rows->backend->real(rows, column);
}

const void *rows_bytes(struct store_rows *rows, int column, size_t *size)
{
    return rows->backend->bytes(rows, column, size);
}

int store_begin(struct store *store, se_error *err)
{
    pthread_mutex_lock(&store->mutex);
    const int status = store_do(store, err, "BEGIN", "");
    if (status != SE_OK)
        pthread_mutex_unlock(&store->mutex);
    return status;
}

int store_end(struct store *store, int status, se_error *err)
{
    if (status == SE_OK)
        status = store_do(store, err, "COMMIT", "");
    if (status != SE_OK)
        store->backend->take_back(store);
    pthread_mutex_unlock(&store->mutex);
    return status;
}

/* ---- times ---------------------------------------------------------------------------------- */

static void format_time(int64_t ms, char out[STORE_TIME_SIZE])
{
    struct tm parts;
    const time_t seconds = (time_t)(ms / 1000);
    gmtime_r(&seconds, &parts);
    const size_t used = strftime(out, STORE_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(out + used, STORE_TIME_SIZE - used, ".%03dZ", (int)(ms % 1000));
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void store_now(struct store *store, char out[STORE_TIME_SIZE])
{
    int64_t ms = now_ms();
    if (ms <= store->last_ms)
        ms = store->last_ms + 1;
    store->last_ms = ms;
    format_time(ms, out);
}

void store_time_in(int64_t seconds, char out[STORE_TIME_SIZE])
{
    format_time(now_ms() + seconds * 1000, out);
}

/* ---- opening -------------------------------------------------------------------------------- */

bool store_is_server(const char *place)
{
    return strncmp(place, "postgresql:", 11) == 0 || strncmp(place, "postgres:", 9) == 0;
}

int store_open(struct store **out, const char *place, se_error *err)
{
    *out = NULL;
    struct store *store = calloc(1, sizeof(*store));
    if (!store)
        return se_fail_memory(err, "the store", sizeof(*store));
    store->lock = -1;
    pthread_mutex_init(&store->mutex, NULL);
    int status = store_is_server(place) ? store_open_postgres(store, place, err)
                                        : store_open_sqlite(store, place, err);
    /* Whatever an earlier service had begun is begun again. */
    if (status == SE_OK)
        status = store_do(store, err, "UPDATE jobs SET claimed = 0 WHERE claimed <> 0", "");
    if (status != SE_OK) {
        store_close(store);
        return status;
    }
    *out = store;
    return SE_OK;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    if (store->backend)
        store->backend->close(store);
    if (store->lock >= 0)
        close(store->lock);
    pthread_mutex_destroy(&store->mutex);
    free(store);
}

int64_t store_next_id(struct store *store)
{
    return atomic_fetch_add(&store->next_id, 1);
}

/* ---- retention ------------------------------------------------------------------------------ */

int store_forget(struct store *store, int days, int64_t *count, se_error *err)
{
    char before[STORE_TIME_SIZE];
    *count = 0;
    store_time_in(-(int64_t)days * 86400, before);
    FORWARD_IF_ERROR(store_begin(store, err));
    int status = store_do(store, err,
                          "DELETE FROM readings WHERE at < ? AND (job IS NULL OR job IN"
                          " (SELECT id FROM jobs WHERE finished IS NOT NULL))",
                          "t", before);
    if (status == SE_OK) {
        *count = store->backend->changes(store);
        status = store_do(store, err, "DELETE FROM jobs WHERE finished < ?", "t", before);
    }
    return store_end(store, status, err);
}
