/*
 * Time and work of every step of a plan.
 */
#ifndef SE_NN_PROFILE_H
#define SE_NN_PROFILE_H

#include "nn/plan.h"

/* nn_exec_profile on a plan that is bound and whose input is filled in. */
int nn_profile_run(const struct nn_backend *backend, const struct nn_plan *plan, struct pool *pool,
                   int runs, struct nn_step_profile *rows, size_t *count, se_error *err);

#endif
