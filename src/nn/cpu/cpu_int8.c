#include "nn/cpu/cpu_int8.h"

enum {
    INT8_BLOCK = 48, /* rows of a piece */
    INT8_PAD = 64,   /* bytes between rows of inputs: spreads cache sets */
};

/* A piece of a step is a block of rows. */

/*
 * Scratch of a thread, in bytes, each part at a 64-byte boundary:
 *   [scaled input, floats: only with a scale][input in 8 bits][hidden in 8 bits: FFN]
 */
struct int8_layout {
    size_t input, hidden, end; /* offsets */
    size_t input_pitch, hidden_pitch;
};

static struct int8_layout layout_of(const struct nn_step *step)
{
    const struct cpu_packed *packed = step->packed;
    const struct cpu_int8_panels *panels = packed->int8->panels;
    struct int8_layout l = {0};
    if (cpu_has(&step->in[NN_IN_SCALE]))
        l.input = cpu_int8_whole(cpu_scaled_floats(step, INT8_BLOCK) * sizeof(float), 64);
    l.input_pitch = cpu_int8_whole(panels[0].groups * CPU_INT8_GROUP, 64) + INT8_PAD;
    l.hidden = l.input + INT8_BLOCK * l.input_pitch;
    l.hidden_pitch = cpu_int8_whole(panels[1].groups * CPU_INT8_GROUP, 64) + INT8_PAD;
    l.end = l.hidden + (step->op == NN_OP_FFN ? INT8_BLOCK * l.hidden_pitch : 0);
    return l;
}

static void int8_plan(const struct cpu_kernels *kernels, const struct nn_step *step,
                      struct cpu_need *need)
{
    const struct nn_tensor *x = &step->in[NN_IN_X];
    (void)kernels;
    need->pieces = (size_t)x->dims[0] * cpu_pieces_of(x->dims[1], INT8_BLOCK);
    need->per_thread = layout_of(step).end / sizeof(float);
}

static struct cpu_block block_of_piece(const struct nn_tensor *x, size_t piece)
{
    const int64_t per_image = (x->dims[1] + INT8_BLOCK - 1) / INT8_BLOCK;
    const int64_t image = (int64_t)piece / per_image;
    const int64_t row = (int64_t)piece % per_image * INT8_BLOCK;
    return (struct cpu_block){image, row, cpu_least(INT8_BLOCK, x->dims[1] - row)};
}

/* The input of a piece as it is, scaled, and in 8 bits. */
struct int8_input {
    struct cpu_block block;
    const float *x;
    int64_t pitch;
    uint8_t *q;
};

static struct int8_input input_of_piece(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct nn_step *step = job->step;
    const struct int8_layout l = layout_of(step);
    struct int8_input in = {.block = block_of_piece(&step->in[NN_IN_X], piece)};
    in.x = cpu_block_scaled(job, &in.block, scratch, &in.pitch);
    in.q = (uint8_t *)scratch + l.input;
    const struct cpu_int8_quantize quantize = {
        .x = in.x,
        .x_step = in.pitch,
        .rows = (size_t)in.block.rows,
        .c = (size_t)step->in[NN_IN_X].dims[2],
        .q = in.q,
        .q_step = (ptrdiff_t)l.input_pitch,
        .range = job->packed->int8->range[0],
    };
    job->packed->int8->kernels->quantize(&quantize);
    return in;
}

/* The last product of a step, to float32. */
static struct cpu_int8_gemm product_to_output(const struct nn_step *step,
                                              const struct int8_input *in)
{
    const struct nn_tensor *residual = &step->in[NN_IN_RESIDUAL];
    struct cpu_int8_gemm g = {
        .rows = (size_t)in->block.rows,
        .c = step->out.data + in->block.image * step->out.strides[0] +
             in->block.row * step->out.strides[1],
        .ldc = step->out.strides[1],
        .residual_mode = step->attr.residual,
        .act = step->attr.act,
    };
    if (step->attr.residual_self) {
        g.residual = in->x;
        g.ldr = in->pitch;
    } else if (g.residual_mode != NN_RESIDUAL_NONE) {
        g.residual = cpu_block_at(residual, &in->block);
        g.ldr = residual->strides[1];
    }
    return g;
}

static void int8_gemm_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct cpu_int8_packed *packed = job->packed->int8;
    const struct int8_input in = input_of_piece(job, piece, scratch);
    struct cpu_int8_gemm g = product_to_output(job->step, &in);
    g.a[0] = in.q;
    g.segments = 1;
    g.lda = (ptrdiff_t)layout_of(job->step).input_pitch;
    g.b = &packed->panels[0];
    packed->kernels->gemm(&g);
}

static void int8_ffn_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct cpu_int8_packed *packed = job->packed->int8;
    const struct int8_layout l = layout_of(job->step);
    const struct int8_input in = input_of_piece(job, piece, scratch);
    uint8_t *hidden = (uint8_t *)scratch + l.hidden;
    const struct cpu_int8_gemm expand = {
        .rows = (size_t)in.block.rows,
        .a = {in.q},
        .segments = 1,
        .lda = (ptrdiff_t)l.input_pitch,
        .b = &packed->panels[0],
        .act = job->step->attr.hidden,
        .q = hidden,
        .ldq = (ptrdiff_t)l.hidden_pitch,
        .range = packed->range[1],
    };
    packed->kernels->gemm(&expand);
    struct cpu_int8_gemm project = product_to_output(job->step, &in);
    project.a[0] = hidden;
    project.segments = 1;
    project.lda = (ptrdiff_t)l.hidden_pitch;
    project.b = &packed->panels[1];
    packed->kernels->gemm(&project);
}

static size_t logits_pitch(const struct cpu_int8_packed *packed)
{
    return cpu_int8_whole(packed->panels[0].groups * CPU_INT8_GROUP, 64) + INT8_PAD;
}

size_t cpu_int8_logits_floats(const struct cpu_int8_packed *packed, size_t rows)
{
    return rows * logits_pitch(packed) / sizeof(float);
}

struct cpu_int8_panels cpu_int8_panels_part(const struct cpu_int8_packed *packed, size_t first,
                                            size_t vectors)
{
    struct cpu_int8_panels part = packed->panels[0];
    const size_t vl = packed->kernels->tile.vl, column = first * vl;
    const size_t left = part.n - column;
    part.vectors = vectors;
    part.n = left < vectors * vl ? left : vectors * vl;
    part.b += column * part.groups * CPU_INT8_GROUP;
    part.start += column;
    part.scale += column;
    part.bias += column;
    return part;
}

void cpu_int8_logits(const struct cpu_int8_logits *args)
{
    const struct cpu_int8_packed *packed = args->packed;
    const struct cpu_int8_quantize quantize = {
        .x = args->x,
        .x_step = args->ldx,
        .rows = args->rows,
        .c = args->part->k,
        .q = (uint8_t *)args->scratch,
        .q_step = (ptrdiff_t)logits_pitch(packed),
        .range = packed->range[0],
    };
    packed->kernels->quantize(&quantize);
    const struct cpu_int8_gemm product = {
        .rows = args->rows,
        .a = {quantize.q},
        .segments = 1,
        .lda = quantize.q_step,
        .b = args->part,
        .c = args->c,
        .ldc = args->ldc,
    };
    packed->kernels->gemm(&product);
}

const struct cpu_op cpu_op_int8_gemm = {.plan = int8_plan, .work = int8_gemm_work};
const struct cpu_op cpu_op_int8_ffn = {.plan = int8_plan, .work = int8_ffn_work};
