/*
 * Notices of the store: webhooks of finished jobs.
 */
#include <stdio.h>
#include <string.h>

#include "serve/store_sql.h"

int store_next_notice(struct store *store, int lease_s, struct store_notice *notice, bool *found,
                      se_error *err)
{
    struct store_rows *rows;
    char now[STORE_TIME_SIZE], later[STORE_TIME_SIZE];
    store_time_in(0, now);
    store_time_in(lease_s, later);
    FORWARD_IF_ERROR(store_begin(store, err));
    int status = store_query(store, &rows, err,
                             "SELECT id, webhook, notify_tries FROM jobs WHERE notify_at <= ?"
                             " ORDER BY notify_at LIMIT 1",
                             "t", now);
    if (status == SE_OK)
        status = store_step(rows, found, err);
    if (status == SE_OK && *found) {
        const char *id = rows_text(rows, 0), *url = rows_text(rows, 1);
        snprintf(notice->job, sizeof(notice->job), "%s", id ? id : "");
        snprintf(notice->url, sizeof(notice->url), "%s", url ? url : "");
        notice->tries = (int)rows_whole(rows, 2) + 1;
    }
    store_rows_end(rows);
    if (status == SE_OK && *found)
        status =
            store_do(store, err, "UPDATE jobs SET notify_at = ?, notify_tries = ? WHERE id = ?",
                     "tit", later, (int64_t)notice->tries, notice->job);
    return store_end(store, status, err);
}

int store_notified(struct store *store, const char *job, bool delivered, int64_t again_s,
                   se_error *err)
{
    char now[STORE_TIME_SIZE], again[STORE_TIME_SIZE];
    store_time_in(0, now);
    store_time_in(again_s, again);
    FORWARD_IF_ERROR(store_begin(store, err));
    const int status =
        store_do(store, err, "UPDATE jobs SET notify_at = ?, notified = ? WHERE id = ?", "ttt",
                 again_s < 0 ? NULL : again, delivered ? now : NULL, job);
    return store_end(store, status, err);
}
