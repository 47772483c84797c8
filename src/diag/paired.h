/*
 * Is a change better, or was it luck? Two ways of reading the same pictures are compared picture by
 * picture: only those count that one got right and the other did not.
 */
#ifndef SE_DIAG_PAIRED_H
#define SE_DIAG_PAIRED_H

#include <stddef.h>

/* Probability that of gained + lost pictures so many or more fall to one side when both sides are
 * as likely: the exact test of McNemar (1947), two-sided. 1 without any. */
double paired_p(size_t gained, size_t lost);

/* Corrects p[0 … count) for having tried `count` things (Holm 1979): adjusted[i] is the level at
 * which the i-th would still count among all of them. At most PAIRED_MOST. */
enum { PAIRED_MOST = 256 };
void paired_adjust(const double *p, size_t count, double *adjusted);

#endif
