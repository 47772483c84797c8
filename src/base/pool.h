/*
 * A fixed set of threads that share the pieces of one job at a time.
 *
 * The calling thread works too: a pool of one has no threads of its own. Every thread begins with
 * its own part of the pieces, the same of every job, and then takes over from others; which thread
 * gets which is not fixed, so a piece must not depend on it, and results are then the same whatever
 * the number of threads. A thread without work looks for the next job for at most 0.2 ms before it
 * sleeps.
 */
#ifndef SE_BASE_POOL_H
#define SE_BASE_POOL_H

#include <stddef.h>

#include "base/status.h"

struct pool;

/* Does piece `piece` of a job; `thread` in [0, pool_size) names the scratch memory it may use. */
typedef void pool_work(void *context, size_t piece, int thread);

/* Makes a pool of `threads` >= 1 (0: pool_default_threads). */
int pool_create(struct pool **out, int threads, se_error *err);
void pool_free(struct pool *pool);
/* Threads that work on a job, the caller's included; 1 for NULL. */
int pool_size(const struct pool *pool);
/* Runs work(context, i, thread) for every i < pieces and returns when all are done. One job at a
 * time: a pool belongs to one calling thread. NULL runs all on the caller. Never allocates. */
void pool_run(struct pool *pool, pool_work *work, void *context, size_t pieces);
/* CPUs this process may use: the affinity mask, lowered by a cgroup (v1 or v2) CPU quota. >= 1. */
int pool_default_threads(void);

#endif
