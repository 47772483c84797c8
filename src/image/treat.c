/*
 * What each treatment is made of. Sizes are parts of the height of the text, so that a treatment
 * does the same to small text and to large.
 */
#include "image/treat.h"

#include <math.h>

#include "image/ops.h"

/* A stroke is about a seventh of the line's height: windows are wider than strokes and narrower
 * than letters (top-hat), or as large as letters (what is uneven about the light). */
static const float HAT_SIDE = 0.28F, BACKGROUND_SIDE = 1.5F, THRESHOLD_SIDE = 1.0F;
static const float THRESHOLD_K = 0.2F;
static const float CLAHE_TILE = 1.5F, CLAHE_CLIP = 3.0F;
static const float SHARPEN_SIGMA = 0.05F, SHARPEN_AMOUNT = 1.5F;
/* Part of the pixels that may become black, or white, when values are spread. */
static const double SPREAD_PART = 0.01;
enum { MOST_TILES = 64, LEAST_SIDE = 3, MOST_SIDE = 255 };

const char *const img_treatment_names[IMG_TREATMENTS] = {
    "plain", "invert", "contrast", "sharpen", "background", "white-hat", "black-hat", "adaptive",
};

/* An odd number of pixels. */
static int side_of(float part, float text_height)
{
    const int side = 2 * (int)(part * text_height / 2) + 1;
    return side < LEAST_SIDE ? LEAST_SIDE : side > MOST_SIDE ? MOST_SIDE : side;
}

static int tiles_of(int size, float text_height)
{
    const int tiles = (int)lroundf((float)size / (CLAHE_TILE * text_height));
    return tiles < 1 ? 1 : tiles > MOST_TILES ? MOST_TILES : tiles;
}

static int to_grey(struct image *image, se_error *err)
{
    if (image->channels == 1)
        return SE_OK;
    struct image grey;
    FORWARD_IF_ERROR(img_to_grey(image, &grey, err));
    image_free(image);
    *image = grey;
    return SE_OK;
}

static int hat(struct image *grey, bool dark, float text_height, se_error *err)
{
    if (dark)
        img_invert(grey);
    FORWARD_IF_ERROR(img_top_hat(grey, side_of(HAT_SIDE, text_height), err));
    img_spread(grey, SPREAD_PART);
    img_invert(grey); /* dark text on light ground, as in print */
    return SE_OK;
}

static int divide(struct image *grey, float text_height, se_error *err)
{
    FORWARD_IF_ERROR(img_divide_background(grey, side_of(BACKGROUND_SIDE, text_height), err));
    img_spread(grey, SPREAD_PART);
    return SE_OK;
}

int img_treat(struct image *image, enum img_treatment treatment, float text_height, se_error *err)
{
    RETURN_ERROR_IF(!image->data || !(text_height > 0), err, SE_ERR_ARGUMENT,
                    "an image without pixels, or with text %g pixels high, cannot be treated",
                    (double)text_height);
    if (treatment == IMG_PLAIN)
        return SE_OK;
    if (treatment == IMG_INVERT) {
        img_invert(image);
        return SE_OK;
    }
    if (treatment == IMG_SHARPEN)
        return img_sharpen(image, fmaxf(SHARPEN_SIGMA * text_height, 0.5F), SHARPEN_AMOUNT, err);
    FORWARD_IF_ERROR(to_grey(image, err));
    switch (treatment) {
    case IMG_CONTRAST:
        return img_clahe(image, tiles_of(image->width, text_height),
                         tiles_of(image->height, text_height), CLAHE_CLIP, err);
    case IMG_BACKGROUND:
        return divide(image, text_height, err);
    case IMG_WHITE_HAT:
        return hat(image, false, text_height, err);
    case IMG_BLACK_HAT:
        return hat(image, true, text_height, err);
    case IMG_ADAPTIVE:
        return img_binarize(image, side_of(THRESHOLD_SIDE, text_height), THRESHOLD_K, err);
    case IMG_PLAIN:
    case IMG_INVERT:
    case IMG_SHARPEN:
    case IMG_TREATMENTS:
        break;
    }
    return se_fail(err, SE_ERR_INTERNAL, "treatment %d does not exist", (int)treatment);
}
