/*
 * Readings of the store.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/json_text.h"
#include "serve/outcome_json.h"
#include "serve/store_sql.h"

/* ---- adding --------------------------------------------------------------------------------- */

/* Adds the row, unless it is there already or its job is gone; *added says so. */
static int insert_reading(struct store *store, const struct store_outcome *outcome,
                          const struct outcome_columns *columns, const se_error *nonsense,
                          bool *added, se_error *err)
{
    const struct work_picture *picture = outcome->picture;
    char hash[2 * WORK_HASH_SIZE + 1], now[STORE_TIME_SIZE];
    const bool failed = *picture->code || nonsense->code != SE_OK;
    const char *code = *picture->code ? picture->code : se_status_name(SE_ERR_INTERNAL);
    const char *message = *picture->code ? picture->text : nonsense->message;
    for (size_t i = 0; i < WORK_HASH_SIZE; i++)
        snprintf(hash + 2 * i, 3, "%02x", picture->hash[i]);
    store_now(store, now);
    FORWARD_IF_ERROR(store_do(
        store, err,
        "INSERT INTO readings(id, job, position, at, client, file, hash, text, printed, kind,"
        " format, score, status, error, message, result)"
        " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, nullif(?12, -1.0), ?13, ?14, ?15,"
        " ?16 WHERE ?2 IS NULL OR EXISTS(SELECT 1 FROM jobs WHERE id = ?2)"
        " ON CONFLICT DO NOTHING",
        "ititttttttt"
        "dtttt",
        outcome->id, outcome->job, (int64_t)outcome->position, now, outcome->client,
        *picture->name ? picture->name : NULL, hash, columns->text, columns->printed, columns->kind,
        columns->format, columns->score, columns->status, failed ? code : NULL,
        failed ? message : NULL, failed ? NULL : picture->text));
    *added = store->backend->changes(store) > 0;
    return SE_OK;
}

/* Counts the picture of a job as done, and the job as finished after the last. */
static int count_in_job(struct store *store, const struct store_outcome *outcome, se_error *err)
{
    char now[STORE_TIME_SIZE];
    store_now(store, now);
    FORWARD_IF_ERROR(store_do(store, err, "DELETE FROM pictures WHERE job = ? AND position = ?",
                              "ti", outcome->job, (int64_t)outcome->position));
    return store_do(store, err,
                    "UPDATE jobs SET done = done + 1, failed = failed + ?2,"
                    " finished = CASE WHEN done + 1 = total THEN ?3 END,"
                    " notify_at = CASE WHEN done + 1 = total AND webhook IS NOT NULL THEN ?3 END"
                    " WHERE id = ?1",
                    "tit", outcome->job, (int64_t)(*outcome->picture->code != '\0'), now);
}

/* Keeps the picture beside its reading. */
static int keep_picture(struct store *store, const struct store_outcome *outcome, se_error *err)
{
    if (!outcome->keep_picture || (!outcome->job && !outcome->bytes))
        return SE_OK;
    if (!outcome->job)
        return store_do(store, err, "INSERT INTO kept(reading, bytes) VALUES(?, ?)", "ib",
                        outcome->id, outcome->bytes, outcome->size);
    return store_do(store, err,
                    "INSERT INTO kept(reading, bytes) SELECT ?, bytes FROM pictures"
                    " WHERE job = ? AND position = ?",
                    "iti", outcome->id, outcome->job, (int64_t)outcome->position);
}

/* In a transaction. */
static int add_outcome(struct store *store, struct store_outcome *outcome, se_error *err)
{
    struct outcome_columns columns = {.root = NULL, .score = -1};
    se_error nonsense = {.code = SE_OK};
    bool added = false;
    if (!*outcome->picture->code)
        outcome_columns_take(&columns, outcome->picture->text, &nonsense);
    if (columns.root)
        snprintf(outcome->status, sizeof(outcome->status), "%s",
                 columns.status ? columns.status : "none");
    int status = insert_reading(store, outcome, &columns, &nonsense, &added, err);
    if (status == SE_OK && added)
        status = keep_picture(store, outcome, err);
    if (status == SE_OK && added && outcome->job)
        status = count_in_job(store, outcome, err);
    json_decref(columns.root);
    return status;
}

int store_add_outcomes(struct store *store, struct store_outcome *outcomes, size_t count,
                       se_error *err)
{
    FORWARD_IF_ERROR(store_begin(store, err));
    int status = SE_OK;
    int64_t last = 0;
    for (size_t i = 0; i < count && status == SE_OK; i++) {
        status = add_outcome(store, &outcomes[i], err);
        last = outcomes[i].id > last ? outcomes[i].id : last;
    }
    if (status == SE_OK && count > 0)
        status = store->backend->remember_id(store, last, err);
    return store_end(store, status, err);
}

/* ---- lists ---------------------------------------------------------------------------------- */

static void take_reading(struct store_rows *row, struct store_reading *reading)
{
    *reading = (struct store_reading){
        .id = rows_whole(row, 0),
        .at = rows_text(row, 1),
        .job = rows_text(row, 2),
        .client = rows_text(row, 3),
        .file = rows_text(row, 4),
        .hash = rows_text(row, 5),
        .text = rows_text(row, 6),
        .printed = rows_text(row, 7),
        .kind = rows_text(row, 8),
        .format = rows_text(row, 9),
        .score = rows_null(row, 10) ? -1 : rows_real(row, 10),
        .status = rows_text(row, 11),
        .corrected = rows_text(row, 12),
        .error = rows_text(row, 13),
        .message = rows_text(row, 14),
        .result = rows_text(row, 15),
        .has_picture = rows_whole(row, 16) != 0,
    };
}

/* What LIKE takes for "has `words` in it", '!' being its escape; NULL: no memory. */
static char *search_pattern(const char *words)
{
    char *pattern = malloc(2 * strlen(words) + 3), *out = pattern;
    if (!pattern)
        return NULL;
    *out++ = '%';
    for (; *words; words++) {
        if (strchr("!%_", *words))
            *out++ = '!';
        *out++ = *words;
    }
    *out++ = '%';
    *out = '\0';
    return pattern;
}

int store_readings(struct store *store, const struct store_filter *filter,
                   int (*take)(void *context, const struct store_reading *reading, se_error *err),
                   void *context, se_error *err)
{
    static const char select[] =
        "SELECT id, at, job, client, file, hash, text, printed, kind, format, score, status,"
        " corrected, error, message, result, CASE WHEN EXISTS(SELECT 1 FROM kept"
        " WHERE kept.reading = readings.id) THEN 1 ELSE 0 END FROM readings"
        " WHERE (?1 IS NULL OR at >= ?1) AND (?2 IS NULL OR at < ?2)"
        " AND (?3 IS NULL OR kind = ?3) AND (?4 IS NULL OR status = ?4)"
        " AND (?5 IS NULL OR upper(coalesce(text, '') || ' ' || coalesce(corrected, '')"
        " || ' ' || coalesce(file, '')) LIKE upper(?5) ESCAPE '!')"
        " AND (?6 IS NULL OR job = ?6) AND (?7 = 0 OR id > ?7) AND (?8 = 0 OR id < ?8)"
        " ORDER BY id";
    char sql[sizeof(select) + 32];
    struct store_rows *rows;
    struct store_reading reading;
    bool row = true;
    char *search = filter->search ? search_pattern(filter->search) : NULL;
    if (filter->search && !search)
        return se_fail_memory(err, "a search", strlen(filter->search));
    snprintf(sql, sizeof(sql), "%s%s LIMIT ?9", select, filter->oldest_first ? "" : " DESC");
    pthread_mutex_lock(&store->mutex);
    int status = store_query(store, &rows, err, sql, "ttttttiii", filter->from, filter->to,
                             filter->kind, filter->status, search, filter->job, filter->after,
                             filter->before, (int64_t)filter->limit);
    while (status == SE_OK && row) {
        status = store_step(rows, &row, err);
        if (status == SE_OK && row) {
            take_reading(rows, &reading);
            status = take(context, &reading, err);
        }
    }
    store_rows_end(rows);
    pthread_mutex_unlock(&store->mutex);
    free(search);
    return status;
}

int store_correct(struct store *store, int64_t id, const char *text, bool *found, se_error *err)
{
    FORWARD_IF_ERROR(store_begin(store, err));
    const int status =
        store_do(store, err, "UPDATE readings SET corrected = ? WHERE id = ?", "ti", text, id);
    *found = store->backend->changes(store) > 0;
    return store_end(store, status, err);
}

int store_kept_picture(struct store *store, int64_t id, struct buffer *out, bool *found,
                       se_error *err)
{
    struct store_rows *rows;
    pthread_mutex_lock(&store->mutex);
    int status =
        store_query(store, &rows, err, "SELECT bytes FROM kept WHERE reading = ?", "i", id);
    if (status == SE_OK)
        status = store_step(rows, found, err);
    if (status == SE_OK && *found) {
        size_t size;
        const void *bytes = rows_bytes(rows, 0, &size);
        status = buffer_append(out, bytes, size, err);
    }
    store_rows_end(rows);
    pthread_mutex_unlock(&store->mutex);
    return status;
}

/* ---- counts --------------------------------------------------------------------------------- */

/* Appends "name":{"value":count,…} of one column. */
static int append_counts(struct store *store, const char *name, const char *sql, struct buffer *out,
                         se_error *err)
{
    struct store_rows *rows;
    bool row = true, first = true;
    FORWARD_IF_ERROR(store_query(store, &rows, err, sql, ""));
    int status = buffer_printf(out, err, ",\"%s\":{", name);
    while (status == SE_OK && row) {
        status = store_step(rows, &row, err);
        if (status != SE_OK || !row)
            break;
        if (!first)
            status = buffer_append(out, ",", 1, err);
        first = false;
        if (status == SE_OK)
            status = json_text_append(out, rows_text(rows, 0), err);
        if (status == SE_OK)
            status = buffer_printf(out, err, ":%lld", (long long)rows_whole(rows, 1));
    }
    store_rows_end(rows);
    return status == SE_OK ? buffer_append(out, "}", 1, err) : status;
}

int store_waiting(struct store *store, int64_t *jobs, int64_t *pictures, se_error *err)
{
    struct store_rows *rows = NULL;
    bool row = false;
    pthread_mutex_lock(&store->mutex);
    int status = store_query(store, &rows, err,
                             "SELECT count(*), coalesce(sum(total - done), 0) FROM jobs"
                             " WHERE finished IS NULL",
                             "");
    if (status == SE_OK)
        status = store_step(rows, &row, err);
    if (status == SE_OK && row) {
        *jobs = rows_whole(rows, 0);
        *pictures = rows_whole(rows, 1);
    }
    store_rows_end(rows);
    pthread_mutex_unlock(&store->mutex);
    return status;
}

int store_stats(struct store *store, struct buffer *out, se_error *err)
{
    static const char totals[] =
        "SELECT (SELECT count(*) FROM readings), (SELECT count(*) FROM readings WHERE error IS NOT"
        " NULL), (SELECT count(*) FROM readings WHERE corrected IS NOT NULL), (SELECT count(*) FROM"
        " jobs), (SELECT count(*) FROM jobs WHERE finished IS NULL)";
    struct store_rows *rows = NULL;
    bool row = false;
    pthread_mutex_lock(&store->mutex);
    int status = store_query(store, &rows, err, totals, "");
    if (status == SE_OK)
        status = store_step(rows, &row, err);
    if (status == SE_OK && row)
        status = buffer_printf(out, err,
                               "{\"readings\":%lld,\"failed\":%lld,\"corrected\":%lld,"
                               "\"jobs\":%lld,\"jobs_open\":%lld",
                               (long long)rows_whole(rows, 0), (long long)rows_whole(rows, 1),
                               (long long)rows_whole(rows, 2), (long long)rows_whole(rows, 3),
                               (long long)rows_whole(rows, 4));
    store_rows_end(rows);
    if (status == SE_OK)
        status = append_counts(store, "kinds",
                               "SELECT kind, count(*) FROM readings WHERE kind IS NOT NULL"
                               " GROUP BY kind ORDER BY 2 DESC, 1",
                               out, err);
    if (status == SE_OK)
        status = append_counts(store, "errors",
                               "SELECT error, count(*) FROM readings WHERE error IS NOT NULL"
                               " GROUP BY error ORDER BY 2 DESC, 1",
                               out, err);
    pthread_mutex_unlock(&store->mutex);
    return status == SE_OK ? buffer_append(out, "}\n", 2, err) : status;
}
