/*
 * Inside of nn_model, for the engine's own files and tests.
 */
#ifndef SE_NN_MODEL_H
#define SE_NN_MODEL_H

#include "nn/backend.h"
#include "nn/graph.h"
#include "nn/onnx/onnx.h"

struct nn_model {
    struct nn_graph graph;
    struct onnx_metadata metadata;    /* in the graph's arena */
    const struct nn_backend *backend; /* NULL of a description */
    void **packed; /* [graph.node_count]; NULL entries where the backend needs nothing */
    size_t packed_bytes;
    bool int8;              /* some nodes are in 8 bits */
    struct nn_model *spare; /* the same on the CPU; NULL: none */
    const char *name;       /* the file, for messages; NULL of a description */
    struct nn_shape output; /* as declared in the file, before any fusion */
};

#endif
