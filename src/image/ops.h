/*
 * Geometry of pictures: resizing, turning, perspective crops. Plain functions, no state; outputs
 * are made by the caller (image_create) unless said otherwise. Thread safe.
 */
#ifndef SE_IMAGE_OPS_H
#define SE_IMAGE_OPS_H

#include <stdbool.h>

#include "image/image.h"

/*
 * Resizes src into the whole of dst (same channels; any sizes). Enlarging: bilinear with pixel
 * centres aligned (as OpenCV's INTER_LINEAR). Reducing: bilinear up to `2 ×`, area-weighted beyond,
 * so that thin strokes survive.
 */
int img_resize(const struct image *src, struct image *dst, se_error *err);

/* Rows [first, first + rows) of a picture resized to width × height, and how their values are
 * normalised: (v / 127.5 - 1) * factor + offset, for blue, green and red. */
struct tensor_part {
    int width, height, first, rows;
    float factor[3], offset[3];
};

/*
 * Resizes and normalises in one pass into a network's input: out[rows][width][3] floats (NHWC),
 * channel order BGR. src grey or RGB.
 */
int img_to_tensor(const struct image *src, const struct tensor_part *part, float *out,
                  se_error *err);

/*
 * Perspective crop: the quad of src becomes the whole of dst (corner 0 → top left, 1 → top right,
 * …). Bilinear; where the crop shrinks by more than 2 ×, several samples a pixel (no aliasing).
 * Outside src the border pixel is repeated. Any quad is accepted, also degenerate or far outside
 * ones (SE_ERR_ARGUMENT for coordinates that are not finite).
 */
int img_warp_quad(const struct image *src, const struct quad *quad, struct image *dst,
                  se_error *err);

/* How img_warp_quad maps a crop of width × height: its pixel centres as (s, t) in the unit square,
 *   x = (m[0] s + m[1] t + m[2] + m[3] s t) / (g s + h t + 1), y likewise with m[4 …],
 * and the samples of each pixel along both sides. SE_ERR_ARGUMENT as there. */
struct img_warp_plan {
    double m[8], g, h;
    int across, down;
};
int img_warp_plan(const struct quad *quad, int width, int height, struct img_warp_plan *out,
                  se_error *err);

/* Turns by quarter turns clockwise (1, 2, 3) into a new image, made here. */
int img_turn(const struct image *src, int quarter_turns, struct image *out, se_error *err);

/*
 * Turns by `degrees` clockwise about the centre into a new image large enough for all of src; the
 * rest is filled with the median border colour. *inverse maps a point of the new image back:
 * x = m[0] X + m[1] Y + m[2], y = m[3] X + m[4] Y + m[5].
 */
int img_rotate(const struct image *src, float degrees, struct image *out, float inverse[6],
               se_error *err);

/* Applies the EXIF orientation 1 … 8 to `image` in place (it may be replaced). */
int img_orient(struct image *image, int orientation, se_error *err);

/* RGB → grey (ITU-R BT.601 luma) into a new image; a grey source is copied. */
int img_to_grey(const struct image *src, struct image *out, se_error *err);
/* Rows [first, end) of it into `out`, grey and as large as src. */
void img_to_grey_rows(const struct image *src, struct image *out, int first, int end);

/* 255 - v, in place. */
void img_invert(struct image *image);

/* Contrast limited adaptive histogram equalisation (Zuiderveld 1994) of a grey image, in place;
 * across × down tiles, clip as a multiple of the mean bin height (as OpenCV's clipLimit). */
int img_clahe(struct image *grey, int across, int down, float clip, se_error *err);

/* Unsharp mask: v + amount × (v - blurred), Gaussian of `sigma`, in place, any channels. */
int img_sharpen(struct image *image, float sigma, float amount, se_error *err);

/* White top-hat of a grey image, in place: what is left when its opening by a square of `side`
 * pixels (odd) is taken away, light details narrower than that. */
int img_top_hat(struct image *grey, int side, se_error *err);

/* Divides a grey image by the mean of the square of `side` pixels (odd) round each pixel, in place;
 * 128 is as light as the surroundings. */
int img_divide_background(struct image *grey, int side, se_error *err);

/* Black or white by m × (1 + k × (s / 128 - 1)), with the mean m and the standard deviation s of
 * the square of `side` pixels (odd) round each pixel (Sauvola and Pietikäinen 2000), in place. */
int img_binarize(struct image *grey, int side, float k, se_error *err);

/* Spreads the values of a grey image linearly over 0 … 255, in place; about this part of the pixels
 * may be cut off at either end. A flat image stays as it is. */
void img_spread(struct image *grey, double part);

#endif
