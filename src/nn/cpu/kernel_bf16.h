/*
 * Matrices of bfloat16 (split form, kernels.h) and the ends of products of them: what the products
 * on tiles (kernel_amx.h) and those of pairs (kernel_dot.h) have in common. The including tier_*.c
 * defines BF16_PARTS: of how many numbers of bfloat16 one is made.
 *
 *   x ≈ hi + lo,  hi = bf16(x),  lo = bf16(x - hi)          |x - hi - lo| ≤ 2^-17 |x|, about
 *
 * With BF16_PARTS = 1 numbers are bfloat16 themselves: no lo, half of the memory. What is larger
 * than bfloat16's largest is then infinite.
 *
 * Weights are split when they are packed (cpu_panels_fill), activations here, row by row; both have
 * zeros up to a whole step of 32 of the depth.
 */
#ifndef SE_NN_CPU_KERNEL_BF16_H
#define SE_NN_CPU_KERNEL_BF16_H

#include "nn/cpu/kernel_math.h"
#include "nn/cpu/kernels.h"

/* ---- splitting ------------------------------------------------------------------------------ */

enum {
    BF16_STEP = CPU_SPLIT_STEP,
    BF16_TILE = CPU_SPLIT_ROWS * BF16_STEP, /* numbers of a tile of bfloat16 */
    BF16_TILE_FLOATS = BF16_TILE / 2,
    BF16_LINE = 64, /* bytes of a row of a tile */
};

/* Rows of a matrix in split form (kernels.h). */
struct bf16_rows {
    uint16_t *tiles;
    size_t depth; /* a multiple of 32 */
};

static struct bf16_rows bf16_rows_at(float *split, size_t k)
{
    return (struct bf16_rows){(uint16_t *)(void *)split, cpu_split_depth(k)};
}

/* hi of (row, k), k a multiple of 32; lo is BF16_TILE behind, the next 32 of k BF16_PARTS times
 * that.
 */
INLINE uint16_t *bf16_row_at(const struct bf16_rows *rows, size_t row, size_t k)
{
    return rows->tiles + row / CPU_SPLIT_ROWS * CPU_SPLIT_ROWS * BF16_PARTS * rows->depth +
           BF16_PARTS * CPU_SPLIT_ROWS * k + row % CPU_SPLIT_ROWS * BF16_STEP;
}

/*
 * hi is kept finite: an infinite or very large number then has the rest of it in lo, where x - hi
 * is never inf - inf. Numbers that are none stay so in lo.
 */
INLINE __m512 bf16_bounded(__m512 x)
{
    const __m512 largest = (__m512)_mm512_set1_epi32(0x7f7f0000);
    return _mm512_range_ps(x, largest, 2); /* the smaller magnitude, sign of x */
}

/* Two vectors of 16 numbers → hi and lo of all 32. */
INLINE void bf16_split(__m512 x0, __m512 x1, __m512i *hi, __m512i *lo)
{
    if (BF16_PARTS == 1) {
        *lo = *hi = (__m512i)_mm512_cvtne2ps_pbh(x1, x0);
        return;
    }
    const __m512i low = _mm512_set_epi16(15, 0, 14, 0, 13, 0, 12, 0, 11, 0, 10, 0, 9, 0, 8, 0, 7, 0,
                                         6, 0, 5, 0, 4, 0, 3, 0, 2, 0, 1, 0, 0, 0);
    const __m512i high = _mm512_or_si512(low, _mm512_set1_epi16(16));
    const __mmask32 odd = 0xaaaaaaaa;
    *hi = (__m512i)_mm512_cvtne2ps_pbh(bf16_bounded(x1), bf16_bounded(x0));
    const __m512 h0 = (__m512)_mm512_maskz_permutexvar_epi16(odd, low, *hi);
    const __m512 h1 = (__m512)_mm512_maskz_permutexvar_epi16(odd, high, *hi);
    *lo = (__m512i)_mm512_cvtne2ps_pbh(x1 - h1, x0 - h0);
}

/* Stores 32 numbers of a row at k; those that pass the end of its tile go to the next, if the row
 * has more than that: `room` numbers from k on. */
INLINE void bf16_store(uint16_t *row, size_t k, size_t room, __m512i hi, __m512i lo)
{
    const size_t inside = k % BF16_STEP, here = BF16_STEP - inside;
    uint16_t *at = row + k / BF16_STEP * BF16_PARTS * BF16_TILE;
    if (inside == 0) {
        _mm512_storeu_si512(at, hi);
        if (BF16_PARTS > 1)
            _mm512_storeu_si512(at + BF16_TILE, lo);
        return;
    }
    const __mmask32 first = (__mmask32)((1u << here) - 1);
    _mm512_mask_storeu_epi16(at + inside, first, hi);
    if (BF16_PARTS > 1)
        _mm512_mask_storeu_epi16(at + inside + BF16_TILE, first, lo);
    if (room > here) {
        at += BF16_PARTS * BF16_TILE - (ptrdiff_t)here;
        _mm512_mask_storeu_epi16(at, ~first, hi);
        if (BF16_PARTS > 1)
            _mm512_mask_storeu_epi16(at + BF16_TILE, ~first, lo);
    }
}

/* `count` numbers of a row to its places from k on, and zeros behind them to a whole 32. */
INLINE void bf16_split_run(const float *x, size_t count, uint16_t *row, size_t k, size_t depth)
{
    __m512i hi, lo;
    size_t i = 0;
    for (; i + 2 * VL <= count; i += 2 * VL) {
        bf16_split((__m512)vf_load(x + i), (__m512)vf_load(x + i + VL), &hi, &lo);
        bf16_store(row, k + i, depth - k - i, hi, lo);
    }
    if (i == count)
        return;
    const size_t left = count - i;
    const vf second = left > VL ? vf_load_part(x + i + VL, left - VL) : vf_set1(0);
    bf16_split((__m512)vf_load_some(x + i, left), (__m512)second, &hi, &lo);
    bf16_store(row, k + i, depth - k - i, hi, lo);
}

/* Zeros to a row from k on, till `end`, a multiple of 32. */
INLINE void bf16_clear(uint16_t *row, size_t k, size_t end)
{
    const __m512i zero = _mm512_setzero_si512();
    for (; k < end; k = (k / BF16_STEP + 1) * BF16_STEP)
        bf16_store(row, k, BF16_STEP - k % BF16_STEP, zero, zero);
}

/* Up to 16 rows of `left` ≤ 32 numbers, lda apart, to a tile of hi and the one of lo behind it. */
INLINE void bf16_split_tile(const float *x, ptrdiff_t lda, size_t rows, const size_t left,
                            uint16_t *tile)
{
    for (size_t r = 0; r < rows; r++, x += lda, tile += BF16_STEP) {
        const vf second = left == 2 * VL ? vf_load(x + VL)
                          : left > VL    ? vf_load_part(x + VL, left - VL)
                                         : vf_set1(0);
        __m512i hi, lo;
        bf16_split((__m512)vf_load_some(x, left), (__m512)second, &hi, &lo);
        _mm512_storeu_si512(tile, hi);
        if (BF16_PARTS > 1)
            _mm512_storeu_si512(tile + BF16_TILE, lo);
    }
}

/* Rows of one segment that begins at 0: the usual case, tile by tile. */
static void bf16_split_tiles(const struct cpu_gemm *g, const struct bf16_rows *to)
{
    for (size_t row = 0; row < g->rows; row += CPU_SPLIT_ROWS) {
        const float *x = g->a[0] + (ptrdiff_t)row * g->lda;
        const size_t rows = g->rows - row < CPU_SPLIT_ROWS ? g->rows - row : CPU_SPLIT_ROWS;
        uint16_t *tile = bf16_row_at(to, row, 0);
        size_t k = 0;
        for (; k + BF16_STEP <= g->depth; k += BF16_STEP, tile += BF16_PARTS * BF16_TILE)
            bf16_split_tile(x + k, g->lda, rows, BF16_STEP, tile);
        if (k == g->depth)
            continue;
        if (g->depth - k == VL)
            bf16_split_tile(x + k, g->lda, rows, VL, tile);
        else
            bf16_split_tile(x + k, g->lda, rows, g->depth - k, tile);
    }
}

/* The rows of a: [zeros: k_first][segments][zeros]. */
static void bf16_split_rows(const struct cpu_gemm *g, const struct bf16_rows *to)
{
    if (g->segments == 1 && g->k_first == 0 && cpu_split_depth(g->depth) == to->depth) {
        bf16_split_tiles(g, to);
        return;
    }
    for (size_t r = 0; r < g->rows; r++) {
        uint16_t *row = bf16_row_at(to, r, 0);
        size_t k = g->k_first;
        if (k > 0)
            bf16_clear(row, 0, cpu_split_depth(k));
        for (size_t s = 0; s < g->segments; s++, k += g->depth)
            bf16_split_run(g->a[s] + (ptrdiff_t)r * g->lda, g->depth, row, k, to->depth);
        bf16_clear(row, k, to->depth);
    }
}

/* ---- ends ----------------------------------------------------------------------------------- */

/* A block of sums and its place in the output. */
struct bf16_block {
    const struct cpu_gemm *g;
    size_t row, rows, column, columns; /* those that exist */
    float *sums;                       /* [rows][pitch] */
    size_t pitch;                      /* 16 or 32 */
    const struct bf16_rows *split;     /* of the output; NULL: it goes to g->c */
};

/* How the rows of a block end; constant in each loop over rows. */
struct bf16_ending {
    enum nn_residual residual;
    bool whole, gelu, split; /* whole: 32 columns */
};

INLINE vf bf16_residual(const struct bf16_block *b, size_t i, size_t j, bool whole)
{
    const float *r = b->g->residual + (ptrdiff_t)(b->row + i) * b->g->ldr + b->column + j;
    return whole ? vf_load(r) : j < b->columns ? vf_load_some(r, b->columns - j) : vf_set1(0);
}

/* The end of rows [i, end): sums + bias, residual, relu or GELU, output. */
INLINE void bf16_end_loop(const struct bf16_block *b, size_t i, size_t end,
                          const struct bf16_ending how)
{
    const struct cpu_gemm *g = b->g;
    const bool two = how.whole || b->pitch > VL;
    const float *bias = g->b->bias + b->column;
    const vf bias0 = vf_load(bias), bias1 = two ? vf_load(bias + VL) : vf_set1(0);
    const vf lowest = vf_set1(g->act.func == NN_FUNC_RELU ? 0.0f : -__builtin_inff());
    const __mmask32 mask =
        b->columns < 2 * VL ? (__mmask32)((1u << b->columns) - 1) : (__mmask32)0xffffffff;
    for (; i < end; i++) {
        const float *sums = b->sums + i * (how.whole ? 2 * VL : b->pitch);
        vf y[2] = {vf_load(sums) + bias0, two ? vf_load(sums + VL) + bias1 : vf_set1(0)};
        if (how.residual == NN_RESIDUAL_BEFORE) {
            y[0] += bf16_residual(b, i, 0, how.whole);
            y[1] += bf16_residual(b, i, VL, how.whole);
        }
        if (how.gelu) {
            vf_gelu(y, 2);
        } else {
            y[0] = vf_max(lowest, y[0]);
            y[1] = vf_max(lowest, y[1]);
        }
        if (how.residual == NN_RESIDUAL_AFTER) {
            y[0] += bf16_residual(b, i, 0, how.whole);
            y[1] += bf16_residual(b, i, VL, how.whole);
        }
        if (how.split) {
            __m512i hi, lo;
            bf16_split((__m512)y[0], (__m512)y[1], &hi, &lo);
            if (!how.whole) {
                hi = _mm512_maskz_mov_epi16(mask, hi);
                lo = _mm512_maskz_mov_epi16(mask, lo);
            }
            bf16_store(bf16_row_at(b->split, b->row + i, b->column), 0, BF16_STEP, hi, lo);
            continue;
        }
        float *c = g->c + (ptrdiff_t)(b->row + i) * g->ldc + b->column;
        if (how.whole) {
            vf_store(c, y[0]);
            vf_store(c + VL, y[1]);
        } else {
            vf_store_some(c, y[0], b->columns);
            if (b->columns > VL)
                vf_store_some(c + VL, y[1], b->columns - VL);
        }
    }
}

/* Activations but relu and GELU, in place; then what follows them must add no bias, so this does.
 */
static void bf16_end_rarely(const struct bf16_block *b, size_t i, size_t end)
{
    const struct cpu_gemm *g = b->g;
    for (; i < end; i++) {
        float row[2 * VL] = {0};
        for (size_t j = 0; j < b->columns; j += VL) {
            vf y = vf_load(b->sums + i * b->pitch + j) + vf_load(g->b->bias + b->column + j);
            if (g->residual_mode == NN_RESIDUAL_BEFORE)
                y += bf16_residual(b, i, j, false);
            vf_store(row + j, y);
        }
        act_block(row, 2 * VL, 1, b->columns, &g->act);
        for (size_t j = 0; j < b->columns; j += VL) {
            vf y = vf_load(row + j);
            if (g->residual_mode == NN_RESIDUAL_AFTER)
                y += bf16_residual(b, i, j, false);
            if (!b->split)
                vf_store_some(g->c + (ptrdiff_t)(b->row + i) * g->ldc + b->column + j, y,
                              b->columns - j);
        }
        if (b->split)
            bf16_split_run(row, b->columns, bf16_row_at(b->split, b->row + i, b->column), 0,
                           BF16_STEP);
    }
}

/* The end of rows [i, end) of a block: bias, activation, residual, output. */
static __attribute__((noinline)) void bf16_end_rows(const struct bf16_block *b, size_t i,
                                                    size_t end)
{
    const enum nn_func func = b->g->act.func;
    const enum nn_residual residual = b->g->residual_mode;
    const bool whole = b->columns == 2 * VL, split = b->split != NULL;
#define LOOP(residual, whole, gelu, split)                                                         \
    bf16_end_loop(b, i, end, (struct bf16_ending){residual, whole, gelu, split})
    if (func != NN_FUNC_NONE && func != NN_FUNC_RELU && func != NN_FUNC_GELU)
        bf16_end_rarely(b, i, end);
    else if (func == NN_FUNC_GELU && split && whole)
        LOOP(NN_RESIDUAL_NONE, true, true, true);
    else if (func == NN_FUNC_GELU)
        LOOP(residual, false, true, split);
    else if (split || !whole)
        LOOP(residual, false, false, split);
    else if (residual == NN_RESIDUAL_AFTER)
        LOOP(NN_RESIDUAL_AFTER, true, false, false);
    else if (residual == NN_RESIDUAL_BEFORE)
        LOOP(NN_RESIDUAL_BEFORE, true, false, false);
    else
        LOOP(NN_RESIDUAL_NONE, true, false, false);
#undef LOOP
}

/* ---- where products read -------------------------------------------------------------------- */

/* Where a block of sums comes from: for each step of the depth, tiles of a and b. In uint16_t, but
 * for b. */
struct bf16_source {
    const uint16_t *a;         /* hi of the first 16 rows */
    ptrdiff_t lo, below;       /* from there to lo, to the next 16 rows */
    ptrdiff_t line;            /* from row to row, in bytes */
    ptrdiff_t step, run;       /* from a step of a run to the next, from a run to the next */
    size_t runs, steps, pairs; /* of numbers, in a run; those past them meet weights of 0 */
    const float *b;            /* of its first 16 columns */
    ptrdiff_t vector;          /* floats to the next 16 */
};

static struct bf16_source bf16_source_of_rows(const struct cpu_gemm *g)
{
    const size_t depth = cpu_split_depth(g->b->k);
    return (struct bf16_source){.a = (const uint16_t *)(const void *)g->split,
                                .lo = BF16_TILE,
                                .below = (ptrdiff_t)(BF16_PARTS * CPU_SPLIT_ROWS * depth),
                                .line = BF16_LINE,
                                .step = BF16_PARTS * BF16_TILE,
                                .runs = 1,
                                .steps = depth / BF16_STEP,
                                .pairs = (g->b->k + 1) / 2};
}

static struct bf16_source bf16_source_of_view(const struct cpu_split_view *view)
{
    return (struct bf16_source){.a = view->hi,
                                .lo = view->lo,
                                .below = CPU_SPLIT_ROWS * view->pixel,
                                .line = view->pixel * (ptrdiff_t)sizeof(*view->hi),
                                .step = BF16_STEP,
                                .run = view->run,
                                .runs = view->runs,
                                .steps = view->steps,
                                .pairs = (view->depth + 1) / 2};
}

static void split(const struct cpu_split_run *r)
{
    for (size_t i = 0; i < r->rows; i++) {
        const float *x = r->x + (ptrdiff_t)i * r->x_step;
        uint16_t *hi = r->hi + (ptrdiff_t)i * r->step, *lo = r->lo + (ptrdiff_t)i * r->step;
        __m512i h, l;
        size_t k = 0;
        for (; k + 2 * VL <= r->count; k += 2 * VL) {
            bf16_split((__m512)vf_load(x + k), (__m512)vf_load(x + k + VL), &h, &l);
            _mm512_storeu_si512(hi + k, h);
            if (BF16_PARTS > 1)
                _mm512_storeu_si512(lo + k, l);
        }
        if (k == r->count)
            continue;
        const size_t left = r->count - k;
        const __mmask32 mask = (__mmask32)((1u << left) - 1);
        const vf second = left > VL ? vf_load_part(x + k + VL, left - VL) : vf_set1(0);
        bf16_split((__m512)vf_load_some(x + k, left), (__m512)second, &h, &l);
        _mm512_mask_storeu_epi16(hi + k, mask, h);
        if (BF16_PARTS > 1)
            _mm512_mask_storeu_epi16(lo + k, mask, l);
    }
}

#endif
