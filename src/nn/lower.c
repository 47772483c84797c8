#include "nn/lower.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_STEPS = 1 << 20 };

int lower_fail(const struct lower *lower, int code, const char *format, ...)
{
    char text[320];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    const struct nn_node *node = &lower->graph->nodes[lower->node];
    return se_fail(lower->err, code, "node '%.100s' (%.40s): %s", node->name, node->type, text);
}

/* ---- buffers and steps ---------------------------------------------------------------------- */

static int grow(struct lower *lower, void **array, int32_t count, int32_t *capacity, size_t size)
{
    if (count < *capacity)
        return SE_OK;
    if (count >= MAX_STEPS)
        return lower_fail(lower, SE_ERR_LIMIT, "more than %d steps", MAX_STEPS);
    const int32_t wanted = *capacity ? 2 * *capacity : 256;
    void *larger = realloc(*array, (size_t)wanted * size);
    if (!larger)
        return se_fail_memory(lower->err, "a plan", (size_t)wanted * size);
    lower->planned->own_bytes += (size_t)(wanted - *capacity) * size;
    *array = larger;
    *capacity = wanted;
    return SE_OK;
}

int lower_buffer(struct lower *lower, struct nn_tensor *tensor)
{
    struct nn_planned *planned = lower->planned;
    void *array = planned->buffers;
    FORWARD_IF_ERROR(grow(lower, &array, planned->buffer_count, &lower->buffer_capacity,
                          sizeof(*planned->buffers)));
    planned->buffers = array;
    tensor->data = NULL;
    tensor->buffer = planned->buffer_count++;
    tensor->offset = 0;
    planned->buffers[tensor->buffer] = (struct nn_buffer){
        .bytes = (size_t)nn_tensor_count(tensor) * sizeof(float), .first = INT32_MAX, .last = -1};
    return SE_OK;
}

int lower_step(struct lower *lower, enum nn_op op, struct nn_step **out)
{
    struct nn_plan *plan = &lower->planned->plan;
    void *array = plan->steps;
    FORWARD_IF_ERROR(
        grow(lower, &array, plan->step_count, &lower->step_capacity, sizeof(*plan->steps)));
    plan->steps = array;
    *out = &plan->steps[plan->step_count++];
    memset(*out, 0, sizeof(**out));
    (*out)->op = op;
    (*out)->group = 1;
    return SE_OK;
}

int lower_copy(struct lower *lower, const struct nn_tensor *from, const struct nn_tensor *to)
{
    struct nn_step *step;
    FORWARD_IF_ERROR(lower_step(lower, NN_OP_COPY, &step));
    struct nn_tensor pair[2] = {*to, *from};
    nn_tensors_merge(pair, 2);
    step->out = pair[0];
    step->in[NN_IN_X] = pair[1];
    return SE_OK;
}

int lower_contiguous(struct lower *lower, const struct nn_tensor *from, struct nn_tensor *out)
{
    const struct nn_tensor source = *from;
    const struct nn_shape shape = nn_tensor_shape(&source);
    nn_tensor_row_major(out, &shape);
    FORWARD_IF_ERROR(lower_buffer(lower, out));
    return lower_copy(lower, &source, out);
}

/* ---- concatenation -------------------------------------------------------------------------- */

/* The result of a concatenation: memory on first need, by whichever part comes first. */
static int concat_result(struct lower *lower, int32_t id)
{
    if (lower->ready[id])
        return SE_OK;
    const struct nn_shape *shape = &lower->info[id].shape;
    struct nn_tensor *tensor = &lower->where[id];
    *tensor = (struct nn_tensor){0};
    if (shape->rank == 4)
        nn_tensor_channels_last(tensor, shape);
    else
        nn_tensor_row_major(tensor, shape);
    FORWARD_IF_ERROR(lower_buffer(lower, tensor));
    lower->ready[id] = true;
    return SE_OK;
}

int lower_output(struct lower *lower, int32_t id, struct nn_tensor *tensor)
{
    const struct lower_place *place = &lower->place[id];
    if (place->concat < 0) {
        FORWARD_IF_ERROR(lower_buffer(lower, tensor));
        lower->own[id] = true;
    } else {
        const struct nn_node *concat = &lower->graph->nodes[place->concat];
        const int64_t channels = tensor->dims[1];
        FORWARD_IF_ERROR(concat_result(lower, concat->out));
        *tensor = lower->where[concat->out];
        nn_tensor_slice(tensor, 1, place->start, 1, channels);
    }
    lower->where[id] = *tensor;
    lower->ready[id] = true;
    return SE_OK;
}

/* Is what this node makes [n, c, h, w] in a layout that may have any pitch? */
static bool can_be_placed(const struct nn_node *node)
{
    switch (node->op) {
    case NN_OP_CONV:
    case NN_OP_DWCONV:
    case NN_OP_DECONV:
    case NN_OP_MAXPOOL:
    case NN_OP_AVGPOOL:
    case NN_OP_RESIZE:
    case NN_OP_UNARY:
    case NN_OP_BINARY:
        return true;
    case NN_OP_GEMM:
    case NN_OP_FFN:
        return node->shape.axis == 1;
    default:
        return false;
    }
}

/* Gives the parts of channel concatenations their place in the result. maker[value]: node. */
static void place_parts(struct lower *lower, const int32_t *maker)
{
    const struct nn_graph *graph = lower->graph;
    for (int32_t i = 0; i < graph->node_count; i++) {
        const struct nn_node *node = &graph->nodes[i];
        if (node->op != NN_OP_CONCAT || lower->info[node->out].ints ||
            lower->info[node->out].shape.rank != 4 || nn_axis(node->shape.axis, 4) != 1)
            continue;
        int64_t start = 0;
        for (int32_t k = 0; k < node->list_count; k++) {
            const int64_t channels = lower->info[node->list[k]].shape.dims[1];
            int32_t id = node->list[k];
            while (maker[id] >= 0 && graph->nodes[maker[id]].op == NN_OP_IDENTITY)
                id = graph->nodes[maker[id]].in[NN_IN_X];
            if (maker[id] >= 0 && can_be_placed(&graph->nodes[maker[id]]) &&
                lower->place[id].concat < 0)
                lower->place[id] = (struct lower_place){i, start};
            start += channels;
        }
    }
}

static int lower_concat(struct lower *lower, const struct nn_node *node)
{
    FORWARD_IF_ERROR(concat_result(lower, node->out));
    const int axis = nn_axis(node->shape.axis, lower->info[node->out].shape.rank);
    int64_t start = 0;
    for (int32_t k = 0; k < node->list_count; k++) {
        const struct nn_tensor *part = &lower->where[node->list[k]];
        struct nn_tensor slot = lower->where[node->out];
        nn_tensor_slice(&slot, axis, start, 1, part->dims[axis]);
        start += part->dims[axis];
        const bool in_place = part->buffer == slot.buffer && part->offset == slot.offset;
        if (nn_tensor_count(part) > 0 && !in_place)
            FORWARD_IF_ERROR(lower_copy(lower, part, &slot));
    }
    return SE_OK;
}

/* ---- views ---------------------------------------------------------------------------------- */

static int lower_view(struct lower *lower, const struct nn_node *node)
{
    const struct nn_node_info *settled = &lower->node_info[lower->node];
    const struct nn_shape *shape = &lower->info[node->out].shape;
    struct nn_tensor x = lower->where[node->in[NN_IN_X]], *out = &lower->where[node->out];
    int32_t perm[NN_MAX_RANK];
    *out = x;
    switch (node->op) {
    case NN_OP_IDENTITY:
        break;
    case NN_OP_TRANSPOSE:
        for (int i = 0; i < x.rank; i++)
            perm[i] = node->shape.axis_count ? node->shape.axes[i] : x.rank - 1 - i;
        nn_tensor_permute(out, &x, perm);
        break;
    case NN_OP_SLICE:
        for (int i = 0; i < x.rank; i++)
            nn_tensor_slice(out, i, settled->start[i], settled->step[i], shape->dims[i]);
        break;
    default: /* RESHAPE, SQUEEZE, UNSQUEEZE */
        if (nn_tensor_reshape(out, &x, shape))
            break;
        FORWARD_IF_ERROR(lower_contiguous(lower, &x, &x));
        nn_tensor_reshape(out, &x, shape);
        break;
    }
    lower->ready[node->out] = true;
    return SE_OK;
}

/* ---- the walk ------------------------------------------------------------------------------- */

static void count_use(struct lower *lower, int32_t value, int32_t node)
{
    if (value == NN_NO_VALUE)
        return;
    lower->use[value].count++;
    lower->use[value].user = node;
}

static int prepare(struct lower *lower)
{
    const struct nn_graph *graph = lower->graph;
    const size_t values = (size_t)graph->value_count;
    struct arena *arena = &lower->planned->arena;
    lower->where = arena_alloc(arena, values, sizeof(*lower->where));
    lower->ready = arena_alloc(arena, values, sizeof(*lower->ready));
    lower->own = arena_alloc(arena, values, sizeof(*lower->own));
    lower->use = arena_alloc(arena, values, sizeof(*lower->use));
    lower->place = arena_alloc(arena, values, sizeof(*lower->place));
    int32_t *maker = arena_alloc(arena, values, sizeof(*maker));
    if (!lower->where || !lower->ready || !lower->own || !lower->use || !lower->place || !maker)
        return se_fail_memory(lower->err, "a plan", values * sizeof(*lower->where));
    for (size_t i = 0; i < values; i++) {
        lower->place[i].concat = -1;
        maker[i] = -1;
        const struct nn_const *constant = graph->values[i].constant;
        if (!constant || constant->type != NN_TYPE_FLOAT)
            continue;
        nn_tensor_row_major(&lower->where[i], &lower->info[i].shape);
        lower->where[i].data = (float *)(uintptr_t)constant->data.f; /* steps only read inputs */
        lower->where[i].buffer = -1;
        lower->ready[i] = true;
    }
    for (int32_t i = 0; i < graph->node_count; i++) {
        const struct nn_node *node = &graph->nodes[i];
        maker[node->out] = i;
        for (int k = 0; k < NN_INPUTS; k++)
            count_use(lower, node->in[k], i);
        for (int32_t k = 1; k < node->list_count; k++)
            count_use(lower, node->list[k], i);
    }
    count_use(lower, graph->output, -1);
    place_parts(lower, maker);
    return lower->keep_all ? SE_OK : lower_borrow(lower, maker);
}

/* The output as nn.h promises it: contiguous, channels last when it has 4 dims, and in memory that
 * is neither a constant's nor the input's. */
static int lower_result(struct lower *lower)
{
    struct nn_planned *planned = lower->planned;
    if (lower->info[lower->graph->output].ints)
        return se_fail(lower->err, SE_ERR_UNSUPPORTED,
                       "the model's output is a tensor of integers");
    struct nn_tensor out = lower->where[lower->graph->output];
    if (nn_tensor_count(&out) == 0)
        return se_fail(lower->err, SE_ERR_UNSUPPORTED, "the model's output has no elements");
    if (out.rank == 4) {
        static const int32_t perm[4] = {0, 2, 3, 1};
        nn_tensor_permute(&out, &out, perm);
    }
    if (!nn_tensor_is_row_major(&out) || out.buffer < 0 || out.buffer == planned->input.buffer)
        FORWARD_IF_ERROR(lower_contiguous(lower, &out, &out));
    planned->output = out;
    planned->output_shape = nn_tensor_shape(&out);
    return SE_OK;
}

static int lower_all(struct lower *lower)
{
    const struct nn_graph *graph = lower->graph;
    struct nn_planned *planned = lower->planned;
    FORWARD_IF_ERROR(prepare(lower));
    struct nn_tensor *input = &lower->where[graph->input];
    nn_tensor_channels_last(input, &lower->info[graph->input].shape);
    FORWARD_IF_ERROR(lower_buffer(lower, input));
    lower->ready[graph->input] = true;
    planned->input = *input;
    for (lower->node = 0; lower->node < graph->node_count; lower->node++) {
        const struct nn_node *node = &graph->nodes[lower->node];
        if (lower->info[node->out].ints)
            continue; /* settled by inference */
        if (node->op < NN_OP_BACKEND_END)
            FORWARD_IF_ERROR(lower_op(lower, node));
        else if (node->op == NN_OP_CONCAT)
            FORWARD_IF_ERROR(lower_concat(lower, node));
        else
            FORWARD_IF_ERROR(lower_view(lower, node));
    }
    return lower_result(lower);
}

static int keep_values(struct lower *lower)
{
    const struct nn_graph *graph = lower->graph;
    struct nn_plan_value *values =
        arena_alloc(&lower->planned->arena, (size_t)graph->value_count, sizeof(*values));
    if (!values)
        return se_fail_memory(lower->err, "a plan", (size_t)graph->value_count * sizeof(*values));
    for (int32_t i = 0; i < graph->value_count; i++)
        if (lower->ready[i] && !graph->values[i].constant)
            values[i] = (struct nn_plan_value){graph->values[i].name, lower->where[i]};
    lower->planned->values = values;
    return SE_OK;
}

int nn_lower(struct nn_planned *planned, const struct nn_shape *input, bool keep_all, se_error *err)
{
    struct lower lower = {.model = planned->model,
                          .graph = &planned->model->graph,
                          .planned = planned,
                          .keep_all = keep_all,
                          .err = err};
    FORWARD_IF_ERROR(
        nn_infer(lower.graph, input, &planned->arena, &lower.info, &lower.node_info, err));
    FORWARD_IF_ERROR(lower_all(&lower));
    return keep_all ? keep_values(&lower) : SE_OK;
}
