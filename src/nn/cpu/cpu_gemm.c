/*
 * Steps that are matrix products: GEMM, FFN, MATMUL. A piece is a block of rows, of GEMM also a
 * chunk of columns.
 */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "nn/cpu/cpu_int8.h"
#include "nn/cpu/cpu_step.h"

enum {
    GEMM_BLOCK = 48,         /* rows of a piece, about */
    SPLIT_BLOCK = 128,       /* the same for products of tiles, which are done sooner … */
    SPLIT_LEAST_BLOCKS = 8,  /* … and of a step, so that threads can share it */
    LARGE_WEIGHTS = 1 << 18, /* floats: half of a second-level cache of 2 MB */
    GEMM_WIDE_VECTORS = 96,  /* cut columns from here on … */
    GEMM_FEW_BLOCKS = 4,     /* … when there are no more blocks of rows than this */
    FFN_PAD = 16,            /* floats between rows of the hidden block: spreads cache sets */
    MATMUL_BLOCK = 192,
};

/* All blocks have tune[CPU_TUNE_ROWS] rows but the last, which also takes what is left over. */
static int64_t blocks_an_image(int64_t rows, int64_t size)
{
    return cpu_most(rows / size, 1);
}

static struct cpu_block block_of_piece(const struct nn_step *step, size_t piece)
{
    const int64_t m = step->in[NN_IN_X].dims[1], size = step->tune[CPU_TUNE_ROWS];
    const int64_t per_image = blocks_an_image(m, size);
    const int64_t image = (int64_t)piece / per_image, index = (int64_t)piece % per_image;
    const int64_t row = index * size;
    return (struct cpu_block){image, row, index + 1 == per_image ? m - row : size};
}

/*
 * Blocks of about GEMM_BLOCK rows: whole tiles, and few sizes, an even number of them, so that no
 * thread waits long for another. Weights that the second-level cache cannot hold are read again
 * for every block, so blocks are larger.
 */
static void plan_blocks(const struct nn_step *step, const struct cpu_tile *tile,
                        size_t weight_floats, struct cpu_need *need)
{
    const struct cpu_packed *packed = step->packed;
    const int64_t m = step->in[NN_IN_X].dims[1];
    const int64_t usual = tile->parts ? SPLIT_BLOCK : GEMM_BLOCK;
    const int64_t about = weight_floats > LARGE_WEIGHTS ? 2 * usual : usual;
    const int64_t unit =
        (int64_t)tile->rows[cpu_panel_vectors(tile, packed->panels[0].vectors) - 1];
    int64_t blocks = cpu_most((m + about) / (2 * about) * 2, 1);
    if (tile->parts && blocks * step->in[NN_IN_X].dims[0] < SPLIT_LEAST_BLOCKS)
        blocks = cpu_least((int64_t)cpu_pieces_of(SPLIT_LEAST_BLOCKS, step->in[NN_IN_X].dims[0]),
                           cpu_most(m / unit, 1));
    need->rows = cpu_most((m / blocks + unit / 2) / unit * unit, cpu_least(unit, m));
    need->pieces = (size_t)(step->in[NN_IN_X].dims[0] * blocks_an_image(m, need->rows));
}

/* Rows of the largest block. */
static size_t largest_block(const struct nn_step *step, const struct cpu_need *need)
{
    const int64_t m = step->in[NN_IN_X].dims[1];
    return (size_t)(m - (blocks_an_image(m, need->rows) - 1) * need->rows);
}

const float *cpu_block_scaled(const struct cpu_job *job, const struct cpu_block *b, float *scratch,
                              int64_t *pitch)
{
    const struct nn_tensor *x = &job->step->in[NN_IN_X], *scale = &job->step->in[NN_IN_SCALE];
    const float *in = cpu_block_at(x, b);
    *pitch = x->strides[1];
    if (!cpu_has(scale))
        return in;
    const int64_t c = x->dims[2];
    const struct cpu_binary product = {
        .a = in,
        .b = scale->data + b->image * scale->strides[0],
        .a_stride = 1,
        .b_stride = 1,
        .y = scratch,
        .rows = (size_t)b->rows,
        .count = (size_t)c,
        .a_step = x->strides[1],
        .y_step = c,
        .op = NN_BINARY_MUL,
    };
    job->kernels->binary(&product);
    *pitch = c;
    return scratch;
}

void cpu_observe(const struct cpu_job *job, enum nn_observed what, const float *x,
                 const struct cpu_block *b, ptrdiff_t pitch)
{
    if (!job->observer)
        return;
    const size_t c = job->packed->panels[what == NN_OBSERVED_X ? 0 : 1].k;
    job->observer->see(job->observer->context, job->step->node, what, x, (size_t)b->rows, c, pitch);
}

/* --- GEMM --- */

/* Chunks of columns; the last takes what is left over. */
static size_t gemm_chunks(const struct nn_step *step)
{
    const struct cpu_packed *packed = step->packed;
    const size_t vectors = packed->panels[0].vectors;
    const bool few = step->in[NN_IN_X].dims[1] <= (int64_t)GEMM_FEW_BLOCKS * GEMM_BLOCK;
    return few && vectors >= GEMM_WIDE_VECTORS ? vectors / CPU_CHUNK_VECTORS : 1;
}

static void gemm_plan(const struct cpu_kernels *kernels, const struct nn_step *step,
                      struct cpu_need *need)
{
    const struct cpu_packed *packed = step->packed;
    const size_t chunks = gemm_chunks(step);
    plan_blocks(step, &kernels->tile, packed->panels[0].k * packed->panels[0].n / chunks, need);
    need->pieces *= chunks;
    const size_t rows = largest_block(step, need);
    need->per_thread = cpu_whole_lines(cpu_scaled_floats(step, rows)) +
                       cpu_split_floats(&kernels->tile, rows, packed->panels[0].k);
}

struct cpu_panels cpu_chunk_of(const struct cpu_kernels *kernels, const struct cpu_panels *panels,
                               size_t chunk, size_t chunks)
{
    return cpu_panels_part(&kernels->tile, panels, chunk * CPU_CHUNK_VECTORS,
                           cpu_chunk_vectors(panels->vectors, chunk, chunks));
}

static void gemm_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct nn_step *step = job->step;
    const struct nn_tensor *residual = &step->in[NN_IN_RESIDUAL];
    const size_t chunks = gemm_chunks(step), chunk = piece % chunks;
    const struct cpu_block b = block_of_piece(step, piece / chunks);
    const struct cpu_panels panels =
        cpu_chunk_of(job->kernels, &job->packed->panels[0], chunk, chunks);
    const ptrdiff_t column = (ptrdiff_t)(chunk * CPU_CHUNK_VECTORS * job->kernels->tile.vl);
    int64_t lda;
    const float *a = cpu_block_scaled(job, &b, scratch, &lda);
    cpu_observe(job, NN_OBSERVED_X, a, &b, lda);
    struct cpu_gemm g = {
        .rows = (size_t)b.rows,
        .a = &a,
        .segments = 1,
        .depth = panels.k,
        .lda = lda,
        .b = &panels,
        .c =
            step->out.data + b.image * step->out.strides[0] + b.row * step->out.strides[1] + column,
        .ldc = step->out.strides[1],
        .residual_mode = step->attr.residual,
        .act = step->attr.act,
        .split = scratch + cpu_whole_lines(cpu_scaled_floats(step, (size_t)b.rows)),
    };
    if (g.residual_mode != NN_RESIDUAL_NONE) {
        g.residual = cpu_block_at(residual, &b) + column;
        g.ldr = residual->strides[1];
    }
    job->kernels->gemm(&g);
}

const struct cpu_op cpu_op_gemm = {.plan = gemm_plan, .work = gemm_work};

/* --- FFN: both products over one block of rows; what is between them never leaves the cache --- */

static ptrdiff_t ffn_hidden_pitch(const struct cpu_packed *packed)
{
    return (ptrdiff_t)packed->panels[0].n + FFN_PAD;
}

/* Scratch: [input times scale][input in split form][hidden, in split form where the tier has it].
 * Offsets of the last two, and the end. */
struct ffn_layout {
    size_t split, hidden, end;
};

static struct ffn_layout ffn_layout(const struct cpu_kernels *kernels, const struct nn_step *step,
                                    size_t rows)
{
    const struct cpu_packed *packed = step->packed;
    const size_t k = packed->panels[0].k, n = packed->panels[0].n;
    const size_t split = cpu_split_floats(&kernels->tile, rows, n);
    const size_t hidden = rows * (size_t)ffn_hidden_pitch(packed);
    struct ffn_layout l = {.split = cpu_whole_lines(cpu_scaled_floats(step, rows))};
    l.hidden = l.split + cpu_split_floats(&kernels->tile, rows, k);
    l.end = l.hidden + (split > hidden ? split : hidden);
    return l;
}

static void ffn_plan(const struct cpu_kernels *kernels, const struct nn_step *step,
                     struct cpu_need *need)
{
    const struct cpu_panels *panels = ((const struct cpu_packed *)step->packed)->panels;
    plan_blocks(step, &kernels->tile, panels[0].k * panels[0].n + panels[1].k * panels[1].n, need);
    need->per_thread = ffn_layout(kernels, step, largest_block(step, need)).end;
}

static void ffn_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct nn_step *step = job->step;
    const struct nn_tensor *residual = &step->in[NN_IN_RESIDUAL];
    const struct cpu_block b = block_of_piece(step, piece);
    const struct ffn_layout layout = ffn_layout(job->kernels, step, (size_t)b.rows);
    const bool split = job->kernels->tile.parts > 0;
    int64_t lda;
    const float *a = cpu_block_scaled(job, &b, scratch, &lda);
    float *hidden = scratch + layout.hidden;
    struct cpu_gemm expand = {
        .rows = (size_t)b.rows,
        .a = &a,
        .segments = 1,
        .depth = job->packed->panels[0].k,
        .lda = lda,
        .b = &job->packed->panels[0],
        .c = hidden,
        .ldc = ffn_hidden_pitch(job->packed),
        .act = step->attr.hidden,
        .split = scratch + layout.split,
    };
    if (!split || job->observer) {
        job->kernels->gemm(&expand);
        cpu_observe(job, NN_OBSERVED_X, a, &b, lda);
        cpu_observe(job, NN_OBSERVED_HIDDEN, hidden, &b, expand.ldc);
    }
    if (split) {
        expand.split_c = hidden;
        job->kernels->gemm(&expand);
    }
    struct cpu_gemm project = {
        .rows = (size_t)b.rows,
        .a = split ? NULL : (const float *const *)&hidden,
        .split = hidden,
        .segments = 1,
        .depth = job->packed->panels[1].k,
        .lda = expand.ldc,
        .b = &job->packed->panels[1],
        .c = step->out.data + b.image * step->out.strides[0] + b.row * step->out.strides[1],
        .ldc = step->out.strides[1],
        .residual_mode = step->attr.residual,
        .act = step->attr.act,
    };
    if (step->attr.residual_self) {
        project.residual = a;
        project.ldr = lda;
    } else if (project.residual_mode != NN_RESIDUAL_NONE) {
        project.residual = cpu_block_at(residual, &b);
        project.ldr = residual->strides[1];
    }
    job->kernels->gemm(&project);
}

const struct cpu_op cpu_op_ffn = {.plan = ffn_plan, .work = ffn_work};

/* --- MATMUL: b is packed on the way; rows of x and out pass through scratch where their elements
 * do not follow one another --- */

struct matmul_scratch {
    size_t bias, split, x, out, total; /* offsets in floats; panels of b lie in front */
};

static struct matmul_scratch matmul_layout(const struct cpu_kernels *kernels,
                                           const struct nn_step *step)
{
    const struct nn_tensor *x = &step->in[NN_IN_X];
    const size_t k = (size_t)x->dims[3], n = (size_t)step->out.dims[3];
    struct matmul_scratch s = {0};
    s.bias = cpu_whole_lines(cpu_panels_floats(&kernels->tile, k, n));
    s.split = s.bias + cpu_whole_lines(cpu_panels_bias_floats(&kernels->tile, n));
    s.x = s.split + cpu_split_floats(&kernels->tile, MATMUL_BLOCK, k);
    s.out = s.x + (x->strides[3] == 1 ? 0 : MATMUL_BLOCK * k);
    s.total = s.out + (step->out.strides[3] == 1 ? 0 : MATMUL_BLOCK * n);
    return s;
}

static void matmul_plan(const struct cpu_kernels *kernels, const struct nn_step *step,
                        struct cpu_need *need)
{
    const struct nn_tensor *out = &step->out;
    need->pieces =
        (size_t)(out->dims[0] * out->dims[1]) * cpu_pieces_of(out->dims[2], MATMUL_BLOCK);
    need->per_thread = matmul_layout(kernels, step).total;
}

static void matmul_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct nn_tensor *x = &job->step->in[NN_IN_X], *b = &job->step->in[NN_IN_B];
    const struct nn_tensor *out = &job->step->out;
    const struct matmul_scratch s = matmul_layout(job->kernels, job->step);
    const int64_t blocks = (out->dims[2] + MATMUL_BLOCK - 1) / MATMUL_BLOCK;
    const int64_t row = (int64_t)piece % blocks * MATMUL_BLOCK, batch = (int64_t)piece / blocks;
    const int64_t b0 = batch / out->dims[1], b1 = batch % out->dims[1];
    const int64_t rows = cpu_least(MATMUL_BLOCK, out->dims[2] - row);
    const int64_t k = x->dims[3], n = out->dims[3];
    cpu_panels_fill(&job->kernels->tile, scratch, b->data + b0 * b->strides[0] + b1 * b->strides[1],
                    (size_t)k, (size_t)n, b->strides[2], b->strides[3], NULL, NULL);
    const size_t bias = cpu_panels_bias_floats(&job->kernels->tile, (size_t)n);
    memset(scratch + s.bias, 0, bias * sizeof(float));
    const struct cpu_panels panels = {.k = (size_t)k,
                                      .n = (size_t)n,
                                      .vectors = bias / job->kernels->tile.vl,
                                      .b = scratch,
                                      .bias = scratch + s.bias};
    const float *a = x->data + b0 * x->strides[0] + b1 * x->strides[1] + row * x->strides[2];
    float *c = out->data + b0 * out->strides[0] + b1 * out->strides[1] + row * out->strides[2];
    const bool x_dense = x->strides[3] == 1, out_dense = out->strides[3] == 1;
    for (int64_t i = 0; !x_dense && i < rows; i++)
        for (int64_t j = 0; j < k; j++)
            scratch[(int64_t)s.x + i * k + j] = a[i * x->strides[2] + j * x->strides[3]];
    if (!x_dense)
        a = scratch + s.x;
    const struct cpu_gemm g = {
        .rows = (size_t)rows,
        .a = &a,
        .segments = 1,
        .depth = (size_t)k,
        .lda = x_dense ? x->strides[2] : k,
        .b = &panels,
        .c = out_dense ? c : scratch + s.out,
        .ldc = out_dense ? out->strides[2] : n,
        .act = job->step->attr.act,
        .split = scratch + s.split,
    };
    job->kernels->gemm(&g);
    for (int64_t i = 0; !out_dense && i < rows; i++)
        for (int64_t j = 0; j < n; j++)
            c[i * out->strides[2] + j * out->strides[3]] = scratch[(int64_t)s.out + i * n + j];
}

const struct cpu_op cpu_op_matmul = {.plan = matmul_plan, .work = matmul_work};
