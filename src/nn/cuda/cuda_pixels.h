/*
 * A plan's input out of a picture of bytes (struct nn_pixels).
 */
#ifndef SE_NN_CUDA_CUDA_PIXELS_H
#define SE_NN_CUDA_CUDA_PIXELS_H

#include "nn/backend.h"

/* The functions of struct nn_remote. A picture goes over once for each id; then a kernel makes the
 * images, and the plan's second graph does all that comes behind its input. */
int cuda_plan_send_pixels(const struct nn_plan *plan, const struct nn_pixels *pixels, bool shared,
                          se_error *err);
int cuda_plan_run_pixels(const struct nn_plan *plan, const int64_t nhwc[4],
                         const struct nn_picture *pictures, int picture_count,
                         const struct budget *budget, se_error *err);
/* Makes that second graph of a bound plan, unless it is there. */
int cuda_plan_make_pixels_graph(const struct nn_plan *plan, se_error *err);

#endif
