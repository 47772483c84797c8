/*
 * Readings with a user's pattern, a list of known serial numbers, and formats, from lattices made
 * up for the purpose: what is known corrects a reading, and cannot invent one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "serial/evidence.h"
#include "serial/known_list.h"
#include "serial/pattern.h"
#include "failing_malloc.h"
#include "strip_builder.h"

/* ---- what is asked -------------------------------------------------------------------------- */

/* One strip, and what is known about it. */
struct question {
    struct strip strip;
    struct label label;
    struct pattern *pattern;
    struct known_list *known;
};

static struct question asked;

static void begin(const char *text)
{
    label_init(&asked.label, 0);
    strip_spell(&asked.strip, text);
}

static void give_pattern(const char *text)
{
    assert_int_equal(pattern_compile(&asked.pattern, text, NULL), SE_OK);
    asked.label.input.pattern = pattern_automaton(asked.pattern);
}

static void give_list(const char *text)
{
    assert_int_equal(known_list_read(&asked.known, text, strlen(text), "list", NULL), SE_OK);
    asked.label.input.known = asked.known;
}

static const struct ser_reading *answer(void)
{
    strip_add(&asked.label, &asked.strip);
    assert_int_equal(label_find(&asked.label), SE_OK);
    assert_true(asked.label.found.count > 0);
    return &asked.label.found.readings[0];
}

static int end(void **state)
{
    (void)state;
    label_free(&asked.label);
    pattern_free(asked.pattern);
    known_list_free(asked.known);
    asked.pattern = NULL;
    asked.known = NULL;
    return 0;
}

static void assert_rule(const struct ser_reading *reading, size_t at, const char *rule)
{
    if (!rule)
        assert_null(reading->rules[at]);
    else
        assert_string_equal(reading->rules[at], rule);
}

/* ---- patterns ------------------------------------------------------------------------------- */

static void test_a_pattern_decides_between_two(void **state)
{
    (void)state;
    begin("S/N: SKD7204913");
    strip_set(&asked.strip, 2 * 7, 'O', 0.6F, 'D');
    give_pattern("[A-Z]KD[0-9]{7}");
    const struct ser_reading *reading = answer();
    assert_string_equal(reading->text, "SKD7204913");
    assert_string_equal(reading->printed, "SKO7204913");
    assert_true(reading->matches_pattern);
    assert_rule(reading, 1, NULL);
    assert_rule(reading, 2, "pattern");
    assert_true(reading->score > 0.5F);
}

static void test_a_pattern_that_agrees_changes_nothing(void **state)
{
    (void)state;
    begin("S/N: SKD7204913");
    give_pattern("[A-Z]{3}[0-9]{7}");
    const struct ser_reading *reading = answer();
    assert_string_equal(reading->text, "SKD7204913");
    assert_true(reading->matches_pattern);
    assert_int_equal(reading->known, SER_KNOWN_UNASKED);
    for (size_t i = 0; i < reading->char_count; i++)
        assert_rule(reading, i, NULL);
}

/* The picture says plainly something else: it stays, and is not said to match. */
static void test_a_wrong_pattern_invents_nothing(void **state)
{
    (void)state;
    begin("S/N: SKD7204913");
    give_pattern("[0-9]{10}");
    const struct ser_reading *reading = answer();
    assert_string_equal(reading->text, "SKD7204913");
    assert_false(reading->matches_pattern);
}

/* What the pattern makes of it is unlikely: whatever is answered, it is not sure. */
static void test_a_wrong_pattern_makes_nothing_sure(void **state)
{
    (void)state;
    begin("S/N: SKD7204913");
    give_pattern("5KD[0-9]{7}");
    const struct ser_reading *reading = answer();
    if (strcmp(reading->text, "5KD7204913") == 0)
        assert_true(reading->score < 0.5F);
    else
        assert_string_equal(reading->text, "SKD7204913");
}

/* How doubtful the picture must be before a rule that is wrong is followed, and that it never is
 * for sure: the same with a pattern and with a list. */
static void test_a_wrong_rule_is_never_sure(void **state)
{
    static const float seen[] = {0.999F, 0.99F, 0.95F, 0.9F, 0.8F, 0.7F, 0.6F, 0.51F};
    (void)state;
    for (size_t i = 0; i < 2 * sizeof(seen) / sizeof(seen[0]); i++) {
        const float p = seen[i / 2];
        begin("S/N: SKD7204913");
        strip_set(&asked.strip, 2 * 5, 'S', p, '5');
        if (i % 2 == 0)
            give_pattern("5KD[0-9]{7}");
        else
            give_list("5KD7204913\nXKD7204913\n");
        const struct ser_reading *reading = answer();
        if (strcmp(reading->text, "5KD7204913") == 0) {
            assert_int_not_equal(ser_status_of(reading, 0.002), SER_SURE);
            assert_non_null(reading->alone.text);
            assert_string_equal(reading->alone.text, "SKD7204913");
            assert_true(reading->alone.text_p > reading->alone.p);
            assert_true(reading->alone.p > 0);
        } else {
            assert_string_equal(reading->text, "SKD7204913");
            assert_false(reading->matches_pattern);
            assert_null(reading->alone.text);
        }
        end(NULL);
    }
}

/* A rule that agrees is told beside the picture's own word. */
static void test_unconstrained_agrees(void **state)
{
    (void)state;
    begin("S/N: SKD7204913");
    give_pattern("SKD[0-9]{7}");
    const struct ser_reading *reading = answer();
    assert_string_equal(reading->alone.text, "SKD7204913");
    assert_float_equal(reading->alone.p, reading->alone.text_p, 1e-6F);
    assert_true(reading->alone.p > 0.5F);
}

/* Two equal digits without a blank between them read as one. */
static void test_a_symbol_more(void **state)
{
    (void)state;
    begin("S/N: SKD7224913");
    strip_set(&asked.strip, 2 * 9 + 1, '2', 0.6F, '\0');
    give_pattern("[A-Z]{3}[0-9]{7}");
    const struct ser_reading *reading = answer();
    assert_string_equal(reading->printed, "SKD724913");
    assert_string_equal(reading->text, "SKD7224913");
    assert_true(reading->matches_pattern);
    assert_int_equal(reading->char_count, 10);
}

/* A speck read as one more. */
static void test_a_symbol_less(void **state)
{
    (void)state;
    begin("S/N: SKD72104913");
    strip_set(&asked.strip, 2 * 10, '1', 0.6F, '\0');
    give_pattern("[A-Z]{3}[0-9]{7}");
    const struct ser_reading *reading = answer();
    assert_string_equal(reading->printed, "SKD72104913");
    assert_string_equal(reading->text, "SKD7204913");
    assert_true(reading->matches_pattern);
}

/* Separators count where the pattern names them. */
static void test_separators_of_a_pattern(void **state)
{
    (void)state;
    begin("S/N: SKD-7204913");
    give_pattern("[A-Z]{3}\\-[0-9]{7}");
    assert_string_equal(answer()->text, "SKD-7204913");
    assert_true(asked.label.found.readings[0].matches_pattern);
    end(NULL);
    begin("S/N: SKD-7204913");
    give_pattern("[A-Z]{3}\\/[0-9]{7}");
    assert_false(answer()->matches_pattern);
}

/* A code that nothing announces, when it alone looks as asked. */
static void test_what_fits_comes_first(void **state)
{
    (void)state;
    static struct strip other;
    begin("S/N: SKD7204913");
    give_pattern("[0-9]{6}[A-Z]{2}");
    strip_spell(&other, "Tested 204417-QX");
    strip_add(&asked.label, &other);
    const struct ser_reading *reading = answer();
    assert_true(reading->matches_pattern);
    assert_string_equal(reading->text, "204417QX");
    assert_int_equal(reading->kind, SER_SERIAL);
    assert_string_equal(label_text(&asked.label, 1), "SKD7204913");
}

/* ---- lists ---------------------------------------------------------------------------------- */

static void test_a_list_has_it(void **state)
{
    (void)state;
    begin("S/N: SKD-7204913");
    give_list("SKD7204912\nskd 7204913\nSKD7204914\n");
    const struct ser_reading *reading = answer();
    assert_string_equal(reading->text, "SKD-7204913");
    assert_int_equal(reading->known, SER_KNOWN_EXACT);
    assert_string_equal(ser_known_name(reading->known), "exact");
    assert_float_equal((float)reading->evidence[EVIDENCE_FORCED], 0.0F, 1e-6F);
}

static void test_a_list_has_the_nearest(void **state)
{
    (void)state;
    begin("S/N: SKD7204913");
    strip_set(&asked.strip, 2 * 13, '7', 0.7F, '1');
    give_list("SKD7204910\nSKD7204913\nSKD7204923\n");
    const struct ser_reading *reading = answer();
    assert_string_equal(reading->printed, "SKD7204973");
    assert_string_equal(reading->text, "SKD7204913");
    assert_int_equal(reading->known, SER_KNOWN_NEAREST);
    assert_rule(reading, 8, "known list");
    assert_true(reading->score > 0.5F);
    /* The list alone makes it certain: its strip holds the other text for likelier. Lists may be
     * wrong as a whole. */
    assert_float_equal((float)reading->evidence[EVIDENCE_FORCED], 2.0F, 1e-6F);
    /* What the list has changed was not read: only `repair` and `forced` speak of it. */
    assert_float_equal((float)reading->evidence[EVIDENCE_NARROW], 0.0F, 1e-6F);
}

/* The nearest by the picture's probabilities, not by the number of symbols that differ. */
static void test_nearest_is_what_the_picture_says(void **state)
{
    (void)state;
    begin("S/N: SKD7204913");
    strip_set(&asked.strip, 2 * 13, '7', 0.6F, '1');
    strip_set(&asked.strip, 2 * 14, '8', 0.6F, '3');
    give_list("SKD7204913\nSKD7204977\n");
    const struct ser_reading *reading = answer();
    assert_string_equal(reading->printed, "SKD7204978");
    assert_string_equal(reading->text, "SKD7204913");
    assert_int_equal(reading->known, SER_KNOWN_NEAREST);
}

static void test_what_is_new_stays(void **state)
{
    (void)state;
    begin("S/N: SKD7204913");
    give_list("SKD7204912\nSKD7204918\nXYZ1234567\n");
    const struct ser_reading *reading = answer();
    assert_string_equal(reading->text, "SKD7204913");
    assert_int_equal(reading->known, SER_KNOWN_NEW);
    assert_string_equal(ser_known_name(reading->known), "new");
}

static void test_a_list_and_a_pattern(void **state)
{
    (void)state;
    begin("S/N: SKD7204913");
    give_list("SKD7204913\n");
    give_pattern("[A-Z]{3}[0-9]{7}");
    const struct ser_reading *reading = answer();
    assert_int_equal(reading->known, SER_KNOWN_EXACT);
    assert_true(reading->matches_pattern);
    end(NULL);
    begin("S/N: SKD7204913");
    give_list("XYZ1234567\n");
    give_pattern("[A-Z]{3}[0-9]{7}");
    reading = answer();
    assert_int_equal(reading->known, SER_KNOWN_NEW);
    assert_true(reading->matches_pattern);
}

/* A barcode is right or not read at all: never taken for its neighbour on the list. */
static void test_a_barcode_is_not_corrected(void **state)
{
    (void)state;
    label_init(&asked.label, 0);
    label_barcode(&asked.label, 100, 100, "code128", "SKD720491O");
    give_list("SKD7204910\n");
    assert_int_equal(label_find(&asked.label), SE_OK);
    assert_string_equal(label_text(&asked.label, 0), "SKD720491O");
    assert_int_equal(asked.label.found.readings[0].known, SER_KNOWN_NEW);
}

/* ---- formats and alternatives --------------------------------------------------------------- */

/* The check digit of an IMEI tells which of two readings is right, and of which length. */
static void test_a_format_finds_its_code(void **state)
{
    (void)state;
    begin("IMEI: 352099001761481");
    strip_set(&asked.strip, 2 * 10, '9', 0.6F, '\0');
    strip_set(&asked.strip, 2 * 10 + 1, '9', 0.6F, '\0');
    const struct ser_reading *reading = answer();
    assert_string_equal(reading->printed, "35209001761481");
    assert_string_equal(reading->text, "352099001761481");
    assert_string_equal(reading->format, "imei");
}

static void test_alternatives_have_other_lengths(void **state)
{
    (void)state;
    begin("S/N: SKD7224913");
    strip_set(&asked.strip, 2 * 9 + 1, '\0', 0.7F, '2');
    const struct ser_reading *reading = answer();
    assert_string_equal(reading->text, "SKD7224913");
    assert_true(label_has(&asked.label, "SKD724913"));
    float sum = reading->score;
    for (size_t i = 0; i < reading->alternative_count; i++)
        sum += reading->alternatives[i].score;
    assert_true(sum <= 1.0001F);
}

/* ---- bounds --------------------------------------------------------------------------------- */

/* Many lines whose lattices say everything at once, with numbers that are none among them. */
static void test_hostile_lattices(void **state)
{
    (void)state;
    begin("S/N: SKD7204913 ABCD1234EFGH");
    give_pattern("([A-Z0-9]{1,8}[0-9]?){1,4}");
    give_list("AAAA\nABCD1234EFGH\nSKD7204913\nSKD7204914\n");
    for (size_t i = 0; i < LABEL_LINES; i++)
        strip_add(&asked.label, &asked.strip);
    for (size_t i = 12; i < (size_t)asked.strip.lattice.steps; i++)
        for (size_t k = 0; k < STRIP_COLUMNS; k++)
            asked.strip.logp[i * STRIP_COLUMNS + k] = (i + k) % 7 ? -1 : -0.5F;
    asked.strip.logp[14 * STRIP_COLUMNS + 3] = NAN;
    asked.strip.logp[16 * STRIP_COLUMNS + 4] = INFINITY;
    asked.strip.reject[18] = NAN;
    assert_int_equal(label_find(&asked.label), SE_OK);
    assert_true(asked.label.found.count > 0);
    for (size_t i = 0; i < asked.label.found.count; i++) {
        const struct ser_reading *reading = &asked.label.found.readings[i];
        assert_true(reading->score >= 0 && reading->score <= 1);
        assert_int_equal(strlen(reading->text), reading->char_count);
    }
}

/* Characters whose steps are not the lattice's are decoded from their own probabilities. */
static void test_steps_out_of_the_lattice(void **state)
{
    (void)state;
    static const int steps[][2] = {{-5, -1}, {7, 3}, {1 << 30, (1 << 30) + 1}, {0, 1}};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        begin("S/N: SKD7204913");
        give_pattern("[A-Z]{3}[0-9]{7}");
        strip_add(&asked.label, &asked.strip);
        for (size_t k = 5; k < 15; k++) {
            asked.label.chars[0][k].step = steps[i][0];
            asked.label.chars[0][k].end = steps[i][1];
        }
        assert_int_equal(label_find(&asked.label), SE_OK);
        assert_string_equal(label_text(&asked.label, 0), "SKD7204913");
        assert_true(asked.label.found.readings[0].matches_pattern);
        end(NULL);
    }
    begin("S/N: SKD7204913");
}

static void test_every_allocation_fails(void **state)
{
    (void)state;
    if (!failing_malloc_works())
        skip();
    begin("S/N: SKD7224913");
    strip_set(&asked.strip, 2 * 9 + 1, '2', 0.6F, '\0');
    give_pattern("[A-Z]{3}[0-9]{7}");
    give_list("SKD7224914\nXYZ1234567\n");
    strip_add(&asked.label, &asked.strip);
    for (size_t n = 1;; n++) {
        arena_free(&asked.label.arena);
        arena_init(&asked.label.arena, 1 << 20);
        failing_malloc_start(n, FAILING_THIS_THREAD);
        const int status = label_find(&asked.label);
        const bool failed = failing_malloc_stop() >= n;
        assert_int_equal(status, failed ? SE_ERR_MEMORY : SE_OK);
        if (!failed)
            break;
        assert_int_equal(asked.label.found.count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_a_pattern_decides_between_two, end),
        cmocka_unit_test_teardown(test_a_pattern_that_agrees_changes_nothing, end),
        cmocka_unit_test_teardown(test_a_wrong_pattern_invents_nothing, end),
        cmocka_unit_test_teardown(test_a_wrong_pattern_makes_nothing_sure, end),
        cmocka_unit_test_teardown(test_a_wrong_rule_is_never_sure, end),
        cmocka_unit_test_teardown(test_unconstrained_agrees, end),
        cmocka_unit_test_teardown(test_a_symbol_more, end),
        cmocka_unit_test_teardown(test_a_symbol_less, end),
        cmocka_unit_test_teardown(test_separators_of_a_pattern, end),
        cmocka_unit_test_teardown(test_what_fits_comes_first, end),
        cmocka_unit_test_teardown(test_a_list_has_it, end),
        cmocka_unit_test_teardown(test_a_list_has_the_nearest, end),
        cmocka_unit_test_teardown(test_nearest_is_what_the_picture_says, end),
        cmocka_unit_test_teardown(test_what_is_new_stays, end),
        cmocka_unit_test_teardown(test_a_list_and_a_pattern, end),
        cmocka_unit_test_teardown(test_a_barcode_is_not_corrected, end),
        cmocka_unit_test_teardown(test_a_format_finds_its_code, end),
        cmocka_unit_test_teardown(test_alternatives_have_other_lengths, end),
        cmocka_unit_test_teardown(test_hostile_lattices, end),
        cmocka_unit_test_teardown(test_steps_out_of_the_lattice, end),
        cmocka_unit_test_teardown(test_every_allocation_fails, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
