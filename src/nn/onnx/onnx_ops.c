/*
 * What each ONNX operation becomes. One row of the table at the end per operation.
 *
 * Weights must be constants; they are copied into the layout that ir.h promises. A convolution of
 * 1×1 at stride 1 and a product with a constant matrix are the same operation here: GEMM.
 */
#include <math.h>
#include <string.h>

#include "nn/onnx/onnx_reader.h"

/* Kernel sizes, strides and paddings are small numbers; this bounds what a file may ask for. */
enum { MAX_GEOMETRY = 1 << 15 };

struct onnx_op {
    const char *type;
    int (*translate)(struct onnx_reader *reader, struct onnx_node *node, const struct onnx_op *op);
    int min_inputs, max_inputs; /* max 0: any number */
    int detail;                 /* enum nn_op, nn_func or nn_binary, as translate wants it */
};

/* ---- pieces --------------------------------------------------------------------------------- */

static const struct nn_const *constant_of(const struct onnx_reader *reader, int32_t value)
{
    return value == NN_NO_VALUE ? NULL : reader->graph->values[value].constant;
}

/* Does the planner look at inputs beyond the slots of ir.h? */
static bool wants_list(enum nn_op op)
{
    return op == NN_OP_CONCAT || op == NN_OP_RESHAPE || op == NN_OP_RESIZE || op == NN_OP_SLICE ||
           op == NN_OP_SQUEEZE || op == NN_OP_UNSQUEEZE;
}

/* Adds the node under its output's name. */
static int add(struct onnx_reader *reader, const struct onnx_node *from, struct nn_node *node)
{
    node->name = from->name;
    node->type = from->type;
    if (wants_list(node->op)) {
        node->list = from->in;
        node->list_count = from->in_count;
    }
    FORWARD_IF_ERROR(onnx_define(reader, from->out, NULL, from->name, &node->out));
    return nn_graph_add_node(reader->graph, node, reader->err);
}

/* Input `index` as a float constant of rank `rank`. */
static int weight(struct onnx_reader *reader, struct onnx_node *node, int index, int rank,
                  const struct nn_const **out)
{
    const struct nn_const *constant = constant_of(reader, node->in[index]);
    *out = constant;
    if (!constant)
        return onnx_node_fail(reader, node, SE_ERR_UNSUPPORTED,
                              "its input %d is not a constant; weights must be", index);
    if (constant->type != NN_TYPE_FLOAT || constant->rank != rank || constant->count == 0)
        return onnx_node_fail(reader, node, SE_ERR_MODEL,
                              "its input %d should hold floats of %d dimensions, none of them 0",
                              index, rank);
    return SE_OK;
}

static void set_weight(struct nn_weight *slot, const float *data, int rank, const int64_t *dims)
{
    slot->data = data;
    slot->rank = rank;
    memcpy(slot->dims, dims, (size_t)rank * sizeof(*dims));
}

/* The optional bias at input `index`, of `count` elements, into slot 1. */
static int bias(struct onnx_reader *reader, struct onnx_node *from, int index, int64_t count,
                struct nn_node *node)
{
    if (from->in_count <= index || from->in[index] == NN_NO_VALUE)
        return SE_OK;
    const struct nn_const *constant;
    FORWARD_IF_ERROR(weight(reader, from, index, 1, &constant));
    if (constant->dims[0] != count)
        return onnx_node_fail(reader, from, SE_ERR_MODEL, "%lld biases for %lld channels",
                              (long long)constant->dims[0], (long long)count);
    set_weight(&node->weight[1], constant->data.f, 1, constant->dims);
    return SE_OK;
}

/* A pair attribute [h, w] (both `standard` when absent). */
static int pair(struct onnx_reader *reader, struct onnx_node *node, const char *name, int64_t low,
                int32_t standard, int32_t out[2])
{
    int32_t count;
    out[0] = out[1] = standard;
    FORWARD_IF_ERROR(onnx_attr_ints(reader, node, name, low, MAX_GEOMETRY, 2, out, &count));
    if (count == 1)
        return onnx_node_fail(reader, node, SE_ERR_UNSUPPORTED, "1-dimensional '%s'", name);
    return SE_OK;
}

/* strides, dilations, pads, auto_pad; `kernel` is known. */
static int geometry(struct onnx_reader *reader, struct onnx_node *from, struct nn_node *node)
{
    static const char *const auto_pads[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", NULL};
    struct nn_attr *attr = &node->attr;
    int32_t count;
    int choice;
    FORWARD_IF_ERROR(pair(reader, from, "strides", 1, 1, attr->stride));
    FORWARD_IF_ERROR(pair(reader, from, "dilations", 1, 1, attr->dilation));
    FORWARD_IF_ERROR(onnx_attr_ints(reader, from, "pads", 0, MAX_GEOMETRY, 4, attr->pad, &count));
    if (count != 0 && count != 4)
        return onnx_node_fail(reader, from, SE_ERR_UNSUPPORTED, "%d numbers in attribute 'pads'",
                              count);
    FORWARD_IF_ERROR(onnx_attr_choice(reader, from, "auto_pad", auto_pads, 0, &choice));
    node->shape.auto_pad = choice == 0   ? NN_PAD_EXPLICIT
                           : choice == 1 ? NN_PAD_SAME_UPPER
                           : choice == 2 ? NN_PAD_SAME_LOWER
                                         : NN_PAD_VALID;
    for (int d = 0; d < 2; d++) {
        const int64_t extent = (int64_t)(attr->kernel[d] - 1) * attr->dilation[d] + 1;
        if (extent > MAX_GEOMETRY)
            return onnx_node_fail(reader, from, SE_ERR_UNSUPPORTED, "a kernel that spans %lld",
                                  (long long)extent);
        if (attr->pad[d] >= extent || attr->pad[d + 2] >= extent)
            return onnx_node_fail(reader, from, SE_ERR_UNSUPPORTED,
                                  "padding as wide as the kernel");
    }
    return SE_OK;
}

/* group, and kernel_shape against the weights' [.., .., kh, kw]. */
static int kernel_of_weights(struct onnx_reader *reader, struct onnx_node *from,
                             const struct nn_const *w, struct nn_node *node)
{
    int64_t groups;
    int32_t declared[2], count;
    FORWARD_IF_ERROR(onnx_attr_int(reader, from, "group", 1, &groups));
    FORWARD_IF_ERROR(
        onnx_attr_ints(reader, from, "kernel_shape", 1, MAX_GEOMETRY, 2, declared, &count));
    if (w->dims[2] > MAX_GEOMETRY || w->dims[3] > MAX_GEOMETRY || w->dims[0] > INT32_MAX ||
        w->dims[1] > INT32_MAX)
        return onnx_node_fail(reader, from, SE_ERR_UNSUPPORTED, "weights this large");
    if (count != 0 && (count != 2 || declared[0] != w->dims[2] || declared[1] != w->dims[3]))
        return onnx_node_fail(reader, from, SE_ERR_MODEL,
                              "kernel_shape differs from the weights' %lld×%lld",
                              (long long)w->dims[2], (long long)w->dims[3]);
    if (groups < 1 || w->dims[0] % groups != 0)
        return onnx_node_fail(reader, from, SE_ERR_MODEL, "%lld groups for %lld channels",
                              (long long)groups, (long long)w->dims[0]);
    node->attr.groups = (int32_t)groups;
    node->attr.kernel[0] = (int32_t)w->dims[2];
    node->attr.kernel[1] = (int32_t)w->dims[3];
    return SE_OK;
}

static bool is_pointwise(const struct nn_node *node)
{
    const struct nn_attr *a = &node->attr;
    return a->kernel[0] == 1 && a->kernel[1] == 1 && a->stride[0] == 1 && a->stride[1] == 1 &&
           !a->pad[0] && !a->pad[1] && !a->pad[2] && !a->pad[3] && a->groups == 1;
}

/* ---- operations with weights ---------------------------------------------------------------- */

static int translate_conv(struct onnx_reader *reader, struct onnx_node *from,
                          const struct onnx_op *op)
{
    struct nn_node node = nn_node_empty((enum nn_op)op->detail);
    const struct nn_const *w;
    node.in[NN_IN_X] = from->in[0];
    FORWARD_IF_ERROR(weight(reader, from, 1, 4, &w));
    FORWARD_IF_ERROR(kernel_of_weights(reader, from, w, &node));
    FORWARD_IF_ERROR(geometry(reader, from, &node));
    FORWARD_IF_ERROR(bias(reader, from, 2, w->dims[0], &node));
    if (w->dims[1] == 1 && w->dims[0] == node.attr.groups) {
        const int64_t dims[3] = {w->dims[0], w->dims[2], w->dims[3]};
        node.op = NN_OP_DWCONV;
        set_weight(&node.weight[0], w->data.f, 3, dims);
    } else if (is_pointwise(&node)) {
        node.op = NN_OP_GEMM;
        node.shape.axis = 1;
        set_weight(&node.weight[0], w->data.f, 2, w->dims);
    } else {
        set_weight(&node.weight[0], w->data.f, 4, w->dims);
    }
    return add(reader, from, &node);
}

static int translate_deconv(struct onnx_reader *reader, struct onnx_node *from,
                            const struct onnx_op *op)
{
    struct nn_node node = nn_node_empty((enum nn_op)op->detail);
    const struct nn_const *w;
    node.in[NN_IN_X] = from->in[0];
    FORWARD_IF_ERROR(weight(reader, from, 1, 4, &w));
    FORWARD_IF_ERROR(kernel_of_weights(reader, from, w, &node));
    FORWARD_IF_ERROR(geometry(reader, from, &node));
    FORWARD_IF_ERROR(pair(reader, from, "output_padding", 0, 0, node.shape.output_pad));
    if (node.shape.auto_pad != NN_PAD_EXPLICIT)
        return onnx_node_fail(reader, from, SE_ERR_UNSUPPORTED, "auto_pad");
    FORWARD_IF_ERROR(bias(reader, from, 2, w->dims[1] * node.attr.groups, &node));
    set_weight(&node.weight[0], w->data.f, 4, w->dims);
    return add(reader, from, &node);
}

/* (x - mean) / sqrt(var + ε) · scale + shift is a depthwise convolution of 1×1. */
static int translate_batch_norm(struct onnx_reader *reader, struct onnx_node *from,
                                const struct onnx_op *op)
{
    struct nn_node node = nn_node_empty((enum nn_op)op->detail);
    const struct nn_const *p[4]; /* scale, shift, mean, variance */
    float epsilon, momentum;
    FORWARD_IF_ERROR(onnx_attr_float(reader, from, "epsilon", 1e-5f, &epsilon));
    FORWARD_IF_ERROR(onnx_attr_float(reader, from, "momentum", 0, &momentum));
    for (int i = 0; i < 4; i++) {
        FORWARD_IF_ERROR(weight(reader, from, i + 1, 1, &p[i]));
        if (p[i]->count != p[0]->count)
            return onnx_node_fail(reader, from, SE_ERR_MODEL,
                                  "scale, shift, mean and variance differ in size");
    }
    void *memory;
    const size_t count = p[0]->count;
    FORWARD_IF_ERROR(nn_graph_blob(reader->graph, count, sizeof(float), &memory, reader->err));
    float *factors = memory;
    FORWARD_IF_ERROR(nn_graph_blob(reader->graph, count, sizeof(float), &memory, reader->err));
    float *shifts = memory;
    for (size_t i = 0; i < count; i++) {
        const double factor = p[0]->data.f[i] / sqrt((double)p[3]->data.f[i] + (double)epsilon);
        factors[i] = (float)factor;
        shifts[i] = (float)(p[1]->data.f[i] - p[2]->data.f[i] * factor);
    }
    if (count > INT32_MAX)
        return onnx_node_fail(reader, from, SE_ERR_UNSUPPORTED, "weights this large");
    const int64_t dims[3] = {(int64_t)count, 1, 1};
    node.in[NN_IN_X] = from->in[0];
    node.attr = (struct nn_attr){.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
    node.attr.groups = (int32_t)count;
    set_weight(&node.weight[0], factors, 3, dims);
    set_weight(&node.weight[1], shifts, 1, dims);
    return add(reader, from, &node);
}

static int translate_matmul(struct onnx_reader *reader, struct onnx_node *from,
                            const struct onnx_op *op)
{
    struct nn_node node = nn_node_empty((enum nn_op)op->detail);
    node.in[NN_IN_X] = from->in[0];
    const struct nn_const *w = constant_of(reader, from->in[1]);
    if (!w || w->rank != 2) {
        node.in[NN_IN_B] = from->in[1];
        return add(reader, from, &node);
    }
    FORWARD_IF_ERROR(weight(reader, from, 1, 2, &w));
    void *memory;
    FORWARD_IF_ERROR(nn_graph_blob(reader->graph, w->count, sizeof(float), &memory, reader->err));
    float *turned = memory; /* [n, k] of the file's [k, n] */
    const size_t k = (size_t)w->dims[0], n = (size_t)w->dims[1];
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < n; j++)
            turned[j * k + i] = w->data.f[i * n + j];
    const int64_t dims[2] = {w->dims[1], w->dims[0]};
    node.op = NN_OP_GEMM;
    node.shape.axis = -1;
    set_weight(&node.weight[0], turned, 2, dims);
    return add(reader, from, &node);
}

/* ---- pooling, reduction, softmax, resize ---------------------------------------------------- */

static int translate_pool(struct onnx_reader *reader, struct onnx_node *from,
                          const struct onnx_op *op)
{
    struct nn_node node = nn_node_empty((enum nn_op)op->detail);
    int64_t ceil_mode, include = 0, order;
    int32_t count;
    node.in[NN_IN_X] = from->in[0];
    FORWARD_IF_ERROR(
        onnx_attr_ints(reader, from, "kernel_shape", 1, MAX_GEOMETRY, 2, node.attr.kernel, &count));
    if (count != 2)
        return onnx_node_fail(reader, from, SE_ERR_UNSUPPORTED, "%d kernel dimensions", count);
    FORWARD_IF_ERROR(geometry(reader, from, &node));
    FORWARD_IF_ERROR(onnx_attr_int(reader, from, "ceil_mode", 0, &ceil_mode));
    if (node.op == NN_OP_AVGPOOL) {
        FORWARD_IF_ERROR(onnx_attr_int(reader, from, "count_include_pad", 0, &include));
        if (include && ceil_mode)
            return onnx_node_fail(reader, from, SE_ERR_UNSUPPORTED,
                                  "ceil_mode together with count_include_pad");
    } else {
        FORWARD_IF_ERROR(onnx_attr_int(reader, from, "storage_order", 0, &order));
    }
    node.attr.count_include_pad = include != 0;
    node.shape.ceil_mode = ceil_mode != 0;
    return add(reader, from, &node);
}

static int translate_reduce(struct onnx_reader *reader, struct onnx_node *from,
                            const struct onnx_op *op)
{
    struct nn_node node = nn_node_empty((enum nn_op)op->detail);
    int64_t keep;
    node.in[NN_IN_X] = from->in[0];
    FORWARD_IF_ERROR(onnx_attr_ints(reader, from, "axes", -NN_MAX_RANK, NN_MAX_RANK - 1,
                                    NN_MAX_RANK, node.shape.axes, &node.shape.axis_count));
    FORWARD_IF_ERROR(onnx_attr_int(reader, from, "keepdims", 1, &keep));
    node.shape.keep_dims = keep != 0;
    return add(reader, from, &node);
}

static int translate_softmax(struct onnx_reader *reader, struct onnx_node *from,
                             const struct onnx_op *op)
{
    struct nn_node node = nn_node_empty((enum nn_op)op->detail);
    int64_t axis;
    node.in[NN_IN_X] = from->in[0];
    FORWARD_IF_ERROR(onnx_attr_int(reader, from, "axis", reader->opset < 13 ? 1 : -1, &axis));
    if (axis < -NN_MAX_RANK || axis >= NN_MAX_RANK)
        return onnx_node_fail(reader, from, SE_ERR_MODEL, "axis %lld", (long long)axis);
    node.shape.axis = (int32_t)axis;
    return add(reader, from, &node);
}

static int translate_resize(struct onnx_reader *reader, struct onnx_node *from,
                            const struct onnx_op *op)
{
    static const char *const modes[] = {"nearest", NULL};
    static const char *const coords[] = {"asymmetric", "half_pixel", "pytorch_half_pixel",
                                         "align_corners", NULL};
    static const char *const rounds[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil",
                                         NULL};
    struct nn_node node = nn_node_empty((enum nn_op)op->detail);
    int mode, coord = 0, rounding = 2;
    float cubic;
    int64_t exclude;
    node.in[NN_IN_X] = from->in[0];
    FORWARD_IF_ERROR(onnx_attr_choice(reader, from, "mode", modes, 0, &mode));
    if (reader->opset > 10) {
        FORWARD_IF_ERROR(
            onnx_attr_choice(reader, from, "coordinate_transformation_mode", coords, 1, &coord));
        FORWARD_IF_ERROR(onnx_attr_choice(reader, from, "nearest_mode", rounds, 0, &rounding));
        FORWARD_IF_ERROR(onnx_attr_float(reader, from, "cubic_coeff_a", 0, &cubic));
        FORWARD_IF_ERROR(onnx_attr_float(reader, from, "extrapolation_value", 0, &cubic));
        FORWARD_IF_ERROR(onnx_attr_int(reader, from, "exclude_outside", 0, &exclude));
    } else if (from->in_count != 2) {
        return onnx_node_fail(reader, from, SE_ERR_MODEL, "%d inputs", from->in_count);
    }
    node.shape.coord = coord == 0   ? NN_COORD_ASYMMETRIC
                       : coord == 1 ? NN_COORD_HALF_PIXEL
                       : coord == 2 ? NN_COORD_PYTORCH
                                    : NN_COORD_CORNERS;
    node.shape.round = rounding == 0   ? NN_ROUND_PREFER_FLOOR
                       : rounding == 1 ? NN_ROUND_PREFER_CEIL
                       : rounding == 2 ? NN_ROUND_FLOOR
                                       : NN_ROUND_CEIL;
    if (reader->opset == 10) { /* x, scales; later x, roi, scales, sizes */
        int32_t *list = arena_alloc(&reader->graph->arena, 3, sizeof(*list));
        if (!list)
            return se_fail_memory(reader->err, "a node", 3 * sizeof(*list));
        list[0] = from->in[0];
        list[1] = NN_NO_VALUE;
        list[2] = from->in[1];
        from->in = list;
        from->in_count = 3;
    }
    return add(reader, from, &node);
}

/* ---- element by element --------------------------------------------------------------------- */

static int translate_unary(struct onnx_reader *reader, struct onnx_node *from,
                           const struct onnx_op *op)
{
    struct nn_node node = nn_node_empty(NN_OP_UNARY);
    node.in[NN_IN_X] = from->in[0];
    node.attr.act.func = (enum nn_func)op->detail;
    if (node.attr.act.func == NN_FUNC_HARDSIGMOID) {
        FORWARD_IF_ERROR(onnx_attr_float(reader, from, "alpha", 0.2f, &node.attr.act.alpha));
        FORWARD_IF_ERROR(onnx_attr_float(reader, from, "beta", 0.5f, &node.attr.act.beta));
    }
    return add(reader, from, &node);
}

static int translate_binary(struct onnx_reader *reader, struct onnx_node *from,
                            const struct onnx_op *op)
{
    struct nn_node node = nn_node_empty(NN_OP_BINARY);
    node.in[NN_IN_X] = from->in[0];
    node.in[NN_IN_B] = from->in[1];
    node.attr.binary = (enum nn_binary)op->detail;
    return add(reader, from, &node);
}

/* ---- shapes --------------------------------------------------------------------------------- */

/* Concat, Shape, Slice, and others without attributes of their own. */
static int translate_plain(struct onnx_reader *reader, struct onnx_node *from,
                           const struct onnx_op *op)
{
    struct nn_node node = nn_node_empty((enum nn_op)op->detail);
    node.in[NN_IN_X] = from->in[0];
    if (node.op == NN_OP_CONCAT) {
        int64_t axis;
        FORWARD_IF_ERROR(onnx_attr_int(reader, from, "axis", INT64_MAX, &axis));
        if (axis < -NN_MAX_RANK || axis >= NN_MAX_RANK)
            return onnx_node_fail(reader, from, SE_ERR_MODEL, "attribute 'axis' missing or wrong");
        node.shape.axis = (int32_t)axis;
    }
    if (node.op == NN_OP_RESHAPE) {
        int64_t allow_zero;
        FORWARD_IF_ERROR(onnx_attr_int(reader, from, "allowzero", 0, &allow_zero));
        if (allow_zero)
            return onnx_node_fail(reader, from, SE_ERR_UNSUPPORTED, "allowzero");
    }
    return add(reader, from, &node);
}

/* An identity of a constant is another name for it, so that it can serve as a weight. */
static int translate_identity(struct onnx_reader *reader, struct onnx_node *from,
                              const struct onnx_op *op)
{
    const struct nn_const *constant = constant_of(reader, from->in[0]);
    int32_t id;
    if (constant)
        return onnx_define(reader, from->out, constant, from->name, &id);
    return translate_plain(reader, from, op);
}

static int translate_constant(struct onnx_reader *reader, struct onnx_node *from,
                              const struct onnx_op *op)
{
    const struct onnx_attribute *value = onnx_attr(from, "value");
    const struct nn_const *constant;
    const char *name;
    int32_t id;
    (void)op;
    if (!value || value->kind != ONNX_ATTR_T)
        return onnx_node_fail(reader, from, SE_ERR_UNSUPPORTED, "no tensor in attribute 'value'");
    FORWARD_IF_ERROR(onnx_read_tensor(reader, value->bytes, "constant", &name, &constant));
    return onnx_define(reader, from->out, constant, from->name, &id);
}

/* Axes as an attribute (before opset 13), else as the second input. */
static int translate_squeeze(struct onnx_reader *reader, struct onnx_node *from,
                             const struct onnx_op *op)
{
    struct nn_node node = nn_node_empty((enum nn_op)op->detail);
    node.in[NN_IN_X] = from->in[0];
    FORWARD_IF_ERROR(onnx_attr_ints(reader, from, "axes", -NN_MAX_RANK, NN_MAX_RANK - 1,
                                    NN_MAX_RANK, node.shape.axes, &node.shape.axis_count));
    if (node.shape.axis_count && from->in_count > 1)
        return onnx_node_fail(reader, from, SE_ERR_MODEL, "axes given twice");
    return add(reader, from, &node);
}

static int translate_transpose(struct onnx_reader *reader, struct onnx_node *from,
                               const struct onnx_op *op)
{
    struct nn_node node = nn_node_empty((enum nn_op)op->detail);
    node.in[NN_IN_X] = from->in[0];
    FORWARD_IF_ERROR(onnx_attr_ints(reader, from, "perm", 0, NN_MAX_RANK - 1, NN_MAX_RANK,
                                    node.shape.axes, &node.shape.axis_count));
    return add(reader, from, &node);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const struct onnx_op ops[] = {
    {"Add", translate_binary, 2, 2, NN_BINARY_ADD},
    {"AveragePool", translate_pool, 1, 1, NN_OP_AVGPOOL},
    {"BatchNormalization", translate_batch_norm, 5, 5, NN_OP_DWCONV},
    {"Concat", translate_plain, 1, 0, NN_OP_CONCAT},
    {"Constant", translate_constant, 0, -1, 0},
    {"Conv", translate_conv, 2, 3, NN_OP_CONV},
    {"ConvTranspose", translate_deconv, 2, 3, NN_OP_DECONV},
    {"Div", translate_binary, 2, 2, NN_BINARY_DIV},
    {"Erf", translate_unary, 1, 1, NN_FUNC_ERF},
    {"GlobalAveragePool", translate_plain, 1, 1, NN_OP_GAP},
    {"HardSigmoid", translate_unary, 1, 1, NN_FUNC_HARDSIGMOID},
    {"Identity", translate_identity, 1, 1, NN_OP_IDENTITY},
    {"MatMul", translate_matmul, 2, 2, NN_OP_MATMUL},
    {"MaxPool", translate_pool, 1, 1, NN_OP_MAXPOOL},
    {"Mul", translate_binary, 2, 2, NN_BINARY_MUL},
    {"Pow", translate_binary, 2, 2, NN_BINARY_POW},
    {"ReduceMean", translate_reduce, 1, 1, NN_OP_REDUCE_MEAN},
    {"Relu", translate_unary, 1, 1, NN_FUNC_RELU},
    {"Reshape", translate_plain, 2, 2, NN_OP_RESHAPE},
    {"Resize", translate_resize, 2, 4, NN_OP_RESIZE},
    {"Shape", translate_plain, 1, 1, NN_OP_SHAPE},
    {"Sigmoid", translate_unary, 1, 1, NN_FUNC_SIGMOID},
    {"Slice", translate_plain, 3, 5, NN_OP_SLICE},
    {"Softmax", translate_softmax, 1, 1, NN_OP_SOFTMAX},
    {"Sqrt", translate_unary, 1, 1, NN_FUNC_SQRT},
    {"Squeeze", translate_squeeze, 1, 2, NN_OP_SQUEEZE},
    {"Sub", translate_binary, 2, 2, NN_BINARY_SUB},
    {"Transpose", translate_transpose, 1, 1, NN_OP_TRANSPOSE},
    {"Unsqueeze", translate_squeeze, 1, 2, NN_OP_UNSQUEEZE},
};

/* Inputs that may be left out (""): those from this index on. */
static int optional_from(const struct onnx_op *op)
{
    return op->translate == translate_resize ? 1 : op->min_inputs;
}

int onnx_translate(struct onnx_reader *reader, struct onnx_node *node)
{
    const struct onnx_op *op = NULL;
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]) && !op; i++)
        if (strcmp(ops[i].type, node->type) == 0)
            op = &ops[i];
    if (!op)
        return onnx_node_fail(reader, node, SE_ERR_UNSUPPORTED, "this operation is not supported");
    const int max = op->max_inputs < 0 ? 0 : op->max_inputs == 0 ? INT32_MAX : op->max_inputs;
    if (node->in_count < op->min_inputs || node->in_count > max)
        return onnx_node_fail(reader, node, SE_ERR_MODEL, "%d inputs", node->in_count);
    for (int i = 0; i < node->in_count; i++)
        if (node->in[i] == NN_NO_VALUE && (i < optional_from(op) || op->max_inputs == 0))
            return onnx_node_fail(reader, node, SE_ERR_MODEL, "its input %d is left out", i);
    return op->translate(reader, node, op);
}
