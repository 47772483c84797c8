#include "serial/output.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "serial/calibrate.h"
#include "serial/constrain.h"

/* What is less likely than this to be an answer is not worth showing. */
static const float RANK_LEAST = -4.5F;
/* An anchor of this weight says "serial number" and little else. */
static const float ASKS = 5.0F;
/* So well it must be placed to be another device's. */
static const float APART_LINK = 0.7F;
/* A text below this share of the reading's own probability makes no alternative. */
static const float ALTERNATIVE_LEAST = 0.01F;

enum {
    LOOK_MAX = 400,  /* hypotheses that are looked at, the best explained first */
    CHOSEN_MAX = 128 /* places that are told apart before the order of answers is known */
};

/* What is read at one place, and what else might be. */
struct chosen {
    struct hypothesis *best;
    struct hypothesis *others[SER_MAX_ALTERNATIVES];
    size_t other_count;
    bool drop;
};

static int compare_chosen(const void *a, const void *b)
{
    const struct chosen *x = a, *y = b;
    return rank_compare(&x->best, &y->best);
}

/* The pieces as printed, a space between them. */
static const char *printed_of(const struct work *work, const struct work_cand *cand,
                              struct arena *arena)
{
    size_t count = cand->piece_count;
    for (size_t i = 0; i < cand->piece_count; i++)
        count += cand->pieces[i].end - cand->pieces[i].begin;
    char *text = arena_alloc(arena, count + 1, UTF8_MAX);
    size_t used = 0;
    for (size_t i = 0; text && i < cand->piece_count; i++) {
        const struct work_piece *piece = &cand->pieces[i];
        if (i > 0)
            text[used++] = ' ';
        for (size_t k = piece->begin; k < piece->end; k++)
            used += utf8_put(work->texts[piece->line].chars[k].c, text + used);
    }
    return text;
}

/* Box round all pieces along the axes of the first. */
static void quad_of(const struct work *work, const struct work_cand *cand, float quad[4][2])
{
    const struct work_piece *first = &cand->pieces[0];
    const struct work_text *text = &work->texts[first->line];
    const struct work_frame *f = &text->frame;
    work_quad(text, first->begin, first->end, quad);
    if (cand->piece_count == 1 || !f->valid)
        return;
    float x0 = INFINITY, x1 = -INFINITY, y0 = INFINITY, y1 = -INFINITY;
    for (size_t i = 0; i < cand->piece_count; i++) {
        float q[4][2];
        work_quad(&work->texts[cand->pieces[i].line], cand->pieces[i].begin, cand->pieces[i].end,
                  q);
        for (int k = 0; k < 4; k++) {
            const float px = q[k][0] - f->ox, py = q[k][1] - f->oy;
            const float x = px * f->ux + py * f->uy, y = -px * f->uy + py * f->ux;
            x0 = fminf(x0, x);
            x1 = fmaxf(x1, x);
            y0 = fminf(y0, y);
            y1 = fmaxf(y1, y);
        }
    }
    const float along[4] = {x0, x1, x1, x0}, down[4] = {y0, y0, y1, y1};
    for (int k = 0; k < 4; k++) {
        quad[k][0] = f->ox + along[k] * f->ux - down[k] * f->uy;
        quad[k][1] = f->oy + along[k] * f->uy + down[k] * f->ux;
    }
}

/* Characters of the canonical text, and by which rule they were corrected. */
static bool chars_of(const struct hypothesis *h, struct ser_reading *reading, struct arena *arena)
{
    const struct work_cand *cand = h->cand;
    const bool strip = h->format && (h->format->flags & FORMAT_STRIP);
    const size_t most = cand->char_count + 1;
    struct ser_char *chars = arena_alloc(arena, most, sizeof(*chars));
    const char **rules = arena_alloc(arena, most, sizeof(*rules));
    char *text = arena_alloc(arena, most + 1, 1);
    if (!chars || !rules || !text)
        return false;
    size_t count = 0, k = 0;
    for (size_t i = 0; i < cand->char_count; i++) {
        const bool symbol = k < cand->key_length && cand->place[k] == i;
        if (!symbol && strip)
            continue;
        chars[count] = cand->chars[i];
        if (symbol && h->repair.changed[k]) {
            chars[count].alt = cand->chars[i].c;
            chars[count].alt_p = cand->chars[i].p;
            chars[count].c = (uint32_t)(unsigned char)h->repair.key[k];
            chars[count].p = h->repair.sure;
            rules[count] =
                h->rule ? h->rule
                        : arena_printf(arena, "%s: %s", h->format->name,
                                       h->repair.checked ? "alphabet and check digit" : "alphabet");
            if (!rules[count])
                return false;
        }
        k += symbol;
        text[count] = (char)chars[count].c;
        count++;
    }
    if (h->repair.completed) {
        const struct ser_char *last = &cand->chars[cand->char_count - 1];
        chars[count] = (struct ser_char){.c = (uint32_t)(unsigned char)h->repair.key[k],
                                         .p = h->repair.sure,
                                         .from = last->to,
                                         .to = last->to};
        rules[count] = arena_printf(arena, "%s: check digit computed", h->format->name);
        if (!rules[count])
            return false;
        text[count] = (char)chars[count].c;
        count++;
    }
    reading->text = text;
    reading->chars = chars;
    reading->rules = rules;
    reading->char_count = count;
    return true;
}

static const char *why_of(const struct hypothesis *h, struct arena *arena)
{
    static const char *const links[] = {
        "",         "right before it", "to the left of it",
        "above it", "below it",        "to the left of and above it"};
    const struct work_cand *cand = h->cand;
    const char *announced =
        cand->anchor ? arena_printf(arena, "\"%s\" %s", cand->anchor->name, links[cand->link])
                     : "no word announces it";
    if (!announced)
        return NULL;
    const char *disputed =
        h->disputed ? arena_printf(arena, "; %s reads %s",
                                   h->disputed->sources == SER_FROM_TEXT ? "text" : "a barcode",
                                   h->disputed->repair.key)
                    : "";
    if (!disputed)
        return NULL;
    return arena_printf(
        arena, "%s; %s%s%s%s%s%s%s%s%s%s", announced, h->format ? "format " : "no known format",
        h->format ? h->format->name : "",
        rank_is_proven(h)     ? ", check digit agrees"
        : h->repair.completed ? ", check digit computed"
                              : "",
        cand->chain ? "; joined from several places" : "",
        h->known == SER_KNOWN_EXACT     ? "; on the list"
        : h->known == SER_KNOWN_NEAREST ? "; nearest on the list"
        : h->known == SER_KNOWN_NEW     ? "; not on the list"
                                        : "",
        h->fits_pattern ? "; fits the pattern" : "", h->repeated ? "; seen twice" : "",
        h->agreed                        ? "; text and barcode agree"
        : h->sources == SER_FROM_BARCODE ? "; from a barcode"
                                         : "",
        h->evidence[EVIDENCE_MASKED] >= 1  ? "; marks hide a part of it"
        : h->evidence[EVIDENCE_GAP] >= 1   ? "; a gap where a character may be missing"
        : h->evidence[EVIDENCE_LACKS] >= 1 ? "; a few symbols short of a known format"
        : h->evidence[EVIDENCE_COVER] >= 1 ? "; something covers what stands beside it"
        : h->evidence[EVIDENCE_TORN] >= 1  ? "; another piece of it may stand beside it"
                                           : "",
        disputed);
}

/* `score` is relative to the reading's own, at most 1; share_out makes a probability of it. */
static bool add_alternative(struct ser_reading *reading, const char *text, float score)
{
    struct ser_alternative *list = (struct ser_alternative *)reading->alternatives;
    size_t at = reading->alternative_count;
    if (!text)
        return false;
    if (strcmp(text, reading->text) == 0)
        return true;
    for (size_t i = 0; i < reading->alternative_count; i++)
        if (strcmp(list[i].text, text) == 0)
            return true;
    if (at == SER_MAX_ALTERNATIVES) {
        if (list[at - 1].score >= score)
            return true;
        at--;
    } else {
        reading->alternative_count++;
    }
    for (; at > 0 && list[at - 1].score < score; at--)
        list[at] = list[at - 1];
    list[at] = (struct ser_alternative){text, score};
    return true;
}

/* The reading's text with other symbols; its separators are kept where there are as many. */
static char *respell(const struct hypothesis *h, const struct ser_reading *reading,
                     const struct decode_text *text, struct arena *arena)
{
    char *out = arena_alloc(arena, text->length + reading->char_count + 1, 1);
    const bool keep = text->length == h->repair.length;
    size_t count = 0, k = 0;
    for (size_t i = 0; out && keep && i < reading->char_count; i++) {
        const uint32_t c = reading->chars[i].c;
        const bool symbol = fold_symbol(c) != FOLD_NO_SYMBOL && k < text->length;
        out[count++] = symbol ? automaton_char(text->symbols[k++]) : (char)c;
    }
    for (size_t i = 0; out && !keep && i < text->length; i++)
        out[count++] = automaton_char(text->symbols[i]);
    return out;
}

/* What else the place may say, as far as it is worth showing. */
static int add_others(struct work *work, const struct hypothesis *h, struct ser_reading *reading,
                      struct arena *arena, se_error *err)
{
    struct decode_answer others;
    double own;
    const bool clear = h->evidence[EVIDENCE_LEAD] > -log((double)ALTERNATIVE_LEAST);
    if (work->input->draft || h->repair.checked || h->repair.completed || clear)
        return SE_OK;
    FORWARD_IF_ERROR(
        constrain_others(work, h->cand, h->format, h->rule, h->repair.key, &others, &own, err));
    for (size_t i = 0; i < others.count; i++) {
        const struct decode_text *text = &others.texts[i];
        const float ratio = (float)exp(fmin(text->logp - own, 0));
        if (ratio < ALTERNATIVE_LEAST || memchr(text->symbols, AUTOMATON_SYMBOLS, text->length))
            continue;
        if (!add_alternative(reading, respell(h, reading, text, arena), ratio))
            return se_fail_memory(err, "alternatives", text->length);
    }
    return SE_OK;
}

/* Lines of the input that the code was read from, each once. */
static bool lines_of(const struct work *work, const struct work_cand *cand,
                     struct ser_reading *reading, struct arena *arena)
{
    size_t *lines = arena_alloc(arena, cand->piece_count, sizeof(*lines)), count = 0;
    for (size_t i = 0; lines && i < cand->piece_count; i++) {
        const struct work_text *text = &work->texts[cand->pieces[i].line];
        bool known = text->symbology != NULL;
        for (size_t k = 0; k < count && !known; k++)
            known = lines[k] == text->input_line;
        if (!known)
            lines[count++] = text->input_line;
    }
    reading->lines = lines;
    reading->line_count = count;
    return lines != NULL;
}

static bool make_reading(const struct work *work, const struct hypothesis *h,
                         struct ser_reading *reading, struct arena *arena)
{
    reading->kind = h->kind;
    reading->format = h->format ? h->format->name : "generic";
    reading->score = (float)evidence_score(h->evidence);
    double *evidence = arena_alloc(arena, EVIDENCE_TERMS, sizeof(*evidence));
    reading->evidence = evidence;
    reading->sources = h->sources;
    reading->second = rank_is_second(h);
    reading->announced_second = rank_is_announced_second(h);
    reading->matches_pattern = h->fits_pattern;
    reading->known = h->known;
    reading->alone = h->alone;
    if (h->alone.text &&
        !(reading->alone.text = arena_copy(arena, h->alone.text, strlen(h->alone.text))))
        return false;
    reading->rank = h->rank;
    reading->anchor = h->cand->anchor ? h->cand->anchor->name : NULL;
    reading->printed = printed_of(work, h->cand, arena);
    reading->why = why_of(h, arena);
    reading->alternatives =
        arena_alloc(arena, SER_MAX_ALTERNATIVES, sizeof(*reading->alternatives));
    if (evidence)
        memcpy(evidence, h->evidence, sizeof(h->evidence));
    if (!evidence || !reading->printed || !reading->why || !reading->alternatives ||
        !chars_of(h, reading, arena) || !lines_of(work, h->cand, reading, arena))
        return false;
    quad_of(work, h->cand, reading->quad);
    return true;
}

static void add_other(struct chosen *chosen, struct hypothesis *h)
{
    if (chosen->other_count < SER_MAX_ALTERNATIVES)
        chosen->others[chosen->other_count++] = h;
}

/* Is `part` only a piece of the other place's code (a group of a trade number), or the same code
 * with the data identifier of its barcode before it? */
static bool is_leftover(const struct hypothesis *part, const struct hypothesis *whole)
{
    if (part->kind != SER_CODE || rank_evidence(whole) <= rank_evidence(part))
        return false;
    if (part->repair.length < whole->repair.length)
        return part->evidence[EVIDENCE_ANCHOR] <= 0 &&
               strstr(whole->repair.key, part->repair.key) != NULL;
    const size_t more = part->repair.length - whole->repair.length;
    return part->sources == SER_FROM_BARCODE && more >= 1 && more <= 3 &&
           strcmp(part->repair.key + more, whole->repair.key) == 0;
}

static size_t drop_leftovers(struct chosen made[], size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count && !made[i].drop; k++)
            made[i].drop = k != i && is_leftover(made[i].best, made[k].best);
    for (size_t i = 0; i < count; i++)
        if (!made[i].drop)
            made[kept++] = made[i];
    return kept;
}

/* Of hypotheses that share characters of the picture the best explained one is kept; the others are
 * its alternatives. Returns how many were kept, in order of answers. */
static size_t choose(const struct ranking *ranking, struct chosen made[CHOSEN_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < ranking->count && i < LOOK_MAX; i++) {
        struct hypothesis *h = ranking->items[i];
        struct chosen *over = NULL;
        if (h->logit < RANK_LEAST)
            break;
        for (size_t k = 0; k < count && !over; k++)
            if (rank_overlap(made[k].best->cand, h->cand))
                over = &made[k];
        if (over)
            add_other(over, h);
        else if (count < CHOSEN_MAX && !h->same_as)
            made[count++] = (struct chosen){.best = h};
    }
    for (size_t i = 0; i < ranking->count && i < LOOK_MAX; i++)
        for (size_t k = 0; k < count; k++)
            if (ranking->items[i]->same_as == made[k].best)
                add_other(&made[k], ranking->items[i]);
    count = drop_leftovers(made, count);
    qsort(made, count, sizeof(made[0]), compare_chosen);
    return count;
}

/* What the reading itself leaves is shared by its alternatives and by what was not thought of. */
static void share_out(struct ser_reading *reading)
{
    struct ser_alternative *list = (struct ser_alternative *)reading->alternatives;
    float sum = 1;
    for (size_t i = 0; i < reading->alternative_count; i++)
        sum += list[i].score;
    for (size_t i = 0; i < reading->alternative_count; i++)
        list[i].score *= (1 - reading->score) / sum;
}

/* A word that asks for a serial number and has got none; NULL: there is none such. */
static const struct work_anchor *unanswered(const struct work *work)
{
    for (size_t i = 0; i < work->anchor_count; i++) {
        const struct work_anchor *anchor = &work->anchors[i];
        if (anchor->says == SAYS_SERIAL && anchor->weight >= ASKS && !anchor->answered &&
            !work->texts[anchor->line].symbology)
            return anchor;
    }
    return NULL;
}

static double bounded(float value, double low, double high)
{
    return fmax(low, fmin(high, (double)value));
}

/* How near the best other understanding of the place comes; a part of the code is none. */
static double nearest_other(const struct chosen *place)
{
    const char *key = place->best->repair.key;
    for (size_t i = 0; i < place->other_count; i++) {
        const struct hypothesis *other = place->others[i];
        if (!strstr(key, other->repair.key))
            return bounded(rank_evidence(other) - rank_evidence(place->best), -10, 0);
    }
    return -10;
}

/* Is a place announced as a serial number, by a word that announces none of the better answers? */
static bool is_apart(const struct chosen made[], size_t at)
{
    const struct work_anchor *anchor = made[at].best->cand->anchor;
    if (!anchor || anchor->says != SAYS_SERIAL || anchor->weight < ASKS ||
        made[at].best->cand->strength < APART_LINK)
        return false;
    for (size_t i = 0; i < at; i++)
        if (made[i].best->cand->anchor == anchor)
            return false;
    return true;
}

/* Does another code that nothing announces, and that is no number of a network or of a trade, stand
 * at a barcode as well? Then bars do not tell which is the serial number. */
static bool is_contested(const struct chosen made[], size_t count, size_t at)
{
    for (size_t i = 0; i < count; i++) {
        const struct hypothesis *h = made[i].best;
        const bool plain = h->kind == SER_CODE || h->kind == SER_SERIAL;
        if (i != at && plain && !h->cand->anchor && (h->agreed || h->disputed))
            return true;
    }
    return false;
}

/* How much better the best of the other places is explained that the word of place `at` may
 * announce; -10: none. */
static float shared_with(const struct chosen made[], size_t count, size_t at)
{
    const struct hypothesis *own = made[at].best;
    float most = -10;
    for (size_t i = 0; own->cand->anchor && i < count; i++)
        if (i != at && made[i].best->cand->anchor == own->cand->anchor)
            most = fmaxf(most, made[i].best->rank - own->rank);
    return fminf(most, 0);
}

/* How near the other places and the other understandings of a place come. */
static int compare_places(const struct work *work, struct chosen made[], size_t count,
                          se_error *err)
{
    for (size_t i = 0; i < count; i++) {
        double *evidence = made[i].best->evidence;
        /* A number of another kind takes nothing from one that is not the first answer. */
        const bool alone = count < 2 || (i > 0 && made[i].best->kind != made[0].best->kind);
        const struct chosen *rival = alone ? NULL : &made[i == 0];
        evidence[EVIDENCE_RIVAL] =
            rival ? bounded(rival->best->rank - made[i].best->rank, -10, 10) : -10;
        evidence[EVIDENCE_OTHER] = nearest_other(&made[i]);
        made[i].best->apart = is_apart(made, i);
        made[i].best->contested = is_contested(made, count, i);
        made[i].best->shared = shared_with(made, count, i);
        FORWARD_IF_ERROR(calibrate_measure(work, made[i].best, i, count < 2, evidence, err));
    }
    return SE_OK;
}

static void say_unanswered(const struct work *work, struct ser_output *out)
{
    const struct work_anchor *anchor = unanswered(work);
    out->unanswered = anchor != NULL;
    for (size_t i = 0; i < out->count; i++)
        if (out->readings[i].kind == SER_SERIAL && out->readings[i].evidence[EVIDENCE_ANCHOR] > 1)
            out->unanswered = false;
    if (out->unanswered)
        work_quad(&work->texts[anchor->line], anchor->begin, anchor->end, out->unanswered_quad);
}

int output_readings(struct work *work, const struct ranking *ranking, struct arena *arena,
                    struct ser_output *out, se_error *err)
{
    struct chosen made[CHOSEN_MAX];
    const size_t count = choose(ranking, made);
    *out = (struct ser_output){0};
    FORWARD_IF_ERROR(compare_places(work, made, count, err));
    out->readings = arena_alloc(arena, SER_MAX_READINGS, sizeof(*out->readings));
    RETURN_ERROR_IF(!out->readings, err, SE_ERR_MEMORY, "no memory for readings");
    for (size_t i = 0; i < count && i < SER_MAX_READINGS && made[i].best->rank >= RANK_LEAST; i++) {
        struct ser_reading *reading = &out->readings[i];
        bool ok = make_reading(work, made[i].best, reading, arena);
        if (ok)
            FORWARD_IF_ERROR(add_others(work, made[i].best, reading, arena, err));
        if (ok && work->input->strips)
            FORWARD_IF_ERROR(
                constrain_strip(work, made[i].best->cand, arena, &reading->strip, err));
        for (size_t k = 0; ok && k < made[i].other_count; k++) {
            const struct hypothesis *other = made[i].others[k];
            const float behind = rank_evidence(other) - rank_evidence(made[i].best);
            ok =
                add_alternative(reading, arena_copy(arena, other->repair.key, other->repair.length),
                                expf(fminf(behind, 0)));
        }
        share_out(reading);
        RETURN_ERROR_IF(!ok, err, SE_ERR_MEMORY, "no memory for readings");
        out->count++;
    }
    say_unanswered(work, out);
    return SE_OK;
}
