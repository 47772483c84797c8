/*
 * Tells the type, checks limits, calls the type's decoder and turns the picture upright.
 */
#include "image/decode.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "image/codec.h"
#include "image/exif.h"
#include "image/ops.h"

/* What image_create takes. */
enum { SIDE_MAX = 65535 };

static const struct codec *const codecs[] = {
    [IMG_JPEG] = &codec_jpeg,
    [IMG_PNG] = &codec_png,
    [IMG_WEBP] = &codec_webp,
    [IMG_HEIC] = &codec_heic,
};

/* ---- help for the decoders ------------------------------------------------------------------ */

int codec_check_size(const char *name, uint64_t width, uint64_t height,
                     const struct img_limits *limits, se_error *err)
{
    const unsigned long long w = width, h = height;
    RETURN_ERROR_IF(w == 0 || h == 0, err, SE_ERR_CORRUPT, "%s picture of %llu x %llu pixels", name,
                    w, h);
    RETURN_ERROR_IF(w > limits->max_side || h > limits->max_side, err, SE_ERR_LIMIT,
                    "%s picture of %llu x %llu pixels: more than %u a side (setting max_side)",
                    name, w, h, limits->max_side);
    RETURN_ERROR_IF(w > SIDE_MAX || h > SIDE_MAX, err, SE_ERR_LIMIT,
                    "%s picture of %llu x %llu pixels: no side may exceed %d", name, w, h,
                    SIDE_MAX);
    RETURN_ERROR_IF(w * h > limits->max_pixels, err, SE_ERR_LIMIT,
                    "%s picture of %llu x %llu = %llu pixels: more than %llu (setting max_pixels)",
                    name, w, h, w * h, (unsigned long long)limits->max_pixels);
    return SE_OK;
}

void codec_over_white(const uint8_t *rgba, int pixels, int channels, uint8_t *out)
{
    for (int i = 0; i < pixels; i++) {
        const uint8_t *from = rgba + (size_t)i * 4;
        uint32_t alpha = from[3];
        for (int c = 0; c < channels; c++)
            *out++ = (uint8_t)((from[c] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
}

/* ---- types ---------------------------------------------------------------------------------- */

/* Well-known beginnings of files that are not read here, for the message. */
static const struct {
    size_t offset, length;
    const char *bytes, *name;
} strangers[] = {
    {0, 4, "%PDF", "a PDF document"},
    {0, 4, "GIF8", "a GIF"},
    {0, 4, "II*\0", "a TIFF or a camera's raw file"},
    {0, 4, "MM\0*", "a TIFF or a camera's raw file"},
    {0, 2, "BM", "a BMP"},
    {0, 4, "8BPS", "a Photoshop document"},
    {0, 4, "\0\0\1\0", "an icon (ICO)"},
    {0, 12, "\0\0\0\x0CjP  \r\n\x87\n", "a JPEG 2000"},
    {0, 12, "\0\0\0\x0CJXL \r\n\x87\n", "a JPEG XL"},
    {0, 2, "\xFF\x0A", "a JPEG XL"},
    {0, 4, "PK\3\4", "a ZIP archive or an office document"},
    {0, 3, "\x1F\x8B\x08", "gzip data"},
    {0, 4,
     "\x7F"
     "ELF",
     "a program"},
    {0, 4, "RIFF", "a RIFF file that is not WebP (AVI, WAVE)"},
    {4, 4, "ftyp", "a video (MP4, QuickTime)"},
    {0, 5, "<?xml", "XML or SVG"},
    {0, 4, "<svg", "SVG"},
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *stranger_name(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
        size_t end = strangers[i].offset + strangers[i].length;
        if (size >= end &&
            memcmp(bytes + strangers[i].offset, strangers[i].bytes, strangers[i].length) == 0)
            return strangers[i].name;
    }
    const char *text = (const char *)bytes;
    size_t blank = 0;
    while (blank < size && is_blank(bytes[blank]))
        blank++;
    if (size - blank >= 9 && strncasecmp(text + blank, "<!doctype", 9) == 0)
        return "an HTML page";
    if (size - blank >= 5 && strncasecmp(text + blank, "<html", 5) == 0)
        return "an HTML page";
    size_t printable = 0, looked_at = size < 64 ? size : 64;
    for (size_t i = 0; i < looked_at; i++)
        printable += (bytes[i] >= 0x20 && bytes[i] < 0x7F) || is_blank(bytes[i]);
    return printable == looked_at ? "text" : NULL;
}

static int fail_unknown(const uint8_t *bytes, size_t size, se_error *err)
{
    const char *name = stranger_name(bytes, size);
    char hex[3 * 12 + 1] = "";
    for (size_t i = 0; !name && i < 12 && i < size; i++)
        snprintf(hex + 3 * i, sizeof(hex) - 3 * i, " %02x", bytes[i]);
    return se_fail(err, SE_ERR_UNKNOWN_TYPE,
                   "not a picture that is read (JPEG, PNG, WebP, HEIC, AVIF): %s%s",
                   name ? "looks like " : "begins with the bytes", name ? name : hex);
}

/* Is there a brand of HEIF or AVIF among those of the leading ftyp box?
 * Source: ISO/IEC 23008-12, annex B; AV1 Image File Format, section 6. */
static bool is_heif(const uint8_t *bytes, size_t size)
{
    static const char brands[][5] = {"heic", "heix", "heim", "heis", "hevc", "hevx",
                                     "mif1", "mif2", "msf1", "avif", "avis"};
    if (size < 12 || memcmp(bytes + 4, "ftyp", 4) != 0)
        return false;
    size_t box = (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
    if (box > size)
        box = size;
    for (size_t at = 8; at == 8 || at + 4 <= box; at += at == 8 ? 8 : 4)
        for (size_t i = 0; i < sizeof(brands) / sizeof(brands[0]); i++)
            if (memcmp(bytes + at, brands[i], 4) == 0)
                return true;
    return false;
}

/* Could these bytes, too few to tell, be the beginning of a picture that is read? */
static bool is_beginning(const uint8_t *bytes, size_t size)
{
    static const uint8_t png[] = {0x89, 'P', 'N', 'G'};
    size_t in_png = size < sizeof(png) ? size : sizeof(png), in_riff = size < 4 ? size : 4;
    if (size >= 12)
        return false;
    if (size == 1 && bytes[0] == 0xFF)
        return true;
    if (memcmp(bytes, png, in_png) == 0)
        return true;
    if (memcmp(bytes, "RIFF", in_riff) == 0)
        return size <= 8 || memcmp(bytes + 8, "WEBP", size - 8) == 0;
    if (size < 3 || memcmp(bytes, "\0\0\0", 3) != 0)
        return false;
    return size <= 4 || memcmp(bytes + 4, "ftyp", size < 8 ? size - 4 : 4) == 0;
}

static int tell_type(const uint8_t *bytes, size_t size, enum img_type *type, se_error *err)
{
    RETURN_ERROR_IF(size == 0, err, SE_ERR_EMPTY, "the picture has no bytes");
    if (size >= 2 && bytes[0] == 0xFF && bytes[1] == 0xD8)
        *type = IMG_JPEG;
    else if (size >= 4 && memcmp(bytes, "\x89PNG", 4) == 0)
        *type = IMG_PNG;
    else if (size >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0)
        *type = IMG_WEBP;
    else if (is_heif(bytes, size))
        *type = IMG_HEIC;
    else if (is_beginning(bytes, size))
        return se_fail(err, SE_ERR_TRUNCATED, "the picture ends after %zu bytes", size);
    else
        return fail_unknown(bytes, size, err);
    return SE_OK;
}

/* ---- public --------------------------------------------------------------------------------- */

static int probe(const struct codec_file *file, enum img_type *type, struct codec_header *header,
                 se_error *err)
{
    assert(file->limits);
    FORWARD_IF_ERROR(tell_type(file->bytes, file->size, type, err));
    return codecs[*type]->probe(file, header, err);
}

static struct img_info upright_info(enum img_type type, const struct codec_header *header)
{
    bool swap = exif_swaps_sides(header->orientation);
    return (struct img_info){type, swap ? header->height : header->width,
                             swap ? header->width : header->height, header->orientation};
}

/* Decodes and turns upright; on failure *out is empty. */
static int decode_upright(const struct codec_file *file, enum img_type type,
                          const struct codec_header *header, const struct codec_request *request,
                          struct image *out, se_error *err)
{
    FORWARD_IF_ERROR(codecs[type]->decode(file, request, out, err));
    int status = img_orient(out, header->orientation, err);
    if (status != SE_OK)
        image_free(out);
    return status;
}

int img_probe(const void *bytes, size_t size, const struct img_limits *limits,
              struct img_info *info, se_error *err)
{
    const struct codec_file file = {bytes, size, limits};
    struct codec_header header;
    enum img_type type;
    FORWARD_IF_ERROR(probe(&file, &type, &header, err));
    *info = upright_info(type, &header);
    return SE_OK;
}

int img_decode(const void *bytes, size_t size, const struct img_limits *limits, int want_side,
               struct img_info *info, struct image *out, se_error *err)
{
    const struct codec_file file = {bytes, size, limits};
    struct codec_header header;
    enum img_type type;
    memset(out, 0, sizeof(*out));
    RETURN_ERROR_IF(want_side < 0, err, SE_ERR_ARGUMENT, "want_side is %d", want_side);
    FORWARD_IF_ERROR(probe(&file, &type, &header, err));
    const struct codec_request request = {want_side, {0, 0, header.width, header.height}};
    FORWARD_IF_ERROR(decode_upright(&file, type, &header, &request, out, err));
    if (info)
        *info = upright_info(type, &header);
    return SE_OK;
}

int img_decode_region(const void *bytes, size_t size, const struct img_limits *limits,
                      struct rect want, struct image *out, struct rect *covered, se_error *err)
{
    const struct codec_file file = {bytes, size, limits};
    struct codec_header header;
    enum img_type type;
    memset(out, 0, sizeof(*out));
    FORWARD_IF_ERROR(probe(&file, &type, &header, err));
    const struct img_info info = upright_info(type, &header);
    bool inside = want.x >= 0 && want.y >= 0 && want.width > 0 && want.height > 0 &&
                  want.width <= info.width - want.x && want.height <= info.height - want.y;
    RETURN_ERROR_IF(!inside, err, SE_ERR_ARGUMENT,
                    "the rectangle %d,%d of %d x %d is not inside the picture of %d x %d", want.x,
                    want.y, want.width, want.height, info.width, info.height);
    const struct codec_request request = {
        0, exif_orient_rect(want, exif_inverse(header.orientation), info.width, info.height)};
    *covered = want;
    return decode_upright(&file, type, &header, &request, out, err);
}
