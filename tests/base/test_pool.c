/*
 * The thread pool: every piece once whatever the threads, jobs one behind the other without a
 * pause, threads that have gone to sleep, more threads than processors, work that is all in one
 * part.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/pool.h"

enum { MOST = 1000 };

struct count {
    atomic_int per_piece[MOST];
    atomic_int bad_thread;
    int threads;
};

static struct pool *make(int threads)
{
    struct pool *pool;
    se_error err;
    assert_int_equal(pool_create(&pool, threads, &err), SE_OK);
    assert_int_equal(pool_size(pool), threads);
    return pool;
}

static void rest_ms(long ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static void count_piece(void *context, size_t piece, int thread)
{
    struct count *count = context;
    atomic_fetch_add(&count->per_piece[piece], 1);
    if (thread < 0 || thread >= count->threads)
        atomic_store(&count->bad_thread, 1);
}

static void count_jobs(struct pool *pool, int threads, size_t pieces, int rounds, long rest)
{
    struct count *count = calloc(1, sizeof(*count));
    assert_non_null(count);
    count->threads = threads;
    for (int round = 0; round < rounds; round++) {
        pool_run(pool, count_piece, count, pieces);
        for (size_t i = 0; i < pieces; i++)
            assert_int_equal(count->per_piece[i], round + 1);
        if (rest)
            rest_ms(rest);
    }
    for (size_t i = pieces; i < MOST; i++)
        assert_int_equal(count->per_piece[i], 0);
    assert_int_equal(count->bad_thread, 0);
    free(count);
}

static void test_each_piece_once(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 5; threads++) {
        struct pool *pool = make(threads);
        for (size_t pieces = 0; pieces <= MOST; pieces = pieces * 3 + 1)
            count_jobs(pool, threads, pieces, 20, 0);
        pool_free(pool);
    }
}

/* Threads look for work for 0.2 ms, so after 2 ms they sleep and have to be woken. */
static void test_sleeping_threads_wake(void **state)
{
    (void)state;
    struct pool *pool = make(2);
    rest_ms(2);
    count_jobs(pool, 2, 7, 30, 2);
    pool_free(pool);
}

static void test_more_threads_than_processors(void **state)
{
    (void)state;
    const int threads = pool_default_threads() < 100 ? 2 * pool_default_threads() + 3 : 203;
    struct pool *pool = make(threads);
    count_jobs(pool, threads, 50, 200, 0);
    count_jobs(pool, threads, 2, 20, 1);
    pool_free(pool);
}

/* A job as a network's steps are: what one job writes, the next reads at another place. */
struct chain {
    int64_t from[64], to[64];
};

static void chain_piece(void *context, size_t piece, int thread)
{
    struct chain *chain = context;
    (void)thread;
    chain->to[piece] = chain->from[63 - piece] + (int64_t)piece;
}

static void test_a_job_sees_the_job_before(void **state)
{
    (void)state;
    struct pool *pool = make(3);
    struct chain chain = {0}, want = {0};
    for (int round = 0; round < 20000; round++) {
        pool_run(pool, chain_piece, &chain, 64);
        pool_run(NULL, chain_piece, &want, 64);
        for (int i = 0; i < 64; i++) {
            assert_int_equal(chain.to[i], want.to[i]);
            chain.from[i] = chain.to[i] % 1000003;
            want.from[i] = chain.from[i];
        }
    }
    pool_free(pool);
}

/* The first piece waits till all others are done: its thread's own have to be taken over. */
static void waiting_piece(void *context, size_t piece, int thread)
{
    atomic_int *left = context;
    (void)thread;
    if (piece == 0) {
        while (atomic_load(left) > 1)
            rest_ms(1);
    }
    atomic_fetch_sub(left, 1);
}

static void test_work_is_taken_over(void **state)
{
    (void)state;
    struct pool *pool = make(2);
    for (int round = 0; round < 5; round++) {
        atomic_int left = 100;
        pool_run(pool, waiting_piece, &left, 100);
        assert_int_equal(left, 0);
    }
    pool_free(pool);
}

static void test_made_and_freed_without_work(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++)
        pool_free(make(4));
    pool_free(NULL);
}

static void test_sizes(void **state)
{
    (void)state;
    struct pool *pool;
    se_error err;
    assert_int_equal(pool_create(&pool, -1, &err), SE_ERR_ARGUMENT);
    assert_int_equal(pool_create(&pool, 100000, &err), SE_ERR_ARGUMENT);
    assert_null(pool);
    assert_int_equal(pool_size(NULL), 1);
    assert_true(pool_default_threads() >= 1);
    assert_int_equal(pool_create(&pool, 0, &err), SE_OK);
    assert_int_equal(pool_size(pool), pool_default_threads());
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_piece_once),
        cmocka_unit_test(test_sleeping_threads_wake),
        cmocka_unit_test(test_more_threads_than_processors),
        cmocka_unit_test(test_a_job_sees_the_job_before),
        cmocka_unit_test(test_work_is_taken_over),
        cmocka_unit_test(test_made_and_freed_without_work),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
