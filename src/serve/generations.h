/*
 * The settings of the service through its life: one set at the start, one more at each SIGHUP. All
 * of them live to the end, since threads and workers may still use an older one.
 */
#ifndef SE_SERVE_GENERATIONS_H
#define SE_SERVE_GENERATIONS_H

#include "serve/service.h"

struct generation {
    se_settings *settings;
    struct serve_config config;
    char **worker_line;
    struct generation *before;
};

/* Adds a set and puts it in force; what cannot change while the service runs stays as in the set
 * before, and *kept (may be NULL) says so. On failure that one stays in force. */
int generation_add(struct generation **newest, struct config_slot *slot,
                   const struct service_source *source, bool *kept, se_error *err);
void generations_free(struct generation *newest);

#endif
