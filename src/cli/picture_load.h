/*
 * A picture's bytes in memory.
 */
#ifndef SE_CLI_PICTURE_LOAD_H
#define SE_CLI_PICTURE_LOAD_H

#include "base/buffer.h"

enum { PICTURE_MAX_BYTES = 512 << 20 };

/*
 * Reads the file at `path` ("-": standard input) into `out`, an empty buffer, which the caller
 * frees. Read, not mapped: a file that shrinks meanwhile must not end the program. SE_ERR_IO,
 * SE_ERR_LIMIT past PICTURE_MAX_BYTES, SE_ERR_MEMORY.
 */
int picture_load(const char *path, struct buffer *out, se_error *err);

#endif
