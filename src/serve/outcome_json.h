/*
 * What came of one picture, as JSON: the result, or the object of a picture that failed
 * (docs/contract.md); and the columns that tables have of it.
 */
#ifndef SE_SERVE_OUTCOME_JSON_H
#define SE_SERVE_OUTCOME_JSON_H

#include <jansson.h>

#include "base/buffer.h"

/* Appends `result`, or, when `code` is not NULL, the failure. */
int outcome_json_append(struct buffer *out, const char *file, const char *code, const char *message,
                        const char *result, se_error *err);

/* The first reading of a result. Texts belong to `root` and are NULL where there is none. */
struct outcome_columns {
    json_t *root; /* json_decref */
    const char *text, *printed, *kind, *format, *status;
    double score; /* < 0: none */
};

/* SE_ERR_CORRUPT when `result` is no JSON object: a worker process has lost its mind. */
int outcome_columns_take(struct outcome_columns *columns, const char *result, se_error *err);

#endif
