/*
 * Shape inference for one input size. Everything that ONNX computes with integers (Shape, Slice,
 * Concat … of int64 tensors) is known here and is settled here: no integers reach a plan.
 */
#ifndef SE_NN_INFER_H
#define SE_NN_INFER_H

#include "nn/graph.h"

/* What is known of a value. */
struct nn_info {
    struct nn_shape shape;
    const int64_t *ints; /* its elements, if it is of int64; NULL: of float */
};

/* What the node's attributes come to at this size. */
struct nn_node_info {
    struct nn_shape own;                           /* of the result before a residual is added */
    int32_t pad[4];                                /* top, left, bottom, right */
    int64_t start[NN_MAX_RANK], step[NN_MAX_RANK]; /* SLICE, by axis */
    float scale[2];                                /* RESIZE: output / input, h and w */
};

/*
 * Fills info[value_count] and node_info[node_count] (both from `arena`) for an input of `shape` =
 * [n, c, h, w]. SE_ERR_MODEL when shapes contradict (naming the node), SE_ERR_UNSUPPORTED,
 * SE_ERR_MEMORY.
 */
int nn_infer(const struct nn_graph *graph, const struct nn_shape *shape, struct arena *arena,
             struct nn_info **info, struct nn_node_info **node_info, se_error *err);

/* The axis counted from the front, or -1 when it is out of range. */
int nn_axis(int32_t axis, int rank);

#endif
