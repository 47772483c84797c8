#define _GNU_SOURCE
#include "failing_malloc.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Nothing can stand before a sanitizer that is linked in statically (clang), nor before the thread
 * sanitizer, whose instrumentation of our own functions runs before it is ready. */
#ifdef __SANITIZE_THREAD__
#define SANITIZER_IS_FIRST 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZER_IS_FIRST 1
#endif
#endif

static atomic_size_t counted;
static atomic_size_t to_fail; /* 0: none */
static atomic_bool everywhere;
static _Thread_local bool here;

bool failing_malloc_works(void)
{
#ifdef SANITIZER_IS_FIRST
    return false;
#else
    return true;
#endif
}

void failing_malloc_start(size_t nth, enum failing_scope scope)
{
    atomic_store(&counted, 0);
    atomic_store(&to_fail, nth);
    here = scope == FAILING_THIS_THREAD;
    atomic_store(&everywhere, scope == FAILING_ALL_THREADS);
}

size_t failing_malloc_stop(void)
{
    here = false;
    atomic_store(&everywhere, false);
    return atomic_load(&counted);
}

#ifndef SANITIZER_IS_FIRST

/* Visible to shared libraries, or they would go on using their own. */
#define INTERPOSED __attribute__((visibility("default")))

/* The address sanitizer asks for a new thread's stack before anything of ours runs in that, and
 * ends the program where the C library has no memory for its answer. */
static _Thread_local bool sanitizer_asks;

/* Is this the allocation that has to fail? */
static bool fails_now(void)
{
    if (sanitizer_asks)
        return false;
    if (!here && !atomic_load_explicit(&everywhere, memory_order_relaxed))
        return false;
    if (atomic_fetch_add(&counted, 1) + 1 != atomic_load(&to_fail))
        return false;
    errno = ENOMEM;
    return true;
}

/* The functions behind ours. Looking one up may itself allocate: while that goes on, memory comes
 * out of a small store that is never given back. */
static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void *(*memalign)(size_t, size_t);
    void (*free)(void *);
    int (*getattr)(pthread_t, pthread_attr_t *);
} next;
static _Thread_local bool looking_up;
static _Alignas(64) unsigned char store[16384];
static atomic_size_t store_used;

static bool is_in_store(const void *p)
{
    return (uintptr_t)p >= (uintptr_t)store && (uintptr_t)p < (uintptr_t)store + sizeof(store);
}

static void *take_from_store(size_t size)
{
    const size_t rounded = (size + 63) / 64 * 64;
    const size_t at = atomic_fetch_add(&store_used, rounded);
    return size <= sizeof(store) && at + rounded <= sizeof(store) ? store + at : NULL;
}

static void look_up(void)
{
    looking_up = true;
    /* POSIX lets the result of dlsym be a function; ISO C has no conversion for it. */
    *(void **)&next.malloc = dlsym(RTLD_NEXT, "malloc");
    *(void **)&next.calloc = dlsym(RTLD_NEXT, "calloc");
    *(void **)&next.realloc = dlsym(RTLD_NEXT, "realloc");
    *(void **)&next.memalign = dlsym(RTLD_NEXT, "memalign");
    *(void **)&next.getattr = dlsym(RTLD_NEXT, "pthread_getattr_np");
    *(void **)&next.free = dlsym(RTLD_NEXT, "free");
    looking_up = false;
}

static bool is_ready(void)
{
    if (!next.free && !looking_up)
        look_up();
    return !looking_up;
}

INTERPOSED void *malloc(size_t size)
{
    if (!is_ready())
        return take_from_store(size);
    return fails_now() ? NULL : next.malloc(size);
}

INTERPOSED void *calloc(size_t count, size_t size)
{
    if (!is_ready()) /* the store is zeroed and nothing in it is used twice */
        return size && count > sizeof(store) / size ? NULL : take_from_store(count * size);
    return fails_now() ? NULL : next.calloc(count, size);
}

INTERPOSED void *realloc(void *old, size_t size)
{
    if (!is_ready() || is_in_store(old)) {
        const size_t left =
            is_in_store(old) ? (size_t)(store + sizeof(store) - (unsigned char *)old) : 0;
        void *p = malloc(size);
        if (p && old)
            memcpy(p, old, size < left ? size : left);
        return p;
    }
    return fails_now() ? NULL : next.realloc(old, size);
}

INTERPOSED void free(void *p)
{
    if (p && is_ready() && !is_in_store(p))
        next.free(p);
}

INTERPOSED void *memalign(size_t alignment, size_t size)
{
    if (!is_ready())
        return alignment <= 64 ? take_from_store(size) : NULL;
    return fails_now() ? NULL : next.memalign(alignment, size);
}

INTERPOSED void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

INTERPOSED int pthread_getattr_np(pthread_t thread, pthread_attr_t *attr)
{
    if (!is_ready())
        return ENOMEM;
    sanitizer_asks = true;
    const int status = next.getattr(thread, attr);
    sanitizer_asks = false;
    return status;
}

INTERPOSED int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *p = memalign(alignment, size);
    if (!p)
        return ENOMEM;
    *out = p;
    return 0;
}

#endif
