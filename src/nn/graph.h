/*
 * Building and owning a graph. All memory of a graph goes with nn_graph_free.
 */
#ifndef SE_NN_GRAPH_H
#define SE_NN_GRAPH_H

#include "nn/ir.h"

/* Bounds of any graph, against hostile files. */
enum { NN_MAX_NODES = 1 << 16, NN_MAX_VALUES = 1 << 18 };

void nn_graph_init(struct nn_graph *graph);
void nn_graph_free(struct nn_graph *graph);

/* Adds a value; `name` (may be NULL: made by fusion) must live as long as the graph. */
int nn_graph_add_value(struct nn_graph *graph, const char *name, const struct nn_const *constant,
                       int32_t *id, se_error *err);
/* Appends a copy of *node. */
int nn_graph_add_node(struct nn_graph *graph, const struct nn_node *node, se_error *err);
/* A node with nothing in it but no values in its slots. */
struct nn_node nn_node_empty(enum nn_op op);

/* Memory for weights: `count` elements of `size` bytes at a 64-byte boundary, zeroed, owned by the
 * graph. SE_ERR_MEMORY. */
int nn_graph_blob(struct nn_graph *graph, size_t count, size_t size, void **out, se_error *err);
/* A float constant of dims `shape` over data from nn_graph_blob. */
int nn_graph_constant(struct nn_graph *graph, const struct nn_shape *shape, const float *data,
                      const struct nn_const **out, se_error *err);

/* Frees the weights of all nodes that are not also constants in use as inputs, and sets their data
 * to NULL: for backends that keep their own. */
void nn_graph_drop_weights(struct nn_graph *graph);
/* Bytes of all blobs. */
size_t nn_graph_bytes(const struct nn_graph *graph);

/* Elements of a shape whose dims are all known and > 0; false on overflow past 2^48. */
bool nn_shape_count(const struct nn_shape *shape, int64_t *count);
bool nn_shape_equal(const struct nn_shape *a, const struct nn_shape *b);
/* "[1, 24, 80, 80]", "[?, 3, ?, ?]". */
enum { NN_SHAPE_TEXT = 160 };
const char *nn_shape_text(const struct nn_shape *shape, char text[NN_SHAPE_TEXT]);

#endif
