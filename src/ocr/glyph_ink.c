#include "ocr/glyph_ink.h"

#include <math.h>

#include "ocr/crop.h"

enum { LEAST_HEIGHT = 14 };

/* Ink is what differs from the ground by more than this part of the line's contrast. */
static const float INK = 0.3F;
/* Least contrast, in grey levels. */
static const float LEAST_CONTRAST = 24;
/* Rows whose ink is less than this part of the fullest row's are above or below the text. */
static const float ROW = 0.12F;

static int percentile(const int counts[256], int total, float part)
{
    int seen = 0;
    for (int v = 0; v < 256; v++) {
        seen += counts[v];
        if ((float)seen > part * (float)total)
            return v;
    }
    return 255;
}

/* Text covers less than half of its line, so the median is ground; ink lies on the side on which
 * the further values are. */
static void find_contrast(struct glyph_ink *ink, int from, int to)
{
    const struct image *crop = ink->crop;
    int counts[256] = {0}, total = 0;
    for (int y = 0; y < crop->height; y++) {
        const uint8_t *row = image_row(crop, y);
        for (int x = from; x < to; x++) {
            counts[row[x]]++;
            total++;
        }
    }
    ink->ground = (float)percentile(counts, total, 0.5F);
    const float dark = (float)percentile(counts, total, 0.05F) - ink->ground;
    const float light = (float)percentile(counts, total, 0.95F) - ink->ground;
    ink->ink = -dark > light ? dark : light;
}

float glyph_ink_at(const struct glyph_ink *ink, uint8_t value)
{
    const float part = ((float)value - ink->ground) / ink->ink;
    return part > INK ? fminf(part, 1) - INK : 0;
}

/* Rows of the text near a letter: the run of rows with ink that holds the most of it, what is near
 * the middle counting more. */
static bool find_rows(struct glyph_ink *ink, int from, int to)
{
    float rows[CROP_HEIGHT + 1], most = 0;
    for (int y = 0; y < CROP_HEIGHT; y++) {
        rows[y] = 0;
        for (int x = from; x < to; x++)
            rows[y] += glyph_ink_at(ink, image_row(ink->crop, y)[x]);
        most = fmaxf(most, rows[y]);
    }
    rows[CROP_HEIGHT] = 0;
    float best = 0;
    ink->top = ink->bottom = 0;
    for (int y = 0; y < CROP_HEIGHT; y++) {
        if (rows[y] <= ROW * most)
            continue;
        const int first = y;
        float sum = 0;
        /* One empty row may lie between rows of dots. */
        for (; y < CROP_HEIGHT && fmaxf(rows[y], rows[y + 1]) > ROW * most; y++) {
            const float off = fabsf((float)y + 0.5F - (float)CROP_HEIGHT / 2) / CROP_HEIGHT * 2;
            sum += rows[y] * (1 - off);
        }
        if (sum > best) {
            best = sum;
            ink->top = first;
            ink->bottom = y - 1 > first && rows[y - 1] <= ROW * most ? y - 2 : y - 1;
        }
    }
    return best > 0 && ink->bottom - ink->top + 1 >= LEAST_HEIGHT;
}

bool glyph_ink_find(struct glyph_ink *ink, const struct image *crop, const int contrast[2],
                    const int rows[2])
{
    ink->crop = crop;
    find_contrast(ink, contrast[0], contrast[1]);
    return fabsf(ink->ink) >= LEAST_CONTRAST && find_rows(ink, rows[0], rows[1]);
}

float glyph_ink_column(const struct glyph_ink *ink, int x)
{
    float sum = 0;
    for (int y = ink->top; y <= ink->bottom; y++)
        sum += glyph_ink_at(ink, image_row(ink->crop, y)[x]);
    return sum;
}

int glyph_ink_valley(const struct glyph_ink *ink, int from, int to)
{
    int best = (from + to) / 2;
    float least = INFINITY, mean = 0;
    for (int x = from; x <= to; x++)
        mean += glyph_ink_column(ink, x) / (float)(to - from + 1);
    for (int x = from; x <= to; x++) {
        const float off = fabsf((float)(2 * x - from - to)) / (float)(to - from + 1);
        const float cost = glyph_ink_column(ink, x) + 2 * mean * off * off;
        if (cost < least) {
            least = cost;
            best = x;
        }
    }
    return best;
}
