#include "diag/model_check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *model_state_name(enum model_state state)
{
    static const char *const names[] = {"ok", "own", "missing", "unreadable", "wrong"};
    return names[state];
}

/* Hashes report->path and judges it. */
static void judge(struct model_report *report, bool own)
{
    se_error why;
    if (sha256_of_file(report->path, report->sha256, &report->size, &why) != SE_OK) {
        report->state = MODEL_STATE_UNREADABLE;
        snprintf(report->message, sizeof(report->message), "%s", why.message);
    } else if (own) {
        report->state = MODEL_STATE_OWN;
    } else if (report->size != report->file->size) {
        report->state = MODEL_STATE_WRONG;
        snprintf(report->message, sizeof(report->message),
                 "%s has %" PRIu64 " bytes, %" PRIu64 " expected: run \"serialeye models fetch\"",
                 report->path, report->size, report->file->size);
    } else if (strcmp(report->sha256, report->file->sha256) != 0) {
        report->state = MODEL_STATE_WRONG;
        snprintf(report->message, sizeof(report->message),
                 "%s has SHA-256 %s, %s expected: run \"serialeye models fetch\"", report->path,
                 report->sha256, report->file->sha256);
    }
}

int model_report_make(const se_settings *settings, int model, struct model_report *out,
                      se_error *err)
{
    *out = (struct model_report){.file = &model_files[model], .state = MODEL_STATE_OK};
    se_error why;
    bool own;
    const int status = model_locate(settings_values_of(settings), model, &out->path, &own, &why);
    if (status == SE_ERR_MODEL) {
        out->state = MODEL_STATE_MISSING;
        snprintf(out->message, sizeof(out->message), "%s", why.message);
        return SE_OK;
    }
    RETURN_ERROR_IF(status != SE_OK, err, status, "%s", why.message);
    judge(out, own);
    return SE_OK;
}

void model_report_free(struct model_report *report)
{
    free(report->path);
    report->path = NULL;
}
