/*
 * Time and work of every step of a plan.
 */
#ifndef SE_NN_CPU_STEP_PROFILE_H
#define SE_NN_CPU_STEP_PROFILE_H

#include "nn/plan.h"

struct step_profile {
    const char *op;   /* "FFN"; of a group that a backend runs as one: of its last step */
    const char *node; /* name of its node; "" for a copy */
    int32_t steps;    /* that ran together */
    double ms;        /* processor time of all threads, shortest of all runs */
    double gflop;     /* multiplications and additions of the products alone */
    double megabytes; /* of inputs, output and packed weights, each counted once */
};

/*
 * Runs the plan `runs` times, a group at a time, and fills in profile[0 … *count), room for
 * plan->step_count rows. The plan is bound and its input filled in; afterwards its output is that
 * of a usual run. SE_ERR_CANCELLED and the backend's own errors.
 */
int step_profile_run(const struct nn_backend *backend, const struct nn_plan *plan,
                     struct pool *pool, int runs, struct step_profile *profile, int32_t *count,
                     se_error *err);
/* 2·multiply-adds of a step's products; 0 for those without. */
double step_gflop(const struct nn_step *step);

#endif
