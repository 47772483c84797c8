/*
 * --bench of kernels that do little but move memory, on rows of the detector at 736×736: for them
 * the gigabytes a second say more than the per cent of the peak.
 */
#include <stdlib.h>

#include "kernel_check.h"

enum { W = 368, H = 8, C = 24 }; /* of the first layers */

#define RUN(kernel)                                                                                \
    static void run_##kernel(const struct cpu_kernels *kernels, const void *args)                  \
    {                                                                                              \
        kernels->kernel(args);                                                                     \
    }
RUN(maxpool)
RUN(avgpool)
RUN(resize)
RUN(sum)
RUN(binary)
RUN(layernorm)
RUN(logsum)
#undef RUN

static void bench(struct check_bench b, const struct cpu_kernels *kernels, const char *name)
{
    b.kernels = kernels;
    b.name = name;
    check_bench_run(&b);
    check_free_areas(name);
}

static struct cpu_pool2d pool_args(void)
{
    return (struct cpu_pool2d){
        .x = check_random(H * W * C, false),
        .x_pitch = C,
        .h = H,
        .w = W,
        .c = C,
        .out = check_area(H * W * C),
        .out_pitch = C,
        .ow = W,
        .y_end = H,
        .attr = {.kernel = {2, 2}, .stride = {1, 1}, .dilation = {1, 1}, .pad = {0, 0, 1, 1}},
    };
}

void bench_maxpool(const struct cpu_kernels *kernels, const char *name)
{
    const struct cpu_pool2d p = pool_args();
    bench((struct check_bench){.shape = "8 x 368 x 24, kernel 2 x 2",
                               .flop = 4.0 * H * W * C,
                               .bytes = 8.0 * H * W * C,
                               .run = run_maxpool,
                               .args = &p},
          kernels, name);
}

void bench_avgpool(const struct cpu_kernels *kernels, const char *name)
{
    const struct cpu_pool2d p = pool_args();
    bench((struct check_bench){.shape = "8 x 368 x 24, kernel 2 x 2",
                               .flop = 4.0 * H * W * C,
                               .bytes = 8.0 * H * W * C,
                               .run = run_avgpool,
                               .args = &p},
          kernels, name);
}

void bench_resize(const struct cpu_kernels *kernels, const char *name)
{
    enum { OUT = 184, MAPS = 96 };
    int32_t map[OUT];
    for (int32_t i = 0; i < OUT; i++)
        map[i] = i / 2;
    const struct cpu_resize r = {
        .x = check_random((size_t)OUT / 2 * MAPS, false),
        .x_pitch = MAPS,
        .map = map,
        .ow = OUT,
        .c = MAPS,
        .out = check_area((size_t)OUT * MAPS),
        .out_pitch = MAPS,
        .residual = check_random((size_t)OUT * MAPS, false),
        .residual_pitch = MAPS,
        .residual_mode = NN_RESIDUAL_AFTER,
    };
    bench((struct check_bench){.shape = "92 to 184 x 96, residual",
                               .flop = (double)OUT * MAPS,
                               .bytes = 10.0 * OUT * MAPS,
                               .run = run_resize,
                               .args = &r},
          kernels, name);
}

void bench_sum(const struct cpu_kernels *kernels, const char *name)
{
    enum { PIXELS = 512, MAPS = 96 };
    const struct cpu_sum s = {
        .x = check_random((size_t)PIXELS * MAPS, false),
        .x_pitch = MAPS,
        .pixels = PIXELS,
        .c = MAPS,
        .sum = check_area(MAPS),
    };
    bench((struct check_bench){.shape = "512 x 96",
                               .flop = (double)PIXELS * MAPS,
                               .bytes = 4.0 * PIXELS * MAPS,
                               .run = run_sum,
                               .args = &s},
          kernels, name);
}

void bench_binary(const struct cpu_kernels *kernels, const char *name)
{
    enum { ROWS = 170, MAPS = 96 };
    const struct cpu_binary b = {
        .a = check_random((size_t)ROWS * MAPS, false),
        .b = check_random(MAPS, false),
        .a_stride = 1,
        .b_stride = 1,
        .y = check_area((size_t)ROWS * MAPS),
        .rows = ROWS,
        .count = MAPS,
        .a_step = MAPS,
        .y_step = MAPS,
        .op = NN_BINARY_MUL,
    };
    bench((struct check_bench){.shape = "170 x 96, a factor for each column",
                               .flop = (double)ROWS * MAPS,
                               .bytes = 8.0 * ROWS * MAPS,
                               .run = run_binary,
                               .args = &b},
          kernels, name);
}

void bench_layernorm(const struct cpu_kernels *kernels, const char *name)
{
    enum { ROWS = 40, MAPS = 120 };
    const struct cpu_rows n = {
        .x = check_random((size_t)ROWS * MAPS, false),
        .ldx = MAPS,
        .y = check_area((size_t)ROWS * MAPS),
        .ldy = MAPS,
        .rows = ROWS,
        .c = MAPS,
        .gamma = check_random(MAPS, false),
        .beta = check_random(MAPS, false),
        .epsilon = 1e-5f,
    };
    bench((struct check_bench){.shape = "40 x 120",
                               .flop = 7.0 * ROWS * MAPS,
                               .bytes = 8.0 * ROWS * MAPS,
                               .run = run_layernorm,
                               .args = &n},
          kernels, name);
}

void bench_logsum(const struct cpu_kernels *kernels, const char *name)
{
    enum { ROWS = 40, COLUMNS = 768 };
    const struct cpu_logsum s = {
        .x = check_random((size_t)ROWS * COLUMNS, false),
        .ldx = COLUMNS,
        .rows = ROWS,
        .c = COLUMNS,
        .largest = check_area(ROWS),
        .where = malloc(ROWS * sizeof(int32_t)),
        .sum = check_area(ROWS),
    };
    if (s.where)
        bench((struct check_bench){.shape = "40 x 768",
                                   .flop = (double)ROWS * COLUMNS,
                                   .bytes = 4.0 * ROWS * COLUMNS,
                                   .run = run_logsum,
                                   .args = &s},
              kernels, name);
    free(s.where);
}
