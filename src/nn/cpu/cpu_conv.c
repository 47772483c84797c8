/*
 * Steps over pictures [n, h, w, c]: convolutions, pooling, mean, resize. A piece is some rows of
 * the output of one image.
 */
#include <string.h>

#include "base/status.h"
#include "nn/cpu/cpu_step.h"
#include "nn/inspect.h"

enum {
    CONV_STRIP =
        48, /* outputs of a row, rounded up to whole tiles, that go through all panels together */
    CONV_EDGE = 16,  /* outputs whose inputs are copied with zeros round them */
    CONV_PIECE = 96, /* outputs a piece should have at least */
    DW_ROWS = 8,
};

/* Rows of `width` outputs that make a piece of a useful size. */
static int64_t rows_per_piece(int64_t width, int64_t rows)
{
    return cpu_least((CONV_PIECE + width - 1) / width, rows);
}

/* Image and output rows [y, y_end) of a piece. */
struct rows {
    int64_t image, y, y_end;
};

static struct rows rows_of_piece(const struct nn_step *step, size_t piece)
{
    const int64_t height = step->out.dims[1], rows = step->tune[CPU_TUNE_ROWS];
    const int64_t per_image = (height + rows - 1) / rows;
    const int64_t image = (int64_t)piece / per_image, y = (int64_t)piece % per_image * rows;
    return (struct rows){image, y, cpu_least(y + rows, height)};
}

static void rows_plan(const struct cpu_kernels *kernels, const struct nn_step *step,
                      struct cpu_need *need)
{
    (void)kernels;
    need->rows = rows_per_piece(step->out.dims[2], step->out.dims[1]);
    need->pieces = (size_t)step->out.dims[0] * cpu_pieces_of(step->out.dims[1], need->rows);
}

/* --- CONV: product of rows of pixels with the taps --- */

static int conv_supports(const struct nn_node *node, se_error *err)
{
    if (node->attr.kernel[0] > CPU_MAX_TAPS / node->attr.kernel[1])
        return cpu_unsupported(node, "a kernel of more than 49 taps", err);
    return SE_OK;
}

/* Inputs that `outputs` neighbouring outputs of a row see. */
static int64_t conv_span(const struct nn_attr *attr, int64_t outputs)
{
    return (outputs - 1) * attr->stride[1] + (attr->kernel[1] - 1) * attr->dilation[1] + 1;
}

/* Rows of whole tiles of a product with these columns. */
static int64_t conv_unit(const struct cpu_kernels *kernels, const struct cpu_panels *panels)
{
    const struct cpu_tile *tile = &kernels->tile;
    return (int64_t)tile->rows[cpu_panel_vectors(tile, panels->vectors) - 1];
}

static int64_t conv_strip(const struct cpu_kernels *kernels, const struct cpu_panels *panels)
{
    const int64_t unit = conv_unit(kernels, panels);
    return (CONV_STRIP + unit - 1) / unit * unit;
}

/* Scratch: [inputs of outputs at an edge][inputs of a strip in split form]. Floats of the first. */
static size_t conv_edge_floats(const struct nn_step *step)
{
    return cpu_whole_lines((size_t)step->attr.kernel[0] *
                           (size_t)conv_span(&step->attr, CONV_EDGE) *
                           (size_t)step->in[NN_IN_X].dims[3]);
}

static void conv_plan(const struct cpu_kernels *kernels, const struct nn_step *step,
                      struct cpu_need *need)
{
    const struct cpu_panels *panels = ((const struct cpu_packed *)step->packed)->panels;
    if (cpu_pack_is_view(&kernels->tile, &step->attr)) {
        cpu_view_plan(kernels, step, need);
        return;
    }
    if (cpu_pack_is_wino(&kernels->tile, &step->attr, step->in[NN_IN_X].dims[3],
                         step->out.dims[3])) {
        cpu_wino_plan(kernels, step, need);
        return;
    }
    rows_plan(kernels, step, need);
    need->per_thread =
        conv_edge_floats(step) +
        cpu_split_floats(&kernels->tile, (size_t)conv_strip(kernels, panels), panels->k);
}

/* One output row of one group. */
struct conv_row {
    const struct cpu_job *job;
    const struct cpu_panels *panels;
    const float *x;           /* row 0, pixel 0 of the image, first channel of the group */
    float *out;               /* pixel 0 of the output row */
    int64_t iy;               /* input row of tap 0; may be outside */
    int64_t ky_first, ky_end; /* rows of taps inside the image */
    int64_t ci;
    float *scratch;
};

/* Outputs [ox, ox + count), with taps of a row of taps `row_step` floats apart from the next, and
 * the first tap of output ox at `x`; pixels of pitch `pitch`. */
static void conv_product(const struct conv_row *row, const float *x, int64_t row_step,
                         int64_t pitch, int64_t ox, int64_t count)
{
    const struct nn_step *step = row->job->step;
    const struct nn_attr *attr = &step->attr;
    const int64_t kw = attr->kernel[1];
    const bool merged = pitch == row->ci && attr->dilation[1] == 1;
    const float *a[CPU_MAX_TAPS];
    size_t segments = 0;
    for (int64_t ky = row->ky_first; ky < row->ky_end; ky++, x += row_step)
        for (int64_t kx = 0; kx < (merged ? 1 : kw); kx++)
            a[segments++] = x + kx * attr->dilation[1] * pitch;
    const struct cpu_gemm g = {
        .rows = (size_t)count,
        .a = a,
        .segments = segments,
        .depth = (size_t)(merged ? kw * row->ci : row->ci),
        .lda = attr->stride[1] * pitch,
        .b = row->panels,
        .k_first = (size_t)(row->ky_first * kw * row->ci),
        .c = row->out + ox * step->out.strides[2],
        .ldc = step->out.strides[2],
        .act = attr->act,
        .split = row->scratch + conv_edge_floats(step),
    };
    row->job->kernels->gemm(&g);
}

/* Of `span` pixels of a row, [first, end) lie inside the image. */
struct run {
    int64_t first, end, span;
};

/* Copies a row, dense; zeros for what lies outside. */
static void copy_pixels(float *to, const float *from, const struct run *run, int64_t c,
                        int64_t pitch)
{
    memset(to, 0, (size_t)(run->first * c) * sizeof(float));
    if (pitch == c && run->end > run->first)
        memcpy(to + run->first * c, from + run->first * c,
               (size_t)((run->end - run->first) * c) * sizeof(float));
    for (int64_t i = run->first; pitch != c && i < run->end; i++)
        memcpy(to + i * c, from + i * pitch, (size_t)c * sizeof(float));
    if (run->span > run->end)
        memset(to + run->end * c, 0, (size_t)((run->span - run->end) * c) * sizeof(float));
}

/* Outputs [ox, end) whose taps may hang over the left or right edge: works on a copy of the inputs
 * with zeros where there are none. */
static void conv_edge(const struct conv_row *row, int64_t ox, int64_t end)
{
    const struct nn_attr *attr = &row->job->step->attr;
    const struct nn_tensor *x = &row->job->step->in[NN_IN_X];
    const int64_t ci = row->ci, w = x->dims[2];
    for (; ox < end; ox += CONV_EDGE) {
        const int64_t count = cpu_least(end - ox, CONV_EDGE), span = conv_span(attr, count);
        const int64_t ix = ox * attr->stride[1] - attr->pad[1];
        const struct run run = {cpu_least(ix < 0 ? -ix : 0, span),
                                cpu_least(w - ix < 0 ? 0 : w - ix, span), span};
        float *to = row->scratch;
        for (int64_t ky = row->ky_first; ky < row->ky_end; ky++) {
            const float *from = row->x + (row->iy + ky * attr->dilation[0]) * x->strides[1];
            copy_pixels(to, from + ix * x->strides[2], &run, ci, x->strides[2]);
            to += span * ci;
        }
        conv_product(row, row->scratch, span * ci, ci, ox, count);
    }
}

static void conv_run_row(const struct conv_row *row)
{
    const struct nn_step *step = row->job->step;
    const struct nn_attr *attr = &step->attr;
    const struct nn_tensor *x = &step->in[NN_IN_X];
    const int64_t ow = step->out.dims[2], stride = attr->stride[1], left = attr->pad[1];
    const int64_t rows = conv_unit(row->job->kernels, row->panels);
    /* Outputs [first, end) see only pixels inside; both borders move inwards to whole tiles. */
    const int64_t last = x->dims[2] - conv_span(attr, 1) + left;
    int64_t first = (left + stride - 1) / stride, end = last < 0 ? 0 : last / stride + 1;
    first = cpu_least((first + rows - 1) / rows * rows, ow);
    end = cpu_least(end, ow);
    if (end > first && end < ow)
        end -= (end - first) % rows;
    if (end < first)
        end = first;
    conv_edge(row, 0, first);
    const float *in = row->x + (row->iy + row->ky_first * attr->dilation[0]) * x->strides[1];
    const int64_t strip = conv_strip(row->job->kernels, row->panels);
    for (int64_t ox = first; ox < end; ox += strip)
        conv_product(row, in + (ox * stride - left) * x->strides[2],
                     attr->dilation[0] * x->strides[1], x->strides[2], ox,
                     cpu_least(end - ox, strip));
    conv_edge(row, end, ow);
}

/* Taps [*first, *end) of `taps` from `origin` on that lie in [0, size). */
static void taps_inside(int64_t origin, int64_t size, int64_t taps, int64_t dilation,
                        int64_t *first, int64_t *end)
{
    *first = 0;
    while (*first < taps && origin + *first * dilation < 0)
        (*first)++;
    *end = taps;
    while (*end > *first && origin + (*end - 1) * dilation >= size)
        (*end)--;
}

/* Shows the input, all of it, with the first piece. */
static void conv_observe(const struct cpu_job *job, size_t piece)
{
    const struct nn_tensor *x = &job->step->in[NN_IN_X];
    if (!job->observer || piece > 0)
        return;
    for (int64_t row = 0; row < x->dims[0] * x->dims[1]; row++)
        job->observer->see(job->observer->context, job->step->node, NN_OBSERVED_X,
                           x->data + row / x->dims[1] * x->strides[0] +
                               row % x->dims[1] * x->strides[1],
                           (size_t)x->dims[2], (size_t)x->dims[3], x->strides[2]);
}

static void conv_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct nn_step *step = job->step;
    const struct nn_attr *attr = &step->attr;
    const struct nn_tensor *x = &step->in[NN_IN_X], *out = &step->out;
    conv_observe(job, piece);
    if (cpu_pack_is_view(&job->kernels->tile, attr)) {
        cpu_view_work(job, piece, scratch);
        return;
    }
    if (cpu_pack_is_wino(&job->kernels->tile, attr, x->dims[3], out->dims[3])) {
        cpu_wino_work(job, piece, scratch);
        return;
    }
    const struct rows rows = rows_of_piece(step, piece);
    for (int64_t y = rows.y; y < rows.y_end; y++) {
        struct conv_row row = {
            .job = job, .iy = y * attr->stride[0] - attr->pad[0], .scratch = scratch};
        taps_inside(row.iy, x->dims[1], attr->kernel[0], attr->dilation[0], &row.ky_first,
                    &row.ky_end);
        for (int64_t g = 0; g < attr->groups; g++) {
            row.panels = &job->packed->panels[g];
            row.ci = x->dims[3] / attr->groups;
            row.x = x->data + rows.image * x->strides[0] + g * row.ci;
            row.out = out->data + rows.image * out->strides[0] + y * out->strides[1] +
                      g * (int64_t)row.panels->n;
            conv_run_row(&row);
        }
    }
}

const struct cpu_op cpu_op_conv = {.supports = conv_supports, .plan = conv_plan, .work = conv_work};

/* --- DECONV with stride = kernel: every input pixel makes its own block of outputs --- */

static int deconv_supports(const struct nn_node *node, se_error *err)
{
    const struct nn_attr *a = &node->attr;
    if (a->groups != 1 || a->dilation[0] != 1 || a->dilation[1] != 1 ||
        a->stride[0] != a->kernel[0] || a->stride[1] != a->kernel[1] || a->pad[0] || a->pad[1] ||
        a->pad[2] || a->pad[3] || node->shape.output_pad[0] || node->shape.output_pad[1] ||
        (node->shape.auto_pad != NN_PAD_EXPLICIT && node->shape.auto_pad != NN_PAD_VALID))
        return cpu_unsupported(node, "a stride other than the kernel, groups, dilation or padding",
                               err);
    return SE_OK;
}

/* Are the kw·co columns of a row of taps, for every input pixel, an output row as it lies? */
static bool deconv_is_direct(const struct nn_step *step)
{
    const struct cpu_packed *packed = step->packed;
    return packed->panel_count == (size_t)step->attr.kernel[0] &&
           step->out.strides[2] == step->out.dims[3];
}

/* Scratch: [a row of inputs in split form][a row of outputs]. Floats of the first. */
static size_t deconv_split(const struct cpu_kernels *kernels, const struct nn_step *step)
{
    const struct nn_tensor *x = &step->in[NN_IN_X];
    return cpu_split_floats(&kernels->tile, (size_t)x->dims[2], (size_t)x->dims[3]);
}

static void deconv_plan(const struct cpu_kernels *kernels, const struct nn_step *step,
                        struct cpu_need *need)
{
    const struct nn_tensor *x = &step->in[NN_IN_X];
    const struct cpu_packed *packed = step->packed;
    need->pieces = (size_t)(x->dims[0] * x->dims[1]);
    need->per_thread = deconv_split(kernels, step);
    if (!deconv_is_direct(step))
        need->per_thread += (size_t)x->dims[2] * packed->panels[0].n;
}

/* From [pixel][kx][co], `pitch` floats apart, to a row of outputs. */
static void deconv_scatter(const struct cpu_job *job, const float *from, int64_t pitch, float *to)
{
    const struct nn_step *step = job->step;
    const int64_t w = step->in[NN_IN_X].dims[2], kw = step->attr.kernel[1];
    const int64_t co = step->out.dims[3], out_pitch = step->out.strides[2];
    const bool dense = out_pitch == co;
    if (dense && kw * co == 2) { /* the usual last layer: one map */
        for (int64_t x = 0; x < w; x++)
            memcpy(to + 2 * x, from + x * pitch, 2 * sizeof(float));
    } else {
        for (int64_t x = 0; x < w; x++)
            for (int64_t kx = 0; kx < kw; kx++)
                memcpy(to + (x * kw + kx) * out_pitch, from + x * pitch + kx * co,
                       (size_t)co * sizeof(float));
    }
    const struct cpu_unary act = {
        .x = to,
        .y = to,
        .rows = dense ? 1 : (size_t)(w * kw),
        .count = (size_t)(dense ? w * kw * co : co), /* without gaps vectors are full */
        .x_step = out_pitch,
        .y_step = out_pitch,
        .act = step->attr.act,
    };
    job->kernels->unary(&act);
}

static void deconv_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct nn_step *step = job->step;
    const struct nn_tensor *x = &step->in[NN_IN_X], *out = &step->out;
    const int64_t image = (int64_t)piece / x->dims[1], y = (int64_t)piece % x->dims[1];
    const int64_t kh = step->attr.kernel[0], columns = step->attr.kernel[1] * out->dims[3];
    const float *in = x->data + image * x->strides[0] + y * x->strides[1];
    float *to = out->data + image * out->strides[0] + y * kh * out->strides[1];
    const bool direct = deconv_is_direct(step);
    float *split = scratch;
    scratch += deconv_split(job->kernels, step);
    for (size_t part = 0; part < job->packed->panel_count; part++) {
        const struct cpu_panels *panels = &job->packed->panels[part];
        struct cpu_gemm g = {
            .rows = (size_t)x->dims[2],
            .a = &in,
            .segments = 1,
            .depth = (size_t)x->dims[3],
            .lda = x->strides[2],
            .b = panels,
            .c = direct ? to : scratch,
            .ldc = (ptrdiff_t)panels->n,
            .split = split,
        };
        if (part > 0 && job->kernels->tile.parts)
            g.a = NULL; /* as the first part has left it */
        if (direct)
            g.act = step->attr.act;
        job->kernels->gemm(&g);
        for (int64_t ky = 0; ky < (int64_t)panels->n / columns; ky++, to += out->strides[1])
            if (!direct)
                deconv_scatter(job, scratch + ky * columns, g.ldc, to);
    }
}

const struct cpu_op cpu_op_deconv = {
    .supports = deconv_supports, .plan = deconv_plan, .work = deconv_work};

/* --- DWCONV, MAXPOOL, AVGPOOL: the kernel does whole rows --- */

void cpu_dwconv_rows(const struct cpu_job *job, int64_t image, int64_t y, int64_t y_end, float *to,
                     int64_t pitch)
{
    const struct nn_step *step = job->step;
    const struct nn_tensor *x = &step->in[NN_IN_X];
    const struct cpu_dwconv d = {
        .x = x->data + image * x->strides[0],
        .x_pitch = x->strides[2],
        .h = (size_t)x->dims[1],
        .w = (size_t)x->dims[2],
        .c = (size_t)x->dims[3],
        .out = to,
        .out_pitch = pitch,
        .ow = (size_t)step->out.dims[2],
        .y_first = (size_t)y,
        .y_end = (size_t)y_end,
        .weight = job->packed->weight,
        .bias = job->packed->bias,
        .c_padded = job->packed->c_padded,
        .attr = step->attr,
    };
    job->kernels->dwconv(&d);
}

static void dwconv_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct nn_tensor *out = &job->step->out;
    const struct rows rows = rows_of_piece(job->step, piece);
    (void)scratch;
    cpu_dwconv_rows(job, rows.image, rows.y, rows.y_end,
                    out->data + rows.image * out->strides[0] + rows.y * out->strides[1],
                    out->strides[2]);
}

/* More rows than elsewhere: neighbours share most of their inputs. */
static void dwconv_plan(const struct cpu_kernels *kernels, const struct nn_step *step,
                        struct cpu_need *need)
{
    (void)kernels;
    const int64_t height = step->out.dims[1], rows = rows_per_piece(step->out.dims[2], height);
    need->rows = rows > DW_ROWS || height < 4 * DW_ROWS ? rows : DW_ROWS;
    need->pieces = (size_t)step->out.dims[0] * cpu_pieces_of(height, need->rows);
}

const struct cpu_op cpu_op_dwconv = {.plan = dwconv_plan, .work = dwconv_work};

static struct cpu_pool2d pool_piece(const struct nn_step *step, size_t piece)
{
    const struct nn_tensor *x = &step->in[NN_IN_X], *out = &step->out;
    const struct rows rows = rows_of_piece(step, piece);
    return (struct cpu_pool2d){
        .x = x->data + rows.image * x->strides[0],
        .x_pitch = x->strides[2],
        .h = (size_t)x->dims[1],
        .w = (size_t)x->dims[2],
        .c = (size_t)x->dims[3],
        .out = out->data + rows.image * out->strides[0],
        .out_pitch = out->strides[2],
        .ow = (size_t)out->dims[2],
        .y_first = (size_t)rows.y,
        .y_end = (size_t)rows.y_end,
        .attr = step->attr,
    };
}

static void maxpool_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct cpu_pool2d p = pool_piece(job->step, piece);
    (void)scratch;
    job->kernels->maxpool(&p);
}

static void avgpool_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct cpu_pool2d p = pool_piece(job->step, piece);
    (void)scratch;
    job->kernels->avgpool(&p);
}

const struct cpu_op cpu_op_maxpool = {.plan = rows_plan, .work = maxpool_work};
const struct cpu_op cpu_op_avgpool = {.plan = rows_plan, .work = avgpool_work};

/* --- GAP: partial sums [image][chunk][c] in the shared scratch, then their sum in double --- */

static int64_t gap_chunks(const struct nn_step *step)
{
    const struct nn_tensor *x = &step->in[NN_IN_X];
    const int64_t size = step->tune[CPU_TUNE_ROWS];
    return (x->dims[1] * x->dims[2] + size - 1) / size;
}

size_t cpu_gap_shared(const struct nn_step *step, int64_t pixels)
{
    const struct nn_tensor *x = &step->in[NN_IN_X];
    return (size_t)(x->dims[0] * x->dims[3]) * cpu_pieces_of(x->dims[1] * x->dims[2], pixels);
}

static void gap_plan(const struct cpu_kernels *kernels, const struct nn_step *step,
                     struct cpu_need *need)
{
    (void)kernels;
    need->rows = CPU_GAP_PIXELS;
    need->shared = cpu_gap_shared(step, need->rows);
    need->pieces = need->shared / (size_t)step->in[NN_IN_X].dims[3];
}

static void gap_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct nn_tensor *x = &job->step->in[NN_IN_X];
    const int64_t chunks = gap_chunks(job->step), pixels = x->dims[1] * x->dims[2];
    const int64_t image = (int64_t)piece / chunks, size = job->step->tune[CPU_TUNE_ROWS];
    const int64_t first = (int64_t)piece % chunks * size;
    (void)scratch;
    const struct cpu_sum s = {
        .x = x->data + image * x->strides[0] + first * x->strides[2],
        .x_pitch = x->strides[2],
        .pixels = (size_t)cpu_least(pixels - first, size),
        .c = (size_t)x->dims[3],
        .sum = cpu_shared(job) + piece * (size_t)x->dims[3],
    };
    job->kernels->sum(&s);
}

static void gap_finish(const struct cpu_job *job)
{
    const struct nn_tensor *x = &job->step->in[NN_IN_X], *out = &job->step->out;
    const int64_t chunks = gap_chunks(job->step), channels = x->dims[3];
    const double pixels = (double)(x->dims[1] * x->dims[2]);
    for (int64_t image = 0; image < x->dims[0]; image++) {
        for (int64_t c = 0; c < channels; c++) {
            double total = 0;
            for (int64_t i = image * chunks; i < (image + 1) * chunks; i++)
                total += (double)cpu_shared(job)[i * channels + c];
            out->data[image * out->strides[0] + c] = (float)(total / pixels);
        }
    }
}

const struct cpu_op cpu_op_gap = {.plan = gap_plan, .work = gap_work, .finish = gap_finish};

/* --- RESIZE --- */

static void resize_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct nn_step *step = job->step;
    const struct nn_tensor *x = &step->in[NN_IN_X], *out = &step->out;
    const struct nn_tensor *residual = &step->in[NN_IN_RESIDUAL];
    const struct rows rows = rows_of_piece(step, piece);
    (void)scratch;
    for (int64_t y = rows.y; y < rows.y_end; y++) {
        struct cpu_resize r = {
            .x = x->data + rows.image * x->strides[0] + step->attr.map[0][y] * x->strides[1],
            .x_pitch = x->strides[2],
            .map = step->attr.map[1],
            .ow = (size_t)out->dims[2],
            .c = (size_t)out->dims[3],
            .out = out->data + rows.image * out->strides[0] + y * out->strides[1],
            .out_pitch = out->strides[2],
            .residual_mode = step->attr.residual,
            .act = step->attr.act,
        };
        if (r.residual_mode != NN_RESIDUAL_NONE) {
            r.residual =
                residual->data + rows.image * residual->strides[0] + y * residual->strides[1];
            r.residual_pitch = residual->strides[2];
        }
        job->kernels->resize(&r);
    }
}

const struct cpu_op cpu_op_resize = {.plan = rows_plan, .work = resize_work};
