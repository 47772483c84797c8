/*
 * One picture, from bytes to readings, in looks of rising cost:
 *
 *   - barcode: what barcodes alone say, when that is an answer
 *   - fast:    the whole picture at a low resolution; lines are read from the sharpest pixels
 *   - closer:  one of the areas with text that was small, unclear or not found, enlarged
 *   - full:    the whole picture at a high resolution
 *   - invert, contrast, …: lines that were not read well, treated, as a preset says
 *              (reader/treated.h)
 *   - turn N:  the whole picture turned by N degrees
 *
 * A look whose best reading convinces ends the search, and so does a picture in which everything
 * was read clearly. Whatever a look works on, its lines come back in pixels of the upright picture,
 * so all looks speak of the same places.
 */
#include "reader/pipeline.h"

#include <math.h>

#include "base/stage.h"
#include "code/barcode.h"
#include "image/ops.h"
#include "reader/closer.h"
#include "reader/look.h"
#include "reader/picture.h"
#include "reader/reread.h"
#include "reader/treated.h"

enum {
    WORK_MAX_BYTES = 512 << 20, /* lines and lattices of all looks of a picture */
    KEPT_BYTES = 48 << 20,      /* of the networks' arena between pictures, at most */
    BASE_SIDE = 2000,           /* longer side that is decoded, at least */
    LINES_SIDE = 1280,          /* longer side of the first look when all text is wanted */
    CLOSER_SIDE = 1248,         /* longer side of a closer look */
    TURNED_DETAIL = 2,          /* pixels that are turned for one of the detector's input */
    FULL_SIDE = 2000,           /* longer side of the full look, at most */
    FULL_SHORT_SIDE = 736       /* shorter side of the full look, at least */
};

/* Lines of so many of the best readings are read again at the end where they are in doubt. */
enum { VOTED_READINGS = 3 };

/* Text lower than this in the detector's input may have neighbours that it does not find. */
static const float LOW_TEXT = 14;
/* Where all lines are higher than this in the detector's input (capitals of 7 pixels), enlarged
 * pixels show no more of them. */
static const float ENLARGED_TEXT = 18;
/* A closer look makes text this high there, and enlarges by so much against the fast look, at most
 * and at least. */
static const float CLOSER_TEXT = 24, CLOSER_MOST = 4, CLOSER_LEAST = 1.2F;
/* A larger look enlarges by so much against the one before, at least. */
static const float LARGER_LEAST = 1.3F;

/* The grey of a picture, made by all threads together. */
struct greying {
    const struct image *image;
    struct image *grey;
};

enum { GREY_PIECES = 8 };

static void grey_piece(void *context, size_t piece, int thread)
{
    (void)thread;
    const struct greying *g = context;
    const int64_t height = g->image->height;
    img_to_grey_rows(g->image, g->grey, (int)(height * (int64_t)piece / GREY_PIECES),
                     (int)(height * (int64_t)(piece + 1) / GREY_PIECES));
}

static int make_grey(const struct search *search, const struct image *image, struct image *grey,
                     se_error *err)
{
    struct greying greying = {image, grey};
    struct pool *pool = search->reader->values.parallel_preprocessing ? search->slot->pool : NULL;
    FORWARD_IF_ERROR(image_create(grey, image->width, image->height, 1, err));
    pool_run(pool, grey_piece, &greying, GREY_PIECES);
    return SE_OK;
}

static int find_barcodes(struct search *search, struct ser_barcode **out, size_t *out_count,
                         se_error *err)
{
    struct barcode *found = arena_alloc(&search->arena, BARCODE_MAX, sizeof(*found));
    if (!found)
        return search_out_of_arena(search, err);
    const struct view *base = &search->picture.base;
    struct image grey = {0};
    int count = 0;
    const int64_t start = clock_now_ns();
    int status = make_grey(search, base->image, &grey, err);
    if (status == SE_OK)
        status = barcode_find(&grey, search->slot->pool, found, &count, err);
    stage_add(search->budget, STAGE_BARCODES, start, 0, (double)grey.width * grey.height);
    image_free(&grey);
    FORWARD_IF_ERROR(status);
    for (int i = 0; i < count; i++)
        found[i].quad = placement_quad(&base->place, &found[i].quad);
    *out_count = (size_t)count;
    *out = convert_barcodes(found, (size_t)count, &search->arena);
    return *out ? SE_OK : search_out_of_arena(search, err);
}

/* Does the setting `looks` allow it? */
static bool may_look(const struct search *search, enum setting_look look)
{
    return search->reader->values.looks >> look & 1;
}

/* ---- looks ---------------------------------------------------------------------------------- */

static struct detect_params params_of_side(int side)
{
    struct detect_params params = detect_defaults;
    params.max_side = side;
    if (params.enlarge_to > side)
        params.enlarge_to = side;
    return params;
}

/* Detector pixels per upright pixel in a look at the whole picture. */
static float scale_of(const struct search *search, const struct detect_params *params)
{
    const struct image *image = search->picture.base.image;
    int width, height;
    float scale_x, scale_y;
    detect_input_size(params, image->width, image->height, &width, &height, &scale_x, &scale_y);
    return scale_x * search->picture.base_scale;
}

static struct detect_params full_params(const struct search *search)
{
    const struct image *image = search->picture.base.image;
    const int longer = image->width > image->height ? image->width : image->height;
    const int shorter = image->width > image->height ? image->height : image->width;
    struct detect_params params = detect_defaults;
    params.max_side = FULL_SIDE;
    params.max_upscale = (float)search->reader->values.upscale_scale;
    const float wanted = (float)longer * FULL_SHORT_SIDE / (float)shorter;
    params.enlarge_to = wanted < FULL_SIDE ? (int)wanted : FULL_SIDE;
    return params;
}

/* The view turned by `degrees`; `turned` is freed by the caller. */
static int turn_view(const struct view *view, float degrees, struct image *turned, struct view *out,
                     se_error *err)
{
    struct placement inner;
    FORWARD_IF_ERROR(img_rotate(view->image, degrees, turned, inner.m, err));
    *out = (struct view){turned, placement_join(&view->place, &inner)};
    return SE_OK;
}

/* look_at with the view set upright, where most text of the picture runs up or down. */
static int look_upright(struct search *search, const char *name, const struct view *view,
                        const struct detect_params *params, struct look_seen *seen, se_error *err)
{
    struct image turned;
    struct view upright;
    if (search->merge.quarter == 0)
        return look_at(search, name, view, params, seen, err);
    FORWARD_IF_ERROR(turn_view(view, search->merge.quarter, &turned, &upright, err));
    const int status = look_at(search, name, &upright, params, seen, err);
    image_free(&turned);
    return status;
}

/* In a picture that lies on its side the detector finds less: characters that stand apart are one
 * box each, small ones none. Once the fast look has shown that, all looks set it upright, and the
 * fast one is taken again, with what it sees in place of what it saw. */
static int set_upright(struct search *search, const struct detect_params *params,
                       struct look_seen *seen, se_error *err)
{
    if (search_is_over(search) || merge_is_plausible(&search->merge) ||
        !may_look(search, LOOK_TURN) || search->reader->values.rotation_count == 0)
        return SE_OK;
    search->merge.quarter = merge_quarter_turn(&search->merge);
    if (search->merge.quarter == 0)
        return SE_OK;
    const char *name = search->merge.quarter < 180 ? "turn 90" : "turn 270";
    return look_upright(search, name, &search->picture.base, params, seen, err);
}

/* Enlarges `area`, whose lowest text is `low` pixels high (0: unknown); `scale` is that of the look
 * that saw it. Nothing is done where that would show no more. */
static int closer_look(struct search *search, struct rect area, float low, float scale,
                       se_error *err)
{
    const float upscale = (float)search->reader->values.upscale_scale;
    const float side = (float)(area.width > area.height ? area.width : area.height);
    const float text = low > 0 ? CLOSER_TEXT / low : INFINITY;
    const float most = fminf(CLOSER_MOST * scale, upscale);
    const float wanted = fminf(fminf(text, most), CLOSER_SIDE / side);
    if (wanted < CLOSER_LEAST * scale)
        return SE_OK;
    struct detect_params params = detect_defaults;
    params.max_side = params.enlarge_to = (int)fmaxf(1, wanted * side);
    params.max_upscale = upscale;
    struct image window;
    struct view view;
    FORWARD_IF_ERROR(picture_sharp(&search->picture, area, &window, &view, err));
    return look_upright(search, "closer", &view, &params, NULL, err);
}

/* Enlarges areas with text; `scale` is that of the look that saw them. */
static int closer_looks(struct search *search, const struct look_seen *seen, float scale,
                        se_error *err)
{
    const int most = may_look(search, LOOK_CLOSER) ? search->reader->values.roi_top_k : 0;
    struct closer_region regions[CLOSER_MAX_REGIONS];
    int count =
        closer_regions(&search->merge, seen->areas, seen->count, LOW_TEXT / scale, most, regions);
    if (count == 0 && search->merge.line_count == 0 && most > 0)
        regions[count++] =
            (struct closer_region){.area = {0, 0, search->picture.width, search->picture.height}};
    for (int i = 0; i < count && !search_is_over(search); i++)
        FORWARD_IF_ERROR(closer_look(search, regions[i].area, regions[i].low, scale, err));
    return SE_OK;
}

/* Height of lines in pixels of the upright picture. */
static bool any_line_lower(const struct merge *merge, float height)
{
    for (size_t i = 0; i < merge->line_count; i++)
        if (picture_line_height(&merge->lines[i].quad) < height)
            return true;
    return false;
}

/* Looks at the whole picture again, at higher resolutions, each one only where it shows enough more
 * than the one before, then closer at what they saw; `scale` is that of the fast look. Pixels are
 * enlarged only where some text is low. */
static int larger_looks(struct search *search, float scale, se_error *err)
{
    static const char *const names[] = {"middle", "full"};
    struct detect_params params[] = {params_of_side(LINES_SIDE), full_params(search)};
    struct look_seen seen;
    const float fast = scale;
    bool any = false;
    for (int i = 0; i < 2; i++) {
        if (!any_line_lower(&search->merge, ENLARGED_TEXT / fast))
            params[i].max_upscale = 1;
        const float next = scale_of(search, &params[i]);
        if (next < LARGER_LEAST * scale || !may_look(search, i ? LOOK_FULL : LOOK_MIDDLE))
            continue;
        /* The larger input takes their room. */
        picture_forget_sharp(&search->picture);
        nn_exec_shrink(search->slot->detector, KEPT_BYTES);
        FORWARD_IF_ERROR(
            look_upright(search, names[i], &search->picture.base, &params[i], &seen, err));
        if (search_is_over(search) || merge_is_plausible(&search->merge))
            return SE_OK;
        scale = next;
        any = true;
    }
    return any ? closer_looks(search, &seen, scale, err) : SE_OK;
}

/* The base picture as small as the detector needs it, also when it is turned; *out is `base` itself
 * where that is no larger. `reduced` is freed by the caller. */
static int reduce_base(const struct view *base, int side, struct image *reduced, struct view *out,
                       se_error *err)
{
    const struct image *image = base->image;
    const int longer = image->width > image->height ? image->width : image->height;
    *out = *base;
    if (longer <= TURNED_DETAIL * side)
        return SE_OK;
    const float scale = (float)(TURNED_DETAIL * side) / (float)longer;
    const int width = (int)fmaxf(1, roundf((float)image->width * scale));
    const int height = (int)fmaxf(1, roundf((float)image->height * scale));
    FORWARD_IF_ERROR(image_create(reduced, width, height, image->channels, err));
    FORWARD_IF_ERROR(img_resize(image, reduced, err));
    const struct placement inner = placement_of_scale((float)image->width / (float)width,
                                                      (float)image->height / (float)height, 0, 0);
    *out = (struct view){reduced, placement_join(&base->place, &inner)};
    return SE_OK;
}

static int turned_look(struct search *search, const struct view *view, float degrees,
                       const struct detect_params *params, se_error *err)
{
    struct image turned;
    struct view whole;
    FORWARD_IF_ERROR(turn_view(view, degrees, &turned, &whole, err));
    const char *name = arena_printf(&search->result->arena, "turn %g", (double)degrees);
    const int status =
        name ? look_at_turned(search, name, &whole, params, err) : search_out_of_arena(search, err);
    image_free(&turned);
    return status;
}

static int turned_looks(struct search *search, const struct detect_params *params, se_error *err)
{
    const struct settings_values *values = &search->reader->values;
    const int count = may_look(search, LOOK_TURN) ? values->rotation_count : 0;
    struct image reduced = {0};
    struct view view;
    int status = reduce_base(&search->picture.base, params->max_side, &reduced, &view, err);
    for (int i = 0; i < count && status == SE_OK && !search_is_over(search); i++) {
        const float degrees = (float)values->try_rotations[i];
        /* 0: the looks before; so is the quarter by which they were set upright. */
        if (fmodf(degrees, 360) != 0 && degrees != search->merge.quarter)
            status = turned_look(search, &view, degrees, params, err);
    }
    image_free(&reduced);
    return status;
}

/* ---- their order ---------------------------------------------------------------------------- */

/* All text was asked for: everything that finds more of it, nothing that ends early. */
static int all_lines(struct search *search, enum setting_preset preset, se_error *err)
{
    const int side = search->reader->values.detect_side;
    const struct detect_params params = params_of_side(side > LINES_SIDE ? side : LINES_SIDE);
    struct look_seen seen = {.count = 0};
    FORWARD_IF_ERROR(look_at(search, "fast", &search->picture.base, &params, NULL, err));
    FORWARD_IF_ERROR(set_upright(search, &params, NULL, err));
    const struct detect_params full = full_params(search);
    if (may_look(search, LOOK_FULL))
        FORWARD_IF_ERROR(look_upright(search, "full", &search->picture.base, &full, &seen, err));
    if (!search_is_over(search))
        FORWARD_IF_ERROR(closer_looks(search, &seen, scale_of(search, &full), err));
    FORWARD_IF_ERROR(treated_votes(search, preset, 0, err));
    if (!search_is_over(search) && preset != PRESET_AUTO)
        FORWARD_IF_ERROR(treated_looks(search, preset, &params, err));
    return search_is_over(search) || !merge_text_was_unclear(&search->merge)
               ? SE_OK
               : turned_looks(search, &params, err);
}

/* A barcode ends the search before it has begun only when it is sure: text beside it that says the
 * same adds much to one that is not. */
static int barcode_look(struct search *search, bool *over, se_error *err)
{
    *over = false;
    if (search->merge.barcode_count == 0 || !may_look(search, LOOK_BARCODE))
        return SE_OK;
    FORWARD_IF_ERROR(merge_add(&search->merge, NULL, 0, err));
    const double max_error = search->reader->values.max_error;
    *over = merge_is_answered(&search->merge) &&
            ser_status_of(search->merge.found.readings, max_error) == SER_SURE;
    if (*over)
        search->result->looks[search->result->look_count++] = "barcode";
    return SE_OK;
}

static int escalating_looks(struct search *search, enum setting_preset preset, se_error *err)
{
    bool over;
    FORWARD_IF_ERROR(barcode_look(search, &over, err));
    if (over)
        return SE_OK;
    const struct detect_params params = params_of_side(search->reader->values.detect_side);
    const float scale = scale_of(search, &params);
    struct look_seen seen;
    FORWARD_IF_ERROR(look_at(search, "fast", &search->picture.base, &params, &seen, err));
    FORWARD_IF_ERROR(treated_votes(search, preset, 1, err));
    FORWARD_IF_ERROR(set_upright(search, &params, &seen, err));
    if (!search_is_over(search))
        FORWARD_IF_ERROR(closer_looks(search, &seen, scale, err));
    if (!search_is_over(search) && preset != PRESET_AUTO)
        FORWARD_IF_ERROR(treated_looks(search, preset, &params, err));
    if (!search_is_over(search) &&
        (search->merge.quarter != 0 || !merge_is_settled(&search->merge)))
        FORWARD_IF_ERROR(larger_looks(search, scale, err));
    if (!search_is_over(search) && preset == PRESET_AUTO && !merge_is_plausible(&search->merge) &&
        search->reader->values.profile == PROFILE_GPU)
        FORWARD_IF_ERROR(treated_looks(search, preset, &params, err));
    if (!search_is_over(search) && !merge_is_plausible(&search->merge) &&
        merge_text_was_unclear(&search->merge))
        FORWARD_IF_ERROR(turned_looks(search, &params, err));
    return treated_votes(search, preset, VOTED_READINGS, err);
}

/* A box is wider than its text by design, and so may reach beyond the picture. */
static void clip_quads(struct se_result *result)
{
    for (size_t i = 0; i < result->reading_count; i++)
        convert_clip_quad(&result->readings[i].quad, result->width, result->height);
    for (size_t i = 0; i < result->line_count; i++)
        convert_clip_quad(&result->lines[i].quad, result->width, result->height);
}

static int fill_result(struct search *search, const struct pipeline_input *input, se_error *err)
{
    struct se_result *result = search->result;
    const struct merge *merge = &search->merge;
    result->readings =
        convert_readings(&merge->found, search->reader->values.max_error, &result->arena);
    result->reading_count = result->readings ? merge->found.count : 0;
    bool failed = !result->readings;
    result->found = merge->found;
    result->with_evidence = input->explain;
    if (input->lines) {
        result->with_lines = true;
        result->lines = convert_result_lines(merge->lines, merge->line_count, &result->line_count,
                                             &result->arena);
        failed |= !result->lines;
    }
    if (failed)
        return se_fail_memory(err, "a result", result->arena.max);
    clip_quads(result);
    return SE_OK;
}

/* What lies between the open picture and the filled result. */
static int search_picture(struct search *search, const struct pipeline_input *input, se_error *err)
{
    struct se_result *result = search->result;
    result->width = (uint32_t)search->picture.width;
    result->height = (uint32_t)search->picture.height;
    struct ser_barcode *barcodes = NULL;
    size_t barcode_count = 0;
    search->tried = arena_alloc(&search->arena, SEARCH_MAX_TRIED, sizeof(*search->tried));
    if (!search->tried)
        return search_out_of_arena(search, err);
    if (search->reader->values.barcodes)
        FORWARD_IF_ERROR(find_barcodes(search, &barcodes, &barcode_count, err));
    merge_init(&search->merge, &search->arena, &result->arena, barcodes, barcode_count,
               search->picture.width, search->picture.height);
    search->merge.formats = search->reader->formats.rows;
    search->merge.format_count = search->reader->formats.count;
    search->merge.pattern = input->pattern;
    search->merge.known = input->known;
    search->merge.strips = input->strips;
    FORWARD_IF_ERROR(input->lines ? all_lines(search, input->preset, err)
                                  : escalating_looks(search, input->preset, err));
    if (!input->lines)
        FORWARD_IF_ERROR(reread_answers(search, err));
    FORWARD_IF_ERROR(merge_finish(&search->merge, err));
    return fill_result(search, input, err);
}

int pipeline_read(const struct se_reader *reader, struct slot *slot,
                  const struct pipeline_input *input, const struct budget *budget,
                  struct se_result *result, se_error *err)
{
    const struct settings_values *values = &reader->values;
    const struct img_limits limits = {(uint64_t)values->max_pixels, (uint32_t)values->max_side};
    const int side = values->detect_side > BASE_SIDE ? values->detect_side : BASE_SIDE;
    struct search search = {
        .reader = reader,
        .slot = slot,
        .budget = budget,
        .result = result,
        .all_lines = input->lines,
    };
    FORWARD_IF_ERROR(budget_check_cancel(budget, err));
    arena_init(&search.arena, WORK_MAX_BYTES);
    int status = picture_open(&search.picture, input->bytes, input->size, input->pixels, &limits,
                              side, budget, err);
    if (status == SE_OK)
        status = search_picture(&search, input, err);
    picture_close(&search.picture);
    arena_free(&search.arena);
    nn_exec_shrink(slot->detector, KEPT_BYTES);
    nn_exec_shrink(slot->recognizer, KEPT_BYTES);
    return status;
}
