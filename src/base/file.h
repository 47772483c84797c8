/*
 * Whole files and streams in memory, with a limit.
 */
#ifndef SE_BASE_FILE_H
#define SE_BASE_FILE_H

#include <stdint.h>
#include <stdio.h>

#include "base/buffer.h"

/* A file mapped read-only. */
struct file_map {
    const unsigned char *data; /* NULL for an empty file */
    size_t size;
};

/* Maps `path`; SE_ERR_IO names the file and the system's reason. Only regular files. */
int file_map_open(struct file_map *map, const char *path, se_error *err);
void file_map_close(struct file_map *map);

/* Appends all of `stream` to `buffer`; SE_ERR_LIMIT past the buffer's maximum. `name` is for
 * messages. */
int file_read_stream(FILE *stream, const char *name, struct buffer *buffer, se_error *err);

#endif
