/*
 * What came of one picture, as text: for people, as a JSON line, as a CSV row.
 */
#ifndef SE_CLI_OUTCOME_H
#define SE_CLI_OUTCOME_H

#include <stdbool.h>

#include "base/buffer.h"

enum outcome_format { OUTCOME_PLAIN, OUTCOME_JSON, OUTCOME_CSV };

struct outcome {
    const char *file;        /* as it was named */
    const se_result *result; /* NULL: it failed, and `error` says why */
    se_error error;
};

struct outcome_style {
    enum outcome_format format;
    bool name_files; /* plain: each picture's lines begin with its name */
    bool lines;      /* plain: all text lines too */
    bool explain;    /* plain: the evidence below each reading */
};

/* First line of a CSV file (RFC 4180), with its line end. */
extern const char outcome_csv_header[];

/*
 * Appends a picture's outcome, line ends included. CSV has one row a picture, for its first
 * reading. Plain text has nothing for a picture that failed: that goes to stderr. Control
 * characters never get into plain text. SE_ERR_MEMORY, SE_ERR_LIMIT.
 */
int outcome_append(const struct outcome *outcome, const struct outcome_style *style,
                   struct buffer *out, se_error *err);

#endif
