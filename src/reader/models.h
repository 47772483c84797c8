/*
 * Which model files there are, and where they lie.
 *
 * The files come with one pinned Python wheel (`serialeye models fetch`, src/diag); nothing is ever
 * fetched while pictures are read. Opening a reader checks that a file is there and has its known
 * size; its SHA-256 is checked when it is fetched and by `serialeye models verify`.
 */
#ifndef SE_READER_MODELS_H
#define SE_READER_MODELS_H

#include <stdint.h>

#include "base/status.h"
#include "reader/settings.h"

/* Rows of model_files: the networks first, the licences of the networks behind them. */
enum { MODEL_DETECTOR, MODEL_RECOGNIZER, MODEL_COUNT, MODEL_FILE_COUNT = MODEL_COUNT + 2 };

struct model_file {
    const char *name;   /* in the models folder */
    const char *member; /* in the wheel */
    uint64_t size;      /* bytes */
    const char *sha256; /* lower case hexadecimal */
    const char *what;   /* for people */
};

extern const struct model_file model_files[MODEL_FILE_COUNT];

enum { MODEL_MAX_FOLDERS = 16 };

/* Folders that are searched, in this order; the first is the one that is fetched into. */
struct model_folders {
    char *path[MODEL_MAX_FOLDERS]; /* owned */
    int count;
};

/* The setting `models` alone where it is set; else $XDG_DATA_HOME/serialeye/models (without it
 * ~/.local/share/…), the same in each of $XDG_DATA_DIRS (without it /usr/local/share and
 * /usr/share), and in the data folder of this installation. SE_ERR_MEMORY. */
int model_folders_find(const struct settings_values *values, struct model_folders *out,
                       se_error *err);
void model_folders_free(struct model_folders *folders);

/* Path of a network (MODEL_DETECTOR, MODEL_RECOGNIZER) as a new string in *out (free), whatever the
 * file holds. A path in the settings is taken as it is: *own is then true. SE_ERR_MODEL when it is
 * in no folder; the message names the command that mends it. */
int model_locate(const struct settings_values *values, int model, char **out, bool *own,
                 se_error *err);

struct model_paths {
    char *detector, *recognizer; /* owned */
};

/* model_locate of both; SE_ERR_MODEL also when a file that is not the user's own has another size
 * than in the table. */
int models_find(const struct settings_values *values, struct model_paths *out, se_error *err);
void model_paths_free(struct model_paths *paths);

#endif
