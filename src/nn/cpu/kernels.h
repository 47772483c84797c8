/*
 * The CPU kernels: what each computes, on which memory, and the table that a tier fills.
 *
 * A kernel works on one thread and does one piece of a step: some rows, some pixels. The backend
 * (cpu_*.c) cuts steps into pieces at borders that do not depend on the number of threads, so that
 * results do not either. Kernels read and write exactly the elements named here, never a float
 * more, allocate nothing and cannot fail.
 *
 * One text per operation (kernel_*.h) is compiled once per tier (tier_*.c). CPU_KERNELS below is
 * the registry: the table, its rows for people, and the tests all expand it.
 */
#ifndef SE_NN_CPU_KERNELS_H
#define SE_NN_CPU_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/ir.h"

enum { CPU_MAX_TAPS = 7 * 7, CPU_PEAK_FMAS = 12 };

/*
 * A matrix [k, n] cut into panels of 1 to 3 vectors of columns, and a bias.
 *
 *   b:  [panel 0: k rows of nv0·vl floats][panel 1: k rows of nv1·vl floats] …    bias:
 * [vectors·vl]
 *
 * Columns past n are zero. Panels have tile.vectors vectors each, but for the last one or two
 * (cpu_panel_vectors). Where tile.parts is not 0, b is in split form instead.
 */
struct cpu_panels {
    size_t k, n;
    size_t vectors; /* n / vl, rounded up */
    const float *b;
    const float *bias; /* never NULL */
};

/* Tile sizes of a tier. */
struct cpu_tile {
    size_t vl;      /* floats in a vector */
    size_t vectors; /* in a usual panel: 2 or 3 */
    size_t rows[3]; /* of a GEMM tile with 1, 2, 3 vectors */
    /* Products take matrices in split form (below), where a number is so many of bfloat16: 2, hi
     * and lo, or hi alone. 0: in float32. */
    size_t parts;
    /* Floats that the first CONV of a stem makes of an image from which on the stem is computed
     * over planes (cpu_planar.c), in float32 whatever `parts` is; 0: never. */
    int64_t planes_from;
};

/*
 * Split form, for tiers with tile.parts: each number as two of bfloat16, hi and lo (kernel_bf16.h),
 * in tiles of 1 KB, or, with one part, as hi alone, without the tiles of lo:
 *
 *   rows:     for each 16 rows, for each 32 of k:     [hi: 16 × 32][lo: 16 × 32]
 *   weights:  for each 16 columns, for each 32 of k:  [hi: 16 pairs of k × 16 columns × 2][lo: …]
 *
 * Past k there are zeros; what is in rows past the last is left open.
 */
enum { CPU_SPLIT_STEP = 32, CPU_SPLIT_ROWS = 16 };

/* k rounded up to whole steps. */
static inline size_t cpu_split_depth(size_t k)
{
    return (k + CPU_SPLIT_STEP - 1) / CPU_SPLIT_STEP * CPU_SPLIT_STEP;
}

/* Floats of rows [rows, k] in the form that products of this tier take; 0 where that is theirs. */
static inline size_t cpu_split_floats(const struct cpu_tile *tile, size_t rows, size_t k)
{
    const size_t whole = (rows + CPU_SPLIT_ROWS - 1) / CPU_SPLIT_ROWS * CPU_SPLIT_ROWS;
    return whole * cpu_split_depth(k) * tile->parts / 2;
}

/* Vectors in the panel that comes when `left` > 0 vectors are left: never 1 behind others. */
static inline size_t cpu_panel_vectors(const struct cpu_tile *tile, size_t left)
{
    if (left <= 3)
        return left;
    return left == 4 ? 2 : tile->vectors;
}

/*
 * c[i][j] = act(Σ a[i][·]·b[·][j] + bias[j]), and a residual added as residual_mode says;
 * i < rows, j < b->n. Row i of a is made of `segments` runs of `depth` floats: run s begins at
 * a[s] + i·lda and meets rows k_first + s·depth … of b.
 *
 * With tile.parts, `split` is memory of cpu_split_floats(rows, b->k) floats at a 64-byte boundary
 * for a in split form: written where `a` is given, read where that is NULL. The result may then be
 * wanted in split form too, as rows [rows, b->n] at split_c; it has no residual then, and c is not
 * written. Other tiers look at neither.
 */
struct cpu_gemm {
    size_t rows;
    const float *const *a; /* [segments] */
    size_t segments, depth;
    ptrdiff_t lda;
    const struct cpu_panels *b;
    size_t k_first;
    float *c;
    ptrdiff_t ldc;
    const float *residual;
    ptrdiff_t ldr;
    enum nn_residual residual_mode;
    struct nn_activation act;
    float *split, *split_c;
    const struct cpu_split_view *view; /* not NULL: a instead, and neither `a` nor `split` is */
};

/*
 * Rows of a product that overlap, as in a convolution over a picture whose numbers were split row
 * by row (cpu_split_run): row i is `runs` runs of 32·steps numbers, run r of them from hi + i·pixel
 * + r·run on, the same of lo, if there is one, `lo` numbers behind. b->k = runs·steps·32; what a
 * run holds more than the `depth` it should meets weights of 0, so it must be finite.
 */
struct cpu_split_view {
    const uint16_t *hi;
    ptrdiff_t lo, pixel, run;
    size_t runs, steps, depth; /* depth ≤ 32·steps */
};

/* hi[r][i], lo[r][i] of x[r][i], r < rows, i < count; rows of x are x_step apart, of hi and lo
 * `step`. With one part lo is not looked at. */
struct cpu_split_run {
    const float *x;
    ptrdiff_t x_step;
    size_t rows, count;
    uint16_t *hi, *lo;
    ptrdiff_t step;
};

/*
 * Depthwise convolution of output rows [y_first, y_end) of one image:
 * out[y][x][c] = act(bias[c] + Σ in[y·sy + ky·dy - top][x·sx + kx·dx - left][c] · w[ky·kw +
 * kx][c]).
 */
struct cpu_dwconv {
    const float *x; /* [h, w, c] of pitch x_pitch */
    ptrdiff_t x_pitch;
    size_t h, w, c;
    float *out; /* rows y_first … y_end alone: [y_end - y_first, ow, c] of pitch out_pitch */
    ptrdiff_t out_pitch;
    size_t ow, y_first, y_end;
    const float *weight; /* [kh·kw, c_padded] */
    const float *bias;   /* [c_padded] */
    size_t c_padded;     /* c rounded up to a whole vector */
    struct nn_attr attr; /* kernel, stride, dilation, pad, act */
};

/*
 * Winograd's F(4×4, 3×3), one tile of one image (kernel_wino.h).
 *
 * wino_in: the 6×6 pixels x[6·row + column], c floats each, become out[p·step + ·], p < 36.
 * wino_out: products m[p·step + ·], p < 36, become the outputs [rows, columns] (at most 4×4) at
 * `out`, rows row_step floats and pixels `pitch` apart: act(· + bias).
 */
enum { CPU_WINO_SIDE = 6, CPU_WINO_OUT = 4 };

struct cpu_wino_in {
    const float *const *x;
    size_t c;
    float *out;
    ptrdiff_t step;
};

struct cpu_wino_out {
    const float *m;
    ptrdiff_t step;
    size_t c;
    const float *bias; /* [c] */
    float *out;
    ptrdiff_t row_step, pitch;
    size_t rows, columns;
    struct nn_activation act;
};

/*
 * A row of a convolution over planes: out[c][x] = act(bias[c] + Σ in[tap][x] · weight of c and
 * tap), x < width. Where the inputs of a tap lie, shifted, dilated or every other one, is the
 * caller's to say.
 */
enum { CPU_PLANE_CHANNELS = 12, CPU_PLANE_WIDTH = 16 };

struct cpu_planes {
    const float *const *in; /* [taps]: the input of output 0; those of the others follow it */
    size_t taps;
    const float *weight; /* [channels / CPU_PLANE_CHANNELS][taps][CPU_PLANE_CHANNELS] */
    const float *bias;   /* [channels] */
    size_t channels;     /* whole CPU_PLANE_CHANNELS */
    size_t width;        /* whole CPU_PLANE_WIDTH */
    float *out;          /* rows out_step apart */
    ptrdiff_t out_step;
    struct nn_activation act;
};

/* The largest of four: out[p][i] of x[0 … 3][p][i], p < planes, i < width (whole CPU_PLANE_WIDTH).
 */
struct cpu_max4 {
    const float *x[4];
    size_t planes, width;
    ptrdiff_t step, out_step;
    float *out;
};

/* Maximum or average over windows, for output rows [y_first, y_end) of one image. */
struct cpu_pool2d {
    const float *x; /* [h, w, c] of pitch x_pitch */
    ptrdiff_t x_pitch;
    size_t h, w, c;
    float *out; /* [oh, ow, c] of pitch out_pitch */
    ptrdiff_t out_pitch;
    size_t ow, y_first, y_end;
    struct nn_attr attr; /* kernel, stride, dilation, pad, count_include_pad */
};

/* One row of a resize: out[i][c] = x[map[i]][c], then act and residual as residual_mode says. */
struct cpu_resize {
    const float *x; /* the row's source, pixels of pitch x_pitch */
    ptrdiff_t x_pitch;
    const int32_t *map; /* [ow] */
    size_t ow, c;
    float *out;
    ptrdiff_t out_pitch;
    const float *residual;
    ptrdiff_t residual_pitch;
    enum nn_residual residual_mode;
    struct nn_activation act;
};

/* sum[c] = Σ over `pixels` pixels of pitch x_pitch, in a fixed order. */
struct cpu_sum {
    const float *x;
    ptrdiff_t x_pitch;
    size_t pixels, c;
    float *sum;
};

/* y[r][i] = act(a[r][i] ∘ b[r][i]), r < rows, i < count. Rows are `step`s apart; inside a row a
 * stride is 1, or 0 for one value against all (not of y). y may be a or b. */
struct cpu_binary {
    const float *a, *b;
    ptrdiff_t a_stride, b_stride;
    float *y;
    size_t rows, count;
    ptrdiff_t a_step, b_step, y_step;
    enum nn_binary op;
    struct nn_activation act;
};

/* y[r][i] = act(x[r][i]), r < rows, i < count; y may be x. */
struct cpu_unary {
    const float *x;
    float *y;
    size_t rows, count;
    ptrdiff_t x_step, y_step;
    struct nn_activation act;
};

/* Rows of a softmax or a layer norm: y[i][·] from x[i][·], i < rows; y may be x. */
struct cpu_rows {
    const float *x;
    ptrdiff_t ldx;
    float *y;
    ptrdiff_t ldy;
    size_t rows, c;
    const float *gamma, *beta; /* LAYERNORM; may be NULL */
    float epsilon;
};

/*
 * What one chunk of columns gives to a log-softmax: for every row the largest logit, its column
 * (the first of equals, counted from 0 in the chunk), and Σ exp(logit - largest).
 */
struct cpu_logsum {
    const float *x; /* [rows, c] of pitch ldx */
    ptrdiff_t ldx;
    size_t rows, c;
    float *largest;
    int32_t *where;
    float *sum;
};

/* Name, type of the argument. The tile in a row's name comes from the tier (CPU_TILE_name). */
#define CPU_KERNELS(X)                                                                             \
    X(gemm, struct cpu_gemm)                                                                       \
    X(dwconv, struct cpu_dwconv)                                                                   \
    X(wino_in, struct cpu_wino_in)                                                                 \
    X(wino_out, struct cpu_wino_out)                                                               \
    X(planes, struct cpu_planes)                                                                   \
    X(max4, struct cpu_max4)                                                                       \
    X(maxpool, struct cpu_pool2d)                                                                  \
    X(avgpool, struct cpu_pool2d)                                                                  \
    X(resize, struct cpu_resize)                                                                   \
    X(sum, struct cpu_sum)                                                                         \
    X(unary, struct cpu_unary)                                                                     \
    X(binary, struct cpu_binary)                                                                   \
    X(softmax, struct cpu_rows)                                                                    \
    X(layernorm, struct cpu_rows)                                                                  \
    X(logsum, struct cpu_logsum)

/* All kernels of a tier. */
struct cpu_kernels {
    const char *tier; /* "avx2" */
    struct cpu_tile tile;
#define X(name, type) void (*name)(const type *);
    CPU_KERNELS(X)
#undef X
    void (*split)(const struct cpu_split_run *); /* NULL without tile.parts */
    /* Does rounds·CPU_PEAK_FMAS fused multiply-adds of whole vectors and nothing else: the speed
     * that no kernel can pass. The result only keeps the compiler from dropping the work. */
    float (*peak)(size_t rounds);
    /* Names of the rows, such as "f32_gemm_6x16__avx2", in the order of the registry. */
    const char *const *names;
};

enum cpu_kernel_index {
#define X(name, type) CPU_KERNEL_##name,
    CPU_KERNELS(X)
#undef X
        CPU_KERNEL_COUNT
};

/* The tiers this program was built with; which of them may run is for cpu_detect.h to say. */
extern const struct cpu_kernels cpu_kernels_portable;
#if defined(__x86_64__)
extern const struct cpu_kernels cpu_kernels_avx2;
extern const struct cpu_kernels cpu_kernels_avx512;
#endif
#ifdef SE_HAVE_AVX512_BF16
extern const struct cpu_kernels cpu_kernels_avx512_bf16;
#endif
#ifdef SE_HAVE_AMX
extern const struct cpu_kernels cpu_kernels_amx;
extern const struct cpu_kernels cpu_kernels_amx_bf16;
#endif

#endif
