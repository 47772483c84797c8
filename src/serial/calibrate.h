/*
 * From evidence to a probability that keeps its word: measures what the calibration needs besides
 * the terms that the search ranks by, and says what a reader of the result may rely on.
 *
 * The weights are in calibration_table.c, which tools/calibrate writes; docs/ACCURACY.md tells how
 * they were found and how well they hold.
 */
#ifndef SE_SERIAL_CALIBRATE_H
#define SE_SERIAL_CALIBRATE_H

#include "serial/rank.h"

/* Fills the terms of `evidence` from EVIDENCE_CLEAR on, for the hypothesis that stands `place`-th
 * among the answers (0: the first), or `alone`. All other terms must be there. Whatever they hold,
 * also what is not a number, the terms filled are finite. SE_ERR_MEMORY. */
int calibrate_measure(const struct work *work, const struct hypothesis *hypothesis, size_t place,
                      bool alone, double evidence[EVIDENCE_TERMS], se_error *err);

#endif
