/*
 * Is a part of a code hidden on purpose? Screens and receipts show only the last characters of a
 * number ("SN: ****1234", "xxxx1234", "•••• 1234") or cut what has no room ("5CG32…").
 */
#ifndef SE_SERIAL_MASKS_H
#define SE_SERIAL_MASKS_H

#include "serial/work.h"

/* Do marks that stand for characters lie right beside the candidate, or letters that do in it, or
 * does it end in a dash? A single `*` on either side is none: so Code 39 is printed. */
bool masks_hide(const struct work *work, const struct work_cand *cand);

#endif
