/*
 * Makes the nth memory allocation of a test program fail, whoever asks for it: our code, the C
 * library, third-party libraries, C++ new. A sweep over n shows what each failure leads to:
 *
 *   for (size_t n = 1;; n++) {
 *       failing_malloc_start(n, FAILING_ALL_THREADS);
 *       const int status = what_is_tested();
 *       if (failing_malloc_stop() < n)
 *           break;              every allocation has failed once
 *       … check status; the address sanitizer finds what leaks
 *   }
 *
 * Compile failing_malloc.c into the test program itself: its malloc, calloc, realloc, memalign,
 * aligned_alloc and posix_memalign then stand before those of the C library (glibc), or before the
 * sanitizer's where that is a shared library (gcc). With a sanitizer that is linked in statically
 * (clang), and with the thread sanitizer, nothing can stand before it: see failing_malloc_works.
 * gcc's address sanitizer answers strdup and strndup itself: those fail in the plain build only.
 */
#ifndef SE_TESTS_FAILING_MALLOC_H
#define SE_TESTS_FAILING_MALLOC_H

#include <stdbool.h>
#include <stddef.h>

enum failing_scope { FAILING_THIS_THREAD, FAILING_ALL_THREADS };

/* Can allocations be made to fail in this build? Where not, a sweep must be skipped, saying so. */
bool failing_malloc_works(void);

/* From now on counts the allocations in `scope`, the first being 1, and fails the nth alone (0:
 * none) with ENOMEM. Not to be nested. */
void failing_malloc_start(size_t nth, enum failing_scope scope);
/* Ends that; returns how many were counted, the failed one included. */
size_t failing_malloc_stop(void);

#endif
