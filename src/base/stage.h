/*
 * Where the time of one call goes. The stages are timed on the calling thread, one after another,
 * whatever the number of threads that work on each.
 */
#ifndef SE_BASE_STAGE_H
#define SE_BASE_STAGE_H

#include "base/budget.h"

enum stage {
    STAGE_DECODE,    /* bytes to pixels, in all looks */
    STAGE_BARCODES,  /* looking for barcodes, in grey */
    STAGE_DETECT,    /* resizing, the detector, boxes out of its map */
    STAGE_CROP,      /* lines cut out into the recognizer's input */
    STAGE_RECOGNIZE, /* the recognizer, lattices and text out of its output */
    STAGE_SERIAL,    /* what is the serial number */
    STAGE_COUNT
};

struct stage_use {
    int64_t ns;
    double flop;  /* of the networks' products: 2 for a multiplication and an addition */
    double bytes; /* made: pixels decoded or searched, the networks' input cut out */
};

struct stage_times {
    struct stage_use stages[STAGE_COUNT];
};

/* "decode", "barcodes", … Static storage. */
const char *stage_name(enum stage stage);

/* Adds what was done since `start_ns` (of clock_now_ns) to the budget's times, if it has any.
 * `budget` may be NULL. */
void stage_add(const struct budget *budget, enum stage stage, int64_t start_ns, double flop,
               double bytes);

#endif
