/*
 * Which characters were read as which: what was read is laid beside the truth (Levenshtein 1966),
 * and every place where they differ is counted.
 */
#ifndef SE_DIAG_CONFUSION_H
#define SE_DIAG_CONFUSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* 0-9, A-Z, and nothing: a character that was not read, or one read where there is none. */
enum { CONFUSION_NOTHING = 36, CONFUSION_SIGNS = 37, CONFUSION_MAX_TEXT = 4096 };

struct confusions {
    unsigned count[CONFUSION_SIGNS][CONFUSION_SIGNS]; /* [truth][read] */
    size_t compared;                                  /* texts that were laid beside each other */
    size_t apart; /* texts that differ too much to be one another's misreading */
};

/*
 * Compares a normalised text with its truth; `anywhere`: with the part of `read` that is most like
 * it. Texts of which more than a third differs are counted as apart, and so are those longer than
 * CONFUSION_MAX_TEXT. SE_ERR_MEMORY.
 */
int confusion_add(struct confusions *confusions, const char *truth, const char *read, bool anywhere,
                  se_error *err);

struct confusion {
    const char *truth, *read; /* one character each; "": nothing */
    unsigned count;
};

/* The pair at `rank`, the most frequent first; false past the last one. */
bool confusion_at(const struct confusions *confusions, size_t rank, struct confusion *out);

/* Characters that must be changed, put in or left out to make one of the other. SE_ERR_MEMORY. */
int confusion_distance(const char *truth, const char *read, size_t *distance, se_error *err);

#endif
