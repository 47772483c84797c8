/*
 * The order in which people read lines of text: block by block, within a block row by row.
 */
#ifndef SE_OCR_READING_ORDER_H
#define SE_OCR_READING_ORDER_H

#include "image/image.h"

/*
 * Fills order[count] with the indices of `quads` in reading order. A block is made of lines of one
 * direction and like size that stand close to each other; its rows run along its own baseline, so
 * that a label that lies turned in the picture is read as if it stood upright. Blocks follow each
 * other by their tops. Any coordinates are accepted. Time and memory O(count²) and O(count).
 * SE_ERR_MEMORY.
 */
int ocr_reading_order(const struct quad *quads, int count, int *order, se_error *err);

#endif
