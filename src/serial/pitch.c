/*
 * Distances between the middles of neighbouring characters, against what two models of print
 * expect:
 *
 *      A   B       4   8   0          proportional   mean of both characters' own widths
 *      ├ d ┼─── d ───┼ d ┼ d ┤        monospaced     one width for all
 *
 * Each model is scaled to the piece by its median ratio, which one or two gaps do not move. The
 * model that explains the piece better tells the gap.
 */
#include "serial/pitch.h"

#include <math.h>
#include <stdlib.h>

enum { PAIRS_MIN = 4, PAIRS_MAX = WORK_MAX_CHARS };

/* Width of a space in digits; those of a monospaced face are as wide as a character, which is
 * believed where there are several. */
static const double SPACE = 0.5, SPACE_MOST = 1.3;
static const double DIGIT = 0.556;

/* Two neighbours: how far apart, and how far they should be. */
struct pair {
    double distance, proportional;
    bool spaced;
};

struct pairs {
    struct pair items[PAIRS_MAX];
    size_t count;
};

/* Advance widths of Helvetica (Adobe Font Metrics), in em. */
static double width_of(uint32_t c)
{
    static const double capitals[] = {0.667, 0.667, 0.722, 0.722, 0.667, 0.611, 0.778, 0.722, 0.278,
                                      0.5,   0.667, 0.556, 0.833, 0.722, 0.778, 0.667, 0.778, 0.722,
                                      0.667, 0.611, 0.722, 0.667, 0.944, 0.667, 0.667, 0.611};
    const uint8_t symbol = fold_symbol(c);
    if (symbol != FOLD_NO_SYMBOL)
        return symbol < 10 ? DIGIT : capitals[symbol - 10];
    return 0.3;
}

/* Middle of a character in steps of the lattice: of all that is neither blank nor space between it
 * and its neighbours, which is finer than whole steps. Where two cells of a table were read as one,
 * what may be a space between them is no ink of either. */
static double middle_of(const struct work_text *text, size_t at)
{
    const struct lattice *lattice = text->lattice;
    const int space = alphabet_column(lattice->alphabet, ' ');
    const struct ser_char *c = &text->chars[at];
    const int from = at > 0 ? (c[-1].end + c->step + 1) / 2 : c->step - 1;
    const int to = at + 1 < text->count ? (c->end + c[1].step) / 2 : c->end + 1;
    double sum = 0, weight = 0;
    for (int step = from < 0 ? 0 : from; step < to && step < lattice->steps; step++) {
        const float *logp = lattice->logp + (size_t)step * lattice->stride;
        const double gone = space >= 0 ? exp((double)fminf(logp[space], 0)) : 0;
        const double ink = fmax(1 - exp((double)fminf(logp[0], 0)) - gone, 0);
        sum += ink * (step + 0.5);
        weight += ink;
    }
    return weight > 0.5 ? sum / weight : (double)(c->step + c->end) / 2;
}

/* Pairs of neighbours among characters [begin, end); spaces between two count as part of their
 * distance. None where the lattice is not known. */
static void add_pairs(const struct work_text *text, size_t begin, size_t end, struct pairs *pairs)
{
    size_t before = SIZE_MAX;
    bool spaced = false;
    pairs->count = 0;
    for (size_t i = begin; text->lattice && i < end && pairs->count < PAIRS_MAX; i++) {
        const struct ser_char *c = &text->chars[i];
        if (fold_class(c->c) == FOLD_SPACE) {
            spaced = true;
            continue;
        }
        if (c->end <= 0) {
            pairs->count = 0;
            return;
        }
        if (before != SIZE_MAX)
            pairs->items[pairs->count++] = (struct pair){
                .distance = middle_of(text, i) - middle_of(text, before),
                .proportional = (width_of(text->chars[before].c) + width_of(c->c)) / 2,
                .spaced = spaced};
        before = i;
        spaced = false;
    }
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* How much wider than its characters ask for a pair is, in digits. */
static double excess(const struct pair *pair, bool proportional, double scale)
{
    const double asked = scale * (proportional ? pair->proportional : 1);
    return (pair->distance - asked) / (scale * (proportional ? DIGIT : 1));
}

/* What a space adds: as much as the narrowest of several does. */
static double space_of(const struct pairs *pairs, bool proportional, double scale)
{
    double least = INFINITY;
    size_t count = 0;
    for (size_t i = 0; i < pairs->count; i++)
        if (pairs->items[i].spaced) {
            least = fmin(least, excess(&pairs->items[i], proportional, scale));
            count++;
        }
    return count < 2 ? SPACE : fmax(SPACE, fmin(least, SPACE_MOST));
}

/* The widest gap by one model of print, in digits; -1 where there are too few pairs. */
static double widest(const struct pairs *pairs, bool proportional)
{
    double ratios[PAIRS_MAX], gap = 0;
    size_t count = 0;
    for (size_t i = 0; i < pairs->count; i++)
        if (!pairs->items[i].spaced)
            ratios[count++] =
                pairs->items[i].distance / (proportional ? pairs->items[i].proportional : 1);
    if (count < PAIRS_MIN)
        return -1;
    qsort(ratios, count, sizeof(ratios[0]), compare_doubles);
    const double scale = fmax(ratios[(count - 1) / 2], 1e-3);
    const double space = space_of(pairs, proportional, scale);
    for (size_t i = 0; i < pairs->count; i++)
        gap = fmax(gap, excess(&pairs->items[i], proportional, scale) -
                            (pairs->items[i].spaced ? space : 0));
    return gap;
}

/* The widest gap among characters [begin, end), by the model that explains it better; -1 where it
 * cannot be told. */
static double gap_in(const struct work_text *text, size_t begin, size_t end)
{
    struct pairs pairs;
    add_pairs(text, begin, end, &pairs);
    return fmin(widest(&pairs, false), widest(&pairs, true));
}

/* Are the symbols of `piece` those of characters [begin, end) of another reading? */
static bool says_the_same(const struct work_text *a, const struct work_piece *piece,
                          const struct work_text *b, size_t begin, size_t end)
{
    size_t k = begin;
    for (size_t i = piece->begin; i < piece->end; i++) {
        const uint8_t symbol = fold_symbol(a->chars[i].c);
        if (symbol == FOLD_NO_SYMBOL)
            continue;
        while (k < end && fold_symbol(b->chars[k].c) == FOLD_NO_SYMBOL)
            k++;
        if (k == end || fold_symbol(b->chars[k++].c) != symbol)
            return false;
    }
    while (k < end && fold_symbol(b->chars[k].c) == FOLD_NO_SYMBOL)
        k++;
    return k == end;
}

/* The mean over all readings of the piece that say the same: lattices are coarse. */
static double gap_of(const struct work *work, const struct work_piece *piece)
{
    const struct work_text *text = &work->texts[piece->line];
    double sum = 0;
    size_t count = 0;
    for (size_t k = 0; k <= text->again_count; k++) {
        const struct work_text *reading = k == 0 ? text : &text->again[k - 1];
        size_t begin = piece->begin, end = piece->end;
        if (k > 0)
            work_characters_at(reading, text, piece, &begin, &end);
        if (!says_the_same(text, piece, reading, begin, end))
            continue;
        const double gap = gap_in(reading, begin, end);
        sum += fmax(gap, 0);
        count += gap >= 0;
    }
    return count > 0 ? sum / (double)count : 0;
}

double pitch_gap(const struct work *work, const struct work_cand *cand)
{
    double gap = 0;
    for (size_t i = 0; i < cand->piece_count; i++)
        gap = fmax(gap, gap_of(work, &cand->pieces[i]));
    return gap;
}

/* ---- what covers the ends ------------------------------------------------------------------- */

/* Cover may begin this many widths of a character from where the next one would. */
static const double COVER_APART = 0.8, COVER_LONGEST = 4;

static bool is_solid(const struct ser_solid *solid, double part)
{
    const double beyond = (double)solid->beyond;
    const double at = (part + beyond) / (1 + 2 * beyond) * (double)solid->count;
    return at >= 0 && at < (double)solid->count && solid->columns[(size_t)at] != 0;
}

/* The longest solid run within `room` from `edge` on, in direction `way`, that begins less than
 * `apart` from it and has paper behind it again: the end of a label is no cover. All in parts of
 * the line. */
static double cover_from(const struct ser_solid *solid, double edge, int way, double apart,
                         double room)
{
    const double step = (1 + 2 * (double)solid->beyond) / (double)solid->count;
    double longest = 0, run = 0;
    for (double gone = step / 2; gone < room && step > 0; gone += step) {
        if (is_solid(solid, edge + way * gone)) {
            run += step;
            continue;
        }
        const bool paper = !is_solid(solid, edge + way * (gone + step)) &&
                           !is_solid(solid, edge + way * (gone + 2 * step));
        if (paper)
            longest = fmax(longest, run);
        run = 0;
        if (gone > apart)
            break;
    }
    return longest;
}

/* Where along the line a character stands. */
static double part_of(const struct work_text *text, size_t at)
{
    return (double)(text->chars[at].from + text->chars[at].to) / 2;
}

/* Middle of the next character that is no space, in direction `way` from `at`; far away where there
 * is none. */
static double neighbour_of(const struct work_text *text, size_t at, int way)
{
    for (size_t i = at + (size_t)way; i < text->count; i += (size_t)way)
        if (fold_class(text->chars[i].c) != FOLD_SPACE)
            return part_of(text, i);
    return way * (double)INFINITY;
}

/* Cover at the first or (`way` 1) the last character of a piece, in its widths of a character. */
static double cover_at(const struct work_text *text, const struct work_piece *piece, int way)
{
    const size_t end = way > 0 ? piece->end - 1 : piece->begin;
    if (text->solid.count == 0 || piece->end - piece->begin <= PAIRS_MIN)
        return 0;
    const double from = part_of(text, piece->begin), to = part_of(text, piece->end - 1);
    const double pitch = (to - from) / (double)(piece->end - piece->begin - 1);
    const double edge = (way > 0 ? to : from) + way * pitch / 2;
    const double room = fmin(COVER_LONGEST * pitch, fabs(neighbour_of(text, end, way) - edge));
    return pitch > 0 ? cover_from(&text->solid, edge, way, COVER_APART * pitch, room) / pitch : 0;
}

double pitch_cover(const struct work *work, const struct work_cand *cand)
{
    double cover = 0;
    for (size_t i = 0; i < cand->piece_count; i++) {
        const struct work_text *text = &work->texts[cand->pieces[i].line];
        cover = fmax(cover, cover_at(text, &cand->pieces[i], -1));
        cover = fmax(cover, cover_at(text, &cand->pieces[i], 1));
    }
    return fmin(cover, 1);
}

/* ---- pieces of one code --------------------------------------------------------------------- */

/* Distance of two pieces of a code, from middle to middle in its widths of a character; symbols of
 * the smaller one. */
static const double TORN_NEAREST = 2.1, TORN_FARTHEST = 5.5;
enum { TORN_SYMBOLS = 6 };

static bool is_announcing(const struct work *work, const struct work_text *text, size_t at)
{
    for (size_t i = text->first_anchor; i < text->first_anchor + text->anchor_count; i++)
        if (at >= work->anchors[i].begin && at < work->anchors[i].end)
            return true;
    return false;
}

/* Characters up to a space, counted. */
struct group {
    size_t count, digits, lower;
    bool code; /* digits and letters alone, none of a word that announces something */
};

static void count_character(struct group *group, enum fold_class class)
{
    group->count++;
    group->digits += class == FOLD_DIGIT;
    group->lower += class == FOLD_LOWER;
    group->code &= class == FOLD_DIGIT || class == FOLD_UPPER || class == FOLD_LOWER;
}

/* The group that begins at `at` and goes on in direction `way`. */
static struct group group_at(const struct work *work, const struct work_text *text, size_t at,
                             int way)
{
    struct group group = {.code = true};
    for (; at < text->count && fold_class(text->chars[at].c) != FOLD_SPACE; at += (size_t)way) {
        count_character(&group, fold_class(text->chars[at].c));
        group.code &= !is_announcing(work, text, at);
    }
    return group;
}

/* Is it short, of capitals and digits? */
static bool is_fragment(const struct group *group)
{
    return group->code && group->lower == 0 && group->count > 0 && group->count <= TORN_SYMBOLS;
}

/* Is it as long as the piece, of letters and digits like it: the other half of a code in two
 * groups, "K7VR2MXA 4HPD9QTN"? */
static bool is_other_half(const struct group *group, const struct work_text *text,
                          const struct work_piece *piece)
{
    struct group own = {.code = true};
    for (size_t i = piece->begin; i < piece->end; i++)
        count_character(&own, fold_class(text->chars[i].c));
    return group->code && group->count > TORN_SYMBOLS && group->count == own.count &&
           own.digits > 0 && own.digits < own.count && group->digits > 0 &&
           group->digits < group->count && (own.lower > 0) == (group->lower > 0);
}

/* May what begins at `at` of `other` be the rest of the piece of `text`? */
static bool is_rest(const struct work *work, const struct work_text *text,
                    const struct work_piece *piece, const struct work_text *other, size_t at,
                    int way)
{
    const struct group group = group_at(work, other, at, way);
    return is_fragment(&group) || is_other_half(&group, text, piece);
}

/* Digits in groups stand as far apart everywhere, up to this ratio; a gap between groups is so much
 * wider than what lies between other digits. */
static const double ALIKE = 1.25, GROUPS = 1.4;
enum { GROUP_DIGITS = 3 };

/* How many digits stand from `at` on in direction `way`. */
static size_t digits_at(const struct work_text *text, size_t at, int way)
{
    size_t count = 0;
    for (; at < text->count && fold_class(text->chars[at].c) == FOLD_DIGIT; at += (size_t)way)
        count++;
    return count;
}

/* Is the piece made of groups of digits, as far apart as the digits at `next` are from it? */
static bool is_next_group(const struct work_text *text, const struct work_piece *piece, size_t next,
                          double apart, int way)
{
    double widest = 0, all = 0;
    size_t count = 0, last = piece->begin;
    if (digits_at(text, next, way) < GROUP_DIGITS)
        return false;
    for (size_t i = piece->begin; i < piece->end; i++) {
        const enum fold_class class = fold_class(text->chars[i].c);
        if (class == FOLD_SPACE)
            continue;
        if (class != FOLD_DIGIT)
            return false;
        const double distance = middle_of(text, i) - middle_of(text, last);
        widest = fmax(widest, distance);
        all += distance;
        last = i;
        count++;
    }
    const double usual = count > 2 ? (all - widest) / (double)(count - 2) : (double)INFINITY;
    return widest > GROUPS * usual && apart < ALIKE * widest && apart > widest / ALIKE;
}

/* Is there a fragment before the first or (`way` 1) behind the last character of a piece? */
static bool is_torn_at(const struct work *work, const struct work_text *text,
                       const struct work_piece *piece, int way)
{
    const size_t end = way > 0 ? piece->end - 1 : piece->begin;
    size_t next = end + (size_t)way;
    while (next < text->count && fold_class(text->chars[next].c) == FOLD_SPACE)
        next += (size_t)way;
    if (next >= text->count || next == end + (size_t)way || piece->end - piece->begin <= PAIRS_MIN)
        return false;
    const double pitch = (middle_of(text, piece->end - 1) - middle_of(text, piece->begin)) /
                         (double)(piece->end - piece->begin - 1);
    const double apart = fabs(middle_of(text, next) - middle_of(text, end));
    return (apart > TORN_NEAREST * pitch && apart < TORN_FARTHEST * pitch &&
            is_rest(work, text, piece, text, next, way)) ||
           is_next_group(text, piece, next, apart, way);
}

/* Boxes of one row adjoin from this much of a line's height before an end to this much behind it; a
 * space is wider, and what is lower or higher by more than the ratio is other print. */
static const double ADJOIN_BEFORE = 1.5, ADJOIN_BEHIND = 0.35, ADJOIN_RATIO = 1.5;

/* Does `other` go on where the piece ends its line (`way` 1), or end where it begins (-1)? */
static bool adjoins(const struct work_text *text, const struct work_piece *piece,
                    const struct work_text *other, int way)
{
    float from, to;
    const struct work_box box = work_box_in(&text->frame, other, 0, other->count);
    work_extent(text, piece->begin, piece->end, &from, &to);
    const double h = (double)text->frame.h, ratio = (double)other->frame.h / h;
    const double end = (double)(way > 0 ? to : -from);
    const double near = (double)((float)way * box.x - box.half) - end;
    const double far = (double)((float)way * box.x + box.half) - end;
    return box.aligned && fabs((double)box.y - h / 2) < h / 2 && ratio < ADJOIN_RATIO &&
           ratio > 1 / ADJOIN_RATIO && near > -ADJOIN_BEFORE * h && near < ADJOIN_BEHIND * h &&
           far > h / 2;
}

/* Was a line cut in two within the code: does another box with a fragment adjoin its end? */
static bool is_cut_at(const struct work *work, const struct work_text *text,
                      const struct work_piece *piece, int way)
{
    if (!text->frame.valid || (way > 0 ? piece->end < text->count : piece->begin > 0))
        return false;
    for (size_t i = 0; i < work->text_count; i++) {
        const struct work_text *other = &work->texts[i];
        if (other != text && !other->symbology && other->frame.valid && other->count > 0 &&
            adjoins(text, piece, other, way) &&
            is_rest(work, text, piece, other, way > 0 ? 0 : other->count - 1, way))
            return true;
    }
    return false;
}

enum { HEAD_LEAST = 2, HEAD_MOST = 3 }; /* letters of a code's head */

/* Does the word that announces a code of digits have two or three letters behind it that are no
 * part of the code, as in "Inventory No. EJ 186 811"? */
static bool is_beheaded(const struct work *work, const struct work_cand *cand)
{
    const struct work_anchor *anchor = cand->anchor;
    const struct work_piece *piece = &cand->pieces[0];
    if (!anchor || cand->piece_count != 1 || anchor->line != piece->line ||
        anchor->end >= piece->begin)
        return false;
    const struct work_text *text = &work->texts[piece->line];
    size_t letters = 0;
    for (size_t i = anchor->end; i < piece->begin; i++) {
        const enum fold_class class = fold_class(text->chars[i].c);
        if (is_announcing(work, text, i))
            return false;
        letters += class == FOLD_UPPER || class == FOLD_LOWER;
        if (class != FOLD_UPPER && class != FOLD_LOWER && class != FOLD_SPACE &&
            text->chars[i].c != ':' && text->chars[i].c != '.')
            return false;
    }
    for (size_t i = piece->begin; i < piece->end; i++) {
        const enum fold_class class = fold_class(text->chars[i].c);
        if (class != FOLD_DIGIT && class != FOLD_SPACE)
            return false;
    }
    return letters >= HEAD_LEAST && letters <= HEAD_MOST;
}

bool pitch_is_torn(const struct work *work, const struct work_cand *cand)
{
    if (is_beheaded(work, cand))
        return true;
    for (size_t i = 0; i < cand->piece_count; i++) {
        const struct work_piece *piece = &cand->pieces[i];
        const struct work_text *text = &work->texts[piece->line];
        if (!text->symbology && cand->piece_count == 1 &&
            (is_cut_at(work, text, piece, -1) || is_cut_at(work, text, piece, 1)))
            return true;
    }
    for (size_t i = 0; i < cand->piece_count; i++) {
        const struct work_piece *piece = &cand->pieces[i];
        const struct work_text *text = &work->texts[piece->line];
        if (text->lattice &&
            (is_torn_at(work, text, piece, -1) || is_torn_at(work, text, piece, 1)))
            return true;
    }
    return false;
}
