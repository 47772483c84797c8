/*
 * Pictures that arrive in a folder, once they are complete.
 *
 *   closed after writing, or moved in ─────────────┐
 *   found by a scan, and not changed for a while ──┴─> ready, in order of arrival
 *
 * The folder is watched before it is scanned, so that nothing falls between the two; when the
 * system has dropped events it is scanned again. Subfolders are not looked into.
 */
#ifndef SE_CLI_ARRIVALS_H
#define SE_CLI_ARRIVALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "serialeye.h"

struct arrival {
    char *name;       /* owned; in the folder */
    int64_t ready_ns; /* of clock_now_ns */
};

struct arrivals {
    const char *folder;
    int fd; /* of inotify */
    struct arrival *waiting;
    size_t count, capacity;
};

/* Begins to watch `folder` (not copied) and scans it. SE_ERR_IO, SE_ERR_MEMORY. */
int arrivals_open(struct arrivals *arrivals, const char *folder, se_error *err);
void arrivals_close(struct arrivals *arrivals);

/* Waits until a picture is ready, but at most `wait_ms`; moves up to `most` names, which the caller
 * frees, to names[*count]. A signal ends the wait. SE_ERR_IO when the folder is gone;
 * SE_ERR_MEMORY. */
int arrivals_take(struct arrivals *arrivals, int wait_ms, char **names, size_t most, size_t *count,
                  se_error *err);

#endif
