/*
 * Making results, and the accessors of the public header.
 */
#include "reader/result.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* Lines, readings and their characters of one picture; hostile pictures stop here. */
enum { RESULT_MAX_BYTES = 64 << 20 };

/* Copies text into the arena as valid UTF-8; NULL when memory is spent. */
static const char *copy_as_utf8(struct arena *arena, const char *text)
{
    const size_t size = strlen(text);
    char *copy = arena_alloc(arena, size + 1, 3); /* one bad byte grows to the 3 of U+FFFD */
    if (!copy)
        return NULL;
    size_t used = 0;
    for (size_t i = 0; i < size;) {
        uint32_t c;
        i += utf8_get(text + i, size - i, &c);
        used += utf8_put(c, copy + used);
    }
    copy[used] = '\0';
    return copy;
}

int result_create(struct se_result **out, const char *file, se_error *err)
{
    *out = NULL;
    struct se_result *result = calloc(1, sizeof(*result));
    if (!result)
        return se_fail_memory(err, "a result", sizeof(*result));
    arena_init(&result->arena, RESULT_MAX_BYTES);
    result->device = "cpu";
    if (file && !(result->file = copy_as_utf8(&result->arena, file))) {
        se_result_free(result);
        return se_fail_memory(err, "the name of a picture", strlen(file));
    }
    *out = result;
    return SE_OK;
}

void result_set_failure(struct se_result *result, const se_error *failure)
{
    result->status = failure->code;
    result->message = copy_as_utf8(&result->arena, failure->message);
    if (!result->message) /* the code alone still tells */
        result->message = se_status_name(failure->code);
    result->readings = NULL;
    result->reading_count = 0;
    result->lines = NULL;
    result->line_count = 0;
}

int result_finish(struct se_result *result, se_error *err)
{
    return result_to_json(result, &result->json, err);
}

void se_result_free(se_result *result)
{
    if (!result)
        return;
    for (size_t i = 0; i < result->part_count; i++)
        se_result_free(result->parts[i]);
    free(result->parts);
    arena_free(&result->arena);
    free(result->json);
    free(result);
}

int se_result_status(const se_result *result, const char **message)
{
    if (message)
        *message = result->status == SE_OK ? "" : result->message;
    return result->status;
}

void se_result_size(const se_result *result, uint32_t *width, uint32_t *height)
{
    *width = result->width;
    *height = result->height;
}

double se_result_ms(const se_result *result)
{
    return result->ms;
}

size_t se_result_reading_count(const se_result *result)
{
    return result->reading_count;
}

const se_reading *se_result_reading(const se_result *result, size_t index)
{
    return index < result->reading_count ? &result->readings[index] : NULL;
}

size_t se_result_picture_count(const se_result *result)
{
    return result->parts ? result->part_count : 1;
}

const se_result *se_result_picture(const se_result *result, size_t index)
{
    if (!result->parts)
        return index == 0 ? result : NULL;
    return index < result->part_count ? result->parts[index] : NULL;
}

const char *se_result_file(const se_result *result)
{
    return result->file;
}

size_t se_result_line_count(const se_result *result)
{
    return result->line_count;
}

const se_line *se_result_line(const se_result *result, size_t index)
{
    return index < result->line_count ? &result->lines[index] : NULL;
}

const char *se_result_json(const se_result *result)
{
    return result->json;
}
