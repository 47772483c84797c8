/*
 * Matrix product with packed weights. Included by tier_*.c, which define GEMM_ROWS_1, _2, _3: the
 * rows of a tile with 1, 2, 3 vectors of columns.
 *
 * A tile of c (rows × vectors) is held in registers over the whole depth; each step of k loads one
 * row of the panel and one float of every row of a:
 *
 *            panel: 2 vectors          registers at 6×16, 8 floats a vector:
 *          k ┌────────┬────────┐         12 sums, 2 of the panel, 1 or 2 of a
 *            │ vl     │ vl     │
 *       k    └────────┴────────┘
 *     ┌────┐ ┌────────┬────────┐
 *   6 │ a  │ │  sums  │  sums  │
 *     └────┘ └────────┴────────┘
 *
 * The panel is the outer loop, so that it stays in the first-level cache while all rows pass. A sum
 * starts with the bias and runs over k in rising order: each element of c is the same whichever
 * tile computes it.
 */
#ifndef SE_NN_CPU_KERNEL_GEMM_H
#define SE_NN_CPU_KERNEL_GEMM_H

#include "nn/cpu/kernel_math.h"
#include "nn/cpu/kernels.h"

/* One tile's part of a struct cpu_gemm. */
struct gemm_tile {
    const struct cpu_gemm *g;
    size_t row, column;
    size_t columns; /* to be written: up to vectors·VL */
    const float *b, *bias;
    float lowest; /* 0 for relu, else -inf */
    bool residual_before, residual_after;
};

typedef void gemm_tile_fn(const struct gemm_tile *t);

INLINE void gemm_tile_store(const struct gemm_tile *t, int rows, int vectors, vf sum[][3])
{
    const struct cpu_gemm *g = t->g;
    const vf lowest = vf_set1(t->lowest);
    UNROLL
    for (int r = 0; r < rows; r++) {
        const ptrdiff_t i = (ptrdiff_t)t->row + r;
        float *c = g->c + i * g->ldc + t->column;
        const float *residual = g->residual ? g->residual + i * g->ldr + t->column : NULL;
        UNROLL
        for (int v = 0; v < vectors; v++) {
            const size_t done = (size_t)v * VL;
            if (done >= t->columns)
                break;
            const size_t count = t->columns - done;
            vf y = sum[r][v];
            if (t->residual_before)
                y += vf_load_some(residual + done, count);
            y = vf_max(lowest, y);
            if (t->residual_after)
                y += vf_load_some(residual + done, count);
            vf_store_some(c + done, y, count);
        }
    }
}

INLINE void gemm_tile_run(const struct gemm_tile *t, const int rows, const int vectors)
{
    const struct cpu_gemm *g = t->g;
    const ptrdiff_t lda = g->lda;
    const float *b = t->b;
    vf sum[16][3];
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            sum[r][v] = vf_load(t->bias + v * VL);
    }
    for (size_t s = 0; s < g->segments; s++) {
        const float *a = g->a[s] + (ptrdiff_t)t->row * lda;
        for (size_t k = 0; k < g->depth; k++) {
            vf panel[3];
            UNROLL
            for (int v = 0; v < vectors; v++)
                panel[v] = vf_load(b + v * VL);
            UNROLL
            for (int r = 0; r < rows; r++) {
                const vf x = vf_set1(a[r * lda]);
                UNROLL
                for (int v = 0; v < vectors; v++)
                    sum[r][v] = vf_fma(x, panel[v], sum[r][v]);
            }
            b += vectors * VL;
            a++;
        }
    }
    gemm_tile_store(t, rows, vectors, sum);
}

#define TILE(rows, vectors)                                                                        \
    static void gemm_tile_##rows##x##vectors(const struct gemm_tile *t)                            \
    {                                                                                              \
        gemm_tile_run(t, rows, vectors);                                                           \
    }
#define TILES(rows) TILE(rows, 1) TILE(rows, 2) TILE(rows, 3)
TILES(1)
TILES(2)
TILES(3)
TILES(4)
#if GEMM_ROWS_2 > 4
TILE(5, 1)
TILE(5, 2)
TILE(6, 1)
TILE(6, 2)
#endif
#if GEMM_ROWS_3 > 4
TILE(5, 3)
TILE(6, 3)
TILE(7, 1)
TILE(7, 2)
TILE(7, 3)
TILE(8, 1)
TILE(8, 2)
TILE(8, 3)
#endif
#undef TILE
#undef TILES

/* [vectors - 1][rows - 1] */
#define TILES_4(vectors)                                                                           \
    gemm_tile_1x##vectors, gemm_tile_2x##vectors, gemm_tile_3x##vectors, gemm_tile_4x##vectors
static gemm_tile_fn *const gemm_tiles[3][8] = {
#if GEMM_ROWS_3 == 8
    {TILES_4(1), gemm_tile_5x1, gemm_tile_6x1, gemm_tile_7x1, gemm_tile_8x1},
    {TILES_4(2), gemm_tile_5x2, gemm_tile_6x2, gemm_tile_7x2, gemm_tile_8x2},
    {TILES_4(3), gemm_tile_5x3, gemm_tile_6x3, gemm_tile_7x3, gemm_tile_8x3},
#else
    {TILES_4(1), gemm_tile_5x1, gemm_tile_6x1},
    {TILES_4(2), gemm_tile_5x2, gemm_tile_6x2},
    {TILES_4(3)},
#endif
};
#undef TILES_4

#define GEMM_SIZES                                                                                 \
    {                                                                                              \
        .vl = VL, .vectors = GEMM_VECTORS, .rows = { GEMM_ROWS_1, GEMM_ROWS_2, GEMM_ROWS_3 }       \
    }
static const struct cpu_tile gemm_tile_sizes = GEMM_SIZES;

/* c += residual for a block that an activation has passed over. */
static void gemm_add_residual(const struct cpu_gemm *g, size_t column, size_t columns)
{
    for (size_t i = 0; i < g->rows; i++) {
        float *c = g->c + (ptrdiff_t)i * g->ldc + column;
        const float *residual = g->residual + (ptrdiff_t)i * g->ldr + column;
        for (size_t j = 0; j < columns; j += VL) {
            const vf sum =
                vf_load_some(c + j, columns - j) + vf_load_some(residual + j, columns - j);
            vf_store_some(c + j, sum, columns - j);
        }
    }
}

static void gemm(const struct cpu_gemm *g)
{
    const struct cpu_panels *p = g->b;
    const bool relu = g->act.func == NN_FUNC_RELU;
    const bool late = g->act.func != NN_FUNC_NONE && !relu;
    struct gemm_tile t = {
        .g = g,
        .lowest = relu ? 0.0f : -__builtin_inff(),
        .residual_before = g->residual_mode == NN_RESIDUAL_BEFORE,
        .residual_after = g->residual_mode == NN_RESIDUAL_AFTER && !late,
    };
    for (size_t v = 0, vectors; v < p->vectors; v += vectors) {
        vectors = cpu_panel_vectors(&gemm_tile_sizes, p->vectors - v);
        const size_t rows = gemm_tile_sizes.rows[vectors - 1];
        t.column = v * VL;
        t.columns = p->n - t.column < vectors * VL ? p->n - t.column : vectors * VL;
        t.b = p->b + v * VL * p->k + g->k_first * vectors * VL;
        t.bias = p->bias + v * VL;
        for (t.row = 0; t.row + rows <= g->rows; t.row += rows)
            gemm_tiles[vectors - 1][rows - 1](&t);
        if (t.row < g->rows)
            gemm_tiles[vectors - 1][g->rows - t.row - 1](&t);
        if (late) {
            act_block(g->c + t.column, g->ldc, g->rows, t.columns, &g->act);
            if (g->residual_mode == NN_RESIDUAL_AFTER)
                gemm_add_residual(g, t.column, t.columns);
        }
    }
}

#endif
