#define _GNU_SOURCE
#include "kernel_check.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_AREAS = 64, GUARD = 64 };

static const uint32_t PATTERN = 0x7fc0dead;

static struct area {
    void *map;
    size_t size;
    float *data;
} areas[MAX_AREAS];
static size_t area_count;

float *check_area(size_t count)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t bytes = (count + GUARD) * sizeof(float);
    const size_t size = (bytes + page - 1) / page * page;
    char *map = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || area_count == MAX_AREAS || mprotect(map + size, page, PROT_NONE)) {
        fprintf(stderr, "no memory for a test of %zu floats\n", count);
        exit(1);
    }
    float *data = (float *)(void *)(map + size) - count;
    for (size_t i = 0; i < count + GUARD; i++)
        memcpy(data - GUARD + i, &PATTERN, sizeof(PATTERN));
    areas[area_count++] = (struct area){map, size + page, data};
    return data;
}

bool check_is_untouched(float x)
{
    return memcmp(&x, &PATTERN, sizeof(x)) == 0;
}

void check_free_areas(const char *name)
{
    for (size_t i = 0; i < area_count; i++) {
        for (size_t j = 1; j <= GUARD; j++)
            if (!check_is_untouched(areas[i].data[-(ptrdiff_t)j]))
                fail_msg("%s: wrote %zu floats before an area", name, j);
        munmap(areas[i].map, areas[i].size);
    }
    area_count = 0;
}

static uint64_t seed_state = 1;

void check_seed(uint64_t seed)
{
    seed_state = seed * 2 + 1;
}

/* Knuth's linear congruence; the upper bits. */
static uint32_t next_random(void)
{
    seed_state = seed_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed_state >> 33);
}

void check_fill(float *x, size_t count, bool outliers)
{
    static const float special[] = {1e4f, -1e4f, 1e-4f, -1e-4f, 1e-41f, -1e-41f, 0.0f, -0.0f};
    for (size_t i = 0; i < count; i++) {
        x[i] = (float)next_random() * 0x1p-30f - 1.0f;
        if (outliers && next_random() % 61 == 0)
            x[i] = special[next_random() % 8];
    }
}

float *check_random(size_t count, bool outliers)
{
    float *x = check_area(count);
    check_fill(x, count, outliers);
    return x;
}

void check_near(const char *name, size_t index, float got, double want, double limit)
{
    if (!(fabs((double)got - want) <= limit))
        fail_msg("%s: element %zu is %.9g, not %.9g (limit %.3g)", name, index, (double)got, want,
                 limit);
}

double check_act(const struct nn_activation *act, double x, double *gain, double *extra)
{
    *gain = 1;
    *extra = 0;
    switch (act->func) {
    case NN_FUNC_RELU:
        return x > 0 ? x : 0;
    case NN_FUNC_SIGMOID:
        *extra = 3e-7;
        return 1 / (1 + exp(-x));
    case NN_FUNC_HARDSIGMOID: {
        const double y = (double)act->alpha * x + (double)act->beta;
        *extra = 1e-7;
        return y < 0 ? 0 : y > 1 ? 1 : y;
    }
    case NN_FUNC_GELU:
        *gain = 1.13;
        *extra = 2.5e-7 * fmax(1, fabs(x));
        return 0.5 * x * erfc(-x * sqrt(0.5));
    case NN_FUNC_SWISH:
        *gain = 1.1;
        *extra = 3e-7 * fmax(1, fabs(x));
        return x / (1 + exp(-x));
    case NN_FUNC_ERF:
        *gain = 1.13;
        *extra = 4e-7;
        return erf(x);
    case NN_FUNC_SQRT:
        *extra = 1e-7 * sqrt(fabs(x));
        return sqrt(x);
    case NN_FUNC_NONE:
    case NN_FUNC_COUNT:
        break;
    }
    return x;
}

/* Processor time of this thread: on a busy machine it says more than the clock. */
static double bench_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static int bench_by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

void check_bench_header(void)
{
    printf("%-28s %-40s %7s %9s %9s %7s %4s %6s\n", "name", "shape", "threads", "ms_min",
           "ms_median", "gflops", "percent_of_peak", "gbytes");
}

/* Many short runs, each beside a run of the peak loop, so that both see the same machine. */
void check_bench_run(const struct check_bench *b)
{
    enum { ROUNDS = 41, PEAK = 100000 };
    double ms[ROUNDS], best_peak = INFINITY;
    volatile float sink;
    double once = bench_ms();
    b->run(b->kernels, b->args);
    once = bench_ms() - once;
    const int repeats = once > 1 ? 1 : (int)(1 / (once + 1e-6)) + 1;
    for (int i = 0; i < ROUNDS; i++) {
        double start = bench_ms();
        sink = b->kernels->peak(PEAK);
        best_peak = fmin(best_peak, bench_ms() - start);
        (void)sink;
        start = bench_ms();
        for (int j = 0; j < repeats; j++)
            b->run(b->kernels, b->args);
        ms[i] = (bench_ms() - start) / repeats;
    }
    qsort(ms, ROUNDS, sizeof(*ms), bench_by_size);
    const double peak = 2.0 * PEAK * CPU_PEAK_FMAS * (double)b->kernels->tile.vl / best_peak * 1e-6;
    const double gflops = b->flop / ms[0] * 1e-6;
    printf("%-28s %-40s %7d %9.4f %9.4f %7.1f %14.0f%% %6.1f\n", b->name, b->shape, 1, ms[0],
           ms[ROUNDS / 2], gflops, 100 * gflops / peak, b->bytes / ms[0] * 1e-6);
}
