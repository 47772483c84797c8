/*
 * Convolutions where products take split numbers (tile.parts). The rows of the input that a piece
 * sees are split once, with zeros round them, and the products then read them in place: what the
 * taps of a row see of it, kw·ci numbers, lies there in one run.
 *
 *   scratch of a thread, a row of input after the other:
 *
 *     [hi: zeros │ w·ci numbers │ zeros][lo: the same]      `half` numbers of 2 bytes each
 *
 * With one part there is no lo.
 *
 * A run is taken in whole steps of 32, and rows of pixels in whole tiles. What the last step of a
 * run holds too much meets weights of 0; it is the input of pixels further right, or the zeros
 * behind a row. So a number that is not finite may reach outputs beside those that see it.
 */
#include <string.h>

#include "nn/cpu/cpu_step.h"

enum {
    VIEW_ROWS = 8,         /* output rows of a piece, at most … */
    VIEW_FLOATS = 1 << 17, /* … and about so much of scratch: a quarter of 2 MB */
    VIEW_LEAST_PIECES = 8, /* that threads can share */
};

/* Sizes of the split input of a piece. */
struct view_layout {
    size_t left;  /* zeros before a row, in numbers */
    size_t half;  /* numbers of a row's hi */
    size_t parts; /* hi and lo, or hi alone */
    int64_t rows; /* of input, for the outputs of a piece */
};

/* Input rows that `outputs` rows of output see. */
static int64_t rows_seen(const struct nn_attr *attr, int64_t outputs)
{
    return (outputs - 1) * attr->stride[0] + (attr->kernel[0] - 1) * attr->dilation[0] + 1;
}

static struct view_layout layout_of(const struct cpu_kernels *kernels, const struct nn_step *step,
                                    int64_t outputs)
{
    enum { WHOLE = 4 * CPU_SPLIT_ROWS, LINE = 32 };
    const struct nn_attr *attr = &step->attr;
    const size_t ci = (size_t)step->in[NN_IN_X].dims[3], w = (size_t)step->in[NN_IN_X].dims[2];
    const size_t left = (size_t)attr->pad[1] * ci;
    /* What the last of a whole number of tiles of pixels sees, and the rest of its last step. */
    const size_t pixels = ((size_t)step->out.dims[2] + WHOLE - 1) / WHOLE * WHOLE;
    const size_t seen =
        (pixels - 1) * (size_t)attr->stride[1] * ci + cpu_split_depth((size_t)attr->kernel[1] * ci);
    const size_t held = left + w * ci;
    return (struct view_layout){.left = left,
                                .half = ((seen > held ? seen : held) + LINE - 1) / LINE * LINE,
                                .parts = kernels->tile.parts,
                                .rows = rows_seen(attr, outputs)};
}

/* Numbers of a row of input. */
static size_t row_of(const struct view_layout *l)
{
    return l->parts * l->half;
}

/* Floats of all rows. */
static size_t floats_of(const struct view_layout *l)
{
    return (size_t)l->rows * row_of(l) / 2;
}

size_t cpu_view_floats(const struct cpu_kernels *kernels, const struct nn_step *step,
                       int64_t outputs)
{
    const struct view_layout l = layout_of(kernels, step, outputs);
    return floats_of(&l);
}

void cpu_view_plan(const struct cpu_kernels *kernels, const struct nn_step *step,
                   struct cpu_need *need)
{
    const int64_t height = step->out.dims[1];
    int64_t rows = 1;
    /* More rows at once: fewer of the input are split twice. */
    while (rows < cpu_least(VIEW_ROWS, height / VIEW_LEAST_PIECES)) {
        const struct view_layout more = layout_of(kernels, step, rows + 1);
        if (floats_of(&more) > VIEW_FLOATS)
            break;
        rows++;
    }
    const struct view_layout l = layout_of(kernels, step, rows);
    need->rows = rows;
    need->pieces = (size_t)step->out.dims[0] * cpu_pieces_of(height, rows);
    need->per_thread = floats_of(&l);
}

/* Row `iy` of the input, which may be outside, to `hi`. */
static void split_row(const struct cpu_job *job, const struct view_layout *l, int64_t image,
                      int64_t iy, uint16_t *hi)
{
    const struct nn_tensor *x = &job->step->in[NN_IN_X];
    const size_t c = (size_t)x->dims[3], w = (size_t)x->dims[2];
    uint16_t *lo = hi + l->half;
    if (iy < 0 || iy >= x->dims[1]) {
        memset(hi, 0, row_of(l) * sizeof(*hi));
        return;
    }
    const bool dense = x->strides[2] == x->dims[3];
    const struct cpu_split_run run = {
        .x = x->data + image * x->strides[0] + iy * x->strides[1],
        .x_step = x->strides[2],
        .rows = dense ? 1 : w,
        .count = dense ? w * c : c,
        .hi = hi + l->left,
        .lo = lo + l->left,
        .step = (ptrdiff_t)c,
    };
    const size_t end = l->left + w * c;
    for (uint16_t *half = hi; half < hi + row_of(l); half += l->half) {
        memset(half, 0, l->left * sizeof(*half));
        memset(half + end, 0, (l->half - end) * sizeof(*half));
    }
    job->kernels->split(&run);
}

void cpu_view_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct nn_step *step = job->step;
    const struct nn_attr *attr = &step->attr;
    const struct nn_tensor *x = &step->in[NN_IN_X], *out = &step->out;
    const int64_t most = step->tune[CPU_TUNE_ROWS];
    const int64_t per_image = (out->dims[1] + most - 1) / most;
    const int64_t image = (int64_t)piece / per_image, y = (int64_t)piece % per_image * most;
    const int64_t rows = cpu_least(most, out->dims[1] - y);
    const struct view_layout l = layout_of(job->kernels, step, rows);
    const ptrdiff_t row = (ptrdiff_t)row_of(&l);
    uint16_t *hi = (uint16_t *)(void *)scratch;
    for (int64_t i = 0; i < l.rows; i++)
        split_row(job, &l, image, y * attr->stride[0] - attr->pad[0] + i, hi + i * row);
    const size_t depth = (size_t)(attr->kernel[1] * x->dims[3]);
    for (int64_t i = 0; i < rows; i++) {
        const struct cpu_split_view view = {
            .hi = hi + i * attr->stride[0] * row,
            .lo = (ptrdiff_t)l.half,
            .pixel = attr->stride[1] * x->dims[3],
            .run = attr->dilation[0] * row,
            .runs = (size_t)attr->kernel[0],
            .steps = cpu_split_depth(depth) / CPU_SPLIT_STEP,
            .depth = depth,
        };
        const struct cpu_gemm g = {
            .rows = (size_t)out->dims[2],
            .b = &job->packed->panels[0],
            .c = out->data + image * out->strides[0] + (y + i) * out->strides[1],
            .ldc = out->strides[2],
            .act = attr->act,
            .view = &view,
        };
        job->kernels->gemm(&g);
    }
}
