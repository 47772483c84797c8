/*
 * What a million pictures cost, by examples worked out by hand, and hostile lists of prices.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diag/cost.h"

static struct cost_table table;

static int fresh(void **state)
{
    (void)state;
    cost_table_init(&table);
    return 0;
}

static const struct cost_machine *machine(const char *name)
{
    for (size_t i = 0; i < table.count; i++)
        if (strcmp(table.machines[i].name, name) == 0)
            return &table.machines[i];
    fail_msg("no machine %s", name);
    return NULL;
}

static void expect(double got, double want)
{
    if (!(fabs(got - want) <= 1e-9 * fabs(want)))
        fail_msg("%.12g, not %.12g", got, want);
}

/*
 * A CPU machine at 0.36 an hour with 4 vCPUs that read 2.5 pictures/s each: 10/s, 0.0001 a second,
 * 0.00001 a picture, 10 a million. A GPU machine at 0.72 an hour and 100/s: 2 a million. At
 * 0.0002 a second it costs as much as the CPU where it reads 20/s, a fifth of what it can.
 */
static void test_worked_example(void **state)
{
    static const char text[] = "[small]\nvcpus=4\nprice=0.36\n"
                               "[large]\nvcpus=4\nprice=0.72\ngpu=X1\nrate=100\n"
                               "[slow]\nvcpus=4\nprice=0.72\ngpu=X2\nrate=10\n"
                               "[unknown]\nvcpus=4\nprice=0.72\ngpu=X3\n";
    (void)state;
    table.count = 0;
    assert_int_equal(cost_table_load(&table, text, strlen(text), "t", NULL), SE_OK);
    cost_set_cpu_rate(&table, 2.5);
    cost_work_out(&table);
    assert_int_equal(table.cheapest_cpu, 0);
    expect(machine("small")->rate, 10);
    expect(machine("small")->per_million, 10);
    expect(machine("small")->pays_from_rate, 0);
    expect(machine("large")->per_million, 2);
    expect(machine("large")->pays_from_rate, 20);
    expect(machine("large")->pays_from_use, 0.2);
    /* Twice as dear and as fast as the CPU: never. */
    expect(machine("slow")->per_million, 20);
    expect(machine("slow")->pays_from_use, 2);
    /* Without a rate, still how fast it would have to be. */
    expect(machine("unknown")->per_million, 0);
    expect(machine("unknown")->pays_from_rate, 20);
    expect(machine("unknown")->pays_from_use, 0);
}

/* At exactly pays_from_rate both cost the same. */
static void test_break_even(void **state)
{
    (void)state;
    cost_set_cpu_rate(&table, 3.3);
    cost_work_out(&table);
    const double rate = machine("g4dn.xlarge")->pays_from_rate;
    assert_int_equal(cost_set_rate(&table, "g4dn.xlarge", rate, NULL), SE_OK);
    cost_work_out(&table);
    expect(machine("g4dn.xlarge")->per_million, table.machines[table.cheapest_cpu].per_million);
    expect(machine("g4dn.xlarge")->pays_from_use, 1);
}

static void test_no_rates(void **state)
{
    (void)state;
    cost_work_out(&table);
    assert_int_equal(table.cheapest_cpu, -1);
    expect(machine("g4dn.xlarge")->pays_from_rate, 0);
}

/* Each built-in price has a date, and both kinds of machines are there. */
static void test_built_in(void **state)
{
    (void)state;
    int gpus = 0;
    for (size_t i = 0; i < table.count; i++) {
        const struct cost_machine *m = &table.machines[i];
        assert_true(m->price > 0.01 && m->price < 100 && m->vcpus > 0 && m->rate == 0);
        assert_int_equal(strlen(m->date), 7);
        assert_true(strlen(m->cloud) > 2);
        assert_string_not_equal(m->gpu, "K80");
        gpus += m->gpu[0] != '\0';
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(m->name, table.machines[k].name);
    }
    assert_true(gpus > 5 && (size_t)gpus < table.count);
}

static void test_changes(void **state)
{
    static const char text[] = "; a comment\r\n[g4dn.xlarge]\nprice = 0.3 ; spot\ndate=2026-01\n";
    se_error err;
    (void)state;
    assert_int_equal(cost_table_load(&table, text, strlen(text), "t", &err), SE_OK);
    expect(machine("g4dn.xlarge")->price, 0.3);
    assert_string_equal(machine("g4dn.xlarge")->gpu, "T4");
    assert_string_equal(machine("g4dn.xlarge")->date, "2026-01");
    assert_int_equal(cost_set_price(&table, "g6.xlarge", 0.5, &err), SE_OK);
    expect(machine("g6.xlarge")->price, 0.5);
    assert_int_equal(cost_set_price(&table, "g7", 0.5, &err), SE_ERR_SETTING);
    assert_non_null(strstr(err.message, "\"g7\""));
    /* A machine's own rate stands against that of its GPU. */
    assert_int_equal(cost_set_rate(&table, "g4dn.2xlarge", 50, &err), SE_OK);
    assert_int_equal(cost_set_rate(&table, "T4", 40, &err), SE_OK);
    expect(machine("g4dn.2xlarge")->rate, 50);
    expect(machine("g4dn.xlarge")->rate, 40);
    expect(machine("NC4as_T4_v3")->rate, 40);
    expect(machine("g6.xlarge")->rate, 0);
    assert_int_equal(cost_set_rate(&table, "K80", 40, &err), SE_ERR_SETTING);
    assert_int_equal(cost_set_rate(&table, "", 40, &err), SE_ERR_SETTING);
}

static void test_gpu_names(void **state)
{
    (void)state;
    assert_true(cost_is_gpu(machine("g4dn.xlarge"), "Tesla T4"));
    assert_true(cost_is_gpu(machine("p3.2xlarge"), "Tesla V100-SXM2-16GB"));
    assert_true(cost_is_gpu(machine("g6.xlarge"), "NVIDIA L40 and L4"));
    assert_false(cost_is_gpu(machine("g6.xlarge"), "NVIDIA L40S"));
    assert_false(cost_is_gpu(machine("g4dn.xlarge"), "NVIDIA T400"));
    assert_false(cost_is_gpu(machine("c7i.xlarge"), "Tesla T4"));
}

static void expect_refusal(const char *text, size_t size, const char *words)
{
    se_error err = {0, ""};
    cost_table_init(&table);
    assert_int_equal(cost_table_load(&table, text, size, "p.ini", &err), SE_ERR_SETTING);
    if (!strstr(err.message, words))
        fail_msg("\"%s\" is not in: %s", words, err.message);
}

static void test_hostile_lists(void **state)
{
    static const char *const bad[][2] = {
        {"price=1\n", "p.ini:1: a price belongs under"},
        {"[a]\nprice=0\n", "p.ini:2: \"price = 0\""},
        {"[a]\nprice=-1\n", "p.ini:2:"},
        {"[a]\nprice=nan\n", "p.ini:2:"},
        {"[a]\nprice=1e999\n", "p.ini:2:"},
        {"[a]\nprice=1x\n", "p.ini:2:"},
        {"[a]\nvcpus=2.5\n", "p.ini:2:"},
        {"[a]\nvcpus=2000\n", "p.ini:2:"},
        {"[a]\nprize=1\n", "\"prize = 1\""},
        {"[a]\nprice=1\n", "[a] needs price and vcpus"},
        {"[a]\nvcpus=1\n", "[a] needs price and vcpus"},
        {"[a]\ngpu=\x1b[31m\n", "p.ini:2:"},
        {"[a]\nprice\n", "p.ini:2: not of the form"},
        {"[]\nprice=1\n", "p.ini:2: a price belongs"},
        {"[a]\ncloud=0123456789012345678901234567890123456789012345678\n", "p.ini:2:"},
        {"[a234567890b234567890c234567890d234567890e2345678]\nprice=1\n", "p.ini:2:"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect_refusal(bad[i][0], strlen(bad[i][0]), bad[i][1]);
    expect_refusal("[a]\0", 4, "a zero byte");
    static char text[100000];
    memset(text, 'x', sizeof(text));
    expect_refusal(text, sizeof(text), "p.ini:1: the line is too long");
    size_t used = 0;
    for (int i = 0; i < COST_MAX_MACHINES; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "[m%d]\nvcpus=1\nprice=1\n", i);
    expect_refusal(text, used, "at most 256 machines");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_worked_example, fresh),
        cmocka_unit_test_setup(test_break_even, fresh),
        cmocka_unit_test_setup(test_no_rates, fresh),
        cmocka_unit_test_setup(test_built_in, fresh),
        cmocka_unit_test_setup(test_changes, fresh),
        cmocka_unit_test_setup(test_gpu_names, fresh),
        cmocka_unit_test_setup(test_hostile_lists, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
