#include "base/lattice.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* What stands for the logarithm of zero: small enough to lose against anything, finite so that sums
 * over any number of steps stay comparable. */
static const float LOG_ZERO = -100.0F;

int alphabet_column(const struct alphabet *alphabet, uint32_t code_point)
{
    for (int column = 1; column < alphabet->columns; column++)
        if (alphabet->code_points[column] == code_point)
            return column;
    return -1;
}

struct lattice lattice_window(const struct lattice *lattice, int from, int to)
{
    struct lattice window = *lattice;
    if (to > lattice->steps)
        to = lattice->steps;
    if (from < 0)
        from = 0;
    window.steps = to > from ? to - from : 0;
    if (window.steps == 0)
        return window;
    window.logp += (size_t)from * lattice->stride;
    window.reject += from;
    if (window.best)
        window.best += from;
    if (window.best_logp)
        window.best_logp += from;
    return window;
}

/* Storage that is being filled; lattices themselves are read-only. */
struct rows {
    float *logp, *reject, *best_logp;
    int32_t *best;
};

static int allocate_rows(const struct alphabet *alphabet, int steps, struct arena *arena,
                         struct rows *rows, struct lattice *out)
{
    const size_t count = (size_t)steps, stride = (size_t)alphabet->columns;
    *out = (struct lattice){.alphabet = alphabet, .stride = stride};
    rows->logp = arena_alloc(arena, count * stride, sizeof(float));
    rows->reject = arena_alloc(arena, count, sizeof(float));
    rows->best_logp = arena_alloc(arena, count, sizeof(float));
    rows->best = arena_alloc(arena, count, sizeof(int32_t));
    if (!rows->logp || !rows->reject || !rows->best_logp || !rows->best)
        return -1;
    *out = (struct lattice){steps,        alphabet,   rows->logp,     stride,
                            rows->reject, rows->best, rows->best_logp};
    return 0;
}

static float tame(float logp)
{
    return logp > LOG_ZERO ? (logp < 0 ? logp : 0) : LOG_ZERO; /* not a number: LOG_ZERO */
}

int lattice_from_head(const struct alphabet *alphabet, const float *rows, int steps, int classes,
                      struct arena *arena, struct lattice *out)
{
    struct rows to;
    if (allocate_rows(alphabet, steps, arena, &to, out) != 0)
        return -1;
    const size_t columns = (size_t)alphabet->columns;
    for (size_t step = 0; step < (size_t)steps; step++) {
        const float *from = rows + step * (columns + LATTICE_EXTRA);
        for (size_t column = 0; column < columns; column++)
            to.logp[step * columns + column] = tame(from[column]);
        to.reject[step] = tame(from[columns]);
        const float best = from[columns + 1];
        to.best[step] = best >= 0 && best < (float)classes ? (int32_t)best : 0;
        to.best_logp[step] = tame(from[columns + 2]);
    }
    return 0;
}

/* Steps of the left window's part of the overlap that are kept, 0 … overlap. */
static int change_over(const struct lattice *left, const struct lattice *right, int overlap)
{
    int cut = overlap / 2;
    float most = -INFINITY;
    for (int i = 0; i < overlap; i++) {
        const float *a = left->logp + (size_t)(left->steps - overlap + i) * left->stride;
        const float *b = right->logp + (size_t)i * right->stride;
        /* Windows read worst at their ends: among equals the middle is best. */
        const float off_middle = fabsf((float)(2 * i + 1 - overlap)) / (float)overlap;
        const float sure = a[0] + b[0] - 0.01F * off_middle;
        if (sure > most) {
            most = sure;
            cut = i;
        }
    }
    return cut;
}

int lattice_join(const struct lattice *windows, const int *overlap, int count, struct arena *arena,
                 struct lattice *out)
{
    int steps = 0;
    for (int i = 0; i < count; i++)
        steps += windows[i].steps;
    struct rows to;
    if (allocate_rows(windows[0].alphabet, steps, arena, &to, out) != 0)
        return -1;
    size_t filled = 0;
    int from = 0; /* first step of window i that is taken */
    for (int i = 0; i < count; i++) {
        const struct lattice *window = &windows[i];
        int end = window->steps, next_from = 0;
        if (i + 1 < count) {
            int shared = overlap[i] < windows[i + 1].steps ? overlap[i] : windows[i + 1].steps;
            if (shared > window->steps - from)
                shared = window->steps - from;
            if (shared > 0) {
                next_from = change_over(window, &windows[i + 1], shared);
                end = window->steps - shared + next_from;
            }
        }
        for (int step = from; step < end; step++, filled++) {
            memcpy(to.logp + filled * out->stride, window->logp + (size_t)step * window->stride,
                   out->stride * sizeof(float));
            to.reject[filled] = window->reject[step];
            to.best[filled] = window->best[step];
            to.best_logp[filled] = window->best_logp[step];
        }
        from = next_from;
    }
    out->steps = (int)filled;
    return 0;
}

/* The likeliest of the columns, as a class of the full head. */
static void best_column(const float *row, size_t columns, const int32_t *classes, int32_t *best,
                        float *logp)
{
    *best = 0;
    *logp = row[0];
    for (size_t column = 1; column < columns; column++)
        if (row[column] > *logp) {
            *logp = row[column];
            *best = classes[column];
        }
}

/* The class that a mean is surest of: any of the columns, or what one of the two lattices is surest
 * of although no column has it. */
static void mean_best(const struct lattice *a, const struct lattice *b, float part,
                      const int32_t *classes, int step, struct rows *to)
{
    const size_t columns = (size_t)a->alphabet->columns;
    const float *row = to->logp + (size_t)step * columns;
    int32_t best;
    float logp;
    best_column(row, columns, classes, &best, &logp);
    for (int which = 0; which < 2; which++) {
        const struct lattice *one = which ? b : a, *other = which ? a : b;
        bool has_column = one->best[step] == 0;
        for (size_t column = 1; column < columns && !has_column; column++)
            has_column = classes[column] == one->best[step];
        if (has_column)
            continue;
        float p = (which ? part : 1 - part) * expf(one->best_logp[step]);
        if (other->best[step] == one->best[step])
            p += (which ? 1 - part : part) * expf(other->best_logp[step]);
        if (tame(logf(p)) > logp) {
            logp = tame(logf(p));
            best = one->best[step];
        }
    }
    to->best[step] = best;
    to->best_logp[step] = logp;
}

static float mean_log(float a, float b, float part)
{
    return tame(logf((1 - part) * expf(a) + part * expf(b)));
}

int lattice_mean(const struct lattice *a, const struct lattice *b, float part,
                 const int32_t *classes, struct arena *arena, struct lattice *out)
{
    struct rows to;
    if (allocate_rows(a->alphabet, a->steps, arena, &to, out) != 0)
        return -1;
    const size_t columns = (size_t)a->alphabet->columns;
    for (int step = 0; step < a->steps; step++) {
        const float *row_a = a->logp + (size_t)step * a->stride;
        const float *row_b = b->logp + (size_t)step * b->stride;
        for (size_t column = 0; column < columns; column++)
            to.logp[(size_t)step * columns + column] = mean_log(row_a[column], row_b[column], part);
        to.reject[step] = mean_log(a->reject[step], b->reject[step], part);
        mean_best(a, b, part, classes, step, &to);
    }
    return 0;
}

/* Logarithm of what the columns of a list have together. */
static float sum_of(const float *row, const struct lattice_change *change)
{
    float most = row[change->odds[0].column], sum = 0;
    for (size_t i = 1; i < change->count; i++)
        most = fmaxf(most, row[change->odds[i].column]);
    for (size_t i = 0; i < change->count; i++)
        sum += expf(row[change->odds[i].column] - most);
    return most + logf(sum);
}

/* The odds of a row's columns moved; their sum stays. Returns the likeliest of them. */
static int move_odds(float *row, const struct lattice_change *change)
{
    const float before = sum_of(row, change);
    int best = change->odds[0].column;
    for (size_t i = 0; i < change->count; i++) {
        const struct column_odds *odds = &change->odds[i];
        row[odds->column] += odds->log_odds;
        if (row[odds->column] > row[best])
            best = odds->column;
    }
    const float gain = before - sum_of(row, change);
    for (size_t i = 0; i < change->count; i++) {
        float *logp = &row[change->odds[i].column];
        *logp = tame(*logp + gain);
    }
    return best;
}

/* One step of a change. */
static void change_step(const struct lattice_change *change, const int32_t *classes, size_t columns,
                        int step, struct rows *to)
{
    float *row = to->logp + (size_t)step * columns;
    bool was_best = false;
    for (size_t i = 0; i < change->count && !was_best; i++)
        was_best = to->best[step] == classes[change->odds[i].column];
    const int best = move_odds(row, change);
    /* A class without a column was not the best before, and has not grown. */
    if (was_best) {
        best_column(row, columns, classes, &to->best[step], &to->best_logp[step]);
    } else if (row[best] > to->best_logp[step]) {
        to->best[step] = classes[best];
        to->best_logp[step] = row[best];
    }
}

int lattice_weigh(const struct lattice *lattice, const struct lattice_change *changes, size_t count,
                  const int32_t *classes, struct arena *arena, struct lattice *out)
{
    struct rows to;
    if (allocate_rows(lattice->alphabet, lattice->steps, arena, &to, out) != 0)
        return -1;
    const size_t steps = (size_t)lattice->steps, columns = (size_t)lattice->alphabet->columns;
    for (size_t step = 0; step < steps; step++)
        memcpy(to.logp + step * columns, lattice->logp + step * lattice->stride,
               columns * sizeof(float));
    memcpy(to.reject, lattice->reject, steps * sizeof(*to.reject));
    memcpy(to.best, lattice->best, steps * sizeof(*to.best));
    memcpy(to.best_logp, lattice->best_logp, steps * sizeof(*to.best_logp));
    for (size_t i = 0; i < count; i++) {
        const struct lattice_change *change = &changes[i];
        const int end = change->end < lattice->steps ? change->end : lattice->steps;
        for (int step = change->first > 0 ? change->first : 0; step < end && change->count; step++)
            change_step(change, classes, columns, step, &to);
    }
    return 0;
}
