/*
 * HEIC and AVIF by libheif, opened at run time: neither the build nor the program needs it, and the
 * patents round HEVC stay with whoever installs it.
 *
 * The declarations below are those of libheif's C interface as of 1.12; it has only ever been added
 * to since. Structs that libheif fills are read by their own version number.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "image/codec.h"
#include "image/heif_check.h"

#ifndef HEIC_LIBRARY
#define HEIC_LIBRARY "libheif.so.1"
#endif

/* ---- libheif's interface -------------------------------------------------------------------- */

enum { VERSION_MIN = 0x010C0000, VERSION_END = 0x02000000 }; /* 0xHHMMLL00, major.minor.patch */

enum heif_code { /* heif_error_code */
                 HEIF_UNSUPPORTED_FILETYPE = 3,
                 HEIF_UNSUPPORTED_FEATURE = 4,
                 HEIF_MEMORY = 6,
};
enum heif_subcode { /* heif_suberror_code */
                    HEIF_END_OF_DATA = 100,
                    HEIF_SECURITY_LIMIT = 1000,
                    HEIF_UNSUPPORTED_CODEC = 3000,
};
enum { HEIF_COLORSPACE_RGB = 1, HEIF_CHROMA_RGB = 10, HEIF_CHROMA_RGBA = 11 };
enum { HEIF_CHANNEL_INTERLEAVED = 10 };
enum { SIDE_MAX = 65535, CODING_BLOCK = 128 }; /* AV1: 128 x 128; HEVC: 64 x 64 */

struct heif_error {
    int code, subcode;
    const char *message;
};

/* heif_decoding_options; only ever made by libheif, which says in `version` how much is there. */
struct heif_options {
    uint8_t version;
    uint8_t ignore_transformations;
    void (*start_progress)(int step, int max_progress, void *user);
    void (*on_progress)(int step, int progress, void *user);
    void (*end_progress)(int step, void *user);
    void *progress_user;
    uint8_t convert_hdr_to_8bit; /* since version 2 */
    uint8_t strict_decoding;     /* since version 3 */
};

struct heif_context;
struct heif_handle;
struct heif_image;

struct heif_api {
    const char *(*get_version)(void);
    uint32_t (*get_version_number)(void);
    struct heif_context *(*context_alloc)(void);
    void (*context_free)(struct heif_context *);
    void (*set_size_limit)(struct heif_context *, int max_side);
    struct heif_error (*read)(struct heif_context *, const void *, size_t, const void *options);
    struct heif_error (*primary)(struct heif_context *, struct heif_handle **);
    void (*handle_release)(const struct heif_handle *);
    int (*handle_width)(const struct heif_handle *);
    int (*handle_height)(const struct heif_handle *);
    int (*handle_has_alpha)(const struct heif_handle *);
    struct heif_options *(*options_alloc)(void);
    void (*options_free)(struct heif_options *);
    struct heif_error (*decode)(const struct heif_handle *, struct heif_image **, int colorspace,
                                int chroma, const struct heif_options *);
    int (*image_width)(const struct heif_image *, int channel);
    int (*image_height)(const struct heif_image *, int channel);
    const uint8_t *(*plane)(const struct heif_image *, int channel, int *stride);
    void (*image_release)(const struct heif_image *);
};

/* ---- opening it ----------------------------------------------------------------------------- */

static struct heif_api heif;
static char heif_trouble[200]; /* why it cannot be used; empty when it can */
static pthread_once_t heif_once = PTHREAD_ONCE_INIT;

static void load(void)
{
    /* Kept open for the life of the process: other threads may be inside. */
    void *library = dlopen(HEIC_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(heif_trouble, sizeof(heif_trouble),
                 "HEIC and AVIF need %s, which is not here: install the package libheif1 (Debian, "
                 "Ubuntu)",
                 HEIC_LIBRARY);
        return;
    }
    const struct {
        void *function; /* address of the pointer */
        const char *name;
    } symbols[] = {
        {&heif.get_version, "heif_get_version"},
        {&heif.get_version_number, "heif_get_version_number"},
        {&heif.context_alloc, "heif_context_alloc"},
        {&heif.context_free, "heif_context_free"},
        {&heif.set_size_limit, "heif_context_set_maximum_image_size_limit"},
        {&heif.read, "heif_context_read_from_memory_without_copy"},
        {&heif.primary, "heif_context_get_primary_image_handle"},
        {&heif.handle_release, "heif_image_handle_release"},
        {&heif.handle_width, "heif_image_handle_get_width"},
        {&heif.handle_height, "heif_image_handle_get_height"},
        {&heif.handle_has_alpha, "heif_image_handle_has_alpha_channel"},
        {&heif.options_alloc, "heif_decoding_options_alloc"},
        {&heif.options_free, "heif_decoding_options_free"},
        {&heif.decode, "heif_decode_image"},
        {&heif.image_width, "heif_image_get_width"},
        {&heif.image_height, "heif_image_get_height"},
        {&heif.plane, "heif_image_get_plane_readonly"},
        {&heif.image_release, "heif_image_release"},
    };
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        void *symbol = dlsym(library, symbols[i].name);
        if (!symbol) {
            snprintf(heif_trouble, sizeof(heif_trouble),
                     "HEIC and AVIF need libheif 1.12 or newer: %s on this machine lacks %s",
                     HEIC_LIBRARY, symbols[i].name);
            return;
        }
        memcpy(symbols[i].function, &symbol, sizeof(symbol)); /* POSIX lets a pointer hold both */
    }
    uint32_t version = heif.get_version_number();
    if (version < VERSION_MIN || version >= VERSION_END)
        snprintf(heif_trouble, sizeof(heif_trouble),
                 "HEIC and AVIF need libheif 1.12 or newer, below 2; on this machine is %s",
                 heif.get_version());
    /* Where codecs are plug-ins (since 1.14), they are loaded by this call. */
    struct heif_error (*init)(void *) = NULL;
    void *symbol = dlsym(library, "heif_init");
    memcpy(&init, &symbol, sizeof(symbol));
    if (init)
        init(NULL);
}

bool img_heic_available(char *text, size_t size)
{
    pthread_once(&heif_once, load);
    bool available = heif_trouble[0] == '\0';
    if (text)
        snprintf(text, size, "%s", available ? heif.get_version() : heif_trouble);
    return available;
}

/* ---- header --------------------------------------------------------------------------------- */

static int fail_heif(struct heif_error error, se_error *err)
{
    const char *what = error.message ? error.message : "unknown error";
    if (error.subcode == HEIF_UNSUPPORTED_CODEC)
        return se_fail(err, SE_ERR_UNSUPPORTED,
                       "HEIC: libheif has no decoder for it (%s): install the package "
                       "libheif-plugin-libde265 for HEIC or libheif-plugin-dav1d for AVIF",
                       what);
    int status = error.subcode == HEIF_END_OF_DATA        ? SE_ERR_TRUNCATED
                 : error.subcode == HEIF_SECURITY_LIMIT   ? SE_ERR_LIMIT
                 : error.code == HEIF_MEMORY              ? SE_ERR_MEMORY
                 : error.code == HEIF_UNSUPPORTED_FEATURE ? SE_ERR_UNSUPPORTED
                                                          : SE_ERR_CORRUPT;
    if (error.code == HEIF_UNSUPPORTED_FILETYPE)
        status = SE_ERR_UNSUPPORTED;
    return se_fail(err, status, "HEIC: %s", what);
}

struct heic {
    struct heif_context *context;
    struct heif_handle *handle;
    int width, height; /* after libheif has turned and cut it as the file says */
};

static void heic_close(struct heic *heic)
{
    if (heic->handle)
        heif.handle_release(heic->handle);
    if (heic->context)
        heif.context_free(heic->context);
}

/* heic_close afterwards, also on failure. */
static int heic_open(const struct codec_file *file, struct heic *heic, se_error *err)
{
    memset(heic, 0, sizeof(*heic));
    RETURN_ERROR_IF(!img_heic_available(NULL, 0), err, SE_ERR_UNSUPPORTED, "%s", heif_trouble);
    FORWARD_IF_ERROR(heif_check(file->bytes, file->size, err));
    heic->context = heif.context_alloc();
    if (!heic->context)
        return se_fail(err, SE_ERR_MEMORY, "out of memory: HEIC decoder");
    /* libheif applies it to pictures before they are cut: sizes rounded up to coding blocks. */
    uint32_t side = file->limits->max_side;
    heif.set_size_limit(heic->context, (int)(side < SIDE_MAX ? side : SIDE_MAX) + CODING_BLOCK);
    struct heif_error error = heif.read(heic->context, file->bytes, file->size, NULL);
    if (error.code == 0)
        error = heif.primary(heic->context, &heic->handle);
    if (error.code != 0)
        return fail_heif(error, err);
    heic->width = heif.handle_width(heic->handle);
    heic->height = heif.handle_height(heic->handle);
    RETURN_ERROR_IF(heic->width < 0 || heic->height < 0, err, SE_ERR_CORRUPT,
                    "HEIC picture of %d x %d pixels", heic->width, heic->height);
    return codec_check_size("HEIC", (uint64_t)heic->width, (uint64_t)heic->height, file->limits,
                            err);
}

static int heic_probe(const struct codec_file *file, struct codec_header *header, se_error *err)
{
    struct heic heic;
    int status = heic_open(file, &heic, err);
    *header = (struct codec_header){heic.width, heic.height, 1};
    heic_close(&heic);
    return status;
}

/* ---- pixels --------------------------------------------------------------------------------- */

/* Copies the region out of libheif's picture, which must have the size its header announced. */
static int take_pixels(const struct heic *heic, const struct heif_image *picture, bool alpha,
                       const struct rect *region, struct image *out, se_error *err)
{
    int stride = 0;
    const uint8_t *pixels = heif.plane(picture, HEIF_CHANNEL_INTERLEAVED, &stride);
    int width = heif.image_width(picture, HEIF_CHANNEL_INTERLEAVED);
    int height = heif.image_height(picture, HEIF_CHANNEL_INTERLEAVED);
    RETURN_ERROR_IF(!pixels || width != heic->width || height != heic->height, err, SE_ERR_CORRUPT,
                    "HEIC: %d x %d pixels decoded, %d x %d announced", width, height, heic->width,
                    heic->height);
    int channels = alpha ? 4 : 3;
    RETURN_ERROR_IF(stride < width * channels, err, SE_ERR_INTERNAL, "HEIC: rows of %d bytes",
                    stride);
    FORWARD_IF_ERROR(image_create(out, region->width, region->height, 3, err));
    for (int y = 0; y < region->height; y++) {
        const uint8_t *from = pixels + (size_t)(region->y + y) * (size_t)stride +
                              (size_t)region->x * (size_t)channels;
        if (alpha)
            codec_over_white(from, region->width, 3, image_row(out, y));
        else
            memcpy(image_row(out, y), from, (size_t)region->width * 3);
    }
    return SE_OK;
}

static int decode_picture(const struct heic *heic, const struct rect *region, struct image *out,
                          se_error *err)
{
    struct heif_options *options = heif.options_alloc();
    if (!options)
        return se_fail(err, SE_ERR_MEMORY, "out of memory: HEIC decoder");
    if (options->version >= 2)
        options->convert_hdr_to_8bit = 1;
    if (options->version >= 3)
        options->strict_decoding = 1;
    bool alpha = heif.handle_has_alpha(heic->handle) != 0;
    struct heif_image *picture = NULL;
    struct heif_error error = heif.decode(heic->handle, &picture, HEIF_COLORSPACE_RGB,
                                          alpha ? HEIF_CHROMA_RGBA : HEIF_CHROMA_RGB, options);
    heif.options_free(options);
    int status = error.code != 0 ? fail_heif(error, err)
                                 : take_pixels(heic, picture, alpha, region, out, err);
    if (picture)
        heif.image_release(picture);
    return status;
}

static int heic_decode(const struct codec_file *file, const struct codec_request *request,
                       struct image *out, se_error *err)
{
    struct heic heic;
    int status = heic_open(file, &heic, err);
    if (status == SE_OK)
        status = decode_picture(&heic, &request->region, out, err);
    heic_close(&heic);
    return status;
}

const struct codec codec_heic = {heic_probe, heic_decode};
