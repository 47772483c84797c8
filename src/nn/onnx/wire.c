#include "nn/onnx/wire.h"

#include <string.h>

int wire_varint(struct wire *wire, uint64_t *value, se_error *err)
{
    const size_t start = wire->at;
    *value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        RETURN_ERROR_IF(wire->at >= wire->end, err, SE_ERR_MODEL,
                        "%s: byte %zu: a number runs past the end of its message", wire->file,
                        start);
        const unsigned char byte = wire->bytes[wire->at++];
        RETURN_ERROR_IF(shift == 63 && byte > 1, err, SE_ERR_MODEL,
                        "%s: byte %zu: a number of more than 64 bits", wire->file, start);
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return SE_OK;
    }
    return se_fail(err, SE_ERR_MODEL, "%s: byte %zu: a number of more than 64 bits", wire->file,
                   start);
}

int wire_fixed32(struct wire *wire, uint32_t *value, se_error *err)
{
    RETURN_ERROR_IF(wire_left(wire) < 4, err, SE_ERR_MODEL,
                    "%s: byte %zu: a 32-bit number runs past the end of its message", wire->file,
                    wire->at);
    memcpy(value, wire->bytes + wire->at, 4);
    wire->at += 4;
    return SE_OK;
}

int wire_next(struct wire *wire, struct wire_field *field, bool *more, se_error *err)
{
    *more = false;
    *field = (struct wire_field){.at = wire->at, .message = *wire};
    if (wire->at >= wire->end)
        return SE_OK;
    uint64_t key;
    FORWARD_IF_ERROR(wire_varint(wire, &key, err));
    RETURN_ERROR_IF(key >> 3 == 0 || key >> 3 > 0x1fffffff, err, SE_ERR_MODEL,
                    "%s: byte %zu: not a field of a protocol-buffer message", wire->file,
                    field->at);
    field->number = (uint32_t)(key >> 3);
    switch (key & 7) {
    case WIRE_VARINT:
        field->type = WIRE_VARINT;
        FORWARD_IF_ERROR(wire_varint(wire, &field->value, err));
        break;
    case WIRE_FIXED32: {
        uint32_t value = 0;
        field->type = WIRE_FIXED32;
        FORWARD_IF_ERROR(wire_fixed32(wire, &value, err));
        field->value = value;
        break;
    }
    case WIRE_FIXED64:
        field->type = WIRE_FIXED64;
        RETURN_ERROR_IF(wire_left(wire) < 8, err, SE_ERR_MODEL,
                        "%s: byte %zu: a 64-bit number runs past the end of its message",
                        wire->file, wire->at);
        memcpy(&field->value, wire->bytes + wire->at, 8);
        wire->at += 8;
        break;
    case WIRE_BYTES: {
        uint64_t size;
        field->type = WIRE_BYTES;
        FORWARD_IF_ERROR(wire_varint(wire, &size, err));
        RETURN_ERROR_IF(size > wire_left(wire), err, SE_ERR_MODEL,
                        "%s: byte %zu: field %u claims %llu bytes where %zu are left", wire->file,
                        field->at, field->number, (unsigned long long)size, wire_left(wire));
        field->message = *wire;
        field->message.end = wire->at + (size_t)size;
        wire->at += (size_t)size;
        break;
    }
    default:
        return se_fail(err, SE_ERR_MODEL, "%s: byte %zu: wire type %u, which ONNX does not use",
                       wire->file, field->at, (unsigned)(key & 7));
    }
    *more = true;
    return SE_OK;
}

int wire_expect(const struct wire_field *field, enum wire_type type, const char *what,
                se_error *err)
{
    static const char *const names[] = {"a number", "64 bits", "bytes", "?", "?", "32 bits"};
    RETURN_ERROR_IF(field->type != type, err, SE_ERR_MODEL, "%s: byte %zu: %s is %s, expected %s",
                    field->message.file, field->at, what, names[field->type], names[type]);
    return SE_OK;
}

int wire_append_varints(const struct wire_field *field, const char *what, int64_t *out, size_t max,
                        size_t *count, se_error *err)
{
    uint64_t value = field->value;
    struct wire packed = field->message;
    if (field->type != WIRE_VARINT)
        FORWARD_IF_ERROR(wire_expect(field, WIRE_BYTES, what, err));
    while (field->type == WIRE_VARINT || wire_left(&packed)) {
        if (field->type == WIRE_BYTES)
            FORWARD_IF_ERROR(wire_varint(&packed, &value, err));
        RETURN_ERROR_IF(*count >= max, err, SE_ERR_MODEL,
                        "%s: byte %zu: more than %zu numbers in %s", field->message.file, field->at,
                        max, what);
        out[(*count)++] = (int64_t)value;
        if (field->type == WIRE_VARINT)
            break;
    }
    return SE_OK;
}

int wire_append_floats(const struct wire_field *field, const char *what, float *out, size_t max,
                       size_t *count, se_error *err)
{
    uint32_t bits = (uint32_t)field->value;
    struct wire packed = field->message;
    if (field->type != WIRE_FIXED32)
        FORWARD_IF_ERROR(wire_expect(field, WIRE_BYTES, what, err));
    while (field->type == WIRE_FIXED32 || wire_left(&packed)) {
        if (field->type == WIRE_BYTES)
            FORWARD_IF_ERROR(wire_fixed32(&packed, &bits, err));
        RETURN_ERROR_IF(*count >= max, err, SE_ERR_MODEL,
                        "%s: byte %zu: more than %zu numbers in %s", field->message.file, field->at,
                        max, what);
        memcpy(&out[(*count)++], &bits, 4);
        if (field->type == WIRE_FIXED32)
            break;
    }
    return SE_OK;
}
