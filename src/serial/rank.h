/*
 * Weighs the evidence for every candidate and puts distinct identifiers in order.
 *
 * Evidence adds up as log-odds that the candidate is an identifier of its kind, rightly cut and
 * rightly read. The order answers "what is the serial number of this device?": an announced serial
 * number first, then what else names this one device (VIN, container, asset tag), then codes that
 * nothing announces, last what names a kind of device (part, GTIN).
 */
#ifndef SE_SERIAL_RANK_H
#define SE_SERIAL_RANK_H

#include "serial/evidence.h"
#include "serial/formats.h"
#include "serial/work.h"

/* A candidate as understood. */
struct hypothesis {
    const struct work_cand *cand;
    const struct format *format; /* NULL: generic */
    struct repair repair;        /* the code as understood; of a generic one: as read */
    enum ser_kind kind;
    double evidence[EVIDENCE_TERMS];
    float logit;   /* evidence_sum of it */
    float certain; /* probability that all characters are right, 0 … 1 */
    float rank;    /* order of answers */
    unsigned sources;
    const char *rule; /* what the user gave that it fits: see struct constrained; or NULL */
    bool fits_pattern;
    struct ser_unconstrained alone;
    enum ser_known known;
    bool repeated;   /* seen at two places */
    bool copied;     /* was, which does not count: so were other texts, and no word announces it */
    bool agreed;     /* text and barcode say the same */
    bool express;    /* a service tag whose express service code stands in the picture */
    bool cut_before; /* a barcode has two or three letters more before it */
    bool apart; /* a word asks for a serial number here that announces no better answer: of another
                   device; set by output.c */
    float shared;   /* how much better the best of the other places that its word may announce is
                       explained, at most 0; -10: none; set by output.c */
    bool contested; /* another code that nothing announces has bars as well; set by output.c */
    /* The barcode whose content this text shows, misread or in part; and what says nearly the same,
     * text against barcode or barcode against text. NULL: none. */
    const struct hypothesis *same_as, *disputed;
};

struct ranking {
    struct hypothesis **items; /* distinct codes, the best explained first */
    size_t count;
};

/* Understands all candidates and orders them by evidence, the best explained first. Product keys
 * and passwords do not appear. SE_ERR_MEMORY. */
int rank_all(struct work *work, struct ranking *out, se_error *err);

/* For qsort of struct hypothesis *: the likelier answer first. */
int rank_compare(const void *a, const void *b);

/* Evidence for the choice and for the characters together: what decides between understandings of
 * one place. */
float rank_evidence(const struct hypothesis *hypothesis);

/* Is it the number of a part, or of a kind that devices have besides their own? */
bool rank_is_second(const struct hypothesis *hypothesis);

/* Does a word say that? */
bool rank_is_announced_second(const struct hypothesis *hypothesis);

/* Do other symbols of the picture prove those of the code: a check digit, an express service code?
 */
bool rank_is_proven(const struct hypothesis *hypothesis);

/* Adds to one term; keeps the sum and the place in the order right. */
void rank_add(struct hypothesis *hypothesis, enum evidence_term term, float value);

/* Do two candidates share characters of the picture? */
bool rank_overlap(const struct work_cand *a, const struct work_cand *b);

#endif
