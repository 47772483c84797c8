/*
 * Jobs of the store.
 */
#define _GNU_SOURCE
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "serve/json_text.h"
#include "serve/outcome_json.h"
#include "serve/store_sql.h"

#define JOB_COLUMNS                                                                                \
    "id, client, created, started, finished, total, done, failed, lines, time_limit_ms, pattern,"  \
    " known, webhook, notified, notify_at, notify_tries, preset"
enum { JOB_COLUMN_COUNT = 17 };

static void copy_text(char *out, size_t size, struct store_rows *row, int column)
{
    const char *text = rows_text(row, column);
    snprintf(out, size, "%s", text ? text : "");
}

/* Reads the row of JOB_COLUMNS. */
static void take_job(struct store_rows *row, struct store_job *job)
{
    copy_text(job->id, sizeof(job->id), row, 0);
    copy_text(job->client, sizeof(job->client), row, 1);
    copy_text(job->created, sizeof(job->created), row, 2);
    copy_text(job->started, sizeof(job->started), row, 3);
    copy_text(job->finished, sizeof(job->finished), row, 4);
    job->total = (int)rows_whole(row, 5);
    job->done = (int)rows_whole(row, 6);
    job->failed = (int)rows_whole(row, 7);
    job->options.lines = (int)rows_whole(row, 8);
    job->options.time_limit_ms = (int)rows_whole(row, 9);
    job->options.has_pattern = !rows_null(row, 10);
    copy_text(job->options.pattern, sizeof(job->options.pattern), row, 10);
    copy_text(job->options.known, sizeof(job->options.known), row, 11);
    copy_text(job->webhook, sizeof(job->webhook), row, 12);
    snprintf(job->notify_state, sizeof(job->notify_state), "%s",
             !rows_null(row, 13)                      ? "delivered"
             : !*job->finished || !rows_null(row, 14) ? "waiting"
                                                      : "given_up");
    job->notify_tries = (int)rows_whole(row, 15);
    copy_text(job->options.preset, sizeof(job->options.preset), row, 16);
}

/* Takes the first row of a rows, if any, and ends it. */
static int take_one_job(struct store_rows *rows, struct store_job *job, bool *found, se_error *err)
{
    const int status = store_step(rows, found, err);
    if (status == SE_OK && *found)
        take_job(rows, job);
    store_rows_end(rows);
    return status;
}

/* ---- adding --------------------------------------------------------------------------------- */

/* What an idempotency key stands for: the pictures, their names and the options. */
static void hash_request(const struct store_new_job *wish, uint8_t hash[SHA256_DIGEST_SIZE])
{
    const struct work_options *options = &wish->options;
    struct sha256_ctx context;
    char text[WORK_PATTERN_SIZE + 64];
    sha256_init(&context);
    const int length =
        snprintf(text, sizeof(text), "%d %d%s%s", options->lines, options->time_limit_ms,
                 options->has_pattern ? " " : "", options->has_pattern ? options->pattern : "");
    sha256_update(&context, (size_t)length + 1, (const uint8_t *)text);
    /* Only where they are, so that keys from before there were such options still hold. */
    if (*options->preset)
        sha256_update(&context, strlen(options->preset) + 1, (const uint8_t *)options->preset);
    if (*options->known)
        sha256_update(&context, strlen(options->known) + 1, (const uint8_t *)options->known);
    if (wish->webhook)
        sha256_update(&context, strlen(wish->webhook) + 1, (const uint8_t *)wish->webhook);
    for (size_t i = 0; i < wish->count; i++) {
        const struct store_new_picture *picture = &wish->pictures[i];
        const char *name = picture->name ? picture->name : "";
        const uint64_t size = picture->size;
        sha256_update(&context, strlen(name) + 1, (const uint8_t *)name);
        sha256_update(&context, sizeof(size), (const uint8_t *)&size);
        sha256_update(&context, picture->size, picture->bytes);
    }
    sha256_digest(&context, SHA256_DIGEST_SIZE, hash);
}

/* Looks for the job that this client made with this key. */
static int find_by_key(struct store *store, const struct store_new_job *wish, const uint8_t *hash,
                       struct store_job *job, bool *found, se_error *err)
{
    struct store_rows *rows;
    *found = false;
    if (!wish->idempotency_key)
        return SE_OK;
    FORWARD_IF_ERROR(store_query(store, &rows, err,
                                 "SELECT " JOB_COLUMNS ", request_hash FROM jobs WHERE client = ?"
                                 " AND idempotency_key = ?",
                                 "tt", wish->client, wish->idempotency_key));
    int status = store_step(rows, found, err);
    if (status == SE_OK && *found) {
        take_job(rows, job);
        size_t size;
        const void *earlier = rows_bytes(rows, JOB_COLUMN_COUNT, &size);
        if (size != SHA256_DIGEST_SIZE || memcmp(earlier, hash, SHA256_DIGEST_SIZE) != 0)
            status = se_fail(err, SE_ERR_ARGUMENT,
                             "this idempotency key was used before, with another request");
    }
    store_rows_end(rows);
    return status;
}

static int check_waiting(struct store *store, int max, se_error *err)
{
    struct store_rows *rows;
    bool row;
    FORWARD_IF_ERROR(
        store_query(store, &rows, err, "SELECT count(*) FROM jobs WHERE finished IS NULL", ""));
    int status = store_step(rows, &row, err);
    if (status == SE_OK && rows_whole(rows, 0) >= max)
        status = se_fail(err, SE_ERR_LIMIT, "%d jobs are not finished yet; try again later", max);
    store_rows_end(rows);
    return status;
}

static int insert_job(struct store *store, const struct store_new_job *wish, const uint8_t *hash,
                      struct store_job *job, se_error *err)
{
    unsigned char random[STORE_ID_SIZE / 2];
    *job = (struct store_job){.total = (int)wish->count, .options = wish->options};
    RETURN_ERROR_IF(getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random), err, SE_ERR_IO,
                    "store: no random numbers");
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(job->id + 2 * i, 3, "%02x", random[i]);
    snprintf(job->client, sizeof(job->client), "%s", wish->client);
    snprintf(job->webhook, sizeof(job->webhook), "%s", wish->webhook ? wish->webhook : "");
    snprintf(job->notify_state, sizeof(job->notify_state), "waiting");
    store_now(store, job->created);
    FORWARD_IF_ERROR(store_do(store, err,
                              "INSERT INTO jobs(id, client, idempotency_key, request_hash, created,"
                              " total, lines, time_limit_ms, pattern, known, webhook, preset)"
                              " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              "tttbtiiitttt", job->id, wish->client, wish->idempotency_key, hash,
                              (size_t)SHA256_DIGEST_SIZE, job->created, (int64_t)wish->count,
                              (int64_t)wish->options.lines, (int64_t)wish->options.time_limit_ms,
                              wish->options.has_pattern ? wish->options.pattern : NULL,
                              *wish->options.known ? wish->options.known : NULL, wish->webhook,
                              *wish->options.preset ? wish->options.preset : NULL));
    for (size_t i = 0; i < wish->count; i++) {
        const struct store_new_picture *picture = &wish->pictures[i];
        FORWARD_IF_ERROR(store_do(
            store, err, "INSERT INTO pictures(job, position, name, bytes) VALUES(?, ?, ?, ?)",
            "titb", job->id, (int64_t)i, picture->name, picture->size > 0 ? picture->bytes : "",
            picture->size));
    }
    return SE_OK;
}

int store_add_job(struct store *store, const struct store_new_job *wish, struct store_job *job,
                  bool *existed, se_error *err)
{
    uint8_t hash[SHA256_DIGEST_SIZE];
    hash_request(wish, hash);
    FORWARD_IF_ERROR(store_begin(store, err));
    int status = find_by_key(store, wish, hash, job, existed, err);
    if (status == SE_OK && !*existed)
        status = check_waiting(store, wish->max_waiting, err);
    if (status == SE_OK && !*existed)
        status = insert_job(store, wish, hash, job, err);
    return store_end(store, status, err);
}

/* ---- finding -------------------------------------------------------------------------------- */

int store_find_job(struct store *store, const char *id, struct store_job *job, bool *found,
                   se_error *err)
{
    struct store_rows *rows;
    pthread_mutex_lock(&store->mutex);
    int status =
        store_query(store, &rows, err, "SELECT " JOB_COLUMNS " FROM jobs WHERE id = ?", "t", id);
    if (status == SE_OK)
        status = take_one_job(rows, job, found, err);
    pthread_mutex_unlock(&store->mutex);
    return status;
}

static int append_text(struct buffer *out, const char *name, const char *text, se_error *err)
{
    FORWARD_IF_ERROR(buffer_printf(out, err, ",\"%s\":", name));
    return json_text_append(out, *text ? text : NULL, err);
}

/* Everything but the brace at the end. */
static int append_job(const struct store_job *job, struct buffer *out, se_error *err)
{
    const char *state = *job->finished ? "done" : *job->started ? "running" : "queued";
    FORWARD_IF_ERROR(buffer_printf(out, err,
                                   "{\"id\":\"%s\",\"state\":\"%s\",\"total\":%d,"
                                   "\"done\":%d,\"failed\":%d",
                                   job->id, state, job->total, job->done, job->failed));
    FORWARD_IF_ERROR(append_text(out, "created", job->created, err));
    FORWARD_IF_ERROR(append_text(out, "started", job->started, err));
    FORWARD_IF_ERROR(append_text(out, "finished", job->finished, err));
    if (!*job->webhook)
        return buffer_printf(out, err, ",\"webhook\":null");
    FORWARD_IF_ERROR(buffer_printf(out, err, ",\"webhook\":{\"url\":"));
    FORWARD_IF_ERROR(json_text_append(out, job->webhook, err));
    return buffer_printf(out, err, ",\"state\":\"%s\",\"tries\":%d}", job->notify_state,
                         job->notify_tries);
}

int store_list_jobs(struct store *store, const char *before, int limit, struct buffer *out,
                    se_error *err)
{
    struct store_rows *rows;
    struct store_job job;
    bool row = true, first = true;
    pthread_mutex_lock(&store->mutex);
    int status = store_query(store, &rows, err,
                             "SELECT " JOB_COLUMNS " FROM jobs WHERE ?1 IS NULL OR created <"
                             " (SELECT created FROM jobs WHERE id = ?1)"
                             " ORDER BY created DESC LIMIT ?2",
                             "ti", before, (int64_t)limit);
    while (status == SE_OK && row) {
        status = store_step(rows, &row, err);
        if (status != SE_OK || !row)
            break;
        take_job(rows, &job);
        if (!first)
            status = buffer_append(out, ",", 1, err);
        first = false;
        if (status == SE_OK)
            status = append_job(&job, out, err);
        if (status == SE_OK)
            status = buffer_append(out, "}", 1, err);
    }
    store_rows_end(rows);
    pthread_mutex_unlock(&store->mutex);
    return status;
}

/* Appends what came of the pictures, null for each position that is not there. */
static int append_results(struct store *store, const struct store_job *job, struct buffer *out,
                          se_error *err)
{
    struct store_rows *rows;
    bool row = true;
    int next = 0;
    FORWARD_IF_ERROR(store_query(store, &rows, err,
                                 "SELECT position, file, error, message, result, id FROM readings"
                                 " WHERE job = ? ORDER BY position",
                                 "t", job->id));
    int status = buffer_printf(out, err, ",\"results\":[");
    while (status == SE_OK && row) {
        status = store_step(rows, &row, err);
        const int position = status == SE_OK && row ? (int)rows_whole(rows, 0) : job->total;
        for (; status == SE_OK && next < position; next++)
            status = buffer_printf(out, err, "%snull", next > 0 ? "," : "");
        if (status != SE_OK || !row)
            break;
        if (next++ > 0)
            status = buffer_append(out, ",", 1, err);
        if (status == SE_OK)
            status = outcome_json_append(out, rows_text(rows, 1), rows_text(rows, 2),
                                         rows_text(rows, 3), rows_text(rows, 4), err);
    }
    store_rows_end(rows);
    return status == SE_OK ? buffer_append(out, "]", 1, err) : status;
}

int store_job_json(struct store *store, const struct store_job *job, bool results,
                   struct buffer *out, se_error *err)
{
    FORWARD_IF_ERROR(append_job(job, out, err));
    if (results) {
        pthread_mutex_lock(&store->mutex);
        const int status = append_results(store, job, out, err);
        pthread_mutex_unlock(&store->mutex);
        FORWARD_IF_ERROR(status);
    }
    return buffer_append(out, "}", 1, err);
}

int store_delete_job(struct store *store, const char *id, bool *found, se_error *err)
{
    FORWARD_IF_ERROR(store_begin(store, err));
    const int status = store_do(store, err, "DELETE FROM jobs WHERE id = ?", "t", id);
    *found = store->backend->changes(store) > 0;
    return store_end(store, status, err);
}

/* ---- for the runner ------------------------------------------------------------------------- */

int store_claim_job(struct store *store, struct store_job *job, bool *found, se_error *err)
{
    struct store_rows *rows;
    char now[STORE_TIME_SIZE];
    FORWARD_IF_ERROR(store_begin(store, err));
    int status = store_query(store, &rows, err,
                             "SELECT " JOB_COLUMNS " FROM jobs AS a WHERE finished IS NULL AND"
                             " claimed = 0 ORDER BY (SELECT count(*) FROM jobs AS b WHERE"
                             " b.claimed = 1 AND b.finished IS NULL AND b.client = a.client),"
                             " created LIMIT 1",
                             "");
    if (status == SE_OK)
        status = take_one_job(rows, job, found, err);
    if (status == SE_OK && *found) {
        store_now(store, now);
        status = store_do(store, err,
                          "UPDATE jobs SET claimed = 1, started = coalesce(started, ?)"
                          " WHERE id = ?",
                          "tt", now, job->id);
    }
    return store_end(store, status, err);
}

int store_release_job(struct store *store, const char *id, se_error *err)
{
    FORWARD_IF_ERROR(store_begin(store, err));
    const int status = store_do(store, err, "UPDATE jobs SET claimed = 0 WHERE id = ?", "t", id);
    return store_end(store, status, err);
}

int store_pictures(struct store *store, const char *id,
                   int (*take)(void *context, int position, const char *name, const void *bytes,
                               size_t size, se_error *err),
                   void *context, se_error *err)
{
    struct store_rows *rows;
    bool row = true;
    pthread_mutex_lock(&store->mutex);
    int status = store_query(store, &rows, err,
                             "SELECT position, name, bytes FROM pictures WHERE job = ?"
                             " ORDER BY position",
                             "t", id);
    while (status == SE_OK && row) {
        status = store_step(rows, &row, err);
        if (status != SE_OK || !row)
            break;
        size_t size;
        const void *bytes = rows_bytes(rows, 2, &size);
        status = take(context, (int)rows_whole(rows, 0), rows_text(rows, 1), bytes, size, err);
    }
    store_rows_end(rows);
    pthread_mutex_unlock(&store->mutex);
    return status;
}
