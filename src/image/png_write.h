/*
 * An image as the bytes of a PNG file.
 */
#ifndef SE_IMAGE_PNG_WRITE_H
#define SE_IMAGE_PNG_WRITE_H

#include "base/buffer.h"
#include "image/image.h"

/* Appends the file to `buffer`. SE_ERR_MEMORY, SE_ERR_LIMIT past the buffer's maximum; the buffer
 * is then as it was. */
int png_write(const struct image *image, struct buffer *buffer, se_error *err);

#endif
