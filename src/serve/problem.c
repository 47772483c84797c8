#include "serve/problem.h"

#include <string.h>

#include "serve/json_text.h"

static const struct {
    const char *code;
    unsigned status;
} codes[] = {
    /* of a picture: se_status_name */
    {"argument", 400},
    {"memory", 503},
    {"io", 503},
    {"setting", 400}, /* those of the service were checked: a pattern that is not understood */
    {"model", 500},
    {"unsupported", 415},
    {"empty", 422},
    {"unknown_type", 415},
    {"truncated", 422},
    {"corrupt", 422},
    {"limit", 413},
    {"cancelled", 503},
    {"device", 500},
    {"internal", 500},
    /* of a picture, by the service */
    {"worker_crashed", 500},
    {"worker_stuck", 500},
    {"refused", 422},
    {"deadline", 503},
    {"draining", 503},
    {"not_ready", 503},
    /* of a request */
    {"unauthorized", 401},
    {"forbidden", 403},
    {"parameter", 400},
    {"body", 400},
    {"not_found", 404},
    {"method", 405},
    {"too_large", 413},
    {"media_type", 415},
    {"rate", 429},
    {"overload", 503},
    {"idempotency", 422},
};

static const struct {
    unsigned status;
    const char *title;
} titles[] = {
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
};

unsigned problem_status(const char *code)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strcmp(codes[i].code, code) == 0)
            return codes[i].status;
    return 500;
}

const char *problem_title(unsigned status)
{
    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Error";
}

int problem_append(struct buffer *out, const char *code, const char *detail, const char *request_id,
                   se_error *err)
{
    const unsigned status = problem_status(code);
    FORWARD_IF_ERROR(buffer_printf(out, err,
                                   "{\"type\":\"urn:serialeye:problem:%s\",\"title\":\"%s\","
                                   "\"status\":%u,\"detail\":",
                                   code, problem_title(status), status));
    FORWARD_IF_ERROR(json_text_append(out, detail, err));
    FORWARD_IF_ERROR(buffer_printf(out, err, ",\"code\":\"%s\",\"request_id\":", code));
    FORWARD_IF_ERROR(json_text_append(out, request_id, err));
    return buffer_append(out, "}\n", 2, err);
}
