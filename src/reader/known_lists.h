/*
 * Lists of known serial numbers by name: files of one folder, each read when it is first asked for,
 * and then kept as long as the reader. Any thread.
 */
#ifndef SE_READER_KNOWN_LISTS_H
#define SE_READER_KNOWN_LISTS_H

#include "serial/known_list.h"

enum { KNOWN_NAME_MAX = 64, KNOWN_LISTS_MAX = 64 };

struct known_lists;

/* `folder` is copied; "": there are none. SE_ERR_MEMORY. */
int known_lists_create(struct known_lists **out, const char *folder, se_error *err);
void known_lists_free(struct known_lists *lists);

/* *out lives as long as `lists`. SE_ERR_SETTING when there is no such list, or as known_list_open.
 */
int known_lists_get(struct known_lists *lists, const char *name, const struct known_list **out,
                    se_error *err);

#endif
