/*
 * JPEG: colour spaces, ways of coding, orientation, scaled and partial decoding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "picture_files.h"

/* Decodes all of the file, which must succeed, and frees the file. */
static struct image decode(struct file *file, int want_side)
{
    struct image image;
    se_error err = {0};
    int status = img_decode(file->bytes, file->size, &generous, want_side, NULL, &image, &err);
    if (status != SE_OK)
        fail_msg("%s", err.message);
    file_free(file);
    return image;
}

static void check_decodes(int channels, const struct jpeg_options *options, int tolerance)
{
    struct image made = picture_make(75, 52, channels);
    struct file file = jpeg_make(&made, options);
    struct image image = decode(&file, 0);
    assert_in_range(picture_difference(&made, &image), 0, tolerance);
    image_free(&made);
    image_free(&image);
}

static void test_colour_spaces(void **state)
{
    (void)state;
    check_decodes(1, &(struct jpeg_options){0}, 8);
    check_decodes(3, &(struct jpeg_options){0}, 12);
    check_decodes(3, &(struct jpeg_options){.colours = JCS_RGB}, 12);
    check_decodes(3, &(struct jpeg_options){.colours = JCS_CMYK}, 12);
    check_decodes(3, &(struct jpeg_options){.colours = JCS_YCCK}, 12);
    check_decodes(3, &(struct jpeg_options){.colours = JCS_CMYK, .without_adobe = true}, 12);
}

static void test_black_ink(void **state)
{
    (void)state;
    /* Half the ink everywhere and half of black on top: a quarter of the light is left. */
    struct image grey = picture_make(16, 16, 3), image;
    memset(grey.data, 128, grey.stride * 16);
    struct file file = jpeg_make(&grey, &(struct jpeg_options){.colours = JCS_CMYK});
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    struct jpeg_compress_struct out;
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    /* Sets the DC coefficient of the fourth component, which says 255 - 0, to that of 128. */
    info.err = out.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&info);
    jpeg_create_compress(&out);
    jpeg_mem_src(&info, file.bytes, file.size);
    jpeg_mem_dest(&out, &bytes, &size);
    jpeg_read_header(&info, TRUE);
    jvirt_barray_ptr *coefficients = jpeg_read_coefficients(&info);
    jpeg_copy_critical_parameters(&info, &out);
    for (JDIMENSION y = 0; y < 2; y++)
        for (JDIMENSION x = 0; x < 2; x++)
            (*info.mem->access_virt_barray)((j_common_ptr)&info, coefficients[3], y, 1,
                                            TRUE)[0][x][0] = 0;
    jpeg_write_coefficients(&out, coefficients);
    jpeg_finish_compress(&out);
    jpeg_finish_decompress(&info);
    jpeg_destroy_compress(&out);
    jpeg_destroy_decompress(&info);
    assert_int_equal(img_decode(bytes, size, &generous, 0, NULL, &image, NULL), SE_OK);
    for (int i = 0; i < 16 * 16 * 3; i++)
        assert_in_range(image_row(&image, i / 48)[i % 48], 62, 66);
    image_free(&image);
    image_free(&grey);
    file_free(&file);
    free(bytes);
}

static void test_ways_of_coding(void **state)
{
    (void)state;
    for (int arithmetic = 0; arithmetic <= 1; arithmetic++)
        for (int scans = 0; scans <= 2; scans++)
            for (int restart = 0; restart <= 1; restart++)
                check_decodes(3,
                              &(struct jpeg_options){.scans = scans,
                                                     .arithmetic = arithmetic,
                                                     .restart_rows = restart},
                              12);
    check_decodes(1, &(struct jpeg_options){.scans = 2}, 8);
    check_decodes(3, &(struct jpeg_options){.scans = 2, .colours = JCS_YCCK}, 12);
}

static void test_orientations(void **state)
{
    (void)state;
    struct image upright = picture_make(61, 38, 3);
    for (int orientation = 1; orientation <= 8; orientation++) {
        struct image stored = picture_stored(&upright, orientation);
        struct file file = jpeg_make(&stored, &(struct jpeg_options){.orientation = orientation});
        struct img_info info;
        assert_int_equal(img_probe(file.bytes, file.size, &generous, &info, NULL), SE_OK);
        assert_int_equal(info.type, IMG_JPEG);
        assert_int_equal(info.orientation, orientation);
        assert_int_equal(info.width, 61);
        assert_int_equal(info.height, 38);
        struct image image = decode(&file, 0);
        assert_in_range(picture_difference(&upright, &image), 0, 12);
        image_free(&image);
        image_free(&stored);
    }
    image_free(&upright);
}

/* The first EXIF segment counts; XMP, which is an APP1 as well, does not. */
static void test_exif_among_other_segments(void **state)
{
    (void)state;
    uint8_t segments[200], exif[EXIF_SIZE];
    size_t size = 0;
    for (int i = 0; i < 3; i++) {
        uint8_t *p = segments + size;
        memcpy(p, "\xFF\xE1\0\0", 4);
        if (i == 0) {
            memcpy(p + 4, "http://ns.adobe.com/xap/1.0/", 29);
            p[3] = 2 + 29;
            size += 4 + 29;
        } else {
            exif_make(exif, i == 1 ? 6 : 3, false);
            memcpy(p + 4, "Exif\0\0", 6);
            memcpy(p + 10, exif, EXIF_SIZE);
            p[3] = 2 + 6 + EXIF_SIZE;
            size += 4 + 6 + EXIF_SIZE;
        }
    }
    struct image made = picture_make(20, 10, 3);
    struct file plain = jpeg_make(&made, &(struct jpeg_options){0}), file = {NULL, 0};
    file_add(&file, plain.bytes, 2);
    file_add(&file, segments, size);
    file_add(&file, plain.bytes + 2, plain.size - 2);
    struct img_info info;
    assert_int_equal(img_probe(file.bytes, file.size, &generous, &info, NULL), SE_OK);
    assert_int_equal(info.orientation, 6);
    assert_int_equal(info.width, 10);
    file_free(&plain);
    file_free(&file);
    image_free(&made);
}

/* Box filter: the mean of the pixels that a scaled pixel covers. */
static void shrink(const struct image *from, struct image *to)
{
    int n = (from->width + to->width - 1) / to->width;
    for (int y = 0; y < to->height; y++)
        for (int x = 0; x < to->width; x++)
            for (int c = 0; c < 3; c++) {
                int sum = 0, count = 0;
                for (int v = y * n; v < (y + 1) * n && v < from->height; v++)
                    for (int u = x * n; u < (x + 1) * n && u < from->width; u++, count++)
                        sum += image_row(from, v)[3 * u + c];
                image_row(to, y)[3 * x + c] = (uint8_t)(sum / count);
            }
}

static void test_scaled(void **state)
{
    (void)state;
    const struct {
        int want, width, height;
    } cases[] = {{0, 403, 201},   {1, 51, 26},     {51, 51, 26},    {52, 101, 51},
                 {101, 101, 51},  {102, 202, 101}, {202, 202, 101}, {203, 403, 201},
                 {403, 403, 201}, {404, 403, 201}, {9999, 403, 201}};
    struct image upright = picture_make(403, 201, 3);
    for (int orientation = 1; orientation <= 8; orientation += 5) {
        struct image stored = picture_stored(&upright, orientation);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            struct jpeg_options options = {.orientation = orientation, .across = 2, .down = 2};
            struct file file = jpeg_make(&stored, &options);
            struct image image = decode(&file, cases[i].want), small;
            assert_int_equal(image.width, cases[i].width);
            assert_int_equal(image.height, cases[i].height);
            image_create(&small, image.width, image.height, 3, NULL);
            shrink(&upright, &small);
            /* Chroma is blurred across the blue quarters' border. */
            assert_in_range(picture_difference(&small, &image), 0, 70);
            long sum = 0;
            for (int y = 0; y < image.height; y++)
                for (int x = 0; x < image.width * 3; x++)
                    sum += abs(image_row(&image, y)[x] - image_row(&small, y)[x]);
            assert_in_range(sum / (image.width * image.height * 3), 0, 3);
            image_free(&small);
            image_free(&image);
        }
        image_free(&stored);
    }
    image_free(&upright);
}

/* Every rectangle, of every way of subsampling, is bit for bit what the whole decode has there. */
static void check_regions(const struct jpeg_options *options, int channels)
{
    static const struct rect rects[] = {
        {0, 0, 150, 97},  {0, 0, 1, 1},     {149, 96, 1, 1},  {0, 96, 150, 1}, {149, 0, 1, 97},
        {16, 16, 16, 16}, {15, 17, 33, 31}, {31, 33, 64, 7},  {1, 1, 148, 95}, {77, 50, 40, 47},
        {100, 3, 50, 9},  {7, 64, 3, 33},   {32, 48, 118, 1}, {64, 1, 2, 95},  {47, 79, 17, 3}};
    struct image upright = picture_make(150, 97, channels), whole;
    for (int y = 0; y < upright.height; y++) /* rough, so that any misplaced sample shows */
        for (int x = 0; x < upright.width * channels; x++)
            image_row(&upright, y)[x] ^= (uint8_t)(x * y * 37 % 101);
    struct image stored = picture_stored(&upright, options->orientation ? options->orientation : 1);
    struct file file = jpeg_make(&stored, options);
    assert_int_equal(img_decode(file.bytes, file.size, &generous, 0, NULL, &whole, NULL), SE_OK);
    for (size_t i = 0; i < sizeof(rects) / sizeof(rects[0]); i++) {
        struct image part;
        struct rect covered;
        assert_int_equal(
            img_decode_region(file.bytes, file.size, &generous, rects[i], &part, &covered, NULL),
            SE_OK);
        assert_memory_equal(&covered, &rects[i], sizeof(covered));
        assert_int_equal(picture_difference_at(&whole, &part, &covered), 0);
        image_free(&part);
    }
    file_free(&file);
    image_free(&stored);
    image_free(&upright);
    image_free(&whole);
}

static void test_regions(void **state)
{
    (void)state;
    static const int samplings[][2] = {{1, 1}, {2, 1}, {1, 2}, {2, 2}, {4, 1}, {4, 2}, {1, 4}};
    for (size_t i = 0; i < sizeof(samplings) / sizeof(samplings[0]); i++)
        for (int scans = 0; scans <= 2; scans += 2)
            check_regions(&(struct jpeg_options){.across = samplings[i][0],
                                                 .down = samplings[i][1],
                                                 .scans = scans},
                          3);
    for (int orientation = 1; orientation <= 8; orientation++)
        check_regions(&(struct jpeg_options){.across = 2, .down = 2, .orientation = orientation},
                      3);
    check_regions(&(struct jpeg_options){0}, 1);
    check_regions(&(struct jpeg_options){.arithmetic = true, .across = 2, .down = 2}, 3);
    check_regions(&(struct jpeg_options){.restart_rows = 1, .across = 2, .down = 2}, 3);
    check_regions(&(struct jpeg_options){.colours = JCS_YCCK, .across = 2, .down = 2}, 3);
}

static void test_region_outside_is_refused(void **state)
{
    (void)state;
    static const struct rect rects[] = {{-1, 0, 5, 5}, {0, -1, 5, 5},  {0, 0, 0, 5},
                                        {0, 0, 5, 0},  {0, 0, 21, 10}, {0, 0, 20, 11},
                                        {20, 0, 1, 1}, {1, 1, 20, 9},  {1, 1, 2147483647, 1}};
    struct image made = picture_make(20, 10, 3), part;
    struct file file = jpeg_make(&made, &(struct jpeg_options){0});
    for (size_t i = 0; i < sizeof(rects) / sizeof(rects[0]); i++) {
        struct rect covered;
        assert_int_equal(
            img_decode_region(file.bytes, file.size, &generous, rects[i], &part, &covered, NULL),
            SE_ERR_ARGUMENT);
        assert_null(part.data);
    }
    file_free(&file);
    image_free(&made);
}

/* ---- what is refused ------------------------------------------------------------------------ */

static int decode_status(const struct file *file, se_error *err)
{
    struct image image;
    memset(err, 0, sizeof(*err));
    int status = img_decode(file->bytes, file->size, &generous, 0, NULL, &image, err);
    assert_int_equal(status, err->code);
    if (status != SE_OK)
        assert_null(image.data);
    image_free(&image);
    return status;
}

/* Byte offset of the first marker `code` in the file. */
static size_t find_marker(const struct file *file, int code)
{
    for (size_t i = 0; i + 1 < file->size; i++)
        if (file->bytes[i] == 0xFF && file->bytes[i + 1] == code)
            return i;
    fail_msg("no marker %02x", (unsigned)code);
    return 0;
}

static void test_other_processes_are_unsupported(void **state)
{
    (void)state;
    se_error err;
    struct image made = picture_make(20, 10, 3);
    struct file file = jpeg_make(&made, &(struct jpeg_options){0});
    size_t frame = find_marker(&file, 0xC0);
    file.bytes[frame + 1] = 0xC3; /* lossless */
    assert_int_equal(decode_status(&file, &err), SE_ERR_UNSUPPORTED);
    file.bytes[frame + 1] = 0xC1;
    file.bytes[frame + 4] = 12; /* bits a sample */
    assert_int_equal(decode_status(&file, &err), SE_ERR_UNSUPPORTED);
    file.bytes[frame + 4] = 8;
    assert_int_equal(decode_status(&file, &err), SE_OK);
    file.bytes[frame + 5] = file.bytes[frame + 6] = 0; /* height */
    assert_int_equal(decode_status(&file, &err), SE_ERR_CORRUPT);
    file_free(&file);
    image_free(&made);
}

/* Each scan costs a pass over the picture, so their number is bounded. */
static void test_scan_bomb_is_stopped(void **state)
{
    (void)state;
    se_error err;
    struct image made = picture_make(20, 10, 1);
    struct file file = jpeg_make(&made, &(struct jpeg_options){.scans = 3});
    assert_int_equal(decode_status(&file, &err), SE_ERR_LIMIT);
    assert_string_equal(err.message, "JPEG of more than 100 scans");
    file_free(&file);
    image_free(&made);
}

static void test_missing_component_is_corrupt(void **state)
{
    (void)state;
    se_error err;
    struct image made = picture_make(20, 10, 3);
    struct file file = jpeg_make(&made, &(struct jpeg_options){.scans = 1});
    size_t scans = 0, at = 0;
    for (size_t i = 0; i + 1 < file.size; i++)
        if (file.bytes[i] == 0xFF && file.bytes[i + 1] == 0xDA && ++scans == 3)
            at = i;
    file.size = at;
    file_add(&file, "\xFF\xD9", 2);
    assert_int_equal(decode_status(&file, &err), SE_ERR_CORRUPT);
    assert_string_equal(err.message, "JPEG without data for component 3");
    file_free(&file);
    image_free(&made);
}

static void test_harmless_damage_passes(void **state)
{
    (void)state;
    se_error err;
    struct image made = picture_make(20, 10, 3);
    struct file plain = jpeg_make(&made, &(struct jpeg_options){0}), file = {NULL, 0};
    size_t table = find_marker(&plain, 0xDB);
    file_add(&file, plain.bytes, table);
    file_add(&file, "stray", 5); /* between segments */
    file_add(&file, plain.bytes + table, plain.size - table);
    file_add(&file, "trailing bytes", 14);
    assert_int_equal(decode_status(&file, &err), SE_OK);
    plain.size -= 2; /* the end marker */
    assert_int_equal(decode_status(&plain, &err), SE_OK);
    file_free(&file);
    file_free(&plain);
    image_free(&made);
}

static void test_damage_names_its_place(void **state)
{
    (void)state;
    se_error err;
    struct image made = picture_make(64, 640, 3);
    struct file file = jpeg_make(&made, &(struct jpeg_options){.restart_rows = 4});
    size_t size = file.size;
    file.size = size / 2;
    assert_int_equal(decode_status(&file, &err), SE_ERR_TRUNCATED);
    int byte, of, row, height;
    assert_int_equal(sscanf(err.message, "JPEG ends early, at byte %d of %d, row %d of %d", &byte,
                            &of, &row, &height),
                     4);
    assert_int_equal(byte, file.size);
    assert_int_equal(of, file.size);
    assert_int_equal(height, 640);
    assert_in_range(row, 200, 440);
    file.size = size;
    size_t restart = find_marker(&file, 0xD5);
    file.bytes[restart + 1] = 0xD1;
    assert_int_equal(decode_status(&file, &err), SE_ERR_CORRUPT);
    assert_non_null(strstr(err.message, "found marker 0xd1 instead of RST5"));
    assert_non_null(strstr(err.message, "row "));
    file_free(&file);
    image_free(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_colour_spaces),
        cmocka_unit_test(test_black_ink),
        cmocka_unit_test(test_ways_of_coding),
        cmocka_unit_test(test_orientations),
        cmocka_unit_test(test_exif_among_other_segments),
        cmocka_unit_test(test_scaled),
        cmocka_unit_test(test_regions),
        cmocka_unit_test(test_region_outside_is_refused),
        cmocka_unit_test(test_other_processes_are_unsupported),
        cmocka_unit_test(test_scan_bomb_is_stopped),
        cmocka_unit_test(test_missing_component_is_corrupt),
        cmocka_unit_test(test_harmless_damage_passes),
        cmocka_unit_test(test_damage_names_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
