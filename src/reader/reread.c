/*
 * A network that errs on a line rarely errs the same way when the line is cut out with other
 * borders, at another size and a little turned: what all cuts agree on can be relied on, and what
 * they do not agree on was luck. That costs a few milliseconds, the detector not being asked again.
 */
#include "reader/reread.h"

#include <math.h>

#include "reader/solid.h"
#include "serial/evidence.h"

enum {
    MOST_ANSWERS = 3, /* whose lines are read again */
    MOST_LINES = 6,
    CUTS = 3
};

/* Answers behind the first one that are less likely than this are not worth it. */
static const double LIKELY = 0.3;
/*
 * A code that is hardly the one that was asked for is not read again. Nor does it count where the
 * characters are CLEAR_ENOUGH. The score is not asked: weights are fitted to lines that were read
 * again, and one that a first reading makes sure is the one that most needs another witness.
 */
static const double CHOSEN = 0.8;
/* However long a line, its ends move by at most this much of its height when it is turned. */
static const float MOST_SHIFT = 0.15F;
/* Of a line that holds more than the code, so many heights on either side of it are read, too: its
 * neighbours, one or two, show where it ends. */
static const float BESIDE = 1;

/* How a line is cut out: its height times `across`, longer by `along` heights at each end, turned
 * by `turn` (in radians, clockwise). */
struct cut {
    float across, along, turn;
};

static const struct cut cuts[CUTS] = {{1.25F, 0.3F, 0}, {1.1F, 1.2F, 0.02F}, {0.95F, 0.1F, -0.02F}};

static struct quad cut_quad(const struct quad *quad, const struct cut *cut)
{
    const struct point *p = quad->p;
    const float height = picture_line_height(quad), length = picture_line_length(quad);
    const float most = length > 0 ? 2 * MOST_SHIFT * height / length : 0;
    const float turn = fmaxf(-most, fminf(most, cut->turn));
    const float cx = (p[0].x + p[1].x + p[2].x + p[3].x) / 4;
    const float cy = (p[0].y + p[1].y + p[2].y + p[3].y) / 4;
    struct quad out;
    for (int i = 0; i < 4; i++) {
        /* The quad's own sides are the axes: half of the text's length, half of its height. */
        const int end = i == 1 || i == 2 ? 1 : -1;
        const float ux = (p[1].x - p[0].x + p[2].x - p[3].x) / 4;
        const float uy = (p[1].y - p[0].y + p[2].y - p[3].y) / 4;
        const float vx = p[i].x - cx - (float)end * ux, vy = p[i].y - cy - (float)end * uy;
        const float half = hypotf(ux, uy);
        const float longer = half > 0 ? (float)end * (1 + cut->along * height / half) : 0;
        const float x = longer * ux + cut->across * vx, y = longer * uy + cut->across * vy;
        out.p[i] = (struct point){cx + x - turn * y, cy + y + turn * x};
    }
    return out;
}

static bool names_device(enum ser_kind kind)
{
    return kind == SER_SERIAL || kind == SER_VIN || kind == SER_CONTAINER || kind == SER_ASSET;
}

static bool is_worth_it(const struct ser_reading *reading, size_t place)
{
    if (reading->sources != SER_FROM_TEXT)
        return false;
    return place == 0 ||
           (names_device(reading->kind) && evidence_plain_score(reading->evidence) >= LIKELY);
}

bool reread_is_in_doubt(const struct ser_reading *reading)
{
    return evidence_choice(reading->evidence) >= CHOSEN &&
           reading->evidence[EVIDENCE_CLEAR] < CLEAR_ENOUGH;
}

/* Lines of the answers. */
struct chosen {
    size_t lines[MOST_LINES];               /* indices into the merge's lines, each once */
    bool doubt[MOST_LINES];                 /* is an answer on it in doubt? */
    float from[MOST_LINES], to[MOST_LINES]; /* what of it is read again then, in parts of it */
    int count;
};

static struct point middle(struct point a, struct point b)
{
    return (struct point){(a.x + b.x) / 2, (a.y + b.y) / 2};
}

void reread_extent(const struct quad *line, const struct ser_reading *reading, float *from,
                   float *to)
{
    const struct point left = middle(line->p[0], line->p[3]),
                       right = middle(line->p[1], line->p[2]);
    const float ux = right.x - left.x, uy = right.y - left.y, square = ux * ux + uy * uy;
    *from = 0;
    *to = 1;
    if (reading->line_count != 1 || !(square > 0))
        return;
    float first = 1, last = 0;
    for (int i = 0; i < 4; i++) {
        const float *p = reading->quad[i];
        const float at = ((p[0] - left.x) * ux + (p[1] - left.y) * uy) / square;
        first = fminf(first, at);
        last = fmaxf(last, at);
    }
    const float room = BESIDE * picture_line_height(line) / sqrtf(square);
    *from = fmaxf(0, fminf(first - room, 1));
    *to = fminf(1, fmaxf(last + room, 0));
}

static void choose_line(struct chosen *chosen, size_t line, bool doubt, float from, float to)
{
    int at = 0;
    while (at < chosen->count && chosen->lines[at] != line)
        at++;
    if (at == MOST_LINES)
        return;
    if (at == chosen->count) {
        chosen->count++;
        chosen->lines[at] = line;
        chosen->doubt[at] = false;
        chosen->from[at] = 1;
        chosen->to[at] = 0;
    }
    chosen->doubt[at] |= doubt;
    if (!doubt)
        return;
    chosen->from[at] = fminf(chosen->from[at], from);
    chosen->to[at] = fmaxf(chosen->to[at], to);
}

/* The part of a line from `from` to `to`. */
static struct quad part_of(const struct quad *quad, float from, float to)
{
    const struct point *p = quad->p;
    const struct point top = {p[1].x - p[0].x, p[1].y - p[0].y};
    const struct point foot = {p[2].x - p[3].x, p[2].y - p[3].y};
    return (struct quad){{{p[0].x + from * top.x, p[0].y + from * top.y},
                          {p[0].x + to * top.x, p[0].y + to * top.y},
                          {p[3].x + to * foot.x, p[3].y + to * foot.y},
                          {p[3].x + from * foot.x, p[3].y + from * foot.y}}};
}

static struct chosen choose_lines(const struct merge *merge)
{
    struct chosen chosen = {.count = 0};
    int answers = 0;
    for (size_t i = 0; i < merge->found.count && answers < MOST_ANSWERS; i++) {
        const struct ser_reading *reading = &merge->found.readings[i];
        if (!is_worth_it(reading, i))
            continue;
        answers++;
        for (size_t k = 0; k < reading->line_count; k++) {
            float from, to;
            reread_extent(&merge->lines[reading->lines[k]].quad, reading, &from, &to);
            choose_line(&chosen, reading->lines[k], reread_is_in_doubt(reading), from, to);
        }
    }
    return chosen;
}

/* Reads `quads` (upright pixels) from the sharpest pixels there are. */
static int read_all(struct search *search, struct quad *quads, int count, struct text_line *lines,
                    se_error *err)
{
    bool sharp = false;
    for (int i = 0; i < count && !sharp; i++)
        sharp = search_wants_sharp(search, &quads[i]);
    if (sharp) {
        const struct rect area = picture_rect_round(&search->picture, quads, count);
        return search_read_sharp(search, area, quads, count, NULL, lines, err);
    }
    const struct view *base = &search->picture.base;
    const struct placement to_base =
        placement_of_scale(1 / base->place.m[0], 1 / base->place.m[4], 0, 0);
    for (int i = 0; i < count; i++)
        quads[i] = placement_quad(&to_base, &quads[i]);
    return search_read(search, base, quads, count, NULL, lines, err);
}

/* Looks for what covers the lines that answer, in the base picture. */
static int find_solids(struct search *search, const struct chosen *chosen, se_error *err)
{
    struct merge *merge = &search->merge;
    const struct view *base = &search->picture.base;
    const struct placement to_base =
        placement_of_scale(1 / base->place.m[0], 1 / base->place.m[4], 0, 0);
    const size_t count = (size_t)chosen->count;
    struct merge_solid *solids = arena_alloc(&search->arena, count, sizeof(*solids));
    if (!solids)
        return search_out_of_arena(search, err);
    for (size_t i = 0; i < count; i++) {
        solids[i].quad = merge->lines[chosen->lines[i]].quad;
        const struct quad quad = placement_quad(&to_base, &solids[i].quad);
        FORWARD_IF_ERROR(solid_find(base->image, &quad, &search->arena, &solids[i].solid, err));
    }
    merge_set_solids(merge, solids, count);
    return SE_OK;
}

int reread_answers(struct search *search, se_error *err)
{
    struct merge *merge = &search->merge;
    struct quad quads[MOST_LINES * CUTS];
    if (search->result->limited_by_time || budget_is_over(search->budget))
        return SE_OK;
    const struct chosen chosen = choose_lines(merge);
    if (chosen.count == 0)
        return SE_OK;
    int count = 0;
    for (int i = 0; i < chosen.count; i++) {
        const struct quad part =
            part_of(&merge->lines[chosen.lines[i]].quad, chosen.from[i], chosen.to[i]);
        for (int k = 0; chosen.doubt[i] && k < CUTS; k++)
            quads[count++] = cut_quad(&part, &cuts[k]);
    }
    struct text_line *again = arena_alloc(&search->arena, (size_t)count, sizeof(*again));
    if (!again)
        return search_out_of_arena(search, err);
    search->as_they_lie = true;
    const int status = count > 0 ? read_all(search, quads, count, again, err) : SE_OK;
    search->as_they_lie = false;
    FORWARD_IF_ERROR(status);
    FORWARD_IF_ERROR(find_solids(search, &chosen, err));
    return merge_set_again(merge, again, (size_t)count, err);
}
