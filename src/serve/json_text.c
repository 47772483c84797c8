#include "serve/json_text.h"

#include <string.h>

#include "base/utf8.h"

int json_text_append(struct buffer *out, const char *text, se_error *err)
{
    if (!text)
        return buffer_append(out, "null", 4, err);
    size_t left = strlen(text);
    FORWARD_IF_ERROR(buffer_append(out, "\"", 1, err));
    while (left > 0) {
        uint32_t code_point;
        char bytes[UTF8_MAX];
        const size_t used = utf8_get(text, left, &code_point);
        text += used;
        left -= used;
        if (code_point == '"' || code_point == '\\')
            FORWARD_IF_ERROR(buffer_printf(out, err, "\\%c", (char)code_point));
        else if (code_point < 0x20 || code_point == 0x7f)
            FORWARD_IF_ERROR(buffer_printf(out, err, "\\u%04x", (unsigned)code_point));
        else
            FORWARD_IF_ERROR(buffer_append(out, bytes, utf8_put(code_point, bytes), err));
    }
    return buffer_append(out, "\"", 1, err);
}
