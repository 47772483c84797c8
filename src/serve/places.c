#include "serve/places.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int copy(const char *path, char out[PLACE_SIZE], se_error *err)
{
    const int length = snprintf(out, PLACE_SIZE, "%s", path);
    RETURN_ERROR_IF(length >= PLACE_SIZE, err, SE_ERR_IO, "path too long: %.100s…", path);
    return SE_OK;
}

int place_of_store(const char *store, char out[PLACE_SIZE], se_error *err)
{
    if (*store)
        return copy(store, out, err);
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    const char *const folders[] = {"", "/serialeye"};
    char base[PLACE_SIZE - 64];
    int length;
    if (data && *data == '/')
        length = snprintf(base, sizeof(base), "%s", data);
    else
        length = snprintf(base, sizeof(base), "%s/.local/share", home ? home : "");
    RETURN_ERROR_IF((!data || *data != '/') && !home, err, SE_ERR_IO,
                    "store: neither HOME nor XDG_DATA_HOME is set; set store = FILE");
    RETURN_ERROR_IF(length >= (int)sizeof(base), err, SE_ERR_IO, "store: path too long");
    for (size_t i = 0; i < 2; i++) {
        snprintf(out, PLACE_SIZE, "%s%s", base, folders[i]);
        RETURN_ERROR_IF(mkdir(out, 0700) != 0 && errno != EEXIST, err, SE_ERR_IO, "store: %s: %s",
                        out, strerror(errno));
    }
    snprintf(out, PLACE_SIZE, "%s/serialeye/service.db", base);
    return SE_OK;
}

int place_beside(const char *store, const char *name, char out[PLACE_SIZE], se_error *err)
{
    const size_t size = strlen(name) + 1;
    FORWARD_IF_ERROR(place_of_store(store, out, err));
    char *slash = strrchr(out, '/');
    char *end = slash ? slash + 1 : out;
    RETURN_ERROR_IF((size_t)(end - out) + size > PLACE_SIZE, err, SE_ERR_IO,
                    "path too long: %.100s…", out);
    memcpy(end, name, size);
    return SE_OK;
}

int place_of_keys(const char *keys, const char *store, char out[PLACE_SIZE], se_error *err)
{
    return *keys ? copy(keys, out, err) : place_beside(store, "keys", out, err);
}
