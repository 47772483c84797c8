/*
 * Settings: every row's default and range, refused values, INI files, environment.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/treat.h"
#include "reader/settings.h"

static se_settings *new_settings(void)
{
    se_settings *settings;
    se_error err;
    assert_int_equal(se_settings_new(&settings, &err), SE_OK);
    return settings;
}

/* The message of a refused value; the settings must not have changed. */
static const char *refusal(se_settings *settings, const char *name, const char *value)
{
    static se_error err;
    const char *before = se_settings_get(settings, name);
    char kept[256];
    snprintf(kept, sizeof(kept), "%s", before ? before : "");
    assert_int_equal(se_settings_set(settings, name, value, "test", &err), SE_ERR_SETTING);
    if (before)
        assert_string_equal(se_settings_get(settings, name), kept);
    return err.message;
}

static void test_defaults(void **state)
{
    (void)state;
    se_settings *settings = new_settings();
    const struct settings_values *v = settings_values_of(settings);
    assert_string_equal(v->models, "");
    assert_string_equal(v->dictionary, "");
    assert_int_equal(v->backend, NN_BACKEND_CPU);
    assert_int_equal(v->cpu, NN_CPU_AUTO);
    assert_int_equal(v->precision, SETTING_PRECISION_AUTO);
    assert_int_equal(v->use_gpu, SETTING_AUTO);
    assert_int_equal(v->threads, 0);
    assert_int_equal(v->batch_size, 4);
    assert_int_equal(v->max_pixels, 64000000);
    assert_int_equal(v->max_side, 16384);
    assert_int_equal(v->time_limit_ms, 2000);
    assert_true(v->barcodes);
    assert_int_equal(v->detect_side, 640);
    assert_true(v->upscale_scale == 5.0);
    const double degrees[] = {0, 90, 180, 270, 15, -15, 30, -30};
    assert_int_equal(v->rotation_count, 8);
    for (int i = 0; i < 8; i++)
        assert_true(v->try_rotations[i] == degrees[i]);
    assert_int_equal(v->roi_top_k, 3);
    assert_string_equal(se_settings_get(settings, "languages"), "en");
    assert_null(se_settings_get(settings, "nothing"));
    se_settings_free(settings);
}

static void test_table_describes_itself(void **state)
{
    (void)state;
    se_settings *settings = new_settings();
    const size_t count = se_settings_count(settings);
    assert_true(count > 15);
    for (size_t i = 0; i < count; i++) {
        se_setting_info info;
        assert_int_equal(se_settings_at(settings, i, &info), SE_OK);
        assert_string_equal(info.origin, "default");
        assert_true(strlen(info.description) > 10);
        assert_true(strlen(info.range) > 0);
        assert_string_equal(info.value, se_settings_get(settings, info.name));
        /* What is shown can be set again, and is then said to come from there. */
        char value[256];
        snprintf(value, sizeof(value), "%s", info.value);
        assert_int_equal(se_settings_set(settings, info.name, value, "test", NULL), SE_OK);
        assert_int_equal(se_settings_at(settings, i, &info), SE_OK);
        assert_string_equal(info.origin, "test");
    }
    se_setting_info info;
    assert_int_equal(se_settings_at(settings, count, &info), SE_ERR_ARGUMENT);
    se_settings_free(settings);
}

static void test_values_are_parsed(void **state)
{
    (void)state;
    se_settings *settings = new_settings();
    const struct settings_values *v = settings_values_of(settings);
    assert_int_equal(se_settings_set(settings, "cpu", "avx512", NULL, NULL), SE_OK);
    assert_int_equal(v->cpu, NN_CPU_AVX512);
    assert_int_equal(se_settings_set(settings, "precision", "int8", NULL, NULL), SE_OK);
    assert_int_equal(v->precision, SETTING_INT8);
    assert_int_equal(se_settings_set(settings, "precision", "bf16", NULL, NULL), SE_OK);
    assert_int_equal(v->precision, SETTING_BF16);
    assert_int_equal(se_settings_set(settings, "precision", "auto", NULL, NULL), SE_OK);
    assert_int_equal(v->precision, SETTING_PRECISION_AUTO);
    assert_int_equal(se_settings_set(settings, "backend", "ref", NULL, NULL), SE_OK);
    assert_int_equal(v->backend, NN_BACKEND_REF);
    assert_int_equal(se_settings_set(settings, "use_gpu", "false", NULL, NULL), SE_OK);
    assert_int_equal(v->use_gpu, SETTING_FALSE);
    assert_int_equal(se_settings_set(settings, "barcodes", "false", NULL, NULL), SE_OK);
    assert_false(v->barcodes);
    assert_int_equal(se_settings_set(settings, "batch_size", "64", NULL, NULL), SE_OK);
    assert_int_equal(v->batch_size, 64);
    assert_int_equal(se_settings_set(settings, "upscale_scale", "1.25", NULL, NULL), SE_OK);
    assert_true(v->upscale_scale == 1.25);
    assert_int_equal(se_settings_set(settings, "try_rotations", "0, 7.5 ,-3", NULL, NULL), SE_OK);
    assert_int_equal(v->rotation_count, 3);
    assert_true(v->try_rotations[1] == 7.5 && v->try_rotations[2] == -3);
    assert_int_equal(v->preset, PRESET_AUTO);
    assert_int_equal(se_settings_set(settings, "preset", "screen-glare", NULL, NULL), SE_OK);
    assert_int_equal(v->preset, PRESET_SCREEN_GLARE);
    assert_int_equal(v->profile, PROFILE_CPU);
    assert_int_equal(se_settings_set(settings, "profile", "gpu", NULL, NULL), SE_OK);
    assert_int_equal(v->profile, PROFILE_GPU);
    assert_int_equal(v->looks, ~0U);
    assert_int_equal(se_settings_set(settings, "looks", "none", NULL, NULL), SE_OK);
    assert_int_equal(v->looks, 0);
    assert_int_equal(se_settings_set(settings, "looks", "turn, adaptive ,invert", NULL, NULL), 0);
    assert_int_equal(v->looks, 1U << LOOK_TURN | 1U << LOOK_TREATED |
                                   1U << (LOOK_TREATED + IMG_ADAPTIVE - 1));
    assert_int_equal(se_settings_set(settings, "models", "/x", NULL, NULL), SE_OK);
    assert_int_equal(se_settings_set(settings, "models", "/some where", NULL, NULL), SE_OK);
    assert_string_equal(v->models, "/some where");
    se_settings_free(settings);
}

static void test_values_out_of_range_are_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"batch_size", "0"},
        {"batch_size", "65"},
        {"batch_size", ""},
        {"batch_size", "4x"},
        {"batch_size", " 4"},
        {"batch_size", "4.0"},
        {"batch_size", "0x4"},
        {"batch_size", "1e1"},
        {"batch_size", "-"},
        {"batch_size", "99999999999999999999"},
        {"max_pixels", "-1"},
        {"max_pixels", "9223372036854775808"},
        {"upscale_scale", "0.99"},
        {"upscale_scale", "5.01"},
        {"upscale_scale", "nan"},
        {"upscale_scale", "2."},
        {"upscale_scale", ".5"},
        {"upscale_scale", "1.2.3"},
        {"upscale_scale", "2,5"},
        {"barcodes", "yes"},
        {"barcodes", "TRUE"},
        {"cpu", "avx"},
        {"cpu", ""},
        {"cpu", "auto|portable"},
        {"precision", "int4"},
        {"precision", ""},
        {"try_rotations", ""},
        {"try_rotations", "0,,90"},
        {"try_rotations", "0,"},
        {"try_rotations", "361"},
        {"try_rotations", "0 90"},
        {"try_rotations", "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
                          "0,0,0"},
        {"roi_top_k", "33"},
        {"languages", "de"},
        {"preset", "etched-grey"},
        {"preset", ""},
        {"looks", ""},
        {"looks", "all,closer"},
        {"looks", "closer,"},
        {"looks", "closer full"},
        {"looks", "fast"},
        {"looks", "plain"},
        {"profile", "fast"},
    };
    se_settings *settings = new_settings();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_non_null(strstr(refusal(settings, bad[i][0], bad[i][1]), bad[i][0]));
    assert_non_null(strstr(refusal(settings, "batch_size", "65"), "1..64"));
    assert_non_null(strstr(refusal(settings, "max_error", "0.51"), "0..0.5"));
    assert_non_null(strstr(refusal(settings, "max_error", "-0.1"), "0..0.5"));
    assert_non_null(strstr(refusal(settings, "max_error", "nan"), "0..0.5"));
    assert_non_null(strstr(refusal(settings, "languages", "de"), "Latin"));
    assert_non_null(strstr(refusal(settings, "preset", "steel"), "auto|etched|etched-dark"));
    assert_non_null(strstr(refusal(settings, "looks", "contarst"), "contrast"));
    assert_non_null(strstr(refusal(settings, "profile", "fast"), "cpu|gpu"));
    char longest[5000];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_non_null(strstr(refusal(settings, "models", longest), "longer than"));
    se_settings_free(settings);
}

static void test_unknown_names_are_refused_with_the_nearest(void **state)
{
    (void)state;
    se_settings *settings = new_settings();
    assert_non_null(strstr(refusal(settings, "bach_size", "4"), "did you mean batch_size?"));
    assert_non_null(strstr(refusal(settings, "Threads", "4"), "did you mean threads?"));
    const char *far = refusal(settings, "quite_something_else", "4");
    assert_non_null(strstr(far, "quite_something_else"));
    assert_null(strstr(far, "did you mean"));
    char longest[3000];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_non_null(strstr(refusal(settings, longest, "4"), "unknown setting"));
    assert_int_equal(se_settings_set(NULL, "threads", "1", NULL, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(se_settings_set(settings, NULL, "1", NULL, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(se_settings_set(settings, "threads", NULL, NULL, NULL), SE_ERR_ARGUMENT);
    se_settings_free(settings);
}

static void test_numbers_do_not_follow_the_locale(void **state)
{
    (void)state;
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8")) {
        print_message("de_DE.UTF-8 is not installed: checked in the C locale only\n");
    }
    se_settings *settings = new_settings();
    assert_int_equal(se_settings_set(settings, "upscale_scale", "2.5", NULL, NULL), SE_OK);
    assert_true(settings_values_of(settings)->upscale_scale == 2.5);
    setlocale(LC_NUMERIC, "C");
    se_settings_free(settings);
}

static void test_copy_shares_nothing(void **state)
{
    (void)state;
    se_settings *settings = new_settings(), *copy;
    se_settings_set(settings, "models", "/a", "here", NULL);
    se_settings_set(settings, "threads", "3", "there", NULL);
    assert_int_equal(settings_copy(&copy, settings, NULL), SE_OK);
    se_settings_free(settings);
    assert_string_equal(settings_values_of(copy)->models, "/a");
    assert_int_equal(settings_values_of(copy)->threads, 3);
    se_setting_info info;
    assert_int_equal(se_settings_at(copy, 0, &info), SE_OK);
    assert_string_equal(info.origin, "here");
    se_settings_free(copy);
    assert_int_equal(settings_copy(&copy, NULL, NULL), SE_OK);
    assert_int_equal(settings_values_of(copy)->threads, 0);
    se_settings_free(copy);
}

/* ---- files ---------------------------------------------------------------------------------- */

/* Loads `text` as an INI file; *err as se_settings_load_ini left it. */
static int load(se_settings *settings, const char *text, size_t size, se_error *err)
{
    char path[] = "/tmp/serialeye-ini-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, size), size);
    close(fd);
    se_error_clear(err);
    const int status = se_settings_load_ini(settings, path, err);
    unlink(path);
    return status;
}

static void test_ini_file(void **state)
{
    (void)state;
    static const char text[] = "\xEF\xBB\xBF; a comment\n"
                               "threads = 2\n"
                               "[serialeye]\n"
                               "# another\n"
                               "  models = /a b/c ; behind the value\r\n"
                               "\tbarcodes=false\n"
                               "\n"
                               "upscale_scale : 2.5";
    se_settings *settings = new_settings();
    se_error err;
    assert_int_equal(load(settings, text, sizeof(text) - 1, &err), SE_OK);
    const struct settings_values *v = settings_values_of(settings);
    assert_int_equal(v->threads, 2);
    assert_string_equal(v->models, "/a b/c");
    assert_false(v->barcodes);
    assert_true(v->upscale_scale == 2.5);
    se_setting_info info;
    for (size_t i = 0; se_settings_at(settings, i, &info) == SE_OK; i++)
        if (strcmp(info.name, "barcodes") == 0)
            assert_non_null(strstr(info.origin, ":6"));
    assert_int_equal(load(settings, "", 0, &err), SE_OK);
    se_settings_free(settings);
}

static void test_ini_file_stops_at_the_line_it_refuses(void **state)
{
    (void)state;
    char long_line[400];
    snprintf(long_line, sizeof(long_line), "threads = 2\nmodels = %0300d\njobs = 3\n", 7);
    const struct {
        const char *text, *message;
    } cases[] = {
        {"threads = 2\njobs = many\nroi_top_k = 1\n", ":2: jobs"},
        {"threads = 2\n\njbs = 1\nroi_top_k = 1\n",
         ":3: unknown setting \"jbs\"; did you mean jobs?"},
        {"threads = 2\njobs\nroi_top_k = 1\n", ":2: not of the form"},
        {"threads = 2\n[other]\njobs = 1\nroi_top_k = 1\n", ":3: unknown section [other]"},
        {"threads = 2\n[serialeye\nroi_top_k = 1\n", ":2: not of the form"},
        {"threads = 2\n  9\nroi_top_k = 1\n", ":2: not of the form"},
        {long_line, ":2: line longer than"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        se_settings *settings = new_settings();
        se_error err;
        assert_int_equal(load(settings, cases[i].text, strlen(cases[i].text), &err),
                         SE_ERR_SETTING);
        assert_non_null(strstr(err.message, cases[i].message));
        assert_int_equal(settings_values_of(settings)->threads, 2);
        assert_int_equal(settings_values_of(settings)->jobs, 0);
        assert_int_equal(settings_values_of(settings)->roi_top_k, 3);
        se_settings_free(settings);
    }
    se_settings *settings = new_settings();
    se_error err;
    assert_int_equal(load(settings, "jobs\nthreads = 2\n", 17, &err), SE_ERR_SETTING);
    assert_int_equal(load(settings, "threads = 2\0\n", 13, &err), SE_ERR_SETTING);
    assert_int_equal(settings_values_of(settings)->threads, 0);
    assert_int_equal(se_settings_load_ini(settings, "/no/such/file", &err), SE_ERR_IO);
    assert_non_null(strstr(err.message, "/no/such/file"));
    assert_int_equal(se_settings_load_ini(settings, "/", &err), SE_ERR_IO);
    se_settings_free(settings);
}

static void test_environment(void **state)
{
    (void)state;
    se_settings *settings = new_settings();
    se_error err;
    setenv("SERIALEYE_BATCH_SIZE", "7", 1);
    setenv("SERIALEYE_MODELS", "/m", 1);
    setenv("SERIALEYE_PHOTOS", "/for/tests", 1); /* passed over: no setting */
    assert_int_equal(se_settings_load_environment(settings, &err), SE_OK);
    assert_int_equal(settings_values_of(settings)->batch_size, 7);
    assert_string_equal(settings_values_of(settings)->models, "/m");
    setenv("SERIALEYE_BATCH_SIZ", "7", 1);
    assert_int_equal(se_settings_load_environment(settings, &err), SE_ERR_SETTING);
    assert_non_null(strstr(err.message, "SERIALEYE_BATCH_SIZ"));
    assert_non_null(strstr(err.message, "did you mean batch_size?"));
    unsetenv("SERIALEYE_BATCH_SIZ");
    setenv("SERIALEYE_JOBS", "no", 1);
    assert_int_equal(se_settings_load_environment(settings, &err), SE_ERR_SETTING);
    assert_non_null(strstr(err.message, "SERIALEYE_JOBS"));
    unsetenv("SERIALEYE_JOBS");
    unsetenv("SERIALEYE_BATCH_SIZE");
    unsetenv("SERIALEYE_MODELS");
    setenv("SERIALEYE_PHOTOSET", "1", 1);
    assert_int_equal(se_settings_load_environment(settings, &err), SE_ERR_SETTING);
    unsetenv("SERIALEYE_PHOTOSET");
    unsetenv("SERIALEYE_PHOTOS");
    se_settings_free(settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_table_describes_itself),
        cmocka_unit_test(test_values_are_parsed),
        cmocka_unit_test(test_values_out_of_range_are_refused),
        cmocka_unit_test(test_unknown_names_are_refused_with_the_nearest),
        cmocka_unit_test(test_numbers_do_not_follow_the_locale),
        cmocka_unit_test(test_copy_shares_nothing),
        cmocka_unit_test(test_ini_file),
        cmocka_unit_test(test_ini_file_stops_at_the_line_it_refuses),
        cmocka_unit_test(test_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
