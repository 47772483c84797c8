#include "serial/rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "serial/agree.h"
#include "serial/constrain.h"
#include "serial/shapes.h"

/* All figures are log-odds. They were set by reasoning about labels and then checked against the
 * labels in tests/serial; docs/decisions/0005-serial-evidence.md tells what each stands for. */
static const float BARE = -2.0F;      /* some code on a label, nothing known */
static const float ANNOUNCED = -2.2F; /* before the anchor's weight is added */
static const float CHECK_PASSED = 1.5F, CHECK_FAILED = -1.5F;
static const float WRONG_ANCHOR = -5.0F; /* announced as something else */
static const float BARCODE_ALONE = 0.8F;
static const float COMPLETED = -2.5F; /* check digit computed, not read */
static const float OVER_SPACE = -0.8F;
static const float BY_MAKER = 0.7F;         /* a word of the format's maker stands in the picture */
static const float CHAIN = -6.0F;           /* of pieces that nothing proves to belong together */
static const float SPEECH = -3.0F;          /* letters that can be spoken: a word, no number */
static const float AS_ASKED = 4.0F;         /* fits the user's pattern, or is on the user's list */
static const float FIRST_OF_ALL = 50.0F;    /* before all that the user did not ask for */
static const float OF_ANOTHER_KIND = -6.0F; /* digits that are an IMEI or EAN by all their looks */
static const float FAINT = 0.1F;            /* links up to this say nothing: the word is far away */
static const float SECOND = 1.5F; /* highest place of what a device has besides its own number */
static const float VAGUE = 3.6F;  /* anchors up to this ("No.", "ID") may announce any kind */

enum { REPAIR_EFFORT = 400000, SECRETS_MAX = 256 };

static bool says_kind(const struct work_anchor *anchor, enum ser_kind kind)
{
    switch (anchor->says) {
    case SAYS_SERIAL:
        return kind == SER_SERIAL;
    case SAYS_ASSET:
        return kind == SER_ASSET;
    case SAYS_MAC:
        return kind == SER_MAC;
    case SAYS_IMEI:
        return kind == SER_IMEI;
    case SAYS_MEID:
        return kind == SER_MEID;
    case SAYS_ICCID:
        return kind == SER_ICCID;
    case SAYS_VIN:
        return kind == SER_VIN;
    case SAYS_GTIN:
        return kind == SER_GTIN;
    case SAYS_PART:
        return kind == SER_PART;
    case SAYS_OTHER:
    case SAYS_SECRET:
        return false;
    }
    return false;
}

/* Sets one term and keeps the sum. */
static void put(struct hypothesis *h, enum evidence_term term, float value)
{
    h->evidence[term] = (double)value;
    h->logit = (float)evidence_sum(h->evidence);
}

/* Evidence for the value of a field whose anchor asks for one. */
static void put_announced(const struct work_cand *cand, struct hypothesis *h)
{
    put(h, EVIDENCE_PRIOR, ANNOUNCED);
    put(h, EVIDENCE_ANCHOR, cand->anchor->weight * cand->strength);
    put(h, EVIDENCE_SHAPE, cand->announced);
    put(h, EVIDENCE_CUT, cand->joint);
}

/* Groups of digits alone may as well be several numbers. */
static float over_space(const struct work_cand *cand)
{
    if (!cand->over_space)
        return 0;
    const bool digits = strspn(cand->key, "0123456789") == cand->key_length;
    return digits ? 2 * OVER_SPACE : OVER_SPACE;
}

/* An IMEI by its look, its check digit and where most of them begin; only a word in its own line
 * makes it anything else. */
static bool is_phone_number(const struct work_cand *cand)
{
    return cand->link != LINK_BEHIND && cand->key_length == 15 &&
           (strncmp(cand->key, "35", 2) == 0 || strncmp(cand->key, "86", 2) == 0) &&
           strspn(cand->key, "0123456789") == 15 && check_luhn(cand->key, 15);
}

/* A European Article Number, by the same. */
static bool is_article_number(const struct work_cand *cand)
{
    return cand->link != LINK_BEHIND && cand->key_length == 13 &&
           strspn(cand->key, "0123456789") == 13 && check_gtin(cand->key, 13);
}

static size_t separators(const struct work_cand *cand)
{
    return cand->char_count - cand->key_length;
}

/* Addresses are printed in pairs, in three groups of four or two of six, or in one piece. */
static float address_look(const struct work_cand *cand)
{
    const size_t count = separators(cand);
    if (count == 0) {
        /* Few letters and all of them hexadecimal may be chance. Many makers' blocks begin with 00.
         */
        float letters = 0;
        for (const char *s = cand->key; *s; s++)
            letters += *s >= 'A';
        return fminf(1.2F * letters - 3.4F, 0.5F) + (strncmp(cand->key, "00", 2) == 0 ? 0.8F : 0) -
               (cand->over_space ? 1 : 0);
    }
    const size_t width = cand->key_length / (count + 1);
    for (size_t i = 0; i < cand->key_length; i++)
        if (cand->place[i] != i + i / width)
            return -6;
    return width * (count + 1) == cand->key_length && width % 2 == 0 ? 3 : -6;
}

/* A network address by its print, pairs with a mark between them; the same. */
static bool is_network_address(const struct work_cand *cand)
{
    return cand->link != LINK_BEHIND && cand->key_length == 12 &&
           strspn(cand->key, "0123456789ABCDEF") == 12 && separators(cand) == 5 &&
           address_look(cand) > 0;
}

/* The code as read, whatever its format. */
static void judge_generic(const struct work_cand *cand, struct hypothesis *h)
{
    h->kind = SER_CODE;
    put(h, EVIDENCE_PRIOR, BARE);
    put(h, EVIDENCE_SHAPE, cand->bare);
    put(h, EVIDENCE_CUT, cand->joint + over_space(cand) + (cand->chain ? CHAIN : 0));
    if (!cand->anchor || cand->strength <= FAINT)
        return;
    const enum work_says says = cand->anchor->says;
    /* A word without a digit is a value only where it stands right behind its anchor; inventory
     * numbers have digits ("Property of LIBRARY"). */
    const bool word = cand->key[strcspn(cand->key, "0123456789")] == '\0';
    if (word && (cand->link != LINK_BEHIND || says != SAYS_SERIAL))
        return;
    struct hypothesis value = *h;
    put_announced(cand, &value);
    if (word && shape_is_speech(cand->key))
        put(&value, EVIDENCE_SHAPE, cand->announced + SPEECH);
    if (says == SAYS_SERIAL || says == SAYS_ASSET) {
        value.kind = says == SAYS_SERIAL ? SER_SERIAL : SER_ASSET;
        if (is_phone_number(cand) || is_article_number(cand) || is_network_address(cand))
            put(&value, EVIDENCE_FORMAT, OF_ANOTHER_KIND);
        if (value.logit > h->logit)
            *h = value;
    } else if (says == SAYS_PART && cand->strength >= 0.5F) {
        value.kind = SER_PART;
        *h = value;
    } else {
        put(h, EVIDENCE_ANCHOR, WRONG_ANCHOR * cand->strength);
    }
}

/* Text that belongs to a European Article Number or the like by its barcode. */
static bool is_trade_barcode(const struct work *work, const struct work_cand *cand)
{
    const char *s = work->texts[cand->pieces[0].line].symbology;
    return s && (strncmp(s, "ean", 3) == 0 || strncmp(s, "upc", 3) == 0);
}

/* How the print itself speaks for a kind: separators of addresses, groups of trade numbers. */
static float look_of(const struct work *work, const struct work_cand *cand, enum ser_kind kind,
                     size_t length)
{
    if (kind == SER_MAC)
        return address_look(cand);
    if (kind == SER_GTIN && is_trade_barcode(work, cand))
        return 4;
    if (kind == SER_GTIN && separators(cand) > 0)
        return -2;
    if (kind == SER_GTIN)
        return cand->over_space || cand->chain ? 1.5F : length == 13 ? 0 : -1;
    if (kind == SER_IMEI)
        return strncmp(cand->key, "35", 2) == 0 || strncmp(cand->key, "86", 2) == 0 ? 1 : 0;
    return 0;
}

/* Among the many ways to join 17 symbols of a label some pass the check of a VIN by chance; those
 * of a container's number rarely have its letters. */
static float far_apart(const struct work *work, const struct work_cand *cand,
                       const struct format *format)
{
    if (format->kind != SER_VIN || cand->piece_count == 1)
        return 0;
    const struct work_text *first = &work->texts[cand->pieces[0].line];
    const struct work_piece *last = &cand->pieces[cand->piece_count - 1];
    const struct work_box box =
        work_box_in(&first->frame, &work->texts[last->line], last->begin, last->end);
    const bool one_row = fabsf(box.y - first->frame.h / 2) < first->frame.h / 2;
    return (one_row ? -1.5F : -5.0F) * (float)(cand->piece_count - 1);
}

/* A code of a format that is no serial number's: by its own looks, or as its anchor says. */
static void judge_other_kind(const struct work *work, const struct work_cand *cand, bool matches,
                             struct hypothesis *h)
{
    const struct work_anchor *anchor = cand->anchor;
    const struct format *format = h->format;
    struct hypothesis value = *h;
    put(h, EVIDENCE_PRIOR, BARE);
    put(h, EVIDENCE_ANCHOR, 0);
    put(h, EVIDENCE_SHAPE, 0);
    put(h, EVIDENCE_CUT, cand->joint + far_apart(work, cand, format));
    put(h, EVIDENCE_FORMAT, format->bare);
    put(h, EVIDENCE_PRINT, look_of(work, cand, format->kind, h->repair.length));
    /* Nothing but its check digit tells a bare number of this kind from any other. */
    const bool fails = format->check && !h->repair.checked && !h->repair.completed;
    if (fails)
        put(h, EVIDENCE_CHECK, -format->bare - 3);
    const bool proves_itself =
        ((format->kind == SER_VIN && cand->piece_count == 1) || format->kind == SER_CONTAINER ||
         (format->kind == SER_IMEI && is_phone_number(cand))) &&
        h->repair.changes == 0;
    const bool vague = anchor && anchor->says == SAYS_SERIAL && anchor->weight < VAGUE;
    if (anchor && !matches && !proves_itself && !vague)
        put(h, EVIDENCE_ANCHOR,
            -(anchor->says == SAYS_SERIAL ? anchor->weight : 2.0F) * cand->strength);
    if (!matches)
        return;
    put_announced(cand, &value);
    put(&value, EVIDENCE_SHAPE, 0);
    put(&value, EVIDENCE_FORMAT, format->announced);
    put(&value, EVIDENCE_CHECK, h->repair.checked ? CHECK_PASSED : fails ? CHECK_FAILED : 0);
    if (value.logit > h->logit)
        *h = value;
}

static bool is_announced(const struct work_cand *cand, const struct format *format)
{
    return cand->anchor && says_kind(cand->anchor, format->kind) && cand->strength >= 0.3F;
}

/* Can the candidate be of this format, whatever its symbols? */
static bool may_be_of(const struct work *work, const struct work_cand *cand, size_t row)
{
    const struct format *format = work->formats[row];
    const bool maker = work->format_maker[row];
    if ((format->flags & FORMAT_ANNOUNCED) && !is_announced(cand, format))
        return false;
    if ((format->flags & FORMAT_MAKER) && !maker)
        return false;
    if ((format->flags & FORMAT_SERVICE_TAG) && !maker && !strstr(cand->anchor->name, "tag") &&
        strncmp(cand->anchor->name, "st", 2) != 0)
        return false;
    return (format->flags & FORMAT_STRIP) || separators(cand) == 0;
}

/* Evidence for h->repair, a code of the format; false when its anchor says something else. */
static bool judge_code(const struct work *work, const struct work_cand *cand, size_t row,
                       const struct hypothesis *generic, struct hypothesis *h)
{
    const struct format *format = work->formats[row];
    const bool matches = is_announced(cand, format);
    h->format = format;
    h->kind = format->kind;
    put(h, EVIDENCE_REPAIR, h->repair.cost + (h->repair.completed ? COMPLETED : 0));
    if (format->kind == SER_SERIAL) {
        const bool apart = cand->over_space && !(format->flags & FORMAT_GROUPS);
        put(h, EVIDENCE_FORMAT,
            (matches ? format->announced
             : apart ? 0
                     : format->bare) +
                (work->format_maker[row] ? BY_MAKER : 0));
        return generic->kind == SER_SERIAL || generic->kind == SER_CODE;
    }
    judge_other_kind(work, cand, matches, h);
    return true;
}

/* Fills `h` when the candidate makes sense as a code of this format. */
static bool judge_format(const struct work *work, const struct work_cand *cand, size_t row,
                         const struct hypothesis *generic, size_t *effort, struct hypothesis *h)
{
    return may_be_of(work, cand, row) &&
           format_repair(work->formats[row], cand, effort, &h->repair) &&
           judge_code(work, cand, row, generic, h);
}

/* Share of the weight that characters have in the certainty: a recognizer that is right names
 * probabilities near 1. */
static float certainty(const struct work_cand *cand, const struct repair *repair)
{
    float p = 1;
    for (size_t i = 0; i < cand->key_length; i++)
        p *= repair->changed[i] ? 1 : cand->chars[cand->place[i]].p;
    if (repair->checked)
        p = 1 - (1 - p) * 0.2F;
    return p * repair->sure;
}

/* Highest place in the order that a kind can have. */
static float kind_cap(enum ser_kind kind)
{
    switch (kind) {
    case SER_ASSET:
        return 1;
    case SER_IMEI:
        return 0.3F;
    case SER_MEID:
        return 0.2F;
    case SER_MAC:
        return -0.2F;
    case SER_ICCID:
        return -0.8F;
    case SER_GTIN:
        return -3;
    case SER_PART:
        return -3.5F;
    case SER_SERIAL:
    case SER_VIN:
    case SER_CONTAINER:
    case SER_CODE:
        return 20;
    }
    return 20;
}

static float rank_of(const struct hypothesis *h)
{
    return fminf(h->logit, fminf(kind_cap(h->kind), rank_is_second(h) ? SECOND : INFINITY)) +
           0.02F * fminf(h->logit, 10) + 0.5F * logf(fmaxf(h->certain, 1e-4F)) +
           (h->rule ? FIRST_OF_ALL : 0);
}

void rank_add(struct hypothesis *h, enum evidence_term term, float value)
{
    put(h, term, (float)h->evidence[term] + value);
    h->rank = rank_of(h);
}

/* Formats with a check digit, or with a start that their codes share, which what was read does not
 * have: the lattice may hold a code that does, also one symbol longer or shorter. */
static int decode_each(struct work *work, const struct hypothesis *generic,
                       struct constrain_window *window, struct hypothesis *best, se_error *err)
{
    const struct work_cand *cand = generic->cand;
    for (size_t i = 0; i < work->format_count; i++) {
        const struct format *format = work->formats[i];
        const uint64_t lengths = (uint64_t)7 << (cand->key_length - 1);
        const bool likely = (format->flags & (FORMAT_VETO | FORMAT_CHAIN)) ||
                            is_announced(cand, format) || work->format_maker[i];
        if (!(format->check || format->starts) || !likely || (format->flags & FORMAT_SECRET) ||
            !(work->format_lengths[i] & lengths) || !may_be_of(work, cand, i) ||
            format_passes(format, cand->key, cand->key_length))
            continue;
        struct hypothesis h = *generic;
        bool found;
        FORWARD_IF_ERROR(constrain_format(work, window, format, &h.repair, &h.cand, &found, err));
        if (found && judge_code(work, cand, i, generic, &h) && h.logit > best->logit)
            *best = h;
    }
    return SE_OK;
}

static int decode_formats(struct work *work, const struct hypothesis *generic,
                          struct hypothesis *best, se_error *err)
{
    struct constrain_window window;
    if (work->texts[generic->cand->pieces[0].line].symbology)
        return SE_OK;
    constrain_window_open(&window, generic->cand);
    const int status = decode_each(work, generic, &window, best, err);
    constrain_window_close(&window);
    return status;
}

/* What the user's pattern and list say. A code that fits is what was asked for. */
static int ask_of(struct work *work, struct hypothesis *h, se_error *err)
{
    struct constrained found;
    FORWARD_IF_ERROR(constrain_cand(work, h->cand, &found, err));
    h->known = found.known;
    if (!found.matches)
        return SE_OK;
    if (strcmp(found.repair.key, h->repair.key) != 0)
        h->format = NULL;
    if (h->kind == SER_CODE || h->kind == SER_PART)
        h->kind = SER_SERIAL;
    h->cand = found.cand;
    h->repair = found.repair;
    h->rule = found.rule;
    h->fits_pattern = found.fits_pattern;
    h->certain = found.certain;
    h->alone = found.alone;
    put(h, EVIDENCE_FORMAT, fmaxf((float)h->evidence[EVIDENCE_FORMAT], 0) + AS_ASKED);
    put(h, EVIDENCE_REPAIR, found.repair.cost);
    h->rank = rank_of(h);
    return SE_OK;
}

/* Announced ones first, should not all of them be affordable. */
static int ask_user(struct work *work, struct hypothesis *items, size_t count, se_error *err)
{
    if (!work->input->pattern && !work->input->known)
        return SE_OK;
    work->decode_effort = CONSTRAIN_EFFORT;
    for (int announced = 1; announced >= 0; announced--)
        for (size_t i = 0; i < count; i++)
            if ((items[i].cand->anchor != NULL) == announced)
                FORWARD_IF_ERROR(ask_of(work, &items[i], err));
    return SE_OK;
}

static int understand(struct work *work, const struct work_cand *cand, size_t *effort,
                      struct hypothesis *best, bool *secret, se_error *err)
{
    *best = (struct hypothesis){.cand = cand, .repair = {.length = cand->key_length, .sure = 1}};
    memcpy(best->repair.key, cand->key, cand->key_length + 1);
    judge_generic(cand, best);
    const struct hypothesis generic = *best;
    *secret = cand->anchor && cand->anchor->says == SAYS_SECRET && cand->strength >= 0.25F;
    for (size_t i = 0; i < work->format_count; i++) {
        const uint64_t lengths = work->format_lengths[i];
        const bool complete = work->formats[i]->flags & FORMAT_COMPLETE;
        if (!(lengths >> cand->key_length & 1) &&
            !(complete && (lengths >> (cand->key_length + 1) & 1)))
            continue;
        struct hypothesis h = generic;
        if (!judge_format(work, cand, i, &generic, effort, &h))
            continue;
        *secret |= (work->formats[i]->flags & FORMAT_SECRET) && h.repair.changes == 0;
        if (h.logit > best->logit)
            *best = h;
    }
    FORWARD_IF_ERROR(decode_formats(work, &generic, best, err));
    best->certain = certainty(best->cand, &best->repair);
    best->sources = SER_FROM_TEXT;
    if (work->texts[cand->pieces[0].line].symbology) {
        best->sources = SER_FROM_BARCODE;
        put(best, EVIDENCE_BARCODE, BARCODE_ALONE);
    }
    best->rank = rank_of(best);
    return SE_OK;
}

bool rank_overlap(const struct work_cand *a, const struct work_cand *b)
{
    for (size_t i = 0; i < a->piece_count; i++)
        for (size_t k = 0; k < b->piece_count; k++)
            if (a->pieces[i].line == b->pieces[k].line && a->pieces[i].begin < b->pieces[k].end &&
                b->pieces[k].begin < a->pieces[i].end)
                return true;
    return false;
}

/* Leaves out what is, or shares characters with, a product key or password. */
static size_t drop_secrets(struct hypothesis *items, bool *secret, size_t count)
{
    size_t secrets = 0, kept = 0;
    const struct work_cand *hidden[SECRETS_MAX];
    for (size_t i = 0; i < count && secrets < SECRETS_MAX; i++)
        if (secret[i])
            hidden[secrets++] = items[i].cand;
    for (size_t i = 0; i < count; i++) {
        bool drop = secret[i];
        for (size_t k = 0; k < secrets && !drop; k++)
            drop = rank_overlap(items[i].cand, hidden[k]) ||
                   strcmp(items[i].cand->key, hidden[k]->key) == 0;
        if (!drop)
            items[kept++] = items[i];
    }
    return kept;
}

float rank_evidence(const struct hypothesis *h)
{
    return h->logit + 0.5F * logf(fmaxf(h->certain, 1e-4F));
}

static int by_evidence(const void *a, const void *b)
{
    const struct hypothesis *x = *(struct hypothesis *const *)a;
    const struct hypothesis *y = *(struct hypothesis *const *)b;
    if (!x->rule != !y->rule)
        return x->rule ? -1 : 1;
    if (rank_evidence(x) != rank_evidence(y))
        return rank_evidence(x) > rank_evidence(y) ? -1 : 1;
    return strcmp(x->repair.key, y->repair.key);
}

int rank_compare(const void *a, const void *b)
{
    const struct hypothesis *x = *(struct hypothesis *const *)a;
    const struct hypothesis *y = *(struct hypothesis *const *)b;
    if (x->rank != y->rank)
        return x->rank > y->rank ? -1 : 1;
    return strcmp(x->repair.key, y->repair.key);
}

bool rank_is_announced_second(const struct hypothesis *hypothesis)
{
    return hypothesis->cand->anchor && hypothesis->cand->anchor->second;
}

bool rank_is_second(const struct hypothesis *hypothesis)
{
    const struct format *format = hypothesis->format;
    return rank_is_announced_second(hypothesis) || (format && (format->flags & FORMAT_SECOND));
}

bool rank_is_proven(const struct hypothesis *h)
{
    return h->repair.checked && (!h->format || (h->format->flags & FORMAT_SERVICE_TAG) ||
                                 format_has_check_digit(h->format));
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* May the symbol be its look-alike, by its neighbours? Among digits a 0 is no O, among letters an S
 * no 5; but a U may be a V anywhere. */
static bool is_doubtful(const struct repair *code, size_t at)
{
    if (strchr("ODQILUV", code->key[at]))
        return true;
    const bool digit = is_digit(code->key[at]);
    return (at > 0 && is_digit(code->key[at - 1]) != digit) ||
           (at + 1 < code->length && is_digit(code->key[at + 1]) != digit);
}

/* Symbols that a camera takes for another one, which format and neighbours would allow as well;
 * what a check digit or a barcode has proven counts as none. */
static size_t alike(const struct hypothesis *h)
{
    static const char groups[] = "0ODQ 1IL 5S 8B 2Z 6G UV";
    uint64_t masks[WORK_MAX_CODE];
    size_t count = 0;
    if (rank_is_proven(h) || h->agreed)
        return 0;
    const bool masked = h->format && format_masks(h->format, h->repair.length, masks);
    for (size_t i = 0; i < h->repair.length; i++) {
        const char *at = strchr(groups, h->repair.key[i]);
        if (!at || !is_doubtful(&h->repair, i))
            continue;
        while (at > groups && at[-1] != ' ')
            at--;
        for (; *at && *at != ' '; at++) {
            const uint8_t symbol = fold_symbol((uint32_t)(unsigned char)*at);
            if (*at != h->repair.key[i] && (!masked || (masks[i] >> symbol & 1))) {
                count++;
                break;
            }
        }
    }
    return count;
}

static double logarithm(float p)
{
    return fmax(log((double)fmaxf(p, 1e-9F)), -10);
}

/* The terms that need all others: what the calibration learns from. */
static void measure(const struct work *work, struct hypothesis *h)
{
    const struct work_text *text = &work->texts[h->cand->pieces[0].line];
    float weakest = 1;
    for (size_t i = 0; i < h->cand->key_length; i++)
        weakest = fminf(weakest, h->repair.changed[i] ? h->repair.sure
                                                      : h->cand->chars[h->cand->place[i]].p);
    evidence_close(h->evidence, (double)h->certain);
    h->evidence[EVIDENCE_CERTAIN] = logarithm(h->certain);
    h->evidence[EVIDENCE_WEAKEST] = logarithm(weakest);
    h->evidence[EVIDENCE_LENGTH] = (double)h->repair.length / 10;
    h->evidence[EVIDENCE_ALIKE] = (double)alike(h) / 10;
    if (!text->symbology && text->frame.valid)
        h->evidence[EVIDENCE_HEIGHT] =
            fmax(-3, fmin(3, log2((double)fmaxf(text->frame.h, 1) / 32)));
    h->evidence[EVIDENCE_SERIAL] = h->kind == SER_SERIAL;
}

int rank_all(struct work *work, struct ranking *out, se_error *err)
{
    *out = (struct ranking){0};
    struct hypothesis *items = arena_alloc(work->arena, work->cand_count + 1, sizeof(*items));
    bool *secret = arena_alloc(work->arena, work->cand_count + 1, sizeof(*secret));
    out->items = arena_alloc(work->arena, work->cand_count + 1, sizeof(struct hypothesis *));
    RETURN_ERROR_IF(!items || !secret || !out->items, err, SE_ERR_MEMORY,
                    "no memory for ranking identifiers");
    size_t effort = REPAIR_EFFORT;
    for (size_t i = 0; i < work->cand_count; i++)
        FORWARD_IF_ERROR(understand(work, work->cands[i], &effort, &items[i], &secret[i], err));
    const size_t count = drop_secrets(items, secret, work->cand_count);
    FORWARD_IF_ERROR(ask_user(work, items, count, err));
    agree_express(work, items, count);
    out->count = agree_join(items, count, out->items);
    agree_with_barcodes(work, out->items, out->count);
    for (size_t i = 0; i < out->count; i++)
        measure(work, out->items[i]);
    qsort(out->items, out->count, sizeof(struct hypothesis *), by_evidence);
    return SE_OK;
}
