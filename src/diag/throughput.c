/*
 * Pictures a second, with several read side by side.
 */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/pool.h"
#include "diag/bench.h"
#include "reader/settings.h"

void bench_pictures_free(struct bench_pictures *pictures)
{
    for (size_t i = 0; i < pictures->count; i++)
        buffer_free(&pictures->items[i]);
    free(pictures->items);
    *pictures = (struct bench_pictures){.count = 0};
}

struct race {
    se_reader *reader;
    const struct bench_pictures *pictures;
    se_read_options options;
    int64_t end_ns;
    atomic_size_t next, done;
    atomic_bool failed;
    atomic_flag told;
    se_error error; /* of whoever failed first */
};

static void fail(struct race *race, const se_error *error)
{
    if (!atomic_flag_test_and_set(&race->told))
        race->error = *error;
    race->failed = true;
}

/* Reads until the time is over; what was begun in time counts, and so does its time. */
static void run_job(void *context, size_t piece, int thread)
{
    struct race *race = context;
    (void)piece;
    (void)thread;
    while (!race->failed && clock_now_ns() < race->end_ns) {
        const struct buffer *picture =
            &race->pictures->items[atomic_fetch_add(&race->next, 1) % race->pictures->count];
        se_result *result;
        se_error err;
        if (se_read(race->reader, picture->data, picture->size, &race->options, &result, &err) !=
            SE_OK) {
            fail(race, &err);
            return;
        }
        se_result_free(result);
        atomic_fetch_add(&race->done, 1);
    }
}

/* One reading to warm up each job's memory, then the race. */
static int race_all(struct race *race, int jobs, double seconds, double *per_second, se_error *err)
{
    struct pool *pool;
    FORWARD_IF_ERROR(pool_create(&pool, jobs, err));
    race->end_ns = clock_now_ns() + 1; /* one picture each */
    pool_run(pool, run_job, race, (size_t)jobs);
    race->done = 0;
    const int64_t start = clock_now_ns();
    race->end_ns = start + (int64_t)(1e9 * seconds);
    if (!race->failed)
        pool_run(pool, run_job, race, (size_t)jobs);
    *per_second = 1e9 * (double)race->done / (double)(clock_now_ns() - start);
    pool_free(pool);
    if (race->failed && err)
        *err = race->error;
    return race->failed ? race->error.code : SE_OK;
}

int bench_throughput(const se_settings *settings, const struct bench_pictures *pictures, int jobs,
                     double seconds, const struct se_cancel *cancel, double *per_second,
                     se_error *err)
{
    *per_second = 0;
    RETURN_ERROR_IF(jobs < 1 || pictures->count == 0 || !(seconds > 0), err, SE_ERR_ARGUMENT,
                    "%d jobs over %zu pictures for %g s", jobs, pictures->count, seconds);
    se_settings *own;
    char number[16];
    snprintf(number, sizeof(number), "%d", jobs);
    FORWARD_IF_ERROR(settings_copy(&own, settings, err));
    struct race race = {.pictures = pictures, .options = SE_READ_OPTIONS_INIT};
    atomic_flag_clear(&race.told);
    race.options.time_limit_ms = 0;
    race.options.cancel = cancel;
    int status = se_settings_set(own, "jobs", number, "bench", err);
    if (status == SE_OK)
        status = se_settings_set(own, "threads", "1", "bench", err);
    if (status == SE_OK)
        status = se_open(&race.reader, own, err);
    if (status == SE_OK)
        status = race_all(&race, jobs, seconds, per_second, err);
    se_close(race.reader);
    se_settings_free(own);
    return status;
}
