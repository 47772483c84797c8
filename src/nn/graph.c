#include "nn/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOB_ALIGN = 64 };

/* Stands directly before the weights, in the same allocation: [header | weights …]. */
struct nn_blob {
    _Alignas(BLOB_ALIGN) struct nn_blob *next;
    size_t bytes; /* header included */
    bool kept;    /* scratch of nn_graph_drop_weights */
};

const char *nn_op_name(enum nn_op op)
{
    static const char *const names[NN_OP_COUNT] = {
        [NN_OP_CONV] = "CONV",
        [NN_OP_DWCONV] = "DWCONV",
        [NN_OP_DECONV] = "DECONV",
        [NN_OP_GEMM] = "GEMM",
        [NN_OP_FFN] = "FFN",
        [NN_OP_MAXPOOL] = "MAXPOOL",
        [NN_OP_AVGPOOL] = "AVGPOOL",
        [NN_OP_GAP] = "GAP",
        [NN_OP_UNARY] = "UNARY",
        [NN_OP_BINARY] = "BINARY",
        [NN_OP_REDUCE_MEAN] = "RMEAN",
        [NN_OP_LAYERNORM] = "LAYERNORM",
        [NN_OP_MATMUL] = "MATMUL",
        [NN_OP_SOFTMAX] = "SOFTMAX",
        [NN_OP_RESIZE] = "RESIZE",
        [NN_OP_SELECT] = "SELECT",
        [NN_OP_COPY] = "COPY",
        [NN_OP_CONCAT] = "CONCAT",
        [NN_OP_IDENTITY] = "IDENTITY",
        [NN_OP_RESHAPE] = "RESHAPE",
        [NN_OP_TRANSPOSE] = "TRANSPOSE",
        [NN_OP_SQUEEZE] = "SQUEEZE",
        [NN_OP_UNSQUEEZE] = "UNSQUEEZE",
        [NN_OP_SLICE] = "SLICE",
        [NN_OP_SHAPE] = "SHAPE",
    };
    return (unsigned)op < NN_OP_COUNT ? names[op] : "?";
}

void nn_graph_init(struct nn_graph *graph)
{
    *graph = (struct nn_graph){.input = NN_NO_VALUE, .output = NN_NO_VALUE};
    arena_init(&graph->arena, (size_t)256 << 20);
}

void nn_graph_free(struct nn_graph *graph)
{
    for (struct nn_blob *blob = graph->blobs, *next; blob; blob = next) {
        next = blob->next;
        free(blob);
    }
    free(graph->values);
    free(graph->nodes);
    arena_free(&graph->arena);
    nn_graph_init(graph);
}

/* Makes room for one more element in a growing array of at most `max`. */
static int grow(void **array, int32_t count, int32_t *capacity, size_t size, int32_t max,
                const char *what, se_error *err)
{
    if (count < *capacity)
        return SE_OK;
    RETURN_ERROR_IF(count >= max, err, SE_ERR_MODEL, "a model of more than %d %s", max, what);
    const int32_t wanted = *capacity ? *capacity * 2 : 256;
    void *larger = realloc(*array, (size_t)wanted * size);
    if (!larger)
        return se_fail_memory(err, what, (size_t)wanted * size);
    *array = larger;
    *capacity = wanted;
    return SE_OK;
}

int nn_graph_add_value(struct nn_graph *graph, const char *name, const struct nn_const *constant,
                       int32_t *id, se_error *err)
{
    void *array = graph->values;
    FORWARD_IF_ERROR(grow(&array, graph->value_count, &graph->value_capacity,
                          sizeof(struct nn_value), NN_MAX_VALUES, "values", err));
    graph->values = array;
    *id = graph->value_count++;
    graph->values[*id] = (struct nn_value){name, constant};
    return SE_OK;
}

int nn_graph_add_node(struct nn_graph *graph, const struct nn_node *node, se_error *err)
{
    void *array = graph->nodes;
    FORWARD_IF_ERROR(grow(&array, graph->node_count, &graph->node_capacity, sizeof(struct nn_node),
                          NN_MAX_NODES, "nodes", err));
    graph->nodes = array;
    graph->nodes[graph->node_count++] = *node;
    return SE_OK;
}

struct nn_node nn_node_empty(enum nn_op op)
{
    struct nn_node node = {.op = op, .name = "", .type = "", .out = NN_NO_VALUE};
    for (int i = 0; i < NN_INPUTS; i++)
        node.in[i] = NN_NO_VALUE;
    return node;
}

int nn_graph_blob(struct nn_graph *graph, size_t count, size_t size, void **out, se_error *err)
{
    size_t bytes;
    *out = NULL;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2)
        return se_fail_memory(err, "weights", SIZE_MAX);
    bytes = sizeof(struct nn_blob) + (bytes + BLOB_ALIGN - 1) / BLOB_ALIGN * BLOB_ALIGN;
    struct nn_blob *blob = aligned_alloc(BLOB_ALIGN, bytes);
    if (!blob)
        return se_fail_memory(err, "weights", bytes);
    memset(blob, 0, bytes);
    blob->next = graph->blobs;
    blob->bytes = bytes;
    graph->blobs = blob;
    *out = blob + 1;
    return SE_OK;
}

int nn_graph_constant(struct nn_graph *graph, const struct nn_shape *shape, const float *data,
                      const struct nn_const **out, se_error *err)
{
    struct nn_const *constant = arena_alloc(&graph->arena, 1, sizeof(*constant));
    if (!constant)
        return se_fail_memory(err, "a constant", sizeof(*constant));
    constant->type = NN_TYPE_FLOAT;
    constant->rank = shape->rank;
    constant->count = 1;
    for (int i = 0; i < shape->rank; i++) {
        constant->dims[i] = shape->dims[i];
        constant->count *= (size_t)shape->dims[i];
    }
    constant->data.f = data;
    *out = constant;
    return SE_OK;
}

/* The data of every constant begins a blob: only nn_graph_blob makes it. */
static void keep_blob(const struct nn_graph *graph, int32_t value)
{
    if (value == NN_NO_VALUE || !graph->values[value].constant)
        return;
    const uintptr_t data = (uintptr_t)graph->values[value].constant->data.any;
    ((struct nn_blob *)data - 1)->kept = true;
}

void nn_graph_drop_weights(struct nn_graph *graph)
{
    for (struct nn_blob *blob = graph->blobs; blob; blob = blob->next)
        blob->kept = false;
    for (int32_t i = 0; i < graph->node_count; i++) {
        struct nn_node *node = &graph->nodes[i];
        for (int k = 0; k < NN_INPUTS; k++)
            keep_blob(graph, node->in[k]);
        for (int32_t k = 0; k < node->list_count; k++)
            keep_blob(graph, node->list[k]);
        for (int k = 0; k < NN_WEIGHTS; k++)
            node->weight[k].data = NULL;
    }
    keep_blob(graph, graph->output);
    for (struct nn_blob **link = &graph->blobs; *link;) {
        struct nn_blob *blob = *link;
        if (blob->kept) {
            link = &blob->next;
            continue;
        }
        *link = blob->next;
        free(blob);
    }
}

size_t nn_graph_bytes(const struct nn_graph *graph)
{
    size_t bytes = 0;
    for (const struct nn_blob *blob = graph->blobs; blob; blob = blob->next)
        bytes += blob->bytes;
    return bytes;
}

bool nn_shape_count(const struct nn_shape *shape, int64_t *count)
{
    *count = 1;
    for (int i = 0; i < shape->rank; i++)
        if (shape->dims[i] < 1 || __builtin_mul_overflow(*count, shape->dims[i], count) ||
            *count > (int64_t)1 << 48)
            return false;
    return true;
}

bool nn_shape_equal(const struct nn_shape *a, const struct nn_shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i])
            return false;
    return true;
}

const char *nn_shape_text(const struct nn_shape *shape, char text[NN_SHAPE_TEXT])
{
    int at = snprintf(text, NN_SHAPE_TEXT, "[");
    for (int i = 0; i < shape->rank; i++) {
        const char *comma = i ? ", " : "";
        const size_t room = (size_t)(NN_SHAPE_TEXT - at);
        if (shape->dims[i] < 0)
            at += snprintf(text + at, room, "%s?", comma);
        else
            at += snprintf(text + at, room, "%s%lld", comma, (long long)shape->dims[i]);
    }
    snprintf(text + at, (size_t)(NN_SHAPE_TEXT - at), "]");
    return text;
}
