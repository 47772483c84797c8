#include "serial/formats.h"

#include <math.h>
#include <string.h>

enum { ELEMENTS_MAX = 16, OPTIONS_MAX = 6, CHANGES_MAX = 3, WORD_MAX = 24 };

struct element {
    uint64_t mask;
    size_t min, max;
};

static uint64_t bit(char c)
{
    const uint8_t symbol = fold_symbol((uint32_t)(unsigned char)c);
    return symbol == FOLD_NO_SYMBOL ? 0 : (uint64_t)1 << symbol;
}

static uint64_t range(char from, char to)
{
    uint64_t mask = 0;
    for (int c = from; c <= to; c++)
        mask |= bit((char)c);
    return mask;
}

static uint64_t class_mask(char c)
{
    const uint64_t digits = range('0', '9'), letters = range('A', 'Z');
    switch (c) {
    case 'a':
        return letters;
    case 'd':
        return digits;
    case 'x':
        return digits | letters;
    case 'h':
        return digits | range('A', 'F');
    case 'n':
        return (digits | letters) & ~(bit('I') | bit('O'));
    case 'v':
        return (digits | letters) & ~(bit('I') | bit('O') | bit('Q'));
    default:
        return bit(c);
    }
}

static size_t number(const char **s)
{
    size_t value = 0;
    for (; **s >= '0' && **s <= '9'; (*s)++)
        value = value * 10 + (size_t)(**s - '0');
    return value;
}

/* Reads [ABC0-9] behind its bracket. */
static uint64_t set_mask(const char **s)
{
    uint64_t mask = 0;
    for (; **s && **s != ']'; (*s)++) {
        if ((*s)[1] == '-' && (*s)[2] && (*s)[2] != ']') {
            mask |= range((*s)[0], (*s)[2]);
            *s += 2;
        } else {
            mask |= bit(**s);
        }
    }
    *s += **s == ']';
    return mask;
}

static size_t parse(const char *s, struct element elements[ELEMENTS_MAX])
{
    size_t count = 0;
    while (*s && count < ELEMENTS_MAX) {
        struct element *e = &elements[count++];
        *e = (struct element){.min = 1, .max = 1};
        if (*s == '[') {
            s++;
            e->mask = set_mask(&s);
        } else {
            e->mask = class_mask(*s++);
        }
        if (*s != '{')
            continue;
        s++;
        e->min = e->max = number(&s);
        if (*s == ',') {
            s++;
            e->max = number(&s);
        }
        s += *s == '}';
    }
    return count;
}

/* A set behind its bracket: what is wrong with it, or NULL and *s behind it. */
static const char *set_error(const char **s)
{
    size_t count = 0;
    for (; **s != ']'; (*s)++, count++) {
        if (!bit(**s) || (**s >= 'a' && **s <= 'z'))
            return **s ? "in [] stand capitals, digits and ranges of them" : "[ without ]";
        if ((*s)[1] != '-')
            continue;
        const char from = **s, to = (*s)[2];
        const bool letters = from >= 'A' && to >= 'A' && to <= 'Z';
        const bool digits = from <= '9' && to >= '0' && to <= '9';
        if (!(letters || digits) || from > to)
            return "a range goes upwards, from digit to digit or letter to letter";
        *s += 2;
    }
    (*s)++;
    return count ? NULL : "an empty []";
}

/* {n} or {m,n} behind its brace: the same. */
static const char *repeat_error(const char **s, size_t *least, size_t *most)
{
    size_t value[2] = {0, 0}, digits = 0;
    int at = 0;
    for (; **s != '}'; (*s)++) {
        if (**s == ',' && at == 0 && digits > 0) {
            at = 1;
            digits = 0;
            continue;
        }
        if (**s < '0' || **s > '9' || ++digits > 2)
            return "expected {n} or {m,n} with numbers up to 34";
        value[at] = value[at] * 10 + (size_t)(**s - '0');
    }
    if (digits == 0)
        return "expected {n} or {m,n} with numbers up to 34";
    (*s)++;
    *least = value[0];
    *most = at ? value[1] : value[0];
    return *most == 0 || *least > *most || *most > WORK_MAX_CODE
               ? "a count is 1 to 34, the lower one first"
               : NULL;
}

const char *format_pattern_error(const char *pattern, size_t *at)
{
    const char *s = pattern;
    size_t elements = 0, least = 0, most = 0;
    while (*s) {
        const char *wrong = NULL;
        size_t low = 1, high = 1;
        *at = (size_t)(s - pattern);
        if (*s == '[') {
            s++;
            wrong = set_error(&s);
        } else if ((*s >= 'a' && *s <= 'z' && strchr("adxhnv", *s)) ||
                   ((*s < 'a' || *s > 'z') && bit(*s))) {
            s++;
        } else {
            wrong = "expected a capital, a digit, one of a d x h n v, or [";
        }
        if (!wrong && *s == '{') {
            *at = (size_t)(s - pattern);
            s++;
            wrong = repeat_error(&s, &low, &high);
        }
        if (wrong)
            return wrong;
        least += low;
        most += high;
        if (++elements > ELEMENTS_MAX)
            return "more than 16 elements";
    }
    *at = 0;
    if (least < WORK_MIN_CODE || most > WORK_MAX_CODE)
        return "codes have 4 to 34 symbols";
    return NULL;
}

bool format_masks(const struct format *format, size_t length, uint64_t masks[WORK_MAX_CODE])
{
    struct element elements[ELEMENTS_MAX];
    const size_t count = parse(format->pattern, elements);
    size_t least = 0, most = 0, at = 0;
    for (size_t i = 0; i < count; i++) {
        least += elements[i].min;
        most += elements[i].max;
    }
    if (length < least || length > most || length > WORK_MAX_CODE)
        return false;
    size_t slack = length - least;
    for (size_t i = 0; i < count; i++) {
        const size_t room = elements[i].max - elements[i].min;
        const size_t more = room < slack ? room : slack;
        slack -= more;
        for (size_t k = 0; k < elements[i].min + more; k++)
            masks[at++] = elements[i].mask;
    }
    return true;
}

static bool is_mixed(const char *key, size_t length)
{
    bool letter = false, digit = false;
    for (size_t i = 0; i < length; i++) {
        digit |= key[i] >= '0' && key[i] <= '9';
        letter |= key[i] >= 'A' && key[i] <= 'Z';
    }
    return letter && digit;
}

/* Steps through a list of words with spaces between: the next one and its length, 0 at the end. */
static size_t next_word(const char **list)
{
    *list += strspn(*list, " ");
    return strcspn(*list, " ");
}

bool format_starts_well(const struct format *format, const char *key)
{
    if (!format->starts)
        return true;
    const char *word = format->starts;
    for (size_t length; (length = next_word(&word)) > 0; word += length)
        if (strncmp(key, word, length) == 0)
            return true;
    return false;
}

bool format_fits(const struct format *format, const char *key, size_t length)
{
    uint64_t masks[WORK_MAX_CODE];
    if (!format_masks(format, length, masks))
        return false;
    for (size_t i = 0; i < length; i++)
        if (!(masks[i] & bit(key[i])))
            return false;
    return format_starts_well(format, key) &&
           (!(format->flags & FORMAT_MIXED) || is_mixed(key, length));
}

bool format_passes(const struct format *format, const char *key, size_t length)
{
    return format_fits(format, key, length) && (!format->check || format->check(key, length));
}

uint64_t format_lengths(const struct format *format)
{
    struct element elements[ELEMENTS_MAX];
    const size_t count = parse(format->pattern, elements);
    size_t least = 0, most = 0;
    uint64_t lengths = 0;
    for (size_t i = 0; i < count; i++) {
        least += elements[i].min;
        most += elements[i].max;
    }
    for (size_t length = least; length <= most && length <= WORK_MAX_CODE; length++)
        lengths |= (uint64_t)1 << length;
    return lengths;
}

bool format_has_check_digit(const struct format *format)
{
    return format->check == check_vin || format->check == check_iso6346 ||
           format->check == check_luhn || format->check == check_gtin;
}

bool format_is_proven(const struct work *work, const char *key, size_t length)
{
    for (size_t i = 0; i < work->format_count; i++)
        if ((work->formats[i]->flags & FORMAT_CHAIN) && (work->format_lengths[i] >> length & 1) &&
            format_passes(work->formats[i], key, length))
            return true;
    return false;
}

static bool has_word(const char *list, const char *wanted, size_t size)
{
    for (size_t length; (length = next_word(&list)) > 0; list += length)
        if (length == size && memcmp(list, wanted, size) == 0)
            return true;
    return false;
}

/* Marks the formats whose maker a word of the text is. */
static void find_makers(const struct work *work, const struct work_text *text, bool *maker)
{
    char word[WORD_MAX];
    for (size_t at = 0; at < text->count; at++) {
        size_t length = 0;
        const bool counted = at > 1 && fold_class(text->chars[at - 2].c) == FOLD_DIGIT;
        for (; at < text->count && fold_is_word(text->chars[at].c); at++)
            if (length < WORD_MAX && fold_letter(text->chars[at].c) < 0x80)
                word[length++] = (char)fold_letter(text->chars[at].c);
        /* "2 HP" is the power of a motor. */
        if (length < 2 || length == WORD_MAX || (length == 2 && counted))
            continue;
        for (size_t i = 0; i < work->format_count; i++)
            if (work->formats[i]->makers && has_word(work->formats[i]->makers, word, length))
                maker[i] = true;
    }
}

int format_prepare(struct work *work, const struct format *extra, size_t extra_count, se_error *err)
{
    const size_t most = format_row_count + extra_count;
    const char *without = work->input->without;
    size_t count = 0;
    const struct format **formats = arena_alloc(work->arena, most, sizeof(*formats));
    uint64_t *lengths = arena_alloc(work->arena, most, sizeof(*lengths));
    bool *maker = arena_alloc(work->arena, most, sizeof(*maker));
    RETURN_ERROR_IF(!formats || !lengths || !maker, err, SE_ERR_MEMORY,
                    "no memory for the table of formats");
    for (size_t i = 0; i < most; i++) {
        const struct format *row =
            i < format_row_count ? &format_rows[i] : &extra[i - format_row_count];
        if (without && strcmp(row->name, without) == 0)
            continue;
        formats[count] = row;
        lengths[count++] = format_lengths(row);
    }
    work->formats = formats;
    work->format_count = count;
    work->format_lengths = lengths;
    for (size_t i = 0; i < work->text_count; i++)
        find_makers(work, &work->texts[i], maker);
    work->format_maker = maker;
    return SE_OK;
}

/* Symbols that may stand at a position instead of the one read, with log of the ratio of their
 * probabilities to that of the one read. */
struct options {
    size_t count;
    char c[OPTIONS_MAX];
    float cost[OPTIONS_MAX];
};

static void add_option(struct options *options, char c, float ratio)
{
    const float cost = logf(ratio < 1e-6F ? 1e-6F : ratio > 1 ? 1 : ratio);
    for (size_t i = 0; i < options->count; i++) {
        if (options->c[i] == c) {
            options->cost[i] = fmaxf(options->cost[i], cost);
            return;
        }
    }
    if (options->count == OPTIONS_MAX)
        return;
    options->c[options->count] = c;
    options->cost[options->count++] = cost;
}

static struct options options_at(const struct work_cand *cand, size_t i, uint64_t mask)
{
    struct options options = {0};
    struct fold_confusion similar[FOLD_CONFUSIONS];
    const struct ser_char *read = &cand->chars[cand->place[i]];
    const uint8_t symbol = fold_symbol((uint32_t)(unsigned char)cand->key[i]);
    if (read->alt && (mask & bit((char)read->alt)))
        add_option(&options, (char)read->alt, read->alt_p / read->p);
    const int count = fold_confusions(symbol, similar);
    for (int k = 0; k < count; k++)
        if (mask >> similar[k].symbol & 1) {
            const char other = fold_symbol_char(similar[k].symbol);
            /* In many fonts these look the same: however sure the recognizer, it has guessed. */
            const bool same =
                (cand->key[i] == '0' && other == 'O') || (cand->key[i] == 'O' && other == '0') ||
                (cand->key[i] == '1' && other == 'I') || (cand->key[i] == 'I' && other == '1');
            add_option(&options, other, fmaxf(similar[k].p * (1.2F - read->p), same ? 0.12F : 0));
        }
    /* An alphabet without I, O, Q is made for fonts that draw them like 1 and 0. */
    if (!(mask & (bit('I') | bit('O'))) && (mask & bit('A')) && (mask & bit('Z'))) {
        if (cand->key[i] == 'O' || cand->key[i] == 'Q')
            add_option(&options, '0', 0.3F);
        if (cand->key[i] == 'I')
            add_option(&options, '1', 0.3F);
    }
    return options;
}

static void change(struct repair *repair, size_t i, char c, float cost)
{
    repair->key[i] = c;
    repair->changes += !repair->changed[i];
    repair->changed[i] = 1;
    repair->cost += cost;
}

/* Symbols outside the pattern become their most likely look-alike inside it. */
static bool force(const struct work_cand *cand, const uint64_t masks[], size_t length,
                  struct repair *out)
{
    for (size_t i = 0; i < length; i++) {
        if (masks[i] & bit(out->key[i]))
            continue;
        const struct options options = options_at(cand, i, masks[i]);
        if (options.count == 0 || out->changes >= CHANGES_MAX)
            return false;
        size_t best = 0;
        for (size_t k = 1; k < options.count; k++)
            if (options.cost[k] > options.cost[best])
                best = k;
        change(out, i, options.c[best], options.cost[best]);
    }
    return true;
}

/* The same where the code has to begin with one of several words: with the likeliest. */
static bool force_start(const struct format *format, const struct work_cand *cand,
                        const uint64_t masks[], size_t length, struct repair *out)
{
    if (!format->starts)
        return force(cand, masks, length, out);
    struct repair best = {0};
    const char *word = format->starts;
    for (size_t size; (size = next_word(&word)) > 0; word += size) {
        uint64_t with_start[WORK_MAX_CODE];
        if (size > length)
            continue;
        memcpy(with_start, masks, length * sizeof(*masks));
        for (size_t i = 0; i < size; i++)
            with_start[i] &= bit(word[i]);
        struct repair code = *out;
        if (force(cand, with_start, length, &code) && (best.length == 0 || code.cost > best.cost))
            best = code;
    }
    if (best.length > 0)
        *out = best;
    return best.length > 0;
}

/* Sums up all codes one or two symbols away that pass the check, and keeps the likeliest. */
struct search {
    const struct format *format;
    const struct work_cand *cand;
    const uint64_t *masks;
    size_t *effort;
    struct repair best;
    bool found;
    float total; /* of the passing codes' likelihoods, relative to what was read */
};

static void search_near(struct search *search, const struct repair *from, size_t begin, int depth)
{
    for (size_t i = begin; i < from->length; i++) {
        if (from->changed[i])
            continue;
        const struct options options = options_at(search->cand, i, search->masks[i]);
        for (size_t k = 0; k < options.count; k++) {
            if (*search->effort == 0)
                return;
            (*search->effort)--;
            struct repair code = *from;
            change(&code, i, options.c[k], options.cost[k]);
            if (format_starts_well(search->format, code.key) &&
                search->format->check(code.key, code.length)) {
                search->total += expf(code.cost);
                if (!search->found || code.cost > search->best.cost)
                    search->best = code;
                search->found = true;
            }
            if (depth > 1)
                search_near(search, &code, i + 1, depth - 1);
        }
    }
}

/* Weighs the code as read, whose check fails, against its neighbours that pass. */
static bool repair_check(const struct format *format, const struct work_cand *cand,
                         const uint64_t masks[], size_t *effort, struct repair *out)
{
    struct search search = {.format = format, .cand = cand, .masks = masks, .effort = effort};
    const struct repair start = *out;
    const bool veto = format->flags & FORMAT_VETO;
    search_near(&search, &start, 0, 2);
    const float as_read = expf(start.cost) * (1 - format->conform);
    const float passing = search.total * format->conform;
    const float best = search.found ? expf(search.best.cost) * format->conform : 0;
    if (best <= as_read && !veto) {
        out->sure = as_read / (as_read + passing);
        return true;
    }
    /* A hit far from what was read is chance. */
    if (!search.found || search.best.cost < -9)
        return !veto;
    *out = search.best;
    out->sure = best / (as_read + passing);
    out->checked = true;
    return true;
}

/* The symbol at the end that makes the check agree, where just one does. */
static bool complete(const struct format *format, struct repair *out)
{
    char found = 0;
    for (char d = '0'; d <= '9'; d++) {
        out->key[out->length] = d;
        if (!format_passes(format, out->key, out->length + 1))
            continue;
        if (found)
            return false;
        found = d;
    }
    if (!found)
        return false;
    out->key[out->length] = found;
    out->key[out->length + 1] = '\0';
    out->changed[out->length++] = 1;
    out->completed = true;
    return true;
}

bool format_repair(const struct format *format, const struct work_cand *cand, size_t *effort,
                   struct repair *out)
{
    uint64_t masks[WORK_MAX_CODE];
    const size_t length = cand->key_length;
    *out = (struct repair){.length = length, .sure = 1};
    memcpy(out->key, cand->key, length + 1);
    if ((format->flags & FORMAT_COMPLETE) && length + 1 < WORK_MAX_CODE &&
        format_masks(format, length + 1, masks)) {
        /* Without its check digit nothing shows a symbol to be wrong: as read, or not at all. */
        for (size_t i = 0; i < length; i++)
            if (!(masks[i] & bit(out->key[i])))
                return false;
        return complete(format, out);
    }
    if (!format_masks(format, length, masks) || !force_start(format, cand, masks, length, out))
        return false;
    if ((format->flags & FORMAT_MIXED) && !is_mixed(out->key, length))
        return false;
    if (!format->check)
        return true;
    if (format->check(out->key, length)) {
        out->checked = true;
        return true;
    }
    return repair_check(format, cand, masks, effort, out);
}
