#include "diag/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/median.h"
#include "base/pool.h"
#include "image/draw.h"
#include "image/png_write.h"
#include "nn/backend.h"
#include "nn/cpu/cpu_detect.h"
#include "nn/cpu/cpu_int8.h"
#include "reader/models.h"
#include "reader/precision.h"
#include "reader/reader.h"
#include "reader/result.h"

enum {
    PEAK_ROUNDS = 1000000, /* of kernels->peak: some milliseconds */
    PEAK_REPEATS = 20,
    MAX_PNG_BYTES = 64 << 20
};

int bench_threads(const se_settings *settings)
{
    const int threads = settings_values_of(settings)->threads;
    return threads > 0 ? threads : pool_default_threads();
}

int bench_jobs(const se_settings *settings)
{
    const int jobs = settings_values_of(settings)->jobs;
    return jobs > 0 ? jobs : pool_default_threads();
}

/* ---- peak ----------------------------------------------------------------------------------- */

/* Those of a tier that the machine has, AUTO: of the fastest. */
static const struct cpu_kernels *kernels_of(enum nn_cpu_tier limit)
{
#if defined(__x86_64__)
    const char *missing;
#if defined(SE_HAVE_AMX)
    if (limit == NN_CPU_AMX_BF16)
        return &cpu_kernels_amx_bf16;
    if ((limit == NN_CPU_AUTO || limit == NN_CPU_AMX) && cpu_has_tier(NN_CPU_AMX, &missing))
        return &cpu_kernels_amx;
#endif
#if defined(SE_HAVE_AVX512_BF16)
    if (limit == NN_CPU_AVX512_BF16)
        return &cpu_kernels_avx512_bf16;
#endif
    if ((limit == NN_CPU_AUTO || limit >= NN_CPU_AVX512) && cpu_has_tier(NN_CPU_AVX512, &missing))
        return &cpu_kernels_avx512;
    if (limit != NN_CPU_PORTABLE && cpu_has_tier(NN_CPU_AVX2, &missing))
        return &cpu_kernels_avx2;
#endif
    (void)limit;
    return &cpu_kernels_portable;
}

struct peak {
    float (*run)(size_t rounds);
    _Atomic float sink; /* keeps the work from being dropped */
};

static void peak_piece(void *context, size_t piece, int thread)
{
    (void)piece;
    (void)thread;
    struct peak *peak = context;
    peak->sink = peak->run(PEAK_ROUNDS);
}

int bench_peak(const se_settings *settings, int threads, double *gflops, se_error *err)
{
    enum nn_cpu_tier tier;
    FORWARD_IF_ERROR(precision_tier(settings_values_of(settings), &tier, err));
    /* Refuses a tier that the machine lacks. */
    if (!nn_cpu_backend(tier, err))
        return SE_ERR_UNSUPPORTED;
    const struct cpu_kernels *kernels = kernels_of(tier);
    const struct cpu_int8_kernels *int8 = cpu_int8_kernels_for(kernels);
    const bool is_int8 = precision_is_int8(settings_values_of(settings));
    struct peak peak = {.run = is_int8 ? int8->peak : kernels->peak};
    struct pool *pool;
    FORWARD_IF_ERROR(pool_create(&pool, threads, err));
    const size_t vl = is_int8 ? int8->tile.vl : kernels->tile.vl;
    const double flop = 2.0 * PEAK_ROUNDS * CPU_PEAK_FMAS * (double)vl * threads;
    *gflops = 0;
    for (int i = 0; i < PEAK_REPEATS; i++) {
        const int64_t start = clock_now_ns();
        pool_run(pool, peak_piece, &peak, (size_t)threads);
        *gflops = fmax(*gflops, flop / (double)(clock_now_ns() - start));
    }
    pool_free(pool);
    return SE_OK;
}

/* ---- one network ---------------------------------------------------------------------------- */

/* The same noise in -1 … 1 on every machine. */
static void fill_with_noise(float *x, size_t count)
{
    uint32_t random = 1;
    for (size_t i = 0; i < count; i++) {
        random = random * 1664525U + 1013904223U; /* Numerical Recipes' generator */
        x[i] = (float)(random >> 8) * 0x1p-23F - 1.0F;
    }
}

static int time_runs(struct nn_exec *exec, struct bench_network *bench,
                     const struct se_cancel *cancel, double *ms, se_error *err)
{
    const int64_t shape[4] = {bench->batch, bench->height, bench->width, 3};
    const struct budget budget = {.cancel = cancel};
    FORWARD_IF_ERROR(nn_exec_prepare(exec, shape, err));
    fill_with_noise(nn_exec_input(exec),
                    (size_t)bench->batch * (size_t)bench->height * (size_t)bench->width * 3);
    FORWARD_IF_ERROR(nn_exec_run(exec, &budget, err));
    for (int i = 0; i < bench->iterations; i++) {
        const int64_t start = clock_now_ns();
        FORWARD_IF_ERROR(nn_exec_run(exec, &budget, err));
        ms[i] = 1e-6 * (double)(clock_now_ns() - start);
    }
    bench->ms_median = median_of(ms, (size_t)bench->iterations);
    bench->ms_min = ms[0];
    bench->gflop = 1e-9 * nn_exec_flop(exec);
    bench->gflops = 1e3 * bench->gflop / bench->ms_min;
    return nn_exec_device_ms(exec, &bench->ms_device, err);
}

static int time_model(const struct nn_model *model, const struct settings_values *values,
                      struct bench_network *bench, const struct se_cancel *cancel, se_error *err)
{
    struct nn_exec *exec = NULL;
    struct pool *pool;
    FORWARD_IF_ERROR(pool_create(&pool, bench->gpu ? 1 : bench->threads, err));
    const size_t size = (size_t)bench->iterations * sizeof(double);
    double *ms = malloc(size);
    int status = ms ? SE_OK : se_fail_memory(err, "times", size);
    if (status == SE_OK)
        status = nn_exec_create(&exec, model, pool, bench->gpu ? 0 : (size_t)values->arena_mb << 20,
                                err);
    if (status == SE_OK)
        status = time_runs(exec, bench, cancel, ms, err);
    nn_exec_free(exec);
    free(ms);
    pool_free(pool);
    return status;
}

/* What the network is loaded with; 8 bits are the CPU's. */
static int network_options(const struct settings_values *values, const struct model_paths *paths,
                           const struct bench_network *bench, struct nn_model_options *out,
                           se_error *err)
{
    if (!bench->gpu)
        return bench->recognizer
                   ? precision_network(values, MODEL_RECOGNIZER, paths->recognizer, out, err)
                   : precision_network(values, MODEL_DETECTOR, paths->detector, out, err);
    *out = (struct nn_model_options){.backend = NN_BACKEND_GPU,
                                     .device = values->device,
                                     .device_max_bytes = (size_t)values->gpu_memory_mb << 20};
    return precision_tier(values, &out->cpu, err);
}

int bench_network(const se_settings *settings, struct bench_network *bench,
                  const struct se_cancel *cancel, se_error *err)
{
    const struct settings_values *values = settings_values_of(settings);
    struct model_paths paths;
    struct nn_model *model;
    struct nn_model_options options;
    bench->threads = bench->gpu ? 0 : bench_threads(settings);
    FORWARD_IF_ERROR(models_find(values, &paths, err));
    int status = network_options(values, &paths, bench, &options, err);
    if (status == SE_OK)
        status = nn_model_load(&model, bench->recognizer ? paths.recognizer : paths.detector,
                               &options, err);
    model_paths_free(&paths);
    FORWARD_IF_ERROR(status);
    snprintf(bench->precision, sizeof(bench->precision), "%s", nn_model_precision_name(model));
    snprintf(bench->backend, sizeof(bench->backend), "%s", nn_model_backend_name(model));
    if (bench->gpu)
        bench->peak_gflops = nn_model_peak_gflops(model);
    else
        status = bench_peak(settings, bench->threads, &bench->peak_gflops, err);
    if (status == SE_OK)
        status = time_model(model, values, bench, cancel, err);
    nn_model_free(model);
    FORWARD_IF_ERROR(status);
    bench->percent_of_peak = bench->peak_gflops > 0 ? 100 * bench->gflops / bench->peak_gflops : 0;
    return SE_OK;
}

/* ---- pictures ------------------------------------------------------------------------------- */

int bench_picture(se_reader *reader, const void *bytes, size_t size, int iterations,
                  const struct se_cancel *cancel, struct bench_picture *out, se_error *err)
{
    se_read_options options = SE_READ_OPTIONS_INIT;
    options.time_limit_ms = 0;
    options.cancel = cancel;
    *out = (struct bench_picture){.ms = INFINITY};
    for (int i = -1; i < iterations; i++) {
        se_result *result;
        FORWARD_IF_ERROR(se_read(reader, bytes, size, &options, &result, err));
        if (i >= 0 && result->ms < out->ms) {
            out->ms = result->ms;
            out->times = result->times;
        }
        se_result_free(result);
    }
    return SE_OK;
}

const char *bench_precision(const se_reader *reader, bool recognizer)
{
    return nn_model_precision_name(recognizer ? recognizer_model(reader->recognizer)
                                              : reader->detector);
}

int bench_make_picture(struct buffer *png, se_error *err)
{
    static const char *const lines[] = {"EXAMPLE DEVICE 4200", "Model: EX-4200B", "P/N: 55-1208-03",
                                        "S/N: 7KD9X2041HMW", "INPUT 100-240V 50/60Hz 1.5A"};
    static const struct draw_color ink = {30, 30, 40}, paper = {235, 235, 228};
    enum { WIDTH = 1600, HEIGHT = 1200, LEFT = 220, TOP = 300, LINE = 150, SCALE = 5 };
    struct image image;
    FORWARD_IF_ERROR(image_create(&image, WIDTH, HEIGHT, 3, err));
    for (int y = 0; y < HEIGHT; y++)
        memset(image_row(&image, y), 150 + 40 * y / HEIGHT, (size_t)WIDTH * 3);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const struct point at = {LEFT, (float)(TOP + LINE * (int)i)};
        draw_label(&image, at, lines[i], SCALE, ink, paper);
    }
    buffer_init(png, MAX_PNG_BYTES);
    const int status = png_write(&image, png, err);
    image_free(&image);
    return status;
}
