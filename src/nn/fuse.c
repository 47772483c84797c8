#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/fuse_graph.h"

/* ---- the graph under way -------------------------------------------------------------------- */

static void add_uses(struct fuse *fuse, const struct nn_node *node, int32_t by)
{
    for (int k = 0; k < NN_INPUTS; k++)
        if (node->in[k] != NN_NO_VALUE)
            fuse->uses[node->in[k]] += by;
    for (int32_t k = 1; k < node->list_count; k++)
        if (node->list[k] != NN_NO_VALUE)
            fuse->uses[node->list[k]] += by;
}

static int begin(struct fuse *fuse, struct nn_graph *graph, se_error *err)
{
    /* A pattern adds at most one value per node. */
    const size_t values = (size_t)graph->value_count + (size_t)graph->node_count;
    const size_t nodes = (size_t)graph->node_count + 1;
    *fuse = (struct fuse){.graph = graph, .err = err, .value_room = (int32_t)values};
    fuse->maker = malloc(values * sizeof(*fuse->maker));
    fuse->uses = calloc(values, sizeof(*fuse->uses));
    fuse->dead = calloc(nodes, sizeof(*fuse->dead));
    if (!fuse->maker || !fuse->uses || !fuse->dead)
        return se_fail_memory(err, "fusion", values * sizeof(*fuse->maker));
    for (size_t i = 0; i < values; i++)
        fuse->maker[i] = -1;
    for (int32_t i = 0; i < graph->node_count; i++) {
        fuse->maker[graph->nodes[i].out] = i;
        add_uses(fuse, &graph->nodes[i], 1);
    }
    fuse->uses[graph->output]++;
    return SE_OK;
}

/* Drops dead nodes and those whose result nobody reads. */
static void finish(struct fuse *fuse)
{
    struct nn_graph *graph = fuse->graph;
    int32_t kept = 0;
    for (int32_t i = graph->node_count - 1; i >= 0 && fuse->dead; i--)
        if (!fuse->dead[i] && fuse->uses[graph->nodes[i].out] == 0)
            fuse_kill(fuse, &graph->nodes[i]);
    for (int32_t i = 0; i < graph->node_count && fuse->dead; i++)
        if (!fuse->dead[i])
            graph->nodes[kept++] = graph->nodes[i];
    graph->node_count = kept;
}

static void end(struct fuse *fuse)
{
    free(fuse->maker);
    free(fuse->uses);
    free(fuse->dead);
}

struct nn_node *fuse_maker(const struct fuse *fuse, int32_t value)
{
    return value == NN_NO_VALUE || fuse->maker[value] < 0 ? NULL
                                                          : &fuse->graph->nodes[fuse->maker[value]];
}

struct nn_node *fuse_only(const struct fuse *fuse, int32_t value, enum nn_op op)
{
    struct nn_node *node = fuse_maker(fuse, value);
    return node && node->op == op && fuse->uses[value] == 1 ? node : NULL;
}

const struct nn_const *fuse_constant(const struct fuse *fuse, int32_t value)
{
    const struct nn_const *constant =
        value == NN_NO_VALUE ? NULL : fuse->graph->values[value].constant;
    return constant && constant->type == NN_TYPE_FLOAT ? constant : NULL;
}

bool fuse_is_number(const struct fuse *fuse, int32_t value, double number)
{
    const struct nn_const *constant = fuse_constant(fuse, value);
    return constant && constant->rank <= 1 && constant->count == 1 &&
           fabs(constant->data.f[0] - number) <= 1e-6 * fabs(number);
}

bool fuse_with_constant(const struct fuse *fuse, const struct nn_node *node, int32_t *x,
                        int32_t *constant)
{
    const bool commutes = node->attr.binary == NN_BINARY_ADD || node->attr.binary == NN_BINARY_MUL;
    *x = node->in[NN_IN_X];
    *constant = node->in[NN_IN_B];
    if (commutes && fuse_constant(fuse, *x)) {
        *x = node->in[NN_IN_B];
        *constant = node->in[NN_IN_X];
    }
    return fuse_constant(fuse, *constant) && !fuse->graph->values[*x].constant;
}

void fuse_set_input(struct fuse *fuse, struct nn_node *node, enum nn_input slot, int32_t value)
{
    if (node->in[slot] != NN_NO_VALUE)
        fuse->uses[node->in[slot]]--;
    if (value != NN_NO_VALUE)
        fuse->uses[value]++;
    node->in[slot] = value;
}

void fuse_kill(struct fuse *fuse, struct nn_node *node)
{
    const ptrdiff_t index = node - fuse->graph->nodes;
    add_uses(fuse, node, -1);
    fuse->dead[index] = true;
    if (fuse->maker[node->out] == index)
        fuse->maker[node->out] = -1;
}

void fuse_into(struct fuse *fuse, struct nn_node *head, struct nn_node *tail)
{
    const int32_t out = tail->out;
    const struct nn_node merged = *head;
    add_uses(fuse, tail, -1);
    add_uses(fuse, &merged, 1);
    fuse_kill(fuse, head);
    *tail = merged;
    tail->out = out;
}

float *fuse_floats(struct fuse *fuse, int64_t count, int *status)
{
    void *floats;
    *status = nn_graph_blob(fuse->graph, (size_t)count, sizeof(float), &floats, fuse->err);
    return floats;
}

int64_t fuse_outputs(const struct nn_node *node)
{
    const struct nn_weight *w = node->weight;
    switch (node->op) {
    case NN_OP_CONV:
    case NN_OP_DWCONV:
    case NN_OP_GEMM:
        return w[0].dims[0];
    case NN_OP_DECONV:
        return w[0].dims[1] * node->attr.groups;
    case NN_OP_FFN:
        return w[2].dims[0];
    default:
        return -1;
    }
}

/* ---- other names for the same value --------------------------------------------------------- */

/* Does the node hand on its operand unchanged? Then *x is the operand. */
static bool is_identity(const struct fuse *fuse, const struct nn_node *node, int32_t *x)
{
    int32_t constant;
    *x = node->in[NN_IN_X];
    if (node->op == NN_OP_IDENTITY)
        return true;
    if (node->op != NN_OP_BINARY || !fuse_with_constant(fuse, node, x, &constant) ||
        fuse_constant(fuse, constant)->rank != 0)
        return false;
    const float number = fuse_constant(fuse, constant)->data.f[0];
    switch (node->attr.binary) {
    case NN_BINARY_ADD:
    case NN_BINARY_SUB:
        return number == 0;
    case NN_BINARY_MUL:
    case NN_BINARY_DIV:
    case NN_BINARY_POW:
        return number == 1;
    }
    return false;
}

/* Lets all readers of what an identity makes read its operand. Nodes come in order, so one pass
 * follows chains. */
static int drop_identities(struct fuse *fuse)
{
    struct nn_graph *graph = fuse->graph;
    int32_t *same = malloc((size_t)graph->value_count * sizeof(*same));
    if (!same)
        return se_fail_memory(fuse->err, "fusion", (size_t)graph->value_count * sizeof(*same));
    for (int32_t i = 0; i < graph->value_count; i++)
        same[i] = i;
    for (int32_t i = 0; i < graph->node_count; i++) {
        struct nn_node *node = &graph->nodes[i];
        int32_t x;
        for (int k = 0; k < NN_INPUTS; k++)
            if (node->in[k] != NN_NO_VALUE && same[node->in[k]] != node->in[k])
                fuse_set_input(fuse, node, (enum nn_input)k, same[node->in[k]]);
        for (int32_t k = 0; k < node->list_count; k++) {
            const int32_t old = node->list[k];
            if (old == NN_NO_VALUE || same[old] == old)
                continue;
            node->list[k] = same[old];
            if (k > 0) { /* list[0] is the same input as slot 0 */
                fuse->uses[old]--;
                fuse->uses[same[old]]++;
            }
        }
        if (is_identity(fuse, node, &x)) {
            same[node->out] = x;
            fuse_kill(fuse, node);
        }
    }
    fuse->uses[graph->output]--;
    graph->output = same[graph->output];
    fuse->uses[graph->output]++;
    free(same);
    return SE_OK;
}

/* ---- all patterns --------------------------------------------------------------------------- */

/* Goes through the nodes in order, at each as long as a pattern matches there. */
static int each_node(struct fuse *fuse,
                     int (*pattern)(struct fuse *fuse, struct nn_node *node, bool *changed))
{
    for (int32_t i = 0; i < fuse->graph->node_count; i++) {
        bool changed = true;
        while (changed && !fuse->dead[i]) {
            changed = false;
            FORWARD_IF_ERROR(pattern(fuse, &fuse->graph->nodes[i], &changed));
        }
    }
    return SE_OK;
}

/* Puts every pooling right behind the node that makes its input: what it reads may then end there,
 * or soon after (lower_borrow.c). */
static void hoist_pools(struct nn_graph *graph)
{
    for (int32_t i = 0; i < graph->node_count; i++) {
        const struct nn_node pool = graph->nodes[i];
        if (pool.op != NN_OP_MAXPOOL)
            continue;
        int32_t at = i;
        while (at > 0 && graph->nodes[at - 1].out != pool.in[NN_IN_X])
            at--;
        if (at == 0)
            continue; /* of the network's input */
        memmove(&graph->nodes[at + 1], &graph->nodes[at], (size_t)(i - at) * sizeof(pool));
        graph->nodes[at] = pool;
    }
}

int nn_fuse(struct nn_graph *graph, se_error *err)
{
    struct fuse fuse;
    int status = begin(&fuse, graph, err);
    if (status == SE_OK)
        status = drop_identities(&fuse);
    if (status == SE_OK)
        status = each_node(&fuse, fuse_local);
    if (status == SE_OK)
        status = each_node(&fuse, fuse_blocks);
    if (status == SE_OK) {
        finish(&fuse);
        hoist_pools(graph);
    }
    end(&fuse);
    return status;
}

/* ---- the selected head ---------------------------------------------------------------------- */

/* Notes in `seen` which columns there are. */
static int check_columns(const int32_t *columns, size_t count, int64_t classes, bool *seen,
                         se_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const bool exists = columns[i] >= 0 && columns[i] < classes;
        RETURN_ERROR_IF(!exists || seen[columns[i]], err, SE_ERR_ARGUMENT, "head column %d %s",
                        columns[i], exists ? "is given twice" : "does not exist");
        seen[columns[i]] = true;
    }
    return SE_OK;
}

/* Copies the chosen columns and those of the shortlist that are not chosen. `seen`: [classes], all
 * false. */
static int copy_columns(struct fuse *fuse, const struct nn_model_options *options, int64_t classes,
                        bool *seen, struct nn_attr *attr)
{
    const struct nn_shortlist *list = &options->shortlist;
    const size_t count = options->head_column_count;
    FORWARD_IF_ERROR(check_columns(list->columns, list->count, classes, seen, fuse->err));
    memset(seen, 0, (size_t)classes);
    FORWARD_IF_ERROR(check_columns(options->head_columns, count, classes, seen, fuse->err));
    int32_t *copy = arena_alloc(&fuse->graph->arena, count + list->count, sizeof(*copy));
    if (!copy)
        return se_fail_memory(fuse->err, "the columns of the head",
                              (count + list->count) * sizeof(*copy));
    memcpy(copy, options->head_columns, count * sizeof(*copy));
    attr->columns = copy;
    attr->column_count = count;
    attr->shortlist = (struct nn_shortlist){.columns = copy + count, .enough = list->enough};
    for (size_t i = 0; i < list->count; i++)
        if (!seen[list->columns[i]])
            copy[count + attr->shortlist.count++] = list->columns[i];
    return SE_OK;
}

static int take_columns(struct fuse *fuse, const struct nn_model_options *options, int64_t classes,
                        struct nn_attr *attr)
{
    bool *seen = calloc((size_t)classes, sizeof(*seen));
    if (!seen)
        return se_fail_memory(fuse->err, "the columns of the head", (size_t)classes);
    const int status = copy_columns(fuse, options, classes, seen, attr);
    free(seen);
    return status;
}

static int32_t behind_identities(const struct fuse *fuse, int32_t value)
{
    struct nn_node *node;
    while ((node = fuse_only(fuse, value, NN_OP_IDENTITY)))
        value = node->in[NN_IN_X];
    return value;
}

/* The linear layer behind a softmax's operand, with the bias that is added in between, if any. */
static struct nn_node *find_head(const struct fuse *fuse, int32_t value,
                                 const struct nn_const **bias)
{
    int32_t x, constant;
    *bias = NULL;
    value = behind_identities(fuse, value);
    const struct nn_node *add = fuse_only(fuse, value, NN_OP_BINARY);
    if (add && add->attr.binary == NN_BINARY_ADD && fuse_with_constant(fuse, add, &x, &constant)) {
        *bias = fuse_constant(fuse, constant);
        value = behind_identities(fuse, x);
    }
    struct nn_node *head = fuse_only(fuse, value, NN_OP_GEMM);
    const bool fits = head && head->shape.axis == -1 &&
                      (!*bias || ((*bias)->rank == 1 && !head->weight[1].data &&
                                  (*bias)->dims[0] == head->weight[0].dims[0]));
    return fits ? head : NULL;
}

static int select_head(struct fuse *fuse, const struct nn_model_options *options)
{
    struct nn_graph *graph = fuse->graph;
    const int32_t result = behind_identities(fuse, graph->output);
    struct nn_node *softmax = fuse_only(fuse, result, NN_OP_SOFTMAX);
    const struct nn_const *bias = NULL;
    struct nn_node *head = softmax ? find_head(fuse, softmax->in[NN_IN_X], &bias) : NULL;
    RETURN_ERROR_IF(!head, fuse->err, SE_ERR_UNSUPPORTED,
                    "the model does not end in a linear layer and a softmax, so no columns of its "
                    "head can be chosen");
    struct nn_attr attr = head->attr;
    FORWARD_IF_ERROR(take_columns(fuse, options, head->weight[0].dims[0], &attr));
    const int32_t axis = softmax->shape.axis;
    fuse_into(fuse, head, softmax);
    softmax->op = NN_OP_SELECT;
    softmax->attr = attr;
    softmax->name = head->name; /* what is known of the layer holds with columns chosen, too */
    softmax->shape.axes[0] = axis;
    if (bias)
        softmax->weight[1] = (struct nn_weight){bias->data.f, 1, {bias->dims[0]}};
    fuse->uses[graph->output]--;
    graph->output = softmax->out;
    fuse->uses[graph->output]++;
    return SE_OK;
}

int nn_fuse_select(struct nn_graph *graph, const struct nn_model_options *options, se_error *err)
{
    struct fuse fuse;
    int status = begin(&fuse, graph, err);
    if (status == SE_OK)
        status = select_head(&fuse, options);
    if (status == SE_OK)
        finish(&fuse);
    end(&fuse);
    return status;
}
