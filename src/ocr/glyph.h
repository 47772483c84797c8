/*
 * Letters that the recognizer confuses, weighed by what it does not know:
 *
 *   U, V   It has seen few letters made of dots or of straight strokes, and takes many a V for a U.
 *          What tells them apart is how the letter narrows towards its foot: measured in the crop.
 *   O, 0   Many fonts draw them alike. In codes that mix letters and digits makers write the digit,
 *          and all the more among digits alone; where letters are wider than digits so is an O
 *          (glyph_width.h).
 *
 * Before that, codes get the last layer that was learned for them (code_head.h).
 */
#ifndef SE_OCR_GLYPH_H
#define SE_OCR_GLYPH_H

#include "image/image.h"
#include "ocr/recognizer_state.h"

/*
 * The width of a U or V near its foot, as a part of its width near its top: about 0.3 for a V, 0.7
 * for a U. `crop`: the line, grey, CROP_HEIGHT rows, steps of CROP_STEP pixels from its left
 * border; `at`: which of the line's characters. Negative when it cannot be told: too little
 * contrast, too small, a foot wider than the top.
 */
float glyph_foot(const struct image *crop, const struct text_char *chars, size_t count, size_t at);

/*
 * Weighs the symbols of codes by the recognizer's layer for them, where it has one; then raises the
 * odds of V against U where a U or V of the line narrows as only a V does, those of 0 against O
 * beside digits of a code, and those of either by its width. Nothing else changes. `image`: that
 * the line was read from; what is new lives in `arena`. SE_ERR_MEMORY.
 */
int glyph_weigh(const struct recognizer *recognizer, const struct image *image, struct arena *arena,
                struct text_line *line, se_error *err);

#endif
