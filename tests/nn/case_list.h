/*
 * The small models of cases/ against the results ONNX Runtime gave for them (cases/make_cases.py):
 * each operation and its variants, the patterns that fusion looks for, and near misses. The same
 * list for every backend.
 */
#ifndef SE_TESTS_NN_CASE_LIST_H
#define SE_TESTS_NN_CASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "nn/nn.h"

/* One way to run all cases. */
struct case_variant {
    const char *name;
    struct nn_model_options options;
    bool keep_all; /* every tensor, or memory shared */
};

struct case_list {
    const char *name;
    const struct case_variant *variants;
    size_t count;
    /* Of the error, relative to the largest expected number where that is above 1. */
    double (*limit)(const struct nn_model *model);
    /* May this backend openly refuse the case, naming ConvTranspose? NULL: none. */
    bool (*may_be_refused)(const char *name, const struct case_variant *variant);
    /* Before a variant; false: this machine cannot run it, which was said. NULL: nothing to do. */
    bool (*begin)(const struct case_variant *variant);
};

/*
 * Runs every case of a folder in every variant, three times: a second input in between shows what
 * is left over from a run before. argv: FOLDER [NAME], only cases whose name contains NAME. Returns
 * the exit status.
 */
int case_list_run(const struct case_list *list, int argc, char **argv);

#endif
