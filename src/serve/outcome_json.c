#include "serve/outcome_json.h"

#include <string.h>

#include "serve/json_text.h"

int outcome_json_append(struct buffer *out, const char *file, const char *code, const char *message,
                        const char *result, se_error *err)
{
    if (!code)
        return buffer_append(out, result ? result : "null", result ? strlen(result) : 4, err);
    FORWARD_IF_ERROR(buffer_printf(out, err, "{\"file\":"));
    FORWARD_IF_ERROR(json_text_append(out, file, err));
    FORWARD_IF_ERROR(buffer_printf(out, err, ",\"error\":{\"code\":\"%s\",\"message\":", code));
    FORWARD_IF_ERROR(json_text_append(out, message, err));
    return buffer_append(out, "}}", 2, err);
}

int outcome_columns_take(struct outcome_columns *columns, const char *result, se_error *err)
{
    *columns = (struct outcome_columns){.root = json_loads(result, 0, NULL), .score = -1};
    if (!json_is_object(columns->root)) {
        json_decref(columns->root);
        columns->root = NULL;
        return se_fail(err, SE_ERR_CORRUPT, "the answer of a worker process is no JSON object");
    }
    const json_t *first = json_array_get(json_object_get(columns->root, "readings"), 0);
    columns->text = json_string_value(json_object_get(first, "text"));
    columns->printed = json_string_value(json_object_get(first, "printed"));
    columns->kind = json_string_value(json_object_get(first, "kind"));
    columns->format = json_string_value(json_object_get(first, "format"));
    columns->status = json_string_value(json_object_get(first, "status"));
    if (json_is_number(json_object_get(first, "score")))
        columns->score = json_number_value(json_object_get(first, "score"));
    return SE_OK;
}
