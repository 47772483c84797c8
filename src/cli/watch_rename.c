#define _GNU_SOURCE
#include "cli/watch_rename.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum {
    MAX_NUMBER = 99999,
    MAX_JOURNAL_BYTES = 256 << 20,
    MAX_STEM = 100,
    LINE_SIZE = NAME_MAX + 64
};

/* ---- journal -------------------------------------------------------------------------------- */

/* "done SIZE SECONDS.NANOSECONDS NAME", or "left …"; false when there is no such file. */
static bool line_of(const struct watch_rename *rename, const char *what, const char *name,
                    char line[LINE_SIZE])
{
    struct stat info;
    if (fstatat(rename->folder, name, &info, 0) != 0)
        return false;
    snprintf(line, LINE_SIZE, "%s %lld %lld.%09ld %s", what, (long long)info.st_size,
             (long long)info.st_mtim.tv_sec, info.st_mtim.tv_nsec, name);
    return true;
}

static int keep_line(struct watch_rename *rename, const char *line, size_t length, se_error *err)
{
    if (rename->count == rename->capacity) {
        const size_t more = rename->capacity ? 2 * rename->capacity : 64;
        char **grown = realloc(rename->done, more * sizeof(*grown));
        if (!grown)
            return se_fail_memory(err, "names of pictures", more * sizeof(*grown));
        rename->done = grown;
        rename->capacity = more;
    }
    char *copy = strndup(line, length);
    if (!copy)
        return se_fail_memory(err, "the name of a picture", length);
    rename->done[rename->count++] = copy;
    return SE_OK;
}

/* Whole lines alone: a last one without its end was cut off. */
static int load_journal(struct watch_rename *rename, size_t *whole, se_error *err)
{
    struct buffer bytes;
    buffer_init(&bytes, MAX_JOURNAL_BYTES);
    int status = file_read_stream(rename->journal, WATCH_JOURNAL, &bytes, err);
    *whole = 0;
    for (size_t at = 0; status == SE_OK && at < bytes.size;) {
        const char *end = memchr(bytes.data + at, '\n', bytes.size - at);
        if (!end)
            break;
        status = keep_line(rename, bytes.data + at, (size_t)(end - bytes.data) - at, err);
        at = *whole = (size_t)(end - bytes.data) + 1;
    }
    buffer_free(&bytes);
    return status;
}

static int open_journal(struct watch_rename *rename, const char *folder, se_error *err)
{
    const int fd = openat(rename->folder, WATCH_JOURNAL,
                          O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
    rename->journal = fd >= 0 ? fdopen(fd, "a+b") : NULL;
    if (!rename->journal) {
        const int why = errno;
        if (fd >= 0)
            close(fd);
        return se_fail(err, SE_ERR_IO, "%s/%s: %s", folder, WATCH_JOURNAL, strerror(why));
    }
    size_t whole;
    FORWARD_IF_ERROR(load_journal(rename, &whole, err));
    RETURN_ERROR_IF(ftruncate(fd, (off_t)whole) != 0, err, SE_ERR_IO, "%s/%s: %s", folder,
                    WATCH_JOURNAL, strerror(errno));
    return SE_OK;
}

int watch_rename_open(struct watch_rename *rename, const char *folder, se_error *err)
{
    *rename = (struct watch_rename){.folder = -1};
    rename->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    RETURN_ERROR_IF(rename->folder < 0, err, SE_ERR_IO, "%s: %s", folder, strerror(errno));
    const int status = open_journal(rename, folder, err);
    if (status != SE_OK)
        watch_rename_close(rename);
    return status;
}

void watch_rename_close(struct watch_rename *rename)
{
    for (size_t i = 0; i < rename->count; i++)
        free(rename->done[i]);
    free(rename->done);
    if (rename->journal)
        fclose(rename->journal);
    if (rename->folder >= 0)
        close(rename->folder);
    *rename = (struct watch_rename){.folder = -1};
}

static bool holds(const struct watch_rename *rename, const char *line)
{
    for (size_t i = rename->count; i-- > 0;)
        if (strcmp(rename->done[i], line) == 0)
            return true;
    return false;
}

bool watch_rename_is_done(const struct watch_rename *rename, const char *name, bool left)
{
    char line[LINE_SIZE];
    if (!line_of(rename, "done", name, line) || holds(rename, line))
        return true;
    return left && line_of(rename, "left", name, line) && holds(rename, line);
}

static int note(struct watch_rename *rename, const char *what, const char *name, se_error *err)
{
    char line[LINE_SIZE];
    if (strchr(name, '\n') || !line_of(rename, what, name, line))
        return SE_OK; /* gone meanwhile, or no name for a line: it is read again at the next start
                       */
    RETURN_ERROR_IF(fprintf(rename->journal, "%s\n", line) < 0 || fflush(rename->journal) != 0, err,
                    SE_ERR_IO, "%s: %s", WATCH_JOURNAL, strerror(errno));
    return keep_line(rename, line, strlen(line), err);
}

int watch_rename_leave(struct watch_rename *rename, const char *name, se_error *err)
{
    return note(rename, "left", name, err);
}

/* ---- names ---------------------------------------------------------------------------------- */

/* The serial number as the beginning of a file's name. */
static void stem_of(const char *serial, char stem[MAX_STEM + 1])
{
    size_t length = 0;
    for (; serial[length] && length < MAX_STEM; length++) {
        const char c = serial[length];
        const bool letter =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        stem[length] = letter || (length > 0 && (c == '-' || c == '.')) ? c : '_';
    }
    stem[length] = '\0';
}

/* Is the name the serial number, alone or with a number behind it? */
static bool is_named(const char *name, const char *stem, const char *extension)
{
    const size_t length = strlen(stem), before = strlen(name) - strlen(extension);
    if (before < length || strncmp(name, stem, length) != 0)
        return false;
    if (before == length)
        return true;
    const char *number = name + length + 1;
    return name[length] == '_' && number < name + before &&
           strspn(number, "0123456789") == (size_t)(name + before - number);
}

/* Renames unless the new name is taken (EEXIST). */
static int rename_new(int folder, const char *from, const char *to)
{
    if (renameat2(folder, from, folder, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    /* A file system without that: a second name, which is never put over another, then the first
     * one goes. */
    if (linkat(folder, from, folder, to, 0) != 0)
        return -1;
    return unlinkat(folder, from, 0);
}

int watch_rename_do(struct watch_rename *rename, const char *name, const char *serial, char *now,
                    se_error *err)
{
    char stem[MAX_STEM + 1];
    const char *dot = strrchr(name, '.'), *extension = dot ? dot : "";
    stem_of(serial, stem);
    snprintf(now, NAME_MAX + 1, "%s", name);
    if (is_named(name, stem, extension))
        return note(rename, "done", name, err);
    for (int number = 1; number <= MAX_NUMBER; number++) {
        if (number == 1)
            snprintf(now, NAME_MAX + 1, "%s%s", stem, extension);
        else
            snprintf(now, NAME_MAX + 1, "%s_%d%s", stem, number, extension);
        if (rename_new(rename->folder, name, now) == 0)
            return note(rename, "done", now, err);
        if (errno != EEXIST)
            break;
    }
    return se_fail(err, SE_ERR_IO, "%s to %s: %s", name, now, strerror(errno));
}
