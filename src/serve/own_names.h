/*
 * What this machine is called by others: host names and addresses.
 */
#ifndef SE_SERVE_OWN_NAMES_H
#define SE_SERVE_OWN_NAMES_H

#include <stddef.h>

enum { OWN_NAMES_MAX = 32, OWN_NAME_SIZE = 256 };

struct own_names {
    char names[OWN_NAMES_MAX][OWN_NAME_SIZE]; /* "localhost", host name, host name.local */
    size_t name_count;
    struct own_address {
        unsigned char bytes[16];
        size_t size; /* 4 or 16 */
        char text[64];
        int loopback;
    } addresses[OWN_NAMES_MAX];
    size_t address_count;
};

void own_names_get(struct own_names *out);
/* The address that others in the network would call, as text; "localhost" when there is none. */
const char *own_names_best(const struct own_names *names);

#endif
