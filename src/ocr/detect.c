#include "ocr/detect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/stage.h"
#include "image/contour.h"
#include "image/ops.h"
#include "ocr/crop.h"
#include "ocr/pixels.h"
#include "ocr/reading_order.h"

#define COMMON_PARAMS                                                                              \
    .enlarge_to = 960, .max_upscale = 1.5F, .threshold = 0.3F, .box_threshold = 0.5F,              \
    .unclip_ratio = 1.6F, .max_boxes = 1000

const struct detect_params detect_defaults = {.max_side = 1280, COMMON_PARAMS};

enum {
    INPUT_STEP = 32,           /* the network halves its input five times */
    BAND_PIXELS = 1000 * 1000, /* of each band, where there are several */
    BAND_OVERLAP = 192,
    MIN_PIXELS = 3,     /* of a component */
    MIN_SHORT_SIDE = 3, /* map pixels, before unclipping */
    CELL = 32,          /* map pixels of a cell of areas */
    CELL_PIXELS = 4     /* that look like text in a cell that belongs to an area */
};

/* Of the probability map, for areas: text too small for the network still shows this much. */
static const float FAINT = 0.12F;

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

/* ---- from the map to boxes ------------------------------------------------------------------ */

/*
 * Dilation adds a row and a column of pixels at the right and the bottom. Half of that is taken
 * away on each side, so that a component's rectangle is that of its own pixels:
 *
 *   ┌───┬───┐               ┌─────┐
 *   │ x │ + │    rectangle  │     │   moved by half a pixel to the left and up,
 *   ├───┼───┤    ───────>   └─────┘   and half a pixel smaller on every side
 *   │ + │ + │
 *   └───┴───┘
 */
static struct quad undo_dilation(const struct quad *rect)
{
    struct quad out;
    for (int i = 0; i < 4; i++) {
        const struct point p = rect->p[i], next = rect->p[(i + 1) % 4], last = rect->p[(i + 3) % 4];
        struct point inner = {p.x - 0.5F, p.y - 0.5F};
        const struct point towards[2] = {next, last};
        for (int k = 0; k < 2; k++) {
            const float dx = towards[k].x - p.x, dy = towards[k].y - p.y;
            const float length = hypotf(dx, dy);
            const float part = length > 1 ? 0.5F / length : 0.5F;
            inner.x += dx * part;
            inner.y += dy * part;
        }
        out.p[i] = inner;
    }
    return out;
}

static float short_side(const struct quad *rect)
{
    return fminf(hypotf(rect->p[1].x - rect->p[0].x, rect->p[1].y - rect->p[0].y),
                 hypotf(rect->p[3].x - rect->p[0].x, rect->p[3].y - rect->p[0].y));
}

struct finder {
    const float *map;
    int width, height;
    float scale_x, scale_y;
    const struct detect_params *params;
};

/* Adds the box of one component, unless it is too small or too faint. */
static void add_box(const struct finder *finder, const struct component *component,
                    struct text_boxes *out)
{
    if (component->outline_count < 3)
        return;
    const struct quad outer =
        contour_min_area_rect(component->outline, component->outline_count, NULL);
    const struct quad rect = undo_dilation(&outer);
    if (short_side(&rect) < MIN_SHORT_SIDE)
        return;
    const float score = contour_mean_inside(finder->map, finder->width, finder->height, rect.p, 4);
    if (!(score >= finder->params->box_threshold))
        return;
    struct text_box *box = &out->items[out->count++];
    box->score = score;
    box->quad = contour_unclip(&rect, finder->params->unclip_ratio);
    for (int i = 0; i < 4; i++) {
        box->quad.p[i].x /= finder->scale_x;
        box->quad.p[i].y /= finder->scale_y;
    }
}

static int sort_boxes(struct text_boxes *boxes, se_error *err)
{
    const size_t count = (size_t)boxes->count;
    const size_t size = count * (sizeof(struct quad) + sizeof(int) + sizeof(struct text_box));
    struct text_box *copy = malloc(size > 0 ? size : 1);
    if (!copy)
        return se_fail_memory(err, "the order of text boxes", size);
    struct quad *quads = (struct quad *)(copy + count);
    int *order = (int *)(quads + count);
    for (size_t i = 0; i < count; i++)
        quads[i] = crop_along_text(&boxes->items[i].quad);
    const int status = ocr_reading_order(quads, boxes->count, order, err);
    if (status == SE_OK && count > 0) {
        memcpy(copy, boxes->items, count * sizeof(*copy));
        for (size_t i = 0; i < count; i++)
            boxes->items[i] = copy[order[i]];
    }
    free(copy);
    return status;
}

/* binary[0 … 2 × pixels): the thresholded map, then its dilation. */
static void binarize(const float *map, int width, int height, float threshold, uint8_t *binary)
{
    const size_t pixels = (size_t)width * (size_t)height;
    for (size_t i = 0; i < pixels; i++)
        binary[i] = map[i] > threshold && map[i] <= 1.001F;
    contour_dilate2x2(binary, binary + pixels, width, height);
}

/* ---- from the map to areas ------------------------------------------------------------------ */

/* cells[rows][columns], each one with enough faint text and those next to it set to 1. */
static void mark_cells(const struct finder *finder, uint8_t *cells, int columns, int rows)
{
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++) {
            int pixels = 0;
            for (int y = row * CELL; y < (row + 1) * CELL && y < finder->height; y++)
                for (int x = column * CELL; x < (column + 1) * CELL && x < finder->width; x++)
                    pixels += finder->map[(size_t)y * (size_t)finder->width + (size_t)x] > FAINT;
            for (int dy = -1; dy <= 1 && pixels >= CELL_PIXELS; dy++)
                for (int dx = -1; dx <= 1; dx++)
                    if (row + dy >= 0 && row + dy < rows && column + dx >= 0 &&
                        column + dx < columns)
                        cells[(row + dy) * columns + column + dx] = 1;
        }
}

/* Joins rectangles until none overlap. */
static int join_rects(struct rect *rects, int count)
{
    for (int i = 0; i < count; i++)
        for (int k = i + 1; k < count; k++) {
            struct rect *a = &rects[i];
            const struct rect b = rects[k];
            if (a->x >= b.x + b.width || b.x >= a->x + a->width || a->y >= b.y + b.height ||
                b.y >= a->y + a->height)
                continue;
            const int right = a->x + a->width > b.x + b.width ? a->x + a->width : b.x + b.width;
            const int bottom =
                a->y + a->height > b.y + b.height ? a->y + a->height : b.y + b.height;
            a->x = a->x < b.x ? a->x : b.x;
            a->y = a->y < b.y ? a->y : b.y;
            a->width = right - a->x;
            a->height = bottom - a->y;
            memmove(&rects[k], &rects[k + 1], (size_t)(count - k - 1) * sizeof(*rects));
            count--;
            i = -1; /* the larger one may overlap those before it */
            break;
        }
    return count;
}

/* A rectangle of cells in pixels of an image of width × height. */
static struct rect cells_in_image(const struct finder *finder, struct rect cells, int width,
                                  int height)
{
    const int left = (int)((float)(cells.x * CELL) / finder->scale_x);
    const int top = (int)((float)(cells.y * CELL) / finder->scale_y);
    const int right = (int)ceilf((float)((cells.x + cells.width) * CELL) / finder->scale_x);
    const int bottom = (int)ceilf((float)((cells.y + cells.height) * CELL) / finder->scale_y);
    return (struct rect){left, top, (right < width ? right : width) - left,
                         (bottom < height ? bottom : height) - top};
}

static int find_areas(const struct finder *finder, struct text_boxes *out, se_error *err)
{
    const int columns = (finder->width + CELL - 1) / CELL;
    const int rows = (finder->height + CELL - 1) / CELL;
    const size_t size = (size_t)columns * (size_t)rows;
    uint8_t *cells = calloc(size, 1);
    if (!cells)
        return se_fail_memory(err, "the areas of text", size);
    mark_cells(finder, cells, columns, rows);
    struct component_list list;
    const int status = contour_components(cells, columns, rows, 1, DETECT_MAX_AREAS, &list, err);
    free(cells);
    FORWARD_IF_ERROR(status);
    for (int i = 0; i < list.count; i++)
        out->areas[i] = list.items[i].box;
    out->area_count = join_rects(out->areas, list.count);
    contour_components_free(&list);
    const int width = (int)lroundf((float)finder->width / finder->scale_x);
    const int height = (int)lroundf((float)finder->height / finder->scale_y);
    for (int i = 0; i < out->area_count; i++)
        out->areas[i] = cells_in_image(finder, out->areas[i], width, height);
    return SE_OK;
}

int detect_boxes(const float *map, int width, int height, float scale_x, float scale_y,
                 const struct detect_params *params, struct text_boxes *out, se_error *err)
{
    *out = (struct text_boxes){0};
    const size_t pixels = (size_t)width * (size_t)height;
    uint8_t *binary = malloc(2 * pixels);
    if (!binary)
        return se_fail_memory(err, "the detector's map", 2 * pixels);
    binarize(map, width, height, params->threshold, binary);
    struct component_list list;
    int status = contour_components(binary + pixels, width, height, MIN_PIXELS, params->max_boxes,
                                    &list, err);
    free(binary);
    FORWARD_IF_ERROR(status);
    if (list.count > 0) {
        out->items = calloc((size_t)list.count, sizeof(*out->items));
        if (!out->items)
            status = se_fail_memory(err, "text boxes", (size_t)list.count * sizeof(*out->items));
    }
    if (status == SE_OK) {
        const struct finder finder = {map, width, height, scale_x, scale_y, params};
        for (int i = 0; i < list.count; i++)
            add_box(&finder, &list.items[i], out);
        status = sort_boxes(out, err);
        if (status == SE_OK)
            status = find_areas(&finder, out, err);
    }
    contour_components_free(&list);
    if (status != SE_OK)
        text_boxes_free(out);
    return status;
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

static int run_input(struct nn_exec *exec, const struct image *image,
                     const struct tensor_part *part, const struct nn_pixels *pixels,
                     const struct budget *budget, se_error *err)
{
    struct nn_sample sample = {
        .to_width = part->width, .to_height = part->height, .first = part->first};
    int status;
    memcpy(sample.factor, part->factor, sizeof(sample.factor));
    memcpy(sample.offset, part->offset, sizeof(sample.offset));
    if (ocr_run_pixels(exec, pixels, &sample, budget, &status, err))
        return status;
    FORWARD_IF_ERROR(img_to_tensor(image, part, nn_exec_input(exec), err));
    return nn_exec_run(exec, budget, err);
}

static int run_band(struct nn_exec *exec, const struct image *image, const struct bands *bands,
                    const struct nn_pixels *pixels, int band, const struct budget *budget,
                    se_error *err)
{
    struct tensor_part part = {bands->width, bands->height, band_first(bands, band),
                               bands->rows,  {0},           {0}};
    for (int c = 0; c < 3; c++) {
        /* (v / 255 - mean) / deviation */
        part.factor[c] = 0.5F / INPUT_DEVIATION[c];
        part.offset[c] = (0.5F - INPUT_MEAN[c]) / INPUT_DEVIATION[c];
    }
    FORWARD_IF_ERROR(run_input(exec, image, &part, pixels, budget, err));
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
                     const struct nn_pixels *pixels, const struct budget *budget, float *map,
                     se_error *err)
{
    for (int i = 0; i < bands->count; i++) {
        FORWARD_IF_ERROR(run_band(exec, image, bands, pixels, i, budget, err));
        struct nn_shape shape;
        const size_t width = (size_t)bands->width;
        const int from = band_seam(bands, i), to = band_seam(bands, i + 1);
        const float *rows = nn_exec_output(exec, &shape);
        memcpy(map + (size_t)from * width, rows + (size_t)(from - band_first(bands, i)) * width,
               (size_t)(to - from) * width * sizeof(*map));
    }
    return SE_OK;
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
    float scale_x, scale_y;
    detect_input_size(params, image->width, image->height, &width, &height, &scale_x, &scale_y);
    const struct bands bands = plan_bands(width, height);
    FORWARD_IF_ERROR(nn_exec_prepare(exec, (const int64_t[4]){1, bands.rows, width, 3}, err));
    const struct nn_pixels pixels = picture_of(exec, image, &bands);
    int status;
    if (bands.count == 1) {
        struct nn_shape shape;
        FORWARD_IF_ERROR(run_band(exec, image, &bands, &pixels, 0, budget, err));
        status = detect_boxes(nn_exec_output(exec, &shape), width, height, scale_x, scale_y, params,
                              out, err);
    } else {
        const size_t size = (size_t)width * (size_t)height * sizeof(float);
        float *map = malloc(size);
        if (!map)
            return se_fail_memory(err, "the detector's map", size);
        status = run_bands(exec, image, &bands, &pixels, budget, map, err);
        if (status == SE_OK)
            status = detect_boxes(map, width, height, scale_x, scale_y, params, out, err);
        free(map);
    }
    FORWARD_IF_ERROR(status);
    stage_add(budget, STAGE_DETECT, start, bands.count * nn_exec_flop(exec), 0);
    return SE_OK;
}

void text_boxes_free(struct text_boxes *boxes)
{
    free(boxes->items);
    *boxes = (struct text_boxes){0};
}
