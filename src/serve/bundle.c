#include "serve/bundle.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/status.h"

int bundle_append(struct buffer *out, const se_picture *picture, se_error *err)
{
    const uint64_t size = picture->size;
    const char *name = picture->name ? picture->name : "";
    FORWARD_IF_ERROR(buffer_append(out, &size, sizeof(size), err));
    FORWARD_IF_ERROR(buffer_append(out, name, strlen(name) + 1, err));
    return buffer_append(out, picture->bytes, picture->size, err);
}

/* Takes the picture at *at off the `left` bytes there. */
static bool take_one(const char **at, size_t *left, se_picture *picture)
{
    uint64_t size;
    if (*left < sizeof(size))
        return false;
    memcpy(&size, *at, sizeof(size));
    const char *name = *at + sizeof(size);
    const char *end = memchr(name, '\0', *left - sizeof(size));
    if (!end)
        return false;
    const char *bytes = end + 1;
    *left -= (size_t)(bytes - *at);
    if (size > *left)
        return false;
    *picture = (se_picture){bytes, (size_t)size, *name ? name : NULL};
    *left -= (size_t)size;
    *at = bytes + size;
    return true;
}

int bundle_split(const void *bytes, size_t size, se_picture pictures[SE_DEVICE_MAX_PICTURES],
                 size_t *count, se_error *err)
{
    const char *at = bytes;
    *count = 0;
    while (size > 0) {
        RETURN_ERROR_IF(*count == SE_DEVICE_MAX_PICTURES, err, SE_ERR_CORRUPT,
                        "more than %d pictures in a bundle", SE_DEVICE_MAX_PICTURES);
        RETURN_ERROR_IF(!take_one(&at, &size, &pictures[*count]), err, SE_ERR_CORRUPT,
                        "picture %zu of a bundle ends early", *count);
        (*count)++;
    }
    return SE_OK;
}
