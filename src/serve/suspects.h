/*
 * Pictures during which processes ended, by hash, for a while. One that ended two is refused.
 * Used by the engine's thread alone.
 */
#ifndef SE_SERVE_SUSPECTS_H
#define SE_SERVE_SUSPECTS_H

#include <stdbool.h>

#include "serve/work.h"

enum { SUSPECT_COUNT = 256, SUSPECT_MAX_TRIES = 2 };

struct suspects {
    struct suspect {
        uint8_t hash[WORK_HASH_SIZE];
        int ends;         /* processes */
        int64_t until_ns; /* when this is forgotten */
    } all[SUSPECT_COUNT];
    size_t next;
};

/* A process has ended over this picture; remembered until `until_ns`. The oldest is forgotten when
 * there are too many. */
void suspects_add(struct suspects *suspects, const uint8_t *hash, int64_t now_ns, int64_t until_ns);
bool suspects_refuse(const struct suspects *suspects, const uint8_t *hash, int64_t now_ns);

#endif
