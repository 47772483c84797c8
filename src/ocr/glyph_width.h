/*
 * O or 0, by how wide it is beside the digits and letters of its code.
 */
#ifndef SE_OCR_GLYPH_WIDTH_H
#define SE_OCR_GLYPH_WIDTH_H

#include "image/image.h"
#include "ocr/recognize.h"

/*
 * What the width of the O or 0 at `at` says for a 0, in log-odds, -3 … 4; 0 where it says nothing:
 * fewer than two digits to compare with, or letters that are no wider than digits. `crop`: the
 * line, grey, CROP_HEIGHT rows, steps of CROP_STEP pixels from its left border.
 */
float glyph_width_odds(const struct image *crop, const struct text_char *chars, size_t count,
                       size_t at);

#endif
