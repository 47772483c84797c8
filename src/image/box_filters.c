/*
 * Filters over square windows: what is brighter than its surroundings (top-hat), light that falls
 * unevenly (division by the mean of the window), and a threshold for each pixel (Sauvola and
 * Pietikäinen 2000). All work on grey images, in place. A window that reaches beyond the image is
 * cut at its border.
 */
#include "image/ops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BOX_MAX_SIDE = 1023 };

static int check_box(const struct image *grey, int side, const char *what, se_error *err)
{
    RETURN_ERROR_IF(!grey->data || grey->channels != 1, err, SE_ERR_ARGUMENT,
                    "%s works on grey images", what);
    RETURN_ERROR_IF(side < 1 || side > BOX_MAX_SIDE || side % 2 == 0, err, SE_ERR_ARGUMENT,
                    "%s with windows of %d pixels; odd sides up to %d are possible", what, side,
                    BOX_MAX_SIDE);
    return SE_OK;
}

/* ---- top-hat -------------------------------------------------------------------------------- */

static inline uint8_t extreme(uint8_t a, uint8_t b, bool greatest)
{
    return (a > b) == greatest ? a : b;
}

static inline void extreme_row(uint8_t *restrict out, const uint8_t *restrict row, int count,
                               bool greatest)
{
    for (int x = 0; x < count; x++)
        out[x] = extreme(out[x], row[x], greatest);
}

/* Least (erosion) or greatest (dilation) value of each pixel's window: first down, then across. */
static inline void extremes(const struct image *from, struct image *between, struct image *to,
                            int reach, bool greatest)
{
    const int width = from->width, height = from->height;
    for (int y = 0; y < height; y++) {
        const int top = y < reach ? 0 : y - reach;
        const int bottom = height - 1 - y < reach ? height - 1 : y + reach;
        memcpy(image_row(between, y), image_row(from, top), (size_t)width);
        for (int k = top + 1; k <= bottom; k++)
            extreme_row(image_row(between, y), image_row(from, k), width, greatest);
    }
    for (int y = 0; y < height; y++) {
        const uint8_t *row = image_row(between, y);
        uint8_t *out = image_row(to, y);
        memcpy(out, row, (size_t)width);
        for (int k = 1; k <= reach && k < width; k++) {
            extreme_row(out, row + k, width - k, greatest);
            extreme_row(out + k, row, width - k, greatest);
        }
    }
}

int img_top_hat(struct image *grey, int side, se_error *err)
{
    FORWARD_IF_ERROR(check_box(grey, side, "a top-hat", err));
    struct image low = {0}, opened = {0};
    int status = image_create(&low, grey->width, grey->height, 1, err);
    if (status == SE_OK)
        status = image_create(&opened, grey->width, grey->height, 1, err);
    if (status == SE_OK) {
        extremes(grey, &opened, &low, side / 2, false);
        struct image between = {0};
        status = image_create(&between, grey->width, grey->height, 1, err);
        if (status == SE_OK)
            extremes(&low, &between, &opened, side / 2, true);
        image_free(&between);
    }
    for (int y = 0; status == SE_OK && y < grey->height; y++) {
        uint8_t *row = image_row(grey, y);
        const uint8_t *floor = image_row(&opened, y);
        for (int x = 0; x < grey->width; x++)
            row[x] = (uint8_t)(row[x] - floor[x]);
    }
    image_free(&low);
    image_free(&opened);
    return status;
}

/* ---- means of windows ----------------------------------------------------------------------- */

/*
 * at(y, x): sums over all pixels above and left of (x, y), of values and of squares.
 *
 *        ┌───────┬─────┐     sum of the window = D - B - C + A
 *        │       A     B
 *        ├───────┼─────┤
 *        │       C  w  D
 */
struct box_sums {
    uint64_t *values, *squares; /* [height + 1][width + 1]; squares may be NULL */
    int width, height;
};

struct box_window {
    double mean, deviation; /* deviation: 0 without squares */
};

static int sums_make(struct box_sums *sums, const struct image *grey, bool squares, se_error *err)
{
    const size_t stride = (size_t)grey->width + 1;
    const size_t cells = stride * ((size_t)grey->height + 1);
    const size_t size = cells * sizeof(uint64_t) * (squares ? 2 : 1);
    *sums = (struct box_sums){malloc(size), NULL, grey->width, grey->height};
    if (!sums->values)
        return se_fail_memory(err, "the sums of a filter", size);
    if (squares)
        sums->squares = sums->values + cells;
    memset(sums->values, 0, stride * sizeof(uint64_t));
    if (squares)
        memset(sums->squares, 0, stride * sizeof(uint64_t));
    for (int y = 0; y < grey->height; y++) {
        const uint8_t *row = image_row(grey, y);
        const size_t at = ((size_t)y + 1) * stride;
        uint64_t sum = 0, square = 0;
        sums->values[at] = 0;
        if (squares)
            sums->squares[at] = 0;
        for (size_t x = 0; x < (size_t)grey->width; x++) {
            sum += row[x];
            sums->values[at + x + 1] = sums->values[at - stride + x + 1] + sum;
            square += (uint64_t)row[x] * row[x];
            if (squares)
                sums->squares[at + x + 1] = sums->squares[at - stride + x + 1] + square;
        }
    }
    return SE_OK;
}

static struct box_window sums_window(const struct box_sums *sums, int x, int y, int reach)
{
    const int left = x < reach ? 0 : x - reach, top = y < reach ? 0 : y - reach;
    const int right = sums->width - x <= reach ? sums->width : x + reach + 1;
    const int bottom = sums->height - y <= reach ? sums->height : y + reach + 1;
    const size_t stride = (size_t)sums->width + 1;
    const size_t a = (size_t)top * stride + (size_t)left, b = (size_t)top * stride + (size_t)right;
    const size_t c = (size_t)bottom * stride + (size_t)left;
    const size_t d = (size_t)bottom * stride + (size_t)right;
    const double pixels = (double)(right - left) * (bottom - top);
    const uint64_t *v = sums->values, *s = sums->squares;
    struct box_window window = {(double)(v[d] - v[b] - v[c] + v[a]) / pixels, 0};
    if (s) {
        const double square = (double)(s[d] - s[b] - s[c] + s[a]) / pixels;
        window.deviation = sqrt(fmax(square - window.mean * window.mean, 0));
    }
    return window;
}

int img_divide_background(struct image *grey, int side, se_error *err)
{
    FORWARD_IF_ERROR(check_box(grey, side, "division by the background", err));
    struct box_sums sums;
    FORWARD_IF_ERROR(sums_make(&sums, grey, false, err));
    for (int y = 0; y < grey->height; y++) {
        uint8_t *row = image_row(grey, y);
        for (int x = 0; x < grey->width; x++) {
            const double mean = sums_window(&sums, x, y, side / 2).mean;
            row[x] = (uint8_t)fmin(128 * (row[x] + 1) / (mean + 1) + 0.5, 255);
        }
    }
    free(sums.values);
    return SE_OK;
}

int img_binarize(struct image *grey, int side, float k, se_error *err)
{
    FORWARD_IF_ERROR(check_box(grey, side, "a threshold for each pixel", err));
    struct box_sums sums;
    FORWARD_IF_ERROR(sums_make(&sums, grey, true, err));
    for (int y = 0; y < grey->height; y++) {
        uint8_t *row = image_row(grey, y);
        for (int x = 0; x < grey->width; x++) {
            const struct box_window window = sums_window(&sums, x, y, side / 2);
            /* 128: half the range, the largest deviation there is. */
            const double bar = window.mean * (1 + (double)k * (window.deviation / 128 - 1));
            row[x] = row[x] > bar ? 255 : 0;
        }
    }
    free(sums.values);
    return SE_OK;
}
