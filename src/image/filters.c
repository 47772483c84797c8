/*
 * Contrast and sharpness, in place.
 *
 * CLAHE: the picture is cut into tiles × tiles rectangles; each has a curve that would equalise its
 * own histogram, bins above a limit cut off and shared out among all. A pixel is mapped by the
 * curves of the four tiles round it, weighted by how near their centres are:
 *
 *        A ──────┬──── B        A, B, C, D: centres of tiles
 *        ├───────p─────┤        p: mean of what their four curves make of its value
 *        C ──────┴──── D
 */
#include "image/ops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CLAHE_MAX_TILES = 64, CLAHE_ONE = 256, SHARPEN_MAX_RADIUS = 64 };

typedef uint8_t clahe_curve[256];

/* First pixel of tile `i`, or what lies behind the last tile. */
static int clahe_border(int size, int tiles, int i)
{
    return (int)((int64_t)size * i / tiles);
}

/* Cuts bins at `limit` and spreads what was cut off evenly. */
static void clahe_clip(uint32_t histogram[256], uint32_t limit)
{
    uint64_t excess = 0;
    for (int v = 0; v < 256; v++) {
        if (histogram[v] > limit) {
            excess += histogram[v] - limit;
            histogram[v] = limit;
        }
    }
    for (uint32_t v = 0; v < 256; v++)
        histogram[v] += (uint32_t)(excess * (v + 1) / 256 - excess * v / 256);
}

static void clahe_make_curve(const struct image *grey, struct rect tile, float clip,
                             clahe_curve curve)
{
    uint32_t histogram[256] = {0};
    for (int y = tile.y; y < tile.y + tile.height; y++) {
        const uint8_t *row = image_row(grey, y) + tile.x;
        for (int x = 0; x < tile.width; x++)
            histogram[row[x]]++;
    }
    const double pixels = (double)tile.width * tile.height;
    const double limit = (double)clip * pixels / 256;
    clahe_clip(histogram, (uint32_t)(limit < 1 ? 1 : limit < pixels ? limit : pixels));
    uint64_t below = 0;
    for (int v = 0; v < 256; v++) {
        below += histogram[v];
        curve[v] = (uint8_t)(255 * (double)below / pixels + 0.5);
    }
}

/* The two tiles between whose centres a pixel lies, and how far on the way (of CLAHE_ONE). The same
 * tile twice beyond the outermost centres. */
struct clahe_place {
    int first, second, weight;
};

static struct clahe_place clahe_find(int at, int size, int tiles)
{
    const double place = (at + 0.5) * tiles / size - 0.5;
    if (place <= 0)
        return (struct clahe_place){0, 0, 0};
    const int first = (int)place;
    if (first + 1 >= tiles)
        return (struct clahe_place){tiles - 1, tiles - 1, 0};
    return (struct clahe_place){first, first + 1, (int)((place - first) * CLAHE_ONE + 0.5)};
}

static void clahe_map(struct image *grey, clahe_curve *curves, int across, int down,
                      const struct clahe_place *columns)
{
    for (int y = 0; y < grey->height; y++) {
        const struct clahe_place line = clahe_find(y, grey->height, down);
        clahe_curve *top = curves + line.first * across, *bottom = curves + line.second * across;
        uint8_t *row = image_row(grey, y);
        for (int x = 0; x < grey->width; x++) {
            const struct clahe_place c = columns[x];
            const uint8_t v = row[x];
            const int upper =
                top[c.first][v] * (CLAHE_ONE - c.weight) + top[c.second][v] * c.weight;
            const int lower =
                bottom[c.first][v] * (CLAHE_ONE - c.weight) + bottom[c.second][v] * c.weight;
            const int sum = upper * (CLAHE_ONE - line.weight) + lower * line.weight;
            row[x] = (uint8_t)((sum + CLAHE_ONE * CLAHE_ONE / 2) / (CLAHE_ONE * CLAHE_ONE));
        }
    }
}

int img_clahe(struct image *grey, int across, int down, float clip, se_error *err)
{
    RETURN_ERROR_IF(!grey->data || grey->channels != 1, err, SE_ERR_ARGUMENT,
                    "CLAHE works on grey images");
    RETURN_ERROR_IF(across < 1 || across > CLAHE_MAX_TILES || down < 1 || down > CLAHE_MAX_TILES ||
                        !(clip > 0),
                    err, SE_ERR_ARGUMENT,
                    "CLAHE with %d x %d tiles and a limit of %g; 1 to %d tiles and a limit above 0 "
                    "are possible",
                    across, down, (double)clip, CLAHE_MAX_TILES);
    /* A tile has at least one pixel. */
    across = across < grey->width ? across : grey->width;
    down = down < grey->height ? down : grey->height;
    const size_t curves_size = (size_t)(across * down) * sizeof(clahe_curve);
    const size_t size = curves_size + (size_t)grey->width * sizeof(struct clahe_place);
    char *memory = malloc(size);
    if (!memory)
        return se_fail_memory(err, "the curves of CLAHE", size);
    clahe_curve *curves = (clahe_curve *)(void *)memory;
    struct clahe_place *columns = (struct clahe_place *)(void *)(memory + curves_size);
    for (int i = 0; i < across * down; i++) {
        const int x = clahe_border(grey->width, across, i % across);
        const int y = clahe_border(grey->height, down, i / across);
        const struct rect tile = {x, y, clahe_border(grey->width, across, i % across + 1) - x,
                                  clahe_border(grey->height, down, i / across + 1) - y};
        clahe_make_curve(grey, tile, clip, curves[i]);
    }
    for (int x = 0; x < grey->width; x++)
        columns[x] = clahe_find(x, grey->width, across);
    clahe_map(grey, curves, across, down, columns);
    free(memory);
    return SE_OK;
}

/* ---- spreading of values -------------------------------------------------------------------- */

void img_spread(struct image *grey, double part)
{
    uint32_t histogram[256] = {0};
    for (int y = 0; y < grey->height; y++)
        for (int x = 0; x < grey->width; x++)
            histogram[image_row(grey, y)[x]]++;
    const double cut = part * grey->width * grey->height;
    int low = 0, high = 255;
    for (double below = histogram[0]; below <= cut && low < 255; below += histogram[low])
        low++;
    for (double above = histogram[255]; above <= cut && high > 0; above += histogram[high])
        high--;
    if (low >= high)
        return;
    uint8_t map[256];
    for (int v = 0; v < 256; v++)
        map[v] = (uint8_t)(v <= low    ? 0
                           : v >= high ? 255
                                       : (255 * (v - low) + (high - low) / 2) / (high - low));
    for (int y = 0; y < grey->height; y++)
        for (int x = 0; x < grey->width; x++)
            image_row(grey, y)[x] = map[image_row(grey, y)[x]];
}

/* ---- unsharp mask --------------------------------------------------------------------------- */

/*
 *   row y + radius ── horizontal ──> ring of 2 × radius + 1 blurred rows ── vertical ──> row y
 *
 * Rows are overwritten from the top; the ring holds all that is still needed of the rows above.
 */
struct sharpen {
    struct image *image;
    float kernel[2 * SHARPEN_MAX_RADIUS + 1];
    int radius;
    size_t count;  /* samples a row */
    float *padded; /* one row with its border pixels repeated */
    float *ring;   /* [2 × radius + 1][count]; row y is at y mod (2 × radius + 1) */
    float *sum;    /* [count] */
};

static float *sharpen_ring_row(const struct sharpen *sharpen, int y)
{
    const int last = sharpen->image->height - 1, rows = 2 * sharpen->radius + 1;
    const int row = y < 0 ? 0 : y > last ? last : y;
    return sharpen->ring + (size_t)(row % rows) * sharpen->count;
}

static void sharpen_add(float *restrict sum, const float *restrict row, float weight, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += weight * row[i];
}

static void sharpen_blur_row(struct sharpen *sharpen, int y)
{
    const uint8_t *row = image_row(sharpen->image, y);
    const size_t channels = (size_t)sharpen->image->channels;
    const size_t margin = (size_t)sharpen->radius * channels;
    for (size_t i = 0; i < sharpen->count; i++)
        sharpen->padded[margin + i] = (float)row[i];
    for (size_t i = 0; i < margin; i++) {
        sharpen->padded[i] = (float)row[i % channels];
        sharpen->padded[margin + sharpen->count + i] =
            (float)row[sharpen->count - channels + i % channels];
    }
    float *out = sharpen_ring_row(sharpen, y);
    memset(out, 0, sharpen->count * sizeof(*out));
    for (int k = 0; k <= 2 * sharpen->radius; k++)
        sharpen_add(out, sharpen->padded + (size_t)k * channels, sharpen->kernel[k],
                    sharpen->count);
}

static void sharpen_run(struct sharpen *sharpen, float amount)
{
    const struct image *image = sharpen->image;
    for (int y = 0; y < sharpen->radius && y < image->height; y++)
        sharpen_blur_row(sharpen, y);
    for (int y = 0; y < image->height; y++) {
        if (y + sharpen->radius < image->height)
            sharpen_blur_row(sharpen, y + sharpen->radius);
        memset(sharpen->sum, 0, sharpen->count * sizeof(*sharpen->sum));
        for (int k = -sharpen->radius; k <= sharpen->radius; k++)
            sharpen_add(sharpen->sum, sharpen_ring_row(sharpen, y + k),
                        sharpen->kernel[k + sharpen->radius], sharpen->count);
        uint8_t *restrict row = image_row(image, y);
        const float *restrict sum = sharpen->sum;
        for (size_t i = 0; i < sharpen->count; i++) {
            float v = (float)row[i] + amount * ((float)row[i] - sum[i]);
            v = v > 0.0f ? v : 0.0f;
            v = v < 255.0f ? v : 255.0f;
            row[i] = (uint8_t)(int)(v + 0.5f);
        }
    }
}

int img_sharpen(struct image *image, float sigma, float amount, se_error *err)
{
    const float widest = SHARPEN_MAX_RADIUS / 3.0f;
    RETURN_ERROR_IF(!image->data, err, SE_ERR_ARGUMENT, "sharpening of an empty image");
    RETURN_ERROR_IF(!(sigma > 0) || sigma > widest || !isfinite(amount), err, SE_ERR_ARGUMENT,
                    "sharpening with a sigma of %g and an amount of %g; a sigma of up to %g and a "
                    "finite amount are possible",
                    (double)sigma, (double)amount, (double)widest);
    struct sharpen sharpen = {.image = image};
    sharpen.radius = (int)ceilf(3.0f * sigma);
    sharpen.count = (size_t)image->width * (size_t)image->channels;
    double total = 0;
    for (int k = -sharpen.radius; k <= sharpen.radius; k++)
        total += exp(-0.5 * k * k / ((double)sigma * (double)sigma));
    for (int k = -sharpen.radius; k <= sharpen.radius; k++)
        sharpen.kernel[k + sharpen.radius] =
            (float)(exp(-0.5 * k * k / ((double)sigma * (double)sigma)) / total);
    const size_t rows = 2 * (size_t)sharpen.radius + 1;
    const size_t padded = sharpen.count + 2 * (size_t)(sharpen.radius * image->channels);
    const size_t size = (rows * sharpen.count + padded + sharpen.count) * sizeof(float);
    sharpen.ring = malloc(size);
    if (!sharpen.ring)
        return se_fail_memory(err, "the rows of a blur", size);
    sharpen.sum = sharpen.ring + rows * sharpen.count;
    sharpen.padded = sharpen.sum + sharpen.count;
    sharpen_run(&sharpen, amount);
    free(sharpen.ring);
    return SE_OK;
}
