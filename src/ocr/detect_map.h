/*
 * Boxes of a probability map that a GPU holds: inside of detect.h.
 */
#ifndef SE_OCR_DETECT_MAP_H
#define SE_OCR_DETECT_MAP_H

#include "ocr/detect.h"

/* Map pixels that make one image pixel. */
struct detect_scale {
    float x, y;
};

/* What nn_exec_reduce is to make of a map. */
struct nn_map_params detect_map_params(const struct detect_params *params);

/* As detect_boxes, with the same result bit by bit, of what came back (nn_exec_map) of the map that
 * the last run of `exec` left on the GPU. Also the errors of nn_exec_map_sums. */
int detect_boxes_of_runs(struct nn_exec *exec, const struct nn_map *map,
                         const struct detect_scale *scale, const struct detect_params *params,
                         struct text_boxes *out, se_error *err);

#endif
