/*
 * Which parts of a picture deserve a closer look.
 */
#ifndef SE_READER_CLOSER_H
#define SE_READER_CLOSER_H

#include "reader/merge.h"

enum { CLOSER_MAX_REGIONS = 32 };

struct closer_region {
    struct rect area;
    float low; /* height of the lowest line in it that asks for the look; 0: nothing was read */
};

/*
 * Chooses among areas[count] (upright pixels; where there is anything like text) those from which
 * more may be learned, the most promising first, at most `most` (<= CLOSER_MAX_REGIONS) of them:
 * lines that were not read well, text lower than `low` pixels (what stands beside it may be too
 * small to have been found), text that was not found at all. Returns how many.
 */
int closer_regions(const struct merge *merge, const struct rect *areas, int count, float low,
                   int most, struct closer_region regions[CLOSER_MAX_REGIONS]);

#endif
