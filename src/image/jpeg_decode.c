/*
 * JPEG by libjpeg-turbo: baseline, progressive and arithmetic; grey, YCbCr, RGB, CMYK, YCCK.
 *
 * libjpeg reports errors by a callback that must not return. All state lives in one struct reader
 * outside the functions that longjmp leaves, and `guarded` is the only caller of setjmp: it has no
 * variables that a jump could leave undefined, and whoever calls it frees what the reader holds.
 *
 * libjpeg goes on after damage and fills the rest with grey. Here its warnings are errors, except
 * those after which every pixel is still the encoder's.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "image/codec.h"
#include "image/exif.h"

enum {
    /* Encoders write about ten scans; a progressive bomb has thousands, each as dear as a picture.
     */
    SCANS_MAX = 100,
    /* Rows asked of libjpeg at once: as many as it makes in one go, at most. */
    ROWS_AT_ONCE = 16,
    /* What libjpeg may take besides coefficients: tables, rows, and what rounding a narrow picture
     * up to blocks of 32 x 32 can cost. */
    MEMORY_BASE = 64 << 20,
};

struct reader {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf stop;
    const struct codec_file *file;
    const struct codec_request *request; /* NULL: header only */
    struct image *out;
    uint8_t *row; /* owned: one row as libjpeg gives it, where it cannot be written straight out */
    int orientation;
    bool decoding;       /* past the header */
    bool may_lack_end;   /* one Huffman scan: only the end marker may be missing */
    bool ended;          /* the bytes are used up, an end marker was made up */
    unsigned components; /* bit i: a scan of component i has begun */
    int status;
    se_error *err;
};

/* ---- errors --------------------------------------------------------------------------------- */

static struct reader *reader_of(j_common_ptr info)
{
    return info->client_data;
}

/* Where decoding stands, for messages, e.g. "byte 5210 of 9000, row 96 of 480". */
static void describe_place(const struct reader *reader, char *text, size_t size)
{
    const struct jpeg_decompress_struct *info = &reader->info;
    size_t byte = reader->file->size - (reader->ended ? 0 : reader->source.bytes_in_buffer);
    int used = snprintf(text, size, "byte %zu of %zu", byte, reader->file->size);
    if (!reader->decoding || used < 0 || (size_t)used >= size)
        return;
    if (reader->may_lack_end)
        snprintf(text + used, size - (size_t)used, ", row %u of %u", info->output_scanline,
                 info->output_height);
    else
        snprintf(text + used, size - (size_t)used, ", scan %d", info->input_scan_number);
}

_Noreturn static void stop(struct reader *reader, int status)
{
    reader->status = status;
    longjmp(reader->stop, 1);
}

_Noreturn static void stop_truncated(struct reader *reader)
{
    char place[96];
    describe_place(reader, place, sizeof(place));
    stop(reader, se_fail(reader->err, SE_ERR_TRUNCATED, "JPEG ends early, at %s", place));
}

/* What an error of libjpeg says about the file. */
static int status_of(int code)
{
    switch (code) {
    case JERR_OUT_OF_MEMORY:
        return SE_ERR_MEMORY;
    case JERR_NO_BACKING_STORE: /* max_memory_to_use does not suffice */
    case JERR_IMAGE_TOO_BIG:
    case JERR_WIDTH_OVERFLOW:
        return SE_ERR_LIMIT;
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_ARITH_NOTIMPL:
    case JERR_COMPONENT_COUNT:
        return SE_ERR_UNSUPPORTED;
    default:
        return SE_ERR_CORRUPT;
    }
}

_Noreturn static void on_error(j_common_ptr info)
{
    struct reader *reader = reader_of(info);
    char text[JMSG_LENGTH_MAX], place[96];
    info->err->format_message(info, text);
    describe_place(reader, place, sizeof(place));
    /* libjpeg's own words for damage begin alike: "Corrupt JPEG data: …". */
    static const char prefix[] = "Corrupt JPEG data: ";
    const char *what = strncmp(text, prefix, sizeof(prefix) - 1) ? text : text + sizeof(prefix) - 1;
    stop(reader,
         se_fail(reader->err, status_of(info->err->msg_code), "JPEG: %s (at %s)", what, place));
}

/* level < 0: a warning; else a trace, which is of no interest. */
static void on_message(j_common_ptr info, int level)
{
    if (level >= 0)
        return;
    switch (info->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA: /* bytes between the data and a marker: no pixel is missing */
    case JWRN_ADOBE_XFORM:     /* treated as YCbCr */
    case JWRN_JFIF_MAJOR:
    case JWRN_NOT_SEQUENTIAL: /* numbers that a sequential scan does not use */
    case JWRN_BOGUS_ICC:
        return;
    default:
        if (reader_of(info)->ended)
            stop_truncated(reader_of(info));
        on_error(info);
    }
}

static void on_output(j_common_ptr info)
{
    (void)info; /* never to stderr */
}

/* Called between pieces of a file of several scans: bounds their number and keeps account of the
 * components that have had one. */
static void on_progress(j_common_ptr common)
{
    struct reader *reader = reader_of(common);
    const struct jpeg_decompress_struct *info = &reader->info;
    if (info->input_scan_number > SCANS_MAX)
        stop(reader, se_fail(reader->err, SE_ERR_LIMIT, "JPEG of more than %d scans", SCANS_MAX));
    if (!info->progressive_mode || info->Ss == 0)
        for (int i = 0; i < info->comps_in_scan; i++)
            reader->components |= 1u << info->cur_comp_info[i]->component_index;
}

static int guarded(struct reader *reader, void (*work)(struct reader *reader))
{
    if (setjmp(reader->stop) != 0)
        return reader->status;
    work(reader);
    return SE_OK;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static void source_ignore(j_decompress_ptr info)
{
    (void)info;
}

/* The bytes are used up. libjpeg reads ahead, so that a file that lacks only its end marker gets
 * here too: it is given one, and warns should it still want data. */
static boolean source_fill(j_decompress_ptr info)
{
    static const JOCTET end[] = {0xFF, JPEG_EOI};
    struct reader *reader = reader_of((j_common_ptr)info);
    if (!reader->may_lack_end || reader->ended)
        stop_truncated(reader);
    reader->ended = true;
    info->src->next_input_byte = end;
    info->src->bytes_in_buffer = sizeof(end);
    return TRUE;
}

static void source_skip(j_decompress_ptr info, long count)
{
    struct jpeg_source_mgr *source = info->src;
    if (count <= 0)
        return;
    if ((unsigned long)count > source->bytes_in_buffer) {
        source->bytes_in_buffer = 0;
        stop_truncated(reader_of((j_common_ptr)info));
    }
    source->next_input_byte += count;
    source->bytes_in_buffer -= (size_t)count;
}

/* APP1: EXIF among others. The whole file is in the buffer, so the segment is read in place. */
static boolean on_app1(j_decompress_ptr info)
{
    struct reader *reader = reader_of((j_common_ptr)info);
    const struct jpeg_source_mgr *source = info->src;
    const uint8_t *segment = source->next_input_byte;
    if (source->bytes_in_buffer < 2)
        stop_truncated(reader);
    size_t length = (size_t)segment[0] << 8 | segment[1]; /* counts itself */
    if (length < 2)
        ERREXIT(info, JERR_BAD_LENGTH);
    if (length <= source->bytes_in_buffer && reader->orientation == 0 && length >= 8 &&
        memcmp(segment + 2, "Exif\0", 5) == 0)
        reader->orientation = exif_orientation(segment + 2, length - 2);
    source_skip(info, (long)length);
    return TRUE;
}

/* ---- header --------------------------------------------------------------------------------- */

static void read_header(struct reader *reader)
{
    struct jpeg_decompress_struct *info = &reader->info;
    const struct codec_file *file = reader->file;
    jpeg_create_decompress(info);
    info->mem->max_memory_to_use = MEMORY_BASE;
    info->src = &reader->source;
    jpeg_set_marker_processor(info, JPEG_APP0 + 1, on_app1);
    jpeg_read_header(info, TRUE);
    int status =
        codec_check_size("JPEG", info->image_width, info->image_height, file->limits, reader->err);
    if (status != SE_OK)
        stop(reader, status);
    /* Coefficients of a progressive picture: 2 bytes each, in 4 components at most. */
    uint64_t pixels = (uint64_t)info->image_width * info->image_height;
    info->mem->max_memory_to_use = (long)(MEMORY_BASE + 8 * pixels);
    if (info->jpeg_color_space == JCS_UNKNOWN)
        stop(reader, se_fail(reader->err, SE_ERR_UNSUPPORTED, "JPEG of %d components",
                             info->num_components));
}

static int reader_open(struct reader *reader, const struct codec_file *file, se_error *err)
{
    memset(reader, 0, sizeof(*reader));
    reader->file = file;
    reader->err = err;
    reader->info.client_data = reader;
    reader->info.err = jpeg_std_error(&reader->errors);
    reader->errors.error_exit = on_error;
    reader->errors.emit_message = on_message;
    reader->errors.output_message = on_output;
    reader->source = (struct jpeg_source_mgr){
        .next_input_byte = file->bytes,
        .bytes_in_buffer = file->size,
        .init_source = source_ignore,
        .fill_input_buffer = source_fill,
        .skip_input_data = source_skip,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = source_ignore,
    };
    return guarded(reader, read_header);
}

static void reader_close(struct reader *reader)
{
    jpeg_destroy_decompress(&reader->info);
    free(reader->row);
}

static int jpeg_probe(const struct codec_file *file, struct codec_header *header, se_error *err)
{
    struct reader reader;
    int status = reader_open(&reader, file, err);
    if (status == SE_OK)
        *header = (struct codec_header){(int)reader.info.image_width, (int)reader.info.image_height,
                                        reader.orientation ? reader.orientation : 1};
    reader_close(&reader);
    return status;
}

/* ---- pixels --------------------------------------------------------------------------------- */

/*
 * The smallest n of n/8 that leaves the longer side at least `want_side` pixels. Only 1, 2, 4 and
 * 8: libjpeg-turbo has vector code for these alone, and 5/8 to 7/8 take longer than the full size
 * (12 megapixels, 4:2:0, one core: 1/8 35 ms, 2/8 46, 3/8 59, 4/8 51, 5/8 86, 6/8 100, 7/8 139, 8/8
 * 97).
 */
static unsigned choose_scale(unsigned longer, int want_side)
{
    unsigned n = want_side > 0 ? 1 : 8;
    while (n < 8 && ((uint64_t)longer * n + 7) / 8 < (unsigned)want_side)
        n *= 2;
    return n;
}

/* Ink to light. Adobe's files hold 255 - ink, as everyone who writes its marker does. */
static void cmyk_to_rgb(const uint8_t *cmyk, int pixels, bool inverted, uint8_t *rgb)
{
    const unsigned flip = inverted ? 0 : 255;
    for (int i = 0; i < pixels; i++, cmyk += 4) {
        unsigned key = cmyk[3] ^ flip;
        for (int c = 0; c < 3; c++)
            *rgb++ = (uint8_t)(((cmyk[c] ^ flip) * key + 127) / 255);
    }
}

static void start(struct reader *reader)
{
    struct jpeg_decompress_struct *info = &reader->info;
    unsigned longer =
        info->image_width > info->image_height ? info->image_width : info->image_height;
    info->scale_num = choose_scale(longer, reader->request->want_side);
    info->scale_denom = 8;
    /* Guesses at what an incomplete picture may have looked like are of no use here. */
    info->do_block_smoothing = FALSE;
    info->out_color_space = info->num_components == 1   ? JCS_GRAYSCALE
                            : info->num_components == 3 ? JCS_RGB
                                                        : JCS_CMYK;
    bool several = jpeg_has_multiple_scans(info);
    reader->progress.progress_monitor = on_progress;
    info->progress = &reader->progress;
    reader->decoding = true;
    /* The arithmetic decoder does not tell when it runs out of data, and of several scans whole
     * ones might be missing. */
    reader->may_lack_end = !several && !info->arith_code;
    jpeg_start_decompress(info);
    for (int i = 0; several && i < info->num_components; i++)
        if (!(reader->components & 1u << i))
            stop(reader,
                 se_fail(reader->err, SE_ERR_CORRUPT, "JPEG without data for component %d", i + 1));
}

/* Reads the rows of `region` that go straight into the image. */
static void read_rows(struct reader *reader)
{
    struct jpeg_decompress_struct *info = &reader->info;
    while (info->output_scanline < info->output_height) {
        JSAMPROW rows[ROWS_AT_ONCE];
        unsigned count = 0, at = info->output_scanline;
        for (; count < ROWS_AT_ONCE && at + count < info->output_height; count++)
            rows[count] = image_row(reader->out, (int)(at + count));
        jpeg_read_scanlines(info, rows, count);
    }
}

/* Reads rows by way of reader->row: only some columns, or colours to convert. `skip`: pixels of the
 * row before the first that is wanted. */
static void read_rows_through(struct reader *reader, unsigned skip)
{
    struct jpeg_decompress_struct *info = &reader->info;
    size_t channels = (size_t)info->output_components;
    for (int y = 0; y < reader->out->height; y++) {
        JSAMPROW row = reader->row;
        jpeg_read_scanlines(info, &row, 1);
        const uint8_t *from = row + skip * channels;
        uint8_t *to = image_row(reader->out, y);
        if (info->out_color_space == JCS_CMYK)
            cmyk_to_rgb(from, reader->out->width, info->saw_Adobe_marker, to);
        else
            memcpy(to, from, (size_t)reader->out->width * channels);
    }
}

/* Makes the image and fills it. */
static void read_pixels(struct reader *reader)
{
    struct jpeg_decompress_struct *info = &reader->info;
    start(reader);
    struct rect region = reader->request->region;
    bool cropped = region.width < (int)info->image_width || region.height < (int)info->image_height;
    if (!cropped) {
        region.width = (int)info->output_width;
        region.height = (int)info->output_height;
    }
    bool cmyk = info->out_color_space == JCS_CMYK;
    int status = image_create(reader->out, region.width, region.height,
                              info->num_components == 1 ? 1 : 3, reader->err);
    if (status != SE_OK)
        stop(reader, status);
    if (!cropped && !cmyk) {
        read_rows(reader);
        return;
    }
    size_t row_bytes = (size_t)info->output_width * (size_t)info->output_components;
    reader->row = malloc(row_bytes);
    if (!reader->row)
        stop(reader, se_fail_memory(reader->err, "a row of pixels", row_bytes));
    unsigned skip = 0;
    if (cropped) {
        /* A cropped row takes its borders for the picture's own where it smooths colour between
         * blocks, so one block more than asked for is decoded on either side. */
        JDIMENSION block = (JDIMENSION)(info->max_h_samp_factor * DCTSIZE);
        JDIMENSION left = (JDIMENSION)region.x, right = left + (JDIMENSION)region.width;
        JDIMENSION x = left > block ? left - block : 0;
        JDIMENSION width =
            (right + block < info->output_width ? right + block : info->output_width) - x;
        jpeg_crop_scanline(info, &x, &width);
        skip = left - x;
        if (region.y > 0 && jpeg_skip_scanlines(info, (JDIMENSION)region.y) != (unsigned)region.y)
            stop(reader,
                 se_fail(reader->err, SE_ERR_INTERNAL, "JPEG rows above %d not skipped", region.y));
    }
    read_rows_through(reader, skip);
}

static int jpeg_decode(const struct codec_file *file, const struct codec_request *request,
                       struct image *out, se_error *err)
{
    struct reader reader;
    int status = reader_open(&reader, file, err);
    reader.request = request;
    reader.out = out;
    if (status == SE_OK)
        status = guarded(&reader, read_pixels);
    reader_close(&reader);
    if (status != SE_OK)
        image_free(out);
    return status;
}

const struct codec codec_jpeg = {jpeg_probe, jpeg_decode};
