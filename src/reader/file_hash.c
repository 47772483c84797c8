#include "reader/file_hash.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <string.h>

int sha256_of_stream(FILE *file, const char *name, char hex[SHA256_HEX_SIZE], uint64_t *size,
                     se_error *err)
{
    static const char digits[] = "0123456789abcdef";
    struct sha256_ctx context;
    uint8_t block[65536], digest[SHA256_DIGEST_SIZE];
    size_t got;
    *size = 0;
    sha256_init(&context);
    while ((got = fread(block, 1, sizeof(block), file)) > 0) {
        sha256_update(&context, got, block);
        *size += got;
    }
    RETURN_ERROR_IF(ferror(file), err, SE_ERR_IO, "%s: %s", name, strerror(errno));
    sha256_digest(&context, sizeof(digest), digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[2 * sizeof(digest)] = '\0';
    return SE_OK;
}

int sha256_of_file(const char *path, char hex[SHA256_HEX_SIZE], uint64_t *size, se_error *err)
{
    FILE *file = fopen(path, "rbe");
    RETURN_ERROR_IF(!file, err, SE_ERR_IO, "%s: %s", path, strerror(errno));
    const int status = sha256_of_stream(file, path, hex, size, err);
    fclose(file);
    return status;
}
