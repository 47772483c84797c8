#include "nn/cuda/cuda_build.h"

#include <limits.h>
#include <string.h>

#include "nn/tensor.h"

_Static_assert((int)CUDA_FUNC_SQRT == (int)NN_FUNC_SQRT &&
                   (int)CUDA_FUNC_RELU == (int)NN_FUNC_RELU &&
                   (int)CUDA_FUNC_SIGMOID == (int)NN_FUNC_SIGMOID &&
                   (int)CUDA_FUNC_HARDSIGMOID == (int)NN_FUNC_HARDSIGMOID &&
                   (int)CUDA_FUNC_GELU == (int)NN_FUNC_GELU &&
                   (int)CUDA_FUNC_SWISH == (int)NN_FUNC_SWISH &&
                   (int)CUDA_FUNC_ERF == (int)NN_FUNC_ERF,
               "the kernels number functions as the graph does");
_Static_assert((int)CUDA_ADD == (int)NN_BINARY_ADD && (int)CUDA_SUB == (int)NN_BINARY_SUB &&
                   (int)CUDA_MUL == (int)NN_BINARY_MUL && (int)CUDA_DIV == (int)NN_BINARY_DIV &&
                   (int)CUDA_POW == (int)NN_BINARY_POW,
               "… and binary operations");
_Static_assert((int)CUDA_RESIDUAL_NONE == (int)NN_RESIDUAL_NONE &&
                   (int)CUDA_RESIDUAL_BEFORE == (int)NN_RESIDUAL_BEFORE &&
                   (int)CUDA_RESIDUAL_AFTER == (int)NN_RESIDUAL_AFTER,
               "… and residuals");

unsigned cuda_kernel_threads(enum cuda_kernel kernel)
{
    static const unsigned threads[CUDA_KERNEL_COUNT] = {
#define CUDA_THREADS(name, args, threads) threads,
        CUDA_KERNELS(CUDA_THREADS)
#undef CUDA_THREADS
    };
    return threads[kernel];
}

/* ---- where things lie ------------------------------------------------------------------------ */

uint64_t cuda_address(const struct cuda_place *place, const struct nn_tensor *tensor)
{
    if (!cuda_has(tensor))
        return 0;
    if (tensor->buffer >= 0)
        return place->device +
               (uint64_t)((const unsigned char *)(const void *)tensor->data - place->host) / 2;
    for (size_t i = 0; i < place->constant_count; i++)
        if (place->constant[i].host == tensor->data)
            return place->constants + place->constant[i].offset;
    return 0;
}

uint64_t cuda_map_address(const struct cuda_place *place, const int32_t *map)
{
    for (size_t i = 0; i < place->constant_count; i++)
        if (place->constant[i].host == map)
            return place->constants + place->constant[i].offset;
    return 0;
}

uint64_t cuda_scratch_address(const struct nn_step *step, const struct cuda_place *place)
{
    return place->device + (uint64_t)((const unsigned char *)step->scratch - place->host) / 2;
}

bool cuda_is_vector(const struct cuda_place *place, const struct nn_tensor *tensor)
{
    if (!cuda_has(tensor))
        return true;
    bool is = cuda_address(place, tensor) % 16 == 0 && tensor->strides[tensor->rank - 1] == 1 &&
              tensor->dims[tensor->rank - 1] % 8 == 0;
    for (int i = 0; i + 1 < tensor->rank; i++)
        is = is && (tensor->dims[i] == 1 || tensor->strides[i] % 8 == 0);
    return is;
}

/* ---- before memory is known ----------------------------------------------------------------- */

int cuda_step_supports(const struct nn_node *node, se_error *err)
{
    const struct nn_weight *w = &node->weight[0];
    RETURN_ERROR_IF(node->op >= NN_OP_BACKEND_END, err, SE_ERR_UNSUPPORTED,
                    "node '%.100s' (%.40s): no operation of the GPU backend", node->name,
                    node->type);
    RETURN_ERROR_IF(node->op == NN_OP_SELECT && w->dims[0] > 1 << 24, err, SE_ERR_UNSUPPORTED,
                    "node '%.100s' (%.40s): the GPU backend takes at most 2^24 classes", node->name,
                    node->type);
    return SE_OK;
}

static const char *name_of(const struct nn_step *step)
{
    return step->node ? step->node->name : "copy";
}

/* Elements between the first and the last of a tensor, both included. */
static bool extent_of(const struct nn_tensor *tensor, int64_t *extent)
{
    *extent = 1;
    for (int i = 0; i < tensor->rank; i++) {
        int64_t length;
        if (__builtin_mul_overflow(tensor->dims[i] - 1, tensor->strides[i], &length) ||
            __builtin_add_overflow(*extent, length, extent))
            return false;
    }
    return true;
}

/* Kernels count with 32 bits. */
static int check_sizes(const struct nn_step *step, se_error *err)
{
    const struct nn_tensor *tensors[NN_INPUTS + 1] = {&step->out};
    for (int i = 0; i < NN_INPUTS; i++)
        tensors[i + 1] = &step->in[i];
    for (int i = 0; i < NN_INPUTS + 1; i++) {
        int64_t extent;
        RETURN_ERROR_IF(
            cuda_has(tensors[i]) && (!extent_of(tensors[i], &extent) || extent > INT_MAX / 2 ||
                                     nn_tensor_count(tensors[i]) > INT_MAX / 2),
            err, SE_ERR_LIMIT, "node %s: a tensor too large for the GPU backend", name_of(step));
    }
    return SE_OK;
}

static int64_t rows_of(const struct nn_step *step)
{
    return step->out.dims[0] * step->out.dims[1];
}

/*
 * The fused kernel keeps hidden channels on the chip; few rows do not make enough blocks of it, and
 * two products do better. Both give the same bits. A waist is done row by row, whatever the rows:
 * how many images there are must change no result.
 */
static enum cuda_ffn_way ffn_way(const struct nn_step *step, int multiprocessors)
{
    const int64_t hidden = step->node->weight[0].dims[0], ci = step->in[NN_IN_X].dims[2];
    const int64_t co = step->out.dims[2];
    if (2 * hidden <= ci && ci <= CUDA_SQUEEZE_CHANNELS)
        return CUDA_FFN_SQUEEZE;
    const bool fits = ci <= CUDA_FFN_CHANNELS && co <= CUDA_FFN_CHANNELS;
    return fits && rows_of(step) >= (int64_t)CUDA_FFN_ROWS * multiprocessors / 2 ? CUDA_FFN_FUSED
                                                                                 : CUDA_FFN_TWO;
}

/* Bytes of scratch memory on the device. */
static int64_t scratch_of(const struct nn_step *step)
{
    const struct nn_tensor *x = &step->in[NN_IN_X];
    switch (step->op) {
    case NN_OP_FFN:
        return step->tune[CUDA_TUNE_WAY] == CUDA_FFN_TWO
                   ? 2 * rows_of(step) * cuda_padded(step->node->weight[0].dims[0], 8)
                   : 0;
    case NN_OP_GAP:
        return 4 * x->dims[0] * x->dims[3] * cuda_blocks(x->dims[1] * x->dims[2], CUDA_GAP_PIXELS);
    case NN_OP_SELECT:
        return cuda_padded(4 * nn_tensor_count(&step->out), 32) +
               4 * 4 * x->dims[0] * 2 *
                   (int64_t)cuda_blocks(step->node->weight[0].dims[0], CUDA_SELECT_COLUMNS);
    default:
        return 0;
    }
}

int cuda_step_plan(struct nn_step *step, int multiprocessors, se_error *err)
{
    FORWARD_IF_ERROR(check_sizes(step, err));
    if (step->op == NN_OP_FFN)
        step->tune[CUDA_TUNE_WAY] = ffn_way(step, multiprocessors);
    const int64_t bytes = scratch_of(step);
    RETURN_ERROR_IF(bytes > INT_MAX, err, SE_ERR_LIMIT, "node %s: too much scratch memory",
                    name_of(step));
    step->scratch_bytes = 2 * (size_t)bytes; /* the plan counts floats where we have halves */
    return SE_OK;
}

int cuda_step_constants(const struct nn_step *step, struct cuda_constant *out)
{
    int count = 0;
    for (int i = 0; i < NN_INPUTS; i++) {
        const struct nn_tensor *t = &step->in[i];
        int64_t extent = 0;
        if (cuda_has(t) && t->buffer < 0 && extent_of(t, &extent))
            out[count++] = (struct cuda_constant){.host = t->data, .count = (size_t)extent};
    }
    for (int i = 0; i < 2 && step->op == NN_OP_RESIZE; i++)
        if (step->attr.factor[i] <= 0)
            out[count++] = (struct cuda_constant){
                .host = step->attr.map[i], .count = (size_t)step->out.dims[1 + i], .ints = true};
    return count;
}

int cuda_step_build(const struct nn_step *step, const struct cuda_place *place,
                    struct cuda_launch out[CUDA_STEP_LAUNCHES])
{
    static cuda_build_fn *const build[NN_OP_BACKEND_END] = {
        [NN_OP_CONV] = cuda_build_conv,
        [NN_OP_DWCONV] = cuda_build_dwconv,
        [NN_OP_DECONV] = cuda_build_deconv,
        [NN_OP_GEMM] = cuda_build_gemm,
        [NN_OP_FFN] = cuda_build_ffn,
        [NN_OP_MAXPOOL] = cuda_build_pool,
        [NN_OP_AVGPOOL] = cuda_build_pool,
        [NN_OP_GAP] = cuda_build_gap,
        [NN_OP_UNARY] = cuda_build_point,
        [NN_OP_BINARY] = cuda_build_point,
        [NN_OP_REDUCE_MEAN] = cuda_build_reduce,
        [NN_OP_LAYERNORM] = cuda_build_rows,
        [NN_OP_MATMUL] = cuda_build_matmul,
        [NN_OP_SOFTMAX] = cuda_build_rows,
        [NN_OP_RESIZE] = cuda_build_resize,
        [NN_OP_SELECT] = cuda_build_select,
        [NN_OP_COPY] = cuda_build_point,
    };
    memset(out, 0, CUDA_STEP_LAUNCHES * sizeof(*out));
    return build[step->op](step, place, out);
}
