/*
 * What holds for all types: telling them apart, limits, EXIF.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "image/exif.h"
#include "picture_files.h"

static void check_unknown(const char *bytes, size_t size, const char *words)
{
    struct image image;
    struct img_info info;
    se_error err = {0};
    assert_int_equal(img_probe(bytes, size, &generous, &info, &err), SE_ERR_UNKNOWN_TYPE);
    if (!strstr(err.message, words))
        fail_msg("\"%s\" not in \"%s\"", words, err.message);
    assert_int_equal(img_decode(bytes, size, &generous, 0, NULL, &image, NULL),
                     SE_ERR_UNKNOWN_TYPE);
}

#define CHECK_UNKNOWN(bytes, words) check_unknown(bytes, sizeof(bytes) - 1, words)

static void test_unknown_types_are_named(void **state)
{
    (void)state;
    CHECK_UNKNOWN("%PDF-1.7 and so on", "PDF");
    CHECK_UNKNOWN("GIF89a and so on", "GIF");
    CHECK_UNKNOWN("II*\0and so on", "TIFF");
    CHECK_UNKNOWN("MM\0*and so on", "TIFF");
    CHECK_UNKNOWN("BM and so on", "BMP");
    CHECK_UNKNOWN("\xEF\xBB\xBF<!DOCTYPE html>", "ef bb bf");
    CHECK_UNKNOWN("\n  <!doctype HTML><title>404", "HTML");
    CHECK_UNKNOWN("<html>", "HTML");
    CHECK_UNKNOWN("<?xml version='1.0'?>", "XML");
    CHECK_UNKNOWN("{\"error\": \"not found\"}", "text");
    CHECK_UNKNOWN("PK\3\4 and so on", "ZIP");
    CHECK_UNKNOWN("RIFF\1\2\3\4WAVEfmt ", "RIFF");
    CHECK_UNKNOWN("\0\0\0\x1C"
                  "ftypisom\0\0\0\0isommp41 avc1",
                  "video");
    CHECK_UNKNOWN("\0\0\0\x0CJXL \r\n\x87\n", "JPEG XL");
    CHECK_UNKNOWN("\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "00 00 00");
    CHECK_UNKNOWN("\x01", "01");
    CHECK_UNKNOWN("\xFF\xFE", "ff fe");
}

static void test_no_bytes(void **state)
{
    (void)state;
    struct image image;
    struct img_info info;
    struct rect covered;
    se_error err;
    assert_int_equal(img_probe("", 0, &generous, &info, &err), SE_ERR_EMPTY);
    assert_int_equal(img_probe(NULL, 0, &generous, &info, &err), SE_ERR_EMPTY);
    assert_int_equal(img_decode(NULL, 0, &generous, 100, NULL, &image, &err), SE_ERR_EMPTY);
    assert_int_equal(
        img_decode_region(NULL, 0, &generous, (struct rect){0, 0, 1, 1}, &image, &covered, &err),
        SE_ERR_EMPTY);
}

/* Too few bytes to tell the type, but the beginning of one. */
static void test_beginnings_are_truncated(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } beginnings[] = {{"\xFF\xD8\xFF", 3},
                      {"\x89PNG\r\n\x1a\n", 8},
                      {"RIFF\x10\0\0\0WEBP", 12},
                      {"\0\0\0\x1C"
                       "ftypheic",
                       11}};
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
        for (size_t size = i == 3 ? 3 : 1; size <= beginnings[i].size; size++) {
            struct img_info info;
            assert_int_equal(img_probe(beginnings[i].bytes, size, &generous, &info, NULL),
                             SE_ERR_TRUNCATED);
        }
}

static void check_limit(const struct file *file, struct img_limits limits, int status,
                        const char *words)
{
    struct image image;
    struct img_info info;
    struct rect covered;
    se_error err = {0};
    assert_int_equal(img_probe(file->bytes, file->size, &limits, &info, &err), status);
    assert_int_equal(img_decode(file->bytes, file->size, &limits, 0, NULL, &image, &err), status);
    image_free(&image);
    assert_int_equal(img_decode_region(file->bytes, file->size, &limits, (struct rect){1, 1, 2, 2},
                                       &image, &covered, &err),
                     status);
    image_free(&image);
    if (status != SE_OK && !strstr(err.message, words))
        fail_msg("\"%s\" not in \"%s\"", words, err.message);
}

static void test_limits(void **state)
{
    (void)state;
    struct image made = picture_make(65, 49, 3);
    struct file files[4] = {
        jpeg_make(&made, &(struct jpeg_options){.orientation = 6}), png_make_image(&made, 0),
        webp_make(&made, &(struct webp_options){.lossless = true}), file_read("turn6.heic")};
    for (int i = 0; i < (img_heic_available(NULL, 0) ? 4 : 3); i++) {
        check_limit(&files[i], (struct img_limits){65 * 49, 65}, SE_OK, "");
        check_limit(&files[i], (struct img_limits){65 * 49 - 1, 65}, SE_ERR_LIMIT,
                    "65 x 49 = 3185 pixels: more than 3184 (setting max_pixels)");
        check_limit(&files[i], (struct img_limits){65 * 49, 64}, SE_ERR_LIMIT,
                    "65 x 49 pixels: more than 64 a side (setting max_side)");
        check_limit(&files[i], (struct img_limits){0, 0}, SE_ERR_LIMIT, "max_side");
    }
    for (int i = 0; i < 4; i++)
        file_free(&files[i]);
    image_free(&made);
}

/* A header alone may announce anything: nothing of that size is allocated. */
static void test_announced_sizes(void **state)
{
    (void)state;
    const struct {
        uint32_t width, height;
        int status;
    } cases[] = {{0, 1, SE_ERR_CORRUPT},          {1, 0, SE_ERR_CORRUPT},
                 {65536, 1, SE_ERR_LIMIT},        {0x7FFFFFFF, 0x7FFFFFFF, SE_ERR_LIMIT},
                 {0x80000000, 1, SE_ERR_CORRUPT}, {0xFFFFFFFF, 0xFFFFFFFF, SE_ERR_CORRUPT},
                 {40000, 40000, SE_ERR_LIMIT}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t header[13] = {[8] = 8, [9] = 2};
        for (int k = 0; k < 4; k++) {
            header[k] = (uint8_t)(cases[i].width >> (24 - 8 * k));
            header[4 + k] = (uint8_t)(cases[i].height >> (24 - 8 * k));
        }
        struct file file = {NULL, 0};
        struct image image;
        file_add(&file, "\x89PNG\r\n\x1a\n", 8);
        png_add_chunk(&file, "IHDR", header, 13);
        png_add_chunk(&file, "IDAT", "", 0);
        const struct img_limits limits = {1u << 30, UINT32_MAX};
        assert_int_equal(img_decode(file.bytes, file.size, &limits, 0, NULL, &image, NULL),
                         cases[i].status);
        file_free(&file);
    }
}

/* ---- EXIF ----------------------------------------------------------------------------------- */

static void test_exif_orientation(void **state)
{
    (void)state;
    uint8_t exif[EXIF_SIZE];
    for (int big_endian = 0; big_endian <= 1; big_endian++)
        for (int orientation = 0; orientation <= 255; orientation++) {
            int valid = orientation >= 1 && orientation <= 8;
            exif_make(exif, orientation, big_endian);
            assert_int_equal(exif_orientation(exif, EXIF_SIZE), valid ? orientation : 1);
            /* The directory ends with the entry; the link to a next one is not needed. */
            assert_int_equal(exif_orientation(exif, EXIF_SIZE - 4), valid ? orientation : 1);
            assert_int_equal(exif_orientation(exif, EXIF_SIZE - 5), 1);
        }
    exif_make(exif, 6, false);
    exif[12] = 4; /* LONG, as some write it */
    assert_int_equal(exif_orientation(exif, EXIF_SIZE), 6);
    exif[12] = 2;
    assert_int_equal(exif_orientation(exif, EXIF_SIZE), 1);
    exif_make(exif, 6, false);
    exif[14] = 2; /* count */
    assert_int_equal(exif_orientation(exif, EXIF_SIZE), 1);
    exif_make(exif, 6, false);
    exif[2] = 43;
    assert_int_equal(exif_orientation(exif, EXIF_SIZE), 1);
    exif_make(exif, 6, false);
    memset(exif + 8, 0xFF, 2); /* entries */
    assert_int_equal(exif_orientation(exif, EXIF_SIZE), 6);
    memset(exif + 4, 0xFF, 4); /* offset of the directory */
    assert_int_equal(exif_orientation(exif, EXIF_SIZE), 1);
    for (int offset = 0; offset < 40; offset++) {
        exif_make(exif, 6, false);
        exif[4] = (uint8_t)offset;
        assert_in_range(exif_orientation(exif, EXIF_SIZE), 1, 8);
    }
    for (size_t size = 0; size < EXIF_SIZE - 4; size++)
        assert_int_equal(exif_orientation(exif, size), 1);
}

static void test_exif_rects(void **state)
{
    (void)state;
    const struct rect rect = {3, 5, 11, 2};
    for (int orientation = 1; orientation <= 8; orientation++) {
        struct rect turned = exif_orient_rect(rect, orientation, 40, 30);
        bool swap = exif_swaps_sides(orientation);
        struct rect back =
            exif_orient_rect(turned, exif_inverse(orientation), swap ? 30 : 40, swap ? 40 : 30);
        assert_memory_equal(&back, &rect, sizeof(rect));
        /* The same as turning a picture that holds the rectangle alone. */
        struct image upright, stored;
        assert_int_equal(image_create(&upright, swap ? 30 : 40, swap ? 40 : 30, 1, NULL), SE_OK);
        for (int y = turned.y; y < turned.y + turned.height; y++)
            memset(image_row(&upright, y) + turned.x, 1, (size_t)turned.width);
        stored = picture_stored(&upright, orientation);
        for (int y = 0; y < 30; y++)
            for (int x = 0; x < 40; x++)
                assert_int_equal(image_row(&stored, y)[x], x >= 3 && x < 14 && y >= 5 && y < 7);
        image_free(&upright);
        image_free(&stored);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_types_are_named),
        cmocka_unit_test(test_no_bytes),
        cmocka_unit_test(test_beginnings_are_truncated),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_announced_sizes),
        cmocka_unit_test(test_exif_orientation),
        cmocka_unit_test(test_exif_rects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
