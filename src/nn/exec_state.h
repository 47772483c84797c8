/*
 * What an exec is made of: for exec.c, and for exec_remote.c, which has what only GPUs do.
 */
#ifndef SE_NN_EXEC_STATE_H
#define SE_NN_EXEC_STATE_H

#include "nn/model.h"
#include "nn/nn.h"
#include "nn/plan.h"

enum {
    EXEC_MAX_PLANS = 16,
    EXEC_MAX_REMOTE_PLANS = 64 /* making a GPU's plan takes as long as running it many times */
};

struct nn_arena {
    void *memory;
    size_t bytes;
    const struct nn_exec *user; /* whose current plans are bound to it; NULL: nobody's */
};

struct nn_exec {
    const struct nn_model *model;
    struct pool *pool;
    size_t max_bytes;
    bool keep_all;
    struct nn_planned *plans[EXEC_MAX_REMOTE_PLANS];
    int plan_count;
    int current;    /* how many plans, from the front, are current ones: 1, or those of a set */
    int64_t images; /* of plans[0] that were asked for: it may hold more */
    struct nn_arena own;
    struct nn_arena *arena; /* our own, or that of the exec that we take turns with */
    const struct nn_observer *observer;
    struct nn_exec *spare; /* runs the model's spare; NULL: there is none */
    bool on_spare;         /* is its plan the current one? */
    struct nn_exec_runs runs;
    struct nn_gather *gather; /* joins runs with those of other execs; NULL: no one does */
    bool reduces;             /* its outputs, where it can */
    struct nn_map_params map_params;
    bool fetched; /* has the output of the last run come to the host? */
};

/* Is plans[0] a current plan, bound to the arena? */
static inline bool exec_is_current(const struct nn_exec *exec)
{
    return exec->arena->user == exec;
}

/* NULL: its tensors are in the host's memory. */
static inline const struct nn_remote *exec_remote(const struct nn_exec *exec)
{
    return exec->model->backend->remote;
}

/* Did the last run leave its output on the GPU? */
static inline bool exec_has_reduced(const struct nn_exec *exec)
{
    return !exec->on_spare && exec_is_current(exec) && exec->plans[0]->plan.reduction.wanted &&
           !exec->fetched;
}

#endif
