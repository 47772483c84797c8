/*
 * WebP by libwebp: lossy, lossless, alpha; of an animation the first frame, where it fills the
 * canvas.
 *
 *   "RIFF" size "WEBP"  [VP8X]  [ICCP]  [ANIM ANMF …]  [ALPH] VP8 | VP8L   [EXIF]  [XMP]
 *
 * each a chunk: four letters, size (4, little endian), data, a byte of padding to an even size.
 * Source: RFC 9649.
 */
#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>

#include "image/codec.h"
#include "image/exif.h"

enum { RIFF_HEADER = 12, CHUNK_HEADER = 8, FRAME_HEADER = 16 };

/* What the chunks say. */
struct webp {
    const uint8_t *picture; /* what libwebp is to decode: the whole file, or a frame's data */
    size_t picture_size;
    WebPBitstreamFeatures features; /* of it */
    int orientation;
};

static uint32_t read_u24(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}

static uint32_t read_u32(const uint8_t *p)
{
    return read_u24(p) | (uint32_t)p[3] << 24;
}

static int fail_webp(VP8StatusCode code, size_t size, se_error *err)
{
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
    case VP8_STATUS_USER_ABORT: /* the row writer gave up: its buffers could not be had */
        return se_fail(err, SE_ERR_MEMORY, "out of memory: WebP decoder");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return se_fail(err, SE_ERR_UNSUPPORTED, "WebP: a feature that libwebp does not decode");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return se_fail(err, SE_ERR_TRUNCATED, "WebP ends early: its data end before byte %zu",
                       size);
    case VP8_STATUS_BITSTREAM_ERROR:
        return se_fail(err, SE_ERR_CORRUPT, "WebP: corrupt picture data in %zu bytes", size);
    default:
        return se_fail(err, SE_ERR_INTERNAL, "WebP: libwebp's status %d", (int)code);
    }
}

/* A chunk's data, the next chunk's place in *at; false where no whole chunk is left. */
static bool next_chunk(const uint8_t *bytes, size_t size, size_t *at, const uint8_t **type,
                       const uint8_t **data, size_t *length)
{
    if (*at > size || size - *at < CHUNK_HEADER)
        return false;
    *type = bytes + *at;
    *data = *type + CHUNK_HEADER;
    *length = read_u32(*type + 4);
    size_t left = size - *at - CHUNK_HEADER;
    if (*length > left)
        return false;
    *at += CHUNK_HEADER + *length + (*length & 1);
    return true;
}

/* Makes the first frame of an animation the picture to decode. */
static int use_first_frame(struct webp *webp, const uint8_t *data, size_t length, se_error *err)
{
    RETURN_ERROR_IF(length < FRAME_HEADER, err, SE_ERR_CORRUPT, "WebP: frame of %zu bytes", length);
    uint32_t x = read_u24(data) * 2, y = read_u24(data + 3) * 2;
    uint32_t width = read_u24(data + 6) + 1, height = read_u24(data + 9) + 1;
    RETURN_ERROR_IF(x != 0 || y != 0 || width != (uint32_t)webp->features.width ||
                        height != (uint32_t)webp->features.height,
                    err, SE_ERR_UNSUPPORTED,
                    "animated WebP whose first frame (%u x %u) does not fill the canvas", width,
                    height);
    webp->picture = data + FRAME_HEADER;
    webp->picture_size = length - FRAME_HEADER;
    VP8StatusCode code = WebPGetFeatures(webp->picture, webp->picture_size, &webp->features);
    if (code != VP8_STATUS_OK)
        return fail_webp(code, webp->picture_size, err);
    RETURN_ERROR_IF(webp->features.has_animation || (uint32_t)webp->features.width != width ||
                        (uint32_t)webp->features.height != height,
                    err, SE_ERR_CORRUPT, "WebP: the first frame is not what its header says");
    return SE_OK;
}

/* Reads the header; `whole`: the file must be all there, and the picture to decode is found. */
static int webp_open(const struct codec_file *file, bool whole, struct webp *webp, se_error *err)
{
    *webp = (struct webp){.picture = file->bytes, .picture_size = file->size, .orientation = 1};
    uint64_t declared = (uint64_t)read_u32(file->bytes + 4) + CHUNK_HEADER;
    RETURN_ERROR_IF(whole && declared > file->size, err, SE_ERR_TRUNCATED,
                    "WebP ends early: byte %zu of %llu", file->size, (unsigned long long)declared);
    if (declared < file->size)
        webp->picture_size = (size_t)declared;
    /* libwebp must not be told of fewer bytes than the header has. */
    RETURN_ERROR_IF(webp->picture_size < RIFF_HEADER, err, SE_ERR_CORRUPT,
                    "WebP that declares %llu bytes", (unsigned long long)declared);
    const size_t size = webp->picture_size;
    VP8StatusCode code = WebPGetFeatures(file->bytes, size, &webp->features);
    if (code != VP8_STATUS_OK)
        return fail_webp(code, size, err);
    FORWARD_IF_ERROR(codec_check_size("WebP", (uint64_t)webp->features.width,
                                      (uint64_t)webp->features.height, file->limits, err));
    bool frame_wanted = whole && webp->features.has_animation, exif_found = false;
    const uint8_t *type, *data;
    size_t length, at = RIFF_HEADER;
    while (next_chunk(file->bytes, size, &at, &type, &data, &length)) {
        if (memcmp(type, "EXIF", 4) == 0 && !exif_found) {
            webp->orientation = exif_orientation(data, length);
            exif_found = true;
        } else if (memcmp(type, "ANMF", 4) == 0 && frame_wanted) {
            FORWARD_IF_ERROR(use_first_frame(webp, data, length, err));
            frame_wanted = false;
        }
    }
    RETURN_ERROR_IF(frame_wanted, err, SE_ERR_CORRUPT, "animated WebP without a whole frame");
    return SE_OK;
}

static int webp_probe(const struct codec_file *file, struct codec_header *header, se_error *err)
{
    struct webp webp;
    FORWARD_IF_ERROR(webp_open(file, false, &webp, err));
    *header = (struct codec_header){webp.features.width, webp.features.height, webp.orientation};
    return SE_OK;
}

/* The region and what libwebp needs round it for the same pixels as without a cut: cuts begin at
 * even columns and rows, and colour, stored for 2 x 2 pixels, is smoothed across one neighbour. */
static void set_cut(WebPDecoderOptions *options, const struct rect *region, int width, int height)
{
    int right = region->x + region->width + 2, bottom = region->y + region->height + 2;
    options->use_cropping = 1;
    options->crop_left = region->x >= 2 ? (region->x - 2) & ~1 : 0;
    options->crop_top = region->y >= 2 ? (region->y - 2) & ~1 : 0;
    options->crop_width = (right < width ? right : width) - options->crop_left;
    options->crop_height = (bottom < height ? bottom : height) - options->crop_top;
}

/* Decodes the region into `out`, which has its size: straight, or by way of libwebp's own memory to
 * be cut or put over white. */
static int decode_into(const struct webp *webp, const struct rect *region, struct image *out,
                       se_error *err)
{
    WebPDecoderConfig config;
    RETURN_ERROR_IF(!WebPInitDecoderConfig(&config), err, SE_ERR_INTERNAL,
                    "libwebp of another version than the program was built for");
    const bool alpha = webp->features.has_alpha;
    const bool cut = region->width < webp->features.width || region->height < webp->features.height;
    WebPRGBABuffer *rgba = &config.output.u.RGBA;
    config.output.colorspace = alpha ? MODE_RGBA : MODE_RGB;
    if (cut && !alpha) { /* libwebp 1.2 cuts the alpha plane of lossy files at the wrong rows */
        set_cut(&config.options, region, webp->features.width, webp->features.height);
    } else if (!cut && !alpha) {
        config.output.is_external_memory = 1;
        *rgba = (WebPRGBABuffer){out->data, (int)out->stride, out->stride * (size_t)out->height};
    }
    VP8StatusCode code = WebPDecode(webp->picture, webp->picture_size, &config);
    const size_t left = (size_t)(region->x - config.options.crop_left);
    const size_t top = (size_t)(region->y - config.options.crop_top);
    for (int y = 0; code == VP8_STATUS_OK && (cut || alpha) && y < out->height; y++) {
        const uint8_t *row = rgba->rgba + (top + (size_t)y) * (size_t)rgba->stride;
        if (alpha)
            codec_over_white(row + left * 4, out->width, 3, image_row(out, y));
        else
            memcpy(image_row(out, y), row + left * 3, (size_t)out->width * 3);
    }
    WebPFreeDecBuffer(&config.output);
    return code == VP8_STATUS_OK ? SE_OK : fail_webp(code, webp->picture_size, err);
}

static int webp_decode(const struct codec_file *file, const struct codec_request *request,
                       struct image *out, se_error *err)
{
    struct webp webp;
    const struct rect *region = &request->region;
    FORWARD_IF_ERROR(webp_open(file, true, &webp, err));
    FORWARD_IF_ERROR(image_create(out, region->width, region->height, 3, err));
    int status = decode_into(&webp, region, out, err);
    if (status != SE_OK)
        image_free(out);
    return status;
}

const struct codec codec_webp = {webp_probe, webp_decode};
