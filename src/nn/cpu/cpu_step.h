/*
 * How the CPU backend does a step: cut into pieces that threads claim, then an optional end.
 *
 *   scratch of a step: [shared][thread 0][thread 1] …      each part at a 64-byte boundary
 *
 * Pieces depend on shapes alone and none writes what another reads or writes, so results are the
 * same whatever the threads.
 */
#ifndef SE_NN_CPU_STEP_H
#define SE_NN_CPU_STEP_H

#include "nn/backend.h"
#include "nn/cpu/cpu_pack.h"
#include "nn/cpu/kernels.h"
#include "nn/inspect.h"

/* step->tune of this backend; of a group the first step's are those of the group. */
enum { CPU_GAP_PIXELS = 192 }; /* that a GAP sums into one partial sum */
enum {
    CPU_TUNE_PIECES,
    CPU_TUNE_SHARED_BYTES,
    CPU_TUNE_THREAD_BYTES,
    CPU_TUNE_ROWS,
    CPU_TUNE_THEN_PIECES
};

struct cpu_job {
    const struct cpu_kernels *kernels;
    const struct nn_step *step;
    const struct cpu_packed *packed;    /* NULL for steps without weights */
    const struct nn_observer *observer; /* usually NULL */
    bool then;                          /* its later pieces are under way */
};

/* What a step needs, in floats; filled in by plan. */
struct cpu_need {
    size_t pieces, then_pieces;
    size_t shared, per_thread;
    int64_t rows; /* kept as tune[CPU_TUNE_ROWS] */
};

struct cpu_op {
    /* SE_OK or SE_ERR_UNSUPPORTED; NULL: every node of the operation is supported. */
    int (*supports)(const struct nn_node *node, se_error *err);
    void (*plan)(const struct cpu_kernels *kernels, const struct nn_step *step,
                 struct cpu_need *need);
    void (*work)(const struct cpu_job *job, size_t piece, float *scratch);
    /* More pieces, behind all of work's; may be NULL. Not in groups. */
    void (*then)(const struct cpu_job *job, size_t piece, float *scratch);
    void (*finish)(const struct cpu_job *job); /* on the caller, behind all pieces; may be NULL */
};

extern const struct cpu_op cpu_op_conv, cpu_op_dwconv, cpu_op_deconv, cpu_op_maxpool,
    cpu_op_avgpool, cpu_op_gap, cpu_op_resize, cpu_op_gemm, cpu_op_ffn, cpu_op_matmul,
    cpu_op_select, cpu_op_unary, cpu_op_binary, cpu_op_copy, cpu_op_reduce_mean, cpu_op_layernorm,
    cpu_op_softmax;

const struct cpu_op *cpu_op_of(const struct nn_step *step);

/* Steps that are done together, band by band (cpu_group.c): `group` and `tune` of the first step,
 * scratch of all of them. Called for steps that are planned one by one already. */
int cpu_group_plan(const struct cpu_kernels *kernels, struct nn_plan *plan, int32_t first,
                   se_error *err);
/* One band of the group whose first step is job->step. */
void cpu_group_work(const struct cpu_job *job, size_t piece, int thread);
struct cpu_block;
/* Does a part of one of the group's steps, planned as `need` says, on this thread. */
void cpu_part_work(const struct cpu_job *job, struct nn_step *part, const struct cpu_need *need,
                   float *scratch);

/* The same for the group of cpu_stem.c; `group` of the first step stays 1 where there is none. */
int cpu_stem_plan(const struct cpu_kernels *kernels, struct nn_plan *plan, int32_t first,
                  se_error *err);
void cpu_stem_work(const struct cpu_job *job, size_t piece, int thread);
/* Rows [y, y + rows) of an image of what a step makes, as a step of its own; out: those rows,
 * dense; NULL: where the step has them. What it needs, and doing it. */
struct nn_step cpu_rows_part(const struct nn_step *step, int64_t image, int64_t y, int64_t rows,
                             float *out);
struct cpu_need cpu_rows_need(const struct cpu_kernels *kernels, const struct nn_step *part);
void cpu_rows_work(const struct cpu_job *job, struct nn_step *part, float *scratch);
/* … and for those of cpu_int8_stem.c and cpu_planar.c. */
int cpu_int8_stem_plan(const struct cpu_kernels *kernels, struct nn_plan *plan, int32_t first,
                       se_error *err);
bool cpu_is_int8_stem(const struct nn_step *first);
void cpu_int8_stem_work(const struct cpu_job *job, size_t piece, int thread);
int cpu_planar_plan(const struct cpu_kernels *kernels, struct nn_plan *plan, int32_t first,
                    se_error *err);
void cpu_planar_work(const struct cpu_job *job, size_t piece, int thread);

/* Bytes of scratch from floats: sets scratch_bytes and two of tune. SE_ERR_LIMIT. */
int cpu_set_scratch(const struct nn_plan *plan, struct nn_step *step, const struct cpu_need *need,
                    se_error *err);

/* Rows [y, y_end) of the output of a DWCONV, written to `to` with pixels of this pitch. */
void cpu_dwconv_rows(const struct cpu_job *job, int64_t image, int64_t y, int64_t y_end, float *to,
                     int64_t pitch);
/* Floats of shared scratch of a GAP with partial sums over so many pixels (CPU_TUNE_ROWS). */
size_t cpu_gap_shared(const struct nn_step *step, int64_t pixels);

/* CONV of a node for which cpu_pack_is_wino says yes (cpu_wino.c). */
void cpu_wino_plan(const struct cpu_kernels *kernels, const struct nn_step *step,
                   struct cpu_need *need);
void cpu_wino_work(const struct cpu_job *job, size_t piece, float *scratch);

/* CONV of a node for which cpu_pack_is_view says yes (cpu_conv_view.c). */
void cpu_view_plan(const struct cpu_kernels *kernels, const struct nn_step *step,
                   struct cpu_need *need);
/* Floats of scratch for pieces of so many rows of output. */
size_t cpu_view_floats(const struct cpu_kernels *kernels, const struct nn_step *step,
                       int64_t outputs);
void cpu_view_work(const struct cpu_job *job, size_t piece, float *scratch);

/* Chunks of columns that the later pieces of a SELECT come to, for all rows one after the other: of
 * as many pieces each. */
size_t cpu_select_rounds(const struct nn_step *step);

/* SE_ERR_UNSUPPORTED naming the node. */
int cpu_unsupported(const struct nn_node *node, const char *what, se_error *err);

/* Shows an operand to the observer, if there is one. */
void cpu_observe(const struct cpu_job *job, enum nn_observed what, const float *x,
                 const struct cpu_block *b, ptrdiff_t pitch);

enum { CPU_CHUNK_VECTORS = 48 }; /* of a chunk of columns: a multiple of 2 and 3 */
/* Vectors of a chunk of `all`: the last one takes what is left. */
static inline size_t cpu_chunk_vectors(size_t all, size_t chunk, size_t chunks)
{
    return chunk + 1 == chunks ? all - chunk * CPU_CHUNK_VECTORS : CPU_CHUNK_VECTORS;
}
struct cpu_panels cpu_chunk_of(const struct cpu_kernels *kernels, const struct cpu_panels *panels,
                               size_t chunk, size_t chunks);

static inline float *cpu_shared(const struct cpu_job *job)
{
    return job->step->scratch;
}

static inline size_t cpu_pieces_of(int64_t items, int64_t per_piece)
{
    return (size_t)((items + per_piece - 1) / per_piece);
}

static inline int64_t cpu_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t cpu_most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline bool cpu_has(const struct nn_tensor *tensor)
{
    return tensor->rank > 0;
}

/* Do two views show the same numbers of a plan? */
static inline bool cpu_is_same(const struct nn_tensor *a, const struct nn_tensor *b)
{
    bool same = a->buffer == b->buffer && a->offset == b->offset && a->rank == b->rank;
    for (int i = 0; i < a->rank && same; i++)
        same = a->dims[i] == b->dims[i] && a->strides[i] == b->strides[i];
    return same;
}

/* Block of rows [row, row + rows) of an image of a GEMM or FFN. */
struct cpu_block {
    int64_t image, row, rows;
};

static inline const float *cpu_block_at(const struct nn_tensor *t, const struct cpu_block *b)
{
    return t->data + b->image * t->strides[0] + b->row * t->strides[1];
}

/* Floats at a whole cache line. */
static inline size_t cpu_whole_lines(size_t floats)
{
    return (floats + 15) / 16 * 16;
}

/* Floats that cpu_block_scaled needs for blocks of `rows` rows. */
static inline size_t cpu_scaled_floats(const struct nn_step *step, size_t rows)
{
    return cpu_has(&step->in[NN_IN_SCALE]) ? rows * (size_t)step->in[NN_IN_X].dims[2] : 0;
}

/* Rows of x times the image's scale per channel, dense, in `scratch`; x itself without a scale
 * (cpu_gemm.c). */
const float *cpu_block_scaled(const struct cpu_job *job, const struct cpu_block *b, float *scratch,
                              int64_t *pitch);

#endif
