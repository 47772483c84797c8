#include "serial/calibrate.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "serial/lacking.h"
#include "serial/masks.h"
#include "serial/pitch.h"
#include "serial/strips.h"
#include "serial/unread.h"

/* Text lower than this many pixels is small: strokes of neighbouring characters run together. */
static const double SMALL_HEIGHT = 24;
/* Codes with fewer symbols are short: many other words of a label are as long. A word that asks for
 * a number makes up for two, but "No." for digits alone, and so does a barcode that says the same:
 * nobody puts other words into one. */
static const double SHORT_LENGTH = 8, SHORT_MEANT = 6;
/* Evidence from which on a word announces a code, and is no vague one. */
static const double SAID = 0.5, SAID_PLAINLY = 2.5;
/* Looks that hardly a serial number has, as log-odds: approvals, dates. */
static const double UNLIKELY_SHAPE = -2;
/* Log-odds between a symbol and the one that it is taken for, from which on hardly any was wrong;
 * those below are all alike, but for a step of 1: of twins, of a 0 and an O, of any two. */
static const double TWIN_CLEAR = 6, ZERO_CLEAR = 6.5, NARROW_CLEAR = 4.7;
/* Heights of text in pixels up to which dots run together, and from which on they do not. */
static const double DOTS_BLURRED = 32, DOTS_APART = 40;
/* As CLEAR_LEAD, for answers that any serial number would come before. */
static const double CLEAR_OF_SERIAL = 3.5;
/* What a format is worth at most whose check digit was not read, or has none: without it, words
 * and numbers of a label make a container's number. */
static const double FITS_MOST = 3;
/* Log-odds by which a competitor must be behind to be out of the race. */
static const double CLEAR_LEAD = 3;
/* Anchors from this weight on ask for a serial number and nothing else. */
static const float PLAIN_ANCHOR = 4.5F;
/* A character has room in this part of the text's height, and none in this much less of it; what is
 * this near to an edge touches it. */
static const float EDGE_PART = 0.35F, EDGE_STEP = 0.25F, EDGE_PIXELS = 2;

/* Gaps up to the first are in even print, too; the second is a step from there (pitch.h). */
static const double GAP_LEAST = 0.5, GAP_STEP = 0.2;
/* The same of what covers the room of a character. */
static const double COVER_LEAST = 0.4, COVER_STEP = 0.3;

/* Answers whose strips are measured. */
enum { STRIP_PLACES = 6 };

/* `low` for what is not a number. */
static double within(double value, double low, double high)
{
    return fmin(fmax(value, low), high);
}

static bool is_outside(float x, float y, float width, float height)
{
    return x <= 0 || y <= 0 || x >= width || y >= height;
}

/* How far it is from (x, y) to an edge of the picture in direction (ux, uy), in pixels. */
static float way_out(float x, float y, float ux, float uy, float width, float height)
{
    const float across = ux > 0 ? (width - x) / ux : ux < 0 ? -x / ux : INFINITY;
    const float down = uy > 0 ? (height - y) / uy : uy < 0 ? -y / uy : INFINITY;
    return fminf(across, down);
}

/* May an edge of the picture cut characters [begin, end) of a line: they touch it, or another one
 * would have no room between them? The nearer the edge, the likelier. */
static double nearness_of_edge(const struct work *work, size_t line, size_t begin, size_t end)
{
    const float width = (float)work->input->width, height = (float)work->input->height;
    const struct work_text *text = &work->texts[line];
    const struct work_frame *f = &text->frame;
    float quad[4][2];
    double most = 0;
    if (text->symbology || !f->valid)
        return 0;
    work_quad(text, begin, end, quad);
    for (int k = 0; k < 4; k++) {
        const float sign = k == 1 || k == 2 ? 1 : -1;
        const float *p = quad[k], *across = quad[3 - k];
        const float x = (p[0] + across[0]) / 2, y = (p[1] + across[1]) / 2;
        if (is_outside(p[0] - EDGE_PIXELS, p[1] - EDGE_PIXELS, width, height) ||
            is_outside(p[0] + EDGE_PIXELS, p[1] + EDGE_PIXELS, width, height))
            return 1;
        const float room = way_out(x, y, sign * f->ux, sign * f->uy, width, height) / f->h;
        most = fmax(most, within((double)((EDGE_PART - room) / EDGE_STEP), 0, 1));
    }
    return most;
}

/* The same of any piece of a code. */
static double nearness_of_code(const struct work *work, const struct work_cand *cand)
{
    double most = 0;
    for (size_t i = 0; i < cand->piece_count; i++) {
        const struct work_piece *piece = &cand->pieces[i];
        most = fmax(most, nearness_of_edge(work, piece->line, piece->begin, piece->end));
    }
    return most;
}

/* Letters that most makers leave out because they look like digits: read, they are as likely the
 * digit, unless the format, its check or a barcode says otherwise. */
static size_t odd_letters(const struct hypothesis *h)
{
    uint64_t masks[WORK_MAX_CODE];
    size_t count = 0;
    if (rank_is_proven(h) || h->agreed || h->sources == SER_FROM_BARCODE)
        return 0;
    const bool masked = h->format && format_masks(h->format, h->repair.length, masks);
    for (size_t i = 0; i < h->repair.length; i++) {
        const char c = h->repair.key[i];
        const uint64_t digit = c == 'I' ? 1U << 1 : c == 'O' || c == 'Q' ? 1U << 0 : 0;
        count += digit != 0 && (!masked || (masks[i] & digit));
    }
    return count;
}

/* Does a word for serial numbers stand in the picture that this code is not announced by? */
static bool is_asked_for_another(const struct work *work, const struct hypothesis *h)
{
    if (h->cand->anchor && h->cand->anchor->says == SAYS_SERIAL)
        return false;
    for (size_t i = 0; i < work->anchor_count; i++)
        if (work->anchors[i].says == SAYS_SERIAL && work->anchors[i].weight >= PLAIN_ANCHOR)
            return true;
    return false;
}

/* A container's number is painted in pieces, and few codes begin as it does: with the owner's three
 * letters and a U (J and Z, of its equipment, are rare). Of other codes that are made of several
 * places one in ten passes a check by chance. */
static double joined_places(const struct hypothesis *h)
{
    const bool container = h->kind == SER_CONTAINER && h->repair.key[3] == 'U';
    return container ? 0 : within((double)h->cand->piece_count - 1, 0, 3);
}

static bool is_of_network(enum ser_kind kind)
{
    return kind == SER_MAC || kind == SER_IMEI || kind == SER_MEID || kind == SER_ICCID;
}

static bool names_device(enum ser_kind kind)
{
    return kind == SER_ASSET || kind == SER_VIN || kind == SER_CONTAINER;
}

/* What speaks for symbols that nothing was read of; a check digit or a barcode says that there are
 * none. */
static void measure_hidden(const struct work *work, const struct hypothesis *h,
                           double e[EVIDENCE_TERMS])
{
    e[EVIDENCE_GAP] = e[EVIDENCE_COVER] = e[EVIDENCE_LACKS] = e[EVIDENCE_TORN] = 0;
    e[EVIDENCE_MASKED] = 0;
    if (rank_is_proven(h) || h->agreed)
        return;
    e[EVIDENCE_GAP] = within((pitch_gap(work, h->cand) - GAP_LEAST) / GAP_STEP, 0, 2);
    e[EVIDENCE_COVER] = within((pitch_cover(work, h->cand) - COVER_LEAST) / COVER_STEP, 0, 1);
    e[EVIDENCE_TORN] = pitch_is_torn(work, h->cand);
    e[EVIDENCE_LACKS] = h->cut_before || lacking_symbols(work, h);
    e[EVIDENCE_MASKED] = masks_hide(work, h->cand);
}

static double bareness(const struct hypothesis *h, const double e[EVIDENCE_TERMS])
{
    if (e[EVIDENCE_ANCHOR] > SAID)
        return 0;
    const bool proven = h->agreed || h->repeated || h->format != NULL ||
                        h->sources != SER_FROM_TEXT || e[EVIDENCE_PROVEN] > 0;
    return proven ? 1 : 2;
}

static bool is_digits(const struct hypothesis *h)
{
    return h->repair.key[strspn(h->repair.key, "0123456789")] == '\0';
}

/* Is `c` read where it may be `alt`? By `pairs` "AB CD ". */
static bool is_taken_for(char c, uint32_t alt, const char *pairs)
{
    for (; *pairs; pairs += 3)
        if (pairs[0] == c && (uint32_t)(unsigned char)pairs[1] == alt)
            return true;
    return false;
}

static bool is_changed(const struct hypothesis *h, size_t i)
{
    return h->repair.length == h->cand->key_length && h->repair.changed[i];
}

/* Where the format of a code holds its symbols apart, what it allows at each place; false where it
 * has neither a check nor known beginnings, which codes of another format would hardly fit. */
static bool masks_of(const struct hypothesis *h, uint64_t masks[WORK_MAX_CODE])
{
    return h->format && (h->format->check || h->format->starts) &&
           h->repair.length == h->cand->key_length &&
           format_masks(h->format, h->repair.length, masks);
}

/* Which pairs of symbols are meant, as is_taken_for takes them: these, or any two letters or digits
 * but those of a list. */
struct pairs {
    const char *these, *but;
};

static bool is_meant(const struct pairs *pairs, char c, uint32_t alt)
{
    if (pairs->these)
        return is_taken_for(c, alt, pairs->these);
    return alt < 0x80 && isalnum((int)alt) && toupper((int)alt) != c &&
           !is_taken_for(c, alt, pairs->but);
}

/* How narrowly was one of the code's symbols told from another, of the pairs that are meant?
 * 0: by log-odds of `clear` or more … 1: by less than 1 below it. What a rule has changed is not
 * what was read: EVIDENCE_REPAIR weighs it. What the format does not allow at that place is none.
 */
static double twin_doubt(const struct hypothesis *h, const uint64_t *masks,
                         const struct pairs pairs, double clear)
{
    const struct work_cand *cand = h->cand;
    double doubt = 0;
    for (size_t i = 0; i < cand->key_length; i++) {
        const struct ser_char *c = &cand->chars[cand->place[i]];
        if (is_changed(h, i) || !is_meant(&pairs, cand->key[i], c->alt) ||
            (masks && !(masks[i] >> fold_symbol(c->alt) & 1)))
            continue;
        const double lead = log(fmax((double)c->p, 1e-6) / fmax((double)c->alt_p, 1e-6));
        doubt = fmax(doubt, within(clear - lead, 0, 1));
    }
    return doubt;
}

/* Symbols of which three lattices and more agree on the wrong one. Makers without a known format
 * may write O as well as 0, and the recognizer's choice is swayed towards 0 (ocr/glyph.c). In small
 * print the dots of a 0 with a stroke make an 8, and a G is but for one dot a 6. Any other two are
 * told apart for good by less; a zero is not counted again there. */
static void measure_twins(const struct hypothesis *h, double e[EVIDENCE_TERMS])
{
    e[EVIDENCE_ZERO] = e[EVIDENCE_TWIN] = e[EVIDENCE_NARROW] = 0;
    if (rank_is_proven(h) || h->agreed || h->sources == SER_FROM_BARCODE)
        return;
    uint64_t room[WORK_MAX_CODE];
    const uint64_t *masks = masks_of(h, room) ? room : NULL;
    const struct pairs zeros = {.these = "0O 0D 0Q 0o 0d 0q O0 Q0 "}, dots = {.these = "80 6G "};
    const bool any_zero = !(e[EVIDENCE_KNOWN] > 0) && !is_digits(h);
    if (any_zero)
        e[EVIDENCE_ZERO] = twin_doubt(h, masks, zeros, ZERO_CLEAR);
    const double height = 32 * exp2(e[EVIDENCE_HEIGHT]);
    const double small = within((DOTS_APART - height) / (DOTS_APART - DOTS_BLURRED), 0, 1);
    if (small > 0)
        e[EVIDENCE_TWIN] = small * twin_doubt(h, masks, dots, TWIN_CLEAR);
    const struct pairs others = {.but = any_zero ? zeros.these : ""};
    e[EVIDENCE_NARROW] = twin_doubt(h, masks, others, NARROW_CLEAR);
}

static double shortness(const struct hypothesis *h, const double e[EVIDENCE_TERMS])
{
    if (e[EVIDENCE_KNOWN] > 0)
        return 0;
    const bool weak = h->cand->anchor && h->cand->anchor->weak && !is_digits(h);
    const bool meant = (e[EVIDENCE_ANCHOR] >= SAID_PLAINLY && !weak) || h->agreed;
    return within((meant ? SHORT_MEANT : SHORT_LENGTH) - (double)h->repair.length, 0, 4);
}

/* Is there nothing between the code and its word, where either may have a part of the other:
 * letters of a vague word, or a colon that was read as a stroke, "S/N:48" as "S/N148"? */
static bool is_glued(const struct hypothesis *h)
{
    const struct work_anchor *anchor = h->cand->anchor;
    if (!anchor || h->cand->link != LINK_BEHIND || h->agreed)
        return false;
    const bool stroke = h->repair.key[0] == '1' || h->repair.key[0] == 'I';
    return anchor->may_be_value || (stroke && h->cand->pieces[0].begin == anchor->end);
}

/* "N: 823-58717-53" may be the end of "E-N.:", "ID: JACZWXC3Y" of "FCC ID:", "l No.: WMP54G" of
 * "Model No.:", as "No." at an edge of the picture may be. */
static bool is_vague(const struct work *work, const struct hypothesis *h,
                     const double e[EVIDENCE_TERMS])
{
    const struct work_anchor *anchor = h->cand->anchor;
    if (!anchor || !(e[EVIDENCE_ANCHOR] > SAID) || anchor->says != SAYS_SERIAL)
        return false;
    return anchor->name[1] == '\0' || strcmp(anchor->name, "id") == 0 || anchor->rest ||
           (anchor->weak && nearness_of_edge(work, anchor->line, anchor->begin, anchor->end) >= 1);
}

/* What speaks against a code's looks counts wherever a word announces it, what speaks for them
 * where that is plain. "S/N LR637LRX" looks like the number of an approval and "S/N G28LVG1" like a
 * quantity, but both are what the format of a maker allows. */
static double looks(const struct hypothesis *h, const double e[EVIDENCE_TERMS])
{
    const struct work_anchor *anchor = h->cand->anchor;
    if (e[EVIDENCE_ANCHOR] < SAID_PLAINLY)
        return e[EVIDENCE_ANCHOR] > SAID && e[EVIDENCE_SHAPE] < UNLIKELY_SHAPE ? e[EVIDENCE_SHAPE]
                                                                               : 0;
    const bool fits = e[EVIDENCE_KNOWN] > 0 && anchor && anchor->says == SAYS_SERIAL;
    return within(e[EVIDENCE_SHAPE], fits ? 0 : -10, 10);
}

/* A service tag whose express service code stands in the picture is one, whatever words there are.
 */
static double fits(const struct hypothesis *h, const double e[EVIDENCE_TERMS])
{
    return within(e[EVIDENCE_FORMAT], h->express ? FITS_MOST : -10,
                  e[EVIDENCE_PROVEN] > 0 ? 10 : FITS_MOST);
}

/* "105-48853-12" with bars: part numbers have them as serial numbers do. */
static bool is_like_a_part(const struct hypothesis *h)
{
    return strchr(h->cand->raw, '-') != NULL && is_digits(h);
}

/* How the places of the picture compare. */
static void measure_places(const struct hypothesis *h, size_t place, bool alone,
                           double e[EVIDENCE_TERMS])
{
    const bool otherwise =
        names_device(h->kind) || is_of_network(h->kind) || rank_is_announced_second(h);
    e[EVIDENCE_CLOSE] = place > 0 ? 0 : within(CLEAR_LEAD + e[EVIDENCE_RIVAL], 0, 6);
    e[EVIDENCE_TIGHT] = within(CLEAR_LEAD + e[EVIDENCE_OTHER], 0, CLEAR_LEAD);
    e[EVIDENCE_NEAR] =
        place > 0 || !otherwise ? 0 : within(CLEAR_OF_SERIAL + e[EVIDENCE_RIVAL], 0, 6);
    e[EVIDENCE_SOLE] = place == 0 && alone;
}

/* A format or a pattern that allows nothing else makes a corrected code certain by itself, and its
 * strip may hold another text for likelier. A pattern or list may be wrong as a whole. */
static double forced(const struct hypothesis *h, const double e[EVIDENCE_TERMS])
{
    if (h->repair.changes == 0 || rank_is_proven(h) || h->agreed)
        return 0;
    return within(1 - e[EVIDENCE_LEAD], 0, 1) * (h->rule ? 2 : 1);
}

/* Where a line's box ends too early, the further cuts read on: "8RHHZB7YR" and "8RHHZB7YR7NM". What
 * a rule has changed is another matter: `forced`. */
static double outvoted(const struct hypothesis *h, const double e[EVIDENCE_TERMS])
{
    if (h->repair.changes > 0 || rank_is_proven(h) || h->agreed)
        return 0;
    return within(1 - e[EVIDENCE_JOINT], 0, 1);
}

/* Lines whose first reading is clear enough need not be read again, and where they were, it counts
 * for nothing: scores must not depend on whether time was spent on it. */
static void take_as_read_again(double e[EVIDENCE_TERMS])
{
    if (e[EVIDENCE_CLEAR] < CLEAR_ENOUGH)
        return;
    e[EVIDENCE_JOINT] = JOINT_MOST;
    e[EVIDENCE_AGAINST] = 0;
}

int calibrate_measure(const struct work *work, const struct hypothesis *h, size_t place, bool alone,
                      double e[EVIDENCE_TERMS], se_error *err)
{
    const struct work_text *text = &work->texts[h->cand->pieces[0].line];
    const double certain = within((double)h->certain, 1e-3, 1 - 1e-3);
    const bool network = is_of_network(h->kind) && !(place == 0 && alone);
    const bool device = names_device(h->kind), serial = h->kind == SER_SERIAL;
    const bool trade = h->kind == SER_GTIN || h->kind == SER_PART;
    e[EVIDENCE_CLEAR] = log(certain / (1 - certain));
    e[EVIDENCE_WHOLE] = e[EVIDENCE_LEAD] = e[EVIDENCE_JOINT] = e[EVIDENCE_WORST] =
        e[EVIDENCE_CLEAR];
    if (place < STRIP_PLACES)
        FORWARD_IF_ERROR(strips_measure(work, h, e, err));
    e[EVIDENCE_FORCED] = forced(h, e);
    take_as_read_again(e);
    e[EVIDENCE_OUTVOTED] = outvoted(h, e);
    e[EVIDENCE_KNOWN] = h->format != NULL && (serial || device);
    e[EVIDENCE_PROVEN] = rank_is_proven(h);
    e[EVIDENCE_BARE] = bareness(h, e);
    e[EVIDENCE_AGREED] = h->agreed;
    e[EVIDENCE_BARS] = h->agreed && !network && !trade &&
                       (e[EVIDENCE_ANCHOR] > SAID || e[EVIDENCE_KNOWN] > 0 ||
                        (!h->contested && !is_like_a_part(h)));
    e[EVIDENCE_UNREAD] =
        e[EVIDENCE_ANCHOR] < SAID_PLAINLY && !h->express && unread_word_before(work, h->cand);
    e[EVIDENCE_VAGUE] = is_vague(work, h, e);
    e[EVIDENCE_SHARED] = within(CLEAR_LEAD + (double)h->shared, 0, 1);
    e[EVIDENCE_FITS] = fits(h, e);
    e[EVIDENCE_DISPUTE] = h->disputed != NULL;
    e[EVIDENCE_JOINED] = joined_places(h);
    e[EVIDENCE_ALONE] = h->sources == SER_FROM_BARCODE;
    e[EVIDENCE_TWICE] = h->repeated;
    e[EVIDENCE_SHORT] = shortness(h, e);
    e[EVIDENCE_GLUED] = is_glued(h);
    e[EVIDENCE_ODD] = within((double)odd_letters(h), 0, 3);
    e[EVIDENCE_SMALL] = 0;
    if (!text->symbology && text->frame.valid)
        e[EVIDENCE_SMALL] = within(log2(SMALL_HEIGHT / (double)fmaxf(text->frame.h, 1)), 0, 3);
    e[EVIDENCE_EDGE] = nearness_of_code(work, h->cand);
    measure_twins(h, e);
    e[EVIDENCE_LOOKS] = looks(h, e);
    e[EVIDENCE_DIGITS] = is_digits(h) && e[EVIDENCE_ANCHOR] <= SAID;
    e[EVIDENCE_ASKED] = is_asked_for_another(work, h);
    e[EVIDENCE_DEVICE] = device;
    e[EVIDENCE_NET] = network;
    e[EVIDENCE_TRADE] = trade;
    e[EVIDENCE_PART] = h->kind == SER_PART;
    e[EVIDENCE_ELSE] = e[EVIDENCE_ANCHOR] < -0.5;
    e[EVIDENCE_LATER1] = place > 0 && serial && !h->apart;
    e[EVIDENCE_LATER2] = place > 0 && (device || network);
    e[EVIDENCE_LATER3] = place > 0 && !serial && !device && !network;
    measure_hidden(work, h, e);
    measure_places(h, place, alone, e);
    evidence_finish(e);
    return SE_OK;
}
