/*
 * The middle of some numbers.
 */
#ifndef SE_BASE_MEDIAN_H
#define SE_BASE_MEDIAN_H

#include <stddef.h>

/* The median of `count` > 0 numbers, none of them NaN: of an even count the mean of the middle two.
 * Sorts them, the smallest first. */
double median_of(double *values, size_t count);

#endif
