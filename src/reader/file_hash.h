/*
 * SHA-256 of a file (nettle).
 */
#ifndef SE_READER_FILE_HASH_H
#define SE_READER_FILE_HASH_H

#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

enum { SHA256_HEX_SIZE = 65 };

/* SHA-256 (FIPS 180-4) of all that is left in `file`, as lower case hexadecimal. SE_ERR_IO. `name`
 * is for messages. */
int sha256_of_stream(FILE *file, const char *name, char hex[SHA256_HEX_SIZE], uint64_t *size,
                     se_error *err);
/* The same of the file at `path`. */
int sha256_of_file(const char *path, char hex[SHA256_HEX_SIZE], uint64_t *size, se_error *err);

#endif
