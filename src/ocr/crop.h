/*
 * Cuts a text line out of a picture, upright and at the recognizer's height.
 */
#ifndef SE_OCR_CROP_H
#define SE_OCR_CROP_H

#include <stdbool.h>

#include "image/image.h"

enum {
    CROP_HEIGHT = 48,
    CROP_STEP = 8,          /* pixels along the line for one step of the lattice */
    CROP_MAX_WIDTH = 9600,  /* longer lines are squeezed: 200 times as long as high */
    CROP_MAX_BUCKET = 3200, /* widest input; longer lines are read in windows */
    CROP_OVERLAP = 256      /* between windows */
};

/* The same outline with its first side along the text: a quad at least 1.5 times as tall as wide
 * is text turned by 90°, and begins at its presumed lower left corner (text that is read from
 * bottom to top; the other way is a matter of crop_turn). */
struct quad crop_along_text(const struct quad *quad);
/* The same outline seen upside down. */
struct quad crop_turn(const struct quad *quad);

/* Is the text of a quad turned so far that its top may as well be its bottom? */
bool crop_is_steep(const struct quad *quad);

/* The same outline with half a line height more at both ends: for text that seems to go on beyond
 * its box. */
struct quad crop_lengthen(const struct quad *quad);

/* The same outline with `heights` line heights more at both ends. */
struct quad crop_extend(const struct quad *quad, float heights);

/* What is cut out for a line: a little more along the text, so that the first and the last
 * character are whole, and a little less across it. *margin: the part of the crop's width that was
 * added at each end. */
struct quad crop_outline(const struct quad *quad, float *margin);

/* Pixels along the line at CROP_HEIGHT, 8 … CROP_MAX_WIDTH; 0 for a quad without area or with
 * coordinates that are not finite. */
int crop_width(const struct quad *outline);

/* Input width for a crop of `width` <= CROP_MAX_BUCKET pixels, a multiple of 16: what is wider than
 * the crop costs time for nothing. `few`: few different widths, multiples of 32, for those that
 * want many lines of one width together. */
int crop_bucket(int width, bool few);

#endif
