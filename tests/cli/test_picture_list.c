/*
 * Which pictures a command line names: order, extensions, links, folders that cannot be read.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/picture_list.h"
#include "failing_malloc.h"
#include "scratch.h"

static void add(struct picture_list *list, const char *path)
{
    se_error err;
    assert_int_equal(picture_list_add(list, path, &err), SE_OK);
}

/* The paths below the scratch folder, separated by spaces. */
static void assert_paths(const struct picture_list *list, const char *expected)
{
    char got[2000] = "";
    const size_t skip = strlen(scratch_path("")) + 1;
    for (size_t i = 0; i < list->count; i++) {
        strcat(got, i ? " " : "");
        strcat(got, list->entries[i].path + skip);
    }
    assert_string_equal(got, expected);
}

static void test_folders_are_searched_in_order(void **state)
{
    (void)state;
    static const char *const names[] = {"b.jpg",       "B.JPEG", "a/z.png",  "a/y/x.webp",
                                        "a/notes.txt", "c.heic", "d.avif",   ".hidden.jpg",
                                        ".h/e.jpg",    "jpg",    "f.jpg.gz", "a.jpg"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        scratch_write(names[i], "", 0);
    assert_int_equal(mkfifo(scratch_path("pipe.jpg"), 0600), 0);
    struct picture_list list = {.entries = NULL};
    add(&list, scratch_path(""));
    assert_true(list.searched);
    assert_paths(&list, "B.JPEG a/y/x.webp a/z.png a.jpg b.jpg c.heic d.avif");
    picture_list_free(&list);
    /* A slash at the end is not doubled. */
    add(&list, scratch_path("a/"));
    assert_paths(&list, "a/y/x.webp a/z.png");
    picture_list_free(&list);
}

static void test_named_files_are_taken_as_they_are(void **state)
{
    (void)state;
    scratch_write("a/notes.txt", "", 0);
    struct picture_list list = {.entries = NULL};
    add(&list, "-");
    add(&list, "/no/such/file");
    add(&list, scratch_path("a/notes.txt"));
    assert_int_equal(list.count, 3);
    assert_false(list.searched);
    assert_string_equal(list.entries[0].path, "-");
    assert_int_equal(list.entries[1].problem.code, SE_OK); /* reading it will say so */
    picture_list_free(&list);
}

static void test_links_cannot_loop(void **state)
{
    (void)state;
    scratch_write("a/1.jpg", "", 0);
    scratch_write("b/2.jpg", "", 0);
    assert_int_equal(symlink("..", scratch_path("a/up")), 0);
    assert_int_equal(symlink("../b", scratch_path("a/b")), 0);
    assert_int_equal(symlink("../a", scratch_path("b/a")), 0);
    assert_int_equal(symlink("1.jpg", scratch_path("a/3.jpg")), 0);
    assert_int_equal(symlink("nowhere", scratch_path("a/4.jpg")), 0);
    assert_int_equal(symlink("self.jpg", scratch_path("a/self.jpg")), 0);
    assert_int_equal(symlink("nowhere", scratch_path("a/5.txt")), 0);
    struct picture_list list = {.entries = NULL};
    add(&list, scratch_path(""));
    assert_paths(&list, "a/1.jpg a/3.jpg a/4.jpg a/b/2.jpg a/self.jpg");
    assert_int_equal(list.entries[0].problem.code, SE_OK);
    assert_int_equal(list.entries[2].problem.code, SE_ERR_IO);
    assert_non_null(strstr(list.entries[2].problem.message, "No such file"));
    assert_int_equal(list.entries[4].problem.code, SE_ERR_IO);
    picture_list_free(&list);
}

static void test_depth_is_bounded(void **state)
{
    (void)state;
    char name[400] = "";
    for (int i = 0; i < 80; i++)
        strcat(name, "d/");
    strcat(name, "x.jpg");
    scratch_write(name, "", 0);
    struct picture_list list = {.entries = NULL};
    add(&list, scratch_path(""));
    assert_int_equal(list.count, 1);
    assert_int_equal(list.entries[0].problem.code, SE_ERR_IO);
    assert_non_null(strstr(list.entries[0].problem.message, "too many folders"));
    picture_list_free(&list);
}

static void test_unreadable_folder_is_a_problem(void **state)
{
    (void)state;
    scratch_write("a/1.jpg", "", 0);
    scratch_write("b.jpg", "", 0);
    chmod(scratch_path("a"), 0);
    struct picture_list list = {.entries = NULL};
    add(&list, scratch_path(""));
    chmod(scratch_path("a"), 0700);
    if (geteuid() == 0) { /* whom nothing is forbidden */
        assert_paths(&list, "a/1.jpg b.jpg");
    } else {
        assert_paths(&list, "a b.jpg");
        assert_int_equal(list.entries[0].problem.code, SE_ERR_IO);
    }
    picture_list_free(&list);
}

static void test_lack_of_memory(void **state)
{
    (void)state;
    if (!failing_malloc_works())
        skip();
    for (int i = 0; i < 70; i++) {
        char name[40];
        snprintf(name, sizeof(name), "d%d/%d.jpg", i % 7, i);
        scratch_write(name, "", 0);
    }
    size_t nth = 1;
    for (;; nth++) {
        struct picture_list list = {.entries = NULL};
        se_error err;
        failing_malloc_start(nth, FAILING_THIS_THREAD);
        const int status = picture_list_add(&list, scratch_path(""), &err);
        const size_t count = failing_malloc_stop();
        if (count >= nth && status != SE_OK)
            assert_int_equal(status, SE_ERR_MEMORY);
        else
            assert_true(status == SE_OK);
        picture_list_free(&list);
        if (count < nth)
            break;
    }
    assert_true(nth > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_folders_are_searched_in_order, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_named_files_are_taken_as_they_are, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_links_cannot_loop, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_depth_is_bounded, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_unreadable_folder_is_a_problem, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_lack_of_memory, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
