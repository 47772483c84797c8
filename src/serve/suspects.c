#include "serve/suspects.h"

#include <string.h>

/* Its place, or SUSPECT_COUNT. */
static size_t find(const struct suspects *suspects, const uint8_t *hash, int64_t now_ns)
{
    for (size_t i = 0; i < SUSPECT_COUNT; i++)
        if (suspects->all[i].until_ns > now_ns &&
            memcmp(suspects->all[i].hash, hash, WORK_HASH_SIZE) == 0)
            return i;
    return SUSPECT_COUNT;
}

void suspects_add(struct suspects *suspects, const uint8_t *hash, int64_t now_ns, int64_t until_ns)
{
    size_t place = find(suspects, hash, now_ns);
    if (place == SUSPECT_COUNT) {
        place = suspects->next++ % SUSPECT_COUNT;
        memcpy(suspects->all[place].hash, hash, WORK_HASH_SIZE);
        suspects->all[place].ends = 0;
    }
    suspects->all[place].ends++;
    suspects->all[place].until_ns = until_ns;
}

bool suspects_refuse(const struct suspects *suspects, const uint8_t *hash, int64_t now_ns)
{
    const size_t place = find(suspects, hash, now_ns);
    return place < SUSPECT_COUNT && suspects->all[place].ends >= SUSPECT_MAX_TRIES;
}
