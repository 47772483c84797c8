#include "diag/model_check.h"

#include <errno.h>
#include <inttypes.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

int sha256_of_stream(FILE *file, const char *name, char hex[SHA256_HEX_SIZE], uint64_t *size,
                     se_error *err)
{
    static const char digits[] = "0123456789abcdef";
    struct sha256_ctx context;
    uint8_t block[65536], digest[SHA256_DIGEST_SIZE];
    size_t got;
    *size = 0;
    sha256_init(&context);
    while ((got = fread(block, 1, sizeof(block), file)) > 0) {
        sha256_update(&context, got, block);
        *size += got;
    }
    RETURN_ERROR_IF(ferror(file), err, SE_ERR_IO, "%s: %s", name, strerror(errno));
    sha256_digest(&context, sizeof(digest), digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[2 * sizeof(digest)] = '\0';
    return SE_OK;
}

int sha256_of_file(const char *path, char hex[SHA256_HEX_SIZE], uint64_t *size, se_error *err)
{
    FILE *file = fopen(path, "rbe");
    RETURN_ERROR_IF(!file, err, SE_ERR_IO, "%s: %s", path, strerror(errno));
    const int status = sha256_of_stream(file, path, hex, size, err);
    fclose(file);
    return status;
}

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
