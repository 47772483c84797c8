/*
 * The service: its parts, and its life from start to drained end.
 */
#ifndef SE_SERVE_SERVICE_H
#define SE_SERVE_SERVICE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "serve/access.h"
#include "serve/engine.h"
#include "serve/events.h"
#include "serve/keeper.h"
#include "serve/linger.h"
#include "serve/metrics.h"
#include "serve/serve_config.h"
#include "serve/slow_guard.h"
#include "serve/store.h"

struct service {
    struct serve_config config;
    const se_settings *settings;
    struct access *access;
    struct engine *engine;
    struct slow_guard *guard;
    struct linger_set *linger;
    struct store *store;
    struct keeper *keeper;
    struct metrics *metrics;
    struct events *events;
    atomic_bool draining;
};

/*
 * Serves until SIGTERM or SIGINT, then lets the requests in work come to their end. `worker` is the
 * command line that makes this program a worker (see worker.h), name first, NULL last. Prints the
 * address to standard output once it listens. SE_ERR_IO when it cannot listen, SE_ERR_MODEL when no
 * worker starts.
 */
int service_run(const se_settings *settings, char *const *worker, se_error *err);

#endif
