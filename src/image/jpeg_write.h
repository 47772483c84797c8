/*
 * An image as the bytes of a JPEG file, for pages that people look at.
 */
#ifndef SE_IMAGE_JPEG_WRITE_H
#define SE_IMAGE_JPEG_WRITE_H

#include "base/buffer.h"
#include "image/image.h"

/* Appends the file, of quality 1 … 100, to `buffer`. SE_ERR_MEMORY, SE_ERR_LIMIT past the buffer's
 * maximum; the buffer is then as it was. */
int jpeg_write(const struct image *image, int quality, struct buffer *buffer, se_error *err);

#endif
