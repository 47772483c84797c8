#include "ocr/glyph.h"

#include <math.h>

#include "image/ops.h"
#include "ocr/crop.h"
#include "ocr/line_text.h"

enum {
    LEAST_CHARACTERS = 4,
    LEAST_WIDTH = 8, /* pixels of a letter's cell */
    LEAST_HEIGHT = 14,
    MOST_WIDTH = 96
};

/* Ink is what differs from the ground by more than this part of the line's contrast. */
static const float INK = 0.3F;
/* Least contrast, in grey levels. */
static const float LEAST_CONTRAST = 24;
/* Rows whose ink is less than this part of the fullest row's are above or below the text. */
static const float ROW = 0.12F;
/* Rows of the foot and of the top, as parts of the letter's height. */
static const float FOOT_FROM = 0.72F, FOOT_TO = 0.97F, TOP_FROM = 0.08F, TOP_TO = 0.4F;

/*
 * A foot narrower than FOOT_OF_BOTH of the top speaks for V, in proportion. Over 413 letters of
 * rendered pictures nine in ten V had 0.24 to 0.53 and nine in ten U 0.65 to 0.81; the narrowest U
 * on photographs has 0.56. What looks like a U may be a V out of focus: that says nothing.
 */
static const float FOOT_OF_BOTH = 0.55F, ODDS_OF_FOOT = 60, MOST_ODDS = 5;

/*
 * Makers leave the letter O out of what people read aloud: of 274 O and 0 in the codes on
 * photographs 6 are an O, all of them in words at the beginning. Far less than that is taken for
 * granted: a network that sees an O clearly is believed.
 */
static const float ODDS_OF_ZERO = 2;
enum { ZERO_LEAST_LENGTH = 6, WORD_LENGTH = 3 };

static bool is_code_character(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_u_or_v(const struct text_char *c)
{
    return c->c == 'U' || c->c == 'V';
}

static bool is_o_or_zero(const struct text_char *c)
{
    return c->c == 'O' || c->c == '0';
}

/* Does the line hold one of the letters in question in what may be an identifier? */
static bool is_asked(const struct text_line *line)
{
    size_t code = 0;
    bool any = false;
    for (size_t i = 0; i < line->count; i++) {
        code += is_code_character(line->chars[i].c);
        any |= is_u_or_v(&line->chars[i]) || is_o_or_zero(&line->chars[i]);
    }
    return any && code >= LEAST_CHARACTERS;
}

/* Is the O or 0 at `at` one that identifiers write as a digit? Beside a digit of a code that mixes
 * both, but not at the end of the three letters or more that many begin with (FDO, COMPO). */
static bool is_zero_by_place(const struct text_line *line, size_t at)
{
    const struct text_char *chars = line->chars;
    size_t begin = at, end = at + 1, digits = 0, letters = 0;
    while (begin > 0 && is_code_character(chars[begin - 1].c))
        begin--;
    while (end < line->count && is_code_character(chars[end].c))
        end++;
    for (size_t i = begin; i < end; i++) {
        digits += is_digit(chars[i].c) && i != at;
        letters += !is_digit(chars[i].c) && i != at;
    }
    if (end - begin < ZERO_LEAST_LENGTH || digits < 2 || letters < 1)
        return false;
    size_t prefix = begin;
    while (prefix < end && (!is_digit(chars[prefix].c) || prefix == at))
        prefix++;
    if (at < prefix && prefix - begin >= WORD_LENGTH)
        return false;
    return (at > begin && is_digit(chars[at - 1].c)) || (at + 1 < end && is_digit(chars[at + 1].c));
}

/* Ground, and how far ink is from it (negative: darker), in grey levels. */
struct contrast {
    float ground, ink;
};

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
static struct contrast contrast_of(const struct image *crop, int from, int to)
{
    int counts[256] = {0}, total = 0;
    for (int y = 0; y < crop->height; y++) {
        const uint8_t *row = image_row(crop, y);
        for (int x = from; x < to; x++) {
            counts[row[x]]++;
            total++;
        }
    }
    const float ground = (float)percentile(counts, total, 0.5F);
    const float dark = (float)percentile(counts, total, 0.05F) - ground;
    const float light = (float)percentile(counts, total, 0.95F) - ground;
    return (struct contrast){ground, -dark > light ? dark : light};
}

static float ink_at(const struct contrast *contrast, uint8_t value)
{
    const float part = ((float)value - contrast->ground) / contrast->ink;
    return part > INK ? fminf(part, 1) - INK : 0;
}

/* Rows of the text near a letter: the run of rows with ink that holds the most of it, what is near
 * the middle counting more. */
static bool rows_of(const struct image *crop, const struct contrast *contrast, int from, int to,
                    int *top, int *bottom)
{
    float rows[CROP_HEIGHT + 1], most = 0;
    for (int y = 0; y < CROP_HEIGHT; y++) {
        rows[y] = 0;
        for (int x = from; x < to; x++)
            rows[y] += ink_at(contrast, image_row(crop, y)[x]);
        most = fmaxf(most, rows[y]);
    }
    rows[CROP_HEIGHT] = 0;
    float best = 0;
    *top = *bottom = 0;
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
            *top = first;
            *bottom = y - 1 > first && rows[y - 1] <= ROW * most ? y - 2 : y - 1;
        }
    }
    return best > 0 && *bottom - *top + 1 >= LEAST_HEIGHT;
}

static int centre_of(const struct text_char *c)
{
    return (c->step + c->end) * CROP_STEP / 2;
}

/* Root of the mean squared distance of the ink of some rows from its middle, row by row. */
static float spread(const struct image *crop, const struct contrast *contrast, int left, int right,
                    float from, float to)
{
    float sum = 0;
    int rows = 0;
    for (int y = (int)roundf(from); y < (int)roundf(to) && y < CROP_HEIGHT; y++) {
        const uint8_t *row = image_row(crop, y);
        float ink = 0, first = 0, second = 0;
        for (int x = left; x < right; x++) {
            const float here = ink_at(contrast, row[x]), at = (float)(x - left);
            ink += here;
            first += here * at;
            second += here * at * at;
        }
        if (ink <= 0)
            continue;
        const float middle = first / ink;
        sum += sqrtf(fmaxf(0, second / ink - middle * middle));
        rows++;
    }
    return rows > 0 ? sum / (float)rows : 0;
}

/* Ink of a column of the text's rows. */
static float column_ink(const struct image *crop, const struct contrast *contrast, int top,
                        int bottom, int x)
{
    float sum = 0;
    for (int y = top; y <= bottom; y++)
        sum += ink_at(contrast, image_row(crop, y)[x]);
    return sum;
}

/* Where one letter ends and the next begins, between their middles: an empty column, near halfway;
 * a U or V is nearly empty inside, too. */
static int valley(const struct image *crop, const struct contrast *contrast, int top, int bottom,
                  int from, int to)
{
    int best = (from + to) / 2;
    float least = INFINITY, mean = 0;
    for (int x = from; x <= to; x++)
        mean += column_ink(crop, contrast, top, bottom, x) / (float)(to - from + 1);
    for (int x = from; x <= to; x++) {
        const float off = fabsf((float)(2 * x - from - to)) / (float)(to - from + 1);
        const float cost = column_ink(crop, contrast, top, bottom, x) + 2 * mean * off * off;
        if (cost < least) {
            least = cost;
            best = x;
        }
    }
    return best;
}

float glyph_foot(const struct image *crop, const struct text_char *chars, size_t count, size_t at)
{
    const int centre = centre_of(&chars[at]), end = crop->width - 1;
    int before = at > 0 ? centre_of(&chars[at - 1]) : -1;
    int after = at + 1 < count ? centre_of(&chars[at + 1]) : -1;
    int pitch = MOST_WIDTH;
    if (before >= 0)
        pitch = centre - before;
    if (after >= 0 && after - centre < pitch)
        pitch = after - centre;
    if (before < centre - 2 * pitch || before < 0)
        before = centre - pitch;
    if (after > centre + 2 * pitch || after < 0)
        after = centre + pitch;
    before = before > 0 ? before : 0;
    after = after < end ? after : end;
    if (centre <= before || after <= centre || pitch < LEAST_WIDTH)
        return -1;
    int first = centre - 3 * pitch, last = centre + 3 * pitch;
    first = first > 0 ? first : 0;
    last = last < end ? last : end;
    const struct contrast contrast = contrast_of(crop, first, last);
    int top, bottom;
    if (fabsf(contrast.ink) < LEAST_CONTRAST ||
        !rows_of(crop, &contrast, before, after, &top, &bottom))
        return -1;
    const int left = valley(crop, &contrast, top, bottom, before, centre);
    const int right = valley(crop, &contrast, top, bottom, centre, after);
    if (right - left < LEAST_WIDTH)
        return -1;
    const float height = (float)(bottom - top + 1), start = (float)top;
    const float head = spread(crop, &contrast, left, right + 1, start + TOP_FROM * height,
                              start + TOP_TO * height);
    const float foot = spread(crop, &contrast, left, right + 1, start + FOOT_FROM * height,
                              start + FOOT_TO * height);
    return head > 0 && foot <= head ? foot / head : -1;
}

static int cut_out_grey(const struct image *image, const struct quad *quad, struct image *grey,
                        se_error *err)
{
    float margin;
    const struct quad outline = crop_outline(quad, &margin);
    struct image colour = {0};
    FORWARD_IF_ERROR(
        image_create(&colour, crop_width(&outline), CROP_HEIGHT, image->channels, err));
    int status = img_warp_quad(image, &outline, &colour, err);
    if (status == SE_OK)
        status = img_to_grey(&colour, grey, err);
    image_free(&colour);
    return status;
}

/* What a foot says for a V, in log-odds. */
static float odds_of_foot(float foot)
{
    return foot < 0 ? 0 : fmaxf(0, fminf(MOST_ODDS, (FOOT_OF_BOTH - foot) * ODDS_OF_FOOT));
}

/* Which symbol to prefer to which, and by how much: log-odds, 0 for nothing. */
struct pull {
    uint32_t to, from;
    float odds;
};

static struct pull pull_at(const struct image *crop, const struct text_line *line, size_t at)
{
    if (is_u_or_v(&line->chars[at]))
        return (struct pull){'V', 'U',
                             odds_of_foot(glyph_foot(crop, line->chars, line->count, at))};
    if (is_o_or_zero(&line->chars[at]) && is_zero_by_place(line, at))
        return (struct pull){'0', 'O', ODDS_OF_ZERO};
    return (struct pull){.odds = 0};
}

/* The lattice with every such letter weighed; *any: whether there was one. */
static int weigh(const struct recognizer *recognizer, const struct image *crop,
                 const struct text_line *line, struct arena *arena, struct lattice *weighed,
                 bool *any)
{
    *any = false;
    *weighed = line->lattice;
    for (size_t i = 0; i < line->count; i++) {
        const struct pull pull = pull_at(crop, line, i);
        const int to = alphabet_column(line->lattice.alphabet, pull.to);
        const int from = alphabet_column(line->lattice.alphabet, pull.from);
        if (!(pull.odds > 0) || to < 1 || from < 1)
            continue;
        const struct lattice before = *weighed;
        const int first = i > 0 ? line->chars[i - 1].end : 0;
        const int end = i + 1 < line->count ? line->chars[i + 1].step : before.steps;
        if (lattice_weigh(&before, first, end, to, from, pull.odds, recognizer->columns, arena,
                          weighed) != 0)
            return -1;
        *any = true;
    }
    return 0;
}

int glyph_weigh(const struct recognizer *recognizer, const struct image *image, struct arena *arena,
                struct text_line *line, se_error *err)
{
    bool any, seen = false;
    if (!is_asked(line) || !line->lattice.best)
        return SE_OK;
    for (size_t i = 0; i < line->count && !seen; i++)
        seen = is_u_or_v(&line->chars[i]);
    struct image crop = {0};
    if (seen)
        FORWARD_IF_ERROR(cut_out_grey(image, &line->quad, &crop, err));
    struct lattice weighed;
    const int failed = weigh(recognizer, &crop, line, arena, &weighed, &any);
    image_free(&crop);
    if (failed)
        return se_fail_memory(err, "the text of a picture", arena->max);
    return any ? line_text_from_lattice(recognizer, &weighed, line->lattice.steps * CROP_STEP,
                                        arena, line, err)
               : SE_OK;
}
