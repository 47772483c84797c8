#include "serial/element_string.h"

#include <stdbool.h>
#include <string.h>

#include "serial/formats.h"

enum { GROUP_SEPARATOR = 0x1D };

/* An application identifier, a `*` for any digit; lengths of its value. */
struct identifier {
    const char *ai;
    size_t least, most;
    bool digits;
};

static const struct identifier identifiers[] = {
    {"00", 18, 18, true},   {"01", 14, 14, true},   {"02", 14, 14, true},    {"10", 1, 20, false},
    {"11", 6, 6, true},     {"12", 6, 6, true},     {"13", 6, 6, true},      {"15", 6, 6, true},
    {"16", 6, 6, true},     {"17", 6, 6, true},     {"20", 2, 2, true},      {"21", 1, 20, false},
    {"22", 1, 20, false},   {"235", 1, 28, false},  {"240", 1, 30, false},   {"241", 1, 30, false},
    {"242", 1, 6, true},    {"243", 1, 20, false},  {"250", 1, 30, false},   {"251", 1, 30, false},
    {"253", 13, 30, false}, {"30", 1, 8, true},     {"31**", 6, 6, true},    {"37", 1, 8, true},
    {"400", 1, 30, false},  {"41*", 13, 13, true},  {"8003", 14, 30, false}, {"8004", 1, 30, false},
    {"8006", 18, 18, true}, {"8018", 18, 18, true}, {"9*", 1, 90, false},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_of(const struct identifier *identifier, const char *text, size_t length)
{
    const size_t count = strlen(identifier->ai);
    if (length < count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (identifier->ai[i] == '*' ? !is_digit(text[i]) : text[i] != identifier->ai[i])
            return false;
    return true;
}

static const struct identifier *identifier_at(const char *text, size_t length)
{
    for (size_t i = 0; i < sizeof(identifiers) / sizeof(identifiers[0]); i++)
        if (is_of(&identifiers[i], text, length))
            return &identifiers[i];
    return NULL;
}

/* Length of the value at `text`; 0 where it is none of the identifier's. */
static size_t value_length(const struct identifier *identifier, const char *text, size_t length)
{
    size_t count = 0;
    while (count < length && count < identifier->most && text[count] != GROUP_SEPARATOR) {
        if (identifier->digits ? !is_digit(text[count]) : text[count] < '!' || text[count] > 'z')
            return 0;
        count++;
    }
    /* Only a value of fixed length may be followed by the next element without a separator. */
    const bool fixed = identifier->least == identifier->most;
    const bool ends = count == length || text[count] == GROUP_SEPARATOR;
    return count >= identifier->least && (fixed || ends) ? count : 0;
}

/* The key that is first must be right by its check digit. */
static bool begins_well(const struct element_part *first)
{
    const bool key = strncmp(first->ai, "00", 2) == 0 || strncmp(first->ai, "01", 2) == 0;
    return key && check_gtin(first->value, first->length);
}

size_t element_string_split(const char *text, size_t length,
                            struct element_part parts[ELEMENTS_MAX_COUNT])
{
    size_t count = 0, at = 0;
    while (at < length) {
        const struct identifier *identifier = identifier_at(text + at, length - at);
        if (!identifier || count == ELEMENTS_MAX_COUNT)
            return 0;
        struct element_part *part = &parts[count++];
        *part = (struct element_part){.ai = text + at, .ai_length = strlen(identifier->ai)};
        at += part->ai_length;
        part->value = text + at;
        part->length = value_length(identifier, text + at, length - at);
        if (part->length == 0)
            return 0;
        at += part->length;
        at += at < length && text[at] == GROUP_SEPARATOR;
    }
    return count > 1 && begins_well(&parts[0]) ? count : 0;
}
