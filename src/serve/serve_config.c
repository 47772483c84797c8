#include "serve/serve_config.h"

#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "serve/store.h"

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
        .settings = settings,
        .host = se_settings_get(settings, "host"),
        .port = number(settings, "port"),
        .queue = number(settings, "queue"),
        .queue_bytes = (size_t)number(settings, "queue_mb") << 20,
        .decode_bytes = (size_t)number(settings, "decode_mb") << 20,
        .body_bytes = (size_t)number(settings, "body_mb") << 20,
        .deadline_ns = number(settings, "deadline_ms") * millisecond_ns,
        .read_limit_ms = number(settings, "time_limit_ms"),
        .batch_pictures = number(settings, "batch_pictures"),
        .batch_delay_ns = number(settings, "batch_delay_ms") * millisecond_ns,
        .stuck_ns = number(settings, "stuck_ms") * millisecond_ns,
        .refuse_ns = number(settings, "refuse_s") * second_ns,
        .header_ns = number(settings, "header_s") * second_ns,
        .upload_ns = number(settings, "upload_s") * second_ns,
        .upload_rate = number(settings, "upload_rate"),
        .drain_ns = number(settings, "drain_s") * second_ns,
        .key_on_loopback = flag(settings, "key_on_loopback"),
        .store = se_settings_get(settings, "store"),
        .keys = se_settings_get(settings, "keys"),
        .tls_cert = se_settings_get(settings, "tls_cert"),
        .tls_key = se_settings_get(settings, "tls_key"),
        .known_lists = se_settings_get(settings, "known_lists"),
        .webhook_secret = se_settings_get(settings, "webhook_secret"),
        .webhook_private = flag(settings, "webhook_private"),
        .webhook_tries = number(settings, "webhook_tries"),
        .webhook_retry_s = number(settings, "webhook_retry_s"),
        .keep_pictures = flag(settings, "keep_pictures"),
        .max_jobs = number(settings, "max_jobs"),
        .keep_days = number(settings, "keep_days"),
        .connections = number(settings, "connections"),
        .per_address = number(settings, "connections_per_address"),
    };
    settle_workers(config, settings);
    config->place = store_is_server(config->store) ? "" : config->store;
    const char *tls = se_settings_get(settings, "tls");
    config->tls = strcmp(tls, "auto") == 0    ? TLS_AUTO
                  : strcmp(tls, "files") == 0 ? TLS_FILES
                                              : TLS_OFF;
    RETURN_ERROR_IF(config->tls == TLS_FILES && !(*config->tls_cert && *config->tls_key), err,
                    SE_ERR_SETTING, "tls = files needs tls_cert and tls_key");
    RETURN_ERROR_IF(config->tls != TLS_FILES && (*config->tls_cert || *config->tls_key), err,
                    SE_ERR_SETTING, "tls_cert and tls_key are for tls = files");
    RETURN_ERROR_IF(config->body_bytes > config->queue_bytes, err, SE_ERR_SETTING,
                    "body_mb is larger than queue_mb: no such request could ever be taken");
    return SE_OK;
}

static bool keep_text(const char **now, const char *old)
{
    const bool differs = strcmp(*now, old) != 0;
    *now = old;
    return differs;
}

static bool keep_number(int *now, int old)
{
    const bool differs = *now != old;
    *now = old;
    return differs;
}

bool serve_config_keep_fixed(struct serve_config *config, const struct serve_config *old)
{
    bool differs = keep_text(&config->host, old->host);
    differs |= keep_text(&config->store, old->store);
    differs |= keep_text(&config->keys, old->keys);
    differs |= keep_text(&config->webhook_secret, old->webhook_secret);
    if (config->tls != old->tls) {
        differs = true;
        config->tls = old->tls;
        config->tls_cert = old->tls_cert;
        config->tls_key = old->tls_key;
    }
    config->place = old->place;
    differs |= keep_number(&config->port, old->port);
    differs |= keep_number(&config->workers, old->workers);
    differs |= keep_number(&config->connections, old->connections);
    differs |= keep_number(&config->per_address, old->per_address);
    return differs;
}
