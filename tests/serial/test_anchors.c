/*
 * Anchor words: in many languages, as cameras read them, and what only looks like one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "label_builder.h"
#include "serial/anchors.h"

/* Every announced code is the same, so that only the words differ. */
#define CODE "4807X1623"

static void expect(const char *line, const char *text, const char *kind)
{
    struct label label;
    label_init(&label, 0);
    label_line(&label, 100, 100, line);
    assert_int_equal(label_find(&label), SE_OK);
    if (strcmp(label_text(&label, 0), text) != 0 || strcmp(label_kind(&label, 0), kind) != 0)
        fail_msg("\"%s\": read %s (%s), expected %s (%s)", line, label_text(&label, 0),
                 label_kind(&label, 0), text, kind);
    label_free(&label);
}

static const char *const serial_words[] = {
    "Serial",
    "Serial No.",
    "Serial Number:",
    "SERIAL #:",
    "Serial-No:",
    "S/N:",
    "S/N",
    "SN:",
    "SN",
    "S/No.",
    "SNo.",
    "S. No.",
    "SL.#",
    "Sl.No.",
    "SerNo:",
    "Ser. Nr.",
    "Ser.No",
    "Service Tag:",
    "SVC TAG:",
    "Fabr.-Nr.:",
    "Fabrik-Nr.",
    "Fab.Nr",
    "FD:",
    "Seriennummer",
    "Serien-Nr.:",
    "Serie-Nr.",
    "Geräte-Nr.",
    "Maschinen-Nr.:",
    "Zähler-Nr.",
    "N° de série :",
    "No de série",
    "Numéro de série:",
    "Nº de serie",
    "Número de serie:",
    "N. di serie",
    "Numero di serie",
    "Matricola",
    "Matricola n.",
    "Matricule :",
    "Nr seryjny:",
    "Numer seryjny:",
    "Nr fabryczny",
    "Serienr.",
    "Serienummer:",
    "Tillv.nr",
    "Tillv. nr:",
    "Sarjanumero:",
    "Valmistusnro",
    "Výr. č.",
    "Výrobní číslo:",
    "Sériové číslo:",
    "Gyári szám:",
    "Gyártási szám",
    "Sorozatszám:",
    "Seri No:",
    "Seri numarası:",
    "Număr de serie:",
    "Serijski broj:",
    "Tv. br.",
    "Σειριακός αριθμός:",
    "Серийный номер:",
    "Серійний номер:",
    "Сер. №",
    "Зав. №",
    "ЗАВ.№",
    "Заводской номер",
    "序列号：",
    "序列号:",
    "序號",
    "機身編號:",
    "机身编号",
    "出厂编号",
    "設備編號: 序列號",
    "製造番号",
    "製造No.",
    "機番",
    "シリアル番号",
    "シリアルNo.",
    "일련번호:",
    "시리얼 번호",
    "제조번호",
    "(S)",
    "S:",
    "(21)",
    "(250)",
    "Meter No.",
    "Machine No.",
    "Mfg. No.",
    "Unit Nr.",
    "Engine No",
    "Device ID:",
    "ISN:",
    "CT:",
    "8N:",
};

static void test_serial_in_many_languages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(serial_words) / sizeof(serial_words[0]); i++) {
        char line[128];
        snprintf(line, sizeof(line), "%s " CODE, serial_words[i]);
        expect(line, CODE, "serial");
    }
}

static void test_serial_without_gap(void **state)
{
    (void)state;
    expect("SerialC02QK1TVG8WP", "C02QK1TVG8WP", "serial");
    expect("A2141SerialC02QK1TVG8WP", "C02QK1TVG8WP", "serial");
    expect("S/NABC12345", "ABC12345", "serial");
    expect("S/N4807X1623", "4807X1623", "serial");
    expect("SERIAL4807X1623", "4807X1623", "serial");
    expect("序列号4807X1623", "4807X1623", "serial");
    expect("зав.№48071623", "48071623", "serial");
    /* "No" may be read as "N0" with a code right behind it; "ND" begins the code. */
    expect("Serial No4807X1623", "4807X1623", "serial");
    expect("Serial N04807X1623", "4807X1623", "serial");
    expect("Serial ND7X5X57PPX", "ND7X5X57PPX", "serial");
    expect("Serial ND9CFDG3C00W55", "ND9CFDG3C00W55", "serial");
}

static void test_serial_misread(void **state)
{
    (void)state;
    static const char *const words[] = {
        "Seria1",        "Serlal",       "5erial No.",    "Serial N0.",    "SeriaI Number",
        "Sernal No",     "SIN:",         "S1N:",          "5/N:",          "S/H",
        "S\\N:",         "S|N:",         "Serial Nunber", "SERIAL NUM8ER", "Ser1al#",
        "Serien-Nummr.", "Seriennumner", "Matrico1a",     "Service lag:",
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        char line[128];
        snprintf(line, sizeof(line), "%s " CODE, words[i]);
        expect(line, CODE, "serial");
    }
}

static void test_serial_cut_off(void **state)
{
    (void)state;
    expect("erial No. " CODE, CODE, "serial");
    expect("rial Number: " CODE, CODE, "serial");
    expect("mber: " CODE, CODE, "serial");
    expect("iennummer " CODE, CODE, "serial");
}

static void test_weak_words(void **state)
{
    (void)state;
    expect("No. 3165537", "3165537", "serial");
    expect("NO.16207297", "16207297", "serial");
    expect("Nr. 3165537", "3165537", "serial");
    expect("№ 3165537", "3165537", "serial");
    expect("sN 4807X1623", "4807X1623", "serial");
    expect("ST: 4QXK5J3", "4QXK5J3", "serial");
    expect("SN FD4807162", "FD4807162", "serial");
    expect("FD 9405 00123", "940500123", "serial");
    expect("P/N: FD7047-288", "FD7047-288", "part");
    expect("# 3165537", "3165537", "serial");
    expect("No 99 069489", "99069489", "serial");
    expect("编号 3165537", "3165537", "serial");
}

static void test_other_kinds(void **state)
{
    (void)state;
    expect("Asset Tag: 167723", "167723", "asset");
    expect("Property of ACME Ltd 167723", "167723", "asset");
    expect("Inv.-Nr. 167723", "167723", "asset");
    expect("资产编号：167723", "167723", "asset");
    expect("MAC: 00:1B:63:84:45:E6", "001B638445E6", "mac");
    expect("MAC ID 001B638445E6", "001B638445E6", "mac");
    expect("Ethernet ID 001B638445E6", "001B638445E6", "mac");
    expect("WLAN MAC 00-1B-63-84-45-E6", "001B638445E6", "mac");
    expect("Ethernet address 001b.6384.45e6", "001B638445E6", "mac");
    expect("MAC 001122334455", "001122334455", "mac");
    expect("LAN MAC F4:AB:CD:EF:AE:CA", "F4ABCDEFAECA", "mac");
    expect("IMEI: 356938035643809", "356938035643809", "imei");
    expect("IMEI 35 693803 564380 9", "356938035643809", "imei");
    expect("MEID: A0000049259B24", "A0000049259B24", "meid");
    expect("ICCID: 89148000000745809013", "89148000000745809013", "iccid");
    expect("VIN: 1M8GDM9AXKP042788", "1M8GDM9AXKP042788", "vin");
    expect("V.I.N.1M8GDM9AXKP042788", "1M8GDM9AXKP042788", "vin");
    expect("EAN: 4006381333931", "4006381333931", "gtin");
    expect("Model No.: WMP54G", "WMP54G", "part");
    expect("Model:10HR-4/3FAU", "10HR-4/3FAU", "part");
    expect("P/N: 29-014509-000B-1", "29-014509-000B-1", "part");
    expect("Art.-Nr. 4807162", "4807162", "part");
    expect("型号：DS-2CD2143", "DS-2CD2143", "part");
    expect("REF 4807162", "4807162", "part");
    expect("Series 4807162", "4807162", "part");
    expect("PBA: H43394-303", "H43394-303", "part");
    expect("SA: H69280-301", "H69280-301", "part");
}

/* None of these announces a serial number. */
static void test_no_serial(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "FCC ID: Q87-WMPGV41",
        "IC:3839A-WMPGV41",
        "Tel: 48071623",
        "Lot 4807162",
        "Licence No.: 48071623",
        "Date Code: 48071",
        "Rev. 48071",
        "Serial port 48071623",
        "Aerial 48071623",
        "Patent No. 48071623",
        "CMIIT ID: 2019AJ1234",
        "H/W Ver.: A48071",
        "Contract No. 48071623",
        "U.S. Pat. No. 6,123,456",
        "Batch 4807162",
        "CAN ICES-3 (B)/NMB-3(B)",
        "IEC 60950-1",
        "2022.06.14",
        "110-240V~ 50/60Hz 1.5A",
        "www.example.com",
        "1-800-555-0100",
        "No unprotected contact",
        "SIN PLOMO",
        "R-41000450",
        /* pairs of an address, one of them nearly a word */
        "44.55.F0.08.00.11",
        "44 55 F0.08.00.11",
        "4455.F0.08.00.11",
        "44:55:FD:08.00.11",
        "No 12 345",
        /* words that go on: "serial number card", "enter the serial number" */
        "シリアルナンバーカード 4807162",
        "シリアルナンバーを入力 4807162",
        "序列号贴纸 4807162",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct label label;
        label_init(&label, 0);
        label_line(&label, 100, 100, lines[i]);
        assert_int_equal(label_find(&label), SE_OK);
        for (size_t k = 0; k < label.found.count; k++)
            if (label.found.readings[k].kind == SER_SERIAL)
                fail_msg("\"%s\" gave the serial number %s (%s)", lines[i],
                         label.found.readings[k].text, label.found.readings[k].why);
        label_free(&label);
    }
}

static void test_secrets_are_never_returned(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "WPA2 Key: 4807162345",
        "Wi-Fi Password: a8Xk4807",
        "PIN: 48071623",
        "WPS PIN 48071623",
        "Product Key: 48071-OEM-16234",
        "PUK 48071623",
        "W269N-WFGWX-YVC9B-4J6C9-T83GX",
        "密码：48071623",
        "Passwort: Ab48071623",
        "WLAN-Schlüssel 48071623",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct label label;
        label_init(&label, 0);
        label_line(&label, 100, 100, lines[i]);
        assert_int_equal(label_find(&label), SE_OK);
        if (label.found.count != 0)
            fail_msg("\"%s\" gave %s", lines[i], label.found.readings[0].text);
        label_free(&label);
    }
    static const char *const rows[] = {"S/N 4807X1623", "Key", "5512345678", "Product key",
                                       "W269N-WFGWX-YVC9B-4J6C9-T83GX"};
    struct label label;
    label_init(&label, 0);
    label_rows(&label, rows, 5);
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "4807X1623");
    assert_false(label_has(&label, "W269NWFGWXYVC9B4J6C9T83GX"));
    assert_false(label_has(&label, "WFGWX"));
    label_free(&label);
}

static void test_qualified(void **state)
{
    (void)state;
    static const char *const rows[] = {"GPON S/N 48575443A1B2C3D4", "Battery S/N: AB4807162",
                                       "Product S/N 4807X1623"};
    struct label label;
    label_init(&label, 0);
    label_rows(&label, rows, 3);
    assert_int_equal(label_find(&label), SE_OK);
    assert_string_equal(label_text(&label, 0), "4807X1623");
    assert_true(label_has(&label, "AB4807162"));
    assert_true(label_has(&label, "48575443A1B2C3D4"));
    label_free(&label);
}

/* The table itself: every row can be found by its own words. */
static void test_rows_are_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < anchor_row_count; i++) {
        const struct anchor_row *row = &anchor_rows[i];
        assert_true(strlen(row->pattern) > 0 && strlen(row->pattern) < 64);
        assert_true(row->weight > 0 && row->weight <= 6);
    }
    assert_string_equal(anchor_numbers[anchor_number_no], "no");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_serial_in_many_languages),
        cmocka_unit_test(test_serial_without_gap),
        cmocka_unit_test(test_serial_misread),
        cmocka_unit_test(test_serial_cut_off),
        cmocka_unit_test(test_weak_words),
        cmocka_unit_test(test_other_kinds),
        cmocka_unit_test(test_no_serial),
        cmocka_unit_test(test_secrets_are_never_returned),
        cmocka_unit_test(test_qualified),
        cmocka_unit_test(test_rows_are_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
