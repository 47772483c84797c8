/*
 * Which pictures an earlier run has written about already: the names in its JSON lines or CSV file.
 */
#ifndef SE_CLI_RESUME_H
#define SE_CLI_RESUME_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/outcome.h"

struct resume_names {
    char **names; /* owned, sorted */
    size_t count, capacity;
    size_t end; /* bytes of the file up to the end of its last whole line or row */
};

/*
 * Reads the file at `path`; one that is not there or empty has no names. A last line or row without
 * its line end was cut off when the run ended: it does not count and `end` stands before it.
 * SE_ERR_IO; SE_ERR_CORRUPT (names file and line) for anything else that is not such a file;
 * SE_ERR_MEMORY. On failure nothing is left to free.
 */
int resume_read(struct resume_names *out, const char *path, enum outcome_format format,
                se_error *err);
/* Was `file`, as it was named on the command line, written about? */
bool resume_has(const struct resume_names *names, const char *file);
void resume_free(struct resume_names *names);

#endif
