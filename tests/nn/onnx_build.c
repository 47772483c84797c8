#include "onnx_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_FILE = 1 << 24 };

static void append(struct buffer *to, const void *bytes, size_t size)
{
    assert_int_equal(buffer_append(to, bytes, size, NULL), SE_OK);
}

void wire_put_number(struct buffer *to, uint64_t value)
{
    do {
        const unsigned char byte = (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        append(to, &byte, 1);
        value >>= 7;
    } while (value);
}

void wire_put_int(struct buffer *to, int field, int64_t value)
{
    wire_put_number(to, (uint64_t)field << 3);
    wire_put_number(to, (uint64_t)value);
}

void wire_put_bytes(struct buffer *to, int field, const void *bytes, size_t size)
{
    wire_put_number(to, (uint64_t)field << 3 | 2);
    wire_put_number(to, size);
    append(to, bytes, size);
}

void wire_put_text(struct buffer *to, int field, const char *text)
{
    wire_put_bytes(to, field, text, strlen(text));
}

void wire_put_float(struct buffer *to, int field, float value)
{
    wire_put_number(to, (uint64_t)field << 3 | 5);
    append(to, &value, 4);
}

/* Appends `part` as a message field and empties it. */
static void put_message(struct buffer *to, int field, struct buffer *part)
{
    wire_put_bytes(to, field, part->data ? part->data : "", part->size);
    buffer_free(part);
}

/* A ValueInfoProto of float; dims as in onnx_build_begin, rank 0 for none. */
static void put_declaration(struct buffer *to, int field, const char *name, const int64_t *dims,
                            int rank)
{
    struct buffer info, type, tensor, shape, dim;
    buffer_init(&info, MAX_FILE);
    buffer_init(&type, MAX_FILE);
    buffer_init(&tensor, MAX_FILE);
    buffer_init(&shape, MAX_FILE);
    for (int i = 0; i < rank; i++) {
        buffer_init(&dim, MAX_FILE);
        if (dims[i] >= 0)
            wire_put_int(&dim, 1, dims[i]);
        else
            wire_put_text(&dim, 2, "free");
        put_message(&shape, 1, &dim);
    }
    wire_put_int(&tensor, 1, 1);
    if (rank)
        put_message(&tensor, 2, &shape);
    put_message(&type, 1, &tensor);
    wire_put_text(&info, 1, name);
    put_message(&info, 2, &type);
    put_message(to, field, &info);
}

void onnx_build_begin(struct onnx_build *build, int64_t opset, int64_t channels)
{
    const int64_t dims[4] = {-1, channels, -1, -1};
    *build = (struct onnx_build){.opset = opset};
    buffer_init(&build->graph, MAX_FILE);
    buffer_init(&build->file, MAX_FILE);
    put_declaration(&build->graph, 11, "x", dims, 4);
}

static size_t put_dims(struct buffer *tensor, const char *dims)
{
    size_t count = 1;
    while (*dims) {
        char *end;
        const long dim = strtol(dims, &end, 10);
        wire_put_int(tensor, 1, dim);
        count *= (size_t)dim;
        dims = *end ? end + 1 : end;
    }
    return count;
}

void onnx_build_floats(struct onnx_build *build, const char *name, const char *dims,
                       const float *values)
{
    struct buffer tensor;
    buffer_init(&tensor, MAX_FILE);
    const size_t count = put_dims(&tensor, dims);
    wire_put_int(&tensor, 2, 1);
    wire_put_text(&tensor, 8, name);
    wire_put_bytes(&tensor, 9, values, count * sizeof(float));
    put_message(&build->graph, 5, &tensor);
}

void onnx_build_noise(struct onnx_build *build, const char *name, const char *dims)
{
    static float values[1 << 16];
    uint32_t state = 1;
    for (const char *c = name; *c; c++)
        state = state * 31 + (unsigned char)*c;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        state = state * 1664525 + 1013904223;
        values[i] = (float)((double)(state >> 8) / (1 << 23) - 1);
    }
    onnx_build_floats(build, name, dims, values);
}

void onnx_build_ints(struct onnx_build *build, const char *name, const char *list)
{
    struct buffer tensor, packed;
    int64_t count = 0;
    buffer_init(&tensor, MAX_FILE);
    buffer_init(&packed, MAX_FILE);
    for (const char *at = list; *at; count++) {
        char *end;
        wire_put_number(&packed, (uint64_t)strtoll(at, &end, 10));
        at = *end ? end + 1 : end;
    }
    wire_put_int(&tensor, 1, count);
    wire_put_int(&tensor, 2, 7);
    put_message(&tensor, 7, &packed);
    wire_put_text(&tensor, 8, name);
    put_message(&build->graph, 5, &tensor);
}

/* One attribute at `text`; returns what follows it. */
static const char *put_attribute(struct buffer *node, const char *text)
{
    struct buffer attribute;
    buffer_init(&attribute, MAX_FILE);
    const char *value = strchr(text, '=');
    assert_non_null(value);
    wire_put_bytes(&attribute, 1, text, (size_t)(value - text));
    char *end = (char *)(uintptr_t)++value;
    if (*value == '\'') {
        end = strchr(value + 1, '\'');
        wire_put_bytes(&attribute, 4, value + 1, (size_t)(end - value - 1));
        end++;
    } else if (*value == '[') {
        for (value++; *value != ']'; value = *end == ',' ? end + 1 : end)
            wire_put_int(&attribute, 8, strtoll(value, &end, 10));
        end = (char *)(uintptr_t)value + 1;
    } else {
        const float number = strtof(value, &end);
        if (*end == 'f') {
            wire_put_float(&attribute, 2, number);
            end++;
        } else {
            wire_put_int(&attribute, 3, strtoll(value, &end, 10));
        }
    }
    put_message(node, 5, &attribute);
    while (*end == ' ')
        end++;
    return end;
}

static void put_names(struct buffer *node, int field, const char *names)
{
    while (*names) {
        const size_t length = strcspn(names, " ");
        wire_put_bytes(node, field, names, length == 1 && *names == '-' ? 0 : length);
        names += length + (names[length] == ' ');
    }
}

void onnx_build_node(struct onnx_build *build, const char *type, const char *inputs,
                     const char *outputs, const char *attributes)
{
    struct buffer node, name;
    buffer_init(&node, MAX_FILE);
    buffer_init(&name, MAX_FILE);
    put_names(&node, 1, inputs);
    put_names(&node, 2, outputs);
    assert_int_equal(buffer_printf(&name, NULL, "%s.%d", type, build->nodes++), SE_OK);
    put_message(&node, 3, &name);
    wire_put_text(&node, 4, type);
    while (*attributes)
        attributes = put_attribute(&node, attributes);
    put_message(&build->graph, 1, &node);
}

void onnx_build_raw(struct onnx_build *build, int field, const void *bytes, size_t size)
{
    wire_put_bytes(&build->graph, field, bytes, size);
}

void onnx_build_end(struct onnx_build *build, const char *output)
{
    struct buffer opset;
    buffer_init(&opset, MAX_FILE);
    if (output)
        put_declaration(&build->graph, 12, output, NULL, 0);
    wire_put_int(&build->file, 1, 7);
    wire_put_int(&opset, 2, build->opset);
    put_message(&build->file, 7, &build->graph);
    put_message(&build->file, 8, &opset);
}

void onnx_build_free(struct onnx_build *build)
{
    buffer_free(&build->graph);
    buffer_free(&build->file);
}

struct nn_model *onnx_build_load(struct onnx_build *build, const char *output, const char *name,
                                 const struct nn_model_options *options)
{
    struct nn_model *model = NULL;
    se_error err;
    onnx_build_end(build, output);
    if (nn_model_load_memory(&model, build->file.data, build->file.size, name, options, &err) !=
        SE_OK)
        fail_msg("%s", err.message);
    onnx_build_free(build);
    return model;
}
