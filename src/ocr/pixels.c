#include "ocr/pixels.h"

#include <math.h>

struct nn_pixels ocr_pixels(const struct nn_exec *exec, const struct image *image, int first,
                            int end, int64_t floats)
{
    const int64_t bytes = (int64_t)(end - first) * image->width * image->channels;
    if (!nn_exec_takes_pixels(exec) || first < 0 || end <= first || end > image->height ||
        bytes > floats * (int64_t)sizeof(float))
        return (struct nn_pixels){.id = 0};
    return (struct nn_pixels){.data = image->data,
                              .width = image->width,
                              .height = image->height,
                              .channels = image->channels,
                              .stride = image->stride,
                              .first_row = first,
                              .row_count = end - first,
                              .id = nn_pixels_new_id()};
}

bool ocr_run_pixels(struct nn_exec *exec, const struct nn_pixels *pixels,
                    const struct nn_sample *samples, const struct budget *budget, int *status,
                    se_error *err)
{
    if (!pixels->id || !nn_exec_takes_pixels(exec))
        return false;
    *status = nn_exec_run_pixels(exec, pixels, samples, budget, err);
    if (*status == SE_OK || *status == SE_ERR_CANCELLED)
        return true;
    /* No room for the picture, or the GPU is lost: the usual way has an answer to both. */
    se_error_clear(err);
    return false;
}

static int held(float v, int most)
{
    return v <= 0 ? 0 : v >= (float)most ? most : (int)v;
}

void ocr_rows_of(const struct image *image, const struct quad *outline, int *first, int *end)
{
    for (int i = 0; i < 4; i++) {
        /* A pixel's centre is half a pixel below its edge, and a bilinear mean takes two rows. */
        const int above = held(floorf(outline->p[i].y) - 2, image->height - 1);
        const int below = held(ceilf(outline->p[i].y) + 2, image->height - 1) + 1;
        *first = above < *first ? above : *first;
        *end = below > *end ? below : *end;
    }
}
