#define _GNU_SOURCE
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int file_map_open(struct file_map *map, const char *path, se_error *err)
{
    *map = (struct file_map){NULL, 0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not block us */
    RETURN_ERROR_IF(fd < 0, err, SE_ERR_IO, "%s: %s", path, strerror(errno));
    struct stat info;
    int status = SE_OK;
    if (fstat(fd, &info) != 0) {
        status = se_fail(err, SE_ERR_IO, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(info.st_mode)) {
        status = se_fail(err, SE_ERR_IO, "%s: not a regular file", path);
    } else if (info.st_size > 0) {
        void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            status = se_fail(err, SE_ERR_IO, "%s: %s", path, strerror(errno));
        else
            *map = (struct file_map){data, (size_t)info.st_size};
    }
    close(fd);
    return status;
}

void file_map_close(struct file_map *map)
{
    if (map->data)
        munmap((void *)(uintptr_t)map->data, map->size);
    *map = (struct file_map){NULL, 0};
}

int file_read_stream(FILE *stream, const char *name, struct buffer *buffer, se_error *err)
{
    char block[65536];
    size_t got;
    while ((got = fread(block, 1, sizeof(block), stream)) > 0) {
        RETURN_ERROR_IF(buffer->size + got > buffer->max, err, SE_ERR_LIMIT,
                        "%s: more than %zu bytes", name, buffer->max);
        FORWARD_IF_ERROR(buffer_append(buffer, block, got, err));
    }
    RETURN_ERROR_IF(ferror(stream), err, SE_ERR_IO, "%s: %s", name, strerror(errno));
    return SE_OK;
}
