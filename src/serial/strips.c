/*
 * A strip is the part of a line's lattice from a code's first character to its last; a code in
 * several pieces has their strips one behind the other. Probabilities of texts are sums over all
 * ways to read them, where the characters' own probabilities know one way alone.
 *
 *   line as read       S/N: [AB4807162]  ─ strip 0 ─ its likeliest texts ─┐
 *   read again         S/N: [AB48O7162]  ─ strip 1 ─ …                   ─┼─ rivals of the code
 *   …                                                                    ─┘
 *
 * Each rival is weighed against the code in every strip; what one strip says counts for STRIP_LEAST
 * at most, so that a line which was cut badly once does not outweigh the others.
 */
#include "serial/strips.h"

#include <math.h>
#include <string.h>

#include "serial/decode.h"

enum {
    STRIPS_MAX = 1 + SER_MAX_AGAIN,
    STRIP_TEXTS = 3,       /* likeliest texts of a strip that are looked at */
    STRIP_EFFORT = 200000, /* of the search for them, see serial/decode.h */
    RIVALS_MAX = STRIPS_MAX * STRIP_TEXTS
};

static const float STRIP_DEPTH = 9;
static const double STRIP_LEAST = -12;
/* Leads of one strip are told up to here, of all together up to JOINT_MOST. */
static const double LEAD_MOST = 8;

struct strips {
    struct lattice items[STRIPS_MAX]; /* folded; without steps: says nothing that could be used */
    size_t count;
    struct decode_text rivals[RIVALS_MAX];
    size_t rival_count;
};

static double within(double value, double low, double high)
{
    return fmin(fmax(value, low), high);
}

/* Steps of the characters [begin, end) of a line; `spare`: with half of what lies between them and
 * their neighbours. */
static struct lattice window_of(const struct work_text *text, size_t begin, size_t end, bool spare)
{
    const struct lattice none = {0};
    if (!text->lattice || begin >= end)
        return none;
    const struct ser_char *first = &text->chars[begin], *last = &text->chars[end - 1];
    int from = first->step, to = last->end;
    if (spare) {
        from = begin > 0 ? (first[-1].end + from + 1) / 2 : 0;
        to = end < text->count ? (to + last[1].step) / 2 : text->lattice->steps;
    }
    if (from < 0 || to <= from || to > text->lattice->steps || to - from > DECODE_MAX_STEPS)
        return none;
    return lattice_window(text->lattice, from, to);
}

static int join(const struct lattice *parts, size_t count, struct arena *arena, struct lattice *out,
                se_error *err)
{
    size_t steps = 0, filled = 0;
    *out = parts[0];
    for (size_t i = 0; i < count; i++)
        steps += (size_t)parts[i].steps;
    if (count == 1 || steps == 0 || steps > DECODE_MAX_STEPS) {
        out->steps = count == 1 ? parts[0].steps : 0;
        return SE_OK;
    }
    float *logp = arena_alloc(arena, steps * DECODE_COLUMNS, sizeof(*logp));
    if (!logp)
        return se_fail_memory(err, "a part of a text line", steps * DECODE_COLUMNS * sizeof(*logp));
    for (size_t i = 0; i < count; i++) {
        const size_t part = (size_t)parts[i].steps * DECODE_COLUMNS;
        memcpy(logp + filled, parts[i].logp, part * sizeof(*logp));
        filled += part;
    }
    out->logp = logp;
    out->steps = (int)steps;
    return SE_OK;
}

/* The strip of one reading of the code's lines: `which` 0 as read first, else which of the further
 * ones. *out has no steps where a piece cannot be found in that reading. */
static int make_strip(const struct work *work, const struct work_cand *cand, size_t which,
                      struct lattice *out, se_error *err)
{
    static const struct decode_folding folding = {
        .skipped = AUTOMATON_SEPARATORS, .lower_case = true, .look_alikes = true};
    struct lattice parts[WORK_MAX_PIECES];
    *out = (struct lattice){0};
    for (size_t i = 0; i < cand->piece_count; i++) {
        const struct work_piece *piece = &cand->pieces[i];
        const struct work_text *text = &work->texts[piece->line];
        struct lattice window;
        if (which == 0) {
            window = window_of(text, piece->begin, piece->end, false);
        } else {
            size_t begin, end;
            const struct work_text *again = &text->again[which - 1];
            work_characters_at(again, text, piece, &begin, &end);
            window = window_of(again, begin, end, true);
        }
        if (window.steps == 0)
            return SE_OK;
        FORWARD_IF_ERROR(
            decode_fold(&window, 0, window.steps, &folding, work->arena, &parts[i], err));
    }
    return join(parts, cand->piece_count, work->arena, out, err);
}

/* How often all of the code's lines were read again. */
static size_t readings_of(const struct work *work, const struct work_cand *cand)
{
    size_t count = SER_MAX_AGAIN;
    for (size_t i = 0; i < cand->piece_count; i++) {
        const size_t again = work->texts[cand->pieces[i].line].again_count;
        count = again < count ? again : count;
    }
    return count;
}

static bool is_same(const struct decode_text *text, const uint8_t *symbols, size_t length)
{
    return text->length == length && memcmp(text->symbols, symbols, length) == 0;
}

static void add_rivals(struct strips *strips, const struct decode_answer *answer,
                       const uint8_t *symbols, size_t length)
{
    for (size_t i = 0; i < answer->count; i++) {
        const struct decode_text *text = &answer->texts[i];
        bool known = is_same(text, symbols, length);
        for (size_t k = 0; k < strips->rival_count && !known; k++)
            known = is_same(&strips->rivals[k], text->symbols, text->length);
        if (!known)
            strips->rivals[strips->rival_count++] = *text;
    }
}

static double logp_in(const struct lattice *strip, const uint8_t *symbols, size_t length)
{
    return strip->steps > 0 ? fmax(decode_logp(strip, symbols, length), -100) : -100;
}

/* Leads of the code over its best rival: in each strip, and in all together. */
static void weigh(const struct strips *strips, const uint8_t *symbols, size_t length,
                  double e[EVIDENCE_TERMS])
{
    double lead[STRIPS_MAX], joint = INFINITY, own[STRIPS_MAX], agree = 0;
    for (size_t k = 0; k < strips->count; k++) {
        own[k] = logp_in(&strips->items[k], symbols, length);
        lead[k] = own[k] + 100;
    }
    for (size_t r = 0; r < strips->rival_count; r++) {
        const struct decode_text *rival = &strips->rivals[r];
        double sum = 0;
        for (size_t k = 0; k < strips->count; k++) {
            const double other = logp_in(&strips->items[k], rival->symbols, rival->length);
            lead[k] = fmin(lead[k], own[k] - other);
            sum += fmax(own[k], STRIP_LEAST) - fmax(other, STRIP_LEAST);
        }
        joint = fmin(joint, sum);
    }
    const double p = within(exp(own[0]), 1e-4, 1 - 1e-4);
    e[EVIDENCE_WHOLE] = log(p / (1 - p));
    e[EVIDENCE_LEAD] = within(lead[0], -10, LEAD_MOST);
    e[EVIDENCE_JOINT] = within(joint, -10, JOINT_MOST);
    e[EVIDENCE_WORST] = e[EVIDENCE_LEAD];
    for (size_t k = 1; k < strips->count; k++) {
        e[EVIDENCE_WORST] = fmin(e[EVIDENCE_WORST], within(lead[k], -10, LEAD_MOST));
        agree += strips->items[k].steps > 0 && lead[k] > 0;
    }
    if (strips->count < 2)
        return;
    e[EVIDENCE_AGAIN] = agree / (double)(strips->count - 1);
    e[EVIDENCE_AGAINST] = 1 - e[EVIDENCE_AGAIN];
}

int strips_measure(const struct work *work, const struct hypothesis *h, double e[EVIDENCE_TERMS],
                   se_error *err)
{
    static const struct decode_query query = {.most = STRIP_TEXTS, .depth = STRIP_DEPTH};
    uint8_t symbols[WORK_MAX_CODE];
    struct decode_answer answer;
    const size_t length = h->repair.length, again = readings_of(work, h->cand);
    if (h->sources & SER_FROM_BARCODE) {
        /* Barcodes check themselves. */
        e[EVIDENCE_JOINT] = JOINT_MOST;
        e[EVIDENCE_WORST] = LEAD_MOST;
    }
    if (h->repair.completed || h->sources != SER_FROM_TEXT)
        return SE_OK;
    struct strips *strips = arena_alloc(work->arena, 1, sizeof(*strips));
    if (!strips)
        return se_fail_memory(err, "readings of a line", sizeof(*strips));
    for (size_t i = 0; i < length; i++)
        symbols[i] = (uint8_t)automaton_symbol((uint32_t)(unsigned char)h->repair.key[i]);
    for (size_t k = 0; k <= again; k++) {
        size_t effort = STRIP_EFFORT;
        FORWARD_IF_ERROR(make_strip(work, h->cand, k, &strips->items[k], err));
        strips->count++;
        if (strips->items[k].steps == 0)
            continue;
        FORWARD_IF_ERROR(decode_best(&strips->items[k], &query, &effort, &answer, err));
        add_rivals(strips, &answer, symbols, length);
    }
    if (strips->items[0].steps > 0)
        weigh(strips, symbols, length, e);
    return SE_OK;
}
