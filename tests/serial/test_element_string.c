/*
 * GS1 element strings and HIBC: what is cut, what is left alone, what follows for the serial
 * number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "label_builder.h"
#include "serial/element_string.h"
#include "serial/hibc.h"

typedef size_t split(const char *, size_t, struct element_part[ELEMENTS_MAX_COUNT]);

/* "(01)…(21)…" of what a text is cut into; "" for none. */
static const char *cut_by(split *cutter, const char *text)
{
    static char out[400];
    struct element_part parts[ELEMENTS_MAX_COUNT];
    const size_t count = cutter(text, strlen(text), parts);
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        strcat(out, "(");
        strncat(out, parts[i].ai, parts[i].ai_length);
        strcat(out, ")");
        strncat(out, parts[i].value, parts[i].length);
    }
    return out;
}

static const char *cut(const char *text)
{
    return cut_by(element_string_split, text);
}

static void test_elements(void **state)
{
    (void)state;
    assert_string_equal(cut("010001234560001221SN4711"), "(01)00012345600012(21)SN4711");
    assert_string_equal(cut("01000123456000121725123110LOT7\x1D"
                            "21SN4711"),
                        "(01)00012345600012(17)251231(10)LOT7(21)SN4711");
    assert_string_equal(cut("0100012345600012250X99\x1D"
                            "21AB-1"),
                        "(01)00012345600012(250)X99(21)AB-1");
    assert_string_equal(cut("01000123456000128004GIAI77"), "(01)00012345600012(8004)GIAI77");
    assert_string_equal(cut("00006141411234567890371"), "(00)006141411234567890(37)1");
}

static void test_other_text_is_none(void **state)
{
    static const char *const texts[] = {"",
                                        "0100012345600012",         /* nothing behind the first */
                                        "010001234560001321SN4711", /* its check digit is wrong */
                                        "21SN4711",                 /* does not begin with a key */
                                        "010001234560001221",       /* an empty value */
                                        "010001234560001217251",    /* a value cut short */
                                        "01000123456000128X1",      /* no identifier */
                                        "(01)00012345600012(21)SN47", /* as printed */
                                        "010001234560001221ABCDEFGHIJKLMNOPQRSTU",
                                        "01000123456000121\x1D",
                                        "C02Y95LGJG5H"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_string_equal(cut(texts[i]), "");
    char many[200] = "0100012345600012";
    for (size_t i = 0; i < ELEMENTS_MAX_COUNT; i++)
        strcat(many, "2012");
    assert_string_equal(cut(many), "");
}

static void test_hostile_strings(void **state)
{
    struct element_part parts[ELEMENTS_MAX_COUNT];
    char text[64];
    (void)state;
    srand(5);
    for (int round = 0; round < 20000; round++) {
        const size_t length = (size_t)rand() % sizeof(text);
        memcpy(text, "0100012345600012", 16);
        for (size_t i = round % 2 ? 16 : 0; i < length; i++)
            text[i] = (char)(rand() % 3 ? '0' + rand() % 10 : rand() & 0xFF);
        const size_t count = element_string_split(text, length, parts);
        assert_true(count <= ELEMENTS_MAX_COUNT);
        for (size_t i = 0; i < count; i++)
            assert_true(parts[i].length > 0 && parts[i].value + parts[i].length <= text + length);
    }
}

/* In a barcode, and in print: the serial number is what (21) announces. */
static void test_serial_number_of_an_element_string(void **state)
{
    struct label label;
    (void)state;
    label_init(&label, 0);
    label_barcode(&label, 100, 100, "datamatrix",
                  "01000123456000121725123110LOT70815\x1D"
                  "21QX4711K2");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "QX4711K2");
    assert_string_equal(label_kind(&label, 0), "serial");
    label_free(&label);
    label_init(&label, 0);
    label_line(&label, 100, 100, "(01)00012345600012(17)251231(10)LOT70815(21)QX4711K2");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "QX4711K2");
    label_free(&label);
    /* (250) is the number of a component: behind that of the whole. */
    label_init(&label, 0);
    label_barcode(&label, 100, 100, "datamatrix",
                  "0100012345600012250ZZ81726354\x1D"
                  "21QX81726355");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "QX81726355");
    assert_true(label_has(&label, "ZZ81726354"));
    label_free(&label);
    label_init(&label, 0);
    label_barcode(&label, 100, 100, "code128", "01000123456000128004AB8172635");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "AB8172635");
    assert_string_equal(label_kind(&label, 0), "asset");
    label_free(&label);
}

static void test_hibc(void **state)
{
    (void)state;
    /* The first two circulate as examples of the standard. */
    static const char *const texts[][2] = {
        {"+A123BJC5D6E71G", "(240)BJC5D6E7"},
        {"+A123BJC5D6E71/$$52001510X3C", "(240)BJC5D6E7(10)10X3"},
        {"+A123BJC5D6E71/$+S4711X ", "(240)BJC5D6E7(21)S4711X"},
        {"+A123BJC5D6E71/$$+3260131QX4711K2R", "(240)BJC5D6E7(21)QX4711K2"},
        {"+A123BJC5D6E71/$$3260131LOT7/SQX4711K2/16D20240131-",
         "(240)BJC5D6E7(10)LOT7(21)QX4711K2"},
        {"+A123BJC5D6E71/$$+7QX4711K2I", "(240)BJC5D6E7(21)QX4711K2"},
        {"+A123BJC5D6E71/20015LOT7G", "(240)BJC5D6E7(10)LOT7"},
        {"+A123BJC5D6E71/$$80105202610X3N", "(240)BJC5D6E7(10)2610X3"},
        /* apart from its primary one, whose check character it repeats */
        {"+$$+3260131QX4711K2GS", "(21)QX4711K2"},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_string_equal(cut_by(hibc_split, texts[i][0]), texts[i][1]);
    static const char *const none[] = {"",
                                       "+A123BJC5D6E71H", /* its check character is wrong */
                                       "A123BJC5D6E71G",
                                       "+",
                                       "+A1231F",
                                       "+A123BJC5D6E7AP", /* no unit of measure */
                                       "+A123BJC5D6E71/$$5A0015XG",
                                       "010001234560001221SN4711"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_string_equal(cut_by(hibc_split, none[i]), "");
}

/* Strings with a right check character and anything before it. */
static void test_hostile_hibc(void **state)
{
    static const char symbols[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%";
    struct element_part parts[ELEMENTS_MAX_COUNT];
    size_t found = 0;
    (void)state;
    srand(6);
    for (int round = 0; round < 50000; round++) {
        static const char *const heads[] = {"+", "+A123B1/$$", "+A123B1/$$+", "+$$+", "+A123B1/"};
        const char *head = heads[rand() % 5];
        const size_t length = strlen(head) + (size_t)rand() % 30;
        char *text = malloc(length + 1); /* to its last byte: readings behind it would be seen */
        assert_non_null(text);
        int sum = 0;
        for (size_t i = 0; i < length; i++) {
            text[i] = i < strlen(head) ? head[i] : symbols[rand() % (rand() % 2 ? 10 : 43)];
            sum += (int)(strchr(symbols, text[i]) - symbols);
        }
        text[length] = symbols[sum % 43];
        const size_t count = hibc_split(text, length + 1, parts);
        assert_true(count <= ELEMENTS_MAX_COUNT);
        for (size_t i = 0; i < count; i++)
            assert_true(parts[i].length > 0 && parts[i].value >= text &&
                        parts[i].value + parts[i].length <= text + length);
        found += count > 0;
        free(text);
    }
    assert_true(found > 1000);
}

static void test_serial_number_of_hibc(void **state)
{
    struct label label;
    (void)state;
    label_init(&label, 0);
    label_barcode(&label, 100, 100, "datamatrix", "+A123BJC5D6E71/$$+3260131QX4711K2R");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "QX4711K2");
    assert_string_equal(label_kind(&label, 0), "serial");
    label_free(&label);
}

/* In print its flags are words; a wrong check character makes it a line like others. */
static void test_printed_hibc(void **state)
{
    static const char *const lines[][3] = {
        {"+A123BJC5D6E71/$$+3260131QX4711K2R", "QX4711K2", "serial"},
        {"*+A123BJC5D6E71/$+S4711X*", "S4711X", "serial"}, /* its check character is a space */
        {"+A123BJC5D6E71 / $$3260131LOT7 / SQX4711K2 / 16D20240131-", "QX4711K2", "serial"},
        {"+$$+3260131QX4711K2GS", "QX4711K2", "serial"},
        {"*+A123BJC5D6E71G*", "BJC5D6E7", "part"},
    };
    struct label label;
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        label_init(&label, 0);
        label_line(&label, 100, 100, lines[i][0]);
        assert_int_equal(label_find(&label), SE_OK);
        assert_string_equal(label_text(&label, 0), lines[i][1]);
        assert_string_equal(label_kind(&label, 0), lines[i][2]);
        assert_false(label_has(&label, "3260131QX4711K2R"));
        label_free(&label);
    }
    label_init(&label, 0);
    label_line(&label, 100, 100, "+A123BJC5D6E71/$$+3260131QX4711K2S");
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_not_equal(label_text(&label, 0), "QX4711K2");
    label_free(&label);
}

/* Lines of any length, whole and cut, with a check character that is right: no reading outside. */
static void test_hostile_printed_hibc(void **state)
{
    static const char *const lines[] = {"+",
                                        "*",
                                        "**",
                                        "*+*",
                                        "+ ",
                                        "+A123BJC5D6E71/$+",
                                        "*+A123BJC5D6E71/$+S4711X",
                                        "+A123BJC5D6E71/$+S4711X \xC3\x89"};
    struct label label;
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        label_init(&label, 0);
        label_line(&label, 100, 100, lines[i]);
        assert_int_equal(label_find(&label), SE_OK);
        label_free(&label);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_other_text_is_none),
        cmocka_unit_test(test_hostile_strings),
        cmocka_unit_test(test_serial_number_of_an_element_string),
        cmocka_unit_test(test_hibc),
        cmocka_unit_test(test_hostile_hibc),
        cmocka_unit_test(test_serial_number_of_hibc),
        cmocka_unit_test(test_printed_hibc),
        cmocka_unit_test(test_hostile_printed_hibc),
    };
    return cmocka_run_group_tests_name("serial element strings", tests, NULL, NULL);
}
