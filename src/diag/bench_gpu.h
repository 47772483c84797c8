/*
 * The CPU against the GPU: both networks at several batch sizes, and whole pictures stage by stage.
 */
#ifndef SE_DIAG_BENCH_GPU_H
#define SE_DIAG_BENCH_GPU_H

#include "diag/bench.h"

/* The GPU that the setting `device` names: its name. SE_ERR_DEVICE says why there is none. */
enum { BENCH_GPU_NAME = 80 };
int bench_gpu_find(const se_settings *settings, char name[BENCH_GPU_NAME], se_error *err);

/* One network at one batch size. */
struct bench_pair {
    struct bench_network cpu, gpu;
    bool has_gpu;     /* else `gpu` was not measured */
    se_error why_not; /* the batch does not fit into its memory, and the like; "" */
};

/* Times pair->cpu as filled in and, with `use_gpu`, the same on the GPU. Errors of the CPU's run,
 * and SE_ERR_CANCELLED; what the GPU refuses is in why_not. */
int bench_pair(const se_settings *settings, bool use_gpu, struct bench_pair *pair,
               const struct se_cancel *cancel, se_error *err);

/* How one of the two reads pictures. */
struct bench_side {
    double ms_mean, ms_median; /* of the fastest run of each picture, one at a time */
    struct stage_times mean;   /* over the pictures */
    double per_second;         /* with `jobs` side by side */
    size_t gpu_bytes;          /* taken from the GPU while they were read one at a time */
    double peak_gflops;        /* as in struct bench_network */
};

/* Measures with use_gpu = true or false, whatever the settings say: `iterations` runs of each
 * picture on all threads, then `seconds` of `jobs` at once. Errors of se_open (SE_ERR_DEVICE: the
 * GPU does not pass its self-test, and the like) and se_read. */
int bench_side(const se_settings *settings, bool use_gpu, const struct bench_pictures *pictures,
               int iterations, int jobs, double seconds, const struct se_cancel *cancel,
               struct bench_side *out, se_error *err);

#endif
