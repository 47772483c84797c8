/*
 * Shared by the patterns: who makes and who reads each value, kept up to date as nodes merge.
 *
 * A merged node stands where the last of its parts stood, so that all inputs still come before it.
 * Parts that went are marked dead and removed at the end.
 */
#ifndef SE_NN_FUSE_GRAPH_H
#define SE_NN_FUSE_GRAPH_H

#include "nn/fuse.h"

struct fuse {
    struct nn_graph *graph;
    int32_t *maker; /* by value: the node that makes it, or -1 */
    int32_t *uses;  /* by value: inputs that read it, and 1 if it is the output */
    bool *dead;     /* by node */
    int32_t value_room;
    se_error *err;
};

/* The node that makes a value, or NULL. */
struct nn_node *fuse_maker(const struct fuse *fuse, int32_t value);
/* The same if it is of this operation and nothing else reads the value. */
struct nn_node *fuse_only(const struct fuse *fuse, int32_t value, enum nn_op op);
/* The float constant behind a value, or NULL. */
const struct nn_const *fuse_constant(const struct fuse *fuse, int32_t value);
/* Is it a constant of rank 0 (or of one element and rank 1) within 1e-6 of `number`? */
bool fuse_is_number(const struct fuse *fuse, int32_t value, double number);
/* For a BINARY of this kind: the operand other than the one where test(operand) holds. If `b` is a
 * constant: *x the other. Tries both orders where the operation commutes. */
bool fuse_with_constant(const struct fuse *fuse, const struct nn_node *node, int32_t *x,
                        int32_t *constant);

void fuse_set_input(struct fuse *fuse, struct nn_node *node, enum nn_input slot, int32_t value);
void fuse_kill(struct fuse *fuse, struct nn_node *node);
/* Makes `tail` do what `head` did, under tail's output; head goes, and so do tail's own inputs. */
void fuse_into(struct fuse *fuse, struct nn_node *head, struct nn_node *tail);

/* A new zeroed float array owned by the graph; NULL sets *status. */
float *fuse_floats(struct fuse *fuse, int64_t count, int *status);

/* Channels that an operation with weights makes. */
int64_t fuse_outputs(const struct nn_node *node);

/* Each looks for patterns that end at `node`; sets *changed when it rewrote something. */
int fuse_local(struct fuse *fuse, struct nn_node *node, bool *changed);
int fuse_blocks(struct fuse *fuse, struct nn_node *node, bool *changed);

#endif
