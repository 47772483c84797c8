/*
 * Time limit and cancellation of one call, checked between pieces of work; what it spends.
 */
#ifndef SE_BASE_BUDGET_H
#define SE_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct se_cancel {
    atomic_int set;
};

struct stage_times;

struct budget {
    int64_t deadline_ns;            /* of clock_now_ns; 0: none */
    const struct se_cancel *cancel; /* may be NULL */
    struct stage_times *stages;     /* what the call spends, see base/stage.h; may be NULL */
};

/* Monotonic time in nanoseconds. */
int64_t clock_now_ns(void);

/* Has the deadline passed? Never when there is none, or for a NULL budget. */
bool budget_is_over(const struct budget *budget);

/* SE_ERR_CANCELLED once the caller has cancelled; SE_OK before, and for a NULL budget. */
int budget_check_cancel(const struct budget *budget, se_error *err);

#endif
