#include "serial/anchors.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/utf8.h"
#include "serial/hibc_line.h"

enum {
    PATTERN_MAX = 32,
    GAP_MAX = 3, /* spaces and marks in one gap */
    WINDOW = PATTERN_MAX + 12,
    BUCKETS = 64,
    EFFORT = 1000000, /* far above what any photograph takes; behind it words must be exact */
    GROUPED_DIGITS = 6,
    NUMBER_UNKNOWN = 0, /* of number_end */
    NUMBER_NONE = 1
};

/* Words up to this weight may announce anything. */
static const float WEAK_ANCHOR = 3.0F;
/* Words of this weight name a serial number and nothing else. */
static const float STRONG_ANCHOR = 6.0F;
/* Anchors below this announce any number, "No.": other words before them say which. */
static const float VAGUE_BELOW = 3.5F;

/* A row made ready for matching. */
struct pattern {
    uint32_t c[PATTERN_MAX];
    uint16_t groups[PATTERN_MAX]; /* fold_groups of c; 0 for marks */
    size_t count, letters;
    bool unspaced;
    const struct anchor_row *row; /* NULL for a number word */
    struct pattern *next;         /* of its bucket */
};

/* All rows made ready, once for all. */
static struct {
    pthread_once_t once;
    struct pattern patterns[ANCHOR_MAX_ROWS], numbers[ANCHOR_MAX_NUMBERS];
    struct pattern *buckets[BUCKETS];
} ready = {.once = PTHREAD_ONCE_INIT};

struct matcher {
    const struct work_text *text;
    size_t effort; /* words that may still be compared with room for mistakes */
    /* The text, one entry a character. */
    uint32_t fold[SER_MAX_LINE];
    uint16_t groups[SER_MAX_LINE];
    bool space[SER_MAX_LINE], gap[SER_MAX_LINE], word[SER_MAX_LINE];
    /* Where a number word behind a place ends, NUMBER_UNKNOWN or NUMBER_NONE. */
    uint16_t number_end[SER_MAX_LINE + 1];
};

struct match {
    size_t end;
    float cost;
    size_t letters; /* of the pattern that were compared */
    bool has_number, cut;
};

/* Of numbers: fminf, which also knows what is none, is a call. */
static inline float smaller(float a, float b)
{
    return a < b ? a : b;
}

/* Letters that may stand for each other at the start of a word share a bucket. */
static size_t bucket_of(uint32_t c)
{
    static const char from[] = "0oqd1li|!j5s8b62zg9nmhuvyeca4t7fr";
    static const char to[] = "ooooiiiiiissbbbzzggnnnuuueeaattff";
    if (c < 0x80) {
        const char *at = c ? strchr(from, (int)c) : NULL;
        return (size_t)(at ? (uint32_t)to[at - from] : c) % BUCKETS;
    }
    return c % BUCKETS;
}

static void pattern_compile(struct pattern *pattern, const char *text)
{
    const size_t size = strlen(text);
    pattern->unspaced = true;
    for (size_t at = 0; at < size && pattern->count < PATTERN_MAX;) {
        uint32_t c;
        at += utf8_get(text + at, size - at, &c);
        pattern->groups[pattern->count] = fold_groups(c);
        pattern->c[pattern->count++] = c;
        pattern->letters += fold_is_word(c);
        pattern->unspaced &= fold_is_unspaced(c);
    }
}

static void make_table(void)
{
    for (size_t i = anchor_row_count; i-- > 0;) {
        struct pattern *p = &ready.patterns[i];
        pattern_compile(p, anchor_rows[i].pattern);
        p->row = &anchor_rows[i];
        struct pattern **bucket = &ready.buckets[bucket_of(p->c[0])];
        p->next = *bucket;
        *bucket = p;
    }
    for (size_t i = 0; i < anchor_number_count; i++)
        pattern_compile(&ready.numbers[i], anchor_numbers[i]);
}

static struct matcher *matcher_new(struct arena *arena)
{
    struct matcher *m = arena_alloc(arena, 1, sizeof(*m));
    if (m)
        m->effort = EFFORT;
    pthread_once(&ready.once, make_table);
    return m;
}

/* Edits that still count as this word, `letters` of it being compared. */
static float anchor_limit(const struct pattern *pattern, size_t letters)
{
    if (pattern->unspaced)
        return letters <= 3 ? 0.0F : 1.0F;
    return letters <= 3 ? 0.35F : letters <= 5 ? 0.65F : letters <= 8 ? 1.1F : 2.1F;
}

static bool is_space(uint32_t c)
{
    return fold_class(c) == FOLD_SPACE;
}

static bool is_gap(uint32_t c)
{
    return is_space(c) || (c < 0x80 && c != 0 && strchr(".,:;-_'`/", (int)c) != NULL) ||
           c == 0x2019 || c == 0xB7 || c == 0xFF1A || c == 0x2013;
}

static float slash_cost(uint32_t c)
{
    if (c == '/' || c == '\\' || c == 0xFF0F)
        return 0;
    return c != 0 && c < 0x80 && strchr("|il1!", (int)c) ? 0.3F : 1;
}

/* One cell of the distance table: pattern element `i` used up, and j characters of the text. `row`
 * holds the costs before the element, `below` those with it. */
static float cell_cost(const struct matcher *m, const struct pattern *pattern, size_t i, bool first,
                       size_t k, float row[], const float below[], size_t j)
{
    const uint32_t p = pattern->c[i], c = m->fold[k];
    if (p == ' ')
        return m->gap[k] ? smaller(row[j], below[j - 1]) : row[j];
    if (p == '/' || p == '#') {
        if (m->space[k]) {
            row[j] = smaller(row[j], row[j - 1]);
            return below[j - 1];
        }
        if (p == '/')
            return row[j - 1] + slash_cost(c);
        return c == '#' || c == 0x2116 ? row[j - 1] : INFINITY;
    }
    const float same = c == p ? 0 : pattern->groups[i] & m->groups[k] ? 0.3F : 1;
    const float extra = m->space[k] ? 0.6F : m->gap[k] && c != ':' ? 0.3F : 1;
    const float cost = smaller(row[j - 1] + same, below[j - 1] + extra);
    return first ? cost : smaller(cost, row[j] + 1);
}

/*
 * Weighted edit distance of pattern[skip …] to a prefix of the text at `at`, within a band: `limit`
 * allows only so many letters too few or too many. Returns the least cost and where it ends, or
 * INFINITY.
 */
static float pattern_match(const struct matcher *m, const struct pattern *pattern, size_t skip,
                           size_t at, float limit, size_t *end)
{
    float table[2][WINDOW + 2];
    const size_t left = m->text->count - at;
    const size_t width = left < WINDOW ? left : WINDOW;
    size_t low = 0, high = (size_t)(limit / 0.3F), missing = (size_t)limit;
    float *row = table[0], *below = table[1];
    for (size_t j = 0; j <= width; j++)
        row[j] = below[j] = INFINITY;
    row[0] = 0;
    for (size_t i = skip; i < pattern->count; i++) {
        const bool gap = pattern->c[i] == ' ';
        float least = INFINITY;
        if (!gap && missing > 0)
            missing--;
        else
            low += !gap;
        high += gap || pattern->c[i] == '/' || pattern->c[i] == '#' ? GAP_MAX : 1;
        below[low > 0 ? low - 1 : 0] = INFINITY;
        if (low == 0)
            below[0] = gap ? row[0] : i > skip ? row[0] + 1 : INFINITY;
        least = low == 0 ? below[0] : least;
        for (size_t j = low > 0 ? low : 1; j <= high && j <= width; j++) {
            below[j] = cell_cost(m, pattern, i, i == skip, at + j - 1, row, below, j);
            least = smaller(least, below[j]);
        }
        if (least > limit)
            return INFINITY;
        float *swap = row;
        row = below;
        below = swap;
    }
    size_t best = low > 0 ? low : 1;
    for (size_t j = best; j <= high && j <= width; j++)
        if (row[j] < row[best])
            best = j;
    *end = at + best;
    return best <= width ? row[best] : INFINITY;
}

static enum fold_class class_at(const struct matcher *m, size_t at)
{
    return at < m->text->count ? fold_class(m->text->chars[at].c) : FOLD_SPACE;
}

static bool word_at(const struct matcher *m, size_t at)
{
    return at < m->text->count && m->word[at];
}

/* Digits and length of the run of digits and Latin letters at `at`. */
static void code_run(const struct matcher *m, size_t at, int *digits, int *length)
{
    *digits = *length = 0;
    for (; at < m->text->count; at++) {
        const enum fold_class k = class_at(m, at);
        if (k != FOLD_DIGIT && k != FOLD_UPPER && k != FOLD_LOWER)
            break;
        *digits += k == FOLD_DIGIT;
        (*length)++;
    }
}

/* Three pairs with one and the same mark between them: "F4:AB:58", the start of an address. */
static bool pairs_at(const struct matcher *m, size_t at)
{
    int digits, length;
    if (at + 8 > m->text->count || m->fold[at + 2] != m->fold[at + 5] ||
        (m->fold[at + 2] != ':' && m->fold[at + 2] != '-'))
        return false;
    for (int i = 0; i < 3; i++) {
        code_run(m, at + 3 * (size_t)i, &digits, &length);
        if (length != 2)
            return false;
    }
    return true;
}

/* Digits in groups behind a space, " 99 069489", enough of them for a code. */
static bool groups_at(const struct matcher *m, size_t at)
{
    int digits, length, all = 0;
    while (at < m->text->count && m->space[at]) {
        code_run(m, ++at, &digits, &length);
        if (digits == 0 || digits < length)
            break;
        all += digits;
        at += (size_t)length;
    }
    return all >= GROUPED_DIGITS;
}

/* Colon, dot, number sign, or a code right away: what a word that announces a number is followed
 * by. */
static bool announces(const struct matcher *m, size_t end, bool colon_only)
{
    size_t at = end;
    int digits, length;
    if (!colon_only && class_at(m, at) == FOLD_DIGIT)
        return true;
    while (at < m->text->count && at < end + 2 && m->space[at])
        at++;
    if (at >= m->text->count)
        return false;
    const uint32_t c = m->fold[at];
    if (c == ':' || c == 0xFF1A)
        return true;
    if (colon_only)
        return false;
    if (c == '.' || c == '#' || c == '=' || c == 0x2116 || c == 0xB0)
        return true;
    code_run(m, at, &digits, &length);
    return at > end && (digits >= 4 || pairs_at(m, at));
}

/* Right behind a word that announces a serial number a letter or two before digits are its own:
 * "SN FD0123456". */
static bool begins_value(const struct work *work, const struct matcher *m, size_t line, size_t at,
                         const struct pattern *p, size_t end)
{
    const struct work_anchor *before =
        work->anchor_count > 0 ? &work->anchors[work->anchor_count - 1] : NULL;
    if (!before || before->line != line || before->says != SAYS_SERIAL || p->letters > 2 ||
        class_at(m, end) != FOLD_DIGIT)
        return false;
    for (size_t i = before->end; i < at; i++)
        if (!m->gap[i])
            return false;
    return true;
}

/* A barcode has no spaces to lose: a word that goes on is no word, but part of the code. */
static bool goes_on_in_barcode(const struct matcher *m, size_t at, size_t end)
{
    return m->text->symbology && (word_at(m, end) || (at > 0 && m->word[at - 1])) &&
           m->word[end - 1];
}

/* A word for serial numbers in a script without spaces that goes on is another: "serial number
 * card". */
static bool goes_on_unspaced(const struct matcher *m, const struct pattern *pattern, size_t end)
{
    return pattern->unspaced && pattern->row->says == SAYS_SERIAL && word_at(m, end) &&
           fold_is_unspaced(m->text->chars[end].c);
}

/* Does a code go on behind a hyphen here, as in "FD7047-288"? */
static bool goes_on(const struct matcher *m, size_t at)
{
    return at + 1 < m->text->count && m->fold[at] == '-' && word_at(m, at + 1);
}

/* May the anchor end here, given what comes next? */
static bool ends_well(const struct matcher *m, const struct pattern *pattern, size_t end)
{
    if (!word_at(m, end) || pattern->unspaced)
        return true;
    const uint32_t last = m->text->chars[end - 1].c;
    if (!fold_is_word(last))
        return true;
    const enum fold_class k = class_at(m, end), before = fold_class(last);
    int digits, length;
    code_run(m, end, &digits, &length);
    if (k == FOLD_LETTER && !fold_is_unspaced(m->text->chars[end].c))
        return false;
    if (k == FOLD_LETTER)
        return true;
    const unsigned flags = pattern->row ? pattern->row->flags : 0;
    if (k == FOLD_DIGIT && pattern->letters == 2 && (flags & ANCHOR_COLON))
        return digits >= 4 && digits == length && !goes_on(m, end + (size_t)length);
    if (k == FOLD_DIGIT)
        return pattern->letters >= 4 || (flags & (ANCHOR_GLUED | ANCHOR_MAYBE));
    if (!(flags & ANCHOR_GLUED))
        return false;
    if (before == FOLD_LOWER && k == FOLD_UPPER)
        return digits >= 1 || length >= 8;
    const size_t behind = end + (size_t)length;
    if (digits == 0 && length <= 4 && behind < m->text->count && m->fold[behind] == '-') {
        code_run(m, behind + 1, &digits, &length);
        return digits >= 4 && digits == length;
    }
    return digits >= 3 && length >= 6;
}

/* Where a word for "number" behind `end`, also after a gap, ends; `end` where there is none. */
static size_t number_behind(const struct matcher *m, size_t end)
{
    size_t at = end;
    while (at < m->text->count && at < end + GAP_MAX && m->fold[at] != ':' && m->gap[at])
        at++;
    for (size_t i = 0; at < m->text->count && i < anchor_number_count; i++) {
        const struct pattern *p = &ready.numbers[i];
        size_t stop;
        /* "N0" is often read for "No"; other words so short must be right. */
        const bool is_no = i == anchor_number_no;
        const float limit = p->letters > 4 ? 0.65F : is_no ? 0.3F : 0;
        if (m->fold[at] != p->c[0] && !(m->groups[at] & p->groups[0]))
            continue;
        if ((at == end && p->letters == 1 && !p->unspaced) ||
            pattern_match(m, p, 0, at, limit, &stop) > limit)
            continue;
        const enum fold_class k = class_at(m, stop);
        const bool sign = !m->word[stop - 1] || p->unspaced;
        /* "ND" may be "No", but in "Serial ND7X5X57PPX" it begins the code. */
        const bool own = !is_no || m->fold[stop - 1] == 'o' || m->fold[stop - 1] == '0';
        if (sign || !word_at(m, stop) || (k == FOLD_DIGIT && p->letters > 1 && own))
            return stop;
    }
    return end;
}

/* The same, remembered for each place of the line; moves *end behind the word. */
static bool take_number(struct matcher *m, size_t *end)
{
    uint16_t *known = &m->number_end[*end];
    if (*known == NUMBER_UNKNOWN) {
        const size_t stop = number_behind(m, *end);
        *known = (uint16_t)(stop == *end ? NUMBER_NONE : stop);
    }
    if (*known == NUMBER_NONE)
        return false;
    *end = *known;
    return true;
}

/* Capitals alone; beside one, a small letter of the same shape as its capital counts too: "sN". */
static bool all_upper(const struct matcher *m, size_t begin, size_t end)
{
    bool upper = false, lower = false;
    for (size_t i = begin; i < end; i++) {
        if (class_at(m, i) != FOLD_LOWER) {
            upper |= class_at(m, i) == FOLD_UPPER;
            continue;
        }
        if (fold_is_small(m->text->chars[i].c))
            return false;
        lower = true;
    }
    return upper || !lower;
}

/* A word that stands alone in its cell of a table. */
static bool fills_line(const struct matcher *m, size_t begin, size_t end)
{
    for (size_t i = 0; i < m->text->count; i++)
        if ((i < begin || i >= end) && m->word[i])
            return false;
    return true;
}

/* Does the row's word stand at `at`, with all that its flags ask for? */
static bool row_matches(struct matcher *m, const struct pattern *p, size_t skip, size_t at,
                        struct match *out)
{
    const unsigned flags = p->row->flags;
    size_t letters = p->letters;
    for (size_t i = 0; i < skip; i++)
        letters -= fold_is_word(p->c[i]);
    const float limit = m->effort > 0 ? anchor_limit(p, letters) : 0;
    size_t end;
    m->effort -= m->effort > 0;
    *out = (struct match){.cut = skip > 0, .letters = letters};
    out->cost = pattern_match(m, p, skip, at, limit, &end);
    if (out->cost > limit)
        return false;
    const size_t head = end;
    if (flags & (ANCHOR_NUMBER | ANCHOR_NEEDS_NUMBER))
        out->has_number = take_number(m, &end);
    out->end = end;
    if ((!out->has_number && ((flags & ANCHOR_NEEDS_NUMBER) || !ends_well(m, p, end))) ||
        goes_on_unspaced(m, p, end))
        return false;
    const bool colon = announces(m, end, p->letters == 1 || (flags & ANCHOR_STRICT)) ||
                       (p->row->weight <= WEAK_ANCHOR && out->cost <= 0 && groups_at(m, end));
    const bool alone = p->letters >= 3 && !(flags & ANCHOR_STRICT) && fills_line(m, at, end);
    if ((flags & ANCHOR_COLON) && !out->has_number && !colon && !alone)
        return false;
    /* "SH8886": a short word that is not quite right, and nothing between it and what follows. */
    const bool glued = word_at(m, end) && m->word[end - 1] && !p->unspaced;
    if (letters <= 3 && out->cost > 0 && !out->has_number && (!colon || glued))
        return false;
    if ((flags & ANCHOR_UPPER) && !all_upper(m, at, head) && !announces(m, end, true) &&
        !out->has_number)
        return false;
    return true;
}

static bool may_start(const struct matcher *m, size_t at)
{
    const uint32_t c = m->text->chars[at].c;
    if (c == '(' || c == '#' || c == 0x2116)
        return true;
    if (!fold_is_word(c))
        return false;
    if (at == 0 || fold_is_unspaced(c) || !word_at(m, at - 1))
        return true;
    const enum fold_class before = class_at(m, at - 1), k = class_at(m, at);
    return (before == FOLD_LOWER && k == FOLD_UPPER) || (before == FOLD_DIGIT && k != FOLD_DIGIT) ||
           fold_is_unspaced(m->text->chars[at - 1].c);
}

/* Does the character before `at`, or before the gap that ends there, belong to a number? */
static bool follows_digit(const struct matcher *m, size_t at)
{
    while (at > 0 && m->gap[at - 1])
        at--;
    return at > 0 && class_at(m, at - 1) == FOLD_DIGIT;
}

/* A short word that is not quite right, or made of hexadecimal digits, that begins an address, or
 * behind a number and with no space behind it: a pair of one ("44.55.F0.08.00.11" for "FD."). */
static bool is_pair_of_code(const struct matcher *m, size_t at, const struct match *match)
{
    size_t end = match->end;
    bool hexadecimal = true;
    for (size_t i = at; i < end; i++)
        hexadecimal &= m->fold[i] < 0x80 && strchr("0123456789abcdef", (int)m->fold[i]);
    end += end < m->text->count && m->gap[end] && !m->space[end];
    const bool space = end < m->text->count && m->space[end];
    return (match->cost > 0 || hexadecimal) && match->letters < 4 && !match->has_number &&
           (pairs_at(m, at) || (!space && follows_digit(m, at)));
}

/* A short word right behind a digit is more likely the middle of a code ("C17MM1R893MN"), unless a
 * colon follows, or it begins with a mark: "…12(21)AB…". */
static bool is_inside_code(const struct matcher *m, size_t at, const struct match *match)
{
    return at > 0 && word_at(m, at) && word_at(m, at - 1) && class_at(m, at - 1) == FOLD_DIGIT &&
           !fold_is_unspaced(m->text->chars[at].c) && match->letters < 4 &&
           !announces(m, match->end, true);
}

/* How much a match explains: its letters, less what it had to bend. */
static float match_worth(const struct match *match)
{
    return (float)match->letters + (match->has_number ? 2 : 0) - 4 * match->cost -
           (match->cut ? 2.0F : 0.0F);
}

static bool best_at(struct matcher *m, size_t at, bool line_start, struct match *best,
                    const struct pattern **which)
{
    *which = NULL;
    struct match match;
    const bool start = may_start(m, at);
    for (const struct pattern *p = ready.buckets[bucket_of(m->fold[at])]; p; p = p->next) {
        const bool like = m->fold[at] == p->c[0] || (m->groups[at] & p->groups[0]);
        if (!like || (!start && !(p->row->flags & ANCHOR_ANYWHERE)))
            continue;
        if (!row_matches(m, p, 0, at, &match) || (!start && match.cost > 0) ||
            is_inside_code(m, at, &match) || is_pair_of_code(m, at, &match))
            continue;
        if (!*which || match_worth(&match) > match_worth(best)) {
            *best = match;
            *which = p;
        }
    }
    for (size_t i = 0; line_start && !*which && i < anchor_row_count; i++) {
        const struct pattern *p = &ready.patterns[i];
        for (size_t skip = 1; (p->row->flags & ANCHOR_CUT) && skip + 4 <= p->count; skip++) {
            const bool like = m->fold[at] == p->c[skip] || (m->groups[at] & p->groups[skip]);
            if (!like || !row_matches(m, p, skip, at, &match))
                continue;
            if (!*which || match_worth(&match) > match_worth(best)) {
                *best = match;
                *which = p;
            }
        }
    }
    return *which != NULL;
}

/* The word right before `begin`, folded ASCII; its length, 0 when there is none. */
static size_t word_before(const struct matcher *m, size_t begin, char word[16])
{
    size_t end = begin, length = 0;
    while (end > 0 && begin - end < 2 && m->gap[end - 1])
        end--;
    size_t start = end;
    while (start > 0 && word_at(m, start - 1) && class_at(m, start - 1) != FOLD_DIGIT)
        start--;
    if (start > 0 && class_at(m, start - 1) == FOLD_DIGIT)
        return 0;
    for (size_t i = start; i < end && length < 15; i++)
        word[length++] = m->fold[i] < 0x80 ? (char)m->fold[i] : '?';
    word[length] = '\0';
    return length;
}

/* Does what stands right before `begin` look like the rest of a word: a dash ("-Nr."), or one or
 * two letters ("l No.")? `length` letters of a word stand there. */
static bool is_rest(const struct matcher *m, size_t begin, size_t length)
{
    return (length > 0 && length < 3) || (length == 0 && begin > 0 && m->fold[begin - 1] == '-');
}

static bool is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

/* "Battery S/N" is not the device's, "Product S/N" is, and "Licence No." announces no serial. */
static void qualify(const struct matcher *m, const struct pattern *p, size_t begin,
                    struct work_anchor *anchor)
{
    static const char *const parts[] = {
        "gpon",    "pon",     "xpon",    "epon",   "battery",  "batt",     "bat",
        "pcb",     "pcba",    "board",   "panel",  "lcd",      "hdd",      "ssd",
        "disk",    "drive",   "adapter", "lens",   "motor",    "psu",      "modem",
        "display", "charger", "cable",   "module", "keyboard", "customer", NULL};
    static const char *const wholes[] = {"product", "device", "system",    "unit", "machine",
                                         "main",    "set",    "equipment", NULL};
    static const char *const units[] = {"hz",  "kwh", "kw", "kg", "wh", "va",
                                        "rpm", "v",   "a",  "w",  NULL};
    char word[16];
    const size_t length = word_before(m, begin, word);
    const bool weak = anchor->weight < VAGUE_BELOW && p->letters > 1;
    if (anchor->says != SAYS_SERIAL)
        return;
    anchor->weak = weak;
    anchor->rest = weak && is_rest(m, begin, length) && !is_one_of(word, units);
    if (length == 0)
        return;
    if (weak && length >= 3 && !is_one_of(word, units) && !is_one_of(word, wholes)) {
        anchor->says = SAYS_OTHER;
    } else if (is_one_of(word, parts)) {
        anchor->weight -= 1.5F;
        anchor->second = true;
    } else if (is_one_of(word, wholes)) {
        anchor->weight += 0.5F;
    }
}

/* "Machine ID", "Device ID": devices have that besides a serial number. */
static bool is_id(const struct matcher *m, const struct pattern *p, const struct match *match)
{
    return (p->row->flags & ANCHOR_SECOND) ||
           (match->has_number && p->row->weight < STRONG_ANCHOR && match->end >= 2 &&
            m->fold[match->end - 2] == 'i' && m->fold[match->end - 1] == 'd');
}

/* "SN123", "NR123": without a gap the letters may as well belong to the value. */
static bool may_be_value(const struct matcher *m, const struct pattern *p,
                         const struct match *match)
{
    const bool vague = p->letters == 2 && p->row->weight <= WEAK_ANCHOR && !match->has_number;
    return ((p->row->flags & ANCHOR_MAYBE) || vague) && m->word[match->end - 1] &&
           class_at(m, match->end) == FOLD_DIGIT;
}

static void add_anchor(struct work *work, const struct matcher *m, size_t line, size_t begin,
                       const struct match *match, const struct pattern *p)
{
    struct work_anchor *anchor = &work->anchors[work->anchor_count++];
    const struct anchor_row *row = p->row;
    *anchor = (struct work_anchor){
        .line = line,
        .begin = begin,
        .end = match->end,
        .says = row->says,
        .weight = row->weight - match->cost * 1.2F - (match->cut ? 1.0F : 0.0F),
        .may_be_value = may_be_value(m, p, match),
        .second = is_id(m, p, match),
        .name = row->pattern,
    };
    if (match->has_number && row->says == SAYS_SERIAL && row->weight < VAGUE_BELOW)
        anchor->weight += 0.5F;
    qualify(m, p, begin, anchor);
}

static void matcher_take(struct matcher *m, const struct work_text *text)
{
    m->text = text;
    memset(m->number_end, 0, sizeof(m->number_end));
    for (size_t i = 0; i < text->count; i++) {
        const uint32_t c = fold_letter(text->chars[i].c);
        const enum fold_class k = fold_class(text->chars[i].c);
        m->fold[i] = c;
        m->groups[i] = fold_groups(c);
        m->space[i] = k == FOLD_SPACE;
        m->word[i] = k != FOLD_SPACE && k != FOLD_MARK;
        m->gap[i] = is_gap(c);
    }
}

int anchors_find(struct work *work, se_error *err)
{
    struct matcher *m = matcher_new(work->arena);
    RETURN_ERROR_IF(!m, err, SE_ERR_MEMORY, "no memory for the table of anchor words");
    for (size_t line = 0; line < work->text_count; line++) {
        struct work_text *text = &work->texts[line];
        matcher_take(m, text);
        text->first_anchor = work->anchor_count;
        text->anchor_count = hibc_line_anchors(work, line);
        if (text->anchor_count > 0)
            continue;
        bool line_start = !text->symbology;
        for (size_t at = 0; at < text->count && work->anchor_count < WORK_MAX_ANCHORS;) {
            struct match match = {0};
            const struct pattern *p;
            const bool word = word_at(m, at);
            if (best_at(m, at, line_start && word, &match, &p) &&
                !goes_on_in_barcode(m, at, match.end) &&
                !begins_value(work, m, line, at, p, match.end)) {
                add_anchor(work, m, line, at, &match, p);
                at = match.end;
            } else {
                at++;
            }
            line_start &= !word;
        }
        text->anchor_count = work->anchor_count - text->first_anchor;
    }
    return SE_OK;
}
