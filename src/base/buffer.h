/*
 * Growing byte buffer with a declared maximum. Always '\0'-terminated once it holds memory, so that
 * text in it can be used as a string. Not thread safe.
 */
#ifndef SE_BASE_BUFFER_H
#define SE_BASE_BUFFER_H

#include <stddef.h>

#include "base/status.h"

struct buffer {
    char *data; /* owned; NULL while empty */
    size_t size, capacity, max;
};

void buffer_init(struct buffer *buffer, size_t max);
/* Appends; SE_ERR_LIMIT past `max`, SE_ERR_MEMORY when memory is spent. Unchanged on failure. */
int buffer_append(struct buffer *buffer, const void *bytes, size_t size, se_error *err);
int buffer_printf(struct buffer *buffer, se_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void buffer_free(struct buffer *buffer);

#endif
