/*
 * The text format of metrics, well-formed and not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "cli/scrape.h"

static int parse(struct scrape *out, const char *text)
{
    se_error err;
    return scrape_parse(out, strdup(text), &err);
}

static void test_samples_and_labels(void **state)
{
    (void)state;
    struct scrape scrape;
    char label[8];
    assert_int_equal(parse(&scrape, "# HELP a b\n"
                                    "a{x=\"1\",longx=\"no\"} 2\n"
                                    "a{y=\"} \\\" {\",x=\"much longer\"} 3.5 1700000000\n"
                                    "\n"
                                    "b 1e3\n"
                                    "c NaN"),
                     SE_OK);
    assert_int_equal(scrape.count, 4);
    assert_float_equal(scrape_sum(&scrape, "a", NULL), 5.5, 1e-12);
    assert_float_equal(scrape_sum(&scrape, "a", "x=\"1\""), 2, 1e-12);
    assert_float_equal(scrape_sum(&scrape, "b", NULL), 1000, 1e-12);
    assert_true(isnan(scrape_sum(&scrape, "d", NULL)));
    sample_label(&scrape.samples[0], "x", label, sizeof(label));
    assert_string_equal(label, "1");
    sample_label(&scrape.samples[1], "y", label, sizeof(label));
    assert_string_equal(label, "} \" {");
    sample_label(&scrape.samples[1], "x", label, sizeof(label));
    assert_string_equal(label, "much lo");
    sample_label(&scrape.samples[2], "x", label, sizeof(label));
    assert_string_equal(label, "");
    scrape_free(&scrape);
}

static void test_quantiles(void **state)
{
    (void)state;
    struct scrape before, now;
    assert_int_equal(parse(&before, "t_bucket{le=\"0.1\"} 10\nt_bucket{le=\"1\"} 10\n"
                                    "t_bucket{le=\"+Inf\"} 10\n"),
                     SE_OK);
    assert_int_equal(parse(&now, "t_bucket{r=\"a\",le=\"0.1\"} 11\n"
                                 "t_bucket{r=\"a\",le=\"1\"} 14\n"
                                 "t_bucket{r=\"a\",le=\"+Inf\"} 14\n"
                                 "t_bucket{r=\"b\",le=\"0.1\"} 0\n"
                                 "t_bucket{r=\"b\",le=\"1\"} 0\n"
                                 "t_bucket{r=\"b\",le=\"+Inf\"} 1\n"),
                     SE_OK);
    assert_float_equal(scrape_quantile(NULL, &now, "t_bucket", 0.5), 0.1, 1e-12);
    /* Since `before`: one below 0.1, three below 1, one above. */
    assert_float_equal(scrape_quantile(&before, &now, "t_bucket", 0.1), 0.1, 1e-12);
    assert_float_equal(scrape_quantile(&before, &now, "t_bucket", 0.5), 1, 1e-12);
    assert_true(isinf(scrape_quantile(&before, &now, "t_bucket", 0.95)));
    assert_true(isnan(scrape_quantile(&now, &now, "t_bucket", 0.5)));
    assert_true(isnan(scrape_quantile(NULL, &now, "u_bucket", 0.5)));
    scrape_free(&before);
    scrape_free(&now);
}

static void test_what_is_no_metrics(void **state)
{
    (void)state;
    static const char *const texts[] = {"<html>", "a{x=\"1\" 2", "a{x=\"\\", "a",
                                        "a b",    "{} 1",        "a 1\n a 1"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct scrape scrape;
        assert_int_equal(parse(&scrape, texts[i]), SE_ERR_CORRUPT);
        assert_null(scrape.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_and_labels),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_what_is_no_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
