#include "reader/merge.h"

#include <math.h>
#include <string.h>

#include "ocr/reading_order.h"
#include "reader/convert.h"
#include "serial/evidence.h"

/* A reading whose plain score is above this ends the search: over photographs no look beyond it
 * changed the first reading. */
static const double CONVINCING_SCORE = 0.8;
/* So does one whose calibrated score is above this. */
static const float CALIBRATED_SCORE = 0.95F;
/* Of what nothing announces, one above this. */
static const float BARE_SCORE = 0.998F;
/* A second reading of a device above this: there are several, or doubt which one it is. */
static const double RIVAL_SCORE = 0.3;
/* Lines whose mean character probability is below this count as unclear. */
static const float CLEAR_LINE_SCORE = 0.8F;
/* A line whose mean is above this needs no second reading. */
static const float WELL_READ_SCORE = 0.95F;
/* So much of a box must lie in a well-read line for that line to stand for it. */
static const float WELL_READ_COVER = 0.8F;
/* Boxes whose common area is this much of their joint area cut out the same. */
static const float SAME_CUT = 0.85F;
/* Two lines that share this much of the smaller one's area stand at the same place. */
static const float SAME_PLACE = 0.5F;

/* Lines so many times as long as high have a direction; their middles are so many heights of the
 * higher one apart, across it, when they are two rows. */
static const float LONG_LINE = 2, ROW_OFFSET = 0.4F;

/* A line is one of a picture that lies on its side when it is at least so steep; and so many
 * characters tell it. */
static const float STEEP = 1.7F;
enum { TURNED_LEAST = 8 };

void merge_init(struct merge *merge, struct arena *work, struct arena *readings,
                const struct ser_barcode *barcodes, size_t barcode_count, int width, int height)
{
    *merge = (struct merge){.barcodes = barcodes,
                            .barcode_count = barcode_count,
                            .width = width,
                            .height = height,
                            .work = work,
                            .readings = readings};
}

static float polygon_area(const struct point *p, int count)
{
    float sum = 0;
    for (int i = 0; i < count; i++) {
        const struct point a = p[i], b = p[(i + 1) % count];
        sum += a.x * b.y - b.x * a.y;
    }
    return fabsf(sum) / 2;
}

/* Area common to two convex quads (Sutherland and Hodgman 1974); both clockwise. */
static float common_area(const struct quad *a, const struct quad *b)
{
    struct point now[24], next[24]; /* a clipped polygon grows by half at most: 4, 6, 9, 13, 19 */
    int count = 4;
    memcpy(now, a->p, sizeof(a->p));
    for (int edge = 0; edge < 4 && count > 0; edge++) {
        const struct point from = b->p[edge], to = b->p[(edge + 1) % 4];
        int kept = 0;
        for (int i = 0; i < count; i++) {
            const struct point p = now[i], q = now[(i + 1) % count];
            const float dp = (to.x - from.x) * (p.y - from.y) - (to.y - from.y) * (p.x - from.x);
            const float dq = (to.x - from.x) * (q.y - from.y) - (to.y - from.y) * (q.x - from.x);
            if (dp >= 0)
                next[kept++] = p;
            if ((dp >= 0) != (dq >= 0)) {
                const float t = dp / (dp - dq);
                next[kept++] = (struct point){p.x + t * (q.x - p.x), p.y + t * (q.y - p.y)};
            }
        }
        count = kept;
        memcpy(now, next, (size_t)count * sizeof(*now));
    }
    return count >= 3 ? polygon_area(now, count) : 0;
}

/* Cheap answer for most pairs: do the bounding boxes miss each other? */
static bool far_apart(const struct quad *a, const struct quad *b)
{
    float low[2][2], high[2][2];
    for (int which = 0; which < 2; which++) {
        const struct point *p = which ? b->p : a->p;
        low[which][0] = fminf(fminf(p[0].x, p[1].x), fminf(p[2].x, p[3].x));
        low[which][1] = fminf(fminf(p[0].y, p[1].y), fminf(p[2].y, p[3].y));
        high[which][0] = fmaxf(fmaxf(p[0].x, p[1].x), fmaxf(p[2].x, p[3].x));
        high[which][1] = fmaxf(fmaxf(p[0].y, p[1].y), fmaxf(p[2].y, p[3].y));
    }
    return high[0][0] < low[1][0] || high[1][0] < low[0][0] || high[0][1] < low[1][1] ||
           high[1][1] < low[0][1];
}

static float along(const struct quad *quad)
{
    return hypotf(quad->p[1].x - quad->p[0].x, quad->p[1].y - quad->p[0].y);
}

static float across(const struct quad *quad)
{
    return hypotf(quad->p[3].x - quad->p[0].x, quad->p[3].y - quad->p[0].y);
}

/* Are they two rows of text, one below the other? Boxes of close rows overlap. */
static bool are_two_rows(const struct quad *a, const struct quad *b)
{
    const struct quad *longer = along(a) >= along(b) ? a : b;
    const float x = longer->p[1].x - longer->p[0].x, y = longer->p[1].y - longer->p[0].y;
    const float length = hypotf(x, y);
    if (along(a) < LONG_LINE * across(a) || along(b) < LONG_LINE * across(b) || !(length > 0))
        return false;
    const float dx = (a->p[0].x + a->p[2].x - b->p[0].x - b->p[2].x) / 2;
    const float dy = (a->p[0].y + a->p[2].y - b->p[0].y - b->p[2].y) / 2;
    return fabsf(dy * x - dx * y) / length > ROW_OFFSET * fmaxf(across(a), across(b));
}

static bool same_place(const struct text_line *a, const struct text_line *b)
{
    if (far_apart(&a->quad, &b->quad) || are_two_rows(&a->quad, &b->quad))
        return false;
    const float area_a = polygon_area(a->quad.p, 4), area_b = polygon_area(b->quad.p, 4);
    const float smaller = fminf(area_a, area_b);
    return smaller > 0 && common_area(&a->quad, &b->quad) >= SAME_PLACE * smaller;
}

struct text_line *merge_line_at(struct merge *merge, const struct quad *quad)
{
    for (size_t i = 0; i < merge->line_count; i++) {
        bool same = true;
        for (int k = 0; k < 4; k++)
            same &= merge->lines[i].quad.p[k].x == quad->p[k].x &&
                    merge->lines[i].quad.p[k].y == quad->p[k].y;
        if (same)
            return &merge->lines[i];
    }
    return NULL;
}

bool merge_holds_reading(const struct merge *merge, size_t first, const struct quad *quad)
{
    const struct text_line line = {.quad = *quad};
    for (size_t i = 0; i < first && i < merge->found.count; i++) {
        struct text_line held = {0};
        for (int k = 0; k < 4; k++)
            held.quad.p[k] = (struct point){merge->found.readings[i].quad[k][0],
                                            merge->found.readings[i].quad[k][1]};
        if (same_place(&held, &line))
            return true;
    }
    return false;
}

bool merge_holds_answer(const struct merge *merge, const struct quad *quad)
{
    return merge_holds_reading(merge, 1, quad);
}

bool merge_is_same_cut(const struct quad *a, const struct quad *b)
{
    if (far_apart(a, b))
        return false;
    const float common = common_area(a, b);
    return common >= SAME_CUT * (polygon_area(a->p, 4) + polygon_area(b->p, 4) - common);
}

/* Does a box go on where a line ends, by more than a character? An area that a closer look enlarges
 * cuts what leaves it. */
static bool goes_beyond(const struct quad *quad, const struct quad *line)
{
    const float length = along(line), height = across(line);
    if (!(length > 0))
        return true;
    const float ux = (line->p[1].x - line->p[0].x) / length;
    const float uy = (line->p[1].y - line->p[0].y) / length;
    for (int i = 0; i < 4; i++) {
        const float at = (quad->p[i].x - line->p[0].x) * ux + (quad->p[i].y - line->p[0].y) * uy;
        if (at < -height || at > length + height)
            return true;
    }
    return false;
}

bool merge_is_well_read(const struct merge *merge, const struct quad *quad)
{
    const float area = polygon_area(quad->p, 4);
    if (merge_holds_answer(merge, quad))
        return false;
    for (size_t i = 0; i < merge->line_count; i++) {
        const struct text_line *line = &merge->lines[i];
        if (line->score >= WELL_READ_SCORE && !far_apart(&line->quad, quad) &&
            !goes_beyond(quad, &line->quad) &&
            common_area(&line->quad, quad) >= WELL_READ_COVER * area)
            return true;
    }
    return false;
}

/* How much a line is worth: long, but no longer than its characters are certain. A second reading
 * of a place without the doubtful end that the first one took in wins. */
static float line_worth(const struct text_line *line)
{
    float worth = 0;
    for (size_t i = 0; i < line->count; i++)
        worth += line->chars[i].p - 0.8F;
    return worth;
}

/* Takes the line in, unless what stands at its place already is worth more; what it beats goes. */
static void merge_line(struct merge *merge, const struct text_line *line)
{
    float held = 0;
    bool any = false;
    for (size_t i = 0; i < merge->line_count; i++)
        if (same_place(&merge->lines[i], line)) {
            any = true;
            held += line_worth(&merge->lines[i]);
        }
    if (any && line_worth(line) <= held)
        return;
    size_t kept = 0;
    for (size_t i = 0; i < merge->line_count; i++)
        if (!any || !same_place(&merge->lines[i], line))
            merge->lines[kept++] = merge->lines[i];
    merge->line_count = kept;
    if (merge->line_count < MERGE_MAX_LINES)
        merge->lines[merge->line_count++] = *line;
}

static int sort_lines(struct merge *merge, se_error *err)
{
    const size_t count = merge->line_count;
    struct text_line *sorted = arena_alloc(merge->work, count, sizeof(*sorted));
    struct quad *quads = arena_alloc(merge->work, count, sizeof(*quads));
    int *order = arena_alloc(merge->work, count, sizeof(*order));
    if (!sorted || !quads || !order)
        return se_fail_memory(err, "the lines of a picture", count * sizeof(*sorted));
    for (size_t i = 0; i < count; i++)
        quads[i] = merge->lines[i].quad;
    FORWARD_IF_ERROR(ocr_reading_order(quads, (int)count, order, err));
    for (size_t i = 0; i < count; i++)
        sorted[i] = merge->lines[order[i]];
    if (count > 0)
        memcpy(merge->lines, sorted, count * sizeof(*sorted));
    return SE_OK;
}

/* Gives each line its further readings. */
static int attach_again(const struct merge *merge, struct ser_line *lines, se_error *err)
{
    const size_t count = merge->again_count;
    if (count == 0)
        return SE_OK;
    const struct ser_line *again = convert_lines(merge->again, count, merge->work);
    struct ser_line *sorted = arena_alloc(merge->work, count, sizeof(*sorted));
    bool *taken = arena_alloc(merge->work, count, sizeof(*taken));
    if (!again || !sorted || !taken)
        return se_fail_memory(err, "the lines of a picture", merge->work->max);
    for (size_t i = 0, filled = 0; i < merge->line_count && filled < count; i++) {
        lines[i].again = sorted + filled;
        for (size_t k = 0; k < count; k++) {
            if (taken[k] || !same_place(&merge->lines[i], &merge->again[k]))
                continue;
            taken[k] = true;
            sorted[filled++] = again[k];
            lines[i].again_count++;
        }
    }
    return SE_OK;
}

static void attach_solids(const struct merge *merge, struct ser_line *lines)
{
    for (size_t i = 0; i < merge->line_count; i++)
        for (size_t k = 0; k < merge->solid_count; k++)
            if (memcmp(&merge->lines[i].quad, &merge->solids[k].quad, sizeof(struct quad)) == 0)
                lines[i].solid = merge->solids[k].solid;
}

static int find_readings(struct merge *merge, bool draft, se_error *err)
{
    struct ser_line *lines = convert_lines(merge->lines, merge->line_count, merge->work);
    if (!lines)
        return se_fail_memory(err, "the lines of a picture", merge->work->max);
    FORWARD_IF_ERROR(attach_again(merge, lines, err));
    attach_solids(merge, lines);
    const struct ser_input input = {
        .lines = lines,
        .line_count = merge->line_count,
        .barcodes = merge->barcodes,
        .barcode_count = merge->barcode_count,
        .width = merge->width,
        .height = merge->height,
        .formats = merge->formats,
        .format_count = merge->format_count,
        .pattern = merge->pattern,
        .known = merge->known,
        .strips = merge->strips && !draft,
        .draft = draft,
    };
    merge->draft = draft;
    return ser_find(&input, merge->readings, &merge->found, err);
}

int merge_add(struct merge *merge, const struct text_line *lines, size_t count, se_error *err)
{
    if (!merge->lines) {
        merge->lines = arena_alloc(merge->work, MERGE_MAX_LINES, sizeof(*merge->lines));
        if (!merge->lines)
            return se_fail_memory(err, "the lines of a picture", merge->work->max);
    }
    for (size_t i = 0; i < count; i++)
        if (lines[i].count > 0)
            merge_line(merge, &lines[i]);
    FORWARD_IF_ERROR(sort_lines(merge, err));
    return find_readings(merge, true, err);
}

int merge_finish(struct merge *merge, se_error *err)
{
    return merge->draft ? find_readings(merge, false, err) : SE_OK;
}

void merge_set_solids(struct merge *merge, const struct merge_solid *solids, size_t count)
{
    merge->solids = solids;
    merge->solid_count = count;
}

int merge_set_again(struct merge *merge, const struct text_line *again, size_t count, se_error *err)
{
    merge->again = again;
    merge->again_count = count;
    return find_readings(merge, false, err);
}

/* Is it of a kind that nothing else in a picture outranks? */
static bool names_a_device(const struct ser_reading *reading)
{
    return (reading->kind == SER_SERIAL && !reading->second) || reading->kind == SER_VIN ||
           reading->kind == SER_CONTAINER;
}

bool merge_is_plausible(const struct merge *merge)
{
    const struct ser_output *found = &merge->found;
    /* A sure MAC address does not answer "S/N:", whose value is still to be read. */
    if (found->count == 0 || (found->unanswered && found->readings[0].kind != SER_SERIAL))
        return false;
    return evidence_plain_score(found->readings[0].evidence) >= CONVINCING_SCORE;
}

bool merge_is_convincing(const struct merge *merge)
{
    const struct ser_output *found = &merge->found;
    if (found->count == 0 || (found->unanswered && found->readings[0].kind != SER_SERIAL))
        return false;
    const struct ser_reading *best = &found->readings[0];
    if (names_a_device(best))
        return best->score >= CALIBRATED_SCORE ||
               (merge->quarter == 0 && merge_is_plausible(merge));
    return best->kind == SER_CODE && best->score >= BARE_SCORE;
}

bool merge_is_answered(const struct merge *merge)
{
    /* What nothing announces is not the answer before all has been read. */
    if (!merge_is_convincing(merge) || !names_a_device(&merge->found.readings[0]))
        return false;
    for (size_t i = 1; i < merge->found.count; i++)
        if (names_a_device(&merge->found.readings[i]) &&
            evidence_plain_score(merge->found.readings[i].evidence) >= RIVAL_SCORE)
            return false;
    return true;
}

bool merge_is_settled(const struct merge *merge)
{
    for (size_t i = 0; i < merge->line_count; i++)
        if (merge->lines[i].score < CLEAR_LINE_SCORE)
            return false;
    /* Where a "Device ID" stands, a serial number may stand in print that was not found. */
    return merge_is_plausible(merge) && !merge->found.readings[0].announced_second;
}

float merge_quarter_turn(const struct merge *merge)
{
    size_t all = 0, down = 0, up = 0;
    for (size_t i = 0; i < merge->line_count; i++) {
        const struct text_line *line = &merge->lines[i];
        const float x = line->quad.p[1].x - line->quad.p[0].x;
        const float y = line->quad.p[1].y - line->quad.p[0].y;
        if (line->score < CLEAR_LINE_SCORE)
            continue;
        all += line->count;
        down += y > STEEP * fabsf(x) ? line->count : 0;
        up += -y > STEEP * fabsf(x) ? line->count : 0;
    }
    if (all < TURNED_LEAST || 2 * (down > up ? down : up) <= all)
        return 0;
    return down > up ? 270 : 90;
}

bool merge_text_was_unclear(const struct merge *merge)
{
    size_t clear = 0;
    for (size_t i = 0; i < merge->line_count; i++)
        clear += merge->lines[i].score >= CLEAR_LINE_SCORE;
    return 2 * clear <= merge->line_count;
}
