/*
 * Whose turn it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "failing_malloc.h"
#include "serve/turns.h"

static struct work work_of(const char *client, size_t count)
{
    struct work work = {.count = count};
    snprintf(work.client, sizeof(work.client), "%s", client);
    return work;
}

/* Expects pictures to come in this order, each as client and index: "a0 b0 a1", and then none. */
static void expect(struct turns *turns, const char *order)
{
    char got[256] = "";
    size_t index, used = 0;
    const struct work *work;
    while ((work = turns_next(turns, &index)))
        used += (size_t)snprintf(got + used, sizeof(got) - used, "%s%s%zu", used ? " " : "",
                                 work->client, index);
    assert_string_equal(got, order);
    assert_null(turns->first);
    assert_null(turns->last);
}

static void test_clients_take_turns(void **state)
{
    (void)state;
    struct turns turns = {NULL, NULL};
    struct work a = work_of("a", 4), a2 = work_of("a", 1), b = work_of("b", 2), c = work_of("c", 1);
    expect(&turns, "");
    struct work *const all[] = {&a, &a2, &b, &c};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(turns_add(&turns, all[i], NULL), SE_OK);
    expect(&turns, "a0 b0 c0 a1 b1 a2 a3 a0");
}

static void test_removal(void **state)
{
    (void)state;
    struct turns turns = {NULL, NULL};
    struct work a = work_of("a", 2), a2 = work_of("a", 2), a3 = work_of("a", 1),
                b = work_of("b", 1), c = work_of("c", 1), stranger = work_of("a", 1);
    struct work *const all[] = {&a, &a2, &b, &c, &a3};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(turns_add(&turns, all[i], NULL), SE_OK);
    turns_remove(&turns, &stranger);
    turns_remove(&turns, &b);
    turns_remove(&turns, &a2);
    turns_remove(&turns, &a2);
    expect(&turns, "a0 c0 a1 a0");

    a = work_of("a", 2), c = work_of("c", 1);
    assert_int_equal(turns_add(&turns, &a, NULL), SE_OK);
    assert_int_equal(turns_add(&turns, &c, NULL), SE_OK);
    turns_remove(&turns, &c);
    turns_remove(&turns, &a);
    expect(&turns, "");
}

static void test_no_memory(void **state)
{
    (void)state;
    struct turns turns = {NULL, NULL};
    struct work a = work_of("a", 1);
    if (!failing_malloc_works())
        skip();
    failing_malloc_start(1, FAILING_THIS_THREAD);
    const int status = turns_add(&turns, &a, NULL);
    failing_malloc_stop();
    assert_int_equal(status, SE_ERR_MEMORY);
    expect(&turns, "");
}

static void test_freed_early(void **state)
{
    (void)state;
    struct turns turns = {NULL, NULL};
    struct work a = work_of("a", 1), b = work_of("b", 1);
    assert_int_equal(turns_add(&turns, &a, NULL), SE_OK);
    assert_int_equal(turns_add(&turns, &b, NULL), SE_OK);
    turns_free(&turns);
    expect(&turns, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients_take_turns),
        cmocka_unit_test(test_removal),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_freed_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
