/*
 * Looking inside a run: for tests and for the program that dumps tensors.
 */
#ifndef SE_NN_INSPECT_H
#define SE_NN_INSPECT_H

#include "nn/nn.h"
#include "nn/plan.h"

/* What GEMM, FFN, SELECT and CONV steps meet, as an 8-bit step would round it. */
enum nn_observed { NN_OBSERVED_X, NN_OBSERVED_HIDDEN };

struct nn_observer {
    /* x: [rows, c], rows `pitch` floats apart. Called by the threads that compute. */
    void (*see)(void *context, const struct nn_node *node, enum nn_observed what, const float *x,
                size_t rows, size_t c, ptrdiff_t pitch);
    void *context;
};

/* Shows the operands of all later runs to `observer` (NULL: no more), which outlives them. The CPU
 * backend alone does so. Of shapes that were prepared before, a CONV may be left out. */
void nn_exec_observe(struct nn_exec *exec, const struct nn_observer *observer);

/* As nn_exec_create without a bound, but every tensor stays in memory of its own after a run. Under
 * AddressSanitizer the memory between tensors is forbidden. */
int nn_exec_create_inspected(struct nn_exec **out, const struct nn_model *model, struct pool *pool,
                             se_error *err);
/* The current plan; NULL when there is none. */
const struct nn_planned *nn_exec_planned(const struct nn_exec *exec);

/* Tensors of the current plan of an inspected exec, by index from 0; the input is the first, the
 * others follow in the order of the file. */
size_t nn_exec_value_count(const struct nn_exec *exec);
/* Name in the file, shape in ONNX's own dims, and elements of value `index`; NULL when the value
 * is not materialised (fused away, constant, or of integers). */
const char *nn_exec_value_name(const struct nn_exec *exec, size_t index, struct nn_shape *shape,
                               int64_t *count);
/* Copies it to out[count] in row-major order of its ONNX dims. */
void nn_exec_value_copy(const struct nn_exec *exec, size_t index, float *out);

#endif
