/*
 * The one thing of EXIF that matters here: the orientation, and what it does to rectangles.
 */
#ifndef SE_IMAGE_EXIF_H
#define SE_IMAGE_EXIF_H

#include "image/image.h"

/*
 * Orientation (tag 0x0112 of the first directory) in a TIFF block: 1 … 8. Gives 1, "upright", where
 * the block has none or is damaged: metadata that cannot be read never costs the picture. A leading
 * "Exif\0\0", as in JPEG and in some WebP files, is skipped. Any bytes are safe.
 * Source: Exif 2.32, section 4.6.4 A; TIFF 6.0, section 2.
 */
int exif_orientation(const uint8_t *bytes, size_t size);

/* Does the orientation swap width and height? */
static inline int exif_swaps_sides(int orientation)
{
    return orientation >= 5;
}

/* The orientation that undoes `orientation`. */
int exif_inverse(int orientation);

/* Where `rect` of a width × height picture lies after the orientation has been applied to it. */
struct rect exif_orient_rect(struct rect rect, int orientation, int width, int height);

#endif
