/*
 * CTC scores against the sum over all paths, on lattices small enough to list them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/ctc.h"

enum { STEPS = 5, COLUMNS = 4, SYMBOLS = COLUMNS + 1 /* and what is outside the alphabet */ };

static const uint32_t points[COLUMNS] = {0, 'A', 'B', 'C'};
static const struct alphabet alphabet = {COLUMNS, points};

struct store {
    float logp[STEPS * COLUMNS], reject[STEPS], best_logp[STEPS];
    int32_t best[STEPS];
    struct lattice lattice;
};

static void fill_random(struct store *store, unsigned seed)
{
    srand(seed);
    for (int step = 0; step < STEPS; step++) {
        double p[SYMBOLS], sum = 0;
        for (int i = 0; i < SYMBOLS; i++)
            sum += p[i] = 0.01 + pow((double)rand() / RAND_MAX, 3);
        int best = 0;
        for (int i = 0; i < COLUMNS; i++) {
            store->logp[step * COLUMNS + i] = (float)log(p[i] / sum);
            if (p[i] > p[best])
                best = i;
        }
        store->reject[step] = (float)log(p[COLUMNS] / sum);
        store->best[step] = best;
        store->best_logp[step] = (float)log(p[best] / sum);
    }
    store->lattice = (struct lattice){STEPS,         &alphabet,   store->logp,     COLUMNS,
                                      store->reject, store->best, store->best_logp};
}

/* Probability of all paths that spell `text`, or that spell something that begins with it. */
static double sum_paths(const struct store *store, const int *text, size_t length, bool prefix)
{
    double sum = 0;
    int paths = 1;
    for (int i = 0; i < STEPS; i++)
        paths *= SYMBOLS;
    for (int path = 0; path < paths; path++) {
        int spelled[STEPS], last = 0;
        size_t count = 0;
        double logp = 0;
        for (int step = 0, rest = path; step < STEPS; step++, rest /= SYMBOLS) {
            const int symbol = rest % SYMBOLS;
            logp += (double)(symbol == COLUMNS ? store->reject[step]
                                               : store->logp[step * COLUMNS + symbol]);
            if (symbol != 0 && symbol != last)
                spelled[count++] = symbol == COLUMNS ? CTC_REJECT : symbol;
            last = symbol;
        }
        const bool fits = prefix ? count >= length : count == length;
        if (fits && memcmp(spelled, text, length * sizeof(*text)) == 0)
            sum += exp(logp);
    }
    return sum;
}

static const int texts[][4] = {{0},
                               {1},
                               {2},
                               {CTC_REJECT},
                               {1, 1},
                               {1, 2},
                               {3, CTC_REJECT},
                               {CTC_REJECT, CTC_REJECT},
                               {1, 1, 1},
                               {2, 1, 2},
                               {1, 2, 3, 1},
                               {3, 3, 2, 2}};
static const size_t lengths[] = {0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4};
enum { TEXTS = sizeof(lengths) / sizeof(lengths[0]) };

static void test_forward_score_is_the_sum_over_paths(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 4; seed++) {
        struct store store;
        fill_random(&store, seed);
        for (size_t i = 0; i < TEXTS; i++) {
            const double want = sum_paths(&store, texts[i], lengths[i], false);
            const double got = exp(ctc_log_probability(&store.lattice, texts[i], lengths[i]));
            assert_true(fabs(want - got) <= 1e-6 * want + 1e-12);
        }
    }
}

static void test_prefix_scores_are_sums_over_paths(void **state)
{
    (void)state;
    struct store store;
    fill_random(&store, 7);
    double a[2][STEPS], b[2][STEPS];
    for (size_t i = 0; i < TEXTS; i++) {
        struct ctc_prefix prefix[2] = {{.ends_blank = a[0], .ends_char = b[0]},
                                       {.ends_blank = a[1], .ends_char = b[1]}};
        ctc_prefix_begin(&store.lattice, &prefix[0]);
        for (size_t k = 0; k < lengths[i]; k++)
            ctc_prefix_extend(&store.lattice, &prefix[k % 2], texts[i][k], &prefix[(k + 1) % 2]);
        const struct ctc_prefix *end = &prefix[lengths[i] % 2];
        const double exact = sum_paths(&store, texts[i], lengths[i], false);
        const double all = sum_paths(&store, texts[i], lengths[i], true);
        assert_true(fabs(exp(end->exact) - exact) <= 1e-6 * exact + 1e-12);
        assert_true(fabs(exp(end->prefix) - all) <= 1e-6 * all + 1e-12);
    }
}

static void test_texts_that_do_not_fit_have_no_probability(void **state)
{
    (void)state;
    struct store store;
    fill_random(&store, 3);
    const int long_text[STEPS + 1] = {1, 2, 1, 2, 1, 2}, repeated[STEPS - 1] = {1, 1, 1, 1};
    static const int too_long[CTC_MAX_TEXT + 1] = {1};
    assert_true(isinf(ctc_log_probability(&store.lattice, long_text, STEPS + 1)));
    assert_true(isinf(ctc_log_probability(&store.lattice, repeated, STEPS - 1)));
    assert_true(isinf(ctc_log_probability(&store.lattice, too_long, CTC_MAX_TEXT + 1)));
    const struct lattice empty = lattice_window(&store.lattice, 2, 2);
    assert_int_equal(empty.steps, 0);
    assert_true(ctc_log_probability(&empty, NULL, 0) == 0);
    assert_true(isinf(ctc_log_probability(&empty, long_text, 1)));
}

/* Long texts, and those that are so unlikely that no double holds their probability. */
static void test_forward_score_of_what_is_unlikely(void **state)
{
    enum { LONG_STEPS = 60, LONG_TEXT = 12, ROUNDS = 20 };
    static float logp[LONG_STEPS * COLUMNS], reject[LONG_STEPS];
    double a[2][LONG_STEPS], b[2][LONG_STEPS];
    struct store store;
    (void)state;
    fill_random(&store, 5);
    struct lattice lattice = store.lattice;
    lattice.steps = LONG_STEPS;
    lattice.logp = logp;
    lattice.reject = reject;
    lattice.stride = COLUMNS;
    uint32_t random = 1;
    for (int round = 0; round < ROUNDS; round++) {
        int text[LONG_TEXT];
        for (int i = 0; i < LONG_STEPS * COLUMNS; i++) {
            random = random * 1664525 + 1013904223;
            logp[i] = -(float)(random >> 8) / (1 << 24) * (round % 2 ? 90.0F : 4.0F);
        }
        for (int i = 0; i < LONG_TEXT; i++) {
            random = random * 1664525 + 1013904223;
            text[i] = 1 + (int)((random >> 8) % (COLUMNS - 1));
        }
        struct ctc_prefix prefix[2] = {{.ends_blank = a[0], .ends_char = b[0]},
                                       {.ends_blank = a[1], .ends_char = b[1]}};
        ctc_prefix_begin(&lattice, &prefix[0]);
        for (size_t k = 0; k < LONG_TEXT; k++)
            ctc_prefix_extend(&lattice, &prefix[k % 2], text[k], &prefix[(k + 1) % 2]);
        const double want = prefix[LONG_TEXT % 2].exact;
        const double got = ctc_log_probability(&lattice, text, LONG_TEXT);
        assert_true(fabs(got - want) <= 1e-9 * fabs(want));
    }
    /* One path alone spells it, 200 e-folds a step behind the blank. */
    const int only[] = {1, 2, 1, 2, 1, 2, 1, 2};
    lattice.steps = 8;
    for (int i = 0; i < 8 * COLUMNS; i++)
        logp[i] = i % COLUMNS == 0 ? 0.0F : -200.0F;
    assert_true(fabs(ctc_log_probability(&lattice, only, 8) + 1600) < 1e-9);
}

/* One step a character: "A", "-" for the blank. p of the best class is 0.9, `alt` gets 0.08. */
static void fill_path(struct store *store, const char *path, char alt)
{
    for (int step = 0; step < STEPS; step++) {
        for (int i = 0; i < COLUMNS; i++)
            store->logp[step * COLUMNS + i] = logf(points[i] == (uint32_t)alt ? 0.08F : 0.01F);
        const int best = path[step] == '-' ? 0 : path[step] - 'A' + 1;
        store->logp[step * COLUMNS + best] = logf(0.9F);
        store->reject[step] = logf(0.01F);
        store->best[step] = best;
        store->best_logp[step] = logf(0.9F);
    }
    store->lattice = (struct lattice){STEPS,         &alphabet,   store->logp,     COLUMNS,
                                      store->reject, store->best, store->best_logp};
}

static void test_greedy_reduces_runs_and_removes_blanks(void **state)
{
    (void)state;
    struct store store;
    struct text_char chars[STEPS];
    fill_path(&store, "AA-AB", 'C');
    assert_int_equal(ctc_greedy(&store.lattice, points, COLUMNS, chars, STEPS), 3);
    assert_int_equal(chars[0].c, 'A');
    assert_int_equal(chars[1].c, 'A');
    assert_int_equal(chars[2].c, 'B');
    for (int i = 0; i < 3; i++) {
        assert_true(fabsf(chars[i].p - 0.9F) < 1e-5F);
        assert_int_equal(chars[i].alt, 'C');
        assert_true(fabsf(chars[i].alt_p - 0.08F) < 1e-5F);
        assert_true(chars[i].from < chars[i].to);
        assert_true(i == 0 || chars[i].from == chars[i - 1].to);
    }
    const int steps[3][2] = {{0, 2}, {3, 4}, {4, 5}};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(chars[i].step, steps[i][0]);
        assert_int_equal(chars[i].end, steps[i][1]);
    }
    /* Middles at 1, 3.5 and 4.5 of 5 steps. */
    assert_true(fabsf(chars[0].to - 0.45F) < 1e-5F);
    assert_true(fabsf(chars[1].to - 0.8F) < 1e-5F);
    assert_true(chars[0].from == 0);
    assert_true(fabsf(chars[2].to - 1) < 1e-5F);
}

static void test_greedy_with_little_room_and_with_nothing_to_read(void **state)
{
    (void)state;
    struct store store;
    struct text_char one;
    fill_path(&store, "AA-AB", 'C');
    assert_int_equal(ctc_greedy(&store.lattice, points, COLUMNS, NULL, 0), 3);
    assert_int_equal(ctc_greedy(&store.lattice, points, COLUMNS, &one, 1), 3);
    assert_int_equal(one.c, 'A');
    fill_path(&store, "--B--", 'A');
    assert_int_equal(ctc_greedy(&store.lattice, points, COLUMNS, &one, 1), 1);
    assert_true(fabsf(one.from - 0.3F) < 1e-5F && fabsf(one.to - 0.7F) < 1e-5F);
    fill_path(&store, "-----", 'A');
    assert_int_equal(ctc_greedy(&store.lattice, points, COLUMNS, &one, 1), 0);
    const struct lattice empty = lattice_window(&store.lattice, 0, 0);
    assert_int_equal(ctc_greedy(&empty, points, COLUMNS, &one, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward_score_is_the_sum_over_paths),
        cmocka_unit_test(test_forward_score_of_what_is_unlikely),
        cmocka_unit_test(test_prefix_scores_are_sums_over_paths),
        cmocka_unit_test(test_texts_that_do_not_fit_have_no_probability),
        cmocka_unit_test(test_greedy_reduces_runs_and_removes_blanks),
        cmocka_unit_test(test_greedy_with_little_room_and_with_nothing_to_read),
    };
    return cmocka_run_group_tests_name("ocr/ctc", tests, NULL, NULL);
}
