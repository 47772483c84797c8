/*
 * Lowering: nodes become steps. Shared by lower.c (views, copies, concatenation, the walk) and
 * lower_ops.c (what reaches a backend).
 *
 * Every value gets a tensor in ONNX's own dims over a buffer. Shape-changing operations only make
 * new views; where strides cannot express the change, a COPY step comes first. What a step asks of
 * its tensors (struct nn_step) is checked when the step is made, and a COPY put before it if need
 * be.
 */
#ifndef SE_NN_LOWER_H
#define SE_NN_LOWER_H

#include "nn/infer.h"
#include "nn/plan.h"
#include "nn/tensor.h"

struct lower_use {
    int32_t count; /* nodes' inputs that read the value, and 1 if it is the output */
    int32_t user;  /* a node that reads it */
};

struct lower_place {
    int32_t concat; /* node into whose result the value is computed directly; -1: none */
    int64_t start;  /* first channel */
};

struct lower {
    const struct nn_model *model;
    const struct nn_graph *graph;
    struct nn_planned *planned;
    struct nn_info *info;
    struct nn_node_info *node_info;
    struct nn_tensor *where; /* by value, ONNX dims; valid once `ready` */
    bool *ready;
    bool *own; /* by value: alone in a buffer of its own, made by a step */
    struct lower_use *use;
    struct lower_place *place;
    int32_t step_capacity, buffer_capacity;
    int32_t node; /* the one being lowered */
    bool keep_all;
    se_error *err;
};

/* Fails with `code` and "node 'NAME' (TYPE): …" of the node being lowered. */
int lower_fail(const struct lower *lower, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Gives `tensor` (dims and strides set, contiguous) a new buffer. */
int lower_buffer(struct lower *lower, struct nn_tensor *tensor);
/* Appends an empty step; valid until the next call. */
int lower_step(struct lower *lower, enum nn_op op, struct nn_step **out);
/* Appends a COPY from one tensor to another of the same dims. */
int lower_copy(struct lower *lower, const struct nn_tensor *from, const struct nn_tensor *to);
/* A row-major copy of `from` in a new buffer. */
int lower_contiguous(struct lower *lower, const struct nn_tensor *from, struct nn_tensor *out);
/* Memory for value `id`, whose dims and strides are in `tensor`: in a concatenation's result if it
 * has its place there (strides change then), else a new buffer. Makes the value ready. */
int lower_output(struct lower *lower, int32_t id, struct nn_tensor *tensor);
/* Gives values that are read for the last time before a part of a concatenation is made the place
 * of that part, where this makes the network's tensors smaller (lower_borrow.c). maker[value]:
 * node; -1: none. Not with keep_all: such values do not stay. */
int lower_borrow(struct lower *lower, const int32_t *maker);
/* Lowers the node that is being lowered if it is one that reaches a backend (lower_ops.c). */
int lower_op(struct lower *lower, const struct nn_node *node);

/* Makes all steps of the plan and its input and output. */
int nn_lower(struct nn_planned *planned, const struct nn_shape *input, bool keep_all,
             se_error *err);

#endif
