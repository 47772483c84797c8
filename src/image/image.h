/*
 * Pictures in memory: 8 bits a channel, interleaved, rows top to bottom.
 *
 *   data ─> [ R G B  R G B  … width × channels bytes | padding ] stride bytes
 *           [ …                                                ] × height
 */
#ifndef SE_IMAGE_IMAGE_H
#define SE_IMAGE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct image {
    uint8_t *data; /* owned, from image_create; NULL for an empty image */
    int width, height;
    size_t stride;
    int channels; /* 1: grey, 3: RGB */
};

/* Makes a zeroed image. width, height in 1 … 65535. */
int image_create(struct image *image, int width, int height, int channels, se_error *err);
void image_free(struct image *image);

static inline uint8_t *image_row(const struct image *image, int y)
{
    return image->data + (size_t)y * image->stride;
}

/* A window onto rows and columns of `image`; shares its memory, must not be freed. The rectangle
 * must lie inside. */
struct image image_window(const struct image *image, int x, int y, int width, int height);

/* A point and a four-cornered outline in pixel coordinates: (0, 0) is the top left corner of the
 * top left pixel, whose centre is (0.5, 0.5). Corners clockwise, from the text's own top left. */
struct point {
    float x, y;
};
struct quad {
    struct point p[4];
};
struct rect {
    int x, y, width, height;
};

#endif
