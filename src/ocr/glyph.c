#include "ocr/glyph.h"

#include <math.h>

#include "image/ops.h"
#include "ocr/code_head.h"
#include "ocr/crop.h"
#include "ocr/glyph_ink.h"
#include "ocr/glyph_width.h"
#include "ocr/line_text.h"

enum {
    LEAST_CHARACTERS = 4,
    LEAST_WIDTH = 8, /* pixels of a letter's cell */
    MOST_WIDTH = 96
};

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
/* And what is digits but for one symbol is digits. */
static const float ODDS_AMONG_DIGITS = 4;
enum { ZERO_LEAST_LENGTH = 6, WORD_LENGTH = 3 };

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
        code += glyph_is_code(line->chars[i].c);
        any |= is_u_or_v(&line->chars[i]) || is_o_or_zero(&line->chars[i]);
    }
    return any && code >= LEAST_CHARACTERS;
}

/* Is there a letter whose shape or width may say something? Widths do beside two digits at least.
 */
static bool is_measured(const struct text_line *line)
{
    size_t digits = 0;
    for (size_t i = 0; i < line->count; i++) {
        if (is_u_or_v(&line->chars[i]))
            return true;
        digits += is_digit(line->chars[i].c);
    }
    return digits >= 2;
}

/* What its place says for a 0 where an O or 0 stands at `at`, in log-odds. Identifiers write a
 * digit beside a digit of a code that mixes both, but not at the end of the three letters or more
 * that many begin with (FDO, COMPO). */
static float odds_of_place(const struct text_line *line, size_t at)
{
    const struct text_char *chars = line->chars;
    size_t begin = at, end = at + 1, digits = 0, letters = 0, round = 0;
    while (begin > 0 && glyph_is_code(chars[begin - 1].c))
        begin--;
    while (end < line->count && glyph_is_code(chars[end].c))
        end++;
    for (size_t i = begin; i < end; i++) {
        digits += is_digit(chars[i].c) && i != at;
        letters += !is_digit(chars[i].c) && i != at;
        round += chars[i].c == 'O' && i != at;
    }
    if (end - begin < ZERO_LEAST_LENGTH || digits < 2)
        return 0;
    if (letters == round)
        return ODDS_AMONG_DIGITS;
    size_t prefix = begin;
    while (prefix < end && (!is_digit(chars[prefix].c) || prefix == at))
        prefix++;
    if (at < prefix && prefix - begin >= WORD_LENGTH)
        return 0;
    const bool beside =
        (at > begin && is_digit(chars[at - 1].c)) || (at + 1 < end && is_digit(chars[at + 1].c));
    return beside ? ODDS_OF_ZERO : 0;
}

/* Root of the mean squared distance of the ink of some rows from its middle, row by row. */
static float spread(const struct glyph_ink *ink, int left, int right, float from, float to)
{
    float sum = 0;
    int rows = 0;
    for (int y = (int)roundf(from); y < (int)roundf(to) && y < CROP_HEIGHT; y++) {
        const uint8_t *row = image_row(ink->crop, y);
        float all = 0, first = 0, second = 0;
        for (int x = left; x < right; x++) {
            const float here = glyph_ink_at(ink, row[x]), at = (float)(x - left);
            all += here;
            first += here * at;
            second += here * at * at;
        }
        if (all <= 0)
            continue;
        const float middle = first / all;
        sum += sqrtf(fmaxf(0, second / all - middle * middle));
        rows++;
    }
    return rows > 0 ? sum / (float)rows : 0;
}

float glyph_foot(const struct image *crop, const struct text_char *chars, size_t count, size_t at)
{
    const int centre = glyph_centre(&chars[at]), end = crop->width - 1;
    int before = at > 0 ? glyph_centre(&chars[at - 1]) : -1;
    int after = at + 1 < count ? glyph_centre(&chars[at + 1]) : -1;
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
    struct glyph_ink ink;
    const int around[2] = {glyph_within(centre - 3 * pitch, 0, end),
                           glyph_within(centre + 3 * pitch, 0, end)};
    const int rows[2] = {before, after};
    if (!glyph_ink_find(&ink, crop, around, rows))
        return -1;
    const int left = glyph_ink_valley(&ink, before, centre);
    const int right = glyph_ink_valley(&ink, centre, after);
    if (right - left < LEAST_WIDTH)
        return -1;
    const float height = (float)(ink.bottom - ink.top + 1), start = (float)ink.top;
    const float head =
        spread(&ink, left, right + 1, start + TOP_FROM * height, start + TOP_TO * height);
    const float foot =
        spread(&ink, left, right + 1, start + FOOT_FROM * height, start + FOOT_TO * height);
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
    if (!is_o_or_zero(&line->chars[at]))
        return (struct pull){.odds = 0};
    float odds = odds_of_place(line, at);
    if (crop->width > 0)
        odds += glyph_width_odds(crop, line->chars, line->count, at);
    return odds > 0 ? (struct pull){'0', 'O', odds} : (struct pull){'O', '0', -odds};
}

/* What the shapes of the line's letters change. Returns how many; -1 when the arena is spent. */
static int changes_of(const struct image *crop, const struct text_line *line, struct arena *arena,
                      struct lattice_change **out)
{
    struct lattice_change *changes = arena_alloc(arena, line->count, sizeof(*changes));
    struct column_odds *odds = arena_alloc(arena, line->count, 2 * sizeof(*odds));
    int count = 0;
    if (!changes || !odds)
        return -1;
    for (size_t i = 0; i < line->count; i++) {
        const struct pull pull = pull_at(crop, line, i);
        const int to = alphabet_column(line->lattice.alphabet, pull.to);
        const int from = alphabet_column(line->lattice.alphabet, pull.from);
        if (!(pull.odds > 0) || to < 1 || from < 1)
            continue;
        odds[2 * i] = (struct column_odds){to, pull.odds};
        odds[2 * i + 1] = (struct column_odds){from, 0};
        changes[count++] = (struct lattice_change){
            .first = i > 0 ? line->chars[i - 1].end : 0,
            .end = i + 1 < line->count ? line->chars[i + 1].step : line->lattice.steps,
            .odds = odds + 2 * i,
            .count = 2};
    }
    *out = changes;
    return count;
}

/* The last layer for codes. */
static int weigh_codes(const struct recognizer *recognizer, struct arena *arena,
                       struct text_line *line, se_error *err)
{
    struct lattice weighed;
    if (!recognizer->codes)
        return SE_OK;
    if (code_head_apply(recognizer->codes, &line->lattice, line->chars, line->count,
                        recognizer->columns, arena, &weighed) != 0)
        return se_fail_memory(err, "the text of a picture", arena->max);
    return weighed.logp == line->lattice.logp
               ? SE_OK
               : line_text_from_lattice(recognizer, &weighed, line->lattice.steps * CROP_STEP,
                                        arena, line, err);
}

int glyph_weigh(const struct recognizer *recognizer, const struct image *image, struct arena *arena,
                struct text_line *line, se_error *err)
{
    if (!line->lattice.best)
        return SE_OK;
    FORWARD_IF_ERROR(weigh_codes(recognizer, arena, line, err));
    if (!is_asked(line))
        return SE_OK;
    struct image crop = {0};
    if (is_measured(line))
        FORWARD_IF_ERROR(cut_out_grey(image, &line->quad, &crop, err));
    struct lattice_change *changes = NULL;
    const int count = changes_of(&crop, line, arena, &changes);
    image_free(&crop);
    struct lattice weighed;
    if (count < 0 || (count > 0 && lattice_weigh(&line->lattice, changes, (size_t)count,
                                                 recognizer->columns, arena, &weighed) != 0))
        return se_fail_memory(err, "the text of a picture", arena->max);
    return count > 0 ? line_text_from_lattice(recognizer, &weighed, line->lattice.steps * CROP_STEP,
                                              arena, line, err)
                     : SE_OK;
}
