#include "diag/score.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

enum {
    TOKEN_LENGTH = 6, /* shorter codes must stand alone */
    JOINED_LINES = 4  /* neighbours that a longer code may run through */
};

/* ---- text ----------------------------------------------------------------------------------- */

/* Code points beyond ASCII whose upper case has letters of ASCII in it (Unicode SpecialCasing). */
static const struct {
    uint32_t code_point;
    const char *letters;
} upper_cases[] = {
    {0x00DF, "SS"}, {0x0131, "I"},  {0x0149, "N"},  {0x017F, "S"},   {0x01F0, "J"},
    {0x1E96, "H"},  {0x1E97, "T"},  {0x1E98, "W"},  {0x1E99, "Y"},   {0x1E9A, "A"},
    {0xFB00, "FF"}, {0xFB01, "FI"}, {0xFB02, "FL"}, {0xFB03, "FFI"}, {0xFB04, "FFL"},
    {0xFB05, "ST"}, {0xFB06, "ST"},
};

static size_t put_upper(uint32_t c, char *out)
{
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')) {
        *out = (char)c;
        return 1;
    }
    if (c >= 'a' && c <= 'z') {
        *out = (char)(c - 'a' + 'A');
        return 1;
    }
    for (size_t i = 0; c > 0x7F && i < sizeof(upper_cases) / sizeof(upper_cases[0]); i++) {
        if (upper_cases[i].code_point == c) {
            const size_t size = strlen(upper_cases[i].letters);
            memcpy(out, upper_cases[i].letters, size);
            return size;
        }
    }
    return 0;
}

static size_t normalise(const char *text, size_t size, char *out)
{
    size_t used = 0;
    for (size_t at = 0; at < size;) {
        uint32_t code_point;
        at += utf8_get(text + at, size - at, &code_point);
        used += put_upper(code_point, out + used);
    }
    out[used] = '\0';
    return used;
}

size_t score_normalise(const char *text, char *out)
{
    return normalise(text, strlen(text), out);
}

static const char *normal_copy(const char *text, size_t size, struct arena *arena)
{
    char *copy = arena_alloc(arena, size + 1, 1);
    if (copy)
        normalise(text, size, copy);
    return copy;
}

/* White space as Unicode has it, and the signs that part the words of a label. */
static bool is_separator(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == ':' || c == ';' ||
           c == ',' || c == '|' || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

static bool has(const char *const *texts, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(texts[i], text) == 0)
            return true;
    return false;
}

const char *const *score_forms(const char *text, struct arena *arena, size_t *count)
{
    size_t parts = 1;
    for (const char *at = text; *at; at++)
        parts += *at == '|';
    const char **forms = arena_alloc(arena, parts, sizeof(*forms));
    *count = 0;
    for (const char *at = text; forms && at;) {
        const size_t size = strcspn(at, "|");
        const char *form = normal_copy(at, size, arena);
        if (!form)
            return NULL;
        if (!has(forms, *count, form))
            forms[(*count)++] = form;
        at = at[size] ? at + size + 1 : NULL;
    }
    return forms;
}

/* ---- codes ---------------------------------------------------------------------------------- */

/* Is the code one of the words of the line? `word`: room for the line. */
static bool is_word(const char *code, const char *line, char *word)
{
    const size_t size = strlen(line);
    size_t start = 0;
    for (size_t at = 0; at <= size;) {
        uint32_t c = ' ';
        const size_t used = at < size ? utf8_get(line + at, size - at, &c) : 1;
        if (is_separator(c)) {
            normalise(line + start, at - start, word);
            if (strcmp(word, code) == 0)
                return true;
            start = at + used;
        }
        at += used;
    }
    return false;
}

/* The normalised lines one behind the other, and where each begins. */
struct page {
    const struct answer *answer;
    char *text, *part, *word;
    size_t *start; /* [line_count + 1] */
};

static bool make_page(struct page *page, const struct answer *answer, struct arena *arena)
{
    size_t all = 1, longest = 0;
    for (size_t i = 0; i < answer->line_count; i++) {
        const size_t size = strlen(answer->lines[i]);
        all += size;
        longest = size > longest ? size : longest;
    }
    page->answer = answer;
    page->text = arena_alloc(arena, all, 1);
    page->part = arena_alloc(arena, all, 1);
    page->word = arena_alloc(arena, longest + 1, 1);
    page->start = arena_alloc(arena, answer->line_count + 1, sizeof(*page->start));
    if (!page->text || !page->part || !page->word || !page->start)
        return false;
    for (size_t i = 0; i < answer->line_count; i++)
        page->start[i + 1] =
            page->start[i] + score_normalise(answer->lines[i], page->text + page->start[i]);
    return true;
}

static bool is_in_page(const struct page *page, const char *code)
{
    const size_t count = page->answer->line_count;
    const bool alone = strlen(code) < TOKEN_LENGTH;
    for (size_t i = 0; i < count; i++) {
        const size_t last = i + (alone ? 1 : JOINED_LINES);
        const size_t size = page->start[last < count ? last : count] - page->start[i];
        memcpy(page->part, page->text + page->start[i], size);
        page->part[size] = '\0';
        const bool found = alone ? strcmp(page->part, code) == 0 ||
                                       is_word(code, page->answer->lines[i], page->word)
                                 : strstr(page->part, code) != NULL;
        if (found)
            return true;
    }
    return false;
}

static int score_codes(const struct answer *answer, const char *const *codes, size_t count,
                       struct arena *arena, struct score *out, se_error *err)
{
    static const struct answer nothing;
    struct page page;
    const char **lost = arena_alloc(arena, count, sizeof(*lost));
    if (!lost || !make_page(&page, answer ? answer : &nothing, arena))
        return se_fail_memory(err, "a score", 0);
    for (size_t i = 0; i < count; i++) {
        if (!is_in_page(&page, codes[i]))
            lost[out->lost_count++] = codes[i];
    }
    out->code_count = count;
    out->lost = lost;
    return SE_OK;
}

/* ---- readings ------------------------------------------------------------------------------- */

struct forms {
    const char *const *texts;
    size_t count;
};

/* The codes of a row; an empty part is none. */
static struct forms codes_of(const struct truth_row *truth, struct arena *arena)
{
    struct forms all, codes = {NULL, 0};
    all.texts = score_forms(truth->codes, arena, &all.count);
    const char **kept = all.texts ? arena_alloc(arena, all.count, sizeof(*kept)) : NULL;
    for (size_t i = 0; kept && i < all.count; i++)
        if (*all.texts[i] != '\0')
            kept[codes.count++] = all.texts[i];
    codes.texts = kept;
    return codes;
}

/* Notes a sure text that is not right, once. */
static void add_wrong(struct score *out, const char **wrong, const char *text)
{
    if (!has(wrong, out->wrong_count, text))
        wrong[out->wrong_count++] = text;
}

static int score_readings(const struct truth_row *truth, const struct answer *answer,
                          struct forms codes, struct forms accepted, struct arena *arena,
                          struct score *out, se_error *err)
{
    const bool none = strcmp(truth->serial, "none") == 0;
    const char **wrong = arena_alloc(arena, answer->reading_count, sizeof(*wrong));
    if (!wrong)
        return se_fail_memory(err, "a score", 0);
    for (size_t i = 0; i < answer->reading_count; i++) {
        const struct answer_reading *reading = &answer->readings[i];
        const char *text = normal_copy(reading->text, strlen(reading->text), arena);
        if (!text)
            return se_fail_memory(err, "a score", 0);
        if (i == 0) {
            out->best = text;
            out->best_score = reading->score;
            out->has_status = reading->status != NULL;
        }
        if (!reading->status || strcmp(reading->status, "sure") != 0)
            continue;
        const bool best = strcmp(text, out->best) == 0;
        const bool right = has(codes.texts, codes.count, text) ||
                           (out->asked && has(accepted.texts, accepted.count, text));
        out->sure |= best;
        if (!right || (none && strcmp(reading->kind, "serial") == 0) ||
            (best && out->asked && !has(accepted.texts, accepted.count, text)))
            add_wrong(out, wrong, text);
    }
    out->wrong = wrong;
    return SE_OK;
}

int score_answer(const struct truth_row *truth, const struct answer *plain,
                 const struct answer *lines, bool count_codes, struct arena *arena,
                 struct score *out, se_error *err)
{
    static const struct answer nothing;
    *out = (struct score){.best = "", .asked = truth_has_serial(truth)};
    struct forms codes = codes_of(truth, arena), accepted;
    accepted.texts = score_forms(truth->serial, arena, &accepted.count);
    if (!codes.texts || !accepted.texts)
        return se_fail_memory(err, "a score", 0);
    if (count_codes)
        FORWARD_IF_ERROR(score_codes(lines, codes.texts, codes.count, arena, out, err));
    FORWARD_IF_ERROR(
        score_readings(truth, plain ? plain : &nothing, codes, accepted, arena, out, err));
    out->right = out->asked && has(accepted.texts, accepted.count, out->best);
    return SE_OK;
}
