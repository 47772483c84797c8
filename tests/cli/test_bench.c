/*
 * `serialeye bench` from outside. Needs the models (SKIP without them). argv: the program, a small
 * picture and the serial number on it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli_testing.h"
#include "nn/cpu/cpu_detect.h"
#include "scratch.h"

static const char *picture;

static void test_network(void **state)
{
    (void)state;
    json_t *all = cli_json(0, "bench", "--network", "rec", "--shape", "48x64", "--threads", "1",
                           "--iterations", "3", "--json", NULL);
    assert_string_equal(cli_string(all, "name"), "rec");
    assert_string_equal(cli_string(all, "shape"), "48x64");
    assert_int_equal(cli_number(all, "threads"), 1);
    assert_int_equal(cli_number(all, "iterations"), 3);
    const double shortest = cli_number(all, "ms_min"), gflop = cli_number(all, "gflop");
    assert_true(shortest > 0 && shortest <= cli_number(all, "ms_median"));
    /* 2.19 GFLOP at 48 × 320 (docs/SPEED.md), nearly all of it in proportion to the width. */
    assert_true(gflop > 0.40 && gflop < 0.47);
    assert_true(fabs(cli_number(all, "gflops") * shortest / gflop - 1e3) < 1);
    assert_true(cli_number(all, "percent_of_peak") > 0);
    json_decref(all);
    struct program_run run =
        cli_run(0, "bench", "--network", "det", "--shape", "64x96", "--iterations", "1", NULL);
    assert_non_null(strstr(run.out, "det 64x96"));
    assert_non_null(strstr(run.out, "of the peak"));
    program_run_free(&run);
}

/* What `auto` takes where `cpu` is this: bfloat16 with AMX, else 8 bits with VNNI or, where AVX-512
 * is not to be had, with AVX2, else bfloat16. */
static const char *automatic(enum nn_cpu_tier cpu)
{
    const char *missing;
    const enum nn_cpu_tier bf16 = cpu_bf16_tier(cpu, &missing);
    if (bf16 != NN_CPU_AMX_BF16 && (cpu == NN_CPU_AUTO || cpu == NN_CPU_AVX512) && cpu_has_vnni())
        return "int8 avx512vnni";
    if (cpu == NN_CPU_AVX2 || (cpu == NN_CPU_AUTO && cpu_has_tier(NN_CPU_AVX2, &missing) &&
                               !cpu_has_tier(NN_CPU_AVX512, &missing)))
        return "int8 avx2";
    return bf16 != NN_CPU_AUTO ? "bf16" : "fp32";
}

/* The setting `cpu` limits the tier, and the fields name what computed; no tier passes its peak. */
static void test_tiers(void **state)
{
    (void)state;
    for (enum nn_cpu_tier tier = NN_CPU_PORTABLE; tier <= NN_CPU_AMX; tier++) {
        const char *missing;
        char setting[32], backend[32];
        if (!cpu_has_tier(tier, &missing)) {
            print_message("SKIP tier %s: this machine lacks %s\n", nn_cpu_tier_name(tier), missing);
            continue;
        }
        snprintf(setting, sizeof(setting), "cpu=%s", nn_cpu_tier_name(tier));
        snprintf(backend, sizeof(backend), "cpu %s", nn_cpu_tier_name(tier));
        json_t *all = cli_json(0, "bench", "--network", "rec", "--shape", "48x64", "--threads", "1",
                               "--iterations", "1", "--json", "--set", setting, NULL);
        assert_string_equal(cli_string(all, "backend"), backend);
        assert_string_equal(cli_string(all, "precision"), automatic(tier));
        assert_true(cli_number(all, "percent_of_peak") < 100);
        json_decref(all);
    }
}

static void test_batch(void **state)
{
    (void)state;
    json_t *all = cli_json(0, "bench", "--network", "rec", "--shape", "48x32", "--batch", "3",
                           "--iterations", "1", "--json", NULL);
    assert_int_equal(cli_number(all, "batch"), 3);
    const double three = cli_number(all, "gflop");
    json_decref(all);
    all = cli_json(0, "bench", "--network", "rec", "--shape", "48x32", "--iterations", "1",
                   "--json", NULL);
    assert_true(fabs(three / cli_number(all, "gflop") - 3) < 0.01);
    json_decref(all);
}

/* Without a GPU: the CPU alone, and why. (With one, it is not this test's matter.) */
static void test_without_gpu(void **state)
{
    (void)state;
    json_t *all = cli_json(0, "bench", "--gpu", "--network", "rec", "--shape", "48x32", "--batch",
                           "1,2", "--iterations", "1", "--json", NULL);
    if (!json_is_null(json_object_get(all, "gpu"))) {
        json_decref(all);
        skip();
    }
    assert_true(strlen(cli_string(all, "why_not")) > 10);
    const json_t *networks = json_object_get(all, "networks");
    assert_int_equal(json_array_size(networks), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *row = json_array_get(networks, i);
        assert_int_equal(cli_number(row, "batch"), 1 + i);
        assert_true(cli_number(row, "cpu.ms_min") > 0);
        assert_true(cli_number(row, "cpu.percent_of_peak") > 0);
        assert_null(json_object_get(row, "gpu"));
        assert_null(json_object_get(row, "speed_up"));
    }
    assert_null(json_object_get(all, "pictures"));
    json_decref(all);
    all = cli_json(0, "bench", "--gpu", "--iterations", "1", "--json", picture, NULL);
    assert_int_equal(json_array_size(json_object_get(all, "networks")), 0);
    assert_int_equal(cli_number(all, "pictures.count"), 1);
    assert_true(cli_number(all, "pictures.cpu.pictures_per_s") > 0);
    assert_true(cli_number(all, "pictures.cpu.stages_ms.detect") > 0);
    json_decref(all);
    struct program_run run = cli_run(0, "bench", "--gpu", "--network", "rec", "--shape", "48x32",
                                     "--batch", "1", "--iterations", "1", NULL);
    assert_memory_equal(run.out, "The CPU alone: ", 15);
    program_run_free(&run);
}

static void test_precision(void **state)
{
    (void)state;
    static const char *const settings[] = {"precision=fp32", "precision=int8"};
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        const char *want = i == 0 ? "fp32" : "int8 ";
        json_t *all = cli_json(0, "bench", "--network", "det", "--shape", "64x96", "--iterations",
                               "1", "--json", "--set", settings[i], NULL);
        assert_memory_equal(cli_string(all, "precision"), want, strlen(want));
        json_decref(all);
        all = cli_json(0, "bench", "--iterations", "1", "--json", "--set", settings[i], picture,
                       NULL);
        assert_memory_equal(cli_string(all, "detector_precision"), want, strlen(want));
        assert_memory_equal(cli_string(all, "recognizer_precision"), want, strlen(want));
        json_decref(all);
    }
    json_t *all = cli_json(0, "bench", "--network", "det", "--shape", "64x96", "--iterations", "1",
                           "--json", "--set", "precision=auto", "--set", "cpu=portable", NULL);
    assert_string_equal(cli_string(all, "precision"), "fp32");
    json_decref(all);
    all = cli_json(0, "bench", "--network", "det", "--shape", "64x96", "--iterations", "1",
                   "--json", "--set", "precision=auto", NULL);
    assert_string_equal(cli_string(all, "precision"), automatic(NN_CPU_AUTO));
    json_decref(all);
    const char *missing;
    const bool has_bf16 = cpu_bf16_tier(NN_CPU_AUTO, &missing) != NN_CPU_AUTO;
    if (has_bf16) {
        all = cli_json(0, "bench", "--network", "rec", "--shape", "48x32", "--iterations", "1",
                       "--json", "--set", "precision=bf16", NULL);
        assert_string_equal(cli_string(all, "precision"), "bf16");
        json_decref(all);
    } else {
        print_message("SKIP precision = bf16: this machine lacks %s\n", missing);
        CLI_EXPECT_FAILURE(2, "precision = bf16: this machine, as set, lacks ", "bench",
                           "--network", "rec", "--set", "precision=bf16");
    }
    char words[64];
    const char *name = automatic(NN_CPU_AUTO);
    snprintf(words, sizeof(words), "detector %s, recognizer %s", name, name);
    struct program_run run = cli_run(0, "doctor", NULL);
    assert_non_null(strstr(run.out, words));
    program_run_free(&run);
    CLI_EXPECT_FAILURE(2, "only cpu = avx512 and amx have it", "bench", "--network", "det", "--set",
                       "precision=bf16", "--set", "cpu=avx2");
    CLI_EXPECT_FAILURE(2, "the backend ref computes in fp32 alone", "bench", "--network", "det",
                       "--set", "precision=bf16", "--backend", "ref");
}

static void test_8_bits(void **state)
{
    (void)state;
    /* Each tier has 8-bit kernels of its own. */
    json_t *all = cli_json(0, "bench", "--network", "det", "--shape", "64x96", "--iterations", "1",
                           "--json", "--set", "precision=int8", "--set", "cpu=portable", NULL);
    assert_string_equal(cli_string(all, "precision"), "int8 portable");
    json_decref(all);
    all = cli_json(0, "bench", "--network", "rec", "--shape", "48x32", "--iterations", "1",
                   "--json", "--set", "precision=int8", NULL);
    assert_memory_equal(cli_string(all, "precision"), "int8 ", 5);
    json_decref(all);
    CLI_EXPECT_FAILURE(2, "backend ref", "bench", "--network", "det", "--set", "precision=int8",
                       "--backend", "ref");
    /* A model of the user's own is known by its bytes. */
    scratch_write("own.onnx", "garbage", 7);
    char own[300];
    snprintf(own, sizeof(own), "detector=%s", scratch_path("own.onnx"));
    CLI_EXPECT_FAILURE(2, "no 8-bit ranges for this model (SHA-256 ", "bench", "--network", "det",
                       "--set", "precision=int8", "--set", own);
    CLI_EXPECT_FAILURE(2, "own.onnx", "bench", "--network", "det", "--set", "precision=auto",
                       "--set", own);
    struct program_run run = cli_run(0, "doctor", "--set", "precision=int8", NULL);
    assert_non_null(strstr(run.out, "detector int8 "));
    assert_non_null(strstr(run.out, ", recognizer int8 "));
    program_run_free(&run);
}

static void test_pictures(void **state)
{
    (void)state;
    json_t *all = cli_json(0, "bench", "--iterations", "1", "--json", picture, NULL);
    static const char *const names[] = {"decode",    "barcodes", "detect", "crop",
                                        "recognize", "serial",   "other"};
    const json_t *stages = json_object_get(all, "stages");
    double sum = 0;
    assert_int_equal(json_array_size(stages), sizeof(names) / sizeof(names[0]));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const json_t *stage = json_array_get(stages, i);
        assert_string_equal(cli_string(stage, "stage"), names[i]);
        assert_true(cli_number(stage, "ms") > 0);
        sum += cli_number(stage, "ms");
        const int network = strcmp(names[i], "detect") == 0 || strcmp(names[i], "recognize") == 0;
        assert_int_equal(json_object_get(stage, "percent_of_peak") != NULL, network);
    }
    const double total = cli_number(all, "ms_mean");
    assert_true(fabs(sum - total) < 1e-6 * total);
    assert_int_equal(cli_number(all, "pictures"), 1);
    assert_int_equal(cli_number(all, "failed"), 0);
    json_decref(all);
}

static void test_broken_pictures_are_passed_over(void **state)
{
    (void)state;
    scratch_write("broken.jpg", "garbage", 7);
    struct program_run run =
        cli_run(1, "bench", "--iterations", "1", picture, scratch_path("broken.jpg"), NULL);
    assert_non_null(strstr(run.out, "recognize"));
    assert_non_null(strstr(run.err, "broken.jpg: "));
    program_run_free(&run);
    CLI_EXPECT_FAILURE(1, "broken.jpg: ", "bench", scratch_path("broken.jpg"));
}

static void test_drawn_picture(void **state)
{
    (void)state;
    struct program_run run = cli_run(0, "bench", "--iterations", "1", NULL);
    assert_non_null(strstr(run.out, "1 picture, fastest of 1 runs"));
    program_run_free(&run);
}

static void test_wrong_use(void **state)
{
    (void)state;
    CLI_EXPECT_FAILURE(2, "det or rec", "bench", "--network", "cls");
    CLI_EXPECT_FAILURE(2, "HEIGHTxWIDTH", "bench", "--network", "det", "--shape", "736");
    CLI_EXPECT_FAILURE(2, "HEIGHTxWIDTH", "bench", "--network", "det", "--shape", "1x-2");
    CLI_EXPECT_FAILURE(2, "HEIGHTxWIDTH", "bench", "--network", "det", "--shape", "1x99999");
    CLI_EXPECT_FAILURE(2, "takes", "bench", "--network", "rec", "--shape", "32x320");
    CLI_EXPECT_FAILURE(2, "belongs to --network", "bench", "--shape", "1x1");
    CLI_EXPECT_FAILURE(2, "belongs to --network", "bench", "--gpu", "--batch", "1");
    CLI_EXPECT_FAILURE(2, "--batch takes a number", "bench", "--network", "rec", "--batch", "1,2");
    static const char *const batches[] = {
        "0", "1,", ",1", "1025", "-1", "1;2", "1,1,1,1,1,1,1,1,1"};
    for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++)
        CLI_EXPECT_FAILURE(2, "--batch takes numbers", "bench", "--gpu", "--network", "rec",
                           "--batch", batches[i]);
    CLI_EXPECT_FAILURE(2, "takes no picture", "bench", "--network", "det", picture);
    CLI_EXPECT_FAILURE(2, "--iterations takes", "bench", "--iterations", "0");
    CLI_EXPECT_FAILURE(2, "--iterations takes", "bench", "--iterations", "5x");
    CLI_EXPECT_FAILURE(2, "no pictures", "bench", scratch_path(""));
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    cli_program = argv[1];
    picture = argv[2];
    if (!cli_models_are_there())
        return CLI_EXIT_SKIP;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_network, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_tiers),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_without_gpu),
        cmocka_unit_test(test_precision),
        cmocka_unit_test_setup_teardown(test_8_bits, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_pictures, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_broken_pictures_are_passed_over, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_drawn_picture, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_use, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
