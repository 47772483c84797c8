/*
 * The bytes that are kept beside a reading: those of its picture, or, of several pictures of one
 * device, of the one that the first reading's quad is in.
 */
#ifndef SE_SERVE_KEPT_PICTURE_H
#define SE_SERVE_KEPT_PICTURE_H

#include "serve/work.h"

struct kept_picture {
    const void *bytes; /* inside `map`; NULL: nothing is kept */
    size_t size;
    void *map;
    size_t map_size;
};

/* Maps the picture's file, if it has one. SE_ERR_MEMORY. */
int kept_picture_open(struct kept_picture *kept, const struct work_picture *picture, se_error *err);
void kept_picture_close(struct kept_picture *kept);

#endif
