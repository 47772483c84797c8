#include "serve/access.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "serve/request.h"

static bool is_loopback(const char *client)
{
    return strncmp(client, "127.", 4) == 0 || strcmp(client, "::1") == 0;
}

/* Is the name in "name:port" or "[address]:port" an address or localhost? A name that others may
 * make point here (DNS rebinding) is neither. */
static bool is_own_name(const char *host)
{
    char name[64];
    unsigned char address[sizeof(struct in6_addr)];
    const bool bracket = *host == '[';
    const size_t length = strcspn(host + bracket, bracket ? "]" : ":");
    if (length >= sizeof(name))
        return false;
    snprintf(name, sizeof(name), "%.*s", (int)length, host + bracket);
    return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, address) == 1 ||
           inet_pton(AF_INET6, name, address) == 1;
}

/* Does the page that sends this, if it is one, come from the service itself? */
static bool is_same_origin(const char *origin, const char *host)
{
    const char *separator = strstr(origin, "://");
    return separator && strcasecmp(separator + 3, host) == 0;
}

static bool check_without_key(struct request *request)
{
    const char *host = request_header(request, "Host");
    const char *origin = request_header(request, "Origin");
    if (!is_loopback(request->client) || request->service->config.key_on_loopback)
        request_fail(request, "unauthorized",
                     "only clients on the service's own machine are let in");
    else if (!host || !is_own_name(host))
        request_fail(request, "unauthorized",
                     "without a key the service is called by an address or as localhost");
    else if (origin && !is_same_origin(origin, host))
        request_fail(request, "forbidden", "this comes from a page of %.100s", origin);
    return !request->reply.code;
}

bool access_check(struct request *request)
{
    return request->route->scope == ACCESS_OPEN || check_without_key(request);
}
