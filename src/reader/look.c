#include "reader/look.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/stage.h"
#include "image/ops.h"
#include "ocr/recognize.h"

/* Height of the text that treatments of whole views are made for, in the detector's input. */
static const float TREATED_TEXT = 24;

/* Lines lower than this in the base picture are read from full resolution. */
static const float SHARP_TEXT_HEIGHT = 36;

/*
 * Up to how many times as long as high the lines of each round are. Over labels, engravings and
 * plates a serial number alone is 3 to 10 times as long as high, with its anchor up to 16, at the
 * end of an engraved line up to 30; what is longer is mostly prose, and costs most to read.
 */
static const float ROUND_LENGTH[] = {8, 12, 17, 32, INFINITY};
enum {
    ROUND_COUNT = sizeof(ROUND_LENGTH) / sizeof(ROUND_LENGTH[0]),
    ALIKE,  /* lines that look like one that holds the answer */
    TO_TURN /* lines that were read badly as they lie, where others told that this is the way up */
};
/* A round of less work than this, in line heights, goes with the next one. */
static const float ROUND_WORK = 12;
/* Lines whose height and shape differ by less than this factor look like one another. */
static const float LIKE_HEIGHT = 1.3F, LIKE_SHAPE = 1.25F;

/* The boxes of a look in the order in which they are read. */
struct plan_line {
    struct quad quad; /* in pixels of the view */
    struct quad upright;
    float height, shape;   /* in pixels of the view; length over height */
    int round;             /* ROUND_COUNT: read already */
    struct text_line read; /* TO_TURN: what it says as it lies */
};

struct look_plan {
    struct plan_line *lines;
    size_t count;
    enum img_treatment treatment;
    bool turned; /* lines are read from the base picture */
};

int search_out_of_arena(const struct search *search, se_error *err)
{
    return se_fail_memory(err, "the lines of a picture", search->arena.max);
}

bool search_is_over(const struct search *search)
{
    return search->result->limited_by_time ||
           (!search->all_lines && merge_is_convincing(&search->merge));
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Length of lines in heights, all together: what reading them costs. */
static double squares_of(const struct quad *quads, int count)
{
    double squares = 0;
    for (int i = 0; i < count; i++)
        squares +=
            (double)(picture_line_length(&quads[i]) / fmaxf(picture_line_height(&quads[i]), 1));
    return fmax(squares, 1);
}

int search_read(struct search *search, const struct view *view, const struct quad *quads, int count,
                const enum img_treatment *treatments, struct text_line *lines, se_error *err)
{
    const struct settings_values *values = &search->reader->values;
    const int64_t start = clock_now_ns();
    struct recognize_params params = recognize_defaults;
    params.treatments = treatments;
    params.batch_size = values->batch_size;
    params.parallel_crops = values->parallel_preprocessing;
    params.pool = search->slot->pool;
    params.turn_later = search->turn_later;
    params.as_they_lie = search->as_they_lie;
    params.known = search->known;
    int done = 0;
    FORWARD_IF_ERROR(ocr_recognize(search->reader->recognizer, search->slot->recognizer,
                                   view->image, quads, count, &params, search->budget,
                                   &search->arena, lines, &done, err));
    if (done < count)
        search->result->limited_by_time = true;
    else if (count > 0)
        search->read_ns = (double)(clock_now_ns() - start) / squares_of(quads, count);
    for (int i = 0; i < count; i++)
        lines[i].quad = placement_quad(&view->place, &lines[i].quad);
    return SE_OK;
}

int search_read_sharp(struct search *search, struct rect area, struct quad *quads, int count,
                      const enum img_treatment *treatments, struct text_line *lines, se_error *err)
{
    struct image window;
    struct view view;
    FORWARD_IF_ERROR(picture_sharp(&search->picture, area, &window, &view, err));
    const struct placement to_view = placement_of_scale(1, 1, -view.place.m[2], -view.place.m[5]);
    for (int i = 0; i < count; i++)
        quads[i] = placement_quad(&to_view, &quads[i]);
    return search_read(search, &view, quads, count, treatments, lines, err);
}

bool search_wants_sharp(const struct search *search, const struct quad *line)
{
    const struct picture *picture = &search->picture;
    if (picture->base_scale >= 1)
        return false;
    const struct rect area = picture_rect_round(picture, line, 1);
    return area.width > 0 && area.height > 0 &&
           picture_line_height(line) * picture->base_scale < SHARP_TEXT_HEIGHT;
}

/* Does full resolution show more of the line than `view` does? A view at full resolution is read
 * itself: another rectangle would take its place (picture_sharp). */
static bool is_read_sharp(const struct search *search, const struct view *view,
                          const struct plan_line *line)
{
    return view->place.m[0] > 1 && search_wants_sharp(search, &line->upright);
}

/* The smallest rectangle round all lines of the look that are read from full resolution: it is
 * decoded once, whatever the rounds. */
static struct rect sharp_area(const struct search *search, const struct view *view,
                              const struct look_plan *plan, struct quad *scratch)
{
    int count = 0;
    for (size_t i = 0; i < plan->count; i++)
        if (is_read_sharp(search, view, &plan->lines[i]))
            scratch[count++] = plan->lines[i].upright;
    return picture_rect_round(&search->picture, scratch, count);
}

/* The treatment of each line of a look at treated pixels; NULL: none. */
static int same_for_all(struct search *search, const struct look_plan *plan,
                        const enum img_treatment **out, se_error *err)
{
    *out = NULL;
    if (plan->treatment == IMG_PLAIN)
        return SE_OK;
    enum img_treatment *all = arena_alloc(&search->arena, plan->count, sizeof(*all));
    if (!all)
        return search_out_of_arena(search, err);
    for (size_t i = 0; i < plan->count; i++)
        all[i] = plan->treatment;
    *out = all;
    return SE_OK;
}

/* Reads `coarse` lines at the front of `quads` from the view and `sharp` ones at its back from full
 * resolution. `known`: what they read as they lie, in the places of `quads`; or NULL. */
static int read_both(struct search *search, const struct view *view, const struct look_plan *plan,
                     struct rect area, struct quad *quads, size_t coarse, size_t sharp,
                     const struct text_line *known, struct text_line *read, se_error *err)
{
    const enum img_treatment *treatments;
    FORWARD_IF_ERROR(same_for_all(search, plan, &treatments, err));
    search->known = known;
    if (coarse > 0)
        FORWARD_IF_ERROR(search_read(search, view, quads, (int)coarse, treatments, read, err));
    search->known = known ? known + plan->count - sharp : NULL;
    if (sharp > 0)
        FORWARD_IF_ERROR(search_read_sharp(search, area, quads + plan->count - sharp, (int)sharp,
                                           treatments, read + coarse, err));
    return SE_OK;
}

/* Reads the lines of one round and merges them. Those that are still to be turned then wait for
 * the last round, TO_TURN; that one turns them. */
static int read_round(struct search *search, const struct view *view, struct look_plan *plan,
                      int round, se_error *err)
{
    struct quad *quads = arena_alloc(&search->arena, plan->count, sizeof(*quads));
    struct text_line *read = arena_alloc(&search->arena, plan->count, sizeof(*read));
    struct plan_line **planned =
        arena_alloc(&search->arena, plan->count, sizeof(struct plan_line *));
    struct text_line *known =
        round == TO_TURN ? arena_alloc(&search->arena, plan->count, sizeof(*known)) : NULL;
    if (!quads || !read || !planned || (round == TO_TURN && !known))
        return search_out_of_arena(search, err);
    const struct rect area = sharp_area(search, view, plan, quads);
    /* The coarse ones fill from the front, the sharp ones from the back. */
    size_t coarse = 0, sharp = 0;
    for (size_t i = 0; i < plan->count; i++) {
        struct plan_line *line = &plan->lines[i];
        if (line->round != round)
            continue;
        const bool from_sharp = is_read_sharp(search, view, line);
        const size_t at = from_sharp ? plan->count - ++sharp : coarse++;
        quads[at] = from_sharp ? line->upright : line->quad;
        planned[at] = line;
        if (known)
            known[at] = line->read;
        line->round = ROUND_COUNT;
        if (plan->treatment == IMG_PLAIN && search->tried_count < SEARCH_MAX_TRIED)
            search->tried[search->tried_count++] = line->upright;
    }
    search->turn_later = !search->all_lines && round != TO_TURN;
    const int status = read_both(search, view, plan, area, quads, coarse, sharp, known, read, err);
    search->turn_later = false;
    search->known = NULL;
    FORWARD_IF_ERROR(status);
    for (size_t i = 0; i < coarse + sharp; i++) {
        struct plan_line *line = planned[i < coarse ? i : plan->count - sharp + i - coarse];
        if (read[i].unturned) {
            line->round = TO_TURN;
            line->read = read[i];
        }
    }
    const int64_t start = clock_now_ns();
    FORWARD_IF_ERROR(merge_add(&search->merge, read, coarse + sharp, err));
    stage_add(search->budget, STAGE_SERIAL, start, 0, 0);
    return SE_OK;
}

/* ---- which lines when ----------------------------------------------------------------------- */

/* Has the box been read in an earlier look? All looks read from the sharpest pixels there are, so
 * the same cut brings the same text; but the best reading deserves another try. */
static bool was_tried(const struct search *search, const struct quad *quad)
{
    for (size_t i = 0; i < search->tried_count; i++)
        if (merge_is_same_cut(&search->tried[i], quad))
            return !merge_holds_answer(&search->merge, quad);
    return false;
}

/* From upright pixels to those of the base picture. */
static struct quad quad_in_base(const struct search *search, const struct quad *upright)
{
    const struct placement *place = &search->picture.base.place;
    const struct placement to_base = placement_of_scale(1 / place->m[0], 1 / place->m[4], 0, 0);
    return placement_quad(&to_base, upright);
}

/* Leaves out the boxes that earlier looks have read, well or from the same cut. */
static int plan_lines(struct search *search, const struct view *view,
                      const struct text_boxes *boxes, struct look_plan *plan, se_error *err)
{
    plan->lines = arena_alloc(&search->arena, (size_t)boxes->count, sizeof(*plan->lines));
    plan->count = 0;
    if (!plan->lines)
        return search_out_of_arena(search, err);
    for (int i = 0; i < boxes->count; i++) {
        struct plan_line *line = &plan->lines[plan->count];
        line->quad = boxes->items[i].quad;
        line->upright = placement_quad(&view->place, &line->quad);
        if (plan->turned)
            line->quad = quad_in_base(search, &line->upright);
        if (merge_is_well_read(&search->merge, &line->upright) ||
            (plan->treatment == IMG_PLAIN && was_tried(search, &line->upright)))
            continue;
        line->height = picture_line_height(&line->quad);
        line->shape = picture_line_length(&line->quad) / fmaxf(line->height, 1);
        line->round = 0;
        plan->count++;
    }
    return SE_OK;
}

/* Shares the lines out to rounds: one round when all text is wanted. */
static void plan_rounds(const struct search *search, struct look_plan *plan)
{
    float work[ROUND_COUNT] = {0};
    int into[ROUND_COUNT];
    for (size_t i = 0; i < plan->count && !search->all_lines; i++) {
        struct plan_line *line = &plan->lines[i];
        while (line->shape > ROUND_LENGTH[line->round])
            line->round++;
        work[line->round] += line->shape;
    }
    float gathered = 0;
    for (int from = 0, round = 0; round < ROUND_COUNT; round++) {
        gathered += work[round];
        if (gathered < ROUND_WORK && round + 1 < ROUND_COUNT)
            continue;
        for (; from <= round; from++)
            into[from] = round;
        gathered = 0;
    }
    for (size_t i = 0; i < plan->count; i++)
        plan->lines[i].round = into[plan->lines[i].round];
}

static bool within(float a, float b, float factor)
{
    return a <= b * factor && b <= a * factor;
}

/* Picks the unread lines that look like one that holds the answer: labels of several devices in a
 * picture are alike. Returns how many. */
static int plan_alike(const struct search *search, struct look_plan *plan, int round)
{
    int count = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_line *held = &plan->lines[i];
        if (held->round != ROUND_COUNT || !merge_holds_answer(&search->merge, &held->upright))
            continue;
        for (size_t k = 0; k < plan->count; k++) {
            struct plan_line *line = &plan->lines[k];
            if (line->round < ROUND_COUNT && line->round != round &&
                within(line->height, held->height, LIKE_HEIGHT) &&
                within(line->shape, held->shape, LIKE_SHAPE)) {
                line->round = round;
                count++;
            }
        }
    }
    return count;
}

static bool has_round(const struct look_plan *plan, int round)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->lines[i].round == round)
            return true;
    return false;
}

/* An answer ends the look early when no line that looks like it brings a second one. */
static int read_by_rounds(struct search *search, const struct view *view, struct look_plan *plan,
                          se_error *err)
{
    for (int round = 0; round < ROUND_COUNT; round++) {
        if (!has_round(plan, round))
            continue;
        FORWARD_IF_ERROR(read_round(search, view, plan, round, err));
        if (search->result->limited_by_time)
            return SE_OK;
        if (search->all_lines || !merge_is_answered(&search->merge))
            continue;
        if (plan_alike(search, plan, ALIKE) > 0)
            FORWARD_IF_ERROR(read_round(search, view, plan, ALIKE, err));
        if (merge_is_answered(&search->merge))
            return SE_OK;
    }
    return has_round(plan, TO_TURN) ? read_round(search, view, plan, TO_TURN, err) : SE_OK;
}

static void note_areas(const struct search *search, const struct view *view,
                       const struct text_boxes *boxes, struct look_seen *seen)
{
    seen->count = 0;
    for (int i = 0; i < boxes->area_count; i++) {
        const struct rect r = boxes->areas[i];
        const float left = (float)r.x, top = (float)r.y;
        const float right = left + (float)r.width, bottom = top + (float)r.height;
        const struct quad inner = {{{left, top}, {right, top}, {right, bottom}, {left, bottom}}};
        const struct quad quad = placement_quad(&view->place, &inner);
        /* Of a view that is turned by a quarter other corners are the first and the last. */
        const struct point a = quad.p[0], b = quad.p[2];
        const struct point first = {fminf(a.x, b.x), fminf(a.y, b.y)};
        const struct point last = {fmaxf(a.x, b.x), fmaxf(a.y, b.y)};
        seen->areas[seen->count++] = picture_rect_of(&search->picture, first, last);
    }
}

/* Input of the detector for a view, in pixels. */
static double input_pixels(const struct view *view, const struct detect_params *params)
{
    int width, height;
    float scale_x, scale_y;
    detect_input_size(params, view->image->width, view->image->height, &width, &height, &scale_x,
                      &scale_y);
    return (double)width * height;
}

/* Is there no time left for work that takes so long? */
static bool is_too_late(const struct search *search, double ns)
{
    const struct budget *budget = search->budget;
    if (!budget || budget->deadline_ns == 0)
        return false;
    return (double)(budget->deadline_ns - clock_now_ns()) <= ns;
}

/* Notes a look in the result; a treatment once, though it reads lines again and finds others. */
static void note_look(const struct search *search, const char *name, enum img_treatment treatment)
{
    struct se_result *result = search->result;
    for (size_t i = 0; treatment != IMG_PLAIN && i < result->look_count; i++)
        if (result->looks[i] == name)
            return;
    if (result->look_count < RESULT_MAX_LOOKS)
        result->looks[result->look_count++] = name;
}

/* Boxes in a view that is shown to the detector as it is, or treated at the detector's scale. */
static int detect_in(struct search *search, const struct view *view,
                     const struct detect_params *params, enum img_treatment treatment,
                     struct text_boxes *boxes, se_error *err)
{
    struct nn_exec *const detector = search->slot->detector;
    struct detect_params own = *params;
    if (search->reader->values.parallel_preprocessing)
        own.pool = search->slot->pool;
    if (treatment == IMG_PLAIN)
        return ocr_detect(detector, view->image, &own, search->budget, boxes, err);
    int width, height;
    float scale_x, scale_y;
    detect_input_size(params, view->image->width, view->image->height, &width, &height, &scale_x,
                      &scale_y);
    struct image treated;
    FORWARD_IF_ERROR(image_create(&treated, width, height, view->image->channels, err));
    int status = img_resize(view->image, &treated, err);
    if (status == SE_OK)
        status = img_treat(&treated, treatment, TREATED_TEXT, err);
    if (status == SE_OK)
        status = ocr_detect(detector, &treated, &own, search->budget, boxes, err);
    image_free(&treated);
    FORWARD_IF_ERROR(status);
    const struct placement back = placement_of_scale(1 / scale_x, 1 / scale_y, 0, 0);
    for (int i = 0; i < boxes->count; i++)
        boxes->items[i].quad = placement_quad(&back, &boxes->items[i].quad);
    boxes->area_count = 0; /* of the treated picture: nobody asks for them */
    return SE_OK;
}

/* `plan` says how the look is taken; it is filled on the way. */
static int take_look(struct search *search, const char *name, const struct view *view,
                     const struct detect_params *params, struct look_plan *plan,
                     struct look_seen *seen, se_error *err)
{
    FORWARD_IF_ERROR(budget_check_cancel(search->budget, err));
    const double pixels = input_pixels(view, params);
    if (is_too_late(search, search->detect_ns * pixels)) {
        search->result->limited_by_time = true;
        return SE_OK;
    }
    struct text_boxes boxes;
    const int64_t start = clock_now_ns();
    FORWARD_IF_ERROR(detect_in(search, view, params, plan->treatment, &boxes, err));
    search->detect_ns = (double)(clock_now_ns() - start) / pixels;
    note_look(search, name, plan->treatment);
    if (seen)
        note_areas(search, view, &boxes, seen);
    const int status = plan_lines(search, view, &boxes, plan, err);
    text_boxes_free(&boxes);
    FORWARD_IF_ERROR(status);
    plan_rounds(search, plan);
    return read_by_rounds(search, plan->turned ? &search->picture.base : view, plan, err);
}

int look_at(struct search *search, const char *name, const struct view *view,
            const struct detect_params *params, struct look_seen *seen, se_error *err)
{
    if (seen)
        seen->count = 0;
    struct look_plan plan = {.treatment = IMG_PLAIN};
    return take_look(search, name, view, params, &plan, seen, err);
}

int look_at_turned(struct search *search, const char *name, const struct view *view,
                   const struct detect_params *params, se_error *err)
{
    struct look_plan plan = {.treatment = IMG_PLAIN, .turned = true};
    return take_look(search, name, view, params, &plan, NULL, err);
}

int look_at_treated(struct search *search, const struct view *view,
                    const struct detect_params *params, enum img_treatment treatment, se_error *err)
{
    struct look_plan plan = {.treatment = treatment};
    return take_look(search, img_treatment_names[treatment], view, params, &plan, NULL, err);
}

/* What is read again, each line once a treatment, sorted by where its pixels come from: from the
 * base picture (quads in its pixels) at the front, from full resolution (upright pixels) at the
 * back. */
struct again {
    struct quad *quads;             /* [count] */
    enum img_treatment *treatments; /* [count] */
    struct text_line *read;         /* [count] */
    int *at; /* [count] where reading i is: line by line for each treatment */
    int coarse, sharp, count;
};

static int plan_again(struct search *search, const struct quad *quads, int count,
                      const enum img_treatment *treatments, int treatment_count,
                      struct again *again, se_error *err)
{
    const size_t room = (size_t)count * (size_t)treatment_count;
    *again = (struct again){
        .quads = arena_alloc(&search->arena, room, sizeof(*again->quads)),
        .treatments = arena_alloc(&search->arena, room, sizeof(*again->treatments)),
        .read = arena_alloc(&search->arena, room, sizeof(*again->read)),
        .at = arena_alloc(&search->arena, room, sizeof(*again->at)),
        .count = (int)room,
    };
    if (!again->quads || !again->treatments || !again->read || !again->at)
        return search_out_of_arena(search, err);
    for (int i = 0; i < again->count; i++) {
        const struct quad *quad = &quads[i % count];
        const bool sharp = search_wants_sharp(search, quad);
        const int at = sharp ? again->count - ++again->sharp : again->coarse++;
        again->quads[at] = sharp ? *quad : quad_in_base(search, quad);
        again->treatments[at] = treatments[i / count];
        again->at[i] = at;
    }
    return SE_OK;
}

static int read_again(struct search *search, const struct again *again, se_error *err)
{
    const int first = again->count - again->sharp;
    const struct rect area =
        picture_rect_round(&search->picture, again->quads + first, again->sharp);
    if (again->coarse > 0)
        FORWARD_IF_ERROR(search_read(search, &search->picture.base, again->quads, again->coarse,
                                     again->treatments, again->read, err));
    if (again->sharp == 0)
        return SE_OK;
    return search_read_sharp(search, area, again->quads + first, again->sharp,
                             again->treatments + first, again->read + first, err);
}

int look_again(struct search *search, const struct quad *quads, int count,
               const enum img_treatment *treatments, int treatment_count, se_error *err)
{
    FORWARD_IF_ERROR(budget_check_cancel(search->budget, err));
    if (is_too_late(search, search->read_ns * squares_of(quads, count) * treatment_count)) {
        search->result->limited_by_time = true;
        return SE_OK;
    }
    struct again again;
    FORWARD_IF_ERROR(plan_again(search, quads, count, treatments, treatment_count, &again, err));
    for (int i = 0; i < treatment_count; i++)
        note_look(search, img_treatment_names[treatments[i]], treatments[i]);
    FORWARD_IF_ERROR(read_again(search, &again, err));
    /* Those that cannot be joined with what was read before. */
    size_t apart = 0;
    struct text_line *others = arena_alloc(&search->arena, (size_t)again.count, sizeof(*others));
    if (!others)
        return search_out_of_arena(search, err);
    for (int i = 0; i < again.count; i++) {
        const struct text_line *read = &again.read[again.at[i]];
        struct text_line *line = merge_line_at(&search->merge, &quads[i % count]);
        bool taken = false;
        if (line)
            FORWARD_IF_ERROR(
                ocr_combine(search->reader->recognizer, line, read, &search->arena, &taken, err));
        if (!taken)
            others[apart++] = *read;
    }
    return merge_add(&search->merge, others, apart, err);
}
