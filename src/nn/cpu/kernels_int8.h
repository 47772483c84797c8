/*
 * The 8-bit kernels: products of u8 activations with s8 weights, summed in int32.
 *
 * A number x of input channel k is held as q = round(x / step[k]) + zero[k], 0 ≤ q ≤ 255. A weight
 * w takes its input's step along and is held as w8 = round(w·step[k] / scale[j]), -127 … 127, with
 * one scale for an output channel j. Then
 *
 *   Σ x·w ≈ scale[j]·(Σ q·w8 - Σ zero[k]·w8)        all inside the brackets exact in int32
 *
 * As in kernels.h, one text (kernel_int8.h) is compiled once per tier and CPU_INT8_KERNELS is the
 * registry. The sums are exact in every tier; what surrounds them differs by rounding.
 *
 * A tier with `short_sums` adds four products in 16 bits before they go on in 32: those of bytes 0,
 * 1, 4 and 5 of every eight of the depth, and those of 2, 3, 6 and 7. So that none overflows, of
 * such four weights those of one sign are CPU_INT8_SHORT in sum at most: 255·128 < 2^15. Where they
 * would be more, the scale of the output channel is larger.
 */
#ifndef SE_NN_CPU_KERNELS_INT8_H
#define SE_NN_CPU_KERNELS_INT8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/cpu/kernels.h"

enum {
    CPU_INT8_GROUP = 4,
    CPU_INT8_STEP = 2 * CPU_INT8_GROUP, /* the depth of panels is a multiple of it */
    CPU_INT8_SHORT = 128,
    CPU_INT8_SEGMENTS = 3,  /* rows of taps of a convolution */
    CPU_INT8_MAX_K = 65536, /* k·255·127 fits int32 */
};

/*
 * A matrix [k, n] of s8 cut into panels of 1 to 3 vectors of columns, the depth in groups of 4:
 *
 *   b:  [panel 0: groups × (vectors·vl columns × 4 bytes)][panel 1 …
 *
 * Columns past n and rows past k are zero. Panels have tile.vectors vectors, the last what is left.
 */
struct cpu_int8_panels {
    size_t k, n;
    size_t groups;  /* of 4: k / 4, rounded up to an even number */
    size_t vectors; /* n / vl, rounded up */
    const int8_t *b;
    const int32_t *start; /* [vectors·vl]: -Σ zero·w8, where a sum begins */
    const float *scale;   /* [vectors·vl] */
    const float *bias;    /* [vectors·vl] */
};

/*
 * How the channels of a tensor are held in 8 bits: x·factor + zero, rounded and kept in 0 … 255.
 *
 * Adding CPU_INT8_MAGIC, 1.5·2^23, rounds to a whole number (halves to even), which is then in the
 * low bits of the float; so that number is part of the offset.
 */
#define CPU_INT8_MAGIC 12582912.0f

struct cpu_int8_range {
    const float *factor; /* [channels, rounded up to a vector]: 1 / step */
    const float *offset; /* [the same]: CPU_INT8_MAGIC + zero */
};

/* q[r][i] = x[r][i] in 8 bits, r < rows, i < c; then zeros up to a multiple of CPU_INT8_STEP. A
 * number that is none becomes any of the 256. */
struct cpu_int8_quantize {
    const float *x;
    ptrdiff_t x_step;
    size_t rows, c;
    uint8_t *q;
    ptrdiff_t q_step;
    struct cpu_int8_range range;
};

/*
 * y[i][j] = act(Σ a[i][·]·b[·][j]), dequantised, with the bias and a residual as residual_mode
 * says; i < rows, j < b->n. A row of a is of `segments` runs, 1 … CPU_INT8_SEGMENTS of as many
 * bytes each (a multiple of CPU_INT8_STEP), 4·groups in all: run s of row i is at a[s] + i·lda.
 * Where `q` is set, y goes there in 8 bits and there is no residual; else to c.
 */
struct cpu_int8_gemm {
    size_t rows;
    const uint8_t *a[CPU_INT8_SEGMENTS];
    size_t segments;
    ptrdiff_t lda;
    const struct cpu_int8_panels *b;
    float *c;
    ptrdiff_t ldc;
    const float *residual;
    ptrdiff_t ldr;
    enum nn_residual residual_mode;
    struct nn_activation act;
    uint8_t *q; /* NULL: to c */
    ptrdiff_t ldq;
    struct cpu_int8_range range; /* of what goes to q */
};

#define CPU_INT8_KERNELS(X)                                                                        \
    X(quantize, struct cpu_int8_quantize)                                                          \
    X(gemm, struct cpu_int8_gemm)

struct cpu_int8_kernels {
    const char *tier;      /* "avx512vnni" */
    const char *precision; /* "int8 avx512vnni", for people */
    struct cpu_tile tile;  /* vl: columns of a vector */
    bool short_sums;
#define X(name, type) void (*name)(const type *);
    CPU_INT8_KERNELS(X)
#undef X
    /* As in struct cpu_kernels: the four multiply-adds of an instruction count. */
    float (*peak)(size_t rounds);
    const char *const *names; /* of the rows, such as "u8_gemm_8x48__avx512vnni" */
};

enum cpu_int8_kernel_index {
#define X(name, type) CPU_INT8_KERNEL_##name,
    CPU_INT8_KERNELS(X)
#undef X
        CPU_INT8_KERNEL_COUNT
};

extern const struct cpu_int8_kernels cpu_int8_kernels_portable;
#if defined(__x86_64__)
extern const struct cpu_int8_kernels cpu_int8_kernels_avx2;
extern const struct cpu_int8_kernels cpu_int8_kernels_avx512vnni;
#endif

/* Vectors in the panel that comes when `left` > 0 vectors are left. */
static inline size_t cpu_int8_panel_vectors(const struct cpu_tile *tile, size_t left)
{
    return left < tile->vectors ? left : tile->vectors;
}

#endif
