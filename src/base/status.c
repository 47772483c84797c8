#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

const char *se_status_name(int status)
{
    static const char *const names[] = {"ok",           "argument",  "memory",      "io",
                                        "setting",      "model",     "unsupported", "empty",
                                        "unknown_type", "truncated", "corrupt",     "limit",
                                        "cancelled",    "device",    "internal"};
    const int count = (int)(sizeof(names) / sizeof(names[0]));
    return status <= 0 && status > -count ? names[-status] : "unknown";
}

int se_fail(se_error *err, int code, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        err->code = code;
        vsnprintf(err->message, sizeof(err->message), format, args);
        va_end(args);
    }
    return code;
}

int se_fail_memory(se_error *err, const char *what, size_t size)
{
    return se_fail(err, SE_ERR_MEMORY, "out of memory: %zu bytes for %s", size, what);
}

void se_error_clear(se_error *err)
{
    if (err) {
        err->code = SE_OK;
        err->message[0] = '\0';
    }
}
