/*
 * The store in a file: SQLite in WAL mode, one connection.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve/places.h"
#include "serve/store_sql.h"

/* The mark in the file's header (SQLite's application_id): "SEye". */
enum { APPLICATION_ID = 0x53457965, BUSY_MS = 500, IDLE_STATEMENTS = 24 };

static const char schema[] =
    "CREATE TABLE jobs("
    " id TEXT PRIMARY KEY, client TEXT NOT NULL, idempotency_key TEXT, request_hash BLOB NOT NULL,"
    " created TEXT NOT NULL, started TEXT, finished TEXT, claimed INTEGER NOT NULL DEFAULT 0,"
    " total INTEGER NOT NULL, done INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,"
    " lines INTEGER NOT NULL, time_limit_ms INTEGER NOT NULL, pattern TEXT, preset TEXT, known "
    "TEXT,"
    " webhook TEXT, notified TEXT, notify_at TEXT, notify_tries INTEGER NOT NULL DEFAULT 0,"
    " UNIQUE(client, idempotency_key)) WITHOUT ROWID;"
    "CREATE INDEX jobs_created ON jobs(created);"
    "CREATE INDEX jobs_open ON jobs(claimed, created) WHERE finished IS NULL;"
    "CREATE INDEX jobs_notify ON jobs(notify_at) WHERE notify_at IS NOT NULL;"
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
    "CREATE INDEX readings_text ON readings(text);"
    "CREATE TABLE kept("
    " reading INTEGER PRIMARY KEY REFERENCES readings(id) ON DELETE CASCADE, bytes BLOB NOT NULL);";

/* From version 1, step by step. */
static const char *const upgrades[STORE_SCHEMA_VERSION] = {
    NULL,
    "ALTER TABLE jobs ADD COLUMN pattern TEXT;",
    "ALTER TABLE jobs ADD COLUMN preset TEXT;"
    "ALTER TABLE jobs ADD COLUMN known TEXT;"
    "ALTER TABLE jobs ADD COLUMN webhook TEXT;"
    "ALTER TABLE jobs ADD COLUMN notified TEXT;"
    "ALTER TABLE jobs ADD COLUMN notify_at TEXT;"
    "ALTER TABLE jobs ADD COLUMN notify_tries INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX jobs_notify ON jobs(notify_at) WHERE notify_at IS NOT NULL;"
    "CREATE TABLE kept("
    " reading INTEGER PRIMARY KEY REFERENCES readings(id) ON DELETE CASCADE, bytes BLOB NOT NULL);",
};

/* The connection, and statements that were prepared before, those used last in front. */
struct sqlite {
    sqlite3 *db;
    sqlite3_stmt *idle[IDLE_STATEMENTS];
    int idle_count;
};

struct sqlite_rows {
    struct store_rows rows;
    struct sqlite *sqlite;
    sqlite3_stmt *statement;
    bool failed;
};

static sqlite3_stmt *statement_of(struct store_rows *rows)
{
    return ((struct sqlite_rows *)rows)->statement;
}

/* Says what SQLite says; returns SE_ERR_IO, or SE_ERR_MEMORY. */
static int fail(const struct sqlite *sqlite, se_error *err)
{
    return se_fail(err, sqlite3_errcode(sqlite->db) == SQLITE_NOMEM ? SE_ERR_MEMORY : SE_ERR_IO,
                   "store: %s", sqlite3_errmsg(sqlite->db));
}

/* ---- statements ----------------------------------------------------------------------------- */

/* An idle statement of that text, which is idle no more; NULL: none. */
static sqlite3_stmt *take_idle(struct sqlite *sqlite, const char *sql)
{
    for (int i = 0; i < sqlite->idle_count; i++) {
        sqlite3_stmt *statement = sqlite->idle[i];
        if (strcmp(sqlite3_sql(statement), sql) != 0)
            continue;
        sqlite->idle_count--;
        memmove(&sqlite->idle[i], &sqlite->idle[i + 1],
                (size_t)(sqlite->idle_count - i) * sizeof(sqlite->idle[0]));
        return statement;
    }
    return NULL;
}

/* Keeps a statement for the next time; the one that was not used for longest goes. */
static void make_idle(struct sqlite *sqlite, sqlite3_stmt *statement)
{
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement); /* their texts are the caller's */
    if (sqlite->idle_count == IDLE_STATEMENTS)
        sqlite3_finalize(sqlite->idle[--sqlite->idle_count]);
    memmove(&sqlite->idle[1], &sqlite->idle[0],
            (size_t)sqlite->idle_count * sizeof(sqlite->idle[0]));
    sqlite->idle[0] = statement;
    sqlite->idle_count++;
}

/* *out goes to make_idle or sqlite3_finalize. Returns SQLite's code. */
static int prepare(struct sqlite *sqlite, const char *sql, sqlite3_stmt **out)
{
    *out = take_idle(sqlite, sql);
    return *out ? SQLITE_OK
                : sqlite3_prepare_v3(sqlite->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
}

/* ---- the backend ---------------------------------------------------------------------------- */

static int bind(sqlite3_stmt *statement, int index, const struct store_value *value)
{
    switch (value->type) {
    case 't':
        return sqlite3_bind_text(statement, index, value->text, -1, SQLITE_STATIC);
    case 'i':
        return sqlite3_bind_int64(statement, index, value->whole);
    case 'd':
        return sqlite3_bind_double(statement, index, value->real);
    default:
        return sqlite3_bind_blob64(statement, index, value->bytes, value->size, SQLITE_STATIC);
    }
}

static void end(struct store_rows *rows)
{
    struct sqlite_rows *own = (struct sqlite_rows *)rows;
    if (own->statement && !own->failed)
        make_idle(own->sqlite, own->statement);
    else
        sqlite3_finalize(own->statement);
    free(rows);
}

static const struct store_backend backend;

static int begin(struct store *store, struct store_rows **out, const char *sql,
                 const struct store_value *values, size_t count, se_error *err)
{
    struct sqlite_rows *rows = calloc(1, sizeof(*rows));
    if (!rows)
        return se_fail_memory(err, "a statement", sizeof(*rows));
    rows->rows.backend = &backend;
    rows->sqlite = store->connection;
    /* Its plain BEGIN locks nothing yet, and fails in the middle of a transaction. */
    if (strcmp(sql, "BEGIN") == 0)
        sql = "BEGIN IMMEDIATE";
    int code = prepare(rows->sqlite, sql, &rows->statement);
    for (size_t i = 0; i < count && code == SQLITE_OK; i++)
        code = bind(rows->statement, (int)i + 1, &values[i]);
    if (code != SQLITE_OK) {
        const int status = fail(rows->sqlite, err);
        rows->failed = true;
        end(&rows->rows);
        return status;
    }
    *out = &rows->rows;
    return SE_OK;
}

static int step(struct store_rows *rows, bool *row, se_error *err)
{
    struct sqlite_rows *own = (struct sqlite_rows *)rows;
    const int code = sqlite3_step(own->statement);
    *row = code == SQLITE_ROW;
    own->failed = code != SQLITE_ROW && code != SQLITE_DONE;
    return own->failed ? fail(own->sqlite, err) : SE_OK;
}

static bool is_null(struct store_rows *rows, int column)
{
    return sqlite3_column_type(statement_of(rows), column) == SQLITE_NULL;
}

static const char *text(struct store_rows *rows, int column)
{
    return (const char *)sqlite3_column_text(statement_of(rows), column);
}

static int64_t whole(struct store_rows *rows, int column)
{
    return sqlite3_column_int64(statement_of(rows), column);
}

static double real(struct store_rows *rows, int column)
{
    return sqlite3_column_double(statement_of(rows), column);
}

static const void *bytes(struct store_rows *rows, int column, size_t *size)
{
    const void *data = sqlite3_column_blob(statement_of(rows), column);
    *size = (size_t)sqlite3_column_bytes(statement_of(rows), column);
    return data ? data : "";
}

static int64_t changes(const struct store *store)
{
    return sqlite3_changes64(((const struct sqlite *)store->connection)->db);
}

static void take_back(struct store *store)
{
    const struct sqlite *sqlite = store->connection;
    /* Some failures end the transaction by themselves. */
    if (!sqlite3_get_autocommit(sqlite->db))
        sqlite3_exec(sqlite->db, "ROLLBACK", NULL, NULL, NULL);
}

/* AUTOINCREMENT does that. */
static int remember_id(struct store *store, int64_t id, se_error *err)
{
    (void)store;
    (void)id;
    (void)err;
    return SE_OK;
}

static void close_file(struct store *store)
{
    struct sqlite *sqlite = store->connection;
    while (sqlite->idle_count > 0)
        sqlite3_finalize(sqlite->idle[--sqlite->idle_count]);
    sqlite3_close(sqlite->db);
    free(sqlite);
}

static const struct store_backend backend = {close_file, begin,   step,      end,
                                             is_null,    text,    whole,     real,
                                             bytes,      changes, take_back, remember_id};

/* ---- opening -------------------------------------------------------------------------------- */

static int number_of(struct store *store, const char *sql, int64_t *out, se_error *err)
{
    struct store_rows *rows;
    bool row;
    FORWARD_IF_ERROR(store_query(store, &rows, err, sql, ""));
    const int status = store_step(rows, &row, err);
    *out = status == SE_OK && row ? rows_whole(rows, 0) : 0;
    store_rows_end(rows);
    return status;
}

static int run_script(struct store *store, const char *script, se_error *err)
{
    const struct sqlite *sqlite = store->connection;
    return sqlite3_exec(sqlite->db, script, NULL, NULL, NULL) == SQLITE_OK ? SE_OK
                                                                           : fail(sqlite, err);
}

static int upgrade(struct store *store, int64_t version, se_error *err)
{
    char mark[64];
    FORWARD_IF_ERROR(run_script(store, "BEGIN IMMEDIATE", err));
    int status = SE_OK;
    for (; version < STORE_SCHEMA_VERSION && status == SE_OK; version++)
        status = run_script(store, upgrades[version], err);
    snprintf(mark, sizeof(mark), "PRAGMA user_version = %d; COMMIT", STORE_SCHEMA_VERSION);
    if (status == SE_OK)
        status = run_script(store, mark, err);
    if (status != SE_OK)
        take_back(store);
    return status;
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
    if (application == APPLICATION_ID && version == STORE_SCHEMA_VERSION)
        return SE_OK;
    if (application == APPLICATION_ID && version >= 1 && version < STORE_SCHEMA_VERSION)
        return upgrade(store, version, err);
    RETURN_ERROR_IF(application == APPLICATION_ID, err, SE_ERR_IO,
                    "store: %s has version %d; this program knows %d", path, (int)version,
                    STORE_SCHEMA_VERSION);
    RETURN_ERROR_IF(application != 0 || tables != 0, err, SE_ERR_IO,
                    "store: %s is not a store of serialeye", path);
    snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = %d;",
             APPLICATION_ID, STORE_SCHEMA_VERSION);
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

int store_open_sqlite(struct store *store, const char *path, se_error *err)
{
    int64_t next_id = 0;
    FORWARD_IF_ERROR(take_lock(store, path, err));
    /* The journal's files get the mode of the database. */
    const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    RETURN_ERROR_IF(file < 0, err, SE_ERR_IO, "store: %s: %s", path, strerror(errno));
    close(file);
    struct sqlite *sqlite = calloc(1, sizeof(*sqlite));
    if (!sqlite)
        return se_fail_memory(err, "the store", sizeof(*sqlite));
    store->connection = sqlite;
    store->backend = &backend;
    const int code =
        sqlite3_open_v2(path, &sqlite->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return sqlite->db ? fail(sqlite, err) : se_fail_memory(err, "the store", 0);
    sqlite3_busy_timeout(sqlite->db, BUSY_MS);
    FORWARD_IF_ERROR(settle_schema(store, path, err));
    /* Without FULL, a commit may be lost when the machine (not the program) stops. */
    FORWARD_IF_ERROR(run_script(store, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON", err));
    const int status = number_of(store,
                                 "SELECT max(coalesce((SELECT max(id) FROM readings), 0),"
                                 " coalesce((SELECT seq FROM sqlite_sequence), 0)) + 1",
                                 &next_id, err);
    atomic_store(&store->next_id, next_id);
    return status;
}
