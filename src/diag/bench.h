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

/*
 * Measured speed of independent fused multiply-adds on `threads` threads at once, in the
 * instruction set that the settings allow: GFLOP/s that no kernel can pass. SE_ERR_UNSUPPORTED for
 * an instruction set that this machine lacks, SE_ERR_MEMORY.
 */
int bench_peak(const se_settings *settings, int threads, double *gflops, se_error *err);

/* ---- one network ---------------------------------------------------------------------------- */

struct bench_network {
    /* Asked for: */
    bool recognizer; /* else the detector */
    int height, width;
    int iterations; /* >= 1, after one that does not count */
    /* Found: */
    char backend[64];
    char precision[64]; /* "fp32", "int8 avx2" */
    int threads;
    double ms_min, ms_median;
    double gflop;           /* of one run */
    double gflops;          /* GFLOP/s of the shortest run */
    double percent_of_peak; /* of the peak of as many threads */
};

/* Times a network, with all its classes, on noise [1, height, width, 3]. SE_ERR_CANCELLED, and the
 * errors of models_find, nn_model_load and nn_exec_prepare. */
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

/* In which precision the detector of an open reader runs: "fp32", "int8 avx2". Static storage. */
const char *bench_precision(const se_reader *reader);

/* A picture to measure with where none is given, as the bytes of a PNG: a drawn label. */
int bench_make_picture(struct buffer *png, se_error *err);

#endif
