/*
 * The file of API keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "failing_malloc.h"
#include "serve/keys.h"

static char folder[] = "/tmp/serialeye-keys-XXXXXX", path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/keys", folder);
    return 0;
}

static int remove_folder(void **state)
{
    char other[80];
    (void)state;
    snprintf(other, sizeof(other), "%s.lock", path);
    unlink(other);
    unlink(path);
    return rmdir(folder);
}

static void add(const char *name, enum access_scope scope, int rate, char secret[KEY_SECRET_SIZE])
{
    struct key wish = {.scope = scope, .rate = rate};
    snprintf(wish.name, sizeof(wish.name), "%s", name);
    assert_int_equal(keys_add(path, &wish, secret, NULL), SE_OK);
}

static void test_round_trip(void **state)
{
    char secrets[3][KEY_SECRET_SIZE];
    const char *const names[] = {"a", "b.2_x-y", "0123456789012345678901234567890123456789"};
    struct key_list list;
    bool found;
    (void)state;
    assert_int_equal(keys_read(&list, path, NULL), SE_OK);
    assert_int_equal(list.count, 0);
    assert_int_equal(keys_find(&list, "se_"), 0);
    keys_free(&list);
    for (int i = 0; i < 3; i++)
        add(names[i], ACCESS_READ + i, i * 1000, secrets[i]);

    assert_int_equal(keys_read(&list, path, NULL), SE_OK);
    assert_int_equal(list.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(list.keys[i].name, names[i]);
        assert_int_equal(list.keys[i].scope, ACCESS_READ + i);
        assert_int_equal(list.keys[i].rate, i * 1000);
        assert_int_equal(strlen(secrets[i]), KEY_SECRET_SIZE - 1);
        assert_int_equal(keys_find(&list, secrets[i]), i);
        secrets[i][10] = secrets[i][10] == '0' ? '1' : '0';
        assert_int_equal(keys_find(&list, secrets[i]), list.count);
    }
    keys_free(&list);

    assert_int_equal(keys_remove(path, "none", &found, NULL), SE_OK);
    assert_false(found);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(keys_remove(path, names[i], &found, NULL), SE_OK);
        assert_true(found);
    }
    assert_int_equal(keys_read(&list, path, NULL), SE_OK);
    assert_int_equal(list.count, 0);
    keys_free(&list);
}

static void test_a_name_is_used_once(void **state)
{
    char secret[KEY_SECRET_SIZE];
    const struct key wish = {.name = "a", .scope = ACCESS_READ};
    bool found;
    (void)state;
    add("a", ACCESS_READ, 0, secret);
    assert_int_equal(keys_add(path, &wish, secret, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(keys_remove(path, "a", &found, NULL), SE_OK);
}

static void test_names(void **state)
{
    (void)state;
    assert_true(key_name_is_valid("a"));
    const char *const wrong[] = {"", "a b", "a\n", "ä", "a/b"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(key_name_is_valid(wrong[i]));
    assert_false(key_name_is_valid("01234567890123456789012345678901234567890"));
    assert_int_equal(key_scope("open"), ACCESS_OPEN);
    assert_int_equal(key_scope("admin"), ACCESS_ADMIN);
}

static void test_no_place(void **state)
{
    struct key wish = {.name = "a", .scope = ACCESS_READ};
    char secret[KEY_SECRET_SIZE];
    struct key_list list;
    bool found;
    se_error err;
    (void)state;
    assert_int_equal(keys_add("/nowhere/keys", &wish, secret, &err), SE_ERR_IO);
    assert_non_null(strstr(err.message, "/nowhere/keys"));
    assert_int_equal(keys_remove("/nowhere/keys", "a", &found, NULL), SE_ERR_IO);
    assert_int_equal(keys_read(&list, folder, NULL), SE_ERR_IO);
}

/* Whatever allocation fails: an error and the file as it was, or success. */
static void test_without_memory(void **state)
{
    char secret[KEY_SECRET_SIZE];
    const struct key wish = {.name = "new", .scope = ACCESS_READ};
    (void)state;
    if (!failing_malloc_works())
        skip();
    add("old", ACCESS_READ, 0, secret);
    for (size_t n = 1;; n++) {
        struct key_list list;
        bool found = false;
        failing_malloc_start(n, FAILING_THIS_THREAD);
        int status = keys_add(path, &wish, secret, NULL);
        if (status == SE_OK)
            status = keys_remove(path, "new", &found, NULL);
        const size_t count = failing_malloc_stop();
        if (status != SE_OK)
            assert_true(status == SE_ERR_MEMORY || status == SE_ERR_IO);
        assert_int_equal(keys_remove(path, "new", &found, NULL), SE_OK);
        assert_int_equal(keys_read(&list, path, NULL), SE_OK);
        assert_int_equal(list.count, 1);
        keys_free(&list);
        if (count < n)
            break;
    }
    bool found;
    assert_int_equal(keys_remove(path, "old", &found, NULL), SE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_a_name_is_used_once),
        cmocka_unit_test(test_names),          cmocka_unit_test(test_no_place),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
