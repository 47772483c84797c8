/*
 * From a graph and an input size to a plan: steps, buffers, memory.
 *
 *   shapes (infer.c) ─> steps over buffers (lower*.c) ─> backend's compile ─> offsets (memory.c)
 *
 * A plan made is bound to an arena before it runs: data pointers of all steps are set.
 */
#ifndef SE_NN_PLAN_H
#define SE_NN_PLAN_H

#include "nn/backend.h"
#include "nn/memory.h"
#include "nn/model.h"

/* A value of the graph as it lies in memory, in ONNX's own dims. */
struct nn_plan_value {
    const char *name;        /* NULL: not materialised, or not from the file */
    struct nn_tensor tensor; /* data is set by nn_plan_bind */
};

struct nn_planned {
    struct nn_plan plan;
    const struct nn_model *model;
    struct arena arena;        /* maps, values */
    struct nn_buffer *buffers; /* of values, then of scratch */
    int32_t *scratch_buffer;   /* by step: index into buffers, or -1 */
    int32_t buffer_count;
    int64_t input_dims[4];        /* [n, h, w, c] */
    struct nn_tensor input;       /* channels last, contiguous */
    struct nn_tensor output;      /* contiguous in memory */
    struct nn_shape output_shape; /* as nn.h reports it: channels last for 4 dims */
    struct nn_plan_value *values; /* [graph.value_count] when made with keep_all, else NULL */
    double macs;                  /* multiply-adds of one run */
    size_t arena_bytes;           /* that a run needs */
    size_t own_bytes;             /* held by this structure and what it points to */
    bool compiled;                /* by the backend */
    const void *bound;            /* arena that data pointers point into */
};

struct nn_plan_options {
    int threads;
    bool keep_all;    /* no memory is shared and nothing is computed in place (tests) */
    size_t max_bytes; /* for arena_bytes + own_bytes; 0: no bound */
    const struct nn_observer *observer; /* of the first run; NULL: none */
};

/* Makes a plan for inputs [n, h, w, c]. SE_ERR_ARGUMENT for dims that contradict the model,
 * SE_ERR_LIMIT past max_bytes, and the errors of nn_infer and of the backend's compile. */
int nn_plan_make(struct nn_planned **out, const struct nn_model *model, const int64_t nhwc[4],
                 const struct nn_plan_options *options, se_error *err);
void nn_plan_free(struct nn_planned *planned);
/* Points all tensors into `arena` (64-byte aligned, planned->arena_bytes). */
void nn_plan_bind(struct nn_planned *planned, void *arena);
/* Under AddressSanitizer, forbids (or allows again) what lies between the buffers of a plan in
 * which no memory is shared. Does nothing otherwise. */
void nn_plan_guard(const struct nn_planned *planned, bool forbid);

#endif
