/*
 * Every row of the kernel registry, tier by tier, against plain loops in double (kernel_*_test.c).
 * Rows of tiers that this machine lacks are reported as skipped, with the reason.
 *
 *   test_kernels                    all tests
 *   test_kernels --bench=PATTERN    times the rows whose name contains PATTERN instead
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kernel_check.h"
#include "nn/cpu/cpu_detect.h"

typedef void check_fn(const struct cpu_kernels *kernels, const char *name);

static const struct {
    check_fn *check, *bench;
} rows[CPU_KERNEL_COUNT] = {
#define X(name, type) {check_##name, bench_##name},
    CPU_KERNELS(X)
#undef X
};

static const struct {
    const struct cpu_kernels *kernels;
    enum nn_cpu_tier needs;
} tiers[] = {
    {&cpu_kernels_portable, NN_CPU_PORTABLE},
#if defined(__x86_64__)
    {&cpu_kernels_avx2, NN_CPU_AVX2},
    {&cpu_kernels_wide, NN_CPU_AVX2},
    {&cpu_kernels_avx512, NN_CPU_AVX512},
#endif
#if defined(SE_HAVE_AVX512_BF16)
    {&cpu_kernels_avx512_bf16, NN_CPU_AVX512_BF16},
#endif
#if defined(SE_HAVE_AMX)
    {&cpu_kernels_amx, NN_CPU_AMX},
    {&cpu_kernels_amx_bf16, NN_CPU_AMX_BF16},
#endif
};
enum { TIERS = sizeof(tiers) / sizeof(tiers[0]) };

/* State of a test: which row of which tier. */
struct row {
    size_t tier, kernel;
};

static void test_row(void **state)
{
    const struct row *row = *state;
    const struct cpu_kernels *kernels = tiers[row->tier].kernels;
    const char *missing;
    if (!cpu_has_tier(tiers[row->tier].needs, &missing)) {
        print_message("SKIP %s: this machine lacks %s\n", kernels->names[row->kernel], missing);
        skip();
    }
    rows[row->kernel].check(kernels, kernels->names[row->kernel]);
}

static int bench(const char *pattern)
{
    check_bench_header();
    for (size_t t = 0; t < TIERS; t++) {
        const char *missing;
        if (!cpu_has_tier(tiers[t].needs, &missing)) {
            printf("SKIP tier %s: this machine lacks %s\n", tiers[t].kernels->tier, missing);
            continue;
        }
        for (size_t k = 0; k < CPU_KERNEL_COUNT; k++) {
            const char *name = tiers[t].kernels->names[k];
            if (strstr(name, pattern))
                rows[k].bench(tiers[t].kernels, name);
        }
    }
    bench_int8(pattern);
    return 0;
}

int main(int argc, char **argv)
{
    static const char option[] = "--bench=";
    if (argc == 2 && strncmp(argv[1], option, sizeof(option) - 1) == 0)
        return bench(argv[1] + sizeof(option) - 1);
    struct row states[TIERS * CPU_KERNEL_COUNT];
    struct CMUnitTest tests[TIERS * CPU_KERNEL_COUNT];
    for (size_t i = 0; i < TIERS * CPU_KERNEL_COUNT; i++) {
        states[i] = (struct row){i / CPU_KERNEL_COUNT, i % CPU_KERNEL_COUNT};
        tests[i] = (struct CMUnitTest){
            .name = tiers[states[i].tier].kernels->names[states[i].kernel],
            .test_func = test_row,
            .initial_state = &states[i],
        };
    }
    return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
