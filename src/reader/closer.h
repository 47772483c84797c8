/*
 * Which parts of a picture deserve a closer look.
 */
#ifndef SE_READER_CLOSER_H
#define SE_READER_CLOSER_H

#include "reader/merge.h"

enum { CLOSER_MAX_REGIONS = 32, CLOSER_MAX_LINES = 32 };

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

/* Which lines are to be read again. */
struct closer_wish {
    float doubt;     /* more characters than this are expected to be wrong */
    int votes;       /* read fewer times than this besides the first */
    size_t readings; /* in which one of the first so many readings lies; 0: any line */
};

/*
 * Quads of lines that may be, or hold, an identifier and that are wished for, the most doubtful
 * first, at most `most` of them. Returns how many.
 */
int closer_lines(const struct merge *merge, const struct closer_wish *wish, int most,
                 struct quad quads[]);

#endif
