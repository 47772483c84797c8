/*
 * SELECT: logits of the chosen columns of a head, less the logarithm of the sum over all columns.
 *
 * First come the chosen columns, which go to the output, and those of the shortlist, block of rows
 * by block (work); then chunks of the other columns, of the rows that are open (then); both of them
 * pass through scratch. The end adds up (finish).
 *
 * A row is closed where the chosen and the listed columns alone come to `enough` (struct
 * nn_shortlist in nn/nn.h). What a chunk of columns leaves are three numbers a row; shared scratch:
 *
 *   largest [parts, m]   sum [parts, m]   where [parts, m]   open [m]
 *
 * where the parts are the chunks of the others, the shortlist and the chosen columns.
 */
#include <math.h>
#include <string.h>

#include "nn/cpu/cpu_int8.h"
#include "nn/cpu/cpu_step.h"

enum {
    FIRST_BLOCK = 32, /* rows of a piece of the chosen and the listed columns */
    BLOCK = 96,       /* … of a piece of the others */
    PAD = 16,         /* floats between rows of logits: spreads cache sets */
    OTHERS = 0,       /* among panels in 32 bits */
    CHOSEN = 1,
    LISTED = 2,
    INT8_LISTED = 1, /* among those in 8 bits, where the others are the first as well */
};

/* ---- columns -------------------------------------------------------------------------------- */

static size_t others_vectors(const struct cpu_packed *packed)
{
    return packed->int8 ? packed->int8->panels[OTHERS].vectors : packed->panels[OTHERS].vectors;
}

static size_t others_count(const struct cpu_packed *packed)
{
    return packed->int8 ? packed->int8->panels[OTHERS].n : packed->panels[OTHERS].n;
}

static size_t listed_count(const struct cpu_packed *packed)
{
    return packed->int8 ? packed->int8->panels[INT8_LISTED].n : packed->panels[LISTED].n;
}

static size_t chosen_count(const struct cpu_packed *packed)
{
    return packed->panels[CHOSEN].n;
}

/* Columns of a vector of those that are not chosen. */
static size_t others_vl(const struct cpu_kernels *kernels, const struct cpu_packed *packed)
{
    return packed->int8 ? packed->int8->kernels->tile.vl : kernels->tile.vl;
}

/* Chunks of the others; the last one takes what is left over. */
static size_t chunks_of(const struct cpu_packed *packed)
{
    const size_t chunks = others_vectors(packed) / CPU_CHUNK_VECTORS;
    return chunks > 0 ? chunks : 1;
}

size_t cpu_select_rounds(const struct nn_step *step)
{
    return chunks_of(step->packed);
}

/* ---- scratch -------------------------------------------------------------------------------- */

static size_t rows_of(const struct nn_step *step)
{
    return (size_t)step->in[NN_IN_X].dims[0];
}

/* What the parts leave for the sum. */
struct sums {
    float *largest, *sum;
    int32_t *where;
};

static struct sums sums_of(const struct cpu_job *job, size_t part)
{
    const size_t m = rows_of(job->step), all = (chunks_of(job->packed) + 2) * m;
    float *shared = cpu_shared(job) + part * m;
    return (struct sums){shared, shared + all, (int32_t *)(void *)(shared + 2 * all)};
}

static int32_t *open_of(const struct cpu_job *job)
{
    const size_t all = (chunks_of(job->packed) + 2) * rows_of(job->step);
    return (int32_t *)(void *)(cpu_shared(job) + 3 * all);
}

/* Scratch of a thread: [gathered rows][those in split form, or in 8 bits][logits]. */
static size_t gathered_floats(const struct nn_step *step)
{
    return cpu_whole_lines(BLOCK * (size_t)step->in[NN_IN_X].dims[1]);
}

static size_t split_floats(const struct cpu_kernels *kernels, const struct nn_step *step)
{
    const struct cpu_packed *packed = step->packed;
    const size_t split = cpu_split_floats(&kernels->tile, BLOCK, (size_t)step->in[NN_IN_X].dims[1]);
    const size_t bytes = packed->int8 ? cpu_int8_logits_floats(packed->int8, BLOCK) : 0;
    return split > bytes ? split : bytes;
}

static void select_plan(const struct cpu_kernels *kernels, const struct nn_step *step,
                        struct cpu_need *need)
{
    const struct cpu_packed *packed = step->packed;
    const size_t m = rows_of(step), chunks = chunks_of(packed);
    /* The last chunk has less than twice the vectors of the others. */
    const size_t widest = others_vectors(packed) < 2 * (size_t)CPU_CHUNK_VECTORS
                              ? others_vectors(packed)
                              : 2 * (size_t)CPU_CHUNK_VECTORS;
    const size_t first = FIRST_BLOCK * (listed_count(packed) + PAD);
    const size_t second = BLOCK * (widest * others_vl(kernels, packed) + PAD);
    need->pieces = cpu_pieces_of((int64_t)m, FIRST_BLOCK);
    need->then_pieces = cpu_pieces_of((int64_t)m, BLOCK) * chunks;
    need->shared = 3 * m * (chunks + 2) + m;
    need->per_thread =
        gathered_floats(step) + split_floats(kernels, step) + (first > second ? first : second);
}

/* ---- logits --------------------------------------------------------------------------------- */

/* Rows of the input and where what they become goes. */
struct rows {
    const float *x; /* [count, ci], `pitch` apart */
    int64_t pitch;
    size_t count;
    float *split, *logits; /* scratch */
};

static void rows_product(const struct cpu_job *job, const struct rows *rows,
                         const struct cpu_panels *panels, float *to, ptrdiff_t ld)
{
    const struct cpu_gemm product = {
        .rows = rows->count,
        .a = &rows->x,
        .segments = 1,
        .depth = panels->k,
        .lda = rows->pitch,
        .b = panels,
        .c = to,
        .ldc = ld,
        .split = rows->split,
    };
    job->kernels->gemm(&product);
}

static void rows_product_8(const struct cpu_job *job, const struct rows *rows,
                           const struct cpu_int8_panels *panels, ptrdiff_t ld)
{
    const struct cpu_int8_logits logits = {
        .packed = job->packed->int8,
        .part = panels,
        .x = rows->x,
        .ldx = rows->pitch,
        .rows = rows->count,
        .scratch = rows->split,
        .c = rows->logits,
        .ldc = ld,
    };
    cpu_int8_logits(&logits);
}

/* Logits of a chunk of the others, rows *ld apart. Returns how many columns. */
static size_t others_logits(const struct cpu_job *job, const struct rows *rows, size_t chunk,
                            ptrdiff_t *ld)
{
    const struct cpu_packed *packed = job->packed;
    const size_t chunks = chunks_of(packed);
    if (packed->int8) {
        const struct cpu_int8_panels part =
            cpu_int8_panels_part(packed->int8, chunk * CPU_CHUNK_VECTORS,
                                 cpu_chunk_vectors(others_vectors(packed), chunk, chunks));
        *ld = (ptrdiff_t)part.n + PAD;
        rows_product_8(job, rows, &part, *ld);
        return part.n;
    }
    const struct cpu_panels part =
        cpu_chunk_of(job->kernels, &packed->panels[OTHERS], chunk, chunks);
    *ld = (ptrdiff_t)part.n + PAD;
    rows_product(job, rows, &part, rows->logits, *ld);
    return part.n;
}

/* What `columns` logits of each row give to the sums, in order of the rows. */
static void logits_sums(const struct cpu_job *job, const float *logits, ptrdiff_t ld, size_t count,
                        size_t columns, const struct sums *sums)
{
    const struct cpu_logsum logsum = {
        .x = logits,
        .ldx = ld,
        .rows = count,
        .c = columns,
        .largest = sums->largest,
        .sum = sums->sum,
        .where = sums->where,
    };
    job->kernels->logsum(&logsum);
}

/* ---- the chosen and the listed columns ------------------------------------------------------ */

static struct sums sums_at(struct sums sums, size_t row)
{
    return (struct sums){sums.largest + row, sums.sum + row, sums.where + row};
}

/* Σ exp(logit - largest) over the columns of a part. */
static double part_sum(const struct sums *sums, size_t row, double largest)
{
    return (double)sums->sum[row] * exp((double)sums->largest[row] - largest);
}

/* log Σ exp(logit) over the columns of two parts. */
static double sum_of_both(const struct sums *a, const struct sums *b, size_t row)
{
    const double largest = fmax((double)a->largest[row], (double)b->largest[row]);
    return largest + log(part_sum(a, row, largest) + part_sum(b, row, largest));
}

static void listed_work(const struct cpu_job *job, const struct rows *rows, const struct sums *sums)
{
    const struct cpu_packed *packed = job->packed;
    const size_t columns = listed_count(packed);
    const ptrdiff_t ld = (ptrdiff_t)columns + PAD;
    if (packed->int8)
        rows_product_8(job, rows, &packed->int8->panels[INT8_LISTED], ld);
    else
        rows_product(job, rows, &packed->panels[LISTED], rows->logits, ld);
    logits_sums(job, rows->logits, ld, rows->count, columns, sums);
}

static void select_work(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct nn_step *step = job->step;
    const struct nn_tensor *x = &step->in[NN_IN_X];
    const struct cpu_packed *packed = job->packed;
    const int64_t row = (int64_t)piece * FIRST_BLOCK;
    const struct cpu_block block = {0, row, cpu_least(FIRST_BLOCK, x->dims[0] - row)};
    float *split = scratch + gathered_floats(step);
    const struct rows rows = {
        .x = x->data + row * x->strides[0],
        .pitch = x->strides[0],
        .count = (size_t)block.rows,
        .split = split,
        .logits = split + split_floats(job->kernels, step),
    };
    cpu_observe(job, NN_OBSERVED_X, rows.x, &block, rows.pitch);
    const size_t chunks = chunks_of(packed);
    const struct sums listed = sums_at(sums_of(job, chunks), (size_t)row);
    const struct sums chosen = sums_at(sums_of(job, chunks + 1), (size_t)row);
    float *out = step->out.data + row * step->out.strides[0];
    rows_product(job, &rows, &packed->panels[CHOSEN], out, step->out.strides[0]);
    logits_sums(job, out, step->out.strides[0], rows.count, chosen_count(packed), &chosen);
    int32_t *open = open_of(job) + row;
    if (listed_count(packed) > 0)
        listed_work(job, &rows, &listed);
    for (size_t i = 0; i < rows.count; i++)
        open[i] = listed_count(packed) == 0 ||
                  !(sum_of_both(&listed, &chosen, i) >= (double)step->attr.shortlist.enough);
}

/* ---- the other columns ---------------------------------------------------------------------- */

/* Numbers of the open rows among `count` from `row` on. Returns how many. */
static size_t open_rows(const struct cpu_job *job, int64_t row, size_t count, int32_t *rows)
{
    const int32_t *open = open_of(job) + row;
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        if (open[i])
            rows[found++] = (int32_t)i;
    return found;
}

/* Puts the rows of these numbers one behind the other, `c` numbers each. */
static void gather(struct rows *rows, const int32_t *numbers, int64_t c, float *to)
{
    for (size_t i = 0; i < rows->count; i++)
        memcpy(to + (int64_t)i * c, rows->x + numbers[i] * rows->pitch, (size_t)c * sizeof(float));
    rows->x = to;
    rows->pitch = c;
}

static void select_then(const struct cpu_job *job, size_t piece, float *scratch)
{
    const struct nn_step *step = job->step;
    const struct nn_tensor *x = &step->in[NN_IN_X];
    const size_t blocks = cpu_pieces_of(x->dims[0], BLOCK), chunk = piece / blocks;
    const int64_t row = (int64_t)(piece % blocks) * BLOCK;
    const size_t count = (size_t)cpu_least(BLOCK, x->dims[0] - row);
    int32_t numbers[BLOCK];
    const size_t open = open_rows(job, row, count, numbers);
    if (open == 0 || others_count(job->packed) == 0)
        return;
    float *split = scratch + gathered_floats(step);
    struct rows rows = {
        .x = x->data + row * x->strides[0],
        .pitch = x->strides[0],
        .count = open,
        .split = split,
        .logits = split + split_floats(job->kernels, step),
    };
    if (open < count)
        gather(&rows, numbers, x->dims[1], scratch);
    float largest[BLOCK], sum[BLOCK];
    int32_t where[BLOCK];
    ptrdiff_t ld;
    const size_t columns = others_logits(job, &rows, chunk, &ld);
    logits_sums(job, rows.logits, ld, open, columns, &(struct sums){largest, sum, where});
    const struct sums sums = sums_at(sums_of(job, chunk), (size_t)row);
    for (size_t i = 0; i < open; i++) {
        sums.largest[numbers[i]] = largest[i];
        sums.sum[numbers[i]] = sum[i];
        sums.where[numbers[i]] = where[i];
    }
}

/* ---- the sum -------------------------------------------------------------------------------- */

/* Over all columns of a row that were computed. */
struct total {
    double largest, others; /* Σ exp(logit - largest) over the columns not chosen */
    double all;
    int32_t best; /* the column of the largest logit, the first of equals */
};

static void total_meets(struct total *total, float logit, int32_t column)
{
    const double value = (double)logit;
    if (total->best < 0 || value > total->largest ||
        (value == total->largest && column < total->best)) {
        total->largest = value;
        total->best = column;
    }
}

static struct total total_of(const struct cpu_job *job, size_t row, const float *chosen_logits)
{
    const struct cpu_packed *packed = job->packed;
    const size_t others = others_count(packed), listed = listed_count(packed);
    const size_t all_chunks = chunks_of(packed);
    const size_t chunks = others > 0 && open_of(job)[row] ? all_chunks : 0;
    const size_t step = CPU_CHUNK_VECTORS * others_vl(job->kernels, packed);
    struct total total = {.largest = -INFINITY, .best = -1};
    for (size_t i = 0; i < chunks; i++) {
        const struct sums sums = sums_of(job, i);
        total_meets(&total, sums.largest[row], packed->columns[i * step + (size_t)sums.where[row]]);
    }
    const struct sums list = sums_of(job, all_chunks), chosen = sums_of(job, all_chunks + 1);
    if (listed > 0)
        total_meets(&total, list.largest[row], packed->columns[others + (size_t)list.where[row]]);
    for (size_t i = 0; i < chosen_count(packed); i++)
        total_meets(&total, chosen_logits[i], packed->columns[others + listed + i]);
    for (size_t i = 0; i < chunks; i++) {
        const struct sums sums = sums_of(job, i);
        total.others += part_sum(&sums, row, total.largest);
    }
    if (listed > 0)
        total.others += part_sum(&list, row, total.largest);
    total.all = total.others + part_sum(&chosen, row, total.largest);
    return total;
}

static void select_finish(const struct cpu_job *job)
{
    const struct nn_tensor *out = &job->step->out;
    const size_t count = chosen_count(job->packed);
    for (int64_t row = 0; row < out->dims[0]; row++) {
        float *y = out->data + row * out->strides[0];
        const struct total t = total_of(job, (size_t)row, y);
        const double norm = t.largest + log(t.all);
        for (size_t i = 0; i < count; i++)
            y[i] = (float)((double)y[i] - norm);
        y[count] = (float)(t.largest + log(t.others) - norm);
        y[count + 1] = (float)t.best;
        y[count + 2] = (float)(t.largest - norm);
    }
}

const struct cpu_op cpu_op_select = {
    .plan = select_plan, .work = select_work, .then = select_then, .finish = select_finish};
