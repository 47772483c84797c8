#include "serve/kept_picture.h"

#include <sys/mman.h>

#include "serve/bundle.h"
#include "serve/outcome_json.h"

/* The picture that the first reading is of; the first one where there is none. */
static size_t part_to_keep(const struct work_picture *picture, size_t count)
{
    struct outcome_columns columns;
    if (*picture->code || outcome_columns_take(&columns, picture->text, NULL) != SE_OK)
        return 0;
    const json_t *first = json_array_get(json_object_get(columns.root, "readings"), 0);
    const json_int_t index = json_integer_value(json_object_get(first, "picture"));
    json_decref(columns.root);
    return index > 0 && (size_t)index < count ? (size_t)index : 0;
}

static int choose_part(struct kept_picture *kept, const struct work_picture *picture, se_error *err)
{
    se_picture parts[SE_DEVICE_MAX_PICTURES];
    size_t count;
    FORWARD_IF_ERROR(bundle_split(kept->map, kept->map_size, parts, &count, err));
    const se_picture *part = &parts[part_to_keep(picture, count)];
    kept->bytes = part->bytes;
    kept->size = part->size;
    return SE_OK;
}

int kept_picture_open(struct kept_picture *kept, const struct work_picture *picture, se_error *err)
{
    *kept = (struct kept_picture){.map_size = picture->size};
    if (picture->file < 0 || picture->size == 0)
        return SE_OK;
    void *bytes = mmap(NULL, picture->size, PROT_READ, MAP_PRIVATE, picture->file, 0);
    if (bytes == MAP_FAILED)
        return se_fail_memory(err, "a picture to be kept", picture->size);
    kept->map = bytes;
    kept->bytes = bytes;
    kept->size = picture->size;
    return picture->parts > 0 ? choose_part(kept, picture, err) : SE_OK;
}

void kept_picture_close(struct kept_picture *kept)
{
    if (kept->map)
        munmap(kept->map, kept->map_size);
    *kept = (struct kept_picture){.map = NULL};
}
