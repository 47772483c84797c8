/*
 * One code in several pictures: texts are weighed by all of its strips together.
 *
 *   strip of picture 0 ─┐ smoothed   each aligned with a text by the CTC forward sum,
 *   strip of picture 1 ─┼──────────> the logarithms added up
 *   strip of picture 2 ─┘
 *
 * A strip may be damaged: of each step a part of the probability is taken to say nothing. Of that
 * part a symbol gets more than the blank, because dirt and glare hide characters more often than
 * they make some up. So a clear strip outweighs a damaged one, two clear ones that differ stand
 * equal, and no strip has a veto.
 */
#ifndef SE_SERIAL_JOINT_H
#define SE_SERIAL_JOINT_H

#include "serial/decode.h"
#include "serial/formats.h"

enum { JOINT_MAX_STRIPS = 32, JOINT_MAX_TEXTS = 600 };

struct joint_text {
    uint8_t symbols[DECODE_MAX_TEXT];
    size_t length;
    double logp; /* of all strips together */
};

struct joint {
    struct lattice strips[JOINT_MAX_STRIPS]; /* smoothed */
    size_t strip_count;
    uint64_t symbols;            /* that any strip holds for possible */
    const struct format *format; /* what the code should be of, or NULL */
    struct joint_text *texts;    /* [JOINT_MAX_TEXTS], after joint_search the likeliest first */
    size_t count;
    size_t effort; /* forward sums that may still be taken */
    struct arena *arena;
};

/* Begins without texts. At most JOINT_MAX_STRIPS strips, from constrain_strip. SE_ERR_MEMORY. */
int joint_open(struct joint *joint, const struct lattice *const *strips, size_t count,
               const struct format *format, struct arena *arena, se_error *err);
/* Adds a text unless it is there already. */
void joint_add(struct joint *joint, const uint8_t *symbols, size_t length);
/* Adds what the strips say, crosses the likeliest texts of different strips, changes single symbols
 * as long as that helps, and puts the texts in order. SE_ERR_MEMORY. */
int joint_search(struct joint *joint, se_error *err);

/* Share of texts[0] among all. */
double joint_share(const struct joint *joint);
/* Share of the texts that have texts[0]'s symbol at `at`; the likeliest other one and its share. */
struct decode_char joint_char(const struct joint *joint, size_t at);
/* Log-probability of a text in one strip. */
double joint_logp(const struct joint *joint, size_t strip, const uint8_t *symbols, size_t length);

#endif
