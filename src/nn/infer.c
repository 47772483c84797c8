#include "nn/infer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    MAX_INTS = 4096, /* elements of an integer tensor: they are shapes and indices */
    MAX_DIM = 1 << 30
};

struct infer {
    const struct nn_graph *graph;
    struct arena *arena;
    struct nn_info *info;
    struct nn_node_info *nodes;
    se_error *err;
};

static int fail(const struct infer *in, const struct nn_node *node, int code, const char *format,
                ...) __attribute__((format(printf, 4, 5)));

static int fail(const struct infer *in, const struct nn_node *node, int code, const char *format,
                ...)
{
    char text[320];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return se_fail(in->err, code, "node '%.100s' (%.40s): %s", node->name, node->type, text);
}

static int unexpected(const struct infer *in, const struct nn_node *node, const char *what,
                      const struct nn_shape *shape)
{
    char text[NN_SHAPE_TEXT];
    return fail(in, node, SE_ERR_MODEL, "%s of shape %s does not fit", what,
                nn_shape_text(shape, text));
}

int nn_axis(int32_t axis, int rank)
{
    const int from_front = axis < 0 ? axis + rank : axis;
    return from_front < 0 || from_front >= rank ? -1 : from_front;
}

static const struct nn_info *info_of(const struct infer *in, int32_t value)
{
    return &in->info[value];
}

/* The integers of input `index` of node->list; NULL when left out, SE_ERR_… when of float. */
static int list_ints(const struct infer *in, const struct nn_node *node, int index,
                     const int64_t **ints, int64_t *count)
{
    *ints = NULL;
    *count = 0;
    if (index >= node->list_count || node->list[index] == NN_NO_VALUE)
        return SE_OK;
    const struct nn_info *info = info_of(in, node->list[index]);
    if (!info->ints || info->shape.rank > 1)
        return fail(in, node, SE_ERR_MODEL, "its input %d is not a list of integers", index);
    *ints = info->ints;
    *count = info->shape.rank ? info->shape.dims[0] : 1;
    return SE_OK;
}

/* ---- windows: convolutions and pools -------------------------------------------------------- */

/* Padding and output size along one axis d (0: h, 1: w). */
static int window_axis(const struct infer *in, const struct nn_node *node, int d, int64_t size,
                       struct nn_node_info *settled, int64_t *out)
{
    const struct nn_attr *a = &node->attr;
    const int64_t extent = (int64_t)(a->kernel[d] - 1) * a->dilation[d] + 1;
    int64_t before = a->pad[d], after = a->pad[d + 2];
    if (node->shape.auto_pad == NN_PAD_VALID) {
        before = after = 0;
    } else if (node->shape.auto_pad != NN_PAD_EXPLICIT) {
        const int64_t steps = (size + a->stride[d] - 1) / a->stride[d];
        int64_t total = (steps - 1) * a->stride[d] + extent - size;
        total = total < 0 ? 0 : total;
        before = node->shape.auto_pad == NN_PAD_SAME_UPPER ? total / 2 : total - total / 2;
        after = total - before;
    }
    settled->pad[d] = (int32_t)before;
    settled->pad[d + 2] = (int32_t)after;
    int64_t room = size + before + after - extent;
    if (room < 0)
        return fail(in, node, SE_ERR_MODEL, "a kernel that spans %lld over an input of %lld",
                    (long long)extent, (long long)size);
    *out = room / a->stride[d] + 1;
    if (node->shape.ceil_mode && room % a->stride[d] != 0 && *out * a->stride[d] < size + before)
        ++*out; /* a last window that begins inside, but hangs over */
    return SE_OK;
}

static int infer_window(const struct infer *in, const struct nn_node *node,
                        struct nn_node_info *settled, const struct nn_shape *x,
                        struct nn_shape *out)
{
    const struct nn_weight *w = &node->weight[0];
    int64_t channels = x->rank == 4 ? x->dims[1] : 0;
    if (x->rank != 4 || (node->op == NN_OP_CONV && channels != w->dims[1] * node->attr.groups) ||
        (node->op == NN_OP_DWCONV && channels != w->dims[0]) ||
        (node->op == NN_OP_DECONV && channels != w->dims[0]))
        return unexpected(in, node, "an input", x);
    if (node->op == NN_OP_CONV)
        channels = w->dims[0];
    if (node->op == NN_OP_DECONV)
        channels = w->dims[1] * node->attr.groups;
    *out = (struct nn_shape){4, {x->dims[0], channels, 0, 0}};
    for (int d = 0; d < 2; d++) {
        if (node->op != NN_OP_DECONV) {
            FORWARD_IF_ERROR(window_axis(in, node, d, x->dims[2 + d], settled, &out->dims[2 + d]));
            continue;
        }
        const struct nn_attr *a = &node->attr;
        settled->pad[d] = a->pad[d];
        settled->pad[d + 2] = a->pad[d + 2];
        out->dims[2 + d] = (x->dims[2 + d] - 1) * a->stride[d] + node->shape.output_pad[d] +
                           (int64_t)(a->kernel[d] - 1) * a->dilation[d] + 1 - a->pad[d] -
                           a->pad[d + 2];
    }
    return SE_OK;
}

static int infer_resize(const struct infer *in, const struct nn_node *node,
                        struct nn_node_info *settled, const struct nn_shape *x,
                        struct nn_shape *out)
{
    const int32_t scales_id = node->list_count > 2 ? node->list[2] : NN_NO_VALUE;
    const struct nn_const *scales =
        scales_id == NN_NO_VALUE ? NULL : in->graph->values[scales_id].constant;
    const int64_t *sizes;
    int64_t size_count;
    FORWARD_IF_ERROR(list_ints(in, node, 3, &sizes, &size_count));
    if (x->rank != 4)
        return unexpected(in, node, "an input", x);
    *out = *x;
    if (sizes && size_count == 4) {
        for (int i = 0; i < 4; i++)
            out->dims[i] = sizes[i];
    } else if (!sizes && scales && scales->type == NN_TYPE_FLOAT && scales->count == 4) {
        for (int i = 0; i < 4; i++) {
            const float scale = scales->data.f[i];
            const float size = floorf((float)x->dims[i] * scale);
            if (!(scale > 0) || !(size >= 1) || !(size <= MAX_DIM))
                return fail(in, node, SE_ERR_MODEL, "scale %g", (double)scale);
            out->dims[i] = (int64_t)size;
            if (i >= 2)
                settled->scale[i - 2] = scale;
        }
    } else {
        return fail(in, node, SE_ERR_UNSUPPORTED, "scales or sizes that are not 4 known numbers");
    }
    for (int i = 0; i < 2 && sizes; i++)
        settled->scale[i] = (float)out->dims[2 + i] / (float)x->dims[2 + i];
    if (out->dims[0] != x->dims[0] || out->dims[1] != x->dims[1])
        return fail(in, node, SE_ERR_UNSUPPORTED, "images or channels are resized");
    return SE_OK;
}

/* ---- products, reductions, broadcasting ----------------------------------------------------- */

static int infer_linear(const struct infer *in, const struct nn_node *node,
                        const struct nn_shape *x, struct nn_shape *out)
{
    const struct nn_weight *w = &node->weight[0];
    const int axis = node->shape.axis == 1 ? 1 : x->rank - 1;
    if (x->rank < 2 || (node->shape.axis == 1 && x->rank != 4) || x->dims[axis] != w->dims[1])
        return unexpected(in, node, "an input", x);
    *out = *x;
    out->dims[axis] = node->op == NN_OP_FFN ? node->weight[2].dims[0] : w->dims[0];
    if (node->op == NN_OP_SELECT) {
        if (nn_axis(node->shape.axes[0], x->rank) != x->rank - 1)
            return fail(in, node, SE_ERR_UNSUPPORTED, "a softmax over another than the last axis");
        out->dims[axis] = (int64_t)node->attr.column_count + NN_SELECT_EXTRA;
    }
    return SE_OK;
}

static int infer_broadcast(const struct infer *in, const struct nn_node *node,
                           const struct nn_shape *a, const struct nn_shape *b, int keep,
                           struct nn_shape *out)
{
    /* The last `keep` dimensions are left to the caller. */
    out->rank = a->rank > b->rank ? a->rank : b->rank;
    for (int i = 0; i < out->rank - keep; i++) {
        const int ia = i - (out->rank - a->rank), ib = i - (out->rank - b->rank);
        const int64_t da = ia < 0 ? 1 : a->dims[ia], db = ib < 0 ? 1 : b->dims[ib];
        if (da != db && da != 1 && db != 1) {
            char text[NN_SHAPE_TEXT];
            nn_shape_text(a, text);
            return unexpected(in, node, "two inputs, one", b);
        }
        out->dims[i] = da == 1 ? db : da;
    }
    return SE_OK;
}

static int infer_matmul(const struct infer *in, const struct nn_node *node,
                        const struct nn_shape *a, const struct nn_shape *b, struct nn_shape *out)
{
    if (a->rank < 2 || b->rank < 2 || a->dims[a->rank - 1] != b->dims[b->rank - 2])
        return unexpected(in, node, "a second factor", b);
    FORWARD_IF_ERROR(infer_broadcast(in, node, a, b, 2, out));
    if (out->rank > 4)
        return fail(in, node, SE_ERR_UNSUPPORTED, "more than 4 dimensions");
    out->dims[out->rank - 2] = a->dims[a->rank - 2];
    out->dims[out->rank - 1] = b->dims[b->rank - 1];
    return SE_OK;
}

static int infer_reduce(const struct infer *in, const struct nn_node *node,
                        const struct nn_shape *x, struct nn_shape *out)
{
    bool away[NN_MAX_RANK] = {false};
    for (int i = 0; i < node->shape.axis_count; i++) {
        const int axis = nn_axis(node->shape.axes[i], x->rank);
        if (axis < 0 || away[axis])
            return fail(in, node, SE_ERR_MODEL, "axis %d", node->shape.axes[i]);
        away[axis] = true;
    }
    out->rank = 0;
    for (int i = 0; i < x->rank; i++) {
        const bool gone = away[i] || node->shape.axis_count == 0;
        if (!gone || node->shape.keep_dims)
            out->dims[out->rank++] = gone ? 1 : x->dims[i];
    }
    return SE_OK;
}

/* ---- shapes and integers -------------------------------------------------------------------- */

static int infer_reshape(const struct infer *in, const struct nn_node *node,
                         const struct nn_shape *x, struct nn_shape *out)
{
    const int64_t *wanted;
    int64_t rank, total = 1, known = 1;
    int open = -1;
    FORWARD_IF_ERROR(list_ints(in, node, 1, &wanted, &rank));
    if (!wanted || rank > NN_MAX_RANK)
        return fail(in, node, SE_ERR_UNSUPPORTED, "a shape that is not known or too long");
    for (int i = 0; i < x->rank; i++)
        total *= x->dims[i];
    out->rank = (int)rank;
    for (int i = 0; i < (int)rank; i++) {
        int64_t dim = wanted[i];
        if (dim == 0 && i < x->rank)
            dim = x->dims[i];
        if (dim == -1 && open < 0) {
            open = i;
            dim = 1;
        }
        if (dim < 1 || __builtin_mul_overflow(known, dim, &known))
            return fail(in, node, SE_ERR_MODEL, "dimension %d of the new shape is %lld", i,
                        (long long)wanted[i]);
        out->dims[i] = dim;
    }
    if (open >= 0 && total % known == 0)
        out->dims[open] = total / known;
    else if (open >= 0 || total != known)
        return unexpected(in, node, "the input and a result", out);
    return SE_OK;
}

static int infer_transpose(const struct infer *in, const struct nn_node *node,
                           const struct nn_shape *x, struct nn_shape *out)
{
    unsigned seen = 0;
    out->rank = x->rank;
    if (node->shape.axis_count && node->shape.axis_count != x->rank)
        return unexpected(in, node, "an input", x);
    for (int i = 0; i < x->rank; i++) {
        const int from = node->shape.axis_count ? node->shape.axes[i] : x->rank - 1 - i;
        if (from >= x->rank || (seen & 1u << from))
            return fail(in, node, SE_ERR_MODEL, "perm is not a permutation");
        seen |= 1u << from;
        out->dims[i] = x->dims[from];
    }
    return SE_OK;
}

/* Marks the axes of SQUEEZE (in x) or UNSQUEEZE (in the result, of `rank`); *count of them. */
static int named_axes(const struct infer *in, const struct nn_node *node, int rank,
                      bool marked[NN_MAX_RANK], int *count)
{
    const int64_t *ints;
    int64_t number;
    FORWARD_IF_ERROR(list_ints(in, node, 1, &ints, &number));
    *count = ints ? (int)(number > NN_MAX_RANK ? NN_MAX_RANK + 1 : number) : node->shape.axis_count;
    if (rank < 0)
        rank = *count - rank - 1; /* UNSQUEEZE: -1 - rank of x was given */
    if (*count > NN_MAX_RANK || rank > NN_MAX_RANK)
        return fail(in, node, SE_ERR_UNSUPPORTED, "more than %d dimensions", NN_MAX_RANK);
    for (int i = 0; i < *count; i++) {
        const int64_t named = ints ? ints[i] : node->shape.axes[i];
        const int axis =
            named < -NN_MAX_RANK || named > NN_MAX_RANK ? -1 : nn_axis((int32_t)named, rank);
        if (axis < 0 || marked[axis])
            return fail(in, node, SE_ERR_MODEL, "axis %lld", (long long)named);
        marked[axis] = true;
    }
    return SE_OK;
}

static int infer_squeeze(const struct infer *in, const struct nn_node *node,
                         const struct nn_shape *x, struct nn_shape *out)
{
    bool marked[NN_MAX_RANK] = {false};
    int count;
    if (node->op == NN_OP_UNSQUEEZE) {
        FORWARD_IF_ERROR(named_axes(in, node, -1 - x->rank, marked, &count));
        out->rank = x->rank + count;
        for (int i = 0, from = 0; i < out->rank; i++)
            out->dims[i] = marked[i] ? 1 : x->dims[from++];
        return SE_OK;
    }
    FORWARD_IF_ERROR(named_axes(in, node, x->rank, marked, &count));
    out->rank = 0;
    for (int i = 0; i < x->rank; i++) {
        if (marked[i] && x->dims[i] != 1)
            return unexpected(in, node, "an input", x);
        if (count == 0 ? x->dims[i] != 1 : !marked[i])
            out->dims[out->rank++] = x->dims[i];
    }
    return SE_OK;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* One axis of a slice: how many elements, and *first of them, by ONNX's rules for bounds that are
 * negative (from the end) or out of range (clamped). */
static int64_t slice_axis(int64_t size, int64_t start, int64_t end, int64_t step, int64_t *first)
{
    const int64_t back = step < 0;
    start = clamp(start, -size - 1, size); /* so that the sums below cannot overflow */
    end = clamp(end, -size - 1, size);
    start = clamp(start < 0 ? start + size : start, 0, size - back);
    end = clamp(end < 0 ? end + size : end, -back, size - back);
    *first = start;
    const int64_t span = back ? start - end : end - start;
    return span <= 0 ? 0 : (span - 1) / (back ? -step : step) + 1;
}

static int infer_slice(const struct infer *in, const struct nn_node *node,
                       struct nn_node_info *settled, const struct nn_shape *x, struct nn_shape *out)
{
    const int64_t *starts, *ends, *axes, *steps;
    int64_t count, end_count, axis_count, step_count;
    FORWARD_IF_ERROR(list_ints(in, node, 1, &starts, &count));
    FORWARD_IF_ERROR(list_ints(in, node, 2, &ends, &end_count));
    FORWARD_IF_ERROR(list_ints(in, node, 3, &axes, &axis_count));
    FORWARD_IF_ERROR(list_ints(in, node, 4, &steps, &step_count));
    if (!starts || !ends || count != end_count || count > x->rank ||
        (axes && axis_count != count) || (steps && step_count != count))
        return fail(in, node, SE_ERR_MODEL, "starts, ends, axes and steps do not fit together");
    *out = *x;
    for (int i = 0; i < NN_MAX_RANK; i++) {
        settled->start[i] = 0;
        settled->step[i] = 1;
    }
    unsigned seen = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t named = axes ? axes[i] : i, step = steps ? steps[i] : 1;
        const int axis =
            named < -NN_MAX_RANK || named > NN_MAX_RANK ? -1 : nn_axis((int32_t)named, x->rank);
        if (axis < 0 || (seen & 1u << axis) || step == 0 || step < -MAX_DIM || step > MAX_DIM)
            return fail(in, node, SE_ERR_MODEL, "axis %lld, step %lld", (long long)named,
                        (long long)step);
        seen |= 1u << axis;
        settled->step[axis] = step;
        out->dims[axis] =
            slice_axis(x->dims[axis], starts[i], ends[i], step, &settled->start[axis]);
    }
    return SE_OK;
}

static int infer_concat(const struct infer *in, const struct nn_node *node, struct nn_shape *out)
{
    *out = info_of(in, node->list[0])->shape;
    const int axis = nn_axis(node->shape.axis, out->rank);
    if (axis < 0)
        return fail(in, node, SE_ERR_MODEL, "axis %d", node->shape.axis);
    for (int32_t i = 1; i < node->list_count; i++) {
        struct nn_shape other = info_of(in, node->list[i])->shape;
        if (other.rank != out->rank || out->dims[axis] > MAX_DIM || other.dims[axis] > MAX_DIM)
            return unexpected(in, node, "an input", &other);
        const int64_t more = other.dims[axis];
        other.dims[axis] = out->dims[axis];
        if (!nn_shape_equal(&other, out))
            return unexpected(in, node, "an input", &other);
        out->dims[axis] += more;
    }
    return SE_OK;
}

/* ---- values of integer tensors -------------------------------------------------------------- */

/* Elements of x by the steps of a slice; x has at most MAX_INTS elements of rank 1. */
static void gather_slice(const struct nn_node_info *settled, const int64_t *from, int64_t count,
                         int64_t *out)
{
    for (int64_t i = 0; i < count; i++)
        out[i] = from[settled->start[0] + i * settled->step[0]];
}

static int infer_ints(const struct infer *in, const struct nn_node *node,
                      const struct nn_node_info *settled, struct nn_info *out)
{
    int64_t count;
    if (!nn_shape_count(&out->shape, &count) || count > MAX_INTS)
        return fail(in, node, SE_ERR_UNSUPPORTED, "an integer tensor without or with %d elements",
                    MAX_INTS);
    int64_t *ints = arena_alloc(in->arena, (size_t)count, sizeof(*ints));
    if (!ints)
        return se_fail_memory(in->err, "a shape", (size_t)count * sizeof(*ints));
    out->ints = ints;
    switch (node->op) {
    case NN_OP_SHAPE:
        memcpy(ints, info_of(in, node->in[NN_IN_X])->shape.dims, (size_t)count * sizeof(*ints));
        return SE_OK;
    case NN_OP_IDENTITY:
    case NN_OP_RESHAPE:
    case NN_OP_SQUEEZE:
    case NN_OP_UNSQUEEZE:
        memcpy(ints, info_of(in, node->in[NN_IN_X])->ints, (size_t)count * sizeof(*ints));
        return SE_OK;
    case NN_OP_SLICE:
        if (out->shape.rank != 1)
            break;
        gather_slice(settled, info_of(in, node->in[NN_IN_X])->ints, count, ints);
        return SE_OK;
    case NN_OP_CONCAT:
        if (out->shape.rank != 1)
            break;
        for (int32_t i = 0; i < node->list_count; i++) {
            const struct nn_info *part = info_of(in, node->list[i]);
            if (!part->ints)
                return fail(in, node, SE_ERR_MODEL, "integers and floats in one tensor");
            memcpy(ints, part->ints, (size_t)part->shape.dims[0] * sizeof(*ints));
            ints += part->shape.dims[0];
        }
        return SE_OK;
    default:
        break;
    }
    return fail(in, node, SE_ERR_UNSUPPORTED, "this operation on an integer tensor");
}

/* ---- all ------------------------------------------------------------------------------------ */

static int infer_shape(const struct infer *in, const struct nn_node *node,
                       struct nn_node_info *settled, struct nn_shape *out)
{
    const struct nn_shape *x = &info_of(in, node->in[NN_IN_X])->shape;
    const struct nn_shape *b =
        node->in[NN_IN_B] == NN_NO_VALUE ? NULL : &info_of(in, node->in[NN_IN_B])->shape;
    switch (node->op) {
    case NN_OP_CONV:
    case NN_OP_DWCONV:
    case NN_OP_DECONV:
    case NN_OP_MAXPOOL:
    case NN_OP_AVGPOOL:
        return infer_window(in, node, settled, x, out);
    case NN_OP_GEMM:
    case NN_OP_FFN:
    case NN_OP_SELECT:
        return infer_linear(in, node, x, out);
    case NN_OP_RESIZE:
        return infer_resize(in, node, settled, x, out);
    case NN_OP_GAP:
        *out = (struct nn_shape){4, {x->dims[0], x->dims[1], 1, 1}};
        return x->rank == 4 ? SE_OK : unexpected(in, node, "an input", x);
    case NN_OP_BINARY:
        return infer_broadcast(in, node, x, b, 0, out);
    case NN_OP_MATMUL:
        return infer_matmul(in, node, x, b, out);
    case NN_OP_REDUCE_MEAN:
        return infer_reduce(in, node, x, out);
    case NN_OP_SOFTMAX:
        *out = *x;
        if (x->rank == 0 || nn_axis(node->shape.axis, x->rank) != x->rank - 1)
            return fail(in, node, SE_ERR_UNSUPPORTED, "a softmax over another than the last axis");
        return SE_OK;
    case NN_OP_LAYERNORM:
        *out = *x;
        if (x->rank == 0 ||
            (node->weight[0].rank && x->dims[x->rank - 1] != node->weight[0].dims[0]))
            return unexpected(in, node, "an input", x);
        return SE_OK;
    case NN_OP_UNARY:
    case NN_OP_COPY:
    case NN_OP_IDENTITY:
        *out = *x;
        return SE_OK;
    case NN_OP_RESHAPE:
        return infer_reshape(in, node, x, out);
    case NN_OP_TRANSPOSE:
        return infer_transpose(in, node, x, out);
    case NN_OP_SQUEEZE:
    case NN_OP_UNSQUEEZE:
        return infer_squeeze(in, node, x, out);
    case NN_OP_SLICE:
        return infer_slice(in, node, settled, x, out);
    case NN_OP_SHAPE:
        *out = (struct nn_shape){1, {x->rank}};
        return SE_OK;
    case NN_OP_CONCAT:
        return infer_concat(in, node, out);
    case NN_OP_COUNT:
        break;
    }
    return fail(in, node, SE_ERR_INTERNAL, "operation %d", (int)node->op);
}

static int infer_node(struct infer *in, int32_t index)
{
    const struct nn_node *node = &in->graph->nodes[index];
    struct nn_info *out = &in->info[node->out];
    struct nn_node_info *settled = &in->nodes[index];
    FORWARD_IF_ERROR(infer_shape(in, node, settled, &out->shape));
    settled->own = out->shape;
    if (node->in[NN_IN_RESIDUAL] != NN_NO_VALUE)
        FORWARD_IF_ERROR(infer_broadcast(in, node, &settled->own,
                                         &info_of(in, node->in[NN_IN_RESIDUAL])->shape, 0,
                                         &out->shape));
    const bool shapes_only = node->op == NN_OP_SHAPE;
    if (shapes_only || info_of(in, node->in[NN_IN_X])->ints)
        return infer_ints(in, node, settled, out);
    for (int i = NN_IN_B; i < NN_INPUTS; i++)
        if (node->in[i] != NN_NO_VALUE && info_of(in, node->in[i])->ints)
            return fail(in, node, SE_ERR_UNSUPPORTED, "this operation on an integer tensor");
    for (int32_t i = 1; i < node->list_count && node->op == NN_OP_CONCAT; i++)
        if (info_of(in, node->list[i])->ints)
            return fail(in, node, SE_ERR_MODEL, "integers and floats in one tensor");
    int64_t count;
    bool fits = nn_shape_count(&out->shape, &count);
    int code = SE_ERR_LIMIT;
    for (int i = 0; i < out->shape.rank; i++) {
        fits = fits && out->shape.dims[i] <= MAX_DIM;
        code = out->shape.dims[i] < 1 ? SE_ERR_MODEL : code;
    }
    if (!fits) {
        char text[NN_SHAPE_TEXT];
        return fail(in, node, code, "a result of shape %s", nn_shape_text(&out->shape, text));
    }
    return SE_OK;
}

int nn_infer(const struct nn_graph *graph, const struct nn_shape *shape, struct arena *arena,
             struct nn_info **info, struct nn_node_info **node_info, se_error *err)
{
    struct infer in = {.graph = graph, .arena = arena, .err = err};
    in.info = arena_alloc(arena, (size_t)graph->value_count, sizeof(*in.info));
    in.nodes = arena_alloc(arena, (size_t)graph->node_count, sizeof(*in.nodes));
    if (!in.info || !in.nodes)
        return se_fail_memory(err, "shapes", (size_t)graph->value_count * sizeof(*in.info));
    for (int32_t i = 0; i < graph->value_count; i++) {
        const struct nn_const *constant = graph->values[i].constant;
        if (!constant)
            continue;
        in.info[i].shape.rank = constant->rank;
        memcpy(in.info[i].shape.dims, constant->dims, sizeof(constant->dims));
        in.info[i].ints = constant->type == NN_TYPE_INT64 ? constant->data.i : NULL;
    }
    in.info[graph->input].shape = *shape;
    for (int32_t i = 0; i < graph->node_count; i++)
        FORWARD_IF_ERROR(infer_node(&in, i));
    *info = in.info;
    *node_info = in.nodes;
    return SE_OK;
}
