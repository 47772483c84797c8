/*
 * Lattices: from a network's output, windows of them, and windows joined again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/ctc.h"
#include "base/lattice.h"

enum { COLUMNS = 27, ROW = COLUMNS + LATTICE_EXTRA, MAX_STEPS = 400 };

static uint32_t points[COLUMNS];
static const struct alphabet alphabet = {COLUMNS, points};
static float head[MAX_STEPS * ROW];

/* The head's output for a path, one character a step, '-' for the blank. */
static void fill_head(const char *path)
{
    for (size_t step = 0; path[step]; step++) {
        float *row = head + step * ROW;
        for (int i = 0; i < ROW; i++)
            row[i] = logf(0.001F);
        const int best = path[step] == '-' ? 0 : path[step] - 'A' + 1;
        row[best] = logf(0.9F);
        row[COLUMNS + 1] = (float)best;
        row[COLUMNS + 2] = logf(0.9F);
    }
}

static struct lattice make_lattice(const char *path, struct arena *arena)
{
    struct lattice lattice;
    fill_head(path);
    assert_int_equal(
        lattice_from_head(&alphabet, head, (int)strlen(path), COLUMNS, arena, &lattice), 0);
    return lattice;
}

static void assert_reads(const struct lattice *lattice, const char *want)
{
    struct text_char chars[MAX_STEPS];
    const size_t count = ctc_greedy(lattice, points, COLUMNS, chars, MAX_STEPS);
    assert_int_equal(count, strlen(want));
    for (size_t i = 0; i < count; i++)
        assert_int_equal(chars[i].c, want[i]);
}

static int set_up(void **state)
{
    static struct arena arena;
    arena_init(&arena, 16 << 20);
    for (int i = 1; i < COLUMNS; i++)
        points[i] = (uint32_t)('A' + i - 1);
    *state = &arena;
    return 0;
}

static int tear_down(void **state)
{
    arena_free(*state);
    return 0;
}

static void test_columns_are_found_by_code_point(void **state)
{
    (void)state;
    assert_int_equal(alphabet_column(&alphabet, 'A'), 1);
    assert_int_equal(alphabet_column(&alphabet, 'Z'), 26);
    assert_int_equal(alphabet_column(&alphabet, 'a'), -1);
    assert_int_equal(alphabet_column(&alphabet, 0), -1);
}

static void test_hostile_output_is_tamed(void **state)
{
    fill_head("AB");
    head[0] = NAN;
    head[1] = INFINITY;
    head[2] = -INFINITY;
    head[COLUMNS] = 3;
    head[COLUMNS + 1] = NAN;
    head[ROW + COLUMNS + 1] = 1e30F;
    struct lattice lattice;
    assert_int_equal(lattice_from_head(&alphabet, head, 2, COLUMNS, *state, &lattice), 0);
    for (int i = 0; i < 2 * COLUMNS; i++)
        assert_true(isfinite(lattice.logp[i]) && lattice.logp[i] <= 0);
    assert_true(lattice.reject[0] == 0);
    assert_int_equal(lattice.best[0], 0);
    assert_int_equal(lattice.best[1], 0);
}

static void test_spent_arena_is_reported(void **state)
{
    (void)state;
    struct arena small;
    arena_init(&small, 256);
    struct lattice lattice;
    fill_head("ABCDEFGH");
    assert_int_equal(lattice_from_head(&alphabet, head, 8, COLUMNS, &small, &lattice), -1);
    arena_free(&small);
}

static void test_window_is_cut_to_what_there_is(void **state)
{
    const struct lattice lattice = make_lattice("A-B-C-D", *state);
    const struct lattice middle = lattice_window(&lattice, 2, 5);
    assert_reads(&middle, "BC");
    const struct lattice end = lattice_window(&lattice, 4, 100);
    assert_int_equal(end.steps, 3);
    assert_reads(&end, "CD");
    assert_int_equal(lattice_window(&lattice, 9, 12).steps, 0);
    assert_int_equal(lattice_window(&lattice, -3, 1).steps, 1);
}

static void test_joined_windows_read_as_the_whole(void **state)
{
    const char *path = "HH-EE--LL-L-OO---W-OO-RR--LL-DD-";
    const int steps = (int)strlen(path);
    for (int overlap = 4; overlap <= 12; overlap++) {
        for (int width = 2 * overlap; width < steps; width++) {
            struct lattice windows[16];
            int overlaps[16], count = 0;
            for (int x = 0; count == 0 || x + overlap < steps; x += width - overlap) {
                char part[64] = {0};
                const int length = steps - x < width ? steps - x : width;
                memcpy(part, path + x, (size_t)length);
                overlaps[count] = overlap;
                windows[count++] = make_lattice(part, *state);
            }
            struct lattice whole;
            assert_int_equal(lattice_join(windows, overlaps, count, *state, &whole), 0);
            assert_int_equal(whole.steps, steps);
            assert_reads(&whole, "HELLOWORLD");
        }
    }
}

/* What a window sees of a character that its border cuts is not taken over. */
static void test_characters_cut_by_a_border_are_read_whole(void **state)
{
    const struct lattice windows[] = {make_lattice("A-B-C-J", *state),
                                      make_lattice("L-C-D-E", *state)};
    const int overlap[] = {5};
    struct lattice whole;
    assert_int_equal(lattice_join(windows, overlap, 2, *state, &whole), 0);
    assert_int_equal(whole.steps, 9);
    assert_reads(&whole, "ABCDE");
}

static void test_overlaps_longer_than_windows_are_shortened(void **state)
{
    const struct lattice windows[] = {make_lattice("A-", *state), make_lattice("-", *state),
                                      make_lattice("--B", *state)};
    const int overlap[] = {9, 9};
    struct lattice whole;
    assert_int_equal(lattice_join(windows, overlap, 3, *state, &whole), 0);
    assert_reads(&whole, "AB");
    assert_int_equal(lattice_join(windows, overlap, 1, *state, &whole), 0);
    assert_reads(&whole, "A");
}

/* Two sure readings against one: what most say stands, as probable as they make it. */
static void test_mean_of_readings(void **state)
{
    int32_t classes[COLUMNS];
    for (int i = 0; i < COLUMNS; i++)
        classes[i] = i;
    const struct lattice u = make_lattice("--B-U--", *state), v = make_lattice("--B-V--", *state);
    struct lattice half, mean;
    assert_int_equal(lattice_mean(&u, &v, 0.5F, classes, *state, &half), 0);
    assert_int_equal(half.steps, 7);
    assert_true(fabsf(expf(half.logp[4 * half.stride + 'U' - 'A' + 1]) - 0.4505F) < 1e-4F);
    assert_int_equal(lattice_mean(&half, &v, 1.0F / 3, classes, *state, &mean), 0);
    assert_reads(&mean, "BV");
    assert_true(fabsf(expf(mean.best_logp[4]) - 0.6003F) < 1e-3F);
    assert_true(fabsf(expf(mean.best_logp[2]) - 0.9F) < 1e-4F);
    for (int step = 0; step < 7; step++)
        assert_true(fabsf(expf(mean.reject[step]) - 0.001F) < 1e-5F);
}

/* A class without a column stays the best where both readings say so, or one outweighs all. */
static void test_mean_of_classes_without_a_column(void **state)
{
    static const struct alphabet few = {2, points};
    const int32_t classes[2] = {0, 1};
    const float rows[2][2 + LATTICE_EXTRA] = {
        {logf(0.1F), logf(0.1F), logf(0.8F), 17, logf(0.7F)},
        {logf(0.1F), logf(0.8F), logf(0.1F), 1, logf(0.8F)},
    };
    struct lattice other, ours, mean;
    assert_int_equal(lattice_from_head(&few, rows[0], 1, 30, *state, &other), 0);
    assert_int_equal(lattice_from_head(&few, rows[1], 1, 30, *state, &ours), 0);
    assert_int_equal(lattice_mean(&other, &other, 0.5F, classes, *state, &mean), 0);
    assert_int_equal(mean.best[0], 17);
    assert_true(fabsf(expf(mean.best_logp[0]) - 0.7F) < 1e-4F);
    assert_int_equal(lattice_mean(&other, &ours, 0.5F, classes, *state, &mean), 0);
    assert_int_equal(mean.best[0], 1);
    assert_int_equal(lattice_mean(&other, &ours, 0.1F, classes, *state, &mean), 0);
    assert_int_equal(mean.best[0], 17);
    assert_true(fabsf(expf(mean.best_logp[0]) - 0.63F) < 1e-4F);
}

/* Columns A and B of one step in which something else may be best. */
static struct lattice step_of(float a, float b, float blank, int best, struct arena *arena)
{
    float row[ROW];
    for (int i = 0; i < ROW; i++)
        row[i] = logf(1e-6F);
    row[0] = logf(blank);
    row[1] = logf(a);
    row[2] = logf(b);
    row[COLUMNS + 1] = (float)best;
    row[COLUMNS + 2] = fmaxf(row[0], fmaxf(row[1], row[2]));
    struct lattice lattice;
    assert_int_equal(lattice_from_head(&alphabet, row, 1, COLUMNS, arena, &lattice), 0);
    return lattice;
}

static int32_t own_classes[COLUMNS];

/* Column 1 gains log-odds against column 2 in steps first … end-1. */
static int weigh(const struct lattice *from, int first, int end, float log_odds,
                 struct arena *arena, struct lattice *to)
{
    const struct column_odds odds[2] = {{1, log_odds}, {2, 0}};
    const struct lattice_change change = {first, end, odds, 2};
    return lattice_weigh(from, &change, 1, own_classes, arena, to);
}

static void test_weighing_moves_odds_and_keeps_the_sum(void **state)
{
    for (int i = 0; i < COLUMNS; i++)
        own_classes[i] = i;
    const struct lattice from = step_of(0.1F, 0.8F, 0.05F, 2, *state);
    struct lattice to;
    assert_int_equal(weigh(&from, 0, 1, logf(16), *state, &to), 0);
    assert_true(fabsf(expf(to.logp[1]) - 0.6F) < 1e-4F); /* odds 1:8 become 2:1 */
    assert_true(fabsf(expf(to.logp[2]) - 0.3F) < 1e-4F);
    assert_int_equal(to.best[0], 1);
    assert_true(to.best_logp[0] == to.logp[1]);
    assert_true(to.logp[0] == from.logp[0] && to.reject[0] == from.reject[0]);
    assert_true(fabsf(expf(from.logp[2]) - 0.8F) < 1e-6F); /* as it was */
    assert_int_equal(weigh(&from, 1, 1, 9, *state, &to), 0);
    assert_memory_equal(to.logp, from.logp, COLUMNS * sizeof(float));
}

static void test_weighing_may_leave_another_class_best(void **state)
{
    /* 0.5 and 0.02 become 0.26 each: the blank's 0.45 is more. */
    const struct lattice from = step_of(0.5F, 0.02F, 0.45F, 1, *state);
    struct lattice to;
    assert_int_equal(weigh(&from, 0, 1, -logf(25), *state, &to), 0);
    assert_int_equal(to.best[0], 0);
    assert_true(to.best_logp[0] == from.logp[0]);
    /* 0.4 and 0.35 become 0.02 and 0.73: more than what was best. */
    const struct lattice blank = step_of(0.4F, 0.35F, 0.42F, 0, *state);
    assert_int_equal(weigh(&blank, 0, 1, -logf(42), *state, &to), 0);
    assert_int_equal(to.best[0], 2);
}

/* Of three columns and two changes: the odds are multiplied, what all have together stays. */
static void test_changes_follow_one_another(void **state)
{
    const struct lattice from = step_of(0.1F, 0.6F, 0.2F, 1, *state);
    const struct column_odds first[3] = {{1, 1}, {2, 2}, {3, -1}}, second[2] = {{2, 1}, {1, 0}};
    const struct lattice_change changes[3] = {
        {-4, 9, first, 3}, {0, 1, second, 2}, {0, 1, NULL, 0}};
    struct lattice to;
    assert_int_equal(lattice_weigh(&from, changes, 3, own_classes, *state, &to), 0);
    const float odds = to.logp[2] - to.logp[1] - (from.logp[2] - from.logp[1]);
    assert_true(fabsf(odds - 2) < 1e-4F);
    float before = 0, after = 0;
    for (int i = 1; i <= 3; i++) {
        before += expf(from.logp[i]);
        after += expf(to.logp[i]);
    }
    assert_true(fabsf(before - after) < 1e-5F);
    assert_true(to.logp[3] < from.logp[3] - 1 && to.logp[0] == from.logp[0]);
    assert_int_equal(to.best[0], 2);
}

static void test_weighing_extremes_stay_finite(void **state)
{
    const struct lattice from = step_of(0, 0, 1, 0, *state);
    struct lattice to;
    for (int sign = -1; sign <= 1; sign += 2) {
        assert_int_equal(weigh(&from, 0, 1, (float)sign * 1e6F, *state, &to), 0);
        assert_true(isfinite(to.logp[1]) && to.logp[1] <= 0);
        assert_true(isfinite(to.logp[2]) && to.logp[2] <= 0);
        assert_int_equal(to.best[0], 0);
    }
    struct arena small;
    arena_init(&small, 64);
    assert_int_equal(weigh(&from, 0, 1, 1, &small, &to), -1);
    arena_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_are_found_by_code_point),
        cmocka_unit_test(test_hostile_output_is_tamed),
        cmocka_unit_test(test_spent_arena_is_reported),
        cmocka_unit_test(test_window_is_cut_to_what_there_is),
        cmocka_unit_test(test_joined_windows_read_as_the_whole),
        cmocka_unit_test(test_characters_cut_by_a_border_are_read_whole),
        cmocka_unit_test(test_overlaps_longer_than_windows_are_shortened),
        cmocka_unit_test(test_mean_of_readings),
        cmocka_unit_test(test_mean_of_classes_without_a_column),
        cmocka_unit_test(test_weighing_moves_odds_and_keeps_the_sum),
        cmocka_unit_test(test_weighing_may_leave_another_class_best),
        cmocka_unit_test(test_changes_follow_one_another),
        cmocka_unit_test(test_weighing_extremes_stay_finite),
    };
    return cmocka_run_group_tests_name("ocr/lattice", tests, set_up, tear_down);
}
