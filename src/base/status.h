/*
 * Error reporting: functions that can fail return SE_OK or a negative se_status and describe the
 * failure in an optional se_error. A message names what was wrong, where, and what to do.
 */
#ifndef SE_BASE_STATUS_H
#define SE_BASE_STATUS_H

#include "serialeye.h"

/* Fills *err (may be NULL) with `code` and the formatted message; returns `code`. */
int se_fail(se_error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The usual failure of an allocation of `size` bytes for `what`; returns SE_ERR_MEMORY. */
int se_fail_memory(se_error *err, const char *what, size_t size);

/* Clears *err (may be NULL) to SE_OK and an empty message. */
void se_error_clear(se_error *err);

#define RETURN_ERROR_IF(condition, err, code, ...)                                                 \
    do {                                                                                           \
        if (condition)                                                                             \
            return se_fail((err), (code), __VA_ARGS__);                                            \
    } while (0)

#define FORWARD_IF_ERROR(expression)                                                               \
    do {                                                                                           \
        int forward_status_ = (expression);                                                        \
        if (forward_status_ != SE_OK)                                                              \
            return forward_status_;                                                                \
    } while (0)

#endif
