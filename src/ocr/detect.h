/*
 * Finds text lines in a picture with the detector network (DB: Liao et al. 2020, "Real-time Scene
 * Text Detection with Differentiable Binarization").
 */
#ifndef SE_OCR_DETECT_H
#define SE_OCR_DETECT_H

#include "base/budget.h"
#include "image/image.h"
#include "nn/nn.h"

struct detect_params {
    int max_side;      /* longer side of the network's input, pixels */
    int enlarge_to;    /* a picture whose longer side is shorter is enlarged up to this … */
    float max_upscale; /* … but by this factor at most, >= 1 */
    float threshold;   /* of the probability map, 0 … 1 */
    float box_threshold;
    float unclip_ratio;
    int max_boxes;
    struct pool *pool; /* shares out the making of the input; may be NULL */
};

/* Settings that the policy in docs/MODEL.md found best. */
extern const struct detect_params detect_defaults;

/* One text line: corners clockwise from the presumed top left (text may still be upside down or run
 * along the other side: the recognizer decides), in pixels of the image given to ocr_detect. May
 * reach a little beyond the image. */
struct text_box {
    struct quad quad;
    float score; /* mean probability inside */
};

enum {
    DETECT_MAX_AREAS = 32,
    DETECT_WHOLE_PIXELS = 1280 * 960 /* of the network's input; larger ones are cut into bands */
};

struct text_boxes {
    struct text_box *items; /* owned; in reading order (ocr/reading_order.h) */
    int count;
    /* Where there is anything like text, also what is too faint or too small for a box, with some
     * room round it; inside the image, none overlap. Row by row. */
    struct rect areas[DETECT_MAX_AREAS];
    int area_count;
};

/* Network input [h, w] for an image of this size; both multiples of 32. *scale_x, *scale_y: input
 * pixels per image pixel. */
void detect_input_size(const struct detect_params *params, int width, int height, int *input_w,
                       int *input_h, float *scale_x, float *scale_y);

/* Detects lines in a grey or RGB image. `exec` runs a detector model ([n,3,h,w] → [n,1,h,w] in
 * 0 … 1). Errors: those of nn_exec_prepare and nn_exec_run, SE_ERR_MEMORY, SE_ERR_MODEL for an
 * output of another shape. After a failure *out is empty. */
int ocr_detect(struct nn_exec *exec, const struct image *image, const struct detect_params *params,
               const struct budget *budget, struct text_boxes *out, se_error *err);
/* What ocr_detect asks of an exec on a GPU, but for pictures in bands; for who makes its plans
 * beforehand (nn_exec_warm). */
void ocr_detect_reduce(struct nn_exec *exec, const struct detect_params *params);
void text_boxes_free(struct text_boxes *boxes);

/* The second half alone: boxes in a probability map[height][width], in pixels of an image of which
 * scale_x × scale_y map pixels make one. Values outside 0 … 1 are not text. */
int detect_boxes(const float *map, int width, int height, float scale_x, float scale_y,
                 const struct detect_params *params, struct text_boxes *out, se_error *err);

#endif
