/*
 * PNG: every colour type and depth, transparency, interlacing, orientation, chunks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <spng.h>

#include "picture_files.h"

enum { WIDTH = 37, HEIGHT = 23 };

/* v of `depth` bits as 8 bits: below 8 stretched, above 8 cut. */
static int to_8_bits(int v, int depth)
{
    return depth > 8 ? v >> 8 : v * 255 / ((1 << depth) - 1);
}

static int over_white(int v, int alpha)
{
    return (2 * (v * alpha + 255 * (255 - alpha)) + 255) / 510;
}

static uint8_t palette[256 * 3];

static struct image decode(const struct file *file)
{
    struct image image;
    se_error err = {0};
    if (img_decode(file->bytes, file->size, &generous, 0, NULL, &image, &err) != SE_OK)
        fail_msg("%s", err.message);
    return image;
}

/* Makes samples, the file and the picture that must come out of it, and compares. */
static void check_type(int type, int depth, bool interlaced, bool trns)
{
    static const int channels_of[] = {1, 0, 3, 1, 2, 0, 4};
    const int channels = channels_of[type], grey = type == 0 || type == 4;
    static uint16_t samples[WIDTH * HEIGHT * 4];
    struct image want, whole, part;
    uint8_t keys[6] = {0};
    image_create(&want, WIDTH, HEIGHT, grey ? 1 : 3, NULL);
    for (int i = 0; i < WIDTH * HEIGHT * channels; i++)
        samples[i] = (uint16_t)((unsigned)i * 40503u >> 3 & ((1u << depth) - 1));
    const uint16_t *key = samples + (WIDTH * 3 + 5) * channels; /* the transparent colour */
    for (int i = 0; i < 3; i++) {
        keys[2 * i] = (uint8_t)(key[i] >> 8);
        keys[2 * i + 1] = (uint8_t)key[i];
    }
    const uint8_t alphas[] = {0, 100, 200};
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        const uint16_t *pixel = samples + i * channels;
        uint8_t *out = image_row(&want, i / WIDTH) + i % WIDTH * want.channels;
        int alpha = 255;
        if (type == 4 || type == 6)
            alpha = to_8_bits(pixel[channels - 1], depth);
        else if (trns && type == 3)
            alpha = pixel[0] < 3 ? alphas[pixel[0]] : 255;
        else if (trns)
            alpha = memcmp(pixel, key, (size_t)channels * sizeof(*pixel)) ? 255 : 0;
        for (int c = 0; c < want.channels; c++) {
            int v = type == 3 ? palette[pixel[0] * 3 + c] : to_8_bits(pixel[c], depth);
            out[c] = (uint8_t)over_white(v, alpha);
        }
    }
    struct png_options options = {.colour_type = type,
                                  .depth = depth,
                                  .interlaced = interlaced,
                                  .idat_size = 100,
                                  .palette = type == 3 ? palette : NULL,
                                  .palette_size = 3 * ((size_t)1 << depth),
                                  .trns = !trns       ? NULL
                                          : type == 3 ? alphas
                                                      : keys,
                                  .trns_size = type == 3   ? (depth == 1 ? 2 : 3)
                                               : type == 0 ? 2
                                                           : 6};
    struct file file = png_make(samples, WIDTH, HEIGHT, &options);
    whole = decode(&file);
    if (picture_difference(&want, &whole) != 0)
        fail_msg("type %d, depth %d, interlaced %d, tRNS %d: differs by %d", type, depth,
                 interlaced, trns, picture_difference(&want, &whole));
    struct rect covered;
    assert_int_equal(img_decode_region(file.bytes, file.size, &generous,
                                       (struct rect){5, 7, 20, 11}, &part, &covered, NULL),
                     SE_OK);
    assert_memory_equal(&covered, (&(struct rect){5, 7, 20, 11}), sizeof(covered));
    assert_int_equal(picture_difference_at(&whole, &part, &covered), 0);
    image_free(&part);
    image_free(&want);
    image_free(&whole);
    file_free(&file);
}

static void test_types(void **state)
{
    (void)state;
    static const int types[][2] = {{0, 1}, {0, 2}, {0, 4}, {0, 8}, {0, 16}, {2, 8}, {2, 16}, {3, 1},
                                   {3, 2}, {3, 4}, {3, 8}, {4, 8}, {4, 16}, {6, 8}, {6, 16}};
    for (int i = 0; i < 256 * 3; i++)
        palette[i] = (uint8_t)(i * 89);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        for (int interlaced = 0; interlaced <= 1; interlaced++)
            for (int trns = 0; trns <= (types[i][0] < 4); trns++)
                check_type(types[i][0], types[i][1], interlaced, trns);
}

/* Pictures narrower or lower than the interlacing pattern lack whole passes. */
static void test_tiny_interlaced(void **state)
{
    (void)state;
    uint16_t samples[8 * 8 * 3];
    for (int i = 0; i < 8 * 8 * 3; i++)
        samples[i] = (uint16_t)(i * 71 & 255);
    for (int width = 1; width <= 8; width++)
        for (int height = 1; height <= 8; height++) {
            struct png_options options = {.colour_type = 2, .depth = 8};
            struct file plain = png_make(samples, width, height, &options);
            options.interlaced = true;
            struct file interlaced = png_make(samples, width, height, &options);
            struct image a = decode(&plain), b = decode(&interlaced);
            assert_int_equal(picture_difference(&a, &b), 0);
            image_free(&a);
            image_free(&b);
            file_free(&plain);
            file_free(&interlaced);
        }
}

/* Filters and compression as an encoder makes them. */
static void test_compressed(void **state)
{
    (void)state;
    struct image made = picture_make(301, 204, 3);
    struct spng_ihdr ihdr = {301, 204, 8, SPNG_COLOR_TYPE_TRUECOLOR, 0, 0, 0};
    for (int interlaced = 0; interlaced <= 1; interlaced++) {
        uint8_t *packed = malloc(301 * 204 * 3);
        for (int y = 0; y < 204; y++)
            memcpy(packed + y * 301 * 3, image_row(&made, y), 301 * 3);
        spng_ctx *spng = spng_ctx_new(SPNG_CTX_ENCODER);
        int code;
        ihdr.interlace_method = (uint8_t)interlaced;
        spng_set_option(spng, SPNG_ENCODE_TO_BUFFER, 1);
        assert_int_equal(spng_set_ihdr(spng, &ihdr), 0);
        assert_int_equal(
            spng_encode_image(spng, packed, 301 * 204 * 3, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE), 0);
        struct file file;
        file.bytes = spng_get_png_buffer(spng, &file.size, &code);
        spng_ctx_free(spng);
        struct image image = decode(&file);
        assert_int_equal(picture_difference(&made, &image), 0);
        image_free(&image);
        file_free(&file);
        free(packed);
    }
    image_free(&made);
}

static void test_orientations(void **state)
{
    (void)state;
    struct image upright = picture_make(WIDTH, HEIGHT, 3);
    for (int orientation = 1; orientation <= 8; orientation++) {
        struct image stored = picture_stored(&upright, orientation), part;
        struct file file = png_make_image(&stored, orientation);
        struct img_info info;
        assert_int_equal(img_probe(file.bytes, file.size, &generous, &info, NULL), SE_OK);
        assert_int_equal(info.type, IMG_PNG);
        assert_int_equal(info.orientation, orientation);
        assert_int_equal(info.width, WIDTH);
        assert_int_equal(info.height, HEIGHT);
        struct image image = decode(&file);
        assert_int_equal(picture_difference(&upright, &image), 0);
        struct rect covered;
        assert_int_equal(img_decode_region(file.bytes, file.size, &generous,
                                           (struct rect){3, 8, 21, 4}, &part, &covered, NULL),
                         SE_OK);
        assert_int_equal(picture_difference_at(&upright, &part, &covered), 0);
        assert_memory_equal(&covered, (&(struct rect){3, 8, 21, 4}), sizeof(covered));
        image_free(&part);
        image_free(&image);
        image_free(&stored);
        file_free(&file);
    }
    image_free(&upright);
}

static void test_exif_behind_the_pixels(void **state)
{
    (void)state;
    uint16_t samples[6] = {0, 1, 2, 3, 4, 5};
    struct file file =
        png_make(samples, 3, 2,
                 &(struct png_options){.depth = 8, .orientation = 6, .exif_at_the_end = true});
    struct image image = decode(&file);
    assert_int_equal(image.width, 2);
    assert_int_equal(image.height, 3);
    const uint8_t want[] = {3, 0, 4, 1, 5, 2};
    for (int i = 0; i < 6; i++)
        assert_int_equal(image_row(&image, i / 2)[i % 2], want[i]);
    image_free(&image);
    file_free(&file);
}

/* Chunks that no pixel depends on may hold anything. */
static void test_other_chunks_are_ignored(void **state)
{
    (void)state;
    static uint8_t rubbish[100000];
    struct image made = picture_make(WIDTH, HEIGHT, 3);
    struct file plain = png_make_image(&made, 0), file = {NULL, 0};
    const size_t header = 8 + 25, end = plain.size - 12;
    memset(rubbish, 'x', sizeof(rubbish));
    file_add(&file, plain.bytes, header);
    static const char *const kinds[] = {"iCCP", "zTXt", "iTXt", "gAMA", "cHRM", "tEXt",
                                        "pHYs", "acTL", "abCD", "sRGB", "sRGB"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        png_add_chunk(&file, kinds[i], rubbish, i % 2 ? sizeof(rubbish) : 0);
    file_add(&file, plain.bytes + header, end - header);
    png_add_chunk(&file, "gAMA", rubbish, 7);
    file_add(&file, plain.bytes + end, plain.size - end);
    file_add(&file, "trailing", 8);
    struct image image = decode(&file);
    assert_int_equal(picture_difference(&made, &image), 0);
    image_free(&image);
    image_free(&made);
    file_free(&plain);
    file_free(&file);
}

static void check_refused(const struct file *file, int status, const char *words)
{
    struct image image;
    se_error err = {0};
    assert_int_equal(img_decode(file->bytes, file->size, &generous, 0, NULL, &image, &err), status);
    assert_null(image.data);
    if (!strstr(err.message, words))
        fail_msg("\"%s\" not in \"%s\"", words, err.message);
}

static void test_damage_is_named(void **state)
{
    (void)state;
    struct image made = picture_make(WIDTH, HEIGHT, 3);
    struct file plain = png_make_image(&made, 0), file = {NULL, 0};
    const size_t header = 8 + 25;
    plain.bytes[header + 1000] ^= 1;
    check_refused(&plain, SE_ERR_CORRUPT, "row "); /* checksum */
    plain.bytes[header + 1000] ^= 1;
    plain.bytes[20] ^= 1; /* width */
    check_refused(&plain, SE_ERR_CORRUPT, "byte ");
    plain.bytes[20] ^= 1;
    plain.bytes[4] = '\n'; /* as a transfer in text mode leaves it */
    check_refused(&plain, SE_ERR_CORRUPT, "signature");
    plain.bytes[4] = '\r';
    plain.bytes[header + 4] = 0;
    check_refused(&plain, SE_ERR_CORRUPT, "at byte 33");
    plain.bytes[header + 4] = 'I';
    plain.bytes[header] = 0xFF; /* chunk length */
    check_refused(&plain, SE_ERR_CORRUPT, "IDAT");
    plain.bytes[header] = 0x7F;
    check_refused(&plain, SE_ERR_TRUNCATED, "IDAT");
    plain.bytes[header] = 0;
    file_add(&file, plain.bytes, 8);
    png_add_chunk(&file, "CgBI", "", 0);
    file_add(&file, plain.bytes + 8, plain.size - 8);
    check_refused(&file, SE_ERR_UNSUPPORTED, "CgBI");
    file_free(&file);
    /* All chunks whole, but too few pixels in them. */
    struct png_options options = {.colour_type = 2, .depth = 8};
    uint16_t samples[30] = {0};
    file = png_make(samples, 1, 10, &options);
    struct file taller = png_make(samples, 1, 5, &options);
    memcpy(taller.bytes, file.bytes, header);
    check_refused(&taller, SE_ERR_CORRUPT, "row 4 of 10");
    file_free(&file);
    file_free(&taller);
    file_free(&plain);
    image_free(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_tiny_interlaced),
        cmocka_unit_test(test_compressed),
        cmocka_unit_test(test_orientations),
        cmocka_unit_test(test_exif_behind_the_pixels),
        cmocka_unit_test(test_other_chunks_are_ignored),
        cmocka_unit_test(test_damage_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
