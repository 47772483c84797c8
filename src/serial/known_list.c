#include "serial/known_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/utf8.h"

struct known_list {
    uint8_t *words;   /* owned */
    uint32_t *offset; /* [count], owned */
    size_t count, bytes;
    struct automaton automaton;
};

enum { INDEX_BITS = 29, DEPTH_BITS = 6 };

_Static_assert(KNOWN_MAX_LINES < 1 << INDEX_BITS && KNOWN_MAX_SYMBOLS < 1 << DEPTH_BITS &&
                   2 * INDEX_BITS + DEPTH_BITS == 64,
               "a state fits 64 bits");
_Static_assert(KNOWN_MAX_BYTES < UINT32_MAX, "an offset fits 32 bits");

/* ---- as an automaton ------------------------------------------------------------------------ */

struct range {
    size_t first, end, depth;
};

static uint64_t state_of(struct range r)
{
    return (uint64_t)r.first | (uint64_t)r.end << INDEX_BITS | (uint64_t)r.depth << 2 * INDEX_BITS;
}

static struct range range_of(uint64_t state)
{
    const uint64_t index = ((uint64_t)1 << INDEX_BITS) - 1;
    return (struct range){(size_t)(state & index), (size_t)(state >> INDEX_BITS & index),
                          (size_t)(state >> 2 * INDEX_BITS)};
}

static uint8_t symbol_at(const struct known_list *list, size_t word, size_t depth)
{
    return list->words[list->offset[word] + depth];
}

/* First word of the range whose symbol at its depth is not below `symbol`. */
static size_t lower_bound(const struct known_list *list, struct range r, uint8_t symbol)
{
    while (r.first < r.end) {
        const size_t middle = r.first + (r.end - r.first) / 2;
        if (symbol_at(list, middle, r.depth) < symbol)
            r.first = middle + 1;
        else
            r.end = middle;
    }
    return r.first;
}

uint64_t known_list_root(const struct known_list *list)
{
    return state_of((struct range){0, list->count, 0});
}

uint64_t known_list_next(const struct known_list *list, uint64_t state, int symbol)
{
    struct range r = range_of(state);
    const uint8_t wanted = (uint8_t)(symbol + 1);
    r.first = lower_bound(list, r, wanted);
    r.end = lower_bound(list, r, (uint8_t)(wanted + 1));
    r.depth++;
    return r.first < r.end ? state_of(r) : AUTOMATON_DEAD;
}

uint64_t known_list_symbols(const struct known_list *list, uint64_t state)
{
    struct range r = range_of(state);
    uint64_t symbols = 0;
    while (r.first < r.end) {
        const uint8_t symbol = symbol_at(list, r.first, r.depth);
        if (symbol > 0)
            symbols |= (uint64_t)1 << (symbol - 1);
        r.first = lower_bound(list, r, (uint8_t)(symbol + 1));
    }
    return symbols;
}

bool known_list_accepts(const struct known_list *list, uint64_t state)
{
    const struct range r = range_of(state);
    return r.first < r.end && symbol_at(list, r.first, r.depth) == 0;
}

/* ---- sorting -------------------------------------------------------------------------------- */

struct sorting {
    const uint8_t *words;
    uint32_t
        random; /* a fixed sequence: pivots that no file can foresee to be the worst by chance */
};

static uint8_t key_at(const struct sorting *sorting, uint32_t offset, size_t depth)
{
    return sorting->words[offset + depth];
}

static void swap(uint32_t *a, uint32_t *b)
{
    const uint32_t held = *a;
    *a = *b;
    *b = held;
}

/* Few words: by insertion. */
static void sort_few(const struct sorting *sorting, uint32_t *items, size_t count, size_t depth)
{
    for (size_t i = 1; i < count; i++)
        for (size_t k = i; k > 0 && strcmp((const char *)sorting->words + items[k - 1] + depth,
                                           (const char *)sorting->words + items[k] + depth) > 0;
             k--)
            swap(&items[k - 1], &items[k]);
}

/* Three-way radix quicksort (Bentley and Sedgewick 1997): words that share their first `depth`
 * symbols. The largest part is left to the loop, so that the depth of calls stays logarithmic in
 * the count, but for one call more a symbol. */
static void sort_words(struct sorting *sorting, uint32_t *items, size_t count, size_t depth)
{
    enum { FEW = 12 };
    while (count > FEW) {
        sorting->random = sorting->random * 1664525U + 1013904223U;
        const uint8_t pivot = key_at(sorting, items[(sorting->random >> 3) % count], depth);
        size_t low = 0, high = count;
        for (size_t i = 0; i < high;) {
            const uint8_t key = key_at(sorting, items[i], depth);
            if (key < pivot)
                swap(&items[low++], &items[i++]);
            else if (key > pivot)
                swap(&items[i], &items[--high]);
            else
                i++;
        }
        struct part {
            uint32_t *items;
            size_t count, depth;
        } parts[3] = {{items, low, depth},
                      {items + low, pivot > 0 ? high - low : 0, depth + 1},
                      {items + high, count - high, depth}};
        size_t largest = 0;
        for (size_t i = 1; i < 3; i++)
            if (parts[i].count > parts[largest].count)
                largest = i;
        for (size_t i = 0; i < 3; i++)
            if (i != largest && parts[i].count > 1)
                sort_words(sorting, parts[i].items, parts[i].count, parts[i].depth);
        items = parts[largest].items;
        count = parts[largest].count;
        depth = parts[largest].depth;
    }
    sort_few(sorting, items, count, depth);
}

/* ---- reading -------------------------------------------------------------------------------- */

struct loading {
    struct known_list *list;
    const char *name;
    size_t used; /* bytes of words */
    bool sorted;
};

static int refuse(const struct loading *loading, size_t line, se_error *err, const char *what)
{
    return se_fail(err, SE_ERR_SETTING, "%s, line %zu: %s", loading->name, line, what);
}

/* A character that no serial number has, named so that it can be found. */
static int refuse_character(const struct loading *loading, size_t line, size_t byte, uint32_t c,
                            se_error *err)
{
    if (c == UTF8_REPLACEMENT)
        return se_fail(err, SE_ERR_SETTING, "%s, line %zu: byte %zu is not UTF-8", loading->name,
                       line, byte);
    if (c < 0x20 || c == 0x7F)
        return se_fail(err, SE_ERR_SETTING, "%s, line %zu: byte %zu is a control character (%u)",
                       loading->name, line, byte, (unsigned)c);
    char text[UTF8_MAX + 1] = {0};
    utf8_put(c, text);
    return se_fail(err, SE_ERR_SETTING,
                   "%s, line %zu: \"%s\" at byte %zu cannot be part of a serial number; one serial "
                   "number a line is expected: letters, digits and - . / _ + : or spaces",
                   loading->name, line, text, byte);
}

/* Appends one line's symbols to the words. */
static int add_line(struct loading *loading, const char *text, size_t size, size_t line,
                    se_error *err)
{
    struct known_list *list = loading->list;
    uint8_t *word = list->words + loading->used;
    size_t length = 0;
    for (size_t at = 0; at < size;) {
        uint32_t c;
        const size_t used = utf8_get(text + at, size - at, &c);
        const int symbol = c == '\t' ? automaton_symbol(' ') : automaton_symbol(c);
        if (symbol < 0)
            return refuse_character(loading, line, at + 1, c, err);
        at += used;
        if (symbol >= AUTOMATON_CODE_SYMBOLS)
            continue;
        if (length == KNOWN_MAX_SYMBOLS)
            return refuse(loading, line, err, "longer than 34 letters and digits");
        word[length++] = (uint8_t)(symbol + 1);
        list->automaton.alphabet |= (uint64_t)1 << symbol;
    }
    if (length == 0)
        return SE_OK;
    if (length < KNOWN_MIN_SYMBOLS)
        return refuse(loading, line, err, "shorter than 4 letters and digits");
    word[length] = 0;
    if (list->count > 0)
        loading->sorted &= strcmp((const char *)list->words + list->offset[list->count - 1],
                                  (const char *)word) <= 0;
    list->offset[list->count++] = (uint32_t)loading->used;
    loading->used += length + 1;
    return SE_OK;
}

static size_t line_length(const char *text, size_t size)
{
    const char *end = memchr(text, '\n', size);
    return end ? (size_t)(end - text) : size;
}

static int add_lines(struct loading *loading, const char *text, size_t size, se_error *err)
{
    size_t at = size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    for (size_t line = 1; at < size; line++) {
        const size_t length = line_length(text + at, size - at);
        const bool cr = length > 0 && text[at + length - 1] == '\r';
        FORWARD_IF_ERROR(add_line(loading, text + at, length - cr, line, err));
        at += length + 1;
    }
    return SE_OK;
}

/* Words in order, each once, one behind the other, in memory of just their size. */
static int pack(struct loading *loading, se_error *err)
{
    struct known_list *list = loading->list;
    uint8_t *packed = malloc(loading->used);
    if (!packed)
        return se_fail_memory(err, "the list of known serial numbers", loading->used);
    size_t used = 0, count = 0;
    for (size_t i = 0; i < list->count; i++) {
        const char *word = (const char *)list->words + list->offset[i];
        const size_t length = strlen(word) + 1;
        if (count > 0 && strcmp((const char *)packed + list->offset[count - 1], word) == 0)
            continue;
        memcpy(packed + used, word, length);
        list->offset[count++] = (uint32_t)used;
        used += length;
    }
    free(list->words);
    list->words = packed;
    list->count = count;
    list->bytes = used + count * sizeof(*list->offset);
    return SE_OK;
}

static int read_list(struct loading *loading, const char *text, size_t size, se_error *err)
{
    struct known_list *list = loading->list;
    size_t lines = 1;
    for (size_t at = 0; at < size; at += line_length(text + at, size - at) + 1)
        lines++;
    RETURN_ERROR_IF(size > KNOWN_MAX_BYTES || lines > KNOWN_MAX_LINES, err, SE_ERR_LIMIT,
                    "%s: %zu bytes in %zu lines; a list may have %zu bytes and %d lines",
                    loading->name, size, lines, KNOWN_MAX_BYTES, KNOWN_MAX_LINES);
    /* A line's symbols and their end take no more than the line and its own. */
    const size_t bytes = size + 2 + KNOWN_MAX_SYMBOLS;
    list->words = malloc(bytes);
    list->offset = malloc(lines * sizeof(*list->offset));
    if (!list->words || !list->offset)
        return se_fail_memory(err, "the list of known serial numbers",
                              bytes + lines * sizeof(*list->offset));
    FORWARD_IF_ERROR(add_lines(loading, text, size, err));
    RETURN_ERROR_IF(list->count == 0, err, SE_ERR_SETTING,
                    "%s: holds no serial number; one a line is expected", loading->name);
    struct sorting sorting = {list->words, 1};
    if (!loading->sorted)
        sort_words(&sorting, list->offset, list->count, 0);
    return pack(loading, err);
}

int known_list_read(struct known_list **out, const char *text, size_t size, const char *name,
                    se_error *err)
{
    *out = NULL;
    struct known_list *list = calloc(1, sizeof(*list));
    if (!list)
        return se_fail_memory(err, "the list of known serial numbers", sizeof(*list));
    struct loading loading = {.list = list, .name = name, .sorted = true};
    list->automaton.words = list;
    const int status = read_list(&loading, text, size, err);
    if (status != SE_OK) {
        known_list_free(list);
        return status;
    }
    *out = list;
    return SE_OK;
}

int known_list_open(struct known_list **out, const char *path, se_error *err)
{
    struct file_map map;
    *out = NULL;
    FORWARD_IF_ERROR(file_map_open(&map, path, err));
    const int status = known_list_read(out, (const char *)map.data, map.size, path, err);
    file_map_close(&map);
    return status;
}

void known_list_free(struct known_list *list)
{
    if (!list)
        return;
    free(list->words);
    free(list->offset);
    free(list);
}

size_t known_list_count(const struct known_list *list)
{
    return list->count;
}

size_t known_list_bytes(const struct known_list *list)
{
    return list->bytes;
}

const struct automaton *known_list_automaton(const struct known_list *list)
{
    return &list->automaton;
}
