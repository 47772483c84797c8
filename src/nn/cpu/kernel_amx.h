/*
 * Matrix product on tiles (AMX), in place of kernel_gemm.h; included by tier_amx.c and
 * tier_amx_bf16.c, which define AMX_PARTS: of how many numbers of bfloat16 one is made.
 *
 * A tile register holds 16 rows of 64 bytes. TDPBF16PS multiplies 16 × 32 numbers of bfloat16 with
 * 32 × 16 and adds to 16 × 16 sums of float32. So a float32 number x is split in two:
 *
 *   x ≈ hi + lo,  hi = bf16(x),  lo = bf16(x - hi)          |x - hi - lo| ≤ 2^-17 |x|, about
 *   Σ a·b ≈ Σ a.lo·b.hi + Σ a.hi·b.hi + Σ a.hi·b.lo         a.lo·b.lo, 2^-18 |a·b|, is left out
 *
 * Weights are split when they are packed (cpu_panels_fill), activations here, row by row; both have
 * zeros up to a whole step of 32 of the depth. A block of sums is 2 × 2 tiles, or 4 × 1 at the last
 * 16 columns of an odd number of them:
 *
 *                  b.hi, b.lo of 32 columns          tiles 0 … 3: sums
 *                 ┌─────────┬─────────┐                    4, 5: a
 *                 │ tile 6  │ tile 7  │                    6, 7: b
 *   ┌─────────┐   ├─────────┼─────────┤
 *   │ a 0 … 15│   │ sums 0  │ sums 1  │
 *   │ tile 4  │   │         │         │
 *   ├─────────┤   ├─────────┼─────────┤
 *   │ 16 … 31 │   │ sums 2  │ sums 3  │
 *   │ tile 5  │   │         │         │
 *   └─────────┘   └─────────┴─────────┘
 *
 * With AMX_PARTS = 1 numbers are bfloat16 themselves: no lo, one product in place of three, half
 * of the memory. What is larger than bfloat16's largest is then infinite.
 *
 * The sums pass through 4 KB of the stack to the bias, the activation, the residual and the output.
 *
 * The compilers' own intrinsics of tiles do not tell GCC 12 that they touch memory, so the few
 * instructions are written here.
 */
#ifndef SE_NN_CPU_KERNEL_AMX_H
#define SE_NN_CPU_KERNEL_AMX_H

#include "nn/cpu/kernel_math.h"
#include "nn/cpu/kernels.h"

enum {
    AMX_SIDE = 16,                             /* rows of a tile, and columns of sums */
    AMX_BLOCK_FLOATS = 4 * AMX_SIDE * AMX_SIDE /* of four tiles of sums */
};

#define GEMM_SIZES                                                                                 \
    {                                                                                              \
        .vl = VL, .vectors = 2, .rows = {64, 32, 64}, .parts = AMX_PARTS                           \
    }

/* ---- instructions --------------------------------------------------------------------------- */

#define TILE_LOAD(tile, from, step)                                                                \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #tile                                            \
                     :                                                                             \
                     : "r"(from), "r"((ptrdiff_t)(step))                                           \
                     : "memory")
#define TILE_STORE(tile, to, step)                                                                 \
    __asm__ volatile("tilestored %%tmm" #tile ", (%0,%1,1)"                                        \
                     :                                                                             \
                     : "r"(to), "r"((ptrdiff_t)(step))                                             \
                     : "memory")
#define TILE_ZERO(tile) __asm__ volatile("tilezero %tmm" #tile)
/* sums += a · b */
#define TILE_DOT(sums, a, b) __asm__ volatile("tdpbf16ps %tmm" #b ", %tmm" #a ", %tmm" #sums)

/* The operand of LDTILECFG: all eight tiles whole. */
struct amx_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

static void amx_begin(void)
{
    static const struct amx_config config = {
        .palette = 1,
        .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
        .rows = {16, 16, 16, 16, 16, 16, 16, 16},
    };
    __asm__ volatile("ldtilecfg %0" : : "m"(config));
}

/* Without tiles in use a switch of threads has nothing of them to save. */
static void amx_end(void)
{
    __asm__ volatile("tilerelease");
}

/* ---- splitting ------------------------------------------------------------------------------ */

enum {
    AMX_STEP = CPU_SPLIT_STEP,
    AMX_TILE = AMX_SIDE * AMX_STEP, /* numbers of a tile of bfloat16 */
    AMX_TILE_FLOATS = AMX_TILE / 2,
};

/* Rows of a matrix in split form (kernels.h). */
struct amx_rows {
    uint16_t *tiles;
    size_t depth; /* a multiple of 32 */
};

static struct amx_rows amx_rows_at(float *split, size_t k)
{
    return (struct amx_rows){(uint16_t *)(void *)split, cpu_split_depth(k)};
}

/* hi of (row, k), k a multiple of 32; lo is AMX_TILE behind, the next 32 of k AMX_PARTS times that.
 */
INLINE uint16_t *amx_row_at(const struct amx_rows *rows, size_t row, size_t k)
{
    return rows->tiles + row / AMX_SIDE * AMX_SIDE * AMX_PARTS * rows->depth +
           AMX_PARTS * AMX_SIDE * k + row % AMX_SIDE * AMX_STEP;
}

/*
 * hi is kept finite: an infinite or very large number then has the rest of it in lo, where x - hi
 * is never inf - inf. Numbers that are none stay so in lo.
 */
INLINE __m512 amx_bounded(__m512 x)
{
    const __m512 largest = (__m512)_mm512_set1_epi32(0x7f7f0000);
    return _mm512_range_ps(x, largest, 2); /* the smaller magnitude, sign of x */
}

/* Two vectors of 16 numbers → hi and lo of all 32. */
INLINE void amx_split(__m512 x0, __m512 x1, __m512i *hi, __m512i *lo)
{
    if (AMX_PARTS == 1) {
        *lo = *hi = (__m512i)_mm512_cvtne2ps_pbh(x1, x0);
        return;
    }
    const __m512i low = _mm512_set_epi16(15, 0, 14, 0, 13, 0, 12, 0, 11, 0, 10, 0, 9, 0, 8, 0, 7, 0,
                                         6, 0, 5, 0, 4, 0, 3, 0, 2, 0, 1, 0, 0, 0);
    const __m512i high = _mm512_or_si512(low, _mm512_set1_epi16(16));
    const __mmask32 odd = 0xaaaaaaaa;
    *hi = (__m512i)_mm512_cvtne2ps_pbh(amx_bounded(x1), amx_bounded(x0));
    const __m512 h0 = (__m512)_mm512_maskz_permutexvar_epi16(odd, low, *hi);
    const __m512 h1 = (__m512)_mm512_maskz_permutexvar_epi16(odd, high, *hi);
    *lo = (__m512i)_mm512_cvtne2ps_pbh(x1 - h1, x0 - h0);
}

/* Stores 32 numbers of a row at k; those that pass the end of its tile go to the next, if the row
 * has more than that: `room` numbers from k on. */
INLINE void amx_store(uint16_t *row, size_t k, size_t room, __m512i hi, __m512i lo)
{
    const size_t inside = k % AMX_STEP, here = AMX_STEP - inside;
    uint16_t *at = row + k / AMX_STEP * AMX_PARTS * AMX_TILE;
    if (inside == 0) {
        _mm512_storeu_si512(at, hi);
        if (AMX_PARTS > 1)
            _mm512_storeu_si512(at + AMX_TILE, lo);
        return;
    }
    const __mmask32 first = (__mmask32)((1u << here) - 1);
    _mm512_mask_storeu_epi16(at + inside, first, hi);
    if (AMX_PARTS > 1)
        _mm512_mask_storeu_epi16(at + inside + AMX_TILE, first, lo);
    if (room > here) {
        at += AMX_PARTS * AMX_TILE - (ptrdiff_t)here;
        _mm512_mask_storeu_epi16(at, ~first, hi);
        if (AMX_PARTS > 1)
            _mm512_mask_storeu_epi16(at + AMX_TILE, ~first, lo);
    }
}

/* `count` numbers of a row to its places from k on, and zeros behind them to a whole 32. */
INLINE void amx_split_run(const float *x, size_t count, uint16_t *row, size_t k, size_t depth)
{
    __m512i hi, lo;
    size_t i = 0;
    for (; i + 2 * VL <= count; i += 2 * VL) {
        amx_split((__m512)vf_load(x + i), (__m512)vf_load(x + i + VL), &hi, &lo);
        amx_store(row, k + i, depth - k - i, hi, lo);
    }
    if (i == count)
        return;
    const size_t left = count - i;
    const vf second = left > VL ? vf_load_part(x + i + VL, left - VL) : vf_set1(0);
    amx_split((__m512)vf_load_some(x + i, left), (__m512)second, &hi, &lo);
    amx_store(row, k + i, depth - k - i, hi, lo);
}

/* Zeros to a row from k on, till `end`, a multiple of 32. */
INLINE void amx_clear(uint16_t *row, size_t k, size_t end)
{
    const __m512i zero = _mm512_setzero_si512();
    for (; k < end; k = (k / AMX_STEP + 1) * AMX_STEP)
        amx_store(row, k, AMX_STEP - k % AMX_STEP, zero, zero);
}

/* Up to 16 rows of `left` ≤ 32 numbers, lda apart, to a tile of hi and the one of lo behind it. */
INLINE void amx_split_tile(const float *x, ptrdiff_t lda, size_t rows, const size_t left,
                           uint16_t *tile)
{
    for (size_t r = 0; r < rows; r++, x += lda, tile += AMX_STEP) {
        const vf second = left == 2 * VL ? vf_load(x + VL)
                          : left > VL    ? vf_load_part(x + VL, left - VL)
                                         : vf_set1(0);
        __m512i hi, lo;
        amx_split((__m512)vf_load_some(x, left), (__m512)second, &hi, &lo);
        _mm512_storeu_si512(tile, hi);
        if (AMX_PARTS > 1)
            _mm512_storeu_si512(tile + AMX_TILE, lo);
    }
}

/* Rows of one segment that begins at 0: the usual case, tile by tile. */
static void amx_split_tiles(const struct cpu_gemm *g, const struct amx_rows *to)
{
    for (size_t row = 0; row < g->rows; row += AMX_SIDE) {
        const float *x = g->a[0] + (ptrdiff_t)row * g->lda;
        const size_t rows = g->rows - row < AMX_SIDE ? g->rows - row : AMX_SIDE;
        uint16_t *tile = amx_row_at(to, row, 0);
        size_t k = 0;
        for (; k + AMX_STEP <= g->depth; k += AMX_STEP, tile += AMX_PARTS * AMX_TILE)
            amx_split_tile(x + k, g->lda, rows, AMX_STEP, tile);
        if (k == g->depth)
            continue;
        if (g->depth - k == VL)
            amx_split_tile(x + k, g->lda, rows, VL, tile);
        else
            amx_split_tile(x + k, g->lda, rows, g->depth - k, tile);
    }
}

/* The rows of a: [zeros: k_first][segments][zeros]. */
static void amx_split_rows(const struct cpu_gemm *g, const struct amx_rows *to)
{
    if (g->segments == 1 && g->k_first == 0 && cpu_split_depth(g->depth) == to->depth) {
        amx_split_tiles(g, to);
        return;
    }
    for (size_t r = 0; r < g->rows; r++) {
        uint16_t *row = amx_row_at(to, r, 0);
        size_t k = g->k_first;
        if (k > 0)
            amx_clear(row, 0, cpu_split_depth(k));
        for (size_t s = 0; s < g->segments; s++, k += g->depth)
            amx_split_run(g->a[s] + (ptrdiff_t)r * g->lda, g->depth, row, k, to->depth);
        amx_clear(row, k, to->depth);
    }
}

/* ---- ends ----------------------------------------------------------------------------------- */

/* A block of sums and its place in the output. */
struct amx_block {
    const struct cpu_gemm *g;
    size_t row, rows, column, columns; /* those that exist */
    float *sums;                       /* [rows][pitch] */
    size_t pitch;                      /* 16 or 32 */
    const struct amx_rows *split;      /* of the output; NULL: it goes to g->c */
};

/* How the rows of a block end; constant in each loop over rows. */
struct amx_ending {
    enum nn_residual residual;
    bool whole, gelu, split; /* whole: 32 columns */
};

INLINE vf amx_residual(const struct amx_block *b, size_t i, size_t j, bool whole)
{
    const float *r = b->g->residual + (ptrdiff_t)(b->row + i) * b->g->ldr + b->column + j;
    return whole ? vf_load(r) : j < b->columns ? vf_load_some(r, b->columns - j) : vf_set1(0);
}

/* The end of rows [i, end): sums + bias, residual, relu or GELU, output. */
INLINE void amx_end_loop(const struct amx_block *b, size_t i, size_t end,
                         const struct amx_ending how)
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
            y[0] += amx_residual(b, i, 0, how.whole);
            y[1] += amx_residual(b, i, VL, how.whole);
        }
        if (how.gelu) {
            vf_gelu(y, 2);
        } else {
            y[0] = vf_max(lowest, y[0]);
            y[1] = vf_max(lowest, y[1]);
        }
        if (how.residual == NN_RESIDUAL_AFTER) {
            y[0] += amx_residual(b, i, 0, how.whole);
            y[1] += amx_residual(b, i, VL, how.whole);
        }
        if (how.split) {
            __m512i hi, lo;
            amx_split((__m512)y[0], (__m512)y[1], &hi, &lo);
            if (!how.whole) {
                hi = _mm512_maskz_mov_epi16(mask, hi);
                lo = _mm512_maskz_mov_epi16(mask, lo);
            }
            amx_store(amx_row_at(b->split, b->row + i, b->column), 0, AMX_STEP, hi, lo);
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
static void amx_end_rarely(const struct amx_block *b, size_t i, size_t end)
{
    const struct cpu_gemm *g = b->g;
    for (; i < end; i++) {
        float row[2 * VL] = {0};
        for (size_t j = 0; j < b->columns; j += VL) {
            vf y = vf_load(b->sums + i * b->pitch + j) + vf_load(g->b->bias + b->column + j);
            if (g->residual_mode == NN_RESIDUAL_BEFORE)
                y += amx_residual(b, i, j, false);
            vf_store(row + j, y);
        }
        act_block(row, 2 * VL, 1, b->columns, &g->act);
        for (size_t j = 0; j < b->columns; j += VL) {
            vf y = vf_load(row + j);
            if (g->residual_mode == NN_RESIDUAL_AFTER)
                y += amx_residual(b, i, j, false);
            if (!b->split)
                vf_store_some(g->c + (ptrdiff_t)(b->row + i) * g->ldc + b->column + j, y,
                              b->columns - j);
        }
        if (b->split)
            amx_split_run(row, b->columns, amx_row_at(b->split, b->row + i, b->column), 0,
                          AMX_STEP);
    }
}

/* The end of rows [i, end) of a block: bias, activation, residual, output. */
static __attribute__((noinline)) void amx_end_rows(const struct amx_block *b, size_t i, size_t end)
{
    const enum nn_func func = b->g->act.func;
    const enum nn_residual residual = b->g->residual_mode;
    const bool whole = b->columns == 2 * VL, split = b->split != NULL;
#define LOOP(residual, whole, gelu, split)                                                         \
    amx_end_loop(b, i, end, (struct amx_ending){residual, whole, gelu, split})
    if (func != NN_FUNC_NONE && func != NN_FUNC_RELU && func != NN_FUNC_GELU)
        amx_end_rarely(b, i, end);
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

/* ---- products ------------------------------------------------------------------------------- */

/* Where a block of sums comes from: for each step of the depth, tiles of a and b. In uint16_t, but
 * for b. */
struct amx_source {
    const uint16_t *a;   /* hi of the first 16 rows */
    ptrdiff_t lo, below; /* from there to lo, to the next 16 rows */
    ptrdiff_t line;      /* from row to row, in bytes */
    ptrdiff_t step, run; /* from a step of a run to the next, from a run to the next */
    size_t runs, steps;
    const float *b;   /* of its first 16 columns */
    ptrdiff_t vector; /* floats to the next 16 */
};

/*
 * The end of one block is done between the products of the next, some rows at a time: the processor
 * computes tiles and vectors side by side, as far as it looks ahead.
 */
struct amx_turn {
    const struct amx_block *block; /* NULL: none waits */
    size_t row, each;              /* the first that is not done; how many a turn */
};

enum { AMX_TURNS = AMX_PARTS == 1 ? 1 : 3 }; /* a step of the depth */

INLINE void amx_take_turn(struct amx_turn *t)
{
    if (!t->block || t->row == t->block->rows)
        return;
    const size_t left = t->block->rows - t->row, end = t->row + (left < t->each ? left : t->each);
    amx_end_rows(t->block, t->row, end);
    t->row = end;
}

/* Four products of two tiles of a with two of b. */
#define AMX_DOTS_2X2()                                                                             \
    do {                                                                                           \
        TILE_DOT(0, 4, 6);                                                                         \
        TILE_DOT(1, 4, 7);                                                                         \
        TILE_DOT(2, 5, 6);                                                                         \
        TILE_DOT(3, 5, 7);                                                                         \
    } while (0)

#define AMX_ZERO_4()                                                                               \
    do {                                                                                           \
        TILE_ZERO(0);                                                                              \
        TILE_ZERO(1);                                                                              \
        TILE_ZERO(2);                                                                              \
        TILE_ZERO(3);                                                                              \
    } while (0)

enum { AMX_LINE = 64 }; /* bytes of a row of a tile */

#if AMX_PARTS == 1

/* One step of 32 rows, 32 columns. */
INLINE void amx_step_2x2(const struct amx_source *s, const uint16_t *a, const float *b,
                         struct amx_turn *turn)
{
    TILE_LOAD(6, b, AMX_LINE);
    TILE_LOAD(4, a, s->line);
    TILE_LOAD(7, b + s->vector, AMX_LINE);
    TILE_LOAD(5, a + s->below, s->line);
    AMX_DOTS_2X2();
    amx_take_turn(turn);
}

/* 16 rows, 32 columns */
INLINE void amx_step_1x2(const struct amx_source *s, const uint16_t *a, const float *b,
                         struct amx_turn *turn)
{
    TILE_LOAD(6, b, AMX_LINE);
    TILE_LOAD(4, a, s->line);
    TILE_LOAD(7, b + s->vector, AMX_LINE);
    TILE_DOT(0, 4, 6);
    TILE_DOT(1, 4, 7);
    amx_take_turn(turn);
}

/* 64 rows, 16 columns */
INLINE void amx_step_4x1(const struct amx_source *s, const uint16_t *a, const float *b,
                         struct amx_turn *turn)
{
    const uint16_t *a1 = a + s->below, *a2 = a1 + s->below, *a3 = a2 + s->below;
    TILE_LOAD(6, b, AMX_LINE);
    TILE_LOAD(4, a, s->line);
    TILE_LOAD(5, a1, s->line);
    TILE_DOT(0, 4, 6);
    TILE_DOT(1, 5, 6);
    TILE_LOAD(4, a2, s->line);
    TILE_LOAD(5, a3, s->line);
    TILE_DOT(2, 4, 6);
    TILE_DOT(3, 5, 6);
    amx_take_turn(turn);
}

/* 16 rows, 16 columns */
INLINE void amx_step_1x1(const struct amx_source *s, const uint16_t *a, const float *b,
                         struct amx_turn *turn)
{
    TILE_LOAD(6, b, AMX_LINE);
    TILE_LOAD(4, a, s->line);
    TILE_DOT(0, 4, 6);
    amx_take_turn(turn);
}

#else

/* One step of 32 rows, 32 columns. */
INLINE void amx_step_2x2(const struct amx_source *s, const uint16_t *a, const float *b,
                         struct amx_turn *turn)
{
    const uint16_t *below = a + s->below;
    const float *right = b + s->vector;
    TILE_LOAD(6, b, AMX_LINE);
    TILE_LOAD(4, a + s->lo, s->line);
    TILE_LOAD(7, right, AMX_LINE);
    TILE_LOAD(5, below + s->lo, s->line);
    AMX_DOTS_2X2();
    amx_take_turn(turn);
    TILE_LOAD(4, a, s->line);
    TILE_LOAD(5, below, s->line);
    AMX_DOTS_2X2();
    amx_take_turn(turn);
    TILE_LOAD(6, b + AMX_TILE_FLOATS, AMX_LINE);
    TILE_LOAD(7, right + AMX_TILE_FLOATS, AMX_LINE);
    AMX_DOTS_2X2();
    amx_take_turn(turn);
}

/* 16 rows, 32 columns */
INLINE void amx_step_1x2(const struct amx_source *s, const uint16_t *a, const float *b,
                         struct amx_turn *turn)
{
    const float *right = b + s->vector;
    TILE_LOAD(6, b, AMX_LINE);
    TILE_LOAD(4, a + s->lo, s->line);
    TILE_LOAD(7, right, AMX_LINE);
    TILE_LOAD(5, a, s->line);
    TILE_DOT(0, 4, 6);
    TILE_DOT(1, 4, 7);
    amx_take_turn(turn);
    TILE_DOT(0, 5, 6);
    TILE_DOT(1, 5, 7);
    TILE_LOAD(6, b + AMX_TILE_FLOATS, AMX_LINE);
    TILE_LOAD(7, right + AMX_TILE_FLOATS, AMX_LINE);
    amx_take_turn(turn);
    TILE_DOT(0, 5, 6);
    TILE_DOT(1, 5, 7);
    amx_take_turn(turn);
}

/* 64 rows, 16 columns */
INLINE void amx_step_4x1(const struct amx_source *s, const uint16_t *a, const float *b,
                         struct amx_turn *turn)
{
    const uint16_t *a1 = a + s->below, *a2 = a1 + s->below, *a3 = a2 + s->below;
    TILE_LOAD(6, b, AMX_LINE);
    TILE_LOAD(4, a + s->lo, s->line);
    TILE_LOAD(5, a1 + s->lo, s->line);
    TILE_DOT(0, 4, 6);
    TILE_DOT(1, 5, 6);
    TILE_LOAD(4, a2 + s->lo, s->line);
    TILE_LOAD(5, a3 + s->lo, s->line);
    TILE_DOT(2, 4, 6);
    TILE_DOT(3, 5, 6);
    amx_take_turn(turn);
    TILE_LOAD(7, b + AMX_TILE_FLOATS, AMX_LINE);
    TILE_LOAD(4, a, s->line);
    TILE_LOAD(5, a1, s->line);
    TILE_DOT(0, 4, 6);
    TILE_DOT(1, 5, 6);
    TILE_DOT(0, 4, 7);
    TILE_DOT(1, 5, 7);
    amx_take_turn(turn);
    TILE_LOAD(4, a2, s->line);
    TILE_LOAD(5, a3, s->line);
    TILE_DOT(2, 4, 6);
    TILE_DOT(3, 5, 6);
    TILE_DOT(2, 4, 7);
    TILE_DOT(3, 5, 7);
    amx_take_turn(turn);
}

/* 16 rows, 16 columns */
INLINE void amx_step_1x1(const struct amx_source *s, const uint16_t *a, const float *b,
                         struct amx_turn *turn)
{
    TILE_LOAD(6, b, AMX_LINE);
    TILE_LOAD(4, a + s->lo, s->line);
    TILE_LOAD(5, a, s->line);
    TILE_LOAD(7, b + AMX_TILE_FLOATS, AMX_LINE);
    TILE_DOT(0, 4, 6);
    TILE_DOT(0, 5, 6);
    TILE_DOT(0, 5, 7);
    for (int i = 0; i < AMX_TURNS; i++)
        amx_take_turn(turn);
}

#endif

/* All steps of a block. */
#define AMX_STEPS(shape)                                                                           \
    do {                                                                                           \
        const float *b = s->b;                                                                     \
        AMX_ZERO_4();                                                                              \
        for (size_t r = 0; r < s->runs; r++) {                                                     \
            const uint16_t *a = s->a + (ptrdiff_t)r * s->run;                                      \
            for (size_t i = 0; i < s->steps; i++, a += s->step, b += AMX_PARTS * AMX_TILE_FLOATS)  \
                amx_step_##shape(s, a, b, turn);                                                   \
        }                                                                                          \
    } while (0)

/* sums: [32][32] */
static void amx_block_2x2(const struct amx_source *s, struct amx_turn *turn, float *sums)
{
    AMX_STEPS(2x2);
    TILE_STORE(0, sums, 128);
    TILE_STORE(1, sums + 16, 128);
    TILE_STORE(2, sums + 512, 128);
    TILE_STORE(3, sums + 528, 128);
}

/* sums: [16][32] */
static void amx_block_1x2(const struct amx_source *s, struct amx_turn *turn, float *sums)
{
    AMX_STEPS(1x2);
    TILE_STORE(0, sums, 128);
    TILE_STORE(1, sums + 16, 128);
}

/* sums: [64][16] */
static void amx_block_4x1(const struct amx_source *s, struct amx_turn *turn, float *sums)
{
    AMX_STEPS(4x1);
    TILE_STORE(0, sums, AMX_LINE);
    TILE_STORE(1, sums + 256, AMX_LINE);
    TILE_STORE(2, sums + 512, AMX_LINE);
    TILE_STORE(3, sums + 768, AMX_LINE);
}

/* sums: [16][16] */
static void amx_block_1x1(const struct amx_source *s, struct amx_turn *turn, float *sums)
{
    AMX_STEPS(1x1);
    TILE_STORE(0, sums, AMX_LINE);
}

/* ---- the product ---------------------------------------------------------------------------- */

/* A walk over all blocks of a product. */
struct amx_walk {
    const struct cpu_gemm *g;
    struct amx_source first; /* of row 0, column 0 */
    struct amx_rows out;
    struct amx_block blocks[2]; /* in turns */
    int now;
    bool any; /* is there a block before this one? */
    _Alignas(64) float sums[2][AMX_BLOCK_FLOATS];
};

static struct amx_source amx_source_of_rows(const struct cpu_gemm *g)
{
    const size_t depth = cpu_split_depth(g->b->k);
    return (struct amx_source){.a = (const uint16_t *)(const void *)g->split,
                               .lo = AMX_TILE,
                               .below = (ptrdiff_t)(AMX_PARTS * AMX_SIDE * depth),
                               .line = AMX_LINE,
                               .step = AMX_PARTS * AMX_TILE,
                               .runs = 1,
                               .steps = depth / AMX_STEP};
}

static struct amx_source amx_source_of_view(const struct cpu_split_view *view)
{
    return (struct amx_source){.a = view->hi,
                               .lo = view->lo,
                               .below = AMX_SIDE * view->pixel,
                               .line = view->pixel * (ptrdiff_t)sizeof(*view->hi),
                               .step = AMX_STEP,
                               .run = view->run,
                               .runs = view->runs,
                               .steps = view->steps};
}

/* The block from (row, vector v) on, of so many vectors; the end of the one before. Returns its
 * rows. */
static size_t amx_block(struct amx_walk *w, size_t row, size_t v, size_t vectors)
{
    const struct cpu_gemm *g = w->g;
    const size_t left = g->rows - row, most = vectors == 2 ? 2 * AMX_SIDE : 4 * AMX_SIDE;
    const bool whole = left > most - AMX_SIDE;
    const size_t rows = whole ? most : AMX_SIDE;
    const size_t turns = AMX_TURNS * w->first.runs * w->first.steps;
    struct amx_source s = w->first;
    s.a += (ptrdiff_t)(row / AMX_SIDE) * s.below;
    s.b += (ptrdiff_t)v * s.vector;
    struct amx_block *b = &w->blocks[w->now], *before = &w->blocks[1 - w->now];
    *b = (struct amx_block){.g = g,
                            .row = row,
                            .rows = left < rows ? left : rows,
                            .column = v * VL,
                            .sums = w->sums[w->now],
                            .pitch = vectors * VL,
                            .split = g->split_c ? &w->out : NULL};
    b->columns = g->b->n - b->column < b->pitch ? g->b->n - b->column : b->pitch;
    struct amx_turn turn = {.block = w->any ? before : NULL};
    if (w->any)
        turn.each = (before->rows + turns - 1) / turns;
    if (vectors == 2)
        (whole ? amx_block_2x2 : amx_block_1x2)(&s, &turn, b->sums);
    else
        (whole ? amx_block_4x1 : amx_block_1x1)(&s, &turn, b->sums);
    w->any = true;
    w->now = 1 - w->now;
    return b->rows;
}

static void gemm(const struct cpu_gemm *g)
{
    struct amx_walk w;
    w.g = g;
    w.now = 0;
    w.any = false;
    w.first = g->view ? amx_source_of_view(g->view) : amx_source_of_rows(g);
    w.first.b = g->b->b;
    w.first.vector = (ptrdiff_t)(VL * w.first.runs * w.first.steps * AMX_STEP * AMX_PARTS / 2);
    if (g->a) {
        const struct amx_rows a = amx_rows_at(g->split, g->b->k);
        amx_split_rows(g, &a);
    }
    if (g->split_c)
        w.out = amx_rows_at(g->split_c, g->b->n);
    amx_begin();
    for (size_t v = 0, vectors; v < g->b->vectors; v += vectors) {
        vectors = g->b->vectors - v > 1 ? 2 : 1;
        for (size_t row = 0; row < g->rows;)
            row += amx_block(&w, row, v, vectors);
    }
    amx_end();
    if (w.any) {
        const struct amx_block *last = &w.blocks[1 - w.now];
        amx_end_rows(last, 0, last->rows);
    }
}

static void split(const struct cpu_split_run *r)
{
    for (size_t i = 0; i < r->rows; i++) {
        const float *x = r->x + (ptrdiff_t)i * r->x_step;
        uint16_t *hi = r->hi + (ptrdiff_t)i * r->step, *lo = r->lo + (ptrdiff_t)i * r->step;
        __m512i h, l;
        size_t k = 0;
        for (; k + 2 * VL <= r->count; k += 2 * VL) {
            amx_split((__m512)vf_load(x + k), (__m512)vf_load(x + k + VL), &h, &l);
            _mm512_storeu_si512(hi + k, h);
            if (AMX_PARTS > 1)
                _mm512_storeu_si512(lo + k, l);
        }
        if (k == r->count)
            continue;
        const size_t left = r->count - k;
        const __mmask32 mask = (__mmask32)((1u << left) - 1);
        const vf second = left > VL ? vf_load_part(x + k + VL, left - VL) : vf_set1(0);
        amx_split((__m512)vf_load_some(x + k, left), (__m512)second, &h, &l);
        _mm512_mask_storeu_epi16(hi + k, mask, h);
        if (AMX_PARTS > 1)
            _mm512_mask_storeu_epi16(lo + k, mask, l);
    }
}

/* As many as make the products of float32: three where numbers are hi and lo. */
static float peak(size_t rounds)
{
    enum {
        VECTORS_A_DOT = AMX_SIDE * AMX_SIDE * AMX_STEP / VL,
        PRODUCTS = AMX_PARTS == 1 ? 1 : 3,
        AT_ONCE = 4
    };
    const size_t dots = rounds * CPU_PEAK_FMAS * PRODUCTS / VECTORS_A_DOT;
    amx_begin();
    AMX_ZERO_4();
    for (size_t i = 0; i < dots; i += AT_ONCE)
        AMX_DOTS_2X2();
    amx_end();
    return 0;
}

#endif
