#include "serve/work.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "serve/link.h"

int work_picture_init(struct work_picture *picture, const void *bytes, size_t size,
                      const char *name, se_error *err)
{
    struct sha256_ctx hash;
    *picture = (struct work_picture){.file = -1, .size = size};
    snprintf(picture->name, sizeof(picture->name), "%s", name ? name : "");
    sha256_init(&hash);
    sha256_update(&hash, size, bytes);
    sha256_digest(&hash, sizeof(picture->hash), picture->hash);
    return link_memory_file(&picture->file, bytes, size, err);
}

int work_picture_weight(const struct work_picture *picture)
{
    return picture->parts > 0 ? picture->parts : 1;
}

void work_picture_free(struct work_picture *picture)
{
    if (picture->file >= 0)
        close(picture->file);
    picture->file = -1;
    free(picture->text);
    picture->text = NULL;
}
