#include "base/budget.h"

#include <stdlib.h>
#include <time.h>

int se_cancel_new(se_cancel **out, se_error *error)
{
    RETURN_ERROR_IF(!out, error, SE_ERR_ARGUMENT, "se_cancel_new: out is NULL");
    *out = calloc(1, sizeof(**out));
    return *out ? SE_OK : se_fail_memory(error, "a cancel handle", sizeof(**out));
}

void se_cancel_set(se_cancel *cancel)
{
    atomic_store_explicit(&cancel->set, 1, memory_order_release);
}

void se_cancel_free(se_cancel *cancel)
{
    free(cancel);
}

int64_t clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

bool budget_is_over(const struct budget *budget)
{
    return budget && budget->deadline_ns && clock_now_ns() >= budget->deadline_ns;
}

int budget_check_cancel(const struct budget *budget, se_error *err)
{
    RETURN_ERROR_IF(budget && budget->cancel &&
                        atomic_load_explicit(&budget->cancel->set, memory_order_acquire),
                    err, SE_ERR_CANCELLED, "cancelled by the caller");
    return SE_OK;
}
