#include "serve/reading_json.h"

#include <string.h>

#include "serve/json_text.h"

static int append_text(struct buffer *out, const char *name, const char *text, se_error *err)
{
    FORWARD_IF_ERROR(buffer_printf(out, err, ",\"%s\":", name));
    return json_text_append(out, text, err);
}

int reading_json_append(struct buffer *out, const struct store_reading *reading, bool result,
                        se_error *err)
{
    const struct {
        const char *name, *text;
    } texts[] = {
        {"at", reading->at},
        {"job", reading->job},
        {"client", reading->client},
        {"file", reading->file},
        {"sha256", reading->hash},
        {"text", reading->text},
        {"printed", reading->printed},
        {"kind", reading->kind},
        {"format", reading->format},
        {"status", reading->status},
        {"corrected", reading->corrected},
    };
    FORWARD_IF_ERROR(buffer_printf(out, err, "{\"id\":%lld", (long long)reading->id));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        FORWARD_IF_ERROR(append_text(out, texts[i].name, texts[i].text, err));
    if (reading->score >= 0)
        FORWARD_IF_ERROR(buffer_printf(out, err, ",\"score\":%.6g", reading->score));
    else
        FORWARD_IF_ERROR(buffer_printf(out, err, ",\"score\":null"));
    if (reading->error) {
        FORWARD_IF_ERROR(buffer_printf(out, err, ",\"error\":{\"code\":"));
        FORWARD_IF_ERROR(json_text_append(out, reading->error, err));
        FORWARD_IF_ERROR(append_text(out, "message", reading->message, err));
        FORWARD_IF_ERROR(buffer_append(out, "}", 1, err));
    } else {
        FORWARD_IF_ERROR(buffer_printf(out, err, ",\"error\":null"));
    }
    FORWARD_IF_ERROR(
        buffer_printf(out, err, ",\"picture\":%s", reading->has_picture ? "true" : "false"));
    if (result && reading->result) {
        FORWARD_IF_ERROR(buffer_printf(out, err, ",\"result\":"));
        FORWARD_IF_ERROR(buffer_append(out, reading->result, strlen(reading->result), err));
    }
    return buffer_append(out, "}", 1, err);
}
