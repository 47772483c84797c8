/*
 * Steps element by element or row by row: UNARY, BINARY, COPY, REDUCE_MEAN, LAYERNORM, SOFTMAX.
 *
 * A strided tensor is walked as rows (all dimensions but the last) of runs along the last one. A
 * piece is some rows, or a part of one long row.
 */
#include <string.h>

#include "nn/cpu/cpu_step.h"

enum {
    POINT_PIECE = 16384, /* elements of a piece */
    POINT_GATHER = 256,  /* elements brought together where a stride is neither 0 nor 1 */
    ROWS_PIECE = 32,     /* rows of a softmax or layer norm in a piece */
    MEAN_PIECE = 64,
};

static int64_t length_of(const struct nn_tensor *t)
{
    return t->dims[t->rank - 1];
}

static int64_t rows_of(const struct nn_tensor *t)
{
    int64_t rows = 1;
    for (int i = 0; i < t->rank - 1; i++)
        rows *= t->dims[i];
    return rows;
}

static int64_t rows_a_piece(int64_t length)
{
    return length < POINT_PIECE ? POINT_PIECE / length : 1;
}

static void point_plan(const struct cpu_kernels *kernels, const struct nn_step *step,
                       struct cpu_need *need)
{
    const int64_t length = length_of(&step->out);
    (void)kernels;
    need->pieces = cpu_pieces_of(rows_of(&step->out), rows_a_piece(length)) *
                   cpu_pieces_of(length, POINT_PIECE);
}

/* Elements of row `row` before its first: Σ index·stride over all dimensions but the last. */
static int64_t row_offset(const struct nn_tensor *t, const struct nn_tensor *shape, int64_t row)
{
    int64_t offset = 0;
    for (int i = shape->rank - 2; i >= 0; i--) {
        offset += row % shape->dims[i] * t->strides[i];
        row /= shape->dims[i];
    }
    return offset;
}

/* A run of elements of one tensor. */
struct run {
    float *data;
    int64_t stride;
};

static struct run run_of(const struct nn_step *step, const struct nn_tensor *t, int64_t row,
                         int64_t first)
{
    const int64_t stride = t->strides[t->rank - 1];
    return (struct run){t->data + row_offset(t, &step->out, row) + first * stride, stride};
}

typedef void point_run(const struct cpu_job *job, int64_t row, int64_t first, int64_t count);

/* Calls `run` for every run of a piece. */
static void point_pieces(const struct cpu_job *job, size_t piece, point_run *run)
{
    const int64_t length = length_of(&job->step->out), rows = rows_of(&job->step->out);
    const int64_t parts = (int64_t)cpu_pieces_of(length, POINT_PIECE);
    const int64_t first = (int64_t)piece % parts * POINT_PIECE;
    const int64_t per_piece = rows_a_piece(length), row = (int64_t)piece / parts * per_piece;
    for (int64_t i = row; i < cpu_least(row + per_piece, rows); i++)
        run(job, i, first, cpu_least(length - first, POINT_PIECE));
}

static void copy_run(const struct cpu_job *job, int64_t row, int64_t first, int64_t count)
{
    const struct run x = run_of(job->step, &job->step->in[NN_IN_X], row, first);
    const struct run y = run_of(job->step, &job->step->out, row, first);
    if (x.stride == 1 && y.stride == 1) {
        memcpy(y.data, x.data, (size_t)count * sizeof(float));
        return;
    }
    for (int64_t i = 0; i < count; i++)
        y.data[i * y.stride] = x.data[i * x.stride];
}

static void copy_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    (void)scratch;
    point_pieces(job, piece, copy_run);
}

static void unary_run(const struct cpu_job *job, int64_t row, int64_t first, int64_t count)
{
    const struct run x = run_of(job->step, &job->step->in[NN_IN_X], row, first);
    const struct run y = run_of(job->step, &job->step->out, row, first);
    struct cpu_unary u = {
        .x = x.data, .y = y.data, .count = (size_t)count, .act = job->step->attr.act};
    if (x.stride == 1 && y.stride == 1) {
        job->kernels->unary(&u);
        return;
    }
    float gathered[POINT_GATHER];
    u.x = u.y = gathered;
    for (int64_t i = 0; i < count; i += POINT_GATHER) {
        const int64_t n = cpu_least(count - i, POINT_GATHER);
        u.count = (size_t)n;
        for (int64_t j = 0; j < n; j++)
            gathered[j] = x.data[(i + j) * x.stride];
        job->kernels->unary(&u);
        for (int64_t j = 0; j < n; j++)
            y.data[(i + j) * y.stride] = gathered[j];
    }
}

static void unary_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    (void)scratch;
    point_pieces(job, piece, unary_run);
}

static void binary_run(const struct cpu_job *job, int64_t row, int64_t first, int64_t count)
{
    const struct nn_step *step = job->step;
    const struct run a = run_of(step, &step->in[NN_IN_X], row, first);
    const struct run b = run_of(step, &step->in[NN_IN_B], row, first);
    const struct run y = run_of(step, &step->out, row, first);
    struct cpu_binary args = {
        .a = a.data,
        .b = b.data,
        .a_stride = a.stride,
        .b_stride = b.stride,
        .y = y.data,
        .count = (size_t)count,
        .op = step->attr.binary,
        .act = step->attr.act,
    };
    const bool simple = (a.stride == 0 || a.stride == 1) && (b.stride == 0 || b.stride == 1);
    if (simple && y.stride == 1) {
        job->kernels->binary(&args);
        return;
    }
    float ga[POINT_GATHER], gb[POINT_GATHER];
    args.a = args.y = ga;
    args.b = gb;
    args.a_stride = args.b_stride = 1;
    for (int64_t i = 0; i < count; i += POINT_GATHER) {
        const int64_t n = cpu_least(count - i, POINT_GATHER);
        args.count = (size_t)n;
        for (int64_t j = 0; j < n; j++) {
            ga[j] = a.data[(i + j) * a.stride];
            gb[j] = b.data[(i + j) * b.stride];
        }
        job->kernels->binary(&args);
        for (int64_t j = 0; j < n; j++)
            y.data[(i + j) * y.stride] = ga[j];
    }
}

static void binary_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    (void)scratch;
    point_pieces(job, piece, binary_run);
}

const struct cpu_op cpu_op_copy = {.plan = point_plan, .work = copy_work};
const struct cpu_op cpu_op_unary = {.plan = point_plan, .work = unary_work};
const struct cpu_op cpu_op_binary = {.plan = point_plan, .work = binary_work};

/* --- REDUCE_MEAN: one sum in double for every element that is kept --- */

/* Dimensions [first, last) of x hold how many elements. */
static int64_t volume(const struct nn_tensor *x, int first, int last)
{
    int64_t count = 1;
    for (int i = first; i < last; i++)
        count *= x->dims[i];
    return count;
}

/* Offset in t of element `index` of dimensions [first, last) of `shape`. */
static int64_t offset_in(const struct nn_tensor *t, const struct nn_tensor *shape, int first,
                         int last, int64_t index)
{
    int64_t offset = 0;
    for (int i = last - 1; i >= first; i--) {
        offset += index % shape->dims[i] * t->strides[i];
        index /= shape->dims[i];
    }
    return offset;
}

static int kept_dims(const struct nn_step *step)
{
    return step->in[NN_IN_X].rank - step->attr.reduced;
}

static void mean_plan(const struct cpu_kernels *kernels, const struct nn_step *step,
                      struct cpu_need *need)
{
    (void)kernels;
    need->pieces = cpu_pieces_of(volume(&step->in[NN_IN_X], 0, kept_dims(step)), MEAN_PIECE);
}

static void mean_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct nn_tensor *x = &job->step->in[NN_IN_X], *out = &job->step->out;
    const int kept = kept_dims(job->step);
    const int64_t items = volume(x, 0, kept), count = volume(x, kept, x->rank);
    const int64_t first = (int64_t)piece * MEAN_PIECE;
    (void)scratch;
    for (int64_t i = first; i < cpu_least(first + MEAN_PIECE, items); i++) {
        const float *from = x->data + offset_in(x, x, 0, kept, i);
        double total = 0;
        for (int64_t j = 0; j < count; j++)
            total += (double)from[offset_in(x, x, kept, x->rank, j)];
        out->data[kept > 0 ? offset_in(out, x, 0, kept, i) : 0] = (float)(total / (double)count);
    }
}

const struct cpu_op cpu_op_reduce_mean = {.plan = mean_plan, .work = mean_work};

/* --- LAYERNORM, SOFTMAX --- */

static void by_rows_plan(const struct cpu_kernels *kernels, const struct nn_step *step,
                         struct cpu_need *need)
{
    (void)kernels;
    need->pieces = cpu_pieces_of(step->out.dims[0], ROWS_PIECE);
}

static struct cpu_rows rows_of_piece(const struct cpu_job *job, size_t piece)
{
    const struct nn_tensor *x = &job->step->in[NN_IN_X], *out = &job->step->out;
    const int64_t row = (int64_t)piece * ROWS_PIECE;
    return (struct cpu_rows){
        .x = x->data + row * x->strides[0],
        .ldx = x->strides[0],
        .y = out->data + row * out->strides[0],
        .ldy = out->strides[0],
        .rows = (size_t)cpu_least(ROWS_PIECE, out->dims[0] - row),
        .c = (size_t)out->dims[1],
        .epsilon = job->step->attr.epsilon,
    };
}

static void layernorm_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    struct cpu_rows rows = rows_of_piece(job, piece);
    (void)scratch;
    rows.gamma = job->packed->weight;
    rows.beta = job->packed->bias;
    job->kernels->layernorm(&rows);
}

static void softmax_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct cpu_rows rows = rows_of_piece(job, piece);
    (void)scratch;
    job->kernels->softmax(&rows);
}

const struct cpu_op cpu_op_layernorm = {.plan = by_rows_plan, .work = layernorm_work};
const struct cpu_op cpu_op_softmax = {.plan = by_rows_plan, .work = softmax_work};
