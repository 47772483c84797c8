/*
 * A line is worth a closer look for the characters in it that are not certain: letters and digits
 * with a low probability, counted by how low it is. Its region takes in what stands round it, so
 * that an anchor word beside or above is seen again together with it.
 */
#include "reader/closer.h"

#include <math.h>

enum {
    MARGIN_LINES = 2,    /* line heights added on every side */
    LEAST_CHARACTERS = 4 /* letters and digits of a line that may be, or hold, an identifier */
};

struct candidate {
    struct rect region;
    float doubt;
};

static bool is_code_character(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Expected number of misread letters and digits; 0 where there are too few for an identifier. */
static float line_doubt(const struct text_line *line)
{
    int characters = 0;
    float doubt = 0;
    for (size_t i = 0; i < line->count; i++)
        if (is_code_character(line->chars[i].c)) {
            characters++;
            doubt += 1 - line->chars[i].p;
        }
    return characters >= LEAST_CHARACTERS ? doubt : 0;
}

static int clamp_to(float value, int high)
{
    return value <= 0 ? 0 : value >= (float)high ? high : (int)value;
}

static struct rect region_round(const struct quad *quad, int width, int height)
{
    float x0 = quad->p[0].x, y0 = quad->p[0].y, x1 = x0, y1 = y0;
    for (int i = 1; i < 4; i++) {
        x0 = fminf(x0, quad->p[i].x);
        y0 = fminf(y0, quad->p[i].y);
        x1 = fmaxf(x1, quad->p[i].x);
        y1 = fmaxf(y1, quad->p[i].y);
    }
    const float line = hypotf(quad->p[3].x - quad->p[0].x, quad->p[3].y - quad->p[0].y);
    const float margin = MARGIN_LINES * line;
    const int left = clamp_to(x0 - margin, width - 1), top = clamp_to(y0 - margin, height - 1);
    const int right = clamp_to(x1 + margin + 1, width);
    const int bottom = clamp_to(y1 + margin + 1, height);
    return (struct rect){left, top, right > left ? right - left : 1,
                         bottom > top ? bottom - top : 1};
}

static bool rects_touch(const struct rect *a, const struct rect *b)
{
    return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height &&
           b->y < a->y + a->height;
}

static struct rect rects_union(const struct rect *a, const struct rect *b)
{
    const int x = a->x < b->x ? a->x : b->x, y = a->y < b->y ? a->y : b->y;
    const int ax = a->x + a->width, bx = b->x + b->width;
    const int ay = a->y + a->height, by = b->y + b->height;
    return (struct rect){x, y, (ax > bx ? ax : bx) - x, (ay > by ? ay : by) - y};
}

/* Joins candidates that touch until none do. */
static int join_candidates(struct candidate *candidates, int count)
{
    for (int i = 0; i < count; i++)
        for (int k = i + 1; k < count; k++)
            if (rects_touch(&candidates[i].region, &candidates[k].region)) {
                candidates[i].region = rects_union(&candidates[i].region, &candidates[k].region);
                candidates[i].doubt += candidates[k].doubt;
                candidates[k] = candidates[--count];
                k = i; /* the larger region may touch ones it did not before */
            }
    return count;
}

/* Keeps the most doubtful, in falling order. */
static int insert_candidate(struct candidate *candidates, int count, struct candidate added)
{
    int at = count;
    while (at > 0 && candidates[at - 1].doubt < added.doubt) {
        if (at < CLOSER_MAX_REGIONS)
            candidates[at] = candidates[at - 1];
        at--;
    }
    if (at < CLOSER_MAX_REGIONS)
        candidates[at] = added;
    return count < CLOSER_MAX_REGIONS ? count + 1 : count;
}

int closer_regions(const struct merge *merge, int width, int height, int most,
                   struct rect regions[CLOSER_MAX_REGIONS])
{
    /* Doubt about less than a third of a character is no reason to look again. */
    const float least_doubt = 0.3F;
    struct candidate candidates[CLOSER_MAX_REGIONS];
    int count = 0;
    if (most > 0 && merge->line_count == 0) {
        regions[0] = (struct rect){0, 0, width, height};
        return 1;
    }
    for (size_t i = 0; i < merge->line_count; i++) {
        const struct text_line *line = &merge->lines[i];
        const float doubt = line_doubt(line);
        if (doubt >= least_doubt)
            count = insert_candidate(
                candidates, count,
                (struct candidate){region_round(&line->quad, width, height), doubt});
    }
    count = join_candidates(candidates, count);
    int kept = 0;
    for (int i = 0; i < count && kept < most; i++) {
        int best = i;
        for (int k = i + 1; k < count; k++)
            if (candidates[k].doubt > candidates[best].doubt)
                best = k;
        const struct candidate chosen = candidates[best];
        candidates[best] = candidates[i];
        regions[kept++] = chosen.region;
    }
    return kept;
}
