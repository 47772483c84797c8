/*
 * Lattices made up for tests: two steps a character, one that shows it and a blank behind it.
 */
#ifndef SE_TESTS_SERIAL_STRIP_BUILDER_H
#define SE_TESTS_SERIAL_STRIP_BUILDER_H

#include "base/lattice.h"
#include "label_builder.h"

enum { STRIP_COLUMNS = 50, STRIP_STEPS = 2 * LABEL_CHARS };

/* Points into itself: must not move once it is spelled. */
struct strip {
    float logp[STRIP_STEPS * STRIP_COLUMNS], reject[STRIP_STEPS], best_logp[STRIP_STEPS];
    int32_t best[STRIP_STEPS];
    struct lattice lattice;
};

/* The text, every character with probability 0.999. */
void strip_spell(struct strip *strip, const char *text);
/* This step says `c` with probability p, `other` with nearly all of the rest; '\0' is the blank. */
void strip_set(struct strip *strip, size_t step, char c, float p, char other);
/* Reads the strip as the recognizer does, and puts it on the label as its next line. */
void strip_add(struct label *label, struct strip *strip);

#endif
