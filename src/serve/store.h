/*
 * What the service keeps: jobs, their pictures until they are read, and all readings.
 *
 *   jobs ──< pictures     a row until the picture is read
 *     └────< readings     one for each picture that was read or failed, also of requests without a
 * job
 *
 * SQLite in WAL mode, or PostgreSQL; one connection, one lock: every function may be called by any
 * thread and is atomic. A job that was added is on the disk. SE_ERR_IO is what the disk or another
 * process does (full, locked); the store goes on.
 */
#ifndef SE_SERVE_STORE_H
#define SE_SERVE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "serve/work.h"

enum {
    STORE_ID_SIZE = 33,   /* 32 hexadecimal digits */
    STORE_TIME_SIZE = 25, /* "2026-01-31T12:00:00.123Z", always UTC: compares as text */
    STORE_LIMIT = 1000,   /* rows of one list */
    STORE_URL_SIZE = 2001 /* of a webhook */
};

struct store;

/* Is this the address of a server (postgresql://…), not a file? */
bool store_is_server(const char *place);
/* Opens the file at `place` (it is made, readable by its owner alone), or the server. SE_ERR_IO
 * names what is wrong, also another service that uses it. */
int store_open(struct store **out, const char *place, se_error *err);
void store_close(struct store *store);

/* ---- jobs ----------------------------------------------------------------------------------- */

struct store_job {
    char id[STORE_ID_SIZE];
    char client[WORK_CLIENT_SIZE];
    char created[STORE_TIME_SIZE], started[STORE_TIME_SIZE], finished[STORE_TIME_SIZE]; /* or "" */
    int total, done, failed;
    struct work_options options;
    char webhook[STORE_URL_SIZE]; /* "": none */
    char notify_state[16];        /* "waiting", "delivered", "given_up" */
    int notify_tries;
};

struct store_new_picture {
    const char *name; /* may be NULL */
    const void *bytes;
    size_t size;
};

/* A job as it comes in. */
struct store_new_job {
    const char *client;
    const char *idempotency_key; /* NULL: none */
    const struct store_new_picture *pictures;
    size_t count;
    struct work_options options;
    const char *webhook; /* told when the job is done; NULL: none */
    int max_waiting;     /* jobs that are not finished; more are refused */
};

/*
 * Adds a job and fills *job. With a key that its client has used before, nothing is added: *job is
 * the earlier one, *existed is true. SE_ERR_ARGUMENT: that one had other pictures or options;
 * SE_ERR_LIMIT: too many jobs wait.
 */
int store_add_job(struct store *store, const struct store_new_job *wish, struct store_job *job,
                  bool *existed, se_error *err);
/* *found is false when there is no such job. */
int store_find_job(struct store *store, const char *id, struct store_job *job, bool *found,
                   se_error *err);
/* The newest `limit` jobs made before the job `before` (NULL: all), as JSON objects, separated by
 * commas. */
int store_list_jobs(struct store *store, const char *before, int limit, struct buffer *out,
                    se_error *err);
/* A job as a JSON object; `results`: with what came of its pictures, in order, null for those that
 * are not done. */
int store_job_json(struct store *store, const struct store_job *job, bool results,
                   struct buffer *out, se_error *err);
/* Removes a job, its pictures and its readings. */
int store_delete_job(struct store *store, const char *id, bool *found, se_error *err);

/* Takes the job that is next: not finished, not claimed since the store was opened; clients with
 * fewer claimed jobs first, then the oldest. */
int store_claim_job(struct store *store, struct store_job *job, bool *found, se_error *err);
/* Gives a claimed job back. */
int store_release_job(struct store *store, const char *id, se_error *err);
/* Calls `take` for each picture of the job that is not read yet, in order, until it fails. */
int store_pictures(struct store *store, const char *id,
                   int (*take)(void *context, int position, const char *name, const void *bytes,
                               size_t size, se_error *err),
                   void *context, se_error *err);

/* A webhook that is due. */
struct store_notice {
    char job[STORE_ID_SIZE], url[STORE_URL_SIZE];
    int tries; /* this one included */
};

/* Takes the one that is due first; it is due again in `lease_s` seconds if nothing is heard of it.
 */
int store_next_notice(struct store *store, int lease_s, struct store_notice *notice, bool *found,
                      se_error *err);
/* What came of it: due again in `again_s` seconds, never when that is negative. */
int store_notified(struct store *store, const char *job, bool delivered, int64_t again_s,
                   se_error *err);

/* ---- readings ------------------------------------------------------------------------------- */

/* What came of one picture. */
struct store_outcome {
    int64_t id;      /* of store_next_id */
    const char *job; /* NULL: of a request without a job */
    int position;
    const char *client;
    const struct work_picture *picture;
    bool keep_picture; /* those of a job are in the store already; else they are these bytes: */
    const void *bytes; /* NULL: not kept */
    size_t size;
    char status[16]; /* filled: of the first reading, "none", or "" when the picture failed */
};

/* A new id for a reading, larger than all before it. */
int64_t store_next_id(struct store *store);

/* Keeps them, all or none; for a job its picture goes and its count rises, once. The outcome of a
 * job that was deleted meanwhile is dropped. */
int store_add_outcomes(struct store *store, struct store_outcome *outcomes, size_t count,
                       se_error *err);

/* Which readings; NULL and 0: no matter. */
struct store_filter {
    const char *from, *to; /* times, or beginnings of times: from <= at < to */
    const char *kind, *status;
    const char *search; /* in text, correction and file name */
    const char *job;
    int64_t after, before; /* ids */
    bool oldest_first;
    int limit;
};

/* A row as it goes to lists and tables. Texts live until the callback returns; NULL: not there. */
struct store_reading {
    int64_t id;
    const char *at, *job, *client, *file, *hash;
    const char *text, *printed, *kind, *format, *status;
    double score; /* < 0: none */
    const char *corrected, *error, *message;
    const char *result; /* JSON; NULL when it failed */
    bool has_picture;
};

int store_readings(struct store *store, const struct store_filter *filter,
                   int (*take)(void *context, const struct store_reading *reading, se_error *err),
                   void *context, se_error *err);
/* Sets what a person says the number is; NULL takes it back. */
int store_correct(struct store *store, int64_t id, const char *text, bool *found, se_error *err);
/* Appends the picture that was kept of a reading; *found says whether there is one. */
int store_kept_picture(struct store *store, int64_t id, struct buffer *out, bool *found,
                       se_error *err);
/* Counts as a JSON object. */
int store_stats(struct store *store, struct buffer *out, se_error *err);

/* Jobs that are not finished, and their pictures that are not read. */
int store_waiting(struct store *store, int64_t *jobs, int64_t *pictures, se_error *err);

/* Removes finished jobs and readings older than so many days. Returns how many readings in *count.
 */
int store_forget(struct store *store, int days, int64_t *count, se_error *err);

#endif
