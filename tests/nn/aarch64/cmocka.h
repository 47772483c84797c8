/*
 * What the kernel tests use of cmocka, for a cross build that has none (tests/nn/aarch64_test).
 *
 * A failed test ends at once and counts; so does one that skips.
 */
#ifndef SE_TESTS_NN_AARCH64_CMOCKA_H
#define SE_TESTS_NN_AARCH64_CMOCKA_H

#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>

typedef void (*CMUnitTestFunction)(void **state);
struct CMUnitTest {
    const char *name;
    CMUnitTestFunction test_func;
    void *initial_state;
};

enum { TEST_FAILED = 1, TEST_SKIPPED = 2 };

/* Where the running test ends early. One thread runs tests, in one source file of a program. */
extern jmp_buf test_end;

#define print_message(...) printf(__VA_ARGS__)
#define fail_msg(...) (printf(__VA_ARGS__), printf("\n"), longjmp(test_end, TEST_FAILED))
#define skip() longjmp(test_end, TEST_SKIPPED)
#define assert_true(x)                                                                             \
    do {                                                                                           \
        if (!(x))                                                                                  \
            fail_msg("%s:%d: not true: %s", __FILE__, __LINE__, #x);                               \
    } while (0)
#define assert_false(x) assert_true(!(x))
#define assert_non_null(x) assert_true((x) != NULL)
#define assert_null(x) assert_true((x) == NULL)
#define assert_int_equal(a, b) assert_true((a) == (b))
#define assert_ptr_equal(a, b) assert_true((a) == (b))
#define cmocka_unit_test(f) ((struct CMUnitTest){#f, f, NULL})

/* 0, TEST_FAILED or TEST_SKIPPED. */
static inline int run_test(const struct CMUnitTest *test)
{
    void *state = test->initial_state;
    const int end = setjmp(test_end);
    if (end == 0)
        test->test_func(&state);
    return end;
}

/* Failed tests, so that 0 is success. */
static inline int run_tests(const char *group, const struct CMUnitTest *tests, size_t count)
{
    int failed = 0, skipped = 0;
    for (size_t i = 0; i < count; i++) {
        const int end = run_test(&tests[i]);
        failed += end == TEST_FAILED;
        skipped += end == TEST_SKIPPED;
        if (end == TEST_FAILED)
            printf("FAILED %s\n", tests[i].name);
    }
    printf("%s: %zu tests, %d failed, %d skipped\n", group, count, failed, skipped);
    return failed;
}

#define cmocka_run_group_tests_name(group, tests, setup, teardown)                                 \
    _cmocka_run_group_tests(group, tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)
/* What that is in cmocka, too. */
#define _cmocka_run_group_tests(group, tests, count, setup, teardown)                              \
    ((void)(setup), (void)(teardown), run_tests(group, tests, count))

#endif
