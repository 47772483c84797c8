/*
 * Is what begins at a step a whole stem (cpu_stem_whole.h)?
 */
#include "nn/cpu/cpu_stem_whole.h"

enum {
    SIDE = 3,       /* of the kernels of a and y */
    MOST_ROWS = 16, /* of a piece … */
    PIECES = 8,     /* … and pieces of an image, at least, where they are not too low for it */
};

static bool has_window(const struct nn_step *step, int32_t kernel, int32_t stride, int32_t before)
{
    const struct nn_attr *a = &step->attr;
    bool fits = true;
    for (int i = 0; i < 2; i++)
        fits = fits && a->kernel[i] == kernel && a->stride[i] == stride && a->dilation[i] == 1 &&
               a->pad[i] == before;
    return fits;
}

static bool is_conv(const struct nn_step *step, int32_t kernel, int32_t stride, int32_t before)
{
    return step->op == NN_OP_CONV && step->attr.groups == 1 &&
           has_window(step, kernel, stride, before);
}

/* As many rows and columns as what it reads? Then zeros stand below and to the right alone. */
static bool keeps_size(const struct nn_step *step)
{
    const struct nn_tensor *x = &step->in[NN_IN_X];
    return step->out.dims[1] == x->dims[1] && step->out.dims[2] == x->dims[2];
}

/* Half of them, rounded up? */
static bool halves_size(const struct nn_step *step)
{
    const struct nn_tensor *x = &step->in[NN_IN_X];
    return step->out.dims[1] == (x->dims[1] + 1) / 2 && step->out.dims[2] == (x->dims[2] + 1) / 2;
}

/* Does y read pooled and c, one behind the other, and nothing else? */
static bool joins(const struct nn_step *s)
{
    const struct nn_tensor *x = &s[CPU_STEM_Y].in[NN_IN_X], *first = &s[CPU_STEM_POOL].out,
                           *second = &s[CPU_STEM_C].out;
    bool fits = first->buffer == x->buffer && second->buffer == x->buffer &&
                first->offset == x->offset && second->offset == x->offset + first->dims[3] &&
                first->dims[3] + second->dims[3] == x->dims[3];
    for (int i = 0; i < 3 && fits; i++)
        fits = first->strides[i] == x->strides[i] && second->strides[i] == x->strides[i] &&
               first->dims[i] == x->dims[i] && second->dims[i] == x->dims[i];
    return fits;
}

/* Does no step behind the group read what this buffer would hold? Buffers are made anew whole. */
static bool is_inside(const struct nn_plan *plan, const struct nn_step *first, int32_t buffer)
{
    const struct nn_step *end = plan->steps + plan->step_count;
    if (buffer < 0 || buffer == plan->output_buffer ||
        buffer == first[CPU_STEM_A].in[NN_IN_X].buffer || buffer == first[CPU_STEM_Y].out.buffer)
        return false;
    for (const struct nn_step *s = first + CPU_STEM_STEPS; s < end; s++)
        for (int k = 0; k < NN_INPUTS; k++)
            if (cpu_has(&s->in[k]) && s->in[k].buffer == buffer)
                return false;
    return true;
}

bool cpu_is_whole_stem(const struct nn_plan *plan, int32_t first)
{
    const struct nn_step *s = &plan->steps[first];
    if (plan->step_count - first < CPU_STEM_STEPS || plan->output_buffer == -1 || plan->observer ||
        !is_conv(&s[CPU_STEM_A], SIDE, 2, 1) || s[CPU_STEM_POOL].op != NN_OP_MAXPOOL ||
        !has_window(&s[CPU_STEM_POOL], 2, 1, 0) || !is_conv(&s[CPU_STEM_B], 2, 1, 0) ||
        !is_conv(&s[CPU_STEM_C], 2, 1, 0) || !is_conv(&s[CPU_STEM_Y], SIDE, 2, 1))
        return false;
    /* Zeros beside the rows of a are no larger than what the windows of the pool see. */
    return s[CPU_STEM_A].attr.act.func == NN_FUNC_RELU && halves_size(&s[CPU_STEM_A]) &&
           keeps_size(&s[CPU_STEM_POOL]) && keeps_size(&s[CPU_STEM_B]) &&
           keeps_size(&s[CPU_STEM_C]) && halves_size(&s[CPU_STEM_Y]) &&
           cpu_is_same(&s[CPU_STEM_POOL].in[NN_IN_X], &s[CPU_STEM_A].out) &&
           cpu_is_same(&s[CPU_STEM_B].in[NN_IN_X], &s[CPU_STEM_A].out) &&
           cpu_is_same(&s[CPU_STEM_C].in[NN_IN_X], &s[CPU_STEM_B].out) && joins(s) &&
           is_inside(plan, s, s[CPU_STEM_A].out.buffer) &&
           is_inside(plan, s, s[CPU_STEM_B].out.buffer) &&
           is_inside(plan, s, s[CPU_STEM_C].out.buffer) && s[CPU_STEM_Y].out.buffer >= 0 &&
           s[CPU_STEM_Y].out.buffer != s[CPU_STEM_A].in[NN_IN_X].buffer;
}

int cpu_whole_stem_take(struct nn_plan *plan, int32_t first, int64_t least_rows, size_t per_thread,
                        se_error *err)
{
    struct nn_step *stem = &plan->steps[first];
    const int64_t height = stem[CPU_STEM_Y].out.dims[1];
    const int64_t rows = cpu_most(cpu_least(height / PIECES, MOST_ROWS), least_rows);
    const struct cpu_need need = {.per_thread = per_thread};
    stem->group = CPU_STEM_STEPS;
    for (int i = 0; i < CPU_STEM_STEPS; i++) {
        if (i != CPU_STEM_A) {
            stem[i].in[NN_IN_X].buffer = -1;
            stem[i].scratch_bytes = 0;
        }
        if (i != CPU_STEM_Y)
            stem[i].out.buffer = -1;
    }
    stem->tune[CPU_TUNE_ROWS] = rows;
    stem->tune[CPU_TUNE_PIECES] = stem->out.dims[0] * (int64_t)cpu_pieces_of(height, rows);
    return cpu_set_scratch(plan, stem, &need, err);
}
