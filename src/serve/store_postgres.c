/*
 * The store in a PostgreSQL server, in a schema of its own. One connection, made again when it is
 * lost; a lock of the server's (pg_try_advisory_lock) keeps a second service away, as long as the
 * connection lives.
 */
#define _GNU_SOURCE
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/budget.h"
#include "serve/store_sql.h"

enum {
    LOCK_KEY = 0x53457965, /* "SEye" */
    LOCK_TRIES = 50,       /* of a predecessor that was killed, the server notices the end soon */
    LOCK_PAUSE_NS = 100000000,
    OID_BYTES = 17,
    OID_WHOLE = 20,
    OID_TEXT = 25,
    OID_REAL = 701,
    MAX_NUMBER = 32
};

static const int64_t again_ns = 1000000000; /* between attempts to connect again */

/* Times are texts: compared byte by byte, whatever the language of the server. */
static const char schema[] =
    "CREATE SCHEMA serialeye;"
    "SET search_path TO serialeye;"
    "CREATE TABLE version(number BIGINT NOT NULL);"
    "CREATE SEQUENCE reading_ids MINVALUE 0 START 0;"
    "CREATE TABLE jobs("
    " id TEXT PRIMARY KEY, client TEXT NOT NULL, idempotency_key TEXT, request_hash BYTEA NOT NULL,"
    " created TEXT COLLATE \"C\" NOT NULL, started TEXT COLLATE \"C\", finished TEXT COLLATE \"C\","
    " claimed BIGINT NOT NULL DEFAULT 0,"
    " total BIGINT NOT NULL, done BIGINT NOT NULL DEFAULT 0, failed BIGINT NOT NULL DEFAULT 0,"
    " lines BIGINT NOT NULL, time_limit_ms BIGINT NOT NULL, pattern TEXT, preset TEXT, known TEXT,"
    " webhook TEXT, notified TEXT, notify_at TEXT COLLATE \"C\", notify_tries BIGINT NOT NULL "
    "DEFAULT 0,"
    " UNIQUE(client, idempotency_key));"
    "CREATE INDEX jobs_created ON jobs(created);"
    "CREATE INDEX jobs_open ON jobs(claimed, created) WHERE finished IS NULL;"
    "CREATE INDEX jobs_notify ON jobs(notify_at) WHERE notify_at IS NOT NULL;"
    "CREATE TABLE pictures("
    " job TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE, position BIGINT NOT NULL,"
    " name TEXT, bytes BYTEA NOT NULL, PRIMARY KEY(job, position));"
    "CREATE TABLE readings("
    " id BIGINT PRIMARY KEY,"
    " job TEXT REFERENCES jobs(id) ON DELETE CASCADE, position BIGINT NOT NULL,"
    " at TEXT COLLATE \"C\" NOT NULL, client TEXT NOT NULL, file TEXT, hash TEXT NOT NULL,"
    " text TEXT COLLATE \"C\", printed TEXT, kind TEXT, format TEXT, score DOUBLE PRECISION,"
    " status TEXT, corrected TEXT, error TEXT, message TEXT, result TEXT, UNIQUE(job, position));"
    "CREATE INDEX readings_at ON readings(at);"
    "CREATE INDEX readings_text ON readings(text);"
    "CREATE TABLE kept("
    " reading BIGINT PRIMARY KEY REFERENCES readings(id) ON DELETE CASCADE, bytes BYTEA NOT NULL);"
    "INSERT INTO version VALUES(3);";

struct postgres {
    PGconn *connection;
    bool ready; /* connected, and the lock is ours */
    bool in_transaction;
    int64_t again_at_ns;
    int64_t changes;
};

struct postgres_rows {
    struct store_rows rows;
    PGresult *result;
    int row;              /* -1 before the first */
    unsigned char *bytes; /* of the last rows_bytes; PQfreemem */
};

static int fail(struct postgres *postgres, const PGresult *result, se_error *err)
{
    const char *message =
        result ? PQresultErrorMessage(result) : PQerrorMessage(postgres->connection);
    return se_fail(err, SE_ERR_IO, "store: PostgreSQL: %.*s", (int)strcspn(message, "\n"), message);
}

/* ---- values --------------------------------------------------------------------------------- */

/* "?" and "?3" become "$1" and "$3". */
static void number_places(const char *sql, char *out, size_t size)
{
    size_t used = 0;
    int next = 1;
    for (; *sql && used + 8 < size; sql++) {
        out[used++] = *sql == '?' ? '$' : *sql;
        if (*sql == '?' && (sql[1] < '0' || sql[1] > '9'))
            used += (size_t)snprintf(out + used, size - used, "%d", next++);
    }
    out[used] = '\0';
}

/* Bytes of the UTF-8 sequence at `text`; 0: it is none. */
static size_t sequence_size(const unsigned char *text)
{
    const size_t size = *text < 0x80                    ? 1
                        : *text >= 0xc2 && *text < 0xe0 ? 2
                        : *text >= 0xe0 && *text < 0xf0 ? 3
                        : *text >= 0xf0 && *text < 0xf5 ? 4
                                                        : 0;
    for (size_t i = 1; i < size; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    /* Overlong forms, surrogates, past the end of Unicode. */
    if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
        (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
        return 0;
    return size;
}

/* The server takes UTF-8 alone, and what clients call their files may be anything: a copy (free)
 * with "?" in place of bytes that are not; NULL when there are none such, or no memory. */
static char *without_nonsense(const char *text, bool *failed)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t size;
    while (*at && (size = sequence_size(at)) > 0)
        at += size;
    if (!*at)
        return NULL;
    char *copy = strdup(text);
    *failed = !copy;
    for (unsigned char *one = (unsigned char *)copy; one && *one; one += size) {
        size = sequence_size(one);
        if (size == 0) {
            *one = '?';
            size = 1;
        }
    }
    return copy;
}

struct parameters {
    Oid types[STORE_MAX_VALUES];
    const char *values[STORE_MAX_VALUES];
    int lengths[STORE_MAX_VALUES], formats[STORE_MAX_VALUES];
    char numbers[STORE_MAX_VALUES][MAX_NUMBER];
    char *copies[STORE_MAX_VALUES];
};

static bool set_parameters(struct parameters *parameters, const struct store_value *values,
                           size_t count)
{
    bool failed = false;
    memset(parameters, 0, sizeof(*parameters));
    for (size_t i = 0; i < count; i++) {
        const struct store_value *value = &values[i];
        parameters->values[i] = parameters->numbers[i];
        if (value->type == 't') {
            parameters->types[i] = OID_TEXT;
            parameters->copies[i] = value->text ? without_nonsense(value->text, &failed) : NULL;
            parameters->values[i] = parameters->copies[i] ? parameters->copies[i] : value->text;
        } else if (value->type == 'i') {
            parameters->types[i] = OID_WHOLE;
            snprintf(parameters->numbers[i], MAX_NUMBER, "%lld", (long long)value->whole);
        } else if (value->type == 'd') {
            parameters->types[i] = OID_REAL;
            snprintf(parameters->numbers[i], MAX_NUMBER, "%.17g", value->real);
        } else {
            parameters->types[i] = OID_BYTES;
            parameters->values[i] = value->bytes;
            parameters->lengths[i] = (int)value->size;
            parameters->formats[i] = 1;
        }
    }
    return !failed;
}

static void free_parameters(struct parameters *parameters)
{
    for (size_t i = 0; i < STORE_MAX_VALUES; i++)
        free(parameters->copies[i]);
}

/* ---- the connection ------------------------------------------------------------------------- */

static int run_script(struct postgres *postgres, const char *script, se_error *err)
{
    PGresult *result = PQexec(postgres->connection, script);
    const ExecStatusType code = PQresultStatus(result);
    const int status =
        code == PGRES_COMMAND_OK || code == PGRES_TUPLES_OK ? SE_OK : fail(postgres, result, err);
    PQclear(result);
    return status;
}

/* The first column of the first row as a number; 0 without one. */
static int number_of(struct postgres *postgres, const char *sql, int64_t *out, se_error *err)
{
    PGresult *result = PQexec(postgres->connection, sql);
    int status = SE_OK;
    *out = 0;
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        status = fail(postgres, result, err);
    else if (PQntuples(result) > 0)
        *out = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return status;
}

static int take_lock(struct postgres *postgres, int tries, se_error *err)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
    char sql[80];
    int64_t got = 0;
    snprintf(sql, sizeof(sql), "SELECT pg_try_advisory_lock(%d)::int", LOCK_KEY);
    for (int i = 0; i < tries; i++) {
        FORWARD_IF_ERROR(number_of(postgres, sql, &got, err));
        if (got)
            return SE_OK;
        nanosleep(&pause, NULL);
    }
    return se_fail(err, SE_ERR_IO, "store: another service uses this PostgreSQL database");
}

static int settle_session(struct postgres *postgres, int tries, se_error *err)
{
    FORWARD_IF_ERROR(run_script(postgres,
                                "SET client_min_messages TO warning; SET search_path TO serialeye;"
                                " SET statement_timeout TO 10000; SET lock_timeout TO 500",
                                err));
    return take_lock(postgres, tries, err);
}

/* Connects again when the connection was lost; not all the time, since it may take seconds. */
static int ensure_ready(struct postgres *postgres, se_error *err)
{
    const int64_t now = clock_now_ns();
    if (postgres->ready && PQstatus(postgres->connection) == CONNECTION_OK)
        return SE_OK;
    postgres->ready = false;
    RETURN_ERROR_IF(postgres->in_transaction || now < postgres->again_at_ns, err, SE_ERR_IO,
                    "store: PostgreSQL: the connection is lost");
    PQreset(postgres->connection);
    int status = PQstatus(postgres->connection) == CONNECTION_OK ? settle_session(postgres, 1, err)
                                                                 : fail(postgres, NULL, err);
    postgres->ready = status == SE_OK;
    postgres->again_at_ns = clock_now_ns() + again_ns;
    return status;
}

/* ---- the backend ---------------------------------------------------------------------------- */

static void end(struct store_rows *rows)
{
    struct postgres_rows *own = (struct postgres_rows *)rows;
    PQfreemem(own->bytes);
    PQclear(own->result);
    free(own);
}

static const struct store_backend backend;

static PGresult *execute(struct postgres *postgres, const char *sql,
                         const struct store_value *values, size_t count)
{
    char numbered[2048];
    struct parameters parameters;
    PGresult *result = NULL;
    number_places(sql, numbered, sizeof(numbered));
    if (set_parameters(&parameters, values, count))
        result = PQexecParams(postgres->connection, numbered, (int)count, parameters.types,
                              parameters.values, parameters.lengths, parameters.formats, 0);
    free_parameters(&parameters);
    return result;
}

static int begin(struct store *store, struct store_rows **out, const char *sql,
                 const struct store_value *values, size_t count, se_error *err)
{
    struct postgres *postgres = store->connection;
    FORWARD_IF_ERROR(ensure_ready(postgres, err));
    struct postgres_rows *rows = calloc(1, sizeof(*rows));
    if (!rows)
        return se_fail_memory(err, "a statement", sizeof(*rows));
    rows->rows.backend = &backend;
    rows->row = -1;
    rows->result = execute(postgres, sql, values, count);
    const ExecStatusType code = PQresultStatus(rows->result);
    if (code != PGRES_COMMAND_OK && code != PGRES_TUPLES_OK) {
        const int status = fail(postgres, rows->result, err);
        end(&rows->rows);
        return status;
    }
    const PGTransactionStatusType state = PQtransactionStatus(postgres->connection);
    postgres->in_transaction = state == PQTRANS_INTRANS || state == PQTRANS_INERROR;
    postgres->changes = strtoll(PQcmdTuples(rows->result), NULL, 10);
    *out = &rows->rows;
    return SE_OK;
}

static int step(struct store_rows *rows, bool *row, se_error *err)
{
    struct postgres_rows *own = (struct postgres_rows *)rows;
    (void)err;
    *row = ++own->row < PQntuples(own->result);
    return SE_OK;
}

static bool is_null(struct store_rows *rows, int column)
{
    const struct postgres_rows *own = (struct postgres_rows *)rows;
    return PQgetisnull(own->result, own->row, column);
}

static const char *text(struct store_rows *rows, int column)
{
    const struct postgres_rows *own = (struct postgres_rows *)rows;
    return is_null(rows, column) ? NULL : PQgetvalue(own->result, own->row, column);
}

static int64_t whole(struct store_rows *rows, int column)
{
    const char *value = text(rows, column);
    return value ? strtoll(value, NULL, 10) : 0;
}

static double real(struct store_rows *rows, int column)
{
    const char *value = text(rows, column);
    return value ? strtod(value, NULL) : 0;
}

static const void *bytes(struct store_rows *rows, int column, size_t *size)
{
    struct postgres_rows *own = (struct postgres_rows *)rows;
    const char *value = text(rows, column);
    *size = 0;
    PQfreemem(own->bytes);
    own->bytes = value ? PQunescapeBytea((const unsigned char *)value, size) : NULL;
    return own->bytes ? (const void *)own->bytes : "";
}

static int64_t changes(const struct store *store)
{
    return ((const struct postgres *)store->connection)->changes;
}

static void take_back(struct store *store)
{
    struct postgres *postgres = store->connection;
    PQclear(PQexec(postgres->connection, "ROLLBACK"));
    postgres->in_transaction = false;
}

static int remember_id(struct store *store, int64_t id, se_error *err)
{
    return store_do(store, err,
                    "SELECT setval('reading_ids',"
                    " greatest(?, (SELECT last_value FROM reading_ids)))",
                    "i", id);
}

static void close_connection(struct store *store)
{
    struct postgres *postgres = store->connection;
    PQfinish(postgres->connection);
    free(postgres);
}

static const struct store_backend backend = {
    close_connection, begin,     step,       end, is_null, text, whole, real, bytes,
    changes,          take_back, remember_id};

/* ---- opening -------------------------------------------------------------------------------- */

static int settle_schema(struct postgres *postgres, se_error *err)
{
    int64_t exists, version;
    FORWARD_IF_ERROR(number_of(
        postgres, "SELECT count(*) FROM pg_namespace WHERE nspname = 'serialeye'", &exists, err));
    if (!exists) {
        FORWARD_IF_ERROR(run_script(postgres, "BEGIN", err));
        int status = run_script(postgres, schema, err);
        FORWARD_IF_ERROR(run_script(postgres, status == SE_OK ? "COMMIT" : "ROLLBACK",
                                    status == SE_OK ? err : NULL));
        return status;
    }
    FORWARD_IF_ERROR(number_of(postgres, "SELECT number FROM version", &version, err));
    RETURN_ERROR_IF(version != STORE_SCHEMA_VERSION, err, SE_ERR_IO,
                    "store: the PostgreSQL schema serialeye has version %d; this program knows %d",
                    (int)version, STORE_SCHEMA_VERSION);
    return SE_OK;
}

int store_open_postgres(struct store *store, const char *place, se_error *err)
{
    /* What the address says comes after, and wins. */
    static const char *const names[] = {"connect_timeout", "tcp_user_timeout", "client_encoding",
                                        "dbname", NULL};
    const char *const values[] = {"2", "5000", "UTF8", place, NULL};
    int64_t next_id;
    struct postgres *postgres = calloc(1, sizeof(*postgres));
    if (!postgres)
        return se_fail_memory(err, "the store", sizeof(*postgres));
    store->connection = postgres;
    store->backend = &backend;
    postgres->connection = PQconnectdbParams(names, values, 1);
    if (PQstatus(postgres->connection) != CONNECTION_OK)
        return fail(postgres, NULL, err);
    FORWARD_IF_ERROR(settle_session(postgres, LOCK_TRIES, err));
    FORWARD_IF_ERROR(settle_schema(postgres, err));
    FORWARD_IF_ERROR(number_of(postgres,
                               "SELECT greatest((SELECT coalesce(max(id), 0) FROM readings),"
                               " (SELECT last_value FROM reading_ids)) + 1",
                               &next_id, err));
    atomic_store(&store->next_id, next_id);
    postgres->ready = true;
    return SE_OK;
}
