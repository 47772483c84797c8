/*
 * The formats in force as text: the table's own and those of the user's file.
 */
#ifndef SE_DIAG_FORMAT_LIST_H
#define SE_DIAG_FORMAT_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"

enum { FORMAT_LIST_EXAMPLES = 4 };

/* Strings are "" where there is nothing to say. */
struct format_entry {
    const char *name, *kind, *source, *pattern, *starts, *makers, *check, *flags;
    double bare, announced;                                              /* log-odds */
    const char *pass[FORMAT_LIST_EXAMPLES], *fail[FORMAT_LIST_EXAMPLES]; /* NULL behind the last */
    bool own;                                                            /* of the user's file */
};

struct format_list {
    struct format_entry *entries;
    size_t count;
    struct arena arena; /* holds all */
};

/* What se_open would use. SE_ERR_MEMORY, and what makes a user's file be refused; then nothing is
 * left to free. */
int format_list_make(struct format_list *out, const se_settings *settings, se_error *err);
void format_list_free(struct format_list *list);

#endif
