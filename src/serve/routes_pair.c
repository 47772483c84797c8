/*
 * A code of the terminal for a key.
 */
#include <jansson.h>
#include <string.h>

#include "serve/query.h"
#include "serve/routes.h"

enum { MAX_REPLY = 1024 };

static void reply_key(struct request *request, const char *code)
{
    struct buffer *out = &request->reply.body;
    char name[KEY_NAME_SIZE], key[KEY_SECRET_SIZE];
    se_error err;
    bool good = false;
    int status = pairing_exchange(request->service->pairing, code, &good, name, key, &err);
    if (status == SE_OK && !good) {
        request_fail(request, "forbidden",
                     "this code is not, or no longer, good; the service's "
                     "terminal shows the one that is");
        return;
    }
    buffer_init(out, MAX_REPLY);
    if (status == SE_OK)
        status = buffer_printf(out, &err, "{\"name\":\"%s\",\"key\":\"%s\"}\n", name, key);
    request_end_json(request, status, &err);
}

static void pair(struct request *request)
{
    json_error_t why;
    json_t *body = json_loadb(request->body.data ? request->body.data : "", request->body.size,
                              JSON_REJECT_DUPLICATES, &why);
    const char *code = json_string_value(json_object_get(body, "code"));
    if (!code || json_object_size(body) != 1)
        request_fail(request, "body", "the body takes {\"code\": \"…\"}");
    else
        reply_key(request, code);
    json_decref(body);
}

void routes_pair(struct request *request)
{
    if (!query_check(request, ""))
        return;
    if (request->service->pairing)
        request_errand(request, pair);
    else
        request_fail(request, "not_found", "this service gives no keys; it does with tls = auto");
}
