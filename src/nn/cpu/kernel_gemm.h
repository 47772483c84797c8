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

/* One panel's part of a struct cpu_gemm. */
struct gemm_panel {
    const struct cpu_gemm *g;
    size_t row, row_end; /* a whole number of tiles */
    size_t column;
    size_t columns; /* to be written: up to vectors·VL */
    const float *b, *bias;
    const float *next, *next_end; /* the panel that comes after this */
    float lowest;                 /* 0 for relu, else -inf */
    bool residual_before, residual_after;
};

typedef void gemm_panel_fn(const struct gemm_panel *p);

/* Ends a tile that is rarely met: with a residual before the activation, or with one and columns
 * that are not there. */
static void gemm_tile_end(const struct gemm_panel *p, size_t row, size_t rows, const float *sums,
                          size_t pitch)
{
    const struct cpu_gemm *g = p->g;
    for (size_t i = 0; i < rows; i++, sums += pitch) {
        float *c = g->c + (ptrdiff_t)(row + i) * g->ldc + p->column;
        const float *residual = g->residual + (ptrdiff_t)(row + i) * g->ldr + p->column;
        for (size_t j = 0; j < p->columns; j += VL) {
            const size_t count = p->columns - j;
            vf y = vf_load(sums + j);
            if (p->residual_before)
                y += vf_load_some(residual + j, count);
            y = vf_max(vf_set1(p->lowest), y);
            if (p->residual_after)
                y += vf_load_some(residual + j, count);
            vf_store_some(c + j, y, count);
        }
    }
}

enum { GEMM_LINE = 16 }; /* floats of a cache line */

/* One step of k: sum[r][v] += a[r]·b[v]; row r of a begins at a[r / 4] + r % 4 · lda. */
INLINE void gemm_step(vf sum[16][3], const float *b, const float *const a[4], ptrdiff_t lda,
                      const int rows, const int vectors)
{
    vf panel[3];
    UNROLL
    for (int v = 0; v < vectors; v++)
        panel[v] = vf_load(b + v * VL);
    UNROLL
    for (int r = 0; r < rows; r++) {
        const vf x = vf_set1(a[r / 4][r % 4 * lda]);
        UNROLL
        for (int v = 0; v < vectors; v++)
            sum[r][v] = vf_fma(x, panel[v], sum[r][v]);
    }
}

INLINE void gemm_panel_run(const struct gemm_panel *p, const int rows, const int vectors)
{
    const struct cpu_gemm *g = p->g;
    const ptrdiff_t lda = g->lda, ldc = g->ldc, ldr = g->ldr;
    const size_t segments = g->segments, depth = g->depth;
    const bool whole = p->columns == (size_t)vectors * VL;
    const vf lowest = vf_set1(p->lowest);
    /* The first tiles bring the next panel into the second-level cache, a line for every k. */
    const float *next = p->next;
    for (size_t row = p->row; row < p->row_end; row += (size_t)rows) {
        const float *b = p->b, *ahead = next;
        vf sum[16][3];
        UNROLL
        for (int r = 0; r < rows; r++) {
            UNROLL
            for (int v = 0; v < vectors; v++)
                sum[r][v] = vf_load(p->bias + v * VL);
        }
        for (size_t s = 0; s < segments; s++) {
            const float *a[4];
            UNROLL
            for (int q = 0; q < (rows + 3) / 4; q++) {
                a[q] = g->a[s] + ((ptrdiff_t)row + 4 * q) * lda;
                KEEP_IN_REGISTER(a[q]);
            }
            for (size_t k = 0; k < depth; k++) {
                if (vectors == GEMM_VECTORS)
                    __builtin_prefetch(ahead, 0, 2);
                gemm_step(sum, b, a, lda, rows, vectors);
                b += vectors * VL;
                ahead += GEMM_LINE;
                UNROLL
                for (int q = 0; q < (rows + 3) / 4; q++)
                    a[q]++;
            }
        }
        next = ahead < p->next_end ? ahead : p->b;
        float *c = g->c + (ptrdiff_t)row * ldc + p->column;
        if (p->residual_before || (p->residual_after && !whole)) {
            float sums[16 * 3 * VL];
            UNROLL
            for (int r = 0; r < rows; r++) {
                UNROLL
                for (int v = 0; v < vectors; v++)
                    vf_store(sums + (r * vectors + v) * VL, sum[r][v]);
            }
            gemm_tile_end(p, row, (size_t)rows, sums, (size_t)vectors * VL);
        } else if (!whole) {
            const size_t last = p->columns - (size_t)(vectors - 1) * VL;
            UNROLL
            for (int r = 0; r < rows; r++) {
                UNROLL
                for (int v = 0; v < vectors - 1; v++)
                    vf_store(c + r * ldc + v * VL, vf_max(lowest, sum[r][v]));
                vf_store_part(c + r * ldc + (vectors - 1) * VL, vf_max(lowest, sum[r][vectors - 1]),
                              last);
            }
        } else if (p->residual_after) {
            const float *residual = g->residual + (ptrdiff_t)row * ldr + p->column;
            UNROLL
            for (int r = 0; r < rows; r++) {
                UNROLL
                for (int v = 0; v < vectors; v++)
                    vf_store(c + r * ldc + v * VL,
                             vf_max(lowest, sum[r][v]) + vf_load(residual + r * ldr + v * VL));
            }
        } else {
            UNROLL
            for (int r = 0; r < rows; r++) {
                UNROLL
                for (int v = 0; v < vectors; v++)
                    vf_store(c + r * ldc + v * VL, vf_max(lowest, sum[r][v]));
            }
        }
    }
}

#define TILE(rows, vectors)                                                                        \
    static void gemm_tile_##rows##x##vectors(const struct gemm_panel *p)                           \
    {                                                                                              \
        gemm_panel_run(p, rows, vectors);                                                          \
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
#if GEMM_ROWS_1 == 16
TILE(16, 1)
#endif
#if GEMM_ROWS_2 == 12
TILE(12, 2)
#elif GEMM_ROWS_2 == 14
TILE(14, 2)
#endif
#undef TILE
#undef TILES

/* Rows of the largest tile that is used for what whole tiles leave. */
#if GEMM_ROWS_3 == 8
enum { GEMM_ODD_ROWS = 8 };
#else
enum { GEMM_ODD_ROWS = 6 };
#endif

/* [vectors - 1][rows - 1] */
#define TILES_4(vectors)                                                                           \
    gemm_tile_1x##vectors, gemm_tile_2x##vectors, gemm_tile_3x##vectors, gemm_tile_4x##vectors
static gemm_panel_fn *const gemm_tiles[3][16] = {
#if GEMM_ROWS_3 == 8
    {TILES_4(1), gemm_tile_5x1, gemm_tile_6x1, gemm_tile_7x1, gemm_tile_8x1,
#if GEMM_ROWS_1 == 16
     [15] = gemm_tile_16x1
#endif
    },
    {TILES_4(2), gemm_tile_5x2, gemm_tile_6x2, gemm_tile_7x2, gemm_tile_8x2,
#if GEMM_ROWS_2 == 12
     [11] = gemm_tile_12x2
#elif GEMM_ROWS_2 == 14
    [13] = gemm_tile_14x2
#endif
    },
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
        .vl = VL, .vectors = GEMM_VECTORS, .rows = {GEMM_ROWS_1, GEMM_ROWS_2, GEMM_ROWS_3},        \
        .planes_from = 1                                                                           \
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
    const struct cpu_panels *b = g->b;
    const bool relu = g->act.func == NN_FUNC_RELU;
    const bool late = g->act.func != NN_FUNC_NONE && !relu;
    struct gemm_panel p = {
        .g = g,
        .lowest = relu ? 0.0f : -__builtin_inff(),
        .residual_before = g->residual_mode == NN_RESIDUAL_BEFORE,
        .residual_after = g->residual_mode == NN_RESIDUAL_AFTER && !late,
    };
    for (size_t v = 0, vectors; v < b->vectors; v += vectors) {
        vectors = cpu_panel_vectors(&gemm_tile_sizes, b->vectors - v);
        const size_t rows = gemm_tile_sizes.rows[vectors - 1];
        p.column = v * VL;
        p.columns = b->n - p.column < vectors * VL ? b->n - p.column : vectors * VL;
        p.b = b->b + v * VL * b->k + g->k_first * vectors * VL;
        p.bias = b->bias + v * VL;
        p.row = 0;
        p.row_end = g->rows / rows * rows;
        p.next = p.b + g->b->k * vectors * VL;
        p.next_end = p.next + g->b->k * vectors * VL;
        if (p.row_end > 0)
            gemm_tiles[vectors - 1][rows - 1](&p);
        while (p.row_end < g->rows) {
            const size_t left = g->rows - p.row_end;
            const size_t some = left < GEMM_ODD_ROWS ? left : GEMM_ODD_ROWS;
            p.row = p.row_end;
            p.row_end += some;
            gemm_tiles[vectors - 1][some - 1](&p);
        }
        if (late) {
            act_block(g->c + p.column, g->ldc, g->rows, p.columns, &g->act);
            if (g->residual_mode == NN_RESIDUAL_AFTER)
                gemm_add_residual(g, p.column, p.columns);
        }
    }
}

#endif
