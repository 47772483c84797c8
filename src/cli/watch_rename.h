/*
 * Pictures get the name of the serial number that is on them.
 *
 * The folder's file WATCH_JOURNAL says which files were done, and which were read and left as they
 * were: that word, size, time of change, name, a line each. It is written after the renaming; a
 * file whose line is missing because the program was ended in between is read once more, and
 * already has its name.
 */
#ifndef SE_CLI_WATCH_RENAME_H
#define SE_CLI_WATCH_RENAME_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buffer.h"

#define WATCH_JOURNAL ".serialeye-watch"

struct watch_rename {
    int folder; /* descriptor */
    FILE *journal;
    char **done; /* lines without their ends */
    size_t count, capacity;
};

/* SE_ERR_IO, SE_ERR_MEMORY; after a failure nothing is left to close. */
int watch_rename_open(struct watch_rename *rename, const char *folder, se_error *err);
void watch_rename_close(struct watch_rename *rename);
/* Is the file, as it is now, done, or (with `left`) was it left? Also true when it is not there. */
bool watch_rename_is_done(const struct watch_rename *rename, const char *name, bool left);
/* Renames the picture to `serial` and its own extension, "_2", "_3" … behind the serial where that
 * is taken; characters other than letters, digits, '-', '.' and '_' become '_'. Never writes over a
 * file. `now` (NAME_MAX + 1 bytes) is its name afterwards. Notes it as done. SE_ERR_IO. */
int watch_rename_do(struct watch_rename *rename, const char *name, const char *serial, char *now,
                    se_error *err);
/* Notes a file that keeps its name because the reading was not sure. SE_ERR_IO, SE_ERR_MEMORY. */
int watch_rename_leave(struct watch_rename *rename, const char *name, se_error *err);

#endif
