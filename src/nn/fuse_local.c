/*
 * Patterns within one operation: biases, batch normalisation, activations, layer normalisation.
 */
#include <math.h>
#include <string.h>

#include "nn/fuse_graph.h"
#include "nn/infer.h"

/* ---- biases and batch normalisation --------------------------------------------------------- */

static bool has_weights(const struct nn_node *node)
{
    return node->op == NN_OP_CONV || node->op == NN_OP_DWCONV || node->op == NN_OP_DECONV ||
           node->op == NN_OP_GEMM;
}

/* The only reader of a node with weights and nothing behind the product yet. */
static struct nn_node *bare_product(const struct fuse *fuse, int32_t value)
{
    struct nn_node *node = fuse_maker(fuse, value);
    const bool bare = node && has_weights(node) && fuse->uses[value] == 1 &&
                      node->attr.act.func == NN_FUNC_NONE &&
                      node->attr.residual == NN_RESIDUAL_NONE;
    return bare ? node : NULL;
}

/* Is the constant one number per output channel of the node, or one for all? Its rank must not
 * raise that of the result. */
static bool is_per_channel(const struct nn_node *node, const struct nn_const *constant)
{
    const int64_t channels = fuse_outputs(node);
    const bool last = node->op == NN_OP_GEMM && node->shape.axis != 1;
    const int channel_axis = last ? constant->rank - 1 : constant->rank - 3;
    if (constant->rank > (last ? 2 : 4))
        return false;
    for (int i = 0; i < constant->rank; i++)
        if (constant->dims[i] != 1 && (i != channel_axis || constant->dims[i] != channels))
            return false;
    return true;
}

/* bias ← bias · factor + shift; NULL: 1, 0. A shift of one element is for all channels. */
static int change_bias(struct fuse *fuse, struct nn_node *node, const float *factor,
                       const float *shift, size_t shift_count)
{
    const int64_t channels = fuse_outputs(node);
    int status;
    float *bias = fuse_floats(fuse, channels, &status);
    FORWARD_IF_ERROR(status);
    for (int64_t i = 0; i < channels; i++) {
        double b = node->weight[1].data ? (double)node->weight[1].data[i] : 0;
        b = factor ? b * factor[i] : b;
        bias[i] = (float)(shift ? b + shift[shift_count == 1 ? 0 : i] : b);
    }
    node->weight[1] = (struct nn_weight){bias, 1, {channels}};
    return SE_OK;
}

/* product + constant */
static int fuse_bias(struct fuse *fuse, struct nn_node *tail, bool *changed)
{
    int32_t x, constant_id;
    if (tail->op != NN_OP_BINARY || tail->attr.binary != NN_BINARY_ADD ||
        tail->attr.act.func != NN_FUNC_NONE || !fuse_with_constant(fuse, tail, &x, &constant_id))
        return SE_OK;
    struct nn_node *head = bare_product(fuse, x);
    const struct nn_const *constant = fuse_constant(fuse, constant_id);
    if (!head || !is_per_channel(head, constant))
        return SE_OK;
    FORWARD_IF_ERROR(change_bias(fuse, head, NULL, constant->data.f, constant->count));
    fuse_into(fuse, head, tail);
    *changed = true;
    return SE_OK;
}

/* Output channel of weight `row` (index over all dims but those of one filter). */
static int64_t channel_of_row(const struct nn_node *node, int64_t row)
{
    if (node->op != NN_OP_DECONV)
        return row;
    const struct nn_weight *w = &node->weight[0]; /* [ci, co / groups, kh, kw]: a row is (ci, co) */
    const int64_t inputs = w->dims[0] / node->attr.groups;
    return row / w->dims[1] / inputs * w->dims[1] + row % w->dims[1];
}

/* A depthwise 1×1 behind a product: its factors go into the weights. */
static int fuse_affine(struct fuse *fuse, struct nn_node *tail, bool *changed)
{
    const struct nn_attr *a = &tail->attr;
    if (tail->op != NN_OP_DWCONV || a->kernel[0] != 1 || a->kernel[1] != 1 || a->stride[0] != 1 ||
        a->stride[1] != 1 || a->pad[0] || a->pad[1] || a->pad[2] || a->pad[3])
        return SE_OK;
    struct nn_node *head = bare_product(fuse, tail->in[NN_IN_X]);
    if (!head || (head->op == NN_OP_GEMM && head->shape.axis != 1) ||
        fuse_outputs(head) != tail->weight[0].dims[0])
        return SE_OK;
    struct nn_weight *w = &head->weight[0];
    const float *factor = tail->weight[0].data;
    int64_t rows = w->dims[0] * (head->op == NN_OP_DECONV ? w->dims[1] : 1), count = 1;
    for (int i = 0; i < w->rank; i++)
        count *= w->dims[i];
    int status;
    float *scaled = fuse_floats(fuse, count, &status);
    FORWARD_IF_ERROR(status);
    for (int64_t row = 0, each = count / rows; row < rows; row++)
        for (int64_t i = row * each; i < (row + 1) * each; i++)
            scaled[i] = w->data[i] * factor[channel_of_row(head, row)];
    FORWARD_IF_ERROR(
        change_bias(fuse, head, factor, tail->weight[1].data, (size_t)fuse_outputs(head)));
    const struct nn_activation act = tail->attr.act;
    w->data = scaled;
    fuse_into(fuse, head, tail);
    tail->attr.act = act;
    *changed = true;
    return SE_OK;
}

/* ---- activations ---------------------------------------------------------------------------- */

/* An activation behind an operation that can apply it. */
static int fuse_activation(struct fuse *fuse, struct nn_node *tail, bool *changed)
{
    if (tail->op != NN_OP_UNARY || tail->attr.act.func >= NN_FUNC_ERF)
        return SE_OK;
    const struct nn_activation act = tail->attr.act;
    const int32_t x = tail->in[NN_IN_X];
    struct nn_node *head = fuse_only(fuse, x, NN_OP_BINARY);
    if (!head)
        head = bare_product(fuse, x);
    if (!head || head->attr.act.func != NN_FUNC_NONE)
        return SE_OK;
    fuse_into(fuse, head, tail);
    tail->attr.act = act;
    *changed = true;
    return SE_OK;
}

/* Makes `tail` a UNARY of x. */
static void become_unary(struct fuse *fuse, struct nn_node *tail, enum nn_func func, int32_t x)
{
    fuse_set_input(fuse, tail, NN_IN_X, x);
    fuse_set_input(fuse, tail, NN_IN_B, NN_NO_VALUE);
    tail->op = NN_OP_UNARY;
    tail->attr = (struct nn_attr){.act = {.func = func}};
}

static bool is_binary(const struct nn_node *node, enum nn_binary binary)
{
    return node && node->op == NN_OP_BINARY && node->attr.binary == binary &&
           node->attr.act.func == NN_FUNC_NONE;
}

/* x · sigmoid(x) */
static int fuse_swish(struct fuse *fuse, struct nn_node *tail, bool *changed)
{
    if (!is_binary(tail, NN_BINARY_MUL))
        return SE_OK;
    for (int i = 0; i < 2; i++) {
        const int32_t x = tail->in[i ? NN_IN_B : NN_IN_X];
        struct nn_node *gate = fuse_only(fuse, tail->in[i ? NN_IN_X : NN_IN_B], NN_OP_UNARY);
        if (!gate || gate->attr.act.func != NN_FUNC_SIGMOID || gate->in[NN_IN_X] != x)
            continue;
        become_unary(fuse, tail, NN_FUNC_SWISH, x);
        fuse_kill(fuse, gate);
        *changed = true;
        return SE_OK;
    }
    return SE_OK;
}

/* value = x · number, or x / (1 / number), read by nothing else: the node, and x. */
static struct nn_node *times_number(const struct fuse *fuse, int32_t value, double number,
                                    int32_t *x)
{
    struct nn_node *node = fuse_only(fuse, value, NN_OP_BINARY);
    int32_t constant;
    if (!node || node->attr.act.func != NN_FUNC_NONE ||
        !fuse_with_constant(fuse, node, x, &constant))
        return NULL;
    const bool match =
        (node->attr.binary == NN_BINARY_MUL && fuse_is_number(fuse, constant, number)) ||
        (node->attr.binary == NN_BINARY_DIV && fuse_is_number(fuse, constant, 1 / number));
    return match ? node : NULL;
}

/* The parts of 1 + erf(x / √2), if `value` is that. */
struct erf_part {
    struct nn_node *add, *erf, *scale;
    int32_t x;
};

static bool match_erf(const struct fuse *fuse, int32_t value, struct erf_part *part)
{
    int32_t inner, one;
    part->add = fuse_only(fuse, value, NN_OP_BINARY);
    if (!is_binary(part->add, NN_BINARY_ADD) ||
        !fuse_with_constant(fuse, part->add, &inner, &one) || !fuse_is_number(fuse, one, 1))
        return false;
    part->erf = fuse_only(fuse, inner, NN_OP_UNARY);
    if (!part->erf || part->erf->attr.act.func != NN_FUNC_ERF)
        return false;
    part->scale = times_number(fuse, part->erf->in[NN_IN_X], sqrt(0.5), &part->x);
    return part->scale != NULL;
}

/* Kills what made gelu, outermost first: each must be unread by then. */
static void become_gelu(struct fuse *fuse, struct nn_node *tail, struct nn_node *product,
                        const struct erf_part *part)
{
    become_unary(fuse, tail, NN_FUNC_GELU, part->x);
    fuse_kill(fuse, product);
    fuse_kill(fuse, part->add);
    fuse_kill(fuse, part->erf);
    fuse_kill(fuse, part->scale);
}

/* x · (1 + erf(x / √2)) · 0.5 in either order of the factors. */
static int fuse_gelu(struct fuse *fuse, struct nn_node *tail, bool *changed)
{
    struct erf_part part;
    int32_t x, half;
    if (!is_binary(tail, NN_BINARY_MUL))
        return SE_OK;
    if (fuse_with_constant(fuse, tail, &x, &half) && fuse_is_number(fuse, half, 0.5)) {
        struct nn_node *product = fuse_only(fuse, x, NN_OP_BINARY);
        for (int i = 0; i < 2 && is_binary(product, NN_BINARY_MUL); i++) {
            const int32_t other = product->in[i ? NN_IN_B : NN_IN_X];
            if (!match_erf(fuse, product->in[i ? NN_IN_X : NN_IN_B], &part) || part.x != other)
                continue;
            become_gelu(fuse, tail, product, &part);
            *changed = true;
            return SE_OK;
        }
        return SE_OK;
    }
    for (int i = 0; i < 2; i++) {
        struct nn_node *halved = times_number(fuse, tail->in[i ? NN_IN_X : NN_IN_B], 0.5, &x);
        if (!halved || !match_erf(fuse, tail->in[i ? NN_IN_B : NN_IN_X], &part) || part.x != x)
            continue;
        become_gelu(fuse, tail, halved, &part);
        *changed = true;
        return SE_OK;
    }
    return SE_OK;
}

/* ---- layer normalisation -------------------------------------------------------------------- */

/* A mean over the last axis that keeps it, read once. */
static struct nn_node *last_mean(const struct fuse *fuse, int32_t value)
{
    struct nn_node *node = fuse_only(fuse, value, NN_OP_REDUCE_MEAN);
    return node && node->shape.keep_dims && node->shape.axis_count == 1 && node->shape.axes[0] == -1
               ? node
               : NULL;
}

struct norm_part {
    struct nn_node *scale, *divide, *root, *shift, *variance, *square, *centre, *mean;
    const struct nn_const *gamma, *beta, *epsilon;
    int32_t x;
};

/* square = centre² */
static bool match_square(const struct fuse *fuse, const struct norm_part *p)
{
    const struct nn_node *node = p->square;
    if (is_binary(node, NN_BINARY_POW))
        return node->in[NN_IN_X] == p->divide->in[NN_IN_X] &&
               fuse_is_number(fuse, node->in[NN_IN_B], 2);
    return is_binary(node, NN_BINARY_MUL) && node->in[NN_IN_X] == p->divide->in[NN_IN_X] &&
           node->in[NN_IN_B] == p->divide->in[NN_IN_X];
}

/* (x - mean) / sqrt(mean((x - mean)²) + ε) · γ + β, from the end backwards. */
static bool match_norm(const struct fuse *fuse, const struct nn_node *tail, struct norm_part *p)
{
    int32_t value, constant;
    if (!is_binary(tail, NN_BINARY_ADD) || !fuse_with_constant(fuse, tail, &value, &constant))
        return false;
    p->beta = fuse_constant(fuse, constant);
    p->scale = fuse_only(fuse, value, NN_OP_BINARY);
    if (!is_binary(p->scale, NN_BINARY_MUL) ||
        !fuse_with_constant(fuse, p->scale, &value, &constant))
        return false;
    p->gamma = fuse_constant(fuse, constant);
    p->divide = fuse_only(fuse, value, NN_OP_BINARY);
    if (!is_binary(p->divide, NN_BINARY_DIV))
        return false;
    p->root = fuse_only(fuse, p->divide->in[NN_IN_B], NN_OP_UNARY);
    if (!p->root || p->root->attr.act.func != NN_FUNC_SQRT)
        return false;
    p->shift = fuse_only(fuse, p->root->in[NN_IN_X], NN_OP_BINARY);
    if (!is_binary(p->shift, NN_BINARY_ADD) ||
        !fuse_with_constant(fuse, p->shift, &value, &constant))
        return false;
    p->epsilon = fuse_constant(fuse, constant);
    p->variance = last_mean(fuse, value);
    p->square = p->variance ? fuse_only(fuse, p->variance->in[NN_IN_X], NN_OP_BINARY) : NULL;
    if (!p->square || !match_square(fuse, p))
        return false;
    p->centre = fuse_maker(fuse, p->divide->in[NN_IN_X]);
    const int32_t readers = p->square->attr.binary == NN_BINARY_POW ? 2 : 3;
    if (!is_binary(p->centre, NN_BINARY_SUB) || fuse->uses[p->centre->out] != readers)
        return false;
    p->x = p->centre->in[NN_IN_X];
    p->mean = last_mean(fuse, p->centre->in[NN_IN_B]);
    return p->mean && p->mean->in[NN_IN_X] == p->x && p->gamma->rank == 1 && p->beta->rank == 1 &&
           p->gamma->count == p->beta->count && p->epsilon->count == 1 && p->epsilon->rank <= 1;
}

static int fuse_norm(struct fuse *fuse, struct nn_node *tail, bool *changed)
{
    struct norm_part p;
    if (!match_norm(fuse, tail, &p))
        return SE_OK;
    const int32_t out = tail->out;
    const char *const name = tail->name, *const type = tail->type;
    struct nn_node *const gone[] = {p.scale,    p.divide, p.root,   p.shift,
                                    p.variance, p.square, p.centre, p.mean};
    struct nn_node norm = nn_node_empty(NN_OP_LAYERNORM);
    norm.out = out;
    norm.name = name;
    norm.type = type;
    norm.attr.epsilon = p.epsilon->data.f[0];
    norm.weight[0] = (struct nn_weight){p.gamma->data.f, 1, {p.gamma->dims[0]}};
    norm.weight[1] = (struct nn_weight){p.beta->data.f, 1, {p.beta->dims[0]}};
    fuse_set_input(fuse, tail, NN_IN_X, p.x);
    fuse_set_input(fuse, tail, NN_IN_B, NN_NO_VALUE);
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
        fuse_kill(fuse, gone[i]);
    norm.in[NN_IN_X] = p.x;
    *tail = norm;
    *changed = true;
    return SE_OK;
}

/* ---- global average ------------------------------------------------------------------------- */

/* Is the value known to be [n, c, h, w], whatever the input's size? */
static bool is_picture(const struct fuse *fuse, int32_t value)
{
    const struct nn_node *node = fuse_maker(fuse, value);
    if (!node)
        return value == fuse->graph->input;
    switch (node->op) {
    case NN_OP_CONV:
    case NN_OP_DWCONV:
    case NN_OP_DECONV:
    case NN_OP_MAXPOOL:
    case NN_OP_AVGPOOL:
    case NN_OP_GAP:
    case NN_OP_RESIZE:
        return true;
    case NN_OP_GEMM:
        return node->shape.axis == 1;
    default:
        return false;
    }
}

static int fuse_gap(struct fuse *fuse, struct nn_node *node, bool *changed)
{
    const struct nn_shape_attr *s = &node->shape;
    if (node->op != NN_OP_REDUCE_MEAN || !s->keep_dims || s->axis_count != 2 ||
        !is_picture(fuse, node->in[NN_IN_X]))
        return SE_OK;
    const int a = nn_axis(s->axes[0], 4), b = nn_axis(s->axes[1], 4);
    if ((a == 2 && b == 3) || (a == 3 && b == 2)) {
        node->op = NN_OP_GAP;
        *changed = true;
    }
    return SE_OK;
}

int fuse_local(struct fuse *fuse, struct nn_node *node, bool *changed)
{
    static int (*const patterns[])(struct fuse * fuse, struct nn_node * tail, bool *changed) = {
        fuse_bias, fuse_affine, fuse_swish, fuse_gelu, fuse_activation, fuse_norm, fuse_gap,
    };
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]) && !*changed; i++)
        FORWARD_IF_ERROR(patterns[i](fuse, node, changed));
    return SE_OK;
}
