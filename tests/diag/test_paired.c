/*
 * The exact test of McNemar against counting by hand, Holm's correction against his example's rule.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "diag/paired.h"

static void test_exact_probabilities(void **state)
{
    (void)state;
    assert_float_equal(paired_p(0, 0), 1, 1e-12);
    assert_float_equal(paired_p(1, 0), 1, 1e-12);
    assert_float_equal(paired_p(5, 0), 2.0 / 32, 1e-12);
    assert_float_equal(paired_p(6, 0), 2.0 / 64, 1e-12);
    assert_float_equal(paired_p(0, 6), 2.0 / 64, 1e-12);
    assert_float_equal(paired_p(9, 1), 2.0 * (1 + 10) / 1024, 1e-12);
    assert_float_equal(paired_p(3, 3), 1, 1e-12);
    assert_true(paired_p(2000, 0) >= 0 && paired_p(2000, 0) < 1e-100);
}

static void test_correction_for_many_tries(void **state)
{
    (void)state;
    const double p[] = {0.01, 0.04, 0.03, 0.005};
    double adjusted[4];
    paired_adjust(p, 4, adjusted);
    assert_float_equal(adjusted[3], 0.02, 1e-12);
    assert_float_equal(adjusted[0], 0.03, 1e-12);
    assert_float_equal(adjusted[2], 0.06, 1e-12);
    assert_float_equal(adjusted[1], 0.06, 1e-12); /* never below one that is smaller */
    const double large[] = {0.9, 0.8};
    paired_adjust(large, 2, adjusted);
    assert_float_equal(adjusted[0], 1, 1e-12);
    assert_float_equal(adjusted[1], 1, 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_probabilities),
        cmocka_unit_test(test_correction_for_many_tries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
