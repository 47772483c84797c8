/*
 * Which parts of a picture deserve a closer look.
 */
#ifndef SE_READER_CLOSER_H
#define SE_READER_CLOSER_H

#include "reader/merge.h"

enum { CLOSER_MAX_REGIONS = 32 };

/*
 * The regions round the lines that were read least well, most promising first, at most `most`
 * (<= CLOSER_MAX_REGIONS) of them; regions that touch become one. Without any line: the whole
 * picture. Every region lies inside the picture of width × height upright pixels and is at least
 * 1 × 1. Returns how many.
 */
int closer_regions(const struct merge *merge, int width, int height, int most,
                   struct rect regions[CLOSER_MAX_REGIONS]);

#endif
