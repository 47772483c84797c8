/*
 * Operations that reach a backend: their tensors are brought into the forms that struct nn_step
 * promises.
 */
#include <math.h>
#include <string.h>

#include "nn/lower.h"

static const struct nn_tensor *input(const struct lower *lower, const struct nn_node *node,
                                     enum nn_input slot)
{
    return &lower->where[node->in[slot]];
}

/* Appends the step of a node: attributes settled, weights and packed weights in place. */
static int node_step(struct lower *lower, const struct nn_node *node, struct nn_step **out)
{
    FORWARD_IF_ERROR(lower_step(lower, node->op, out));
    struct nn_step *step = *out;
    step->attr = node->attr;
    step->node = node;
    step->packed = lower->model->packed ? lower->model->packed[lower->node] : NULL;
    memcpy(step->attr.pad, lower->node_info[lower->node].pad, sizeof(step->attr.pad));
    return SE_OK;
}

/* [n, h, w, c] of regular pitch; copies when the tensor does not lie so. */
static int picture(struct lower *lower, const struct nn_tensor *from, struct nn_tensor *out)
{
    if (nn_tensor_picture(out, from))
        return SE_OK;
    struct nn_tensor copy = *from;
    const struct nn_shape shape = nn_tensor_shape(from);
    nn_tensor_channels_last(&copy, &shape);
    FORWARD_IF_ERROR(lower_buffer(lower, &copy));
    FORWARD_IF_ERROR(lower_copy(lower, from, &copy));
    nn_tensor_picture(out, &copy);
    return SE_OK;
}

/* [m, c] over the last axis, which is dense; copies when the tensor does not lie so. */
static int rows(struct lower *lower, const struct nn_tensor *from, struct nn_tensor *out)
{
    const int64_t c = from->dims[from->rank - 1];
    const struct nn_shape shape = {2, {nn_tensor_count(from) / c, c}};
    struct nn_tensor source = *from;
    bool fits = nn_tensor_reshape(out, &source, &shape) && (c == 1 || out->strides[1] == 1) &&
                (shape.dims[0] == 1 || out->strides[0] >= c);
    if (!fits) {
        FORWARD_IF_ERROR(lower_contiguous(lower, &source, &source));
        nn_tensor_reshape(out, &source, &shape);
    }
    out->strides[1] = 1;
    if (shape.dims[0] == 1)
        out->strides[0] = c;
    return SE_OK;
}

/* A new value laid out as pictures are. */
static int picture_output(struct lower *lower, int32_t id, struct nn_tensor *out)
{
    struct nn_tensor tensor = {0};
    nn_tensor_channels_last(&tensor, &lower->info[id].shape);
    FORWARD_IF_ERROR(lower_output(lower, id, &tensor));
    nn_tensor_picture(out, &tensor);
    return SE_OK;
}

/* ---- windows -------------------------------------------------------------------------------- */

static double window_macs(const struct nn_step *step)
{
    const struct nn_tensor *side = step->op == NN_OP_DECONV ? &step->in[NN_IN_X] : &step->out;
    double macs = (double)nn_tensor_count(side) * step->attr.kernel[0] * step->attr.kernel[1];
    if (step->op == NN_OP_CONV)
        macs *= (double)step->node->weight[0].dims[1];
    if (step->op == NN_OP_DECONV)
        macs *= (double)step->node->weight[0].dims[1];
    return macs;
}

static int lower_window(struct lower *lower, const struct nn_node *node)
{
    struct nn_tensor x, out;
    struct nn_step *step;
    FORWARD_IF_ERROR(picture(lower, input(lower, node, NN_IN_X), &x));
    FORWARD_IF_ERROR(picture_output(lower, node->out, &out));
    FORWARD_IF_ERROR(node_step(lower, node, &step));
    step->in[NN_IN_X] = x;
    step->out = out;
    lower->planned->macs += window_macs(step);
    return SE_OK;
}

static int lower_gap(struct lower *lower, const struct nn_node *node)
{
    struct nn_tensor x, out;
    struct nn_step *step;
    FORWARD_IF_ERROR(picture(lower, input(lower, node, NN_IN_X), &x));
    FORWARD_IF_ERROR(picture_output(lower, node->out, &out));
    FORWARD_IF_ERROR(node_step(lower, node, &step));
    step->in[NN_IN_X] = x;
    out.rank = 2;
    out.dims[1] = out.dims[3];
    out.strides[1] = 1;
    step->out = out;
    lower->planned->macs += (double)nn_tensor_count(&x);
    return SE_OK;
}

/* ---- residuals that turn out not to fit ----------------------------------------------------- */

/*
 * Fusion assumes that a residual has the shape of what it is added to. Where broadcasting comes in
 * after all, the operation is done into a tensor of its own and a BINARY step adds.
 */
struct residual {
    struct nn_tensor added; /* in ONNX dims; rank -1: none */
    bool apart;
    struct nn_tensor own; /* the operation's own result when apart, in ONNX dims */
};

static int emit_binary(struct lower *lower, const struct nn_attr *attr, const struct nn_tensor *a,
                       const struct nn_tensor *b, struct nn_tensor *out);

/* Shape `own` of the operation's own result, against the residual's. */
static int residual_begin(struct lower *lower, const struct nn_node *node,
                          const struct nn_shape *own, struct residual *residual)
{
    *residual = (struct residual){.added = {.rank = -1}};
    if (node->in[NN_IN_RESIDUAL] == NN_NO_VALUE)
        return SE_OK;
    residual->added = *input(lower, node, NN_IN_RESIDUAL);
    const struct nn_shape shape = nn_tensor_shape(&residual->added);
    residual->apart = !nn_shape_equal(&shape, own);
    if (!residual->apart)
        return SE_OK;
    if (own->rank == 4)
        nn_tensor_channels_last(&residual->own, own);
    else
        nn_tensor_row_major(&residual->own, own);
    return lower_buffer(lower, &residual->own);
}

/* Takes the residual out of the step's attributes. */
static void residual_strip(const struct residual *residual, struct nn_attr *attr)
{
    if (!residual->apart)
        return;
    if (attr->residual == NN_RESIDUAL_BEFORE)
        attr->act.func = NN_FUNC_NONE;
    attr->residual = NN_RESIDUAL_NONE;
}

static int residual_end(struct lower *lower, const struct nn_node *node,
                        const struct residual *residual)
{
    if (!residual->apart)
        return SE_OK;
    struct nn_attr attr = {.binary = NN_BINARY_ADD};
    if (node->attr.residual == NN_RESIDUAL_BEFORE)
        attr.act = node->attr.act;
    return emit_binary(lower, &attr, &residual->own, &residual->added, NULL);
}

/* ---- products ------------------------------------------------------------------------------- */

/* The operand, result or residual of a GEMM as [n, m, c]; a result always fits. */
static int gemm_rows(struct lower *lower, const struct nn_node *node, const struct nn_tensor *from,
                     bool per_image, struct nn_tensor *out)
{
    if (node->shape.axis != 1) {
        FORWARD_IF_ERROR(rows(lower, from, out));
    } else {
        struct nn_tensor view;
        FORWARD_IF_ERROR(picture(lower, from, &view));
        const int64_t pitch = view.strides[2];
        *out = view;
        out->rank = 2;
        out->dims[0] = view.dims[0] * view.dims[1] * view.dims[2];
        out->dims[1] = view.dims[3];
        out->strides[0] = pitch;
        out->strides[1] = 1;
    }
    const int64_t n = per_image ? from->dims[0] : 1, m = out->dims[0] / n, c = out->dims[1];
    const int64_t pitch = out->strides[0];
    out->rank = 3;
    out->dims[0] = n;
    out->dims[1] = m;
    out->dims[2] = c;
    out->strides[0] = m * pitch;
    out->strides[1] = pitch;
    out->strides[2] = 1;
    return SE_OK;
}

/* The factors [n or 1, ci, 1, 1] as [n, ci]. */
static int gemm_scale(struct lower *lower, const struct nn_node *node, const struct nn_tensor *x,
                      struct nn_tensor *out)
{
    struct nn_tensor scale = *input(lower, node, NN_IN_SCALE);
    const bool fits = node->shape.axis == 1 && scale.rank == 4 && scale.dims[1] == x->dims[1] &&
                      scale.dims[2] == 1 && scale.dims[3] == 1 &&
                      (scale.dims[0] == 1 || scale.dims[0] == x->dims[0]);
    if (!fits)
        return lower_fail(lower, SE_ERR_UNSUPPORTED, "a factor that is not one per channel");
    if (scale.strides[1] != 1 && scale.dims[1] != 1)
        FORWARD_IF_ERROR(lower_contiguous(lower, &scale, &scale));
    *out = scale;
    out->rank = 2;
    out->dims[0] = x->dims[0];
    out->strides[0] = scale.dims[0] == 1 ? 0 : scale.strides[0];
    out->strides[1] = 1;
    return SE_OK;
}

static double gemm_macs(const struct nn_step *step)
{
    const struct nn_weight *w = step->node->weight;
    double weights = (double)w[0].dims[0] * (double)w[0].dims[1];
    if (step->op == NN_OP_FFN)
        weights += (double)w[2].dims[0] * (double)w[2].dims[1];
    if (step->op == NN_OP_SELECT)
        weights = nn_select_columns(&step->attr, w[0].dims[0]) * (double)w[0].dims[1];
    return weights * (double)nn_tensor_count(&step->in[NN_IN_X]) / (double)w[0].dims[1];
}

static int lower_gemm(struct lower *lower, const struct nn_node *node)
{
    const bool scaled = node->in[NN_IN_SCALE] != NN_NO_VALUE;
    const struct nn_tensor *source = input(lower, node, NN_IN_X);
    const int axis = node->shape.axis == 1 ? 1 : source->rank - 1;
    const struct nn_shape own = lower->node_info[lower->node].own;
    struct residual residual;
    struct nn_tensor x, out = {0}, added = {0}, scale = {0};
    struct nn_step *step;
    FORWARD_IF_ERROR(residual_begin(lower, node, &own, &residual));
    FORWARD_IF_ERROR(gemm_rows(lower, node, source, scaled, &x));
    if (scaled)
        FORWARD_IF_ERROR(gemm_scale(lower, node, source, &scale));
    if (residual.added.rank >= 0 && !residual.apart)
        FORWARD_IF_ERROR(gemm_rows(lower, node, &residual.added, scaled, &added));
    if (residual.apart) {
        out = residual.own;
    } else {
        if (axis == 1 && own.rank == 4)
            nn_tensor_channels_last(&out, &own);
        else
            nn_tensor_row_major(&out, &own);
        FORWARD_IF_ERROR(lower_output(lower, node->out, &out));
    }
    struct nn_tensor view;
    FORWARD_IF_ERROR(gemm_rows(lower, node, &out, scaled, &view));
    FORWARD_IF_ERROR(node_step(lower, node, &step));
    residual_strip(&residual, &step->attr);
    step->in[NN_IN_X] = x;
    step->in[NN_IN_SCALE] = scale;
    step->in[NN_IN_RESIDUAL] = added;
    step->out = view;
    lower->planned->macs += gemm_macs(step);
    return residual_end(lower, node, &residual);
}

static int lower_select(struct lower *lower, const struct nn_node *node)
{
    struct nn_tensor x, out = {0}, view;
    struct nn_step *step;
    FORWARD_IF_ERROR(rows(lower, input(lower, node, NN_IN_X), &x));
    nn_tensor_row_major(&out, &lower->info[node->out].shape);
    FORWARD_IF_ERROR(lower_output(lower, node->out, &out));
    FORWARD_IF_ERROR(rows(lower, &out, &view));
    FORWARD_IF_ERROR(node_step(lower, node, &step));
    step->in[NN_IN_X] = x;
    step->out = view;
    lower->planned->macs += gemm_macs(step);
    return SE_OK;
}

/* A factor or result of MATMUL as 4 dims; `out` may be `from`. */
static void matmul_view(struct nn_tensor *out, const struct nn_tensor *from,
                        const struct nn_shape *result)
{
    const struct nn_tensor copy = *from;
    *out = copy;
    out->rank = 4;
    for (int i = 0; i < 4; i++) {
        const int in_result = i - (4 - result->rank), at = i - (4 - copy.rank);
        out->dims[i] = at < 0 ? 1 : copy.dims[at];
        out->strides[i] = at < 0 ? 0 : copy.strides[at];
        if (i < 2 && out->dims[i] == 1) { /* repeated over the batch */
            out->dims[i] = in_result < 0 ? 1 : result->dims[in_result];
            out->strides[i] = 0;
        }
    }
}

/* When only a transposition reads the result, it is laid out so that the view after it is
 * contiguous: a reshape behind that is then free too. */
static void layout_for_user(const struct lower *lower, const struct nn_node *node,
                            struct nn_tensor *out)
{
    const struct lower_use *use = &lower->use[node->out];
    const struct nn_shape shape = lower->info[node->out].shape;
    nn_tensor_row_major(out, &shape);
    if (use->count != 1 || use->user < 0)
        return;
    const struct nn_node *user = &lower->graph->nodes[use->user];
    if (user->op != NN_OP_TRANSPOSE || user->shape.axis_count != shape.rank)
        return;
    int64_t stride = 1;
    for (int i = shape.rank - 1; i >= 0; i--) {
        out->strides[user->shape.axes[i]] = stride;
        stride *= shape.dims[user->shape.axes[i]];
    }
}

static int lower_matmul(struct lower *lower, const struct nn_node *node)
{
    const struct nn_shape *shape = &lower->info[node->out].shape;
    struct nn_tensor out = {0};
    struct nn_step *step;
    layout_for_user(lower, node, &out);
    FORWARD_IF_ERROR(lower_output(lower, node->out, &out));
    FORWARD_IF_ERROR(node_step(lower, node, &step));
    matmul_view(&step->in[NN_IN_X], input(lower, node, NN_IN_X), shape);
    matmul_view(&step->in[NN_IN_B], input(lower, node, NN_IN_B), shape);
    matmul_view(&step->out, &out, shape);
    lower->planned->macs += (double)nn_tensor_count(&out) * (double)step->in[NN_IN_X].dims[3];
    return SE_OK;
}

/* ---- element by element --------------------------------------------------------------------- */

/* May the result take the place of this operand? Only if nothing else will ever read it. */
static bool can_reuse(const struct lower *lower, int32_t id, int32_t out_id)
{
    return !lower->keep_all && lower->own[id] && lower->use[id].count == 1 &&
           lower->place[out_id].concat < 0 &&
           nn_shape_equal(&lower->info[id].shape, &lower->info[out_id].shape);
}

/* Memory for the result: an operand's own, or new in the order in which an operand lies. */
static int elementwise_output(struct lower *lower, const struct nn_node *node,
                              struct nn_tensor *out)
{
    const struct nn_shape *shape = &lower->info[node->out].shape;
    const enum nn_input slots[] = {NN_IN_X, NN_IN_B};
    const struct nn_tensor *like = NULL;
    for (int i = 0; i < 2; i++) {
        const int32_t id = node->in[slots[i]];
        if (id == NN_NO_VALUE)
            continue;
        if (can_reuse(lower, id, node->out)) {
            *out = lower->where[id];
            lower->where[node->out] = *out;
            lower->ready[node->out] = lower->own[node->out] = true;
            return SE_OK;
        }
        if (!like && nn_shape_equal(&lower->info[id].shape, shape))
            like = &lower->where[id];
    }
    *out = (struct nn_tensor){0};
    if (like)
        nn_tensor_like(out, like);
    else if (shape->rank == 4)
        nn_tensor_channels_last(out, shape);
    else
        nn_tensor_row_major(out, shape);
    return lower_output(lower, node->out, out);
}

/* out NULL: the value of the node being lowered, which is made. */
static int emit_binary(struct lower *lower, const struct nn_attr *attr, const struct nn_tensor *a,
                       const struct nn_tensor *b, struct nn_tensor *out)
{
    struct nn_tensor own;
    if (!out) {
        const int32_t id = lower->graph->nodes[lower->node].out;
        own = (struct nn_tensor){0};
        if (lower->info[id].shape.rank == 4)
            nn_tensor_channels_last(&own, &lower->info[id].shape);
        else
            nn_tensor_row_major(&own, &lower->info[id].shape);
        FORWARD_IF_ERROR(lower_output(lower, id, &own));
        out = &own;
    }
    const struct nn_shape shape = nn_tensor_shape(out);
    struct nn_tensor merged[3] = {*out, {0}, {0}};
    nn_tensor_broadcast(&merged[1], a, &shape);
    nn_tensor_broadcast(&merged[2], b, &shape);
    nn_tensors_merge(merged, 3);
    struct nn_step *step;
    FORWARD_IF_ERROR(lower_step(lower, NN_OP_BINARY, &step));
    step->attr = *attr;
    step->out = merged[0];
    step->in[NN_IN_X] = merged[1];
    step->in[NN_IN_B] = merged[2];
    lower->planned->macs += (double)nn_tensor_count(out);
    return SE_OK;
}

static int lower_binary(struct lower *lower, const struct nn_node *node)
{
    const struct nn_tensor a = *input(lower, node, NN_IN_X), b = *input(lower, node, NN_IN_B);
    struct nn_tensor out;
    FORWARD_IF_ERROR(elementwise_output(lower, node, &out));
    FORWARD_IF_ERROR(emit_binary(lower, &node->attr, &a, &b, &out));
    lower->planned->plan.steps[lower->planned->plan.step_count - 1].node = node;
    return SE_OK;
}

static int lower_unary(struct lower *lower, const struct nn_node *node)
{
    struct nn_tensor pair[2];
    struct nn_step *step;
    pair[1] = *input(lower, node, NN_IN_X);
    FORWARD_IF_ERROR(elementwise_output(lower, node, &pair[0]));
    lower->planned->macs += (double)nn_tensor_count(&pair[0]);
    nn_tensors_merge(pair, 2);
    FORWARD_IF_ERROR(node_step(lower, node, &step));
    step->out = pair[0];
    step->in[NN_IN_X] = pair[1];
    return SE_OK;
}

/* ---- over the last axis, and reductions ----------------------------------------------------- */

static int lower_over_rows(struct lower *lower, const struct nn_node *node)
{
    struct nn_tensor x, out = {0}, view;
    struct nn_step *step;
    FORWARD_IF_ERROR(rows(lower, input(lower, node, NN_IN_X), &x));
    nn_tensor_row_major(&out, &lower->info[node->out].shape);
    FORWARD_IF_ERROR(lower_output(lower, node->out, &out));
    FORWARD_IF_ERROR(rows(lower, &out, &view));
    FORWARD_IF_ERROR(node_step(lower, node, &step));
    step->in[NN_IN_X] = x;
    step->out = view;
    lower->planned->macs += (double)nn_tensor_count(&x);
    return SE_OK;
}

static int lower_reduce(struct lower *lower, const struct nn_node *node)
{
    const struct nn_tensor x = *input(lower, node, NN_IN_X);
    const struct nn_shape *shape = &lower->info[node->out].shape;
    struct nn_tensor out = {0};
    struct nn_step *step;
    bool away[NN_MAX_RANK] = {false};
    int32_t perm[NN_MAX_RANK], kept = 0, at = 0;
    for (int i = 0; i < node->shape.axis_count; i++)
        away[nn_axis(node->shape.axes[i], x.rank)] = true;
    for (int i = 0; i < x.rank; i++) {
        away[i] = away[i] || node->shape.axis_count == 0;
        if (!away[i])
            perm[at++] = i;
    }
    kept = at;
    for (int i = 0; i < x.rank; i++)
        if (away[i])
            perm[at++] = i;
    if (shape->rank == 4)
        nn_tensor_channels_last(&out, shape);
    else
        nn_tensor_row_major(&out, shape);
    FORWARD_IF_ERROR(lower_output(lower, node->out, &out));
    FORWARD_IF_ERROR(node_step(lower, node, &step));
    step->attr.reduced = x.rank - kept;
    nn_tensor_permute(&step->in[NN_IN_X], &x, perm);
    if (x.rank == 0) { /* a scalar: the mean of one */
        step->attr.reduced = step->in[NN_IN_X].rank = 1;
        step->in[NN_IN_X].dims[0] = step->in[NN_IN_X].strides[0] = 1;
    }
    step->out = out;
    step->out.rank = kept ? kept : 1;
    step->out.dims[0] = step->out.strides[0] = 1;
    for (int i = 0, from = 0; i < x.rank; i++) {
        if (!away[i]) {
            step->out.dims[from] = x.dims[i];
            step->out.strides[from] = out.strides[node->shape.keep_dims ? i : from];
            from++;
        }
    }
    lower->planned->macs += (double)nn_tensor_count(&x);
    return SE_OK;
}

/* ---- resize --------------------------------------------------------------------------------- */

/* Index of the source of output index i. Computed in float, as the models' own runtime does. */
static int32_t resize_source(const struct nn_node *node, int64_t i, int64_t from, int64_t to,
                             float scale)
{
    const float at = (float)i;
    float source = at / scale;
    if (node->shape.coord == NN_COORD_HALF_PIXEL ||
        (node->shape.coord == NN_COORD_PYTORCH && to > 1))
        source = (at + 0.5f) / scale - 0.5f;
    else if (node->shape.coord == NN_COORD_PYTORCH)
        source = 0;
    else if (node->shape.coord == NN_COORD_CORNERS)
        source = to == 1 ? 0 : at * (float)(from - 1) / (float)(to - 1);
    const float down = floorf(source);
    float rounded = down;
    if (node->shape.round == NN_ROUND_CEIL)
        rounded = ceilf(source);
    else if (node->shape.round == NN_ROUND_PREFER_CEIL)
        rounded = floorf(source + 0.5f);
    else if (node->shape.round == NN_ROUND_PREFER_FLOOR)
        rounded = ceilf(source - 0.5f);
    return rounded < 0 ? 0 : rounded > (float)(from - 1) ? (int32_t)(from - 1) : (int32_t)rounded;
}

static int resize_map(struct lower *lower, const struct nn_node *node, int d, int64_t from,
                      int64_t to, struct nn_attr *attr)
{
    int32_t *map = arena_alloc(&lower->planned->arena, (size_t)to, sizeof(*map));
    if (!map)
        return lower_fail(lower, SE_ERR_LIMIT, "no room for a map of %lld positions",
                          (long long)to);
    const float scale = lower->node_info[lower->node].scale[d];
    attr->factor[d] = to % from == 0 ? (int32_t)(to / from) : 0;
    for (int64_t i = 0; i < to; i++) {
        map[i] = resize_source(node, i, from, to, scale);
        if (attr->factor[d] && map[i] != i / attr->factor[d])
            attr->factor[d] = 0;
    }
    attr->map[d] = map;
    return SE_OK;
}

static int lower_resize(struct lower *lower, const struct nn_node *node)
{
    const struct nn_tensor *source = input(lower, node, NN_IN_X);
    const struct nn_shape own = lower->node_info[lower->node].own;
    struct nn_attr attr = node->attr;
    struct residual residual;
    struct nn_tensor x, out, added = {0};
    struct nn_step *step;
    FORWARD_IF_ERROR(residual_begin(lower, node, &own, &residual));
    FORWARD_IF_ERROR(picture(lower, source, &x));
    for (int d = 0; d < 2; d++)
        FORWARD_IF_ERROR(resize_map(lower, node, d, x.dims[1 + d], own.dims[2 + d], &attr));
    if (residual.added.rank >= 0 && !residual.apart)
        FORWARD_IF_ERROR(picture(lower, &residual.added, &added));
    if (residual.apart)
        nn_tensor_picture(&out, &residual.own);
    else
        FORWARD_IF_ERROR(picture_output(lower, node->out, &out));
    FORWARD_IF_ERROR(node_step(lower, node, &step));
    step->attr = attr;
    residual_strip(&residual, &step->attr);
    step->in[NN_IN_X] = x;
    step->in[NN_IN_RESIDUAL] = added;
    step->out = out;
    lower->planned->macs += (double)nn_tensor_count(&out);
    return residual_end(lower, node, &residual);
}

int lower_op(struct lower *lower, const struct nn_node *node)
{
    switch (node->op) {
    case NN_OP_CONV:
    case NN_OP_DWCONV:
    case NN_OP_DECONV:
    case NN_OP_MAXPOOL:
    case NN_OP_AVGPOOL:
        return lower_window(lower, node);
    case NN_OP_GEMM:
    case NN_OP_FFN:
        return lower_gemm(lower, node);
    case NN_OP_GAP:
        return lower_gap(lower, node);
    case NN_OP_UNARY:
        return lower_unary(lower, node);
    case NN_OP_BINARY:
        return lower_binary(lower, node);
    case NN_OP_REDUCE_MEAN:
        return lower_reduce(lower, node);
    case NN_OP_LAYERNORM:
    case NN_OP_SOFTMAX:
        return lower_over_rows(lower, node);
    case NN_OP_MATMUL:
        return lower_matmul(lower, node);
    case NN_OP_RESIZE:
        return lower_resize(lower, node);
    case NN_OP_SELECT:
        return lower_select(lower, node);
    default:
        return lower_fail(lower, SE_ERR_INTERNAL, "operation %s", nn_op_name(node->op));
    }
}
