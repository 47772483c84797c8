#include "diag/bench_gpu.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/median.h"
#include "nn/gpu_info.h"
#include "nn/nn.h"
#include "reader/reader.h"
#include "reader/settings.h"

int bench_gpu_find(const se_settings *settings, char name[BENCH_GPU_NAME], se_error *err)
{
    int version, count;
    struct nn_gpu_info info;
    name[0] = '\0';
    FORWARD_IF_ERROR(nn_gpu_count(&version, &count, err));
    FORWARD_IF_ERROR(nn_gpu_describe(settings_values_of(settings)->device, &info, err));
    snprintf(name, BENCH_GPU_NAME, "%s", info.name);
    return SE_OK;
}

int bench_pair(const se_settings *settings, bool use_gpu, struct bench_pair *pair,
               const struct se_cancel *cancel, se_error *err)
{
    pair->has_gpu = false;
    se_error_clear(&pair->why_not);
    pair->cpu.gpu = false;
    pair->gpu = pair->cpu;
    pair->gpu.gpu = true;
    FORWARD_IF_ERROR(bench_network(settings, &pair->cpu, cancel, err));
    if (!use_gpu)
        return SE_OK;
    const int status = bench_network(settings, &pair->gpu, cancel, &pair->why_not);
    pair->has_gpu = status == SE_OK;
    if (status == SE_ERR_CANCELLED && err)
        *err = pair->why_not;
    return status == SE_ERR_CANCELLED ? status : SE_OK;
}

/* ---- pictures ------------------------------------------------------------------------------- */

static int time_all(se_reader *reader, const struct bench_pictures *pictures, int iterations,
                    const struct se_cancel *cancel, double *ms, struct bench_side *out,
                    se_error *err)
{
    const double count = (double)pictures->count;
    for (size_t i = 0; i < pictures->count; i++) {
        const struct buffer *bytes = &pictures->items[i];
        struct bench_picture one;
        FORWARD_IF_ERROR(
            bench_picture(reader, bytes->data, bytes->size, iterations, cancel, &one, err));
        ms[i] = one.ms;
        out->ms_mean += one.ms / count;
        for (int s = 0; s < STAGE_COUNT; s++) {
            out->mean.stages[s].ns += one.times.stages[s].ns;
            out->mean.stages[s].flop += one.times.stages[s].flop / count;
            out->mean.stages[s].bytes += one.times.stages[s].bytes / count;
        }
    }
    for (int s = 0; s < STAGE_COUNT; s++)
        out->mean.stages[s].ns /= (int64_t)pictures->count;
    out->ms_median = median_of(ms, pictures->count);
    return SE_OK;
}

static int measure(const se_settings *settings, const struct bench_pictures *pictures,
                   int iterations, int jobs, double seconds, const struct se_cancel *cancel,
                   struct bench_side *out, se_error *err)
{
    se_reader *reader;
    const size_t size = pictures->count * sizeof(double);
    double *ms = malloc(size);
    if (!ms)
        return se_fail_memory(err, "times", size);
    int status = se_open(&reader, settings, err);
    if (status == SE_OK) {
        out->peak_gflops = nn_model_peak_gflops(reader->detector);
        status = time_all(reader, pictures, iterations, cancel, ms, out, err);
        out->gpu_bytes = reader->on_gpu ? nn_gpu_used(settings_values_of(settings)->device) : 0;
        se_close(reader);
    }
    free(ms);
    FORWARD_IF_ERROR(status);
    return bench_throughput(settings, pictures, jobs, seconds, cancel, &out->per_second, err);
}

int bench_side(const se_settings *settings, bool use_gpu, const struct bench_pictures *pictures,
               int iterations, int jobs, double seconds, const struct se_cancel *cancel,
               struct bench_side *out, se_error *err)
{
    *out = (struct bench_side){.ms_mean = 0};
    RETURN_ERROR_IF(pictures->count == 0, err, SE_ERR_ARGUMENT, "no pictures to measure with");
    se_settings *own;
    FORWARD_IF_ERROR(settings_copy(&own, settings, err));
    int status = se_settings_set(own, "use_gpu", use_gpu ? "true" : "false", "bench", err);
    if (status == SE_OK)
        status = se_settings_set(own, "jobs", "1", "bench", err);
    if (status == SE_OK)
        status = measure(own, pictures, iterations, jobs, seconds, cancel, out, err);
    if (status == SE_OK && !use_gpu)
        status = bench_peak(own, bench_threads(own), &out->peak_gflops, err);
    se_settings_free(own);
    return status;
}
