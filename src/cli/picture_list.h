/*
 * Which pictures a command line names: files, folders that are searched, "-" for standard input.
 *
 * The order is that of the arguments and, inside a folder, of the names as bytes: the same on every
 * run and in every locale.
 */
#ifndef SE_CLI_PICTURE_LIST_H
#define SE_CLI_PICTURE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "serialeye.h"

struct picture_entry {
    char *path;       /* owned; as it was given, or below the folder that was given */
    se_error problem; /* not SE_OK: what stood here could not even be listed */
};

struct picture_list {
    struct picture_entry *entries; /* owned */
    size_t count, capacity;
    bool searched; /* an argument was a folder */
};

/*
 * Adds a file, or all pictures in and below a folder: regular files, by the extensions of the types
 * that are read, without those whose names begin with a dot. Symbolic links are followed, each
 * folder is visited once. A folder that cannot be read becomes an entry with a problem. A path that
 * is no folder is added as it is. SE_ERR_MEMORY only.
 */
int picture_list_add(struct picture_list *list, const char *path, se_error *err);
/* Is it the name of a picture, by its extension? */
bool picture_list_is_picture(const char *name);
void picture_list_free(struct picture_list *list);

#endif
