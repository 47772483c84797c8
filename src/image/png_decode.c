/*
 * PNG by libspng: all colour types and depths, transparency, interlacing.
 *
 * libspng sees only the chunks that pixels depend on, in the order of the file:
 *
 *   signature  IHDR  [PLTE]  [tRNS]  IDAT …  IEND
 *
 * The rest (colour profiles, text, dates, animation) is dropped on the way, so that neither
 * compressed text nor a misplaced comment can cost the picture. The orientation (eXIf) is found by
 * the same walk.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <spng.h>

#include "image/codec.h"
#include "image/exif.h"

enum {
    SIGNATURE = 8,
    CHUNK_EXTRA = 12, /* length, type, checksum */
    CHUNK_MAX = 0x7FFFFFFF,
    COLOUR_USED = 2, /* bits of the colour type; PNG specification, section 11.2.2 */
    ALPHA_USED = 4,
};

/* One chunk, with its length, type and checksum. */
struct chunk {
    size_t at, size; /* in the file */
    const uint8_t *type;
};

/* The bytes that libspng is given. */
struct stream {
    const struct codec_file *file;
    size_t at, left; /* of the chunk in progress */
    size_t next;     /* where the chunk after it begins */
    bool no_trns;    /* the colour type has alpha itself */
    int status;      /* SE_OK, or why reading stopped; then err is set */
    se_error *err;
};

static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool is_type(const struct chunk *chunk, const char *type)
{
    return memcmp(chunk->type, type, 4) == 0;
}

/* Finds the chunk that begins at byte `at`. */
static int chunk_at(const struct codec_file *file, size_t at, struct chunk *chunk, se_error *err)
{
    *chunk = (struct chunk){at, 0, NULL};
    RETURN_ERROR_IF(file->size - at < CHUNK_EXTRA, err, SE_ERR_TRUNCATED,
                    "PNG ends early: byte %zu, between or inside chunks", file->size);
    uint32_t length = read_u32(file->bytes + at);
    chunk->type = file->bytes + at + 4;
    for (int i = 0; i < 4; i++) {
        int letter = chunk->type[i] | 0x20;
        RETURN_ERROR_IF(letter < 'a' || letter > 'z', err, SE_ERR_CORRUPT,
                        "PNG: no chunk where one should begin, at byte %zu", at);
    }
    RETURN_ERROR_IF(length > CHUNK_MAX, err, SE_ERR_CORRUPT,
                    "PNG: chunk %.4s of %u bytes at byte %zu", (const char *)chunk->type, length,
                    at);
    chunk->size = (size_t)length + CHUNK_EXTRA;
    RETURN_ERROR_IF(chunk->size > file->size - at, err, SE_ERR_TRUNCATED,
                    "PNG ends early: at byte %zu, inside chunk %.4s of %u bytes at byte %zu",
                    file->size, (const char *)chunk->type, length, at);
    return SE_OK;
}

/* Moves on to the next chunk that libspng is to see. */
static int stream_advance(struct stream *stream)
{
    struct chunk chunk;
    do {
        FORWARD_IF_ERROR(chunk_at(stream->file, stream->next, &chunk, stream->err));
        stream->next = chunk.at + chunk.size;
    } while ((chunk.type[0] & 0x20) && (stream->no_trns || !is_type(&chunk, "tRNS")));
    bool known = is_type(&chunk, "IHDR") || is_type(&chunk, "PLTE") || is_type(&chunk, "IDAT") ||
                 is_type(&chunk, "IEND") || is_type(&chunk, "tRNS");
    RETURN_ERROR_IF(!known, stream->err, SE_ERR_UNSUPPORTED,
                    "PNG: unknown critical chunk %.4s at byte %zu", (const char *)chunk.type,
                    chunk.at);
    stream->at = chunk.at;
    stream->left = chunk.size;
    return SE_OK;
}

/* spng_rw_fn */
static int stream_read(spng_ctx *spng, void *user, void *to, size_t length)
{
    struct stream *stream = user;
    uint8_t *out = to;
    (void)spng;
    while (length > 0) {
        if (stream->left == 0) {
            stream->status = stream_advance(stream);
            if (stream->status != SE_OK)
                return SPNG_IO_ERROR;
        }
        size_t part = length < stream->left ? length : stream->left;
        memcpy(out, stream->file->bytes + stream->at, part);
        stream->at += part;
        stream->left -= part;
        out += part;
        length -= part;
    }
    return 0;
}

/* libspng calls it a damaged stream when zlib gets no memory, so its allocations are watched. They
 * have no context of their own: one decoder a thread is at work at a time. */
static _Thread_local bool out_of_memory;

static void *watch(void *memory)
{
    out_of_memory |= !memory;
    return memory;
}

static void *watched_malloc(size_t size)
{
    return watch(malloc(size));
}

static void *watched_calloc(size_t count, size_t size)
{
    return watch(calloc(count, size));
}

static void *watched_realloc(void *memory, size_t size)
{
    return watch(realloc(memory, size));
}

/* Says what libspng's error `code` means; `row` counts rows decoded, height 0: none begun. */
static int fail_spng(const struct stream *stream, int code, uint32_t row, uint32_t height,
                     se_error *err)
{
    char place[48] = "";
    if (height > 0)
        snprintf(place, sizeof(place), ", row %u of %u", row, height);
    if (stream->status == SE_ERR_TRUNCATED && err && height > 0)
        return se_fail(err, SE_ERR_TRUNCATED, "PNG ends early: byte %zu%s", stream->file->size,
                       place);
    if (stream->status != SE_OK)
        return stream->status; /* err was set by stream_advance */
    if (out_of_memory)
        return se_fail(err, SE_ERR_MEMORY, "out of memory: PNG decoder");
    int status =
        code == SPNG_EUSER_WIDTH || code == SPNG_EUSER_HEIGHT ? SE_ERR_LIMIT : SE_ERR_CORRUPT;
    return se_fail(err, status, "PNG: %s (near byte %zu%s)", spng_strerror(code), stream->at,
                   place);
}

/* The orientation in the eXIf chunk, wherever it is; 1 where there is none. */
static int find_orientation(const struct codec_file *file)
{
    struct chunk chunk;
    for (size_t at = SIGNATURE; chunk_at(file, at, &chunk, NULL) == SE_OK; at += chunk.size)
        if (is_type(&chunk, "eXIf"))
            return exif_orientation(file->bytes + at + 8, chunk.size - CHUNK_EXTRA);
    return 1;
}

/* ---- header --------------------------------------------------------------------------------- */

/* Opens libspng on the file and reads and checks what is before the pixels. *spng is the caller's
 * to free, also on failure. */
static int png_open(const struct codec_file *file, struct stream *stream, spng_ctx **spng,
                    struct spng_ihdr *ihdr, bool *has_trns, se_error *err)
{
    struct spng_alloc allocator = {watched_malloc, watched_realloc, watched_calloc, free};
    struct spng_trns trns;
    *stream = (struct stream){file, 0, SIGNATURE, SIGNATURE, false, SE_OK, err};
    out_of_memory = false;
    *spng = spng_ctx_new2(&allocator, 0);
    if (!*spng)
        return se_fail(err, SE_ERR_MEMORY, "out of memory: PNG decoder");
    RETURN_ERROR_IF(file->size < SIGNATURE, err, SE_ERR_TRUNCATED, "PNG ends after %zu bytes",
                    file->size);
    spng_set_crc_action(*spng, SPNG_CRC_ERROR, SPNG_CRC_ERROR);
    /* Bounds what chunks other than IDAT may take; none that is let through is larger. */
    spng_set_chunk_limits(*spng, 1 << 16, 1 << 16);
    int code = spng_set_png_stream(*spng, stream_read, stream);
    if (code == 0)
        code = spng_get_ihdr(*spng, ihdr);
    if (code == SPNG_EOVERFLOW) /* then this fails with better words */
        FORWARD_IF_ERROR(codec_check_size("PNG", read_u32(file->bytes + 16),
                                          read_u32(file->bytes + 20), file->limits, err));
    if (code != 0)
        return fail_spng(stream, code, 0, 0, err);
    stream->no_trns = ihdr->color_type & ALPHA_USED;
    code = spng_get_trns(*spng, &trns); /* reads up to the first IDAT; checks IHDR's checksum */
    *has_trns = code == 0;
    if (code != 0 && code != SPNG_ECHUNKAVAIL)
        return fail_spng(stream, code, 0, 0, err);
    return codec_check_size("PNG", ihdr->width, ihdr->height, file->limits, err);
}

static int png_probe(const struct codec_file *file, struct codec_header *header, se_error *err)
{
    struct stream stream;
    struct spng_ihdr ihdr;
    spng_ctx *spng;
    bool has_trns;
    int status = png_open(file, &stream, &spng, &ihdr, &has_trns, err);
    spng_ctx_free(spng);
    if (status == SE_OK)
        *header = (struct codec_header){(int)ihdr.width, (int)ihdr.height, find_orientation(file)};
    return status;
}

/* ---- pixels --------------------------------------------------------------------------------- */

/* How rows travel from libspng into the image. */
struct plan {
    int format;       /* of libspng */
    size_t pixel;     /* its bytes a pixel */
    int channels;     /* of the image */
    bool over_white;  /* pixels are RGBA, to be put over white */
    size_t raw_rows;  /* rows held before they go into the image: 1, or all when interlaced */
    size_t raw_bytes; /* a row of them */
};

static struct plan make_plan(const struct spng_ihdr *ihdr, bool has_trns)
{
    bool alpha = (ihdr->color_type & ALPHA_USED) || has_trns;
    bool grey = !(ihdr->color_type & COLOUR_USED);
    struct plan plan = {SPNG_FMT_RGBA8, 4, grey ? 1 : 3, true, 1, 0};
    if (!alpha && grey && ihdr->bit_depth <= 8) {
        plan.format = SPNG_FMT_G8;
        plan.pixel = 1;
        plan.over_white = false;
    } else if (!alpha && !grey) {
        plan.format = SPNG_FMT_RGB8;
        plan.pixel = 3;
        plan.over_white = false;
    }
    if (ihdr->interlace_method)
        plan.raw_rows = ihdr->height;
    plan.raw_bytes = ihdr->width * plan.pixel;
    return plan;
}

/* Puts row `y` of the file into the image, if it belongs to the region. */
static void store_row(const struct plan *plan, const uint8_t *raw, int y, const struct rect *region,
                      struct image *out)
{
    if (y < region->y || y >= region->y + region->height)
        return;
    uint8_t *to = image_row(out, y - region->y);
    const uint8_t *from = raw + (size_t)region->x * plan->pixel;
    if (plan->over_white)
        codec_over_white(from, region->width, plan->channels, to);
    else
        memcpy(to, from, (size_t)region->width * plan->pixel);
}

/* Decodes all passes of the rows down to the region's last. */
static int read_rows(spng_ctx *spng, const struct stream *stream, const struct spng_ihdr *ihdr,
                     const struct plan *plan, uint8_t *raw, const struct rect *region,
                     struct image *out, se_error *err)
{
    uint32_t below = (uint32_t)(region->y + region->height);
    int code =
        spng_decode_image(spng, NULL, 0, plan->format, SPNG_DECODE_PROGRESSIVE | SPNG_DECODE_TRNS);
    struct spng_row_info info = {0};
    while (code == 0) {
        code = spng_get_row_info(spng, &info);
        if (code != 0)
            break;
        if (!ihdr->interlace_method && info.row_num >= below)
            return SE_OK;
        uint8_t *row = raw + (ihdr->interlace_method ? info.row_num * plan->raw_bytes : 0);
        code = spng_decode_row(spng, row, plan->raw_bytes);
        if ((code == 0 || code == SPNG_EOI) && !ihdr->interlace_method)
            store_row(plan, row, (int)info.row_num, region, out);
    }
    if (code == SPNG_EOI)
        code = spng_decode_chunks(spng); /* the rest, down to IEND: checksums, early end */
    if (code != 0)
        return fail_spng(stream, code, info.row_num, ihdr->height, err);
    if (ihdr->interlace_method)
        for (int y = region->y; y < region->y + region->height; y++)
            store_row(plan, raw + (size_t)y * plan->raw_bytes, y, region, out);
    return SE_OK;
}

static int decode_with(spng_ctx *spng, const struct stream *stream, const struct spng_ihdr *ihdr,
                       bool has_trns, const struct rect *region, struct image *out, se_error *err)
{
    struct plan plan = make_plan(ihdr, has_trns);
    uint8_t *raw = calloc(plan.raw_rows, plan.raw_bytes);
    if (!raw)
        return se_fail_memory(err, "PNG rows", plan.raw_rows * plan.raw_bytes);
    int status = image_create(out, region->width, region->height, plan.channels, err);
    if (status == SE_OK)
        status = read_rows(spng, stream, ihdr, &plan, raw, region, out, err);
    free(raw);
    if (status != SE_OK)
        image_free(out);
    return status;
}

static int png_decode(const struct codec_file *file, const struct codec_request *request,
                      struct image *out, se_error *err)
{
    struct stream stream;
    struct spng_ihdr ihdr;
    spng_ctx *spng;
    bool has_trns;
    int status = png_open(file, &stream, &spng, &ihdr, &has_trns, err);
    if (status == SE_OK)
        status = decode_with(spng, &stream, &ihdr, has_trns, &request->region, out, err);
    spng_ctx_free(spng);
    return status;
}

const struct codec codec_png = {png_probe, png_decode};
