/*
 * ModelProto and GraphProto, and the table of names.
 *
 * Fields may come in any order, so the model is walked twice (opset first), and the graph thrice:
 * constants, then input and output declarations, then nodes. Nodes must come in an order in which
 * each follows what it needs, as ONNX demands; that also refuses cycles.
 */
#include <stdlib.h>
#include <string.h>

#include "nn/onnx/onnx_reader.h"

enum { OPSET_MIN = 10, OPSET_MAX = 17, MAX_PROPERTIES = 256 };

int onnx_name(struct onnx_reader *reader, const struct wire *text, const char **out)
{
    const size_t length = wire_left(text);
    RETURN_ERROR_IF(length > ONNX_MAX_NAME, reader->err, SE_ERR_MODEL,
                    "%s: byte %zu: a name of %zu bytes; at most %d are read", reader->file,
                    text->at, length, ONNX_MAX_NAME);
    char *copy = arena_copy(&reader->graph->arena, (const char *)text->bytes + text->at, length);
    if (!copy)
        return se_fail_memory(reader->err, "a name", length);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)copy[i] < 0x20 || copy[i] == 0x7f)
            copy[i] = '?';
    *out = copy;
    return SE_OK;
}

/* Slot of a name: where it is, or the empty one where it belongs. FNV-1a. */
static size_t find_slot(const struct onnx_reader *reader, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *c = name; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    size_t slot = (size_t)(hash ^ hash >> 32) & (reader->slot_count - 1);
    while (reader->slots[slot] != NN_NO_VALUE &&
           strcmp(reader->graph->values[reader->slots[slot]].name, name) != 0)
        slot = (slot + 1) & (reader->slot_count - 1);
    return slot;
}

int32_t onnx_find(const struct onnx_reader *reader, const char *name)
{
    return reader->slot_count ? reader->slots[find_slot(reader, name)] : NN_NO_VALUE;
}

static int grow_names(struct onnx_reader *reader)
{
    const size_t count = reader->slot_count ? reader->slot_count * 2 : 1024;
    int32_t *old = reader->slots;
    const size_t old_count = reader->slot_count;
    int32_t *slots = malloc(count * sizeof(*slots));
    if (!slots)
        return se_fail_memory(reader->err, "the names of a model", count * sizeof(*slots));
    for (size_t i = 0; i < count; i++)
        slots[i] = NN_NO_VALUE;
    reader->slots = slots;
    reader->slot_count = count;
    for (size_t i = 0; i < old_count; i++)
        if (old[i] != NN_NO_VALUE)
            slots[find_slot(reader, reader->graph->values[old[i]].name)] = old[i];
    free(old);
    return SE_OK;
}

int onnx_define(struct onnx_reader *reader, const char *name, const struct nn_const *constant,
                const char *maker, int32_t *id)
{
    RETURN_ERROR_IF(!name[0], reader->err, SE_ERR_MODEL, "%s: %s makes a tensor without a name",
                    reader->file, maker);
    RETURN_ERROR_IF(onnx_find(reader, name) != NN_NO_VALUE, reader->err, SE_ERR_MODEL,
                    "%s: tensor '%.100s' is made twice (again by %s)", reader->file, name, maker);
    if (2 * ((size_t)reader->graph->value_count + 1) > reader->slot_count)
        FORWARD_IF_ERROR(grow_names(reader));
    FORWARD_IF_ERROR(nn_graph_add_value(reader->graph, name, constant, id, reader->err));
    reader->slots[find_slot(reader, name)] = *id;
    return SE_OK;
}

/* ---- declarations of inputs and outputs ----------------------------------------------------- */

/* The single sub-message `number` of a message; *found tells whether there is one. */
static int find_message(struct onnx_reader *reader, struct wire message, uint32_t number,
                        struct wire *out, bool *found)
{
    struct wire_field field;
    bool more;
    *found = false;
    for (;;) {
        FORWARD_IF_ERROR(wire_next(&message, &field, &more, reader->err));
        if (!more)
            return SE_OK;
        if (field.number == number && field.type == WIRE_BYTES) {
            *out = field.message;
            *found = true;
        }
    }
}

static int read_dims(struct onnx_reader *reader, struct wire message, const char *name,
                     struct nn_shape *shape)
{
    struct wire_field field, dim;
    bool more;
    for (;;) {
        FORWARD_IF_ERROR(wire_next(&message, &field, &more, reader->err));
        if (!more)
            return SE_OK;
        if (field.number != 1)
            continue;
        FORWARD_IF_ERROR(wire_expect(&field, WIRE_BYTES, "a dimension", reader->err));
        RETURN_ERROR_IF(shape->rank == NN_MAX_RANK, reader->err, SE_ERR_UNSUPPORTED,
                        "%s: tensor '%.100s' has more than %d dimensions", reader->file, name,
                        NN_MAX_RANK);
        int64_t value = -1;
        for (;;) {
            FORWARD_IF_ERROR(wire_next(&field.message, &dim, &more, reader->err));
            if (!more)
                break;
            if (dim.number == 1 && dim.type == WIRE_VARINT)
                value = (int64_t)dim.value;
        }
        shape->dims[shape->rank++] = value < 1 ? -1 : value;
    }
}

/* ValueInfoProto: name, element type (0: not given) and shape (rank 0 when not given). */
static int read_declaration(struct onnx_reader *reader, struct wire message, const char **name,
                            int64_t *type, struct nn_shape *shape)
{
    struct wire part, tensor, dims;
    bool found;
    *name = "";
    *type = 0;
    *shape = (struct nn_shape){0};
    FORWARD_IF_ERROR(find_message(reader, message, 1, &part, &found));
    if (found)
        FORWARD_IF_ERROR(onnx_name(reader, &part, name));
    FORWARD_IF_ERROR(find_message(reader, message, 2, &part, &found));
    if (found)
        FORWARD_IF_ERROR(find_message(reader, part, 1, &tensor, &found));
    if (!found)
        return SE_OK;
    struct wire rest = tensor;
    for (;;) {
        struct wire_field field;
        bool more;
        FORWARD_IF_ERROR(wire_next(&rest, &field, &more, reader->err));
        if (!more)
            break;
        if (field.number == 1 && field.type == WIRE_VARINT)
            *type = (int64_t)field.value;
    }
    FORWARD_IF_ERROR(find_message(reader, tensor, 2, &dims, &found));
    return found ? read_dims(reader, dims, *name, shape) : SE_OK;
}

static int read_input(struct onnx_reader *reader, struct wire message)
{
    struct nn_graph *graph = reader->graph;
    const char *name;
    int64_t type;
    struct nn_shape shape;
    FORWARD_IF_ERROR(read_declaration(reader, message, &name, &type, &shape));
    if (onnx_find(reader, name) != NN_NO_VALUE && name[0])
        return SE_OK; /* old files list constants among the inputs */
    RETURN_ERROR_IF(graph->input != NN_NO_VALUE, reader->err, SE_ERR_UNSUPPORTED,
                    "%s: a second input '%.100s'; models of one input are read", reader->file,
                    name);
    RETURN_ERROR_IF(type != 1 || shape.rank != 4, reader->err, SE_ERR_UNSUPPORTED,
                    "%s: input '%.100s' has data type %lld and %d dimensions; float32 (1) and 4 "
                    "are read",
                    reader->file, name, (long long)type, shape.rank);
    graph->input_shape = shape;
    return onnx_define(reader, name, NULL, "the list of inputs", &graph->input);
}

/* ---- graph and model ------------------------------------------------------------------------ */

static int read_constants_and_input(struct onnx_reader *reader, struct wire graph, bool inputs)
{
    struct wire_field field;
    bool more;
    for (;;) {
        FORWARD_IF_ERROR(wire_next(&graph, &field, &more, reader->err));
        if (!more)
            return SE_OK;
        if (field.number != 5 && field.number != 11 && field.number != 15)
            continue;
        FORWARD_IF_ERROR(wire_expect(&field, WIRE_BYTES, "a part of the graph", reader->err));
        RETURN_ERROR_IF(field.number == 15, reader->err, SE_ERR_UNSUPPORTED,
                        "%s: byte %zu: a sparse constant", reader->file, field.at);
        if (field.number == 11 && inputs)
            FORWARD_IF_ERROR(read_input(reader, field.message));
        if (field.number == 5 && !inputs) {
            const struct nn_const *constant;
            const char *name;
            int32_t id;
            FORWARD_IF_ERROR(onnx_read_tensor(reader, field.message, "constant", &name, &constant));
            FORWARD_IF_ERROR(onnx_define(reader, name, constant, "a constant", &id));
        }
    }
}

/* The only output: its name, "" when the graph declares none, and its shape. */
static int read_output_declaration(struct onnx_reader *reader, struct wire graph, const char **name)
{
    struct wire_field field;
    int64_t type;
    bool more;
    *name = "";
    for (bool found = false;;) {
        FORWARD_IF_ERROR(wire_next(&graph, &field, &more, reader->err));
        if (!more)
            return SE_OK;
        if (field.number != 12)
            continue;
        FORWARD_IF_ERROR(wire_expect(&field, WIRE_BYTES, "an output", reader->err));
        RETURN_ERROR_IF(found, reader->err, SE_ERR_UNSUPPORTED,
                        "%s: byte %zu: a second output; models of one output are read",
                        reader->file, field.at);
        found = true;
        FORWARD_IF_ERROR(
            read_declaration(reader, field.message, name, &type, &reader->graph->output_shape));
        RETURN_ERROR_IF(!(*name)[0], reader->err, SE_ERR_MODEL, "%s: an output without a name",
                        reader->file);
    }
}

/* Finds the output among the values; nodes are read by now. */
static int read_output(struct onnx_reader *reader, struct wire graph)
{
    const char *name;
    FORWARD_IF_ERROR(read_output_declaration(reader, graph, &name));
    RETURN_ERROR_IF(!name[0], reader->err, SE_ERR_MODEL, "%s: the graph declares no output",
                    reader->file);
    reader->graph->output = onnx_find(reader, name);
    RETURN_ERROR_IF(reader->graph->output == NN_NO_VALUE, reader->err, SE_ERR_MODEL,
                    "%s: nothing makes the output '%.100s'", reader->file, name);
    return SE_OK;
}

static int read_graph(struct onnx_reader *reader, struct wire graph)
{
    FORWARD_IF_ERROR(read_constants_and_input(reader, graph, false));
    FORWARD_IF_ERROR(read_constants_and_input(reader, graph, true));
    RETURN_ERROR_IF(reader->graph->input == NN_NO_VALUE, reader->err, SE_ERR_MODEL,
                    "%s: the graph declares no input", reader->file);
    struct wire nodes = graph;
    for (;;) {
        struct wire_field field;
        bool more;
        FORWARD_IF_ERROR(wire_next(&nodes, &field, &more, reader->err));
        if (!more)
            break;
        if (field.number != 1)
            continue;
        FORWARD_IF_ERROR(wire_expect(&field, WIRE_BYTES, "a node", reader->err));
        FORWARD_IF_ERROR(onnx_read_node(reader, field.message));
    }
    return read_output(reader, graph);
}

/* OperatorSetIdProto: remembers the version of the default domain. */
static int read_opset(struct onnx_reader *reader, struct wire message)
{
    struct wire_field field;
    bool more, ours = true;
    int64_t version = 0;
    for (;;) {
        FORWARD_IF_ERROR(wire_next(&message, &field, &more, reader->err));
        if (!more)
            break;
        if (field.number == 1 && field.type == WIRE_BYTES) {
            const size_t size = wire_left(&field.message);
            ours = size == 0 ||
                   (size == 7 && !memcmp(field.message.bytes + field.message.at, "ai.onnx", 7));
        }
        if (field.number == 2 && field.type == WIRE_VARINT)
            version = (int64_t)field.value;
    }
    if (ours)
        reader->opset = version;
    return SE_OK;
}

/* StringStringEntryProto. */
static int read_property(struct onnx_reader *reader, struct wire message,
                         struct onnx_metadata *metadata)
{
    struct wire key, value;
    bool has_key, has_value;
    FORWARD_IF_ERROR(find_message(reader, message, 1, &key, &has_key));
    FORWARD_IF_ERROR(find_message(reader, message, 2, &value, &has_value));
    if (!has_key || !has_value)
        return SE_OK;
    RETURN_ERROR_IF(metadata->count == MAX_PROPERTIES, reader->err, SE_ERR_MODEL,
                    "%s: more than %d metadata entries", reader->file, MAX_PROPERTIES);
    struct arena *arena = &reader->graph->arena;
    if (!metadata->properties)
        metadata->properties = arena_alloc(arena, MAX_PROPERTIES, sizeof(*metadata->properties));
    const size_t size = wire_left(&value);
    char *copy = arena_copy(arena, (const char *)value.bytes + value.at, size);
    if (!metadata->properties || !copy)
        return se_fail_memory(reader->err, "metadata", size);
    struct onnx_property *property = &metadata->properties[metadata->count];
    *property = (struct onnx_property){.value = copy, .size = size};
    FORWARD_IF_ERROR(onnx_name(reader, &key, &property->key));
    metadata->count++;
    return SE_OK;
}

/* `describe`: of the graph, only the declaration of the output. */
static int read_model(struct onnx_reader *reader, struct onnx_metadata *metadata, struct wire model,
                      bool describe)
{
    struct wire message = model, graph = model;
    bool has_graph = false;
    for (;;) {
        struct wire_field field;
        bool more;
        FORWARD_IF_ERROR(wire_next(&message, &field, &more, reader->err));
        if (!more)
            break;
        if (field.number != 7 && field.number != 8 && field.number != 14)
            continue;
        FORWARD_IF_ERROR(wire_expect(&field, WIRE_BYTES, "a part of the model", reader->err));
        if (field.number == 8)
            FORWARD_IF_ERROR(read_opset(reader, field.message));
        if (field.number == 14)
            FORWARD_IF_ERROR(read_property(reader, field.message, metadata));
        if (field.number == 7) {
            graph = field.message;
            has_graph = true;
        }
    }
    RETURN_ERROR_IF(!has_graph, reader->err, SE_ERR_MODEL, "%s: not an ONNX model: no graph in it",
                    reader->file);
    RETURN_ERROR_IF(reader->opset < OPSET_MIN || reader->opset > OPSET_MAX, reader->err,
                    SE_ERR_UNSUPPORTED, "%s: opset %lld; %d to %d are read", reader->file,
                    (long long)reader->opset, OPSET_MIN, OPSET_MAX);
    const char *output;
    return describe ? read_output_declaration(reader, graph, &output) : read_graph(reader, graph);
}

int onnx_read(struct nn_graph *graph, struct onnx_metadata *metadata, const void *bytes,
              size_t size, const char *file, se_error *err)
{
    struct onnx_reader reader = {.graph = graph, .file = file, .err = err};
    *metadata = (struct onnx_metadata){NULL, 0};
    const struct wire model = {.file = file, .bytes = bytes, .at = 0, .end = size};
    const int status = read_model(&reader, metadata, model, false);
    free(reader.slots);
    return status;
}

int onnx_describe(struct nn_graph *graph, struct onnx_metadata *metadata, const void *bytes,
                  size_t size, const char *file, se_error *err)
{
    struct onnx_reader reader = {.graph = graph, .file = file, .err = err};
    *metadata = (struct onnx_metadata){NULL, 0};
    const struct wire model = {.file = file, .bytes = bytes, .at = 0, .end = size};
    return read_model(&reader, metadata, model, true);
}
