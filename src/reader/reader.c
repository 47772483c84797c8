/*
 * The public header's reader: open, read, read many, trim, close.
 */
#include "reader/reader.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "image/decode.h"
#include "reader/gpu.h"
#include "reader/models.h"
#include "reader/pipeline.h"

#define SE_STRING_(x) #x
#define SE_STRING(x) SE_STRING_(x)

const char *se_version(void)
{
    return SE_STRING(SE_VERSION_MAJOR) "." SE_STRING(SE_VERSION_MINOR) "." SE_STRING(
        SE_VERSION_PATCH);
}

/* ---- open and close ------------------------------------------------------------------------- */

static int open_models(struct se_reader *reader, se_error *err)
{
    const struct settings_values *values = &reader->values;
    struct model_paths paths;
    FORWARD_IF_ERROR(models_find(values, &paths, err));
    struct networks networks;
    int status = networks_open(values, &paths, &networks, err);
    reader->detector = networks.detector;
    reader->recognizer = networks.recognizer;
    reader->on_gpu = networks.on_gpu;
    if (status == SE_OK)
        status =
            networks_open_more(values, &paths, &networks, reader->more, &reader->more_count, err);
    model_paths_free(&paths);
    return status;
}

static int open_slots(struct se_reader *reader, se_error *err)
{
    const struct settings_values *values = &reader->values;
    const int cpus = pool_default_threads();
    reader->jobs = values->jobs > 0 ? values->jobs : cpus;
    const int wide = values->threads > 0 ? values->threads : cpus;
    const int narrow = values->threads > 0 ? values->threads : 1;
    struct slot_models models[1 + NETWORKS_MORE] = {
        {reader->detector, recognizer_model(reader->recognizer), values->device}};
    for (int i = 0; i < reader->more_count; i++)
        models[1 + i] = (struct slot_models){reader->more[i].detector,
                                             recognizer_model(reader->more[i].recognizer),
                                             reader->more[i].device};
    FORWARD_IF_ERROR(slots_create(&reader->slots, models, 1 + reader->more_count, wide,
                                  reader->jobs > 1 ? reader->jobs : 0, narrow,
                                  (size_t)values->arena_mb << 20, err));
    struct warm warm;
    if (!reader->on_gpu || (!values->gpu_warm && values->gpu_idle_s == 0))
        return SE_OK;
    warm_plan(values, &warm);
    return slots_keep(reader->slots, values->gpu_warm ? &warm : NULL,
                      (int64_t)values->gpu_idle_s * 1000000000, err);
}

static int open_reader(struct se_reader *reader, const se_settings *settings, se_error *err)
{
    FORWARD_IF_ERROR(settings_copy(&reader->settings, settings, err));
    reader->values = *settings_values_of(reader->settings);
    if (*reader->values.pattern)
        FORWARD_IF_ERROR(pattern_compile(&reader->pattern, reader->values.pattern, err));
    if (*reader->values.known)
        FORWARD_IF_ERROR(known_list_open(&reader->known, reader->values.known, err));
    FORWARD_IF_ERROR(known_lists_create(&reader->lists, reader->values.known_lists, err));
    if (*reader->values.formats)
        FORWARD_IF_ERROR(format_set_load(&reader->formats, reader->values.formats, err));
    FORWARD_IF_ERROR(open_models(reader, err));
    return open_slots(reader, err);
}

int se_open(se_reader **out, const se_settings *settings, se_error *error)
{
    RETURN_ERROR_IF(!out, error, SE_ERR_ARGUMENT, "se_open: out is NULL");
    *out = NULL;
    se_error_clear(error);
    struct se_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return se_fail_memory(error, "a reader", sizeof(*reader));
    const int status = open_reader(reader, settings, error);
    if (status != SE_OK) {
        se_close(reader);
        return status;
    }
    *out = reader;
    return SE_OK;
}

void se_close(se_reader *reader)
{
    if (!reader)
        return;
    slots_free(reader->slots);
    for (int i = 0; i < reader->more_count; i++)
        networks_close(&reader->more[i]);
    recognizer_close(reader->recognizer);
    nn_model_free(reader->detector);
    format_set_free(&reader->formats);
    pattern_free(reader->pattern);
    known_list_free(reader->known);
    known_lists_free(reader->lists);
    se_settings_free(reader->settings);
    free(reader);
}

void se_trim(se_reader *reader)
{
    if (reader)
        slots_trim(reader->slots);
}

/* ---- read ----------------------------------------------------------------------------------- */

/* The struct as it was in the first version: a caller compiled then is still served. */
enum { FIRST_OPTIONS_SIZE = offsetof(se_read_options, cancel) + sizeof(const se_cancel *) };

/* What the caller's struct lacks, or a later version added, stays at its default. */
se_read_options reader_options(const se_read_options *options)
{
    struct se_read_options all = SE_READ_OPTIONS_INIT;
    if (options)
        memcpy(&all, options, options->size < sizeof(all) ? options->size : sizeof(all));
    return all;
}

int reader_check_call(const se_reader *reader, const se_read_options *options, const void *out,
                      se_error *err)
{
    RETURN_ERROR_IF(!reader || !out, err, SE_ERR_ARGUMENT, "reader or out is NULL");
    RETURN_ERROR_IF(options && options->size < FIRST_OPTIONS_SIZE, err, SE_ERR_ARGUMENT,
                    "se_read_options.size is %zu; initialise with SE_READ_OPTIONS_INIT",
                    options->size);
    RETURN_ERROR_IF(options && options->time_limit_ms < -1, err, SE_ERR_ARGUMENT,
                    "se_read_options.time_limit_ms is %d; -1, 0 or more are possible",
                    options->time_limit_ms);
    return SE_OK;
}

/* Runs of both networks of a slot so far. */
static struct nn_exec_runs slot_runs(const struct slot *slot)
{
    const struct nn_exec_runs a = nn_exec_runs(slot->detector), b = nn_exec_runs(slot->recognizer);
    return (struct nn_exec_runs){.gpu = a.gpu + b.gpu,
                                 .spare = a.spare + b.spare,
                                 .short_batch = a.short_batch + b.short_batch,
                                 .short_picture = a.short_picture + b.short_picture,
                                 .short_image = a.short_image + b.short_image,
                                 .whole_map = a.whole_map + b.whole_map};
}

/* What computed a picture where there is a GPU. */
static const char *device_of(struct nn_exec_runs after, struct nn_exec_runs before)
{
    if (after.spare == before.spare)
        return "gpu";
    return after.gpu == before.gpu ? "cpu" : "gpu+cpu";
}

/* What a picture did without for lack of the GPU's memory or of room in it: enum result_short. */
static unsigned short_of(struct nn_exec_runs after, struct nn_exec_runs before)
{
    return (after.short_batch > before.short_batch ? RESULT_SHORT_BATCH : 0U) |
           (after.short_picture > before.short_picture ? RESULT_SHORT_PICTURE : 0U) |
           (after.short_image > before.short_image ? RESULT_SHORT_NETWORK : 0U) |
           (after.whole_map > before.whole_map ? RESULT_SHORT_MAP : 0U);
}

/* Reads one input on a slot; a failed picture leaves no result. */
static int read_one(se_reader *reader, const struct pipeline_input *input,
                    const se_read_options *options, bool side_by_side, struct se_result *result,
                    se_error *err)
{
    struct slot *slot = slots_acquire(reader->slots, side_by_side);
    const int64_t start = clock_now_ns();
    const int limit_ms =
        options->time_limit_ms >= 0 ? options->time_limit_ms : reader->values.time_limit_ms;
    const struct budget budget = {
        .deadline_ns = limit_ms > 0 ? start + (int64_t)limit_ms * 1000000 : 0,
        .cancel = options->cancel,
        .stages = &result->times,
    };
    const struct nn_exec_runs before = slot_runs(slot);
    const int status = pipeline_read(reader, slot, input, &budget, result, err);
    if (reader->on_gpu) {
        result->device = device_of(slot_runs(slot), before);
        result->gpu_short = short_of(slot_runs(slot), before);
    }
    slots_release(reader->slots, slot);
    result->ms = (double)(clock_now_ns() - start) / 1e6;
    return status;
}

/* The pattern of one call, *own to be freed after it where it is not the reader's. */
static int choose_pattern(const se_reader *reader, const struct se_read_options *options,
                          struct pattern **own, const struct automaton **pattern, se_error *err)
{
    const struct pattern *chosen = reader->pattern;
    *own = NULL;
    *pattern = NULL;
    if (options->pattern && *options->pattern)
        FORWARD_IF_ERROR(pattern_compile(own, options->pattern, err));
    if (options->pattern)
        chosen = *own;
    if (chosen)
        *pattern = pattern_automaton(chosen);
    return SE_OK;
}

static int choose_preset(const se_reader *reader, const struct se_read_options *options,
                         enum setting_preset *preset, se_error *err)
{
    *preset = reader->values.preset;
    return options->preset ? settings_preset_of(options->preset, preset, err) : SE_OK;
}

/* The list of one call; it lives as long as the reader. */
static int choose_known(const se_reader *reader, const struct se_read_options *options,
                        const struct known_list **known, se_error *err)
{
    *known = reader->known;
    return options->known ? known_lists_get(reader->lists, options->known, known, err) : SE_OK;
}

static int read_into_result(se_reader *reader, struct pipeline_input *input,
                            const se_read_options *options, se_result **out, se_error *err)
{
    struct se_result *result;
    struct pattern *own;
    FORWARD_IF_ERROR(choose_preset(reader, options, &input->preset, err));
    FORWARD_IF_ERROR(choose_known(reader, options, &input->known, err));
    FORWARD_IF_ERROR(choose_pattern(reader, options, &own, &input->pattern, err));
    int status = result_create(&result, options->name, err);
    if (status == SE_OK)
        status = read_one(reader, input, options, false, result, err);
    pattern_free(own);
    if (status == SE_OK)
        status = result_finish(result, err);
    if (status != SE_OK) {
        se_result_free(result);
        return status;
    }
    *out = result;
    return SE_OK;
}

int se_measure(const se_reader *reader, const void *bytes, size_t size, uint32_t *width,
               uint32_t *height, se_error *error)
{
    se_error_clear(error);
    RETURN_ERROR_IF(!reader || !width || !height || (!bytes && size > 0), error, SE_ERR_ARGUMENT,
                    "se_measure: reader, bytes, width or height is NULL");
    const struct img_limits limits = {(uint64_t)reader->values.max_pixels,
                                      (uint32_t)reader->values.max_side};
    struct img_info info;
    *width = *height = 0;
    FORWARD_IF_ERROR(img_probe(bytes ? bytes : "", size, &limits, &info, error));
    *width = (uint32_t)info.width;
    *height = (uint32_t)info.height;
    return SE_OK;
}

int se_read(se_reader *reader, const void *bytes, size_t size, const se_read_options *options,
            se_result **out, se_error *error)
{
    se_error_clear(error);
    FORWARD_IF_ERROR(reader_check_call(reader, options, out, error));
    *out = NULL;
    RETURN_ERROR_IF(!bytes && size > 0, error, SE_ERR_ARGUMENT, "bytes is NULL");
    const struct se_read_options all = reader_options(options);
    struct pipeline_input input = {
        .bytes = bytes ? bytes : "",
        .size = size,
        .lines = all.lines != 0,
        .explain = all.explain != 0,
    };
    return read_into_result(reader, &input, &all, out, error);
}

/* The caller's pixels as our image: RGBA goes over white, the others are used in place. */
static int adopt_pixels(const se_pixels *pixels, const struct settings_values *values,
                        struct image *image, bool *owned, se_error *err)
{
    RETURN_ERROR_IF(!pixels || !pixels->data, err, SE_ERR_ARGUMENT, "pixels is NULL");
    const int format = (int)pixels->format;
    RETURN_ERROR_IF(format != SE_PIXELS_GRAY8 && format != SE_PIXELS_RGB8 &&
                        format != SE_PIXELS_RGBA8,
                    err, SE_ERR_ARGUMENT, "pixel format %d is none of se_pixel_format", format);
    RETURN_ERROR_IF(pixels->width == 0 || pixels->height == 0, err, SE_ERR_EMPTY,
                    "picture of %u × %u pixels", pixels->width, pixels->height);
    RETURN_ERROR_IF(
        pixels->width > (uint32_t)values->max_side || pixels->height > (uint32_t)values->max_side ||
            (uint64_t)pixels->width * pixels->height > (uint64_t)values->max_pixels,
        err, SE_ERR_LIMIT, "picture of %u × %u pixels is over a limit (max_side %d, max_pixels %d)",
        pixels->width, pixels->height, values->max_side, values->max_pixels);
    RETURN_ERROR_IF(pixels->stride < (size_t)pixels->width * (size_t)format, err, SE_ERR_ARGUMENT,
                    "stride %zu is less than a row of %u pixels", pixels->stride, pixels->width);
    *owned = format == SE_PIXELS_RGBA8;
    if (!*owned) {
        *image = (struct image){(uint8_t *)(uintptr_t)pixels->data, (int)pixels->width,
                                (int)pixels->height, pixels->stride, format};
        return SE_OK;
    }
    FORWARD_IF_ERROR(image_create(image, (int)pixels->width, (int)pixels->height, 3, err));
    for (int y = 0; y < image->height; y++) {
        const uint8_t *from = pixels->data + (size_t)y * pixels->stride;
        uint8_t *to = image_row(image, y);
        for (int x = 0; x < image->width; x++, from += 4, to += 3)
            for (int c = 0; c < 3; c++)
                to[c] = (uint8_t)((from[c] * from[3] + 255 * (255 - from[3]) + 127) / 255);
    }
    return SE_OK;
}

int se_read_pixels(se_reader *reader, const se_pixels *pixels, const se_read_options *options,
                   se_result **out, se_error *error)
{
    se_error_clear(error);
    FORWARD_IF_ERROR(reader_check_call(reader, options, out, error));
    *out = NULL;
    struct image image;
    bool owned = false;
    FORWARD_IF_ERROR(adopt_pixels(pixels, &reader->values, &image, &owned, error));
    const struct se_read_options all = reader_options(options);
    struct pipeline_input input = {
        .pixels = &image, .lines = all.lines != 0, .explain = all.explain != 0};
    const int status = read_into_result(reader, &input, &all, out, error);
    if (owned)
        image_free(&image);
    return status;
}

/* ---- read many ------------------------------------------------------------------------------ */

struct batch {
    se_reader *reader;
    const se_picture *pictures;
    const struct se_read_options *options;
    se_result **results;
    size_t count;
    const struct automaton *pattern;
    bool strips; /* results keep what they were read from */
    enum setting_preset preset;
    const struct known_list *known;
    int *finish; /* [count] status of writing the JSON */
};

static void read_batch_piece(void *context, size_t i, int thread)
{
    (void)thread;
    const struct batch *batch = context;
    const se_picture *picture = &batch->pictures[i];
    struct se_read_options options = *batch->options;
    options.name = picture->name;
    const struct pipeline_input input = {.bytes = picture->bytes ? picture->bytes : "",
                                         .size = picture->size,
                                         .lines = options.lines != 0,
                                         .explain = options.explain != 0,
                                         .strips = batch->strips,
                                         .preset = batch->preset,
                                         .pattern = batch->pattern,
                                         .known = batch->known};
    se_error failure;
    if (read_one(batch->reader, &input, &options, batch->count > 1, batch->results[i], &failure))
        result_set_failure(batch->results[i], &failure);
    batch->finish[i] = result_finish(batch->results[i], NULL);
}

static int read_batch(struct batch *batch, se_error *err)
{
    for (size_t i = 0; i < batch->count; i++) {
        RETURN_ERROR_IF(!batch->pictures[i].bytes && batch->pictures[i].size > 0, err,
                        SE_ERR_ARGUMENT, "pictures[%zu].bytes is NULL", i);
        FORWARD_IF_ERROR(result_create(&batch->results[i], batch->pictures[i].name, err));
    }
    const size_t jobs = (size_t)batch->reader->jobs;
    struct pool *pool;
    FORWARD_IF_ERROR(pool_create(&pool, (int)(batch->count < jobs ? batch->count : jobs), err));
    pool_run(pool, read_batch_piece, batch, batch->count);
    pool_free(pool);
    for (size_t i = 0; i < batch->count; i++)
        RETURN_ERROR_IF(batch->finish[i] != SE_OK, err, batch->finish[i],
                        "out of memory: the result of picture %zu", i);
    return SE_OK;
}

int reader_read_batch(struct se_reader *reader, const se_picture *pictures, size_t count,
                      const se_read_options *options, bool strips, struct se_result **results,
                      se_error *err)
{
    struct batch batch = {.reader = reader,
                          .pictures = pictures,
                          .options = options,
                          .results = results,
                          .count = count,
                          .strips = strips,
                          .finish = calloc(count, sizeof(*batch.finish))};
    struct pattern *own = NULL;
    int status = batch.finish ? choose_preset(reader, options, &batch.preset, err)
                              : se_fail_memory(err, "a batch", count * sizeof(*batch.finish));
    if (status == SE_OK)
        status = choose_pattern(reader, options, &own, &batch.pattern, err);
    if (status == SE_OK)
        status = choose_known(reader, options, &batch.known, err);
    if (status == SE_OK)
        status = read_batch(&batch, err);
    pattern_free(own);
    free(batch.finish);
    for (size_t i = 0; status != SE_OK && i < count; i++) {
        se_result_free(results[i]);
        results[i] = NULL;
    }
    return status;
}

int se_read_batch(se_reader *reader, const se_picture *pictures, size_t count,
                  const se_read_options *options, se_result **results, se_error *error)
{
    se_error_clear(error);
    FORWARD_IF_ERROR(reader_check_call(reader, options, results, error));
    RETURN_ERROR_IF(!pictures && count > 0, error, SE_ERR_ARGUMENT, "pictures is NULL");
    RETURN_ERROR_IF(count > INT_MAX, error, SE_ERR_ARGUMENT, "%zu pictures are too many", count);
    if (count == 0)
        return SE_OK;
    memset(results, 0, count * sizeof(*results));
    const struct se_read_options all = reader_options(options);
    return reader_read_batch(reader, pictures, count, &all, false, results, error);
}
