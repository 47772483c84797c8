/*
 * The format table: every example of every row; corrections by alphabet, check digit and
 * runner-up; shapes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "label_builder.h"
#include "serial/formats.h"
#include "serial/shapes.h"

static void test_every_example(void **state)
{
    (void)state;
    for (size_t i = 0; i < format_row_count; i++) {
        const struct format *format = &format_rows[i];
        int passing = 0, failing = 0;
        assert_true(strlen(format->name) > 0 && strlen(format->source) > 0);
        for (int k = 0; k < FORMAT_EXAMPLES; k++) {
            const char *good = format->pass[k], *bad = format->fail[k];
            if (good && !format_passes(format, good, strlen(good)))
                fail_msg("%s: %s should pass", format->name, good);
            if (bad && format_passes(format, bad, strlen(bad)))
                fail_msg("%s: %s should fail", format->name, bad);
            passing += good != NULL;
            failing += bad != NULL;
        }
        if (passing < 2 || failing < 2)
            fail_msg("%s: two examples of each sort are needed", format->name);
    }
}

static void test_every_pattern(void **state)
{
    (void)state;
    uint64_t masks[WORK_MAX_CODE];
    for (size_t i = 0; i < format_row_count; i++) {
        size_t lengths = 0;
        for (size_t length = 1; length <= WORK_MAX_CODE; length++) {
            if (!format_masks(&format_rows[i], length, masks))
                continue;
            lengths++;
            for (size_t k = 0; k < length; k++)
                assert_true(masks[k] != 0 && masks[k] >> FOLD_SYMBOLS == 0);
        }
        assert_true(lengths >= 1 && lengths <= 8);
    }
}

/* A wrong check digit, one wrong symbol and two swapped neighbours are seen. */
static void test_check_digits(void **state)
{
    (void)state;
    assert_true(check_vin("11111111111111111", 17));
    assert_false(check_vin("11111111111111112", 17));
    assert_false(check_vin("MP000000000871864", 17)); /* of COMP000000000871864, passes by chance */
    assert_true(check_iso6346("CSQU3054383", 11));
    assert_false(check_iso6346("CSUQ3054383", 11));
    assert_true(check_luhn("490154203237518", 15));
    assert_false(check_luhn("490154203273518", 15));
    assert_false(check_luhn("0", 1));
    assert_true(check_gtin("4006381333931", 13));
    assert_false(check_gtin("4006381333391", 13));
    assert_false(check_unicast("000000000000", 12));
}

static struct label one_line(const char *line)
{
    struct label label;
    label_init(&label, 0);
    label_line(&label, 100, 100, line);
    return label;
}

/* label_init's pointers are into the struct itself: repair them after a copy. */
static void settle(struct label *label)
{
    label->input.lines = label->lines;
    label->input.barcodes = label->barcodes;
    for (size_t i = 0; i < label->input.line_count; i++)
        label->lines[i].chars = label->chars[i];
}

static void test_alphabet_corrects(void **state)
{
    (void)state;
    struct label label = one_line("VIN: 1M8GDM9AXKPO42788");
    settle(&label);
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "1M8GDM9AXKP042788");
    assert_string_equal(label.found.readings[0].printed, "1M8GDM9AXKPO42788");
    assert_string_equal(label.found.readings[0].rules[11], "vin: alphabet and check digit");
    assert_null(label.found.readings[0].rules[10]);
    assert_int_equal(label.found.readings[0].chars[11].alt, 'O');
    label_free(&label);
}

static void test_check_digit_chooses_the_runner_up(void **state)
{
    (void)state;
    struct label label = one_line("1M8GDM9AXKP842788");
    settle(&label);
    label_runner_up(&label, 11, 0.55F, '0', 0.4F);
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "1M8GDM9AXKP042788");
    label_free(&label);

    label = one_line("CSQU 3054388");
    settle(&label);
    label_runner_up(&label, 11, 0.6F, '3', 0.35F);
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "CSQU3054383");
    assert_string_equal(label_kind(&label, 0), "container");
    label_free(&label);
}

/* A code that is sure and fits no format stays as it was read. */
static void test_nothing_is_corrected_blindly(void **state)
{
    (void)state;
    static const char *const codes[] = {"AB0O1I5S8B", "O1230O123", "WP0ZZZ99ZTS392125",
                                        "SO12B8G6Z2"};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        char line[64];
        snprintf(line, sizeof(line), "S/N: %s", codes[i]);
        struct label label = one_line(line);
        settle(&label);
        assert_int_equal(label_find(&label), SE_OK);
        assert_string_equal(label_text(&label, 0), codes[i]);
        for (size_t k = 0; k < label.found.readings[0].char_count; k++)
            assert_null(label.found.readings[0].rules[k]);
        label_free(&label);
    }
}

static void test_runner_up_becomes_alternative(void **state)
{
    (void)state;
    struct label label = one_line("S/N: 4807B1623");
    settle(&label);
    label_runner_up(&label, 9, 0.7F, '8', 0.28F);
    assert_int_equal(label_find(&label), SE_OK);
    const struct ser_reading *reading = &label.found.readings[0];
    assert_string_equal(reading->text, "4807B1623");
    assert_true(reading->alternative_count >= 1);
    assert_string_equal(reading->alternatives[0].text, "480781623");
    assert_true(reading->alternatives[0].score < reading->score);
    label_free(&label);
}

static void test_check_digit_is_computed(void **state)
{
    (void)state;
    struct label label = one_line("CSQU 305438");
    settle(&label);
    assert_int_equal(label_find(&label), SE_OK);
    const struct ser_reading *reading = &label.found.readings[0];
    assert_string_equal(reading->text, "CSQU3054383");
    assert_string_equal(reading->rules[10], "iso-6346: check digit computed");
    label_free(&label);

    label = one_line("CSQU 3054383");
    settle(&label);
    assert_int_equal(label_find(&label), SE_OK);
    assert_true(label.found.readings[0].score > 0.9F);
    label_free(&label);
}

static void test_shapes(void **state)
{
    (void)state;
    static const char *const no_codes[] = {
        "230V",       "1.26",           "110/220V",  "600rev/kWh",          "50Hz",
        "2022-06-14", "14.06.2022",     "06/2022",   "12JAN2019",           "12:30",
        "10.0.0.138", "1-800-822-8837", "www.a.com", "support.example.com", "480Rev/kWh",
        "4.5A",       "+49301234567",   "1/2",
    };
    static const char *const codes[] = {"4807X1623",       "C02QK1TVG8WP",        "16207297",
                                        "ABC-12345-6",     "00/000127834705/516", "12345A6",
                                        "029KNU6RM1016758"};
    static const char *const poor[] = {"IEC60950-1", "EN55032", "IP67",   "USB2.0", "E239218",
                                       "R-41000450", "C105",    "R12",    "94V-0",  "ASSEMBLED",
                                       "2019",       "DPN-100", "802.11b"};
    for (size_t i = 0; i < sizeof(no_codes) / sizeof(no_codes[0]); i++)
        if (!shape_of(no_codes[i]).no_code)
            fail_msg("%s is no code", no_codes[i]);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (shape_of(codes[i]).no_code || shape_of(codes[i]).bare < 0)
            fail_msg("%s looks like a serial number", codes[i]);
    for (size_t i = 0; i < sizeof(poor) / sizeof(poor[0]); i++)
        if (!shape_of(poor[i]).no_code && shape_of(poor[i]).bare > -1)
            fail_msg("%s does not look like a serial number: %f", poor[i],
                     (double)shape_of(poor[i]).bare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_example),
        cmocka_unit_test(test_every_pattern),
        cmocka_unit_test(test_check_digits),
        cmocka_unit_test(test_alphabet_corrects),
        cmocka_unit_test(test_check_digit_chooses_the_runner_up),
        cmocka_unit_test(test_nothing_is_corrected_blindly),
        cmocka_unit_test(test_runner_up_becomes_alternative),
        cmocka_unit_test(test_check_digit_is_computed),
        cmocka_unit_test(test_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
