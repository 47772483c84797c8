/*
 * A group of steps (cpu_group.c) for the stem of a network, where tensors are largest:
 *
 *   CONV ─┬─> MAXPOOL       a band is some rows of an image
 *         └─> CONV
 *
 * The first CONV's rows, with those below that the windows of the others see, lie in the thread's
 * scratch and are never written to memory. Rows at the border of two bands are computed twice. The
 * input must live until the others are made, so for large inputs, whose tensors decide how much
 * memory a network takes, there is no such group.
 *
 *   scratch, for each thread: [rows of the first CONV][scratch of a CONV]
 */
#include "base/status.h"
#include "nn/cpu/cpu_step.h"
#include "nn/tensor.h"

enum {
    STEM_STEPS = 3,
    STEM_ROWS = 8,         /* rows of a band, at most … */
    STEM_BANDS = 4,        /* … and bands of an image, at least */
    STEM_FLOATS = 1 << 17, /* of the first CONV's rows, about: a quarter of 2 MB */
    STEM_MOST = 3 << 20,   /* floats that the first CONV makes, all images together */
};

/* Is what step `first` makes read by no step behind the group? Its place may be made anew. */
static bool is_read_inside(const struct nn_plan *plan, int32_t first)
{
    const struct nn_tensor *made = &plan->steps[first].out;
    for (int32_t i = first + STEM_STEPS; i < plan->step_count; i++) {
        const struct nn_step *step = &plan->steps[i];
        for (int k = 0; k < NN_INPUTS; k++)
            if (cpu_has(&step->in[k]) && step->in[k].buffer == made->buffer)
                return false;
        if (cpu_is_same(&step->out, made))
            return true;
    }
    return plan->output_buffer != made->buffer;
}

/* Rows of the output by rows of the input, and zeros below the last alone? */
static bool slides_down(const struct nn_step *step, const struct nn_step *maker)
{
    const struct nn_attr *a = &step->attr;
    return cpu_is_same(&step->in[NN_IN_X], &maker->out) && a->stride[0] == 1 &&
           a->dilation[0] == 1 && a->pad[0] == 0 && a->pad[2] == a->kernel[0] - 1 &&
           step->out.dims[1] == maker->out.dims[1] && step->out.buffer >= 0 &&
           step->out.buffer != maker->in[NN_IN_X].buffer;
}

/* Winograd's method works on tiles of rows, so what is computed apart has other last bits. */
static bool works_by_rows(const struct cpu_kernels *kernels, const struct nn_step *step)
{
    return !cpu_pack_is_wino(&kernels->tile, &step->attr, step->in[NN_IN_X].dims[3],
                             step->out.dims[3]);
}

static bool is_stem(const struct cpu_kernels *kernels, const struct nn_plan *plan, int32_t first)
{
    const struct nn_step *s = &plan->steps[first];
    return plan->step_count - first >= STEM_STEPS && plan->output_buffer != -1 && !plan->observer &&
           s[0].op == NN_OP_CONV && s[1].op == NN_OP_MAXPOOL && s[2].op == NN_OP_CONV &&
           s[0].out.buffer >= 0 && nn_tensor_count(&s[0].out) <= STEM_MOST &&
           slides_down(&s[1], s) && slides_down(&s[2], s) && works_by_rows(kernels, s) &&
           works_by_rows(kernels, s + 2) && is_read_inside(plan, first);
}

/* Rows below its own that a band needs of the first CONV. */
static int64_t rows_below(const struct nn_step *stem)
{
    return cpu_most(stem[1].attr.kernel[0], stem[2].attr.kernel[0]) - 1;
}

static size_t floats_of_rows(const struct nn_step *stem, int64_t rows)
{
    return cpu_whole_lines((size_t)(rows * stem->out.dims[2] * stem->out.dims[3]));
}

static int64_t plan_rows(const struct nn_step *stem)
{
    int64_t rows = cpu_least(stem->out.dims[1] / STEM_BANDS, STEM_ROWS);
    while (rows > 1 && floats_of_rows(stem, rows + rows_below(stem)) > STEM_FLOATS)
        rows--;
    return cpu_most(rows, 1);
}

/* Rows [y, y + rows) of an image of what a step makes, as a step of its own; out: those rows,
 * dense; NULL: where the step has them. */
struct nn_step cpu_rows_part(const struct nn_step *step, int64_t image, int64_t y, int64_t rows,
                             float *out)
{
    struct nn_step part = *step;
    struct nn_tensor *x = &part.in[NN_IN_X];
    const int64_t top = y * step->attr.stride[0] - step->attr.pad[0];
    const int64_t first = cpu_least(cpu_most(top, 0), x->dims[1]); /* below it there are zeros */
    part.attr.pad[0] = (int32_t)(first - top);
    x->dims[0] = part.out.dims[0] = 1;
    x->dims[1] -= first;
    part.out.dims[1] = rows;
    if (x->data)
        x->data += image * x->strides[0] + first * x->strides[1];
    if (part.out.data)
        part.out.data += image * part.out.strides[0] + y * part.out.strides[1];
    if (out) {
        part.out.data = out;
        part.out.strides[2] = part.out.dims[3];
        part.out.strides[1] = part.out.dims[2] * part.out.dims[3];
    }
    part.scratch = NULL;
    return part;
}

/* Makes the first rows of what the first CONV made, in `band`, the input of a part. */
static void read_band(struct nn_step *part, float *band, int64_t rows)
{
    struct nn_tensor *x = &part->in[NN_IN_X];
    x->dims[0] = 1;
    x->dims[1] = rows;
    x->strides[2] = x->dims[3];
    x->strides[1] = x->dims[2] * x->dims[3];
    x->data = band;
}

/* As the plan of the operation, but a CONV that splits its input does so once for all rows. */
struct cpu_need cpu_rows_need(const struct cpu_kernels *kernels, const struct nn_step *part)
{
    struct cpu_need need = {0};
    if (part->op == NN_OP_CONV && cpu_pack_is_view(&kernels->tile, &part->attr)) {
        need.rows = part->out.dims[1];
        need.pieces = 1;
        need.per_thread = cpu_view_floats(kernels, part, need.rows);
    } else {
        cpu_op_of(part)->plan(kernels, part, &need);
    }
    return need;
}

int cpu_stem_plan(const struct cpu_kernels *kernels, struct nn_plan *plan, int32_t first,
                  se_error *err)
{
    struct nn_step *stem = &plan->steps[first];
    if (!is_stem(kernels, plan, first))
        return SE_OK;
    const int64_t height = stem->out.dims[1], rows = plan_rows(stem);
    struct cpu_need need = {.pieces = 0};
    /* A part needs the less the lower it is: the highest of all. */
    const int64_t seen = cpu_least(rows + rows_below(stem), height);
    const struct nn_step a = cpu_rows_part(stem, 0, 0, seen, NULL);
    struct nn_step b = cpu_rows_part(&stem[2], 0, 0, rows, NULL);
    read_band(&b, NULL, seen);
    const size_t of_a = cpu_rows_need(kernels, &a).per_thread,
                 of_b = cpu_rows_need(kernels, &b).per_thread;
    need.per_thread = floats_of_rows(stem, seen) + (of_a > of_b ? of_a : of_b);
    stem->group = STEM_STEPS;
    for (int32_t i = 1; i < STEM_STEPS; i++)
        stem[i].scratch_bytes = 0;
    stem->tune[CPU_TUNE_ROWS] = rows;
    stem->tune[CPU_TUNE_PIECES] = stem->out.dims[0] * (int64_t)cpu_pieces_of(height, rows);
    return cpu_set_scratch(plan, stem, &need, err);
}

void cpu_rows_work(const struct cpu_job *job, struct nn_step *part, float *scratch)
{
    const struct cpu_need need = cpu_rows_need(job->kernels, part);
    cpu_part_work(job, part, &need, scratch);
}

void cpu_stem_work(const struct cpu_job *job, size_t piece, int thread)
{
    const struct nn_step *stem = job->step;
    const int64_t height = stem->out.dims[1], most = stem->tune[CPU_TUNE_ROWS];
    const int64_t bands = (int64_t)cpu_pieces_of(height, most);
    const int64_t image = (int64_t)piece / bands, y = (int64_t)piece % bands * most;
    const int64_t rows = cpu_least(most, height - y);
    const int64_t seen = cpu_least(rows + rows_below(stem), height - y);
    float *band = (float *)stem->scratch +
                  thread * stem->tune[CPU_TUNE_THREAD_BYTES] / (int64_t)sizeof(float);
    float *scratch = band + floats_of_rows(stem, seen);
    struct nn_step part = cpu_rows_part(stem, image, y, seen, band);
    cpu_rows_work(job, &part, scratch);
    for (int i = 1; i < STEM_STEPS; i++) {
        part = cpu_rows_part(&stem[i], image, y, rows, NULL);
        read_band(&part, band, seen);
        cpu_rows_work(job, &part, scratch);
    }
}
