/*
 * Fuzz target: any bytes as a picture file, of the type that they begin like. Built once for each
 * type of picture (FUZZ_TYPE, an enum img_type), so that each has its own seeds.
 *
 * The last byte chooses the scale and the rectangle. Whatever decodes must keep to what its header
 * said and to the limits, and a rectangle of it must be the same as that part of the whole.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libheif 1.15, in C++, gives back neither the decoder dav1d nor the picture it had begun when an
 * AVIF turns out to be damaged. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return FUZZ_TYPE == IMG_HEIC ? "leak:libdav1d.so\nleak:libstdc++.so\nleak:heif_image_create\n"
                                 : "";
}

static const struct img_limits limits = {.max_pixels = 1 << 18, .max_side = 2048};

static void check(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

/* Puts the checksums of a PNG's chunks right: else nearly no change would get past them. */
static void repair_checksums(uint8_t *png, size_t size)
{
    for (size_t at = 8; at + 12 <= size;) {
        const size_t length = (size_t)png[at] << 24 | (size_t)png[at + 1] << 16 |
                              (size_t)png[at + 2] << 8 | png[at + 3];
        if (length > size - at - 12)
            return;
        uint32_t crc = 0xFFFFFFFF;
        for (size_t i = at + 4; i < at + 8 + length; i++) {
            crc ^= png[i];
            for (int bit = 0; bit < 8; bit++)
                crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
        }
        for (size_t i = 0; i < 4; i++)
            png[at + 8 + length + i] = (uint8_t)(~crc >> (24 - 8 * i));
        at += 12 + length;
    }
}

static void check_image(const struct image *image)
{
    check(image->width > 0 && image->height > 0, "no size");
    check(image->channels == 1 || image->channels == 3, "channels");
    check((uint64_t)image->width * (uint64_t)image->height <= limits.max_pixels, "max_pixels");
    volatile uint8_t sum = 0; /* every byte is there */
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width * image->channels; x++)
            sum = (uint8_t)(sum + image_row(image, y)[x]);
}

static void check_region(const uint8_t *data, size_t size, const struct image *whole, unsigned pick)
{
    struct rect want = {0, 0, 1 + whole->width / (1 + (int)(pick & 3)),
                        1 + whole->height / (1 + (int)(pick >> 2 & 3))};
    if (want.width > whole->width)
        want.width = whole->width;
    if (want.height > whole->height)
        want.height = whole->height;
    want.x = (whole->width - want.width) * (int)(pick >> 4 & 3) / 3;
    want.y = (whole->height - want.height) * (int)(pick >> 6 & 3) / 3;
    struct image part;
    struct rect covered;
    se_error err;
    check(img_decode_region(data, size, &limits, want, &part, &covered, &err) == SE_OK,
          "a part does not decode, though the whole does");
    check(memcmp(&covered, &want, sizeof(want)) == 0, "another rectangle");
    check(part.width == want.width && part.height == want.height, "size of the rectangle");
    /* From a damaged HEIC libde265 makes this picture or that, as its threads happen to run. */
    for (int y = 0; y < part.height && FUZZ_TYPE != IMG_HEIC; y++)
        check(memcmp(image_row(&part, y), image_row(whole, want.y + y) + want.x * whole->channels,
                     (size_t)(part.width * part.channels)) == 0,
              "a part differs from the whole");
    image_free(&part);
}

static void try_picture(const uint8_t *data, size_t size)
{
    struct img_info info, again;
    struct image image;
    struct rect covered;
    se_error err;
    int status = img_probe(data, size, &limits, &info, &err);
    check(status == SE_OK || (err.code == status && err.message[0]), "an error without a message");
    if (status != SE_OK || info.type != FUZZ_TYPE)
        return;
    const unsigned pick = data[size - 1];
    status = img_decode(data, size, &limits, 0, &again, &image, &err);
    if (status == SE_OK) {
        check(memcmp(&info, &again, sizeof(info)) == 0, "another header");
        check(image.width == info.width && image.height == info.height, "size");
        check_image(&image);
        check_region(data, size, &image, pick);
        image_free(&image);
    } else {
        check(!image.data && err.message[0], "an error without a message");
        /* Damage may lie below a rectangle. */
        const struct rect top = {0, 0, info.width, 1};
        if (img_decode_region(data, size, &limits, top, &image, &covered, &err) == SE_OK) {
            check_image(&image);
            image_free(&image);
        }
    }
    if (img_decode(data, size, &limits, 1 + (int)pick * 4, NULL, &image, &err) == SE_OK) {
        check_image(&image);
        image_free(&image);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_picture(data, size);
    if (FUZZ_TYPE == IMG_PNG && size > 0) {
        uint8_t *repaired = malloc(size);
        if (!repaired)
            return 0;
        memcpy(repaired, data, size);
        repair_checksums(repaired, size);
        try_picture(repaired, size);
        free(repaired);
    }
    return 0;
}
