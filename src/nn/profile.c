#include "nn/profile.h"

#include <time.h>

#include "base/status.h"

static double elements(const struct nn_tensor *t)
{
    double count = t->rank > 0 ? 1 : 0;
    for (int i = 0; i < t->rank; i++)
        count *= (double)t->dims[i];
    return count;
}

static double weight_elements(const struct nn_step *step, int slot)
{
    if (!step->node || step->node->weight[slot].rank == 0)
        return 0;
    double count = 1;
    for (int i = 0; i < step->node->weight[slot].rank; i++)
        count *= (double)step->node->weight[slot].dims[i];
    return count;
}

/* Processor time of this program: on a busy machine it says more than the clock. */
static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

/* A GPU takes its time itself. */
static int time_part(const struct nn_backend *backend, const struct nn_plan *part,
                     struct pool *pool, double *ms, se_error *err)
{
    if (backend->remote)
        return backend->remote->time_steps(part, ms, err);
    const double start = now_ms();
    FORWARD_IF_ERROR(backend->run(part, pool, NULL, err));
    *ms = now_ms() - start;
    return SE_OK;
}

static double step_gflop(const struct nn_step *step)
{
    const struct nn_tensor *x = &step->in[NN_IN_X], *out = &step->out;
    const double weights = weight_elements(step, 0);
    double multiplies = 0;
    switch (step->op) {
    case NN_OP_CONV:
    case NN_OP_DWCONV:
        multiplies = elements(out) / (double)out->dims[3] * weights;
        break;
    case NN_OP_DECONV:
        multiplies = elements(x) / (double)x->dims[3] * weights;
        break;
    case NN_OP_GEMM:
        multiplies = elements(x) / (double)x->dims[2] * weights;
        break;
    case NN_OP_FFN:
        multiplies = elements(x) / (double)x->dims[2] * (weights + weight_elements(step, 2));
        break;
    case NN_OP_SELECT:
        multiplies = elements(x) * nn_select_columns(&step->attr, step->node->weight[0].dims[0]);
        break;
    case NN_OP_MATMUL:
        multiplies = elements(out) * (double)x->dims[3];
        break;
    default:
        break;
    }
    return 2e-9 * multiplies;
}

static double step_megabytes(const struct nn_step *step)
{
    double count = elements(&step->out);
    for (int i = 0; i < NN_INPUTS; i++)
        count += elements(&step->in[i]);
    for (int i = 0; i < NN_WEIGHTS; i++)
        count += weight_elements(step, i);
    return 4e-6 * count;
}

/* One run of the steps [first, first + group) into row, the shortest of all. */
static int profile_group(const struct nn_backend *backend, const struct nn_plan *plan,
                         int32_t first, struct pool *pool, bool again, struct nn_step_profile *row,
                         se_error *err)
{
    struct nn_plan part = *plan;
    part.steps = &plan->steps[first];
    part.step_count = plan->steps[first].group;
    double ms;
    FORWARD_IF_ERROR(time_part(backend, &part, pool, &ms, err));
    if (again) {
        row->ms = ms < row->ms ? ms : row->ms;
        return SE_OK;
    }
    const struct nn_step *last = &part.steps[part.step_count - 1];
    *row = (struct nn_step_profile){.op = nn_op_name(last->op),
                                    .node = last->node ? last->node->name : "",
                                    .steps = part.step_count,
                                    .ms = ms};
    for (int32_t j = 0; j < part.step_count; j++) {
        row->gflop += step_gflop(&part.steps[j]);
        row->megabytes += step_megabytes(&part.steps[j]);
    }
    return SE_OK;
}

int nn_profile_run(const struct nn_backend *backend, const struct nn_plan *plan, struct pool *pool,
                   int runs, struct nn_step_profile *rows, size_t *count, se_error *err)
{
    for (int run = 0; run < runs; run++) {
        *count = 0;
        for (int32_t i = 0; i < plan->step_count; i += plan->steps[i].group)
            FORWARD_IF_ERROR(
                profile_group(backend, plan, i, pool, run > 0, &rows[(*count)++], err));
    }
    return SE_OK;
}
