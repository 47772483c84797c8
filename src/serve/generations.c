#include "serve/generations.h"

#include <stdlib.h>

#include "serve/worker_line.h"

int generation_add(struct generation **newest, struct config_slot *slot,
                   const struct service_source *source, bool *kept, se_error *err)
{
    struct generation *added = calloc(1, sizeof(*added));
    bool differs = false;
    if (!added)
        return se_fail_memory(err, "settings", sizeof(*added));
    int status = source->settings(source->context, &added->settings, err);
    if (status == SE_OK)
        status = serve_config_read(&added->config, added->settings, err);
    if (status == SE_OK && *newest)
        differs = serve_config_keep_fixed(&added->config, &(*newest)->config);
    if (status == SE_OK &&
        !(added->worker_line = worker_line_make(added->settings, added->config.batch_pictures,
                                                added->config.worker_threads, err)))
        status = SE_ERR_MEMORY;
    if (status != SE_OK) {
        generations_free(added);
        return status;
    }
    added->before = *newest;
    *newest = added;
    atomic_store(&slot->now, &added->config);
    if (kept)
        *kept = differs;
    return SE_OK;
}

void generations_free(struct generation *newest)
{
    while (newest) {
        struct generation *one = newest;
        newest = one->before;
        worker_line_free(one->worker_line);
        se_settings_free(one->settings);
        free(one);
    }
}
