/*
 * The tool that makes allocations fail must itself be trusted: every entry, both scopes.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "failing_malloc.h"

/* Keeps the compiler from leaving out allocations whose result is not used. */
static void *volatile kept;

static int take(int how)
{
    void *p = NULL;
    switch (how) {
    case 0:
        p = malloc(10);
        break;
    case 1:
        p = calloc(10, 3);
        break;
    case 2:
        p = realloc(NULL, 10);
        break;
    case 3:
        p = aligned_alloc(64, 128);
        break;
    case 4:
        if (posix_memalign(&p, 64, 100) != 0)
            p = NULL;
        break;
    default: { /* inside the C library */
        FILE *file = fopen("/dev/null", "r");
        return file && fclose(file) == 0;
    }
    }
    kept = p;
    free(kept);
    return p != NULL;
}

static void test_each_entry_fails_once(void **state)
{
    (void)state;
    for (int how = 0; how < 6; how++) {
        int got[3];
        failing_malloc_start(2, FAILING_THIS_THREAD);
        for (int i = 0; i < 3; i++)
            got[i] = take(how);
        const size_t seen = failing_malloc_stop();
        assert_true(got[0] && !got[1] && got[2]);
        assert_int_equal(seen, 3);
        assert_true(take(how));
    }
}

static void test_nothing_fails_when_only_counting(void **state)
{
    (void)state;
    failing_malloc_start(0, FAILING_THIS_THREAD);
    const int got = take(0) && take(1);
    assert_int_equal(failing_malloc_stop(), 2);
    assert_true(got);
}

static void *take_there(void *result)
{
    *(int *)result = take(0);
    return NULL;
}

/* Allocations seen while a thread is started that makes one of its own. */
static size_t count_with_thread(enum failing_scope scope)
{
    pthread_t thread;
    int there = -1;
    failing_malloc_start(0, scope);
    const int started = pthread_create(&thread, NULL, take_there, &there);
    if (started == 0)
        pthread_join(thread, NULL);
    const size_t seen = failing_malloc_stop();
    assert_int_equal(started, 0);
    assert_int_equal(there, 1);
    return seen;
}

static void test_scopes(void **state)
{
    (void)state;
    count_with_thread(FAILING_THIS_THREAD); /* the C library keeps a stack for the next thread */
    const size_t here = count_with_thread(FAILING_THIS_THREAD);
    assert_true(count_with_thread(FAILING_ALL_THREADS) > here);
    failing_malloc_start(1, FAILING_ALL_THREADS);
    const int got = take(0);
    failing_malloc_stop();
    assert_int_equal(got, 0);
}

/* What the address sanitizer asks for in a new thread; the next allocation is the one that fails.
 */
static void test_the_sanitizer_is_spared(void **state)
{
    (void)state;
    pthread_attr_t attr;
    failing_malloc_start(1, FAILING_THIS_THREAD);
    const int status = pthread_getattr_np(pthread_self(), &attr);
    const int got = take(0);
    const size_t seen = failing_malloc_stop();
    assert_int_equal(status, 0);
    pthread_attr_destroy(&attr);
    assert_int_equal(got, 0);
    assert_int_equal(seen, 1);
}

int main(void)
{
    if (!failing_malloc_works()) {
        puts("SKIP: this build's sanitizer is linked in statically; nothing can stand before it");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_entry_fails_once),
        cmocka_unit_test(test_nothing_fails_when_only_counting),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_the_sanitizer_is_spared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
