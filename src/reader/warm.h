/*
 * What a GPU gets ready before the first picture: plans and graphs of the usual inputs.
 */
#ifndef SE_READER_WARM_H
#define SE_READER_WARM_H

#include <stddef.h>
#include <stdint.h>

#include "reader/settings.h"

enum { WARM_DETECTOR = 5, WARM_RECOGNIZER = 32 };

/* Inputs [n, h, w, 3] of both networks, the largest first: what is made for it then holds the
 * others, too. */
struct warm {
    int64_t detector[WARM_DETECTOR][4], recognizer[WARM_RECOGNIZER][4];
    int detector_count, recognizer_count;
    /* No more once this many bytes of a GPU are taken, by whatever; 0: no bound. */
    size_t most_bytes;
};

/* The first look at photographs of the usual shapes, and batches of lines up to 640 pixels long. */
void warm_plan(const struct settings_values *values, struct warm *out);

#endif
