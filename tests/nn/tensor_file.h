/*
 * Dumps of tensors (tools/oracle/FORMAT.md) for tests.
 */
#ifndef SE_TESTS_NN_TENSOR_FILE_H
#define SE_TESTS_NN_TENSOR_FILE_H

#include "nn/nn.h"

struct tensor_entry {
    char *name;
    struct nn_shape shape;
    size_t count;
    float *data; /* row-major */
};

struct tensor_file {
    struct tensor_entry *entries;
    size_t count;
};

/* Reads a whole dump; SE_ERR_IO, SE_ERR_CORRUPT. */
int tensor_file_load(struct tensor_file *file, const char *path, se_error *err);
void tensor_file_free(struct tensor_file *file);

/* Copies [n, c, h, w] to [n, h, w, c], or back. */
void tensor_to_channels_last(const struct nn_shape *nchw, const float *from, float *to);
void tensor_to_channels_first(const struct nn_shape *nchw, const float *from, float *to);

#endif
