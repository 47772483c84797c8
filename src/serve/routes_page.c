/*
 * The page and its files; the description of the routes.
 */
#include <string.h>

#include "serve/page.h"
#include "serve/routes.h"

/* Nothing from elsewhere, nothing inline; blob: is the pictures that the page was given. */
static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

const struct embedded_file *page_find(const char *name)
{
    for (const struct embedded_file *file = page_files; file->name; file++)
        if (strcmp(file->name, name) == 0)
            return file;
    return NULL;
}

static void reply_file(struct request *request, const struct embedded_file *file,
                       const char *policy)
{
    if (!file) {
        request_fail(request, "not_found", "there is nothing at %s", request->path);
        return;
    }
    struct reply *reply = &request->reply;
    const char *known = request_header(request, "If-None-Match");
    const bool same = known && strcmp(known, file->etag) == 0;
    reply->policy = policy;
    reply->etag = file->etag;
    reply->fixed = file->data;
    reply->fixed_size = same ? 0 : file->size;
    request_succeed(request, same ? 304 : 200, file->content_type);
}

void routes_page(struct request *request)
{
    reply_file(request, page_find("index.html"), page_policy);
}

void routes_page_file(struct request *request)
{
    reply_file(request, page_find(request->path_part), page_policy);
}

void routes_openapi(struct request *request)
{
    reply_file(request, &openapi_files[0], NULL);
}
