/*
 * SerialEye: reads serial numbers off photographs of devices.
 *
 * The only public header. Plain C11, also usable from C++. Every name begins with se_ or SE_.
 *
 *   se_settings *settings;
 *   se_reader *reader;
 *   se_result *result;
 *   se_error error;
 *   se_settings_new(&settings, &error);
 *   se_open(&reader, settings, &error);
 *   if (se_read(reader, bytes, size, NULL, &result, &error) == SE_OK) {
 *       puts(se_result_json(result));
 *       se_result_free(result);
 *   }
 *   se_close(reader);
 *   se_settings_free(settings);
 *
 * Errors: every function that can fail returns SE_OK (0) or a negative se_status, and describes the
 * failure in *error when that is not NULL. After a failure no object was made: *out is NULL.
 *
 * Threads: a se_reader may be used from any number of threads at once; calls wait for a free
 * execution slot (setting "jobs"). A se_settings, a se_result and a se_cancel handle belong to one
 * thread at a time, except se_cancel_set, which any thread and any signal handler may call.
 *
 * Memory: what a function makes is owned by the caller and given back by the matching _free or
 * se_close. Pointers out of a result live as long as the result.
 */
#ifndef SERIALEYE_H
#define SERIALEYE_H

#include <stddef.h>
#include <stdint.h>

#if defined(SE_BUILDING) && defined(__GNUC__)
#define SE_API __attribute__((visibility("default")))
#else
#define SE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define SE_VERSION_MAJOR 0
#define SE_VERSION_MINOR 1
#define SE_VERSION_PATCH 0

/* Version of the library that is running, "MAJOR.MINOR.PATCH". Static storage. */
SE_API const char *se_version(void);

/* Status codes. Numbers and names (se_status_name) are stable. */
typedef enum se_status {
    SE_OK = 0,
    SE_ERR_ARGUMENT = -1,     /* "argument": a call used wrongly */
    SE_ERR_MEMORY = -2,       /* "memory": an allocation failed */
    SE_ERR_IO = -3,           /* "io": a file could not be read or written */
    SE_ERR_SETTING = -4,      /* "setting": unknown setting or a value out of its range */
    SE_ERR_MODEL = -5,        /* "model": model file missing, wrong hash, or not understood */
    SE_ERR_UNSUPPORTED = -6,  /* "unsupported": well-formed, but not handled by this build */
    SE_ERR_EMPTY = -7,        /* "empty": picture of zero bytes */
    SE_ERR_UNKNOWN_TYPE = -8, /* "unknown_type": not a picture type that is read */
    SE_ERR_TRUNCATED = -9,    /* "truncated": picture ends early */
    SE_ERR_CORRUPT = -10,     /* "corrupt": picture contradicts its own format */
    SE_ERR_LIMIT = -11,       /* "limit": a limit set by the settings would be passed */
    SE_ERR_CANCELLED = -12,   /* "cancelled": se_cancel_set was called */
    SE_ERR_DEVICE = -13,      /* "device": the GPU failed or was demanded and is not there */
    SE_ERR_INTERNAL = -14     /* "internal": our own bug, please report */
} se_status;

/* Short stable name of a status, e.g. "truncated"; "unknown" for a number that is none. */
SE_API const char *se_status_name(int status);

/* What went wrong: a code and one line that names what, where and what to do. */
typedef struct se_error {
    int code;
    char message[512];
} se_error;

/* ---- settings ------------------------------------------------------------------------------- */

/* Named settings, each with a default, a range and a one-line description. */
typedef struct se_settings se_settings;

typedef struct se_setting_info {
    const char *name;        /* e.g. "max_side" */
    const char *value;       /* in force, as text */
    const char *origin;      /* "default", or what se_settings_set was told, e.g. "environment" */
    const char *range;       /* what is accepted, e.g. "1..16384" */
    const char *description; /* one line */
} se_setting_info;

SE_API int se_settings_new(se_settings **out, se_error *error);
SE_API void se_settings_free(se_settings *settings);
/* Sets one value; `origin` (may be NULL: "call") says where it came from. Unknown names and values
 * outside the range are refused with SE_ERR_SETTING and change nothing. */
SE_API int se_settings_set(se_settings *settings, const char *name, const char *value,
                           const char *origin, se_error *error);
/* Value in force as text, or NULL for an unknown name. Valid until the next se_settings_set. */
SE_API const char *se_settings_get(const se_settings *settings, const char *name);
SE_API size_t se_settings_count(const se_settings *settings);
/* Describes the setting at `index` in the table's order. Returns SE_ERR_ARGUMENT past the end. */
SE_API int se_settings_at(const se_settings *settings, size_t index, se_setting_info *info);
/* Reads an INI file (no sections, or [serialeye]); stops at the first line it refuses, naming file
 * and line. Settings before that line are kept. */
SE_API int se_settings_load_ini(se_settings *settings, const char *path, se_error *error);
/* Reads SERIALEYE_<NAME> of every setting from the environment; an unknown SERIALEYE_ name is
 * refused. */
SE_API int se_settings_load_environment(se_settings *settings, se_error *error);

/* ---- cancellation --------------------------------------------------------------------------- */

typedef struct se_cancel se_cancel;

SE_API int se_cancel_new(se_cancel **out, se_error *error);
SE_API void se_cancel_set(se_cancel *cancel);
SE_API void se_cancel_free(se_cancel *cancel);

/* ---- reading -------------------------------------------------------------------------------- */

typedef struct se_reader se_reader;
typedef struct se_result se_result;

/* Loads the models and prepares for reading. `settings` are copied (NULL: all defaults). */
SE_API int se_open(se_reader **out, const se_settings *settings, se_error *error);
/* Waits for calls in progress, then frees everything. NULL is allowed. */
SE_API void se_close(se_reader *reader);
/* Gives memory that is only kept for speed back to the system. Safe at any time. */
SE_API void se_trim(se_reader *reader);

/* Options of one call. Initialise with SE_READ_OPTIONS_INIT; NULL means the same. */
typedef struct se_read_options {
    size_t size;             /* sizeof(se_read_options): lets the struct grow */
    const char *name;        /* the result's "file"; may be NULL */
    int lines;               /* not 0: report all text lines, read everything */
    int time_limit_ms;       /* -1: the setting; 0: none; else milliseconds */
    const se_cancel *cancel; /* may be NULL */
    int explain;             /* not 0: the JSON shows the evidence for each reading, too */
    const char *pattern; /* what the serial number looks like, as the setting "pattern"; NULL: the
                            setting; "": anything. SE_ERR_SETTING for one not understood */
    const char *preset;  /* what kind of picture it is, as the setting "preset"; NULL: the setting.
                            SE_ERR_SETTING for one that does not exist */
    const char *known; /* name of a list in the folder of the setting "known_lists"; NULL: the list
                          of the setting "known". SE_ERR_SETTING when there is no such list */
} se_read_options;

#define SE_READ_OPTIONS_INIT                                                                       \
    {                                                                                              \
        sizeof(se_read_options), NULL, 0, -1, NULL, 0, NULL, NULL, NULL                            \
    }

/* Width and height of the upright picture, of its header alone, within the reader's limits. Fails
 * as se_read does for what is no picture. */
SE_API int se_measure(const se_reader *reader, const void *bytes, size_t size, uint32_t *width,
                      uint32_t *height, se_error *error);

/* Reads one picture: the bytes of a JPEG, PNG, WebP or HEIC file. */
SE_API int se_read(se_reader *reader, const void *bytes, size_t size,
                   const se_read_options *options, se_result **out, se_error *error);

typedef enum se_pixel_format {
    SE_PIXELS_GRAY8 = 1,
    SE_PIXELS_RGB8 = 3,
    SE_PIXELS_RGBA8 = 4
} se_pixel_format;

/* Raw pixels, rows top to bottom, `stride` bytes from one row to the next. */
typedef struct se_pixels {
    const uint8_t *data;
    uint32_t width, height;
    size_t stride;
    se_pixel_format format;
} se_pixels;

SE_API int se_read_pixels(se_reader *reader, const se_pixels *pixels,
                          const se_read_options *options, se_result **out, se_error *error);

typedef struct se_picture {
    const void *bytes;
    size_t size;
    const char *name; /* the result's "file"; may be NULL */
} se_picture;

/*
 * Reads many pictures, `jobs` of them side by side (setting). results[i] belongs to pictures[i]; a
 * picture that failed has a result that says so (se_result_status), so that one broken picture
 * never costs the others. Fails as a whole only for wrong arguments or lack of memory for the
 * answers themselves; then every results[i] is NULL.
 */
SE_API int se_read_batch(se_reader *reader, const se_picture *pictures, size_t count,
                         const se_read_options *options, se_result **results, se_error *error);

enum { SE_DEVICE_MAX_PICTURES = 32 };

/*
 * Reads photographs of one device, which together say more than each alone: a code that is damaged
 * in one and clear in another is read from both. A picture that shows another code in its place
 * lowers the score. Up to SE_DEVICE_MAX_PICTURES; `lines` cannot be asked for. A picture that
 * failed takes no part and has a result that says so (se_result_picture); when all failed, so does
 * the call, with the first one's reason.
 */
SE_API int se_read_device(se_reader *reader, const se_picture *pictures, size_t count,
                          const se_read_options *options, se_result **out, se_error *error);

/* ---- results -------------------------------------------------------------------------------- */

typedef struct se_point {
    float x, y;
} se_point;

/* Clockwise from the text's own top left, in pixels of the upright picture. */
typedef struct se_quad {
    se_point p[4];
} se_quad;

typedef struct se_char {
    const char *c;      /* UTF-8 */
    double p;           /* probability of this character */
    const char *status; /* "read", "confused", "corrected" */
    const char *alt;    /* runner-up, or NULL */
    double alt_p;
    const char *rule; /* what corrected it, or NULL */
} se_char;

typedef struct se_alternative {
    const char *text;
    double score;
} se_alternative;

/* One term of the sum behind a score: score = 1 / (1 + exp(-S)), S the sum of value × weight of all
 * terms whose `of` is NULL. docs/decisions/0005-serial-evidence.md tells what each stands for. */
typedef struct se_term {
    const char *name; /* "anchor", "shape", …; "bias" (value 1) is the constant */
    double value, weight;
    const char *of; /* "read": a term of the sum behind that term, which says how sure the
                       characters are; NULL: of the score's own */
} se_term;

/* What one of several pictures of a device shows of a reading (se_read_device). */
typedef struct se_sighting {
    size_t picture;   /* which, in the order of the call */
    const char *text; /* as read there alone … */
    double score;     /* … and how sure that was */
    int agrees;       /* 1: it speaks for the reading; 0: against it */
    se_quad quad;     /* in pixels of that picture */
} se_sighting;

typedef struct se_reading {
    const char *text;    /* canonical: upper case, no spaces */
    const char *printed; /* as seen */
    const char *kind;    /* "serial", "asset", "mac", … (contract) */
    const char *format;  /* row of the format table, e.g. "apple-12", or "generic" */
    double score;        /* probability that `text` is exactly right */
    const char *status;  /* "sure" (error below the setting max_error), "check", "unreadable" */
    se_quad quad;
    const char *const *sources; /* "text", "barcode" */
    size_t source_count;
    const se_char *chars;
    size_t char_count;
    const se_alternative *alternatives;
    size_t alternative_count;
    const char *why;      /* the evidence in words */
    const se_term *terms; /* and in numbers; those with weight 0 are measured all the same */
    size_t term_count;
    /* With a list of known serial numbers (setting "known"): "exact", as read; "nearest", corrected
     * to what is on the list; "new", nothing there is likely to be it. NULL without a list. */
    const char *known;
    int matches_pattern;     /* 1: fits the pattern that was given; 0: it does not, or none was */
    size_t picture;          /* of se_read_device: the picture that quad and printed are of */
    const se_sighting *seen; /* … and what the pictures show, seen_count of them; else NULL */
    size_t seen_count;
    const char *anchor; /* the word that announces it, as "s/n"; NULL: none does */
    /* Where a pattern or a list decided: the likeliest text of this place without them, letters and
     * digits (NULL: they did not), its probability, and that of `text`. */
    const char *unconstrained;
    double unconstrained_p, text_p;
} se_reading;

typedef struct se_line {
    const char *text;
    double score;
    se_quad quad;
} se_line;

SE_API void se_result_free(se_result *result);
/* SE_OK, or why this picture failed; then `*message` (if not NULL) is set. */
SE_API int se_result_status(const se_result *result, const char **message);
/* Size of the upright picture in pixels; 0 × 0 when it failed before that was known. */
SE_API void se_result_size(const se_result *result, uint32_t *width, uint32_t *height);
/* Milliseconds from bytes in memory to result. */
SE_API double se_result_ms(const se_result *result);
SE_API size_t se_result_reading_count(const se_result *result);
/* The reading at `index`, the likeliest first; NULL past the end. */
SE_API const se_reading *se_result_reading(const se_result *result, size_t index);
/* The pictures that the result is of: of se_read_device as many as were given, else one. */
SE_API size_t se_result_picture_count(const se_result *result);
/* The result of the picture at `index` alone, which belongs to `result`; NULL past the end. */
SE_API const se_result *se_result_picture(const se_result *result, size_t index);
/* Name of the picture as it was given, NULL when none was. */
SE_API const char *se_result_file(const se_result *result);
SE_API size_t se_result_line_count(const se_result *result);
SE_API const se_line *se_result_line(const se_result *result, size_t index);
/* Where its time went: a part of the work and the milliseconds spent on it, in all looks. */
typedef struct se_stage {
    const char *name; /* "decode", "barcodes", "detect", "crop", "recognize", "serial" */
    double ms;
} se_stage;
/* The stage at `index`; of several pictures of a device, for all of them together. SE_ERR_ARGUMENT
 * past the end. */
SE_API int se_result_stage(const se_result *result, size_t index, se_stage *out);
/* The whole result as one line of JSON (docs/contract.md), without a newline. Never NULL. */
SE_API const char *se_result_json(const se_result *result);

#ifdef __cplusplus
}
#endif

#endif
