/*
 * Matrix product of bfloat16 on vectors (AVX-512 BF16), in place of kernel_gemm.h; included by
 * tier_avx512_bf16.c, which defines BF16_PARTS as 1.
 *
 * VDPBF16PS adds to each of 16 sums of float32 the products of a pair of numbers of a with a pair
 * of b. Split form (kernels.h) has both as they are wanted: of a row of a two numbers that lie side
 * by side, of b those of 16 columns in one vector. A tile of 8 rows × 2 vectors of sums, or 16 × 1,
 * is held in registers over the whole depth:
 *
 *               b: 2 vectors of pairs
 *            k ┌────────┬────────┐         16 sums, 2 of b, 1 of a
 *        k + 1 │ 16 × 2 │ 16 × 2 │
 *     k, k + 1 └────────┴────────┘
 *     ┌──────┐ ┌────────┬────────┐
 *   8 │ pairs│ │  sums  │  sums  │
 *     └──────┘ └────────┴────────┘
 *
 * The sums of 32 rows pass through 4 KB of the stack to the bias, the activation, the residual and
 * the output (kernel_bf16.h). A sum runs over k in rising order: each element of c is the same
 * whichever tile computes it. The instruction takes and gives denormal numbers as 0.
 */
#ifndef SE_NN_CPU_KERNEL_DOT_H
#define SE_NN_CPU_KERNEL_DOT_H

#include "nn/cpu/kernel_bf16.h"

enum {
    DOT_ROWS = 32, /* of a block with 2 vectors; twice as many with 1 */
    DOT_PAIRS = BF16_STEP / 2,
    DOT_BLOCK_FLOATS = DOT_ROWS * 2 * VL,
};

#define GEMM_SIZES                                                                                 \
    {                                                                                              \
        .vl = VL, .vectors = 2, .rows = {2 * DOT_ROWS, DOT_ROWS, DOT_ROWS}, .parts = BF16_PARTS,   \
        .planes_from = 3 << 20 /* where the stem as a group of products no longer fits a cache */  \
    }

/* A tile of sums; row r of a begins at a[r / 4] + r % 4 · line. */
struct dot_tile {
    __m512 sum[16][2];
    const char *a[4];
};

/* sum[r][v] += the pair of a's row r · the pairs of b's vector v. */
INLINE void dot_pair(struct dot_tile *t, const float *b, ptrdiff_t vector, ptrdiff_t line,
                     const int rows, const int vectors)
{
    __m512bh columns[2];
    UNROLL
    for (int v = 0; v < vectors; v++)
        columns[v] = (__m512bh)_mm512_loadu_ps(b + v * vector);
    UNROLL
    for (int r = 0; r < rows; r++) {
        int32_t pair;
        memcpy(&pair, t->a[r / 4] + r % 4 * line, sizeof(pair));
        const __m512bh both = (__m512bh)_mm512_set1_epi32(pair);
        UNROLL
        for (int v = 0; v < vectors; v++)
            t->sum[r][v] = _mm512_dpbf16_ps(t->sum[r][v], both, columns[v]);
    }
    UNROLL
    for (int q = 0; q < (rows + 3) / 4; q++)
        t->a[q] += sizeof(int32_t);
}

/* The sums of `rows` rows from s->a on, [rows][vectors · VL]. */
INLINE void dot_tile(const struct bf16_source *s, float *sums, const int rows, const int vectors)
{
    struct dot_tile t;
    const float *b = s->b;
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            t.sum[r][v] = _mm512_setzero_ps();
    }
    for (size_t run = 0; run < s->runs; run++) {
        const char *a = (const char *)(s->a + (ptrdiff_t)run * s->run);
        for (size_t left = s->pairs, pairs; left > 0; left -= pairs) {
            pairs = left < DOT_PAIRS ? left : DOT_PAIRS;
            UNROLL
            for (int q = 0; q < rows / 4; q++) {
                t.a[q] = a + 4 * q * s->line;
                KEEP_IN_REGISTER(t.a[q]);
            }
            for (size_t p = 0; p < pairs; p++)
                dot_pair(&t, b + p * VL, s->vector, s->line, rows, vectors);
            a += s->step * (ptrdiff_t)sizeof(*s->a);
            b += BF16_TILE_FLOATS;
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            _mm512_store_ps(sums + (r * vectors + v) * VL, t.sum[r][v]);
    }
}

static void dot_tile_8x2(const struct bf16_source *s, float *sums)
{
    dot_tile(s, sums, 8, 2);
}

static void dot_tile_16x1(const struct bf16_source *s, float *sums)
{
    dot_tile(s, sums, 16, 1);
}

/* A block of so many rows from b->row on, which is a multiple of 16, and its end. */
static void dot_block(const struct bf16_block *b, const struct bf16_source *first)
{
    struct bf16_source s = *first;
    s.a += (ptrdiff_t)(b->row / CPU_SPLIT_ROWS) * s.below;
    s.b += (ptrdiff_t)(b->column / VL) * s.vector;
    const uint16_t *tile = s.a;
    for (size_t row = 0; row < b->rows; row += CPU_SPLIT_ROWS, tile += s.below) {
        float *sums = b->sums + row * b->pitch;
        s.a = tile;
        if (b->pitch == VL) {
            dot_tile_16x1(&s, sums);
            continue;
        }
        dot_tile_8x2(&s, sums);
        s.a += 8 * s.line / (ptrdiff_t)sizeof(*s.a);
        if (b->rows - row > 8)
            dot_tile_8x2(&s, sums + 8 * b->pitch);
    }
    bf16_end_rows(b, 0, b->rows);
}

static void gemm(const struct cpu_gemm *g)
{
    _Alignas(64) float sums[DOT_BLOCK_FLOATS];
    struct bf16_source first = g->view ? bf16_source_of_view(g->view) : bf16_source_of_rows(g);
    struct bf16_rows out;
    first.b = g->b->b;
    first.vector = (ptrdiff_t)(first.runs * first.steps * BF16_TILE_FLOATS);
    if (g->a) {
        const struct bf16_rows a = bf16_rows_at(g->split, g->b->k);
        bf16_split_rows(g, &a);
    }
    if (g->split_c)
        out = bf16_rows_at(g->split_c, g->b->n);
    struct bf16_block b = {.g = g, .sums = sums, .split = g->split_c ? &out : NULL};
    for (size_t v = 0, vectors; v < g->b->vectors; v += vectors) {
        vectors = g->b->vectors - v > 1 ? 2 : 1;
        const size_t most = DOT_BLOCK_FLOATS / (vectors * VL);
        b.pitch = vectors * VL;
        b.column = v * VL;
        b.columns = g->b->n - b.column < b.pitch ? g->b->n - b.column : b.pitch;
        for (b.row = 0; b.row < g->rows; b.row += b.rows) {
            b.rows = g->rows - b.row < most ? g->rows - b.row : most;
            dot_block(&b, &first);
        }
    }
}

/* Each does two multiply-adds for each of its sums. */
static float peak(size_t rounds)
{
    __m512 sum[CPU_PEAK_FMAS];
    for (int j = 0; j < CPU_PEAK_FMAS; j++)
        sum[j] = _mm512_set1_ps((float)j);
    const __m512bh x = (__m512bh)_mm512_set1_epi32(0x3f803f80);
    for (size_t i = 0; i < rounds / 2; i++) {
        UNROLL
        for (int j = 0; j < CPU_PEAK_FMAS; j++)
            sum[j] = _mm512_dpbf16_ps(sum[j], x, x);
    }
    for (int j = 1; j < CPU_PEAK_FMAS; j++)
        sum[0] += sum[j];
    return vf_sum((vf)sum[0]);
}

#endif
