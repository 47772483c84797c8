/*
 * Makes candidates: pieces of text that may be identifiers, cut in every sensible way.
 */
#ifndef SE_SERIAL_CANDIDATES_H
#define SE_SERIAL_CANDIDATES_H

#include "serial/work.h"

/* Adds the candidates that lie within one line. SE_ERR_MEMORY. */
int candidates_find(struct work *work, se_error *err);

/* Adds a candidate made of `count` pieces; *out is NULL where they make no code (too short, too
 * long, letters of other scripts) or WORK_MAX_CANDS is reached. SE_ERR_MEMORY. */
int candidates_add(struct work *work, const struct work_piece *pieces, size_t count,
                   struct work_cand **out, se_error *err);

#endif
