#include <math.h>
#include <stdlib.h>

#include "nn/ref/ref.h"

double ref_func(const struct nn_activation *act, double x)
{
    switch (act->func) {
    case NN_FUNC_RELU:
        return x > 0 ? x : isnan(x) ? x : 0;
    case NN_FUNC_SIGMOID:
        return 1 / (1 + exp(-x));
    case NN_FUNC_HARDSIGMOID: {
        const double y = (double)act->alpha * x + (double)act->beta;
        return y > 1 ? 1 : y < 0 ? 0 : y;
    }
    case NN_FUNC_GELU:
        return 0.5 * x * (1 + erf(x * 0.70710678118654752440));
    case NN_FUNC_SWISH:
        return x / (1 + exp(-x));
    case NN_FUNC_ERF:
        return erf(x);
    case NN_FUNC_SQRT:
        return sqrt(x);
    case NN_FUNC_NONE:
    case NN_FUNC_COUNT:
        break;
    }
    return x;
}

/* ---- weights -------------------------------------------------------------------------------- */

static size_t weight_count(const struct nn_weight *weight)
{
    size_t count = weight->data ? 1 : 0;
    for (int i = 0; i < weight->rank; i++)
        count *= (size_t)weight->dims[i];
    return count;
}

/* Copies `outer` blocks of [a][b] as [b][a]. */
static void turn(const float *from, double *to, int64_t outer, int64_t a, int64_t b)
{
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < a; i++)
            for (int64_t j = 0; j < b; j++)
                to[(o * b + j) * a + i] = from[(o * a + i) * b + j];
}

/* [co][ci / g][k] or, transposed convolution, [ci][co / g][k], to [g][k][ci / g][co / g]. */
static void turn_kernel(const struct nn_node *node, double *to)
{
    const struct nn_weight *w = &node->weight[0];
    const bool transposed = node->op == NN_OP_DECONV;
    const int64_t groups = node->attr.groups, first = w->dims[0] / groups, second = w->dims[1];
    const int64_t taps = w->dims[2] * w->dims[3];
    const int64_t inputs = transposed ? first : second, outputs = transposed ? second : first;
    for (int64_t g = 0; g < groups; g++)
        for (int64_t i = 0; i < first; i++)
            for (int64_t j = 0; j < second; j++)
                for (int64_t k = 0; k < taps; k++) {
                    const int64_t ci = transposed ? i : j, co = transposed ? j : i;
                    to[((g * taps + k) * inputs + ci) * outputs + co] =
                        w->data[((g * first + i) * second + j) * taps + k];
                }
}

static void pack_slot(const struct nn_node *node, int slot, double *to)
{
    const struct nn_weight *w = &node->weight[slot];
    if (slot == 0 && (node->op == NN_OP_CONV || node->op == NN_OP_DECONV))
        turn_kernel(node, to);
    else if (slot == 0 && node->op == NN_OP_DWCONV)
        turn(w->data, to, 1, w->dims[0], w->dims[1] * w->dims[2]);
    else if (w->rank == 2)
        turn(w->data, to, 1, w->dims[0], w->dims[1]);
    else
        turn(w->data, to, 1, (int64_t)weight_count(w), 1);
}

static int ref_pack(const struct nn_node *node, void **out, size_t *bytes, se_error *err)
{
    size_t count = 0, at = 0;
    *out = NULL;
    *bytes = 0;
    for (int i = 0; i < NN_WEIGHTS; i++)
        count += weight_count(&node->weight[i]);
    if (count == 0)
        return SE_OK;
    *bytes = sizeof(struct ref_packed) + count * sizeof(double);
    struct ref_packed *packed = malloc(*bytes);
    if (!packed)
        return se_fail_memory(err, "packed weights", *bytes);
    for (int i = 0; i < NN_WEIGHTS; i++) {
        packed->w[i] = NULL;
        if (!node->weight[i].data)
            continue;
        packed->w[i] = packed->data + at;
        pack_slot(node, i, packed->w[i]);
        at += weight_count(&node->weight[i]);
    }
    *out = packed;
    return SE_OK;
}

static int ref_supports(const struct nn_node *node, se_error *err)
{
    RETURN_ERROR_IF(node->op >= NN_OP_BACKEND_END, err, SE_ERR_UNSUPPORTED,
                    "node '%.100s' (%.40s): no operation of the ref backend", node->name,
                    node->type);
    return SE_OK;
}

/* ---- plans ---------------------------------------------------------------------------------- */

/* Accumulators, as doubles. */
static int64_t scratch_count(const struct nn_step *step)
{
    const struct nn_tensor *x = &step->in[NN_IN_X], *out = &step->out;
    switch (step->op) {
    case NN_OP_CONV:
    case NN_OP_DWCONV:
    case NN_OP_DECONV:
    case NN_OP_AVGPOOL:
        return out->dims[3];
    case NN_OP_GAP:
        return out->dims[1];
    case NN_OP_GEMM:
        return x->dims[2] + out->dims[2];
    case NN_OP_FFN:
        return x->dims[2] + step->node->weight[0].dims[0] + out->dims[2];
    case NN_OP_SELECT:
        return step->node->weight[0].dims[0] +
               (int64_t)(step->attr.column_count + step->attr.shortlist.count);
    case NN_OP_SOFTMAX:
        return out->dims[1];
    default:
        return 0;
    }
}

static int ref_compile(struct nn_plan *plan, se_error *err)
{
    (void)err;
    for (int32_t i = 0; i < plan->step_count; i++)
        plan->steps[i].scratch_bytes = (size_t)scratch_count(&plan->steps[i]) * sizeof(double);
    return SE_OK;
}

static int ref_run(const struct nn_plan *plan, struct pool *pool, const struct budget *budget,
                   se_error *err)
{
    static void (*const run[NN_OP_BACKEND_END])(const struct nn_step *step) = {
        [NN_OP_CONV] = ref_conv,
        [NN_OP_DWCONV] = ref_dwconv,
        [NN_OP_DECONV] = ref_deconv,
        [NN_OP_GEMM] = ref_gemm,
        [NN_OP_FFN] = ref_ffn,
        [NN_OP_MAXPOOL] = ref_maxpool,
        [NN_OP_AVGPOOL] = ref_avgpool,
        [NN_OP_GAP] = ref_gap,
        [NN_OP_UNARY] = ref_unary,
        [NN_OP_BINARY] = ref_binary,
        [NN_OP_REDUCE_MEAN] = ref_reduce_mean,
        [NN_OP_LAYERNORM] = ref_layernorm,
        [NN_OP_MATMUL] = ref_matmul,
        [NN_OP_SOFTMAX] = ref_softmax,
        [NN_OP_RESIZE] = ref_resize,
        [NN_OP_SELECT] = ref_select,
        [NN_OP_COPY] = ref_unary,
    };
    (void)pool;
    for (int32_t i = 0; i < plan->step_count; i++) {
        FORWARD_IF_ERROR(budget_check_cancel(budget, err));
        run[plan->steps[i].op](&plan->steps[i]);
    }
    return SE_OK;
}

const struct nn_backend *nn_ref_backend(void)
{
    static const struct nn_backend backend = {
        .name = "ref",
        .owns_weights = true,
        .supports = ref_supports,
        .pack = ref_pack,
        .pack_free = free,
        .compile = ref_compile,
        .run = ref_run,
    };
    return &backend;
}
