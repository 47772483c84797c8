/*
 * TensorProto: float32, int64 and int32 constants, as raw bytes or as typed fields.
 *
 * The element count is checked against the bytes that are there before memory is taken, so a file
 * cannot claim more than it brings.
 */
#include <string.h>

#include "nn/onnx/onnx_reader.h"

/* Data types of onnx.proto (TensorProto.DataType). */
enum { ONNX_FLOAT = 1, ONNX_INT32 = 6, ONNX_INT64 = 7 };

struct tensor_header {
    const char *name;
    const char *where;
    int64_t dims[NN_MAX_RANK];
    size_t rank, count;
    int64_t type;
    bool has_raw;
    struct wire raw;
};

/* First pass: everything but typed data. */
static int read_header(struct onnx_reader *reader, struct wire message,
                       struct tensor_header *tensor)
{
    struct wire_field field;
    bool more;
    for (;;) {
        FORWARD_IF_ERROR(wire_next(&message, &field, &more, reader->err));
        if (!more)
            return SE_OK;
        switch (field.number) {
        case 1:
            FORWARD_IF_ERROR(wire_append_varints(&field, "a tensor's dims", tensor->dims,
                                                 NN_MAX_RANK, &tensor->rank, reader->err));
            break;
        case 2:
            FORWARD_IF_ERROR(wire_expect(&field, WIRE_VARINT, "a tensor's data type", reader->err));
            tensor->type = (int64_t)field.value;
            break;
        case 8:
            FORWARD_IF_ERROR(wire_expect(&field, WIRE_BYTES, "a tensor's name", reader->err));
            FORWARD_IF_ERROR(onnx_name(reader, &field.message, &tensor->name));
            break;
        case 9:
            FORWARD_IF_ERROR(wire_expect(&field, WIRE_BYTES, "a tensor's raw data", reader->err));
            tensor->has_raw = true;
            tensor->raw = field.message;
            break;
        case 13:
        case 14:
            RETURN_ERROR_IF(field.number == 13 || field.value != 0, reader->err, SE_ERR_UNSUPPORTED,
                            "%s: byte %zu: %s '%s' keeps its data in another file", reader->file,
                            field.at, tensor->where, tensor->name);
            break;
        default:
            break;
        }
    }
}

static int check_header(struct onnx_reader *reader, const struct wire *message,
                        struct tensor_header *tensor)
{
    RETURN_ERROR_IF(tensor->type != ONNX_FLOAT && tensor->type != ONNX_INT32 &&
                        tensor->type != ONNX_INT64,
                    reader->err, SE_ERR_UNSUPPORTED,
                    "%s: %s '%s' has data type %lld; float32 (1), int32 (6) and int64 (7) are read",
                    reader->file, tensor->where, tensor->name, (long long)tensor->type);
    tensor->count = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        const int64_t dim = tensor->dims[i];
        RETURN_ERROR_IF(dim < 0 ||
                            __builtin_mul_overflow(tensor->count, (uint64_t)dim, &tensor->count),
                        reader->err, SE_ERR_MODEL, "%s: %s '%s': dimension %zu is %lld",
                        reader->file, tensor->where, tensor->name, i, (long long)dim);
    }
    const size_t element = tensor->type == ONNX_INT64 ? 8 : 4;
    /* A typed number takes at least a byte of the message. */
    const size_t most = tensor->has_raw ? wire_left(&tensor->raw) / element : wire_left(message);
    RETURN_ERROR_IF(tensor->count > most ||
                        (tensor->has_raw && tensor->count * element != wire_left(&tensor->raw)),
                    reader->err, SE_ERR_MODEL,
                    "%s: %s '%s' has %zu elements by its dimensions, but %zu bytes of data",
                    reader->file, tensor->where, tensor->name, tensor->count,
                    wire_left(tensor->has_raw ? &tensor->raw : message));
    return SE_OK;
}

/* Second pass: typed fields into floats (data type float) or ints (others). */
static int read_typed(struct onnx_reader *reader, struct wire message,
                      const struct tensor_header *tensor, float *floats, int64_t *ints)
{
    size_t count = 0;
    struct wire_field field;
    bool more;
    for (;;) {
        FORWARD_IF_ERROR(wire_next(&message, &field, &more, reader->err));
        if (!more)
            break;
        if (field.number == 4 && floats)
            FORWARD_IF_ERROR(wire_append_floats(&field, tensor->name, floats, tensor->count, &count,
                                                reader->err));
        if ((field.number == 7 && tensor->type == ONNX_INT64) ||
            (field.number == 5 && tensor->type == ONNX_INT32))
            FORWARD_IF_ERROR(wire_append_varints(&field, tensor->name, ints, tensor->count, &count,
                                                 reader->err));
    }
    RETURN_ERROR_IF(count != tensor->count, reader->err, SE_ERR_MODEL,
                    "%s: %s '%s' has %zu elements by its dimensions, but %zu are given",
                    reader->file, tensor->where, tensor->name, tensor->count, count);
    return SE_OK;
}

static void widen_raw_ints(const struct tensor_header *tensor, int64_t *ints)
{
    const unsigned char *raw = tensor->raw.bytes + tensor->raw.at;
    for (size_t i = 0; i < tensor->count; i++) {
        if (tensor->type == ONNX_INT64) {
            memcpy(&ints[i], raw + 8 * i, 8);
        } else {
            int32_t narrow;
            memcpy(&narrow, raw + 4 * i, 4);
            ints[i] = narrow;
        }
    }
}

int onnx_read_tensor(struct onnx_reader *reader, struct wire message, const char *where,
                     const char **name, const struct nn_const **out)
{
    struct tensor_header tensor = {.name = "", .where = where};
    FORWARD_IF_ERROR(read_header(reader, message, &tensor));
    FORWARD_IF_ERROR(check_header(reader, &message, &tensor));
    struct nn_const *constant = arena_alloc(&reader->graph->arena, 1, sizeof(*constant));
    if (!constant)
        return se_fail_memory(reader->err, "a constant", sizeof(*constant));
    const bool is_float = tensor.type == ONNX_FLOAT;
    void *data;
    FORWARD_IF_ERROR(
        nn_graph_blob(reader->graph, tensor.count, is_float ? 4 : 8, &data, reader->err));
    if (!tensor.has_raw)
        FORWARD_IF_ERROR(
            read_typed(reader, message, &tensor, is_float ? data : NULL, is_float ? NULL : data));
    else if (!is_float)
        widen_raw_ints(&tensor, data);
    else if (tensor.count)
        memcpy(data, tensor.raw.bytes + tensor.raw.at, tensor.count * 4);
    constant->type = is_float ? NN_TYPE_FLOAT : NN_TYPE_INT64;
    constant->rank = (int)tensor.rank;
    memcpy(constant->dims, tensor.dims, sizeof(constant->dims));
    constant->count = tensor.count;
    constant->data.any = data;
    *name = tensor.name;
    *out = constant;
    return SE_OK;
}
