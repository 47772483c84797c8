/*
 * Where the time of a result went.
 */
#include "reader/result.h"

static int64_t stage_ns(const struct se_result *result, size_t stage)
{
    int64_t ns = result->times.stages[stage].ns;
    for (size_t i = 0; i < result->part_count; i++)
        if (result->parts[i])
            ns += result->parts[i]->times.stages[stage].ns;
    return ns;
}

int se_result_stage(const se_result *result, size_t index, se_stage *out)
{
    if (!result || !out || index >= STAGE_COUNT)
        return SE_ERR_ARGUMENT;
    *out = (se_stage){stage_name((enum stage)index), (double)stage_ns(result, index) / 1e6};
    return SE_OK;
}
