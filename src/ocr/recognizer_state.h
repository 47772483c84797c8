/*
 * Internals of an open recognizer.
 */
#ifndef SE_OCR_RECOGNIZER_STATE_H
#define SE_OCR_RECOGNIZER_STATE_H

#include <stdbool.h>

#include "base/look_alikes.h"
#include "ocr/code_head.h"
#include "ocr/recognize.h"

enum { RECOGNIZER_MAX_COLUMNS = 1 + 0x5F + LOOK_ALIKES };

struct recognizer {
    struct nn_model *model;
    int classes;           /* of the full head */
    uint32_t *code_points; /* [classes], owned; [0] is 0: the blank */
    struct alphabet alphabet;
    int32_t columns[RECOGNIZER_MAX_COLUMNS];        /* classes that the alphabet's columns are */
    uint32_t column_points[RECOGNIZER_MAX_COLUMNS]; /* their code points */
    struct code_head *codes;                        /* NULL: none; owned */
};

#endif
