#define _GNU_SOURCE
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { POOL_MAX_THREADS = 256 };

struct pool {
    pthread_mutex_t mutex;
    pthread_cond_t start, done;
    pool_work *work;
    void *context;
    size_t pieces;
    atomic_size_t next; /* the piece to claim next */
    unsigned long job;  /* counts jobs; a worker wakes when it changes */
    int busy;           /* workers that have not finished the current job */
    bool stop;
    int workers; /* threads of our own */
    struct pool_worker {
        struct pool *pool;
        pthread_t thread;
        int index; /* 1 … workers; 0 is the caller */
    } worker[];
};

static void pool_claim(struct pool *pool, int thread)
{
    size_t piece;
    while ((piece = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed)) < pool->pieces)
        pool->work(pool->context, piece, thread);
}

static void *pool_worker_main(void *argument)
{
    struct pool_worker *self = argument;
    struct pool *pool = self->pool;
    unsigned long seen = 0;
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (!pool->stop && pool->job == seen)
            pthread_cond_wait(&pool->start, &pool->mutex);
        if (pool->stop)
            break;
        seen = pool->job;
        pthread_mutex_unlock(&pool->mutex);
        pool_claim(pool, self->index);
        pthread_mutex_lock(&pool->mutex);
        if (--pool->busy == 0)
            pthread_cond_signal(&pool->done);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

int pool_create(struct pool **out, int threads, se_error *err)
{
    *out = NULL;
    if (threads == 0)
        threads = pool_default_threads();
    RETURN_ERROR_IF(threads < 1 || threads > POOL_MAX_THREADS, err, SE_ERR_ARGUMENT,
                    "threads is %d; 1 to %d are possible", threads, POOL_MAX_THREADS);
    const size_t size = sizeof(struct pool) + (size_t)threads * sizeof(struct pool_worker);
    struct pool *pool = calloc(1, size);
    if (!pool)
        return se_fail_memory(err, "a thread pool", size);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->start, NULL);
    pthread_cond_init(&pool->done, NULL);
    for (int i = 0; i < threads - 1; i++) {
        struct pool_worker *worker = &pool->worker[i];
        worker->pool = pool;
        worker->index = i + 1;
        if (pthread_create(&worker->thread, NULL, pool_worker_main, worker) != 0) {
            pool_free(pool);
            return se_fail(err, SE_ERR_MEMORY, "thread %d of %d could not be started", i + 2,
                           threads);
        }
        pool->workers++;
    }
    *out = pool;
    return SE_OK;
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->stop = true;
    pthread_cond_broadcast(&pool->start);
    pthread_mutex_unlock(&pool->mutex);
    for (int i = 0; i < pool->workers; i++)
        pthread_join(pool->worker[i].thread, NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->start);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

int pool_size(const struct pool *pool)
{
    return pool ? pool->workers + 1 : 1;
}

void pool_run(struct pool *pool, pool_work *work, void *context, size_t pieces)
{
    if (!pool || pool->workers == 0 || pieces < 2) {
        for (size_t i = 0; i < pieces; i++)
            work(context, i, 0);
        return;
    }
    pthread_mutex_lock(&pool->mutex);
    pool->work = work;
    pool->context = context;
    pool->pieces = pieces;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    pool->busy = pool->workers;
    pool->job++;
    pthread_cond_broadcast(&pool->start);
    pthread_mutex_unlock(&pool->mutex);
    pool_claim(pool, 0);
    pthread_mutex_lock(&pool->mutex);
    while (pool->busy > 0)
        pthread_cond_wait(&pool->done, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
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
