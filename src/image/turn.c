/*
 * Quarter turns, mirror images, grey and inverted pictures.
 *
 * Every turn or mirror image is the same walk: pixel (x, y) of the result is found at
 * origin + x × step_x + y × step_y bytes in the source. Tiles keep both ends in the cache when one
 * of them is walked down its columns.
 */
#include "image/ops.h"

#include <stddef.h>
#include <string.h>

enum { TURN_TILE = 32 };

static inline __attribute__((always_inline)) void turn_tile(uint8_t *restrict to, size_t stride,
                                                            const uint8_t *restrict from,
                                                            ptrdiff_t step_x, ptrdiff_t step_y,
                                                            int width, int height, size_t channels)
{
    for (int y = 0; y < height; y++) {
        uint8_t *out = to + (size_t)y * stride;
        const uint8_t *in = from + y * step_y;
        for (int x = 0; x < width; x++) {
            for (size_t c = 0; c < channels; c++)
                out[c] = in[c];
            out += channels;
            in += step_x;
        }
    }
}

static void turn_copy(struct image *dst, const uint8_t *origin, ptrdiff_t step_x, ptrdiff_t step_y)
{
    const size_t channels = (size_t)dst->channels;
    for (int y = 0; y < dst->height; y += TURN_TILE) {
        const int height = dst->height - y < TURN_TILE ? dst->height - y : TURN_TILE;
        for (int x = 0; x < dst->width; x += TURN_TILE) {
            const int width = dst->width - x < TURN_TILE ? dst->width - x : TURN_TILE;
            uint8_t *to = image_row(dst, y) + (size_t)x * channels;
            const uint8_t *from = origin + x * step_x + y * step_y;
            if (channels == 3)
                turn_tile(to, dst->stride, from, step_x, step_y, width, height, 3);
            else
                turn_tile(to, dst->stride, from, step_x, step_y, width, height, 1);
        }
    }
}

/* Pixel (x, y) of the new image is pixel (x, y) or, with `transpose`, (y, x) of src, counted from
 * src's right border with `from_right`, from its bottom with `from_bottom`. */
static int turn_make(const struct image *src, int transpose, int from_right, int from_bottom,
                     struct image *out, se_error *err)
{
    *out = (struct image){0};
    RETURN_ERROR_IF(!src->data, err, SE_ERR_ARGUMENT, "a turn of an empty image");
    const int width = transpose ? src->height : src->width;
    const int height = transpose ? src->width : src->height;
    FORWARD_IF_ERROR(image_create(out, width, height, src->channels, err));
    const ptrdiff_t across = from_right ? -src->channels : src->channels;
    const ptrdiff_t down = from_bottom ? -(ptrdiff_t)src->stride : (ptrdiff_t)src->stride;
    const int x = from_right ? src->width - 1 : 0, y = from_bottom ? src->height - 1 : 0;
    const uint8_t *origin = image_row(src, y) + (size_t)x * (size_t)src->channels;
    turn_copy(out, origin, transpose ? down : across, transpose ? across : down);
    return SE_OK;
}

int img_turn(const struct image *src, int quarter_turns, struct image *out, se_error *err)
{
    *out = (struct image){0};
    RETURN_ERROR_IF(quarter_turns < 1 || quarter_turns > 3, err, SE_ERR_ARGUMENT,
                    "a turn by %d quarters; 1 to 3 are possible", quarter_turns);
    const int transpose = quarter_turns != 2;
    return turn_make(src, transpose, quarter_turns != 1, quarter_turns != 3, out, err);
}

static void turn_swap(uint8_t *a, uint8_t *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t keep = a[i];
        a[i] = b[i];
        b[i] = keep;
    }
}

static void turn_mirror_columns(struct image *image)
{
    const size_t channels = (size_t)image->channels;
    for (int y = 0; y < image->height; y++) {
        uint8_t *left = image_row(image, y);
        uint8_t *right = left + (size_t)(image->width - 1) * channels;
        for (; left < right; left += channels, right -= channels)
            turn_swap(left, right, channels);
    }
}

static void turn_mirror_rows(struct image *image)
{
    for (int top = 0, bottom = image->height - 1; top < bottom; top++, bottom--)
        turn_swap(image_row(image, top), image_row(image, bottom),
                  (size_t)image->width * (size_t)image->channels);
}

/* Exif 2.32, tag 0x0112: which side of the upright picture the file's row 0 and column 0 are. */
int img_orient(struct image *image, int orientation, se_error *err)
{
    RETURN_ERROR_IF(orientation < 1 || orientation > 8, err, SE_ERR_ARGUMENT,
                    "EXIF orientation %d; 1 to 8 are possible", orientation);
    RETURN_ERROR_IF(!image->data, err, SE_ERR_ARGUMENT, "the orientation of an empty image");
    if (orientation == 2 || orientation == 3)
        turn_mirror_columns(image);
    if (orientation == 3 || orientation == 4)
        turn_mirror_rows(image);
    if (orientation >= 5) {
        const int from_right = orientation == 7 || orientation == 8;
        const int from_bottom = orientation == 6 || orientation == 7;
        struct image turned;
        FORWARD_IF_ERROR(turn_make(image, 1, from_right, from_bottom, &turned, err));
        image_free(image);
        *image = turned;
    }
    return SE_OK;
}

void img_to_grey_rows(const struct image *src, struct image *out, int first, int end)
{
    for (int y = first; y < end; y++) {
        const uint8_t *restrict from = image_row(src, y);
        uint8_t *restrict to = image_row(out, y);
        if (src->channels == 1) {
            memcpy(to, from, (size_t)src->width);
            continue;
        }
        /* 0.299 R + 0.587 G + 0.114 B, in 1/32768; the factors sum to one. */
        for (int x = 0; x < src->width; x++, from += 3)
            to[x] =
                (uint8_t)((9798u * from[0] + 19235u * from[1] + 3735u * from[2] + 16384u) >> 15);
    }
}

int img_to_grey(const struct image *src, struct image *out, se_error *err)
{
    *out = (struct image){0};
    RETURN_ERROR_IF(!src->data, err, SE_ERR_ARGUMENT, "the grey of an empty image");
    FORWARD_IF_ERROR(image_create(out, src->width, src->height, 1, err));
    img_to_grey_rows(src, out, 0, src->height);
    return SE_OK;
}

void img_invert(struct image *image)
{
    for (int y = 0; y < image->height; y++) {
        uint8_t *row = image_row(image, y);
        for (size_t i = 0; i < (size_t)image->width * (size_t)image->channels; i++)
            row[i] = (uint8_t)~row[i];
    }
}
