/*
 * Shared by the parts of the ONNX reader: what is known while a file is being read.
 *
 *   onnx_read.c    model and graph        onnx_node.c   a node, its inputs and attributes
 *   onnx_tensor.c  constants              onnx_ops.c    what each operation becomes
 */
#ifndef SE_NN_ONNX_ONNX_READER_H
#define SE_NN_ONNX_ONNX_READER_H

#include "nn/graph.h"
#include "nn/onnx/onnx.h"
#include "nn/onnx/wire.h"

struct onnx_reader {
    struct nn_graph *graph;
    const char *file;
    int64_t opset;
    /* Names of values: open addressing, a power of two of slots, NN_NO_VALUE when empty. */
    int32_t *slots;
    size_t slot_count;
    se_error *err;
};

/* Copies a name into the graph's memory; control characters, which would garble messages, become
 * '?'. SE_ERR_MODEL past ONNX_MAX_NAME bytes. */
enum { ONNX_MAX_NAME = 1024 };
int onnx_name(struct onnx_reader *reader, const struct wire *text, const char **out);
/* The value of this name, or NN_NO_VALUE. */
int32_t onnx_find(const struct onnx_reader *reader, const char *name);
/* Adds a named value; a name that is taken is SE_ERR_MODEL. `maker` says what defines it. */
int onnx_define(struct onnx_reader *reader, const char *name, const struct nn_const *constant,
                const char *maker, int32_t *id);

/* Reads a TensorProto. *name is "" when it has none. `where` names the owner in messages. */
int onnx_read_tensor(struct onnx_reader *reader, struct wire message, const char *where,
                     const char **name, const struct nn_const **out);

enum { ONNX_MAX_ATTRIBUTES = 32, ONNX_MAX_INTS = 16 };

struct onnx_attribute {
    const char *name;
    enum {
        ONNX_ATTR_NONE,
        ONNX_ATTR_F,
        ONNX_ATTR_I,
        ONNX_ATTR_S,
        ONNX_ATTR_T,
        ONNX_ATTR_INTS
    } kind;
    float f;
    int64_t ints[ONNX_MAX_INTS]; /* ONNX_ATTR_I: the first */
    size_t count;
    struct wire bytes; /* ONNX_ATTR_S, ONNX_ATTR_T */
    bool used;
};

struct onnx_node {
    const char *name, *type;
    int32_t *in; /* values; NN_NO_VALUE for inputs left out */
    int32_t in_count;
    const char *out;
    struct onnx_attribute attributes[ONNX_MAX_ATTRIBUTES];
    int attribute_count;
};

/* Reads a NodeProto and adds what it becomes to the graph. */
int onnx_read_node(struct onnx_reader *reader, struct wire message);

/* Fails with `code` and "FILE: node 'NAME' (TYPE): …". */
int onnx_node_fail(const struct onnx_reader *reader, const struct onnx_node *node, int code,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Attributes by name: the value, or `standard` when absent; SE_ERR_MODEL for another type. */
int onnx_attr_int(struct onnx_reader *reader, struct onnx_node *node, const char *name,
                  int64_t standard, int64_t *out);
int onnx_attr_float(struct onnx_reader *reader, struct onnx_node *node, const char *name,
                    float standard, float *out);
/* Index of the text among `choices` (NULL at the end); another text is SE_ERR_UNSUPPORTED. */
int onnx_attr_choice(struct onnx_reader *reader, struct onnx_node *node, const char *name,
                     const char *const *choices, int standard, int *out);
/* Integers from `low` to `high`; *count is 0 when absent. `max` of them fit. */
int onnx_attr_ints(struct onnx_reader *reader, struct onnx_node *node, const char *name,
                   int64_t low, int64_t high, int max, int32_t *out, int32_t *count);
/* The attribute, marked as used, or NULL. */
struct onnx_attribute *onnx_attr(struct onnx_node *node, const char *name);

/* Translates a node whose inputs and attributes are read (onnx_ops.c). */
int onnx_translate(struct onnx_reader *reader, struct onnx_node *node);

#endif
