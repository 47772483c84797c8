/*
 * A user's pattern for serial numbers, a small regular expression that must match the whole code:
 *
 *   A b 7 -      the character itself; upper and lower case are the same
 *   .  \d  \w    a letter or digit; a digit; a letter or digit
 *   [A-HJ-N0-9] [^IO]   one of a set; a letter or digit that is not in it
 *   x? x* x+ x{3} x{2,} x{2,5}
 *   x|y  (xy)    either; a group
 *   \- \. \+ \/  a separator: - . / _ + : or a space, where it is part of the code
 *   ^ at the start and $ at the end change nothing
 *
 * Separators that the pattern does not name may stand anywhere in print and are left out.
 *
 * Compiled by way of Thompson's automaton (1968), subsets, and Moore's minimisation (1956). Hostile
 * patterns stay under PATTERN_MAX_BYTES of memory and a second of time, or are refused.
 */
#ifndef SE_SERIAL_PATTERN_H
#define SE_SERIAL_PATTERN_H

#include "base/status.h"
#include "serial/automaton.h"

enum {
    PATTERN_MAX_LENGTH = 500, /* characters of a pattern */
    PATTERN_MAX_DEPTH = 20,   /* groups in groups */
    PATTERN_MAX_REPEAT = 48,
    PATTERN_MAX_PLACES = 1000, /* of characters, repetitions written out */
    PATTERN_MAX_BYTES = 8 << 20
};

struct pattern;

/* SE_ERR_SETTING: "pattern: position 7: …", counted in characters from 1. SE_ERR_MEMORY. */
int pattern_compile(struct pattern **out, const char *text, se_error *err);
/* NULL is allowed. */
void pattern_free(struct pattern *pattern);
/* Lives as long as the pattern; immutable, shared by threads. */
const struct automaton *pattern_automaton(const struct pattern *pattern);

#endif
