#include "serial/agree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float BARCODE_AGREES = 1.5F, REPEATED = 0.8F;
static const float DISPUTED = -0.7F; /* text and barcode of one place differ a little */
static const float EXPRESS_AGREES = 4.0F;

enum { BARCODES_MAX = 256, COPIES_MAX = 256, TAG_LENGTH = 7, SHARE_LENGTH = 6, ALIKE_LENGTH = 8 };

/* ---- the same code -------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
    const struct hypothesis *x = a, *y = b;
    const int order = strcmp(x->repair.key, y->repair.key);
    if (order != 0)
        return order;
    if (x->rank != y->rank)
        return x->rank > y->rank ? -1 : 1;
    return x->cand->pieces[0].line < y->cand->pieces[0].line   ? -1
           : x->cand->pieces[0].line > y->cand->pieces[0].line ? 1
                                                               : 0;
}

/* Does a word right before it say what the code is: a part number, or something else than an
 * identifier of the device? `in_row`: or beside it. */
static bool is_named_otherwise(const struct hypothesis *h, bool in_row)
{
    const double anchor = h->evidence[EVIDENCE_ANCHOR];
    const enum work_link link = h->cand->link;
    return h->cand->anchor && (link == LINK_BEHIND || (in_row && link == LINK_BESIDE)) &&
           ((h->kind == SER_PART && anchor > 0) || (h->kind == SER_CODE && anchor < -2));
}

/* A barcode that a word in another row announces. */
static bool is_named_from_afar(const struct hypothesis *h)
{
    const enum work_link link = h->cand->link;
    return h->sources == SER_FROM_BARCODE && h->cand->anchor &&
           (link == LINK_BELOW || link == LINK_ABOVE || link == LINK_ASIDE);
}

/* What a word says of a code holds for its barcode, too, which has no words, or only those of
 * another row; the same of a second place without one. Puts what was named first, if the best is
 * such a code. */
static void put_named_first(struct hypothesis *items, size_t count)
{
    const bool bare = items[0].kind == SER_CODE && !items[0].cand->anchor;
    const bool afar = is_named_from_afar(&items[0]);
    if ((!bare && !afar) || items[0].rule)
        return;
    for (size_t i = 1; i < count; i++) {
        if (!is_named_otherwise(&items[i], afar))
            continue;
        const struct hypothesis named = items[i];
        items[i] = items[0];
        items[0] = named;
        return;
    }
}

/* Joins what items[0 … count) of the same code say into the first, the best of them. */
static void join(struct hypothesis *items, size_t count)
{
    put_named_first(items, count);
    struct hypothesis *best = &items[0];
    for (size_t i = 1; i < count; i++) {
        const bool elsewhere = !rank_overlap(best->cand, items[i].cand);
        const bool both = items[i].sources != best->sources;
        best->agreed |= both;
        best->repeated |= elsewhere && !both;
        if (both)
            best->certain = 1 - (1 - best->certain) * 0.1F;
    }
    for (size_t i = 1; i < count; i++)
        best->sources |= items[i].sources;
    rank_add(best, EVIDENCE_BARCODE, best->agreed ? BARCODE_AGREES : 0);
    rank_add(best, EVIDENCE_PLACES, best->repeated ? REPEATED : 0);
}

static bool is_announced(const struct hypothesis *h)
{
    return h->cand->anchor && h->evidence[EVIDENCE_ANCHOR] > 0;
}

/* Does `other`, a text of its own, stand at several places, too? */
static bool is_copied_beside(const struct hypothesis *h, const struct hypothesis *other)
{
    return other->repeated && !strstr(other->repair.key, h->repair.key) &&
           !strstr(h->repair.key, other->repair.key);
}

/* Where several texts stand at two places, as on chips of one kind, a code that nothing announces
 * is no number of its own for that. */
static void forget_copies(struct hypothesis **items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct hypothesis *h = items[i];
        if (!h->repeated || is_announced(h))
            continue;
        for (size_t k = 0, seen = 0; k < count && seen < COPIES_MAX && !h->copied; k++) {
            seen += items[k]->repeated;
            h->copied = is_copied_beside(h, items[k]);
        }
    }
    for (size_t i = 0; i < count; i++)
        if (items[i]->copied) {
            items[i]->repeated = false;
            rank_add(items[i], EVIDENCE_PLACES, -REPEATED);
        }
}

size_t agree_join(struct hypothesis *items, size_t count, struct hypothesis **out)
{
    size_t distinct = 0;
    qsort(items, count, sizeof(*items), by_key);
    for (size_t i = 0; i < count;) {
        size_t same = 1;
        while (i + same < count && strcmp(items[i].repair.key, items[i + same].repair.key) == 0)
            same++;
        join(&items[i], same);
        out[distinct++] = &items[i];
        i += same;
    }
    forget_copies(out, distinct);
    return distinct;
}

/* ---- barcodes ------------------------------------------------------------------------------- */

size_t agree_distance(const char *part, const char *whole, size_t limit)
{
    /* row[j]: edits that turn part[0 … i) into some end of whole[0 … j). */
    size_t row[WORK_MAX_CODE + 1] = {0};
    const size_t width = strlen(whole);
    for (size_t i = 0; part[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 1; j <= width; j++) {
            size_t best = diagonal + (part[i] != whole[j - 1]);
            diagonal = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            row[j] = best;
        }
    }
    size_t least = limit + 1;
    for (size_t j = 0; j <= width; j++)
        least = row[j] < least ? row[j] : least;
    return least;
}

static bool are_look_alikes(char a, char b)
{
    struct fold_confusion similar[FOLD_CONFUSIONS];
    const int count = fold_confusions(fold_symbol((uint32_t)(unsigned char)a), similar);
    for (int i = 0; i < count; i++)
        if (fold_symbol_char(similar[i].symbol) == b)
            return true;
    return false;
}

/* Codes of one length that differ by look-alikes alone, by one or two of them. */
static bool differ_by_look_alikes(const char *a, const char *b)
{
    size_t count = 0;
    for (; *a && *b; a++, b++) {
        if (*a == *b)
            continue;
        count++;
        if (!are_look_alikes(*a, *b))
            return false;
    }
    return *a == *b && count >= 1 && count <= 2;
}

/* Does the text stand right above or below the stripes, or inside what was taken for them? */
static bool stands_at(const struct work *work, const struct work_cand *text,
                      const struct work_cand *barcode)
{
    const struct work_text *stripes = &work->texts[barcode->pieces[0].line];
    const struct work_piece *piece = &text->pieces[0];
    const struct work_text *line = &work->texts[piece->line];
    const struct work_frame *f = &stripes->frame;
    if (!f->valid || !line->frame.valid)
        return false;
    const struct work_box box = work_box_in(f, line, piece->begin, piece->end);
    const float apart = fabsf(box.y - f->h / 2) - f->h / 2 - box.high;
    return box.x > -0.1F * f->w && box.x < 1.1F * f->w && apart < 1.6F * box.high;
}

static void speak_for(struct hypothesis *h)
{
    h->agreed = true;
    h->sources |= SER_FROM_BARCODE;
    h->certain = 1 - (1 - h->certain) * 0.2F;
    rank_add(h, EVIDENCE_BARCODE, BARCODE_AGREES * 0.7F);
}

/* Does the code begin with two or three letters and go on with this one: "NR122771193" and "Nr"
 * 122771193, or "VA314168" and 314 168 with the "VA" before it not read? */
static bool lacks_letters(const char *code, const struct hypothesis *h)
{
    const size_t more = strlen(code) - h->repair.length;
    return (more == 2 || more == 3) && strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == more &&
           strcmp(code + more, h->repair.key) == 0;
}

static void hold_against(const struct work *work, struct hypothesis *barcode, struct hypothesis *h)
{
    const size_t length = h->repair.length;
    const bool announced = h->kind != SER_CODE || h->evidence[EVIDENCE_ANCHOR] > 0;
    if (length >= SHARE_LENGTH && length < barcode->repair.length &&
        strstr(barcode->repair.key, h->repair.key)) {
        /* Barcodes hold more than the number beside its word. Without a word the print may be cut,
         * and two or three letters that the barcode has before it may be what was taken for it. */
        const bool lacking = lacks_letters(barcode->repair.key, h);
        if (announced && !lacking)
            speak_for(h);
        else if (announced)
            h->cut_before = h->cand->link != LINK_BEHIND;
        else if (stands_at(work, h->cand, barcode->cand))
            h->same_as = barcode;
        return;
    }
    const bool alike =
        length >= ALIKE_LENGTH && differ_by_look_alikes(h->repair.key, barcode->repair.key);
    const size_t limit = length >= 10 ? 2 : 1;
    const bool at = !alike && length >= WORK_MIN_CODE && length <= barcode->repair.length + 1 &&
                    stands_at(work, h->cand, barcode->cand) &&
                    agree_distance(h->repair.key, barcode->repair.key, limit) <= limit;
    if (!alike && !at)
        return;
    const bool whole = length + 1 >= barcode->repair.length && length <= barcode->repair.length + 1;
    /* What a word announces stays a reading of its own, with the barcode's doubt. */
    if (announced) {
        if (whole && !h->disputed) {
            h->disputed = barcode;
            rank_add(h, EVIDENCE_BARCODE, DISPUTED);
        }
        return;
    }
    h->same_as = barcode;
    if (whole && !barcode->disputed) {
        barcode->disputed = h;
        rank_add(barcode, EVIDENCE_BARCODE, DISPUTED);
    }
}

void agree_with_barcodes(const struct work *work, struct hypothesis **items, size_t count)
{
    for (size_t b = 0, barcodes = 0; b < count && barcodes < BARCODES_MAX; b++) {
        struct hypothesis *barcode = items[b];
        if (!work->texts[barcode->cand->pieces[0].line].symbology)
            continue;
        barcodes++;
        for (size_t i = 0; i < count; i++)
            if (items[i]->sources == SER_FROM_TEXT && !items[i]->agreed && !items[i]->same_as)
                hold_against(work, barcode, items[i]);
    }
}

/* ---- Dell's express service code ------------------------------------------------------------ */

/* The tag of an express service code; false where there is none. */
static bool express_tag(const struct hypothesis *h, char tag[TAG_LENGTH + 1])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    uint64_t value = 0;
    if (h->repair.length < 10 || h->repair.length > 11)
        return false;
    for (const char *s = h->repair.key; *s; s++) {
        if (*s < '0' || *s > '9')
            return false;
        value = value * 10 + (uint64_t)(*s - '0');
    }
    for (size_t i = TAG_LENGTH; i-- > 0; value /= 36)
        tag[i] = digits[value % 36];
    tag[TAG_LENGTH] = '\0';
    return value == 0 && tag[0] != '0' && tag[0] != '\0';
}

/* The row of service tags; NULL where it is left out. */
static const struct format *service_tags(const struct work *work)
{
    for (size_t i = 0; i < work->format_count; i++)
        if (work->formats[i]->flags & FORMAT_SERVICE_TAG)
            return work->formats[i];
    return NULL;
}

/* No other code of a label is the tag's number by chance: it is one, whatever stands beside it. */
static void prove(const struct work *work, struct hypothesis *h, const char *tag)
{
    if (!h->format) {
        h->format = service_tags(work);
        h->kind = SER_SERIAL;
    }
    h->express = true;
    for (size_t i = 0; i < TAG_LENGTH; i++) {
        if (h->repair.key[i] == tag[i])
            continue;
        h->repair.key[i] = tag[i];
        h->repair.changed[i] = 1;
        h->repair.changes++;
    }
    if (!h->repair.checked)
        rank_add(h, EVIDENCE_CHECK, EXPRESS_AGREES);
    h->repair.checked = true;
    h->repair.sure = 0.999F;
    h->certain = 0.999F;
}

void agree_express(const struct work *work, struct hypothesis *items, size_t count)
{
    char tag[TAG_LENGTH + 1];
    size_t codes = 0;
    for (size_t i = 0; i < count && codes < BARCODES_MAX; i++) {
        if (!express_tag(&items[i], tag))
            continue;
        codes++;
        for (size_t k = 0; k < count; k++) {
            struct hypothesis *h = &items[k];
            const bool tag_like = h->repair.length == TAG_LENGTH && h->format &&
                                  (h->format->flags & FORMAT_SERVICE_TAG);
            if (h->repair.length == TAG_LENGTH &&
                (strcmp(h->repair.key, tag) == 0 ||
                 (tag_like && differ_by_look_alikes(h->repair.key, tag))))
                prove(work, h, tag);
        }
    }
}
