/*
 * Picture files to pixels: JPEG, PNG, WebP, HEIC. The type is told by content. Every limit is
 * checked against the header before pixels are allocated. All sizes and rectangles are of the
 * upright picture, that is after the EXIF orientation has been applied.
 */
#ifndef SE_IMAGE_DECODE_H
#define SE_IMAGE_DECODE_H

#include "image/image.h"

enum img_type { IMG_JPEG = 1, IMG_PNG, IMG_WEBP, IMG_HEIC };

struct img_limits {
    uint64_t max_pixels; /* width × height */
    uint32_t max_side;
};

struct img_info {
    enum img_type type;
    int width, height; /* upright */
    int orientation; /* EXIF 1 … 8; 1 when the file says none (HEIC: always 1, libheif turns it) */
};

/* Reads the header alone. Errors: SE_ERR_EMPTY, _UNKNOWN_TYPE, _TRUNCATED, _CORRUPT, _LIMIT,
 * _UNSUPPORTED (names what: e.g. HEIC without libheif, lossless JPEG). */
int img_probe(const void *bytes, size_t size, const struct img_limits *limits,
              struct img_info *info, se_error *err);

/*
 * Decodes the upright picture, grey or RGB (alpha over white). JPEG may come out at n/8 of its size
 * (DCT scaling), PNG, WebP and HEIC at full size: the result is the smallest available whose longer
 * side is at least `want_side` pixels (0: full size). Scale is image->width / info->width.
 * A truncated or corrupt file is an error, not a half-grey picture.
 */
int img_decode(const void *bytes, size_t size, const struct img_limits *limits, int want_side,
               struct img_info *info, struct image *out, se_error *err);

/*
 * Decodes a rectangle of the upright picture at full resolution. JPEG skips the rows above and
 * below and the columns beside it; *covered is what was really decoded: it contains `want` and may
 * be larger (block borders, or the whole picture for other types). `want` must lie inside the
 * picture.
 */
int img_decode_region(const void *bytes, size_t size, const struct img_limits *limits,
                      struct rect want, struct image *out, struct rect *covered, se_error *err);

#endif
