/*
 * One picture, from bytes to readings, in looks of rising cost:
 *
 *   fast     the whole picture at a low resolution; lines are read from the sharpest pixels there
 * are closer   the regions whose text was least certain, enlarged turn N   the whole picture turned
 * by N degrees
 *
 * A look whose best reading convinces ends the search. Whatever a look works on, its lines come
 * back in pixels of the upright picture, so all looks speak of the same places.
 */
#include "reader/pipeline.h"

#include <math.h>
#include <string.h>

#include "base/stage.h"
#include "code/barcode.h"
#include "image/decode.h"
#include "image/ops.h"
#include "ocr/detect.h"
#include "reader/closer.h"
#include "reader/convert.h"
#include "reader/merge.h"

enum {
    WORK_MAX_BYTES = 512 << 20, /* lines and lattices of all looks of a picture */
    FULL_SIDE = 2000,           /* longer side of the full look, at most */
    FULL_SHORT_SIDE = 736,      /* shorter side of the full look, at least */
    SHARP_TEXT_HEIGHT = 36      /* lines lower than this are read from full resolution */
};

/* A picture that a look works on, and how it lies in the upright picture. */
struct view {
    const struct image *image;
    struct placement place;
};

struct work {
    const struct se_reader *reader;
    struct slot *slot;
    const struct pipeline_input *input;
    const struct budget *budget;
    struct se_result *result;
    struct arena arena; /* lines and lattices */
    struct img_limits limits;
    struct image decoded; /* owned; empty when the caller gave pixels */
    struct view base;
    float base_scale; /* base pixels per upright pixel */
    struct ser_barcode *barcodes;
    size_t barcode_count;
    struct merge merge;
};

static int out_of_arena(const struct work *work, se_error *err)
{
    return se_fail_memory(err, "the lines of a picture", work->arena.max);
}

/* ---- the picture ---------------------------------------------------------------------------- */

static double image_bytes(const struct image *image)
{
    return (double)image->width * image->height * image->channels;
}

static int decode_region(const struct work *work, struct rect want, struct image *out,
                         struct rect *covered, se_error *err)
{
    const int64_t start = clock_now_ns();
    FORWARD_IF_ERROR(img_decode_region(work->input->bytes, work->input->size, &work->limits, want,
                                       out, covered, err));
    stage_add(work->budget, STAGE_DECODE, start, 0, image_bytes(out));
    return SE_OK;
}

static int decode_base(struct work *work, se_error *err)
{
    const struct settings_values *values = &work->reader->values;
    const struct pipeline_input *input = work->input;
    if (input->pixels) {
        work->base.image = input->pixels;
        work->result->width = (uint32_t)input->pixels->width;
        work->result->height = (uint32_t)input->pixels->height;
        work->base_scale = 1;
        work->base.place = placement_of_scale(1, 1, 0, 0);
        return SE_OK;
    }
    struct img_info info;
    const int want_side = values->detect_side > FULL_SIDE ? values->detect_side : FULL_SIDE;
    const int64_t start = clock_now_ns();
    FORWARD_IF_ERROR(img_decode(input->bytes, input->size, &work->limits, want_side, &info,
                                &work->decoded, err));
    stage_add(work->budget, STAGE_DECODE, start, 0, image_bytes(&work->decoded));
    work->result->width = (uint32_t)info.width;
    work->result->height = (uint32_t)info.height;
    work->base.image = &work->decoded;
    work->base_scale = (float)work->decoded.width / (float)info.width;
    work->base.place = placement_of_scale((float)info.width / (float)work->decoded.width,
                                          (float)info.height / (float)work->decoded.height, 0, 0);
    return SE_OK;
}

static int find_barcodes(struct work *work, se_error *err)
{
    struct barcode *found = arena_alloc(&work->arena, BARCODE_MAX, sizeof(*found));
    if (!found)
        return out_of_arena(work, err);
    struct image grey = {0};
    int count = 0;
    const int64_t start = clock_now_ns();
    int status = img_to_grey(work->base.image, &grey, err);
    if (status == SE_OK)
        status = barcode_find(&grey, found, &count, err);
    stage_add(work->budget, STAGE_BARCODES, start, 0, image_bytes(&grey));
    image_free(&grey);
    FORWARD_IF_ERROR(status);
    for (int i = 0; i < count; i++)
        found[i].quad = placement_quad(&work->base.place, &found[i].quad);
    work->barcode_count = (size_t)count;
    work->barcodes = convert_barcodes(found, (size_t)count, &work->arena);
    return work->barcodes ? SE_OK : out_of_arena(work, err);
}

/* ---- lines ---------------------------------------------------------------------------------- */

static float quad_height(const struct quad *q)
{
    const float left = hypotf(q->p[3].x - q->p[0].x, q->p[3].y - q->p[0].y);
    const float right = hypotf(q->p[2].x - q->p[1].x, q->p[2].y - q->p[1].y);
    const float top = hypotf(q->p[1].x - q->p[0].x, q->p[1].y - q->p[0].y);
    const float bottom = hypotf(q->p[2].x - q->p[3].x, q->p[2].y - q->p[3].y);
    return fminf((left + right) / 2, (top + bottom) / 2);
}

/* Reads the lines at `quads` of `view`; their quads come back in upright pixels. */
static int read_quads(struct work *work, const struct view *view, const struct quad *quads,
                      int count, struct text_line *lines, se_error *err)
{
    struct recognize_params params = recognize_defaults;
    params.batch_size = (int)work->reader->values.batch_size;
    params.parallel_crops = work->reader->values.parallel_preprocessing;
    params.pool = work->slot->pool;
    int done = 0;
    FORWARD_IF_ERROR(ocr_recognize(work->reader->recognizer, work->slot->recognizer, view->image,
                                   quads, count, &params, work->budget, &work->arena, lines, &done,
                                   err));
    if (done < count)
        work->result->limited_by_time = true;
    for (int i = 0; i < count; i++)
        lines[i].quad = placement_quad(&view->place, &lines[i].quad);
    return SE_OK;
}

/* Smallest upright rectangle round the quads, a margin added, inside the picture. */
static struct rect rect_round(const struct quad *quads, int count, int width, int height)
{
    float x0 = (float)width, y0 = (float)height, x1 = 0, y1 = 0;
    for (int i = 0; i < count; i++) {
        const float margin = quad_height(&quads[i]) * 0.5F + 2;
        for (int k = 0; k < 4; k++) {
            x0 = fminf(x0, quads[i].p[k].x - margin);
            y0 = fminf(y0, quads[i].p[k].y - margin);
            x1 = fmaxf(x1, quads[i].p[k].x + margin);
            y1 = fmaxf(y1, quads[i].p[k].y + margin);
        }
    }
    const int left = (int)fmaxf(0, floorf(x0)), top = (int)fmaxf(0, floorf(y0));
    const int right = (int)fminf((float)width, ceilf(x1));
    const int bottom = (int)fminf((float)height, ceilf(y1));
    return (struct rect){left, top, right - left, bottom - top};
}

/* Reads lines, given in upright pixels, from full resolution: only the part of the picture that
 * holds them is decoded again. */
static int read_sharp_quads(struct work *work, struct quad *quads, int count,
                            struct text_line *lines, se_error *err)
{
    const struct rect want =
        rect_round(quads, count, (int)work->result->width, (int)work->result->height);
    struct image region = {0};
    struct rect covered;
    FORWARD_IF_ERROR(decode_region(work, want, &region, &covered, err));
    const struct view view = {&region,
                              placement_of_scale(1, 1, (float)covered.x, (float)covered.y)};
    const struct placement to_region =
        placement_of_scale(1, 1, (float)-covered.x, (float)-covered.y);
    for (int i = 0; i < count; i++)
        quads[i] = placement_quad(&to_region, &quads[i]);
    const int status = read_quads(work, &view, quads, count, lines, err);
    image_free(&region);
    return status;
}

static bool quad_touches(const struct quad *quad, const struct se_result *result)
{
    const struct rect r = rect_round(quad, 1, (int)result->width, (int)result->height);
    return r.width > 0 && r.height > 0;
}

/*
 * Reads all boxes of a view: low text from full resolution where the base picture was decoded
 * smaller, the rest from the view itself. lines[i] belongs to boxes->items[i].
 */
static int read_boxes(struct work *work, const struct view *view, const struct text_boxes *boxes,
                      struct text_line *lines, se_error *err)
{
    const size_t count = (size_t)boxes->count;
    struct quad *quads = arena_alloc(&work->arena, count, sizeof(*quads));
    int *index = arena_alloc(&work->arena, count, sizeof(*index));
    struct text_line *read = arena_alloc(&work->arena, count, sizeof(*read));
    if (!quads || !index || !read)
        return out_of_arena(work, err);
    /* The coarse ones fill from the front, the sharp ones from the back. */
    int coarse = 0, sharp = 0;
    for (int i = 0; i < boxes->count; i++) {
        const struct quad upright = placement_quad(&view->place, &boxes->items[i].quad);
        const bool low = work->base_scale < 1 &&
                         quad_height(&boxes->items[i].quad) < (float)SHARP_TEXT_HEIGHT &&
                         quad_touches(&upright, work->result);
        const int at = low ? boxes->count - ++sharp : coarse++;
        quads[at] = low ? upright : boxes->items[i].quad;
        index[at] = i;
    }
    if (coarse > 0)
        FORWARD_IF_ERROR(read_quads(work, view, quads, coarse, read, err));
    if (sharp > 0)
        FORWARD_IF_ERROR(read_sharp_quads(work, quads + coarse, sharp, read + coarse, err));
    for (int i = 0; i < boxes->count; i++)
        lines[index[i]] = read[i];
    return SE_OK;
}

/* ---- looks ---------------------------------------------------------------------------------- */

/* Leaves out the boxes that earlier looks have read well; keeps the order. */
static void drop_well_read(const struct work *work, const struct view *view,
                           struct text_boxes *boxes)
{
    int kept = 0;
    for (int i = 0; i < boxes->count; i++) {
        const struct quad upright = placement_quad(&view->place, &boxes->items[i].quad);
        if (!merge_is_well_read(&work->merge, &upright))
            boxes->items[kept++] = boxes->items[i];
    }
    boxes->count = kept;
}

/* Detects, reads and ranks what one view shows, and merges it into what is known. */
static int look_at(struct work *work, const char *name, const struct view *view,
                   const struct detect_params *params, se_error *err)
{
    FORWARD_IF_ERROR(budget_check_cancel(work->budget, err));
    if (budget_is_over(work->budget)) {
        work->result->limited_by_time = true;
        return SE_OK;
    }
    struct text_boxes boxes;
    FORWARD_IF_ERROR(
        ocr_detect(work->slot->detector, view->image, params, work->budget, &boxes, err));
    drop_well_read(work, view, &boxes);
    if (work->result->look_count < RESULT_MAX_LOOKS)
        work->result->looks[work->result->look_count++] = name;
    const size_t count = (size_t)boxes.count;
    struct text_line *lines = arena_alloc(&work->arena, count, sizeof(*lines));
    const int status = lines ? read_boxes(work, view, &boxes, lines, err) : out_of_arena(work, err);
    text_boxes_free(&boxes);
    FORWARD_IF_ERROR(status);
    const int64_t start = clock_now_ns();
    FORWARD_IF_ERROR(merge_add(&work->merge, lines, count, err));
    stage_add(work->budget, STAGE_SERIAL, start, 0, 0);
    return SE_OK;
}

static struct detect_params fast_params(const struct work *work)
{
    struct detect_params params = detect_defaults;
    params.max_side = work->reader->values.detect_side;
    if (params.enlarge_to > params.max_side)
        params.enlarge_to = params.max_side;
    return params;
}

static int full_look(struct work *work, se_error *err)
{
    const struct image *image = work->base.image;
    const int longer = image->width > image->height ? image->width : image->height;
    const int shorter = image->width > image->height ? image->height : image->width;
    struct detect_params params = detect_defaults;
    params.max_side = FULL_SIDE;
    params.max_upscale = (float)work->reader->values.upscale_scale;
    const float wanted = (float)longer * FULL_SHORT_SIDE / (float)shorter;
    params.enlarge_to = wanted < FULL_SIDE ? (int)wanted : FULL_SIDE;
    return look_at(work, "full", &work->base, &params, err);
}

static int turned_looks(struct work *work, se_error *err)
{
    const struct settings_values *values = &work->reader->values;
    const struct detect_params params = fast_params(work);
    for (int i = 0; i < values->rotation_count; i++) {
        const float degrees = (float)values->try_rotations[i];
        if (fmodf(degrees, 360) == 0)
            continue; /* the looks before */
        if (merge_is_convincing(&work->merge) || work->result->limited_by_time)
            break;
        struct image turned = {0};
        struct placement inner;
        FORWARD_IF_ERROR(img_rotate(work->base.image, degrees, &turned, inner.m, err));
        const struct view view = {&turned, placement_join(&work->base.place, &inner)};
        const char *name = arena_printf(&work->result->arena, "turn %g", (double)degrees);
        const int status =
            name ? look_at(work, name, &view, &params, err) : out_of_arena(work, err);
        image_free(&turned);
        FORWARD_IF_ERROR(status);
    }
    return SE_OK;
}

/* Enlarges the regions whose text was least certain. */
static int closer_looks(struct work *work, se_error *err)
{
    const struct settings_values *values = &work->reader->values;
    struct rect regions[CLOSER_MAX_REGIONS];
    const int count = closer_regions(&work->merge, (int)work->result->width,
                                     (int)work->result->height, (int)values->roi_top_k, regions);
    struct detect_params params = fast_params(work);
    params.enlarge_to = params.max_side;
    params.max_upscale = (float)values->upscale_scale;
    for (int i = 0; i < count; i++) {
        if (merge_is_convincing(&work->merge) || work->result->limited_by_time)
            break;
        struct image region = {0};
        struct rect covered = regions[i];
        struct image window;
        if (work->input->pixels) {
            window = image_window(work->input->pixels, covered.x, covered.y, covered.width,
                                  covered.height);
        } else {
            FORWARD_IF_ERROR(decode_region(work, regions[i], &region, &covered, err));
            window = region;
        }
        const struct view view = {&window,
                                  placement_of_scale(1, 1, (float)covered.x, (float)covered.y)};
        const int status = look_at(work, "closer", &view, &params, err);
        image_free(&region);
        FORWARD_IF_ERROR(status);
    }
    return SE_OK;
}

/* All text was asked for: everything that finds more of it, nothing that ends early. */
static int all_lines(struct work *work, se_error *err)
{
    const struct detect_params params = fast_params(work);
    FORWARD_IF_ERROR(look_at(work, "fast", &work->base, &params, err));
    return full_look(work, err);
}

static int escalating_looks(struct work *work, se_error *err)
{
    const struct detect_params params = fast_params(work);
    FORWARD_IF_ERROR(look_at(work, "fast", &work->base, &params, err));
    if (!merge_is_convincing(&work->merge))
        FORWARD_IF_ERROR(full_look(work, err));
    if (!merge_is_convincing(&work->merge))
        FORWARD_IF_ERROR(closer_looks(work, err));
    if (!merge_is_convincing(&work->merge) && merge_text_was_unclear(&work->merge))
        FORWARD_IF_ERROR(turned_looks(work, err));
    return SE_OK;
}

static int fill_result(struct work *work, se_error *err)
{
    struct se_result *result = work->result;
    const struct merge *merge = &work->merge;
    result->readings =
        convert_readings(&merge->found, work->reader->values.max_error, &result->arena);
    result->reading_count = result->readings ? merge->found.count : 0;
    bool failed = !result->readings;
    result->with_evidence = work->input->explain;
    if (work->input->lines) {
        result->with_lines = true;
        result->lines = convert_result_lines(merge->lines, merge->line_count, &result->line_count,
                                             &result->arena);
        failed |= !result->lines;
    }
    return failed ? se_fail_memory(err, "a result", result->arena.max) : SE_OK;
}

int pipeline_read(const struct se_reader *reader, struct slot *slot,
                  const struct pipeline_input *input, const struct budget *budget,
                  struct se_result *result, se_error *err)
{
    const struct settings_values *values = &reader->values;
    struct work work = {
        .reader = reader,
        .slot = slot,
        .input = input,
        .budget = budget,
        .result = result,
        .limits = {(uint64_t)values->max_pixels, (uint32_t)values->max_side},
    };
    arena_init(&work.arena, WORK_MAX_BYTES);
    int status = budget_check_cancel(budget, err);
    if (status == SE_OK)
        status = decode_base(&work, err);
    if (status == SE_OK && values->barcodes)
        status = find_barcodes(&work, err);
    if (status == SE_OK) {
        merge_init(&work.merge, &work.arena, &result->arena, work.barcodes, work.barcode_count,
                   (int)result->width, (int)result->height);
        work.merge.formats = reader->formats.rows;
        work.merge.format_count = reader->formats.count;
        work.merge.pattern = input->pattern;
        work.merge.known = reader->known;
        status = input->lines ? all_lines(&work, err) : escalating_looks(&work, err);
    }
    if (status == SE_OK)
        status = fill_result(&work, err);
    image_free(&work.decoded);
    arena_free(&work.arena);
    return status;
}
