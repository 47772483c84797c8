/*
 * The references between items of HEIF files: what is let through to libheif and what is not.
 */
#define _GNU_SOURCE /* memmem */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "image/heif_check.h"
#include "picture_files.h"

static void add_number(struct file *file, uint32_t number, int bytes)
{
    while (bytes-- > 0)
        file_add(file, &(uint8_t){(uint8_t)(number >> 8 * bytes)}, 1);
}

static void add_box(struct file *file, const char *type, const struct file *contents)
{
    add_number(file, (uint32_t)contents->size + 8, 4);
    file_add(file, type, 4);
    file_add(file, contents->bytes, contents->size);
}

/* A reference of item `from` to items to … to + count - 1. */
static void add_reference(struct file *iref, const char *type, uint32_t from, uint32_t to,
                          int count, int width)
{
    struct file box = {NULL, 0};
    add_number(&box, from, width);
    add_number(&box, (uint32_t)count, 2);
    for (int i = 0; i < count; i++)
        add_number(&box, to + (uint32_t)i, width);
    add_box(iref, type, &box);
    file_free(&box);
}

/* The description of an item. */
static void add_item(struct file *iinf, uint32_t item, const char *type, int width)
{
    struct file infe = {NULL, 0};
    add_number(&infe, width == 2 ? 2u << 24 : 3u << 24, 4);
    add_number(&infe, item, width);
    add_number(&infe, 0, 2);
    file_add(&infe, type, 5);
    add_box(iinf, "infe", &infe);
    file_free(&infe);
}

/* ftyp, meta with an iinf box that describes items 0 … 2399 as pictures, and the iref box, mdat.
 * Frees iref. */
static struct file make_file(struct file *iref)
{
    struct file file = {NULL, 0}, meta = {NULL, 0}, data = {NULL, 0}, iinf = {NULL, 0};
    add_number(&iinf, 0, 4);
    add_number(&iinf, 2400, 2);
    for (uint32_t item = 0; item < 2400; item++)
        add_item(&iinf, item, "hvc1", item % 2 ? 2 : 4);
    file_add(&data, "heic\0\0\0\0mif1", 12);
    add_box(&file, "ftyp", &data);
    add_number(&meta, 0, 4);
    add_box(&meta, "hdlr", &data);
    add_box(&meta, "iinf", &iinf);
    add_box(&meta, "iref", iref);
    add_box(&file, "meta", &meta);
    add_box(&file, "mdat", &data);
    file_free(&meta);
    file_free(&iinf);
    file_free(&data);
    file_free(iref);
    return file;
}

static struct file begin_iref(int width)
{
    struct file iref = {NULL, 0};
    add_number(&iref, width == 2 ? 0 : 1u << 24, 4);
    return iref;
}

static void check(struct file *iref, int status)
{
    struct file file = make_file(iref);
    se_error err = {0};
    int got = heif_check(file.bytes, file.size, &err);
    if (got != status)
        fail_msg("%d instead of %d: %s", got, status, err.message);
    file_free(&file);
}

static void test_grids_pass(void **state)
{
    (void)state;
    for (int width = 2; width <= 4; width += 2) {
        struct file iref = begin_iref(width);
        check(&iref, SE_OK);
        iref = begin_iref(width);
        add_reference(&iref, "dimg", 1, 10, 500, width);  /* grid of tiles */
        add_reference(&iref, "dimg", 2, 1000, 80, width); /* its alpha, a grid too */
        add_reference(&iref, "auxl", 2, 1, 1, width);
        add_reference(&iref, "thmb", 3, 1, 1, width);
        add_reference(&iref, "dimg", 4, 1, 1, width); /* a turned copy */
        add_reference(&iref, "cdsc", 1, 1, 1, width); /* metadata decode nothing */
        check(&iref, SE_OK);
    }
}

static void test_circles_are_refused(void **state)
{
    (void)state;
    for (int width = 2; width <= 4; width += 2) {
        struct file iref = begin_iref(width);
        add_reference(&iref, "dimg", 7, 7, 1, width);
        check(&iref, SE_ERR_CORRUPT);
        iref = begin_iref(width);
        add_reference(&iref, "dimg", 9, 2, 1, width);
        add_reference(&iref, "dimg", 2, 3, 3, width);
        add_reference(&iref, "dimg", 5, 9, 1, width);
        check(&iref, SE_ERR_CORRUPT);
        iref = begin_iref(width);
        add_reference(&iref, "auxl", 2, 1, 1, width); /* 2 is the alpha of 1 … */
        add_reference(&iref, "dimg", 2, 1, 1, width); /* … and made of 1 */
        check(&iref, SE_ERR_CORRUPT);
    }
}

static void test_bombs_are_refused(void **state)
{
    (void)state;
    struct file iref = begin_iref(2);
    for (uint32_t item = 1; item <= 5; item++) /* a chain that is well within bounds */
        add_reference(&iref, "dimg", item, item + 1, 1, 2);
    check(&iref, SE_OK);
    iref = begin_iref(2);
    for (uint32_t item = 1; item <= 50; item++)
        add_reference(&iref, "dimg", item, item + 1, 1, 2);
    check(&iref, SE_ERR_CORRUPT);
    iref = begin_iref(2);
    for (uint32_t level = 0; level < 4; level++) /* 20 ^ 4 tiles in 80 items */
        for (uint32_t i = 0; i < 20; i++)
            add_reference(&iref, "dimg", level * 20 + i, level * 20 + 20, 20, 2);
    check(&iref, SE_ERR_LIMIT);
    iref = begin_iref(2);
    for (uint32_t i = 0; i < 11; i++)
        add_reference(&iref, "dimg", 1, 2, 2000, 2);
    check(&iref, SE_ERR_LIMIT);
}

static void test_only_pictures_are_decoded(void **state)
{
    (void)state;
    struct file iref = begin_iref(2);
    add_reference(&iref, "dimg", 1, 2399, 1, 2);
    check(&iref, SE_OK);
    iref = begin_iref(2);
    add_reference(&iref, "dimg", 1, 2400, 1, 2); /* not described */
    check(&iref, SE_ERR_CORRUPT);
    for (int i = 0; i < 4; i++) {
        iref = begin_iref(2);
        add_reference(&iref, "dimg", 1, 5, 1, 2);
        struct file file = make_file(&iref);
        uint8_t *type = memmem(file.bytes, file.size, "\0\5\0\0hvc1", 8);
        assert_non_null(type);
        type += 4;
        if (i == 1)
            memcpy(type, "Exif", 4);
        else if (i == 2)
            type[-3] = 6; /* described twice */
        else if (i == 3)
            type[-12] = 'x'; /* not an infe box */
        assert_int_equal(heif_check(file.bytes, file.size, NULL), i ? SE_ERR_CORRUPT : SE_OK);
        file_free(&file);
    }
}

static void test_damaged_boxes(void **state)
{
    (void)state;
    struct file iref = begin_iref(2);
    add_number(&iref, 4, 4); /* a box smaller than its header */
    check(&iref, SE_ERR_CORRUPT);
    iref = begin_iref(2);
    add_number(&iref, 100, 4); /* larger than what is there */
    file_add(&iref, "dimg", 4);
    check(&iref, SE_ERR_CORRUPT);
    iref = begin_iref(2);
    struct file box = {NULL, 0};
    add_number(&box, 1, 2);
    add_number(&box, 3, 2); /* 3 items announced, 2 there */
    add_number(&box, 0x00020003, 4);
    add_box(&iref, "dimg", &box);
    file_free(&box);
    check(&iref, SE_ERR_CORRUPT);
}

static void test_cuts(void **state)
{
    (void)state;
    struct file iref = begin_iref(2);
    add_reference(&iref, "dimg", 1, 10, 5, 2);
    struct file file = make_file(&iref);
    for (size_t size = 1; size<file.size; size += size> 300 && size < file.size - 300 ? 97 : 1) {
        uint8_t *copy = malloc(size);
        memcpy(copy, file.bytes, size);
        int status = heif_check(copy, size, NULL);
        free(copy);
        /* Between two boxes, nothing tells that more should follow. */
        assert_true(status == SE_ERR_TRUNCATED || size == 20 || size == file.size - 20);
    }
    assert_int_equal(heif_check(file.bytes, file.size, NULL), SE_OK);
    file_add(&file, "rubbish behind it", 17);
    assert_int_equal(heif_check(file.bytes, file.size, NULL), SE_OK);
    file_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grids_pass),        cmocka_unit_test(test_circles_are_refused),
        cmocka_unit_test(test_bombs_are_refused), cmocka_unit_test(test_only_pictures_are_decoded),
        cmocka_unit_test(test_damaged_boxes),     cmocka_unit_test(test_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
