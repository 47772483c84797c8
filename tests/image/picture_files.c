#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <webp/encode.h>
#include <webp/mux.h>

#include "picture_files.h"

const struct img_limits generous = {(uint64_t)1 << 30, 65535};

/* ---- files ---------------------------------------------------------------------------------- */

void file_free(struct file *file)
{
    free(file->bytes);
    *file = (struct file){NULL, 0};
}

void file_add(struct file *file, const void *bytes, size_t size)
{
    uint8_t *grown = realloc(file->bytes, file->size + size + 1);
    assert_non_null(grown);
    if (size > 0)
        memcpy(grown + file->size, bytes, size);
    file->bytes = grown;
    file->size += size;
}

struct file file_read(const char *name)
{
    char path[1024], part[4096];
    struct file file = {NULL, 0};
    snprintf(path, sizeof(path), "%s/%s", TEST_DATA, name);
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    for (size_t got; (got = fread(part, 1, sizeof(part), stream)) > 0;)
        file_add(&file, part, got);
    fclose(stream);
    return file;
}

/* ---- pictures ------------------------------------------------------------------------------- */

struct image picture_make(int width, int height, int channels)
{
    struct image image;
    assert_int_equal(image_create(&image, width, height, channels, NULL), SE_OK);
    for (int y = 0; y < height; y++) {
        uint8_t *row = image_row(&image, y);
        for (int x = 0; x < width; x++) {
            int red = x * 255 / (width > 1 ? width - 1 : 1);
            int green = y * 255 / (height > 1 ? height - 1 : 1);
            int blue = 40 + 50 * (2 * x >= width) + 100 * (2 * y >= height);
            if (channels == 1) {
                row[x] = (uint8_t)((red + green + blue) / 3);
            } else {
                row[3 * x] = (uint8_t)red;
                row[3 * x + 1] = (uint8_t)green;
                row[3 * x + 2] = (uint8_t)blue;
            }
        }
    }
    return image;
}

/* Where the stored pixel (x, y) of w × h comes to lie when shown. Exif 2.32, 4.6.4 A: what the
 * first stored row and the first stored column are in the picture seen. */
static void shown_at(int orientation, int x, int y, int w, int h, int *shown_x, int *shown_y)
{
    const int to[9][2] = {{0, 0},
                          {x, y},                 /* 1: row 0 top, column 0 left */
                          {w - 1 - x, y},         /* 2: top, right */
                          {w - 1 - x, h - 1 - y}, /* 3: bottom, right */
                          {x, h - 1 - y},         /* 4: bottom, left */
                          {y, x},                 /* 5: left, top */
                          {h - 1 - y, x},         /* 6: right, top */
                          {h - 1 - y, w - 1 - x}, /* 7: right, bottom */
                          {y, w - 1 - x}};        /* 8: left, bottom */
    *shown_x = to[orientation][0];
    *shown_y = to[orientation][1];
}

struct image picture_stored(const struct image *upright, int orientation)
{
    bool swap = orientation >= 5;
    struct image stored;
    int width = swap ? upright->height : upright->width;
    int height = swap ? upright->width : upright->height;
    size_t channels = (size_t)upright->channels;
    assert_int_equal(image_create(&stored, width, height, upright->channels, NULL), SE_OK);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int shown_x, shown_y;
            shown_at(orientation, x, y, width, height, &shown_x, &shown_y);
            memcpy(image_row(&stored, y) + (size_t)x * channels,
                   image_row(upright, shown_y) + (size_t)shown_x * channels, channels);
        }
    return stored;
}

int picture_difference_at(const struct image *whole, const struct image *part,
                          const struct rect *at)
{
    if (part->width != at->width || part->height != at->height ||
        part->channels != whole->channels || at->x < 0 || at->y < 0 ||
        at->x + at->width > whole->width || at->y + at->height > whole->height)
        return INT_MAX;
    int greatest = 0;
    for (int y = 0; y < at->height; y++) {
        const uint8_t *a = image_row(whole, at->y + y) + at->x * whole->channels;
        const uint8_t *b = image_row(part, y);
        for (int i = 0; i < at->width * part->channels; i++)
            if (abs(a[i] - b[i]) > greatest)
                greatest = abs(a[i] - b[i]);
    }
    return greatest;
}

int picture_difference(const struct image *a, const struct image *b)
{
    return picture_difference_at(a, b, &(struct rect){0, 0, a->width, a->height});
}

void exif_make(uint8_t out[EXIF_SIZE], int orientation, bool big_endian)
{
    static const uint8_t little[EXIF_SIZE] = "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0";
    static const uint8_t big[EXIF_SIZE] = "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01";
    memcpy(out, big_endian ? big : little, EXIF_SIZE);
    out[big_endian ? 19 : 18] = (uint8_t)orientation;
}

/* ---- JPEG ----------------------------------------------------------------------------------- */

static void jpeg_write_rows(struct jpeg_compress_struct *info, const struct image *image,
                            bool inverted)
{
    bool cmyk = info->in_color_space == JCS_CMYK;
    uint8_t *row = malloc((size_t)image->width * 4);
    assert_non_null(row);
    for (int y = 0; y < image->height; y++) {
        JSAMPROW from = image_row(image, y);
        for (int x = 0; cmyk && x < image->width; x++) {
            for (int c = 0; c < 3; c++)
                row[4 * x + c] = (uint8_t)(inverted ? from[3 * x + c] : 255 - from[3 * x + c]);
            row[4 * x + 3] = inverted ? 255 : 0;
        }
        if (cmyk)
            from = row;
        jpeg_write_scanlines(info, &from, 1);
    }
    free(row);
}

struct file jpeg_make(const struct image *stored, const struct jpeg_options *options)
{
    static const jpeg_scan_info one_a_component[] = {
        {1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
    jpeg_scan_info one_a_bit[128];
    struct jpeg_compress_struct info = {0};
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    bool cmyk = options->colours == JCS_CMYK || options->colours == JCS_YCCK;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &bytes, &size);
    info.image_width = (JDIMENSION)stored->width;
    info.image_height = (JDIMENSION)stored->height;
    info.input_components = cmyk ? 4 : stored->channels;
    info.in_color_space = cmyk ? JCS_CMYK : stored->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&info);
    if (options->colours)
        jpeg_set_colorspace(&info, (J_COLOR_SPACE)options->colours);
    jpeg_set_quality(&info, options->quality ? options->quality : 95, TRUE);
    for (int i = 0; i < info.num_components; i++) {
        info.comp_info[i].h_samp_factor = 1;
        info.comp_info[i].v_samp_factor = 1;
    }
    /* Of YCCK and CMYK, the last component is as fine as the first. */
    for (int i = 0; i < info.num_components; i += 3) {
        info.comp_info[i].h_samp_factor = options->across ? options->across : 1;
        info.comp_info[i].v_samp_factor = options->down ? options->down : 1;
    }
    info.arith_code = options->arithmetic;
    info.restart_in_rows = options->restart_rows;
    if (options->without_adobe)
        info.write_Adobe_marker = FALSE;
    if (options->scans == 1) {
        info.scan_info = one_a_component;
        info.num_scans = info.num_components;
    } else if (options->scans == 2) {
        jpeg_simple_progression(&info);
    } else if (options->scans == 3) {
        for (int k = 0; k < 64; k++) {
            one_a_bit[k] = (jpeg_scan_info){1, {0}, k, k, 0, 1};
            one_a_bit[64 + k] = (jpeg_scan_info){1, {0}, k, k, 1, 0};
        }
        info.scan_info = one_a_bit;
        info.num_scans = 128;
    }
    jpeg_start_compress(&info, TRUE);
    if (options->orientation) {
        uint8_t segment[6 + EXIF_SIZE] = "Exif\0";
        exif_make(segment + 6, options->orientation, options->orientation % 2);
        jpeg_write_marker(&info, JPEG_APP0 + 1, segment, sizeof(segment));
    }
    jpeg_write_rows(&info, stored, !options->without_adobe);
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    struct file file = {NULL, 0};
    file_add(&file, bytes, size);
    free(bytes);
    return file;
}

/* ---- PNG ------------------------------------------------------------------------------------ */

static uint32_t crc32_of(const uint8_t *bytes, size_t size)
{
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
    }
    return ~crc;
}

static void add_u32(struct file *file, uint32_t value)
{
    const uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                              (uint8_t)value};
    file_add(file, bytes, 4);
}

void png_add_chunk(struct file *file, const char *type, const void *data, size_t size)
{
    add_u32(file, (uint32_t)size);
    size_t begin = file->size;
    file_add(file, type, 4);
    file_add(file, data, size);
    add_u32(file, crc32_of(file->bytes + begin, size + 4));
}

/* zlib stream of stored blocks: no compressor needed, and every cut falls into plain data. */
static struct file zlib_stored(const struct file *plain)
{
    struct file out = {NULL, 0};
    uint32_t a = 1, b = 0;
    file_add(&out, "\x78\x01", 2);
    for (size_t at = 0; at < plain->size || at == 0;) {
        size_t part = plain->size - at < 65535 ? plain->size - at : 65535;
        const uint8_t header[5] = {at + part == plain->size, (uint8_t)part, (uint8_t)(part >> 8),
                                   (uint8_t)~part, (uint8_t)(~part >> 8)};
        file_add(&out, header, 5);
        file_add(&out, plain->bytes + at, part);
        at += part;
    }
    for (size_t i = 0; i < plain->size; i++) {
        a = (a + plain->bytes[i]) % 65521;
        b = (b + a) % 65521;
    }
    add_u32(&out, b << 16 | a);
    return out;
}

/* Appends one pass: every dx-th pixel from x0 of every dy-th row from y0, rows unfiltered. */
static void png_add_pass(struct file *plain, const uint16_t *samples, int width, int height,
                         int channels, int depth, const int pass[4])
{
    const int x0 = pass[0], y0 = pass[1], dx = pass[2], dy = pass[3];
    for (int y = y0; y < height && x0 < width; y += dy) {
        uint32_t bits = 0;
        int held = 0;
        file_add(plain, "", 1); /* filter 0 */
        for (int x = x0; x < width; x += dx)
            for (int c = 0; c < channels; c++) {
                bits =
                    bits << depth |
                    samples[((size_t)y * (size_t)width + (size_t)x) * (size_t)channels + (size_t)c];
                for (held += depth; held >= 8; held -= 8)
                    file_add(plain, &(uint8_t){(uint8_t)(bits >> (held - 8))}, 1);
            }
        if (held > 0)
            file_add(plain, &(uint8_t){(uint8_t)(bits << (8 - held))}, 1);
    }
}

struct file png_make(const uint16_t *samples, int width, int height,
                     const struct png_options *options)
{
    static const int channels_of[] = {1, 0, 3, 1, 2, 0, 4};
    static const int whole[4] = {0, 0, 1, 1};
    static const int adam7[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                    {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
    int channels = channels_of[options->colour_type];
    struct file file = {NULL, 0}, plain = {NULL, 0}, header = {NULL, 0};
    uint8_t exif[EXIF_SIZE];
    exif_make(exif, options->orientation, false);
    file_add(&file, "\x89PNG\r\n\x1a\n", 8);
    add_u32(&header, (uint32_t)width);
    add_u32(&header, (uint32_t)height);
    file_add(&header,
             (uint8_t[]){(uint8_t)options->depth, (uint8_t)options->colour_type, 0, 0,
                         options->interlaced},
             5);
    png_add_chunk(&file, "IHDR", header.bytes, header.size);
    if (options->orientation && !options->exif_at_the_end)
        png_add_chunk(&file, "eXIf", exif, sizeof(exif));
    if (options->palette)
        png_add_chunk(&file, "PLTE", options->palette, options->palette_size);
    if (options->trns)
        png_add_chunk(&file, "tRNS", options->trns, options->trns_size);
    for (int i = 0; i < (options->interlaced ? 7 : 1); i++)
        png_add_pass(&plain, samples, width, height, channels, options->depth,
                     options->interlaced ? adam7[i] : whole);
    struct file data = zlib_stored(&plain);
    size_t step = options->idat_size ? options->idat_size : data.size;
    for (size_t at = 0; at < data.size; at += step)
        png_add_chunk(&file, "IDAT", data.bytes + at,
                      data.size - at < step ? data.size - at : step);
    if (options->orientation && options->exif_at_the_end)
        png_add_chunk(&file, "eXIf", exif, sizeof(exif));
    png_add_chunk(&file, "IEND", NULL, 0);
    file_free(&plain);
    file_free(&data);
    file_free(&header);
    return file;
}

struct file png_make_image(const struct image *stored, int orientation)
{
    size_t row = (size_t)stored->width * (size_t)stored->channels;
    uint16_t *samples = malloc(row * (size_t)stored->height * sizeof(*samples));
    assert_non_null(samples);
    for (size_t i = 0; i < row * (size_t)stored->height; i++)
        samples[i] = image_row(stored, (int)(i / row))[i % row];
    struct file file = png_make(samples, stored->width, stored->height,
                                &(struct png_options){.colour_type = stored->channels == 1 ? 0 : 2,
                                                      .depth = 8,
                                                      .orientation = orientation});
    free(samples);
    return file;
}

/* ---- WebP ----------------------------------------------------------------------------------- */

int webp_alpha(int x, int width)
{
    return 255 - x * 200 / width;
}

static struct file webp_encode(const struct image *stored, const struct webp_options *options)
{
    WebPConfig config;
    WebPPicture picture;
    WebPMemoryWriter writer;
    assert_true(WebPConfigInit(&config) && WebPPictureInit(&picture));
    config.lossless = options->lossless;
    config.exact = 1;
    config.quality = 95;
    config.method = 2;
    picture.use_argb = 1;
    picture.width = stored->width;
    picture.height = stored->height;
    uint8_t *rgba = malloc((size_t)stored->width * (size_t)stored->height * 4);
    assert_non_null(rgba);
    for (int y = 0; y < stored->height; y++)
        for (int x = 0; x < stored->width; x++) {
            uint8_t *pixel = rgba + ((size_t)y * (size_t)stored->width + (size_t)x) * 4;
            memcpy(pixel, image_row(stored, y) + 3 * x, 3);
            pixel[3] = (uint8_t)(options->alpha ? webp_alpha(x, stored->width) : 255);
        }
    assert_true(WebPPictureImportRGBA(&picture, rgba, stored->width * 4));
    WebPMemoryWriterInit(&writer);
    picture.writer = WebPMemoryWrite;
    picture.custom_ptr = &writer;
    assert_true(WebPEncode(&config, &picture));
    struct file file = {NULL, 0};
    file_add(&file, writer.mem, writer.size);
    WebPMemoryWriterClear(&writer);
    WebPPictureFree(&picture);
    free(rgba);
    return file;
}

struct file webp_make(const struct image *stored, const struct webp_options *options)
{
    struct file file = webp_encode(stored, options);
    if (!options->orientation && !options->frames)
        return file;
    WebPMux *mux = WebPMuxNew();
    assert_non_null(mux);
    WebPData data = {file.bytes, file.size}, assembled;
    if (options->frames) {
        WebPMuxAnimParams params = {0xFFFFFFFF, 0};
        assert_int_equal(WebPMuxSetAnimationParams(mux, &params), WEBP_MUX_OK);
        for (int i = 0; i < options->frames; i++) {
            WebPMuxFrameInfo frame = {
                data, 0, 0, 100, WEBP_CHUNK_ANMF, WEBP_MUX_DISPOSE_NONE, WEBP_MUX_NO_BLEND, {0}};
            assert_int_equal(WebPMuxPushFrame(mux, &frame, 1), WEBP_MUX_OK);
        }
    } else {
        assert_int_equal(WebPMuxSetImage(mux, &data, 1), WEBP_MUX_OK);
    }
    if (options->orientation) {
        uint8_t exif[6 + EXIF_SIZE] = "Exif\0";
        exif_make(exif + 6, options->orientation, false);
        /* Both ways are seen in the wild: with JPEG's prefix and without. */
        size_t skip = options->orientation % 2 ? 6 : 0;
        WebPData chunk = {exif + skip, sizeof(exif) - skip};
        assert_int_equal(WebPMuxSetChunk(mux, "EXIF", &chunk, 1), WEBP_MUX_OK);
    }
    assert_int_equal(WebPMuxAssemble(mux, &assembled), WEBP_MUX_OK);
    file_free(&file);
    file_add(&file, assembled.bytes, assembled.size);
    WebPDataClear(&assembled);
    WebPMuxDelete(mux);
    return file;
}
