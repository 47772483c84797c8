/*
 * The stem of the detector (cpu_stem_whole.h), whose channels are few, over planes. Of what is
 * between x and y the thread's scratch holds the last rows, as sheets:
 *
 *   a sheet    the last rows of some channels, each in phases: columns 0, 2, 4 … of a row are one
 *              plane, 1, 3, 5 … another, so that the inputs of neighbouring outputs lie side by
 *              side where a stride is in between, whatever the tap (kernel_planes.h)
 *   a plane    [zeros: MARGIN][columns][zeros up to whole vectors][zeros: MARGIN]
 *
 * A piece is some rows of y; rows at the border of two pieces are computed twice. All in float32:
 * of split numbers GEMM makes more in the same time, but only where its tensors stay in a cache
 * (cpu_tile.planes_from).
 */
#include <string.h>

#include "base/status.h"
#include "nn/cpu/cpu_stem_whole.h"
#include "nn/tensor.h"

enum {
    SHEETS = 5, /* x, a, b, pooled and c, y */
    MARGIN = CPU_PLANE_WIDTH,
    MOST_TAPS = CPU_PLANAR_CHANNELS * 9,
    LEAST_ROWS = 4, /* of a piece */
};

/* ---- sheets --------------------------------------------------------------------------------- */

struct sheet {
    float *data;
    int64_t rows, channels, phases;
    int64_t height, width; /* of the whole image */
    int64_t pitch;         /* floats of a plane */
    int64_t next;          /* the row that is made next */
};

/* Columns of a phase, up to whole vectors: of all sheets as many, their phases make up for it. */
static int64_t padded_width(const struct nn_step *stem)
{
    const int64_t width = stem[CPU_STEM_Y].out.dims[2];
    return (width + CPU_PLANE_WIDTH - 1) / CPU_PLANE_WIDTH * CPU_PLANE_WIDTH;
}

static size_t sheet_floats(const struct sheet *sheet)
{
    return (size_t)(sheet->rows * sheet->channels * sheet->phases * sheet->pitch);
}

static float *plane_at(const struct sheet *sheet, int64_t row, int64_t channel, int64_t phase)
{
    const int64_t place = row % sheet->rows * sheet->channels + channel;
    return sheet->data + (place * sheet->phases + phase) * sheet->pitch + MARGIN;
}

/* Columns of the image in a phase. */
static int64_t columns_of(const struct sheet *sheet, int64_t phase)
{
    return (sheet->width - phase + sheet->phases - 1) / sheet->phases;
}

/* Zeros behind the columns of the image. */
static void end_row(const struct sheet *sheet, int64_t row, int64_t first, int64_t channels)
{
    const int64_t padded = sheet->pitch - 2 * MARGIN;
    for (int64_t f = 0; f < sheet->phases; f++) {
        const int64_t columns = columns_of(sheet, f);
        for (int64_t c = first; columns < padded && c < first + channels; c++)
            memset(plane_at(sheet, row, c, f) + columns, 0,
                   (size_t)(padded - columns) * sizeof(float));
    }
}

enum sheet_of { SHEET_X, SHEET_A, SHEET_B, SHEET_BOTH, SHEET_Y };

/* As they are before any row is there; their data follow one another. */
static void lay_out(const struct nn_step *stem, struct sheet sheets[SHEETS])
{
    const struct nn_tensor *shown[SHEETS] = {&stem[CPU_STEM_A].in[NN_IN_X], &stem[CPU_STEM_A].out,
                                             &stem[CPU_STEM_B].out, &stem[CPU_STEM_Y].in[NN_IN_X],
                                             &stem[CPU_STEM_Y].out};
    static const int64_t rows[SHEETS] = {3, 3, 2, 3, 1}, phases[SHEETS] = {4, 2, 2, 2, 1};
    for (int i = 0; i < SHEETS; i++)
        sheets[i] = (struct sheet){.rows = rows[i],
                                   .channels = shown[i]->dims[3],
                                   .phases = phases[i],
                                   .height = shown[i]->dims[1],
                                   .width = shown[i]->dims[2],
                                   .pitch = padded_width(stem) + 2 * MARGIN};
}

/* ---- one piece ------------------------------------------------------------------------------ */

struct planar {
    const struct cpu_job *job;
    const struct nn_step *stem;
    const float *x; /* the image */
    struct sheet sheets[SHEETS];
    float *zeros; /* a plane */
};

/* Scratch of a thread: [sheets][a plane of zeros]. In floats. */
static size_t scratch_floats(const struct sheet sheets[SHEETS])
{
    size_t floats = (size_t)sheets[SHEET_X].pitch;
    for (int i = 0; i < SHEETS; i++)
        floats += sheet_floats(&sheets[i]);
    return floats;
}

static void take_scratch(struct planar *p, float *scratch)
{
    lay_out(p->stem, p->sheets);
    memset(scratch, 0, scratch_floats(p->sheets) * sizeof(float));
    for (int i = 0; i < SHEETS; i++) {
        p->sheets[i].data = scratch;
        scratch += sheet_floats(&p->sheets[i]);
    }
    p->zeros = scratch + MARGIN;
}

/* Row `row` of x, its pixels taken apart. */
static void make_x(struct planar *p, int64_t row)
{
    const struct sheet *to = &p->sheets[SHEET_X];
    const struct nn_tensor *x = &p->stem[CPU_STEM_A].in[NN_IN_X];
    const float *from = p->x + row * x->strides[1];
    for (int64_t f = 0; f < to->phases; f++) {
        const int64_t columns = columns_of(to, f), step = to->phases * x->strides[2];
        for (int64_t c = 0; c < to->channels; c++) {
            float *plane = plane_at(to, row, c, f);
            const float *in = from + f * x->strides[2] + c;
            for (int64_t i = 0; i < columns; i++)
                plane[i] = in[i * step];
        }
    }
    end_row(to, row, 0, to->channels);
}

/* Where the inputs of output 0 lie, for every tap of row `row`, phase f. */
static size_t find_taps(const struct planar *p, const struct nn_attr *a, const struct sheet *in,
                        int64_t row, int64_t f, const float *taps[MOST_TAPS])
{
    size_t count = 0;
    for (int64_t ky = 0; ky < a->kernel[0]; ky++) {
        const int64_t y = row * a->stride[0] + ky - a->pad[0];
        const bool inside = y >= 0 && y < in->height;
        for (int64_t kx = 0; kx < a->kernel[1]; kx++) {
            /* Column i of this phase sees column phases·i + at - phases of `in`; that is ≥ -1. */
            const int64_t at = a->stride[1] * f + kx - a->pad[1] + in->phases;
            const float *from =
                inside ? plane_at(in, y, 0, at % in->phases) + at / in->phases - 1 : p->zeros;
            const int64_t step = inside ? in->phases * in->pitch : 0;
            for (int64_t c = 0; c < in->channels; c++)
                taps[count++] = from + c * step;
        }
    }
    return count;
}

/* Row `row` of a convolution, from the sheet `from` to channels [channel, …) of the sheet `to`. */
static void convolve(const struct planar *p, int which, enum sheet_of from, enum sheet_of to,
                     int64_t channel, int64_t row)
{
    const struct nn_step *step = &p->stem[which];
    const struct cpu_packed *packed = step->packed;
    const struct sheet *out = &p->sheets[to];
    const float *taps[MOST_TAPS];
    for (int64_t f = 0; f < out->phases; f++) {
        const struct cpu_planes planes = {
            .in = taps,
            .taps = find_taps(p, &step->attr, &p->sheets[from], row, f, taps),
            .weight = packed->planes,
            .bias = packed->panels[0].bias,
            .channels = (size_t)step->out.dims[3],
            .width = (size_t)(out->pitch - 2 * MARGIN),
            .out = plane_at(out, row, channel, f),
            .out_step = out->phases * out->pitch,
            .act = step->attr.act,
        };
        p->job->kernels->planes(&planes);
    }
    end_row(out, row, channel, step->out.dims[3]);
}

static void make_a(struct planar *p, int64_t end)
{
    struct sheet *x = &p->sheets[SHEET_X], *a = &p->sheets[SHEET_A];
    for (; a->next < cpu_least(end, a->height); a->next++) {
        for (; x->next < cpu_least(2 * a->next + 2, x->height); x->next++)
            make_x(p, x->next);
        convolve(p, CPU_STEM_A, SHEET_X, SHEET_A, 0, a->next);
    }
}

static void pool(const struct planar *p, int64_t row)
{
    const struct sheet *a = &p->sheets[SHEET_A], *to = &p->sheets[SHEET_BOTH];
    const int64_t below = row + 1 < a->height ? row + 1 : row;
    for (int64_t f = 0; f < to->phases; f++) {
        const int64_t right = (f + 1) % 2, shift = (f + 1) / 2;
        const struct cpu_max4 max4 = {
            .x = {plane_at(a, row, 0, f), plane_at(a, row, 0, right) + shift,
                  plane_at(a, below, 0, f), plane_at(a, below, 0, right) + shift},
            .planes = (size_t)a->channels,
            .width = (size_t)(a->pitch - 2 * MARGIN),
            .step = a->phases * a->pitch,
            .out = plane_at(to, row, 0, f),
            .out_step = to->phases * to->pitch,
        };
        p->job->kernels->max4(&max4);
    }
    end_row(to, row, 0, a->channels);
}

/* Rows of what y reads, up to `end`. */
static void make_both(struct planar *p, int64_t end)
{
    struct sheet *b = &p->sheets[SHEET_B], *both = &p->sheets[SHEET_BOTH];
    for (; both->next < cpu_least(end, both->height); both->next++) {
        for (; b->next < cpu_least(both->next + 2, b->height); b->next++) {
            make_a(p, b->next + 2);
            convolve(p, CPU_STEM_B, SHEET_A, SHEET_B, 0, b->next);
        }
        pool(p, both->next);
        convolve(p, CPU_STEM_C, SHEET_B, SHEET_BOTH, p->stem[CPU_STEM_POOL].out.dims[3],
                 both->next);
    }
}

/* From planes to pixels. */
static void write_row(const struct planar *p, const struct nn_tensor *y, int64_t row, float *image)
{
    const struct sheet *from = &p->sheets[SHEET_Y];
    const float *planes = plane_at(from, row, 0, 0);
    float *out = image + row * y->strides[1];
    for (int64_t i = 0; i < from->width; i++, out += y->strides[2])
        for (int64_t c = 0; c < from->channels; c++)
            out[c] = planes[c * from->pitch + i];
}

void cpu_planar_work(const struct cpu_job *job, size_t piece, int thread)
{
    const struct nn_step *stem = job->step;
    const struct nn_tensor *x = &stem[CPU_STEM_A].in[NN_IN_X], *y = &stem[CPU_STEM_Y].out;
    const int64_t rows = stem->tune[CPU_TUNE_ROWS];
    const int64_t pieces = (int64_t)cpu_pieces_of(y->dims[1], rows);
    const int64_t image = (int64_t)piece / pieces, first = (int64_t)piece % pieces * rows;
    float *scratch = (float *)stem->scratch +
                     thread * stem->tune[CPU_TUNE_THREAD_BYTES] / (int64_t)sizeof(float);
    struct planar p = {.job = job, .stem = stem, .x = x->data + image * x->strides[0]};
    take_scratch(&p, scratch);
    /* The first rows that y sees, that those see, and so on. */
    const int64_t seen = cpu_most(2 * first - 1, 0);
    p.sheets[SHEET_A].next = p.sheets[SHEET_B].next = p.sheets[SHEET_BOTH].next = seen;
    p.sheets[SHEET_X].next = cpu_most(2 * seen - 1, 0);
    for (int64_t row = first; row < cpu_least(first + rows, y->dims[1]); row++) {
        make_both(&p, 2 * row + 2);
        convolve(&p, CPU_STEM_Y, SHEET_BOTH, SHEET_Y, 0, row);
        write_row(&p, y, row, y->data + image * y->strides[0]);
    }
}

static bool is_planar(const struct cpu_kernels *kernels, const struct nn_plan *plan, int32_t first)
{
    if (!cpu_is_whole_stem(plan, first))
        return false;
    const struct nn_step *s = &plan->steps[first];
    for (int i = 0; i < CPU_STEM_STEPS; i++) {
        const struct cpu_packed *packed = s[i].packed;
        if (i != CPU_STEM_POOL && !packed->planes)
            return false;
    }
    const int64_t floats = nn_tensor_count(&s[CPU_STEM_A].out) / s[CPU_STEM_A].out.dims[0];
    return floats >= kernels->tile.planes_from;
}

int cpu_planar_plan(const struct cpu_kernels *kernels, struct nn_plan *plan, int32_t first,
                    se_error *err)
{
    const struct nn_step *stem = &plan->steps[first];
    if (!is_planar(kernels, plan, first))
        return SE_OK;
    struct sheet sheets[SHEETS];
    lay_out(stem, sheets);
    return cpu_whole_stem_take(plan, first, LEAST_ROWS, cpu_whole_lines(scratch_floats(sheets)),
                               err);
}
