/*
 * Durations or numbers of pictures, counted by size, as Prometheus wants them. Not thread-safe.
 */
#ifndef SE_SERVE_HISTOGRAM_H
#define SE_SERVE_HISTOGRAM_H

#include "base/buffer.h"

enum { HISTOGRAM_BOUNDS = 12 };

enum histogram_unit { HISTOGRAM_SECONDS, HISTOGRAM_PICTURES, HISTOGRAM_UNITS };

/* Zeroed: of seconds, empty. */
struct histogram {
    enum histogram_unit unit;
    uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* the last: above all bounds */
    double sum;
};

void histogram_add(struct histogram *histogram, double value);
/* Appends the lines of NAME_bucket, NAME_sum and NAME_count. `labels`: name="value",… or "". */
int histogram_append(const struct histogram *histogram, const char *name, const char *labels,
                     struct buffer *out, se_error *err);

#endif
