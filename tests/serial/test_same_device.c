/*
 * Several pictures of one device: what they say together, and what contradicts it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "failing_malloc.h"
#include "label_builder.h"
#include "serial/evidence.h"
#include "serial/same_device.h"

enum { MOST = 4 };
static const double MAX_ERROR = 0.002;

static struct label labels[MOST];
static size_t label_count;
static struct arena arena;
static struct ser_output joined;

static int begin(void **state)
{
    (void)state;
    label_count = 0;
    arena_init(&arena, 16 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (size_t i = 0; i < label_count; i++)
        label_free(&labels[i]);
    arena_free(&arena);
    return 0;
}

/* One picture of a label with one line, whose last character stands at `count` - 1. */
static struct label *add(const char *text)
{
    struct label *label = &labels[label_count++];
    label_init(label, 0);
    label->input.strips = true;
    label_line(label, 100, 100, text);
    return label;
}

static int join(void)
{
    const struct ser_output *outputs[MOST];
    se_error err;
    for (size_t i = 0; i < label_count; i++) {
        assert_int_equal(label_find(&labels[i]), SE_OK);
        outputs[i] = &labels[i].found;
    }
    return ser_join(outputs, label_count, &arena, &joined, &err);
}

static bool is_sure(const struct ser_reading *reading)
{
    return ser_status_of(reading, MAX_ERROR) == SER_SURE;
}

static void test_two_doubts_make_one_certainty(void **state)
{
    (void)state;
    /* Each picture shows another character unclearly, and has it wrong. */
    struct label *a = add("S/N: SKD722A913"), *b = add("S/N: SKD7Z24913");
    label_runner_up(a, 11, 0.55F, '4', 0.44F);
    label_runner_up(b, 9, 0.55F, '2', 0.44F);
    assert_int_equal(join(), SE_OK);
    assert_string_equal(label_text(a, 0), "SKD722A913");
    assert_string_equal(label_text(b, 0), "SKD7Z24913");
    assert_false(is_sure(&a->found.readings[0]));
    assert_false(is_sure(&b->found.readings[0]));
    const struct ser_reading *best = &joined.readings[0];
    assert_string_equal(best->text, "SKD7224913");
    assert_int_equal(best->kind, SER_SERIAL);
    assert_true(best->score > a->found.readings[0].score);
    assert_true(best->score > b->found.readings[0].score);
    assert_int_equal(best->seen_count, 2);
    /* The character that neither had right there is said to be corrected. */
    const size_t at = best->picture == 0 ? 6 : 4;
    assert_string_equal(best->rules[at], "another picture");
    assert_null(best->rules[0]);
}

static void test_what_one_hides_the_other_shows(void **state)
{
    (void)state;
    add("S/N: SKD722913");
    add("S/N: SKD7224913");
    assert_int_equal(join(), SE_OK);
    assert_string_equal(joined.readings[0].text, "SKD7224913");
    assert_int_equal(joined.readings[0].picture, 1);
    assert_int_equal(joined.readings[0].seen_count, 2);
    assert_true(joined.readings[0].seen[0].agrees && joined.readings[0].seen[1].agrees);
}

static void test_two_devices_are_not_sure(void **state)
{
    (void)state;
    static const char *const others[] = {"S/N: SKD7224913", "S/N: SKD7224918", "S/N: TXR0184"};
    for (size_t i = 0; i < 3; i++) {
        add("S/N: SKD7224913");
        add(others[i]);
        assert_int_equal(join(), SE_OK);
        assert_int_equal(is_sure(&joined.readings[0]), i == 0);
        for (size_t k = 1; k < joined.count; k++)
            assert_false(is_sure(&joined.readings[k]));
        assert_true(i == 0 || joined.readings[0].score < 0.9F);
        end(state);
        begin(state);
    }
}

/* Two of three clear pictures say the same: likely, but the third is of something else. */
static void test_a_majority_is_not_sure(void **state)
{
    (void)state;
    add("S/N: SKD7224913");
    add("S/N: SKD7224913");
    add("S/N: SKD7224918");
    assert_int_equal(join(), SE_OK);
    assert_string_equal(joined.readings[0].text, "SKD7224913");
    assert_false(is_sure(&joined.readings[0]));
    size_t against = 0;
    for (size_t i = 0; i < joined.readings[0].seen_count; i++) {
        const struct ser_sighting *seen = &joined.readings[0].seen[i];
        against += !seen->agrees;
        assert_true(seen->agrees ||
                    (seen->picture == 2 && strcmp(seen->reading->text, "SKD7224918") == 0));
    }
    assert_int_equal(against, 1);
}

static void test_agreement_stays_sure_and_sums_up(void **state)
{
    (void)state;
    add("S/N: SKD7224913");
    add("S/N: SKD7224913");
    label_line(&labels[1], 100, 200, "MAC: 00:1B:44:11:3A:B7");
    assert_int_equal(join(), SE_OK);
    assert_string_equal(joined.readings[0].text, "SKD7224913");
    assert_true(is_sure(&joined.readings[0]));
    assert_string_equal(joined.readings[1].text, "001B44113AB7");
    assert_int_equal(joined.readings[1].picture, 1);
    /* An address in one picture says nothing against the serial number that both show. */
    assert_true(joined.readings[1].disagreement >= 0);
    const struct ser_reading *best = &joined.readings[0];
    assert_float_equal(best->score, evidence_score(best->evidence), 1e-6);
}

static void test_failed_pictures_and_limits(void **state)
{
    (void)state;
    se_error err;
    add("S/N: SKD7224913");
    assert_int_equal(label_find(&labels[0]), SE_OK);
    const struct ser_output *outputs[SER_MAX_PICTURES + 1] = {NULL, &labels[0].found};
    assert_int_equal(ser_join(outputs, SER_MAX_PICTURES, &arena, &joined, &err), SE_OK);
    assert_string_equal(joined.readings[0].text, "SKD7224913");
    assert_int_equal(joined.readings[0].picture, 1);
    assert_int_equal(ser_join(outputs, SER_MAX_PICTURES + 1, &arena, &joined, &err), SE_ERR_LIMIT);
    assert_int_equal(joined.count, 0);
    outputs[1] = NULL;
    assert_int_equal(ser_join(outputs, 2, &arena, &joined, &err), SE_OK);
    assert_int_equal(joined.count, 0);
}

static void test_every_allocation_fails(void **state)
{
    (void)state;
    if (!failing_malloc_works())
        skip();
    const struct ser_output *outputs[2];
    label_runner_up(add("S/N: SKD722A913"), 11, 0.55F, '4', 0.44F);
    add("S/N: SKD7224913");
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(label_find(&labels[i]), SE_OK);
        outputs[i] = &labels[i].found;
    }
    for (size_t n = 1;; n++) {
        se_error err;
        arena_free(&arena);
        failing_malloc_start(n, FAILING_THIS_THREAD);
        const int status = ser_join(outputs, 2, &arena, &joined, &err);
        const bool failed = failing_malloc_stop() >= n;
        /* Without memory qsort sorts in place. */
        assert_true(status == SE_OK || (failed && status == SE_ERR_MEMORY));
        if (status == SE_OK)
            assert_string_equal(joined.readings[0].text, "SKD7224913");
        else
            assert_int_equal(joined.count, 0);
        if (!failed)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_two_doubts_make_one_certainty, begin, end),
        cmocka_unit_test_setup_teardown(test_what_one_hides_the_other_shows, begin, end),
        cmocka_unit_test_setup_teardown(test_two_devices_are_not_sure, begin, end),
        cmocka_unit_test_setup_teardown(test_a_majority_is_not_sure, begin, end),
        cmocka_unit_test_setup_teardown(test_agreement_stays_sure_and_sums_up, begin, end),
        cmocka_unit_test_setup_teardown(test_failed_pictures_and_limits, begin, end),
        cmocka_unit_test_setup_teardown(test_every_allocation_fails, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
