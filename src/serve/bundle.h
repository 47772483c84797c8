/*
 * Several pictures of one device in one file, on their way to a worker process.
 *
 *   ┌──────┬──────┬───────┬──────┬──────┬───────┬ …
 *   │ size │ name │ bytes │ size │ name │ bytes │    size: 8 bytes, as this machine has them;
 *   └──────┴──────┴───────┴──────┴──────┴───────┴ …  name: ends with '\0', "" for none
 */
#ifndef SE_SERVE_BUNDLE_H
#define SE_SERVE_BUNDLE_H

#include "base/buffer.h"
#include "serialeye.h"

/* Appends one picture; its name may be NULL. SE_ERR_MEMORY, SE_ERR_LIMIT (the buffer's). */
int bundle_append(struct buffer *out, const se_picture *picture, se_error *err);

/* Finds the pictures of a bundle, at most SE_DEVICE_MAX_PICTURES. They point into `bytes`; a name
 * is NULL where none was given. SE_ERR_CORRUPT for what is no bundle. */
int bundle_split(const void *bytes, size_t size, se_picture pictures[SE_DEVICE_MAX_PICTURES],
                 size_t *count, se_error *err);

#endif
