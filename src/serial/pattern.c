/*
 *   text ─ parse ─ tree ─ spell ─ places (NFA) ─ subsets (DFA) ─ minimise ─ automaton
 *
 * A node of the tree stands for at least one place, so that the limit of places bounds all work.
 */
#include "serial/pattern.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/utf8.h"

struct pattern {
    struct automaton automaton;
    uint64_t *masks; /* owned: out, in */
    uint16_t *next;  /* owned */
    bool *accepts;   /* owned */
};

/* ---- the tree ------------------------------------------------------------------------------- */

enum node_kind { NODE_SET, NODE_SEQUENCE, NODE_EITHER, NODE_REPEAT };

struct node {
    enum node_kind kind;
    uint64_t set;
    struct node *child,
        *sibling;    /* of sequences and choices: the first part; the part after this */
    int least, most; /* of a repetition; most < 0: any number */
};

struct parser {
    uint32_t chars[PATTERN_MAX_LENGTH];
    size_t count, at;
    int depth;
    struct arena *arena;
    se_error *err;
};

static int refuse(const struct parser *parser, size_t position, const char *what)
{
    return se_fail(parser->err, SE_ERR_SETTING, "pattern: position %zu: %s", position + 1, what);
}

static uint32_t peek(const struct parser *parser)
{
    return parser->at < parser->count ? parser->chars[parser->at] : 0;
}

static bool take(struct parser *parser, uint32_t c)
{
    if (peek(parser) != c)
        return false;
    parser->at++;
    return true;
}

static int new_node(struct parser *parser, enum node_kind kind, struct node **out)
{
    *out = arena_alloc(parser->arena, 1, sizeof(**out));
    if (!*out)
        return se_fail_memory(parser->err, "a pattern", sizeof(**out));
    (*out)->kind = kind;
    return SE_OK;
}

static uint64_t bits_of(int from, int to)
{
    return (((uint64_t)1 << (to - from + 1)) - 1) << from;
}

/* The symbol at parser->at, which is passed over; `escaped`: it stood behind a backslash. */
static int take_symbol(struct parser *parser, int *symbol)
{
    const uint32_t c = peek(parser);
    const size_t position = parser->at;
    *symbol = automaton_symbol(c);
    if (parser->at >= parser->count)
        return refuse(parser, position, "the pattern ends here; a character was expected");
    if (*symbol < 0) {
        char text[UTF8_MAX + 1] = {0};
        utf8_put(c, text);
        return se_fail(parser->err, SE_ERR_SETTING,
                       "pattern: position %zu: \"%s\" cannot be part of a serial number: letters, "
                       "digits and - . / _ + : or spaces can",
                       position + 1, text);
    }
    parser->at++;
    return SE_OK;
}

/* What a backslash stands for, itself passed over already: a set, or one symbol. */
static int take_escape(struct parser *parser, uint64_t *set, int *symbol)
{
    *symbol = -1;
    *set = take(parser, 'd') ? bits_of(0, 9) : take(parser, 'w') ? AUTOMATON_CODE : 0;
    if (*set)
        return SE_OK;
    const uint32_t c = peek(parser);
    const bool letter = automaton_symbol(c) >= 0 && automaton_symbol(c) < AUTOMATON_CODE_SYMBOLS;
    if (letter)
        return refuse(parser, parser->at, "\\d, \\w or a separator is expected behind \\");
    FORWARD_IF_ERROR(take_symbol(parser, symbol));
    *set = (uint64_t)1 << *symbol;
    return SE_OK;
}

/* One element of a set in brackets: a symbol, a range, or an escape. */
static int take_element(struct parser *parser, uint64_t *set)
{
    const size_t position = parser->at;
    uint64_t bits = 0;
    int from, to;
    if (take(parser, '\\'))
        FORWARD_IF_ERROR(take_escape(parser, &bits, &from));
    else
        FORWARD_IF_ERROR(take_symbol(parser, &from));
    const bool ranges = from >= 0 && peek(parser) == '-' && parser->at + 1 < parser->count &&
                        parser->chars[parser->at + 1] != ']';
    if (!ranges) {
        *set |= from >= 0 ? (uint64_t)1 << from : bits;
        return SE_OK;
    }
    parser->at++;
    FORWARD_IF_ERROR(take_symbol(parser, &to));
    const bool digits = to <= 9 && from >= 0, letters = from > 9 && to < AUTOMATON_CODE_SYMBOLS;
    if (!(digits || letters) || from > to)
        return refuse(parser, position, "a range goes from a lower to a higher letter, or digit");
    *set |= bits_of(from, to);
    return SE_OK;
}

static int take_set(struct parser *parser, uint64_t *set)
{
    const size_t position = parser->at - 1;
    const bool negated = take(parser, '^');
    *set = 0;
    while (peek(parser) != ']') {
        if (parser->at >= parser->count)
            return refuse(parser, position, "this [ has no ]");
        FORWARD_IF_ERROR(take_element(parser, set));
    }
    parser->at++;
    if (negated)
        *set = AUTOMATON_CODE & ~*set;
    return *set ? SE_OK : refuse(parser, position, "this set is empty");
}

static int take_choice(struct parser *parser, struct node **out);

static int take_group(struct parser *parser, struct node **out)
{
    const size_t position = parser->at - 1;
    if (++parser->depth > PATTERN_MAX_DEPTH)
        return refuse(parser, position, "more than 20 groups inside each other");
    FORWARD_IF_ERROR(take_choice(parser, out));
    parser->depth--;
    return take(parser, ')') ? SE_OK : refuse(parser, position, "this ( has no )");
}

static int take_atom(struct parser *parser, struct node **out)
{
    if (take(parser, '('))
        return take_group(parser, out);
    FORWARD_IF_ERROR(new_node(parser, NODE_SET, out));
    int symbol;
    if (take(parser, '['))
        return take_set(parser, &(*out)->set);
    if (take(parser, '\\'))
        return take_escape(parser, &(*out)->set, &symbol);
    if (take(parser, '.')) {
        (*out)->set = AUTOMATON_CODE;
        return SE_OK;
    }
    const uint32_t c = peek(parser);
    if (c == '?' || c == '*' || c == '+' || c == '{')
        return refuse(parser, parser->at, "nothing stands before this that it could repeat");
    FORWARD_IF_ERROR(take_symbol(parser, &symbol));
    (*out)->set = (uint64_t)1 << symbol;
    return SE_OK;
}

static int take_number(struct parser *parser, int *value)
{
    const size_t position = parser->at;
    *value = 0;
    while (peek(parser) >= '0' && peek(parser) <= '9') {
        *value = *value * 10 + (int)(peek(parser) - '0');
        parser->at++;
        if (*value > PATTERN_MAX_REPEAT)
            return refuse(parser, position, "more than 48 repetitions");
    }
    return parser->at > position ? SE_OK : refuse(parser, position, "a number is expected");
}

/* "{m}", "{m,}" and "{m,n}" behind the brace. */
static int take_counts(struct parser *parser, int *least, int *most)
{
    const size_t position = parser->at - 1;
    FORWARD_IF_ERROR(take_number(parser, least));
    *most = *least;
    if (take(parser, ',')) {
        *most = -1;
        if (peek(parser) != '}')
            FORWARD_IF_ERROR(take_number(parser, most));
    }
    if (!take(parser, '}'))
        return refuse(parser, position, "this { has no }");
    if (*most == 0 || (*most > 0 && *most < *least))
        return refuse(parser, position, "{m,n} needs m <= n, and n > 0");
    return SE_OK;
}

static int take_repeated(struct parser *parser, struct node **out)
{
    FORWARD_IF_ERROR(take_atom(parser, out));
    int least = 0, most = -1;
    if (take(parser, '?'))
        most = 1;
    else if (take(parser, '+'))
        least = 1;
    else if (take(parser, '{'))
        FORWARD_IF_ERROR(take_counts(parser, &least, &most));
    else if (!take(parser, '*'))
        return SE_OK;
    struct node *child = *out;
    FORWARD_IF_ERROR(new_node(parser, NODE_REPEAT, out));
    (*out)->child = child;
    (*out)->least = least;
    (*out)->most = most;
    return SE_OK;
}

static bool at_end(const struct parser *parser)
{
    return parser->at >= parser->count || peek(parser) == '|' || peek(parser) == ')';
}

static int take_sequence(struct parser *parser, struct node **out)
{
    FORWARD_IF_ERROR(new_node(parser, NODE_SEQUENCE, out));
    struct node **last = &(*out)->child;
    if (at_end(parser))
        return refuse(parser, parser->at, "nothing stands here; use ? for what may be missing");
    while (!at_end(parser)) {
        FORWARD_IF_ERROR(take_repeated(parser, last));
        last = &(*last)->sibling;
    }
    return SE_OK;
}

static int take_choice(struct parser *parser, struct node **out)
{
    FORWARD_IF_ERROR(new_node(parser, NODE_EITHER, out));
    struct node **last = &(*out)->child;
    do {
        FORWARD_IF_ERROR(take_sequence(parser, last));
        last = &(*last)->sibling;
    } while (take(parser, '|'));
    return SE_OK;
}

static int parse(struct parser *parser, const char *text, struct node **out)
{
    size_t size = strlen(text);
    for (size_t at = 0; at < size; parser->count++) {
        if (parser->count == PATTERN_MAX_LENGTH)
            return refuse(parser, parser->count, "a pattern has at most 500 characters");
        uint32_t c;
        at += utf8_get(text + at, size - at, &c);
        parser->chars[parser->count] = c;
        if (c == UTF8_REPLACEMENT)
            return refuse(parser, parser->count, "this is not UTF-8");
    }
    if (parser->count > 1 && parser->chars[parser->count - 1] == '$')
        parser->count--;
    take(parser, '^');
    FORWARD_IF_ERROR(take_choice(parser, out));
    return parser->at == parser->count ? SE_OK : refuse(parser, parser->at, "this ) has no (");
}

/* ---- places --------------------------------------------------------------------------------- */

/* A place takes one symbol of its set and goes on, or (set 0) goes both ways for nothing. */
struct place {
    uint64_t set;
    int next, other; /* other: -1 none */
};

enum { END = 0, SETS_WORDS = (PATTERN_MAX_PLACES + 63) / 64 };

struct places {
    struct place items[PATTERN_MAX_PLACES]; /* [END] is where the text is complete */
    int count;
};

/* All of these give the place before `node` when `next` comes after it, or -1 past the limit. */
static int spell(struct places *places, const struct node *node, int next);

static int add_place(struct places *places, uint64_t set, int next, int other)
{
    if (places->count == PATTERN_MAX_PLACES || next < 0)
        return -1;
    places->items[places->count] = (struct place){set, next, other};
    return places->count++;
}

static int spell_repeat(struct places *places, const struct node *node, int next)
{
    int at = next;
    if (node->most < 0) {
        at = add_place(places, 0, next, -1);
        const int body = at < 0 ? -1 : spell(places, node->child, at);
        if (body < 0)
            return -1;
        places->items[at].other = body;
    }
    for (int i = node->least; i < node->most; i++) {
        at = spell(places, node->child, at);
        at = at < 0 ? -1 : add_place(places, 0, at, next);
        if (at < 0)
            return -1;
    }
    for (int i = 0; i < node->least && at >= 0; i++)
        at = spell(places, node->child, at);
    return at;
}

/* Parts are linked first to last and spelt last to first. */
static int spell_sequence(struct places *places, const struct node *part, int next)
{
    if (!part)
        return next;
    const int rest = spell_sequence(places, part->sibling, next);
    return rest < 0 ? -1 : spell(places, part, rest);
}

static int spell(struct places *places, const struct node *node, int next)
{
    int at = -1;
    switch (node->kind) {
    case NODE_SET:
        return add_place(places, node->set, next, -1);
    case NODE_SEQUENCE:
        return spell_sequence(places, node->child, next);
    case NODE_REPEAT:
        return spell_repeat(places, node, next);
    case NODE_EITHER:
        at = spell(places, node->child, next);
        for (const struct node *part = node->child->sibling; part && at >= 0;
             part = part->sibling) {
            const int other = spell(places, part, next);
            at = other < 0 ? -1 : add_place(places, 0, at, other);
        }
        return at;
    }
    return at;
}

/* ---- subsets -------------------------------------------------------------------------------- */

struct subset {
    uint64_t bits[SETS_WORDS];
};

struct subsets {
    const struct places *places;
    struct subset *items; /* [AUTOMATON_MAX_STATES] */
    uint16_t *next;       /* [AUTOMATON_MAX_STATES, AUTOMATON_SYMBOLS] */
    size_t count;
};

static bool has(const struct subset *subset, int place)
{
    return subset->bits[place / 64] >> (place % 64) & 1;
}

/* Adds a place and all that can be reached from it for nothing. */
static void add_closed(const struct places *places, struct subset *subset, int place)
{
    int waiting[PATTERN_MAX_PLACES], count = 0;
    if (has(subset, place))
        return;
    subset->bits[place / 64] |= (uint64_t)1 << (place % 64);
    waiting[count++] = place;
    while (count > 0) {
        const struct place *from = &places->items[waiting[--count]];
        if (from->set)
            continue;
        const int ways[2] = {from->next, from->other};
        for (int i = 0; i < 2; i++) {
            if (ways[i] < 0 || has(subset, ways[i]))
                continue;
            subset->bits[ways[i] / 64] |= (uint64_t)1 << (ways[i] % 64);
            waiting[count++] = ways[i];
        }
    }
}

static bool is_empty(const struct subset *subset)
{
    for (size_t i = 0; i < SETS_WORDS; i++)
        if (subset->bits[i])
            return false;
    return true;
}

/* Index of a subset, added where it is new; AUTOMATON_MAX_STATES when there are too many. */
static size_t find_subset(struct subsets *subsets, const struct subset *wanted)
{
    for (size_t i = 0; i < subsets->count; i++)
        if (memcmp(&subsets->items[i], wanted, sizeof(*wanted)) == 0)
            return i;
    if (subsets->count < AUTOMATON_MAX_STATES)
        subsets->items[subsets->count++] = *wanted;
    else
        return AUTOMATON_MAX_STATES;
    return subsets->count - 1;
}

static uint64_t leading_symbols(const struct subsets *subsets, const struct subset *from)
{
    uint64_t symbols = 0;
    for (int place = 0; place < subsets->places->count; place++)
        if (has(from, place))
            symbols |= subsets->places->items[place].set;
    return symbols;
}

static struct subset follow(const struct subsets *subsets, const struct subset *from, int symbol)
{
    struct subset to = {{0}};
    for (int place = 0; place < subsets->places->count; place++)
        if (has(from, place) && subsets->places->items[place].set >> symbol & 1)
            add_closed(subsets->places, &to, subsets->places->items[place].next);
    return to;
}

/* Fills the table; false when there are too many states. */
static bool determine(struct subsets *subsets, int first)
{
    struct subset start = {{0}};
    add_closed(subsets->places, &start, first);
    find_subset(subsets, &start);
    for (size_t i = 0; i < subsets->count; i++) {
        const struct subset from = subsets->items[i];
        const uint64_t symbols = leading_symbols(subsets, &from);
        uint16_t *row = subsets->next + i * AUTOMATON_SYMBOLS;
        for (int symbol = 0; symbol < AUTOMATON_SYMBOLS; symbol++) {
            row[symbol] = UINT16_MAX;
            if (!(symbols >> symbol & 1))
                continue;
            const struct subset to = follow(subsets, &from, symbol);
            const size_t found = is_empty(&to) ? AUTOMATON_MAX_STATES : find_subset(subsets, &to);
            if (found == AUTOMATON_MAX_STATES)
                return false;
            row[symbol] = (uint16_t)found;
        }
    }
    return true;
}

/* ---- minimisation --------------------------------------------------------------------------- */

/* Class of every state: states that no text tells apart share one. */
struct classes {
    uint16_t of[AUTOMATON_MAX_STATES];
    size_t count;
};

static uint16_t class_of(const struct classes *classes, uint16_t state)
{
    return state == UINT16_MAX ? UINT16_MAX : classes->of[state];
}

static bool alike(const struct subsets *subsets, const struct classes *classes, size_t a, size_t b)
{
    const uint16_t *x = subsets->next + a * AUTOMATON_SYMBOLS;
    const uint16_t *y = subsets->next + b * AUTOMATON_SYMBOLS;
    if (classes->of[a] != classes->of[b])
        return false;
    for (int symbol = 0; symbol < AUTOMATON_SYMBOLS; symbol++)
        if (class_of(classes, x[symbol]) != class_of(classes, y[symbol]))
            return false;
    return true;
}

/* What a state is to others: its class, and those that its symbols lead to. */
static size_t hash_of(const struct subsets *subsets, const struct classes *classes, size_t state)
{
    const uint16_t *row = subsets->next + state * AUTOMATON_SYMBOLS;
    uint32_t hash = classes->of[state];
    for (int symbol = 0; symbol < AUTOMATON_SYMBOLS; symbol++)
        hash = (hash ^ class_of(classes, row[symbol])) * 16777619U; /* FNV-1a */
    return (hash ^ hash >> 15) % AUTOMATON_MAX_STATES;
}

/* Splits every class by where its states lead. */
static struct classes split(const struct subsets *subsets, const struct classes *classes)
{
    /* By hash: a state of some class, and of the next class with the same hash. */
    uint16_t first[AUTOMATON_MAX_STATES], next[AUTOMATON_MAX_STATES];
    struct classes finer = {.count = 0};
    memset(first, 0xFF, sizeof(first));
    for (size_t i = 0; i < subsets->count; i++) {
        uint16_t *at = &first[hash_of(subsets, classes, i)];
        while (*at != UINT16_MAX && !alike(subsets, classes, *at, i))
            at = &next[*at];
        if (*at == UINT16_MAX) {
            *at = (uint16_t)i;
            next[i] = UINT16_MAX;
            finer.of[i] = (uint16_t)finer.count++;
        } else {
            finer.of[i] = finer.of[*at];
        }
    }
    return finer;
}

/* Splits classes until none holds two states that lead to different ones. */
static void minimise(const struct subsets *subsets, struct classes *classes)
{
    size_t before;
    for (size_t i = 0; i < subsets->count; i++)
        classes->of[i] = has(&subsets->items[i], END);
    classes->count = 1;
    do {
        before = classes->count;
        *classes = split(subsets, classes);
    } while (classes->count > before);
}

static int make_automaton(struct pattern *pattern, const struct subsets *subsets, se_error *err)
{
    struct classes classes;
    minimise(subsets, &classes);
    const size_t states = classes.count;
    pattern->next = calloc(states * AUTOMATON_SYMBOLS, sizeof(*pattern->next));
    pattern->masks = calloc(2 * states, sizeof(*pattern->masks));
    pattern->accepts = calloc(states, sizeof(*pattern->accepts));
    if (!pattern->next || !pattern->masks || !pattern->accepts)
        return se_fail_memory(err, "a pattern", states * sizeof(*pattern->next));
    uint64_t *out = pattern->masks, *in = pattern->masks + states;
    uint64_t alphabet = 0;
    for (size_t i = 0; i < subsets->count; i++) {
        const size_t from = classes.of[i];
        pattern->accepts[from] = has(&subsets->items[i], END);
        for (int symbol = 0; symbol < AUTOMATON_SYMBOLS; symbol++) {
            const uint16_t to = subsets->next[i * AUTOMATON_SYMBOLS + (size_t)symbol];
            const uint16_t class = class_of(&classes, to);
            const bool leads = class != UINT16_MAX;
            pattern->next[from * AUTOMATON_SYMBOLS + (size_t)symbol] =
                leads ? class : (uint16_t)states;
            if (!leads)
                continue;
            out[from] |= (uint64_t)1 << symbol;
            in[class] |= (uint64_t)1 << symbol;
            alphabet |= (uint64_t)1 << symbol;
        }
    }
    pattern->automaton = (struct automaton){
        .next = pattern->next,
        .out = out,
        .in = in,
        .accepts = pattern->accepts,
        .states = states,
        .start = classes.of[0],
        .alphabet = alphabet,
    };
    return SE_OK;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static int compile(struct pattern *pattern, const char *text, struct arena *arena, se_error *err)
{
    struct parser *parser = arena_alloc(arena, 1, sizeof(*parser));
    struct places *places = arena_alloc(arena, 1, sizeof(*places));
    struct subsets subsets = {
        .places = places,
        .items = arena_alloc(arena, AUTOMATON_MAX_STATES, sizeof(*subsets.items)),
        .next = arena_alloc(arena, AUTOMATON_MAX_STATES * AUTOMATON_SYMBOLS, sizeof(uint16_t)),
    };
    if (!parser || !places || !subsets.items || !subsets.next)
        return se_fail_memory(err, "a pattern", PATTERN_MAX_BYTES);
    parser->arena = arena;
    parser->err = err;
    struct node *tree = NULL;
    FORWARD_IF_ERROR(parse(parser, text, &tree));
    places->count = 1; /* END */
    const int first = spell(places, tree, END);
    RETURN_ERROR_IF(first < 0, err, SE_ERR_SETTING,
                    "pattern: position 1: stands for more than %d characters, repetitions written "
                    "out",
                    PATTERN_MAX_PLACES);
    RETURN_ERROR_IF(!determine(&subsets, first), err, SE_ERR_SETTING,
                    "pattern: position 1: needs more than %d states; make it more definite",
                    AUTOMATON_MAX_STATES);
    return make_automaton(pattern, &subsets, err);
}

int pattern_compile(struct pattern **out, const char *text, se_error *err)
{
    struct arena arena;
    *out = NULL;
    struct pattern *pattern = calloc(1, sizeof(*pattern));
    if (!pattern)
        return se_fail_memory(err, "a pattern", sizeof(*pattern));
    arena_init(&arena, PATTERN_MAX_BYTES);
    const int status = compile(pattern, text, &arena, err);
    arena_free(&arena);
    if (status != SE_OK) {
        pattern_free(pattern);
        return status;
    }
    *out = pattern;
    return SE_OK;
}

void pattern_free(struct pattern *pattern)
{
    if (!pattern)
        return;
    free(pattern->next);
    free(pattern->masks);
    free(pattern->accepts);
    free(pattern);
}

const struct automaton *pattern_automaton(const struct pattern *pattern)
{
    return &pattern->automaton;
}
