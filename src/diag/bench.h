/*
 * How fast the networks and the whole way through a picture are on this machine, beside the most
 * that its processor can do.
 */
#ifndef SE_DIAG_BENCH_H
#define SE_DIAG_BENCH_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/stage.h"

enum { BENCH_MAX_ITERATIONS = 100000, BENCH_MAX_SIDE = 8192 };

/* Threads that one picture gets: the setting, or as many as the machine grants. */
int bench_threads(const se_settings *settings);

/* Pictures that are read side by side: the setting, or as many as the machine grants. */
int bench_jobs(const se_settings *settings);

/*
 * Measured speed of independent multiply-adds on `threads` threads at once, in the instruction set
 * and the precision of products that the settings allow: GFLOP/s that no kernel can pass.
 * SE_ERR_UNSUPPORTED for an instruction set that this machine lacks, SE_ERR_MEMORY.
 */
int bench_peak(const se_settings *settings, int threads, double *gflops, se_error *err);

/* ---- one network ---------------------------------------------------------------------------- */

struct bench_network {
    /* Asked for: */
    bool recognizer; /* else the detector */
    int height, width;
    int batch;      /* images in one run, >= 1 */
    int iterations; /* >= 1, after one that does not count */
    bool gpu;       /* on the GPU that the setting `device` names, else on the CPU */
    /* Found: */
    char backend[64];
    char precision[64]; /* "fp32", "int8 avx2" */
    int threads;        /* of the CPU; 0 on a GPU */
    double ms_min, ms_median;
    double ms_device;       /* of a GPU: its own, input and output being in its memory; else 0 */
    double gflop;           /* of one run */
    double gflops;          /* GFLOP/s of the shortest run */
    double peak_gflops;     /* CPU: measured, of as many threads; GPU: nn_model_peak_gflops */
    double percent_of_peak; /* 0 where the peak is not known */
};

/* Times a network, with all its classes, on noise [batch, height, width, 3]. On a GPU a run begins
 * and ends in the host's memory (but for ms_device). SE_ERR_CANCELLED, and the errors of
 * models_find, nn_model_load and nn_exec_prepare. */
int bench_network(const se_settings *settings, struct bench_network *bench,
                  const struct se_cancel *cancel, se_error *err);

/* ---- pictures ------------------------------------------------------------------------------- */

struct bench_picture {
    double ms; /* of the fastest run */
    struct stage_times times;
};

/* Reads a picture once for nothing and then `iterations` times, without a time limit; keeps the
 * fastest. Errors: those of se_read. */
int bench_picture(se_reader *reader, const void *bytes, size_t size, int iterations,
                  const struct se_cancel *cancel, struct bench_picture *out, se_error *err);

/* Pictures in memory, for runs that go over them again and again. */
struct bench_pictures {
    struct buffer *items; /* owned, as the buffers are; [count] */
    size_t count;
};

void bench_pictures_free(struct bench_pictures *pictures);

/* How many pictures a second a machine reads when `jobs` are read side by side, on one thread each,
 * for about `seconds`: without a time limit, with use_gpu as the settings have it.
 * SE_ERR_CANCELLED; errors of se_open and se_read. */
int bench_throughput(const se_settings *settings, const struct bench_pictures *pictures, int jobs,
                     double seconds, const struct se_cancel *cancel, double *per_second,
                     se_error *err);

/* In which precision a network of an open reader runs: "fp32", "int8 avx2". Static storage. */
const char *bench_precision(const se_reader *reader, bool recognizer);

/* A picture to measure with where none is given, as the bytes of a PNG: a drawn label. */
int bench_make_picture(struct buffer *png, se_error *err);

#endif
