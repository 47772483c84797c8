/*
 * The recognizer's answer for one text line, before any decision is taken.
 *
 *   logp[step][column], column 0 … columns-1   log-probability of alphabet[column]; column 0 is the
 *                                              CTC blank
 *   reject[step]                               log of the summed probability of all other classes
 *   best[step], best_logp[step]                the most likely class of the full head
 */
#ifndef SE_BASE_LATTICE_H
#define SE_BASE_LATTICE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/* What the columns mean; immutable, shared by all lattices of a recognizer. */
struct alphabet {
    int columns;
    const uint32_t *code_points; /* [columns]; [0] is 0: the blank */
};

/* Column of a code point, -1 when the alphabet lacks it. */
int alphabet_column(const struct alphabet *alphabet, uint32_t code_point);

enum { LATTICE_EXTRA = 3 }; /* numbers behind the columns in a row of a head's output */

struct lattice {
    int steps;
    const struct alphabet *alphabet;
    const float *logp; /* [steps, stride], stride >= columns */
    size_t stride;
    const float *reject; /* [steps] */
    /* Both NULL in a lattice that was not read but made of characters. */
    const int32_t *best;    /* [steps] index into the full head; 0 is the blank there too */
    const float *best_logp; /* [steps] */
};

/* Steps from … to-1 of a lattice, sharing its memory. The range is cut to what there is. */
struct lattice lattice_window(const struct lattice *lattice, int from, int to);

/*
 * Copies the output of a recognizer's head, rows of [columns + LATTICE_EXTRA] with reject, best and
 * best_logp behind the columns, into a lattice in `arena`. Hostile values are tamed: every
 * log-probability becomes finite and at most 0, a class outside 0 … classes-1 becomes the blank.
 * Returns 0, or -1 when the arena is spent.
 */
int lattice_from_head(const struct alphabet *alphabet, const float *rows, int steps, int classes,
                      struct arena *arena, struct lattice *out);

/*
 * Joins the lattices of windows that follow each other along a line, of one alphabet. Window i + 1
 * begins overlap[i] steps before window i ends:
 *
 *   window 0  ──────────────────┐
 *   window 1              ┌─────│────────────────┐
 *                         └ overlap[0] ┘   the change-over lies where both are surest of a blank
 *
 * so that no character is read twice or cut in two. An overlap longer than one of its windows is
 * shortened. The result lives in `arena`. Returns 0, or -1 when the arena is spent.
 */
int lattice_join(const struct lattice *windows, const int *overlap, int count, struct arena *arena,
                 struct lattice *out);

/*
 * The mean of two lattices of one crop, in probabilities: (1 - part) × a + part × b. Both were read
 * and have the same alphabet and number of steps; classes[columns] are the columns' indices into
 * the full head. *out is neither; the result lives in `arena`. Returns 0, or -1 when the arena is
 * spent.
 */
int lattice_mean(const struct lattice *a, const struct lattice *b, float part,
                 const int32_t *classes, struct arena *arena, struct lattice *out);

/* What a column gains in log-odds against the others of its list. */
struct column_odds {
    int column;
    float log_odds;
};

/* The columns of a list weighed anew in steps first … end-1. */
struct lattice_change {
    int first, end;
    const struct column_odds *odds; /* [count], each column once */
    size_t count;
};

/*
 * A copy of a lattice that was read, with changes, one after the other: in each step the odds of
 * the list's columns among themselves become e^log_odds times as high; what they have together
 * stays. classes as above. Returns 0, or -1 when the arena is spent.
 */
int lattice_weigh(const struct lattice *lattice, const struct lattice_change *changes, size_t count,
                  const int32_t *classes, struct arena *arena, struct lattice *out);

#endif
