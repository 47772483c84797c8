#include "cli/read_device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "cli/picture_load.h"
#include "cli/text.h"

enum { MAX_OUTCOME_BYTES = 64 << 20 };

/* The pictures of a device in memory. */
struct loaded {
    struct buffer *bytes;
    se_picture *pictures;
    size_t count; /* that could be read from their files */
};

static void say_failure(struct read_counts *counts, const char *path, const se_error *error)
{
    text_say_failure(path, error);
    counts->failed++;
}

/* A file that cannot be read takes no part, like a broken picture. */
static int load(const struct picture_list *list, struct loaded *loaded, struct read_counts *counts,
                se_error *err)
{
    loaded->bytes = calloc(list->count, sizeof(*loaded->bytes));
    loaded->pictures = calloc(list->count, sizeof(*loaded->pictures));
    if (!loaded->bytes || !loaded->pictures)
        return se_fail_memory(err, "pictures", list->count * sizeof(*loaded->pictures));
    for (size_t i = 0; i < list->count; i++) {
        const struct picture_entry *entry = &list->entries[i];
        struct buffer *bytes = &loaded->bytes[loaded->count];
        se_error failure = entry->problem;
        if (failure.code == SE_OK && picture_load(entry->path, bytes, &failure) == SE_OK) {
            loaded->pictures[loaded->count++] = (se_picture){bytes->data, bytes->size, entry->path};
            continue;
        }
        buffer_free(bytes);
        say_failure(counts, entry->path, &failure);
        *err = failure;
    }
    return loaded->count > 0 ? SE_OK : err->code;
}

static void unload(struct loaded *loaded)
{
    for (size_t i = 0; loaded->bytes && i < loaded->count; i++)
        buffer_free(&loaded->bytes[i]);
    free(loaded->bytes);
    free(loaded->pictures);
}

/* ---- plain ---------------------------------------------------------------------------------- */

/* The pictures that show something else, a line each. */
static int append_against(const se_result *result, const se_reading *reading, struct buffer *out,
                          se_error *err)
{
    for (size_t i = 0; i < reading->seen_count; i++) {
        const se_sighting *seen = &reading->seen[i];
        if (seen->agrees)
            continue;
        const char *file = se_result_file(se_result_picture(result, seen->picture));
        char *clean = text_printable(file ? file : "");
        if (!clean)
            return se_fail_memory(err, "a name", 0);
        const int status =
            buffer_printf(out, err, "    %s shows %s  %.4f\n", clean, seen->text, seen->score);
        free(clean);
        FORWARD_IF_ERROR(status);
    }
    return SE_OK;
}

static int append_plain(const se_result *result, struct buffer *out, se_error *err)
{
    const size_t count = se_result_reading_count(result);
    if (count == 0)
        return buffer_printf(out, err, "no serial number found\n");
    for (size_t i = 0; i < count; i++) {
        const se_reading *reading = se_result_reading(result, i);
        size_t agree = 0;
        for (size_t k = 0; k < reading->seen_count; k++)
            agree += reading->seen[k].agrees != 0;
        char *clean = text_printable(reading->text);
        if (!clean)
            return se_fail_memory(err, "a reading", 0);
        const int status = buffer_printf(out, err, "%s  %s  %s %.4f  in %zu of %zu pictures\n",
                                         clean, reading->kind, reading->status, reading->score,
                                         agree, se_result_picture_count(result));
        free(clean);
        FORWARD_IF_ERROR(status);
        FORWARD_IF_ERROR(append_against(result, reading, out, err));
    }
    return SE_OK;
}

/* --------------------------------------------------------------------------------------------- */

static int write_outcome(const struct read_job *job, const se_result *result, se_error *err)
{
    struct buffer out;
    buffer_init(&out, MAX_OUTCOME_BYTES);
    int status = job->style.format == OUTCOME_JSON
                     ? buffer_printf(&out, err, "%s\n", se_result_json(result))
                     : append_plain(result, &out, err);
    if (status == SE_OK &&
        (fwrite(out.data, 1, out.size, job->out) != out.size || fflush(job->out) != 0))
        status = se_fail(err, SE_ERR_IO, "%s: %s", job->out_name, strerror(errno));
    buffer_free(&out);
    return status;
}

static void count_failures(const se_result *result, struct read_counts *counts)
{
    for (size_t i = 0; i < se_result_picture_count(result); i++) {
        const se_result *part = se_result_picture(result, i);
        const char *message;
        se_error error = {.code = se_result_status(part, &message)};
        if (error.code == SE_OK)
            continue;
        snprintf(error.message, sizeof(error.message), "%s", message);
        say_failure(counts, se_result_file(part), &error);
    }
}

int read_device(const struct read_job *job, struct read_counts *counts, se_error *err)
{
    struct loaded loaded = {.count = 0};
    se_result *result = NULL;
    se_read_options options = SE_READ_OPTIONS_INIT;
    options.explain = job->explain;
    options.cancel = job->cancel;
    *counts = (struct read_counts){0};
    int status = load(job->pictures, &loaded, counts, err);
    if (status == SE_OK)
        status = se_read_device(job->reader, loaded.pictures, loaded.count, &options, &result, err);
    if (status == SE_OK) {
        counts->read = loaded.count;
        count_failures(result, counts);
        status = write_outcome(job, result, err);
    }
    se_result_free(result);
    unload(&loaded);
    return status;
}
