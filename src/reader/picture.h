/*
 * The picture under work: its pixels at the resolutions that are needed, and how they lie in the
 * upright picture. Everything that looks speak of is in pixels of the upright picture.
 *
 *   bytes ─┬─ base    the whole picture, JPEG at n/8 of its size where that is large enough
 *          └─ sharp   one rectangle at full resolution, made when first asked for and kept
 */
#ifndef SE_READER_PICTURE_H
#define SE_READER_PICTURE_H

#include "base/budget.h"
#include "image/decode.h"
#include "reader/convert.h"

/* A picture that a look works on, and how it lies in the upright picture. */
struct view {
    const struct image *image;
    struct placement place;
};

struct picture {
    const void *bytes; /* NULL: the caller gave pixels */
    size_t size;
    struct img_limits limits;
    const struct budget *budget;
    int width, height; /* upright */
    struct view base;
    float base_scale;     /* base pixels per upright pixel, <= 1 */
    struct image decoded; /* what base shows; owned; empty when the caller gave pixels */
    struct image sharp;   /* owned */
    struct rect sharp_at; /* what it shows, upright pixels */
};

/* Decodes `bytes`, or borrows `pixels` when bytes is NULL; the longer side of the base is at least
 * `want_side` pixels where the picture has so many. Errors as img_decode. Close after a failure,
 * too. */
int picture_open(struct picture *picture, const void *bytes, size_t size,
                 const struct image *pixels, const struct img_limits *limits, int want_side,
                 const struct budget *budget, se_error *err);
void picture_close(struct picture *picture);

/* Shows at least the rectangle `want` (inside the picture) at full resolution. *window is what
 * *view points to; both live until the next call or picture_close. */
int picture_sharp(struct picture *picture, struct rect want, struct image *window,
                  struct view *view, se_error *err);

/* Forgets the rectangle at full resolution; the next picture_sharp makes it anew. */
void picture_forget_sharp(struct picture *picture);

/* Smallest rectangle of whole upright pixels round `quads`, a margin of half a line added, cut to
 * the picture; empty (width or height 0) when they lie outside. */
struct rect picture_rect_round(const struct picture *picture, const struct quad *quads, int count);

/* The smallest rectangle of whole upright pixels that holds both corners, cut to the picture. */
struct rect picture_rect_of(const struct picture *picture, struct point top_left,
                            struct point bottom_right);

/* Shorter of the mean lengths of opposite sides: the height of a line of text. */
float picture_line_height(const struct quad *quad);
/* The longer one. */
float picture_line_length(const struct quad *quad);

#endif
