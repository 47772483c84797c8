/*
 * What makes a code doubtful that may not be the one that was asked for, however clear it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "label_builder.h"
#include "serial/evidence.h"

static struct label label;

/* The first reading of what the label holds, which must be `text`. */
static const struct ser_reading *find_first(const char *text)
{
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), text);
    return &label.found.readings[0];
}

/* What `term` is worth in the first reading of the label, which must be `text`, and that doubt
 * keeps it from being sure. `what` names the label, which is freed. */
static void expect_first(enum evidence_term term, const char *what, const char *text, double value)
{
    const struct ser_reading *reading = find_first(text);
    if (reading->evidence[term] < value - 1e-6 || reading->evidence[term] > value + 1e-6)
        fail_msg("\"%s\": %s is %g, expected %g", what, evidence_name(term),
                 reading->evidence[term], value);
    if (value > 0)
        assert_int_not_equal(ser_status_of(reading, 0.002), SER_SURE);
    label_free(&label);
}

static void expect(enum evidence_term term, const char *line, const char *text, double value)
{
    label_init(&label, 0);
    label_line(&label, 100, 100, line);
    expect_first(term, line, text, value);
}

/* Single letters and "ID" are what is left of other words. */
static void test_vague_words(void **state)
{
    (void)state;
    expect(EVIDENCE_VAGUE, "E-N: 823-58717-53", "823-58717-53", 1);
    expect(EVIDENCE_VAGUE, "ID: JAC5WXC37", "JAC5WXC37", 1);
    expect(EVIDENCE_VAGUE, "S/N: JAC5WXC37", "JAC5WXC37", 0);
    expect(EVIDENCE_VAGUE, "No. 48071623", "48071623", 0);
    expect(EVIDENCE_VAGUE, "JAC5WXC37", "JAC5WXC37", 0);
    expect(EVIDENCE_VAGUE, "l No.: WMP54G37", "WMP54G37", 1);
    expect(EVIDENCE_VAGUE, "-Nr.: 9849220", "9849220", 1);
    expect(EVIDENCE_VAGUE, "S-Nr.: 9849220", "9849220", 0);
    expect(EVIDENCE_VAGUE, "230 V No. 48071623", "48071623", 0);
}

/* "No." in a box that the edge of the picture cuts, and in one that it does not. */
static void test_a_vague_word_at_the_edge(void **state)
{
    (void)state;
    for (int cut = 0; cut < 2; cut++) {
        label_init(&label, 0);
        label_line(&label, cut ? 0 : 200, 100, "No.:");
        label_line(&label, 300, 100, "9849220");
        expect_first(EVIDENCE_VAGUE, cut ? "at the edge" : "inside", "9849220", cut);
    }
}

/* "No." asks for a number: letters make a short code that it announces a model's. */
static void test_short_codes_with_letters(void **state)
{
    (void)state;
    expect(EVIDENCE_SHORT, "No.: WMP54G", "WMP54G", 2);
    expect(EVIDENCE_SHORT, "No.: 548201", "548201", 0);
    expect(EVIDENCE_SHORT, "S/N: WMP54G", "WMP54G", 0);
}

/* What stands twice counts; not where other texts do, too, as on two chips of one kind. */
static void test_copies(void **state)
{
    (void)state;
    for (int chips = 0; chips < 2; chips++) {
        label_init(&label, 0);
        for (int i = 0; i < 2; i++) {
            label_line(&label, 100, 100 + 300 * (float)i, "8506120");
            if (chips)
                label_line(&label, 100, 140 + 300 * (float)i, "TE1818P21");
        }
        assert_int_equal(label_find(&label), SE_OK);
        for (size_t i = 0; i < label.found.count; i++)
            assert_float_equal((float)label.found.readings[i].evidence[EVIDENCE_TWICE],
                               (float)(1 - chips), 1e-6F);
        assert_true(label.found.count > 0);
        label_free(&label);
    }
}

/* Of "Serial" it does not matter what else stands twice. */
static void test_announced_copies(void **state)
{
    (void)state;
    label_init(&label, 0);
    for (int i = 0; i < 2; i++) {
        label_line(&label, 100, 100 + 300 * (float)i, "Serial: 8506120");
        label_line(&label, 100, 140 + 300 * (float)i, "TE1818P21");
    }
    assert_float_equal((float)find_first("8506120")->evidence[EVIDENCE_TWICE], 1, 1e-6F);
    label_free(&label);
}

/* The number of a part, though a barcode repeats it, comes behind the device's own. */
static void test_numbers_of_parts(void **state)
{
    (void)state;
    for (int own = 0; own < 2; own++) {
        label_init(&label, 0);
        label_line(&label, 100, 100, "GPON S/N 444C4E4B20400005");
        label_barcode(&label, 100, 130, "code128", "444C4E4B20400005");
        if (own)
            label_line(&label, 100, 220, "Product S/N U101104023926");
        const struct ser_reading *reading = find_first(own ? "U101104023926" : "444C4E4B20400005");
        assert_int_equal(reading->second, !own);
        label_free(&label);
    }
}

/* An identifier of optical networks, in print or bars; a serial number comes before it. */
static void test_identifiers_of_networks(void **state)
{
    (void)state;
    for (int barcode = 0; barcode < 2; barcode++) {
        label_init(&label, 0);
        if (barcode)
            label_barcode(&label, 100, 130, "code128", "HWTC22070112");
        else
            label_line(&label, 100, 100, "HWTC22070112");
        assert_true(find_first("HWTC22070112")->second);
        label_free(&label);
    }
    label_init(&label, 0);
    label_line(&label, 100, 100, "S/N: HWTC22070112");
    assert_true(find_first("HWTC22070112")->second);
    label_line(&label, 100, 140, "S/N: U101104023926");
    assert_false(find_first("U101104023926")->second);
    label_free(&label);
}

/* "Device ID" stands beside a serial number: alone it is an answer; beside another code that may be
 * one, a doubtful one; and never ends the search for print that was not found. */
static void test_identifiers_of_devices(void **state)
{
    static const char *const words[] = {"DEVICE ID", "Machine ID", "Unique ID", "CT:"};
    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        for (int other = 0; other < 3; other++) {
            label_init(&label, 0);
            label_line(&label, 100, 200, words[i]);
            label_line(&label, 100, 230, "4X8NWHKV7");
            label_barcode(&label, 100, 260, "code128", "4X8NWHKV7");
            if (other == 2)
                label_line(&label, 100, 100, "S/N");
            if (other > 0) {
                label_line(&label, 100, 130, "3FW751N700C5D");
                label_barcode(&label, 100, 160, "code128", "3FW751N700C5D");
            }
            const struct ser_reading *reading =
                find_first(other == 2 ? "3FW751N700C5D" : "4X8NWHKV7");
            assert_int_equal(reading->second, other < 2);
            assert_int_equal(reading->announced_second, other < 2);
            assert_int_equal(ser_status_of(reading, 0.002) == SER_SURE, other != 1);
            label_free(&label);
        }
}

/* A letter and seven digits pass the check of a radiosonde by chance: without its maker's name they
 * are a code. */
static void test_a_format_that_chance_meets(void **state)
{
    static const char *const names[] = {"STICKER ISSUED", "VAISALA", "RS41-SGP"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        label_init(&label, 0);
        label_line(&label, 100, 100, names[i]);
        label_line(&label, 100, 180, "F3341178");
        const struct ser_reading *reading = find_first("F3341178");
        assert_string_equal(reading->format, i == 0 ? "generic" : "vaisala");
        assert_int_equal(ser_status_of(reading, 0.002) == SER_SURE, i > 0);
        label_free(&label);
    }
}

/* "Password: admin" has its value; what stands in its row is none of its. */
static void test_a_password_that_is_a_word(void **state)
{
    (void)state;
    for (int word = 0; word < 2; word++) {
        label_init(&label, 0);
        label_line(&label, 100, 100, word ? "Password: admin" : "Password:");
        label_line(&label, 400, 100, "3FW751N700C5D");
        assert_int_equal(label_find(&label), SE_OK);
        assert_int_equal(label_has(&label, "3FW751N700C5D"), word);
        label_free(&label);
    }
}

/* A word whose code stands a little higher in its row, as on a label seen at an angle; far to the
 * left, at the same height, stands another word. */
static void test_an_oblique_row(void **state)
{
    (void)state;
    label_init(&label, 0);
    label_line(&label, 100, 90, "Router Login");
    label_line(&label, 600, 100, "SERIAL");
    label_line(&label, 720, 90, "3FW751N700C5D");
    assert_string_equal(find_first("3FW751N700C5D")->anchor, "serial");
    label_free(&label);
}

/* Hosts and mail addresses are no codes; what stands behind a host may be. */
static void test_addresses(void **state)
{
    static const char *const lines[] = {"http://ab48-example2014.jp", "www.ab48-example2014.jp",
                                        "mail48-2014@example2014.jp"};
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        for (int barcode = 0; barcode < 2; barcode++) {
            label_init(&label, 0);
            label_line(&label, 100, 100, "Serial number");
            label_line(&label, 100, 130, lines[i]);
            if (barcode)
                label_barcode(&label, 100, 160, "qr", lines[i]);
            assert_int_equal(label_find(&label), SE_OK);
            if (label.found.count > 0)
                fail_msg("\"%s\" gave %s", lines[i], label_text(&label, 0));
            label_free(&label);
        }
    label_init(&label, 0);
    label_barcode(&label, 100, 160, "qr", "https://example2014.jp/sn/4X8NWHKV7");
    find_first("4X8NWHKV7");
    label_free(&label);
    label_init(&label, 0);
    label_line(&label, 100, 100, "4X8NWHKV7@25C");
    find_first("4X8NWHKV7");
    label_free(&label);
}

/* A code in two groups of one length: one group alone is half of it. */
static void test_halves(void **state)
{
    static const struct {
        const char *line;
        float torn;
    } lines[] = {{"S/N: K7VR2MXA 4HPD9QTN", 1},
                 {"S/N: k7vr2mxa 4hpd9qtn", 1},
                 {"S/N: K7VR2MXA 4HPD9QTNX", 0},
                 {"S/N: K7VR2MXA ABCDEFGH", 0},
                 {"S/N: K7VR2MXA", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        label_init(&label, 0);
        label_line(&label, 100, 100, lines[i].line);
        assert_int_equal(label_find(&label), SE_OK);
        const struct ser_reading *reading = &label.found.readings[0];
        assert_int_equal(label_has(&label, "K7VR2MXA4HPD9QTN"), lines[i].torn > 0);
        if (strcmp(reading->text, "K7VR2MXA") == 0 && lines[i].torn > 0)
            assert_int_not_equal(ser_status_of(reading, 0.002), SER_SURE);
        label_free(&label);
    }
}

/* Two or three letters between the word and digits are the head of the code. */
static void test_beheaded(void **state)
{
    (void)state;
    expect(EVIDENCE_TORN, "Inventarnummer Ej 186 811", "186811", 1);
    expect(EVIDENCE_TORN, "Inventarnummer: Ejx 186811", "186811", 1);
    expect(EVIDENCE_TORN, "Inventarnummer 186 811", "186811", 0);
    expect(EVIDENCE_TORN, "Inventarnummer: 186811", "186811", 0);
    expect(EVIDENCE_TORN, "Inventarnummer ist hier 186811", "186811", 0);
    expect(EVIDENCE_TORN, "S/N Ej 4807A1623", "4807A1623", 0);
}

/* A colon that no known word stands before. */
static void test_words_that_were_not_read(void **state)
{
    (void)state;
    expect(EVIDENCE_UNREAD, ":UD7010-807", "UD7010-807", 1);
    expect(EVIDENCE_UNREAD, "Qwxjk : UD7010-807", "UD7010-807", 1);
    expect(EVIDENCE_UNREAD, "UD7010-807", "UD7010-807", 0);
    expect(EVIDENCE_UNREAD, "S/N: UD7010-807", "UD7010-807", 0);
    expect(EVIDENCE_UNREAD, "S/N : UD7010-807", "UD7010-807", 0);
    expect(EVIDENCE_UNREAD, "12:30 UD7010-807", "UD7010-807", 0);
}

/* The same in a box of its own, and where the code was taken from its barcode. */
static void test_colon_in_a_box_of_its_own(void **state)
{
    static const float places[][2] = {{300, 100}, {300, 200}, {900, 100}};
    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (int barcode = 0; barcode < 2; barcode++) {
            label_init(&label, 0);
            label_line(&label, places[i][0], places[i][1], ":");
            label_line(&label, 400, 100, "UD7010-807");
            if (barcode)
                label_barcode(&label, 400, 140, "code128", "UD7010-807");
            expect_first(EVIDENCE_UNREAD, barcode ? "with bars" : "a colon", "UD7010-807", i == 0);
        }
}

/* Two codes that the same word may announce, one beside and one below it. */
static void test_a_word_that_two_codes_share(void **state)
{
    (void)state;
    for (int both = 0; both < 2; both++) {
        label_init(&label, 0);
        label_line(&label, 100, 100, "Serial No.");
        label_line(&label, 620, 100, "TKH126845");
        if (both)
            label_line(&label, 100, 128, "BRB6378DVL");
        assert_int_equal(label_find(&label), SE_OK);
        const struct ser_reading *reading = &label.found.readings[0];
        assert_float_equal((float)reading->evidence[EVIDENCE_SHARED], (float)both, 0.3F);
        if (both)
            assert_int_not_equal(ser_status_of(reading, 0.002), SER_SURE);
        label_free(&label);
    }
}

/* The rest of a code in a box of its own, right behind or before it: not what is a space away, in
 * another row, of other height, or no piece of a code. */
static void test_a_line_cut_in_two(void **state)
{
    static const struct {
        float x, y;
        const char *text;
        float torn;
    } others[] = {{222, 100, "9592", 1},     {208, 100, "9592", 1}, {240, 100, "9592", 0},
                  {222, 140, "9592", 0},     {222, 100, "kg", 0},   {222, 100, "QWERTZUI", 0},
                  {44, 100, "5914", 1},      {25, 100, "5914", 0},  {222, 100, "4HPD9QTN7", 1},
                  {222, 100, "4hpd9qtn7", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        label_init(&label, 0);
        label_line(&label, 100, 70, "Serial No.");
        label_line(&label, 100, 100, "B91451639");
        label_line(&label, others[i].x, others[i].y, others[i].text);
        const struct ser_reading *reading = find_first("B91451639");
        if ((float)reading->evidence[EVIDENCE_TORN] != others[i].torn)
            fail_msg("%s at %g, %g: %g", others[i].text, (double)others[i].x, (double)others[i].y,
                     reading->evidence[EVIDENCE_TORN]);
        if (others[i].torn > 0)
            assert_int_not_equal(ser_status_of(reading, 0.002), SER_SURE);
        label_free(&label);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vague_words),
        cmocka_unit_test(test_a_vague_word_at_the_edge),
        cmocka_unit_test(test_short_codes_with_letters),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_announced_copies),
        cmocka_unit_test(test_numbers_of_parts),
        cmocka_unit_test(test_identifiers_of_networks),
        cmocka_unit_test(test_identifiers_of_devices),
        cmocka_unit_test(test_a_format_that_chance_meets),
        cmocka_unit_test(test_a_password_that_is_a_word),
        cmocka_unit_test(test_an_oblique_row),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_beheaded),
        cmocka_unit_test(test_words_that_were_not_read),
        cmocka_unit_test(test_colon_in_a_box_of_its_own),
        cmocka_unit_test(test_a_word_that_two_codes_share),
        cmocka_unit_test(test_a_line_cut_in_two),
    };
    return cmocka_run_group_tests_name("serial choice", tests, NULL, NULL);
}
