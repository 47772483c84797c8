/*
 * Which columns of the recognizer's head are likely besides those of the alphabet.
 *
 * Of 18,710 classes 110 are chosen. The others are a seventh of the network's time, and on a line
 * of letters and digits nearly nothing of the softmax's sum; what they add is mostly of the same
 * ones, marks and look-alikes of other scripts. So those are always computed, and the rest only
 * where the network recognizes neither (struct nn_shortlist in nn/nn.h).
 *
 * shortlist_table.c is written by tools/calibrate/shortlist.py, which says how
 * (docs/decisions/0028-shortlist.md: what it is worth, and what it costs).
 */
#ifndef SE_OCR_SHORTLIST_H
#define SE_OCR_SHORTLIST_H

#include "nn/nn.h"

struct shortlist_table {
    const char *sha256; /* of the recognizer's ONNX file, lower case hexadecimal */
    struct nn_shortlist list;
};
extern const struct shortlist_table shortlist_table;

#endif
