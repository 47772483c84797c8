/*
 * Every allocation of src/image's operations fails once: the call must say SE_ERR_MEMORY, leave
 * nothing behind (leaks show under the address sanitizer) and keep its input.
 */
#include "image_testing.h"

#include <stdlib.h>
#include <string.h>

#include "failing_malloc.h"
#include "image/contour.h"
#include "image/ops.h"
#include "image/treat.h"
#include "image/png_write.h"

static struct image source, target;
static float tensor[40 * 30 * 3];

static int run_resize(se_error *err)
{
    return img_resize(&source, &target, err);
}

static int run_tensor(se_error *err)
{
    static const struct tensor_part part = {40, 30, 10, 20, {1, 1, 1}, {0}};
    return img_to_tensor(&source, &part, tensor, err);
}

static int run_turn(se_error *err)
{
    struct image out;
    const int status = img_turn(&source, 1, &out, err);
    image_free(&out);
    return status;
}

static int run_rotate(se_error *err)
{
    struct image out;
    float inverse[6];
    const int status = img_rotate(&source, 20, &out, inverse, err);
    image_free(&out);
    return status;
}

static int run_grey(se_error *err)
{
    struct image out;
    const int status = img_to_grey(&source, &out, err);
    image_free(&out);
    return status;
}

static int run_orient(se_error *err)
{
    struct image copy = source;
    const uint8_t *before = source.data;
    const int status = img_orient(&copy, 6, err);
    if (status == SE_OK)
        source = copy;
    else
        assert_true(copy.data == before);
    return status;
}

static int run_clahe(se_error *err)
{
    struct image grey = {source.data, source.width, source.height, source.stride, 1};
    return img_clahe(&grey, 4, 4, 2, err);
}

static int run_sharpen(se_error *err)
{
    return img_sharpen(&source, 1.5f, 1, err);
}

static int run_treatments(se_error *err)
{
    for (int treatment = IMG_PLAIN; treatment < IMG_TREATMENTS; treatment++) {
        struct image copy;
        FORWARD_IF_ERROR(img_turn(&source, 1, &copy, err));
        const int status = img_treat(&copy, (enum img_treatment)treatment, 10, err);
        assert_non_null(copy.data);
        image_free(&copy);
        FORWARD_IF_ERROR(status);
    }
    return SE_OK;
}

static int run_components(se_error *err)
{
    uint8_t map[20 * 10];
    for (size_t i = 0; i < sizeof(map); i++)
        map[i] = i % 3 == 0;
    struct component_list list;
    const int status = contour_components(map, 20, 10, 1, 5, &list, err);
    contour_components_free(&list);
    return status;
}

static int run_png(se_error *err)
{
    struct buffer buffer;
    buffer_init(&buffer, 100000);
    const int status = png_write(&source, &buffer, err);
    assert_true(status == SE_OK || buffer.size == 0);
    buffer_free(&buffer);
    return status;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    static int (*const calls[])(se_error *) = {
        run_resize, run_tensor,  run_turn,       run_rotate, run_grey,      run_orient,
        run_clahe,  run_sharpen, run_components, run_png,    run_treatments};
    if (!failing_malloc_works())
        skip();
    uint64_t seed = 51;
    source = testing_noise(&seed, 33, 21, 3);
    target = testing_flat(12, 50, 3, 0);
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        size_t nth = 1;
        for (;; nth++) {
            se_error err = {0};
            failing_malloc_start(nth, FAILING_ALL_THREADS);
            const int status = calls[i](&err);
            if (failing_malloc_stop() < nth) {
                assert_int_equal(status, SE_OK);
                break;
            }
            assert_int_equal(status, SE_ERR_MEMORY);
            assert_int_equal(err.code, SE_ERR_MEMORY);
            assert_true(strlen(err.message) > 0);
        }
        assert_true(nth > 1);
    }
    image_free(&source);
    image_free(&target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
