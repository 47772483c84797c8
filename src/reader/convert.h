/*
 * Between the modules' own types: recognized lines for src/serial, readings for the result.
 */
#ifndef SE_READER_CONVERT_H
#define SE_READER_CONVERT_H

#include "code/barcode.h"
#include "ocr/recognize.h"
#include "reader/result.h"
#include "serial/serial.h"

/* How a picture that was worked on lies in the upright picture: upright = m × (x, y, 1), row by row
 * [m0 m1 m2; m3 m4 m5]. */
struct placement {
    float m[6];
};

/* `scale` upright pixels per pixel, `x`, `y` upright pixels of the top left corner. */
struct placement placement_of_scale(float scale_x, float scale_y, float x, float y);
/* `inner` first, then `outer`. */
struct placement placement_join(const struct placement *outer, const struct placement *inner);
struct quad placement_quad(const struct placement *placement, const struct quad *quad);

/* All of these make their answer in `arena`; NULL when memory is spent. */
/* The lines point to the lattices inside `lines`, which must outlive them. */
struct ser_line *convert_lines(const struct text_line *lines, size_t count, struct arena *arena);
struct ser_barcode *convert_barcodes(const struct barcode *barcodes, size_t count,
                                     struct arena *arena);
se_reading *convert_readings(const struct ser_output *found, double max_error, struct arena *arena);
/* Lines with at least one character; *kept of them. */
se_line *convert_result_lines(const struct text_line *lines, size_t count, size_t *kept,
                              struct arena *arena);
/* Moves corners outside a picture of this size onto its edge. */
void convert_clip_quad(se_quad *quad, uint32_t width, uint32_t height);

#endif
