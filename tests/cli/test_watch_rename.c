/*
 * Names made of serial numbers, whatever these hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/watch_rename.h"
#include "scratch.h"

static struct watch_rename renames;

static void begin(void)
{
    se_error err;
    scratch_write("in/a.jpg", "bytes", 5);
    assert_int_equal(watch_rename_open(&renames, scratch_path("in"), &err), SE_OK);
}

static void expect(const char *from, const char *serial, const char *name)
{
    char now[NAME_MAX + 1], path[NAME_MAX + 10];
    size_t size;
    se_error err;
    assert_int_equal(watch_rename_do(&renames, from, serial, now, &err), SE_OK);
    assert_string_equal(now, name);
    snprintf(path, sizeof(path), "in/%s", name);
    char *bytes = scratch_read(scratch_path(path), &size);
    assert_string_equal(bytes, "bytes");
    free(bytes);
    assert_true(watch_rename_is_done(&renames, name, false));
}

static void test_names_are_safe(void **state)
{
    (void)state;
    begin();
    expect("a.jpg", "../../etc/x", "_._.._etc_x.jpg");
    expect("_._.._etc_x.jpg", "-rf *", "_rf__.jpg");
    expect("_rf__.jpg", ".hidden", "_hidden.jpg");
    expect("_hidden.jpg", "A\n\x01\xC3\xA4/B", "A_____B.jpg");
    expect("A_____B.jpg", "X1-2.3", "X1-2.3.jpg");
    char longest[400], name[NAME_MAX + 1];
    memset(longest, 'Z', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    snprintf(name, sizeof(name), "%.100s.jpg", longest);
    expect("X1-2.3.jpg", longest, name);
    watch_rename_close(&renames);
}

static void test_taken_names_are_numbered(void **state)
{
    (void)state;
    begin();
    scratch_write("in/X.jpg", "first", 5);
    assert_int_equal(mkdir(scratch_path("in/X_2.jpg"), 0700), 0);
    assert_int_equal(symlink("nowhere", scratch_path("in/X_3.jpg")), 0);
    expect("a.jpg", "X", "X_4.jpg");
    /* It has its name already. */
    expect("X_4.jpg", "X", "X_4.jpg");
    size_t size;
    char *bytes = scratch_read(scratch_path("in/X.jpg"), &size);
    assert_string_equal(bytes, "first");
    free(bytes);
    watch_rename_close(&renames);
}

static void test_a_journal_that_is_none_of_ours(void **state)
{
    (void)state;
    se_error err;
    scratch_write("in/a.jpg", "bytes", 5);
    scratch_write("in/" WATCH_JOURNAL, "\0\xFF garbage\nleft 5 nonsense\nno end", 33);
    assert_int_equal(watch_rename_open(&renames, scratch_path("in"), &err), SE_OK);
    assert_false(watch_rename_is_done(&renames, "a.jpg", true));
    assert_int_equal(watch_rename_leave(&renames, "a.jpg", &err), SE_OK);
    assert_true(watch_rename_is_done(&renames, "a.jpg", true));
    assert_false(watch_rename_is_done(&renames, "a.jpg", false));
    watch_rename_close(&renames);
    /* What was noted stands on a line of its own and is found again. */
    assert_int_equal(watch_rename_open(&renames, scratch_path("in"), &err), SE_OK);
    assert_true(watch_rename_is_done(&renames, "a.jpg", true));
    watch_rename_close(&renames);
    unlink(scratch_path("in/" WATCH_JOURNAL));
    assert_int_equal(symlink("elsewhere", scratch_path("in/" WATCH_JOURNAL)), 0);
    assert_int_equal(watch_rename_open(&renames, scratch_path("in"), &err), SE_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names_are_safe, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_taken_names_are_numbered, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_a_journal_that_is_none_of_ours, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
