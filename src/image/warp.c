/*
 * Perspective crops and small rotations: every pixel of the result asks where it lies in the source
 * and takes the bilinear mean of the four pixels round that place.
 *
 * Along one row of samples each mapping is a quotient of two linear functions,
 * ((x + i dx) / (w + i dw), (y + i dy) / (w + i dw)), so a row is set up once and walked.
 */
#include "image/ops.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum {
    WARP_MAX_SAMPLES = 16, /* a side, for each pixel of the result */
    WARP_ONE = 256,        /* steps of a position within a pixel */
    WARP_BLOCK = 256
};

/* Of a map, either m[3] = m[7] = 0 (perspective) or g = h = 0 (bilinear). */

/* Where the samples of one row lie, in 1/256 pixels from the centre of the source's first pixel. */
struct warp_row {
    double x, dx, y, dy, w, dw;
};

/* Samples that are worked on at a time. */
struct warp_block {
    uint32_t x[WARP_BLOCK], y[WARP_BLOCK];
};

/*
 * Perspective after Heckbert 1989, "Fundamentals of Texture Mapping and Image Warping", 2.2.3. A
 * quad that is not convex has no perspective map that stays on one side of the horizon; it is
 * filled bilinearly between its corners.
 */
static struct img_warp_plan warp_map_quad(const struct quad *quad)
{
    const double x0 = (double)quad->p[0].x, y0 = (double)quad->p[0].y;
    const double x1 = (double)quad->p[1].x, y1 = (double)quad->p[1].y;
    const double x2 = (double)quad->p[2].x, y2 = (double)quad->p[2].y;
    const double x3 = (double)quad->p[3].x, y3 = (double)quad->p[3].y;
    const double dx1 = x1 - x2, dx2 = x3 - x2, sx = x0 - x1 + x2 - x3;
    const double dy1 = y1 - y2, dy2 = y3 - y2, sy = y0 - y1 + y2 - y3;
    const double det = dx1 * dy2 - dx2 * dy1;
    const double g = (sx * dy2 - dx2 * sy) / det;
    const double h = (dx1 * sy - sx * dy1) / det;
    const double horizon = 1e-3;
    if (1 + g > horizon && 1 + h > horizon && 1 + g + h > horizon && isfinite(g) && isfinite(h))
        return (struct img_warp_plan){.m = {x1 - x0 + g * x1, x3 - x0 + h * x3, x0, 0.0,
                                            y1 - y0 + g * y1, y3 - y0 + h * y3, y0, 0.0},
                                      .g = g,
                                      .h = h};
    return (struct img_warp_plan){.m = {x1 - x0, x3 - x0, x0, sx, y1 - y0, y3 - y0, y0, sy}};
}

/* The row of samples at s = first, first + step, … for one t. */
static struct warp_row warp_map_row(const struct img_warp_plan *map, double t, double first,
                                    double step)
{
    const double *m = map->m;
    const double dw = map->g, w = map->h * t + 1.0;
    const double dx = m[0] + m[3] * t - 0.5 * dw, x = m[1] * t + m[2] - 0.5 * w;
    const double dy = m[4] + m[7] * t - 0.5 * dw, y = m[5] * t + m[6] - 0.5 * w;
    return (struct warp_row){
        WARP_ONE * (x + first * dx), WARP_ONE * step * dx, WARP_ONE * (y + first * dy),
        WARP_ONE * step * dy,        w + first * dw,       step * dw};
}

/* Rounds to 0 … max; what is not a number becomes 0. */
static inline uint32_t warp_clamp(float v, float max)
{
    v = v > 0.0f ? v : 0.0f;
    v = v < max ? v : max;
    return (uint32_t)(int32_t)(v + 0.5f);
}

/* Finds samples `from` … `from` + count of a row, held inside `src`. Single precision: positions
 * need 16 + 8 bits. */
static inline __attribute__((always_inline)) void warp_locate(const struct image *src,
                                                              const struct warp_row *row, int from,
                                                              int count, bool perspective,
                                                              struct warp_block *block)
{
    const float max_x = (float)((src->width - 1) * WARP_ONE);
    const float max_y = (float)((src->height - 1) * WARP_ONE);
    const float x = (float)(row->x + from * row->dx), dx = (float)row->dx;
    const float y = (float)(row->y + from * row->dy), dy = (float)row->dy;
    const float w = (float)(row->w + from * row->dw), dw = (float)row->dw;
    for (int i = 0; i < count; i++) {
        const float at = (float)i;
        const float scale = perspective ? 1.0f / (w + at * dw) : 1.0f;
        block->x[i] = warp_clamp((x + at * dx) * scale, max_x);
        block->y[i] = warp_clamp((y + at * dy) * scale, max_y);
    }
}

/* Adds WARP_ONE × the bilinear value at (x, y) to sum[channels]. */
static inline __attribute__((always_inline)) void
warp_sample(const struct image *src, uint32_t x, uint32_t y, int channels, uint32_t *sum)
{
    const uint32_t fx = x % WARP_ONE, fy = y % WARP_ONE;
    /* A weight of zero is not read: at the last column and row there is no neighbour. */
    const size_t right = fx ? (size_t)channels : 0, below = fy ? src->stride : 0;
    const uint8_t *top =
        src->data + (y / WARP_ONE) * src->stride + (size_t)(x / WARP_ONE) * (size_t)channels;
    const uint8_t *bottom = top + below;
    const uint32_t w11 = fx * fy, w10 = fy * WARP_ONE - w11;
    const uint32_t w01 = fx * WARP_ONE - w11, w00 = WARP_ONE * WARP_ONE - w01 - w10 - w11;
#define WARP_CHANNEL(c)                                                                            \
    sum[c] += (top[c] * w00 + top[right + c] * w01 + bottom[c] * w10 + bottom[right + c] * w11) /  \
              WARP_ONE
    WARP_CHANNEL(0);
    if (channels == 3) {
        WARP_CHANNEL(1);
        WARP_CHANNEL(2);
    }
#undef WARP_CHANNEL
}

/* One row of the result: each pixel is the mean of across × down samples. */
static inline __attribute__((always_inline)) void
warp_fill_row(const struct image *src, const struct warp_row *rows, int across, int down,
              uint8_t *out, int width, int channels, bool perspective)
{
    const int pixels = WARP_BLOCK / across;
    const float unit = 1.0f / (float)(across * down * WARP_ONE);
    struct warp_block block;
    for (int x = 0; x < width; x += pixels) {
        const int n = width - x < pixels ? width - x : pixels;
        /* 256 samples of 255 × 256 take 24 bits: exact as floats below. */
        uint32_t sum[3 * WARP_BLOCK] = {0};
        for (int j = 0; j < down; j++) {
            warp_locate(src, &rows[j], x * across, n * across, perspective, &block);
            for (int i = 0; i < n; i++)
                for (int k = 0; k < across; k++)
                    warp_sample(src, block.x[i * across + k], block.y[i * across + k], channels,
                                sum + i * channels);
        }
        for (int i = 0; i < n * channels; i++)
            *out++ = (uint8_t)(int)((float)(int)sum[i] * unit + 0.5f);
    }
}

/* Samples for each pixel of the result along one side, at most 1.6 source pixels apart: then the
 * bilinear means overlap enough that no thin stroke falls between them. */
static int warp_samples(struct point a, struct point b, struct point c, struct point d, int pixels)
{
    const double one = hypot((double)b.x - (double)a.x, (double)b.y - (double)a.y);
    const double other = hypot((double)d.x - (double)c.x, (double)d.y - (double)c.y);
    const double samples = ceil((one > other ? one : other) / pixels / 1.6);
    return samples < 1 ? 1 : samples < WARP_MAX_SAMPLES ? (int)samples : WARP_MAX_SAMPLES;
}

int img_warp_plan(const struct quad *quad, int width, int height, struct img_warp_plan *out,
                  se_error *err)
{
    for (int i = 0; i < 4; i++)
        RETURN_ERROR_IF(!isfinite(quad->p[i].x) || !isfinite(quad->p[i].y), err, SE_ERR_ARGUMENT,
                        "corner %d of a crop is not finite", i);
    const struct point *p = quad->p;
    *out = warp_map_quad(quad);
    out->across = warp_samples(p[0], p[1], p[3], p[2], width);
    out->down = warp_samples(p[0], p[3], p[1], p[2], height);
    return SE_OK;
}

int img_warp_quad(const struct image *src, const struct quad *quad, struct image *dst,
                  se_error *err)
{
    RETURN_ERROR_IF(!src->data || !dst->data, err, SE_ERR_ARGUMENT,
                    "a crop of or into an empty image");
    RETURN_ERROR_IF(src->channels != dst->channels, err, SE_ERR_ARGUMENT,
                    "a crop of %d channels into %d", src->channels, dst->channels);
    struct img_warp_plan map;
    FORWARD_IF_ERROR(img_warp_plan(quad, dst->width, dst->height, &map, err));
    const int across = map.across, down = map.down;
    const bool perspective = map.g != 0.0;
    const double step = 1.0 / ((double)dst->width * across);
    for (int y = 0; y < dst->height; y++) {
        struct warp_row rows[WARP_MAX_SAMPLES];
        for (int j = 0; j < down; j++) {
            const double t = (y + (j + 0.5) / down) / dst->height;
            rows[j] = warp_map_row(&map, t, 0.5 * step, step);
            if (!perspective) {
                rows[j].x /= rows[j].w;
                rows[j].dx /= rows[j].w;
                rows[j].y /= rows[j].w;
                rows[j].dy /= rows[j].w;
            }
        }
        uint8_t *out = image_row(dst, y);
        if (src->channels == 3 && perspective)
            warp_fill_row(src, rows, across, down, out, dst->width, 3, true);
        else if (src->channels == 3)
            warp_fill_row(src, rows, across, down, out, dst->width, 3, false);
        else
            warp_fill_row(src, rows, across, down, out, dst->width, 1, perspective);
    }
    return SE_OK;
}

static void warp_count_border(const struct image *image, int channel, uint32_t count[256])
{
    const size_t step = (size_t)image->channels;
    const uint8_t *top = image_row(image, 0) + channel;
    const uint8_t *bottom = image_row(image, image->height - 1) + channel;
    for (size_t x = 0; x < (size_t)image->width; x++) {
        count[top[x * step]]++;
        count[bottom[x * step]]++;
    }
    const size_t last = (size_t)(image->width - 1) * step + (size_t)channel;
    for (int y = 1; y < image->height - 1; y++) {
        count[image_row(image, y)[channel]]++;
        count[image_row(image, y)[last]]++;
    }
}

static uint8_t warp_border_median(const struct image *image, int channel)
{
    uint32_t count[256] = {0}, total = 0, below = 0;
    warp_count_border(image, channel, count);
    for (int v = 0; v < 256; v++)
        total += count[v];
    int median = 0;
    while ((below += count[median]) * 2 < total)
        median++;
    return (uint8_t)median;
}

int img_rotate(const struct image *src, float degrees, struct image *out, float inverse[6],
               se_error *err)
{
    *out = (struct image){0};
    RETURN_ERROR_IF(!src->data, err, SE_ERR_ARGUMENT, "a rotation of an empty image");
    RETURN_ERROR_IF(!isfinite(degrees), err, SE_ERR_ARGUMENT, "the angle is not finite");
    const double radians = fmod((double)degrees, 360.0) * (3.14159265358979323846 / 180.0);
    const double c = cos(radians), s = sin(radians);
    /* The slack keeps rounding from adding an empty row to a turn by 0 or 90 degrees. */
    const double width = ceil(fabs(c) * src->width + fabs(s) * src->height - 1e-6);
    const double height = ceil(fabs(s) * src->width + fabs(c) * src->height - 1e-6);
    FORWARD_IF_ERROR(image_create(out, (int)width, (int)height, src->channels, err));
    const double x0 = src->width / 2.0 - c * width / 2.0 - s * height / 2.0;
    const double y0 = src->height / 2.0 + s * width / 2.0 - c * height / 2.0;
    const double map[6] = {c, s, x0, -s, c, y0};
    for (int i = 0; i < 6; i++)
        inverse[i] = (float)map[i];
    uint8_t fill[3];
    for (int i = 0; i < src->channels; i++)
        fill[i] = warp_border_median(src, i);
    const float max_x = (float)((src->width - 1) * WARP_ONE);
    const float max_y = (float)((src->height - 1) * WARP_ONE);
    for (int y = 0; y < out->height; y++) {
        uint8_t *to = image_row(out, y);
        for (int x = 0; x < out->width; x++, to += src->channels) {
            const double u = c * (x + 0.5) + s * (y + 0.5) + x0;
            const double v = c * (y + 0.5) - s * (x + 0.5) + y0;
            if (u < 0 || v < 0 || u > src->width || v > src->height) {
                memcpy(to, fill, (size_t)src->channels);
                continue;
            }
            uint32_t sum[3] = {WARP_ONE / 2, WARP_ONE / 2, WARP_ONE / 2};
            warp_sample(src, warp_clamp((float)(WARP_ONE * (u - 0.5)), max_x),
                        warp_clamp((float)(WARP_ONE * (v - 0.5)), max_y), src->channels, sum);
            for (int i = 0; i < src->channels; i++)
                to[i] = (uint8_t)(sum[i] / WARP_ONE);
        }
    }
    return SE_OK;
}
