/*
 * Which columns of the recognizer's head are likely besides those of the alphabet.
 *
 * Of 18,710 classes 110 are chosen. The others are a seventh of the network's time, and on a line
 * of letters and digits they say next to nothing: their logits add to the sum of the softmax in one
 * step of six. Those that do are mostly the same ones, look-alikes of other scripts and marks. So
 * they are always computed, and the rest only where the network recognizes neither (struct
 * nn_shortlist in nn/nn.h).
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
