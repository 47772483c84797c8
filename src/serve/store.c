#define _GNU_SOURCE
#include "serve/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "serve/places.h"
#include "serve/store_sql.h"

/* The mark in the file's header (SQLite's application_id): "SEye". */
enum { APPLICATION_ID = 0x53457965, SCHEMA_VERSION = 2, BUSY_MS = 500 };

static const char schema[] =
    "CREATE TABLE jobs("
    " id TEXT PRIMARY KEY, client TEXT NOT NULL, idempotency_key TEXT, request_hash BLOB NOT NULL,"
    " created TEXT NOT NULL, started TEXT, finished TEXT, claimed INTEGER NOT NULL DEFAULT 0,"
    " total INTEGER NOT NULL, done INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,"
    " lines INTEGER NOT NULL, time_limit_ms INTEGER NOT NULL, pattern TEXT,"
    " UNIQUE(client, idempotency_key)) WITHOUT ROWID;"
    "CREATE INDEX jobs_created ON jobs(created);"
    "CREATE INDEX jobs_open ON jobs(claimed, created) WHERE finished IS NULL;"
    "CREATE TABLE pictures("
    " job TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE, position INTEGER NOT NULL,"
    " name TEXT, bytes BLOB NOT NULL, PRIMARY KEY(job, position));"
    "CREATE TABLE readings("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " job TEXT REFERENCES jobs(id) ON DELETE CASCADE, position INTEGER NOT NULL,"
    " at TEXT NOT NULL, client TEXT NOT NULL, file TEXT, hash TEXT NOT NULL,"
    " text TEXT, printed TEXT, kind TEXT, format TEXT, score REAL, status TEXT,"
    " corrected TEXT, error TEXT, message TEXT, result TEXT, UNIQUE(job, position));"
    "CREATE INDEX readings_at ON readings(at);"
    "CREATE INDEX readings_text ON readings(text);";

/* ---- statements ----------------------------------------------------------------------------- */

int store_fail(struct store *store, se_error *err)
{
    const int code = sqlite3_errcode(store->db);
    return se_fail(err, code == SQLITE_NOMEM ? SE_ERR_MEMORY : SE_ERR_IO, "store: %s",
                   sqlite3_errmsg(store->db));
}

static int bind(struct store *store, sqlite3_stmt *statement, const char *types, va_list values,
                se_error *err)
{
    for (int i = 1; *types; types++, i++) {
        int code = SQLITE_MISUSE;
        if (*types == 't') {
            code = sqlite3_bind_text(statement, i, va_arg(values, const char *), -1, SQLITE_STATIC);
        } else if (*types == 'i') {
            code = sqlite3_bind_int64(statement, i, va_arg(values, int64_t));
        } else if (*types == 'd') {
            code = sqlite3_bind_double(statement, i, va_arg(values, double));
        } else if (*types == 'b') {
            const void *bytes = va_arg(values, const void *);
            code = sqlite3_bind_blob64(statement, i, bytes, va_arg(values, size_t), SQLITE_STATIC);
        }
        if (code != SQLITE_OK)
            return store_fail(store, err);
    }
    return SE_OK;
}

static int prepare(struct store *store, sqlite3_stmt **out, se_error *err, const char *sql,
                   const char *types, va_list values)
{
    if (sqlite3_prepare_v2(store->db, sql, -1, out, NULL) != SQLITE_OK)
        return store_fail(store, err);
    const int status = bind(store, *out, types, values, err);
    if (status != SE_OK) {
        sqlite3_finalize(*out);
        *out = NULL;
    }
    return status;
}

int store_prepare(struct store *store, sqlite3_stmt **out, se_error *err, const char *sql,
                  const char *types, ...)
{
    va_list values;
    va_start(values, types);
    const int status = prepare(store, out, err, sql, types, values);
    va_end(values);
    return status;
}

int store_step(struct store *store, sqlite3_stmt *statement, bool *row, se_error *err)
{
    const int code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? SE_OK : store_fail(store, err);
}

int store_do(struct store *store, se_error *err, const char *sql, const char *types, ...)
{
    sqlite3_stmt *statement;
    va_list values;
    bool row;
    va_start(values, types);
    int status = prepare(store, &statement, err, sql, types, values);
    va_end(values);
    if (status == SE_OK) {
        status = store_step(store, statement, &row, err);
        sqlite3_finalize(statement);
    }
    return status;
}

int store_begin(struct store *store, se_error *err)
{
    pthread_mutex_lock(&store->mutex);
    const int status = store_do(store, err, "BEGIN IMMEDIATE", "");
    if (status != SE_OK)
        pthread_mutex_unlock(&store->mutex);
    return status;
}

int store_end(struct store *store, int status, se_error *err)
{
    if (status == SE_OK)
        status = store_do(store, err, "COMMIT", "");
    /* Some failures end the transaction by themselves. */
    if (status != SE_OK && !sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    pthread_mutex_unlock(&store->mutex);
    return status;
}

void store_now(struct store *store, char out[STORE_TIME_SIZE])
{
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (ms <= store->last_ms)
        ms = store->last_ms + 1;
    store->last_ms = ms;
    const time_t seconds = (time_t)(ms / 1000);
    gmtime_r(&seconds, &parts);
    const size_t used = strftime(out, STORE_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(out + used, STORE_TIME_SIZE - used, ".%03dZ", (int)(ms % 1000));
}

/* ---- opening -------------------------------------------------------------------------------- */

static int number_of(struct store *store, const char *sql, int64_t *out, se_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    FORWARD_IF_ERROR(store_prepare(store, &statement, err, sql, ""));
    const int status = store_step(store, statement, &row, err);
    *out = status == SE_OK && row ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    return status;
}

static int run_script(struct store *store, const char *script, se_error *err)
{
    return sqlite3_exec(store->db, script, NULL, NULL, NULL) == SQLITE_OK ? SE_OK
                                                                          : store_fail(store, err);
}

/* Makes the tables in a new file; refuses a file that is another program's or of a later version.
 */
static int settle_schema(struct store *store, const char *path, se_error *err)
{
    int64_t application, version, tables;
    char mark[128];
    FORWARD_IF_ERROR(number_of(store, "PRAGMA application_id", &application, err));
    FORWARD_IF_ERROR(number_of(store, "PRAGMA user_version", &version, err));
    FORWARD_IF_ERROR(number_of(store, "SELECT count(*) FROM sqlite_schema", &tables, err));
    if (application == APPLICATION_ID && version == SCHEMA_VERSION)
        return SE_OK;
    if (application == APPLICATION_ID && version == 1)
        return run_script(store,
                          "BEGIN; ALTER TABLE jobs ADD COLUMN pattern TEXT;"
                          " PRAGMA user_version = 2; COMMIT",
                          err);
    RETURN_ERROR_IF(application == APPLICATION_ID, err, SE_ERR_IO,
                    "store: %s has version %d; this program knows %d", path, (int)version,
                    SCHEMA_VERSION);
    RETURN_ERROR_IF(application != 0 || tables != 0, err, SE_ERR_IO,
                    "store: %s is not a store of serialeye", path);
    snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = %d;",
             APPLICATION_ID, SCHEMA_VERSION);
    FORWARD_IF_ERROR(run_script(store, "PRAGMA journal_mode = WAL; BEGIN", err));
    int status = run_script(store, schema, err);
    if (status == SE_OK)
        status = run_script(store, mark, err);
    if (status == SE_OK)
        status = run_script(store, "COMMIT", err);
    return status;
}

static int take_lock(struct store *store, const char *path, se_error *err)
{
    char lock[PLACE_SIZE + 8];
    snprintf(lock, sizeof(lock), "%s.lock", path);
    store->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    RETURN_ERROR_IF(store->lock < 0, err, SE_ERR_IO, "store: %s: %s", lock, strerror(errno));
    RETURN_ERROR_IF(flock(store->lock, LOCK_EX | LOCK_NB) != 0, err, SE_ERR_IO,
                    "store: another service uses %s", path);
    return SE_OK;
}

static int open_file(struct store *store, const char *path, se_error *err)
{
    FORWARD_IF_ERROR(take_lock(store, path, err));
    /* The journal's files get the mode of the database. */
    const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    RETURN_ERROR_IF(file < 0, err, SE_ERR_IO, "store: %s: %s", path, strerror(errno));
    close(file);
    if (sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return store->db ? store_fail(store, err) : se_fail_memory(err, "the store", 0);
    sqlite3_busy_timeout(store->db, BUSY_MS);
    FORWARD_IF_ERROR(settle_schema(store, path, err));
    /* Without FULL, a commit may be lost when the machine (not the program) stops. */
    FORWARD_IF_ERROR(run_script(store, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON", err));
    FORWARD_IF_ERROR(number_of(store,
                               "SELECT max(coalesce((SELECT max(id) FROM readings), 0),"
                               " coalesce((SELECT seq FROM sqlite_sequence), 0)) + 1",
                               &store->next_id, err));
    return run_script(store, "UPDATE jobs SET claimed = 0 WHERE claimed", err);
}

int store_open(struct store **out, const char *path, se_error *err)
{
    *out = NULL;
    struct store *store = calloc(1, sizeof(*store));
    if (!store)
        return se_fail_memory(err, "the store", sizeof(*store));
    store->lock = -1;
    pthread_mutex_init(&store->mutex, NULL);
    const int status = open_file(store, path, err);
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
    sqlite3_close(store->db);
    if (store->lock >= 0)
        close(store->lock);
    pthread_mutex_destroy(&store->mutex);
    free(store);
}

int64_t store_next_id(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    const int64_t id = store->next_id++;
    pthread_mutex_unlock(&store->mutex);
    return id;
}

/* ---- retention ------------------------------------------------------------------------------ */

int store_forget(struct store *store, int days, int64_t *count, se_error *err)
{
    char age[32];
    *count = 0;
    snprintf(age, sizeof(age), "-%d days", days);
    FORWARD_IF_ERROR(store_begin(store, err));
    int status = store_do(store, err,
                          "DELETE FROM readings WHERE at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?)"
                          " AND (job IS NULL OR job IN (SELECT id FROM jobs WHERE finished IS NOT"
                          " NULL))",
                          "t", age);
    if (status == SE_OK) {
        *count = sqlite3_changes64(store->db);
        status = store_do(store, err,
                          "DELETE FROM jobs WHERE finished <"
                          " strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?)",
                          "t", age);
    }
    return store_end(store, status, err);
}
