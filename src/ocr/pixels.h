/*
 * Networks on a GPU can make their input out of the picture themselves: when that is worth it, and
 * how.
 */
#ifndef SE_OCR_PIXELS_H
#define SE_OCR_PIXELS_H

#include "image/image.h"
#include "nn/nn.h"

/*
 * The picture for nn_exec_run_pixels, rows first … end alone, when the exec's current plan takes
 * pictures and sending it is less than sending `floats` numbers of input. Else id is 0: the input
 * is to be filled on the CPU. Both give the same bits.
 */
struct nn_pixels ocr_pixels(const struct nn_exec *exec, const struct image *image, int first,
                            int end, int64_t floats);

/* Runs on the picture if there is one. False: fill the input and run; else *status says how it
 * ended, SE_OK or SE_ERR_CANCELLED. */
bool ocr_run_pixels(struct nn_exec *exec, const struct nn_pixels *pixels,
                    const struct nn_sample *samples, const struct budget *budget, int *status,
                    se_error *err);

/* The rows of an image that a crop of this outline can touch: [*first, *end), lowered and raised to
 * hold them too. Corners are finite. */
void ocr_rows_of(const struct image *image, const struct quad *outline, int *first, int *end);

#endif
