/*
 * Protocol-buffer wire format, read in place from untrusted bytes.
 *
 * A message is a range of the file; a field is a key (number and type) and a value. Every length is
 * checked against the message that holds it, so nothing outside the file is ever read. Groups (wire
 * types 3 and 4), which ONNX does not use, are refused. Errors name file and byte.
 * Format: https://protobuf.dev/programming-guides/encoding
 */
#ifndef SE_NN_ONNX_WIRE_H
#define SE_NN_ONNX_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* A message, or a packed field, that is being read. */
struct wire {
    const char *file;           /* for messages */
    const unsigned char *bytes; /* the whole file */
    size_t at, end;             /* what is left of this message, in bytes from the file's start */
};

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;      /* of the three numeric types */
    struct wire message; /* of WIRE_BYTES: its contents */
    size_t at;           /* where the field begins */
};

/* Reads the next field; *more is false at the end of the message. */
int wire_next(struct wire *wire, struct wire_field *field, bool *more, se_error *err);
/* Fails with SE_ERR_MODEL unless the field has this type; `what` names it. */
int wire_expect(const struct wire_field *field, enum wire_type type, const char *what,
                se_error *err);

/* One number of a packed field. */
int wire_varint(struct wire *wire, uint64_t *value, se_error *err);
int wire_fixed32(struct wire *wire, uint32_t *value, se_error *err);

/* Appends the numbers of a repeated varint field, packed or not, to out[*count … max). More than
 * max is SE_ERR_MODEL. */
int wire_append_varints(const struct wire_field *field, const char *what, int64_t *out, size_t max,
                        size_t *count, se_error *err);
/* The same for floats. */
int wire_append_floats(const struct wire_field *field, const char *what, float *out, size_t max,
                       size_t *count, se_error *err);

static inline size_t wire_left(const struct wire *wire)
{
    return wire->end - wire->at;
}

#endif
