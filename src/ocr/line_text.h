/*
 * From a lattice to the text of a line.
 */
#ifndef SE_OCR_LINE_TEXT_H
#define SE_OCR_LINE_TEXT_H

#include "ocr/recognizer_state.h"

/*
 * Fills chars, count, score and lattice of *line with the most likely text of `lattice`, whose
 * steps cover `length` pixels of the crop of line->quad (crop_outline). The characters live in
 * `arena`, the lattice's rows where they are. SE_ERR_MEMORY; *line is then as it was.
 */
int line_text_from_lattice(const struct recognizer *recognizer, const struct lattice *lattice,
                           int length, struct arena *arena, struct text_line *line, se_error *err);

#endif
