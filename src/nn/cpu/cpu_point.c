/*
 * Steps element by element or row by row: UNARY, BINARY, COPY, REDUCE_MEAN, LAYERNORM, SOFTMAX.
 *
 * A strided tensor is walked as planes (all dimensions but the last two) of rows (the last but
 * one) of elements. A piece is some rows of a plane, or a part of one long row.
 */
#include <string.h>

#include "nn/cpu/cpu_step.h"

enum {
    POINT_PIECE = 16384, /* elements of a piece */
    POINT_GATHER = 256,  /* elements brought together where a stride is neither 0 nor 1 */
    ROWS_PIECE = 32,     /* rows of a softmax or layer norm in a piece */
    MEAN_PIECE = 64,
};

/* How the output of a step is cut. */
struct point_cut {
    int64_t length, rows, planes; /* dims: last, last but one, product of the others */
    int64_t parts;                /* of a row, POINT_PIECE elements each */
    int64_t rows_a_piece;
    int64_t pieces_a_plane;
};

static struct point_cut point_cut(const struct nn_tensor *out)
{
    struct point_cut cut = {.length = out->dims[out->rank - 1], .planes = 1};
    cut.rows = out->rank > 1 ? out->dims[out->rank - 2] : 1;
    for (int i = 0; i < out->rank - 2; i++)
        cut.planes *= out->dims[i];
    cut.parts = (cut.length + POINT_PIECE - 1) / POINT_PIECE;
    cut.rows_a_piece = cut.length < POINT_PIECE ? POINT_PIECE / cut.length : 1;
    cut.pieces_a_plane = cut.parts * ((cut.rows + cut.rows_a_piece - 1) / cut.rows_a_piece);
    return cut;
}

static void point_plan(const struct cpu_kernels *kernels, const struct nn_step *step,
                       struct cpu_need *need)
{
    const struct point_cut cut = point_cut(&step->out);
    (void)kernels;
    need->pieces = (size_t)(cut.planes * cut.pieces_a_plane);
}

/* Part of a plane: rows × count elements from (row, first) on. */
struct point_piece {
    int64_t plane, row, rows, first, count;
};

static struct point_piece point_piece(const struct nn_tensor *out, size_t piece)
{
    const struct point_cut cut = point_cut(out);
    const int64_t inside = (int64_t)piece % cut.pieces_a_plane;
    struct point_piece p = {.plane = (int64_t)piece / cut.pieces_a_plane,
                            .row = inside / cut.parts * cut.rows_a_piece,
                            .first = inside % cut.parts * POINT_PIECE};
    p.rows = cpu_least(cut.rows_a_piece, cut.rows - p.row);
    p.count = cpu_least(cut.length - p.first, POINT_PIECE);
    return p;
}

/* Such a part of one tensor. */
struct part {
    float *data;
    int64_t step, stride; /* from row to row, from element to element */
};

static struct part part_of(const struct nn_step *step, const struct nn_tensor *t,
                           const struct point_piece *p)
{
    const int last = t->rank - 1;
    struct part part = {.stride = t->strides[last], .step = last > 0 ? t->strides[last - 1] : 0};
    int64_t offset = p->row * part.step + p->first * part.stride, plane = p->plane;
    for (int i = last - 2; i >= 0; i--) {
        offset += plane % step->out.dims[i] * t->strides[i];
        plane /= step->out.dims[i];
    }
    part.data = t->data + offset;
    return part;
}

static void copy_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct nn_step *step = job->step;
    const struct point_piece p = point_piece(&step->out, piece);
    const struct part x = part_of(step, &step->in[NN_IN_X], &p), y = part_of(step, &step->out, &p);
    (void)scratch;
    for (int64_t r = 0; r < p.rows; r++) {
        const float *from = x.data + r * x.step;
        float *to = y.data + r * y.step;
        if (x.stride == 1 && y.stride == 1) {
            memcpy(to, from, (size_t)p.count * sizeof(float));
            continue;
        }
        for (int64_t i = 0; i < p.count; i++)
            to[i * y.stride] = from[i * x.stride];
    }
}

static void unary_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct nn_step *step = job->step;
    const struct point_piece p = point_piece(&step->out, piece);
    const struct part x = part_of(step, &step->in[NN_IN_X], &p), y = part_of(step, &step->out, &p);
    (void)scratch;
    struct cpu_unary u = {
        .x = x.data,
        .y = y.data,
        .rows = (size_t)p.rows,
        .count = (size_t)p.count,
        .x_step = x.step,
        .y_step = y.step,
        .act = step->attr.act,
    };
    if (x.stride == 1 && y.stride == 1) {
        job->kernels->unary(&u);
        return;
    }
    float gathered[POINT_GATHER];
    u.x = u.y = gathered;
    u.rows = 1;
    for (int64_t r = 0; r < p.rows; r++) {
        for (int64_t i = 0; i < p.count; i += POINT_GATHER) {
            const int64_t n = cpu_least(p.count - i, POINT_GATHER);
            u.count = (size_t)n;
            for (int64_t j = 0; j < n; j++)
                gathered[j] = x.data[r * x.step + (i + j) * x.stride];
            job->kernels->unary(&u);
            for (int64_t j = 0; j < n; j++)
                y.data[r * y.step + (i + j) * y.stride] = gathered[j];
        }
    }
}

/* A binary step of any strides, through buffers. */
static void binary_gather(const struct cpu_job *job, const struct point_piece *p,
                          const struct part *a, const struct part *b, const struct part *y)
{
    float ga[POINT_GATHER], gb[POINT_GATHER];
    struct cpu_binary args = {
        .a = ga,
        .b = gb,
        .a_stride = 1,
        .b_stride = 1,
        .y = ga,
        .rows = 1,
        .op = job->step->attr.binary,
        .act = job->step->attr.act,
    };
    for (int64_t r = 0; r < p->rows; r++) {
        for (int64_t i = 0; i < p->count; i += POINT_GATHER) {
            const int64_t n = cpu_least(p->count - i, POINT_GATHER);
            args.count = (size_t)n;
            for (int64_t j = 0; j < n; j++) {
                ga[j] = a->data[r * a->step + (i + j) * a->stride];
                gb[j] = b->data[r * b->step + (i + j) * b->stride];
            }
            job->kernels->binary(&args);
            for (int64_t j = 0; j < n; j++)
                y->data[r * y->step + (i + j) * y->stride] = ga[j];
        }
    }
}

static void binary_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct nn_step *step = job->step;
    const struct point_piece p = point_piece(&step->out, piece);
    const struct part a = part_of(step, &step->in[NN_IN_X], &p);
    const struct part b = part_of(step, &step->in[NN_IN_B], &p);
    const struct part y = part_of(step, &step->out, &p);
    (void)scratch;
    const bool simple = (a.stride == 0 || a.stride == 1) && (b.stride == 0 || b.stride == 1);
    if (!simple || y.stride != 1) {
        binary_gather(job, &p, &a, &b, &y);
        return;
    }
    const struct cpu_binary args = {
        .a = a.data,
        .b = b.data,
        .a_stride = a.stride,
        .b_stride = b.stride,
        .y = y.data,
        .rows = (size_t)p.rows,
        .count = (size_t)p.count,
        .a_step = a.step,
        .b_step = b.step,
        .y_step = y.step,
        .op = step->attr.binary,
        .act = step->attr.act,
    };
    job->kernels->binary(&args);
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
