/*
 * 8-bit kernels, included by int8_*.c, which define VEC_WIDTH, GEMM_VECTORS, INT8_ROWS (of every
 * tile), INT8_TILE in words, and TIER.
 *
 * A tile of int32 sums (rows × vectors) is held in registers over the whole depth. Each step takes
 * INT8_GROUPS groups of 4 bytes of every row of a and as many vectors of groups of 4 weights for
 * each vector of columns:
 *
 *   sums[r][v] += a[r][4·g + 0 … 3] · b[g][column][0 … 3]
 *
 * which is one instruction with VNNI. AVX2 multiplies pairs of 8 bits into sums of 16, which would
 * saturate but for how weights are packed (short_sums in kernels_int8.h), so that two groups may be
 * added there: five instructions for both. SSE2 takes two products of 16-bit pairs and two sums,
 * others take four products. The sums of a panel's rows then pass through a block on the stack,
 * where the end of a product - scale, bias, activation, residual or rounding to 8 bits - works row
 * by row.
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

#define INT8_GROUPS 1
typedef vi int8_weights;
typedef vi int8_inputs;

INLINE int8_weights int8_weights_at(const int8_t *b, size_t pitch)
{
    (void)pitch;
    return int8_load(b);
}

INLINE int8_inputs int8_inputs_at(const uint8_t *p)
{
    return (vi)_mm512_set1_epi32(int8_four(p));
}

INLINE vi int8_dot(vi sum, int8_inputs a, int8_weights b)
{
    return (vi)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
}

#elif defined(__AVX2__) && VEC_WIDTH == 8

#define INT8_GROUPS 2
#define INT8_SHORT_SUMS true
typedef struct {
    __m256i group[2];
} int8_weights, int8_inputs;

INLINE int8_weights int8_weights_at(const int8_t *b, size_t pitch)
{
    return (int8_weights){{(__m256i)int8_load(b), (__m256i)int8_load(b + pitch)}};
}

INLINE int8_inputs int8_inputs_at(const uint8_t *p)
{
    return (int8_inputs){{_mm256_set1_epi32(int8_four(p)), _mm256_set1_epi32(int8_four(p + 4))}};
}

INLINE vi int8_dot(vi sum, int8_inputs a, int8_weights b)
{
    const __m256i sums = _mm256_add_epi16(_mm256_maddubs_epi16(a.group[0], b.group[0]),
                                          _mm256_maddubs_epi16(a.group[1], b.group[1]));
    return sum + (vi)_mm256_madd_epi16(sums, _mm256_set1_epi16(1));
}

#elif defined(__SSE2__) && VEC_WIDTH == 4

#define INT8_GROUPS 1
/* Bytes 0 and 2, and bytes 1 and 3, of each lane as pairs of 16 bits. */
typedef struct {
    vi even, odd;
} int8_weights, int8_inputs;

typedef int16_t vs __attribute__((vector_size(VEC_WIDTH * 4)));

INLINE int8_weights int8_weights_at(const int8_t *b, size_t pitch)
{
    const vs four = (vs)int8_load(b);
    (void)pitch;
    return (int8_weights){(vi)((four << 8) >> 8), (vi)(four >> 8)};
}

INLINE int8_inputs int8_inputs_at(const uint8_t *p)
{
    const uint32_t four = (uint32_t)int8_four(p);
    return (int8_inputs){(vi){0} + (int32_t)(four & 0x00ff00ffu),
                         (vi){0} + (int32_t)(four >> 8 & 0x00ff00ffu)};
}

INLINE vi int8_dot(vi sum, int8_inputs a, int8_weights b)
{
    sum += (vi)_mm_madd_epi16((__m128i)a.even, (__m128i)b.even);
    return sum + (vi)_mm_madd_epi16((__m128i)a.odd, (__m128i)b.odd);
}

#else

#define INT8_GROUPS 1
typedef struct {
    vi part[4];
} int8_weights;

typedef struct {
    int32_t part[4];
} int8_inputs;

INLINE int8_weights int8_weights_at(const int8_t *p, size_t pitch)
{
    const vi b = int8_load(p);
    (void)pitch;
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

#ifndef INT8_SHORT_SUMS
#define INT8_SHORT_SUMS false
#endif

/* ---- to 8 bits ------------------------------------------------------------------------------ */

#if VEC_WIDTH == 8 && defined(__AVX2__)
#define INT8_PACKS 1 /* saturated when they are stored */
#endif

/* In the lowest byte of each lane. INT8_PACKS: as whole numbers not below 0. */
INLINE vi int8_round(vf x, vf factor, vf offset)
{
    const vf magic = vf_set1(CPU_INT8_MAGIC);
    x = vf_fma(x, factor, offset);
#ifdef INT8_PACKS
    return (vi)vf_max(magic, x) - (vi)magic;
#else
    return (vi)vf_max(magic, vf_min(vf_set1(CPU_INT8_MAGIC + 255), x));
#endif
}

/* Writes the lowest bytes of all lanes. */
INLINE void int8_store(uint8_t *q, vi v)
{
#if VEC_WIDTH == 16 && defined(__AVX512BW__) && defined(__AVX512VL__)
    _mm_storeu_si128((__m128i *)(void *)q, _mm512_cvtepi32_epi8((__m512i)v));
#elif defined(INT8_PACKS)
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128((__m256i)v),
                                          _mm256_extracti128_si256((__m256i)v, 1));
    _mm_storeu_si64(q, _mm_packus_epi16(words, words));
#elif VEC_WIDTH == 4 && defined(__SSE2__)
    v &= 0xff;
    const __m128i words = _mm_packs_epi32((__m128i)v, (__m128i)v);
    const int32_t bytes = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    memcpy(q, &bytes, sizeof(bytes));
#else
    for (size_t i = 0; i < VL; i++)
        q[i] = (uint8_t)v[i];
#endif
}

/* Of the first `count` lanes, or of all where there are fewer. */
INLINE void int8_store_some(uint8_t *q, vi v, size_t count)
{
    uint8_t lanes[VL];
    if (count >= VL) {
        int8_store(q, v);
        return;
    }
    int8_store(lanes, v);
    const uint8_t *from = lanes;
    UNROLL
    for (size_t part = VL / 2; part > 0; part /= 2) {
        if (!(count & part))
            continue;
        memcpy(q, from, part);
        q += part;
        from += part;
    }
}

/* Writes the lowest bytes of all lanes of up to GEMM_VECTORS vectors, side by side. */
INLINE void int8_store_all(uint8_t *q, const vi *v, const int vectors)
{
#ifdef INT8_PACKS
    const __m256i a = (__m256i)v[0], b = (__m256i)v[vectors > 1 ? 1 : 0];
    const __m256i c = (__m256i)v[vectors > 2 ? 2 : 0];
    /* Both halves have four bytes of a, four of b, four of c. */
    const __m256i bytes = _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, c));
    const __m256i all =
        _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    if (vectors > 1)
        _mm_storeu_si128((__m128i *)(void *)q, _mm256_castsi256_si128(all));
    else
        _mm_storeu_si64(q, _mm256_castsi256_si128(all));
    if (vectors > 2)
        _mm_storeu_si64(q + 16, _mm256_extracti128_si256(all, 1));
#else
    UNROLL
    for (int i = 0; i < vectors; i++)
        int8_store(q + i * VL, v[i]);
#endif
}

static void quantize(const struct cpu_int8_quantize *a)
{
    const float *factor = a->range.factor, *offset = a->range.offset;
    for (size_t r = 0; r < a->rows; r++) {
        const float *x = a->x + (ptrdiff_t)r * a->x_step;
        uint8_t *q = a->q + (ptrdiff_t)r * a->q_step;
        size_t i = 0;
        for (; i + GEMM_VECTORS * VL <= a->c; i += GEMM_VECTORS * VL) {
            vi levels[GEMM_VECTORS];
            UNROLL
            for (size_t v = 0; v < GEMM_VECTORS; v++) {
                const size_t at = i + v * VL;
                levels[v] = int8_round(vf_load(x + at), vf_load(factor + at), vf_load(offset + at));
            }
            int8_store_all(q + i, levels, GEMM_VECTORS);
        }
        for (; i < a->c; i += VL) {
            const vf some = vf_load_some(x + i, a->c - i);
            int8_store_some(q + i, int8_round(some, vf_load(factor + i), vf_load(offset + i)),
                            a->c - i);
        }
        for (i = a->c; i % CPU_INT8_STEP != 0; i++)
            q[i] = 0;
    }
}

/* ---- the end of a product ------------------------------------------------------------------- */

/*
 * GELU that is good enough for 8 bits: absolute error ≤ 1.7e-4 everywhere.
 *
 * x·Φ(x) = max(x, 0) - t·(1 - Φ(t)), t = |x|; the second term by a polynomial of degree 7 on
 * [0, 3.8], own fit (least squares on Chebyshev polynomials, reweighted till the error was level),
 * past that its value there. By pairs of terms (Estrin's scheme): half the latency of one
 * after another.
 */
INLINE vf int8_gelu(vf x)
{
    static const float c[8] = {-7.76637172e-05f, 0.498585267f,   -0.380542828f, -0.0604486150f,
                               0.153934170f,     -0.0631797037f, 0.0110347996f, -0.000729298311f};
    const vf t = vf_min(vf_set1(3.8f), (vf)((vi)x & INT32_MAX));
    const vf t2 = t * t;
    vf pairs[4];
    UNROLL
    for (int i = 0; i < 4; i++)
        pairs[i] = vf_fma(vf_set1(c[2 * i + 1]), t, vf_set1(c[2 * i]));
    const vf low = vf_fma(pairs[1], t2, pairs[0]), high = vf_fma(pairs[3], t2, pairs[2]);
    return vf_max(vf_set1(0.0f), x) - vf_fma(high, t2 * t2, low);
}

/* Some rows of one panel of a struct cpu_int8_gemm, and their sums between product and end. */
enum { INT8_PANEL_ROWS = 24 };
struct int8_panel {
    const struct cpu_int8_gemm *g;
    size_t row, rows; /* up to INT8_PANEL_ROWS */
    size_t column;
    size_t columns; /* to be written: up to vectors·VL */
    const int8_t *b;
    int32_t *sums; /* [rows, vectors·VL] */
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

INLINE void int8_add_residual(const struct cpu_int8_gemm *g, ptrdiff_t at, const int vectors,
                              const size_t count, vf *y)
{
    UNROLL
    for (int v = 0; v < vectors; v++)
        y[v] += vf_load_some(g->residual + at + v * VL, count - (size_t)v * VL);
}

/* `count` of the columns of `vectors` vectors exist. */
INLINE void int8_end_rows(const struct int8_panel *p, const int vectors, const size_t count,
                          const enum nn_func func, const enum int8_end end)
{
    const struct cpu_int8_gemm *g = p->g;
    vf scale[GEMM_VECTORS], bias[GEMM_VECTORS], factor[GEMM_VECTORS], offset[GEMM_VECTORS];
    UNROLL
    for (int v = 0; v < vectors; v++) {
        scale[v] = vf_load(g->b->scale + p->column + (size_t)v * VL);
        bias[v] = vf_load(g->b->bias + p->column + (size_t)v * VL);
        if (end == INT8_TO_BYTES) {
            factor[v] = vf_load(g->range.factor + p->column + (size_t)v * VL);
            offset[v] = vf_load(g->range.offset + p->column + (size_t)v * VL);
        }
    }
    const int32_t *sums = p->sums;
    for (size_t r = 0; r < p->rows; r++, sums += vectors * VL) {
        const ptrdiff_t i = (ptrdiff_t)(p->row + r), j = (ptrdiff_t)p->column;
        vf y[GEMM_VECTORS];
        vi levels[GEMM_VECTORS];
        UNROLL
        for (int v = 0; v < vectors; v++)
            y[v] = vf_fma(__builtin_convertvector(int8_load(sums + v * VL), vf), scale[v], bias[v]);
        if (end == INT8_TO_RESIDUAL && g->residual_mode == NN_RESIDUAL_BEFORE)
            int8_add_residual(g, i * g->ldr + j, vectors, count, y);
        UNROLL
        for (int v = 0; v < vectors; v++)
            y[v] = int8_act(y[v], func, &g->act, end != INT8_TO_BYTES);
        if (end == INT8_TO_RESIDUAL && g->residual_mode == NN_RESIDUAL_AFTER)
            int8_add_residual(g, i * g->ldr + j, vectors, count, y);
        UNROLL
        for (int v = 0; v < vectors; v++) {
            if (end == INT8_TO_BYTES)
                levels[v] = int8_round(y[v], factor[v], offset[v]);
            else
                vf_store_some(g->c + i * g->ldc + j + v * VL, y[v], count - (size_t)v * VL);
        }
        if (end == INT8_TO_BYTES && count == (size_t)vectors * VL)
            int8_store_all(g->q + i * g->ldq + j, levels, vectors);
        else if (end == INT8_TO_BYTES)
            for (int v = 0; v < vectors; v++)
                int8_store_some(g->q + i * g->ldq + j + v * VL, levels[v], count - (size_t)v * VL);
    }
}

/* One loop for each of the usual ends, so that none asks inside the loop. */
INLINE void int8_end_columns(const struct int8_panel *p, const int vectors, const size_t count)
{
    const enum nn_func func = p->g->act.func;
    const bool residual = p->g->residual_mode != NN_RESIDUAL_NONE;
    if (p->g->q && func == NN_FUNC_GELU)
        int8_end_rows(p, vectors, count, NN_FUNC_GELU, INT8_TO_BYTES);
    else if (p->g->q && func == NN_FUNC_RELU)
        int8_end_rows(p, vectors, count, NN_FUNC_RELU, INT8_TO_BYTES);
    else if (p->g->q)
        int8_end_rows(p, vectors, count, NN_FUNC_COUNT, INT8_TO_BYTES);
    else if (residual && func == NN_FUNC_NONE)
        int8_end_rows(p, vectors, count, NN_FUNC_NONE, INT8_TO_RESIDUAL);
    else if (residual)
        int8_end_rows(p, vectors, count, NN_FUNC_COUNT, INT8_TO_RESIDUAL);
    else if (func == NN_FUNC_NONE)
        int8_end_rows(p, vectors, count, NN_FUNC_NONE, INT8_TO_FLOAT);
    else
        int8_end_rows(p, vectors, count, NN_FUNC_COUNT, INT8_TO_FLOAT);
}

INLINE void int8_end_panel(const struct int8_panel *p, const int vectors)
{
    if (p->columns == (size_t)vectors * VL)
        int8_end_columns(p, vectors, (size_t)vectors * VL);
    else
        int8_end_columns(p, vectors, p->columns);
}

/* ---- the product ---------------------------------------------------------------------------- */

/* The sums of the rows from `row` on, `rows` at a time, until fewer are left. Returns where. */
INLINE size_t int8_sum_rows(const struct int8_panel *p, size_t row, const int rows,
                            const int vectors)
{
    const struct cpu_int8_gemm *g = p->g;
    const ptrdiff_t lda = g->lda;
    const size_t groups = g->b->groups / g->segments;
    const size_t pitch = (size_t)vectors * VL * CPU_INT8_GROUP;
    for (; row + (size_t)rows <= p->rows; row += (size_t)rows) {
        vi sum[INT8_ROWS][GEMM_VECTORS];
        UNROLL
        for (int v = 0; v < vectors; v++) {
            const vi start = int8_load(g->b->start + p->column + (size_t)v * VL);
            UNROLL
            for (int r = 0; r < rows; r++)
                sum[r][v] = start;
        }
        const int8_t *b = p->b;
        for (size_t s = 0; s < g->segments; s++) {
            const uint8_t *a = g->a[s] + (ptrdiff_t)(p->row + row) * lda;
            for (size_t k = 0; k < groups;
                 k += INT8_GROUPS, a += INT8_GROUPS * CPU_INT8_GROUP, b += INT8_GROUPS * pitch) {
                int8_weights weights[GEMM_VECTORS];
                UNROLL
                for (int v = 0; v < vectors; v++)
                    weights[v] = int8_weights_at(b + v * VL * CPU_INT8_GROUP, pitch);
                UNROLL
                for (int r = 0; r < rows; r++) {
                    const int8_inputs inputs = int8_inputs_at(a + r * lda);
                    UNROLL
                    for (int v = 0; v < vectors; v++)
                        sum[r][v] = int8_dot(sum[r][v], inputs, weights[v]);
                }
            }
        }
        int32_t *sums = p->sums + row * (size_t)vectors * VL;
        UNROLL
        for (int r = 0; r < rows; r++) {
            UNROLL
            for (int v = 0; v < vectors; v++)
                *(vi_unaligned *)(sums + (r * vectors + v) * VL) = sum[r][v];
        }
    }
    return row;
}

/* Sums by whole tiles, and by single rows what is left over; then their end. */
typedef void int8_panel_fn(const struct int8_panel *p);
#define PANEL(vectors)                                                                             \
    static void int8_sums_##vectors(const struct int8_panel *p)                                    \
    {                                                                                              \
        int8_sum_rows(p, int8_sum_rows(p, 0, INT8_ROWS, vectors), 1, vectors);                     \
    }                                                                                              \
    static void int8_ends_##vectors(const struct int8_panel *p)                                    \
    {                                                                                              \
        int8_end_panel(p, vectors);                                                                \
    }
PANEL(1)
PANEL(2)
#if GEMM_VECTORS == 3
PANEL(3)
#endif
#undef PANEL

static int8_panel_fn *const int8_sums[GEMM_VECTORS] = {
    int8_sums_1,
    int8_sums_2,
#if GEMM_VECTORS == 3
    int8_sums_3,
#endif
};
static int8_panel_fn *const int8_ends[GEMM_VECTORS] = {
    int8_ends_1,
    int8_ends_2,
#if GEMM_VECTORS == 3
    int8_ends_3,
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
    int32_t sums[INT8_PANEL_ROWS * GEMM_VECTORS * VL] __attribute__((aligned(64)));
    for (size_t v = 0, vectors; v < b->vectors; v += vectors) {
        vectors = cpu_int8_panel_vectors(&int8_tile_sizes, b->vectors - v);
        const size_t left = b->n - v * VL;
        for (size_t row = 0; row < g->rows; row += INT8_PANEL_ROWS) {
            const size_t rows = g->rows - row;
            const struct int8_panel p = {
                .g = g,
                .row = row,
                .rows = rows < INT8_PANEL_ROWS ? rows : INT8_PANEL_ROWS,
                .column = v * VL,
                .columns = left < vectors * VL ? left : vectors * VL,
                .b = b->b + v * VL * b->groups * CPU_INT8_GROUP,
                .sums = sums,
            };
            int8_sums[vectors - 1](&p);
            int8_ends[vectors - 1](&p);
        }
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

/* A tile over the same numbers again and again, which the compiler must not know. */
static float peak(size_t rounds)
{
    enum { ROWS = CPU_PEAK_FMAS / GEMM_VECTORS };
    static const int8_t some_weights[CPU_INT8_STEP * VL * GEMM_VECTORS] = {1, -1, 2, -2};
    static const uint8_t some_inputs[CPU_INT8_STEP * ROWS] = {1, 2, 3, 4, 5, 6, 7, 8};
    const int8_t *b = some_weights;
    const uint8_t *a = some_inputs;
    vi sum[CPU_PEAK_FMAS];
    for (int j = 0; j < CPU_PEAK_FMAS; j++)
        sum[j] = (vi){0} + j;
    for (size_t i = 0; i < rounds / (INT8_GROUPS * CPU_INT8_GROUP); i++) {
        KEEP_IN_REGISTER(a);
        KEEP_IN_REGISTER(b);
        UNROLL
        for (int r = 0; r < ROWS; r++) {
            const int8_inputs inputs = int8_inputs_at(a + CPU_INT8_STEP * r);
            UNROLL
            for (int v = 0; v < GEMM_VECTORS; v++) {
                vi *own = &sum[r * GEMM_VECTORS + v];
                *own = int8_dot(*own, inputs,
                                int8_weights_at(b + CPU_INT8_STEP * VL * v, CPU_INT8_GROUP * VL));
            }
        }
    }
    for (int j = 1; j < CPU_PEAK_FMAS; j++)
        sum[0] += sum[j];
    return (float)sum[0][0];
}

const struct cpu_int8_kernels JOIN(cpu_int8_kernels_, TIER) = {
    .tier = TEXT(TIER),
    .precision = "int8 " TEXT(TIER),
    .tile = INT8_SIZES,
    .short_sums = INT8_SHORT_SUMS,
#define X(name, type) .name = name,
    CPU_INT8_KERNELS(X)
#undef X
        .peak = peak,
    .names = kernel_names,
};

#endif
