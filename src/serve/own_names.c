#define _GNU_SOURCE
#include "serve/own_names.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void add_name(struct own_names *out, const char *name)
{
    for (size_t i = 0; i < out->name_count; i++)
        if (strcasecmp(out->names[i], name) == 0)
            return;
    if (*name && strlen(name) < OWN_NAME_SIZE && out->name_count < OWN_NAMES_MAX)
        strcpy(out->names[out->name_count++], name);
}

static void add_address(struct own_names *out, const struct sockaddr *address, bool loopback)
{
    if (out->address_count == OWN_NAMES_MAX)
        return;
    struct own_address *one = &out->addresses[out->address_count];
    const void *bytes;
    if (address->sa_family == AF_INET) {
        bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
        one->size = 4;
    } else if (address->sa_family == AF_INET6) {
        bytes = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        one->size = 16;
        /* Link-local ones mean something on this machine alone. */
        if (IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)bytes))
            return;
    } else {
        return;
    }
    memcpy(one->bytes, bytes, one->size);
    inet_ntop(address->sa_family, bytes, one->text, sizeof(one->text));
    one->loopback = loopback;
    out->address_count++;
}

void own_names_get(struct own_names *out)
{
    char host[OWN_NAME_SIZE - 8], local[OWN_NAME_SIZE];
    struct ifaddrs *all;
    memset(out, 0, sizeof(*out));
    add_name(out, "localhost");
    if (gethostname(host, sizeof(host)) == 0) {
        host[sizeof(host) - 1] = '\0';
        add_name(out, host);
        snprintf(local, sizeof(local), "%s.local", host);
        if (!strchr(host, '.'))
            add_name(out, local);
    }
    if (getifaddrs(&all) != 0)
        return;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next)
        if (one->ifa_addr && (one->ifa_flags & IFF_UP))
            add_address(out, one->ifa_addr, one->ifa_flags & IFF_LOOPBACK);
    freeifaddrs(all);
}

const char *own_names_best(const struct own_names *names)
{
    for (size_t i = 0; i < names->address_count; i++)
        if (!names->addresses[i].loopback && names->addresses[i].size == 4)
            return names->addresses[i].text;
    return "localhost";
}
