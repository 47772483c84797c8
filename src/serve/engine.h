/*
 * The engine: a thread that gives pictures to worker processes and takes their answers.
 *
 *   any thread ── engine_submit ──> inbox ──> turns ──> crew ──> work->done
 *
 * What is promised: every work that was submitted gets exactly one `done`, whatever happens to
 * processes, clients and time. A picture during which a process ended is tried once more; after the
 * second time it fails, and its hash is refused for a while. Of several that a process read side by
 * side when it ended, nobody knows which one did it: each is tried again alone before any is
 * blamed.
 */
#ifndef SE_SERVE_ENGINE_H
#define SE_SERVE_ENGINE_H

#include <sys/types.h>

#include "base/stage.h"
#include "serve/admission.h"
#include "serve/histogram.h"
#include "serve/serve_config.h"
#include "serve/work.h"

enum { ENGINE_MAX_WORKERS = 64 }; /* the largest value of the setting "workers" */

struct engine;

/* Numbers since the start, and of now. */
struct engine_numbers {
    uint64_t read, failed;   /* pictures */
    uint64_t restarts;       /* worker processes that were replaced */
    size_t waiting, running; /* pictures */
    int workers_ready;
    struct histogram picture_seconds;  /* that reading took */
    struct histogram batch_pictures;   /* given to a worker at once */
    double stage_seconds[STAGE_COUNT]; /* and where they went */
    pid_t pids[ENGINE_MAX_WORKERS];    /* of the worker processes, 0: none */
};

/*
 * Starts the thread and the worker processes. `arguments` is the command line of a worker (program
 * name first, NULL last); it, `config` and `admission` outlive the engine. SE_ERR_IO,
 * SE_ERR_MEMORY.
 */
int engine_start(struct engine **out, const struct config_slot *config, struct admission *admission,
                 char *const *arguments, se_error *err);

/* The workers get another command line, one after the other, between pictures. It outlives the
 * engine. When the first of them does not come up with it, all keep the one before. */
void engine_configure(struct engine *engine, char *const *arguments);

/* Is a worker ready? */
bool engine_is_ready(struct engine *engine);
/* Has no worker ever become ready, and have they ended? Then nothing will. */
bool engine_has_failed(struct engine *engine);

/* Hands a work over. Cannot fail: what goes wrong is told to work->done. */
void engine_submit(struct engine *engine, struct work *work);
/* The same number as work->id, safe to keep after the work is gone: gives the work up, if it still
 * lives. */
void engine_cancel(struct engine *engine, uint64_t id);
uint64_t engine_next_id(struct engine *engine);

void engine_numbers(struct engine *engine, struct engine_numbers *out);
/* Works that were submitted and are not done. */
size_t engine_live(struct engine *engine);

/* Gives all works up (code "draining"), ends the workers and the thread. Works that are submitted
 * afterwards are given up at once, on the caller's thread. */
void engine_stop(struct engine *engine);
/* After engine_stop, when no other thread uses it any more. */
void engine_free(struct engine *engine);

#endif
