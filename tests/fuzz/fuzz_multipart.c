/*
 * Fuzz target: a multipart body. The first line is the content type, the rest the body.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "serve/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char type[256];
    struct multipart multipart;
    struct multipart_part part;
    bool more = true;
    const uint8_t *end = memchr(data, '\n', size);
    const size_t length = end ? (size_t)(end - data) : 0;
    if (!end || length >= sizeof(type))
        return 0;
    memcpy(type, data, length);
    type[length] = '\0';
    const char *body = (const char *)end + 1;
    const size_t body_size = size - length - 1;
    if (multipart_begin(&multipart, type, body, body_size, NULL) != SE_OK)
        return 0;
    const char *at = body;
    while (multipart_next(&multipart, &part, &more, NULL) == SE_OK && more) {
        /* Parts lie in the body, one behind the other, and their names are text. */
        if (part.data < at || part.data + part.size > body + body_size ||
            strlen(part.name) >= sizeof(part.name) || strlen(part.file) >= sizeof(part.file))
            abort();
        at = part.data + part.size;
    }
    return 0;
}
