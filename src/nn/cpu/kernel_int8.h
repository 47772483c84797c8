/*
 * 8-bit kernels, included by int8_*.c, which define VEC_WIDTH, GEMM_VECTORS, INT8_ROWS (of every
 * tile), INT8_TILE in words, and TIER.
 *
 * A tile of int32 sums (rows × vectors) is held in registers over the whole depth. Each step takes
 * 4 bytes of every row of a and one vector of groups of 4 weights for each vector of columns:
 *
 *   sums[r][v] += a[r][4·g + 0 … 3] · b[g][column][0 … 3]
 *
 * which is one instruction with VNNI, two products of 16-bit pairs and two sums on SSE2 and AVX2
 * (16 bits on purpose: the 8-bit product of AVX2 saturates), and four products elsewhere. The sums
 * then pass through a block on the stack, where the end of a product - scale, bias, activation,
 * residual or rounding to 8 bits - works row by row with its constants in registers.
 */
#ifndef SE_NN_CPU_KERNEL_INT8_H
#define SE_NN_CPU_KERNEL_INT8_H

#include <stdbool.h>

#include "nn/cpu/kernel_math.h"
#include "nn/cpu/kernels_int8.h"

typedef int32_t vi_unaligned __attribute__((vector_size(VEC_WIDTH * 4), aligned(1), may_alias));

/* ---- four products in each lane ------------------------------------------------------------- */

INLINE vi int8_load(const void *p)
{
    return *(const vi_unaligned *)p;
}

INLINE int32_t int8_four(const uint8_t *p)
{
    int32_t four;
    memcpy(&four, p, sizeof(four));
    return four;
}

#if defined(__AVX512VNNI__) && VEC_WIDTH == 16

typedef vi int8_weights;
typedef vi int8_inputs;

INLINE int8_weights int8_weights_of(vi b)
{
    return b;
}

INLINE int8_inputs int8_inputs_at(const uint8_t *p)
{
    return (vi)_mm512_set1_epi32(int8_four(p));
}

INLINE vi int8_dot(vi sum, int8_inputs a, int8_weights b)
{
    return (vi)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
}

#elif defined(__SSE2__) && VEC_WIDTH <= 8

/* Bytes 0 and 2, and bytes 1 and 3, of each lane as pairs of 16 bits. */
typedef struct {
    vi even, odd;
} int8_weights, int8_inputs;

typedef int16_t vs __attribute__((vector_size(VEC_WIDTH * 4)));

INLINE int8_weights int8_weights_of(vi b)
{
    return (int8_weights){(vi)(((vs)b << 8) >> 8), (vi)((vs)b >> 8)};
}

INLINE int8_inputs int8_inputs_at(const uint8_t *p)
{
    const uint32_t four = (uint32_t)int8_four(p);
    return (int8_inputs){(vi){0} + (int32_t)(four & 0x00ff00ffu),
                         (vi){0} + (int32_t)(four >> 8 & 0x00ff00ffu)};
}

INLINE vi int8_dot(vi sum, int8_inputs a, int8_weights b)
{
#if VEC_WIDTH == 8
    sum += (vi)_mm256_madd_epi16((__m256i)a.even, (__m256i)b.even);
    return sum + (vi)_mm256_madd_epi16((__m256i)a.odd, (__m256i)b.odd);
#else
    sum += (vi)_mm_madd_epi16((__m128i)a.even, (__m128i)b.even);
    return sum + (vi)_mm_madd_epi16((__m128i)a.odd, (__m128i)b.odd);
#endif
}

#else

typedef struct {
    vi part[4];
} int8_weights;

typedef struct {
    int32_t part[4];
} int8_inputs;

INLINE int8_weights int8_weights_of(vi b)
{
    return (int8_weights){{b << 24 >> 24, b << 16 >> 24, b << 8 >> 24, b >> 24}};
}

INLINE int8_inputs int8_inputs_at(const uint8_t *p)
{
    return (int8_inputs){{p[0], p[1], p[2], p[3]}};
}

INLINE vi int8_dot(vi sum, int8_inputs a, int8_weights b)
{
    UNROLL
    for (int i = 0; i < 4; i++)
        sum += b.part[i] * a.part[i];
    return sum;
}

#endif

/* ---- to 8 bits ------------------------------------------------------------------------------ */

/* In the lowest byte of each lane. */
INLINE vi int8_round(vf x, vf factor, vf offset)
{
    x = vf_fma(x, factor, offset);
    return (vi)vf_max(vf_set1(CPU_INT8_MAGIC), vf_min(vf_set1(CPU_INT8_MAGIC + 255), x));
}

/* Writes the lowest bytes of the first `count` lanes, or of all where there are fewer. */
INLINE void int8_store(uint8_t *q, vi v, size_t count)
{
#if VEC_WIDTH == 16 && defined(__AVX512BW__) && defined(__AVX512VL__)
    const __m128i bytes = _mm512_cvtepi32_epi8((__m512i)v);
    if (count >= VL)
        _mm_storeu_si128((__m128i *)(void *)q, bytes);
    else
        _mm_mask_storeu_epi8(q, (__mmask16)((1u << count) - 1), bytes);
#else
    uint8_t lanes[VL];
    v &= 0xff;
#if VEC_WIDTH == 8 && defined(__AVX2__)
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128((__m256i)v),
                                          _mm256_extracti128_si256((__m256i)v, 1));
    const int64_t bytes = _mm_cvtsi128_si64(_mm_packus_epi16(words, words));
    memcpy(lanes, &bytes, sizeof(lanes));
#elif VEC_WIDTH == 4 && defined(__SSE2__)
    const __m128i words = _mm_packs_epi32((__m128i)v, (__m128i)v);
    const int32_t bytes = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    memcpy(lanes, &bytes, sizeof(lanes));
#else
    for (size_t i = 0; i < VL; i++)
        lanes[i] = (uint8_t)v[i];
#endif
    if (count >= VL)
        memcpy(q, lanes, VL);
    else
        for (size_t i = 0; i < count; i++)
            q[i] = lanes[i];
#endif
}

static void quantize(const struct cpu_int8_quantize *a)
{
    const float *factor = a->range.factor, *offset = a->range.offset;
    for (size_t r = 0; r < a->rows; r++) {
        const float *x = a->x + (ptrdiff_t)r * a->x_step;
        uint8_t *q = a->q + (ptrdiff_t)r * a->q_step;
        size_t i = 0;
        for (; i + VL <= a->c; i += VL)
            int8_store(q + i, int8_round(vf_load(x + i), vf_load(factor + i), vf_load(offset + i)),
                       VL);
        if (i < a->c) {
            const vf last = vf_load_part(x + i, a->c - i);
            int8_store(q + i, int8_round(last, vf_load(factor + i), vf_load(offset + i)), a->c - i);
        }
        for (i = a->c; i % CPU_INT8_GROUP != 0; i++)
            q[i] = 0;
    }
}

/* ---- the end of a product ------------------------------------------------------------------- */

/*
 * GELU that is good enough for 8 bits: absolute error ≤ 1.7e-4 everywhere.
 *
 * x·Φ(x) = max(x, 0) - t·(1 - Φ(t)), t = |x|; the second term by a polynomial of degree 7 on
 * [0, 3.8], own fit (least squares on Chebyshev polynomials, reweighted till the error was level),
 * past that its value there.
 */
INLINE vf int8_gelu(vf x)
{
    static const float c[8] = {-7.76637172e-05f, 0.498585267f,   -0.380542828f, -0.0604486150f,
                               0.153934170f,     -0.0631797037f, 0.0110347996f, -0.000729298311f};
    const vf t = vf_min(vf_set1(3.8f), vf_max(x, -x));
    vf p = vf_set1(c[7]);
    UNROLL
    for (int i = 6; i >= 0; i--)
        p = vf_fma(p, t, vf_set1(c[i]));
    return vf_max(vf_set1(0.0f), x) - p;
}

/* One panel's part of a struct cpu_int8_gemm. */
struct int8_panel {
    const struct cpu_int8_gemm *g;
    size_t row, row_end; /* a whole number of tiles */
    size_t column;
    size_t columns; /* to be written: up to vectors·VL */
    const int8_t *b;
};

enum int8_end { INT8_TO_FLOAT, INT8_TO_RESIDUAL, INT8_TO_BYTES };

INLINE vf int8_act(vf y, const enum nn_func func, const struct nn_activation *act, bool exact)
{
    switch (func) {
    case NN_FUNC_NONE:
        return y;
    case NN_FUNC_RELU:
        return vf_max(vf_set1(0.0f), y);
    case NN_FUNC_GELU:
        if (!exact)
            return int8_gelu(y);
        vf_gelu(&y, 1);
        return y;
    default:
        return vf_func(y, act->func, vf_set1(act->alpha), vf_set1(act->beta));
    }
}

INLINE void int8_end_rows(const struct int8_panel *p, size_t row, const int rows, const int vectors,
                          const int32_t *sums, const enum nn_func func, const enum int8_end end)
{
    const struct cpu_int8_gemm *g = p->g;
    vf scale[3], bias[3], factor[3], offset[3];
    UNROLL
    for (int v = 0; v < vectors; v++) {
        scale[v] = vf_load(g->b->scale + p->column + (size_t)v * VL);
        bias[v] = vf_load(g->b->bias + p->column + (size_t)v * VL);
        if (end == INT8_TO_BYTES) {
            factor[v] = vf_load(g->range.factor + p->column + (size_t)v * VL);
            offset[v] = vf_load(g->range.offset + p->column + (size_t)v * VL);
        }
    }
    for (int r = 0; r < rows; r++, sums += vectors * VL) {
        const ptrdiff_t i = (ptrdiff_t)row + r;
        UNROLL
        for (int v = 0; v < vectors; v++) {
            const size_t j = p->column + (size_t)v * VL;
            const size_t count = p->columns - (size_t)v * VL;
            const vf sum = __builtin_convertvector(int8_load(sums + v * VL), vf);
            vf y = vf_fma(sum, scale[v], bias[v]);
            if (end == INT8_TO_RESIDUAL && g->residual_mode == NN_RESIDUAL_BEFORE)
                y += vf_load_some(g->residual + i * g->ldr + j, count);
            y = int8_act(y, func, &g->act, end != INT8_TO_BYTES);
            if (end == INT8_TO_RESIDUAL && g->residual_mode == NN_RESIDUAL_AFTER)
                y += vf_load_some(g->residual + i * g->ldr + j, count);
            if (end == INT8_TO_BYTES)
                int8_store(g->q + i * g->ldq + j, int8_round(y, factor[v], offset[v]), count);
            else
                vf_store_some(g->c + i * g->ldc + j, y, count);
        }
    }
}

/* One loop for each of the usual ends, so that none asks inside the loop. */
INLINE void int8_end_tile(const struct int8_panel *p, size_t row, const int rows, const int vectors,
                          const int32_t *sums)
{
    const enum nn_func func = p->g->act.func;
    const bool residual = p->g->residual_mode != NN_RESIDUAL_NONE;
    if (p->g->q && func == NN_FUNC_GELU)
        int8_end_rows(p, row, rows, vectors, sums, NN_FUNC_GELU, INT8_TO_BYTES);
    else if (p->g->q)
        int8_end_rows(p, row, rows, vectors, sums, NN_FUNC_COUNT, INT8_TO_BYTES);
    else if (residual && func == NN_FUNC_NONE)
        int8_end_rows(p, row, rows, vectors, sums, NN_FUNC_NONE, INT8_TO_RESIDUAL);
    else if (residual)
        int8_end_rows(p, row, rows, vectors, sums, NN_FUNC_COUNT, INT8_TO_RESIDUAL);
    else if (func == NN_FUNC_NONE)
        int8_end_rows(p, row, rows, vectors, sums, NN_FUNC_NONE, INT8_TO_FLOAT);
    else
        int8_end_rows(p, row, rows, vectors, sums, NN_FUNC_COUNT, INT8_TO_FLOAT);
}

/* ---- the product ---------------------------------------------------------------------------- */

typedef void int8_panel_fn(const struct int8_panel *p);

INLINE void int8_panel_run(const struct int8_panel *p, const int rows, const int vectors)
{
    const struct cpu_int8_gemm *g = p->g;
    const ptrdiff_t lda = g->lda;
    const size_t groups = g->b->groups;
    int32_t sums[INT8_ROWS * GEMM_VECTORS * VL] __attribute__((aligned(64)));
    for (size_t row = p->row; row < p->row_end; row += (size_t)rows) {
        vi sum[INT8_ROWS][GEMM_VECTORS];
        UNROLL
        for (int v = 0; v < vectors; v++) {
            const vi start = int8_load(g->b->start + p->column + (size_t)v * VL);
            UNROLL
            for (int r = 0; r < rows; r++)
                sum[r][v] = start;
        }
        const uint8_t *a = g->a + (ptrdiff_t)row * lda;
        const int8_t *b = p->b;
        for (size_t k = 0; k < groups; k++, a += 4, b += vectors * VL * 4) {
            int8_weights weights[GEMM_VECTORS];
            UNROLL
            for (int v = 0; v < vectors; v++)
                weights[v] = int8_weights_of(int8_load(b + v * VL * 4));
            UNROLL
            for (int r = 0; r < rows; r++) {
                const int8_inputs inputs = int8_inputs_at(a + r * lda);
                UNROLL
                for (int v = 0; v < vectors; v++)
                    sum[r][v] = int8_dot(sum[r][v], inputs, weights[v]);
            }
        }
        UNROLL
        for (int r = 0; r < rows; r++) {
            UNROLL
            for (int v = 0; v < vectors; v++)
                *(vi_unaligned *)(sums + (r * vectors + v) * VL) = sum[r][v];
        }
        int8_end_tile(p, row, rows, vectors, sums);
    }
}

/* Whole tiles, and single rows for what is left over. */
#define TILES(vectors)                                                                             \
    static void int8_tiles_##vectors(const struct int8_panel *p)                                   \
    {                                                                                              \
        int8_panel_run(p, INT8_ROWS, vectors);                                                     \
    }                                                                                              \
    static void int8_rows_##vectors(const struct int8_panel *p)                                    \
    {                                                                                              \
        int8_panel_run(p, 1, vectors);                                                             \
    }
TILES(1)
TILES(2)
#if GEMM_VECTORS == 3
TILES(3)
#endif
#undef TILES

static int8_panel_fn *const int8_tiles[GEMM_VECTORS] = {
    int8_tiles_1,
    int8_tiles_2,
#if GEMM_VECTORS == 3
    int8_tiles_3,
#endif
};
static int8_panel_fn *const int8_rows[GEMM_VECTORS] = {
    int8_rows_1,
    int8_rows_2,
#if GEMM_VECTORS == 3
    int8_rows_3,
#endif
};

#define INT8_SIZES                                                                                 \
    {                                                                                              \
        .vl = VL, .vectors = GEMM_VECTORS, .rows = { INT8_ROWS, INT8_ROWS, INT8_ROWS }             \
    }
static const struct cpu_tile int8_tile_sizes = INT8_SIZES;

static void gemm(const struct cpu_int8_gemm *g)
{
    const struct cpu_int8_panels *b = g->b;
    for (size_t v = 0, vectors; v < b->vectors; v += vectors) {
        vectors = cpu_int8_panel_vectors(&int8_tile_sizes, b->vectors - v);
        const size_t left = b->n - v * VL;
        struct int8_panel p = {
            .g = g,
            .row_end = g->rows - g->rows % INT8_ROWS,
            .column = v * VL,
            .columns = left < vectors * VL ? left : vectors * VL,
            .b = b->b + v * VL * b->groups * CPU_INT8_GROUP,
        };
        int8_tiles[vectors - 1](&p);
        p.row = p.row_end;
        p.row_end = g->rows;
        int8_rows[vectors - 1](&p);
    }
}

/* ---- the table ------------------------------------------------------------------------------ */

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

static const char *const kernel_names[CPU_INT8_KERNEL_COUNT] = {
    "u8_quantize_x" TEXT(VEC_WIDTH) "__" TEXT(TIER),
    "u8_gemm_" INT8_TILE "__" TEXT(TIER),
};

static float peak(size_t rounds)
{
    vi sum[CPU_PEAK_FMAS];
    for (int j = 0; j < CPU_PEAK_FMAS; j++)
        sum[j] = (vi){0} + j;
    const uint8_t bytes[4] = {1, 2, 3, 4};
    const int8_inputs inputs = int8_inputs_at(bytes);
    const int8_weights weights = int8_weights_of((vi){0} + 0x01ff01ff);
    for (size_t i = 0; i < rounds / 4; i++) {
        UNROLL
        for (int j = 0; j < CPU_PEAK_FMAS; j++)
            sum[j] = int8_dot(sum[j], inputs, weights);
    }
    for (int j = 1; j < CPU_PEAK_FMAS; j++)
        sum[0] += sum[j];
    return (float)sum[0][0];
}

const struct cpu_int8_kernels JOIN(cpu_int8_kernels_, TIER) = {
    .tier = TEXT(TIER),
    .precision = "int8 " TEXT(TIER),
    .tile = INT8_SIZES,
#define X(name, type) .name = name,
    CPU_INT8_KERNELS(X)
#undef X
        .peak = peak,
    .names = kernel_names,
};

#endif
