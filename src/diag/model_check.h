/*
 * The state of the model files on this machine: there, whole, and the ones they should be?
 */
#ifndef SE_DIAG_MODEL_CHECK_H
#define SE_DIAG_MODEL_CHECK_H

#include "base/status.h"
#include "reader/file_hash.h"
#include "reader/models.h"

enum model_state {
    MODEL_STATE_OK,
    MODEL_STATE_OWN, /* a path set by hand: whatever it holds is what was asked for */
    MODEL_STATE_MISSING,
    MODEL_STATE_UNREADABLE,
    MODEL_STATE_WRONG /* another size or another SHA-256 than the table's */
};

struct model_report {
    const struct model_file *file;
    enum model_state state;
    char *path;                   /* owned; NULL when it was not found */
    uint64_t size;                /* what is really there */
    char sha256[SHA256_HEX_SIZE]; /* what is really there; "" when it could not be read */
    char message[512];            /* what is wrong and what mends it; "" when nothing is */
};

/* Looks for a network (MODEL_DETECTOR, MODEL_RECOGNIZER) as se_open does and hashes it. Fails for
 * lack of memory only: what is wrong with the file is in the report. */
int model_report_make(const se_settings *settings, int model, struct model_report *out,
                      se_error *err);
void model_report_free(struct model_report *report);
/* "ok", "own", "missing", "unreadable", "wrong". Static storage. */
const char *model_state_name(enum model_state state);

#endif
