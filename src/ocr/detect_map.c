/*
 * From the detector's probability map to boxes and areas.
 *
 *   map ─ threshold, dilation ─ components ─ rectangles ─ mean inside ─ boxes
 *    └─── faint pixels of cells ─────────────────────────────────────── areas
 *
 * Of a map in a GPU, components and faint pixels come as nn_exec_map has them and means are taken
 * there (nn_exec_map_sums). As its numbers are halves, sums of them are exact and both ways lead
 * to the same bits.
 */
#include "ocr/detect_map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/contour.h"
#include "ocr/crop.h"
#include "ocr/reading_order.h"

enum {
    MIN_PIXELS = 3,     /* of a component */
    MIN_SHORT_SIDE = 3, /* map pixels, before unclipping */
    CELL = NN_MAP_CELL, /* map pixels of a cell of areas */
    CELL_PIXELS = 4     /* that look like text in a cell that belongs to an area */
};

/* Of the probability map: what is more is no probability, and, for areas, text too small for the
 * network still shows this much. */
static const float MOST = 1.001F, FAINT = 0.12F;

_Static_assert(sizeof(struct contour_span) == sizeof(struct nn_map_span) &&
                   offsetof(struct contour_span, end) == offsetof(struct nn_map_span, end) &&
                   offsetof(struct contour_span, begin) == offsetof(struct nn_map_span, begin),
               "spans are handed on as they are");

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

/* A probability map, or what a GPU made of it, and which pixels of an image it stands for. */
struct finder {
    int width, height;
    struct detect_scale scale;
    const struct detect_params *params;
    const float *map;     /* whole; NULL: it is in the GPU */
    struct nn_exec *exec; /* that has it there */
    const int32_t *faint; /* pixels of each cell that are at least faint */
};

/* The rectangles of components that are large enough, in map pixels; returns how many. */
static int find_rects(const struct component_list *list, struct quad *rects)
{
    int count = 0;
    for (int i = 0; i < list->count; i++) {
        const struct component *component = &list->items[i];
        if (component->outline_count < 3)
            continue;
        const struct quad outer =
            contour_min_area_rect(component->outline, component->outline_count, NULL);
        rects[count] = undo_dilation(&outer);
        if (short_side(&rects[count]) >= MIN_SHORT_SIDE)
            count++;
    }
    return count;
}

/* Rows of the map that a rectangle can have pixels in, at most. */
static int rows_of(const struct finder *finder, const struct quad *rect)
{
    float top = rect->p[0].y, bottom = top;
    for (int i = 1; i < 4; i++) {
        top = fminf(top, rect->p[i].y);
        bottom = fmaxf(bottom, rect->p[i].y);
    }
    const float rows = bottom - top + 2;
    return rows < (float)finder->height ? (int)rows + 1 : finder->height;
}

/* Spans of rects[0 … *count), as many as there is room for; *count becomes how many fit. */
static void find_spans(const struct finder *finder, const struct quad *rects, int *count,
                       struct contour_span *spans, size_t room, int32_t *first)
{
    size_t used = 0;
    int k = 0;
    first[0] = 0;
    for (; k < *count && used + (size_t)rows_of(finder, &rects[k]) <= room; k++) {
        used += (size_t)contour_spans_inside(rects[k].p, 4, finder->width, finder->height,
                                             spans + used);
        first[k + 1] = (int32_t)used;
    }
    *count = k;
}

/* Means of the pixels inside rectangles, on the GPU. */
static int score_there(const struct finder *finder, const struct quad *rects, int count,
                       float *scores, se_error *err)
{
    size_t room = 1;
    for (int i = 0; i < count; i++)
        room += (size_t)rows_of(finder, &rects[i]);
    room = room < NN_MAP_SPANS ? room : NN_MAP_SPANS;
    const size_t sums_size = (size_t)count * sizeof(double);
    const size_t size =
        sums_size + room * sizeof(struct nn_map_span) + ((size_t)count + 1) * sizeof(int32_t);
    double *sums = malloc(size);
    if (!sums)
        return se_fail_memory(err, "scores of text boxes", size);
    struct contour_span *spans = (struct contour_span *)(void *)(sums + count);
    int32_t *first = (int32_t *)(void *)(spans + room);
    int status = SE_OK, fit;
    for (int done = 0; done < count && status == SE_OK; done += fit) {
        fit = count - done;
        find_spans(finder, rects + done, &fit, spans, room, first);
        status = nn_exec_map_sums(finder->exec, 0, (const struct nn_map_span *)spans, first, fit,
                                  sums, err);
        for (int k = 0; k < fit && status == SE_OK; k++) {
            size_t pixels = 0;
            for (int32_t i = first[k]; i < first[k + 1]; i++)
                pixels += (size_t)(spans[i].end - spans[i].begin);
            scores[done + k] = pixels > 0 ? (float)(sums[k] / (double)pixels) : 0;
        }
    }
    free(sums);
    return status;
}

static int score(const struct finder *finder, const struct quad *rects, int count, float *scores,
                 se_error *err)
{
    if (!finder->map)
        return count > 0 ? score_there(finder, rects, count, scores, err) : SE_OK;
    for (int i = 0; i < count; i++)
        scores[i] = contour_mean_inside(finder->map, finder->width, finder->height, rects[i].p, 4);
    return SE_OK;
}

/* Adds the boxes of components that are neither too small nor too faint. */
static int add_boxes(const struct finder *finder, const struct component_list *list,
                     struct text_boxes *out, se_error *err)
{
    const size_t count = (size_t)list->count;
    const size_t size = count * (sizeof(struct quad) + sizeof(float));
    struct quad *rects = malloc(size > 0 ? size : 1);
    if (!rects)
        return se_fail_memory(err, "text boxes", size);
    float *scores = (float *)(void *)(rects + count);
    const int found = find_rects(list, rects);
    const int status = score(finder, rects, found, scores, err);
    for (int i = 0; i < found && status == SE_OK; i++) {
        if (!(scores[i] >= finder->params->box_threshold))
            continue;
        struct text_box *box = &out->items[out->count++];
        box->score = scores[i];
        box->quad = contour_unclip(&rects[i], finder->params->unclip_ratio);
        for (int k = 0; k < 4; k++) {
            box->quad.p[k].x /= finder->scale.x;
            box->quad.p[k].y /= finder->scale.y;
        }
    }
    free(rects);
    return status;
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
        binary[i] = map[i] > threshold && map[i] <= MOST;
    contour_dilate2x2(binary, binary + pixels, width, height);
}

/* ---- from the map to areas ------------------------------------------------------------------ */

/* faint[rows][columns]: how many pixels of each cell are at least faint. */
static void count_faint(const float *map, int width, int height, int32_t *faint)
{
    const int columns = (width + CELL - 1) / CELL;
    for (int y = 0; y < height; y++)
        for (int column = 0; column < columns; column++) {
            const float *row = map + (size_t)y * (size_t)width;
            const int end = (column + 1) * CELL < width ? (column + 1) * CELL : width;
            int pixels = 0;
            for (int x = column * CELL; x < end; x++)
                pixels += row[x] > FAINT;
            faint[y / CELL * columns + column] += pixels;
        }
}

/* cells[rows][columns], each one with enough faint text and those next to it set to 1. */
static void mark_cells(const int32_t *faint, uint8_t *cells, int columns, int rows)
{
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++) {
            if (faint[row * columns + column] < CELL_PIXELS)
                continue;
            for (int dy = -1; dy <= 1; dy++)
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
    const int left = (int)((float)(cells.x * CELL) / finder->scale.x);
    const int top = (int)((float)(cells.y * CELL) / finder->scale.y);
    const int right = (int)ceilf((float)((cells.x + cells.width) * CELL) / finder->scale.x);
    const int bottom = (int)ceilf((float)((cells.y + cells.height) * CELL) / finder->scale.y);
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
    mark_cells(finder->faint, cells, columns, rows);
    struct component_list list;
    const int status = contour_components(cells, columns, rows, 1, DETECT_MAX_AREAS, &list, err);
    free(cells);
    FORWARD_IF_ERROR(status);
    for (int i = 0; i < list.count; i++)
        out->areas[i] = list.items[i].box;
    out->area_count = join_rects(out->areas, list.count);
    contour_components_free(&list);
    const int width = (int)lroundf((float)finder->width / finder->scale.x);
    const int height = (int)lroundf((float)finder->height / finder->scale.y);
    for (int i = 0; i < out->area_count; i++)
        out->areas[i] = cells_in_image(finder, out->areas[i], width, height);
    return SE_OK;
}

/* ---- all ------------------------------------------------------------------------------------ */

static int find_all(const struct finder *finder, const struct component_list *list,
                    struct text_boxes *out, se_error *err)
{
    if (list->count > 0) {
        out->items = calloc((size_t)list->count, sizeof(*out->items));
        if (!out->items)
            return se_fail_memory(err, "text boxes", (size_t)list->count * sizeof(*out->items));
    }
    int status = add_boxes(finder, list, out, err);
    if (status == SE_OK)
        status = sort_boxes(out, err);
    if (status == SE_OK)
        status = find_areas(finder, out, err);
    if (status != SE_OK)
        text_boxes_free(out);
    return status;
}

static int components_of(const float *map, int width, int height,
                         const struct detect_params *params, struct component_list *out,
                         se_error *err)
{
    const size_t pixels = (size_t)width * (size_t)height;
    uint8_t *binary = malloc(2 * pixels);
    if (!binary)
        return se_fail_memory(err, "the detector's map", 2 * pixels);
    binarize(map, width, height, params->threshold, binary);
    const int status =
        contour_components(binary + pixels, width, height, MIN_PIXELS, params->max_boxes, out, err);
    free(binary);
    return status;
}

int detect_boxes(const float *map, int width, int height, float scale_x, float scale_y,
                 const struct detect_params *params, struct text_boxes *out, se_error *err)
{
    *out = (struct text_boxes){0};
    struct component_list list;
    FORWARD_IF_ERROR(components_of(map, width, height, params, &list, err));
    const size_t cells = (size_t)((width + CELL - 1) / CELL) * (size_t)((height + CELL - 1) / CELL);
    int32_t *faint = calloc(cells, sizeof(*faint));
    int status = SE_OK;
    if (!faint) {
        status = se_fail_memory(err, "the areas of text", cells * sizeof(*faint));
    } else {
        const struct finder finder = {width, height, {scale_x, scale_y}, params, map, NULL, faint};
        count_faint(map, width, height, faint);
        status = find_all(&finder, &list, out, err);
    }
    free(faint);
    contour_components_free(&list);
    return status;
}

struct nn_map_params detect_map_params(const struct detect_params *params)
{
    return (struct nn_map_params){.threshold = params->threshold, .most = MOST, .faint = FAINT};
}

/* Runs as src/image has them. */
static int components_of_runs(const struct nn_map *map, const struct detect_params *params,
                              struct component_list *out, se_error *err)
{
    const int32_t count = map->row_first[map->height];
    const size_t size = (size_t)count * sizeof(struct contour_run);
    struct contour_run *runs = malloc(size + 1);
    if (!runs)
        return se_fail_memory(err, "runs of a map", size);
    for (int y = 0; y < map->height; y++)
        for (int32_t i = map->row_first[y]; i < map->row_first[y + 1]; i++)
            runs[i] =
                (struct contour_run){map->runs[i].start, map->runs[i].end, y, map->runs[i].part};
    const int status =
        contour_components_of_runs(runs, count, MIN_PIXELS, params->max_boxes, out, err);
    free(runs);
    return status;
}

int detect_boxes_of_runs(struct nn_exec *exec, const struct nn_map *map,
                         const struct detect_scale *scale, const struct detect_params *params,
                         struct text_boxes *out, se_error *err)
{
    *out = (struct text_boxes){0};
    struct component_list list;
    FORWARD_IF_ERROR(components_of_runs(map, params, &list, err));
    const struct finder finder = {map->width, map->height, *scale, params, NULL, exec, map->faint};
    const int status = find_all(&finder, &list, out, err);
    contour_components_free(&list);
    return status;
}
