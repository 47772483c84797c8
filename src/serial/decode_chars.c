/*
 * How sure is each symbol of a text? For the symbol at place i, the text is cut there:
 *
 *   forward    paths that spell what comes before i, up to each step   (ctc_prefix)
 *   backward   paths that spell what comes after i, from each step on  (rest)
 *
 * and every other symbol is put in between, for the price of one pass over the steps.
 */
#include <math.h>

#include "base/ctc.h"
#include "serial/decode.h"

/* A symbol whose best step is below this cannot matter. */
static const float NEGLIGIBLE = -12.0F;

/*
 * Of the symbols from place i on, for each step 0 … steps, the log-probability that the steps from
 * there to the end spell them:
 *   fresh[i, step]    where anything may come first
 *   runs[i, step]     where symbol i stands at this step, as the first step of its run or a later
 * one
 */
struct rest {
    double *fresh, *runs; /* [length + 1, steps + 1] */
    size_t stride;
};

static double logp_at(const struct lattice *lattice, size_t step, int column)
{
    return (double)lattice->logp[step * lattice->stride + (size_t)column];
}

/* The rest from place i at a step, right behind a run of `column`. */
static double rest_behind(const struct lattice *lattice, const struct rest *rest,
                          const int *columns, size_t length, size_t i, size_t step, int column)
{
    const size_t steps = (size_t)lattice->steps, at = i * rest->stride + step;
    if (step == steps)
        return rest->fresh[at];
    const double blank = logp_at(lattice, step, 0) + rest->fresh[at + 1];
    return i < length && columns[i] != column ? ctc_add_logs(blank, rest->runs[at]) : blank;
}

static void fill_rest(const struct lattice *lattice, const int *columns, size_t length,
                      struct rest *rest)
{
    const size_t steps = (size_t)lattice->steps;
    const double zero = -(double)INFINITY;
    for (size_t i = length + 1; i-- > 0;) {
        double *fresh = rest->fresh + i * rest->stride, *runs = rest->runs + i * rest->stride;
        fresh[steps] = i == length ? 0 : zero;
        runs[steps] = zero;
        for (size_t step = steps; step-- > 0;) {
            runs[step] = zero;
            if (i < length)
                runs[step] =
                    logp_at(lattice, step, columns[i]) +
                    ctc_add_logs(runs[step + 1], rest_behind(lattice, rest, columns, length, i + 1,
                                                             step + 1, columns[i]));
            fresh[step] = ctc_add_logs(logp_at(lattice, step, 0) + fresh[step + 1], runs[step]);
        }
    }
}

/* Log-probability of the text with `column` at place i; `prefix`: what comes before. */
static double with_symbol(const struct lattice *lattice, const struct ctc_prefix *prefix,
                          const struct rest *rest, const int *columns, size_t length, size_t i,
                          int column)
{
    double run = -(double)INFINITY, sum = run;
    for (size_t step = 0; step < (size_t)lattice->steps; step++) {
        double begins = step == 0 && i == 0 ? 0 : -(double)INFINITY;
        if (step > 0) {
            begins = prefix->ends_blank[step - 1];
            if (column != prefix->last)
                begins = ctc_add_logs(begins, prefix->ends_char[step - 1]);
        }
        run = logp_at(lattice, step, column) + ctc_add_logs(run, begins);
        sum = ctc_add_logs(
            sum, run + rest_behind(lattice, rest, columns, length, i + 1, step + 1, column));
    }
    return sum;
}

static float best_step(const struct lattice *lattice, int column)
{
    float best = -INFINITY;
    for (int step = 0; step < lattice->steps; step++)
        best = fmaxf(best, lattice->logp[(size_t)step * lattice->stride + (size_t)column]);
    return best;
}

static void weigh(const struct lattice *lattice, const struct ctc_prefix *prefix,
                  const struct rest *rest, const int *columns, size_t length, size_t i,
                  struct decode_char *out)
{
    const double own = with_symbol(lattice, prefix, rest, columns, length, i, columns[i]);
    double all = own, best = -(double)INFINITY;
    *out = (struct decode_char){.alt = AUTOMATON_SYMBOLS};
    for (int column = 1; column < DECODE_COLUMNS; column++) {
        if (column == columns[i] || best_step(lattice, column) < NEGLIGIBLE)
            continue;
        const double other = with_symbol(lattice, prefix, rest, columns, length, i, column);
        all = ctc_add_logs(all, other);
        if (other > best && column != DECODE_OTHER) {
            best = other;
            out->alt = (uint8_t)(column - 1);
        }
    }
    if (isinf(all))
        return;
    out->p = (float)exp(own - all);
    out->alt_p = (float)exp(best - all);
}

int decode_chars(const struct lattice *lattice, const uint8_t *symbols, size_t length,
                 struct decode_char *chars, se_error *err)
{
    int columns[DECODE_MAX_TEXT];
    struct arena arena;
    const size_t steps = (size_t)lattice->steps, stride = steps + 1;
    arena_init(&arena, DECODE_MAX_BYTES);
    struct rest rest = {arena_alloc(&arena, (length + 1) * stride, sizeof(double)),
                        arena_alloc(&arena, (length + 1) * stride, sizeof(double)), stride};
    double *paths = arena_alloc(&arena, 4 * stride, sizeof(*paths));
    if (!rest.fresh || !rest.runs || !paths) {
        arena_free(&arena);
        return se_fail_memory(err, "the characters of a text", length * stride * sizeof(double));
    }
    for (size_t i = 0; i < length; i++)
        columns[i] = symbols[i] + 1;
    fill_rest(lattice, columns, length, &rest);
    struct ctc_prefix prefixes[2] = {
        {.ends_blank = paths, .ends_char = paths + stride},
        {.ends_blank = paths + 2 * stride, .ends_char = paths + 3 * stride}};
    ctc_prefix_begin(lattice, &prefixes[0]);
    for (size_t i = 0; i < length; i++) {
        weigh(lattice, &prefixes[i % 2], &rest, columns, length, i, &chars[i]);
        ctc_prefix_extend(lattice, &prefixes[i % 2], columns[i], &prefixes[(i + 1) % 2]);
    }
    arena_free(&arena);
    return SE_OK;
}
