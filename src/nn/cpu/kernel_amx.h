/*
 * Matrix product on tiles (AMX), in place of kernel_gemm.h; included by tier_amx.c and
 * tier_amx_bf16.c, which define BF16_PARTS.
 *
 * A tile register holds 16 rows of 64 bytes. TDPBF16PS multiplies 16 × 32 numbers of bfloat16 with
 * 32 × 16 and adds to 16 × 16 sums of float32. Of float32 numbers in two parts (kernel_bf16.h)
 * three products are summed; with one part there is one.
 *
 *   Σ a·b ≈ Σ a.lo·b.hi + Σ a.hi·b.hi + Σ a.hi·b.lo         a.lo·b.lo, 2^-18 |a·b|, is left out
 *
 * A block of sums is 2 × 2 tiles, or 4 × 1 at the last 16 columns of an odd number of them:
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
 * The sums pass through 4 KB of the stack to the bias, the activation, the residual and the output.
 *
 * The compilers' own intrinsics of tiles do not tell GCC 12 that they touch memory, so the few
 * instructions are written here.
 */
#ifndef SE_NN_CPU_KERNEL_AMX_H
#define SE_NN_CPU_KERNEL_AMX_H

#include "nn/cpu/kernel_bf16.h"

enum { AMX_BLOCK_FLOATS = 4 * CPU_SPLIT_ROWS * CPU_SPLIT_ROWS }; /* of four tiles of sums */

#define GEMM_SIZES                                                                                 \
    {                                                                                              \
        .vl = VL, .vectors = 2, .rows = {64, 32, 64}, .parts = BF16_PARTS                          \
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

/* ---- products ------------------------------------------------------------------------------- */

/*
 * The end of one block is done between the products of the next, some rows at a time: the processor
 * computes tiles and vectors side by side, as far as it looks ahead.
 */
struct amx_turn {
    const struct bf16_block *block; /* NULL: none waits */
    size_t row, each;               /* the first that is not done; how many a turn */
};

enum { AMX_TURNS = BF16_PARTS == 1 ? 1 : 3 }; /* a step of the depth */

INLINE void amx_take_turn(struct amx_turn *t)
{
    if (!t->block || t->row == t->block->rows)
        return;
    const size_t left = t->block->rows - t->row, end = t->row + (left < t->each ? left : t->each);
    bf16_end_rows(t->block, t->row, end);
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

#if BF16_PARTS == 1

/* One step of 32 rows, 32 columns. */
INLINE void amx_step_2x2(const struct bf16_source *s, const uint16_t *a, const float *b,
                         struct amx_turn *turn)
{
    TILE_LOAD(6, b, BF16_LINE);
    TILE_LOAD(4, a, s->line);
    TILE_LOAD(7, b + s->vector, BF16_LINE);
    TILE_LOAD(5, a + s->below, s->line);
    AMX_DOTS_2X2();
    amx_take_turn(turn);
}

/* 16 rows, 32 columns */
INLINE void amx_step_1x2(const struct bf16_source *s, const uint16_t *a, const float *b,
                         struct amx_turn *turn)
{
    TILE_LOAD(6, b, BF16_LINE);
    TILE_LOAD(4, a, s->line);
    TILE_LOAD(7, b + s->vector, BF16_LINE);
    TILE_DOT(0, 4, 6);
    TILE_DOT(1, 4, 7);
    amx_take_turn(turn);
}

/* 64 rows, 16 columns */
INLINE void amx_step_4x1(const struct bf16_source *s, const uint16_t *a, const float *b,
                         struct amx_turn *turn)
{
    const uint16_t *a1 = a + s->below, *a2 = a1 + s->below, *a3 = a2 + s->below;
    TILE_LOAD(6, b, BF16_LINE);
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
INLINE void amx_step_1x1(const struct bf16_source *s, const uint16_t *a, const float *b,
                         struct amx_turn *turn)
{
    TILE_LOAD(6, b, BF16_LINE);
    TILE_LOAD(4, a, s->line);
    TILE_DOT(0, 4, 6);
    amx_take_turn(turn);
}

#else

/* One step of 32 rows, 32 columns. */
INLINE void amx_step_2x2(const struct bf16_source *s, const uint16_t *a, const float *b,
                         struct amx_turn *turn)
{
    const uint16_t *below = a + s->below;
    const float *right = b + s->vector;
    TILE_LOAD(6, b, BF16_LINE);
    TILE_LOAD(4, a + s->lo, s->line);
    TILE_LOAD(7, right, BF16_LINE);
    TILE_LOAD(5, below + s->lo, s->line);
    AMX_DOTS_2X2();
    amx_take_turn(turn);
    TILE_LOAD(4, a, s->line);
    TILE_LOAD(5, below, s->line);
    AMX_DOTS_2X2();
    amx_take_turn(turn);
    TILE_LOAD(6, b + BF16_TILE_FLOATS, BF16_LINE);
    TILE_LOAD(7, right + BF16_TILE_FLOATS, BF16_LINE);
    AMX_DOTS_2X2();
    amx_take_turn(turn);
}

/* 16 rows, 32 columns */
INLINE void amx_step_1x2(const struct bf16_source *s, const uint16_t *a, const float *b,
                         struct amx_turn *turn)
{
    const float *right = b + s->vector;
    TILE_LOAD(6, b, BF16_LINE);
    TILE_LOAD(4, a + s->lo, s->line);
    TILE_LOAD(7, right, BF16_LINE);
    TILE_LOAD(5, a, s->line);
    TILE_DOT(0, 4, 6);
    TILE_DOT(1, 4, 7);
    amx_take_turn(turn);
    TILE_DOT(0, 5, 6);
    TILE_DOT(1, 5, 7);
    TILE_LOAD(6, b + BF16_TILE_FLOATS, BF16_LINE);
    TILE_LOAD(7, right + BF16_TILE_FLOATS, BF16_LINE);
    amx_take_turn(turn);
    TILE_DOT(0, 5, 6);
    TILE_DOT(1, 5, 7);
    amx_take_turn(turn);
}

/* 64 rows, 16 columns */
INLINE void amx_step_4x1(const struct bf16_source *s, const uint16_t *a, const float *b,
                         struct amx_turn *turn)
{
    const uint16_t *a1 = a + s->below, *a2 = a1 + s->below, *a3 = a2 + s->below;
    TILE_LOAD(6, b, BF16_LINE);
    TILE_LOAD(4, a + s->lo, s->line);
    TILE_LOAD(5, a1 + s->lo, s->line);
    TILE_DOT(0, 4, 6);
    TILE_DOT(1, 5, 6);
    TILE_LOAD(4, a2 + s->lo, s->line);
    TILE_LOAD(5, a3 + s->lo, s->line);
    TILE_DOT(2, 4, 6);
    TILE_DOT(3, 5, 6);
    amx_take_turn(turn);
    TILE_LOAD(7, b + BF16_TILE_FLOATS, BF16_LINE);
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
INLINE void amx_step_1x1(const struct bf16_source *s, const uint16_t *a, const float *b,
                         struct amx_turn *turn)
{
    TILE_LOAD(6, b, BF16_LINE);
    TILE_LOAD(4, a + s->lo, s->line);
    TILE_LOAD(5, a, s->line);
    TILE_LOAD(7, b + BF16_TILE_FLOATS, BF16_LINE);
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
            for (size_t i = 0; i < s->steps;                                                       \
                 i++, a += s->step, b += BF16_PARTS * BF16_TILE_FLOATS)                            \
                amx_step_##shape(s, a, b, turn);                                                   \
        }                                                                                          \
    } while (0)

/* sums: [32][32] */
static void amx_block_2x2(const struct bf16_source *s, struct amx_turn *turn, float *sums)
{
    AMX_STEPS(2x2);
    TILE_STORE(0, sums, 128);
    TILE_STORE(1, sums + 16, 128);
    TILE_STORE(2, sums + 512, 128);
    TILE_STORE(3, sums + 528, 128);
}

/* sums: [16][32] */
static void amx_block_1x2(const struct bf16_source *s, struct amx_turn *turn, float *sums)
{
    AMX_STEPS(1x2);
    TILE_STORE(0, sums, 128);
    TILE_STORE(1, sums + 16, 128);
}

/* sums: [64][16] */
static void amx_block_4x1(const struct bf16_source *s, struct amx_turn *turn, float *sums)
{
    AMX_STEPS(4x1);
    TILE_STORE(0, sums, BF16_LINE);
    TILE_STORE(1, sums + 256, BF16_LINE);
    TILE_STORE(2, sums + 512, BF16_LINE);
    TILE_STORE(3, sums + 768, BF16_LINE);
}

/* sums: [16][16] */
static void amx_block_1x1(const struct bf16_source *s, struct amx_turn *turn, float *sums)
{
    AMX_STEPS(1x1);
    TILE_STORE(0, sums, BF16_LINE);
}

/* ---- the product ---------------------------------------------------------------------------- */

/* A walk over all blocks of a product. */
struct amx_walk {
    const struct cpu_gemm *g;
    struct bf16_source first; /* of row 0, column 0 */
    struct bf16_rows out;
    struct bf16_block blocks[2]; /* in turns */
    int now;
    bool any; /* is there a block before this one? */
    _Alignas(64) float sums[2][AMX_BLOCK_FLOATS];
};

/* The block from (row, vector v) on, of so many vectors; the end of the one before. Returns its
 * rows. */
static size_t amx_block(struct amx_walk *w, size_t row, size_t v, size_t vectors)
{
    const struct cpu_gemm *g = w->g;
    const size_t left = g->rows - row,
                 most = vectors == 2 ? 2 * CPU_SPLIT_ROWS : 4 * CPU_SPLIT_ROWS;
    const bool whole = left > most - CPU_SPLIT_ROWS;
    const size_t rows = whole ? most : CPU_SPLIT_ROWS;
    const size_t turns = AMX_TURNS * w->first.runs * w->first.steps;
    struct bf16_source s = w->first;
    s.a += (ptrdiff_t)(row / CPU_SPLIT_ROWS) * s.below;
    s.b += (ptrdiff_t)v * s.vector;
    struct bf16_block *b = &w->blocks[w->now], *before = &w->blocks[1 - w->now];
    *b = (struct bf16_block){.g = g,
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
    w.first = g->view ? bf16_source_of_view(g->view) : bf16_source_of_rows(g);
    w.first.b = g->b->b;
    w.first.vector = (ptrdiff_t)(VL * w.first.runs * w.first.steps * BF16_STEP * BF16_PARTS / 2);
    if (g->a) {
        const struct bf16_rows a = bf16_rows_at(g->split, g->b->k);
        bf16_split_rows(g, &a);
    }
    if (g->split_c)
        w.out = bf16_rows_at(g->split_c, g->b->n);
    amx_begin();
    for (size_t v = 0, vectors; v < g->b->vectors; v += vectors) {
        vectors = g->b->vectors - v > 1 ? 2 : 1;
        for (size_t row = 0; row < g->rows;)
            row += amx_block(&w, row, v, vectors);
    }
    amx_end();
    if (w.any) {
        const struct bf16_block *last = &w.blocks[1 - w.now];
        bf16_end_rows(last, 0, last->rows);
    }
}

/* As many as make the products of float32: three where numbers are hi and lo. */
static float peak(size_t rounds)
{
    enum {
        VECTORS_A_DOT = CPU_SPLIT_ROWS * CPU_SPLIT_ROWS * BF16_STEP / VL,
        PRODUCTS = BF16_PARTS == 1 ? 1 : 3,
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
