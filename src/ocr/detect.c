#include "ocr/detect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/stage.h"
#include "image/ops.h"
#include "ocr/detect_map.h"
#include "ocr/pixels.h"

#define COMMON_PARAMS                                                                              \
    .enlarge_to = 960, .max_upscale = 1.5F, .threshold = 0.3F, .box_threshold = 0.5F,              \
    .unclip_ratio = 1.6F, .max_boxes = 1000

const struct detect_params detect_defaults = {.max_side = 1280, COMMON_PARAMS};

enum {
    INPUT_STEP = 32,           /* the network halves its input five times */
    BAND_PIXELS = 1000 * 1000, /* of each band, where there are several */
    BAND_OVERLAP = 192,
    FILL_PIECES = 8 /* that an input is made in */
};

/* The network was trained on BGR with the channel statistics of ImageNet, given in RGB order. */
static const float INPUT_MEAN[3] = {0.485F, 0.456F, 0.406F};
static const float INPUT_DEVIATION[3] = {0.229F, 0.224F, 0.225F};

static int round_to_step(double side)
{
    const int steps = (int)lrint(side / INPUT_STEP);
    return (steps > 0 ? steps : 1) * INPUT_STEP;
}

void detect_input_size(const struct detect_params *params, int width, int height, int *input_w,
                       int *input_h, float *scale_x, float *scale_y)
{
    const double longer = width > height ? width : height;
    double scale = 1;
    if (longer > params->max_side)
        scale = params->max_side / longer;
    else if (longer < params->enlarge_to)
        scale = fmin(fmax(1, (double)params->max_upscale), params->enlarge_to / longer);
    scale = fmin(scale, params->max_side / longer);
    *input_w = round_to_step(width * scale);
    *input_h = round_to_step(height * scale);
    *scale_x = (float)*input_w / (float)width;
    *scale_y = (float)*input_h / (float)height;
}

/* ---- the network ---------------------------------------------------------------------------- */

/*
 * The network's tensors take 90 bytes a pixel. A large picture goes through it in bands, whose maps
 * are put together where they overlap:
 *
 *   ┌──────────┐
 *   │ band 0   │ rows 0 … rows
 *   ├ ─ ─ ─ ─ ─┤ ┐
 *   │ - - - - -│ ├ overlap; the map above this line is of band 0, below it of band 1
 *   ├ ─ ─ ─ ─ ─┤ ┘
 *   │ band 1   │
 *   └──────────┘
 */
struct bands {
    int width, height; /* of the whole map */
    int count, rows;   /* rows of each band */
};

static int band_first(const struct bands *bands, int i)
{
    return bands->count > 1 ? (bands->height - bands->rows) * i / (bands->count - 1) : 0;
}

/* The first row of the map that is taken from band i; for i = count, the end of the map. */
static int band_seam(const struct bands *bands, int i)
{
    if (i == 0 || i == bands->count)
        return i == 0 ? 0 : bands->height;
    return (band_first(bands, i) + band_first(bands, i - 1) + bands->rows) / 2;
}

static struct bands plan_bands(int width, int height)
{
    struct bands bands = {width, height, 1, height};
    while ((int64_t)width * bands.rows > (bands.count == 1 ? DETECT_WHOLE_PIXELS : BAND_PIXELS) &&
           bands.rows > 2 * BAND_OVERLAP) {
        bands.count++;
        const int rows = (height + (bands.count - 1) * BAND_OVERLAP) / bands.count;
        bands.rows = (rows + INPUT_STEP - 1) / INPUT_STEP * INPUT_STEP;
    }
    return bands;
}

/* The picture for the network of all bands, where it takes one. */
static struct nn_pixels picture_of(const struct nn_exec *exec, const struct image *image,
                                   const struct bands *bands)
{
    return ocr_pixels(exec, image, 0, image->height,
                      (int64_t)bands->count * bands->rows * bands->width * 3);
}

/* The input, made by all threads together: each piece some of its rows. */
struct filling {
    const struct image *image;
    struct tensor_part part;
    float *input;
    int status[FILL_PIECES];
    se_error err[FILL_PIECES];
};

static void fill_piece(void *context, size_t piece, int thread)
{
    (void)thread;
    struct filling *f = context;
    const int from = f->part.rows * (int)piece / FILL_PIECES;
    struct tensor_part part = f->part;
    part.first += from;
    part.rows = f->part.rows * ((int)piece + 1) / FILL_PIECES - from;
    float *to = f->input + (size_t)from * (size_t)part.width * 3;
    f->status[piece] = part.rows > 0 ? img_to_tensor(f->image, &part, to, &f->err[piece]) : SE_OK;
}

static int fill_input(const struct image *image, const struct tensor_part *part, struct pool *pool,
                      float *input, se_error *err)
{
    struct filling filling = {.image = image, .part = *part, .input = input};
    pool_run(pool, fill_piece, &filling, FILL_PIECES);
    for (int i = 0; i < FILL_PIECES; i++) {
        if (filling.status[i] != SE_OK) {
            if (err)
                *err = filling.err[i];
            return filling.status[i];
        }
    }
    return SE_OK;
}

static int run_input(struct nn_exec *exec, const struct image *image,
                     const struct tensor_part *part, const struct nn_pixels *pixels,
                     const struct budget *budget, struct pool *pool, se_error *err)
{
    struct nn_sample sample = {
        .to_width = part->width, .to_height = part->height, .first = part->first};
    int status;
    memcpy(sample.factor, part->factor, sizeof(sample.factor));
    memcpy(sample.offset, part->offset, sizeof(sample.offset));
    if (ocr_run_pixels(exec, pixels, &sample, budget, &status, err))
        return status;
    FORWARD_IF_ERROR(fill_input(image, part, pool, nn_exec_input(exec), err));
    return nn_exec_run(exec, budget, err);
}

static struct tensor_part part_of(const struct bands *bands, int band)
{
    struct tensor_part part = {bands->width, bands->height, band_first(bands, band),
                               bands->rows,  {0},           {0}};
    for (int c = 0; c < 3; c++) {
        /* (v / 255 - mean) / deviation */
        part.factor[c] = 0.5F / INPUT_DEVIATION[c];
        part.offset[c] = (0.5F - INPUT_MEAN[c]) / INPUT_DEVIATION[c];
    }
    return part;
}

static int run_band(struct nn_exec *exec, const struct image *image, const struct bands *bands,
                    const struct nn_pixels *pixels, int band, const struct budget *budget,
                    struct pool *pool, se_error *err)
{
    const struct tensor_part part = part_of(bands, band);
    FORWARD_IF_ERROR(run_input(exec, image, &part, pixels, budget, pool, err));
    struct nn_shape shape;
    nn_exec_output(exec, &shape);
    RETURN_ERROR_IF(shape.rank != 4 || shape.dims[0] != 1 || shape.dims[1] != bands->rows ||
                        shape.dims[2] != bands->width || shape.dims[3] != 1,
                    err, SE_ERR_MODEL,
                    "the detector's output is not a map of its input's size (%d x %d); use a "
                    "PP-OCR detection model",
                    bands->width, bands->rows);
    return SE_OK;
}

/* Fills map[height][width] band by band. */
static int run_bands(struct nn_exec *exec, const struct image *image, const struct bands *bands,
                     const struct nn_pixels *pixels, const struct budget *budget, struct pool *pool,
                     float *map, se_error *err)
{
    for (int i = 0; i < bands->count; i++) {
        FORWARD_IF_ERROR(run_band(exec, image, bands, pixels, i, budget, pool, err));
        struct nn_shape shape;
        const size_t width = (size_t)bands->width;
        const int from = band_seam(bands, i), to = band_seam(bands, i + 1);
        const float *rows = nn_exec_output(exec, &shape);
        memcpy(map + (size_t)from * width, rows + (size_t)(from - band_first(bands, i)) * width,
               (size_t)(to - from) * width * sizeof(*map));
    }
    return SE_OK;
}

void ocr_detect_reduce(struct nn_exec *exec, const struct detect_params *params)
{
    const struct nn_map_params reduced = detect_map_params(params);
    nn_exec_reduce(exec, &reduced);
}

/* The whole map of the last run; when the GPU fails now, the run is made once more, the way that
 * has an answer to that. */
static int whole_map(struct nn_exec *exec, const struct image *image, const struct bands *bands,
                     const struct budget *budget, const float **map, se_error *err)
{
    struct nn_shape shape;
    int status = nn_exec_fetch(exec, err);
    if (status == SE_ERR_DEVICE) {
        const struct tensor_part part = part_of(bands, 0);
        se_error_clear(err);
        FORWARD_IF_ERROR(img_to_tensor(image, &part, nn_exec_input(exec), err));
        FORWARD_IF_ERROR(nn_exec_run(exec, budget, err));
        status = nn_exec_fetch(exec, err);
    }
    *map = nn_exec_output(exec, &shape);
    return status;
}

/* Boxes of the map of a run on the whole image; what of it comes back from a GPU is as little as
 * possible. */
static int find_boxes(struct nn_exec *exec, const struct image *image, const struct bands *bands,
                      const struct budget *budget, const struct detect_scale *scale,
                      const struct detect_params *params, struct text_boxes *out, se_error *err)
{
    struct nn_map reduced;
    const float *map;
    if (nn_exec_map(exec, 0, &reduced)) {
        const int status = detect_boxes_of_runs(exec, &reduced, scale, params, out, err);
        if (status != SE_ERR_LIMIT && status != SE_ERR_DEVICE)
            return status;
        se_error_clear(err);
    }
    FORWARD_IF_ERROR(whole_map(exec, image, bands, budget, &map, err));
    return detect_boxes(map, bands->width, bands->height, scale->x, scale->y, params, out, err);
}

/* The same through bands, whose maps come back whole. */
static int find_boxes_in_bands(struct nn_exec *exec, const struct image *image,
                               const struct bands *bands, const struct nn_pixels *pixels,
                               const struct budget *budget, const struct detect_scale *scale,
                               const struct detect_params *params, struct text_boxes *out,
                               se_error *err)
{
    const size_t size = (size_t)bands->width * (size_t)bands->height * sizeof(float);
    float *map = malloc(size);
    if (!map)
        return se_fail_memory(err, "the detector's map", size);
    int status = run_bands(exec, image, bands, pixels, budget, params->pool, map, err);
    if (status == SE_OK)
        status =
            detect_boxes(map, bands->width, bands->height, scale->x, scale->y, params, out, err);
    free(map);
    return status;
}

int ocr_detect(struct nn_exec *exec, const struct image *image, const struct detect_params *params,
               const struct budget *budget, struct text_boxes *out, se_error *err)
{
    *out = (struct text_boxes){0};
    const int64_t start = clock_now_ns();
    RETURN_ERROR_IF(!image->data || image->width < 1 || image->height < 1, err, SE_ERR_ARGUMENT,
                    "text detection in an empty image");
    RETURN_ERROR_IF(params->max_side < 1 || params->max_boxes < 1, err, SE_ERR_ARGUMENT,
                    "text detection with max_side %d and max_boxes %d", params->max_side,
                    params->max_boxes);
    int width, height;
    struct detect_scale scale;
    detect_input_size(params, image->width, image->height, &width, &height, &scale.x, &scale.y);
    const struct bands bands = plan_bands(width, height);
    if (bands.count == 1)
        ocr_detect_reduce(exec, params);
    else
        nn_exec_reduce(exec, NULL);
    FORWARD_IF_ERROR(nn_exec_prepare(exec, (const int64_t[4]){1, bands.rows, width, 3}, err));
    const struct nn_pixels pixels = picture_of(exec, image, &bands);
    if (bands.count == 1) {
        FORWARD_IF_ERROR(run_band(exec, image, &bands, &pixels, 0, budget, params->pool, err));
        FORWARD_IF_ERROR(find_boxes(exec, image, &bands, budget, &scale, params, out, err));
    } else {
        FORWARD_IF_ERROR(
            find_boxes_in_bands(exec, image, &bands, &pixels, budget, &scale, params, out, err));
    }
    stage_add(budget, STAGE_DETECT, start, bands.count * nn_exec_flop(exec), 0);
    return SE_OK;
}

void text_boxes_free(struct text_boxes *boxes)
{
    free(boxes->items);
    *boxes = (struct text_boxes){0};
}
