/*
 * Candidates decoded again with what is known: a user's pattern, a list of known serial numbers, a
 * row of the format table. A text that is known to be possible is weighed, by the lattice's
 * probabilities, against what was read and against all else that the lattice may say, so that what
 * is known corrects a reading but cannot invent one.
 *
 *   candidate ─ window of its line's lattice ─ texts of the automaton ─┬─ share of the likeliest
 * one ─ texts whatever they are ┘
 *
 * A candidate without lattice (a barcode, a test) is decoded from its characters and runners-up.
 * All of it stays under work->decode_effort and in the arena of the call.
 */
#ifndef SE_SERIAL_CONSTRAIN_H
#define SE_SERIAL_CONSTRAIN_H

#include "serial/decode.h"
#include "serial/formats.h"
#include "serial/work.h"

enum { CONSTRAIN_EFFORT = 20000000 };

/* A candidate as the pattern or the list has it. */
struct constrained {
    bool matches;                 /* else only `known` is set */
    const struct work_cand *cand; /* the one given, or one made of the text found */
    struct repair repair;
    const char *rule;  /* "pattern", "known list"; static */
    bool fits_pattern; /* as well, where the rule is the list */
    enum ser_known known;
    float certain;                  /* share of the text against all others, 0 … 1 */
    struct ser_unconstrained alone; /* what the picture says without the rule */
};

/* Is there a pattern or a list, and does what was read (or, for a pattern, what looks like it) fit
 * it? For candidates that would be left out otherwise. */
bool constrain_wants(const struct work *work, const struct work_cand *cand);

/* Asks the list, then the pattern. SE_ERR_MEMORY. */
int constrain_cand(struct work *work, const struct work_cand *cand, struct constrained *out,
                   se_error *err);

/* A candidate and its part of the lattice, which is folded for the first format that asks. */
struct constrain_window {
    const struct work_cand *cand;
    struct arena arena;
    struct lattice lattice;
    bool folded, too_much; /* too_much: for the decoder */
};

void constrain_window_open(struct constrain_window *window, const struct work_cand *cand);
void constrain_window_close(struct constrain_window *window);

/* The likeliest code of a format, where what was read is none that passes its check: of the same
 * length or one symbol longer or shorter. Sets *found, *made (see struct constrained) and *repair
 * when it outweighs what was read. SE_ERR_MEMORY. */
int constrain_format(struct work *work, struct constrain_window *window,
                     const struct format *format, struct repair *repair,
                     const struct work_cand **made, bool *found, se_error *err);

/* What else a candidate may say, the likeliest first, under the same rules as its reading: a format
 * or NULL, and `rule` of struct constrained or NULL. texts[n].logp, and *logp for `key`, tell how
 * they compare. SE_ERR_MEMORY. */
int constrain_others(struct work *work, const struct work_cand *cand, const struct format *format,
                     const char *rule, const char *key, struct decode_answer *out, double *logp,
                     se_error *err);

/* What a candidate was read from, in columns of symbols and without separators, in `arena`; *out is
 * NULL where that is too long for a search. SE_ERR_MEMORY. */
int constrain_strip(const struct work *work, const struct work_cand *cand, struct arena *arena,
                    const struct lattice **out, se_error *err);

#endif
