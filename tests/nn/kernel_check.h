/*
 * What the kernel tests share: memory between guard zones, numbers that provoke mistakes,
 * comparison against double, timing.
 */
#ifndef SE_TESTS_NN_KERNEL_CHECK_H
#define SE_TESTS_NN_KERNEL_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/cpu/kernels.h"

/*
 * `count` floats that end where readable memory ends (an inaccessible page follows), begin at any
 * multiple of 4 bytes, and have a pattern in front. Filled with the pattern, which is a NaN.
 * Exits the test program when there is no memory. All areas live till check_free_areas.
 */
float *check_area(size_t count);
/* Fails the test when the pattern in front of any area has changed; frees all. */
void check_free_areas(const char *name);

/* Numbers in [-1, 1); with `outliers`, now and then ±1e4, ±1e-4, a denormal, 0 or -0. The same
 * sequence after the same check_seed. */
void check_seed(uint64_t seed);
void check_fill(float *x, size_t count, bool outliers);
/* An area of such numbers. */
float *check_random(size_t count, bool outliers);
/* The pattern that check_area leaves; elements that a kernel must not touch still hold it. */
bool check_is_untouched(float x);

/* Fails the test, naming kernel, place and both values, unless |got - want| <= limit. */
void check_near(const char *name, size_t index, float got, double want, double limit);
/* act(x) in double; *gain: how much an error of x may grow in it, *extra: the error stated for it.
 */
double check_act(const struct nn_activation *act, double x, double *gain, double *extra);

/* --bench=PATTERN prints a row for every shape: processor time, GFLOP/s and per cent of the peak of
 * the same vectors measured in between, gigabytes a second of inputs and outputs. */
struct check_bench {
    const struct cpu_kernels *kernels;
    const char *name;  /* the row's name */
    const char *shape; /* in words */
    double flop, bytes;
    void (*run)(const struct cpu_kernels *kernels, const void *args);
    const void *args;
};
void check_bench_header(void);
void check_bench_run(const struct check_bench *bench);

/* A test and a benchmark for every kernel of the registry (kernel_*.c). */
#define X(name, type)                                                                              \
    void check_##name(const struct cpu_kernels *kernels, const char *name_of_row);                 \
    void bench_##name(const struct cpu_kernels *kernels, const char *name_of_row);
CPU_KERNELS(X)
#undef X

/* Error of a product on tiles, in parts of the root of the sum of squares of its terms; 0 without
 * them. */
double check_split_error(const struct cpu_tile *tile);
/* gemm over views and `split`, of tiers with tile.parts; called by check_gemm. */
void check_split_products(const struct cpu_kernels *kernels, const char *name);

/* Rows of --bench for the 8-bit kernels whose name contains `pattern`. */
void bench_int8(const char *pattern);

/* The 16-wide kernels compiled for this machine's own registers (kernel_wide.c). */
#if defined(__x86_64__)
extern const struct cpu_kernels cpu_kernels_wide;
#endif

#endif
