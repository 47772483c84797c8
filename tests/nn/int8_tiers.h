/*
 * The tiers that have 8-bit kernels, for their tests.
 */
#ifndef SE_TESTS_NN_INT8_TIERS_H
#define SE_TESTS_NN_INT8_TIERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/cpu/cpu_int8.h"

/* The 8-bit kernels of a tier with the float32 kernels they go with. */
struct tier {
    const struct cpu_kernels *kernels;
    const struct cpu_int8_kernels *int8;
    enum nn_cpu_tier cpu;
};

void skip_where_missing(const struct tier *tier);

/* Runs the tests of `kinds`, named by `what`, for every tier, their *state, and then the others.
 * Exit status. */
int run_for_tiers(const char *group, const CMUnitTestFunction *kinds, const char *const *what,
                  size_t kind_count, const struct CMUnitTest *others, size_t other_count);

#endif
