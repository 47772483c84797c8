/*
 * Models that can run in 8 bits: between which numbers the operands of their linear layers lie.
 *
 * int8_table.c is written by tools/calibrate/int8.py, which says how (docs/decisions/0011-int8.md:
 * why it is part of the program).
 */
#ifndef SE_OCR_INT8_TABLE_H
#define SE_OCR_INT8_TABLE_H

#include "nn/nn.h"

struct int8_model {
    const char *sha256; /* of the ONNX file, lower case hexadecimal */
    const struct nn_range *ranges;
    size_t range_count;
};

/* PP-OCRv6_det_small.onnx and PP-OCRv6_rec_small.onnx of rapidocr 3.10.0. */
#define INT8_DETECTOR "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f"
#define INT8_RECOGNIZER "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884"

/* NULL when there are no ranges for a file of this SHA-256. Static storage. */
const struct int8_model *int8_model_find(const char *sha256);

#endif
