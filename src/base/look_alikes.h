/*
 * Letters of other scripts that are printed exactly like a capital of A … Z. Which script a code's
 * character belongs to cannot be seen, so both are the same to a reader of codes.
 */
#ifndef SE_BASE_LOOK_ALIKES_H
#define SE_BASE_LOOK_ALIKES_H

#include <stdint.h>

enum { LOOK_ALIKES = 29 }; /* how many code points look_alike knows */

/* 0 … 35 (0-9, A-Z) of a code's character: a digit, a letter in either case, or a letter that
 * look_alike knows; -1: none. */
int code_symbol(uint32_t code_point);

/* 'A' … 'Z' for a Greek or Cyrillic capital of the same shape, 0 for anything else. */
char look_alike(uint32_t code_point);

#endif
