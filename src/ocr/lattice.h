/*
 * The recognizer's answer for one text line, before any decision is taken.
 *
 *   logp[step][column], column 0 … columns-1    log-probability of alphabet[column]; column 0 is
 * the CTC blank reject[step]                                log of the summed probability of all
 * other classes best[step], best_logp[step]                 the most likely class of the full head
 */
#ifndef SE_OCR_LATTICE_H
#define SE_OCR_LATTICE_H

#include <stddef.h>
#include <stdint.h>

/* What the columns mean; immutable, shared by all lattices of a recognizer. */
struct alphabet {
    int columns;
    const uint32_t *code_points; /* [columns]; [0] is 0: the blank */
};

struct lattice {
    int steps;
    const struct alphabet *alphabet;
    const float *logp; /* [steps, stride], stride >= columns */
    size_t stride;
    const float *reject;    /* [steps] */
    const int32_t *best;    /* [steps] index into the full head */
    const float *best_logp; /* [steps] */
};

#endif
