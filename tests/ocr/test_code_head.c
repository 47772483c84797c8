/*
 * The last layer for codes: its table belongs to one alphabet; its gains are those of the formula;
 * what counts as a code; only a code's own steps are weighed, and what their symbols have together
 * stays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "ocr/code_head.h"

enum { ROWS = CODE_HEAD_ROWS, STEPS = 40, ROW = ROWS + LATTICE_EXTRA };

static const struct alphabet own = {ROWS, code_head_table.code_points};
static int32_t classes[ROWS];
static struct code_head head; /* of `own`, from set_up */

static void test_the_table_belongs_to_one_alphabet(void **state)
{
    (void)state;
    static struct code_head other_head;
    uint32_t points[ROWS];
    assert_int_equal(head.symbol[alphabet_column(&own, '0')], 0);
    assert_int_equal(head.symbol[alphabet_column(&own, 'Z')], 35);
    assert_int_equal(head.symbol[alphabet_column(&own, 'o')],
                     head.symbol[alphabet_column(&own, 'O')]);
    assert_int_equal(head.symbol[alphabet_column(&own, 0x0391)], 10); /* a Greek A */
    assert_int_equal(head.symbol[alphabet_column(&own, '-')], -1);
    const struct alphabet fewer = {ROWS - 1, own.code_points};
    assert_false(code_head_open(&other_head, &fewer));
    memcpy(points, own.code_points, sizeof(points));
    points[ROWS / 2] = 0x4E00;
    const struct alphabet other = {ROWS, points};
    assert_false(code_head_open(&other_head, &other));
}

/* An alphabet in another order has the same weights at its columns. */
static void test_columns_may_stand_in_any_order(void **state)
{
    (void)state;
    static struct code_head turned;
    uint32_t points[ROWS] = {0};
    float logp[ROWS], logp_turned[ROWS], a[CODE_SYMBOLS], b[CODE_SYMBOLS];
    for (int i = 0; i < ROWS; i++) {
        const int at = i == 0 ? 0 : ROWS - i;
        points[at] = own.code_points[i];
        logp_turned[at] = logp[i] = -(float)(i * 37 % 19);
    }
    const struct alphabet alphabet = {ROWS, points};
    assert_true(code_head_open(&turned, &alphabet));
    code_head_gains(&head, logp, a);
    code_head_gains(&turned, logp_turned, b);
    for (int s = 0; s < CODE_SYMBOLS; s++)
        assert_true(fabsf(a[s] - b[s]) < 1e-4F);
}

static void test_gains_follow_the_formula(void **state)
{
    (void)state;
    float logp[ROWS], gains[CODE_SYMBOLS];
    for (int i = 0; i < ROWS; i++)
        logp[i] = -(float)(i * i % 101); /* some below CODE_HEAD_LEAST */
    code_head_gains(&head, logp, gains);
    double mean = 0;
    for (int i = 0; i < ROWS; i++)
        mean += fmax((double)logp[i], -30) / ROWS;
    for (int s = 0; s < CODE_SYMBOLS; s++) {
        double want = code_head_table.bias[s] / 10000.0;
        for (int i = 0; i < ROWS; i++)
            want += code_head_table.weights[i][s] / 10000.0 * (fmax((double)logp[i], -30) - mean);
        assert_true(fabs((double)gains[s] - want) < 1e-3);
    }
}

/* `codes`: x below each character of a code. */
static void assert_codes(const char *text, const char *codes)
{
    struct text_char chars[64] = {{0}};
    bool is_code[64];
    const size_t count = strlen(text);
    assert_int_equal(strlen(codes), count);
    for (size_t i = 0; i < count; i++)
        chars[i].c = (unsigned char)text[i];
    code_head_find(chars, count, is_code);
    for (size_t i = 0; i < count; i++)
        if (is_code[i] != (codes[i] == 'x'))
            fail_msg("%s: character %zu", text, i);
}

static void test_what_a_code_is(void **state)
{
    (void)state;
    assert_codes("S/N: AB12CD", "     xxxxxx");
    assert_codes("MODEL XYZA", "          "); /* no digit */
    assert_codes("AB1 12 1A2B", "       xxxx");
    assert_codes("1234-567", "xxxx xxx");
    assert_codes("-1234-", " xxxx ");
    assert_codes("12--34", "      ");
    assert_codes("Hello1234", "         ");
    assert_codes("AB12o4", "xxxxxx"); /* drawn like a capital */
    assert_codes("", "");
}

/* A lattice in which step 2 i + 1 says text[i], `other` next to it with odds of e^-lead, and all
 * else is unlikely. */
static struct lattice lattice_of(const char *text, char other, float lead, struct arena *arena)
{
    static float rows[STEPS * ROW];
    const int steps = 2 * (int)strlen(text) + 1;
    for (int step = 0; step < steps; step++) {
        float *row = rows + (size_t)step * ROW;
        const int best = step % 2 ? alphabet_column(&own, (unsigned char)text[step / 2]) : 0;
        for (int i = 0; i < ROW; i++)
            row[i] = -12 - (float)(i % 5);
        row[best] = step % 2 ? logf(0.99F / (1 + expf(-lead))) : logf(0.99F);
        if (step % 2)
            row[alphabet_column(&own, (unsigned char)other)] = row[best] - lead;
        row[ROWS + 1] = (float)best;
        row[ROWS + 2] = row[best];
    }
    struct lattice lattice;
    assert_int_equal(lattice_from_head(&own, rows, steps, ROWS, arena, &lattice), 0);
    return lattice;
}

static size_t text_of(const struct lattice *lattice, struct text_char chars[STEPS])
{
    uint32_t points[ROWS];
    for (int i = 0; i < ROWS; i++) {
        classes[i] = i;
        points[i] = own.code_points[i];
    }
    return ctc_greedy(lattice, points, ROWS, chars, STEPS);
}

static float sum_of_symbols(const float *row)
{
    float sum = 0;
    for (int i = 1; i < ROWS; i++)
        sum += head.symbol[i] >= 0 ? expf(row[i]) : 0;
    return sum;
}

/* A line that says `text`, Q next to each symbol by odds of 1 in e, and what the layer makes of it.
 */
struct line {
    struct lattice lattice, out;
    struct text_char chars[STEPS];
    size_t count;
};

static int read_line(struct line *line, const char *text, struct arena *arena, struct arena *room)
{
    line->lattice = lattice_of(text, 'Q', 1, arena);
    line->count = text_of(&line->lattice, line->chars);
    assert_int_equal(line->count, strlen(text));
    return code_head_apply(&head, &line->lattice, line->chars, line->count, classes, room,
                           &line->out);
}

static void test_only_the_codes_of_a_line_are_weighed(void **state)
{
    struct line line;
    assert_int_equal(read_line(&line, "SN A1B2C", *state, *state), 0);
    const struct lattice lattice = line.lattice, out = line.out;
    for (int step = 0; step < lattice.steps; step++) {
        const float *before = lattice.logp + (size_t)step * lattice.stride;
        const float *after = out.logp + (size_t)step * out.stride;
        if (step < 6) {
            assert_memory_equal(before, after, ROWS * sizeof(float));
            continue;
        }
        const float sum = sum_of_symbols(before);
        assert_true(fabsf(sum_of_symbols(after) - sum) < 1e-3F * (sum + 1e-3F));
        assert_true(before[0] == after[0] && lattice.reject[step] == out.reject[step]);
    }
    /* The odds at a symbol's peak move by the difference of the gains. */
    float gains[CODE_SYMBOLS];
    const int peak = code_head_peak(&lattice, &line.chars[3]);
    const int a = alphabet_column(&own, 'A'), q = alphabet_column(&own, 'Q');
    assert_int_equal(peak, 7);
    code_head_gains(&head, lattice.logp + (size_t)peak * lattice.stride, gains);
    const float *row = out.logp + (size_t)peak * out.stride;
    assert_true(fabsf(row[q] - row[a] - (gains[26] - gains[10] - 1)) < 1e-3F);
}

static void test_a_line_without_codes_stays_the_same(void **state)
{
    struct line line;
    assert_int_equal(read_line(&line, "MODEL NAME", *state, *state), 0);
    assert_ptr_equal(line.out.logp, line.lattice.logp);
}

static void test_spent_memory_is_reported(void **state)
{
    struct line line;
    int failed = 0;
    for (size_t room = 16; room < 40000; room = room * 3 / 2) {
        struct arena small;
        arena_init(&small, room);
        const int status = read_line(&line, "A1B2C3", *state, &small);
        assert_true(status == 0 || status == -1);
        failed += status != 0;
        arena_free(&small);
    }
    assert_true(failed > 3);
}

static int set_up(void **state)
{
    static struct arena arena;
    arena_init(&arena, 1 << 20);
    *state = &arena;
    return code_head_open(&head, &own) ? 0 : -1;
}

static int tear_down(void **state)
{
    arena_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table_belongs_to_one_alphabet),
        cmocka_unit_test(test_columns_may_stand_in_any_order),
        cmocka_unit_test(test_gains_follow_the_formula),
        cmocka_unit_test(test_what_a_code_is),
        cmocka_unit_test(test_only_the_codes_of_a_line_are_weighed),
        cmocka_unit_test(test_a_line_without_codes_stays_the_same),
        cmocka_unit_test(test_spent_memory_is_reported),
    };
    return cmocka_run_group_tests_name("ocr/code_head", tests, set_up, tear_down);
}
