/*
 * `serialeye cost` from outside. argv: the program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "cli_testing.h"
#include "scratch.h"

static const json_t *machine(const json_t *all, const char *name)
{
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(all, "machines"), i,
                       one) if (strcmp(cli_string(one, "name"), name) == 0) return one;
    fail_msg("no machine %s", name);
    return NULL;
}

static const char prices[] = "[own]\nvcpus = 2\nprice = 0.072\n"
                             "[card]\ncloud = here\nvcpus = 8\ngpu = T4\nprice = 0.36\n";

/* own: 0.00002 a second at 10 pictures/s: 2 a million. card: 0.0001 at 200: 0.5, from 50/s on. */
static void test_numbers(void **state)
{
    (void)state;
    scratch_write("prices.ini", prices, strlen(prices));
    json_t *all = cli_json(0, "cost", "--gpu-rate", "card=200", "--cpu-rate", "5", "--prices",
                           scratch_path("prices.ini"), "--json", NULL);
    assert_string_equal(cli_string(all, "cheapest_cpu"), "own");
    assert_true(fabs(cli_number(machine(all, "own"), "per_million") - 2) < 1e-9);
    assert_true(fabs(cli_number(machine(all, "card"), "per_million") - 0.5) < 1e-9);
    assert_true(fabs(cli_number(machine(all, "card"), "pays_from_rate") - 50) < 1e-9);
    assert_true(fabs(cli_number(machine(all, "card"), "pays_from_use") - 0.25) < 1e-9);
    assert_null(json_object_get(machine(all, "g4dn.xlarge"), "per_million"));
    json_decref(all);
    struct program_run run = cli_run(0, "cost", "--cpu-rate", "5", "--gpu-rate", "T4=200",
                                     "--gpu-rate", "V100=1", "--price", "g6.xlarge=0.25", NULL);
    assert_non_null(strstr(run.out, "One vCPU: 5.00 pictures/s (given)."));
    assert_non_null(strstr(run.out, "never"));
    assert_non_null(strstr(run.out, "0.2500 given"));
    assert_non_null(strstr(run.out, "The cheapest without a GPU: "));
    program_run_free(&run);
}

static void test_bench_file(void **state)
{
    static const char bench[] =
        "{\"gpu\": \"Tesla T4\", \"pictures\": {\"jobs\": 4, \"cpu\": {\"pictures_per_s\": 8},"
        " \"gpu\": {\"pictures_per_s\": 60}}}";
    (void)state;
    scratch_write("bench.json", bench, strlen(bench));
    json_t *all = cli_json(0, "cost", "--bench", scratch_path("bench.json"), "--json", NULL);
    assert_true(cli_number(all, "cpu_rate") == 2);
    assert_true(cli_number(machine(all, "c7i.xlarge"), "pictures_per_s") == 8);
    assert_true(cli_number(machine(all, "g4dn.xlarge"), "pictures_per_s") == 60);
    assert_null(json_object_get(machine(all, "g5.xlarge"), "pictures_per_s"));
    json_decref(all);
    scratch_write("bench.json", bench, strlen(bench) - 1);
    CLI_EXPECT_FAILURE(2, "is not what", "cost", "--bench", scratch_path("bench.json"));
    CLI_EXPECT_FAILURE(2, "none.json", "cost", "--bench", scratch_path("none.json"));
}

static void test_measured(void **state)
{
    (void)state;
    if (!cli_models_are_there())
        skip();
    json_t *all = cli_json(0, "cost", "--json", "--set", "detect_side=320", NULL);
    assert_string_equal(cli_string(all, "cpu_rate_origin"), "measured here, a drawn picture");
    assert_true(cli_number(all, "cpu_rate") > 0);
    json_decref(all);
}

static void test_wrong_use(void **state)
{
    (void)state;
    CLI_EXPECT_FAILURE(2, "--cpu-rate takes", "cost", "--cpu-rate", "0");
    CLI_EXPECT_FAILURE(2, "--gpu-rate takes", "cost", "--gpu-rate", "T4");
    CLI_EXPECT_FAILURE(2, "--price takes", "cost", "--price", "g6.xlarge=x");
    CLI_EXPECT_FAILURE(2, "no machine", "cost", "--price", "g9=1");
    CLI_EXPECT_FAILURE(2, "with a GPU, \"K80\"", "cost", "--gpu-rate", "K80=1");
    CLI_EXPECT_FAILURE(2, "too many", "cost", "--cpu-rate", "1", "x");
    scratch_write("bad.ini", "[a]\nprice=x\n", 12);
    CLI_EXPECT_FAILURE(2, "bad.ini:2: ", "cost", "--prices", scratch_path("bad.ini"));
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    cli_program = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_numbers, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_bench_file, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_measured),
        cmocka_unit_test_setup_teardown(test_wrong_use, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
