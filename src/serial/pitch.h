/*
 * Is a character missing from a code? Glare, a scratch or a blot hides characters; the recognizer
 * then reads on behind them as if nothing had stood there. What gives them away is the distance of
 * those that are left: print has a pitch.
 */
#ifndef SE_SERIAL_PITCH_H
#define SE_SERIAL_PITCH_H

#include <stdbool.h>

#include "serial/work.h"

/* The widest place inside the candidate where nothing was read: how much further two neighbours are
 * apart than their shapes ask for, in widths of a digit. About 0 in even print, about 1 where one
 * character is missing. 0 where that cannot be told: text of other sources than a lattice, fewer
 * than five characters in a piece. */
double pitch_gap(const struct work *work, const struct work_cand *cand);

/* How much of a character's room right before the candidate's first character or right behind its
 * last one is covered by something solid, 0 … 1: the text may go on beneath. 0 where nothing is
 * known of the pixels. */
double pitch_cover(const struct work *work, const struct work_cand *cand);

/* Does a short group of capitals and digits stand beside the candidate, further off than a space
 * and as near as a few hidden characters, or in a box of its own that adjoins the candidate's: may
 * both be pieces of one code? Also: digits as far from groups of digits as these are apart, and two
 * or three letters between the word that announces digits and these. */
bool pitch_is_torn(const struct work *work, const struct work_cand *cand);

#endif
