/*
 * Reads the pictures of a test set and scores what came of it.
 */
#ifndef SE_DIAG_EVALUATE_H
#define SE_DIAG_EVALUATE_H

#include "diag/confusion.h"
#include "diag/score.h"

struct eval_row {
    const struct truth_row *truth;
    se_error error; /* not SE_OK: the picture failed */
    double ms;      /* of the plain reading */
    struct score score;
    se_result *result; /* owned; the plain reading of a picture with a miss, when kept, else NULL */
};

struct eval {
    struct eval_row *rows; /* [count], as in the table */
    size_t count;
    struct arena arena;
    struct confusions confusions;
};

struct eval_options {
    int jobs;   /* pictures side by side, >= 1 */
    bool codes; /* read each picture again for all its lines, without barcodes */
    bool keep_results;
    const struct se_cancel *cancel;
    void (*progress)(size_t done, size_t count); /* may be NULL; one call at a time */
};

/*
 * Reads all pictures: once as se_read does, for the readings and the time, and with `codes` once
 * more for the lines. A picture that fails has an error and counts as not found. SE_ERR_CANCELLED,
 * SE_ERR_MEMORY, and what se_open says; after a failure nothing is left to free.
 */
int eval_run(const struct truth *truth, const se_settings *settings,
             const struct eval_options *options, struct eval *out, se_error *err);
void eval_free(struct eval *eval);

/* Was anything asked for and not found, or called sure and wrong? */
bool eval_is_miss(const struct eval_row *row);

struct eval_counts {
    size_t pictures, failed;
    size_t codes_found, codes_total;
    size_t right, asked; /* first readings */
    size_t sure, wrong;
    bool has_status;
    double ms_median, ms_mean; /* of those that did not fail; NAN without any */
};

/* The figures of one kind, or of all pictures (NULL). SE_ERR_MEMORY. */
int eval_count(const struct eval *eval, const char *kind, struct eval_counts *out, se_error *err);

/* The kinds in the order of their names: the one after `kind` (NULL: the first), or NULL. "" is
 * none. */
const char *eval_next_kind(const struct eval *eval, const char *kind);

/* How far scores can be believed: the first readings of pictures that have a right answer, by
 * score. */
enum { RELIABILITY_BINS = 7 };

struct reliability {
    struct {
        double from, to; /* scores; the last bin holds `to` too */
        double mean;     /* of the scores in it */
        size_t count, right;
    } bins[RELIABILITY_BINS];
    size_t count;
    double error; /* expected calibration error: mean |score - share that is right| */
};

void eval_reliability(const struct eval *eval, struct reliability *out);

#endif
