/*
 * Whole labels: which identifier answers "what is the serial number of this device?"
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "label_builder.h"
#include "serial/evidence.h"

enum { ROWS = 12 };

/* Rows below each other, cells divided by '@'. The label is read as it stands and turned. */
static void expect(const char *const rows[ROWS], const char *text, const char *kind)
{
    static const float turns[] = {0, 90, 180, 270, 33, -12};
    size_t count = 0;
    while (count < ROWS && rows[count])
        count++;
    for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
        struct label label;
        label_init(&label, turns[i]);
        label_rows(&label, rows, count);
        assert_int_equal(label_find(&label), SE_OK);
        if (strcmp(label_text(&label, 0), text) != 0 || strcmp(label_kind(&label, 0), kind) != 0)
            fail_msg("\"%s\" … at %.0f degrees: read %s (%s: %s), expected %s (%s)", rows[0],
                     (double)turns[i], label_text(&label, 0), label_kind(&label, 0),
                     label.found.count ? label.found.readings[0].why : "", text, kind);
        label_free(&label);
    }
}

#define EXPECT(text, kind, ...) expect((const char *const[ROWS]){__VA_ARGS__}, text, kind)

static void test_beside(void **state)
{
    (void)state;
    EXPECT("286998", "serial", "ACME ELECTION SYSTEMS", "MN@TSX", "SN@286998", "Made in U.S.A.");
    EXPECT("AB4807162", "serial", "Model@X200-5", "Serial No.@AB4807162", "Lot@L99123");
    EXPECT("AB4807162", "serial", "Model: X200-5@S/N: AB4807162", "Input: 12V 1A@Rev: A04");
    EXPECT("4807X1623", "serial", "SERIAL #:@4807X1623", "ASSET TAG #@167723");
}

static void test_below(void **state)
{
    (void)state;
    EXPECT("AB4807162", "serial", "Serial Number", "AB4807162", "Model", "X200-5500");
    EXPECT("AB4807162", "serial", "Model No.@Serial No.@Date", "XL20055@AB4807162@2019-04");
    EXPECT("4807162355", "serial", "Type          Fabr.-Nr.     Baujahr",
           "K20055        4807162355    2007");
    EXPECT("11003147", "serial", "WATTHOUR METER", "NO.", "11003147", "10895");
}

/* The anchor stands beside a barcode, the value below that; other text in between forbids it. */
static void test_aside(void **state)
{
    (void)state;
    static const struct {
        const char *between, *kind;
    } cases[] = {{"IIII1IIIlI", "serial"}, {"Equipment cabinet", "code"}};
    for (size_t i = 0; i < 2; i++) {
        struct label label;
        label_init(&label, 90 * (float)i);
        label_line(&label, 100, 100, "SERIAL NO.");
        label_line(&label, 320, 100, cases[i].between);
        label_line(&label, 320, 150, "AB4807162");
        assert_int_equal(label_find(&label), SE_OK);
        assert_string_equal(label_text(&label, 0), "AB4807162");
        assert_string_equal(label_kind(&label, 0), cases[i].kind);
        label_free(&label);
    }
}

/* A list on a screen: names at the left, values at the right. */
static void test_screen(void **state)
{
    (void)state;
    struct label label;
    label_init(&label, 0);
    static const char *const rows[][2] = {
        {"IMEI", "356938035643809"}, {"Serial number", "AB4807162"}, {"MAC", "00:1B:63:84:45:E6"}};
    for (size_t i = 0; i < 3; i++) {
        label_line(&label, 100, 100 + 60 * (float)i, rows[i][0]);
        label_line(&label, 800, 100 + 60 * (float)i, rows[i][1]);
    }
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "AB4807162");
    assert_string_equal(label_text(&label, 1), "356938035643809");
    assert_string_equal(label_kind(&label, 2), "mac");
    label_free(&label);
}

/* Another anchor in between takes the code. */
static void test_blocked(void **state)
{
    (void)state;
    EXPECT("AB4807162", "serial", "S/N:@P/N:@99-1234567", "AB4807162");
    EXPECT("AB4807162", "serial", "Serial No.", "AB4807162", "Part No.", "5512345678");
    EXPECT("48071X623", "serial", "FCC ID: Q87-ABCDEF12 IC:3839A-ABCDE1 Serial 48071X623");
}

static void test_several_lines(void **state)
{
    (void)state;
    EXPECT("CSQU3054383", "container", "CSQU", "305438 3", "22G1", "MAX. GROSS 30,480 KGS");
    EXPECT("CSQU3054383", "container", "CSQU@305438@3", "45R1");
    EXPECT("CSQU3054383", "container", "TARE@2.180 KGS", "CSQU 305438", "22G1");
    EXPECT("8226C1FAD04F", "mac", "8226C1FA", "D04F");
    EXPECT("1M8GDM9AXKP042788", "vin", "MFD. BY ACME 10/07", "GVWR 3671LBS GAWR F 1973LBS",
           "1M8GDM9AXKP@042788", "TYPE: PASSENGER CAR");
}

/* Small letters, but those that look like capitals, are no part of what is spread over places. */
static void test_small_letters_in_several_lines(void **state)
{
    static const struct {
        const char *row;
        bool container;
    } rows[] = {{"CSQU@305438@3", true}, {"csQu@305438@3", true}, {"CSqu@305438@3", false}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct label label;
        label_init(&label, 0);
        label_rows(&label, &rows[i].row, 1);
        assert_int_equal(label_find(&label), SE_OK);
        assert_int_equal(label_has(&label, "CSQU3054383"), rows[i].container);
        label_free(&label);
    }
}

/* A code too long for its label goes on right below. */
static void test_continued_below(void **state)
{
    (void)state;
    static const char *const rows[] = {"SN:029KN", "U6RM101", "6758", "Y2 HG8010XGE03"};
    struct label label;
    label_init(&label, 270);
    for (size_t i = 0; i < 4; i++)
        label_line(&label, 100, 100 + 28 * (float)i, rows[i]);
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "029KNU6RM1016758");
    assert_string_equal(label_kind(&label, 0), "serial");
    label_free(&label);

    /* A code that is long enough does not. */
    static const char *const whole[] = {"SN:029KNU6RM1016758", "HG8010X", "Made in China"};
    label_init(&label, 0);
    for (size_t i = 0; i < 3; i++)
        label_line(&label, 100, 100 + 28 * (float)i, whole[i]);
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "029KNU6RM1016758");
    label_free(&label);
}

static void test_groups(void **state)
{
    (void)state;
    EXPECT("EX002899", "code", "Weather museum", "EX 002 899");
    EXPECT("123456789", "serial", "S/N 123 456 789");
    EXPECT("C02QK1TVG8WP", "serial", "Serial C02QK1TV G8WP");
    EXPECT("4006381333931", "gtin", "4 006381 333931");
    EXPECT("00/000127834705/516", "serial", "Fabr.-Nr.: 00/ 000127834705/516", "M.-Nr.: 9849220",
           "U: ~ 230 V; 50 Hz; P max: 3,3 kW");
}

static void test_without_anchor(void **state)
{
    (void)state;
    EXPECT("16207297", "code", "110/220V@60Hz", "10(50)A@1P3W", "16207297", "600imp/kWh", "10895");
    EXPECT("75B0360184604326", "code", "C150@C140@R98", "75B0360184604326", "C84@C28@U32");
    EXPECT("HWTC22070112", "serial", "GPON ONU STICK", "DFP-34G-2C2", "1.26/2.8G 1310nm 20km",
           "HWTC22070112", "Mac:38:3A:21:27:CF:16");
    EXPECT("1M8GDM9AXKP042788", "vin", "THIS VEHICLE CONFORMS TO ALL APPLICABLE",
           "1M8GDM9AXKP042788", "BODY COLOR CODE;16W", "3729205");
    EXPECT("001B638445E6", "mac", "001B638445E6");
    EXPECT("1EMH0012345678", "serial", "3x230/400V", "1EMH0012345678", "10(60)A");
}

static void test_order_of_kinds(void **state)
{
    (void)state;
    EXPECT("AB4807162", "serial", "IMEI: 356938035643809", "MAC: 001B638445E6",
           "EAN: 4006381333931", "S/N: AB4807162", "P/N: 99-1234567");
    EXPECT("167723", "asset", "Asset Tag: 167723", "MAC: 001B638445E6");
    EXPECT("356938035643809", "imei", "IMEI: 356938035643809", "MAC: 001B638445E6");
    EXPECT("001B638445E6", "mac", "Model: X200-5500", "MAC: 001B638445E6", "Made in China");
}

static void test_nothing_there(void **state)
{
    (void)state;
    static const char *const rows[] = {"Clean hands with soap and water",
                                       "or alcohol-based hand rub", "Avoid close contact",
                                       "5MP WiFi IP Camera", "Night Vision"};
    struct label label;
    label_init(&label, 0);
    label_rows(&label, rows, 5);
    assert_int_equal(label_find(&label), SE_OK);
    assert_int_equal(label.found.count, 0);
    label_free(&label);
}

static void test_repeated(void **state)
{
    (void)state;
    static const char *const rows[] = {"Serial C02QK1TVG8WP", "COMP000000000872506",
                                       "SI.# C02QK1TVG8WP"};
    struct label once, twice;
    label_init(&once, 0);
    label_rows(&once, rows, 1);
    assert_int_equal(label_find(&once), SE_OK);
    label_init(&twice, 0);
    label_rows(&twice, rows, 3);
    assert_int_equal(label_find(&twice), SE_OK);
    assert_string_equal(label_text(&twice, 0), "C02QK1TVG8WP");
    assert_true(twice.found.readings[0].score >= once.found.readings[0].score);
    assert_non_null(strstr(twice.found.readings[0].why, "seen twice"));
    label_free(&once);
    label_free(&twice);
}

static void test_barcode_agrees(void **state)
{
    (void)state;
    struct label label;
    label_init(&label, 0);
    label_line(&label, 100, 100, "75B0360184604326");
    assert_int_equal(label_find(&label), SE_OK);
    const float alone = label.found.readings[0].score;
    label_free(&label);

    label_init(&label, 0);
    label_line(&label, 100, 100, "75B0360184604326");
    label_barcode(&label, 100, 140, "code128", "75B0360184604326");
    assert_int_equal(label_find(&label), SE_OK);
    assert_int_equal(label.found.count, 1);
    const float agreed = label.found.readings[0].score;
    assert_true(agreed / (1 - agreed) > 3 * alone / (1 - alone));
    assert_int_equal(label.found.readings[0].sources, SER_FROM_TEXT | SER_FROM_BARCODE);
    label_free(&label);
}

/* Print below a barcode that is a part of what it says was cut short; announced, it may be all of
 * the number. */
static void test_part_of_a_barcode(void **state)
{
    (void)state;
    struct label label;
    label_init(&label, 0);
    label_barcode(&label, 100, 100, "code128", "75B0360184604326");
    label_line(&label, 100, 175, "60184604326");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "75B0360184604326");
    for (size_t i = 1; i < label.found.count; i++)
        assert_true(label.found.readings[i].score < label.found.readings[0].score);
    label_free(&label);

    label_init(&label, 0);
    label_barcode(&label, 100, 100, "code128", "0477AB4807162");
    label_line(&label, 100, 175, "S/N: AB4807162");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "AB4807162");
    assert_int_equal(label.found.readings[0].sources, SER_FROM_TEXT | SER_FROM_BARCODE);
    label_free(&label);
}

/* A word for serial numbers above an IMEI does not make it one; in its own line it does. */
static void test_imei_under_a_word(void **state)
{
    (void)state;
    struct label label;
    label_init(&label, 0);
    label_line(&label, 100, 100, "S/N");
    label_barcode(&label, 100, 130, "code128", "355222021316097");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "355222021316097");
    assert_string_equal(label_kind(&label, 0), "imei");
    label_free(&label);

    label_init(&label, 0);
    label_line(&label, 100, 100, "S/N: 355222021316097");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_kind(&label, 0), "serial");
    label_free(&label);
}

/* So with an article number; and letters that only the barcode has are no word for sure. */
static void test_numbers_of_other_kinds(void **state)
{
    (void)state;
    struct label label;
    label_init(&label, 0);
    label_line(&label, 100, 100, "Serial No.");
    label_line(&label, 100, 130, "8432909107672");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "8432909107672");
    assert_true(label.found.readings[0].score < 0.998F);
    label_free(&label);

    label_init(&label, 0);
    label_line(&label, 100, 100, "59894866"); /* nothing says what it is */
    label_line(&label, 100, 300, "Assembled in China");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "59894866");
    assert_true(label.found.readings[0].score < 0.998F);
    label_free(&label);

    label_init(&label, 0);
    label_line(&label, 100, 100, "NR: 122771193");
    label_barcode(&label, 100, 130, "code128", "NR122771193");
    assert_int_equal(label_find(&label), SE_OK);
    for (size_t i = 0; i < label.found.count; i++)
        if (strcmp(label.found.readings[i].text, "122771193") == 0)
            assert_int_equal(label.found.readings[i].sources, SER_FROM_TEXT);
    label_free(&label);
}

/* Letters that only the barcode has were printed, and not read, when they stand before the code:
 * that the rest is the same is no agreement. */
static void test_letters_not_read(void **state)
{
    (void)state;
    struct label label;
    label_init(&label, 0);
    label_line(&label, 100, 100, "Asset No.");
    label_line(&label, 400, 100, "314 168");
    label_barcode(&label, 100, 300, "qr", "VA314168");
    assert_int_equal(label_find(&label), SE_OK);
    for (size_t i = 0; i < label.found.count; i++)
        if (strcmp(label.found.readings[i].text, "314168") == 0) {
            assert_int_equal(label.found.readings[i].sources, SER_FROM_TEXT);
            assert_true(label.found.readings[i].score < 0.998F);
        }
    label_free(&label);
}

static struct ser_line *upright_line(struct label *label, float x, float y, const char *text)
{
    struct ser_line *line = label_line(label, x, y, text);
    float low[2] = {1e9F, 1e9F}, high[2] = {0, 0};
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 2; k++) {
            low[k] = fminf(low[k], line->quad[i][k]);
            high[k] = fmaxf(high[k], line->quad[i][k]);
        }
    for (int i = 0; i < 4; i++) {
        line->quad[i][0] = i == 1 || i == 2 ? high[0] : low[0];
        line->quad[i][1] = i >= 2 ? high[1] : low[1];
    }
    return line;
}

/* The box round a short word stands upright on a tilted label; its value is in its row, not where
 * the box points to. */
static void test_short_word_on_a_tilted_label(void **state)
{
    (void)state;
    for (float degrees = -6; degrees <= 6; degrees += 3) {
        struct label label;
        label_init(&label, degrees);
        label_line(&label, 100, 100, "Asset No.");
        label_line(&label, 380, 100, "57291599");
        upright_line(&label, 100, 127, "SN");
        label_line(&label, 380, 127, "F17V8Z5CCP9V");
        label_line(&label, 100, 154, "IT Services");
        label_line(&label, 380, 154, "A4410");
        assert_int_equal(label_find(&label), SE_OK);
        assert_string_equal(label_text(&label, 0), "F17V8Z5CCP9V");
        assert_string_equal(label_kind(&label, 0), "serial");
        assert_string_equal(label.found.readings[0].anchor, "sn");
        label_free(&label);
    }
}

/* Letters at the start of a barcode's code announce nothing. */
static void test_letters_of_a_barcode(void **state)
{
    (void)state;
    struct label label;
    label_init(&label, 0);
    label_barcode(&label, 100, 100, "code128", "NR122771193");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "NR122771193");
    label_free(&label);

    label_init(&label, 0);
    label_barcode(&label, 100, 100, "qr", "S/N:AB4807162");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "AB4807162");
    label_free(&label);
}

/* A short word that is not quite right and has no gap behind it is the start of a code; a vague one
 * that is right may be. */
static void test_glued_words(void **state)
{
    (void)state;
    struct label label;
    EXPECT("PX48071", "serial", "Fabr.-Nr.:@PX48071", "Art.-Nr.:@SH8886-333");
    label_init(&label, 0);
    label_line(&label, 100, 100, "Art.-Nr.: SH8886-333");
    label_line(&label, 100, 160, "Fabr.-Nr.: PX48071");
    assert_int_equal(label_find(&label), SE_OK);
    for (size_t i = 0; i < label.found.count; i++)
        assert_string_not_equal(label.found.readings[i].text, "8886-333");
    label_free(&label);

    label_init(&label, 0);
    label_line(&label, 100, 100, "NR122771193");
    assert_int_equal(label_find(&label), SE_OK);
    assert_true(label_has(&label, "NR122771193"));
    assert_true(label.found.readings[0].score < 0.998F);
    label_free(&label);

    label_init(&label, 0);
    label_line(&label, 100, 100, "N/S: AB4807162");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "AB4807162");
    assert_string_equal(label_kind(&label, 0), "serial");
    label_free(&label);
}

/* The word beside the print holds for the barcode of the same code. */
static void test_named_part_with_barcode(void **state)
{
    (void)state;
    static const char *const words[] = {"P/N: 394800-006", "物料编码: 394800-006"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        struct label label;
        label_init(&label, 0);
        label_line(&label, 100, 100, words[i]);
        label_barcode(&label, 100, 130, "code128", "394800-006");
        assert_int_equal(label_find(&label), SE_OK);
        assert_string_equal(label_text(&label, 0), "394800-006");
        assert_string_equal(label_kind(&label, 0), "part");
        assert_int_equal(label.found.readings[0].sources, SER_FROM_TEXT | SER_FROM_BARCODE);
        assert_true(label.found.readings[0].score < 0.998F);
        label_free(&label);
    }
}

/* … also where the barcode stands below a word for serial numbers whose value was not read. */
static void test_named_part_with_barcode_below_serial(void **state)
{
    (void)state;
    struct label label;
    label_init(&label, 0);
    label_line(&label, 100, 100, "Serial No:");
    label_barcode(&label, 100, 130, "code128", "JE5289-145");
    label_line(&label, 100, 190, "SKU:");
    label_line(&label, 180, 190, "JE5289-145");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "JE5289-145");
    assert_string_equal(label_kind(&label, 0), "part");
    assert_true(label.found.readings[0].score < 0.998F);
    label_free(&label);
}

/* The gap between word and value may be lost. */
static void test_asset_tag_without_gap(void **state)
{
    (void)state;
    struct label label;
    label_init(&label, 0);
    label_line(&label, 100, 100, "ASSET TAGAST-732246");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "AST-732246");
    assert_string_equal(label_kind(&label, 0), "asset");
    label_free(&label);
}

/* Six pairs are a network address, whatever word stands above them. */
static void test_address_under_serial(void **state)
{
    (void)state;
    struct label label;
    label_init(&label, 0);
    label_line(&label, 100, 100, "S/N");
    label_line(&label, 100, 130, "50:64:BD:87:D0:4F");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_kind(&label, 0), "mac");
    label_free(&label);
}

/* The barcode under the anchor is right where the print was misread; its identifier "S" is not
 * part of the number. */
static void test_barcode_under_anchor(void **state)
{
    (void)state;
    struct label label;
    label_init(&label, 0);
    label_line(&label, 100, 100, "Serial No.");
    label_barcode(&label, 100, 130, "code39", "AB4807162");
    label_line(&label, 500, 400, "P/N 99-1234567");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "AB4807162");
    assert_string_equal(label_kind(&label, 0), "serial");
    assert_int_equal(label.found.readings[0].sources, SER_FROM_BARCODE);
    label_free(&label);

    label_init(&label, 0);
    label_line(&label, 100, 100, "(S) AB4807162");
    label_barcode(&label, 100, 130, "code39", "SAB4807162");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "AB4807162");
    assert_int_equal(label.found.readings[0].sources, SER_FROM_TEXT | SER_FROM_BARCODE);
    label_free(&label);
}

/* The digits under a trade barcode, read badly or in groups, are no codes of their own. */
static void test_barcode_caption(void **state)
{
    (void)state;
    static const char *const captions[] = {"8 413000 065604", "8413000", "065504"};
    for (size_t i = 0; i < 3; i++) {
        struct label label;
        label_init(&label, 0);
        label_barcode(&label, 100, 100, "ean13", "8413000065504");
        label_line(&label, 100, 175, captions[i]);
        assert_int_equal(label_find(&label), SE_OK);
        assert_int_equal(label.found.count, 1);
        assert_string_equal(label_text(&label, 0), "8413000065504");
        assert_string_equal(label_kind(&label, 0), "gtin");
        label_free(&label);
    }
}

/* Text and barcode of one place differ: both are shown, and each says so. */
static void test_barcode_disagrees(void **state)
{
    (void)state;
    struct label label;
    label_init(&label, 0);
    label_line(&label, 100, 100, "S/N: AB4807162");
    assert_int_equal(label_find(&label), SE_OK);
    const float alone = label.found.readings[0].score;
    label_barcode(&label, 100, 140, "code128", "AB4801162");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "AB4807162");
    assert_true(label.found.readings[0].score < alone);
    assert_non_null(strstr(label.found.readings[0].why, "a barcode reads AB4801162"));
    assert_true(label_has(&label, "AB4801162"));
    label_free(&label);
}

/* The express service code is the tag in base 36: it proves it, and tells 0 from O and 8 from B. */
static void test_express_service_code(void **state)
{
    (void)state;
    static const char *const tags[] = {"B78FWQ8", "878FWQ8"};
    for (size_t i = 0; i < 2; i++) {
        struct label label;
        char line[40];
        label_init(&label, 0);
        snprintf(line, sizeof(line), "Service Tag: %s", tags[i]);
        label_line(&label, 100, 100, line);
        label_line(&label, 100, 160, "Express Service Code: 243 820 481 12");
        assert_int_equal(label_find(&label), SE_OK);
        assert_string_equal(label_text(&label, 0), "B78FWQ8");
        assert_true(label.found.readings[0].evidence[EVIDENCE_CHECK] > 3);
        label_free(&label);
    }
    /* Words in two rows, which announce nothing: the code proves that it is a tag. */
    struct label label;
    static const char *const rows[] = {"Service@B78FWQ8", "Tag:", "Express@24382048112", "Service",
                                       "Code:"};
    label_init(&label, 0);
    label_rows(&label, rows, 5);
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "B78FWQ8");
    assert_string_equal(label.found.readings[0].format, "dell-service-tag");
    assert_int_equal(ser_status_of(&label.found.readings[0], 0.002), SER_SURE);
    label_free(&label);
    /* A number that is often given for this tag, and is not its. */
    label_init(&label, 0);
    label_line(&label, 100, 100, "Service Tag: B78FWQ8");
    label_line(&label, 100, 160, "Express Service Code: 24382049408");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "B78FWQ8");
    assert_true(label.found.readings[0].evidence[EVIDENCE_CHECK] <= 0);
    label_free(&label);
}

/* "Serial No." without a value: the search is told to look closer there. */
static void test_unanswered(void **state)
{
    (void)state;
    struct label label;
    label_init(&label, 0);
    label_line(&label, 100, 100, "MAC: 00:1B:63:84:45:E6");
    label_line(&label, 100, 300, "Serial No.");
    assert_int_equal(label_find(&label), SE_OK);
    assert_true(label.found.unanswered);
    assert_string_equal(label_kind(&label, 0), "mac");
    label_line(&label, 100, 330, "AB4807162");
    assert_int_equal(label_find(&label), SE_OK);
    assert_false(label.found.unanswered);
    assert_string_equal(label_text(&label, 0), "AB4807162");
    label_free(&label);
}

/* Two devices in one picture: a reading for each place. */
static void test_two_devices(void **state)
{
    (void)state;
    struct label label;
    label_init(&label, 0);
    label_line(&label, 100, 100, "S/N: AB4807162");
    label_line(&label, 700, 500, "S/N: AB4807163");
    assert_int_equal(label_find(&label), SE_OK);
    assert_int_equal(label.found.count, 2);
    assert_string_equal(label_kind(&label, 0), "serial");
    assert_string_equal(label_kind(&label, 1), "serial");
    assert_true(label_has(&label, "AB4807162") && label_has(&label, "AB4807163"));
    /* The second is no rival that lost: a word of its own announces it. */
    assert_true(label.found.readings[1].score > 0.9F * label.found.readings[0].score);
    label_free(&label);
    label_init(&label, 0);
    label_line(&label, 100, 100, "S/N: AB4807162");
    label_line(&label, 700, 500, "QX4807163");
    assert_int_equal(label_find(&label), SE_OK);
    assert_true(label.found.count < 2 || label.found.readings[1].score < 0.1F);
    label_free(&label);
}

static void test_label_in_qr_code(void **state)
{
    (void)state;
    struct label label;
    label_init(&label, 0);
    label_barcode(&label, 100, 130, "qr",
                  "MODEL:X200-5500;SN:AB4807162;MAC:001B638445E6\nPWD:abc12345678");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "AB4807162");
    assert_string_equal(label_kind(&label, 0), "serial");
    assert_true(label_has(&label, "001B638445E6"));
    assert_false(label_has(&label, "ABC12345678"));
    label_free(&label);
}

/* The quad is that of the identifier alone. */
static void test_a_row_left_out(void **state)
{
    static const char *const rows[] = {"S/N: FOC1234X0AB"}, *const names[] = {NULL, "cisco", "hp"};
    static const char *const formats[] = {"cisco", "generic", "cisco"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct label label;
        label_init(&label, 0);
        label_rows(&label, rows, 1);
        label.input.without = names[i];
        assert_int_equal(label_find(&label), SE_OK);
        assert_string_equal(label_text(&label, 0), "FOC1234X0AB");
        assert_string_equal(label.found.readings[0].format, formats[i]);
        label_free(&label);
    }
}

/* A word is no number, wherever it stands; letters that nobody can speak may be one. */
static void test_words_without_digits(void **state)
{
    static const char *const rows[] = {"Property of LIBRARY", "Asset No. LIBRARY",
                                       "Asset: CHEMISTRY", "Inventory No. WORKSHOP"};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct label label;
        label_init(&label, 0);
        label_rows(&label, &rows[i], 1);
        assert_int_equal(label_find(&label), SE_OK);
        for (size_t k = 0; k < label.found.count; k++) {
            assert_int_not_equal(label.found.readings[k].kind, SER_ASSET);
            assert_int_not_equal(ser_status_of(&label.found.readings[k], 0.002), SER_SURE);
        }
        label_free(&label);
    }
    static const char *const serials[] = {"S/N: RETURNED", "S/N: BKQTRWXZ"};
    float scores[2];
    for (size_t i = 0; i < 2; i++) {
        struct label label;
        label_init(&label, 0);
        label_rows(&label, &serials[i], 1);
        assert_int_equal(label_find(&label), SE_OK);
        scores[i] = label.found.count > 0 ? label.found.readings[0].rank : -10;
        label_free(&label);
    }
    assert_true(scores[1] > scores[0] + 2);
}

static void test_quad(void **state)
{
    (void)state;
    struct label label;
    label_init(&label, 0);
    label_line(&label, 100, 100, "S/N: 4807X1623");
    assert_int_equal(label_find(&label), SE_OK);
    const struct ser_reading *reading = &label.found.readings[0];
    assert_true(fabsf(reading->quad[0][0] - (100 + 5 * 14)) < 1);
    assert_true(fabsf(reading->quad[1][0] - (100 + 14 * 14)) < 1);
    assert_true(fabsf(reading->quad[0][1] - 100) < 1);
    assert_true(fabsf(reading->quad[2][1] - 124) < 1);
    assert_string_equal(reading->printed, "4807X1623");
    assert_int_equal(reading->char_count, strlen(reading->text));
    label_free(&label);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beside),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_aside),
        cmocka_unit_test(test_screen),
        cmocka_unit_test(test_blocked),
        cmocka_unit_test(test_several_lines),
        cmocka_unit_test(test_small_letters_in_several_lines),
        cmocka_unit_test(test_continued_below),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_without_anchor),
        cmocka_unit_test(test_order_of_kinds),
        cmocka_unit_test(test_nothing_there),
        cmocka_unit_test(test_repeated),
        cmocka_unit_test(test_barcode_agrees),
        cmocka_unit_test(test_letters_not_read),
        cmocka_unit_test(test_short_word_on_a_tilted_label),
        cmocka_unit_test(test_part_of_a_barcode),
        cmocka_unit_test(test_imei_under_a_word),
        cmocka_unit_test(test_letters_of_a_barcode),
        cmocka_unit_test(test_numbers_of_other_kinds),
        cmocka_unit_test(test_glued_words),
        cmocka_unit_test(test_named_part_with_barcode),
        cmocka_unit_test(test_named_part_with_barcode_below_serial),
        cmocka_unit_test(test_asset_tag_without_gap),
        cmocka_unit_test(test_address_under_serial),
        cmocka_unit_test(test_barcode_under_anchor),
        cmocka_unit_test(test_barcode_caption),
        cmocka_unit_test(test_barcode_disagrees),
        cmocka_unit_test(test_express_service_code),
        cmocka_unit_test(test_unanswered),
        cmocka_unit_test(test_two_devices),
        cmocka_unit_test(test_label_in_qr_code),
        cmocka_unit_test(test_a_row_left_out),
        cmocka_unit_test(test_words_without_digits),
        cmocka_unit_test(test_quad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
