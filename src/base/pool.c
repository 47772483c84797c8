/*
 * A job is published, claimed and finished without locks; the mutex is for threads that sleep.
 *
 *   range of thread t   [ next : 32 | end : 32 ]   one atomic word: pieces that are not yet claimed
 *   done                pieces of the job that are finished
 *
 * A thread does the pieces of its own range in rising order, then takes what others have left, from
 * the ends of their ranges. Ranges are the same parts of every job, so where pieces are parts of a
 * picture a thread finds in its cache what it has made in the job before.
 *
 * What the job is, a thread reads only when it has claimed a piece: till that is counted as done,
 * the job cannot change. A thread that comes late finds nothing left and holds up nobody.
 *
 * A network is some hundred jobs with a few microseconds between them, less than it takes to wake
 * a thread. So a thread that finds nothing to do looks again for a while before it sleeps: at most
 * SPIN_NS, giving way to other threads after SPIN_YIELD_NS. A pool with more threads than
 * processors sleeps at once.
 */
#define _GNU_SOURCE
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum {
    POOL_MAX_THREADS = 256,
    SPIN_NS = 200000,
    SPIN_YIELD_NS = 20000,
    SPIN_PAUSES = 16, /* between two looks at the clock */
    CACHE_LINE = 64,
    MOST_PIECES = INT32_MAX, /* of a part of a job */
};

struct pool {
    alignas(CACHE_LINE)
        atomic_uint job;       /* counts jobs; a worker looks for pieces when it changes */
    atomic_int sleepers;       /* workers that wait for `start` */
    atomic_bool caller_sleeps; /* on `finish` */
    atomic_bool stop;
    alignas(CACHE_LINE) atomic_size_t done;
    alignas(CACHE_LINE) pool_work *work; /* the job; written while nothing is claimed */
    void *context;
    size_t first, pieces; /* the part of the job that ranges are of: their numbers have 32 bits */
    bool spins;
    pthread_mutex_t mutex;
    pthread_cond_t start, finish;
    int workers; /* threads of our own */
    struct pool_thread {
        alignas(CACHE_LINE) atomic_uint_fast64_t range;
        struct pool *pool;
        pthread_t thread;
        int index;
    } threads[]; /* [workers + 1]; 0 is the caller, which has no thread of ours */
};

/* Gives the other hardware thread of a core its turn. */
static void spin_pause(void)
{
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t spin_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool is_done(struct pool *pool, unsigned seen)
{
    (void)seen;
    return atomic_load(&pool->done) == pool->pieces;
}

static bool has_news(struct pool *pool, unsigned seen)
{
    return atomic_load(&pool->job) != seen || atomic_load(&pool->stop);
}

/* Looks for a while whether `ready`; false when it is time to sleep. */
static bool spin_until(struct pool *pool, bool (*ready)(struct pool *, unsigned), unsigned seen)
{
    if (ready(pool, seen))
        return true;
    if (!pool->spins)
        return false;
    const int64_t start = spin_clock_ns();
    for (int64_t spent = 0; spent < SPIN_NS; spent = spin_clock_ns() - start) {
        for (int i = 0; i < SPIN_PAUSES; i++) {
            if (ready(pool, seen))
                return true;
            spin_pause();
        }
        if (spent > SPIN_YIELD_NS)
            sched_yield();
    }
    return false;
}

static uint_fast64_t range_of(size_t next, size_t end)
{
    return (uint_fast64_t)next << 32 | end;
}

/* Takes the first or the last piece of a range; false when it is empty. */
static bool take_piece(atomic_uint_fast64_t *range, bool last, size_t *piece)
{
    uint_fast64_t now = atomic_load(range);
    for (;;) {
        const size_t next = (size_t)(now >> 32), end = (size_t)(now & UINT32_MAX);
        if (next >= end)
            return false;
        *piece = last ? end - 1 : next;
        if (atomic_compare_exchange_weak(range, &now,
                                         last ? range_of(next, end - 1) : range_of(next + 1, end)))
            return true;
    }
}

/* Does pieces of the current job till none is left to claim. */
static void pool_claim(struct pool *pool, int thread)
{
    const int threads = pool->workers + 1;
    size_t finished = 0, pieces = 0, piece;
    for (int i = 0; i < threads; i++) {
        atomic_uint_fast64_t *range = &pool->threads[(thread + i) % threads].range;
        while (take_piece(range, i > 0, &piece)) {
            pieces = pool->pieces;
            pool->work(pool->context, pool->first + piece, thread);
            finished++;
        }
    }
    /* What was claimed above is all of one job: the next begins when this is counted. */
    if (finished > 0 && atomic_fetch_add(&pool->done, finished) + finished == pieces &&
        atomic_load(&pool->caller_sleeps)) {
        pthread_mutex_lock(&pool->mutex);
        pthread_cond_signal(&pool->finish);
        pthread_mutex_unlock(&pool->mutex);
    }
}

static void wait_for_job(struct pool *pool, unsigned seen)
{
    if (spin_until(pool, has_news, seen))
        return;
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1);
    while (!has_news(pool, seen))
        pthread_cond_wait(&pool->start, &pool->mutex);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->mutex);
}

static void *pool_thread_main(void *argument)
{
    struct pool_thread *self = argument;
    struct pool *pool = self->pool;
    unsigned seen = 0;
    while (!atomic_load(&pool->stop)) {
        wait_for_job(pool, seen);
        seen = atomic_load(&pool->job);
        pool_claim(pool, self->index);
    }
    return NULL;
}

int pool_create(struct pool **out, int threads, se_error *err)
{
    *out = NULL;
    if (threads == 0)
        threads = pool_default_threads();
    RETURN_ERROR_IF(threads < 1 || threads > POOL_MAX_THREADS, err, SE_ERR_ARGUMENT,
                    "threads is %d; 1 to %d are possible", threads, POOL_MAX_THREADS);
    const size_t size = sizeof(struct pool) + (size_t)threads * sizeof(struct pool_thread);
    struct pool *pool = aligned_alloc(CACHE_LINE, size);
    if (!pool)
        return se_fail_memory(err, "a thread pool", size);
    memset(pool, 0, size);
    pool->spins = threads <= pool_default_threads();
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->start, NULL);
    pthread_cond_init(&pool->finish, NULL);
    /* Threads look at `workers` once there is a job. */
    for (int i = 1; i < threads; i++) {
        struct pool_thread *self = &pool->threads[i];
        self->pool = pool;
        self->index = i;
        if (pthread_create(&self->thread, NULL, pool_thread_main, self) != 0) {
            pool_free(pool);
            return se_fail(err, SE_ERR_MEMORY, "thread %d of %d could not be started", i + 1,
                           threads);
        }
        pool->workers++;
    }
    *out = pool;
    return SE_OK;
}

static void wake_sleepers(struct pool *pool)
{
    if (atomic_load(&pool->sleepers) == 0)
        return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->start);
    pthread_mutex_unlock(&pool->mutex);
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->stop, true);
    wake_sleepers(pool);
    for (int i = 0; i < pool->workers; i++)
        pthread_join(pool->threads[i + 1].thread, NULL);
    pthread_cond_destroy(&pool->finish);
    pthread_cond_destroy(&pool->start);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

int pool_size(const struct pool *pool)
{
    return pool ? pool->workers + 1 : 1;
}

static void wait_until_done(struct pool *pool)
{
    if (spin_until(pool, is_done, 0))
        return;
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->caller_sleeps, true);
    while (!is_done(pool, 0))
        pthread_cond_wait(&pool->finish, &pool->mutex);
    atomic_store(&pool->caller_sleeps, false);
    pthread_mutex_unlock(&pool->mutex);
}

void pool_run(struct pool *pool, pool_work *work, void *context, size_t pieces)
{
    if (!pool || pool->workers == 0 || pieces < 2) {
        for (size_t i = 0; i < pieces; i++)
            work(context, i, 0);
        return;
    }
    const size_t threads = (size_t)pool->workers + 1;
    for (size_t first = 0; first < pieces; first += pool->pieces) {
        const size_t count = pieces - first < MOST_PIECES ? pieces - first : MOST_PIECES;
        pool->work = work;
        pool->context = context;
        pool->first = first;
        pool->pieces = count;
        atomic_store(&pool->done, 0);
        for (size_t t = 0; t < threads; t++)
            atomic_store(&pool->threads[t].range,
                         range_of(count * t / threads, count * (t + 1) / threads));
        atomic_fetch_add(&pool->job, 1);
        wake_sleepers(pool);
        pool_claim(pool, 0);
        wait_until_done(pool);
    }
}

/* CPUs a cgroup quota allows, rounded up; a large number when there is no quota. */
static int cgroup_cpus(void)
{
    const int unlimited = 1 << 20;
    long long quota = -1, period = 0;
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (file) {
        if (fscanf(file, "%lld %lld", &quota, &period) != 2)
            quota = -1; /* "max": no quota */
        fclose(file);
    } else {
        if ((file = fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "re"))) {
            if (fscanf(file, "%lld", &quota) != 1)
                quota = -1;
            fclose(file);
        }
        if ((file = fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "re"))) {
            if (fscanf(file, "%lld", &period) != 1)
                period = 0;
            fclose(file);
        }
    }
    if (quota <= 0 || period <= 0 || quota / period >= unlimited)
        return unlimited;
    const long long cpus = (quota + period - 1) / period;
    return cpus < 1 ? 1 : (int)cpus;
}

int pool_default_threads(void)
{
    cpu_set_t set;
    int cpus = 1;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        cpus = CPU_COUNT(&set);
    const int quota = cgroup_cpus();
    if (cpus > quota)
        cpus = quota;
    return cpus < 1 ? 1 : cpus > POOL_MAX_THREADS ? POOL_MAX_THREADS : cpus;
}
