/*
 * The table of settings and their checked parsers.
 *
 * Who uses what:
 *   models, detector, recognizer        reader/models.c finds the files
 *   dictionary, backend, cpu            recognizer_options and nn_model_options
 *   precision                           reader/precision.h
 *   use_gpu, device, gpu_memory_mb      networks_open chooses the device
 *   gpus                                networks_open_more, slots
 *   gpu_warm, gpu_idle_s                slots_keep
 *   profile, preset, looks              which looks are taken, see reader/treated.h
 *   threads, jobs, arena_mb             slots_create
 *   batch_size                          recognize_params.batch_size
 *   max_pixels, max_side                img_limits
 *   time_limit_ms                       budget of a call
 *   known_lists                         reader/known_lists.c
 *   pattern, known                      se_open, for ser_input.pattern and .known
 *   formats                             format_set_load, for ser_input.formats
 *   max_error                           below which probability of error a reading is sure
 *   barcodes                            whether barcode_find is called
 *   detect_side                         detect_params.max_side of the first look
 *   upscale_scale                       how far a closer look enlarges a small picture or region
 *   try_rotations, roi_top_k            looks after the first one
 *   parallel_preprocessing              whether crops and filters are shared out to the threads
 *   languages                           only "en" is accepted, nothing depends on it
 *   host … drain_s                      the service alone (src/serve), which takes them as text
 */
#include "reader/settings.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "image/treat.h"

enum { SETTING_MAX_VALUE = 4096, NAME_MAX_DISTANCE = 3, NAME_MAX_LENGTH = 40 };

enum setting_type {
    SETTING_TEXT,
    SETTING_CHOICE,
    SETTING_WHOLE,
    SETTING_REAL,
    SETTING_BOOL,
    SETTING_DEGREES,
    SETTING_LOOKS
};

struct setting_row {
    const char *name;
    const char *value; /* the default */
    const char *range; /* for people; of a SETTING_CHOICE the choices, separated by '|' */
    const char *description;
    enum setting_type type;
    size_t offset; /* of the value in struct settings_values */
    double low, high;
    /* A choice that is well-formed but cannot be honoured, and why. */
    const char *refused, *reason;
};

/* What has no effect here needs a place to be parsed into. */
struct settings_all {
    struct settings_values values;
    int without_effect;
    const char *text_of_service;
    int number_of_service;
    bool flag_of_service;
};

#define AT(field) offsetof(struct settings_all, values.field)
#define NO_EFFECT offsetof(struct settings_all, without_effect)
#define SERVICE_TEXT offsetof(struct settings_all, text_of_service)
#define SERVICE_NUMBER offsetof(struct settings_all, number_of_service)
#define SERVICE_FLAG offsetof(struct settings_all, flag_of_service)

#define PRESETS "auto|etched|etched-dark|etched-light|sticker|sticker-damaged|screen|screen-glare"
#define TREATMENTS "invert, contrast, sharpen, background, white-hat, black-hat, adaptive"

static const struct setting_row rows[] = {
    {"models", "", "a folder", "folder of the model files; empty: the usual places", SETTING_TEXT,
     AT(models), 0, 0, NULL, NULL},
    {"detector", "", "a file", "ONNX file that finds text; empty: the one among the models",
     SETTING_TEXT, AT(detector), 0, 0, NULL, NULL},
    {"recognizer", "", "a file", "ONNX file that reads text; empty: the one among the models",
     SETTING_TEXT, AT(recognizer), 0, 0, NULL, NULL},
    {"dictionary", "", "a file", "characters of the recognizer, one a line; empty: its own",
     SETTING_TEXT, AT(dictionary), 0, 0, NULL, NULL},
    {"pattern", "", "a pattern", "what the serial number looks like, for one [A-Z]{2}[0-9]{8}",
     SETTING_TEXT, AT(pattern), 0, 0, NULL, NULL},
    {"known", "", "a file", "list of the serial numbers that there are, one a line", SETTING_TEXT,
     AT(known), 0, 0, NULL, NULL},
    {"known_lists", "", "a folder",
     "lists of known serial numbers, chosen by name for each picture", SETTING_TEXT,
     AT(known_lists), 0, 0, NULL, NULL},
    {"formats", "", "a file",
     "formats of identifiers besides those that \"serialeye formats\" lists", SETTING_TEXT,
     AT(formats), 0, 0, NULL, NULL},
    {"backend", "cpu", "cpu|ref", "what computes: fast code, or the slow plain C it is held to",
     SETTING_CHOICE, AT(backend), 0, 0, NULL, NULL},
    {"cpu", "auto", "auto|portable|avx2|avx512|amx", "highest instruction set that may be used",
     SETTING_CHOICE, AT(cpu), 0, 0, NULL, NULL},
    {"precision", "auto", "auto|fp32|bf16|int8",
     "of matrix products; auto: the fastest that reads as well as fp32: bf16, int8, fp32",
     SETTING_CHOICE, AT(precision), 0, 0, NULL, NULL},
    {"use_gpu", "auto", "auto|true|false", "whether to compute on a GPU", SETTING_CHOICE,
     AT(use_gpu), 0, 0, NULL, NULL},
    {"device", "0", "0..7", "which GPU, as CUDA counts them", SETTING_WHOLE, AT(device), 0, 7, NULL,
     NULL},
    {"gpus", "1", "0..8", "how many, from that one on, read pictures side by side; 0: all",
     SETTING_WHOLE, AT(gpus), 0, 8, NULL, NULL},
    {"gpu_memory_mb", "2048", "0..1048576", "MiB of a GPU's memory that may be used; 0: all",
     SETTING_WHOLE, AT(gpu_memory_mb), 0, 1048576, NULL, NULL},
    {"gpu_warm", "true", "true|false",
     "whether a GPU is made ready for the usual pictures before they come", SETTING_BOOL,
     AT(gpu_warm), 0, 0, NULL, NULL},
    {"gpu_idle_s", "60", "0..86400",
     "seconds without work after which a picture's tensors leave the GPU; 0: never", SETTING_WHOLE,
     AT(gpu_idle_s), 0, 86400, NULL, NULL},
    {"profile", "cpu", "cpu|gpu", "gpu: the wide set of looks, whatever computes them",
     SETTING_CHOICE, AT(profile), 0, 0, NULL, NULL},
    {"preset", "auto", PRESETS, "what kind of picture it is: which treatments are tried",
     SETTING_CHOICE, AT(preset), 0, 0, NULL, NULL},
    {"looks", "all", "all, none, or some of barcode, closer, middle, full, turn, " TREATMENTS,
     "looks that may be taken after the first one", SETTING_LOOKS, AT(looks), 0, 0, NULL, NULL},
    {"threads", "0", "0..256", "threads for one picture; 0: as many as the machine grants",
     SETTING_WHOLE, AT(threads), 0, 256, NULL, NULL},
    {"jobs", "0", "0..256", "pictures side by side; 0: as many as the machine grants",
     SETTING_WHOLE, AT(jobs), 0, 256, NULL, NULL},
    {"batch_size", "4", "1..64", "lines of text recognized together", SETTING_WHOLE, AT(batch_size),
     1, 64, NULL, NULL},
    {"max_pixels", "64000000", "1..1000000000", "largest picture accepted, width times height",
     SETTING_WHOLE, AT(max_pixels), 1, 1e9, NULL, NULL},
    {"max_side", "16384", "1..65535", "largest width or height accepted", SETTING_WHOLE,
     AT(max_side), 1, 65535, NULL, NULL},
    {"time_limit_ms", "2000", "0..3600000", "milliseconds for one picture; 0: no limit",
     SETTING_WHOLE, AT(time_limit_ms), 0, 3600000, NULL, NULL},
    {"arena_mb", "1024", "64..65536", "MiB that one network may use for one picture", SETTING_WHOLE,
     AT(arena_mb), 64, 65536, NULL, NULL},
    {"max_error", "0.002", "0..0.5",
     "a reading is called sure when the probability of its being wrong is below this", SETTING_REAL,
     AT(max_error), 0, 0.5, NULL, NULL},
    {"barcodes", "true", "true|false", "whether barcodes are read too", SETTING_BOOL, AT(barcodes),
     0, 0, NULL, NULL},
    {"detect_side", "640", "64..4096", "pixels of the longer side in the first look", SETTING_WHOLE,
     AT(detect_side), 64, 4096, NULL, NULL},
    {"upscale_scale", "5.0", "1.0..5.0", "how far a closer look may enlarge a small picture",
     SETTING_REAL, AT(upscale_scale), 1, 5, NULL, NULL},
    {"try_rotations", "0,90,180,270,15,-15,30,-30", "up to 24 degrees in -360..360",
     "how a picture is turned, in this order, as long as no reading is sure", SETTING_DEGREES,
     AT(try_rotations), -360, 360, NULL, NULL},
    {"roi_top_k", "3", "0..32", "regions that a closer look takes", SETTING_WHOLE, AT(roi_top_k), 0,
     32, NULL, NULL},
    {"parallel_preprocessing", "true", "true|false",
     "whether crops and filters are shared out to the threads", SETTING_BOOL,
     AT(parallel_preprocessing), 0, 0, NULL, NULL},
    {"languages", "en", "en", "characters that may be returned: Latin letters, digits, signs",
     SETTING_CHOICE, NO_EFFECT, 0, 0, NULL,
     "the recognizer is one for all languages and only Latin serial numbers are returned: there is "
     "nothing to choose"},
    {"host", "0.0.0.0", "a name or address", "serve: where it listens", SETTING_TEXT, SERVICE_TEXT,
     0, 0, NULL, NULL},
    {"port", "8000", "0..65535", "serve: TCP port; 0: any that is free", SETTING_WHOLE,
     SERVICE_NUMBER, 0, 65535, NULL, NULL},
    {"workers", "0", "0..64", "serve: processes that read; 0: one for each core, at most 8",
     SETTING_WHOLE, SERVICE_NUMBER, 0, 64, NULL, NULL},
    {"batch_pictures", "1", "1..32", "serve: pictures that one process reads side by side, at most",
     SETTING_WHOLE, SERVICE_NUMBER, 1, 32, NULL, NULL},
    {"batch_delay_ms", "0", "0..1000",
     "serve: milliseconds that a picture may wait for others that are read with it", SETTING_WHOLE,
     SERVICE_NUMBER, 0, 1000, NULL, NULL},
    {"queue", "64", "1..10000", "serve: requests in work or waiting; more are refused (503)",
     SETTING_WHOLE, SERVICE_NUMBER, 1, 10000, NULL, NULL},
    {"queue_mb", "512", "1..65536", "serve: MiB of pictures in work or waiting; more are refused",
     SETTING_WHOLE, SERVICE_NUMBER, 1, 65536, NULL, NULL},
    {"decode_mb", "1024", "1..65536",
     "serve: MiB of pictures that are decoded at the same time; more wait", SETTING_WHOLE,
     SERVICE_NUMBER, 1, 65536, NULL, NULL},
    {"body_mb", "32", "1..512", "serve: MiB of one request's body", SETTING_WHOLE, SERVICE_NUMBER,
     1, 512, NULL, NULL},
    {"deadline_ms", "30000", "100..3600000",
     "serve: milliseconds for one request, waiting included", SETTING_WHOLE, SERVICE_NUMBER, 100,
     3600000, NULL, NULL},
    {"stuck_ms", "60000", "100..3600000",
     "serve: milliseconds after which a process that reads one picture is replaced", SETTING_WHOLE,
     SERVICE_NUMBER, 100, 3600000, NULL, NULL},
    {"refuse_s", "600", "0..86400",
     "serve: seconds for which a picture is refused that ended two processes", SETTING_WHOLE,
     SERVICE_NUMBER, 0, 86400, NULL, NULL},
    {"connections", "2048", "8..100000", "serve: connections at once", SETTING_WHOLE,
     SERVICE_NUMBER, 8, 100000, NULL, NULL},
    {"connections_per_address", "256", "1..100000", "serve: connections at once from one address",
     SETTING_WHOLE, SERVICE_NUMBER, 1, 100000, NULL, NULL},
    {"header_s", "10", "1..3600", "serve: seconds in which a request's headers must arrive",
     SETTING_WHOLE, SERVICE_NUMBER, 1, 3600, NULL, NULL},
    {"upload_s", "120", "1..3600", "serve: seconds in which a request's body must arrive",
     SETTING_WHOLE, SERVICE_NUMBER, 1, 3600, NULL, NULL},
    {"upload_rate", "4096", "0..1000000000",
     "serve: bytes a second of a body, after five seconds, below which it is cut off",
     SETTING_WHOLE, SERVICE_NUMBER, 0, 1e9, NULL, NULL},
    {"key_on_loopback", "false", "true|false",
     "serve: whether clients on this machine need a key, too (as behind a proxy)", SETTING_BOOL,
     SERVICE_FLAG, 0, 0, NULL, NULL},
    {"store", "", "a file, or postgresql://…",
     "serve: database of jobs and readings; empty: a file in the usual place", SETTING_TEXT,
     SERVICE_TEXT, 0, 0, NULL, NULL},
    {"keys", "", "a file", "serve: API keys; empty: a file beside the database", SETTING_TEXT,
     SERVICE_TEXT, 0, 0, NULL, NULL},
    {"tls", "off", "off|auto|files",
     "serve: HTTPS; auto: with a certificate of its own, and a code for telephones", SETTING_CHOICE,
     SERVICE_NUMBER, 0, 0, NULL, NULL},
    {"tls_cert", "", "a file", "serve: PEM certificates of tls = files, its own first",
     SETTING_TEXT, SERVICE_TEXT, 0, 0, NULL, NULL},
    {"tls_key", "", "a file", "serve: PEM key of tls = files", SETTING_TEXT, SERVICE_TEXT, 0, 0,
     NULL, NULL},
    {"max_jobs", "1000", "1..1000000", "serve: jobs that wait; more are refused", SETTING_WHOLE,
     SERVICE_NUMBER, 1, 1e6, NULL, NULL},
    {"keep_days", "30", "0..36500", "serve: days after which readings are forgotten; 0: never",
     SETTING_WHOLE, SERVICE_NUMBER, 0, 36500, NULL, NULL},
    {"webhook_secret", "", "a file", "serve: secret that signs webhooks of jobs; empty: none",
     SETTING_TEXT, SERVICE_TEXT, 0, 0, NULL, NULL},
    {"webhook_private", "false", "true|false",
     "serve: whether webhooks may lead to addresses that are not public", SETTING_BOOL,
     SERVICE_FLAG, 0, 0, NULL, NULL},
    {"webhook_tries", "8", "1..30", "serve: attempts to deliver a webhook", SETTING_WHOLE,
     SERVICE_NUMBER, 1, 30, NULL, NULL},
    {"webhook_retry_s", "5", "0..3600",
     "serve: seconds before the second attempt; each later pause is twice as long", SETTING_WHOLE,
     SERVICE_NUMBER, 0, 3600, NULL, NULL},
    {"sandbox", "true", "true|false",
     "serve: whether processes that read are locked in (seccomp); not with a GPU", SETTING_BOOL,
     SERVICE_FLAG, 0, 0, NULL, NULL},
    {"keep_pictures", "false", "true|false",
     "serve: whether pictures are kept, as long as what was read of them", SETTING_BOOL,
     SERVICE_FLAG, 0, 0, NULL, NULL},
    {"drain_s", "30", "0..3600", "serve: seconds for the requests in work when it is told to end",
     SETTING_WHOLE, SERVICE_NUMBER, 0, 3600, NULL, NULL},
};

enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

struct se_settings {
    struct settings_all all;
    char *value[ROW_COUNT];  /* owned; NULL: the default */
    char *origin[ROW_COUNT]; /* owned; NULL: the default */
};

const struct settings_values *settings_values_of(const se_settings *settings)
{
    return &settings->all.values;
}

static const struct setting_row *find_row(const char *name);

/* ---- parsing -------------------------------------------------------------------------------- */

/* Parses a decimal number of at most 15 digits; its own parser, since strtod follows the locale. */
static bool parse_number(const char *text, size_t length, bool whole, double *out)
{
    const char *const end = text + length;
    const bool negative = text < end && *text == '-';
    if (text < end && (*text == '-' || *text == '+'))
        text++;
    double value = 0, unit = 1;
    int digits = 0;
    bool fraction = false;
    for (; text < end; text++) {
        if (*text == '.' && !fraction && !whole && digits > 0) {
            fraction = true;
            continue;
        }
        if (*text < '0' || *text > '9' || ++digits > 15)
            return false;
        value = value * 10 + (*text - '0');
        if (fraction)
            unit *= 10;
    }
    if (digits == 0 || end[-1] == '.')
        return false;
    value /= unit;
    *out = negative ? -value : value;
    return true;
}

static int refuse(const struct setting_row *row, const char *text, se_error *err)
{
    return se_fail(err, SE_ERR_SETTING, "%s = \"%.80s\" is not possible; it takes %s", row->name,
                   text, row->range);
}

static int parse_choice(const struct setting_row *row, const char *text, int *out, se_error *err)
{
    const size_t length = strlen(text);
    const char *choice = row->range;
    for (int index = 0; *choice; index++) {
        const size_t size = strcspn(choice, "|");
        if (size == length && memcmp(choice, text, size) == 0) {
            RETURN_ERROR_IF(row->refused && strcmp(row->refused, text) == 0, err, SE_ERR_SETTING,
                            "%s = %s is not possible: %s", row->name, text, row->reason);
            *out = index;
            return SE_OK;
        }
        choice += size + (choice[size] == '|');
    }
    RETURN_ERROR_IF(row->reason && !row->refused, err, SE_ERR_SETTING,
                    "%s = \"%.80s\" is not possible: %s", row->name, text, row->reason);
    return refuse(row, text, err);
}

static bool is_in_range(const struct setting_row *row, double value)
{
    return value >= row->low && value <= row->high;
}

static int parse_degrees(const struct setting_row *row, const char *text,
                         struct settings_values *values, se_error *err)
{
    double degrees[SETTINGS_MAX_ROTATIONS];
    int count = 0;
    for (const char *at = text;; at++) {
        at += strspn(at, " ");
        const size_t length = strcspn(at, ", ");
        if (count == SETTINGS_MAX_ROTATIONS || !parse_number(at, length, false, &degrees[count]) ||
            !is_in_range(row, degrees[count]))
            return refuse(row, text, err);
        count++;
        at += length;
        at += strspn(at, " ");
        if (!*at)
            break;
        if (*at != ',')
            return refuse(row, text, err);
    }
    memcpy(values->try_rotations, degrees, sizeof(degrees[0]) * (size_t)count);
    values->rotation_count = count;
    return SE_OK;
}

/* Bit of the look that is called so; 0: there is none. */
static unsigned look_bit(const char *name, size_t length)
{
    static const char *const plain[LOOK_TREATED] = {"barcode", "closer", "middle", "full", "turn"};
    for (int i = 0; i < LOOK_TREATED + IMG_TREATMENTS - 1; i++) {
        const char *known = i < LOOK_TREATED ? plain[i] : img_treatment_names[i - LOOK_TREATED + 1];
        if (strlen(known) == length && memcmp(known, name, length) == 0)
            return 1U << i;
    }
    return 0;
}

static int parse_looks(const struct setting_row *row, const char *text, unsigned *out,
                       se_error *err)
{
    unsigned looks = 0;
    if (strcmp(text, "all") == 0)
        looks = ~0U;
    else if (strcmp(text, "none") != 0)
        for (const char *at = text;; at++) {
            at += strspn(at, " ");
            const size_t length = strcspn(at, ", ");
            const unsigned bit = look_bit(at, length);
            at += length;
            at += strspn(at, " ");
            if (!bit || (*at && *at != ','))
                return refuse(row, text, err);
            looks |= bit;
            if (!*at)
                break;
        }
    *out = looks;
    return SE_OK;
}

int settings_preset_of(const char *name, enum setting_preset *out, se_error *err)
{
    int choice = 0;
    FORWARD_IF_ERROR(parse_choice(find_row("preset"), name, &choice, err));
    *out = (enum setting_preset)choice;
    return SE_OK;
}

/* Parses `text` into its place in `all`, which changes on success alone. Strings keep pointing at
 * `text`, which the caller owns. */
static int parse_value(const struct setting_row *row, const char *text, struct settings_all *all,
                       se_error *err)
{
    char *const place = (char *)all + row->offset;
    double number;
    int choice;
    switch (row->type) {
    case SETTING_TEXT:
        memcpy(place, &text, sizeof(text));
        return SE_OK;
    case SETTING_CHOICE:
        FORWARD_IF_ERROR(parse_choice(row, text, &choice, err));
        memcpy(place, &choice, sizeof(choice));
        return SE_OK;
    case SETTING_BOOL: {
        FORWARD_IF_ERROR(parse_choice(row, text, &choice, err));
        const bool value = choice == 0;
        memcpy(place, &value, sizeof(value));
        return SE_OK;
    }
    case SETTING_WHOLE: {
        if (!parse_number(text, strlen(text), true, &number) || !is_in_range(row, number))
            return refuse(row, text, err);
        const int value = (int)number;
        memcpy(place, &value, sizeof(value));
        return SE_OK;
    }
    case SETTING_REAL:
        if (!parse_number(text, strlen(text), false, &number) || !is_in_range(row, number))
            return refuse(row, text, err);
        memcpy(place, &number, sizeof(number));
        return SE_OK;
    case SETTING_DEGREES:
        return parse_degrees(row, text, &all->values, err);
    case SETTING_LOOKS: {
        unsigned looks = 0;
        FORWARD_IF_ERROR(parse_looks(row, text, &looks, err));
        memcpy(place, &looks, sizeof(looks));
        return SE_OK;
    }
    }
    return se_fail(err, SE_ERR_INTERNAL, "setting %s has no type", row->name);
}

/* ---- names ---------------------------------------------------------------------------------- */

/* How many letters must be changed, put in or taken out (Levenshtein 1966); names up to
 * NAME_MAX_LENGTH letters, longer ones are infinitely far. */
static int name_distance(const char *a, const char *b)
{
    const size_t size_a = strlen(a), size_b = strlen(b);
    if (size_a > NAME_MAX_LENGTH || size_b > NAME_MAX_LENGTH)
        return NAME_MAX_LENGTH;
    int row[NAME_MAX_LENGTH + 1];
    for (size_t k = 0; k <= size_b; k++)
        row[k] = (int)k;
    for (size_t i = 1; i <= size_a; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t k = 1; k <= size_b; k++) {
            const int changed = diagonal + (a[i - 1] != b[k - 1]);
            diagonal = row[k];
            const int moved = (row[k] < row[k - 1] ? row[k] : row[k - 1]) + 1;
            row[k] = changed < moved ? changed : moved;
        }
    }
    return row[size_b];
}

static const char *nearest_name(const char *name)
{
    const char *nearest = NULL;
    int best = NAME_MAX_DISTANCE + 1;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const int distance = name_distance(name, rows[i].name);
        if (distance < best) {
            best = distance;
            nearest = rows[i].name;
        }
    }
    return nearest;
}

/* Row of `name`, or NULL. */
static const struct setting_row *find_row(const char *name)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static int refuse_name(const char *name, se_error *err)
{
    const char *nearest = nearest_name(name);
    RETURN_ERROR_IF(nearest, err, SE_ERR_SETTING, "unknown setting \"%.60s\"; did you mean %s?",
                    name, nearest);
    return se_fail(err, SE_ERR_SETTING,
                   "unknown setting \"%.60s\"; \"serialeye config\" lists those there are", name);
}

/* ---- the public calls ----------------------------------------------------------------------- */

int se_settings_new(se_settings **out, se_error *error)
{
    RETURN_ERROR_IF(!out, error, SE_ERR_ARGUMENT, "se_settings_new: out is NULL");
    *out = NULL;
    se_settings *settings = calloc(1, sizeof(*settings));
    if (!settings)
        return se_fail_memory(error, "settings", sizeof(*settings));
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const int status = parse_value(&rows[i], rows[i].value, &settings->all, error);
        if (status != SE_OK) {
            se_settings_free(settings);
            return status;
        }
    }
    *out = settings;
    return SE_OK;
}

void se_settings_free(se_settings *settings)
{
    if (!settings)
        return;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        free(settings->value[i]);
        free(settings->origin[i]);
    }
    free(settings);
}

int se_settings_set(se_settings *settings, const char *name, const char *value, const char *origin,
                    se_error *error)
{
    RETURN_ERROR_IF(!settings || !name || !value, error, SE_ERR_ARGUMENT,
                    "se_settings_set: settings, name or value is NULL");
    const struct setting_row *row = find_row(name);
    if (!row)
        return refuse_name(name, error);
    RETURN_ERROR_IF(strlen(value) > SETTING_MAX_VALUE, error, SE_ERR_SETTING,
                    "%s: the value is longer than %d bytes", name, SETTING_MAX_VALUE);
    char *new_value = strdup(value);
    char *new_origin = strdup(origin ? origin : "call");
    int status = new_value && new_origin ? SE_OK : se_fail_memory(error, "a setting", 0);
    if (status == SE_OK)
        status = parse_value(row, new_value, &settings->all, error);
    if (status != SE_OK) {
        free(new_value);
        free(new_origin);
        return status;
    }
    const size_t index = (size_t)(row - rows);
    free(settings->value[index]);
    free(settings->origin[index]);
    settings->value[index] = new_value;
    settings->origin[index] = new_origin;
    return SE_OK;
}

const char *se_settings_get(const se_settings *settings, const char *name)
{
    const struct setting_row *row = settings && name ? find_row(name) : NULL;
    if (!row)
        return NULL;
    const char *value = settings->value[row - rows];
    return value ? value : row->value;
}

size_t se_settings_count(const se_settings *settings)
{
    (void)settings;
    return ROW_COUNT;
}

int se_settings_at(const se_settings *settings, size_t index, se_setting_info *info)
{
    if (!settings || !info || index >= ROW_COUNT)
        return SE_ERR_ARGUMENT;
    *info = (se_setting_info){
        .name = rows[index].name,
        .value = settings->value[index] ? settings->value[index] : rows[index].value,
        .origin = settings->origin[index] ? settings->origin[index] : "default",
        .range = rows[index].range,
        .description = rows[index].description,
    };
    return SE_OK;
}

int settings_copy(se_settings **out, const se_settings *from, se_error *err)
{
    FORWARD_IF_ERROR(se_settings_new(out, err));
    for (size_t i = 0; from && i < ROW_COUNT; i++) {
        if (!from->value[i])
            continue;
        const int status =
            se_settings_set(*out, rows[i].name, from->value[i], from->origin[i], err);
        if (status != SE_OK) {
            se_settings_free(*out);
            *out = NULL;
            return status;
        }
    }
    return SE_OK;
}
