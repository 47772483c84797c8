/*
 * ONNX files: a graph from untrusted bytes.
 *
 * Read are opsets 10 to 17 of the default domain, one graph with one float input of rank 4 and one
 * output, and the operations listed in onnx_ops.c. Everything else is refused by name:
 * SE_ERR_UNSUPPORTED for what is well formed but not handled (an operation, a data type, external
 * data), SE_ERR_MODEL for what is not well formed.
 * Format: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
#ifndef SE_NN_ONNX_ONNX_H
#define SE_NN_ONNX_ONNX_H

#include "nn/ir.h"

/* Metadata of the file ("metadata_props"), in memory of the graph's arena. */
struct onnx_metadata {
    struct onnx_property {
        const char *key;   /* '\0'-terminated */
        const char *value; /* '\0'-terminated, may hold others */
        size_t size;       /* of value */
    } * properties;
    size_t count;
};

/* Reads a model into an empty graph (nn_graph_init). `file` names it in messages. The bytes are not
 * needed afterwards. After a failure the graph holds a part; nn_graph_free frees it. */
int onnx_read(struct nn_graph *graph, struct onnx_metadata *metadata, const void *bytes,
              size_t size, const char *file, se_error *err);
/* Only the metadata and graph->output_shape; nodes and weights are passed over unread. */
int onnx_describe(struct nn_graph *graph, struct onnx_metadata *metadata, const void *bytes,
                  size_t size, const char *file, se_error *err);

#endif
