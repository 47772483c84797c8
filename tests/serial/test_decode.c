/*
 * The decoder against all paths of lattices that are small enough to list them, and what it does
 * with hostile numbers, long lines and little room.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "serial/decode.h"
#include "serial/known_list.h"
#include "serial/pattern.h"
#include "failing_malloc.h"

/* Columns that have any probability: the blank, A, B, 0 and a hyphen. */
enum { MAX_STEPS = 6, ACTIVE = 5, MAX_TEXTS = 20000, EFFORT = 1 << 30 };

static const uint8_t active[ACTIVE] = {0, 1 + 10, 1 + 11, 1 + 0, 1 + 36};

struct store {
    float logp[MAX_STEPS * DECODE_COLUMNS], reject[MAX_STEPS];
    struct lattice lattice;
};

static uint32_t seed;

static float noise(void)
{
    seed = seed * 1664525U + 1013904223U;
    return (float)(seed >> 8) / (float)(1 << 24);
}

static void fill_random(struct store *store, int steps)
{
    for (int step = 0; step < steps; step++) {
        float row[ACTIVE], sum = 0;
        for (int i = 0; i < ACTIVE; i++)
            sum += row[i] = powf(noise(), 4) + 1e-4F;
        for (int i = 0; i < DECODE_COLUMNS; i++)
            store->logp[step * DECODE_COLUMNS + i] = -100;
        for (int i = 0; i < ACTIVE; i++)
            store->logp[step * DECODE_COLUMNS + active[i]] = logf(row[i] / sum);
        store->reject[step] = -100;
    }
    store->lattice = (struct lattice){
        .steps = steps, .logp = store->logp, .stride = DECODE_COLUMNS, .reject = store->reject};
}

/* ---- all paths ------------------------------------------------------------------------------ */

struct text {
    uint8_t symbols[MAX_STEPS];
    size_t length;
    double path, sum;
};

struct texts {
    struct text items[MAX_TEXTS];
    size_t count;
    int index[15625]; /* 5^6: by the text as a number in base 5 with digits 1 … 4; -1 unknown */
};

static struct texts all;

static void add_path(const struct store *store, const int *path, int steps)
{
    struct text text = {.length = 0};
    double logp = 0;
    int code = 0;
    for (int step = 0; step < steps; step++) {
        logp += (double)store->logp[step * DECODE_COLUMNS + active[path[step]]];
        if (path[step] == 0 || (step > 0 && path[step] == path[step - 1]))
            continue;
        text.symbols[text.length++] = (uint8_t)(active[path[step]] - 1);
        code = code * ACTIVE + path[step];
    }
    if (all.index[code] < 0) {
        all.index[code] = (int)all.count;
        text.path = logp;
        all.items[all.count++] = text;
    }
    struct text *known = &all.items[all.index[code]];
    known->path = fmax(known->path, logp);
    known->sum += exp(logp);
}

static void list_paths(const struct store *store)
{
    const int steps = store->lattice.steps;
    int path[MAX_STEPS] = {0};
    memset(&all, 0, sizeof(all));
    memset(all.index, 0xFF, sizeof(all.index));
    for (;;) {
        add_path(store, path, steps);
        int step = 0;
        while (step < steps && ++path[step] == ACTIVE)
            path[step++] = 0;
        if (step == steps)
            return;
    }
}

static int by_path(const void *left, const void *right)
{
    const struct text *a = left, *b = right;
    return (a->path < b->path) - (a->path > b->path);
}

static const struct text *find_text(const uint8_t *symbols, size_t length)
{
    for (size_t i = 0; i < all.count; i++)
        if (all.items[i].length == length && memcmp(all.items[i].symbols, symbols, length) == 0)
            return &all.items[i];
    return NULL;
}

static int by_falling_path(const void *left, const void *right)
{
    const struct decode_text *a = left, *b = right;
    return (a->path < b->path) - (a->path > b->path);
}

/* The answer holds just the texts with the best paths, in order of their sums. */
static void assert_best(const struct store *store, const struct automaton *automaton, size_t most)
{
    static struct decode_answer answer;
    const struct decode_query query = {automaton, most, INFINITY};
    size_t effort = EFFORT, at = 0;
    assert_int_equal(decode_best(&store->lattice, &query, &effort, &answer, NULL), SE_OK);
    assert_true(answer.complete);
    for (size_t i = 1; i < answer.count; i++)
        assert_true(answer.texts[i].logp <= answer.texts[i - 1].logp);
    qsort(answer.texts, answer.count, sizeof(answer.texts[0]), by_falling_path);
    for (size_t i = 0; i < all.count && at < most; i++) {
        const struct text *want = &all.items[i];
        if (want->length == 0 ||
            (automaton && !automaton_matches(automaton, want->symbols, want->length)))
            continue;
        assert_true(at < answer.count);
        const struct decode_text *got = &answer.texts[at++];
        assert_float_equal(got->path, (float)want->path, 1e-4);
        const struct text *same = find_text(got->symbols, got->length);
        assert_non_null(same);
        assert_float_equal((float)same->path, got->path, 1e-4);
        assert_float_equal((float)exp(got->logp), (float)same->sum, 1e-6);
    }
    for (; at < answer.count; at++) /* what is behind needs columns that have no probability */
        assert_true(answer.texts[at].path < -50);
}

static void test_best_texts_of_patterns(void **state)
{
    (void)state;
    static const char *const patterns[] = {"A",          "[AB]{2}",    "A?B+0?",  "(AB|0-)*A?",
                                           "A{2,3}",     "[^A]{1,3}",  "(A|AA)+", "A-?B",
                                           "(A0?|B){2}", "[AB0-]{1,6}"};
    struct store store;
    for (uint32_t round = 1; round <= 3; round++) {
        seed = round;
        for (int steps = 1; steps <= MAX_STEPS; steps++) {
            fill_random(&store, steps);
            list_paths(&store);
            qsort(all.items, all.count, sizeof(all.items[0]), by_path);
            for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
                struct pattern *pattern;
                assert_int_equal(pattern_compile(&pattern, patterns[i], NULL), SE_OK);
                assert_best(&store, pattern_automaton(pattern), 1 + i);
                pattern_free(pattern);
            }
            assert_best(&store, NULL, 8);
        }
    }
}

static void test_best_words_of_a_list(void **state)
{
    (void)state;
    static const char words[] = "ABA0\nA00B\nABAB\nab-ba\n0000\nAB0A0\nBBBBB\nA0B0A0\n";
    struct known_list *list;
    struct store store;
    assert_int_equal(known_list_read(&list, words, sizeof(words) - 1, "words", NULL), SE_OK);
    for (uint32_t round = 1; round <= 20; round++) {
        seed = round;
        fill_random(&store, MAX_STEPS);
        list_paths(&store);
        qsort(all.items, all.count, sizeof(all.items[0]), by_path);
        assert_best(&store, known_list_automaton(list), 1 + round % 5);
    }
    known_list_free(list);
}

/* Each symbol against all that might stand in its place. */
static void test_characters_of_texts(void **state)
{
    (void)state;
    struct store store;
    seed = 3;
    fill_random(&store, MAX_STEPS);
    list_paths(&store);
    for (size_t i = 0; i < all.count; i += 7) {
        const struct text *text = &all.items[i];
        struct decode_char chars[MAX_STEPS];
        assert_int_equal(decode_chars(&store.lattice, text->symbols, text->length, chars, NULL),
                         SE_OK);
        for (size_t at = 0; at < text->length; at++) {
            double sum = 0, best = 0;
            int alt = AUTOMATON_SYMBOLS;
            for (int k = 1; k < ACTIVE; k++) {
                struct text other = *text;
                other.symbols[at] = (uint8_t)(active[k] - 1);
                const struct text *found = find_text(other.symbols, other.length);
                sum += found ? found->sum : 0;
                if (found && other.symbols[at] != text->symbols[at] && found->sum > best) {
                    best = found->sum;
                    alt = other.symbols[at];
                }
            }
            assert_float_equal(chars[at].p, (float)(text->sum / sum), 1e-5);
            assert_float_equal(chars[at].alt_p, (float)(best / sum), 1e-5);
            assert_int_equal(chars[at].alt, alt);
        }
    }
}

/* ---- folding -------------------------------------------------------------------------------- */

static const uint32_t wide_points[] = {0, 'A', 'a', 0x391, '-', '%', '0', 'O'};
enum { WIDE = 8 };
static const struct alphabet wide = {WIDE, wide_points};

static struct lattice fold(const float *row, uint64_t skipped, bool lower, bool look_alikes,
                           bool confusions, struct arena *arena)
{
    static float reject;
    const struct lattice lattice = {
        .steps = 1, .alphabet = &wide, .logp = row, .stride = WIDE, .reject = &reject};
    const struct decode_folding folding = {skipped, lower, look_alikes, confusions};
    struct lattice out;
    reject = logf(0.05F);
    assert_int_equal(decode_fold(&lattice, 0, 1, &folding, arena, &out, NULL), SE_OK);
    assert_int_equal(out.steps, 1);
    return out;
}

static void assert_p(const struct lattice *lattice, int column, float p)
{
    assert_float_equal(expf(lattice->logp[column]), p, 1e-5);
}

static void test_folding_adds_up_what_is_one(void **state)
{
    (void)state;
    const float p[WIDE] = {0.1F, 0.2F, 0.05F, 0.15F, 0.08F, 0.07F, 0.2F, 0.1F};
    float row[WIDE];
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (int i = 0; i < WIDE; i++)
        row[i] = logf(p[i]);
    struct lattice got = fold(row, 0, true, true, false, &arena);
    assert_p(&got, 0, 0.1F);
    assert_p(&got, 1 + 10, 0.4F); /* A, a, Α */
    assert_p(&got, 1 + 36, 0.08F);
    assert_p(&got, DECODE_OTHER, 0.12F);
    got = fold(row, AUTOMATON_SEPARATORS, false, true, false, &arena);
    assert_p(&got, 0, 0.18F);
    assert_p(&got, 1 + 10, 0.35F);
    assert_p(&got, DECODE_OTHER, 0.17F);
    got = fold(row, 0, true, false, false, &arena);
    assert_p(&got, 1 + 10, 0.25F);
    assert_p(&got, DECODE_OTHER, 0.27F);
    got = fold(row, 0, true, true, true, &arena);
    float sum = 0;
    for (int i = 0; i < DECODE_COLUMNS; i++)
        sum += expf(got.logp[i]);
    assert_float_equal(sum, 1, 1e-5); /* a symbol that is taken for another is not lost */
    assert_true(got.logp[1 + 'D' - 'A' + 10] > -10);
    arena_free(&arena);
}

static void test_folding_of_hostile_numbers(void **state)
{
    (void)state;
    const float row[WIDE] = {NAN, INFINITY, -INFINITY, 1e30F, -1e30F, 5, -0.0F, NAN};
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (int confusions = 0; confusions < 2; confusions++) {
        const struct lattice got = fold(row, 0, true, true, confusions, &arena);
        for (int i = 0; i < DECODE_COLUMNS; i++)
            assert_true(got.logp[i] <= 0 && got.logp[i] >= -100);
        const struct decode_query query = {NULL, 4, 1000};
        static struct decode_answer answer;
        size_t effort = EFFORT;
        assert_int_equal(decode_best(&got, &query, &effort, &answer, NULL), SE_OK);
        assert_int_equal(answer.count, 4);
    }
    arena_free(&arena);
}

/* ---- bounds --------------------------------------------------------------------------------- */

/* A long line that says nothing at all: every text is as likely as every other. */
static struct lattice flat_line(int steps, float *logp, float *reject)
{
    for (int i = 0; i < steps * DECODE_COLUMNS; i++)
        logp[i] = logf(1.0F / DECODE_COLUMNS);
    for (int i = 0; i < steps; i++)
        reject[i] = -100;
    return (struct lattice){
        .steps = steps, .logp = logp, .stride = DECODE_COLUMNS, .reject = reject};
}

static void test_a_search_ends(void **state)
{
    (void)state;
    static float logp[DECODE_MAX_STEPS * DECODE_COLUMNS], reject[DECODE_MAX_STEPS];
    static struct decode_answer answer;
    const struct lattice line = flat_line(DECODE_MAX_STEPS, logp, reject);
    struct pattern *pattern;
    assert_int_equal(pattern_compile(&pattern, "[A-Z0-9]{40}", NULL), SE_OK);
    const struct automaton *automata[] = {NULL, pattern_automaton(pattern)};
    for (size_t i = 0; i < 2; i++) {
        const struct decode_query query = {automata[i], DECODE_MAX_BEST, 1e6F};
        size_t effort = 3000000;
        assert_int_equal(decode_best(&line, &query, &effort, &answer, NULL), SE_OK);
        assert_false(answer.complete);
        assert_int_equal(effort, 0);
    }
    pattern_free(pattern);
    const struct lattice empty = {.steps = 0};
    const struct decode_query query = {NULL, 1, 1e6F};
    size_t effort = EFFORT;
    assert_int_equal(decode_best(&empty, &query, &effort, &answer, NULL), SE_OK);
    assert_int_equal(answer.count, 0);
}

static void test_memory_of_a_search_is_bounded(void **state)
{
    (void)state;
    static float logp[DECODE_MAX_STEPS * DECODE_COLUMNS], reject[DECODE_MAX_STEPS];
    static struct decode_answer answer;
    const struct lattice line = flat_line(DECODE_MAX_STEPS, logp, reject);
    const struct decode_query query = {NULL, DECODE_MAX_BEST, 1e6F};
    size_t effort = 60000000; /* more than the memory lets it use */
    assert_int_equal(decode_best(&line, &query, &effort, &answer, NULL), SE_OK);
    assert_false(answer.complete);
    assert_true(effort > 0);
}

static void test_depth_leaves_out_what_is_unlikely(void **state)
{
    (void)state;
    static struct decode_answer answer;
    struct store store;
    struct pattern *pattern;
    seed = 1;
    fill_random(&store, 4);
    for (int step = 0; step < 4; step++)
        store.logp[step * DECODE_COLUMNS + active[3]] = -30;
    assert_int_equal(pattern_compile(&pattern, "000*", NULL), SE_OK);
    struct decode_query query = {pattern_automaton(pattern), 4, 20};
    size_t effort = EFFORT;
    assert_int_equal(decode_best(&store.lattice, &query, &effort, &answer, NULL), SE_OK);
    assert_int_equal(answer.count, 0);
    assert_true(answer.complete);
    query.depth = 70;
    assert_int_equal(decode_best(&store.lattice, &query, &effort, &answer, NULL), SE_OK);
    assert_int_equal(answer.count, 1);
    pattern_free(pattern);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    static struct decode_answer answer;
    static float logp[40 * DECODE_COLUMNS], reject[40];
    const struct lattice line = flat_line(40, logp, reject);
    const struct decode_query query = {NULL, 60, 50};
    struct decode_char chars[3];
    if (!failing_malloc_works())
        skip();
    for (size_t nth = 1;; nth++) {
        size_t effort = 1000000;
        se_error err;
        failing_malloc_start(nth, FAILING_THIS_THREAD);
        int status = decode_best(&line, &query, &effort, &answer, &err);
        if (status == SE_OK)
            status = decode_chars(&line, (const uint8_t[]){1, 2, 3}, 3, chars, &err);
        const bool enough = failing_malloc_stop() < nth;
        assert_int_equal(status, enough ? SE_OK : SE_ERR_MEMORY);
        if (enough)
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_best_texts_of_patterns),
        cmocka_unit_test(test_best_words_of_a_list),
        cmocka_unit_test(test_characters_of_texts),
        cmocka_unit_test(test_folding_adds_up_what_is_one),
        cmocka_unit_test(test_folding_of_hostile_numbers),
        cmocka_unit_test(test_a_search_ends),
        cmocka_unit_test(test_memory_of_a_search_is_bounded),
        cmocka_unit_test(test_depth_leaves_out_what_is_unlikely),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
