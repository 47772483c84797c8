/*
 * The keeper: a thread that does what needs the disk, so that neither HTTP nor the engine waits.
 *
 *   engine ── keeper_record ──> records ─┐
 *   HTTP ──── keeper_errand ──> errands ─┼── keeper's thread ── store
 *             keeper_kick ─── a new job ─┘        └── jobs that are next ──> engine
 *
 * Records are written many at a time, those without a job after 50 ms at the latest, and tried
 * again until the store takes them; an errand finds all of them written. A job's pictures are
 * loaded when its turn comes; what is not read when the service ends is read after the next start.
 */
#ifndef SE_SERVE_KEEPER_H
#define SE_SERVE_KEEPER_H

#include "serve/engine.h"
#include "serve/store.h"

struct keeper;
struct service;

/* Starts it. SE_ERR_MEMORY. */
int keeper_start(struct keeper **out, struct service *service, se_error *err);

/* Keeps what came of a picture, which is copied, under the id `id`. */
void keeper_record(struct keeper *keeper, int64_t id, const char *client,
                   const struct work_picture *picture);

/* Something to do on the keeper's thread. The item is the caller's until `run` is called. */
struct keeper_errand {
    void (*run)(struct keeper_errand *errand);
    struct keeper_errand *next;
};
/* Runs on the caller's thread once the keeper has ended. */
void keeper_errand(struct keeper *keeper, struct keeper_errand *errand);

/* There may be a new job. */
void keeper_kick(struct keeper *keeper);
/* The job is gone: its pictures need not be read. */
void keeper_cancel(struct keeper *keeper, const char *job);

/* Writes what is to be written, for a few seconds if need be, and ends the thread. The engine has
 * ended before. */
void keeper_stop(struct keeper *keeper);
void keeper_free(struct keeper *keeper);

#endif
