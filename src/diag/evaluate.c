#define _GNU_SOURCE
#include "diag/evaluate.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/budget.h"
#include "base/file.h"
#include "base/median.h"
#include "base/pool.h"
#include "reader/settings.h"

enum { MAX_PICTURE_BYTES = 512 << 20, MAX_ARENA_BYTES = 1 << 30 };

struct run {
    const struct truth *truth;
    const struct eval_options *options;
    se_reader *plain, *lines; /* lines: without barcodes; NULL unless codes are asked for */
    struct eval *eval;
    pthread_mutex_t mutex;
    size_t done;
    int status; /* why the run as a whole failed */
    se_error error;
};

/* ---- one picture ---------------------------------------------------------------------------- */

/* The table may name anything: only a regular file is opened, so that nothing can block. */
static int load(const char *path, struct buffer *out, se_error *err)
{
    struct stat info;
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    RETURN_ERROR_IF(descriptor < 0, err, SE_ERR_IO, "%s: %s", path, strerror(errno));
    FILE *file = NULL;
    int status = SE_OK;
    if (fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode))
        status = se_fail(err, SE_ERR_IO, "%s: not a regular file", path);
    else if (!(file = fdopen(descriptor, "rb")))
        status = se_fail(err, SE_ERR_IO, "%s: %s", path, strerror(errno));
    else
        status = file_read_stream(file, path, out, err);
    if (file)
        fclose(file);
    else
        close(descriptor);
    return status;
}

static int read_picture(const struct run *run, const struct truth_row *truth, se_result **plain,
                        se_result **lines, se_error *err)
{
    struct buffer bytes;
    se_read_options options = SE_READ_OPTIONS_INIT;
    options.name = truth->file;
    options.cancel = run->options->cancel;
    buffer_init(&bytes, MAX_PICTURE_BYTES);
    int status = load(truth->path, &bytes, err);
    if (status == SE_OK)
        status = se_read(run->plain, bytes.data, bytes.size, &options, plain, err);
    options.lines = 1;
    if (status == SE_OK && run->lines)
        status = se_read(run->lines, bytes.data, bytes.size, &options, lines, err);
    buffer_free(&bytes);
    return status;
}

/* ---- scoring; with the mutex held ----------------------------------------------------------- */

static bool take_readings(const se_result *result, struct arena *arena, struct answer *out)
{
    const size_t count = se_result_reading_count(result);
    struct answer_reading *readings = arena_alloc(arena, count, sizeof(*readings));
    *out = (struct answer){.readings = readings, .reading_count = count};
    for (size_t i = 0; readings && i < count; i++) {
        const se_reading *from = se_result_reading(result, i);
        readings[i] = (struct answer_reading){from->text, from->kind, from->status, from->score};
    }
    return readings != NULL;
}

static bool take_lines(const se_result *result, struct arena *arena, struct answer *out)
{
    const size_t count = se_result_line_count(result);
    const char **lines = arena_alloc(arena, count, sizeof(*lines));
    *out = (struct answer){.lines = lines, .line_count = count};
    for (size_t i = 0; lines && i < count; i++)
        lines[i] = se_result_line(result, i)->text;
    return lines != NULL;
}

/* All lines, one behind the other, normalised. */
static char *joined_lines(const struct answer *lines)
{
    size_t size = 1;
    for (size_t i = 0; i < lines->line_count; i++)
        size += strlen(lines->lines[i]);
    char *all = malloc(size);
    size_t used = 0;
    for (size_t i = 0; all && i < lines->line_count; i++)
        used += score_normalise(lines->lines[i], all + used);
    if (all)
        all[used] = '\0';
    return all;
}

static int confuse_codes(struct eval *eval, const struct score *score, const struct answer *lines,
                         se_error *err)
{
    if (score->lost_count == 0)
        return SE_OK;
    char *all = joined_lines(lines);
    int status = all ? SE_OK : se_fail_memory(err, "the lines of a picture", 0);
    for (size_t i = 0; i < score->lost_count && status == SE_OK; i++)
        status = confusion_add(&eval->confusions, score->lost[i], all, true, err);
    free(all);
    return status;
}

/* Beside the accepted form that is most like it. */
static int confuse_serial(struct eval *eval, const struct eval_row *row, struct arena *work,
                          se_error *err)
{
    size_t count, nearest = SIZE_MAX;
    const char *form = "";
    if (!row->score.asked || row->score.right || !*row->score.best)
        return SE_OK;
    const char *const *forms = score_forms(row->truth->serial, work, &count);
    if (!forms)
        return se_fail_memory(err, "a score", 0);
    for (size_t i = 0; i < count; i++) {
        size_t distance;
        FORWARD_IF_ERROR(confusion_distance(forms[i], row->score.best, &distance, err));
        if (distance < nearest) {
            nearest = distance;
            form = forms[i];
        }
    }
    return confusion_add(&eval->confusions, form, row->score.best, false, err);
}

static int score_row(struct run *run, struct eval_row *row, const se_result *plain,
                     const se_result *lines, se_error *err)
{
    struct eval *eval = run->eval;
    struct answer plain_answer, lines_answer;
    if (plain && !take_readings(plain, &eval->arena, &plain_answer))
        return se_fail_memory(err, "a score", 0);
    if (lines && !take_lines(lines, &eval->arena, &lines_answer))
        return se_fail_memory(err, "a score", 0);
    FORWARD_IF_ERROR(score_answer(row->truth, plain ? &plain_answer : NULL,
                                  lines ? &lines_answer : NULL, run->options->codes, &eval->arena,
                                  &row->score, err));
    if (plain)
        FORWARD_IF_ERROR(confuse_serial(eval, row, &eval->arena, err));
    return lines ? confuse_codes(eval, &row->score, &lines_answer, err) : SE_OK;
}

static void fail_run(struct run *run, int status, const se_error *err)
{
    if (run->status == SE_OK) {
        run->status = status;
        run->error = *err;
    }
}

static void work_on_piece(void *context, size_t piece, int thread)
{
    (void)thread;
    struct run *run = context;
    struct eval_row *row = &run->eval->rows[piece];
    se_result *plain = NULL, *lines = NULL;
    se_error err;
    pthread_mutex_lock(&run->mutex);
    const bool stop = run->status != SE_OK;
    pthread_mutex_unlock(&run->mutex);
    if (stop)
        return;
    const int read = read_picture(run, row->truth, &plain, &lines, &row->error);

    pthread_mutex_lock(&run->mutex);
    if (read == SE_ERR_CANCELLED) {
        fail_run(run, read, &row->error);
    } else {
        row->ms = plain ? se_result_ms(plain) : 0;
        const int status = score_row(run, row, plain, lines, &err);
        if (status != SE_OK)
            fail_run(run, status, &err);
        if (run->options->keep_results && eval_is_miss(row)) {
            row->result = plain;
            plain = NULL;
        }
        run->done++;
        if (run->options->progress)
            run->options->progress(run->done, run->truth->count);
    }
    pthread_mutex_unlock(&run->mutex);
    se_result_free(plain);
    se_result_free(lines);
}

/* ---- all ------------------------------------------------------------------------------------ */

static int open_readers(struct run *run, const se_settings *settings, se_error *err)
{
    FORWARD_IF_ERROR(se_open(&run->plain, settings, err));
    if (!run->options->codes)
        return SE_OK;
    se_settings *without;
    FORWARD_IF_ERROR(settings_copy(&without, settings, err));
    int status = se_settings_set(without, "barcodes", "false", "eval", err);
    if (status == SE_OK)
        status = se_open(&run->lines, without, err);
    se_settings_free(without);
    return status;
}

int eval_run(const struct truth *truth, const se_settings *settings,
             const struct eval_options *options, struct eval *out, se_error *err)
{
    *out = (struct eval){.count = truth->count};
    struct run run = {.truth = truth, .options = options, .eval = out};
    struct pool *pool = NULL;
    arena_init(&out->arena, MAX_ARENA_BYTES);
    out->rows = calloc(truth->count, sizeof(*out->rows));
    int status =
        out->rows ? SE_OK : se_fail_memory(err, "scores", truth->count * sizeof(*out->rows));
    for (size_t i = 0; i < truth->count && status == SE_OK; i++)
        out->rows[i].truth = &truth->rows[i];
    if (status == SE_OK)
        status = open_readers(&run, settings, err);
    if (status == SE_OK)
        status = pool_create(&pool, options->jobs, err);
    if (status == SE_OK) {
        pthread_mutex_init(&run.mutex, NULL);
        pool_run(pool, work_on_piece, &run, truth->count);
        pthread_mutex_destroy(&run.mutex);
        status = run.status;
        if (status != SE_OK && err)
            *err = run.error;
    }
    if (pool)
        pool_free(pool);
    se_close(run.lines);
    se_close(run.plain);
    if (status != SE_OK)
        eval_free(out);
    return status;
}

void eval_free(struct eval *eval)
{
    for (size_t i = 0; eval->rows && i < eval->count; i++)
        se_result_free(eval->rows[i].result);
    free(eval->rows);
    arena_free(&eval->arena);
    *eval = (struct eval){.rows = NULL};
}

bool eval_is_miss(const struct eval_row *row)
{
    const struct score *score = &row->score;
    return score->lost_count > 0 || score->wrong_count > 0 || (score->asked && !score->right);
}

/* ---- figures -------------------------------------------------------------------------------- */

int eval_count(const struct eval *eval, const char *kind, struct eval_counts *out, se_error *err)
{
    *out = (struct eval_counts){.ms_median = NAN, .ms_mean = NAN};
    double *ms = calloc(eval->count, sizeof(*ms)), sum = 0;
    if (!ms)
        return se_fail_memory(err, "times", eval->count * sizeof(*ms));
    size_t timed = 0;
    for (size_t i = 0; i < eval->count; i++) {
        const struct eval_row *row = &eval->rows[i];
        const struct score *score = &row->score;
        if (kind && strcmp(kind, row->truth->kind) != 0)
            continue;
        out->pictures++;
        out->failed += row->error.code != SE_OK;
        out->codes_total += score->code_count;
        out->codes_found += score->code_count - score->lost_count;
        out->asked += score->asked;
        out->right += score->right;
        out->sure += score->asked && score->sure;
        out->wrong += score->wrong_count;
        out->has_status |= score->has_status;
        if (row->error.code == SE_OK) {
            ms[timed++] = row->ms;
            sum += row->ms;
        }
    }
    if (timed > 0) {
        out->ms_median = median_of(ms, timed);
        out->ms_mean = sum / (double)timed;
    }
    free(ms);
    return SE_OK;
}

const char *eval_next_kind(const struct eval *eval, const char *kind)
{
    const char *next = NULL;
    for (size_t i = 0; i < eval->count; i++) {
        const char *other = eval->rows[i].truth->kind;
        if (*other && (!kind || strcmp(other, kind) > 0) && (!next || strcmp(other, next) < 0))
            next = other;
    }
    return next;
}

void eval_reliability(const struct eval *eval, struct reliability *out)
{
    static const double edges[RELIABILITY_BINS + 1] = {0, 0.5, 0.8, 0.9, 0.95, 0.99, 0.998, 1};
    *out = (struct reliability){.count = 0};
    for (int b = 0; b < RELIABILITY_BINS; b++) {
        out->bins[b].from = edges[b];
        out->bins[b].to = edges[b + 1];
    }
    for (size_t i = 0; i < eval->count; i++) {
        const struct score *score = &eval->rows[i].score;
        if (!score->asked || !*score->best)
            continue;
        int b = 0;
        while (b + 1 < RELIABILITY_BINS && score->best_score >= edges[b + 1])
            b++;
        out->bins[b].mean += score->best_score;
        out->bins[b].count++;
        out->bins[b].right += score->right;
        out->count++;
    }
    for (int b = 0; b < RELIABILITY_BINS; b++) {
        if (out->bins[b].count == 0)
            continue;
        const double count = (double)out->bins[b].count;
        out->bins[b].mean /= count;
        out->error += fabs(out->bins[b].mean - (double)out->bins[b].right / count) * count /
                      (double)out->count;
    }
}
