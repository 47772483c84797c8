/*
 * What the decoder of each file type provides to decode.c. Decoders know pictures as they are
 * stored: sizes and rectangles here are those before the orientation is applied.
 */
#ifndef SE_IMAGE_CODEC_H
#define SE_IMAGE_CODEC_H

#include "image/decode.h"

/* A file in memory, borrowed, not empty, and what limits apply to it. */
struct codec_file {
    const uint8_t *bytes;
    size_t size;
    const struct img_limits *limits;
};

struct codec_header {
    int width, height; /* as stored; checked by codec_check_size */
    int orientation;   /* 1 … 8, still to be applied */
};

/* What to decode: all at the scale that `want_side` asks for (0: full size), or, with want_side 0,
 * a rectangle inside the picture. */
struct codec_request {
    int want_side;
    struct rect region;
};

struct codec {
    int (*probe)(const struct codec_file *file, struct codec_header *header, se_error *err);
    /* Makes *out, which holds what was asked for and no more; empty, as before, on failure. Checks
     * the header anew. */
    int (*decode)(const struct codec_file *file, const struct codec_request *request,
                  struct image *out, se_error *err);
};

extern const struct codec codec_jpeg, codec_png, codec_webp, codec_heic;

/* Checks a picture's size against zero, the limits and what struct image can hold. The message
 * names the limit, its value, the size and the setting. */
int codec_check_size(const char *name, uint64_t width, uint64_t height,
                     const struct img_limits *limits, se_error *err);

/*
 * Puts `pixels` RGBA pixels over white into out[pixels × channels]: channels 3 RGB, or 1 where the
 * source is grey (R = G = B). Rounded to nearest.
 */
void codec_over_white(const uint8_t *rgba, int pixels, int channels, uint8_t *out);

#endif
