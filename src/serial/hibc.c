#include "serial/hibc.h"

#include <stdbool.h>
#include <string.h>

static const char symbols[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%";

enum {
    LABELER = 4,    /* symbols of who */
    CATALOGUE = 18, /* … of the catalogue number, at most */
    VALUE = 18,     /* … of a lot or serial number, at most */
    JULIAN = 5      /* digits of a date without a flag: year and day */
};

struct cutter {
    struct element_part *parts;
    size_t count;
};

static int symbol_of(char c)
{
    const char *at = c ? strchr(symbols, c) : NULL;
    return at ? (int)(at - symbols) : -1;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter_or_digit(char c)
{
    return is_digit(c) || (c >= 'A' && c <= 'Z');
}

/* Is the last character the sum of the others, modulo 43? */
static bool has_check(const char *text, size_t length)
{
    int sum = 0;
    for (size_t i = 0; i < length; i++) {
        const int value = symbol_of(text[i]);
        if (value < 0)
            return false;
        if (i + 1 == length)
            return value == sum % 43;
        sum += value;
    }
    return false;
}

static bool put(struct cutter *cutter, const char *ai, const char *value, size_t length)
{
    if (length == 0)
        return true;
    if (length > VALUE || cutter->count == ELEMENTS_MAX_COUNT)
        return false;
    cutter->parts[cutter->count++] = (struct element_part){ai, value, strlen(ai), length};
    return true;
}

static bool are_digits(const char *text, size_t length, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (i >= length || !is_digit(text[i]))
            return false;
    return true;
}

/* Digits of quantity and date behind "$$" or "$$+"; -1 where they are not there. */
static int date_length(const char *text, size_t length)
{
    /* By the first digit: month and year without a flag; flag and date; 7: flag alone. */
    static const int lengths[] = {4, 4, 7, 7, 9, 6, 8, 1};
    size_t at = 0;
    if (length > 0 && (text[0] == '8' || text[0] == '9'))
        at = text[0] == '8' ? 3 : 6;
    if (at < length && text[at] >= '0' && text[at] <= '7')
        at += (size_t)lengths[text[at] - '0'];
    return at > 0 && are_digits(text, length, at) ? (int)at : -1;
}

/* The first part behind the primary structure: lot or serial number, with or without a date. */
static bool cut_secondary(struct cutter *cutter, const char *text, size_t length)
{
    size_t at = 0;
    while (at < length && at < 2 && text[at] == '$')
        at++;
    const bool dated = at == 2, serial = at > 0 && at < length && text[at] == '+';
    at += serial;
    int date = 0;
    if (dated) {
        date = date_length(text + at, length - at);
    } else if (at == 0) {
        date = are_digits(text, length, JULIAN) ? JULIAN : -1;
    }
    if (date < 0)
        return false;
    at += (size_t)date;
    return put(cutter, serial ? "21" : "10", text + at, length - at);
}

/* Parts behind that one; those that are neither lot nor serial number begin with a digit or Q. */
static bool cut_further(struct cutter *cutter, const char *text, size_t length)
{
    if (length == 0)
        return false;
    if (text[0] == 'S' || text[0] == 'B')
        return put(cutter, text[0] == 'S' ? "21" : "10", text + 1, length - 1);
    return true;
}

/* Who, catalogue number and unit, up to `length`. */
static bool cut_primary(struct cutter *cutter, const char *text, size_t length)
{
    if (length < LABELER + 2 || length > LABELER + CATALOGUE + 1 || is_digit(text[0]) ||
        !is_digit(text[length - 1]))
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_letter_or_digit(text[i]))
            return false;
    return put(cutter, "240", text + LABELER, length - LABELER - 1);
}

static size_t part_length(const char *text, size_t length)
{
    const char *end = memchr(text, '/', length);
    return end ? (size_t)(end - text) : length;
}

size_t hibc_split(const char *text, size_t length, struct element_part parts[ELEMENTS_MAX_COUNT])
{
    struct cutter cutter = {.parts = parts};
    if (length < LABELER + 4 || text[0] != '+' || !has_check(text, length))
        return 0;
    const bool apart = text[1] == '$' || is_digit(text[1]);
    const size_t end = length - (apart ? 2 : 1); /* link and check character */
    size_t at = 1;
    for (int which = apart ? 1 : 0; at <= end; which++) {
        const size_t count = part_length(text + at, end - at);
        const bool cut = which == 0   ? cut_primary(&cutter, text + at, count)
                         : which == 1 ? cut_secondary(&cutter, text + at, count)
                                      : cut_further(&cutter, text + at, count);
        if (!cut)
            return 0;
        at += count + 1;
    }
    return cutter.count;
}
