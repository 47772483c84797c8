/*
 * The network in memory: tensors, attributes, nodes, and the graph after fusion.
 *
 *   ONNX file ──> struct nn_graph ──fuse──> struct nn_graph ──shapes──> struct nn_plan (backend.h)
 *
 * A graph is a list of nodes in an order in which every node follows its inputs. A node makes one
 * value. Values are numbered; a value is made by a node, or is the graph's input, or a constant.
 * Dimensions in a graph are ONNX's own ([n, c, h, w]); only a plan has physical layouts.
 */
#ifndef SE_NN_IR_H
#define SE_NN_IR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "nn/nn.h"

/* What a node does. The shapes that a backend sees are at struct nn_step in backend.h. */
enum nn_op {
    NN_OP_CONV,   /* convolution: any kernel, stride, padding, dilation, groups */
    NN_OP_DWCONV, /* depthwise: groups = input channels = output channels */
    NN_OP_DECONV, /* transposed convolution */
    NN_OP_GEMM,   /* 1×1 stride-1 convolution, or linear layer */
    NN_OP_FFN,    /* GEMM, activation, GEMM, as one */
    NN_OP_MAXPOOL,
    NN_OP_AVGPOOL,
    NN_OP_GAP,    /* mean over h and w */
    NN_OP_UNARY,  /* y = f(x) */
    NN_OP_BINARY, /* y = f(a ∘ b) with broadcasting */
    NN_OP_REDUCE_MEAN,
    NN_OP_LAYERNORM, /* over the last dimension */
    NN_OP_MATMUL,    /* batched product of two computed matrices */
    NN_OP_SOFTMAX,
    NN_OP_RESIZE,      /* nearest neighbour */
    NN_OP_SELECT,      /* linear layer + log softmax + choice of columns (nn.h) */
    NN_OP_COPY,        /* strided to strided */
    NN_OP_BACKEND_END, /* those above reach a backend; those below are settled by the planner */
    NN_OP_CONCAT = NN_OP_BACKEND_END,
    NN_OP_IDENTITY,
    NN_OP_RESHAPE,
    NN_OP_TRANSPOSE,
    NN_OP_SQUEEZE,
    NN_OP_UNSQUEEZE,
    NN_OP_SLICE,
    NN_OP_SHAPE,
    NN_OP_COUNT
};

/* Short name for messages: "GEMM". */
const char *nn_op_name(enum nn_op op);

/* One-argument functions: the whole of NN_OP_UNARY, or fused behind another operation. */
enum nn_func {
    NN_FUNC_NONE,
    NN_FUNC_RELU,
    NN_FUNC_SIGMOID,     /* 1 / (1 + exp(-x)) */
    NN_FUNC_HARDSIGMOID, /* min(1, max(0, alpha·x + beta)) */
    NN_FUNC_GELU,        /* 0.5·x·(1 + erf(x / √2)) */
    NN_FUNC_SWISH,       /* x · sigmoid(x) */
    NN_FUNC_ERF,         /* this one and those below are never fused behind an operation */
    NN_FUNC_SQRT,
    NN_FUNC_COUNT
};

struct nn_activation {
    enum nn_func func;
    float alpha, beta; /* of NN_FUNC_HARDSIGMOID */
};

enum nn_binary { NN_BINARY_ADD, NN_BINARY_SUB, NN_BINARY_MUL, NN_BINARY_DIV, NN_BINARY_POW };

/* Where a GEMM, FFN or RESIZE adds its residual input r to its own result v. */
enum nn_residual {
    NN_RESIDUAL_NONE,
    NN_RESIDUAL_BEFORE, /* y = act(v + r) */
    NN_RESIDUAL_AFTER   /* y = act(v) + r */
};

/*
 * Attributes in the form a backend uses. In a node, `pad` and `resize` may still be open (they can
 * depend on the input's size); in a step all are settled.
 */
struct nn_attr {
    int32_t kernel[2], stride[2], dilation[2]; /* h, w */
    int32_t pad[4];                            /* top, left, bottom, right */
    int32_t groups;
    bool count_include_pad; /* AVGPOOL: divide by the kernel's area, also where it hangs over */
    enum nn_binary binary;
    struct nn_activation act;    /* applied to the result; of FFN: to the last result */
    struct nn_activation hidden; /* FFN: between the two products */
    enum nn_residual residual;
    bool residual_self; /* FFN: the residual is the (scaled) input itself; no IN_RESIDUAL then */
    float epsilon;      /* LAYERNORM: y = (x - mean) / sqrt(var + epsilon) · gamma + beta */
    int32_t reduced;    /* REDUCE_MEAN: how many trailing dimensions of x are averaged away */
    /* RESIZE: y[i][j] = x[map[0][i]][map[1][j]]; factor[d] > 0 when map[d][i] = i / factor[d]. */
    const int32_t *map[2];
    int32_t factor[2];
    const int32_t *columns; /* SELECT: [column_count], distinct */
    size_t column_count;
    struct nn_shortlist shortlist; /* SELECT: none of them chosen */
};

/* Columns of a SELECT of so many classes that are computed for every row. */
static inline double nn_select_columns(const struct nn_attr *attr, int64_t classes)
{
    const size_t count = attr->shortlist.count;
    return count > 0 ? (double)(attr->column_count + count) : (double)classes;
}

/*
 * Weights of a node, contiguous float32, at 64-byte boundaries. Slots:
 *   CONV      0: [co, ci / groups, kh, kw]   1: bias [co]
 *   DWCONV    0: [c, kh, kw]                 1: bias [c]
 *   DECONV    0: [ci, co / groups, kh, kw]   1: bias [co]
 *   GEMM      0: [co, ci]                    1: bias [co]
 *   FFN       0: [hidden, ci]                1: bias [hidden]   2: [co, hidden]   3: bias [co]
 *   LAYERNORM 0: gamma [c]                   1: beta [c]
 *   SELECT    0: [classes, ci]               1: bias [classes]
 * Biases may be absent (data NULL); gamma and beta too.
 */
enum { NN_WEIGHTS = 4 };

struct nn_weight {
    const float *data; /* NULL: absent */
    int rank;
    int64_t dims[4];
};

/* Between what a node's channels lie, where it is to be computed in 8 bits. */
struct nn_quant {
    const int16_t *x; /* [3·ci] as in struct nn_range; NULL: in float32. Valid while packing */
    const int16_t *hidden; /* FFN: [3·hidden] */
};

/* Input slots of a node and of a step. */
enum nn_input {
    NN_IN_X,        /* the operand */
    NN_IN_B,        /* BINARY, MATMUL: the second operand */
    NN_IN_SCALE,    /* GEMM, FFN: factor per image and input channel, before the product */
    NN_IN_RESIDUAL, /* GEMM, FFN, RESIZE: what attr.residual adds */
    NN_INPUTS
};

enum { NN_NO_VALUE = -1 };

/* Attributes that only shape inference and the planner need. */
struct nn_shape_attr {
    enum { NN_PAD_EXPLICIT, NN_PAD_SAME_UPPER, NN_PAD_SAME_LOWER, NN_PAD_VALID } auto_pad;
    bool ceil_mode;
    bool keep_dims;
    int32_t axis;          /* CONCAT, SOFTMAX */
    int32_t output_pad[2]; /* DECONV */
    int32_t axis_count;    /* REDUCE_MEAN, SQUEEZE, UNSQUEEZE, TRANSPOSE (perm) */
    int32_t axes[NN_MAX_RANK];
    enum { NN_COORD_ASYMMETRIC, NN_COORD_HALF_PIXEL, NN_COORD_PYTORCH, NN_COORD_CORNERS } coord;
    enum { NN_ROUND_PREFER_FLOOR, NN_ROUND_PREFER_CEIL, NN_ROUND_FLOOR, NN_ROUND_CEIL } round;
};

struct nn_node {
    enum nn_op op;
    const char *name;      /* of the ONNX node (the main one of a fused group), for messages */
    const char *type;      /* its ONNX operation, for messages */
    int32_t in[NN_INPUTS]; /* values by slot; NN_NO_VALUE where there is none */
    /* All inputs of CONCAT; x, then shape, starts, ends, axes, steps, scales, sizes of the
     * operations whose shapes are computed. in[NN_IN_X] is list[0] then. */
    int32_t *list;
    int32_t list_count;
    int32_t out;
    struct nn_attr attr;
    struct nn_shape_attr shape;
    struct nn_weight weight[NN_WEIGHTS];
    struct nn_quant quant;
};

enum nn_type { NN_TYPE_FLOAT, NN_TYPE_INT64 };

/* A constant: an initializer of the file, or one made by fusion. */
struct nn_const {
    enum nn_type type; /* int32 tensors are widened */
    int rank;
    int64_t dims[NN_MAX_RANK];
    size_t count; /* elements */
    union {
        const float *f;
        const int64_t *i;
        const void *any;
    } data; /* count elements at a 64-byte boundary; owned by the graph */
};

struct nn_value {
    const char *name;                /* of the ONNX tensor */
    const struct nn_const *constant; /* NULL: computed */
};

struct nn_blob; /* memory of constants and weights (graph.c) */

struct nn_graph {
    struct arena arena; /* names, lists, nodes, constants' headers */
    struct nn_blob *blobs;
    struct nn_value *values;
    int32_t value_count, value_capacity;
    struct nn_node *nodes; /* in a valid order */
    int32_t node_count, node_capacity;
    int32_t input, output;                     /* the only ones */
    struct nn_shape input_shape, output_shape; /* as declared; -1: free */
};

#endif
