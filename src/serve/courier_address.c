/*
 * Which addresses a webhook may lead to (RFC 6890 and the registries that it names).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdint.h>
#include <string.h>

#include "serve/courier.h"

struct range {
    uint32_t address, bits;
};

static bool is_public_v4(uint32_t address)
{
    static const struct range closed[] = {
        {0x00000000, 8},  /* this network */
        {0x0a000000, 8},  /* private */
        {0x64400000, 10}, /* shared by a provider's customers */
        {0x7f000000, 8},  /* loopback */
        {0xa9fe0000, 16}, /* link-local; the metadata of clouds */
        {0xac100000, 12}, /* private */
        {0xc0000000, 24}, /* protocol assignments */
        {0xc0000200, 24}, /* documentation */
        {0xc0586300, 24}, /* 6to4 relays */
        {0xc0a80000, 16}, /* private */
        {0xc6120000, 15}, /* measurements */
        {0xc6336400, 24}, /* documentation */
        {0xcb007100, 24}, /* documentation */
        {0xe0000000, 3},  /* multicast, reserved, broadcast */
    };
    for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++)
        if ((address ^ closed[i].address) >> (32 - closed[i].bits) == 0)
            return false;
    return true;
}

/* Of IPv6 only what is assigned to the world is let through, without what stands for IPv4. */
static bool is_public_v6(const uint8_t *address)
{
    const uint32_t head = (uint32_t)address[0] << 24 | (uint32_t)address[1] << 16 |
                          (uint32_t)address[2] << 8 | address[3];
    if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)address))
        return is_public_v4((uint32_t)address[12] << 24 | (uint32_t)address[13] << 16 |
                            (uint32_t)address[14] << 8 | address[15]);
    return head >> 29 == 1 &&       /* 2000::/3 */
           head >> 9 != 0x100080 && /* 2001::/23: Teredo and other protocols */
           head != 0x20010db8 &&    /* documentation */
           head >> 16 != 0x2002 &&  /* 6to4 */
           head >> 12 != 0x3fff0;   /* documentation */
}

bool courier_is_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        return is_public_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof(v6));
        return is_public_v6(v6.sin6_addr.s6_addr);
    }
    return false;
}

bool courier_takes(const char *url, const char **why)
{
    CURLU *parts = curl_url();
    char *scheme = NULL, *user = NULL;
    *why = NULL;
    if (!parts || strlen(url) > COURIER_MAX_URL ||
        curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK)
        *why = "it is no address, or too long";
    else if (curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
             (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        *why = "it takes http:// or https://";
    else if (curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_OK)
        *why = "it takes no user and password";
    curl_free(scheme);
    curl_free(user);
    curl_url_cleanup(parts);
    return !*why;
}
