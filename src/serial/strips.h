/*
 * How clearly the picture says a code: the strips of its lines that the code was read from, in the
 * first reading of these lines and in further ones, and all that each strip may say.
 */
#ifndef SE_SERIAL_STRIPS_H
#define SE_SERIAL_STRIPS_H

#include "serial/rank.h"

/* The most that EVIDENCE_JOINT is told up to. */
#define JOINT_MOST 20.0

/* Sets the terms from EVIDENCE_WHOLE to EVIDENCE_WORST; leaves those as they are that cannot be
 * told (a code from a barcode, a computed check digit, a line without lattice). SE_ERR_MEMORY. */
int strips_measure(const struct work *work, const struct hypothesis *hypothesis,
                   double evidence[EVIDENCE_TERMS], se_error *err);

#endif
