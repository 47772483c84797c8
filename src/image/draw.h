/*
 * Marks on an RGB image: outlines and labels, for looking at results. Everything is cut off at the
 * image's borders; nothing can fail. Needs an image of 3 channels.
 */
#ifndef SE_IMAGE_DRAW_H
#define SE_IMAGE_DRAW_H

#include "image/image.h"

/* Of one character at scale 1, in pixels: a glyph of 5 × 7 and the space to the next one. */
enum { DRAW_GLYPH_WIDTH = 6, DRAW_GLYPH_HEIGHT = 8 };

struct draw_color {
    uint8_t r, g, b;
};

/* Draws the four sides, anti-aliased, `width` pixels thick (> 0). Sides with a coordinate that is
 * not finite are left out. */
void draw_quad(struct image *rgb, const struct quad *quad, struct draw_color color, float width);

/*
 * Draws a filled box with one line of text whose lower left corner is at `at`; `scale` >= 1
 * enlarges the glyphs. The box is moved to lie inside the image as far as it can. ASCII 0x20 … 0x7E
 * have glyphs, every other code point of the UTF-8 text is an empty frame.
 */
void draw_label(struct image *rgb, struct point at, const char *text, int scale,
                struct draw_color text_color, struct draw_color box_color);

/* A scale of labels that is legible when the whole image is looked at. */
int draw_label_scale(const struct image *image);

#endif
