#include "serve/serve_config.h"

#include <stdlib.h>
#include <string.h>

#include "base/pool.h"

enum { MAX_DEFAULT_WORKERS = 8 };

static const int64_t second_ns = 1000000000, millisecond_ns = 1000000;

static int number(const se_settings *settings, const char *name)
{
    const char *text = se_settings_get(settings, name);
    return text ? atoi(text) : 0;
}

static bool flag(const se_settings *settings, const char *name)
{
    const char *text = se_settings_get(settings, name);
    return text && strcmp(text, "true") == 0;
}

/* As many processes as cores, one thread each, give the most pictures a second; past a few of them
 * memory counts more, and the rest of the cores goes to threads. */
static void settle_workers(struct serve_config *config, const se_settings *settings)
{
    const int cores = pool_default_threads();
    config->workers = number(settings, "workers");
    if (config->workers == 0)
        config->workers = cores < MAX_DEFAULT_WORKERS ? cores : MAX_DEFAULT_WORKERS;
    config->worker_threads = number(settings, "threads");
    if (config->worker_threads == 0)
        config->worker_threads = cores > config->workers ? cores / config->workers : 1;
}

int serve_config_read(struct serve_config *config, const se_settings *settings, se_error *err)
{
    *config = (struct serve_config){
        .host = se_settings_get(settings, "host"),
        .port = number(settings, "port"),
        .queue = number(settings, "queue"),
        .queue_bytes = (size_t)number(settings, "queue_mb") << 20,
        .body_bytes = (size_t)number(settings, "body_mb") << 20,
        .deadline_ns = number(settings, "deadline_ms") * millisecond_ns,
        .stuck_ns = number(settings, "stuck_ms") * millisecond_ns,
        .refuse_ns = number(settings, "refuse_s") * second_ns,
        .header_ns = number(settings, "header_s") * second_ns,
        .upload_ns = number(settings, "upload_s") * second_ns,
        .upload_rate = number(settings, "upload_rate"),
        .drain_ns = number(settings, "drain_s") * second_ns,
        .key_on_loopback = flag(settings, "key_on_loopback"),
        .store = se_settings_get(settings, "store"),
        .keys = se_settings_get(settings, "keys"),
        .max_jobs = number(settings, "max_jobs"),
        .keep_days = number(settings, "keep_days"),
        .connections = number(settings, "connections"),
        .per_address = number(settings, "connections_per_address"),
    };
    settle_workers(config, settings);
    RETURN_ERROR_IF(config->body_bytes > config->queue_bytes, err, SE_ERR_SETTING,
                    "body_mb is larger than queue_mb: no such request could ever be taken");
    return SE_OK;
}
