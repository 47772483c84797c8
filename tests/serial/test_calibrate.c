/*
 * Probabilities and statuses: what must raise them, what must lower them, what is never sure.
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

/* The first reading's evidence on a label of `rows`; the label must be freed. */
static const struct ser_reading *first_of(struct label *label, const char *const *rows,
                                          size_t count)
{
    label_init(label, 0);
    label_rows(label, rows, count);
    assert_int_equal(label_find(label), SE_OK);
    assert_true(label->found.count > 0);
    return &label->found.readings[0];
}

/* More evidence never makes a reading less likely: the weights have the signs that say so. */
static void test_weights_have_their_signs(void **state)
{
    (void)state;
    static const enum evidence_term up[] = {EVIDENCE_ANCHOR, EVIDENCE_SHAPE, EVIDENCE_CUT,
                                            EVIDENCE_FORMAT, EVIDENCE_KNOWN, EVIDENCE_BARS,
                                            EVIDENCE_TWICE,  EVIDENCE_SOLE};
    static const enum evidence_term down[] = {
        EVIDENCE_BARE,   EVIDENCE_SHORT,   EVIDENCE_EDGE,   EVIDENCE_CLOSE,  EVIDENCE_TIGHT,
        EVIDENCE_ASKED,  EVIDENCE_TRADE,   EVIDENCE_NET,    EVIDENCE_PART,   EVIDENCE_ELSE,
        EVIDENCE_JOINED, EVIDENCE_AGAINST, EVIDENCE_LATER1, EVIDENCE_LATER2, EVIDENCE_LATER3};
    static const enum evidence_term clearer[] = {
        EVIDENCE_AGAIN, EVIDENCE_JOINT,  EVIDENCE_WORST,   EVIDENCE_LEAD,
        EVIDENCE_WHOLE, EVIDENCE_CLEAR,  EVIDENCE_WEAKEST, EVIDENCE_CERTAIN,
        EVIDENCE_KNOWN, EVIDENCE_PROVEN, EVIDENCE_TWICE,   EVIDENCE_REPAIR};
    static const enum evidence_term doubtful[] = {EVIDENCE_AGAINST, EVIDENCE_ALIKE, EVIDENCE_ODD,
                                                  EVIDENCE_SMALL, EVIDENCE_LENGTH};
    for (size_t i = 0; i < sizeof(up) / sizeof(up[0]); i++)
        assert_true(calibration_weights[up[i]] >= 0);
    for (size_t i = 0; i < sizeof(down) / sizeof(down[0]); i++)
        assert_true(calibration_weights[down[i]] <= 0);
    for (size_t i = 0; i < sizeof(clearer) / sizeof(clearer[0]); i++)
        assert_true(calibration_read_weights[clearer[i]] >= 0);
    for (size_t i = 0; i < sizeof(doubtful) / sizeof(doubtful[0]); i++)
        assert_true(calibration_read_weights[doubtful[i]] <= 0);
    assert_true(calibration_weights[EVIDENCE_ANCHOR] > 0);
    assert_true(calibration_read_weights[EVIDENCE_JOINT] + calibration_read_weights[EVIDENCE_LEAD] +
                    calibration_read_weights[EVIDENCE_WORST] >
                0);
    assert_float_equal((float)calibration_weights[EVIDENCE_READ], 1.0F, 1e-9F);
    assert_float_equal((float)calibration_weights[EVIDENCE_TOP], 1.0F, 1e-9F);
}

/* The score is the probability of the choice times that of the characters. */
static void test_both_must_hold(void **state)
{
    (void)state;
    double good[EVIDENCE_TERMS] = {[EVIDENCE_ANCHOR] = 6,
                                   [EVIDENCE_JOINT] = 20,
                                   [EVIDENCE_LEAD] = 8,
                                   [EVIDENCE_WORST] = 8,
                                   [EVIDENCE_AGAIN] = 1};
    double misread[EVIDENCE_TERMS];
    memcpy(misread, good, sizeof(good));
    misread[EVIDENCE_CERTAIN] = misread[EVIDENCE_WEAKEST] = misread[EVIDENCE_JOINT] = -10;
    misread[EVIDENCE_LEAD] = misread[EVIDENCE_WORST] = misread[EVIDENCE_CLEAR] = -10;
    evidence_finish(good);
    evidence_finish(misread);
    double choice = calibration_bias, read = calibration_read_bias;
    for (int i = 0; i < EVIDENCE_READ; i++) {
        choice += calibration_weights[i] * misread[i];
        read += calibration_read_weights[i] * misread[i];
    }
    const double both = 1 / (1 + exp(-choice)) / (1 + exp(-read));
    assert_float_equal((float)evidence_score(misread), (float)both, 1e-5F);
    assert_true(evidence_score(misread) < evidence_score(good));
    /* However good the choice: doubtful characters are not made up for. */
    misread[EVIDENCE_ANCHOR] = 1e3;
    evidence_finish(misread);
    assert_float_equal((float)evidence_score(misread), (float)(1 / (1 + exp(-read))), 1e-5F);
}

static void test_evidence_for_and_against(void **state)
{
    (void)state;
    static const char *const announced[] = {"S/N: AB4807162"};
    static const char *const bare[] = {"AB4807162"};
    static const char *const odd[] = {"S/N: AO48I7162"};
    struct label label;
    const float good = first_of(&label, announced, 1)->score;
    label_free(&label);
    const float none = first_of(&label, bare, 1)->score;
    label_free(&label);
    const float doubtful = first_of(&label, odd, 1)->score;
    assert_true(label.found.readings[0].evidence[EVIDENCE_ODD] > 1.5);
    label_free(&label);
    assert_true(none < good);
    assert_true(doubtful <= good);
}

/* What touches an edge of the picture may go on behind it. */
static void test_edge(void **state)
{
    (void)state;
    struct label label;
    label_init(&label, 0);
    label_line(&label, 100, 100, "S/N: AB4807162");
    assert_int_equal(label_find(&label), SE_OK);
    const double *inside = label.found.readings[0].evidence;
    assert_true(inside[EVIDENCE_EDGE] < 0.5);
    const float whole = label.found.readings[0].score;
    label_free(&label);
    label_init(&label, 0);
    label_line(&label, 100, 0, "S/N: AB4807162");
    assert_int_equal(label_find(&label), SE_OK);
    assert_true(label.found.readings[0].evidence[EVIDENCE_EDGE] > 0.5);
    assert_true(label.found.readings[0].score <= whole);
    label_free(&label);
}

static void test_status_by_max_error(void **state)
{
    (void)state;
    double evidence[EVIDENCE_TERMS] = {0};
    struct ser_reading reading = {.score = 0.999F, .evidence = evidence};
    assert_int_equal(ser_status_of(&reading, 0.002), SER_SURE);
    assert_int_equal(ser_status_of(&reading, 0.0005), SER_CHECK);
    assert_int_equal(ser_status_of(&reading, 0), SER_CHECK);
    reading.score = 1;
    assert_int_equal(ser_status_of(&reading, 0), SER_CHECK);
    reading.score = 0.6F;
    assert_int_equal(ser_status_of(&reading, 0.5), SER_SURE);
    assert_int_equal(ser_status_of(&reading, 0.3), SER_CHECK);
    evidence[EVIDENCE_CERTAIN] = -5;
    assert_int_equal(ser_status_of(&reading, 0.3), SER_UNREADABLE);
    assert_string_equal(ser_status_name(SER_SURE), "sure");
    assert_string_equal(ser_status_name(SER_CHECK), "check");
    assert_string_equal(ser_status_name(SER_UNREADABLE), "unreadable");
}

static void test_what_is_no_number_is_never_sure(void **state)
{
    (void)state;
    const double bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        double evidence[EVIDENCE_TERMS] = {[EVIDENCE_ANCHOR] = 6, [EVIDENCE_SHAPE] = bad[i]};
        evidence_finish(evidence);
        struct ser_reading reading = {.score = (float)evidence_score(evidence),
                                      .evidence = evidence};
        assert_true(reading.score >= 0 && reading.score <= 1);
        if (!(evidence[EVIDENCE_SHAPE] > 0))
            assert_int_not_equal(ser_status_of(&reading, 0.5), SER_SURE);
        reading.score = NAN;
        evidence[EVIDENCE_CERTAIN] = bad[i];
        assert_int_not_equal(ser_status_of(&reading, 0.5), SER_SURE);
    }
}

/* However much speaks for it, no reading is surer than there was anything to learn from. */
static void test_limit(void **state)
{
    (void)state;
    double evidence[EVIDENCE_TERMS] = {[EVIDENCE_ANCHOR] = 1e6, [EVIDENCE_CLEAR] = 1e6};
    evidence_finish(evidence);
    const double most = evidence_score(evidence);
    assert_float_equal((float)most, (float)(1 / (1 + exp(-calibration_limit))), 1e-6F);
    assert_true(most > 0.998 && most < 1);
}

/* A reading and its alternatives are hypotheses that exclude each other. */
static void test_alternatives_share_what_is_left(void **state)
{
    (void)state;
    struct label label;
    static const char *const rows[] = {"S/N: AB4807162 / 22", "MAC: 00:1B:63:84:45:E6",
                                       "9O7I15B8 Z2"};
    label_init(&label, 0);
    label_rows(&label, rows, 3);
    assert_int_equal(label_find(&label), SE_OK);
    for (size_t i = 0; i < label.found.count; i++) {
        const struct ser_reading *reading = &label.found.readings[i];
        float sum = reading->score;
        for (size_t k = 0; k < reading->alternative_count; k++) {
            assert_true(reading->alternatives[k].score >= 0);
            sum += reading->alternatives[k].score;
        }
        assert_true(sum <= 1.00001F);
    }
    label_free(&label);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_have_their_signs),
        cmocka_unit_test(test_both_must_hold),
        cmocka_unit_test(test_evidence_for_and_against),
        cmocka_unit_test(test_edge),
        cmocka_unit_test(test_status_by_max_error),
        cmocka_unit_test(test_what_is_no_number_is_never_sure),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_alternatives_share_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
