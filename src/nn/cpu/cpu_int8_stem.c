/*
 * The stem of a text network (cpu_stem_whole.h) with all its convolutions but the first in 8 bits.
 * Of what is between x and y the thread's scratch holds the last rows, pixel by pixel:
 *
 *   ROWS_A      a, as b meets it
 *   ROWS_POOL   a, as y meets it: of rounded numbers the largest is the largest one rounded
 *   ROWS_B      b, as c meets it
 *   ROWS_BOTH   pooled and c side by side, as y meets them
 *
 *   a row       [zeros: `left` pixels][pixels][zeros: one pixel][up to a cache line]
 *
 * Nothing in there is negative (cpu_int8_check), so that a zero is a zero byte. A piece is some
 * rows of y; rows at the border of two pieces are computed twice.
 */
#include <string.h>

#include "base/status.h"
#include "nn/cpu/cpu_int8.h"
#include "nn/cpu/cpu_stem_whole.h"

enum { LEAST_ROWS = 6 /* of a piece */ };

enum { ROWS_A, ROWS_POOL, ROWS_B, ROWS_BOTH, RINGS };

/* The last rows of some channels. */
struct ring {
    uint8_t *data;
    int64_t rows, channels, left;
    size_t pitch;   /* bytes of a row */
    int64_t height; /* of the whole image */
    int64_t next;   /* the row that is made next */
};

/* Scratch of a thread: [a row of a in float32][rings][a row of zeros][scratch of a CONV]. */
struct stem {
    const struct cpu_job *job;
    const struct nn_step *steps;
    int64_t image;
    float *row;
    struct ring rings[RINGS];
    uint8_t *zeros;
    float *scratch;
};

static const struct cpu_int8_packed *packed_of(const struct nn_step *step)
{
    const struct cpu_packed *packed = step->packed;
    return packed->int8;
}

bool cpu_is_int8_stem(const struct nn_step *first)
{
    return packed_of(&first[CPU_STEM_B]) && packed_of(&first[CPU_STEM_C]) &&
           packed_of(&first[CPU_STEM_Y]);
}

/* ---- scratch -------------------------------------------------------------------------------- */

static void lay_out(const struct nn_step *steps, struct ring rings[RINGS])
{
    static const int64_t rows[RINGS] = {2, 3, 2, 3}, left[RINGS] = {0, 0, 0, 1};
    const struct nn_tensor *shown[RINGS] = {&steps[CPU_STEM_A].out, &steps[CPU_STEM_A].out,
                                            &steps[CPU_STEM_B].out, &steps[CPU_STEM_Y].in[NN_IN_X]};
    for (int i = 0; i < RINGS; i++) {
        const int64_t channels = shown[i]->dims[3], pixels = left[i] + shown[i]->dims[2] + 1;
        rings[i] = (struct ring){.rows = rows[i],
                                 .channels = channels,
                                 .left = left[i],
                                 .pitch = cpu_int8_whole((size_t)(pixels * channels), 64),
                                 .height = shown[i]->dims[1]};
    }
}

static size_t ring_bytes(const struct ring *ring)
{
    return (size_t)ring->rows * ring->pitch;
}

/* Floats of a row of a. */
static size_t row_floats(const struct nn_step *steps)
{
    const struct nn_tensor *a = &steps[CPU_STEM_A].out;
    return cpu_whole_lines((size_t)(a->dims[2] * a->dims[3]));
}

/* Bytes of the longest row. */
static size_t zeros_bytes(const struct ring rings[RINGS])
{
    size_t bytes = 0;
    for (int i = 0; i < RINGS; i++)
        bytes = rings[i].pitch > bytes ? rings[i].pitch : bytes;
    return bytes;
}

/* Bytes of the rings and the zeros. */
static size_t rows_bytes(const struct ring rings[RINGS])
{
    size_t bytes = zeros_bytes(rings);
    for (int i = 0; i < RINGS; i++)
        bytes += ring_bytes(&rings[i]);
    return bytes;
}

static void take_scratch(struct stem *s, float *scratch)
{
    lay_out(s->steps, s->rings);
    s->row = scratch;
    uint8_t *bytes = (uint8_t *)(scratch + row_floats(s->steps));
    memset(bytes, 0, rows_bytes(s->rings));
    for (int i = 0; i < RINGS; i++) {
        s->rings[i].data = bytes;
        bytes += ring_bytes(&s->rings[i]);
    }
    s->zeros = bytes;
    s->scratch = (float *)(void *)(bytes + zeros_bytes(s->rings));
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* Where a row begins, with the zeros on its left; outside the image zeros alone. */
static uint8_t *row_at(const struct stem *s, int ring, int64_t row)
{
    const struct ring *r = &s->rings[ring];
    return row < 0 || row >= r->height ? s->zeros : r->data + (size_t)(row % r->rows) * r->pitch;
}

static uint8_t *pixels_at(const struct stem *s, int ring, int64_t row)
{
    return row_at(s, ring, row) + s->rings[ring].left * s->rings[ring].channels;
}

/* Row s->row of a into a ring, as the convolution of `reader` meets it. */
static void round_row(const struct stem *s, const struct nn_step *reader, uint8_t *to)
{
    const struct nn_tensor *a = &s->steps[CPU_STEM_A].out;
    const struct cpu_int8_packed *packed = packed_of(reader);
    const struct cpu_int8_quantize quantize = {
        .x = s->row,
        .x_step = a->dims[3],
        .rows = (size_t)a->dims[2],
        .c = (size_t)a->dims[3],
        .q = to,
        .q_step = a->dims[3],
        .range = packed->range[0],
    };
    packed->kernels->quantize(&quantize);
}

static void make_a(struct stem *s, int64_t end)
{
    struct ring *a = &s->rings[ROWS_A];
    for (; a->next < cpu_least(end, a->height); a->next++) {
        struct nn_step part = cpu_rows_part(&s->steps[CPU_STEM_A], s->image, a->next, 1, s->row);
        cpu_rows_work(s->job, &part, s->scratch);
        round_row(s, &s->steps[CPU_STEM_B], pixels_at(s, ROWS_A, a->next));
        round_row(s, &s->steps[CPU_STEM_Y], pixels_at(s, ROWS_POOL, a->next));
    }
}

/* Row `row` of a convolution of the rows of a ring. */
static struct cpu_int8_gemm product_of(const struct stem *s, int which, int from, int64_t row)
{
    const struct nn_step *step = &s->steps[which];
    const struct nn_attr *attr = &step->attr;
    struct cpu_int8_gemm g = {
        .rows = (size_t)step->out.dims[2],
        .segments = (size_t)attr->kernel[0],
        .lda = attr->stride[1] * s->rings[from].channels,
        .b = &packed_of(step)->panels[0],
        .act = attr->act,
    };
    for (int64_t ky = 0; ky < attr->kernel[0]; ky++)
        g.a[ky] = row_at(s, from, row * attr->stride[0] + ky - attr->pad[0]);
    return g;
}

/* The same to another ring, from this channel of it on, as the convolution of `reader` meets it.
 * Where that is not the first channel, a range is read past its end, in the same allocation. */
static void convolve(const struct stem *s, int which, int from, int64_t row, int to,
                     int64_t channel, int reader)
{
    struct cpu_int8_gemm g = product_of(s, which, from, row);
    g.range = packed_of(&s->steps[reader])->range[0];
    g.range.factor += channel;
    g.range.offset += channel;
    g.q = pixels_at(s, to, row) + channel;
    g.ldq = s->rings[to].channels;
    packed_of(&s->steps[which])->kernels->gemm(&g);
}

static inline uint8_t larger(uint8_t a, uint8_t b)
{
    return a > b ? a : b;
}

/* The largest of four neighbours each. Spoils row `row` of ROWS_POOL. */
static void pool(const struct stem *s, int64_t row)
{
    const struct ring *a = &s->rings[ROWS_POOL], *both = &s->rings[ROWS_BOTH];
    uint8_t *upper = row_at(s, ROWS_POOL, row), *to = pixels_at(s, ROWS_BOTH, row);
    const uint8_t *lower = row_at(s, ROWS_POOL, row + 1);
    const size_t channels = (size_t)a->channels;
    const size_t width = (size_t)s->steps[CPU_STEM_A].out.dims[2];
    for (size_t i = 0; i < width * channels; i++)
        upper[i] = larger(upper[i], lower[i]);
    for (size_t x = 0; x < width; x++, upper += channels, to += both->channels)
        for (size_t c = 0; c < channels; c++)
            to[c] = larger(upper[c], upper[channels + c]);
}

/* Rows of what y reads, up to `end`. */
static void make_both(struct stem *s, int64_t end)
{
    struct ring *b = &s->rings[ROWS_B], *both = &s->rings[ROWS_BOTH];
    for (; both->next < cpu_least(end, both->height); both->next++) {
        for (; b->next < cpu_least(both->next + 2, b->height); b->next++) {
            make_a(s, b->next + 2);
            convolve(s, CPU_STEM_B, ROWS_A, b->next, ROWS_B, 0, CPU_STEM_C);
        }
        pool(s, both->next);
        convolve(s, CPU_STEM_C, ROWS_B, both->next, ROWS_BOTH, s->rings[ROWS_POOL].channels,
                 CPU_STEM_Y);
    }
}

void cpu_int8_stem_work(const struct cpu_job *job, size_t piece, int thread)
{
    const struct nn_step *steps = job->step;
    const struct nn_tensor *y = &steps[CPU_STEM_Y].out;
    const int64_t rows = steps->tune[CPU_TUNE_ROWS];
    const int64_t pieces = (int64_t)cpu_pieces_of(y->dims[1], rows);
    const int64_t first = (int64_t)piece % pieces * rows;
    struct stem s = {.job = job, .steps = steps, .image = (int64_t)piece / pieces};
    take_scratch(&s, (float *)steps->scratch +
                         thread * steps->tune[CPU_TUNE_THREAD_BYTES] / (int64_t)sizeof(float));
    /* The first row that y sees, and of those the first that the others see. */
    const int64_t seen = cpu_most(2 * first - 1, 0);
    for (int i = 0; i < RINGS; i++)
        s.rings[i].next = seen;
    for (int64_t row = first; row < cpu_least(first + rows, y->dims[1]); row++) {
        make_both(&s, 2 * row + 2);
        struct cpu_int8_gemm g = product_of(&s, CPU_STEM_Y, ROWS_BOTH, row);
        g.c = y->data + s.image * y->strides[0] + row * y->strides[1];
        g.ldc = y->strides[2];
        packed_of(&steps[CPU_STEM_Y])->kernels->gemm(&g);
    }
}

int cpu_int8_stem_plan(const struct cpu_kernels *kernels, struct nn_plan *plan, int32_t first,
                       se_error *err)
{
    const struct nn_step *steps = &plan->steps[first];
    if (!cpu_is_whole_stem(plan, first) || !cpu_is_int8_stem(steps))
        return SE_OK;
    struct ring rings[RINGS];
    lay_out(steps, rings);
    /* At the top of an image a row needs most. */
    const struct nn_step part = cpu_rows_part(&steps[CPU_STEM_A], 0, 0, 1, NULL);
    const size_t floats = row_floats(steps) + rows_bytes(rings) / sizeof(float) +
                          cpu_rows_need(kernels, &part).per_thread;
    return cpu_whole_stem_take(plan, first, LEAST_ROWS, floats, err);
}
