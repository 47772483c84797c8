/*
 * The service: its parts, and its life from start to drained end.
 */
#ifndef SE_SERVE_SERVICE_H
#define SE_SERVE_SERVICE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "serve/access.h"
#include "serve/admission.h"
#include "serve/courier.h"
#include "serve/engine.h"
#include "serve/events.h"
#include "serve/keeper.h"
#include "serve/linger.h"
#include "serve/metrics.h"
#include "serve/pairing.h"
#include "serve/serve_config.h"
#include "serve/slow_guard.h"
#include "serve/store.h"

struct service {
    struct config_slot config;
    struct access *access;
    struct admission *admission;
    struct engine *engine;
    struct slow_guard *guard;
    struct linger_set *linger;
    struct store *store;
    struct keeper *keeper;
    struct courier *courier; /* NULL: no webhooks */
    struct metrics *metrics;
    struct events *events;
    struct pairing *pairing; /* NULL: none */
    atomic_bool draining;
};

/* Where the settings come from: at the start, and again at SIGHUP. */
struct service_source {
    void *context;
    int (*settings)(void *context, se_settings **out, se_error *err);
};

/*
 * Serves until SIGTERM or SIGINT, then lets the requests in work come to their end; takes the
 * settings anew at SIGHUP. Prints the address to standard output once it listens. SE_ERR_IO when it
 * cannot listen, SE_ERR_MODEL when no worker starts.
 */
int service_run(const struct service_source *source, se_error *err);

#endif
