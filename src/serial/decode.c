/*
 * Best first over the texts, as a tree of prefixes. Of each prefix is known, for every step, the
 * likeliest path up to there that spells it (with a blank at its end, or without), and for every
 * step and state of the automaton a bound of what may still follow:
 *
 *   bound of a prefix = max over steps ( path that ends its last symbol there + what may follow )
 *
 * No text that begins with a prefix has a likelier path than the prefix's bound, therefore texts
 * leave the queue in the order of their paths: the first ones are the best ones. For a table of
 * states the bound knows the state; for a list of words, which has too many, it is the sum of each
 * step's best symbol.
 */
#include "serial/decode.h"

#include <math.h>
#include <string.h>

#include "base/ctc.h"
#include "serial/fold.h"

static const float LOG_ZERO = -100.0F;
static const float IMPOSSIBLE = -1e30F; /* finite: sums of it stay comparable */

enum {
    MAX_PREFIXES = 1 << 15,   /* whose paths are kept */
    MAX_PATH_BYTES = 8 << 20, /* of these paths */
    MAX_WAITING = 1 << 16     /* prefixes and texts in the queue */
};

/* Of numbers: fmaxf, which also knows what is none, is a call. */
static inline float larger(float a, float b)
{
    return a > b ? a : b;
}

static inline float smaller(float a, float b)
{
    return a < b ? a : b;
}

/* ---- folding -------------------------------------------------------------------------------- */

/* Column 0: the blank. Code points of the others, for lattices that are shown to people. */
static const uint32_t code_points[DECODE_COLUMNS] = {
    0,   '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D',
    'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S',
    'T', 'U', 'V', 'W', 'X', 'Y', 'Z', '-', '.', '/', '_', '+', ':', ' ', 0xFFFD,
};
static const struct alphabet symbols_alphabet = {DECODE_COLUMNS, code_points};

const struct alphabet *decode_alphabet(void)
{
    return &symbols_alphabet;
}

static int column_of(uint32_t c, const struct decode_folding *folding)
{
    const int symbol = automaton_symbol(c);
    if (symbol < 0)
        return DECODE_OTHER;
    if (folding->skipped >> symbol & 1)
        return 0;
    const bool lower = fold_class(c) == FOLD_LOWER;
    if ((lower && !folding->lower_case) || (c >= 0x80 && !folding->look_alikes))
        return DECODE_OTHER;
    return symbol + 1;
}

/* What was recognized as one symbol is, with some probability, another. */
static void confuse(double row[DECODE_COLUMNS])
{
    double seen[AUTOMATON_CODE_SYMBOLS];
    memcpy(seen, row + 1, sizeof(seen));
    for (uint8_t symbol = 0; symbol < AUTOMATON_CODE_SYMBOLS; symbol++) {
        struct fold_confusion others[FOLD_CONFUSIONS];
        const int count = fold_confusions(symbol, others);
        for (int i = 0; i < count; i++) {
            const double moved = seen[symbol] * (double)others[i].p;
            row[1 + symbol] -= moved;
            row[1 + others[i].symbol] += moved;
        }
    }
}

static double probability(float logp)
{
    return logp < 0 ? exp((double)fmaxf(logp, LOG_ZERO)) : logp >= 0 ? 1 : 0;
}

int decode_fold(const struct lattice *lattice, int from, int to,
                const struct decode_folding *folding, struct arena *arena, struct lattice *out,
                se_error *err)
{
    const struct lattice window = lattice_window(lattice, from, to);
    const size_t steps = (size_t)window.steps, columns = (size_t)lattice->alphabet->columns;
    RETURN_ERROR_IF(window.steps > DECODE_MAX_STEPS, err, SE_ERR_LIMIT,
                    "%d steps of a text line to decode at once; %d are allowed", window.steps,
                    DECODE_MAX_STEPS);
    float *logp = arena_alloc(arena, steps * DECODE_COLUMNS, sizeof(*logp));
    float *reject = arena_alloc(arena, steps, sizeof(*reject));
    uint8_t *to_column = arena_alloc(arena, columns, 1);
    if (!logp || !reject || !to_column)
        return se_fail_memory(err, "a part of a text line", steps * DECODE_COLUMNS * sizeof(*logp));
    for (size_t i = 1; i < columns; i++)
        to_column[i] = (uint8_t)column_of(lattice->alphabet->code_points[i], folding);
    for (size_t step = 0; step < steps; step++) {
        double row[DECODE_COLUMNS] = {0};
        for (size_t i = 0; i < columns; i++)
            row[to_column[i]] += probability(window.logp[step * window.stride + i]);
        row[DECODE_OTHER] += probability(window.reject[step]);
        if (folding->confusions)
            confuse(row);
        for (size_t i = 0; i < DECODE_COLUMNS; i++)
            logp[step * DECODE_COLUMNS + i] =
                fminf(0, fmaxf(LOG_ZERO, row[i] > 0 ? (float)log(row[i]) : LOG_ZERO));
        reject[step] = LOG_ZERO;
    }
    *out = (struct lattice){.steps = window.steps,
                            .alphabet = &symbols_alphabet,
                            .logp = logp,
                            .stride = DECODE_COLUMNS,
                            .reject = reject};
    return SE_OK;
}

/* ---- the queue ------------------------------------------------------------------------------ */

/* A prefix; its paths are worked out when it is its turn. */
struct prefix {
    const struct prefix *before; /* NULL: the empty one */
    uint64_t state;
    float *blank, *symbol; /* [steps] likeliest path to there, by how it ends */
    size_t length;
    uint8_t last; /* its last symbol */
};

/* What waits: a symbol behind a prefix, or (column 0) a prefix as the whole text. */
struct waiting {
    const struct prefix *prefix;
    uint64_t state;
    float bound;
    uint32_t order; /* among equals the first one is taken first */
    uint8_t column;
};

struct search {
    const struct lattice *lattice;
    const struct decode_query *query;
    size_t steps;
    size_t *effort;
    struct arena arena;
    const float *follow;   /* [steps + 1, states] bound of what follows from a step on */
    size_t states;         /* of the bound: 1 for a list of words */
    struct waiting *queue; /* a heap */
    size_t waiting, prefixes, room;
    uint32_t order;
    float least;       /* what is below is left out */
    uint64_t possible; /* columns that a text above it may hold */
    bool cut;          /* by a bound of time or memory */
    se_error *err;
};

static bool goes_first(const struct waiting *a, const struct waiting *b)
{
    return a->bound != b->bound ? a->bound > b->bound : a->order < b->order;
}

static int queue_grow(struct search *search)
{
    if (search->waiting < search->room)
        return SE_OK;
    const size_t room = search->room > 0 ? 2 * search->room : 1024;
    struct waiting *grown = arena_alloc(&search->arena, room, sizeof(*grown));
    if (!grown)
        return se_fail_memory(search->err, "a search for texts", room * sizeof(*grown));
    if (search->waiting > 0)
        memcpy(grown, search->queue, search->waiting * sizeof(*grown));
    search->queue = grown;
    search->room = room;
    return SE_OK;
}

static int queue_add(struct search *search, struct waiting item)
{
    if (item.bound < search->least || item.bound < IMPOSSIBLE / 2)
        return SE_OK;
    if (search->waiting == MAX_WAITING) {
        search->cut = true;
        return SE_OK;
    }
    FORWARD_IF_ERROR(queue_grow(search));
    item.order = search->order++;
    size_t at = search->waiting++;
    for (; at > 0 && goes_first(&item, &search->queue[(at - 1) / 2]); at = (at - 1) / 2)
        search->queue[at] = search->queue[(at - 1) / 2];
    search->queue[at] = item;
    return SE_OK;
}

static struct waiting queue_take(struct search *search)
{
    const struct waiting first = search->queue[0];
    const struct waiting moved = search->queue[--search->waiting];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < search->waiting; at = child) {
        if (child + 1 < search->waiting &&
            goes_first(&search->queue[child + 1], &search->queue[child]))
            child++;
        if (!goes_first(&search->queue[child], &moved))
            break;
        search->queue[at] = search->queue[child];
    }
    search->queue[at] = moved;
    return first;
}

/* ---- the automaton, or none ----------------------------------------------------------------- */

static uint64_t first_state(const struct search *search)
{
    return search->query->automaton ? automaton_start(search->query->automaton) : 0;
}

/* Columns that may follow a state. */
static uint64_t columns_from(const struct search *search, uint64_t state)
{
    const struct automaton *automaton = search->query->automaton;
    return (automaton ? automaton_symbols(automaton, state) << 1 : ~(uint64_t)1) & search->possible;
}

static uint64_t state_behind(const struct search *search, uint64_t state, int column)
{
    return search->query->automaton ? automaton_next(search->query->automaton, state, column - 1)
                                    : 0;
}

static bool is_text(const struct search *search, const struct prefix *prefix)
{
    return !search->query->automaton || automaton_accepts(search->query->automaton, prefix->state);
}

static float best_of(const float *row, uint64_t columns)
{
    float best = IMPOSSIBLE;
    for (; columns; columns &= columns - 1)
        best = larger(best, row[__builtin_ctzll(columns)]);
    return best;
}

/* ---- bounds --------------------------------------------------------------------------------- */

static bool spend(struct search *search, size_t work)
{
    if (*search->effort < work) {
        *search->effort = 0;
        search->cut = true;
        return false;
    }
    *search->effort -= work;
    return true;
}

/* One step back: from `behind` [states], what may follow a step, to what may follow the one before
 * it. A run may go on with any symbol that leads into its state: a little more than is possible. */
static void step_back(const struct search *search, const float *row, const float *behind,
                      float *out)
{
    const struct automaton *automaton = search->query->automaton;
    for (size_t state = 0; state < automaton->states; state++) {
        const uint16_t *next = automaton->next + state * AUTOMATON_SYMBOLS;
        float best = best_of(row, (automaton->in[state] << 1 & search->possible) | 1);
        best += behind[state];
        for (uint64_t left = columns_from(search, state); left; left &= left - 1) {
            const int column = __builtin_ctzll(left);
            best = larger(best, row[column] + behind[next[column - 1]]);
        }
        out[state] = best;
    }
}

static int bound_what_follows(struct search *search)
{
    const struct automaton *automaton = search->query->automaton;
    const bool table = automaton && !automaton->words;
    const uint64_t columns =
        automaton ? automaton->alphabet << 1 | 1 : ((uint64_t)1 << DECODE_COLUMNS) - 1;
    const size_t states = table ? automaton->states : 1, steps = search->steps;
    float *follow = arena_alloc(&search->arena, (steps + 1) * states, sizeof(*follow));
    if (!follow)
        return se_fail_memory(search->err, "a search for texts", steps * states * sizeof(*follow));
    size_t work = 0;
    for (size_t state = 0; table && state < states; state++) {
        work += (size_t)__builtin_popcountll(columns_from(search, state)) + 1;
        follow[steps * states + state] = automaton->accepts[state] ? 0 : IMPOSSIBLE;
    }
    search->follow = follow;
    search->states = states;
    if (!spend(search, steps * (table ? work : DECODE_COLUMNS)))
        return SE_OK;
    for (size_t step = steps; step-- > 0;) {
        const float *row = search->lattice->logp + step * search->lattice->stride;
        float *here = follow + step * states;
        if (table)
            step_back(search, row, here + states, here);
        else
            *here = here[1] + best_of(row, columns);
    }
    return SE_OK;
}

/* ---- paths ---------------------------------------------------------------------------------- */

static float logp_at(const struct search *search, size_t step, int column)
{
    return search->lattice->logp[step * search->lattice->stride + (size_t)column];
}

/* Likeliest path up to a step after which `column` may begin. */
static float before(const struct prefix *prefix, size_t step, int column)
{
    if (step == 0)
        return prefix->length == 0 ? 0 : IMPOSSIBLE;
    const float blank = prefix->blank[step - 1];
    return column == prefix->last ? blank : larger(blank, prefix->symbol[step - 1]);
}

/* A column that may follow a prefix, and the state that it leads to. */
struct next {
    int column;
    uint64_t state;
};

/* Bounds of the texts that begin with the prefix and one of `count` <= BOUNDS_AT_ONCE columns: side
 * by side, since each alone is a chain of operations that wait for one another. */
enum { BOUNDS_AT_ONCE = 8 };
static void bounds_of(const struct search *search, const struct prefix *prefix,
                      const struct next *next, size_t count, float bound[BOUNDS_AT_ONCE])
{
    float path[BOUNDS_AT_ONCE];
    for (size_t i = 0; i < count; i++)
        path[i] = bound[i] = IMPOSSIBLE;
    for (size_t step = 0; step < search->steps; step++) {
        const float *row = search->lattice->logp + step * search->lattice->stride;
        const float *follow = search->follow + (step + 1) * search->states;
        const float other = before(prefix, step, 0), same = before(prefix, step, prefix->last);
        for (size_t i = 0; i < count; i++) {
            const float start = next[i].column == prefix->last ? same : other;
            path[i] = row[next[i].column] + larger(path[i], start);
            bound[i] =
                larger(bound[i], path[i] + follow[search->states > 1 ? (size_t)next[i].state : 0]);
        }
    }
}

/* Makes the prefix that a waiting symbol stands for; NULL when memory is spent or at a bound. */
static struct prefix *extend(struct search *search, const struct waiting *item)
{
    const size_t steps = search->steps;
    const struct prefix *from = item->prefix;
    if (search->prefixes == MAX_PREFIXES ||
        search->prefixes * 2 * steps * sizeof(float) >= MAX_PATH_BYTES) {
        search->cut = true;
        return NULL;
    }
    struct prefix *prefix = arena_alloc(&search->arena, 1, sizeof(*prefix));
    float *paths = arena_alloc(&search->arena, 2 * steps, sizeof(*paths));
    if (!prefix || !paths) {
        se_fail_memory(search->err, "a search for texts", 2 * steps * sizeof(*paths));
        return NULL;
    }
    search->prefixes++;
    *prefix = (struct prefix){from, item->state, paths, paths + steps, 0, item->column};
    float blank = from ? IMPOSSIBLE : 0, symbol = IMPOSSIBLE;
    prefix->length = from ? from->length + 1 : 0;
    for (size_t step = 0; step < steps; step++) {
        const float ended = larger(blank, symbol);
        if (from)
            symbol = logp_at(search, step, item->column) +
                     larger(symbol, before(from, step, item->column));
        blank = logp_at(search, step, 0) + ended;
        prefix->blank[step] = blank;
        prefix->symbol[step] = symbol;
    }
    return prefix;
}

/* Puts the texts that begin with the prefix into the queue. */
static int look_behind(struct search *search, const struct prefix *prefix)
{
    const size_t end = search->steps - 1;
    if (prefix->length > 0 && is_text(search, prefix))
        FORWARD_IF_ERROR(queue_add(
            search, (struct waiting){.prefix = prefix,
                                     .bound = larger(prefix->blank[end], prefix->symbol[end])}));
    if (prefix->length == DECODE_MAX_TEXT)
        return SE_OK;
    const uint64_t columns = columns_from(search, prefix->state);
    if (!spend(search, search->steps * (size_t)__builtin_popcountll(columns)))
        return SE_OK;
    for (uint64_t left = columns; left;) {
        struct next next[BOUNDS_AT_ONCE];
        float bound[BOUNDS_AT_ONCE];
        size_t count = 0;
        for (; left && count < BOUNDS_AT_ONCE; left &= left - 1) {
            const int column = __builtin_ctzll(left);
            next[count++] = (struct next){column, state_behind(search, prefix->state, column)};
        }
        bounds_of(search, prefix, next, count, bound);
        for (size_t i = 0; i < count; i++)
            FORWARD_IF_ERROR(
                queue_add(search, (struct waiting){.prefix = prefix,
                                                   .state = next[i].state,
                                                   .bound = bound[i],
                                                   .column = (uint8_t)next[i].column}));
    }
    return SE_OK;
}

/* ---- answers -------------------------------------------------------------------------------- */

static void take_text(struct search *search, const struct waiting *item, struct decode_text *out)
{
    const struct prefix *prefix = item->prefix;
    out->length = prefix->length;
    out->path = item->bound;
    for (size_t i = prefix->length; i-- > 0; prefix = prefix->before)
        out->symbols[i] = (uint8_t)(prefix->last - 1);
    out->logp = decode_logp(search->lattice, out->symbols, out->length);
}

/* By falling probability; few, and nearly in order. */
static void sort_texts(struct decode_answer *out)
{
    for (size_t i = 1; i < out->count; i++) {
        for (size_t k = i; k > 0 && out->texts[k].logp > out->texts[k - 1].logp; k--) {
            const struct decode_text held = out->texts[k];
            out->texts[k] = out->texts[k - 1];
            out->texts[k - 1] = held;
        }
    }
}

static int run_search(struct search *search, struct decode_answer *out)
{
    FORWARD_IF_ERROR(bound_what_follows(search));
    const struct waiting root = {.state = first_state(search)};
    const struct prefix *prefix = search->cut ? NULL : extend(search, &root);
    if (prefix)
        FORWARD_IF_ERROR(look_behind(search, prefix));
    while (prefix && search->waiting > 0 && out->count < search->query->most && !search->cut) {
        const struct waiting item = queue_take(search);
        if (item.column == 0) {
            take_text(search, &item, &out->texts[out->count++]);
            continue;
        }
        prefix = extend(search, &item);
        if (prefix)
            FORWARD_IF_ERROR(look_behind(search, prefix));
    }
    if (!prefix && !search->cut)
        return SE_ERR_MEMORY;
    return SE_OK;
}

/* Any path through a column loses, against the likeliest path of all, what the column lacks at the
 * step where it lacks least. */
static void leave_out(struct search *search)
{
    float total = 0, lacks[DECODE_COLUMNS];
    for (int column = 0; column < DECODE_COLUMNS; column++)
        lacks[column] = INFINITY;
    for (size_t step = 0; step < search->steps; step++) {
        const float *row = search->lattice->logp + step * search->lattice->stride;
        const float best = best_of(row, ((uint64_t)1 << DECODE_COLUMNS) - 1);
        total += best;
        for (int column = 0; column < DECODE_COLUMNS; column++)
            lacks[column] = smaller(lacks[column], best - row[column]);
    }
    search->least = total - search->query->depth;
    for (int column = 1; column < DECODE_COLUMNS; column++)
        if (lacks[column] <= search->query->depth)
            search->possible |= (uint64_t)1 << column;
}

int decode_best(const struct lattice *lattice, const struct decode_query *query, size_t *effort,
                struct decode_answer *out, se_error *err)
{
    struct search search = {.lattice = lattice,
                            .query = query,
                            .steps = (size_t)lattice->steps,
                            .effort = effort,
                            .err = err};
    out->count = 0;
    out->complete = true;
    if (lattice->steps <= 0)
        return SE_OK;
    leave_out(&search);
    arena_init(&search.arena, DECODE_MAX_BYTES);
    const int status = run_search(&search, out);
    arena_free(&search.arena);
    out->complete = !search.cut;
    sort_texts(out);
    return status;
}

double decode_logp(const struct lattice *lattice, const uint8_t *symbols, size_t length)
{
    int columns[DECODE_MAX_TEXT];
    if (length > DECODE_MAX_TEXT)
        return -(double)INFINITY;
    for (size_t i = 0; i < length; i++)
        columns[i] = symbols[i] + 1;
    return ctc_log_probability(lattice, columns, length);
}
