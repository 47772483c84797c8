/*
 * Codes of which glare, a scratch or a blot hides a part: what is left must not look whole.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "serial/evidence.h"
#include "strip_builder.h"

static struct strip strip, again;
static struct label label, others;

/* The evidence for `text` (NULL: whichever is first) in a line that says `printed`, '#' being a
 * character that nothing was read of. */
static const struct ser_reading *read_line(const char *printed, const char *text)
{
    char spelled[LABEL_CHARS + 1] = {0};
    label_init(&label, 0);
    for (size_t i = 0; printed[i]; i++)
        spelled[i] = printed[i] == '#' ? '0' : printed[i];
    strip_spell(&strip, spelled);
    for (size_t i = 0; printed[i]; i++)
        if (printed[i] == '#') {
            strip_set(&strip, 2 * i, '\0', 0.999F, '0');
            strip_set(&strip, 2 * i + 1, '\0', 0.999F, '0');
        }
    strip_add(&label, &strip);
    assert_int_equal(label_find(&label), SE_OK);
    assert_true(label.found.count > 0);
    if (text)
        assert_string_equal(label_text(&label, 0), text);
    return &label.found.readings[0];
}

static void test_even_print_has_no_gap(void **state)
{
    static const char *const codes[] = {"AB4807162", "WM1IT7I1W", "111111A1", "AB-4807-162"};
    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        char line[64] = "S/N: ";
        strcat(line, codes[i]);
        const struct ser_reading *reading = read_line(line, codes[i]);
        assert_float_equal((float)reading->evidence[EVIDENCE_GAP], 0.0F, 1e-6F);
        assert_null(strstr(reading->why, "missing"));
        label_free(&label);
    }
}

static void test_hidden_character_leaves_a_gap(void **state)
{
    static const char *const printed[] = {"S/N: TW#8K3F57M2X", "S/N: TW8K3#57M2X",
                                          "S/N: TW8K3F57M#X", "S/N: TW8##F57M2X"};
    static const char *const read[] = {"TW8K3F57M2X", "TW8K357M2X", "TW8K3F57MX", "TW8F57M2X"};
    (void)state;
    for (size_t i = 0; i < sizeof(read) / sizeof(read[0]); i++) {
        const struct ser_reading *reading = read_line(printed[i], read[i]);
        assert_true(reading->evidence[EVIDENCE_GAP] >= 1);
        assert_int_equal(ser_status_of(reading, 0.002), SER_CHECK);
        assert_non_null(strstr(reading->why, "a character may be missing"));
        const float damaged = reading->score;
        label_free(&label);
        char whole[64] = "S/N: ";
        strcat(whole, read[i]);
        assert_true(read_line(whole, read[i])->score > damaged + 0.003F);
        label_free(&label);
    }
}

/* The values of two cells of a table, read as one: what is nearly a space between them is no part
 * of the characters beside it. */
static void test_what_may_be_a_space_leaves_a_gap(void **state)
{
    (void)state;
    label_init(&label, 0);
    strip_spell(&strip, "S/N: 431063869011");
    for (size_t step = 28; step < 30; step++)
        strip_set(&strip, step, '\0', 0.52F, ' ');
    strip_add(&label, &strip);
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "43106386911");
    assert_float_equal((float)label.found.readings[0].evidence[EVIDENCE_GAP], 2.0F, 0.05F);
    assert_int_not_equal(ser_status_of(&label.found.readings[0], 0.002), SER_SURE);
    label_free(&label);
}

/* Spaces of groups are no gaps when they are alike; one that is wider than a space is. */
static void test_spaces(void **state)
{
    (void)state;
    const struct ser_reading *reading = read_line("S/N: 1829 3502 0825", "182935020825");
    assert_float_equal((float)reading->evidence[EVIDENCE_GAP], 0.0F, 1e-6F);
    label_free(&label);
    reading = read_line("S/N: 1829 3502 #0825", "182935020825");
    assert_true(reading->evidence[EVIDENCE_GAP] >= 1);
    label_free(&label);
    reading = read_line("S/N: 5904 #049", "5904049");
    assert_true(reading->evidence[EVIDENCE_GAP] >= 1);
    label_free(&label);
}

/* Further readings take part only where they say the same. */
static void test_further_readings_are_averaged(void **state)
{
    (void)state;
    label_init(&label, 0);
    label_init(&others, 0);
    strip_spell(&strip, "S/N: TW08K3F57M2X");
    strip_set(&strip, 14, '\0', 0.999F, '0');
    strip_set(&strip, 15, '\0', 0.999F, '0');
    strip_spell(&again, "S/N: TW8K3F57M2X");
    strip_add(&label, &strip);
    strip_add(&others, &strip);
    strip_add(&others, &again);
    for (size_t i = 0; i < 2; i++)
        memcpy(others.lines[i].quad, label.lines[0].quad, sizeof(label.lines[0].quad));
    label.lines[0].again = others.lines;
    label.lines[0].again_count = 2;
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "TW8K3F57M2X");
    const double gap = label.found.readings[0].evidence[EVIDENCE_GAP];
    assert_true(gap > 0 && gap < 1);
    label_free(&label);
    label_free(&others);
}

static const struct ser_reading *read_rows(const char *const *rows, size_t count, const char *text)
{
    label_init(&label, 0);
    label_rows(&label, rows, count);
    assert_int_equal(label_find(&label), SE_OK);
    assert_true(label.found.count > 0);
    assert_string_equal(label_text(&label, 0), text);
    return &label.found.readings[0];
}

/* What is left of a maker's code is too short for one. */
static void test_all_but_a_few_symbols_of_a_format(void **state)
{
    static const char *const rows[][2] = {{"S/N: 2UA201MGV", NULL},
                                          {"S/N: FOC2226W7", NULL},
                                          {"S/N: SAL174TYS", NULL},
                                          {"Service Tag: 4QXK5J", NULL},
                                          {"Cisco Systems", "S/N: XQZ1234X0"}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const size_t count = rows[i][1] ? 2 : 1;
        const char *text = strrchr(rows[i][count - 1], ' ') + 1;
        const struct ser_reading *reading = read_rows(rows[i], count, text);
        assert_float_equal((float)reading->evidence[EVIDENCE_LACKS], 1.0F, 1e-6F);
        assert_int_not_equal(ser_status_of(reading, 0.002), SER_SURE);
        assert_non_null(strstr(reading->why, "short of a known format"));
        label_free(&label);
    }
}

static void test_whole_codes_lack_nothing(void **state)
{
    static const char *const rows[] = {"S/N: 2UA2016MGV",      "S/N: FOC2226W7VG", "S/N: XQ4081726",
                                       "Service Tag: 4QXK5J3", "S/N: FOCXW7K2",    "S/N: 48071623"};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *text = strrchr(rows[i], ' ') + 1;
        assert_float_equal((float)read_rows(&rows[i], 1, text)->evidence[EVIDENCE_LACKS], 0.0F,
                           1e-6F);
        label_free(&label);
    }
}

/* A barcode holds all of what it holds. */
static void test_barcode_proves_a_short_code_whole(void **state)
{
    (void)state;
    label_init(&label, 0);
    label_line(&label, 100, 100, "S/N: 2UA201MGV");
    label_barcode(&label, 100, 130, "code128", "2UA201MGV");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "2UA201MGV");
    assert_float_equal((float)label.found.readings[0].evidence[EVIDENCE_LACKS], 0.0F, 1e-6F);
    label_free(&label);
}

/* What screens and receipts hide on purpose. */
static void test_marks_that_hide(void **state)
{
    static const char *const hidden[][2] = {
        {"S/N: ****48071623", "48071623"},
        {"S/N: ** 48071623", "48071623"},
        {"S/N: 48071623***", "48071623"},
        {"S/N: ####48071623", "48071623"},
        {"SN: \xE2\x80\xA2\xE2\x80\xA2 48071623", "48071623"},
        {"Serial number: 4807A1623...", "4807A1623"},
        {"Serial number: 4807A1623\xE2\x80\xA6", "4807A1623"},
        {"S/N: 4807-1623-", "4807-1623"},
        {"S/N: 00/000127834705/", "00/000127834705"},
        {"S/N: xx48071623", "XX48071623"},
        {"S/N: XXX48071623", "XXX48071623"},
    };
    static const char *const whole[][2] = {
        {"S/N: *AB48071623*", "AB48071623"}, /* Code 39 */
        {"S/N ........ AB48071623", "AB48071623"}, {"S/N: AB48071623.", "AB48071623"},
        {"S/N: XX48071623", "XX48071623"},         {"S/N # AB48071623", "AB48071623"},
        {"S/N: AB48071623 -", "AB48071623"},       {"S/N: AB48071623 /", "AB48071623"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        const struct ser_reading *reading = read_rows(&hidden[i][0], 1, hidden[i][1]);
        assert_float_equal((float)reading->evidence[EVIDENCE_MASKED], 1.0F, 1e-6F);
        assert_int_not_equal(ser_status_of(reading, 0.002), SER_SURE);
        assert_non_null(strstr(reading->why, "marks hide a part of it"));
        label_free(&label);
    }
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        const struct ser_reading *reading = read_rows(&whole[i][0], 1, whole[i][1]);
        assert_float_equal((float)reading->evidence[EVIDENCE_MASKED], 0.0F, 1e-6F);
        label_free(&label);
    }
}

/* Pieces of a code that was torn apart; what stands a space away is another word. */
static void test_pieces_of_one_code(void **state)
{
    static const char *const torn[] = {"S/N: DGK# #V3FSR1M4", "S/N: 22232PTK5# #J4"};
    static const char *const whole[] = {"S/N: V3FSR1M4 R2", "S/N: V3FSR1M4#### ####R2",
                                        "S/N: V3FSR1M4# #ades"};
    (void)state;
    for (size_t i = 0; i < sizeof(torn) / sizeof(torn[0]); i++) {
        const struct ser_reading *reading = read_line(torn[i], NULL);
        assert_true(reading->evidence[EVIDENCE_TORN] + reading->evidence[EVIDENCE_GAP] >= 1);
        assert_int_not_equal(ser_status_of(reading, 0.002), SER_SURE);
        label_free(&label);
    }
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        const struct ser_reading *reading = read_line(whole[i], "V3FSR1M4");
        assert_float_equal((float)reading->evidence[EVIDENCE_TORN], 0.0F, 1e-6F);
        label_free(&label);
    }
}

/* Digits in groups: what stands as far away as the groups are apart is another of them. */
static void test_next_group(void **state)
{
    static const struct {
        const char *printed;
        float torn;
    } lines[] = {{"S/N: 1694 9529 0361IP65", 1},
                 {"S/N: 1694 9529    0361IP65", 0},
                 {"S/N: 16949529 0361IP65", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        read_line(lines[i].printed, NULL);
        size_t at = 0;
        while (at < label.found.count && strcmp(label_text(&label, at), "16949529") != 0)
            at++;
        if (at == label.found.count)
            fail_msg("\"%s\" has no reading of two groups", lines[i].printed);
        if ((float)label.found.readings[at].evidence[EVIDENCE_TORN] != lines[i].torn)
            fail_msg("\"%s\": torn is not %g", lines[i].printed, (double)lines[i].torn);
        label_free(&label);
    }
}

enum { COLUMNS = 400 };

/* Of a line of 14 characters, as far again to both sides, what covers parts [from, to) of it. */
static double cover_of(float from, float to, enum ser_status *status)
{
    static uint8_t columns[COLUMNS];
    label_init(&label, 0);
    strip_spell(&strip, "S/N: AB4807162");
    strip_add(&label, &strip);
    for (size_t i = 0; i < COLUMNS; i++) {
        const float at = -1 + 3 * ((float)i + 0.5F) / COLUMNS;
        columns[i] = at >= from && at < to;
    }
    label.lines[0].solid = (struct ser_solid){.columns = columns, .count = COLUMNS, .beyond = 1};
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "AB4807162");
    const double cover = label.found.readings[0].evidence[EVIDENCE_COVER];
    *status = ser_status_of(&label.found.readings[0], 0.002);
    label_free(&label);
    return cover;
}

static void test_what_covers_the_ends(void **state)
{
    enum ser_status status;
    (void)state;
    /* Nothing; one character behind; two; before it, where the space is. */
    assert_float_equal((float)cover_of(0, 0, &status), 0.0F, 1e-6F);
    assert_float_equal((float)cover_of(1.0F, 1.08F, &status), 1.0F, 1e-6F);
    assert_int_not_equal(status, SER_SURE);
    assert_float_equal((float)cover_of(1.01F, 1.15F, &status), 1.0F, 1e-6F);
    assert_float_equal((float)cover_of(0.28F, 0.36F, &status), 1.0F, 1e-6F);
    /* A line of a table; the end of the label; what stands further away; what the text lies on. */
    assert_float_equal((float)cover_of(1.01F, 1.02F, &status), 0.0F, 1e-6F);
    assert_float_equal((float)cover_of(1.0F, 2.0F, &status), 0.0F, 1e-6F);
    assert_float_equal((float)cover_of(1.4F, 1.5F, &status), 0.0F, 1e-6F);
    assert_float_equal((float)cover_of(0.45F, 0.6F, &status), 0.0F, 1e-6F);
}

/* Whatever is given as cover, nothing breaks. */
static void test_hostile_cover(void **state)
{
    static const uint8_t columns[4] = {1, 0, 1, 255};
    static const float beyond[] = {-1, 0, 0.5F, 1e30F, NAN, INFINITY};
    static const size_t counts[] = {0, 1, 4, SIZE_MAX};
    (void)state;
    for (size_t i = 0; i < 6; i++)
        for (size_t k = 0; k < 4; k++) {
            label_init(&label, 0);
            label_line(&label, 100, 100, "S/N: AB4807162");
            label.lines[0].solid =
                (struct ser_solid){k == 3 ? NULL : columns, counts[k], beyond[i]};
            assert_int_equal(label_find(&label), SE_OK);
            assert_string_equal(label_text(&label, 0), "AB4807162");
            label_free(&label);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_even_print_has_no_gap),
        cmocka_unit_test(test_hidden_character_leaves_a_gap),
        cmocka_unit_test(test_what_may_be_a_space_leaves_a_gap),
        cmocka_unit_test(test_spaces),
        cmocka_unit_test(test_further_readings_are_averaged),
        cmocka_unit_test(test_all_but_a_few_symbols_of_a_format),
        cmocka_unit_test(test_whole_codes_lack_nothing),
        cmocka_unit_test(test_marks_that_hide),
        cmocka_unit_test(test_pieces_of_one_code),
        cmocka_unit_test(test_next_group),
        cmocka_unit_test(test_what_covers_the_ends),
        cmocka_unit_test(test_hostile_cover),
        cmocka_unit_test(test_barcode_proves_a_short_code_whole),
    };
    return cmocka_run_group_tests_name("serial hidden", tests, NULL, NULL);
}
