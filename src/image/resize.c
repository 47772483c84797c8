/*
 * Resizing, in two passes for each row of the result:
 *
 *   rows of src ── weighted sum ──> tall: one row of src_w pixels ── weighted sums ──> line: dst_w
 *     (bytes)      (vertical)              (float)                    (horizontal)       pixels
 *
 * Vertical first, because whole rows of bytes are summed with one weight each, eight pixels' bytes
 * at a time, and only as many rows as the result has go through the dearer horizontal pass. Nothing
 * but these two rows and the tables of weights is kept.
 *
 * The weights of one result pixel along one axis, exact in integers before they become floats:
 *   bilinear, src <= 2 × dst: position (i + 1/2) × src / dst - 1/2 between two pixel centres,
 *             held at the outermost centres;
 *   area, beyond: the share of every source pixel in [i × src / dst, (i + 1) × src / dst).
 */
#include "image/ops.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Weighted source pixels of each result pixel along one axis. */
struct resize_axis {
    int *start;     /* [dst] first source pixel */
    size_t *offset; /* [dst + 1] its first weight; they end where the next pixel's begin */
    float *weight;
};

struct resizer {
    const struct image *src;
    int dst_w;
    struct resize_axis x, y;
    float *tall; /* [src_w × channels + 1], scaled by 256 */
    float *line; /* [dst_w × channels + 1] */
    void *memory;
};

/* Four lanes hold one RGB pixel and the first channel of the next. */
typedef float f32x4 __attribute__((vector_size(16)));

enum {
    RESIZE_BLOCK = 1024,   /* bytes of a row that are summed before the next ones: stays in L1 */
    RESIZE_FIXED_TAPS = 16 /* up to as many rows are summed in 8.8 fixed point */
};

static size_t resize_axis_taps(int src, int dst)
{
    return src <= 2 * (int64_t)dst ? 2 * (size_t)dst : (size_t)src + 2 * (size_t)dst;
}

static void resize_axis_bilinear(struct resize_axis *axis, int src, int dst)
{
    const int64_t unit = 2 * (int64_t)dst;
    size_t used = 0;
    for (int i = 0; i < dst; i++) {
        int64_t position = (2 * (int64_t)i + 1) * src - dst;
        if (position < 0)
            position = 0;
        int64_t start = position / unit;
        int64_t part = position % unit;
        if (start >= src - 1) {
            start = src > 1 ? src - 2 : 0;
            part = src > 1 ? unit : 0;
        }
        axis->start[i] = (int)start;
        axis->offset[i] = used;
        axis->weight[used++] = (float)(1.0 - (double)part / (double)unit);
        if (src > 1)
            axis->weight[used++] = (float)((double)part / (double)unit);
    }
    axis->offset[dst] = used;
}

static void resize_axis_area(struct resize_axis *axis, int src, int dst)
{
    size_t used = 0;
    for (int i = 0; i < dst; i++) {
        /* In units of 1/dst source pixels. */
        const int64_t begin = (int64_t)i * src, end = begin + src;
        axis->start[i] = (int)(begin / dst);
        axis->offset[i] = used;
        for (int64_t pixel = begin / dst; pixel * dst < end; pixel++) {
            const int64_t from = pixel * dst > begin ? pixel * dst : begin;
            const int64_t to = (pixel + 1) * dst < end ? (pixel + 1) * dst : end;
            axis->weight[used++] = (float)((double)(to - from) / src);
        }
    }
    axis->offset[dst] = used;
}

static void resize_axis_fill(struct resize_axis *axis, int src, int dst)
{
    if (src <= 2 * (int64_t)dst)
        resize_axis_bilinear(axis, src, dst);
    else
        resize_axis_area(axis, src, dst);
}

/* Prepares a resize of `src` to dst_w × dst_h whose results are `scale` × grey levels; resizer_free
 * in the end. */
static int resizer_init(struct resizer *resizer, const struct image *src, int dst_w, int dst_h,
                        float scale, se_error *err)
{
    const size_t channels = (size_t)src->channels;
    const size_t columns = (size_t)dst_w, rows = (size_t)dst_h;
    const size_t offsets = columns + rows + 2;
    const size_t weights =
        resize_axis_taps(src->width, dst_w) + resize_axis_taps(src->height, dst_h);
    const size_t floats = ((size_t)src->width + columns) * channels + 2 + weights;
    const size_t size =
        offsets * sizeof(size_t) + floats * sizeof(float) + (columns + rows) * sizeof(int);
    *resizer = (struct resizer){.src = src, .dst_w = dst_w, .memory = calloc(1, size)};
    if (!resizer->memory)
        return se_fail_memory(err, "the rows of a resize", size);
    resizer->x.offset = resizer->memory;
    resizer->y.offset = resizer->x.offset + columns + 1;
    resizer->tall = (float *)(resizer->y.offset + rows + 1);
    resizer->line = resizer->tall + (size_t)src->width * channels + 1;
    resizer->x.weight = resizer->line + columns * channels + 1;
    resizer->y.weight = resizer->x.weight + resize_axis_taps(src->width, dst_w);
    resizer->x.start = (int *)(resizer->y.weight + resize_axis_taps(src->height, dst_h));
    resizer->y.start = resizer->x.start + columns;
    resize_axis_fill(&resizer->x, src->width, dst_w);
    resize_axis_fill(&resizer->y, src->height, dst_h);
    for (size_t i = 0; i < resizer->x.offset[columns]; i++)
        resizer->x.weight[i] *= scale / 256.0f;
    return SE_OK;
}

static void resizer_free(struct resizer *resizer)
{
    free(resizer->memory);
}

/* v × weight in 8.8 fixed point, weight in 0 … 65535 of 65536: one 16-bit multiplication that keeps
 * the upper half, which vector units have. */
static inline uint16_t resize_scale(uint8_t v, uint16_t weight)
{
    return (uint16_t)((uint32_t)(uint16_t)(v << 8) * weight >> 16);
}

static void resize_tall_copy(float *restrict out, const uint8_t *restrict row, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (float)(row[i] << 8);
}

static void resize_tall_two(float *restrict out, const uint8_t *restrict row0,
                            const uint8_t *restrict row1, uint16_t weight0, uint16_t weight1,
                            size_t count)
{
    /* The 1 is the mean of what two truncations drop. */
    for (size_t i = 0; i < count; i++)
        out[i] = (uint16_t)(resize_scale(row0[i], weight0) + resize_scale(row1[i], weight1) + 1);
}

/* Adds `taps` rows, 1 to 4 of them. */
static inline __attribute__((always_inline)) void
resize_add_rows(uint16_t *restrict sum, const uint8_t *restrict row, size_t stride,
                const uint16_t *weight, size_t taps, size_t count)
{
    const uint16_t w0 = weight[0], w1 = taps > 1 ? weight[1] : 0;
    const uint16_t w2 = taps > 2 ? weight[2] : 0, w3 = taps > 3 ? weight[3] : 0;
    for (size_t i = 0; i < count; i++) {
        unsigned v = sum[i] + resize_scale(row[i], w0);
        if (taps > 1)
            v += resize_scale(row[i + stride], w1);
        if (taps > 2)
            v += resize_scale(row[i + 2 * stride], w2);
        if (taps > 3)
            v += resize_scale(row[i + 3 * stride], w3);
        sum[i] = (uint16_t)v;
    }
}

static void resize_tall_fixed(float *restrict out, const uint8_t *restrict rows, size_t stride,
                              const uint16_t *weight, size_t taps, size_t count)
{
    uint16_t sum[RESIZE_BLOCK];
    for (size_t done = 0; done < count; done += RESIZE_BLOCK) {
        const size_t n = count - done < RESIZE_BLOCK ? count - done : RESIZE_BLOCK;
        /* At most 65280 + taps / 2: the weights sum to one, so this stays in 16 bits. */
        for (size_t i = 0; i < n; i++)
            sum[i] = (uint16_t)(taps / 2);
        size_t tap = 0;
        for (; tap + 4 <= taps; tap += 4)
            resize_add_rows(sum, rows + tap * stride + done, stride, weight + tap, 4, n);
        const uint8_t *rest = rows + tap * stride + done;
        if (taps - tap == 3)
            resize_add_rows(sum, rest, stride, weight + tap, 3, n);
        else if (taps - tap == 2)
            resize_add_rows(sum, rest, stride, weight + tap, 2, n);
        else if (taps - tap == 1)
            resize_add_rows(sum, rest, stride, weight + tap, 1, n);
        for (size_t i = 0; i < n; i++)
            out[done + i] = (float)sum[i];
    }
}

/* For reductions so strong that 16-bit weights would be coarse. */
static void resize_tall_float(float *restrict out, const uint8_t *restrict rows, size_t stride,
                              const float *weight, size_t taps, size_t count)
{
    memset(out, 0, count * sizeof(*out));
    for (size_t tap = 0; tap < taps; tap++) {
        const uint8_t *restrict row = rows + tap * stride;
        const float w = weight[tap] * 256.0f;
        for (size_t i = 0; i < count; i++)
            out[i] += w * (float)row[i];
    }
}

/* The vertical pass for row `y` of the result. */
static void resize_tall(const struct resizer *resizer, int y)
{
    const struct image *src = resizer->src;
    const size_t count = (size_t)src->width * (size_t)src->channels;
    const size_t first = resizer->y.offset[y];
    const size_t taps = resizer->y.offset[y + 1] - first;
    const float *weight = resizer->y.weight + first;
    const uint8_t *rows = image_row(src, resizer->y.start[y]);
    if (taps > RESIZE_FIXED_TAPS) {
        resize_tall_float(resizer->tall, rows, src->stride, weight, taps, count);
        return;
    }
    /* Rounding the running sum, not each weight, keeps the total at exactly 65536. */
    uint16_t fixed[RESIZE_FIXED_TAPS] = {0};
    double sum = 0.0;
    uint32_t before = 0;
    for (size_t tap = 0; tap < taps; tap++) {
        sum += (double)weight[tap];
        const uint32_t now = tap + 1 == taps ? 65536 : (uint32_t)(sum * 65536.0 + 0.5);
        if (now - before == 65536) {
            resize_tall_copy(resizer->tall, rows + tap * src->stride, count);
            return;
        }
        fixed[tap] = (uint16_t)(now - before);
        before = now;
    }
    if (taps == 2)
        resize_tall_two(resizer->tall, rows, rows + src->stride, fixed[0], fixed[1], count);
    else
        resize_tall_fixed(resizer->tall, rows, src->stride, fixed, taps, count);
}

static inline f32x4 resize_load(const float *from)
{
    f32x4 v;
    memcpy(&v, from, sizeof(v));
    return v;
}

/* The horizontal pass, plus `bias`. `reverse`: BGR for RGB; `two`: two weights for every pixel. */
static inline __attribute__((always_inline)) void
resize_line_rgb(const struct resizer *resizer, float bias, bool reverse, bool two)
{
    const f32x4 biases = {bias, bias, bias, bias};
    const float *restrict tall = resizer->tall;
    const float *restrict weights = resizer->x.weight;
    const int *restrict start = resizer->x.start;
    const size_t *restrict offset = resizer->x.offset;
    float *restrict out = resizer->line;
    for (size_t x = 0; x < (size_t)resizer->dst_w; x++) {
        const float *in = tall + 3 * (size_t)start[x];
        f32x4 sum = biases;
        if (two) {
            sum += resize_load(in) * weights[2 * x];
            sum += resize_load(in + 3) * weights[2 * x + 1];
        } else {
            for (size_t i = offset[x]; i < offset[x + 1]; i++, in += 3)
                sum += resize_load(in) * weights[i];
        }
        if (reverse)
            sum = __builtin_shufflevector(sum, sum, 2, 1, 0, 3);
        /* The fourth lane is overwritten by the next pixel, or falls into the row's spare float. */
        memcpy(out + 3 * x, &sum, sizeof(sum));
    }
}

static void resize_line_grey(const struct resizer *resizer, float bias)
{
    const struct resize_axis *axis = &resizer->x;
    for (int x = 0; x < resizer->dst_w; x++) {
        const float *in = resizer->tall + axis->start[x];
        float sum = bias;
        for (size_t i = axis->offset[x]; i < axis->offset[x + 1]; i++)
            sum += *in++ * axis->weight[i];
        resizer->line[x] = sum;
    }
}

/* Both passes for row `y`: leaves scale × grey level + bias in resizer->line. */
static void resize_row(const struct resizer *resizer, int y, float bias, bool reverse)
{
    resize_tall(resizer, y);
    const int src_w = resizer->src->width;
    const bool two = src_w > 1 && src_w <= 2 * (int64_t)resizer->dst_w;
    if (resizer->src->channels == 1)
        resize_line_grey(resizer, bias);
    else if (two && reverse)
        resize_line_rgb(resizer, bias, true, true);
    else if (two)
        resize_line_rgb(resizer, bias, false, true);
    else if (reverse)
        resize_line_rgb(resizer, bias, true, false);
    else
        resize_line_rgb(resizer, bias, false, false);
}

static bool resize_is_image(const struct image *image)
{
    return image->data && image->width > 0 && image->height > 0 &&
           (image->channels == 1 || image->channels == 3);
}

int img_resize(const struct image *src, struct image *dst, se_error *err)
{
    RETURN_ERROR_IF(!resize_is_image(src) || !resize_is_image(dst), err, SE_ERR_ARGUMENT,
                    "resize of or into an empty image");
    RETURN_ERROR_IF(src->channels != dst->channels, err, SE_ERR_ARGUMENT,
                    "resize of %d channels into %d", src->channels, dst->channels);
    if (src->width == dst->width && src->height == dst->height) {
        for (int y = 0; y < dst->height; y++)
            memcpy(image_row(dst, y), image_row(src, y),
                   (size_t)dst->width * (size_t)dst->channels);
        return SE_OK;
    }
    struct resizer resizer;
    FORWARD_IF_ERROR(resizer_init(&resizer, src, dst->width, dst->height, 1.0f, err));
    const size_t count = (size_t)dst->width * (size_t)dst->channels;
    for (int y = 0; y < dst->height; y++) {
        resize_row(&resizer, y, 0.5f, false);
        uint8_t *restrict out = image_row(dst, y);
        const float *restrict line = resizer.line;
        /* In 0.5 … 255.502: truncation rounds. */
        for (size_t i = 0; i < count; i++)
            out[i] = (uint8_t)(int)line[i];
    }
    resizer_free(&resizer);
    return SE_OK;
}

int img_to_tensor(const struct image *src, const struct tensor_part *part, float *out,
                  se_error *err)
{
    RETURN_ERROR_IF(!resize_is_image(src), err, SE_ERR_ARGUMENT, "a tensor of an empty image");
    RETURN_ERROR_IF(part->width < 1 || part->rows < 1 || part->first < 0 ||
                        part->first > part->height - part->rows,
                    err, SE_ERR_ARGUMENT, "rows %d to %d of a picture of %d x %d as a tensor",
                    part->first, part->first + part->rows, part->width, part->height);
    struct resizer resizer;
    FORWARD_IF_ERROR(resizer_init(&resizer, src, part->width, part->height, 1.0f / 127.5f, err));
    const float *restrict factor = part->factor, *restrict offset = part->offset;
    const size_t step = src->channels == 3 ? 3 : 1, pixels = (size_t)part->width;
    for (int y = 0; y < part->rows; y++) {
        float *restrict to = out + (size_t)y * pixels * 3;
        resize_row(&resizer, part->first + y, -1.0f, true);
        const float *restrict from = resizer.line;
        for (size_t x = 0; x < pixels; x++, from += step, to += 3)
            for (size_t c = 0; c < 3; c++)
                to[c] = from[step == 3 ? c : 0] * factor[c] + offset[c];
    }
    resizer_free(&resizer);
    return SE_OK;
}
