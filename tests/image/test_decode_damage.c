/*
 * Damage to small files of every type: cut after every byte, every bit turned over. Nothing may
 * crash, and what decodes all the same must be a picture with nothing missing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "picture_files.h"

/* libheif 1.15, in C++, gives back neither the decoder dav1d nor the picture it had begun when an
 * AVIF turns out to be damaged. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libdav1d.so\nleak:libstdc++.so\nleak:heif_image_create\n";
}

static const struct img_limits small = {1 << 20, 4096};

/* Copies the bytes to the end of a block of their own, so that a sanitizer sees every read beyond.
 */
static int decode_exactly(const uint8_t *bytes, size_t size, int want_side, struct image *image,
                          se_error *err)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    memset(err, 0, sizeof(*err));
    int status = img_decode(copy, size, &small, want_side, NULL, image, err);
    if (status != SE_OK) {
        assert_int_equal(err->code, status);
        assert_true(strlen(err->message) > 0);
        assert_null(image->data);
    }
    struct image part;
    struct rect covered;
    int part_status =
        img_decode_region(copy, size, &small, (struct rect){2, 3, 9, 7}, &part, &covered, NULL);
    if (part_status == SE_OK)
        image_free(&part);
    free(copy);
    return status;
}

/*
 * Cuts the file after every byte. `spare`: how many bytes at the end carry no pixels and may be
 * missing; only then may it decode, and to the same picture.
 */
static void check_cuts(struct file *file, size_t spare)
{
    struct image whole, cut;
    se_error err;
    if (decode_exactly(file->bytes, file->size, 0, &whole, &err) != SE_OK)
        fail_msg("%s", err.message);
    for (size_t size = 0; size < file->size; size++) {
        int status = decode_exactly(file->bytes, size, 0, &cut, &err);
        if (status == SE_OK) {
            if (file->size - size > spare || picture_difference(&whole, &cut) != 0)
                fail_msg("%zu of %zu bytes decode", size, file->size);
            image_free(&cut);
        } else if (status != (size == 0 ? SE_ERR_EMPTY : SE_ERR_TRUNCATED)) {
            fail_msg("%zu of %zu bytes: %d: %s", size, file->size, status, err.message);
        }
    }
    image_free(&whole);
    file_free(file);
}

/* Turns every `step`th bit over, one at a time. `checked`: the format has checksums, so that what
 * decodes must be the same picture. */
static void check_flips(struct file *file, size_t step, bool checked)
{
    struct image whole, image;
    se_error err;
    assert_int_equal(decode_exactly(file->bytes, file->size, 0, &whole, &err), SE_OK);
    for (size_t i = 0; i < file->size * 8; i += step) {
        file->bytes[i / 8] ^= (uint8_t)(1 << i % 8);
        if (decode_exactly(file->bytes, file->size, 0, &image, &err) == SE_OK) {
            if (checked && picture_difference(&whole, &image) != 0)
                fail_msg("bit %zu of byte %zu goes unnoticed", i % 8, i / 8);
            image_free(&image);
        }
        file->bytes[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    image_free(&whole);
    file_free(file);
}

static void test_jpeg(void **state)
{
    (void)state;
    static const struct jpeg_options options[] = {
        {.across = 2, .down = 2},
        {.restart_rows = 1, .orientation = 6},
        {.scans = 1},
        {.scans = 2, .across = 2, .down = 2},
        {.arithmetic = true},
        {.arithmetic = true, .scans = 2},
        {.colours = 5 /* JCS_YCCK */},
    };
    struct image made = picture_make(21, 18, 3), grey = picture_make(21, 18, 1);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        struct file file = jpeg_make(&made, &options[i]);
        check_cuts(&file, 2);
        file = jpeg_make(&made, &options[i]);
        check_flips(&file, 1, false);
    }
    struct file file = jpeg_make(&grey, &(struct jpeg_options){0});
    check_cuts(&file, 2);
    image_free(&made);
    image_free(&grey);
}

static void test_png(void **state)
{
    (void)state;
    struct image made = picture_make(13, 11, 3);
    uint16_t samples[13 * 11 * 4];
    for (int i = 0; i < 13 * 11 * 4; i++)
        samples[i] = (uint16_t)((unsigned)i * 40503u & 3);
    const uint8_t palette[12] = {1, 2, 3, 50, 60, 70, 120, 110, 100, 255, 254, 253};
    const struct png_options options[] = {
        {.colour_type = 6, .depth = 8, .interlaced = true, .idat_size = 40},
        {.colour_type = 3,
         .depth = 2,
         .palette = palette,
         .palette_size = 12,
         .trns = palette,
         .trns_size = 3,
         .orientation = 6},
    };
    struct file file = png_make_image(&made, 5);
    check_cuts(&file, 0);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        file = png_make(samples, 13, 11, &options[i]);
        check_cuts(&file, 0);
    }
    file = png_make_image(&made, 0);
    check_flips(&file, 1, true);
    file = png_make(samples, 13, 11, &options[0]);
    check_flips(&file, 1, true);
    image_free(&made);
}

static void test_webp(void **state)
{
    (void)state;
    static const struct webp_options options[] = {{.lossless = true},
                                                  {.lossless = false},
                                                  {.alpha = true, .orientation = 3},
                                                  {.lossless = true, .orientation = 6},
                                                  {.frames = 2}};
    struct image made = picture_make(21, 18, 3);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        struct file file = webp_make(&made, &options[i]);
        check_cuts(&file, 0);
        file = webp_make(&made, &options[i]);
        check_flips(&file, 1, false);
    }
    image_free(&made);
}

/* HEIC and AVIF keep index and pixels apart; a cut shows as this or that, but never as a picture.
 */
static void test_heif(void **state)
{
    (void)state;
    static const char *const names[] = {"turn6.heic", "alpha.heic", "plain.avif"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct file file = file_read(names[i]);
        struct image image;
        se_error err;
        if (decode_exactly(file.bytes, file.size, 0, &image, &err) == SE_ERR_UNSUPPORTED) {
            printf("SKIP: %s\n", err.message);
            file_free(&file);
            continue;
        }
        image_free(&image);
        for (size_t size = 0; size < file.size; size++)
            if (decode_exactly(file.bytes, size, 0, &image, &err) == SE_OK)
                fail_msg("%s: %zu of %zu bytes decode", names[i], size, file.size);
        check_flips(&file, 13, false); /* libheif starts threads each time: slow */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jpeg),
        cmocka_unit_test(test_png),
        cmocka_unit_test(test_webp),
        cmocka_unit_test(test_heif),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
