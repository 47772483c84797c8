/*
 * Several pictures of one device: read side by side, then joined.
 */
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "reader/convert.h"
#include "reader/reader.h"
#include "serial/same_device.h"

_Static_assert((int)SE_DEVICE_MAX_PICTURES == (int)SER_MAX_PICTURES, "as the header says");

/* Readings of all pictures that could be read into `result`, which owns the parts. */
static int join_parts(const struct se_reader *reader, struct se_result *result, se_error *err)
{
    const struct ser_output *outputs[SER_MAX_PICTURES];
    for (size_t i = 0; i < result->part_count; i++) {
        const struct se_result *part = result->parts[i];
        outputs[i] = part->status == SE_OK ? &part->found : NULL;
        result->limited_by_time |= part->limited_by_time;
        result->gpu_short |= part->gpu_short;
    }
    FORWARD_IF_ERROR(ser_join(outputs, result->part_count, &result->arena, &result->found, err));
    result->readings = convert_readings(&result->found, reader->values.max_error, &result->arena);
    result->reading_count = result->readings ? result->found.count : 0;
    return result->readings ? SE_OK : se_fail_memory(err, "a result", result->arena.max);
}

/* Why the first picture failed, when all did. */
static int fail_like_parts(const struct se_result *result, se_error *err)
{
    for (size_t i = 0; i < result->part_count; i++)
        if (result->parts[i]->status == SE_OK)
            return SE_OK;
    const struct se_result *first = result->parts[0];
    return se_fail(err, first->status, "%s%s%s", first->file ? first->file : "",
                   first->file ? ": " : "", first->message);
}

/* What computed all parts, where that was the same; else both. */
static const char *device_of_parts(const struct se_result *result)
{
    for (size_t i = 1; i < result->part_count; i++)
        if (strcmp(result->parts[i]->device, result->parts[0]->device) != 0)
            return "gpu+cpu";
    return result->parts[0]->device;
}

static int read_device(struct se_reader *reader, const se_picture *pictures, size_t count,
                       const se_read_options *options, struct se_result *result, se_error *err)
{
    const int64_t start = clock_now_ns();
    result->parts = calloc(count, sizeof(struct se_result *));
    if (!result->parts)
        return se_fail_memory(err, "results", count * sizeof(struct se_result *));
    FORWARD_IF_ERROR(reader_read_batch(reader, pictures, count, options, true, result->parts, err));
    result->part_count = count;
    result->device = device_of_parts(result);
    FORWARD_IF_ERROR(fail_like_parts(result, err));
    result->with_evidence = options->explain != 0;
    FORWARD_IF_ERROR(join_parts(reader, result, err));
    result->ms = (double)(clock_now_ns() - start) / 1e6;
    return result_finish(result, err);
}

int se_read_device(se_reader *reader, const se_picture *pictures, size_t count,
                   const se_read_options *options, se_result **out, se_error *error)
{
    struct se_result *result;
    se_error_clear(error);
    FORWARD_IF_ERROR(reader_check_call(reader, options, out, error));
    *out = NULL;
    RETURN_ERROR_IF(!pictures || count == 0, error, SE_ERR_ARGUMENT, "there are no pictures");
    RETURN_ERROR_IF(count > SE_DEVICE_MAX_PICTURES, error, SE_ERR_LIMIT,
                    "%zu pictures of one device; at most %d are read together", count,
                    SE_DEVICE_MAX_PICTURES);
    const se_read_options all = reader_options(options);
    RETURN_ERROR_IF(all.lines, error, SE_ERR_ARGUMENT,
                    "lines of text are those of one picture: read each on its own");
    FORWARD_IF_ERROR(result_create(&result, NULL, error));
    const int status = read_device(reader, pictures, count, &all, result, error);
    if (status != SE_OK) {
        se_result_free(result);
        return status;
    }
    *out = result;
    return SE_OK;
}
