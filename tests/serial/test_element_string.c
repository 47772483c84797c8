/*
 * GS1 element strings: what is cut, what is left alone, what follows for the serial number.
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

/* "(01)…(21)…" of what a text is cut into; "" for none. */
static const char *cut(const char *text)
{
    static char out[400];
    struct element_part parts[ELEMENTS_MAX_COUNT];
    const size_t count = element_string_split(text, strlen(text), parts);
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        strcat(out, "(");
        strncat(out, parts[i].ai, parts[i].ai_length);
        strcat(out, ")");
        strncat(out, parts[i].value, parts[i].length);
    }
    return out;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_other_text_is_none),
        cmocka_unit_test(test_hostile_strings),
        cmocka_unit_test(test_serial_number_of_an_element_string),
    };
    return cmocka_run_group_tests_name("serial element strings", tests, NULL, NULL);
}
