/*
 * Memory runs out at every allocation once, in the decoders and in the libraries they use: no
 * crash, no leak (the address sanitizer tells), SE_ERR_MEMORY, or success where less would do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "picture_files.h"

/* `also`: another status that lack of memory may look like. */
static void check_how(struct file *file, bool region, int also)
{
    for (size_t nth = 1;; nth++) {
        struct image image;
        struct rect covered;
        se_error err = {0};
        failing_malloc_start(nth, FAILING_ALL_THREADS);
        int status = region ? img_decode_region(file->bytes, file->size, &generous,
                                                (struct rect){1, 2, 9, 5}, &image, &covered, &err)
                            : img_decode(file->bytes, file->size, &generous, 0, NULL, &image, &err);
        size_t allocations = failing_malloc_stop();
        image_free(&image);
        if (allocations < nth) {
            assert_int_equal(status, SE_OK);
            assert_true(nth > 2);
            return;
        }
        if (status != SE_OK && status != SE_ERR_MEMORY && status != also)
            fail_msg("allocation %zu: %s", nth, err.message);
    }
}

static void check(struct file file, int also)
{
    check_how(&file, false, also);
    check_how(&file, true, also);
    file_free(&file);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    if (!failing_malloc_works())
        skip();
    struct image made = picture_make(40, 30, 3);
    uint16_t samples[12 * 9 * 4] = {0};
    const struct png_options interlaced = {.colour_type = 6, .depth = 8, .interlaced = true};
    check(jpeg_make(&made, &(struct jpeg_options){.orientation = 6, .across = 2, .down = 2}),
          SE_ERR_MEMORY);
    check(jpeg_make(&made, &(struct jpeg_options){.scans = 2}), SE_ERR_MEMORY);
    check(jpeg_make(&made, &(struct jpeg_options){.colours = 5 /* JCS_YCCK */}), SE_ERR_MEMORY);
    check(png_make_image(&made, 6), SE_ERR_MEMORY);
    check(png_make(samples, 12, 9, &interlaced), SE_ERR_MEMORY);
    /* Not lossless, nor with alpha, which is lossless inside: there libwebp 1.2 itself goes through
     * a null pointer when it gets no memory for its Huffman tables. Where it notices, it may call
     * the file corrupt. */
    check(webp_make(&made, &(struct webp_options){.orientation = 3}), SE_ERR_CORRUPT);
    image_free(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
