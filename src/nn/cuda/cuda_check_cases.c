#include <string.h>

#include "nn/cuda/cuda_check.h"
#include "nn/tensor.h"

struct builder {
    struct cuda_check_case *cases;
    int count;
    struct arena *arena;
    bool failed;     /* for lack of memory */
    uint32_t random; /* Numerical Recipes' generator */
};

/* Multiples of 1 / 64 between -range and range. */
static float *numbers(struct builder *b, int64_t count, int range)
{
    float *out = arena_alloc(b->arena, (size_t)count, sizeof(*out));
    b->failed |= !out;
    for (int64_t i = 0; out && i < count; i++) {
        b->random = b->random * 1664525U + 1013904223U;
        out[i] = (float)((int)(b->random >> 16) % (128 * range) - 64 * range) / 64;
    }
    return out;
}

#define DIMS(...)                                                                                  \
    (const int64_t[])                                                                              \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static void shape(struct nn_tensor *tensor, int rank, const int64_t *dims)
{
    struct nn_shape s = {.rank = rank};
    memcpy(s.dims, dims, (size_t)rank * sizeof(*dims));
    nn_tensor_row_major(tensor, &s);
    tensor->buffer = 0;
}

static void constant(struct builder *b, struct nn_tensor *tensor, int rank, const int64_t *dims)
{
    shape(tensor, rank, dims);
    tensor->buffer = -1;
    tensor->data = numbers(b, nn_tensor_count(tensor), 1);
}

static void weight(struct builder *b, struct nn_node *node, int slot, int rank, const int64_t *dims)
{
    struct nn_weight *w = &node->weight[slot];
    int64_t count = 1;
    w->rank = rank;
    for (int i = 0; i < rank; i++)
        count *= w->dims[i] = dims[i];
    /* Small ones where many are summed up. */
    float *data = numbers(b, count, 1);
    for (int64_t i = 0; data && rank > 1 && i < count; i++)
        data[i] /= 4;
    w->data = data;
}

/* A case with its operand and result. */
static struct cuda_check_case *add(struct builder *b, const char *name, enum nn_op op, int rank,
                                   const int64_t *x, int out_rank, const int64_t *out)
{
    struct cuda_check_case *one = &b->cases[b->count++];
    *one = (struct cuda_check_case){.name = name};
    one->step.op = one->node.op = op;
    one->step.group = 1;
    one->node.name = one->node.type = name;
    one->step.attr.groups = 1;
    one->step.attr.kernel[0] = one->step.attr.kernel[1] = 1;
    one->step.attr.stride[0] = one->step.attr.stride[1] = 1;
    one->step.attr.dilation[0] = one->step.attr.dilation[1] = 1;
    shape(&one->step.in[NN_IN_X], rank, x);
    shape(&one->step.out, out_rank, out);
    return one;
}

static void set_window(struct cuda_check_case *one, int kernel, int stride, int pad)
{
    struct nn_attr *a = &one->step.attr;
    a->kernel[0] = a->kernel[1] = kernel;
    a->stride[0] = a->stride[1] = stride;
    for (int i = 0; i < 4; i++)
        a->pad[i] = pad;
}

static void add_gemm(struct builder *b, const char *name, int64_t rows, int64_t ci, int64_t co)
{
    struct cuda_check_case *one =
        add(b, name, NN_OP_GEMM, 3, DIMS(1, rows, ci), 3, DIMS(1, rows, co));
    weight(b, &one->node, 0, 2, DIMS(co, ci));
    weight(b, &one->node, 1, 1, DIMS(co));
    constant(b, &one->step.in[NN_IN_RESIDUAL], 3, DIMS(1, rows, co));
    constant(b, &one->step.in[NN_IN_SCALE], 2, DIMS(1, ci));
    one->step.attr.residual = NN_RESIDUAL_AFTER;
    one->step.attr.act.func = NN_FUNC_GELU;
}

static void add_ffn(struct builder *b, const char *name, int64_t rows, int64_t ci, int64_t hidden,
                    int64_t co)
{
    struct cuda_check_case *one =
        add(b, name, NN_OP_FFN, 3, DIMS(1, rows, ci), 3, DIMS(1, rows, co));
    weight(b, &one->node, 0, 2, DIMS(hidden, ci));
    weight(b, &one->node, 1, 1, DIMS(hidden));
    weight(b, &one->node, 2, 2, DIMS(co, hidden));
    weight(b, &one->node, 3, 1, DIMS(co));
    one->step.attr.hidden.func = NN_FUNC_GELU;
    one->step.attr.residual_self = ci == co;
    one->step.attr.residual = ci == co ? NN_RESIDUAL_AFTER : NN_RESIDUAL_NONE;
}

static void add_depthwise(struct builder *b, const char *name, int kernel, int stride, int64_t c)
{
    const int64_t side = 14, out = (side - 1) / stride + 1;
    struct cuda_check_case *one =
        add(b, name, NN_OP_DWCONV, 4, DIMS(2, side, side, c), 4, DIMS(2, out, out, c));
    set_window(one, kernel, stride, kernel / 2);
    one->step.attr.groups = (int32_t)c;
    weight(b, &one->node, 0, 3, DIMS(c, kernel, kernel));
    weight(b, &one->node, 1, 1, DIMS(c));
    one->step.attr.act.func = NN_FUNC_SWISH;
}

static void add_convolutions(struct builder *b)
{
    struct cuda_check_case *one =
        add(b, "conv 3x3", NN_OP_CONV, 4, DIMS(1, 11, 13, 3), 4, DIMS(1, 6, 7, 16));
    set_window(one, 3, 2, 1);
    weight(b, &one->node, 0, 4, DIMS(16, 3, 3, 3));
    weight(b, &one->node, 1, 1, DIMS(16));
    one = add(b, "conv of groups", NN_OP_CONV, 4, DIMS(1, 9, 9, 8), 4, DIMS(1, 9, 9, 12));
    set_window(one, 3, 1, 1);
    one->step.attr.groups = 4;
    weight(b, &one->node, 0, 4, DIMS(12, 2, 3, 3));
    weight(b, &one->node, 1, 1, DIMS(12));
    one->step.attr.act.func = NN_FUNC_RELU;
    one = add(b, "deconv 3x3", NN_OP_DECONV, 4, DIMS(1, 5, 6, 8), 4, DIMS(1, 9, 11, 4));
    set_window(one, 3, 2, 1);
    weight(b, &one->node, 0, 4, DIMS(8, 4, 3, 3));
    weight(b, &one->node, 1, 1, DIMS(4));
    one = add(b, "deconv 2x2", NN_OP_DECONV, 4, DIMS(1, 5, 6, 8), 4, DIMS(1, 10, 12, 4));
    set_window(one, 2, 2, 0);
    weight(b, &one->node, 0, 4, DIMS(8, 4, 2, 2));
    weight(b, &one->node, 1, 1, DIMS(4));
    one->step.attr.act.func = NN_FUNC_SIGMOID;
}

/* Which of `inputs` rows or columns each of `outputs` is a copy of. */
static const int32_t *nearest(struct builder *b, int outputs, int inputs)
{
    int32_t *map = arena_alloc(b->arena, (size_t)outputs, sizeof(*map));
    b->failed |= !map;
    for (int i = 0; map && i < outputs; i++)
        map[i] = i * inputs / outputs;
    return map;
}

static void add_resize(struct builder *b)
{
    struct cuda_check_case *one =
        add(b, "resize", NN_OP_RESIZE, 4, DIMS(1, 5, 7, 16), 4, DIMS(1, 10, 11, 16));
    one->step.attr.map[0] = nearest(b, 10, 5);
    one->step.attr.map[1] = nearest(b, 11, 7);
    one->step.attr.factor[0] = 2; /* the other by its map */
    constant(b, &one->step.in[NN_IN_RESIDUAL], 4, DIMS(1, 10, 11, 16));
    one->step.attr.residual = NN_RESIDUAL_AFTER;
}

static void add_pictures(struct builder *b)
{
    struct cuda_check_case *one =
        add(b, "maxpool", NN_OP_MAXPOOL, 4, DIMS(2, 9, 9, 8), 4, DIMS(2, 5, 5, 8));
    set_window(one, 3, 2, 1);
    one = add(b, "avgpool", NN_OP_AVGPOOL, 4, DIMS(2, 9, 9, 8), 4, DIMS(2, 5, 5, 8));
    set_window(one, 3, 2, 1);
    add_resize(b);
    add(b, "mean over pixels", NN_OP_GAP, 4, DIMS(2, 15, 17, 40), 2, DIMS(2, 40));
}

static void add_rows(struct builder *b)
{
    struct cuda_check_case *one =
        add(b, "layernorm", NN_OP_LAYERNORM, 2, DIMS(13, 120), 2, DIMS(13, 120));
    weight(b, &one->node, 0, 1, DIMS(120));
    weight(b, &one->node, 1, 1, DIMS(120));
    one->step.attr.epsilon = 1e-5F;
    add(b, "softmax", NN_OP_SOFTMAX, 2, DIMS(13, 77), 2, DIMS(13, 77));
    one = add(b, "mean of rows", NN_OP_REDUCE_MEAN, 2, DIMS(19, 33), 1, DIMS(19));
    one->step.attr.reduced = 1;
    one = add(b, "sum of two", NN_OP_BINARY, 2, DIMS(21, 24), 2, DIMS(21, 24));
    constant(b, &one->step.in[NN_IN_B], 2, DIMS(21, 24));
    one->step.attr.binary = NN_BINARY_ADD;
    add(b, "copy", NN_OP_COPY, 1, DIMS(301), 1, DIMS(301));
    one = add(b, "matmul", NN_OP_MATMUL, 4, DIMS(2, 3, 17, 16), 4, DIMS(2, 3, 17, 19));
    constant(b, &one->step.in[NN_IN_B], 4, DIMS(2, 3, 16, 19));
}

static void add_select(struct builder *b)
{
    enum { CLASSES = 1100, COLUMNS = 37, CHANNELS = 48 };
    struct cuda_check_case *one = add(b, "selected head", NN_OP_SELECT, 2, DIMS(9, CHANNELS), 2,
                                      DIMS(9, COLUMNS + NN_SELECT_EXTRA));
    int32_t *columns = arena_alloc(b->arena, COLUMNS, sizeof(*columns));
    b->failed |= !columns;
    for (int i = 0; columns && i < COLUMNS; i++)
        columns[i] = 29 * i;
    one->step.attr.columns = columns;
    one->step.attr.column_count = COLUMNS;
    weight(b, &one->node, 0, 2, DIMS(CLASSES, CHANNELS));
    weight(b, &one->node, 1, 1, DIMS(CLASSES));
}

int cuda_check_cases(struct cuda_check_case cases[CUDA_CHECK_MAX_CASES], int multiprocessors,
                     struct arena *arena)
{
    struct builder b = {.cases = cases, .arena = arena, .random = 1};
    add_gemm(&b, "product, 64 wide", 70, 40, 64);
    add_gemm(&b, "product, 32 wide", 70, 40, 24);
    /* As many rows as make the fused way the one that is taken. */
    add_ffn(&b, "two products, fused", (int64_t)CUDA_FFN_ROWS * multiprocessors, 32, 64, 32);
    add_ffn(&b, "two products", 7, 64, 64, 64);
    add_ffn(&b, "two products, a waist", 3, 48, 12, 48);
    add_depthwise(&b, "depthwise 3x3", 3, 1, 16);
    add_depthwise(&b, "depthwise 3x3 by 2", 3, 2, 16);
    add_depthwise(&b, "depthwise 7x7", 7, 1, 16);
    add_depthwise(&b, "depthwise 5x5", 5, 1, 6);
    add_convolutions(&b);
    add_pictures(&b);
    add_rows(&b);
    add_select(&b);
    for (int i = 0; i < b.count; i++)
        cases[i].node.attr = cases[i].step.attr;
    return b.failed ? 0 : b.count;
}
