/*
 * Picture files to pixels: JPEG, PNG, WebP, HEIC and AVIF. The type is told by content, never by
 * name. Every limit is checked against the header before pixels are allocated. All sizes and
 * rectangles are of the upright picture, that is after the EXIF orientation has been applied.
 *
 * A truncated or corrupt file is an error that says how far it came, not a half-grey picture. Two
 * kinds of damage pass because no pixel depends on them: bytes behind the picture, and a JPEG that
 * lacks nothing but its end marker.
 *
 * Plain functions without state; thread safe. After a failure *out is empty.
 */
#ifndef SE_IMAGE_DECODE_H
#define SE_IMAGE_DECODE_H

#include <stdbool.h>

#include "image/image.h"

enum img_type {
    IMG_JPEG = 1,
    IMG_PNG,
    IMG_WEBP,
    IMG_HEIC /* HEIC and AVIF: both are read by libheif */
};

/* Named in messages by the settings they come from. No side may exceed 65535 in any case. */
struct img_limits {
    uint64_t max_pixels; /* width × height */
    uint32_t max_side;
};

struct img_info {
    enum img_type type;
    int width, height; /* upright */
    int orientation; /* EXIF 1 … 8; 1 when the file says none (HEIC: always 1, libheif turns it) */
};

/*
 * Reads the header alone. Errors: SE_ERR_EMPTY, _UNKNOWN_TYPE (says what it looks like instead),
 * _TRUNCATED, _CORRUPT, _LIMIT, _UNSUPPORTED (names what: HEIC without libheif, lossless or 12-bit
 * JPEG, …), _MEMORY.
 */
int img_probe(const void *bytes, size_t size, const struct img_limits *limits,
              struct img_info *info, se_error *err);

/*
 * Decodes the upright picture, grey or RGB, 8 bits a channel (alpha over white; 16 bits lose their
 * lower half). JPEG may come out at a half, a quarter or an eighth of its size, sides rounded up,
 * the others only at full size: the result is the smallest available whose longer side is at least
 * `want_side` pixels, or the full size where the picture is smaller than that (0: full size). The
 * scale is out->width / info->width. `info` may be NULL. Errors as img_probe.
 */
int img_decode(const void *bytes, size_t size, const struct img_limits *limits, int want_side,
               struct img_info *info, struct image *out, se_error *err);

/*
 * Decodes a rectangle of the upright picture at full resolution: the same pixels as img_decode
 * gives there, bit for bit. `want` must lie inside the picture (else SE_ERR_ARGUMENT). *covered is
 * what was really decoded; callers must be ready for one that is larger than `want`, though all
 * types give exactly that now.
 *
 * JPEG spares itself the transforms of the rows and columns outside, PNG and opaque WebP the
 * memory; the rest is decoded whole and cut. Damage below the rectangle may go unnoticed.
 */
int img_decode_region(const void *bytes, size_t size, const struct img_limits *limits,
                      struct rect want, struct image *out, struct rect *covered, se_error *err);

/*
 * Is libheif on this machine, recent enough, so that HEIC and AVIF can be read? `text` (may be
 * NULL) receives its version, e.g. "1.15.1", or else a line that says what to do about it.
 */
bool img_heic_available(char *text, size_t size);

#endif
