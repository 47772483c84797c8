/*
 * Failures as problem details (RFC 9457), each with a stable code.
 *
 *   {"type": "urn:serialeye:problem:overload", "title": "Service Unavailable", "status": 503,
 *    "detail": "…", "code": "overload", "request_id": "…"}
 *
 * The codes are those of se_status_name, for pictures, and those of the table in problem.c.
 */
#ifndef SE_SERVE_PROBLEM_H
#define SE_SERVE_PROBLEM_H

#include "base/buffer.h"

/* The status of HTTP that goes with a code; 500 for one that is not known. */
unsigned problem_status(const char *code);
/* The reason phrase of a status that problem_status gives. */
const char *problem_title(unsigned status);
/* Appends the JSON. SE_ERR_MEMORY, SE_ERR_LIMIT. */
int problem_append(struct buffer *out, const char *code, const char *detail, const char *request_id,
                   se_error *err);

#endif
