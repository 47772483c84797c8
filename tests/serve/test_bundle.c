/*
 * Pictures of one device in one file, whole and broken; which of them is kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "serve/bundle.h"
#include "serve/kept_picture.h"

static const se_picture three[] = {{"first", 5, "a.jpg"}, {"", 0, NULL}, {"x\0y", 3, "c"}};
enum { THREE = 3 };

static struct buffer bundle_of(const se_picture *pictures, size_t count)
{
    struct buffer out;
    buffer_init(&out, 1 << 16);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(bundle_append(&out, &pictures[i], NULL), SE_OK);
    return out;
}

/* In memory of exactly its size, so that a sanitizer sees any byte too far. */
static int split_copy(const char *bytes, size_t size, size_t *count)
{
    se_picture found[SE_DEVICE_MAX_PICTURES];
    char *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    if (size)
        memcpy(copy, bytes, size);
    const int status = bundle_split(copy, size, found, count, NULL);
    free(copy);
    return status;
}

static void test_there_and_back(void **state)
{
    se_picture found[SE_DEVICE_MAX_PICTURES];
    size_t count;
    struct buffer bundle = bundle_of(three, THREE);
    (void)state;
    assert_int_equal(bundle_split(bundle.data, bundle.size, found, &count, NULL), SE_OK);
    assert_int_equal(count, THREE);
    for (size_t i = 0; i < THREE; i++) {
        assert_int_equal(found[i].size, three[i].size);
        assert_memory_equal(found[i].bytes, three[i].bytes, three[i].size);
        if (three[i].name)
            assert_string_equal(found[i].name, three[i].name);
        else
            assert_null(found[i].name);
    }
    buffer_free(&bundle);
}

static void test_broken(void **state)
{
    struct buffer bundle = bundle_of(three, THREE);
    size_t count, whole = 0;
    (void)state;
    for (size_t size = 0; size < bundle.size; size++)
        whole += split_copy(bundle.data, size, &count) == SE_OK;
    assert_int_equal(whole, THREE); /* of 0, 1 and 2 pictures */
    memset(bundle.data, 0xff, sizeof(uint64_t));
    assert_int_equal(split_copy(bundle.data, bundle.size, &count), SE_ERR_CORRUPT);
    buffer_free(&bundle);
}

static void test_too_many(void **state)
{
    se_picture many[SE_DEVICE_MAX_PICTURES + 1];
    size_t count;
    (void)state;
    for (size_t i = 0; i <= SE_DEVICE_MAX_PICTURES; i++)
        many[i] = three[i % THREE];
    struct buffer bundle = bundle_of(many, SE_DEVICE_MAX_PICTURES);
    assert_int_equal(split_copy(bundle.data, bundle.size, &count), SE_OK);
    assert_int_equal(count, SE_DEVICE_MAX_PICTURES);
    buffer_free(&bundle);
    bundle = bundle_of(many, SE_DEVICE_MAX_PICTURES + 1);
    assert_int_equal(split_copy(bundle.data, bundle.size, &count), SE_ERR_CORRUPT);
    buffer_free(&bundle);
}

/* Expects that of a picture with this answer these bytes are kept. */
static void expect_kept(struct work_picture *picture, const char *answer, const char *bytes,
                        size_t size)
{
    struct kept_picture kept;
    picture->text = (char *)(uintptr_t)answer;
    assert_int_equal(kept_picture_open(&kept, picture, NULL), SE_OK);
    assert_int_equal(kept.size, size);
    if (size)
        assert_memory_equal(kept.bytes, bytes, size);
    kept_picture_close(&kept);
    picture->text = NULL;
}

static void test_the_picture_of_the_reading_is_kept(void **state)
{
    struct work_picture picture;
    struct buffer bundle = bundle_of(three, THREE);
    (void)state;
    assert_int_equal(work_picture_init(&picture, bundle.data, bundle.size, "", NULL), SE_OK);
    expect_kept(&picture, "{}", bundle.data, bundle.size);
    picture.parts = THREE;
    assert_int_equal(work_picture_weight(&picture), THREE);
    expect_kept(&picture, "{\"readings\":[{\"picture\":2},{\"picture\":0}]}", "x\0y", 3);
    for (const char *const *answer =
             (const char *const[]){"{\"readings\":[]}", "{\"readings\":[{\"picture\":3}]}",
                                   "{\"readings\":[{\"picture\":-1}]}", "nonsense", NULL};
         *answer; answer++)
        expect_kept(&picture, *answer, "first", 5);
    memcpy(picture.code, "corrupt", sizeof("corrupt"));
    expect_kept(&picture, "all are broken", "first", 5);
    work_picture_free(&picture);
    buffer_free(&bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_the_picture_of_the_reading_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
