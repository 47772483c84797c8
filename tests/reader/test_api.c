/*
 * The public header from outside: what it refuses, what it answers, from one thread and from many.
 *
 * Needs the models (SKIP without them) and docs/example.jpg. argv[1]: the picture, argv[2]: the
 * serial number on it, argv[3]: the look that a first one at 64 pixels makes necessary, if any.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serialeye.h"

enum { EXIT_SKIP = 77 };

static se_reader *reader;
static const char *serial;
static const char *second_look;
static unsigned char *picture;
static size_t picture_size;

static void test_refused_calls(void **state)
{
    (void)state;
    se_error err;
    se_result *result = NULL;
    assert_int_equal(se_open(NULL, NULL, &err), SE_ERR_ARGUMENT);
    assert_int_equal(se_read(NULL, "x", 1, NULL, &result, &err), SE_ERR_ARGUMENT);
    assert_int_equal(se_read(reader, "x", 1, NULL, NULL, &err), SE_ERR_ARGUMENT);
    assert_int_equal(se_read(reader, NULL, 1, NULL, &result, &err), SE_ERR_ARGUMENT);
    assert_int_equal(se_read(reader, NULL, 0, NULL, &result, &err), SE_ERR_EMPTY);
    assert_int_equal(se_read(reader, "garbage bytes", 13, NULL, &result, &err),
                     SE_ERR_UNKNOWN_TYPE);
    assert_null(result);
    se_read_options options = SE_READ_OPTIONS_INIT;
    options.size = 3;
    assert_int_equal(se_read(reader, "x", 1, &options, &result, &err), SE_ERR_ARGUMENT);
    options = (se_read_options)SE_READ_OPTIONS_INIT;
    options.time_limit_ms = -2;
    assert_int_equal(se_read(reader, "x", 1, &options, &result, &err), SE_ERR_ARGUMENT);
    options = (se_read_options)SE_READ_OPTIONS_INIT;
    options.preset = "steel";
    assert_int_equal(se_read(reader, "x", 1, &options, &result, &err), SE_ERR_SETTING);
    assert_non_null(strstr(err.message, "etched-light"));
    const se_picture one = {"x", 1, NULL};
    assert_int_equal(se_read_batch(reader, &one, 1, &options, &result, &err), SE_ERR_SETTING);
    assert_null(result);
    options.preset = "sticker";
    assert_int_equal(se_read(reader, "x", 1, &options, &result, &err), SE_ERR_UNKNOWN_TYPE);
    /* Compiled against a later header: what is known of its options counts, the rest does not. */
    struct {
        se_read_options known;
        char later[40];
    } longer = {SE_READ_OPTIONS_INIT, "later"};
    longer.known.size = sizeof(longer);
    assert_int_equal(se_read(reader, "x", 1, &longer.known, &result, &err), SE_ERR_UNKNOWN_TYPE);
    longer.known.time_limit_ms = -2;
    assert_int_equal(se_read(reader, "x", 1, &longer.known, &result, &err), SE_ERR_ARGUMENT);
    se_settings *settings;
    assert_int_equal(se_settings_new(&settings, &err), SE_OK);
    assert_int_equal(se_settings_set(settings, "use_gpu", "true", NULL, &err), SE_OK);
    se_reader *none = NULL;
    assert_int_equal(se_open(&none, settings, &err), SE_ERR_DEVICE);
    assert_null(none);
    assert_int_equal(se_settings_set(settings, "use_gpu", "false", NULL, &err), SE_OK);
    assert_int_equal(se_settings_set(settings, "models", "/nonexistent", NULL, &err), SE_OK);
    assert_int_equal(se_open(&none, settings, &err), SE_ERR_MODEL);
    assert_non_null(strstr(err.message, "serialeye models fetch"));
    se_settings_free(settings);
    se_close(NULL);
    se_trim(NULL);
    se_result_free(NULL);
    se_settings_free(NULL);
    se_cancel_free(NULL);
}

static void assert_serial(const se_result *result)
{
    const se_reading *best = se_result_reading(result, 0);
    assert_non_null(best);
    assert_string_equal(best->text, serial);
    assert_true(best->score > 0 && best->score <= 1);
    assert_true(strcmp(best->status, "sure") == 0 || strcmp(best->status, "check") == 0);
    assert_int_equal(best->char_count, strlen(serial));
    uint32_t width, height;
    se_result_size(result, &width, &height);
    for (int i = 0; i < 4; i++) {
        assert_true(best->quad.p[i].x >= 0 && best->quad.p[i].x <= (float)width);
        assert_true(best->quad.p[i].y >= 0 && best->quad.p[i].y <= (float)height);
    }
}

static void test_reads_the_example(void **state)
{
    (void)state;
    se_error err;
    se_result *result;
    se_read_options options = SE_READ_OPTIONS_INIT;
    options.name = "example";
    options.time_limit_ms = 0;
    assert_int_equal(se_read(reader, picture, picture_size, &options, &result, &err), SE_OK);
    assert_serial(result);
    assert_int_equal(se_result_line_count(result), 0);
    assert_true(se_result_ms(result) > 0);
    assert_non_null(strstr(se_result_json(result), serial));
    se_result_free(result);
    options.lines = 1;
    assert_int_equal(se_read(reader, picture, picture_size, &options, &result, &err), SE_OK);
    assert_true(se_result_line_count(result) >= 1);
    assert_null(se_result_line(result, se_result_line_count(result)));
    assert_null(se_result_reading(result, se_result_reading_count(result)));
    se_result_free(result);
}

static void test_truncated_picture_is_an_error(void **state)
{
    (void)state;
    se_error err;
    se_result *result;
    assert_int_equal(se_read(reader, picture, picture_size / 2, NULL, &result, &err),
                     SE_ERR_TRUNCATED);
    assert_null(result);
    assert_true(strlen(err.message) > 10);
}

static void test_cancelled_call(void **state)
{
    (void)state;
    se_error err;
    se_result *result;
    se_cancel *cancel;
    assert_int_equal(se_cancel_new(&cancel, &err), SE_OK);
    se_cancel_set(cancel);
    se_read_options options = SE_READ_OPTIONS_INIT;
    options.cancel = cancel;
    assert_int_equal(se_read(reader, picture, picture_size, &options, &result, &err),
                     SE_ERR_CANCELLED);
    assert_null(result);
    se_cancel_free(cancel);
}

/* Without barcodes: what one says may be an answer before any time is over. */
static void test_time_limit_is_said(void **state)
{
    (void)state;
    se_error err;
    se_settings *settings;
    assert_int_equal(se_settings_new(&settings, &err), SE_OK);
    assert_int_equal(se_settings_load_environment(settings, &err), SE_OK);
    assert_int_equal(se_settings_set(settings, "barcodes", "false", NULL, &err), SE_OK);
    se_reader *without;
    assert_int_equal(se_open(&without, settings, &err), SE_OK);
    se_settings_free(settings);
    se_result *result;
    se_read_options options = SE_READ_OPTIONS_INIT;
    options.time_limit_ms = 1;
    assert_int_equal(se_read(without, picture, picture_size, &options, &result, &err), SE_OK);
    assert_non_null(strstr(se_result_json(result), "\"limit\":\"time\""));
    se_result_free(result);
    se_close(without);
}

static void test_raw_pixels(void **state)
{
    (void)state;
    enum { W = 64, H = 48 };
    static uint8_t data[W * H * 4];
    memset(data, 200, sizeof(data));
    se_error err;
    se_result *result;
    static const se_pixel_format formats[] = {SE_PIXELS_GRAY8, SE_PIXELS_RGB8, SE_PIXELS_RGBA8};
    for (int i = 0; i < 3; i++) {
        se_pixels pixels = {data, W, H, W * (size_t)formats[i], formats[i]};
        assert_int_equal(se_read_pixels(reader, &pixels, NULL, &result, &err), SE_OK);
        assert_int_equal(se_result_reading_count(result), 0);
        uint32_t width, height;
        se_result_size(result, &width, &height);
        assert_int_equal(width, W);
        assert_int_equal(height, H);
        se_result_free(result);
        pixels.stride--;
        assert_int_equal(se_read_pixels(reader, &pixels, NULL, &result, &err), SE_ERR_ARGUMENT);
        assert_null(result);
    }
    se_pixels pixels = {data, 70000, 1, 70000, SE_PIXELS_GRAY8};
    assert_int_equal(se_read_pixels(reader, &pixels, NULL, &result, &err), SE_ERR_LIMIT);
    pixels = (se_pixels){data, 0, 1, 1, SE_PIXELS_GRAY8};
    assert_int_equal(se_read_pixels(reader, &pixels, NULL, &result, &err), SE_ERR_EMPTY);
    pixels = (se_pixels){data, 1, 1, 4, (se_pixel_format)2};
    assert_int_equal(se_read_pixels(reader, &pixels, NULL, &result, &err), SE_ERR_ARGUMENT);
    assert_int_equal(se_read_pixels(reader, NULL, NULL, &result, &err), SE_ERR_ARGUMENT);
}

/* The JSON without the time it took, which alone may differ. */
static char *json_without_ms(const se_result *result)
{
    const char *json = se_result_json(result);
    const char *ms = strstr(json, "\"ms\":");
    assert_non_null(ms);
    const char *rest = strchr(ms, ',');
    char *text = malloc(strlen(json) + 1);
    assert_non_null(text);
    const size_t before = (size_t)(ms - json);
    memcpy(text, json, before);
    strcpy(text + before, rest);
    return text;
}

static void test_batch_keeps_order_and_isolates_failures(void **state)
{
    (void)state;
    enum { COUNT = 5 };
    const se_picture pictures[COUNT] = {{picture, picture_size, "a"},
                                        {"nonsense", 8, "b"},
                                        {picture, picture_size, "a"},
                                        {picture, 100, "c"},
                                        {NULL, 0, NULL}};
    se_result *results[COUNT];
    se_error err;
    se_read_options options = SE_READ_OPTIONS_INIT;
    options.time_limit_ms = 0;
    assert_int_equal(se_read_batch(reader, pictures, COUNT, &options, results, &err), SE_OK);
    static const int expected[COUNT] = {SE_OK, SE_ERR_UNKNOWN_TYPE, SE_OK, SE_ERR_TRUNCATED,
                                        SE_ERR_EMPTY};
    for (int i = 0; i < COUNT; i++) {
        const char *message;
        assert_int_equal(se_result_status(results[i], &message), expected[i]);
        assert_int_equal(message[0] == '\0', expected[i] == SE_OK);
    }
    assert_serial(results[0]);
    char *first = json_without_ms(results[0]), *third = json_without_ms(results[2]);
    assert_string_equal(first, third);
    free(first);
    free(third);
    for (int i = 0; i < COUNT; i++)
        se_result_free(results[i]);
    assert_int_equal(se_read_batch(reader, NULL, 0, NULL, results, &err), SE_OK);
    assert_int_equal(se_read_batch(reader, NULL, 1, NULL, results, &err), SE_ERR_ARGUMENT);
}

static void *read_in_thread(void *argument)
{
    se_read_options options = SE_READ_OPTIONS_INIT;
    options.time_limit_ms = 0;
    options.name = "same";
    se_result *result = NULL;
    se_error err;
    if (se_read(reader, picture, picture_size, &options, &result, &err) != SE_OK)
        return NULL;
    *(char **)argument = json_without_ms(result);
    se_result_free(result);
    se_trim(reader);
    return argument;
}

static void test_many_threads_get_the_same_answer(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    char *json[THREADS] = {NULL};
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_in_thread, &json[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) {
        assert_non_null(json[i]);
        assert_string_equal(json[i], json[0]);
    }
    for (int i = 0; i < THREADS; i++)
        free(json[i]);
}

/* What a reader with these settings makes of the picture, in all the looks that it needs. */
static char *read_with_settings(const char *const names[], const char *const values[], int count)
{
    se_error err;
    se_settings *settings;
    assert_int_equal(se_settings_new(&settings, &err), SE_OK);
    assert_int_equal(se_settings_load_environment(settings, &err), SE_OK);
    for (int i = 0; i < count; i++)
        assert_int_equal(se_settings_set(settings, names[i], values[i], NULL, &err), SE_OK);
    se_reader *own = NULL;
    assert_int_equal(se_open(&own, settings, &err), SE_OK);
    se_settings_free(settings);
    se_read_options options = SE_READ_OPTIONS_INIT;
    options.time_limit_ms = 0;
    options.explain = 1;
    se_result *result;
    assert_int_equal(se_read(own, picture, picture_size, &options, &result, &err), SE_OK);
    if (second_look)
        assert_non_null(strstr(se_result_json(result), second_look));
    assert_serial(result);
    char *json = json_without_ms(result);
    se_result_free(result);
    se_close(own);
    return json;
}

static bool looks_hold(const char *json, const char *look)
{
    char name[40];
    snprintf(name, sizeof(name), "\"%s\"", look);
    const char *looks = strstr(json, "\"looks\":["), *found = looks ? strstr(looks, name) : NULL;
    return found && found < strchr(looks, ']');
}

/* The first look at 64 pixels reads nothing well: what follows depends on preset and looks. */
static void test_presets_and_looks(void **state)
{
    (void)state;
    static const char *const names[] = {"detect_side", "barcodes", "looks"};
    const char *values[] = {"64", "false", "closer,invert,white-hat"};
    se_error err;
    se_settings *settings;
    assert_int_equal(se_settings_new(&settings, &err), SE_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(se_settings_set(settings, names[i], values[i], NULL, &err), SE_OK);
    se_reader *own = NULL;
    assert_int_equal(se_open(&own, settings, &err), SE_OK);
    se_settings_free(settings);
    se_read_options options = SE_READ_OPTIONS_INIT;
    options.lines = 1; /* nothing ends the search early */
    options.time_limit_ms = 0;
    for (int light = 0; light < 2; light++) {
        se_result *result;
        options.preset = light ? "etched-light" : "etched-dark";
        assert_int_equal(se_read(own, picture, picture_size, &options, &result, &err), SE_OK);
        const char *json = se_result_json(result);
        assert_true(looks_hold(json, "fast"));
        assert_int_equal(looks_hold(json, "white-hat"), light);
        assert_int_equal(looks_hold(json, "invert"), light);
        assert_false(looks_hold(json, "full"));
        assert_false(looks_hold(json, "contrast"));
        se_result_free(result);
    }
    se_close(own);
}

static void test_threads_and_batches_change_no_byte(void **state)
{
    (void)state;
    static const char *const names[] = {"detect_side", "barcodes", "threads", "batch_size",
                                        "parallel_preprocessing"};
    static const char *const values[][5] = {{"64", "false", "1", "4", "true"},
                                            {"64", "false", "3", "4", "true"},
                                            {"64", "false", "2", "1", "false"},
                                            {"64", "false", "1", "13", "true"}};
    char *first = read_with_settings(names, values[0], 5);
    for (int i = 1; i < 4; i++) {
        char *again = read_with_settings(names, values[i], 5);
        assert_string_equal(again, first);
        free(again);
    }
    free(first);
}

/* The stages are named, each one's time is part of the whole. */
static void expect_stages(const se_result *result)
{
    static const char *const names[] = {"decode", "barcodes",  "detect",
                                        "crop",   "recognize", "serial"};
    const size_t count = sizeof(names) / sizeof(names[0]);
    double ms = se_result_ms(result), sum = 0;
    se_stage stage;
    for (size_t i = 0; i < se_result_picture_count(result); i++)
        if (se_result_picture_count(result) > 1)
            ms += se_result_ms(se_result_picture(result, i));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(se_result_stage(result, i, &stage), SE_OK);
        assert_string_equal(stage.name, names[i]);
        /* A barcode may have said all, without the networks. */
        assert_true(stage.ms > 0 || (i > 0 && stage.ms >= 0));
        sum += stage.ms;
    }
    assert_true(sum > 0 && sum <= ms);
    assert_int_equal(se_result_stage(result, count, &stage), SE_ERR_ARGUMENT);
    assert_int_equal(se_result_stage(NULL, 0, &stage), SE_ERR_ARGUMENT);
    assert_int_equal(se_result_stage(result, 0, NULL), SE_ERR_ARGUMENT);
}

static void test_a_device_of_several_pictures(void **state)
{
    (void)state;
    se_error err;
    se_result *result = NULL;
    se_read_options options = SE_READ_OPTIONS_INIT;
    options.time_limit_ms = 0;
    const se_picture pictures[] = {
        {picture, picture_size, "a"}, {"garbage", 7, "b"}, {picture, picture_size, NULL}};
    assert_int_equal(se_read_device(reader, pictures, 0, &options, &result, &err), SE_ERR_ARGUMENT);
    assert_int_equal(se_read_device(reader, NULL, 1, &options, &result, &err), SE_ERR_ARGUMENT);
    assert_int_equal(
        se_read_device(reader, pictures, SE_DEVICE_MAX_PICTURES + 1, &options, &result, &err),
        SE_ERR_LIMIT);
    assert_int_equal(se_read_device(reader, pictures + 1, 1, &options, &result, &err),
                     SE_ERR_UNKNOWN_TYPE);
    options.lines = 1;
    assert_int_equal(se_read_device(reader, pictures, 1, &options, &result, &err), SE_ERR_ARGUMENT);
    assert_null(result);
    options.lines = 0;
    assert_int_equal(se_read_device(reader, pictures, 3, &options, &result, &err), SE_OK);
    const se_reading *best = se_result_reading(result, 0);
    assert_string_equal(best->text, serial);
    assert_int_equal(best->seen_count, 2);
    assert_int_equal(best->seen[0].picture + best->seen[1].picture, 2);
    assert_int_equal(se_result_picture_count(result), 3);
    assert_null(se_result_picture(result, 3));
    assert_string_equal(se_result_file(se_result_picture(result, 1)), "b");
    assert_int_equal(se_result_status(se_result_picture(result, 1), NULL), SE_ERR_UNKNOWN_TYPE);
    assert_string_equal(se_result_reading(se_result_picture(result, 2), 0)->text, serial);
    expect_stages(result);
    se_result_free(result);
}

static void load_picture(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(1);
    }
    picture_size = (size_t)ftell(file);
    rewind(file);
    picture = malloc(picture_size);
    if (!picture || fread(picture, 1, picture_size, file) != picture_size)
        exit(1);
    fclose(file);
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 4)
        return 2;
    load_picture(argv[1]);
    serial = argv[2];
    second_look = argc == 4 ? argv[3] : NULL;
    se_settings *settings;
    se_error err;
    if (se_settings_new(&settings, &err) != SE_OK ||
        se_settings_load_environment(settings, &err) != SE_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    const int status = se_open(&reader, settings, &err);
    se_settings_free(settings);
    if (status == SE_ERR_MODEL && strstr(err.message, "models fetch")) {
        printf("SKIP: %s\n", err.message);
        free(picture);
        return EXIT_SKIP;
    }
    if (status != SE_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_calls),
        cmocka_unit_test(test_reads_the_example),
        cmocka_unit_test(test_truncated_picture_is_an_error),
        cmocka_unit_test(test_cancelled_call),
        cmocka_unit_test(test_time_limit_is_said),
        cmocka_unit_test(test_raw_pixels),
        cmocka_unit_test(test_batch_keeps_order_and_isolates_failures),
        cmocka_unit_test(test_a_device_of_several_pictures),
        cmocka_unit_test(test_many_threads_get_the_same_answer),
        cmocka_unit_test(test_presets_and_looks),
        cmocka_unit_test(test_threads_and_batches_change_no_byte),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    se_close(reader);
    free(picture);
    return failed;
}
