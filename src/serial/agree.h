/*
 * What several candidates say about one code: the same code at several places, printed and in a
 * barcode, as a Dell service tag and as its express service code.
 */
#ifndef SE_SERIAL_AGREE_H
#define SE_SERIAL_AGREE_H

#include "serial/rank.h"

/* Joins items[0 … count) that are the same code into the best of them; puts what is left into
 * out[0 … returned). Items of one code share their barcode's and places' evidence. */
size_t agree_join(struct hypothesis *items, size_t count, struct hypothesis **out);

/* Holds text against barcodes: a barcode that contains a printed code and something more speaks for
 * it; one that nearly is its content is that content misread, or, when a word announces it, less
 * sure. */
void agree_with_barcodes(const struct work *work, struct hypothesis **items, size_t count);

/* A Dell service tag, read as a number in base 36, is the express service code: where that stands
 * on the label, it proves or corrects the tag. */
void agree_express(const struct work *work, struct hypothesis *items, size_t count);

/* Least number of symbols to change, add or leave out so that `part` is found within `whole`;
 * `limit` + 1 when there are more than `limit`. Both at most WORK_MAX_CODE long. */
size_t agree_distance(const char *part, const char *whole, size_t limit);

#endif
