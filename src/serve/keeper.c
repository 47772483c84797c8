#define _GNU_SOURCE
#include "serve/keeper.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/budget.h"
#include "serve/events.h"
#include "serve/journal.h"
#include "serve/kept_picture.h"
#include "serve/service.h"

enum {
    MAX_RECORDS = 100000, /* waiting for the store; more of requests without a job are dropped */
    MAX_FILES = 256,      /* of pictures to be kept among those */
    RECORDS_AT_ONCE = 256,
    GATHER_MOST = 64, /* records that wait for others */
    RETRY_MS = 1000,
    IDLE_MS = 60000
};

static const int64_t end_limit_ns = 5000000000, forget_every_ns = 3600000000000;
static const int64_t second_ns = 1000000000;
/* How long a record may wait for others: a transaction costs about as much as a small picture. */
static const int64_t gather_ns = 50000000;

struct record {
    struct record *next;
    int64_t id;
    int64_t since_ns; /* of clock_now_ns */
    int position;
    char job[STORE_ID_SIZE]; /* "": none */
    char client[WORK_CLIENT_SIZE];
    bool keep;                   /* the picture, too */
    struct work_picture picture; /* its file -1, unless it is to be kept and has no job */
};

/* A job whose pictures are with the engine. */
struct job_run {
    struct keeper *keeper;
    struct job_run *next;
    struct store_job job;
    struct work work;
    int *positions; /* of the work's pictures in the job */
};

struct keeper {
    struct service *service;
    pthread_t thread;
    int64_t forget_at_ns; /* the thread's own */
    bool store_fails;     /* the thread's own: it was said already */

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct record *records, *records_last;
    size_t record_count;
    bool urgent; /* one of them is of a job */
    struct keeper_errand *errands, *errands_last;
    struct job_run *runs;
    int run_count;
    bool kicked, stop, ended;
};

/* ---- records -------------------------------------------------------------------------------- */

static void free_record(struct record *record)
{
    if (record)
        work_picture_free(&record->picture);
    free(record);
}

/* The picture's file for a record that keeps it; -1 when there are too many. */
static int file_to_keep(struct keeper *keeper, const struct work_picture *picture)
{
    pthread_mutex_lock(&keeper->mutex);
    const bool full = keeper->record_count >= MAX_FILES;
    pthread_mutex_unlock(&keeper->mutex);
    const int file = full ? -1 : fcntl(picture->file, F_DUPFD_CLOEXEC, 0);
    if (file < 0)
        journal_event(JOURNAL_WARNING, "store", "a picture is not kept: too many wait");
    return file;
}

static struct record *make_record(struct keeper *keeper, int64_t id, const char *job, int position,
                                  const char *client, const struct work_picture *picture)
{
    struct record *record = calloc(1, sizeof(*record));
    if (!record)
        return NULL;
    record->id = id;
    record->since_ns = clock_now_ns();
    record->position = position;
    snprintf(record->job, sizeof(record->job), "%s", job ? job : "");
    snprintf(record->client, sizeof(record->client), "%s", client);
    record->picture = *picture;
    record->keep = config_now(&keeper->service->config)->keep_pictures;
    record->picture.text = strdup(picture->text ? picture->text : "");
    if (!record->picture.text) {
        free(record);
        return NULL;
    }
    record->picture.file =
        record->keep && !job && picture->file >= 0 ? file_to_keep(keeper, picture) : -1;
    return record;
}

/* When the records are to be written: at once when one is of a job, for which somebody waits; else
 * when there are many or the first has waited long enough. INT64_MAX: there are none. The mutex is
 * held. */
static int64_t write_at(const struct keeper *keeper)
{
    if (!keeper->records)
        return INT64_MAX;
    if (keeper->urgent || keeper->record_count >= GATHER_MOST)
        return 0;
    return keeper->records->since_ns + gather_ns;
}

/* What a request without a job came to may be lost when there is no memory; a job's picture is read
 * again after the next start. */
static void add_record(struct keeper *keeper, struct record *record)
{
    pthread_mutex_lock(&keeper->mutex);
    const bool full = record && !*record->job && keeper->record_count >= MAX_RECORDS;
    if (record && !full) {
        if (keeper->records_last)
            keeper->records_last->next = record;
        else
            keeper->records = record;
        keeper->records_last = record;
        keeper->record_count++;
        keeper->urgent |= *record->job != '\0';
        /* The keeper knows already how long to wait for those after the first. */
        if (keeper->record_count == 1 || write_at(keeper) == 0)
            pthread_cond_signal(&keeper->changed);
    }
    pthread_mutex_unlock(&keeper->mutex);
    if (full || !record) {
        journal_event(JOURNAL_ERROR, "store", "a reading is lost: too many wait for the store");
        free_record(record);
    }
}

void keeper_record(struct keeper *keeper, int64_t id, const char *client,
                   const struct work_picture *picture)
{
    add_record(keeper, make_record(keeper, id, NULL, 0, client, picture));
}

/* Takes up to RECORDS_AT_ONCE records off the list. */
static size_t take_records(struct keeper *keeper, struct record *taken[RECORDS_AT_ONCE])
{
    size_t count = 0;
    pthread_mutex_lock(&keeper->mutex);
    while (keeper->records && count < RECORDS_AT_ONCE) {
        taken[count] = keeper->records;
        keeper->records = taken[count++]->next;
        keeper->record_count--;
    }
    if (!keeper->records) {
        keeper->records_last = NULL;
        keeper->urgent = false;
    }
    pthread_mutex_unlock(&keeper->mutex);
    return count;
}

static void put_records_back(struct keeper *keeper, struct record **taken, size_t count)
{
    pthread_mutex_lock(&keeper->mutex);
    for (size_t i = count; i-- > 0;) {
        taken[i]->next = keeper->records;
        keeper->records = taken[i];
        if (!keeper->records_last)
            keeper->records_last = taken[i];
    }
    keeper->record_count += count;
    pthread_mutex_unlock(&keeper->mutex);
}

static void count_picture(struct keeper *keeper, const struct store_outcome *outcome)
{
    const char *code = outcome->picture->code;
    const char *failure = *code ? code : se_status_name(SE_ERR_INTERNAL);
    metrics_picture(keeper->service->metrics, *outcome->status ? outcome->status : failure);
}

/* What the store is told; its texts are the record's, its bytes those of `kept`. */
static void fill_outcome(struct store_outcome *outcome, struct kept_picture *kept,
                         const struct record *record)
{
    se_error err;
    const struct work_picture *picture = &record->picture;
    *outcome = (struct store_outcome){.id = record->id,
                                      .job = *record->job ? record->job : NULL,
                                      .position = record->position,
                                      .client = record->client,
                                      .picture = picture,
                                      .keep_picture = record->keep};
    if (kept_picture_open(kept, picture, &err) != SE_OK)
        journal_event(JOURNAL_WARNING, "store", err.message);
    outcome->bytes = kept->bytes;
    outcome->size = kept->size;
}

/* Writes all records; false when the store does not take them now. */
static bool write_records(struct keeper *keeper)
{
    struct record *taken[RECORDS_AT_ONCE];
    struct store_outcome outcomes[RECORDS_AT_ONCE];
    struct kept_picture kept[RECORDS_AT_ONCE];
    size_t count;
    while ((count = take_records(keeper, taken)) > 0) {
        se_error err;
        for (size_t i = 0; i < count; i++)
            fill_outcome(&outcomes[i], &kept[i], taken[i]);
        const int status = store_add_outcomes(keeper->service->store, outcomes, count, &err);
        for (size_t i = 0; i < count; i++)
            kept_picture_close(&kept[i]);
        if (status != SE_OK) {
            put_records_back(keeper, taken, count);
            if (!keeper->store_fails)
                journal_event(JOURNAL_ERROR, "store", err.message);
            keeper->store_fails = true;
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            count_picture(keeper, &outcomes[i]);
            if (*taken[i]->job) {
                events_tell(keeper->service->events, taken[i]->job);
                courier_kick(keeper->service->courier);
            }
            free_record(taken[i]);
        }
    }
    if (keeper->store_fails)
        journal_event(JOURNAL_INFO, "store", "works again");
    keeper->store_fails = false;
    return true;
}

/* ---- jobs ----------------------------------------------------------------------------------- */

static void free_run(struct job_run *run)
{
    for (size_t i = 0; i < run->work.count; i++)
        work_picture_free(&run->work.pictures[i]);
    free(run->work.pictures);
    free(run->positions);
    free(run);
}

/* On the engine's thread. What was not read because of the end of the service or of the job is not
 * an outcome. */
static void on_picture(struct work *work, size_t index)
{
    const struct job_run *run = work->context;
    const struct work_picture *picture = &work->pictures[index];
    if (strcmp(picture->code, "draining") == 0 || strcmp(picture->code, "cancelled") == 0)
        return;
    add_record(run->keeper,
               make_record(run->keeper, store_next_id(run->keeper->service->store), run->job.id,
                           run->positions[index], run->job.client, picture));
}

static void on_done(struct work *work)
{
    struct job_run *run = work->context;
    struct keeper *keeper = run->keeper;
    pthread_mutex_lock(&keeper->mutex);
    for (struct job_run **at = &keeper->runs; *at; at = &(*at)->next)
        if (*at == run) {
            *at = run->next;
            break;
        }
    keeper->run_count--;
    keeper->kicked = true;
    pthread_cond_signal(&keeper->changed);
    pthread_mutex_unlock(&keeper->mutex);
    free_run(run);
}

static int take_picture(void *context, int position, const char *name, const void *bytes,
                        size_t size, se_error *err)
{
    struct job_run *run = context;
    struct work *work = &run->work;
    if (work->count == (size_t)run->job.total)
        return se_fail(err, SE_ERR_INTERNAL, "job %s has more pictures than it says", run->job.id);
    const int status = work_picture_init(&work->pictures[work->count], bytes, size, name, err);
    run->positions[work->count] = position;
    work->count += status == SE_OK;
    return status;
}

/* Loads the pictures of a claimed job. */
static int load_run(struct keeper *keeper, const struct store_job *job, struct job_run **out,
                    se_error *err)
{
    struct job_run *run = *out = calloc(1, sizeof(*run));
    if (!run)
        return se_fail_memory(err, "a job", sizeof(*run));
    run->keeper = keeper;
    run->job = *job;
    run->positions = calloc((size_t)job->total, sizeof(*run->positions));
    run->work.pictures = calloc((size_t)job->total, sizeof(*run->work.pictures));
    int status = run->positions && run->work.pictures ? SE_OK : se_fail_memory(err, "a job", 0);
    if (status == SE_OK)
        status = store_pictures(keeper->service->store, job->id, take_picture, run, err);
    if (status == SE_OK)
        return SE_OK;
    free_run(run);
    *out = NULL;
    return status;
}

static void submit_run(struct keeper *keeper, struct job_run *run)
{
    struct work *work = &run->work;
    work->context = run;
    work->done = on_done;
    work->picture_done = on_picture;
    work->socket = -1;
    work->options = run->job.options;
    work->id = engine_next_id(keeper->service->engine);
    /* Apart from the same client's requests that wait for an answer: the two take turns. */
    snprintf(work->client, sizeof(work->client), "job:%.58s", run->job.client);
    pthread_mutex_lock(&keeper->mutex);
    run->next = keeper->runs;
    keeper->runs = run;
    keeper->run_count++;
    pthread_mutex_unlock(&keeper->mutex);
    engine_submit(keeper->service->engine, work);
}

static bool wants_job(struct keeper *keeper)
{
    pthread_mutex_lock(&keeper->mutex);
    const bool wants =
        !keeper->stop && keeper->run_count < 2 * config_now(&keeper->service->config)->workers;
    pthread_mutex_unlock(&keeper->mutex);
    return wants;
}

/* Gives jobs to the engine while there is room; false when the store or memory fails. */
static bool start_jobs(struct keeper *keeper)
{
    while (wants_job(keeper)) {
        struct store_job job;
        struct job_run *run = NULL;
        se_error err;
        bool found = false;
        int status = store_claim_job(keeper->service->store, &job, &found, &err);
        if (status == SE_OK && !found)
            return true;
        if (status == SE_OK)
            status = load_run(keeper, &job, &run, &err);
        if (status != SE_OK) {
            journal_event(JOURNAL_ERROR, "store", err.message);
            if (found)
                store_release_job(keeper->service->store, job.id, NULL);
            return false;
        }
        if (run->work.count > 0)
            submit_run(keeper, run);
        else
            free_run(run); /* it was deleted meanwhile */
    }
    return true;
}

void keeper_cancel(struct keeper *keeper, const char *job)
{
    uint64_t id = 0;
    pthread_mutex_lock(&keeper->mutex);
    for (const struct job_run *run = keeper->runs; run; run = run->next)
        if (strcmp(run->job.id, job) == 0)
            id = run->work.id;
    pthread_mutex_unlock(&keeper->mutex);
    if (id)
        engine_cancel(keeper->service->engine, id);
}

void keeper_kick(struct keeper *keeper)
{
    pthread_mutex_lock(&keeper->mutex);
    keeper->kicked = true;
    pthread_cond_signal(&keeper->changed);
    pthread_mutex_unlock(&keeper->mutex);
}

/* ---- errands -------------------------------------------------------------------------------- */

void keeper_errand(struct keeper *keeper, struct keeper_errand *errand)
{
    errand->next = NULL;
    pthread_mutex_lock(&keeper->mutex);
    const bool ended = keeper->ended;
    if (!ended) {
        if (keeper->errands_last)
            keeper->errands_last->next = errand;
        else
            keeper->errands = errand;
        keeper->errands_last = errand;
        pthread_cond_signal(&keeper->changed);
    }
    pthread_mutex_unlock(&keeper->mutex);
    if (ended)
        errand->run(errand);
}

/* What was recorded before is written before, so that who asks for it finds it. */
static void run_errands(struct keeper *keeper)
{
    for (;;) {
        pthread_mutex_lock(&keeper->mutex);
        struct keeper_errand *errand = keeper->errands;
        if (errand) {
            keeper->errands = errand->next;
            if (!keeper->errands)
                keeper->errands_last = NULL;
        }
        pthread_mutex_unlock(&keeper->mutex);
        if (!errand)
            return;
        write_records(keeper);
        errand->run(errand);
    }
}

/* ---- the thread ----------------------------------------------------------------------------- */

static void forget_old(struct keeper *keeper)
{
    const int days = config_now(&keeper->service->config)->keep_days;
    const int64_t now = clock_now_ns();
    int64_t count;
    se_error err;
    if (days == 0 || now < keeper->forget_at_ns)
        return;
    keeper->forget_at_ns = now + forget_every_ns;
    if (store_forget(keeper->service->store, days, &count, &err) != SE_OK)
        journal_event(JOURNAL_ERROR, "store", err.message);
}

/* Waits for something to do; false at the end. `ms`: at most. */
static bool wait_for_work(struct keeper *keeper, int ms)
{
    const int64_t end = clock_now_ns() + (int64_t)ms * 1000000;
    pthread_mutex_lock(&keeper->mutex);
    while (!keeper->stop && !keeper->errands && !keeper->kicked) {
        const int64_t write = keeper->store_fails ? INT64_MAX : write_at(keeper);
        const int64_t until = write < end ? write : end;
        if (clock_now_ns() >= until)
            break;
        const struct timespec time = {.tv_sec = until / second_ns, .tv_nsec = until % second_ns};
        pthread_cond_timedwait(&keeper->changed, &keeper->mutex, &time);
    }
    keeper->kicked = false;
    const bool stop = keeper->stop;
    pthread_mutex_unlock(&keeper->mutex);
    return !stop;
}

/* Is everything done? From then on errands run on their callers' threads. */
static bool has_ended(struct keeper *keeper, bool written)
{
    pthread_mutex_lock(&keeper->mutex);
    keeper->ended = !keeper->errands && (written || !keeper->records);
    const bool ended = keeper->ended;
    pthread_mutex_unlock(&keeper->mutex);
    return ended;
}

static void *keeper_thread(void *argument)
{
    struct keeper *keeper = argument;
    bool good;
    do {
        run_errands(keeper);
        good = write_records(keeper);
        good = start_jobs(keeper) && good;
        forget_old(keeper);
    } while (wait_for_work(keeper, good ? IDLE_MS : RETRY_MS));

    const struct timespec pause = {.tv_nsec = 100000000};
    const int64_t until = clock_now_ns() + end_limit_ns;
    bool over = false;
    do {
        run_errands(keeper);
        if (!write_records(keeper)) {
            nanosleep(&pause, NULL);
            over = clock_now_ns() > until;
        }
    } while (!has_ended(keeper, over));
    return NULL;
}

/* Its waits are measured by the clock of clock_now_ns, which nobody sets. */
static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

int keeper_start(struct keeper **out, struct service *service, se_error *err)
{
    *out = NULL;
    struct keeper *keeper = calloc(1, sizeof(*keeper));
    if (!keeper)
        return se_fail_memory(err, "the keeper", sizeof(*keeper));
    keeper->service = service;
    pthread_mutex_init(&keeper->mutex, NULL);
    init_condition(&keeper->changed);
    if (pthread_create(&keeper->thread, NULL, keeper_thread, keeper) != 0) {
        keeper->ended = true;
        keeper_free(keeper);
        return se_fail(err, SE_ERR_MEMORY, "the keeper's thread could not be started");
    }
    *out = keeper;
    return SE_OK;
}

void keeper_stop(struct keeper *keeper)
{
    if (!keeper)
        return;
    pthread_mutex_lock(&keeper->mutex);
    keeper->stop = true;
    pthread_cond_signal(&keeper->changed);
    pthread_mutex_unlock(&keeper->mutex);
    pthread_join(keeper->thread, NULL);
}

void keeper_free(struct keeper *keeper)
{
    if (!keeper)
        return;
    while (keeper->records) {
        struct record *record = keeper->records;
        keeper->records = record->next;
        free_record(record);
    }
    pthread_cond_destroy(&keeper->changed);
    pthread_mutex_destroy(&keeper->mutex);
    free(keeper);
}
