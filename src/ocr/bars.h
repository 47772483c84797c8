/*
 * Digits under a barcode. The long bars at the ends and in the middle of an EAN or UPC reach down
 * between the digits and read as ones; here they are painted out.
 */
#ifndef SE_OCR_BARS_H
#define SE_OCR_BARS_H

#include <stdbool.h>

#include "base/ctc.h"
#include "image/image.h"

enum {
    BARS_ABOVE = 36 /* pixels above a crop of CROP_HEIGHT that are looked at */
};

/* The outline of a crop (crop_outline) with BARS_ABOVE more pixels above it. */
struct quad bars_outline(const struct quad *outline);

/* Does the strip above the text show bars? `crop`: grey, BARS_ABOVE + CROP_HEIGHT rows. */
bool bars_are_above(const struct image *crop);

/* Paints every bar of the strip above as light as the ground, as far down as it goes. */
void bars_paint_out(struct image *crop);

/* May these characters be the digits of an EAN or UPC, more or less: nearly all digits? */
bool bars_are_digits(const struct text_char *chars, size_t count);

/* Do they hold 8, 12 or 13 digits with a right check digit, and no letters? */
bool bars_are_gtin(const struct text_char *chars, size_t count);

#endif
