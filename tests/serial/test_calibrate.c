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
#include "serial/calibrate.h"
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
        EVIDENCE_JOINED, EVIDENCE_AGAINST, EVIDENCE_LATER1, EVIDENCE_LATER2, EVIDENCE_LATER3,
        EVIDENCE_NEAR,   EVIDENCE_GLUED};
    static const enum evidence_term clearer[] = {
        EVIDENCE_AGAIN, EVIDENCE_JOINT,  EVIDENCE_WORST,   EVIDENCE_LEAD,
        EVIDENCE_WHOLE, EVIDENCE_CLEAR,  EVIDENCE_WEAKEST, EVIDENCE_CERTAIN,
        EVIDENCE_KNOWN, EVIDENCE_PROVEN, EVIDENCE_TWICE,   EVIDENCE_REPAIR};
    static const enum evidence_term doubtful[] = {
        EVIDENCE_AGAINST, EVIDENCE_ALIKE, EVIDENCE_ODD,    EVIDENCE_SMALL,   EVIDENCE_LENGTH,
        EVIDENCE_ZERO,    EVIDENCE_TWIN,  EVIDENCE_FORCED, EVIDENCE_OUTVOTED};
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
    /* No doubt is set: what is likely is what is strict. */
    const double sum = log(both / (1 - both)), put_right = evidence_curve(sum, sum);
    assert_float_equal((float)evidence_score(misread), (float)(1 / (1 + exp(-put_right))), 1e-5F);
    assert_true(evidence_score(misread) < evidence_score(good));
    /* However good the choice: doubtful characters are not made up for. */
    misread[EVIDENCE_ANCHOR] = 1e3;
    evidence_finish(misread);
    assert_float_equal((float)evidence_score(misread),
                       (float)(1 / (1 + exp(-evidence_curve(read, read)))), 1e-5F);
}

/* A code with a doubt is hardly ever sure, but mostly right. */
static void test_doubts(void **state)
{
    (void)state;
    double clear[EVIDENCE_TERMS] = {
        [EVIDENCE_ANCHOR] = 6, [EVIDENCE_SERIAL] = 1, [EVIDENCE_CLEAR] = 5, [EVIDENCE_JOINT] = 5};
    double narrow[EVIDENCE_TERMS], many[EVIDENCE_TERMS];
    memcpy(narrow, clear, sizeof(clear));
    memcpy(many, clear, sizeof(clear));
    narrow[EVIDENCE_ZERO] = 1;
    many[EVIDENCE_ZERO] = many[EVIDENCE_NARROW] = many[EVIDENCE_TWIN] = 1;
    evidence_finish(clear);
    evidence_finish(narrow);
    evidence_finish(many);
    assert_true(evidence_score(clear) > 0.998);
    assert_true(evidence_score(narrow) < 0.99 && evidence_score(narrow) > 0.7);
    assert_true(evidence_score(many) < evidence_score(narrow) && evidence_score(many) > 0.3);
    for (int i = 0; i < EVIDENCE_TERMS; i++) {
        assert_true(calibration_doubts[i] >= 0 && calibration_doubts[i] < 1);
        assert_true(!(calibration_doubts[i] > 0) || calibration_read_weights[i] < 0);
    }
}

/* More evidence never makes a reading less likely, and none is without doubt. */
static void test_curve_ascends(void **state)
{
    (void)state;
    const struct evidence_point *const curves[] = {calibration_strict, calibration_middle};
    const int counts[] = {calibration_strict_points, calibration_middle_points};
    for (int c = 0; c < 2; c++) {
        assert_true(counts[c] >= 2);
        for (int i = 1; i < counts[c]; i++) {
            assert_true(curves[c][i].sum > curves[c][i - 1].sum);
            assert_true(curves[c][i].log_odds >= curves[c][i - 1].log_odds);
        }
    }
    for (int i = 0; i < calibration_strict_points; i++)
        assert_float_equal((float)evidence_curve(calibration_strict[i].sum, -30),
                           (float)calibration_strict[i].log_odds, 1e-6F);
    for (double sum = -30; sum < 30; sum += 0.125)
        for (double likely = -30; likely < 30; likely += 0.5) {
            const double least = evidence_curve(sum, likely) - 1e-9; /* but for rounding */
            assert_true(evidence_curve(sum + 0.125, likely) >= least);
            assert_true(evidence_curve(sum, likely + 0.5) >= least);
        }
    assert_true(evidence_curve(1e6, 1e6) <= 7.61);
    assert_true(evidence_curve(-1e6, 1e6) <= calibration_strict[0].log_odds);
    assert_true(evidence_curve(-1e6, -1e6) < -1e5);
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

/* What looks like the number of an approval is no worse a serial number where a format allows it.
 */
static void test_looks(void **state)
{
    (void)state;
    static const char *const lenovo[] = {"S/N: LR637LRX"};
    static const char *const other[] = {"S/N: YXW5SC2"};
    static const char *const approval[] = {"No. R-90528503"};
    struct label label;
    const struct ser_reading *reading = first_of(&label, lenovo, 1);
    assert_string_equal(reading->format, "lenovo");
    assert_true(reading->evidence[EVIDENCE_SHAPE] < -2);
    assert_float_equal((float)reading->evidence[EVIDENCE_LOOKS], 0.0F, 1e-6F);
    label_free(&label);
    reading = first_of(&label, approval, 1);
    assert_true(reading->evidence[EVIDENCE_LOOKS] < -2);
    assert_int_not_equal(ser_status_of(reading, 0.002), SER_SURE);
    label_free(&label);
    reading = first_of(&label, other, 1);
    assert_float_equal((float)reading->evidence[EVIDENCE_KNOWN], 0.0F, 1e-6F);
    assert_true(reading->evidence[EVIDENCE_LOOKS] < -0.5);
    label_free(&label);
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

/* The values of `term` on a label of one line. */
static double term_of(const char *line, enum evidence_term term)
{
    struct label label;
    const double value = first_of(&label, &line, 1)->evidence[term];
    label_free(&label);
    return value;
}

/* Short codes need a word or a barcode; a known format is as long as it is. */
static void test_short(void **state)
{
    (void)state;
    assert_float_equal((float)term_of("AB48071", EVIDENCE_SHORT), 1.0F, 1e-6F);
    assert_float_equal((float)term_of("S/N: AB48071", EVIDENCE_SHORT), 0.0F, 1e-6F);
    assert_float_equal((float)term_of("S/N: A4807", EVIDENCE_SHORT), 1.0F, 1e-6F);
    struct label label;
    label_init(&label, 0);
    label_line(&label, 100, 160, "165340");
    label_barcode(&label, 100, 100, "code39", "165340");
    assert_int_equal(label_find(&label), SE_OK);
    assert_float_equal((float)label.found.readings[0].evidence[EVIDENCE_SHORT], 0.0F, 1e-6F);
    label_free(&label);
    assert_float_equal((float)term_of("Service Tag: 4QXK5J3", EVIDENCE_SHORT), 0.0F, 1e-6F);
    assert_float_equal((float)term_of("48071623", EVIDENCE_DIGITS), 1.0F, 1e-6F);
    assert_float_equal((float)term_of("S/N: 48071623", EVIDENCE_DIGITS), 0.0F, 1e-6F);
}

/* A barcode that repeats a code tells that it was asked for, unless another code beside it has one
 * as well and no word says which of them is the serial number. */
static void test_bars_beside_other_bars(void **state)
{
    struct label label;
    (void)state;
    for (int others = 0; others < 3; others++) {
        label_init(&label, 0);
        label_line(&label, 100, 100, "XK48071-623");
        label_barcode(&label, 100, 140, "code128", "XK48071-623");
        if (others > 0) {
            label_line(&label, 100, 300, others == 1 ? "R7TDMMFZLW4NY6" : "4006381333931");
            label_barcode(&label, 100, 340, others == 1 ? "code128" : "ean13",
                          others == 1 ? "R7TDMMFZLW4NY6" : "4006381333931");
        }
        assert_int_equal(label_find(&label), SE_OK);
        assert_float_equal((float)label.found.readings[0].evidence[EVIDENCE_BARS],
                           others == 1 ? 0.0F : 1.0F, 1e-6F);
        if (others == 1)
            assert_int_not_equal(ser_status_of(&label.found.readings[0], 0.002), SER_SURE);
        label_free(&label);
    }
}

/* Digits with dashes are a part number's more often, unless a word says otherwise. */
static void test_bars_of_a_part_number(void **state)
{
    static const char *const lines[] = {"105-48853-12", "S/N: 105-48853-12"};
    struct label label;
    (void)state;
    for (int i = 0; i < 2; i++) {
        label_init(&label, 0);
        label_line(&label, 100, 100, lines[i]);
        label_barcode(&label, 100, 140, "code128", "105-48853-12");
        assert_int_equal(label_find(&label), SE_OK);
        assert_string_equal(label_text(&label, 0), "105-48853-12");
        assert_float_equal((float)label.found.readings[0].evidence[EVIDENCE_BARS], (float)i, 1e-6F);
        if (i == 0)
            assert_int_not_equal(ser_status_of(&label.found.readings[0], 0.002), SER_SURE);
        label_free(&label);
    }
}

/* What a format is worth without its check digit: four letters and a voltage are no container. */
static void test_format_without_check_digit(void **state)
{
    static const char *const rows[] = {"CSQU3054383", "CSQU 305438"};
    static const float worth[] = {7, 3};
    struct label label;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct ser_reading *reading = first_of(&label, &rows[i], 1);
        assert_string_equal(label_kind(&label, 0), "container");
        assert_float_equal((float)reading->evidence[EVIDENCE_FORMAT], 7.0F, 1e-6F);
        assert_float_equal((float)reading->evidence[EVIDENCE_FITS], worth[i], 1e-6F);
        label_free(&label);
    }
}

/* Before an asset number comes any serial number: another code near it is a doubt, in a picture
 * where it would be none about a serial number. */
static void test_near(void **state)
{
    (void)state;
    static const char *const asset[] = {"PROPERTY TAG AST-094776", "FVHWK7J2YG8D"};
    static const char *const serial[] = {"S/N: AST-094776", "FVHWK7J2YG8D"};
    struct label label;
    assert_true(first_of(&label, asset, 2)->evidence[EVIDENCE_NEAR] > 0.5);
    label_free(&label);
    assert_float_equal((float)first_of(&label, asset, 1)->evidence[EVIDENCE_NEAR], 0.0F, 1e-6F);
    label_free(&label);
    assert_float_equal((float)first_of(&label, serial, 2)->evidence[EVIDENCE_NEAR], 0.0F, 1e-6F);
    label_free(&label);
}

/* What nearly was its twin is not clear, however the rest was read: a zero at any size, others in
 * small print. */
static void test_twins(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        size_t at;
        char alt;
        float alt_p, height;
        double zero, twin, narrow;
    } rows[] = {
        {"S/N: AB4W0T162", 9, 'O', 0.01F, 24, 1, 0, 0},
        {"S/N: AB4W0T162", 9, 'O', 0.01F, 60, 1, 0, 0},
        {"S/N: AB4W0T162", 9, 'O', 0.002F, 24, 6.5 - 6.205, 0, 0},
        {"S/N: AB4W0T162", 9, 'O', 0.0001F, 24, 0, 0, 0},
        /* counted once; what is no `zero` is `narrow` */
        {"S/N: AB4W0T162", 9, 'O', 0.05F, 24, 1, 0, 0},
        {"S/N: 4807012345", 8, 'O', 0.05F, 24, 0, 0, 1},
        {"S/N: AB4WUT162", 9, 'V', 0.05F, 24, 0, 0, 1},
        {"S/N: AB4W0T162", 9, 'B', 0.01F, 24, 0, 0, 4.7 - 4.595},
        {"S/N: AB4WOT162", 9, '0', 0.01F, 24, 1, 0, 0},
        {"S/N: 4807012345", 8, 'O', 0.005F, 24, 0, 0, 0},
        {"S/N: 4807012345", 6, '0', 0.007F, 24, 0, 1, 0},
        {"S/N: 4807012345", 6, '0', 0.004F, 24, 0, 6 - 5.511, 0},
        {"S/N: 4807012345", 6, '0', 0.007F, 36, 0, 0.5, 0},
        {"S/N: 4807012345", 6, '0', 0.007F, 48, 0, 0, 0},
        {"S/N: 4807012345", 6, '6', 0.007F, 24, 0, 0, 0},
        {"S/N: 4807012345", 6, '6', 0.02F, 48, 0, 0, 4.7 - 3.902},
        {"S/N: 4807012345", 6, '6', 0.05F, 48, 0, 0, 1},
        {"S/N: 4807012345", 6, ':', 0.05F, 48, 0, 0, 0},
        {"S/N: 4807012345", 7, '8', 0.007F, 24, 0, 0, 0},
        {"S/N: AB4W6T162", 9, 'G', 0.007F, 24, 0, 1, 0},
        {"S/N: AB4WUT162", 9, 'V', 0.007F, 24, 0, 0, 0},
        {"S/N: AB4WNT162", 9, 'W', 0.05F, 60, 0, 0, 1},
        {"S/N: AB4WKT162", 9, 'k', 0.05F, 24, 0, 0, 0},
        /* what the format does not allow there: a letter for the year */
        {"S/N: CNU748K7F4", 8, 'T', 0.05F, 24, 0, 0, 0},
        {"S/N: CNU748K7F4", 8, '1', 0.05F, 24, 0, 0, 1},
        {"S/N: CNU748K7F4", 11, 'X', 0.05F, 24, 0, 0, 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct label label;
        label_init(&label, 0);
        struct ser_line *line = label_line(&label, 100, 100, rows[i].line);
        line->quad[2][1] = line->quad[3][1] = 100 + rows[i].height;
        label_runner_up(&label, rows[i].at, 0.99F, rows[i].alt, rows[i].alt_p);
        assert_int_equal(label_find(&label), SE_OK);
        const double *e = label.found.readings[0].evidence;
        assert_float_equal((float)e[EVIDENCE_ZERO], (float)rows[i].zero, 0.01F);
        assert_float_equal((float)e[EVIDENCE_TWIN], (float)rows[i].twin, 0.01F);
        assert_float_equal((float)e[EVIDENCE_NARROW], (float)rows[i].narrow, 0.01F);
        label_free(&label);
    }
}

static void test_glued(void **state)
{
    (void)state;
    assert_float_equal((float)term_of("SN48071623", EVIDENCE_GLUED), 1.0F, 1e-6F);
    assert_float_equal((float)term_of("SN 48071623", EVIDENCE_GLUED), 0.0F, 1e-6F);
    assert_float_equal((float)term_of("S/N48071623", EVIDENCE_GLUED), 0.0F, 1e-6F);
    assert_float_equal((float)term_of("S/N148071623", EVIDENCE_GLUED), 1.0F, 1e-6F);
    assert_float_equal((float)term_of("S/N 148071623", EVIDENCE_GLUED), 0.0F, 1e-6F);
    assert_float_equal((float)term_of("S/N:148071623", EVIDENCE_GLUED), 0.0F, 1e-6F);
}

/* Not read again is no evidence against what was clear, and none for what was not. */
static void test_clear_enough_to_read_once(void **state)
{
    (void)state;
    struct label label;
    label_init(&label, 0);
    label_line(&label, 100, 100, "S/N: AB4807162");
    for (size_t i = 0; i < label.lines[0].count; i++)
        label.chars[0][i].p = 0.99999F;
    assert_int_equal(label_find(&label), SE_OK);
    assert_true(label.found.readings[0].evidence[EVIDENCE_CLEAR] >= CLEAR_ENOUGH);
    assert_float_equal((float)label.found.readings[0].evidence[EVIDENCE_JOINT], 20.0F, 1e-6F);
    label_free(&label);
    assert_true(term_of("S/N: AB4807162", EVIDENCE_CLEAR) < CLEAR_ENOUGH);
    assert_true(term_of("S/N: AB4807162", EVIDENCE_JOINT) <= 8);
}

/* The nearer an edge, the likelier that it cuts; from a third of the height on there would be room
 * for another character to be seen. */
static void test_nearness_of_edge(void **state)
{
    (void)state;
    static const struct {
        float x;
        double edge;
    } rows[] = {{1, 1}, {2.4F, 1}, {5.4F, 0.5}, {8.4F, 0}, {100, 0}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct label label;
        label_init(&label, 0);
        label_line(&label, rows[i].x, 100, "AB4807162");
        assert_int_equal(label_find(&label), SE_OK);
        assert_float_equal((float)label.found.readings[0].evidence[EVIDENCE_EDGE],
                           (float)rows[i].edge, 0.01F);
        label_free(&label);
    }
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
    assert_float_equal(
        (float)most,
        (float)(1 / (1 + exp(-calibration_strict[calibration_strict_points - 1].log_odds))), 1e-6F);
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
        cmocka_unit_test(test_doubts),
        cmocka_unit_test(test_curve_ascends),
        cmocka_unit_test(test_evidence_for_and_against),
        cmocka_unit_test(test_looks),
        cmocka_unit_test(test_edge),
        cmocka_unit_test(test_nearness_of_edge),
        cmocka_unit_test(test_short),
        cmocka_unit_test(test_bars_beside_other_bars),
        cmocka_unit_test(test_bars_of_a_part_number),
        cmocka_unit_test(test_format_without_check_digit),
        cmocka_unit_test(test_near),
        cmocka_unit_test(test_twins),
        cmocka_unit_test(test_glued),
        cmocka_unit_test(test_clear_enough_to_read_once),
        cmocka_unit_test(test_status_by_max_error),
        cmocka_unit_test(test_what_is_no_number_is_never_sure),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_alternatives_share_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
