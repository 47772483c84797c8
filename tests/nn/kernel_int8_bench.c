/* --bench of the 8-bit kernels; test_int8.c is what tests them. */
#include <stdio.h>
#include <string.h>

#include "kernel_check.h"
#include "nn/cpu/cpu_detect.h"
#include "nn/cpu/cpu_int8.h"

struct int8_run {
    const struct cpu_int8_kernels *kernels;
    struct cpu_int8_quantize quantize;
    struct cpu_int8_gemm gemm;
};

static void run_quantize(const struct cpu_kernels *kernels, const void *args)
{
    const struct int8_run *run = args;
    (void)kernels;
    run->kernels->quantize(&run->quantize);
}

static void run_gemm(const struct cpu_kernels *kernels, const void *args)
{
    const struct int8_run *run = args;
    (void)kernels;
    run->kernels->gemm(&run->gemm);
}

/* Zeros; a whole number of vectors. */
static float *zeros(size_t floats)
{
    const size_t whole = (floats + 15) / 16 * 16;
    float *x = check_area(whole);
    memset(x, 0, whole * sizeof(*x));
    return x;
}

static void bench_shape(const struct cpu_kernels *kernels, const struct cpu_int8_kernels *int8,
                        const char *pattern, size_t m, size_t k, size_t n)
{
    const size_t depth = (k + CPU_INT8_STEP - 1) / CPU_INT8_STEP * CPU_INT8_STEP,
                 groups = depth / CPU_INT8_GROUP;
    const size_t vl = int8->tile.vl, columns = (n + vl - 1) / vl * vl;
    const struct cpu_int8_range range = {zeros(k), zeros(k)};
    const struct cpu_int8_panels panels = {.k = k,
                                           .n = n,
                                           .groups = groups,
                                           .vectors = columns / vl,
                                           .b = (const int8_t *)zeros(columns * groups),
                                           .start = (const int32_t *)(const void *)zeros(columns),
                                           .scale = zeros(columns),
                                           .bias = zeros(columns)};
    struct int8_run run = {
        .kernels = int8,
        .quantize = {.x = check_random(m * k, false),
                     .x_step = (ptrdiff_t)k,
                     .rows = m,
                     .c = k,
                     .q = (uint8_t *)zeros(m * groups),
                     .q_step = (ptrdiff_t)depth,
                     .range = range},
        .gemm = {.rows = m,
                 .lda = (ptrdiff_t)depth,
                 .b = &panels,
                 .c = check_area(m * n),
                 .ldc = (ptrdiff_t)n},
    };
    run.gemm.a[0] = run.quantize.q;
    run.gemm.segments = 1;
    char shape[64];
    struct check_bench bench = {.kernels = kernels, .shape = shape, .args = &run};
    bench.name = int8->names[CPU_INT8_KERNEL_quantize];
    bench.run = run_quantize;
    bench.flop = 2.0 * (double)(m * k);
    bench.bytes = 5.0 * (double)(m * k);
    snprintf(shape, sizeof(shape), "%zu x %zu", m, k);
    if (strstr(bench.name, pattern))
        check_bench_run(&bench);
    bench.name = int8->names[CPU_INT8_KERNEL_gemm];
    bench.run = run_gemm;
    bench.flop = 2.0 * (double)(m * k * n);
    bench.bytes = (double)(m * k + k * n + 4 * m * n);
    snprintf(shape, sizeof(shape), "%zu x %zu x %zu", m, k, n);
    if (strstr(bench.name, pattern))
        check_bench_run(&bench);
    run.gemm.act.func = NN_FUNC_GELU;
    run.gemm.q = (uint8_t *)zeros(m * columns / sizeof(float));
    run.gemm.ldq = (ptrdiff_t)columns;
    run.gemm.range = (struct cpu_int8_range){zeros(columns), zeros(columns)};
    snprintf(shape, sizeof(shape), "%zu x %zu x %zu gelu u8", m, k, n);
    if (strstr(bench.name, pattern))
        check_bench_run(&bench);
    check_free_areas(bench.name);
}

void bench_int8(const char *pattern)
{
    static const size_t shapes[][3] = {{48, 48, 96}, {48, 96, 48}, {48, 192, 384}, {48, 768, 384}};
    static const struct {
        const struct cpu_kernels *kernels;
        const struct cpu_int8_kernels *int8;
        enum nn_cpu_tier needs;
    } tiers[] = {
        {&cpu_kernels_portable, &cpu_int8_kernels_portable, NN_CPU_PORTABLE},
#if defined(__x86_64__)
        {&cpu_kernels_avx2, &cpu_int8_kernels_avx2, NN_CPU_AVX2},
        {&cpu_kernels_avx512, &cpu_int8_kernels_avx512vnni, NN_CPU_AVX512},
#endif
    };
    for (size_t t = 0; t < sizeof(tiers) / sizeof(tiers[0]); t++) {
        const char *missing;
        if (!cpu_has_tier(tiers[t].needs, &missing) ||
            cpu_int8_kernels_for(tiers[t].kernels) != tiers[t].int8) {
            printf("SKIP 8 bits of tier %s: this machine lacks it\n", tiers[t].int8->tier);
            continue;
        }
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
            bench_shape(tiers[t].kernels, tiers[t].int8, pattern, shapes[i][0], shapes[i][1],
                        shapes[i][2]);
    }
}
