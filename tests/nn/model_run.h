/*
 * The detector and the recognizer, if they are there, run on a picture of soft stripes: what the
 * tests of all backends share.
 */
#ifndef SE_TESTS_NN_MODEL_RUN_H
#define SE_TESTS_NN_MODEL_RUN_H

#include <stdbool.h>

#include "nn/inspect.h"

enum { MODEL_EXIT_SKIP = 77 };

/* Paths of the models: in $SERIALEYE_MODELS, else in the user's data folder. */
extern char model_detector[512], model_recognizer[512];
/* Sets both; says SKIP and returns false when they are not there. */
bool model_find(void);

struct model_run {
    struct nn_model *model;
    struct nn_exec *exec;
    const float *out;
    struct nn_shape shape;
    int64_t count; /* elements of the output */
};

struct model_run_options {
    bool keep_all;     /* an inspected exec */
    bool alike;        /* all images of a batch are the same */
    struct pool *pool; /* NULL: none */
};

/* Loads, prepares and runs; ends the test when that fails. */
struct model_run model_run_start(const char *path, const struct nn_model_options *options,
                                 const int64_t nhwc[4], const struct model_run_options *how);
void model_run_end(struct model_run *run);

/* Holds the values of `other` that `of` has too, by name, against each other, both inspected:
 * difference(of, other, elements) < limit. Returns how many. */
int model_run_compare(const struct model_run *of, const struct model_run *other, double limit,
                      double (*difference)(const float *a, const float *b, int64_t count));

#endif
