#include "serial/constrain.h"

#include <math.h>
#include <string.h>

/* How often what the user gave is wrong for the code in question: a serial number that the pattern
 * does not describe, a device that is not on the list. */
static const double PATTERN_WRONG = 0.01, LIST_INCOMPLETE = 0.05;
/* A text below this share is no match. */
static const double LEAST_SHARE = 0.2;
/* Texts that are unlikelier than the likeliest by more than this (natural logarithm) do not count:
 * above the logarithms of the two rates and the share, and a little for the sum over paths. */
static const float DEPTH = 12.0F;
/* A code that is less likely than what was read by more than this passes its check by chance. */
static const double CHANCE = -9;
/* What is left over where a character is given without a lattice, for each other symbol. */
static const float LEFT_OVER = -14.0F;

static const char rule_pattern[] = "pattern", rule_known[] = "known list";

enum { BEST_TEXTS = 8, CHECKED_TEXTS = 24, OTHER_TEXTS = 6 };
/* Of one search, so that a place which may say anything leaves some for the others. */
enum { SEARCH_EFFORT = CONSTRAIN_EFFORT / 40 };

static const struct decode_folding codes_only = {AUTOMATON_SEPARATORS, true, true, true};

/* ---- windows -------------------------------------------------------------------------------- */

static bool has_steps(const struct work *work, const struct work_piece *piece)
{
    const struct work_text *text = &work->texts[piece->line];
    for (size_t i = piece->begin; i < piece->end; i++)
        if (text->chars[i].end <= text->chars[i].step)
            return false;
    return text->lattice != NULL;
}

/* Steps of a piece: half of what lies between it and its neighbours belongs to it. */
static void steps_of(const struct work_text *text, const struct work_piece *piece, int *from,
                     int *to)
{
    const struct ser_char *first = &text->chars[piece->begin], *last = &text->chars[piece->end - 1];
    *from = piece->begin > 0 ? (first[-1].end + first->step + 1) / 2 : 0;
    *to = piece->end < text->count ? (last->end + last[1].step) / 2 : text->lattice->steps;
}

/* Characters as a lattice: one step each, a blank behind it. */
static int spell_out(const struct work_text *text, const struct work_piece *piece,
                     const struct decode_folding *folding, struct arena *arena, struct lattice *out,
                     se_error *err)
{
    const size_t steps = 2 * (piece->end - piece->begin);
    float *logp = arena_alloc(arena, steps * DECODE_COLUMNS, sizeof(*logp));
    float *reject = arena_alloc(arena, steps, sizeof(*reject));
    if (!logp || !reject)
        return se_fail_memory(err, "a part of a text line", steps * DECODE_COLUMNS * sizeof(*logp));
    for (size_t i = 0; i < steps; i++)
        reject[i] = LEFT_OVER;
    for (size_t i = 0; i < steps * DECODE_COLUMNS; i++)
        logp[i] = LEFT_OVER;
    for (size_t i = 0; i < steps; i += 2) {
        const struct ser_char *c = &text->chars[piece->begin + i / 2];
        float *row = logp + i * DECODE_COLUMNS;
        const int symbol = automaton_symbol(c->c), alt = automaton_symbol(c->alt);
        if (c->alt && alt >= 0)
            row[1 + alt] = logf(fmaxf(c->alt_p, 1e-6F));
        row[symbol < 0 ? DECODE_OTHER : symbol + 1] = logf(c->p);
        row[DECODE_COLUMNS] = 0; /* the blank behind it */
    }
    const struct lattice spelt = {.steps = (int)steps,
                                  .alphabet = decode_alphabet(),
                                  .logp = logp,
                                  .stride = DECODE_COLUMNS,
                                  .reject = reject};
    struct decode_folding given = *folding;
    given.confusions &= text->symbology == NULL; /* a barcode is right or not read at all */
    return decode_fold(&spelt, 0, spelt.steps, &given, arena, out, err);
}

static int join_parts(const struct lattice *parts, size_t count, struct arena *arena,
                      struct lattice *out, se_error *err)
{
    size_t steps = 0, filled = 0;
    for (size_t i = 0; i < count; i++)
        steps += (size_t)parts[i].steps;
    RETURN_ERROR_IF(steps > DECODE_MAX_STEPS, err, SE_ERR_LIMIT, "a code of %zu steps", steps);
    float *logp = arena_alloc(arena, steps * DECODE_COLUMNS, sizeof(*logp));
    float *reject = arena_alloc(arena, steps, sizeof(*reject));
    if (!logp || !reject)
        return se_fail_memory(err, "a part of a text line", steps * DECODE_COLUMNS * sizeof(*logp));
    for (size_t i = 0; i < count; i++) {
        const size_t part = (size_t)parts[i].steps;
        if (part == 0)
            continue;
        memcpy(logp + filled * DECODE_COLUMNS, parts[i].logp,
               part * DECODE_COLUMNS * sizeof(*logp));
        memcpy(reject + filled, parts[i].reject, part * sizeof(*reject));
        filled += part;
    }
    *out = parts[0];
    out->steps = (int)steps;
    out->logp = logp;
    out->reject = reject;
    return SE_OK;
}

/* The lattice of all of a candidate's pieces, one behind the other. SE_ERR_LIMIT when too long. */
static int window_of(const struct work *work, const struct work_cand *cand,
                     const struct decode_folding *folding, struct arena *arena, struct lattice *out,
                     se_error *err)
{
    struct lattice parts[WORK_MAX_PIECES];
    for (size_t i = 0; i < cand->piece_count; i++) {
        const struct work_piece *piece = &cand->pieces[i];
        const struct work_text *text = &work->texts[piece->line];
        int from, to;
        if (!has_steps(work, piece)) {
            FORWARD_IF_ERROR(spell_out(text, piece, folding, arena, &parts[i], err));
            continue;
        }
        steps_of(text, piece, &from, &to);
        FORWARD_IF_ERROR(decode_fold(text->lattice, from, to, folding, arena, &parts[i], err));
    }
    return join_parts(parts, cand->piece_count, arena, out, err);
}

/* Of folding a candidate's window: a logarithm or exponential for each column. */
static size_t effort_of_window(const struct work *work, const struct work_cand *cand)
{
    enum { EACH = 4, BESIDES = 20000 };
    size_t effort = BESIDES;
    for (size_t i = 0; i < cand->piece_count; i++) {
        const struct work_piece *piece = &cand->pieces[i];
        const struct work_text *text = &work->texts[piece->line];
        size_t steps = 2 * (piece->end - piece->begin), columns = DECODE_COLUMNS;
        if (has_steps(work, piece)) {
            int from, to;
            steps_of(text, piece, &from, &to);
            steps = to > from ? (size_t)(to - from) : 0;
            columns = (size_t)text->lattice->alphabet->columns;
        }
        effort += steps * (columns + DECODE_COLUMNS) * EACH;
    }
    return effort;
}

/* ---- texts and candidates ------------------------------------------------------------------- */

static void symbols_of(const char *key, size_t length, uint8_t *symbols)
{
    for (size_t i = 0; i < length; i++)
        symbols[i] = (uint8_t)automaton_symbol((uint32_t)(unsigned char)key[i]);
}

static bool is_separator(uint8_t symbol)
{
    return symbol >= AUTOMATON_CODE_SYMBOLS;
}

/* The symbols of a text that are letters and digits, as a key; false when there are too many. */
static bool key_of(const struct decode_text *text, struct repair *repair)
{
    size_t length = 0;
    for (size_t i = 0; i < text->length; i++) {
        if (is_separator(text->symbols[i]))
            continue;
        if (length == WORK_MAX_CODE)
            return false;
        repair->key[length++] = automaton_char(text->symbols[i]);
    }
    repair->key[length] = '\0';
    repair->length = length;
    return length > 0;
}

/* Which symbols are not those read. With another length: all but what both begin and end with.
 * shift: how far behind its place in `repair` a symbol of the common end stands in what was read.
 */
static void mark_changes(const struct work_cand *cand, struct repair *repair, size_t *tail)
{
    const char *read = cand->key, *now = repair->key;
    const size_t count = repair->length,
                 shorter = count < cand->key_length ? count : cand->key_length;
    size_t head = 0;
    *tail = 0;
    repair->changes = 0;
    memset(repair->changed, 0, sizeof(repair->changed));
    while (head < shorter && read[head] == now[head])
        head++;
    while (*tail < shorter - head && read[cand->key_length - 1 - *tail] == now[count - 1 - *tail])
        ++*tail;
    for (size_t i = head; i < count - *tail; i++) {
        const bool same = count == cand->key_length && read[i] == now[i];
        repair->changed[i] = !same;
        repair->changes += !same;
    }
}

/* The character as read that stands for symbol i of the repaired key. */
static struct ser_char char_for(const struct work_cand *cand, const struct repair *repair,
                                size_t tail, const struct decode_char *weighed, size_t i)
{
    const bool same_length = repair->length == cand->key_length;
    if (same_length || !repair->changed[i]) {
        const size_t at =
            i + tail < repair->length || same_length ? i : i + cand->key_length - repair->length;
        return cand->chars[cand->place[at]];
    }
    const bool alt = weighed->alt < AUTOMATON_SYMBOLS;
    return (struct ser_char){.c = alt ? (uint32_t)automaton_char(weighed->alt) : 0,
                             .p = alt ? weighed->alt_p : 0};
}

/* A candidate of the same place that has the text's symbols and separators. Characters that were
 * changed hold what was read instead. */
static int make_cand(struct work *work, const struct work_cand *cand,
                     const struct decode_text *text, const struct lattice *lattice,
                     const struct repair *repair, size_t tail, const struct work_cand **out,
                     se_error *err)
{
    struct decode_char weighed[DECODE_MAX_TEXT];
    struct work_cand *made = arena_alloc(work->arena, 1, sizeof(*made));
    if (!made)
        return se_fail_memory(err, "a candidate", sizeof(*made));
    FORWARD_IF_ERROR(decode_chars(lattice, text->symbols, text->length, weighed, err));
    *made = *cand;
    made->char_count = made->key_length = 0;
    for (size_t i = 0; i < text->length; i++) {
        const char c = automaton_char(text->symbols[i]);
        struct ser_char *to = &made->chars[made->char_count];
        made->raw[made->char_count] = c;
        if (is_separator(text->symbols[i])) {
            *to = (struct ser_char){.c = (uint32_t)(unsigned char)c, .p = weighed[i].p};
        } else {
            const size_t k = made->key_length++;
            *to = char_for(cand, repair, tail, &weighed[i], k);
            made->key[k] = c;
            made->place[k] = (uint8_t)made->char_count;
        }
        made->char_count++;
    }
    made->raw[made->char_count] = '\0';
    made->key[made->key_length] = '\0';
    *out = made;
    return SE_OK;
}

_Static_assert((int)DECODE_MAX_TEXT <= (int)WORK_MAX_CHARS, "a text fits a candidate");

/* ---- weighing ------------------------------------------------------------------------------- */

static int search(struct work *work, const struct lattice *lattice,
                  const struct automaton *automaton, size_t most, struct decode_answer *out,
                  se_error *err)
{
    const struct decode_query query = {automaton, most, DEPTH};
    const size_t given = work->decode_effort < SEARCH_EFFORT ? work->decode_effort : SEARCH_EFFORT;
    size_t left = given;
    const int status = decode_best(lattice, &query, &left, out, err);
    work->decode_effort -= given - left;
    return status;
}

/* Room for what one candidate needs; too large for the stack. */
struct desk {
    struct arena arena;
    struct lattice lattice;
    struct decode_answer *bound, *any;
};

/* window_of, out of the work's effort. */
static int afford_window(struct work *work, const struct work_cand *cand,
                         const struct decode_folding *folding, struct arena *arena,
                         struct lattice *out, se_error *err)
{
    const size_t effort = effort_of_window(work, cand);
    const bool enough = work->decode_effort >= effort;
    work->decode_effort = enough ? work->decode_effort - effort : 0;
    RETURN_ERROR_IF(!enough, err, SE_ERR_LIMIT, "too much to decode");
    return window_of(work, cand, folding, arena, out, err);
}

/* All but the lattice. */
static int desk_begin(struct desk *desk, se_error *err)
{
    arena_init(&desk->arena, DECODE_MAX_BYTES);
    desk->bound = arena_alloc(&desk->arena, 1, sizeof(*desk->bound));
    desk->any = arena_alloc(&desk->arena, 1, sizeof(*desk->any));
    if (!desk->bound || !desk->any)
        return se_fail_memory(err, "the texts of a candidate", 2 * sizeof(*desk->any));
    return SE_OK;
}

static int desk_open(struct work *work, const struct work_cand *cand,
                     const struct decode_folding *folding, struct desk *desk, se_error *err)
{
    FORWARD_IF_ERROR(desk_begin(desk, err));
    return afford_window(work, cand, folding, &desk->arena, &desk->lattice, err);
}

/* Too much for the decoder is no error: such a candidate stays as it is. */
static int desk_close(struct desk *desk, int status, se_error *err)
{
    arena_free(&desk->arena);
    if (status != SE_ERR_LIMIT)
        return status;
    se_error_clear(err);
    return SE_OK;
}

static double sum_of(const struct decode_answer *answer)
{
    double sum = 0;
    for (size_t i = 0; i < answer->count; i++)
        sum += exp(answer->texts[i].logp);
    return sum;
}

/* Probability of the likeliest texts that the automaton does not have. */
static double sum_outside(const struct decode_answer *any, const struct automaton *automaton)
{
    double sum = 0;
    for (size_t i = 0; i < any->count; i++) {
        const struct decode_text *text = &any->texts[i];
        bool inside = memchr(text->symbols, AUTOMATON_SYMBOLS, text->length) == NULL;
        inside = inside && automaton_matches(automaton, text->symbols, text->length);
        sum += inside ? 0 : exp(text->logp);
    }
    return sum;
}

/* The automaton's likeliest text and its share; 0 where there is none worth a thought. `wrong`: how
 * often the automaton lacks the text that is right. */
static int weigh(struct work *work, struct desk *desk, const struct automaton *automaton,
                 double wrong, double *share, se_error *err)
{
    *share = 0;
    FORWARD_IF_ERROR(search(work, &desk->lattice, automaton, BEST_TEXTS, desk->bound, err));
    if (desk->bound->count == 0)
        return SE_OK;
    FORWARD_IF_ERROR(search(work, &desk->lattice, NULL, BEST_TEXTS, desk->any, err));
    const double inside = sum_of(desk->bound), outside = sum_outside(desk->any, automaton);
    *share = exp(desk->bound->texts[0].logp) / (inside + wrong * outside);
    return SE_OK;
}

static void fill_repair(const struct desk *desk, double share, struct repair *repair)
{
    const double best = desk->any->count ? desk->any->texts[0].logp : 0;
    repair->cost = (float)fmin(0, desk->bound->texts[0].logp - best);
    repair->sure = (float)share;
    repair->checked = repair->completed = false;
}

/* What the picture says without any rule. Of a text with other characters only the letters and
 * digits are told. */
static int tell_alone(struct work *work, const struct desk *desk, struct constrained *out,
                      se_error *err)
{
    struct repair free_text;
    const struct decode_text *best =
        desk->any->count > 0 ? &desk->any->texts[0] : desk->bound->texts;
    struct decode_text known = *best;
    known.length = 0;
    for (size_t i = 0; i < best->length; i++)
        if (best->symbols[i] < AUTOMATON_SYMBOLS)
            known.symbols[known.length++] = best->symbols[i];
    if (!key_of(&known, &free_text))
        free_text.key[free_text.length = 0] = '\0';
    out->alone.text = arena_copy(work->arena, free_text.key, free_text.length);
    out->alone.p = (float)exp(fmin(desk->bound->texts[0].logp, 0));
    out->alone.text_p = (float)exp(fmin(best->logp, 0));
    return out->alone.text ? SE_OK : se_fail_memory(err, "a text", free_text.length);
}

static int apply(struct work *work, const struct work_cand *cand, const struct automaton *automaton,
                 double wrong, const char *rule, struct desk *desk, struct constrained *out,
                 se_error *err)
{
    double share;
    size_t tail;
    const struct decode_text *text = &desk->bound->texts[0];
    FORWARD_IF_ERROR(weigh(work, desk, automaton, wrong, &share, err));
    if (share < LEAST_SHARE || !key_of(text, &out->repair))
        return SE_OK;
    mark_changes(cand, &out->repair, &tail);
    fill_repair(desk, share, &out->repair);
    FORWARD_IF_ERROR(tell_alone(work, desk, out, err));
    out->certain = (float)share;
    out->rule = rule;
    out->matches = true;
    out->cand = cand;
    if (rule == rule_known && out->repair.length == cand->key_length)
        return SE_OK; /* separators stay as they are printed */
    return make_cand(work, cand, text, &desk->lattice, &out->repair, tail, &out->cand, err);
}

static int ask(struct work *work, const struct work_cand *cand, const struct automaton *automaton,
               double wrong, const char *rule, struct constrained *out, se_error *err)
{
    struct desk desk;
    struct decode_folding folding = codes_only;
    folding.skipped &= ~automaton->alphabet;
    int status = desk_open(work, cand, &folding, &desk, err);
    if (status == SE_OK)
        status = apply(work, cand, automaton, wrong, rule, &desk, out, err);
    return desk_close(&desk, status, err);
}

/* Is the candidate's text, as it is printed, one of the pattern's? */
static bool fits(const struct automaton *pattern, const struct work_cand *cand,
                 const struct repair *repair)
{
    uint8_t symbols[WORK_MAX_CHARS];
    size_t length = 0, k = 0;
    for (size_t i = 0; i < cand->char_count; i++) {
        const bool code = k < cand->key_length && cand->place[k] == i;
        const uint32_t c = code ? (uint32_t)(unsigned char)repair->key[k] : cand->chars[i].c;
        const int symbol = automaton_symbol(c);
        k += code;
        if (code || (pattern->alphabet >> symbol & 1))
            symbols[length++] = (uint8_t)symbol;
    }
    return automaton_matches(pattern, symbols, length);
}

int constrain_cand(struct work *work, const struct work_cand *cand, struct constrained *out,
                   se_error *err)
{
    const struct ser_input *input = work->input;
    *out = (struct constrained){.known = SER_KNOWN_UNASKED};
    if (input->known) {
        FORWARD_IF_ERROR(ask(work, cand, known_list_automaton(input->known), LIST_INCOMPLETE,
                             rule_known, out, err));
        if (!out->matches)
            out->known = SER_KNOWN_NEW;
        else
            out->known = out->repair.changes > 0 ? SER_KNOWN_NEAREST : SER_KNOWN_EXACT;
        out->fits_pattern =
            out->matches && input->pattern && fits(input->pattern, out->cand, &out->repair);
    }
    if (!input->pattern || out->matches)
        return SE_OK;
    FORWARD_IF_ERROR(ask(work, cand, input->pattern, PATTERN_WRONG, rule_pattern, out, err));
    out->fits_pattern = out->matches;
    return SE_OK;
}

/* ---- formats -------------------------------------------------------------------------------- */

/* Codes of one length of a format, as a chain of states. */
struct chain {
    struct automaton automaton;
    uint16_t next[(WORK_MAX_CODE + 1) * AUTOMATON_SYMBOLS];
    uint64_t out[WORK_MAX_CODE + 1], in[WORK_MAX_CODE + 1];
    bool accepts[WORK_MAX_CODE + 1];
};

static bool make_chain(const struct format *format, size_t length, struct chain *chain)
{
    uint64_t masks[WORK_MAX_CODE];
    if (length == 0 || !format_masks(format, length, masks))
        return false;
    memset(chain, 0, sizeof(*chain));
    for (size_t i = 0; i <= length; i++) {
        for (size_t symbol = 0; symbol < AUTOMATON_SYMBOLS; symbol++)
            chain->next[i * AUTOMATON_SYMBOLS + symbol] =
                (uint16_t)(i < length && (masks[i] >> symbol & 1) ? i + 1 : length + 1);
        chain->out[i] = i < length ? masks[i] : 0;
        chain->in[i] = i > 0 ? masks[i - 1] : 0;
        chain->automaton.alphabet |= chain->out[i];
    }
    chain->accepts[length] = true;
    chain->automaton.next = chain->next;
    chain->automaton.out = chain->out;
    chain->automaton.in = chain->in;
    chain->automaton.accepts = chain->accepts;
    chain->automaton.states = length + 1;
    return true;
}

/* Texts of a format near the length that was read, those that pass its check alone, added to
 * desk->any. */
static int search_format(struct work *work, const struct format *format, size_t length,
                         struct desk *desk, se_error *err)
{
    struct chain *chain = arena_alloc(&desk->arena, 1, sizeof(*chain));
    if (!chain)
        return se_fail_memory(err, "a format", sizeof(*chain));
    if (!make_chain(format, length, chain))
        return SE_OK;
    FORWARD_IF_ERROR(
        search(work, &desk->lattice, &chain->automaton, CHECKED_TEXTS, desk->bound, err));
    for (size_t i = 0; i < desk->bound->count && desk->any->count < DECODE_MAX_BEST; i++) {
        struct repair code;
        if (key_of(&desk->bound->texts[i], &code) && format_passes(format, code.key, code.length))
            desk->any->texts[desk->any->count++] = desk->bound->texts[i];
    }
    return SE_OK;
}

static size_t likeliest(const struct decode_answer *answer)
{
    size_t best = 0;
    for (size_t i = 1; i < answer->count; i++)
        if (answer->texts[i].logp > answer->texts[best].logp)
            best = i;
    return best;
}

static double logp_of_key(const struct lattice *lattice, const char *key, size_t length)
{
    uint8_t symbols[WORK_MAX_CODE];
    symbols_of(key, length, symbols);
    return decode_logp(lattice, symbols, length);
}

static int correct(struct work *work, const struct work_cand *cand, const struct format *format,
                   struct desk *desk, struct repair *repair, const struct work_cand **made,
                   bool *found, se_error *err)
{
    desk->any->count = 0;
    for (size_t length = cand->key_length - 1; length <= cand->key_length + 1; length++)
        if (length <= WORK_MAX_CODE && (format_lengths(format) >> length & 1))
            FORWARD_IF_ERROR(search_format(work, format, length, desk, err));
    if (desk->any->count == 0)
        return SE_OK;
    const struct decode_text *best = &desk->any->texts[likeliest(desk->any)];
    const double read = logp_of_key(&desk->lattice, cand->key, cand->key_length);
    const double conform = (double)format->conform;
    const double as_read = exp(read) * (1 - conform), passing = sum_of(desk->any) * conform;
    const double own = exp(best->logp) * conform;
    const bool veto = format->flags & FORMAT_VETO;
    if (best->logp - read < CHANCE || (own <= as_read && !veto))
        return SE_OK;
    struct repair code = {.checked = format->check != NULL};
    size_t tail;
    *found = key_of(best, &code);
    if (!*found)
        return SE_OK;
    mark_changes(cand, &code, &tail);
    code.cost = (float)fmin(0, best->logp - read);
    code.sure = (float)(own / (as_read + passing));
    *repair = code;
    *made = cand;
    return code.length == cand->key_length
               ? SE_OK
               : make_cand(work, cand, best, &desk->lattice, &code, tail, made, err);
}

void constrain_window_open(struct constrain_window *window, const struct work_cand *cand)
{
    *window = (struct constrain_window){.cand = cand};
    arena_init(&window->arena, DECODE_MAX_BYTES);
}

void constrain_window_close(struct constrain_window *window)
{
    arena_free(&window->arena);
}

static int fold_window(struct work *work, struct constrain_window *window, se_error *err)
{
    if (window->folded)
        return SE_OK;
    const int status = window->too_much ? SE_ERR_LIMIT
                                        : afford_window(work, window->cand, &codes_only,
                                                        &window->arena, &window->lattice, err);
    window->folded = status == SE_OK;
    window->too_much = status == SE_ERR_LIMIT;
    return status;
}

int constrain_format(struct work *work, struct constrain_window *window,
                     const struct format *format, struct repair *repair,
                     const struct work_cand **made, bool *found, se_error *err)
{
    struct desk desk;
    *found = false;
    int status = desk_begin(&desk, err);
    if (status == SE_OK)
        status = fold_window(work, window, err);
    desk.lattice = window->lattice;
    if (status == SE_OK)
        status = correct(work, window->cand, format, &desk, repair, made, found, err);
    return desk_close(&desk, status, err);
}

/* ---- alternatives --------------------------------------------------------------------------- */

static int others(struct work *work, const struct format *format, const char *rule, const char *key,
                  struct desk *desk, struct decode_answer *out, double *logp, se_error *err)
{
    const struct automaton *automaton = rule == rule_known
                                            ? known_list_automaton(work->input->known)
                                        : rule == rule_pattern ? work->input->pattern
                                                               : NULL;
    const size_t length = strlen(key);
    struct chain *chain = arena_alloc(&desk->arena, 1, sizeof(*chain));
    if (!chain)
        return se_fail_memory(err, "a format", sizeof(*chain));
    if (!automaton && format && make_chain(format, length, chain))
        automaton = &chain->automaton;
    *logp = logp_of_key(&desk->lattice, key, length);
    return search(work, &desk->lattice, automaton, OTHER_TEXTS, out, err);
}

int constrain_others(struct work *work, const struct work_cand *cand, const struct format *format,
                     const char *rule, const char *key, struct decode_answer *out, double *logp,
                     se_error *err)
{
    struct desk desk;
    struct decode_folding folding = codes_only;
    folding.confusions = false; /* what the picture says, not what may happen to any code */
    out->count = 0;
    int status = desk_open(work, cand, &folding, &desk, err);
    if (status == SE_OK)
        status = others(work, format, rule, key, &desk, out, logp, err);
    return desk_close(&desk, status, err);
}

/* ---- wanted candidates ---------------------------------------------------------------------- */

/* Symbols that may be printed where this character was read. */
static uint64_t likely_symbols(const struct ser_char *c)
{
    struct fold_confusion similar[FOLD_CONFUSIONS];
    const int symbol = automaton_symbol(c->c), alt = c->alt ? automaton_symbol(c->alt) : -1;
    uint64_t symbols = (uint64_t)1 << symbol;
    if (alt >= 0)
        symbols |= (uint64_t)1 << alt;
    const int count = is_separator((uint8_t)symbol) ? 0 : fold_confusions((uint8_t)symbol, similar);
    for (int i = 0; i < count; i++)
        symbols |= (uint64_t)1 << similar[i].symbol;
    return symbols;
}

/* All states that the characters, or what looks like them, may lead to. */
static bool may_match(const struct automaton *automaton, const struct work_cand *cand)
{
    bool states[AUTOMATON_MAX_STATES] = {false};
    states[automaton->start] = true;
    for (size_t i = 0; i < cand->char_count; i++) {
        const uint64_t symbols = likely_symbols(&cand->chars[i]);
        bool next[AUTOMATON_MAX_STATES] = {false};
        if (!(symbols & (automaton->alphabet | AUTOMATON_CODE)))
            continue; /* a separator that does not count */
        for (size_t state = 0; state < automaton->states; state++) {
            uint64_t left = states[state] ? automaton->out[state] & symbols : 0;
            for (; left; left &= left - 1)
                next[automaton_next(automaton, state, __builtin_ctzll(left))] = true;
        }
        memcpy(states, next, sizeof(states));
    }
    for (size_t state = 0; state < automaton->states; state++)
        if (states[state] && automaton->accepts[state])
            return true;
    return false;
}

bool constrain_wants(const struct work *work, const struct work_cand *cand)
{
    uint8_t symbols[WORK_MAX_CODE];
    symbols_of(cand->key, cand->key_length, symbols);
    const struct known_list *known = work->input->known;
    if (known && automaton_matches(known_list_automaton(known), symbols, cand->key_length))
        return true;
    return work->input->pattern && may_match(work->input->pattern, cand);
}

/* ---- for later ------------------------------------------------------------------------------ */

int constrain_strip(const struct work *work, const struct work_cand *cand, struct arena *arena,
                    const struct lattice **out, se_error *err)
{
    static const struct decode_folding folding = {AUTOMATON_SEPARATORS, true, true, false};
    struct lattice window;
    *out = NULL;
    const int status = window_of(work, cand, &folding, work->arena, &window, err);
    if (status == SE_ERR_LIMIT || (status == SE_OK && window.steps == 0)) {
        se_error_clear(err);
        return SE_OK;
    }
    FORWARD_IF_ERROR(status);
    const size_t size = (size_t)window.steps * window.stride;
    struct lattice *kept = arena_alloc(arena, 1, sizeof(*kept));
    float *logp = arena_alloc(arena, size, sizeof(*logp));
    if (!kept || !logp)
        return se_fail_memory(err, "the strip of a reading", size * sizeof(*logp));
    memcpy(logp, window.logp, size * sizeof(*logp));
    *kept = (struct lattice){
        .steps = window.steps, .alphabet = window.alphabet, .logp = logp, .stride = window.stride};
    *out = kept;
    return SE_OK;
}
