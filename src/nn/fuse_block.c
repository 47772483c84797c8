/*
 * Patterns over several operations: two linear layers, residuals, squeeze and excitation.
 */
#include "nn/fuse_graph.h"

/* Two linear layers, the second the only reader of the first. */
static int fuse_ffn(struct fuse *fuse, struct nn_node *tail, bool *changed)
{
    if (tail->op != NN_OP_GEMM || tail->attr.residual != NN_RESIDUAL_NONE ||
        tail->in[NN_IN_SCALE] != NN_NO_VALUE)
        return SE_OK;
    struct nn_node *head = fuse_only(fuse, tail->in[NN_IN_X], NN_OP_GEMM);
    if (!head || head->shape.axis != tail->shape.axis || head->attr.residual != NN_RESIDUAL_NONE ||
        head->in[NN_IN_SCALE] != NN_NO_VALUE)
        return SE_OK;
    tail->op = NN_OP_FFN;
    tail->attr.hidden = head->attr.act;
    tail->weight[2] = tail->weight[0];
    tail->weight[3] = tail->weight[1];
    tail->weight[0] = head->weight[0];
    tail->weight[1] = head->weight[1];
    fuse_set_input(fuse, tail, NN_IN_X, head->in[NN_IN_X]);
    fuse_kill(fuse, head);
    *changed = true;
    return SE_OK;
}

/* ---- residuals ------------------------------------------------------------------------------ */

/* Can this operation, read by nothing else, add a residual? A better one has a higher number. */
static int residual_rank(const struct fuse *fuse, int32_t value, const struct nn_node *tail)
{
    const struct nn_node *node = fuse_maker(fuse, value);
    if (!node || fuse->uses[value] != 1 || node->attr.residual != NN_RESIDUAL_NONE)
        return 0;
    const bool both_act =
        node->attr.act.func != NN_FUNC_NONE && tail->attr.act.func != NN_FUNC_NONE;
    if (node->op == NN_OP_FFN && !both_act)
        return 3;
    if (node->op == NN_OP_GEMM && !both_act)
        return 2;
    return node->op == NN_OP_RESIZE && tail->attr.act.func == NN_FUNC_NONE ? 1 : 0;
}

/* operation + other: the operation adds. That the shapes agree, and nothing is broadcast, is only
 * known with the input's size; the planner takes apart again what does not fit. */
static int fuse_residual(struct fuse *fuse, struct nn_node *tail, bool *changed)
{
    if (tail->op != NN_OP_BINARY || tail->attr.binary != NN_BINARY_ADD)
        return SE_OK;
    const int32_t a = tail->in[NN_IN_X], b = tail->in[NN_IN_B];
    const int rank_a = residual_rank(fuse, a, tail), rank_b = residual_rank(fuse, b, tail);
    if ((rank_a == 0 && rank_b == 0) || a == b || fuse_constant(fuse, a) || fuse_constant(fuse, b))
        return SE_OK;
    struct nn_node *head = fuse_maker(fuse, rank_a > rank_b ? a : b);
    const int32_t other = rank_a > rank_b ? b : a;
    const struct nn_activation act = tail->attr.act;
    const bool self = head->op == NN_OP_FFN && other == head->in[NN_IN_X] &&
                      fuse_outputs(head) == head->weight[0].dims[1];
    fuse->uses[other]++; /* hold it while tail's inputs go */
    fuse_into(fuse, head, tail);
    fuse->uses[other]--;
    tail->attr.residual = NN_RESIDUAL_AFTER;
    if (act.func != NN_FUNC_NONE) {
        tail->attr.residual = NN_RESIDUAL_BEFORE;
        tail->attr.act = act;
    }
    tail->attr.residual_self = self;
    if (!self)
        fuse_set_input(fuse, tail, NN_IN_RESIDUAL, other);
    *changed = true;
    return SE_OK;
}

/* ---- squeeze and excitation ----------------------------------------------------------------- */

/* Channels of a value known to be [n, c, 1, 1], whatever the input's size; 0 when it is not. */
static int64_t pooled_channels(const struct fuse *fuse, int32_t value, int depth)
{
    const struct nn_node *node = fuse_maker(fuse, value);
    if (!node || depth == 0)
        return 0;
    if (node->op == NN_OP_GAP) /* its channels are not known, but it is pooled */
        return INT64_MAX;
    if (node->op == NN_OP_UNARY)
        return pooled_channels(fuse, node->in[NN_IN_X], depth - 1);
    if ((node->op == NN_OP_GEMM || node->op == NN_OP_FFN) && node->shape.axis == 1 &&
        node->in[NN_IN_RESIDUAL] == NN_NO_VALUE)
        return pooled_channels(fuse, node->in[NN_IN_X], depth - 1) ? fuse_outputs(node) : 0;
    int32_t x, constant;
    if (node->op == NN_OP_BINARY && fuse_with_constant(fuse, node, &x, &constant) &&
        fuse_constant(fuse, constant)->rank == 0)
        return pooled_channels(fuse, x, depth - 1);
    return 0;
}

enum { POOLED_DEPTH = 8 };

/* x + x · s, s one factor per channel: x · (1 + s), one pass over the picture instead of two. */
static int fuse_gate(struct fuse *fuse, struct nn_node *tail, bool *changed)
{
    if (tail->op != NN_OP_BINARY || tail->attr.binary != NN_BINARY_ADD)
        return SE_OK;
    for (int i = 0; i < 2; i++) {
        const int32_t x = tail->in[i ? NN_IN_B : NN_IN_X];
        struct nn_node *gate = fuse_only(fuse, tail->in[i ? NN_IN_X : NN_IN_B], NN_OP_BINARY);
        if (!gate || gate->attr.binary != NN_BINARY_MUL || gate->attr.act.func != NN_FUNC_NONE)
            continue;
        const int x_slot = gate->in[NN_IN_X] == x ? NN_IN_X : NN_IN_B;
        const int32_t s = gate->in[x_slot == NN_IN_X ? NN_IN_B : NN_IN_X];
        if (gate->in[x_slot] != x || s == x || !pooled_channels(fuse, s, POOLED_DEPTH) ||
            fuse->graph->value_count + 2 > fuse->value_room)
            continue;
        int status;
        int32_t one, sum;
        const struct nn_const *constant;
        const struct nn_shape scalar = {0};
        float *number = fuse_floats(fuse, 1, &status);
        FORWARD_IF_ERROR(status);
        number[0] = 1;
        FORWARD_IF_ERROR(nn_graph_constant(fuse->graph, &scalar, number, &constant, fuse->err));
        FORWARD_IF_ERROR(nn_graph_add_value(fuse->graph, NULL, constant, &one, fuse->err));
        FORWARD_IF_ERROR(nn_graph_add_value(fuse->graph, NULL, NULL, &sum, fuse->err));
        const int32_t product = gate->out;
        fuse->maker[sum] = fuse->maker[product];
        fuse->maker[product] = -1;
        gate->out = sum; /* the gate's node now makes 1 + s, and the tail multiplies */
        gate->attr.binary = NN_BINARY_ADD;
        fuse_set_input(fuse, gate, NN_IN_X, s);
        fuse_set_input(fuse, gate, NN_IN_B, one);
        tail->attr.binary = NN_BINARY_MUL;
        fuse_set_input(fuse, tail, NN_IN_X, x);
        fuse_set_input(fuse, tail, NN_IN_B, sum);
        *changed = true;
        return SE_OK;
    }
    return SE_OK;
}

/* x · s as the operand of a linear layer that is its only reader: the layer scales. */
static int fuse_scale(struct fuse *fuse, struct nn_node *tail, bool *changed)
{
    if ((tail->op != NN_OP_GEMM && tail->op != NN_OP_FFN) || tail->shape.axis != 1 ||
        tail->in[NN_IN_SCALE] != NN_NO_VALUE)
        return SE_OK;
    struct nn_node *gate = fuse_only(fuse, tail->in[NN_IN_X], NN_OP_BINARY);
    if (!gate || gate->attr.binary != NN_BINARY_MUL || gate->attr.act.func != NN_FUNC_NONE)
        return SE_OK;
    for (int i = 0; i < 2; i++) {
        const int32_t s = gate->in[i ? NN_IN_X : NN_IN_B], x = gate->in[i ? NN_IN_B : NN_IN_X];
        const int64_t channels = pooled_channels(fuse, s, POOLED_DEPTH);
        if (channels != tail->weight[0].dims[1] || pooled_channels(fuse, x, POOLED_DEPTH))
            continue;
        fuse_set_input(fuse, tail, NN_IN_SCALE, s);
        fuse_set_input(fuse, tail, NN_IN_X, x);
        fuse_kill(fuse, gate);
        *changed = true;
        return SE_OK;
    }
    return SE_OK;
}

int fuse_blocks(struct fuse *fuse, struct nn_node *node, bool *changed)
{
    static int (*const patterns[])(struct fuse * fuse, struct nn_node * tail, bool *changed) = {
        fuse_ffn,
        fuse_gate,
        fuse_residual,
        fuse_scale,
    };
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]) && !*changed; i++)
        FORWARD_IF_ERROR(patterns[i](fuse, node, changed));
    return SE_OK;
}
