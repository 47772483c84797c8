#include "reader/solid.h"

#include <math.h>
#include <string.h>

#include "image/ops.h"
#include "ocr/crop.h"
#include "reader/picture.h"

enum {
    ROWS = 16, /* of the line's height; columns are as wide as rows are high */
    FIRST = 4, /* rows [FIRST, LAST) hold the middle of all characters */
    LAST = 12,
    RIM = 1, /* rows at top and bottom that may be of something else than the line */
    COLUMNS_MAX = 2048,
    LOCAL = 3 * ROWS, /* columns to either side that tell how light the paper is */
    LEVELS = 256
};

static const float BEYOND = 3; /* heights */
/* What differs from the paper by this part of the ink's contrast is no paper: towards the ink, and
 * away from it, where glare is; and by so many levels at least. */
static const float LIKE_INK = 0.3F, UNLIKE_INK = 0.1F, LEVELS_LEAST = 14;
/* Standard deviation down a column, in parts of its distance from the paper, up to which it is
 * even. */
static const float EVEN = 0.35F;
/* Share of a line's pixels that are lighter than its dark ink, and of those that are darker than
 * the paper. */
static const float INK_SHARE = 0.04F, PAPER_SHARE = 0.75F;

struct strip_view {
    uint8_t grey[ROWS][COLUMNS_MAX];
    int columns, from, to; /* the quad itself: columns [from, to) */
};

static uint8_t grey_of(const uint8_t *p, int channels)
{
    return channels == 1 ? p[0] : (uint8_t)((77 * p[0] + 150 * p[1] + 29 * p[2]) >> 8);
}

static int cut_strip(const struct image *image, const struct quad *quad, struct strip_view *out,
                     se_error *err)
{
    struct image cut = {0};
    const struct quad wide = crop_extend(quad, BEYOND);
    FORWARD_IF_ERROR(image_create(&cut, out->columns, ROWS, image->channels, err));
    const int status = img_warp_quad(image, &wide, &cut, err);
    for (int y = 0; status == SE_OK && y < ROWS; y++)
        for (int x = 0; x < out->columns; x++)
            out->grey[y][x] = grey_of(image_row(&cut, y) + x * cut.channels, cut.channels);
    image_free(&cut);
    return status;
}

/* The level that `share` of the pixels of columns [from, to) are not lighter than. */
static int level_at(const struct strip_view *strip, int from, int to, float share)
{
    int counts[LEVELS] = {0}, level = 0;
    const float wanted = share * (float)((ROWS - 2 * RIM) * (to - from));
    for (int y = RIM; y < ROWS - RIM; y++)
        for (int x = from; x < to; x++)
            counts[strip->grey[y][x]]++;
    for (int sum = counts[0]; level < LEVELS - 1 && (float)sum < wanted; sum += counts[level])
        level++;
    return level;
}

/* How light the paper is round a column: what most of the line's own pixels near it are. */
static float paper_at(const struct strip_view *strip, int column, bool dark_ink)
{
    const int from =
        (int)fmaxf((float)strip->from, fminf((float)(column - LOCAL), (float)(strip->to - LOCAL)));
    const int to = (int)fminf((float)strip->to, (float)(from + 2 * LOCAL));
    return (float)level_at(strip, from, to, dark_ink ? PAPER_SHARE : 1 - PAPER_SHARE);
}

static bool is_solid(const struct strip_view *strip, int column, float paper, float contrast)
{
    float sum = 0, squares = 0;
    const float count = LAST - FIRST;
    for (int y = FIRST; y < LAST; y++) {
        const float away = (float)strip->grey[y][column] - paper;
        sum += away;
        squares += away * away;
    }
    const float mean = sum / count, spread = sqrtf(fmaxf(squares / count - mean * mean, 0));
    const float part = mean * contrast > 0 ? LIKE_INK : UNLIKE_INK;
    return fabsf(mean) > fmaxf(LEVELS_LEAST, part * fabsf(contrast)) && spread < EVEN * fabsf(mean);
}

static void judge_columns(const struct strip_view *strip, uint8_t *columns)
{
    const int middle = level_at(strip, strip->from, strip->to, 0.5F);
    const int dark = level_at(strip, strip->from, strip->to, INK_SHARE);
    const int light = level_at(strip, strip->from, strip->to, 1 - INK_SHARE);
    const bool dark_ink = middle - dark > light - middle;
    for (int x = 0; x < strip->columns; x++) {
        const float paper = paper_at(strip, x, dark_ink);
        columns[x] = is_solid(strip, x, paper, (float)(dark_ink ? dark : light) - paper);
    }
    /* Holes of a single column are noise. */
    for (int x = 1; x + 1 < strip->columns; x++)
        columns[x] |= columns[x - 1] & columns[x + 1];
}

int solid_find(const struct image *image, const struct quad *quad, struct arena *arena,
               struct ser_solid *out, se_error *err)
{
    const float height = picture_line_height(quad), length = picture_line_length(quad);
    const float heights = length / height;
    *out = (struct ser_solid){0};
    if (!(height > 1) || !isfinite(heights) || heights > (float)COLUMNS_MAX / ROWS - 2 * BEYOND)
        return SE_OK;
    struct strip_view *strip = arena_alloc(arena, 1, sizeof(*strip));
    if (!strip)
        return se_fail_memory(err, "the pixels of a line", sizeof(*strip));
    strip->columns = (int)((heights + 2 * BEYOND) * ROWS);
    strip->from = (int)(BEYOND * ROWS);
    strip->to = strip->columns - strip->from;
    uint8_t *columns = arena_alloc(arena, (size_t)strip->columns, 1);
    if (!columns)
        return se_fail_memory(err, "the pixels of a line", (size_t)strip->columns);
    FORWARD_IF_ERROR(cut_strip(image, quad, strip, err));
    judge_columns(strip, columns);
    *out = (struct ser_solid){
        .columns = columns, .count = (size_t)strip->columns, .beyond = BEYOND / heights};
    return SE_OK;
}
