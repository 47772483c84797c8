/*
 * The settings of the service as numbers, out of the table that all commands share.
 */
#ifndef SE_SERVE_CONFIG_H
#define SE_SERVE_CONFIG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Choices of the setting "tls", in this order. */
enum tls_mode { TLS_OFF, TLS_AUTO, TLS_FILES };

struct serve_config {
    const se_settings *settings;
    const char *host; /* texts belong to the settings */
    int port;         /* 0: any that is free */
    int workers;      /* processes that read, >= 1 */
    int worker_threads;
    int batch_pictures;          /* that one worker reads side by side, at most */
    int64_t batch_delay_ns;      /* that a picture may wait for others, see "batch_delay_ms" */
    int queue;                   /* requests in work or waiting */
    size_t queue_bytes;          /* of the pictures of those */
    size_t decode_bytes;         /* of pictures that are decoded, all workers together */
    size_t body_bytes;           /* of one request */
    int64_t deadline_ns;         /* of one request, waiting included */
    int read_limit_ms;           /* for one picture, where a request has none of its own; 0: none */
    int64_t stuck_ns, refuse_ns; /* see "stuck_ms", "refuse_s" of the table */
    int64_t header_ns, upload_ns; /* for headers, for a body */
    int64_t upload_rate;          /* bytes a second */
    int64_t drain_ns;             /* for the requests in work at the end */
    bool key_on_loopback;         /* clients on this machine need a key, too */
    const char *store;            /* path of the database, "": the usual one */
    const char *keys;             /* path of the API keys, "": beside the database */
    const char *place;            /* "" or a file, beside which the service's others are */
    enum tls_mode tls;
    const char *tls_cert, *tls_key; /* files, for TLS_FILES */
    const char *known_lists;        /* folder of lists with names, "": none */
    const char *webhook_secret;     /* file of the secret; "": no webhooks */
    bool webhook_private;           /* also addresses that are not public */
    int webhook_tries, webhook_retry_s;
    bool keep_pictures;           /* as long as what was read of them */
    int max_jobs;                 /* not finished */
    int keep_days;                /* 0: for ever */
    int connections, per_address; /* at once */
};

/*
 * The settings in force, for all threads. New ones take the place of old ones as a whole; the old
 * ones live as long as the service, for whoever still reads them.
 */
struct config_slot {
    _Atomic(const struct serve_config *) now;
};

static inline const struct serve_config *config_now(const struct config_slot *slot)
{
    return atomic_load(&slot->now);
}

/* Keeps of `old` what cannot change while the service runs; true when `config` had it otherwise. */
bool serve_config_keep_fixed(struct serve_config *config, const struct serve_config *old);

/* Reads them; the table has checked each value. SE_ERR_SETTING when two of them contradict each
 * other. */
int serve_config_read(struct serve_config *config, const se_settings *settings, se_error *err);

#endif
