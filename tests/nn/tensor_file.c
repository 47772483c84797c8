#include "tensor_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

struct cursor {
    const unsigned char *data;
    size_t at, size;
};

static bool take(struct cursor *cursor, void *out, size_t size)
{
    if (cursor->size - cursor->at < size)
        return false;
    memcpy(out, cursor->data + cursor->at, size);
    cursor->at += size;
    return true;
}

static bool read_entry(struct cursor *cursor, struct tensor_entry *entry)
{
    uint32_t length, rank, dim;
    if (!take(cursor, &length, 4) || length > 4096 || !(entry->name = calloc(length + 1, 1)) ||
        !take(cursor, entry->name, length) || !take(cursor, &rank, 4) || rank > NN_MAX_RANK)
        return false;
    entry->shape.rank = (int)rank;
    entry->count = 1;
    for (uint32_t i = 0; i < rank; i++) {
        if (!take(cursor, &dim, 4) || __builtin_mul_overflow(entry->count, dim, &entry->count))
            return false;
        entry->shape.dims[i] = dim;
    }
    if (entry->count > (cursor->size - cursor->at) / sizeof(float))
        return false;
    entry->data = malloc(entry->count * sizeof(float) + 1);
    return entry->data && take(cursor, entry->data, entry->count * sizeof(float));
}

static bool read_all(struct tensor_file *file, struct cursor *cursor)
{
    char magic[8];
    uint32_t count;
    if (!take(cursor, magic, 8) || memcmp(magic, "SETENSR1", 8) != 0 || !take(cursor, &count, 4) ||
        count > cursor->size / 8)
        return false;
    file->entries = calloc(count + 1, sizeof(*file->entries));
    if (!file->entries)
        return false;
    file->count = count;
    for (size_t i = 0; i < count; i++)
        if (!read_entry(cursor, &file->entries[i]))
            return false;
    return cursor->at == cursor->size;
}

int tensor_file_load(struct tensor_file *file, const char *path, se_error *err)
{
    struct file_map map;
    *file = (struct tensor_file){NULL, 0};
    FORWARD_IF_ERROR(file_map_open(&map, path, err));
    struct cursor cursor = {map.data, 0, map.size};
    const bool good = read_all(file, &cursor);
    file_map_close(&map);
    if (good)
        return SE_OK;
    tensor_file_free(file);
    return se_fail(err, SE_ERR_CORRUPT, "%s: not a dump of tensors, or too large", path);
}

void tensor_file_free(struct tensor_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        free(file->entries[i].name);
        free(file->entries[i].data);
    }
    free(file->entries);
    *file = (struct tensor_file){NULL, 0};
}

void tensor_to_channels_last(const struct nn_shape *nchw, const float *from, float *to)
{
    const int64_t c = nchw->dims[1], pixels = nchw->dims[2] * nchw->dims[3];
    for (int64_t n = 0; n < nchw->dims[0]; n++)
        for (int64_t i = 0; i < c; i++)
            for (int64_t p = 0; p < pixels; p++)
                to[(n * pixels + p) * c + i] = from[(n * c + i) * pixels + p];
}

void tensor_to_channels_first(const struct nn_shape *nchw, const float *from, float *to)
{
    const int64_t c = nchw->dims[1], pixels = nchw->dims[2] * nchw->dims[3];
    for (int64_t n = 0; n < nchw->dims[0]; n++)
        for (int64_t i = 0; i < c; i++)
            for (int64_t p = 0; p < pixels; p++)
                to[(n * c + i) * pixels + p] = from[(n * pixels + p) * c + i];
}
