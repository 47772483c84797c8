/*
 * NodeProto and AttributeProto. An attribute that no translation asked for could change the meaning
 * of the node, so it is refused.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "nn/onnx/onnx_reader.h"

int onnx_node_fail(const struct onnx_reader *reader, const struct onnx_node *node, int code,
                   const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return se_fail(reader->err, code, "%s: node '%.100s' (%.40s): %s", reader->file, node->name,
                   node->type, text);
}

/* ---- reading -------------------------------------------------------------------------------- */

static int read_attribute(struct onnx_reader *reader, struct onnx_node *node, struct wire message)
{
    if (node->attribute_count == ONNX_MAX_ATTRIBUTES)
        return onnx_node_fail(reader, node, SE_ERR_MODEL, "more than %d attributes",
                              ONNX_MAX_ATTRIBUTES);
    struct onnx_attribute *attribute = &node->attributes[node->attribute_count++];
    *attribute = (struct onnx_attribute){.name = ""};
    struct wire_field field;
    bool more;
    for (;;) {
        FORWARD_IF_ERROR(wire_next(&message, &field, &more, reader->err));
        if (!more)
            return SE_OK;
        switch (field.number) {
        case 1:
            FORWARD_IF_ERROR(wire_expect(&field, WIRE_BYTES, "an attribute's name", reader->err));
            FORWARD_IF_ERROR(onnx_name(reader, &field.message, &attribute->name));
            break;
        case 2: {
            FORWARD_IF_ERROR(wire_expect(&field, WIRE_FIXED32, "a float", reader->err));
            const uint32_t bits = (uint32_t)field.value;
            memcpy(&attribute->f, &bits, 4);
            attribute->kind = ONNX_ATTR_F;
            break;
        }
        case 3:
            FORWARD_IF_ERROR(wire_expect(&field, WIRE_VARINT, "an integer", reader->err));
            attribute->ints[0] = (int64_t)field.value;
            attribute->kind = ONNX_ATTR_I;
            break;
        case 4:
        case 5:
            FORWARD_IF_ERROR(wire_expect(&field, WIRE_BYTES, "an attribute's value", reader->err));
            attribute->bytes = field.message;
            attribute->kind = field.number == 4 ? ONNX_ATTR_S : ONNX_ATTR_T;
            break;
        case 8:
            FORWARD_IF_ERROR(wire_append_varints(&field, "an attribute", attribute->ints,
                                                 ONNX_MAX_INTS, &attribute->count, reader->err));
            attribute->kind = ONNX_ATTR_INTS;
            break;
        default:
            break; /* other kinds stay ONNX_ATTR_NONE and are refused when asked for */
        }
    }
}

/* Counts the fields of this number. */
static int count_fields(struct onnx_reader *reader, struct wire message, uint32_t number,
                        size_t *count)
{
    struct wire_field field;
    bool more;
    *count = 0;
    for (;;) {
        FORWARD_IF_ERROR(wire_next(&message, &field, &more, reader->err));
        if (!more)
            return SE_OK;
        *count += field.number == number;
    }
}

static int read_input_name(struct onnx_reader *reader, struct onnx_node *node,
                           const struct wire *text)
{
    const char *name;
    FORWARD_IF_ERROR(onnx_name(reader, text, &name));
    int32_t value = NN_NO_VALUE;
    if (name[0]) {
        value = onnx_find(reader, name);
        if (value == NN_NO_VALUE)
            return onnx_node_fail(
                reader, node, SE_ERR_MODEL,
                "nothing before it makes its input '%.100s' (missing, or a cycle)", name);
    }
    node->in[node->in_count++] = value;
    return SE_OK;
}

static int read_output_name(struct onnx_reader *reader, struct onnx_node *node,
                            const struct wire *text)
{
    const char *name;
    FORWARD_IF_ERROR(onnx_name(reader, text, &name));
    if (name[0] && node->out[0])
        return onnx_node_fail(reader, node, SE_ERR_UNSUPPORTED, "a second output '%.100s'", name);
    if (name[0])
        node->out = name;
    return SE_OK;
}

/* Names come first, so that messages about inputs and attributes can use them. */
static int read_names(struct onnx_reader *reader, struct onnx_node *node, struct wire message)
{
    struct wire_field field;
    bool more;
    for (;;) {
        FORWARD_IF_ERROR(wire_next(&message, &field, &more, reader->err));
        if (!more)
            return SE_OK;
        if (field.number < 1 || field.number > 7 || field.number == 6)
            continue;
        FORWARD_IF_ERROR(wire_expect(&field, WIRE_BYTES, "a part of a node", reader->err));
        if (field.number == 3)
            FORWARD_IF_ERROR(onnx_name(reader, &field.message, &node->name));
        if (field.number == 4)
            FORWARD_IF_ERROR(onnx_name(reader, &field.message, &node->type));
        if (field.number == 7 && wire_left(&field.message) != 0) {
            const char *domain;
            FORWARD_IF_ERROR(onnx_name(reader, &field.message, &domain));
            if (strcmp(domain, "ai.onnx") != 0)
                return onnx_node_fail(reader, node, SE_ERR_UNSUPPORTED,
                                      "operations of domain '%.60s'", domain);
        }
    }
}

int onnx_read_node(struct onnx_reader *reader, struct wire message)
{
    struct onnx_node node = {.name = "", .type = "", .out = ""};
    size_t inputs;
    FORWARD_IF_ERROR(count_fields(reader, message, 1, &inputs));
    FORWARD_IF_ERROR(read_names(reader, &node, message));
    node.in = arena_alloc(&reader->graph->arena, inputs + 1, sizeof(*node.in));
    if (!node.in)
        return se_fail_memory(reader->err, "a node", inputs * sizeof(*node.in));
    for (;;) {
        struct wire_field field;
        bool more;
        FORWARD_IF_ERROR(wire_next(&message, &field, &more, reader->err));
        if (!more)
            break;
        if (field.number == 1)
            FORWARD_IF_ERROR(read_input_name(reader, &node, &field.message));
        if (field.number == 2)
            FORWARD_IF_ERROR(read_output_name(reader, &node, &field.message));
        if (field.number == 5)
            FORWARD_IF_ERROR(read_attribute(reader, &node, field.message));
    }
    if (!node.name[0])
        node.name = node.out;
    if (!node.out[0])
        return onnx_node_fail(reader, &node, SE_ERR_MODEL, "it has no output");
    FORWARD_IF_ERROR(onnx_translate(reader, &node));
    for (int i = 0; i < node.attribute_count; i++)
        if (!node.attributes[i].used)
            return onnx_node_fail(reader, &node, SE_ERR_UNSUPPORTED, "attribute '%.60s'",
                                  node.attributes[i].name);
    return SE_OK;
}

/* ---- asking for attributes ------------------------------------------------------------------ */

struct onnx_attribute *onnx_attr(struct onnx_node *node, const char *name)
{
    for (int i = 0; i < node->attribute_count; i++)
        if (strcmp(node->attributes[i].name, name) == 0) {
            node->attributes[i].used = true;
            return &node->attributes[i];
        }
    return NULL;
}

static int wrong_type(struct onnx_reader *reader, const struct onnx_node *node, const char *name)
{
    return onnx_node_fail(reader, node, SE_ERR_MODEL, "attribute '%s' has another type than ONNX's",
                          name);
}

/* 0 can be left out of a file: proto3 writers drop it, and the declared type with it is not read.
 */
static bool is_zero(const struct onnx_attribute *attribute)
{
    return attribute->kind == ONNX_ATTR_NONE;
}

int onnx_attr_int(struct onnx_reader *reader, struct onnx_node *node, const char *name,
                  int64_t standard, int64_t *out)
{
    const struct onnx_attribute *attribute = onnx_attr(node, name);
    *out = attribute ? attribute->ints[0] : standard;
    if (attribute && attribute->kind != ONNX_ATTR_I && !is_zero(attribute))
        return wrong_type(reader, node, name);
    return SE_OK;
}

int onnx_attr_float(struct onnx_reader *reader, struct onnx_node *node, const char *name,
                    float standard, float *out)
{
    const struct onnx_attribute *attribute = onnx_attr(node, name);
    *out = attribute ? attribute->f : standard;
    if (attribute && attribute->kind != ONNX_ATTR_F && !is_zero(attribute))
        return wrong_type(reader, node, name);
    return SE_OK;
}

int onnx_attr_choice(struct onnx_reader *reader, struct onnx_node *node, const char *name,
                     const char *const *choices, int standard, int *out)
{
    const struct onnx_attribute *attribute = onnx_attr(node, name);
    *out = standard;
    if (!attribute)
        return SE_OK;
    if (attribute->kind != ONNX_ATTR_S)
        return wrong_type(reader, node, name);
    const char *text = (const char *)attribute->bytes.bytes + attribute->bytes.at;
    const size_t size = wire_left(&attribute->bytes);
    for (int i = 0; choices[i]; i++)
        if (strlen(choices[i]) == size && memcmp(choices[i], text, size) == 0) {
            *out = i;
            return SE_OK;
        }
    return onnx_node_fail(reader, node, SE_ERR_UNSUPPORTED, "%s '%.*s'", name,
                          (int)(size > 60 ? 60 : size), text);
}

int onnx_attr_ints(struct onnx_reader *reader, struct onnx_node *node, const char *name,
                   int64_t low, int64_t high, int max, int32_t *out, int32_t *count)
{
    const struct onnx_attribute *attribute = onnx_attr(node, name);
    *count = 0;
    if (!attribute)
        return SE_OK;
    if (attribute->kind != ONNX_ATTR_INTS && !is_zero(attribute))
        return wrong_type(reader, node, name);
    if (attribute->count > (size_t)max)
        return onnx_node_fail(reader, node, SE_ERR_UNSUPPORTED, "%zu numbers in attribute '%s'",
                              attribute->count, name);
    for (size_t i = 0; i < attribute->count; i++) {
        const int64_t value = attribute->ints[i];
        if (value < low || value > high)
            return onnx_node_fail(reader, node, SE_ERR_MODEL, "%lld in attribute '%s'",
                                  (long long)value, name);
        out[i] = (int32_t)value;
    }
    *count = (int32_t)attribute->count;
    return SE_OK;
}
