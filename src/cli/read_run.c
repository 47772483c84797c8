#define _GNU_SOURCE
#include "cli/read_run.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/pool.h"
#include "cli/picture_load.h"
#include "cli/text.h"
#include "diag/overlay.h"

enum {
    WINDOW_PER_JOB = 4,
    MAX_OUTCOME_BYTES = 256 << 20,
    PROGRESS_INTERVAL_NS = 200000000 /* between two updates on stderr */
};

struct finished {
    bool done, failed;
    struct buffer text;
    se_error error;
};

struct run {
    const struct read_job *job;
    struct read_counts *counts;
    pthread_mutex_t mutex;
    pthread_cond_t written;
    struct finished *ring; /* [window] the piece i stands at i % window */
    size_t window;
    size_t begun; /* under the mutex: pieces that a thread has taken, in their order */
    size_t next;  /* the piece to be written next */
    bool stop;    /* under the mutex: begin no more pictures */
    int status;   /* under the mutex: why outcomes cannot be written */
    se_error *err;
    int64_t shown_ns;
};

/* ---- one picture ---------------------------------------------------------------------------- */

static int read_bytes(const struct run *run, const struct buffer *bytes, const char *path,
                      se_result **result, se_error *err)
{
    const struct read_job *job = run->job;
    se_read_options options = SE_READ_OPTIONS_INIT;
    options.name = path;
    options.lines = job->lines;
    options.explain = job->explain;
    options.cancel = job->cancel;
    return se_read(job->reader, bytes->data, bytes->size, &options, result, err);
}

static int read_picture(const struct run *run, const struct picture_entry *entry,
                        se_result **result, se_error *err)
{
    *result = NULL;
    if (entry->problem.code != SE_OK) {
        *err = entry->problem;
        return err->code;
    }
    struct buffer bytes;
    int status = picture_load(entry->path, &bytes, err);
    if (status == SE_OK)
        status = read_bytes(run, &bytes, entry->path, result, err);
    if (status == SE_OK && run->job->overlay)
        status = overlay_write(bytes.data, bytes.size, run->job->settings, *result,
                               run->job->overlay, err);
    buffer_free(&bytes);
    if (status != SE_OK) {
        se_result_free(*result);
        *result = NULL;
    }
    return status;
}

/* ---- in order ------------------------------------------------------------------------------- */

/* With the mutex held. */
static void stop_with(struct run *run, int status, const se_error *err)
{
    run->stop = true;
    if (run->status == SE_OK) {
        run->status = status;
        if (run->err)
            *run->err = *err;
    }
}

static void write_text(struct run *run, const struct buffer *text)
{
    FILE *out = run->job->out;
    if (text->size == 0)
        return;
    if (fwrite(text->data, 1, text->size, out) == text->size && fflush(out) == 0)
        return;
    se_error err;
    const int status = se_fail(&err, SE_ERR_IO, "%s: %s", run->job->out_name, strerror(errno));
    stop_with(run, status, &err);
}

static void clear_progress(const struct run *run)
{
    if (run->job->show_progress)
        fputs("\r\033[K", stderr);
}

static void show_progress(struct run *run)
{
    const size_t count = run->job->pictures->count;
    const int64_t now = clock_now_ns();
    if (!run->job->show_progress ||
        (run->next < count && now - run->shown_ns < PROGRESS_INTERVAL_NS))
        return;
    run->shown_ns = now;
    if (run->next == count)
        fputs("\r\033[K", stderr);
    else
        fprintf(stderr, "\r%zu of %zu pictures", run->next, count);
    fflush(stderr);
}

static void say_failure(const struct run *run, const se_error *error)
{
    clear_progress(run);
    text_say_failure(run->job->pictures->entries[run->next].path, error);
}

/* Writes what is done, up to the first piece that is not. With the mutex held. */
static void write_finished(struct run *run)
{
    for (;;) {
        struct finished *finished = &run->ring[run->next % run->window];
        if (!finished->done)
            break;
        if (run->status == SE_OK) {
            write_text(run, &finished->text);
            if (finished->failed && run->job->style.format == OUTCOME_PLAIN)
                say_failure(run, &finished->error);
            run->counts->read++;
            run->counts->failed += finished->failed;
        }
        buffer_free(&finished->text);
        finished->done = false;
        run->next++;
        show_progress(run);
    }
    pthread_cond_broadcast(&run->written);
}

/* Takes the next piece; false when the run has been stopped. Threads take pieces in the order in
 * which they are written, so that none waits for the window while others are far behind it. */
static bool take_turn(struct run *run, size_t *piece)
{
    pthread_mutex_lock(&run->mutex);
    *piece = run->begun++;
    while (!run->stop && *piece - run->next >= run->window)
        pthread_cond_wait(&run->written, &run->mutex);
    const bool go = !run->stop;
    pthread_mutex_unlock(&run->mutex);
    return go;
}

/* The pool's own order is by thread, each one its part of the list. */
static void work_on_next(void *context, size_t any, int thread)
{
    (void)any;
    (void)thread;
    struct run *run = context;
    size_t piece;
    if (!take_turn(run, &piece))
        return;
    const struct picture_entry *entry = &run->job->pictures->entries[piece];
    struct outcome outcome = {.file = entry->path};
    struct finished finished = {.done = true};
    se_error err;
    se_result *result;
    const int outcome_status = read_picture(run, entry, &result, &outcome.error);
    outcome.result = result;
    buffer_init(&finished.text, MAX_OUTCOME_BYTES);
    int status = SE_OK;
    if (outcome_status != SE_ERR_CANCELLED)
        status = outcome_append(&outcome, &run->job->style, &finished.text, &err);
    se_result_free(result);
    finished.failed = outcome_status != SE_OK;
    finished.error = outcome.error;

    pthread_mutex_lock(&run->mutex);
    if (outcome_status == SE_ERR_CANCELLED) {
        run->stop = true; /* this piece is never done: what comes after it is not written */
    } else if (status != SE_OK) {
        stop_with(run, status, &err);
        buffer_free(&finished.text);
    } else {
        run->ring[piece % run->window] = finished;
        write_finished(run);
    }
    pthread_cond_broadcast(&run->written);
    pthread_mutex_unlock(&run->mutex);
}

/* --------------------------------------------------------------------------------------------- */

static void free_ring(struct run *run)
{
    for (size_t i = 0; i < run->window; i++)
        buffer_free(&run->ring[i].text);
    free(run->ring);
}

int read_run(const struct read_job *job, struct read_counts *counts, se_error *err)
{
    *counts = (struct read_counts){0};
    struct run run = {.job = job,
                      .counts = counts,
                      .window = (size_t)job->jobs * WINDOW_PER_JOB,
                      .status = SE_OK,
                      .err = err,
                      .shown_ns = clock_now_ns()};
    struct pool *pool;
    FORWARD_IF_ERROR(pool_create(&pool, job->jobs, err));
    run.ring = calloc(run.window, sizeof(*run.ring));
    if (!run.ring) {
        pool_free(pool);
        return se_fail_memory(err, "outcomes", run.window * sizeof(*run.ring));
    }
    pthread_mutex_init(&run.mutex, NULL);
    pthread_cond_init(&run.written, NULL);
    pool_run(pool, work_on_next, &run, job->pictures->count);
    pool_free(pool);
    clear_progress(&run);
    pthread_cond_destroy(&run.written);
    pthread_mutex_destroy(&run.mutex);
    free_ring(&run);
    counts->interrupted = run.status == SE_OK && counts->read < job->pictures->count;
    return run.status;
}
