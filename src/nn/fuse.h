/*
 * Rewriting a graph: several nodes become one where a backend can do them as one.
 *
 * Every pattern is optional. Constants are checked by value, and nothing is assumed of how a model
 * was exported: where a pattern does not match, the graph stays as it was, and runs.
 */
#ifndef SE_NN_FUSE_H
#define SE_NN_FUSE_H

#include "nn/graph.h"

/* Applies all patterns. SE_ERR_MEMORY. */
int nn_fuse(struct nn_graph *graph, se_error *err);

/* Replaces the linear layer and softmax that make the output by a SELECT of head_columns, with the
 * shortlist. SE_ERR_UNSUPPORTED when the graph does not end so; SE_ERR_ARGUMENT for a column that
 * does not exist or comes twice. */
int nn_fuse_select(struct nn_graph *graph, const struct nn_model_options *options, se_error *err);

#endif
