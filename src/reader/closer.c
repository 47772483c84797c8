/*
 * An area is worth a closer look for the characters in it that are not certain: letters and digits
 * with a low probability, counted by how low it is.
 */
#include "reader/closer.h"

#include <math.h>

#include "reader/picture.h"

/* Letters and digits of a line that may be, or hold, an identifier. */
enum { LEAST_CHARACTERS = 4 };

/* Doubt about less than this many characters of a line is no reason to look again. */
static const float LEAST_DOUBT = 0.3F;
/* What an area is worth, in doubtful characters, where nothing was read, and for each low line. */
static const float UNREAD = 0.5F, LOW_LINE = 0.2F;

static bool is_code_character(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Expected number of misread letters and digits; 0 where there are too few for an identifier. */
static float doubt_of_line(const struct text_line *line)
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

static float line_doubt(const struct text_line *line)
{
    const float doubt = doubt_of_line(line);
    return doubt >= LEAST_DOUBT ? doubt : 0;
}

static bool holds_middle(const struct rect *area, const struct quad *quad)
{
    const float x = (quad->p[0].x + quad->p[2].x) / 2, y = (quad->p[0].y + quad->p[2].y) / 2;
    return x >= (float)area->x && x < (float)(area->x + area->width) && y >= (float)area->y &&
           y < (float)(area->y + area->height);
}

static float area_worth(const struct merge *merge, const struct rect *area, float low,
                        float *lowest)
{
    float worth = 0;
    bool any = false;
    *lowest = 0;
    for (size_t i = 0; i < merge->line_count; i++) {
        const struct text_line *line = &merge->lines[i];
        if (!holds_middle(area, &line->quad))
            continue;
        any = true;
        const float height = picture_line_height(&line->quad);
        const float added = line_doubt(line) + (height < low ? LOW_LINE : 0);
        if (added > 0 && (*lowest == 0 || height < *lowest))
            *lowest = height;
        worth += added;
    }
    return any ? worth : UNREAD;
}

int closer_regions(const struct merge *merge, const struct rect *areas, int count, float low,
                   int most, struct closer_region regions[CLOSER_MAX_REGIONS])
{
    float worth[CLOSER_MAX_REGIONS];
    int kept = 0;
    for (int i = 0; i < count; i++) {
        float lowest;
        const float added = area_worth(merge, &areas[i], low, &lowest);
        if (!(added > 0) || areas[i].width < 1 || areas[i].height < 1)
            continue;
        int at = kept < most ? kept++ : kept;
        for (; at > 0 && worth[at - 1] < added; at--) {
            if (at < most) {
                worth[at] = worth[at - 1];
                regions[at] = regions[at - 1];
            }
        }
        if (at < most) {
            worth[at] = added;
            regions[at] = (struct closer_region){areas[i], lowest};
        }
    }
    return kept;
}

int closer_lines(const struct merge *merge, const struct closer_wish *wish, int most,
                 struct quad quads[])
{
    float worth[CLOSER_MAX_LINES];
    int kept = 0;
    most = most < CLOSER_MAX_LINES ? most : CLOSER_MAX_LINES;
    for (size_t i = 0; i < merge->line_count; i++) {
        const struct text_line *line = &merge->lines[i];
        const float added = doubt_of_line(line);
        if (added <= wish->doubt || line->votes >= wish->votes ||
            (wish->readings > 0 && !merge_holds_reading(merge, wish->readings, &line->quad)))
            continue;
        int at = kept < most ? kept++ : kept;
        for (; at > 0 && worth[at - 1] < added; at--) {
            if (at < most) {
                worth[at] = worth[at - 1];
                quads[at] = quads[at - 1];
            }
        }
        if (at < most) {
            worth[at] = added;
            quads[at] = line->quad;
        }
    }
    return kept;
}
