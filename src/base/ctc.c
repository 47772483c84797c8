#include "base/ctc.h"

#include <math.h>

/* A number that is smaller by this in its logarithm is lost in rounding. */
static const double LOST = 45;

double ctc_add_logs(double a, double b)
{
    const double more = a > b ? a : b, less = a > b ? b : a;
    return less > more - LOST ? more + log1p(exp(less - more)) : more;
}

static double logp_at(const struct lattice *lattice, int step, int column)
{
    if (column == CTC_REJECT)
        return (double)lattice->reject[step];
    return (double)lattice->logp[(size_t)step * lattice->stride + (size_t)column];
}

/* ---- the most likely path ------------------------------------------------------------------- */

/* A run of one class, and where it is surest. */
struct run {
    int begin, end, peak;
};

/* The next run that is not blank, from `step` on; false at the end. */
static bool next_run(const struct lattice *lattice, int step, struct run *run)
{
    while (step < lattice->steps && lattice->best[step] == 0)
        step++;
    if (step >= lattice->steps)
        return false;
    *run = (struct run){step, step, step};
    const int32_t class = lattice->best[step];
    for (; run->end < lattice->steps && lattice->best[run->end] == class; run->end++)
        if (lattice->best_logp[run->end] > lattice->best_logp[run->peak])
            run->peak = run->end;
    return true;
}

/* The best other character during a run. Only steps where a character is likelier than a blank
 * count: at a run's edges the neighbour already shows. */
static void find_runner_up(const struct lattice *lattice, const struct run *run,
                           struct text_char *out)
{
    const struct alphabet *alphabet = lattice->alphabet;
    const float *row = lattice->logp + (size_t)run->peak * lattice->stride;
    int best = 0;
    for (int column = 1; column < alphabet->columns; column++) {
        const uint32_t c = alphabet->code_points[column];
        if (c < 0x80 && c != out->c && (best == 0 || row[column] > row[best]))
            best = column;
    }
    if (best > 0) {
        out->alt = alphabet->code_points[best];
        out->alt_p = expf(row[best]);
    }
}

size_t ctc_greedy(const struct lattice *lattice, const uint32_t *code_points, int classes,
                  struct text_char *out, size_t max)
{
    const float steps = (float)lattice->steps;
    size_t count = 0;
    float last_middle = 0;
    struct run run = {0};
    for (int step = 0; next_run(lattice, step, &run); step = run.end) {
        const float middle = (float)(run.begin + run.end) / 2 / steps;
        const int32_t class = lattice->best[run.peak];
        if (count < max) {
            struct text_char *c = &out[count];
            *c = (struct text_char){.c = class < classes ? code_points[class] : 0,
                                    .p = expf(lattice->best_logp[run.peak]),
                                    .from = (middle + last_middle) / 2,
                                    .to = 1,
                                    .step = run.begin,
                                    .end = run.end};
            find_runner_up(lattice, &run, c);
            if (count > 0)
                out[count - 1].to = c->from;
        }
        last_middle = middle;
        count++;
    }
    /* The outermost characters reach as far out as they reach in. */
    if (count > 0 && count <= max) {
        const float inwards = count > 1 ? last_middle - out[count - 1].from : 1 / steps;
        out[count - 1].to = fminf(1, last_middle + inwards);
        if (next_run(lattice, 0, &run)) {
            const float middle = (float)(run.begin + run.end) / 2 / steps;
            out[0].from = fmaxf(0, middle - (count > 1 ? out[0].to - middle : inwards));
        }
    }
    return count;
}

bool ctc_extent(const struct lattice *lattice, int *first, int *last)
{
    struct run run;
    if (!next_run(lattice, 0, &run))
        return false;
    *first = run.begin;
    do
        *last = run.begin;
    while (next_run(lattice, run.end, &run));
    return true;
}

/* ---- one text ------------------------------------------------------------------------------- */

/* Below this, against the likeliest state, a probability is no longer told from others as well. */
static const double LEAST_SCALED = 1e-250;

/*
 * Forward variables of Graves et al. 2006, section 4.1, over the text with blanks round every
 * character, held for one step and updated in place from the back. As probabilities, which sum to 1
 * after every step: section 4.1 as well. Not a number where the text is too unlikely for that.
 */
static double log_probability_scaled(const struct lattice *lattice, const int *text, size_t length)
{
    double alpha[2 * CTC_MAX_TEXT + 1] = {1}; /* before the first step nothing is spelled */
    double scale = 0;
    const size_t states = 2 * length + 1;
    for (int step = 0; step < lattice->steps; step++) {
        const double blank = exp(logp_at(lattice, step, 0));
        double total = 0;
        for (size_t s = states; s-- > 0;) {
            double sum = alpha[s] + (s >= 1 ? alpha[s - 1] : 0);
            if (s >= 3 && s % 2 == 1 && text[s / 2] != text[s / 2 - 1])
                sum += alpha[s - 2];
            alpha[s] =
                sum > 0 ? sum * (s % 2 == 1 ? exp(logp_at(lattice, step, text[s / 2])) : blank) : 0;
            total += alpha[s];
        }
        for (size_t s = 0; s < states; s++)
            alpha[s] /= total;
        scale += log(total);
    }
    const double last = alpha[states - 1] + (length > 0 ? alpha[states - 2] : 0);
    return last > LEAST_SCALED ? scale + log(last) : (double)NAN;
}

/* The same as logarithms, for any text. */
static double log_probability(const struct lattice *lattice, const int *text, size_t length)
{
    double alpha[2 * CTC_MAX_TEXT + 1];
    const size_t states = 2 * length + 1;
    for (size_t s = 0; s < states; s++)
        alpha[s] = -(double)INFINITY;
    alpha[0] = logp_at(lattice, 0, 0);
    if (length > 0)
        alpha[1] = logp_at(lattice, 0, text[0]);
    for (int step = 1; step < lattice->steps; step++) {
        for (size_t s = states; s-- > 0;) {
            double sum = alpha[s];
            if (s >= 1)
                sum = ctc_add_logs(sum, alpha[s - 1]);
            if (s >= 3 && s % 2 == 1 && text[s / 2] != text[s / 2 - 1])
                sum = ctc_add_logs(sum, alpha[s - 2]);
            alpha[s] = sum + logp_at(lattice, step, s % 2 == 1 ? text[s / 2] : 0);
        }
    }
    return length > 0 ? ctc_add_logs(alpha[states - 1], alpha[states - 2]) : alpha[0];
}

double ctc_log_probability(const struct lattice *lattice, const int *text, size_t length)
{
    if (length > CTC_MAX_TEXT || lattice->steps <= 0)
        return length == 0 && lattice->steps == 0 ? 0.0 : -(double)INFINITY;
    const double scaled = log_probability_scaled(lattice, text, length);
    return isfinite(scaled) ? scaled : log_probability(lattice, text, length);
}

/* ---- growing texts -------------------------------------------------------------------------- */

void ctc_prefix_begin(const struct lattice *lattice, struct ctc_prefix *prefix)
{
    double sum = 0.0;
    for (int step = 0; step < lattice->steps; step++) {
        sum += logp_at(lattice, step, 0);
        prefix->ends_blank[step] = sum;
        prefix->ends_char[step] = -(double)INFINITY;
    }
    prefix->last = 0;
    prefix->exact = sum;
    prefix->prefix = 0.0;
}

void ctc_prefix_extend(const struct lattice *lattice, const struct ctc_prefix *from, int column,
                       struct ctc_prefix *out)
{
    const double zero = -(double)INFINITY;
    double blank = zero, character = zero, prefix = zero;
    for (int step = 0; step < lattice->steps; step++) {
        /* What stands before this step and can be followed by a new character. */
        double before = step == 0 && from->last == 0 ? 0.0 : zero;
        if (step > 0) {
            before = from->ends_blank[step - 1];
            if (column != from->last)
                before = ctc_add_logs(before, from->ends_char[step - 1]);
        }
        const double begins = before + logp_at(lattice, step, column);
        const double goes_on = character + logp_at(lattice, step, column);
        blank = ctc_add_logs(blank, character) + logp_at(lattice, step, 0);
        character = ctc_add_logs(begins, goes_on);
        prefix = ctc_add_logs(prefix, begins);
        out->ends_blank[step] = blank;
        out->ends_char[step] = character;
    }
    out->last = column;
    out->exact = ctc_add_logs(blank, character);
    out->prefix = prefix;
}
