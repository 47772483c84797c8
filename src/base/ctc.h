/*
 * Connectionist temporal classification (Graves et al. 2006) on a lattice: what text does it say,
 * and how probable is a given text?
 *
 * A path names one class a step; it spells the text that remains when runs of one class are reduced
 * to a single one and blanks are then removed. A text's probability is the sum over its paths.
 *
 * Texts are given as columns of the lattice's alphabet (1 … columns-1) or CTC_REJECT, any class
 * outside the alphabet. Plain functions without state; thread safe.
 */
#ifndef SE_BASE_CTC_H
#define SE_BASE_CTC_H

#include <stdbool.h>

#include "base/lattice.h"

enum {
    CTC_REJECT = -1,
    CTC_MAX_TEXT = 256 /* columns of a text that is scored */
};

/* Logarithm of the sum of two numbers given by their logarithms; -INFINITY stands for 0. */
double ctc_add_logs(double a, double b);

/* One read character. */
struct text_char {
    uint32_t c;   /* code point of the best class of the full head */
    float p;      /* its probability */
    uint32_t alt; /* best other character of ASCII at its place, 0: none */
    float alt_p;
    float from, to; /* where along the line, 0 … 1 */
    int step, end;  /* steps of the lattice at which it is the best class */
};

/*
 * The text of the most likely path. code_points[classes] of the full head ([0], the blank, unused).
 * Fills at most `max` characters and returns how many there are in all. `from` and `to` are
 * boundaries midway between neighbours, as parts of the lattice's steps.
 */
size_t ctc_greedy(const struct lattice *lattice, const uint32_t *code_points, int classes,
                  struct text_char *out, size_t max);

/* Steps at which the first and the last character of that path begin; false when it has none. */
bool ctc_extent(const struct lattice *lattice, int *first, int *last);

/* Natural logarithm of the probability of exactly this text; -INFINITY when the lattice has too few
 * steps for it, or length > CTC_MAX_TEXT. */
double ctc_log_probability(const struct lattice *lattice, const int *text, size_t length);

/*
 * Scores of a text that grows character by character, for searches through many texts:
 *
 *   ends_blank[step], ends_char[step]   log-probability that steps 0 … step spell exactly this text
 *                                       and that the path's last class is the blank, or not
 *
 * The caller owns the arrays, `steps` each.
 */
struct ctc_prefix {
    double *ends_blank, *ends_char;
    int last;      /* column that was added last, 0: none */
    double exact;  /* log-probability of exactly this text */
    double prefix; /* log-probability of all texts that begin with it */
};

/* The empty text. */
void ctc_prefix_begin(const struct lattice *lattice, struct ctc_prefix *prefix);
/* `out` becomes `from` with `column` behind it; they must not share arrays. */
void ctc_prefix_extend(const struct lattice *lattice, const struct ctc_prefix *from, int column,
                       struct ctc_prefix *out);

#endif
