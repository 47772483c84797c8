/*
 * What is printed on the pictures of a test set, from a table or from the names of the files.
 *
 * A table is a file of tab-separated values whose first line names the columns, in any order:
 *
 *   file     below the table's folder, "/" between folders
 *   serial   what the first reading should be, "|" between accepted forms; "-": the picture has no
 *            single right answer; "none": it has no serial number
 *   kind     for figures apart (may lack)
 *   codes    all codes that are printed there, "|" between (may lack)
 *
 * Other columns are passed over. Quotes have no meaning. Empty lines are passed over. Text is
 * UTF-8.
 */
#ifndef SE_DIAG_TRUTH_H
#define SE_DIAG_TRUTH_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/status.h"

struct truth_row {
    const char *file; /* as in the table */
    const char *path; /* with the table's folder */
    const char *kind; /* "" where there is no such column */
    const char *serial, *codes;
};

struct truth {
    struct truth_row *rows;
    size_t count;
    bool has_codes; /* any row has */
    struct arena arena;
};

/* The serial of a row that asks for none: "-" or "none". */
bool truth_has_serial(const struct truth_row *row);

/*
 * Reads the table at `path`. The table is not trusted: files must lie below its folder (no absolute
 * names, no ".."), each stands in one row only, sizes are bounded. SE_ERR_IO; SE_ERR_CORRUPT and
 * SE_ERR_LIMIT name file and line; SE_ERR_MEMORY. After a failure nothing is left to free.
 */
int truth_load(struct truth *out, const char *path, se_error *err);

/* Takes pictures that are named by their serial numbers: of "AB12CD.jpg" and "AB12CD_2.jpg" it is
 * AB12CD. `paths` are copied. SE_ERR_CORRUPT for a name without one; SE_ERR_MEMORY. */
int truth_from_names(struct truth *out, const char *const *paths, size_t count, se_error *err);

void truth_free(struct truth *truth);

#endif
