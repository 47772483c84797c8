#include "serve/engine_words.h"

#include <stddef.h>
#include <string.h>

const char engine_device_code[] = "device";

static const struct {
    const char *code, *message;
} given_up_messages[] = {
    {"deadline", "not read before the deadline of the request"},
    {"cancelled", "the request was cancelled"},
    {"draining", "the service is being shut down"},
    {"memory", "out of memory"},
};

const char *engine_given_up(const char *code)
{
    for (size_t i = 0; i < sizeof(given_up_messages) / sizeof(given_up_messages[0]); i++)
        if (strcmp(given_up_messages[i].code, code) == 0)
            return given_up_messages[i].message;
    return code;
}

const char *engine_lost(const char *code)
{
    if (strcmp(code, engine_device_code) == 0)
        return "the GPU failed twice, in two processes";
    return strcmp(code, "worker_stuck") == 0
               ? "two processes did not come to an end with this picture"
               : "two processes ended while they read this picture";
}
