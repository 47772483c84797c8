#define _GNU_SOURCE
#include "cli/arrivals.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/budget.h"
#include "base/status.h"
#include "cli/picture_list.h"

/* A file that a scan finds may still be written to; one that is this old is not, or its end will be
 * seen as an event. */
static const int64_t SETTLED_NS = 2000000000;

enum { MAX_WAITING = 1000000, MS_NS = 1000000 };

static struct arrival *find(struct arrivals *arrivals, const char *name)
{
    for (size_t i = 0; i < arrivals->count; i++)
        if (strcmp(arrivals->waiting[i].name, name) == 0)
            return &arrivals->waiting[i];
    return NULL;
}

static int add(struct arrivals *arrivals, const char *name, int64_t ready_ns, se_error *err)
{
    if (name[0] == '.' || !picture_list_is_picture(name))
        return SE_OK;
    struct arrival *known = find(arrivals, name);
    if (known) {
        known->ready_ns = ready_ns;
        return SE_OK;
    }
    RETURN_ERROR_IF(arrivals->count == MAX_WAITING, err, SE_ERR_LIMIT,
                    "%s: more than %d pictures wait", arrivals->folder, MAX_WAITING);
    if (arrivals->count == arrivals->capacity) {
        const size_t more = arrivals->capacity ? 2 * arrivals->capacity : 64;
        struct arrival *grown = realloc(arrivals->waiting, more * sizeof(*grown));
        if (!grown)
            return se_fail_memory(err, "names of pictures", more * sizeof(*grown));
        arrivals->waiting = grown;
        arrivals->capacity = more;
    }
    char *copy = strdup(name);
    if (!copy)
        return se_fail_memory(err, "the name of a picture", strlen(name));
    arrivals->waiting[arrivals->count++] = (struct arrival){copy, ready_ns};
    return SE_OK;
}

/* ---- scan ----------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* When a file will have been left alone for long enough. */
static int64_t settled_at(const struct stat *info)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const int64_t age = ((int64_t)now.tv_sec - info->st_mtim.tv_sec) * 1000000000 +
                        (now.tv_nsec - info->st_mtim.tv_nsec);
    const int64_t left = SETTLED_NS - age;
    return clock_now_ns() + (left < 0 ? 0 : left > SETTLED_NS ? SETTLED_NS : left);
}

static int add_found(struct arrivals *arrivals, int folder, char **names, size_t count,
                     se_error *err)
{
    qsort(names, count, sizeof(*names), by_name);
    for (size_t i = 0; i < count; i++) {
        struct stat info;
        if (fstatat(folder, names[i], &info, 0) == 0 && S_ISREG(info.st_mode))
            FORWARD_IF_ERROR(add(arrivals, names[i], settled_at(&info), err));
    }
    return SE_OK;
}

static int list(DIR *dir, char ***names, size_t *count, se_error *err)
{
    size_t capacity = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!picture_list_is_picture(entry->d_name))
            continue;
        if (*count == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            char **grown = realloc(*names, capacity * sizeof(*grown));
            if (!grown)
                return se_fail_memory(err, "a folder", capacity * sizeof(*grown));
            *names = grown;
        }
        (*names)[*count] = strdup(entry->d_name);
        if (!(*names)[*count])
            return se_fail_memory(err, "the name of a picture", strlen(entry->d_name));
        ++*count;
    }
    return SE_OK;
}

static int scan(struct arrivals *arrivals, se_error *err)
{
    DIR *dir = opendir(arrivals->folder);
    RETURN_ERROR_IF(!dir, err, SE_ERR_IO, "%s: %s", arrivals->folder, strerror(errno));
    char **names = NULL;
    size_t count = 0;
    int status = list(dir, &names, &count, err);
    if (status == SE_OK)
        status = add_found(arrivals, dirfd(dir), names, count, err);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    closedir(dir);
    return status;
}

/* ---- events --------------------------------------------------------------------------------- */

static int take_event(struct arrivals *arrivals, const struct inotify_event *event, se_error *err)
{
    RETURN_ERROR_IF(event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED), err,
                    SE_ERR_IO, "%s: the folder is gone", arrivals->folder);
    if (event->mask & IN_Q_OVERFLOW)
        return scan(arrivals, err);
    if (event->len == 0 || (event->mask & IN_ISDIR))
        return SE_OK;
    return add(arrivals, event->name, clock_now_ns(), err);
}

static int take_events(struct arrivals *arrivals, se_error *err)
{
    _Alignas(struct inotify_event) char bytes[64 << 10];
    for (;;) {
        const ssize_t size = read(arrivals->fd, bytes, sizeof(bytes));
        if (size < 0 && (errno == EAGAIN || errno == EINTR))
            return SE_OK;
        RETURN_ERROR_IF(size <= 0, err, SE_ERR_IO, "%s: %s", arrivals->folder, strerror(errno));
        for (size_t at = 0; at < (size_t)size;) {
            const struct inotify_event *event = (const struct inotify_event *)(bytes + at);
            FORWARD_IF_ERROR(take_event(arrivals, event, err));
            at += sizeof(*event) + event->len;
        }
    }
}

int arrivals_open(struct arrivals *arrivals, const char *folder, se_error *err)
{
    *arrivals = (struct arrivals){.folder = folder};
    arrivals->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    RETURN_ERROR_IF(arrivals->fd < 0, err, SE_ERR_IO, "inotify: %s", strerror(errno));
    const uint32_t events =
        IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
    int status = SE_OK;
    if (inotify_add_watch(arrivals->fd, folder, events) < 0)
        status = se_fail(err, SE_ERR_IO, "%s: %s", folder, strerror(errno));
    if (status == SE_OK)
        status = scan(arrivals, err);
    if (status != SE_OK)
        arrivals_close(arrivals);
    return status;
}

void arrivals_close(struct arrivals *arrivals)
{
    for (size_t i = 0; i < arrivals->count; i++)
        free(arrivals->waiting[i].name);
    free(arrivals->waiting);
    close(arrivals->fd);
    *arrivals = (struct arrivals){.fd = -1};
}

/* Milliseconds until the first one is ready, `most` at most. */
static int time_left(const struct arrivals *arrivals, int most)
{
    int64_t left = (int64_t)most * MS_NS;
    const int64_t now = clock_now_ns();
    for (size_t i = 0; i < arrivals->count; i++)
        if (arrivals->waiting[i].ready_ns - now < left)
            left = arrivals->waiting[i].ready_ns - now;
    return left <= 0 ? 0 : (int)((left + MS_NS - 1) / MS_NS);
}

int arrivals_take(struct arrivals *arrivals, int wait_ms, char **names, size_t most, size_t *count,
                  se_error *err)
{
    struct pollfd poller = {.fd = arrivals->fd, .events = POLLIN};
    *count = 0;
    poll(&poller, 1, time_left(arrivals, wait_ms));
    FORWARD_IF_ERROR(take_events(arrivals, err));
    const int64_t now = clock_now_ns();
    size_t kept = 0;
    for (size_t i = 0; i < arrivals->count; i++) {
        struct arrival *one = &arrivals->waiting[i];
        if (*count < most && one->ready_ns <= now)
            names[(*count)++] = one->name;
        else
            arrivals->waiting[kept++] = *one;
    }
    arrivals->count = kept;
    return SE_OK;
}
