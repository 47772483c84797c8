/*
 * In which precision each network runs, and what belongs to one file of weights alone: ranges for 8
 * bits, the last layer for codes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nn/cpu/cpu_detect.h"
#include "ocr/code_head.h"
#include "ocr/shortlist.h"
#include "reader/models.h"
#include "reader/precision.h"

static void test_what_is_known_of_our_recognizers_head(void **state)
{
    (void)state;
    struct settings_values values = {.detector = "", .recognizer = "", .dictionary = ""};
    struct precision_head head;
    assert_string_equal(code_head_table.sha256, model_files[MODEL_RECOGNIZER].sha256);
    assert_int_equal(precision_head(&values, "the models' own is not opened", &head, NULL), SE_OK);
    assert_true(head.codes);
    assert_string_equal(shortlist_table.sha256, model_files[MODEL_RECOGNIZER].sha256);
    assert_ptr_equal(head.shortlist.columns, shortlist_table.list.columns);
    assert_true(head.shortlist.count > 0 && head.shortlist.enough > 0);
    values.dictionary = "another.txt";
    assert_int_equal(precision_head(&values, "", &head, NULL), SE_OK);
    assert_false(head.codes);
    assert_int_equal(head.shortlist.count, 0);
}

static void test_another_network_is_read_as_it_is(void **state)
{
    (void)state;
    char path[] = "/tmp/serialeye-recognizer-XXXXXX";
    const int file = mkstemp(path);
    struct settings_values values = {.detector = "", .recognizer = path, .dictionary = ""};
    struct precision_head head;
    assert_true(file >= 0 && write(file, "no network", 10) == 10);
    close(file);
    assert_int_equal(precision_head(&values, path, &head, NULL), SE_OK);
    assert_false(head.codes);
    assert_int_equal(head.shortlist.count, 0);
    unlink(path);
    assert_int_equal(precision_head(&values, path, &head, NULL), SE_ERR_IO);
}

static struct settings_values values_of(enum setting_precision precision, enum nn_cpu_tier cpu)
{
    return (struct settings_values){
        .detector = "", .recognizer = "", .precision = precision, .cpu = cpu};
}

static void test_both_networks_have_ranges(void **state)
{
    (void)state;
    const struct settings_values values = values_of(SETTING_INT8, NN_CPU_PORTABLE);
    assert_true(precision_is_int8(&values));
    for (int model = MODEL_DETECTOR; model <= MODEL_RECOGNIZER; model++) {
        struct nn_model_options options;
        assert_int_equal(precision_network(&values, model, "not opened", &options, NULL), SE_OK);
        assert_true(options.range_count > 0);
        assert_int_equal(options.cpu, NN_CPU_PORTABLE);
    }
}

/* What is left of a recognizer in 8 bits is in bfloat16, of a detector in float32. */
static void test_what_is_left(void **state)
{
    (void)state;
    const char *missing;
    const struct settings_values values = values_of(SETTING_INT8, NN_CPU_AUTO);
    const enum nn_cpu_tier bf16 = cpu_bf16_tier(NN_CPU_AUTO, &missing);
    struct nn_model_options options;
    assert_int_equal(precision_network(&values, MODEL_DETECTOR, "", &options, NULL), SE_OK);
    assert_int_equal(options.cpu, NN_CPU_AUTO);
    assert_int_equal(precision_network(&values, MODEL_RECOGNIZER, "", &options, NULL), SE_OK);
    assert_int_equal(options.cpu, bf16);
}

/* 8 bits are taken unasked with AVX-512 VNNI, where AMX is not there, and with AVX2 where AVX-512
 * is not there or may not be used. */
static void test_auto(void **state)
{
    (void)state;
    const char *missing;
    struct settings_values values = values_of(SETTING_PRECISION_AUTO, NN_CPU_PORTABLE);
    struct nn_model_options options;
    const bool avx2 = cpu_has_tier(NN_CPU_AVX2, &missing);
    const bool avx512 = cpu_has_tier(NN_CPU_AVX512, &missing);
    assert_false(precision_is_int8(&values));
    assert_int_equal(precision_network(&values, MODEL_RECOGNIZER, "", &options, NULL), SE_OK);
    assert_int_equal(options.range_count, 0);
    values.cpu = NN_CPU_AVX2;
    assert_int_equal(precision_is_int8(&values), avx2);
    values.cpu = NN_CPU_AVX512;
    assert_int_equal(precision_is_int8(&values), avx512 ? cpu_has_vnni() : 0);
    values.cpu = NN_CPU_AUTO;
    assert_int_equal(precision_is_int8(&values),
                     avx512 ? cpu_has_vnni() && !cpu_has_tier(NN_CPU_AMX_BF16, &missing) : avx2);
    values.backend = NN_BACKEND_REF;
    assert_false(precision_is_int8(&values));
}

static void test_the_spare_of_a_gpu_is_not_in_8_bits(void **state)
{
    (void)state;
    static const enum setting_precision asked[] = {SETTING_PRECISION_AUTO, SETTING_INT8};
    const char *missing;
    for (int i = 0; i < 2; i++) {
        const struct settings_values values = values_of(asked[i], NN_CPU_AUTO);
        struct nn_model_options options;
        assert_int_equal(precision_of_spare(&values, &options, NULL), SE_OK);
        assert_int_equal(options.backend, NN_BACKEND_GPU);
        assert_true(options.spare);
        assert_int_equal(options.range_count, 0);
        assert_int_equal(options.cpu, i ? NN_CPU_AUTO : cpu_bf16_tier(NN_CPU_AUTO, &missing));
    }
}

/* auto takes 8 bits where there are ranges, int8 insists on them. */
static void test_a_network_without_ranges(void **state)
{
    (void)state;
    char path[] = "/tmp/serialeye-detector-XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0 && write(file, "no network", 10) == 10);
    close(file);
    struct settings_values values = values_of(SETTING_PRECISION_AUTO, NN_CPU_AUTO);
    struct nn_model_options options;
    se_error err;
    values.detector = path;
    assert_int_equal(precision_network(&values, MODEL_DETECTOR, path, &options, NULL), SE_OK);
    assert_int_equal(options.range_count, 0);
    values.precision = SETTING_INT8;
    assert_int_equal(precision_network(&values, MODEL_DETECTOR, path, &options, &err),
                     SE_ERR_MODEL);
    assert_non_null(strstr(err.message, "no 8-bit ranges for this model (SHA-256 "));
    values.backend = NN_BACKEND_REF;
    assert_int_equal(precision_network(&values, MODEL_DETECTOR, path, &options, NULL),
                     SE_ERR_UNSUPPORTED);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_known_of_our_recognizers_head),
        cmocka_unit_test(test_another_network_is_read_as_it_is),
        cmocka_unit_test(test_both_networks_have_ranges),
        cmocka_unit_test(test_what_is_left),
        cmocka_unit_test(test_auto),
        cmocka_unit_test(test_the_spare_of_a_gpu_is_not_in_8_bits),
        cmocka_unit_test(test_a_network_without_ranges),
    };
    return cmocka_run_group_tests_name("reader/precision", tests, NULL, NULL);
}
