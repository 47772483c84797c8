/*
 * WebP, HEIC and AVIF: what comes out of them, orientation, transparency, regions.
 */
#define _GNU_SOURCE /* memmem */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "picture_files.h"

static struct image decode(const struct file *file)
{
    struct image image;
    se_error err = {0};
    if (img_decode(file->bytes, file->size, &generous, 0, NULL, &image, &err) != SE_OK)
        fail_msg("%s", err.message);
    return image;
}

/* Lossy codecs blur the border of the blue quarters: the greatest difference is judged without blue
 * near it by judging only red and green, and blue by its mean. */
static void check_close(const struct image *want, const struct image *got, int tolerance)
{
    long blue = 0;
    assert_int_equal(got->width, want->width);
    assert_int_equal(got->height, want->height);
    assert_int_equal(got->channels, want->channels);
    for (int y = 0; y < want->height; y++)
        for (int x = 0; x < want->width * 3; x++) {
            int difference = image_row(want, y)[x] - image_row(got, y)[x];
            difference = difference < 0 ? -difference : difference;
            if (x % 3 == 2)
                blue += difference;
            else
                assert_in_range(difference, 0, tolerance);
        }
    assert_in_range(blue / (want->width * want->height), 0, tolerance);
}

/* The picture as it looks with alpha falling from left to right, over white. */
static struct image faded(const struct image *made)
{
    struct image out = picture_make(made->width, made->height, 3);
    for (int y = 0; y < out.height; y++)
        for (int i = 0; i < out.width * 3; i++) {
            int alpha = webp_alpha(i / 3, out.width);
            int v = image_row(made, y)[i] * alpha + 255 * (255 - alpha);
            image_row(&out, y)[i] = (uint8_t)((v + 127) / 255);
        }
    return out;
}

static void check_region(const struct file *file, const struct image *whole, struct rect want)
{
    struct image part;
    struct rect covered;
    assert_int_equal(
        img_decode_region(file->bytes, file->size, &generous, want, &part, &covered, NULL), SE_OK);
    assert_memory_equal(&covered, &want, sizeof(want));
    assert_int_equal(picture_difference_at(whole, &part, &covered), 0);
    image_free(&part);
}

static void check_regions(const struct file *file, const struct image *whole)
{
    check_region(file, whole, (struct rect){0, 0, whole->width, whole->height});
    check_region(file, whole, (struct rect){whole->width - 1, whole->height - 1, 1, 1});
    check_region(file, whole, (struct rect){7, 12, 20, 9});
    check_region(file, whole, (struct rect){16, 11, 17, 16});
    check_region(file, whole, (struct rect){0, 20, whole->width, 1});
}

/* ---- WebP ----------------------------------------------------------------------------------- */

static void test_webp(void **state)
{
    (void)state;
    struct image upright = picture_make(61, 38, 3);
    for (int lossless = 0; lossless <= 1; lossless++)
        for (int alpha = 0; alpha <= 1; alpha++)
            for (int frames = 0; frames <= 2; frames += 2) {
                struct image want = alpha ? faded(&upright) : upright;
                struct file file = webp_make(
                    &upright,
                    &(struct webp_options){.lossless = lossless, .alpha = alpha, .frames = frames});
                struct image image = decode(&file);
                check_close(&want, &image, lossless ? 0 : 16);
                check_regions(&file, &image);
                image_free(&image);
                file_free(&file);
                if (alpha)
                    image_free(&want);
            }
    image_free(&upright);
}

static void test_webp_orientations(void **state)
{
    (void)state;
    struct image upright = picture_make(61, 38, 3);
    for (int orientation = 1; orientation <= 8; orientation++) {
        struct image stored = picture_stored(&upright, orientation);
        struct file file = webp_make(
            &stored, &(struct webp_options){.lossless = true, .orientation = orientation});
        struct img_info info;
        assert_int_equal(img_probe(file.bytes, file.size, &generous, &info, NULL), SE_OK);
        assert_int_equal(info.type, IMG_WEBP);
        assert_int_equal(info.orientation, orientation);
        assert_int_equal(info.width, 61);
        assert_int_equal(info.height, 38);
        struct image image = decode(&file);
        assert_int_equal(picture_difference(&upright, &image), 0);
        check_regions(&file, &image);
        image_free(&image);
        image_free(&stored);
        file_free(&file);
    }
    image_free(&upright);
}

/* A first frame that is only a part of the canvas is not a picture of its own. */
static void test_webp_partial_frame_is_unsupported(void **state)
{
    (void)state;
    struct image made = picture_make(61, 38, 3), image;
    struct file file = webp_make(&made, &(struct webp_options){.lossless = true, .frames = 2});
    /* VP8X: flags (4), canvas width - 1 (3), height - 1 (3), behind "RIFF" size "WEBP" "VP8X" size
     */
    assert_memory_equal(file.bytes + 12, "VP8X", 4);
    assert_int_equal(file.bytes[24], 60);
    file.bytes[24] = 61;
    se_error err;
    assert_int_equal(img_decode(file.bytes, file.size, &generous, 0, NULL, &image, &err),
                     SE_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "animated"));
    file_free(&file);
    image_free(&made);
}

/* ---- HEIC and AVIF -------------------------------------------------------------------------- */

/* Without libheif, or the codec in it, the tests below have nothing to test. */
static bool heif_missing(const struct file *file)
{
    char text[200];
    struct image image;
    se_error err = {0};
    if (!img_heic_available(text, sizeof(text))) {
        printf("SKIP: %s\n", text);
        return true;
    }
    int status = img_decode(file->bytes, file->size, &generous, 0, NULL, &image, &err);
    image_free(&image);
    if (status == SE_ERR_UNSUPPORTED)
        printf("SKIP: %s\n", err.message);
    return status == SE_ERR_UNSUPPORTED;
}

static void test_heif(void **state)
{
    (void)state;
    static const char *const names[] = {"turn1.heic", "turn2.heic", "turn3.heic", "turn4.heic",
                                        "turn5.heic", "turn6.heic", "turn7.heic", "turn8.heic",
                                        "plain.avif", "turn6.avif", "alpha.heic", "alpha.avif"};
    struct image upright = picture_make(65, 49, 3), fading = faded(&upright);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct file file = file_read(names[i]);
        if (heif_missing(&file)) {
            file_free(&file);
            continue;
        }
        struct img_info info;
        assert_int_equal(img_probe(file.bytes, file.size, &generous, &info, NULL), SE_OK);
        assert_int_equal(info.type, IMG_HEIC);
        assert_int_equal(info.orientation, 1);
        assert_int_equal(info.width, 65);
        assert_int_equal(info.height, 49);
        struct image image = decode(&file);
        check_close(strncmp(names[i], "alpha", 5) ? &upright : &fading, &image, 24);
        check_regions(&file, &image);
        image_free(&image);
        file_free(&file);
    }
    image_free(&upright);
    image_free(&fading);
}

/* libheif 1.15 goes round such a circle until memory is spent. */
static void test_heif_circle_is_refused(void **state)
{
    (void)state;
    struct file file = file_read("turn1.heic");
    if (!img_heic_available(NULL, 0)) {
        file_free(&file);
        printf("SKIP: no libheif\n");
        skip();
    }
    uint8_t *reference = memmem(file.bytes, file.size, "dimg", 4);
    assert_non_null(reference);
    memcpy(reference + 8, reference + 4, 2); /* type, from, count, to */
    struct image image;
    se_error err;
    assert_int_equal(img_decode(file.bytes, file.size, &generous, 0, NULL, &image, &err),
                     SE_ERR_CORRUPT);
    assert_non_null(strstr(err.message, "circle"));
    file_free(&file);
}

static void test_heif_version(void **state)
{
    (void)state;
    char text[200];
    if (!img_heic_available(text, sizeof(text))) {
        printf("SKIP: %s\n", text);
        skip();
    }
    int major, minor;
    assert_int_equal(sscanf(text, "%d.%d", &major, &minor), 2);
    assert_int_equal(major, 1);
    assert_true(img_heic_available(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_webp),
        cmocka_unit_test(test_webp_orientations),
        cmocka_unit_test(test_webp_partial_frame_is_unsupported),
        cmocka_unit_test(test_heif),
        cmocka_unit_test(test_heif_circle_is_refused),
        cmocka_unit_test(test_heif_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
