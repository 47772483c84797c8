/*
 * Groups of steps that are done together, band by band, so that what is between them stays in the
 * cache:
 *
 *   DWCONV ─> GEMM or FFN ─> GAP      a band is some rows of an image
 *   DWCONV ─────────────────> GAP
 *             GEMM or FFN ──> GAP     a band is some pixels
 *
 * and those of cpu_stem.c, cpu_planar.c and cpu_int8_stem.c.
 *
 * What a DWCONV makes for the linear layer behind it lies in the thread's scratch, one band of it,
 * and is never written to memory. A GAP sums a band when it has just been made; its end (the sum of
 * the partial sums) follows when all bands are done.
 *
 * What is summed apart decides the last bits of a mean. So whether there is a group, and how high
 * its bands are, depends on the size of an image and never on how many there are.
 *
 *   scratch of the first step, for each thread: [band of the DWCONV][scratch of the linear layer]
 */
#include "base/status.h"
#include "nn/cpu/cpu_stem_whole.h"
#include "nn/tensor.h"

enum {
    GROUP_BANDS = 48,             /* bands of an image, about: enough to share among threads */
    GROUP_LEAST_FLOATS = 1 << 18, /* an image; smaller ones stay in the second-level cache anyway */
};

/* The steps of a group; those that it lacks are NULL. */
struct group {
    const struct nn_step *dwconv, *linear, *gap;
};

static bool is_linear(const struct nn_step *step)
{
    return step->op == NN_OP_GEMM || step->op == NN_OP_FFN;
}

static struct group group_of(const struct nn_step *first, int32_t count)
{
    struct group g = {0};
    for (const struct nn_step *step = first; step < first + count; step++) {
        if (step->op == NN_OP_DWCONV)
            g.dwconv = step;
        else if (is_linear(step))
            g.linear = step;
        else
            g.gap = step;
    }
    return g;
}

static int64_t floats_of_image(const struct nn_tensor *t)
{
    return nn_tensor_count(t) / t->dims[0];
}

/* Does no step but `reader`, as its x, touch the buffer of what `maker` makes? */
static bool is_read_once(const struct nn_plan *plan, const struct nn_step *maker,
                         const struct nn_step *reader)
{
    const int32_t buffer = maker->out.buffer;
    if (plan->output_buffer == -1 || buffer < 0 || plan->output_buffer == buffer)
        return false;
    for (const struct nn_step *s = plan->steps; s < plan->steps + plan->step_count; s++) {
        if (s != maker && s->out.buffer == buffer)
            return false;
        for (int k = 0; k < NN_INPUTS; k++)
            if (cpu_has(&s->in[k]) && s->in[k].buffer == buffer && (s != reader || k != NN_IN_X))
                return false;
    }
    return true;
}

/* May the linear layer take the rows of this DWCONV as they come? */
static bool takes_rows(const struct nn_plan *plan, const struct nn_step *dwconv,
                       const struct nn_step *linear)
{
    const struct nn_tensor *made = &dwconv->out, *x = &linear->in[NN_IN_X];
    return is_linear(linear) && !cpu_has(&linear->in[NN_IN_SCALE]) && x->buffer == made->buffer &&
           x->offset == made->offset && made->strides[2] == made->dims[3] &&
           x->dims[2] == made->dims[3] && x->strides[1] == made->dims[3] &&
           nn_tensor_count(x) == nn_tensor_count(made) &&
           floats_of_image(made) >= GROUP_LEAST_FLOATS &&
           (x->dims[0] == 1 || x->dims[1] == made->dims[1] * made->dims[2]) &&
           is_read_once(plan, dwconv, linear);
}

/* Is this the mean of what `step` makes, all of it? */
static bool is_mean_of(const struct nn_step *gap, const struct nn_step *step)
{
    const struct nn_tensor *x = &gap->in[NN_IN_X], *made = &step->out;
    return gap->op == NN_OP_GAP && x->buffer == made->buffer && x->offset == made->offset &&
           nn_tensor_count(x) == nn_tensor_count(made) &&
           x->dims[3] == made->dims[made->rank - 1] && floats_of_image(x) >= GROUP_LEAST_FLOATS;
}

/* How many steps from `first` on make a group; 1: none. */
static int32_t find_group(const struct nn_plan *plan, int32_t first)
{
    const struct nn_step *step = &plan->steps[first];
    const int32_t left = plan->step_count - first;
    int32_t count = 1;
    if (step->op != NN_OP_DWCONV && !is_linear(step))
        return 1;
    if (step->op == NN_OP_DWCONV && left > 1 && takes_rows(plan, step, step + 1))
        count = 2;
    const struct nn_step *last = step + count - 1;
    /* Bands of a linear layer alone know nothing of images; they are as long as a GAP's own. */
    const bool one = step->op == NN_OP_DWCONV ||
                     (step->out.dims[0] == 1 && left > 1 && step[1].in[NN_IN_X].dims[0] == 1);
    if (one && left > count && is_mean_of(last + 1, last))
        count++;
    return count;
}

/* The linear layer of a group as a step over rows [row, row + rows), counted through all images;
 * x: those rows, dense, where they are not where the step has them. */
static struct nn_step linear_part(const struct nn_step *linear, int64_t row, int64_t rows, float *x)
{
    struct nn_step part = *linear;
    const int64_t m = linear->in[NN_IN_X].dims[1], image = row / m, inside = row % m;
    struct nn_tensor *const all[] = {&part.in[NN_IN_X], &part.in[NN_IN_RESIDUAL], &part.out};
    for (int i = 0; i < 3; i++) {
        if (!cpu_has(all[i]))
            continue;
        all[i]->dims[0] = 1;
        all[i]->dims[1] = rows;
        if (all[i]->data)
            all[i]->data += image * all[i]->strides[0] + inside * all[i]->strides[1];
    }
    if (x)
        part.in[NN_IN_X].data = x;
    part.scratch = NULL;
    return part;
}

static void linear_need(const struct cpu_kernels *kernels, const struct nn_step *linear,
                        int64_t rows, struct cpu_need *need)
{
    const struct nn_step part = linear_part(linear, 0, rows, NULL);
    *need = (struct cpu_need){0};
    cpu_op_of(linear)->plan(kernels, &part, need);
}

static int64_t pixels_of_image(const struct group *g)
{
    const struct nn_step *step = g->dwconv ? g->dwconv : g->gap;
    const struct nn_tensor *t = g->dwconv ? &step->out : &step->in[NN_IN_X];
    return t->dims[1] * t->dims[2];
}

static int64_t images_of(const struct group *g)
{
    return g->dwconv ? g->dwconv->out.dims[0] : 1;
}

static size_t band_floats(const struct group *g)
{
    const int64_t pixels = g->dwconv->tune[CPU_TUNE_ROWS];
    return g->linear ? cpu_whole_lines((size_t)(pixels * g->dwconv->out.dims[3])) : 0;
}

/* Pixels of a band. */
static int64_t plan_band(const struct group *g)
{
    if (!g->dwconv)
        return CPU_GAP_PIXELS;
    const int64_t h = g->dwconv->out.dims[1], w = g->dwconv->out.dims[2];
    if (!g->linear) /* as the step has it */
        return g->dwconv->tune[CPU_TUNE_ROWS] * w;
    return cpu_most((h + GROUP_BANDS / 2) / GROUP_BANDS, 1) * w;
}

int cpu_group_plan(const struct cpu_kernels *kernels, struct nn_plan *plan, int32_t first,
                   se_error *err)
{
    struct nn_step *step = &plan->steps[first];
    FORWARD_IF_ERROR(cpu_int8_stem_plan(kernels, plan, first, err));
    if (step->group == 1)
        FORWARD_IF_ERROR(cpu_planar_plan(kernels, plan, first, err));
    if (step->group == 1)
        FORWARD_IF_ERROR(cpu_stem_plan(kernels, plan, first, err));
    if (step->group > 1)
        return SE_OK;
    const int32_t count = find_group(plan, first);
    if (count == 1)
        return SE_OK;
    const struct group g = group_of(step, count);
    const int64_t band = plan_band(&g), pixels = pixels_of_image(&g);
    step->group = count;
    for (int32_t i = 1; i < count; i++)
        step[i].scratch_bytes = 0;
    struct nn_step *gap = g.gap ? step + count - 1 : NULL;
    if (gap) {
        struct cpu_need need = {.shared = cpu_gap_shared(gap, band)};
        gap->tune[CPU_TUNE_ROWS] = band;
        FORWARD_IF_ERROR(cpu_set_scratch(plan, gap, &need, err));
        gap->scratch_bytes = (size_t)gap->tune[CPU_TUNE_SHARED_BYTES];
    }
    step->tune[CPU_TUNE_ROWS] = band;
    struct cpu_need need = {0};
    if (g.linear) { /* a whole band, and the last of an image */
        struct cpu_need last;
        linear_need(kernels, g.linear, cpu_least(band, pixels), &need);
        linear_need(kernels, g.linear, (pixels - 1) % band + 1, &last);
        need.per_thread = last.per_thread > need.per_thread ? last.per_thread : need.per_thread;
    }
    need.shared = 0;
    if (g.dwconv)
        need.per_thread += band_floats(&g);
    FORWARD_IF_ERROR(cpu_set_scratch(plan, step, &need, err));
    step->tune[CPU_TUNE_PIECES] = images_of(&g) * (int64_t)cpu_pieces_of(pixels, band);
    return SE_OK;
}

void cpu_part_work(const struct cpu_job *job, struct nn_step *part, const struct cpu_need *need,
                   float *scratch)
{
    part->tune[CPU_TUNE_ROWS] = need->rows;
    const struct cpu_job own = {job->kernels, part, part->packed, job->observer, false};
    for (size_t i = 0; i < need->pieces; i++)
        cpu_op_of(part)->work(&own, i, scratch);
}

static void work_linear(const struct cpu_job *job, const struct nn_step *linear, int64_t row,
                        int64_t rows, float *x, float *scratch)
{
    struct nn_step part = linear_part(linear, row, rows, x);
    struct cpu_need need = {0};
    cpu_op_of(linear)->plan(job->kernels, &part, &need);
    cpu_part_work(job, &part, &need, scratch);
}

static void work_dwconv(const struct cpu_job *job, const struct group *g, int64_t image,
                        int64_t first, int64_t pixels, float *band)
{
    const struct nn_tensor *out = &g->dwconv->out;
    const struct cpu_job own = {job->kernels, g->dwconv, g->dwconv->packed, NULL, false};
    const int64_t y = first / out->dims[2], y_end = y + pixels / out->dims[2];
    float *to = g->linear ? band : out->data + image * out->strides[0] + y * out->strides[1];
    cpu_dwconv_rows(&own, image, y, y_end, to, out->strides[2]);
}

void cpu_group_work(const struct cpu_job *job, size_t piece, int thread)
{
    const struct nn_step *step = job->step;
    if (step->op == NN_OP_CONV) {
        if (step->group == CPU_STEM_STEPS && cpu_is_int8_stem(step))
            cpu_int8_stem_work(job, piece, thread);
        else if (step->group == CPU_STEM_STEPS)
            cpu_planar_work(job, piece, thread);
        else
            cpu_stem_work(job, piece, thread);
        return;
    }
    const struct group g = group_of(step, step->group);
    const int64_t all = pixels_of_image(&g), band = step->tune[CPU_TUNE_ROWS];
    const int64_t bands = (int64_t)cpu_pieces_of(all, band);
    const int64_t image = (int64_t)piece / bands, first = (int64_t)piece % bands * band;
    const int64_t pixels = cpu_least(band, all - first);
    float *scratch = step->scratch;
    if (scratch)
        scratch +=
            (step->tune[CPU_TUNE_SHARED_BYTES] + thread * step->tune[CPU_TUNE_THREAD_BYTES]) /
            (int64_t)sizeof(float);
    if (g.dwconv)
        work_dwconv(job, &g, image, first, pixels, scratch);
    if (g.linear)
        work_linear(job, g.linear, image * all + first, pixels, g.dwconv ? scratch : NULL,
                    g.dwconv ? scratch + band_floats(&g) : scratch);
    if (g.gap) {
        const struct cpu_job own = {job->kernels, g.gap, NULL, NULL, false};
        cpu_op_gap.work(&own, piece, NULL);
    }
}
