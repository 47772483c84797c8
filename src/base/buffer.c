#include "base/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_init(struct buffer *buffer, size_t max)
{
    *buffer = (struct buffer){.max = max};
}

/* Makes room for `extra` bytes and the terminator behind them. */
static int buffer_reserve(struct buffer *buffer, size_t extra, se_error *err)
{
    RETURN_ERROR_IF(extra > buffer->max || buffer->size > buffer->max - extra, err, SE_ERR_LIMIT,
                    "buffer would pass its limit of %zu bytes", buffer->max);
    const size_t needed = buffer->size + extra + 1;
    if (needed <= buffer->capacity)
        return SE_OK;
    size_t capacity = buffer->capacity ? buffer->capacity : 256;
    while (capacity < needed)
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    char *data = realloc(buffer->data, capacity);
    if (!data)
        return se_fail_memory(err, "a growing buffer", capacity);
    buffer->data = data;
    buffer->capacity = capacity;
    return SE_OK;
}

int buffer_append(struct buffer *buffer, const void *bytes, size_t size, se_error *err)
{
    FORWARD_IF_ERROR(buffer_reserve(buffer, size, err));
    if (size)
        memcpy(buffer->data + buffer->size, bytes, size);
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
    return SE_OK;
}

int buffer_printf(struct buffer *buffer, se_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    int status = length < 0 ? se_fail(err, SE_ERR_INTERNAL, "bad format \"%s\"", format)
                            : buffer_reserve(buffer, (size_t)length, err);
    if (status == SE_OK) {
        vsnprintf(buffer->data + buffer->size, (size_t)length + 1, format, again);
        buffer->size += (size_t)length;
    }
    va_end(again);
    return status;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    buffer_init(buffer, buffer->max);
}
