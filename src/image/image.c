#include "image/image.h"

#include <assert.h>
#include <stdlib.h>

enum { IMAGE_MAX_SIDE = 65535, IMAGE_ROW_ALIGN = 32 };

int image_create(struct image *image, int width, int height, int channels, se_error *err)
{
    *image = (struct image){0};
    RETURN_ERROR_IF(width < 1 || height < 1 || width > IMAGE_MAX_SIDE || height > IMAGE_MAX_SIDE,
                    err, SE_ERR_ARGUMENT, "an image of %d x %d pixels; each side must be 1 to %d",
                    width, height, IMAGE_MAX_SIDE);
    RETURN_ERROR_IF(channels != 1 && channels != 3, err, SE_ERR_ARGUMENT,
                    "an image of %d channels; 1 (grey) or 3 (RGB) are possible", channels);
    /* At most 196608 × 65535 bytes: cannot overflow 64 bits. */
    const uint64_t row = (uint64_t)width * (unsigned)channels;
    const uint64_t stride = (row + IMAGE_ROW_ALIGN - 1) / IMAGE_ROW_ALIGN * IMAGE_ROW_ALIGN;
    const uint64_t size = stride * (unsigned)height;
    RETURN_ERROR_IF(size > SIZE_MAX / 2, err, SE_ERR_MEMORY,
                    "an image of %d x %d pixels does not fit this machine's memory", width, height);
    uint8_t *data = calloc(1, (size_t)size);
    if (!data)
        return se_fail_memory(err, "an image", (size_t)size);
    *image = (struct image){data, width, height, (size_t)stride, channels};
    return SE_OK;
}

void image_free(struct image *image)
{
    free(image->data);
    *image = (struct image){0};
}

struct image image_window(const struct image *image, int x, int y, int width, int height)
{
    assert(x >= 0 && y >= 0 && width >= 1 && height >= 1);
    assert(x <= image->width - width && y <= image->height - height);
    struct image window = *image;
    window.data = image_row(image, y) + (size_t)x * (size_t)image->channels;
    window.width = width;
    window.height = height;
    return window;
}
