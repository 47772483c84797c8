/*
 * Ink in the cut of a line, for measuring letters: grey, CROP_HEIGHT rows, steps of CROP_STEP
 * pixels.
 */
#ifndef SE_OCR_GLYPH_INK_H
#define SE_OCR_GLYPH_INK_H

#include <stdbool.h>

#include "image/image.h"
#include "ocr/crop.h"
#include "ocr/recognize.h"

/* Where ink is: ground, and how far ink is from it (negative: darker), in grey levels; the first
 * and the last row of the text. */
struct glyph_ink {
    const struct image *crop;
    float ground, ink;
    int top, bottom;
};

/* Ground and ink from the columns [contrast[0], contrast[1]), the text's rows from [rows[0],
 * rows[1]). False: too little contrast, or too small. */
bool glyph_ink_find(struct glyph_ink *ink, const struct image *crop, const int contrast[2],
                    const int rows[2]);

/* How much ink a pixel of this value is, 0 … 0.7. */
float glyph_ink_at(const struct glyph_ink *ink, uint8_t value);

/* Ink of a column, in the rows of the text. */
float glyph_ink_column(const struct glyph_ink *ink, int x);

/* Where one letter ends and the next begins, between their middles: an empty column, near halfway;
 * a U or V is nearly empty inside, too. */
int glyph_ink_valley(const struct glyph_ink *ink, int from, int to);

/* Capitals and digits. */
static inline bool glyph_is_code(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

/* The middle of a character, in columns. */
static inline int glyph_centre(const struct text_char *c)
{
    return (c->step + c->end) * CROP_STEP / 2;
}

static inline int glyph_within(int x, int least, int most)
{
    return x < least ? least : x > most ? most : x;
}

#endif
