#include "serial/format_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/utf8.h"
#include "serial/formats.h"

enum { NAME_LENGTH_MAX = 40, ARENA_PER_FILE = 8 << 20 };

struct parser {
    struct format_set *set;
    const char *name; /* of the file */
    size_t line;      /* from 1 */
    size_t row_line;  /* where the present section begins */
    se_error *err;
};

/* Part of a line. */
struct piece {
    const char *text;
    size_t length;
};

#define REFUSE(parser, ...) refuse(parser, (parser)->line, __VA_ARGS__)

static int refuse(const struct parser *parser, size_t line, const char *what, const char *value)
{
    return se_fail(parser->err, SE_ERR_SETTING, "%s:%zu: %s%s%.80s%s", parser->name, line, what,
                   value ? " \"" : "", value ? value : "", value ? "\"" : "");
}

static struct piece trim(struct piece p)
{
    while (p.length > 0 && (*p.text == ' ' || *p.text == '\t')) {
        p.text++;
        p.length--;
    }
    while (p.length > 0 && strchr(" \t\r", p.text[p.length - 1]))
        p.length--;
    return p;
}

/* Printable text in UTF-8. */
static bool is_text(struct piece p)
{
    for (size_t at = 0; at < p.length;) {
        uint32_t c;
        at += utf8_get(p.text + at, p.length - at, &c);
        if ((c < 0x20 && c != '\t') || c == 0x7F || c == UTF8_REPLACEMENT)
            return false;
    }
    return true;
}

static bool is_name(struct piece p)
{
    for (size_t i = 0; i < p.length; i++)
        if (!((p.text[i] >= 'a' && p.text[i] <= 'z') || (p.text[i] >= '0' && p.text[i] <= '9') ||
              (p.text[i] == '-' && i > 0)))
            return false;
    return p.length > 0 && p.length <= NAME_LENGTH_MAX;
}

static bool is_code(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!((text[i] >= 'A' && text[i] <= 'Z') || (text[i] >= '0' && text[i] <= '9')))
            return false;
    return length > 0 && length <= WORK_MAX_CODE;
}

/* The next of the words in a value, as a string of its own; NULL at the end or for lack of memory:
 * `*length` tells. */
static char *take_word(struct parser *parser, const char **at, size_t *length)
{
    *at += strspn(*at, " \t");
    *length = strcspn(*at, " \t");
    char *word = *length ? arena_copy(&parser->set->arena, *at, *length) : NULL;
    *at += *length;
    return word;
}

static int no_memory(const struct parser *parser)
{
    return se_fail(parser->err, SE_ERR_MEMORY, "no memory for the formats of %s", parser->name);
}

static int take_flags(struct parser *parser, struct format *row, const char *value)
{
    size_t length;
    for (char *word; (word = take_word(parser, &value, &length)) || length > 0;) {
        size_t i = 0;
        if (!word)
            return no_memory(parser);
        while (i < format_flag_count && strcmp(format_flag_names[i].name, word) != 0)
            i++;
        if (i == format_flag_count)
            return REFUSE(parser, "there is no flag", word);
        row->flags |= format_flag_names[i].flag;
    }
    return SE_OK;
}

static int take_examples(struct parser *parser, const char *examples[FORMAT_EXAMPLES],
                         const char *value)
{
    size_t length, count = 0;
    while (count < FORMAT_EXAMPLES && examples[count])
        count++;
    for (char *word; (word = take_word(parser, &value, &length)) || length > 0;) {
        if (!word)
            return no_memory(parser);
        if (!is_code(word, length))
            return REFUSE(parser, "an example is capitals and digits, 34 at most:", word);
        if (count == FORMAT_EXAMPLES)
            return REFUSE(parser, "more than four examples:", word);
        examples[count++] = word;
    }
    return SE_OK;
}

static int take_starts(struct parser *parser, struct format *row, const char *value)
{
    const char *at = value;
    size_t length;
    for (char *word; (word = take_word(parser, &at, &length)) || length > 0;) {
        if (!word)
            return no_memory(parser);
        if (!is_code(word, length))
            return REFUSE(parser, "the start of a code is capitals and digits:", word);
    }
    row->starts = *value ? value : NULL;
    return SE_OK;
}

/* Decimal number, its own parser, since strtod follows the locale. */
static bool parse_odds(const char *text, float *out)
{
    const bool negative = *text == '-';
    float value = 0, unit = 1;
    size_t digits = 0;
    bool fraction = false;
    for (text += negative || *text == '+'; *text; text++) {
        if (*text == '.' && !fraction && digits > 0) {
            fraction = true;
            continue;
        }
        if (*text < '0' || *text > '9' || ++digits > 6)
            return false;
        value = value * 10 + (float)(*text - '0');
        unit *= fraction ? 10 : 1;
    }
    *out = (negative ? -value : value) / unit;
    return digits > 0 && text[-1] != '.' && value / unit <= 10;
}

static int take_kind(struct parser *parser, struct format *row, const char *value)
{
    for (int kind = SER_SERIAL; kind <= SER_CODE; kind++) {
        if (strcmp(ser_kind_name((enum ser_kind)kind), value) == 0) {
            row->kind = (enum ser_kind)kind;
            return SE_OK;
        }
    }
    return REFUSE(parser, "there is no kind", value);
}

static int take_check(struct parser *parser, struct format *row, const char *value)
{
    for (size_t i = 0; i < format_check_count; i++) {
        if (strcmp(format_checks[i].name, value) == 0) {
            row->check = format_checks[i].check;
            return SE_OK;
        }
    }
    return REFUSE(parser, "there is no check", value);
}

static int take_pattern(struct parser *parser, struct format *row, const char *value)
{
    size_t at;
    const char *wrong = format_pattern_error(value, &at);
    if (wrong)
        return se_fail(parser->err, SE_ERR_SETTING, "%s:%zu: pattern \"%.80s\", character %zu: %s",
                       parser->name, parser->line, value, at + 1, wrong);
    row->pattern = value;
    return SE_OK;
}

static int take_value(struct parser *parser, struct format *row, const char *key, const char *value)
{
    if (strcmp(key, "kind") == 0)
        return take_kind(parser, row, value);
    if (strcmp(key, "pattern") == 0)
        return take_pattern(parser, row, value);
    if (strcmp(key, "starts") == 0)
        return take_starts(parser, row, value);
    if (strcmp(key, "check") == 0)
        return take_check(parser, row, value);
    if (strcmp(key, "flags") == 0)
        return take_flags(parser, row, value);
    if (strcmp(key, "pass") == 0)
        return take_examples(parser, row->pass, value);
    if (strcmp(key, "fail") == 0)
        return take_examples(parser, row->fail, value);
    if (strcmp(key, "makers") == 0)
        row->makers = *value ? value : NULL;
    else if (strcmp(key, "source") == 0)
        row->source = value;
    else if (strcmp(key, "bare") == 0 || strcmp(key, "announced") == 0) {
        if (!parse_odds(value, *key == 'b' ? &row->bare : &row->announced))
            return REFUSE(parser, "log-odds are a number from -10 to 10, not", value);
    } else
        return REFUSE(parser, "there is no field", key);
    return SE_OK;
}

/* Is the section that ends here complete, and do its examples do what they should? */
static int end_row(struct parser *parser)
{
    if (parser->set->count == 0)
        return SE_OK;
    const struct format *row = &parser->set->rows[parser->set->count - 1];
    if (!row->pattern)
        return refuse(parser, parser->row_line, "a pattern is missing in", row->name);
    if (!row->pass[0])
        return refuse(parser, parser->row_line, "an example that fits (pass = …) is missing in",
                      row->name);
    if ((row->flags & FORMAT_VETO) && !row->check)
        return refuse(parser, parser->row_line, "the flag veto needs a check in", row->name);
    for (size_t i = 0; i < FORMAT_EXAMPLES; i++) {
        if (row->pass[i] && !format_passes(row, row->pass[i], strlen(row->pass[i])))
            return refuse(parser, parser->row_line, "does not fit its own format:", row->pass[i]);
        if (row->fail[i] && format_passes(row, row->fail[i], strlen(row->fail[i])))
            return refuse(parser, parser->row_line,
                          "should not fit its format, but does:", row->fail[i]);
    }
    return SE_OK;
}

static int begin_row(struct parser *parser, struct piece p)
{
    FORWARD_IF_ERROR(end_row(parser));
    struct piece name = {p.text + 1, p.length - 1};
    if (p.text[p.length - 1] != ']')
        return REFUSE(parser, "a section's name ends with ]", NULL);
    name.length--;
    if (!is_name(name))
        return REFUSE(parser, "a format's name is 1 to 40 of a-z 0-9 -", NULL);
    if (parser->set->count == FORMAT_FILE_ROWS)
        return se_fail(parser->err, SE_ERR_LIMIT, "%s:%zu: more than %d formats", parser->name,
                       parser->line, FORMAT_FILE_ROWS);
    struct format *row = &parser->set->rows[parser->set->count++];
    *row = (struct format){.kind = SER_SERIAL, .source = "", .conform = 0.99F};
    row->name = arena_copy(&parser->set->arena, name.text, name.length);
    parser->row_line = parser->line;
    return row->name ? SE_OK : no_memory(parser);
}

static int take_line(struct parser *parser, struct piece line)
{
    const struct piece p = trim(line);
    if (p.length == 0 || *p.text == '#' || *p.text == ';')
        return SE_OK;
    if (!is_text(p))
        return REFUSE(parser, "no text in UTF-8", NULL);
    if (*p.text == '[')
        return begin_row(parser, p);
    const char *equals = memchr(p.text, '=', p.length);
    if (!equals)
        return REFUSE(parser, "expected [NAME] or FIELD = VALUE", NULL);
    if (parser->set->count == 0)
        return REFUSE(parser, "a field before the first [NAME]", NULL);
    const struct piece key = trim((struct piece){p.text, (size_t)(equals - p.text)});
    const struct piece value =
        trim((struct piece){equals + 1, (size_t)(p.text + p.length - equals - 1)});
    if (value.length > FORMAT_FILE_VALUE)
        return REFUSE(parser, "a value longer than 400 bytes", NULL);
    char *k = arena_copy(&parser->set->arena, key.text, key.length);
    char *v = arena_copy(&parser->set->arena, value.text, value.length);
    if (!k || !v)
        return no_memory(parser);
    return take_value(parser, &parser->set->rows[parser->set->count - 1], k, v);
}

static int parse_lines(struct parser *parser, const char *text, size_t size)
{
    parser->set->rows = arena_alloc(&parser->set->arena, FORMAT_FILE_ROWS, sizeof(struct format));
    if (!parser->set->rows)
        return no_memory(parser);
    for (size_t at = 0; at < size; at++) {
        const char *end = memchr(text + at, '\n', size - at);
        const size_t length = end ? (size_t)(end - text) - at : size - at;
        parser->line++;
        FORWARD_IF_ERROR(take_line(parser, (struct piece){text + at, length}));
        at += length;
    }
    return end_row(parser);
}

int format_set_parse(struct format_set *out, const char *text, size_t size, const char *name,
                     se_error *err)
{
    struct parser parser = {.set = out, .name = name, .err = err};
    *out = (struct format_set){.count = 0};
    arena_init(&out->arena, ARENA_PER_FILE);
    int status = SE_OK;
    if (size > FORMAT_FILE_BYTES)
        status = se_fail(err, SE_ERR_LIMIT, "%s: larger than %d bytes", name, FORMAT_FILE_BYTES);
    if (status == SE_OK)
        status = parse_lines(&parser, text, size);
    if (status != SE_OK)
        format_set_free(out);
    return status;
}

int format_set_load(struct format_set *out, const char *path, se_error *err)
{
    struct file_map map;
    *out = (struct format_set){.count = 0};
    FORWARD_IF_ERROR(file_map_open(&map, path, err));
    const int status =
        format_set_parse(out, map.data ? (const char *)map.data : "", map.size, path, err);
    file_map_close(&map);
    return status;
}

void format_set_free(struct format_set *set)
{
    arena_free(&set->arena);
    *set = (struct format_set){.count = 0};
}
