/*
 * What belongs to one file of weights alone: the last layer for codes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include "ocr/code_head.h"
#include "reader/models.h"
#include "reader/precision.h"

static void test_the_layer_for_codes_belongs_to_our_recognizer(void **state)
{
    (void)state;
    struct settings_values values = {.detector = "", .recognizer = "", .dictionary = ""};
    bool codes = false;
    assert_string_equal(code_head_table.sha256, model_files[MODEL_RECOGNIZER].sha256);
    assert_int_equal(precision_codes(&values, "the models' own is not opened", &codes, NULL),
                     SE_OK);
    assert_true(codes);
    values.dictionary = "another.txt";
    assert_int_equal(precision_codes(&values, "", &codes, NULL), SE_OK);
    assert_false(codes);
}

static void test_another_network_is_read_as_it_is(void **state)
{
    (void)state;
    char path[] = "/tmp/serialeye-recognizer-XXXXXX";
    const int file = mkstemp(path);
    struct settings_values values = {.detector = "", .recognizer = path, .dictionary = ""};
    bool codes = true;
    assert_true(file >= 0 && write(file, "no network", 10) == 10);
    close(file);
    assert_int_equal(precision_codes(&values, path, &codes, NULL), SE_OK);
    assert_false(codes);
    unlink(path);
    assert_int_equal(precision_codes(&values, path, &codes, NULL), SE_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_layer_for_codes_belongs_to_our_recognizer),
        cmocka_unit_test(test_another_network_is_read_as_it_is),
    };
    return cmocka_run_group_tests_name("reader/precision", tests, NULL, NULL);
}
