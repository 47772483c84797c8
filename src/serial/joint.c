#include "serial/joint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Part of a step's probability that says nothing: of a step that is blank, of one with a symbol.
 * And how much of that is blank. */
static const double NOISE_IN_BLANK = 0.05, NOISE_IN_SYMBOL = 0.03, NOISE_BLANK = 0.01;
/* A symbol is possible where some step of a strip gives it this much (natural logarithm). */
static const float POSSIBLE = -6;
/* Taken off a text that is not of the format which the code has in the pictures. */
static const double NOT_OF_FORMAT = -4;

enum {
    EFFORT = 12000,         /* forward sums, about 20 µs each */
    SEARCH_EFFORT = 400000, /* of one search for a strip's own texts, see decode.h */
    OWN_TEXTS = 8,          /* of each strip */
    LEAST_OVERLAP = 4,      /* symbols that two parts of a code have in common */
    CROSSED = 4,            /* texts that are crossed with one another */
    MAX_BLOCKS = 6,         /* places where two texts differ that are tried both ways */
    MAX_ROUNDS = 12
};

/* ---- strips --------------------------------------------------------------------------------- */

static int smooth(const struct lattice *strip, struct arena *arena, struct lattice *out,
                  se_error *err)
{
    const size_t steps = (size_t)strip->steps;
    float *logp = arena_alloc(arena, steps * DECODE_COLUMNS, sizeof(*logp));
    if (!logp)
        return se_fail_memory(err, "a strip", steps * DECODE_COLUMNS * sizeof(*logp));
    for (size_t step = 0; step < steps; step++) {
        const float *row = strip->logp + step * strip->stride;
        const double blank = exp((double)row[0]);
        const double noise = NOISE_IN_BLANK * blank + NOISE_IN_SYMBOL * (1 - blank);
        for (size_t column = 0; column < DECODE_COLUMNS; column++) {
            const double p = exp((double)row[column]);
            const double spread = column == 0 ? NOISE_BLANK
                                  : column <= AUTOMATON_CODE_SYMBOLS
                                      ? (1 - NOISE_BLANK) / AUTOMATON_CODE_SYMBOLS
                                      : 0;
            const double both = (1 - noise) * p + noise * spread;
            logp[step * DECODE_COLUMNS + column] = (float)fmax(log(both), -100);
        }
    }
    *out = (struct lattice){.steps = strip->steps,
                            .alphabet = decode_alphabet(),
                            .logp = logp,
                            .stride = DECODE_COLUMNS};
    return SE_OK;
}

static uint64_t possible_symbols(const struct lattice *strip)
{
    uint64_t symbols = 0;
    for (int step = 0; step < strip->steps; step++)
        for (int s = 0; s < AUTOMATON_CODE_SYMBOLS; s++)
            if (strip->logp[(size_t)step * strip->stride + (size_t)s + 1] >= POSSIBLE)
                symbols |= (uint64_t)1 << s;
    return symbols;
}

int joint_open(struct joint *joint, const struct lattice *const *strips, size_t count,
               const struct format *format, struct arena *arena, se_error *err)
{
    *joint = (struct joint){.strip_count = count < JOINT_MAX_STRIPS ? count : JOINT_MAX_STRIPS,
                            .format = format,
                            .effort = EFFORT,
                            .arena = arena};
    joint->texts = arena_alloc(arena, JOINT_MAX_TEXTS, sizeof(*joint->texts));
    if (!joint->texts)
        return se_fail_memory(err, "texts of a code", JOINT_MAX_TEXTS * sizeof(*joint->texts));
    for (size_t i = 0; i < joint->strip_count; i++) {
        joint->symbols |= possible_symbols(strips[i]);
        FORWARD_IF_ERROR(smooth(strips[i], arena, &joint->strips[i], err));
    }
    return SE_OK;
}

double joint_logp(const struct joint *joint, size_t strip, const uint8_t *symbols, size_t length)
{
    return fmax(decode_logp(&joint->strips[strip], symbols, length), -1000);
}

/* ---- texts ---------------------------------------------------------------------------------- */

static bool is_of_format(const struct format *format, const uint8_t *symbols, size_t length)
{
    char key[DECODE_MAX_TEXT + 1];
    for (size_t i = 0; i < length; i++)
        key[i] = automaton_char(symbols[i]);
    key[length] = '\0';
    return length <= WORK_MAX_CODE && format_passes(format, key, length);
}

static double weigh(struct joint *joint, const uint8_t *symbols, size_t length)
{
    double sum = joint->format && !is_of_format(joint->format, symbols, length) ? NOT_OF_FORMAT : 0;
    for (size_t i = 0; i < joint->strip_count; i++)
        sum += joint_logp(joint, i, symbols, length);
    joint->effort -= joint->effort < joint->strip_count ? joint->effort : joint->strip_count;
    return sum;
}

void joint_add(struct joint *joint, const uint8_t *symbols, size_t length)
{
    if (length == 0 || length > DECODE_MAX_TEXT || joint->count == JOINT_MAX_TEXTS ||
        joint->effort == 0)
        return;
    for (size_t i = 0; i < length; i++)
        if (symbols[i] >= AUTOMATON_CODE_SYMBOLS)
            return;
    for (size_t i = 0; i < joint->count; i++)
        if (joint->texts[i].length == length &&
            memcmp(joint->texts[i].symbols, symbols, length) == 0)
            return;
    struct joint_text *text = &joint->texts[joint->count++];
    memcpy(text->symbols, symbols, length);
    text->length = length;
    text->logp = weigh(joint, symbols, length);
}

static int by_logp(const void *a, const void *b)
{
    const struct joint_text *x = a, *y = b;
    if (x->logp != y->logp)
        return x->logp > y->logp ? -1 : 1;
    if (x->length != y->length)
        return x->length < y->length ? -1 : 1;
    return memcmp(x->symbols, y->symbols, x->length);
}

static void sort(struct joint *joint)
{
    qsort(joint->texts, joint->count, sizeof(*joint->texts), by_logp);
}

static int add_own_texts(struct joint *joint, size_t strip, se_error *err)
{
    static const struct decode_query query = {.most = OWN_TEXTS, .depth = 12};
    size_t effort = SEARCH_EFFORT;
    struct decode_answer *answer = arena_alloc(joint->arena, 1, sizeof(*answer));
    if (!answer)
        return se_fail_memory(err, "texts of a strip", sizeof(*answer));
    FORWARD_IF_ERROR(decode_best(&joint->strips[strip], &query, &effort, answer, err));
    for (size_t i = 0; i < answer->count; i++)
        joint_add(joint, answer->texts[i].symbols, answer->texts[i].length);
    return SE_OK;
}

/* ---- crossing ------------------------------------------------------------------------------- */

/* A stretch of two texts laid beside each other: the same in both, or not. */
struct block {
    const uint8_t *part[2];
    size_t length[2];
    bool same;
};

struct beside {
    struct block blocks[2 * DECODE_MAX_TEXT + 1];
    size_t count;
};

/* Puts a pair of symbols (NULL: a gap) before the blocks that are there: built from the end. */
static void put_before(struct beside *beside, const uint8_t *a, const uint8_t *b)
{
    const bool same = a && b && *a == *b;
    struct block *block = beside->count ? &beside->blocks[beside->count - 1] : NULL;
    if (!block || block->same != same) {
        block = &beside->blocks[beside->count++];
        *block = (struct block){.same = same};
    }
    const uint8_t *const both[2] = {a, b};
    for (int k = 0; k < 2; k++)
        if (both[k]) {
            block->part[k] = both[k];
            block->length[k]++;
        }
}

/* Lays two texts beside each other so that they have the most symbols in common: a symbol that one
 * picture hides is a gap, and so is, twice, one that is read differently. The blocks come out last
 * one first. */
static void lay_beside(const struct joint_text *a, const struct joint_text *b, struct beside *out)
{
    enum { OTHER = 2 };
    uint8_t cost[DECODE_MAX_TEXT + 1][DECODE_MAX_TEXT + 1];
    for (size_t i = 0; i <= a->length; i++)
        for (size_t k = 0; k <= b->length; k++) {
            if (i == 0 || k == 0) {
                cost[i][k] = (uint8_t)(i + k);
                continue;
            }
            const int other = a->symbols[i - 1] != b->symbols[k - 1] ? OTHER : 0;
            int best = cost[i - 1][k - 1] + other;
            best = cost[i - 1][k] + 1 < best ? cost[i - 1][k] + 1 : best;
            best = cost[i][k - 1] + 1 < best ? cost[i][k - 1] + 1 : best;
            cost[i][k] = (uint8_t)best;
        }
    out->count = 0;
    for (size_t i = a->length, k = b->length; i > 0 || k > 0;) {
        const bool both =
            i > 0 && k > 0 &&
            cost[i][k] == cost[i - 1][k - 1] + (a->symbols[i - 1] != b->symbols[k - 1] ? OTHER : 0);
        const bool first = both || (i > 0 && cost[i][k] == cost[i - 1][k] + 1);
        const bool second = both || !first;
        i -= first;
        k -= second;
        put_before(out, first ? &a->symbols[i] : NULL, second ? &b->symbols[k] : NULL);
    }
}

/* All texts that take each stretch from one or the other. */
static void cross(struct joint *joint, const struct joint_text *a, const struct joint_text *b)
{
    struct beside beside;
    size_t differing = 0;
    lay_beside(a, b, &beside);
    for (size_t i = 0; i < beside.count; i++)
        differing += !beside.blocks[i].same;
    differing = differing < MAX_BLOCKS ? differing : MAX_BLOCKS;
    for (unsigned choice = 1; choice + 1 < 1U << differing; choice++) {
        struct joint_text made = {.length = 0};
        unsigned left = choice;
        bool fits = true;
        for (size_t i = beside.count; i-- > 0 && fits;) {
            const struct block *block = &beside.blocks[i];
            const int from = block->same ? 0 : (int)(left & 1);
            const size_t length = block->length[from];
            left >>= !block->same;
            fits = made.length + length <= DECODE_MAX_TEXT;
            if (fits && length > 0)
                memcpy(made.symbols + made.length, block->part[from], length);
            made.length += length;
        }
        if (fits)
            joint_add(joint, made.symbols, made.length);
    }
}

/* What both texts say when the one begins where the other is still going on: "AB1234" and "1234CD"
 * are parts of AB1234CD. */
static void overlap(struct joint *joint, const struct joint_text *a, const struct joint_text *b)
{
    const size_t most = a->length < b->length ? a->length : b->length;
    for (size_t common = most; common >= LEAST_OVERLAP; common--) {
        struct joint_text made = *a;
        const size_t more = b->length - common;
        if (memcmp(a->symbols + a->length - common, b->symbols, common) != 0 ||
            a->length + more > DECODE_MAX_TEXT)
            continue;
        memcpy(made.symbols + a->length, b->symbols + common, more);
        joint_add(joint, made.symbols, a->length + more);
        return;
    }
}

static void cross_all(struct joint *joint)
{
    struct joint_text top[CROSSED];
    const size_t count = joint->count < CROSSED ? joint->count : CROSSED;
    sort(joint);
    memcpy(top, joint->texts, count * sizeof(*top));
    for (size_t i = 0; i < count; i++)
        for (size_t k = i + 1; k < count; k++)
            cross(joint, &top[i], &top[k]);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++)
            if (i != k)
                overlap(joint, &top[i], &top[k]);
}

/* ---- single changes ------------------------------------------------------------------------- */

static void add_changes_at(struct joint *joint, const struct joint_text *text, size_t at,
                           bool lengths)
{
    struct joint_text made = *text;
    for (uint64_t left = joint->symbols; left && at < text->length; left &= left - 1) {
        made.symbols[at] = (uint8_t)__builtin_ctzll(left);
        joint_add(joint, made.symbols, made.length);
    }
    if (!lengths)
        return;
    made = *text;
    if (at < text->length) {
        memmove(made.symbols + at, made.symbols + at + 1, text->length - at - 1);
        joint_add(joint, made.symbols, text->length - 1);
    }
    if (text->length == DECODE_MAX_TEXT)
        return;
    made = *text;
    memmove(made.symbols + at + 1, text->symbols + at, text->length - at);
    for (uint64_t left = joint->symbols; left; left &= left - 1) {
        made.symbols[at] = (uint8_t)__builtin_ctzll(left);
        joint_add(joint, made.symbols, text->length + 1);
    }
}

/* The likeliest text with each of its symbols changed, as often as that finds a likelier one. */
static void climb(struct joint *joint)
{
    enum { KEPT = 60 };
    for (int round = 0; round < MAX_ROUNDS; round++) {
        sort(joint);
        /* Room for the next round; far behind, what goes weighs nothing. */
        joint->count = joint->count < KEPT ? joint->count : KEPT;
        const struct joint_text best = joint->texts[0];
        for (size_t at = 0; at <= best.length; at++)
            add_changes_at(joint, &best, at, round % 2 == 0);
        sort(joint);
        const bool same = joint->texts[0].length == best.length &&
                          memcmp(joint->texts[0].symbols, best.symbols, best.length) == 0;
        if (joint->effort == 0 || (same && round > 0))
            return;
    }
}

int joint_search(struct joint *joint, se_error *err)
{
    for (size_t i = 0; i < joint->strip_count; i++)
        FORWARD_IF_ERROR(add_own_texts(joint, i, err));
    cross_all(joint);
    if (joint->count > 0)
        climb(joint);
    sort(joint);
    return SE_OK;
}

/* ---- shares --------------------------------------------------------------------------------- */

static double part_of_best(const struct joint *joint, size_t i)
{
    return exp(joint->texts[i].logp - joint->texts[0].logp);
}

double joint_share(const struct joint *joint)
{
    double sum = 0;
    for (size_t i = 0; i < joint->count; i++)
        sum += part_of_best(joint, i);
    return sum > 0 ? 1 / sum : 0;
}

struct decode_char joint_char(const struct joint *joint, size_t at)
{
    double shares[AUTOMATON_SYMBOLS] = {0}, sum = 0;
    const struct joint_text *best = &joint->texts[0];
    struct decode_char out = {.alt = AUTOMATON_SYMBOLS};
    for (size_t i = 0; i < joint->count; i++) {
        const struct joint_text *text = &joint->texts[i];
        const double part = part_of_best(joint, i);
        sum += part;
        if (text->length == best->length)
            shares[text->symbols[at]] += part;
    }
    for (int s = 0; s < AUTOMATON_CODE_SYMBOLS; s++)
        if (s != best->symbols[at] && shares[s] / sum > (double)out.alt_p) {
            out.alt = (uint8_t)s;
            out.alt_p = (float)(shares[s] / sum);
        }
    out.p = (float)(shares[best->symbols[at]] / sum);
    return out;
}
