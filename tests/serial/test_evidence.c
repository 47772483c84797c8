/*
 * Scores as sums of named terms.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "label_builder.h"
#include "serial/evidence.h"

static void test_names(void **state)
{
    (void)state;
    for (int i = 0; i < EVIDENCE_TERMS; i++) {
        const char *name = evidence_name((enum evidence_term)i);
        assert_non_null(name);
        assert_true(strlen(name) > 0 && strlen(name) <= 10);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(name, evidence_name((enum evidence_term)k));
    }
}

/* Every score is what its terms and the weights say. */
static void test_scores_are_sums(void **state)
{
    (void)state;
    struct label label;
    label_init(&label, 0);
    static const char *const rows[] = {"Model: X200-5@S/N: AB4807162", "MAC: 00:1B:63:84:45:E6",
                                       "IMEI 356938035643809", "16207297"};
    label_rows(&label, rows, 4);
    label_barcode(&label, 100, 400, "code128", "AB4807162");
    assert_int_equal(label_find(&label), SE_OK);
    assert_true(label.found.count >= 4);
    for (size_t i = 0; i < label.found.count; i++) {
        const struct ser_reading *reading = &label.found.readings[i];
        double sum = calibration_bias;
        for (int k = 0; k < EVIDENCE_TERMS; k++) {
            assert_true(isfinite(reading->evidence[k]));
            sum += calibration_weights[k] * reading->evidence[k];
        }
        assert_float_equal(reading->score, (float)(1 / (1 + exp(-sum))), 1e-6);
    }
    const double *first = label.found.readings[0].evidence;
    assert_string_equal(label_text(&label, 0), "AB4807162");
    assert_true(first[EVIDENCE_ANCHOR] > 5);
    assert_true(first[EVIDENCE_BARCODE] > 1);
    assert_float_equal((float)first[EVIDENCE_SERIAL], 1.0F, 1e-6F);
    assert_float_equal((float)first[EVIDENCE_LENGTH], 0.9F, 1e-6F);
    assert_true(first[EVIDENCE_RIVAL] < 0);
    label_free(&label);
}

static void test_wrong_anchor_is_negative(void **state)
{
    (void)state;
    struct label label;
    label_init(&label, 0);
    label_line(&label, 100, 100, "Lot No. 548071622");
    assert_int_equal(label_find(&label), SE_OK);
    for (size_t i = 0; i < label.found.count; i++)
        assert_true(label.found.readings[i].evidence[EVIDENCE_ANCHOR] < -1);
    label_free(&label);
}

/* However much speaks for a code: it is no surer than its characters. */
static void test_characters_bound_the_score(void **state)
{
    (void)state;
    double values[EVIDENCE_TERMS] = {[EVIDENCE_ANCHOR] = 30};
    evidence_close(values, 1);
    assert_float_equal((float)evidence_sum(values), 30.0F, 1e-5F);
    assert_float_equal((float)values[EVIDENCE_CEILING], -23.0F, 1e-5F);
    assert_float_equal((float)values[EVIDENCE_CHARACTERS], 0.0F, 1e-5F);
    evidence_close(values, 0.25);
    assert_float_equal((float)(1 / (1 + exp(-7 - values[EVIDENCE_CHARACTERS]))), 0.25F, 1e-3F);
    evidence_close(values, 0);
    assert_true(isfinite(values[EVIDENCE_CHARACTERS]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_scores_are_sums),
        cmocka_unit_test(test_wrong_anchor_is_negative),
        cmocka_unit_test(test_characters_bound_the_score),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
