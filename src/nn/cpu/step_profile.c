#include "nn/cpu/step_profile.h"

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

double step_gflop(const struct nn_step *step)
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
        multiplies = elements(x) / (double)x->dims[1] * weights;
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

int step_profile_run(const struct nn_backend *backend, const struct nn_plan *plan,
                     struct pool *pool, int runs, struct step_profile *profile, int32_t *count,
                     se_error *err)
{
    for (int run = 0; run < runs; run++) {
        *count = 0;
        for (int32_t i = 0; i < plan->step_count; i += plan->steps[i].group) {
            struct nn_plan part = *plan;
            part.steps = &plan->steps[i];
            part.step_count = plan->steps[i].group;
            const double start = now_ms();
            FORWARD_IF_ERROR(backend->run(&part, pool, NULL, err));
            const double ms = now_ms() - start;
            struct step_profile *p = &profile[(*count)++];
            if (run > 0) {
                p->ms = ms < p->ms ? ms : p->ms;
                continue;
            }
            const struct nn_step *last = &part.steps[part.step_count - 1];
            *p = (struct step_profile){.op = nn_op_name(last->op),
                                       .node = last->node ? last->node->name : "",
                                       .steps = part.step_count,
                                       .ms = ms};
            for (int32_t j = 0; j < part.step_count; j++) {
                p->gflop += step_gflop(&part.steps[j]);
                p->megabytes += step_megabytes(&part.steps[j]);
            }
        }
    }
    return SE_OK;
}
