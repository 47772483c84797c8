#include "nn/cuda/cuda_step.h"

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

enum { TUNE_WAY };

unsigned cuda_kernel_threads(enum cuda_kernel kernel)
{
    static const unsigned threads[CUDA_KERNEL_COUNT] = {
#define CUDA_THREADS(name, args, threads) threads,
        CUDA_KERNELS(CUDA_THREADS)
#undef CUDA_THREADS
    };
    return threads[kernel];
}

/* ---- small things --------------------------------------------------------------------------- */

static bool has(const struct nn_tensor *tensor)
{
    return tensor->rank > 0;
}

static int to_int(int64_t x)
{
    return (int)x; /* cuda_step_plan saw to it that it fits */
}

static unsigned blocks(int64_t items, int64_t per_block)
{
    return (unsigned)((items + per_block - 1) / per_block);
}

static struct cuda_act act_of(const struct nn_activation *act)
{
    return (struct cuda_act){(int)act->func, act->alpha, act->beta};
}

uint64_t cuda_address(const struct cuda_place *place, const struct nn_tensor *tensor)
{
    if (!has(tensor))
        return 0;
    if (tensor->buffer >= 0)
        return place->device +
               (uint64_t)((const unsigned char *)(const void *)tensor->data - place->host) / 2;
    for (size_t i = 0; i < place->constant_count; i++)
        if (place->constant[i].host == tensor->data)
            return place->constants + place->constant[i].offset;
    return 0;
}

static uint64_t map_address(const struct cuda_place *place, const int32_t *map)
{
    for (size_t i = 0; i < place->constant_count; i++)
        if (place->constant[i].host == map)
            return place->constants + place->constant[i].offset;
    return 0;
}

static uint64_t scratch_address(const struct nn_step *step, const struct cuda_place *place)
{
    return place->device + (uint64_t)((const unsigned char *)step->scratch - place->host) / 2;
}

/* Can it be read or written 8 halves at a time, at multiples of 8 along its last dimension? */
static bool is_vector(const struct cuda_place *place, const struct nn_tensor *tensor)
{
    if (!has(tensor))
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
            has(tensors[i]) && (!extent_of(tensors[i], &extent) || extent > INT_MAX / 2 ||
                                nn_tensor_count(tensors[i]) > INT_MAX / 2),
            err, SE_ERR_LIMIT, "node %s: a tensor too large for the GPU backend", name_of(step));
    }
    return SE_OK;
}

static int64_t padded(int64_t count, int64_t step)
{
    return (count + step - 1) / step * step;
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
        return step->tune[TUNE_WAY] == CUDA_FFN_TWO
                   ? 2 * rows_of(step) * padded(step->node->weight[0].dims[0], 8)
                   : 0;
    case NN_OP_GAP:
        return 4 * x->dims[0] * x->dims[3] * blocks(x->dims[1] * x->dims[2], CUDA_GAP_PIXELS);
    case NN_OP_SELECT:
        return padded(4 * nn_tensor_count(&step->out), 32) +
               4 * 4 * x->dims[0] * 2 *
                   (int64_t)blocks(step->node->weight[0].dims[0], CUDA_SELECT_COLUMNS);
    default:
        return 0;
    }
}

int cuda_step_plan(struct nn_step *step, int multiprocessors, se_error *err)
{
    FORWARD_IF_ERROR(check_sizes(step, err));
    if (step->op == NN_OP_FFN)
        step->tune[TUNE_WAY] = ffn_way(step, multiprocessors);
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
        if (has(t) && t->buffer < 0 && extent_of(t, &extent))
            out[count++] = (struct cuda_constant){.host = t->data, .count = (size_t)extent};
    }
    for (int i = 0; i < 2 && step->op == NN_OP_RESIZE; i++)
        if (step->attr.factor[i] <= 0)
            out[count++] = (struct cuda_constant){
                .host = step->attr.map[i], .count = (size_t)step->out.dims[1 + i], .ints = true};
    return count;
}

/* ---- products ------------------------------------------------------------------------------- */

/* The tile by the padded columns alone: whatever the rows, the same kernel. */
static void launch_gemm(struct cuda_launch *launch, const struct cuda_gemm *gemm)
{
    const bool wide = gemm->n_padded % 64 == 0;
    launch->kernel = wide ? CUDA_KERNEL_gemm_64x64 : CUDA_KERNEL_gemm_128x32;
    launch->grid_x = blocks(gemm->rows, wide ? 64 : 128);
    launch->grid_y = (unsigned)(gemm->n_padded / (wide ? 64 : 32));
    launch->args.gemm = *gemm;
}

/* Input, scale and residual of a GEMM or FFN [n, m, c]. */
static struct cuda_gemm rows_gemm(const struct nn_step *step, const struct cuda_place *place)
{
    const struct nn_tensor *x = &step->in[NN_IN_X], *scale = &step->in[NN_IN_SCALE];
    const struct nn_tensor *residual = &step->in[NN_IN_RESIDUAL], *out = &step->out;
    return (struct cuda_gemm){
        .x = cuda_address(place, x),
        .scale = cuda_address(place, scale),
        .residual = cuda_address(place, residual),
        .out = cuda_address(place, out),
        .rows = to_int(out->dims[0] * out->dims[1]),
        .image_rows = to_int(out->dims[1]),
        .k = to_int(x->dims[2]),
        .n = to_int(out->dims[2]),
        .x_image = to_int(x->strides[0]),
        .x_row = to_int(x->strides[1]),
        .scale_image = has(scale) ? to_int(scale->strides[0]) : 0,
        .residual_image = has(residual) ? to_int(residual->strides[0]) : 0,
        .residual_row = has(residual) ? to_int(residual->strides[1]) : 0,
        .out_image = to_int(out->strides[0]),
        .out_row = to_int(out->strides[1]),
        .vector = is_vector(place, x) && is_vector(place, scale),
        .residual_mode = (int)step->attr.residual,
        .act = act_of(&step->attr.act),
    };
}

static int build_gemm(const struct nn_step *step, const struct cuda_place *place,
                      struct cuda_launch *out)
{
    const struct cuda_packed *packed = step->packed;
    struct cuda_gemm gemm = rows_gemm(step, place);
    gemm.w = packed->w[0];
    gemm.bias = packed->b[0];
    gemm.k_padded = packed->k_padded;
    gemm.n_padded = packed->n_padded;
    launch_gemm(out, &gemm);
    return 1;
}

/* hidden = act(x · w1), then out = hidden · w2 with the residual. */
static int build_two_products(const struct nn_step *step, const struct cuda_place *place,
                              struct cuda_launch *out)
{
    const struct cuda_packed *packed = step->packed;
    const int hidden = to_int(step->node->weight[0].dims[0]), pitch = to_int(padded(hidden, 8));
    const struct cuda_gemm all = rows_gemm(step, place);
    struct cuda_gemm first = all, second = all;
    first.w = packed->w[0];
    first.bias = packed->b[0];
    first.k_padded = packed->ci_padded;
    first.n = hidden;
    first.n_padded = packed->hidden_padded;
    first.out = scratch_address(step, place);
    first.out_image = all.image_rows * pitch;
    first.out_row = pitch;
    first.act = act_of(&step->attr.hidden);
    first.residual = 0;
    first.residual_mode = CUDA_RESIDUAL_NONE;
    second.x = first.out;
    second.x_image = first.out_image;
    second.x_row = pitch;
    second.scale = 0;
    second.k = hidden;
    second.k_padded = packed->hidden_padded;
    second.vector = hidden % 8 == 0;
    second.w = packed->w[1];
    second.bias = packed->b[1];
    second.n_padded = packed->co_padded;
    if (step->attr.residual_self) {
        second.residual = all.x;
        second.residual_image = all.x_image;
        second.residual_row = all.x_row;
        second.residual_scale = all.scale;
    }
    launch_gemm(&out[0], &first);
    launch_gemm(&out[1], &second);
    return 2;
}

static int build_ffn(const struct nn_step *step, const struct cuda_place *place,
                     struct cuda_launch *out)
{
    const struct cuda_packed *packed = step->packed;
    const enum cuda_ffn_way way = (enum cuda_ffn_way)step->tune[TUNE_WAY];
    if (way == CUDA_FFN_TWO)
        return build_two_products(step, place, out);
    const struct cuda_gemm rows = rows_gemm(step, place);
    out->kernel = way == CUDA_FFN_FUSED ? CUDA_KERNEL_ffn : CUDA_KERNEL_squeeze;
    out->grid_x = way == CUDA_FFN_FUSED ? blocks(rows.rows, CUDA_FFN_ROWS) : (unsigned)rows.rows;
    out->grid_y = 1;
    out->args.ffn = (struct cuda_ffn){
        .x = rows.x,
        .w1 = packed->w[0],
        .b1 = packed->b[0],
        .w2 = packed->w[1],
        .b2 = packed->b[1],
        .scale = rows.scale,
        .residual = rows.residual,
        .out = rows.out,
        .rows = rows.rows,
        .image_rows = rows.image_rows,
        .ci = rows.k,
        .ci_padded = packed->ci_padded,
        .hidden = to_int(step->node->weight[0].dims[0]),
        .hidden_padded = packed->hidden_padded,
        .co = rows.n,
        .co_padded = packed->co_padded,
        .x_image = rows.x_image,
        .x_row = rows.x_row,
        .scale_image = rows.scale_image,
        .residual_image = rows.residual_image,
        .residual_row = rows.residual_row,
        .out_image = rows.out_image,
        .out_row = rows.out_row,
        .vector = rows.vector,
        .residual_mode = rows.residual_mode,
        .residual_self = step->attr.residual_self,
        .hidden_act = act_of(&step->attr.hidden),
        .act = rows.act,
    };
    return 1;
}

uint64_t cuda_select_output(const struct nn_step *step, const struct cuda_place *place)
{
    return scratch_address(step, place);
}

static int build_select(const struct nn_step *step, const struct cuda_place *place,
                        struct cuda_launch *out)
{
    const struct nn_tensor *x = &step->in[NN_IN_X];
    const struct cuda_packed *packed = step->packed;
    const int classes = to_int(step->node->weight[0].dims[0]), rows = to_int(x->dims[0]);
    const unsigned parts = blocks(classes, CUDA_SELECT_COLUMNS);
    const uint64_t scratch = scratch_address(step, place);
    const struct cuda_select select = {
        .g = {.x = cuda_address(place, x),
              .w = packed->w[0],
              .bias = packed->b[0],
              .rows = rows,
              .image_rows = rows,
              .k = to_int(x->dims[1]),
              .k_padded = packed->k_padded,
              .n = classes,
              .n_padded = packed->n_padded,
              .x_row = to_int(x->strides[0]),
              .vector = is_vector(place, x)},
        .slot = packed->slot,
        .partial = scratch + (uint64_t)padded(4 * nn_tensor_count(&step->out), 32),
        .out = scratch,
        .columns = to_int((int64_t)step->attr.column_count),
        .parts = (int)(2 * parts),
    };
    out[0] = (struct cuda_launch){.kernel = CUDA_KERNEL_select_scan,
                                  .grid_x = blocks(rows, 64),
                                  .grid_y = parts,
                                  .args.select = select};
    out[1] = (struct cuda_launch){.kernel = CUDA_KERNEL_select_finish,
                                  .grid_x = (unsigned)rows,
                                  .grid_y = 1,
                                  .args.select = select};
    return 2;
}

static int build_matmul(const struct nn_step *step, const struct cuda_place *place,
                        struct cuda_launch *out)
{
    const struct nn_tensor *x = &step->in[NN_IN_X], *y = &step->in[NN_IN_B], *o = &step->out;
    struct cuda_matmul m = {
        .x = cuda_address(place, x),
        .y = cuda_address(place, y),
        .out = cuda_address(place, o),
        .batch1 = to_int(o->dims[1]),
        .m = to_int(o->dims[2]),
        .n = to_int(o->dims[3]),
        .k = to_int(x->dims[3]),
    };
    for (int i = 0; i < 4; i++) {
        m.x_stride[i] = to_int(x->strides[i]);
        m.y_stride[i] = to_int(y->strides[i]);
        m.out_stride[i] = to_int(o->strides[i]);
    }
    *out = (struct cuda_launch){.kernel = CUDA_KERNEL_matmul,
                                .grid_x = blocks(m.m, 64) * blocks(m.n, 64),
                                .grid_y = (unsigned)(o->dims[0] * o->dims[1]),
                                .args.matmul = m};
    return 1;
}

/* ---- windows -------------------------------------------------------------------------------- */

static struct cuda_window window_of(const struct nn_step *step, const struct cuda_place *place)
{
    const struct nn_tensor *x = &step->in[NN_IN_X], *o = &step->out;
    const struct cuda_packed *packed = step->packed;
    const struct nn_attr *a = &step->attr;
    return (struct cuda_window){
        .x = cuda_address(place, x),
        .w = packed ? packed->w[0] : 0,
        .bias = packed ? packed->b[0] : 0,
        .out = cuda_address(place, o),
        .n = to_int(o->dims[0]),
        .h = to_int(x->dims[1]),
        .width = to_int(x->dims[2]),
        .c = to_int(x->dims[3]),
        .out_h = to_int(o->dims[1]),
        .out_width = to_int(o->dims[2]),
        .out_c = to_int(o->dims[3]),
        .c_padded = packed ? packed->n_padded : 0,
        .x_row = to_int(x->strides[2]),
        .out_row = to_int(o->strides[2]),
        .kh = a->kernel[0],
        .kw = a->kernel[1],
        .stride_y = a->stride[0],
        .stride_x = a->stride[1],
        .dilation_y = a->dilation[0],
        .dilation_x = a->dilation[1],
        .pad_y = a->pad[0],
        .pad_x = a->pad[1],
        .groups = a->groups > 0 ? a->groups : 1,
        .count_include_pad = a->count_include_pad,
        .vector = is_vector(place, x) && is_vector(place, o),
        .act = act_of(&a->act),
    };
}

/* `across` pixels and `channels` channels a thread. */
static int launch_window(struct cuda_launch *out, enum cuda_kernel kernel,
                         const struct cuda_window *window, int across, int channels)
{
    *out = (struct cuda_launch){
        .kernel = kernel,
        .grid_x = blocks((int64_t)window->n * window->out_h * blocks(window->out_width, across) *
                             blocks(window->out_c, channels),
                         cuda_kernel_threads(kernel)),
        .grid_y = 1,
        .args.window = *window};
    return 1;
}

static int build_dwconv(const struct nn_step *step, const struct cuda_place *place,
                        struct cuda_launch *out)
{
    const struct cuda_window w = window_of(step, place);
    const bool plain = w.vector && w.kh == w.kw && w.dilation_y == 1 && w.dilation_x == 1 &&
                       w.stride_y == w.stride_x;
    if (plain && w.kh == 3 && w.stride_x == 1)
        return launch_window(out, CUDA_KERNEL_dwconv_3x3_s1, &w, 4, 8);
    if (plain && w.kh == 3 && w.stride_x == 2)
        return launch_window(out, CUDA_KERNEL_dwconv_3x3_s2, &w, 2, 8);
    if (plain && w.kh == 7 && w.stride_x == 1)
        return launch_window(out, CUDA_KERNEL_dwconv_7x7_s1, &w, 4, 8);
    return launch_window(out, CUDA_KERNEL_dwconv, &w, 1, 1);
}

/* Rows of the product are output pixels. */
static int build_conv(const struct nn_step *step, const struct cuda_place *place,
                      struct cuda_launch *out)
{
    const struct nn_tensor *x = &step->in[NN_IN_X], *o = &step->out;
    const struct cuda_packed *packed = step->packed;
    const struct cuda_window w = window_of(step, place);
    if (step->attr.groups != 1)
        return launch_window(out, CUDA_KERNEL_conv, &w, 1, 1);
    const struct cuda_gemm gemm = {
        .x = w.x,
        .w = packed->w[0],
        .bias = packed->b[0],
        .out = w.out,
        .rows = w.n * w.out_h * w.out_width,
        .image_rows = w.out_h * w.out_width,
        .k = w.kh * w.kw * w.c,
        .k_padded = packed->k_padded,
        .n = w.out_c,
        .n_padded = packed->n_padded,
        .x_image = to_int(x->strides[0]),
        .x_row = w.x_row,
        .out_image = to_int(o->strides[0]),
        .out_row = w.out_row,
        .vector = is_vector(place, x),
        .act = w.act,
        .window = 1,
        .h = w.h,
        .width = w.width,
        .c = w.c,
        .out_width = w.out_width,
        .kw = w.kw,
        .stride_y = w.stride_y,
        .stride_x = w.stride_x,
        .dilation_y = w.dilation_y,
        .dilation_x = w.dilation_x,
        .pad_y = w.pad_y,
        .pad_x = w.pad_x,
    };
    launch_gemm(out, &gemm);
    return 1;
}

/* Rows of the product are input pixels; each makes a block of output pixels. */
static int build_deconv(const struct nn_step *step, const struct cuda_place *place,
                        struct cuda_launch *out)
{
    const struct nn_tensor *x = &step->in[NN_IN_X], *o = &step->out;
    const struct cuda_packed *packed = step->packed;
    const struct cuda_window w = window_of(step, place);
    if (!cuda_deconv_is_product(&step->attr) || w.out_h != w.h * w.stride_y ||
        w.out_width != w.width * w.stride_x)
        return launch_window(out, CUDA_KERNEL_deconv, &w, 1, 1);
    const struct cuda_gemm gemm = {
        .x = w.x,
        .w = packed->w[1],
        .bias = packed->b[1],
        .out = w.out,
        .rows = w.n * w.h * w.width,
        .image_rows = w.h * w.width,
        .k = w.c,
        .k_padded = packed->k_padded,
        .n = w.kh * w.kw * w.out_c,
        .n_padded = packed->n_padded,
        .x_image = to_int(x->strides[0]),
        .x_row = w.x_row,
        .out_image = to_int(o->strides[0]),
        .out_row = w.out_row,
        .vector = is_vector(place, x),
        .act = w.act,
        .width = w.width,
        .out_width = w.out_width,
        .kw = w.kw,
        .stride_y = w.stride_y,
        .stride_x = w.stride_x,
        .scatter = 1,
        .scatter_c = w.out_c,
    };
    launch_gemm(out, &gemm);
    return 1;
}

static int build_pool(const struct nn_step *step, const struct cuda_place *place,
                      struct cuda_launch *out)
{
    const struct cuda_window w = window_of(step, place);
    return launch_window(out, step->op == NN_OP_MAXPOOL ? CUDA_KERNEL_maxpool : CUDA_KERNEL_avgpool,
                         &w, 1, 1);
}

static int build_resize(const struct nn_step *step, const struct cuda_place *place,
                        struct cuda_launch *out)
{
    const struct nn_tensor *x = &step->in[NN_IN_X], *o = &step->out;
    const struct nn_tensor *residual = &step->in[NN_IN_RESIDUAL];
    const int32_t *factor = step->attr.factor;
    const bool vector = is_vector(place, x) && is_vector(place, o) && is_vector(place, residual);
    *out = (struct cuda_launch){
        .kernel = CUDA_KERNEL_resize,
        .grid_x = blocks(nn_tensor_count(o) / (vector ? 8 : 1), 128),
        .grid_y = 1,
        .args.resize = {.x = cuda_address(place, x),
                        .residual = cuda_address(place, residual),
                        .out = cuda_address(place, o),
                        .map_y = factor[0] > 0 ? 0 : map_address(place, step->attr.map[0]),
                        .map_x = factor[1] > 0 ? 0 : map_address(place, step->attr.map[1]),
                        .n = to_int(o->dims[0]),
                        .h = to_int(x->dims[1]),
                        .width = to_int(x->dims[2]),
                        .c = to_int(o->dims[3]),
                        .out_h = to_int(o->dims[1]),
                        .out_width = to_int(o->dims[2]),
                        .x_row = to_int(x->strides[2]),
                        .residual_row = has(residual) ? to_int(residual->strides[2]) : 0,
                        .out_row = to_int(o->strides[2]),
                        .factor_y = factor[0],
                        .factor_x = factor[1],
                        .vector = vector,
                        .residual_mode = (int)step->attr.residual,
                        .act = act_of(&step->attr.act)}};
    return 1;
}

/* ---- elements, rows, means ------------------------------------------------------------------ */

static int build_point(const struct nn_step *step, const struct cuda_place *place,
                       struct cuda_launch *out)
{
    const struct nn_tensor *a = &step->in[NN_IN_X], *b = &step->in[NN_IN_B], *o = &step->out;
    const bool two = step->op == NN_OP_BINARY;
    struct cuda_point p = {
        .a = cuda_address(place, a),
        .b = two ? cuda_address(place, b) : 0,
        .out = cuda_address(place, o),
        .rank = o->rank,
        .count = to_int(nn_tensor_count(o)),
        .binary = two ? (int)step->attr.binary : CUDA_FIRST,
        .vector = o->dims[o->rank - 1] % 8 == 0,
        .act = step->op == NN_OP_COPY ? (struct cuda_act){0} : act_of(&step->attr.act),
    };
    for (int i = 0; i < o->rank; i++) {
        p.dims[i] = to_int(o->dims[i]);
        p.a_stride[i] = to_int(a->strides[i]);
        p.b_stride[i] = two ? to_int(b->strides[i]) : 0;
        p.out_stride[i] = to_int(o->strides[i]);
    }
    *out = (struct cuda_launch){.kernel = CUDA_KERNEL_point,
                                .grid_x = blocks(p.count / (p.vector ? 8 : 1), 128),
                                .grid_y = 1,
                                .args.point = p};
    return 1;
}

static int build_reduce(const struct nn_step *step, const struct cuda_place *place,
                        struct cuda_launch *out)
{
    const struct nn_tensor *x = &step->in[NN_IN_X], *o = &step->out;
    struct cuda_reduce r = {
        .x = cuda_address(place, x),
        .out = cuda_address(place, o),
        .rank = x->rank,
        .kept = x->rank - step->attr.reduced,
        .count = to_int(nn_tensor_count(o)),
        .reduced = 1,
    };
    for (int i = 0; i < x->rank; i++) {
        r.dims[i] = to_int(x->dims[i]);
        r.x_stride[i] = to_int(x->strides[i]);
        if (i < r.kept)
            r.out_stride[i] = to_int(o->strides[i]);
        else
            r.reduced *= r.dims[i];
    }
    *out = (struct cuda_launch){.kernel = CUDA_KERNEL_reduce_mean,
                                .grid_x = blocks(r.count, 128),
                                .grid_y = 1,
                                .args.reduce = r};
    return 1;
}

static int build_gap(const struct nn_step *step, const struct cuda_place *place,
                     struct cuda_launch *out)
{
    const struct nn_tensor *x = &step->in[NN_IN_X], *o = &step->out;
    const int64_t pixels = x->dims[1] * x->dims[2];
    const unsigned parts = blocks(pixels, CUDA_GAP_PIXELS);
    const struct cuda_gap gap = {
        .x = cuda_address(place, x),
        .partial = scratch_address(step, place),
        .out = cuda_address(place, o),
        .n = to_int(x->dims[0]),
        .pixels = to_int(pixels),
        .c = to_int(x->dims[3]),
        .x_image = to_int(x->strides[0]),
        .x_row = to_int(x->strides[2]),
        .out_row = to_int(o->strides[0]),
        .parts = (int)parts,
    };
    out[0] = (struct cuda_launch){.kernel = CUDA_KERNEL_gap_sum,
                                  .grid_x = parts,
                                  .grid_y = (unsigned)x->dims[0],
                                  .args.gap = gap};
    out[1] = (struct cuda_launch){.kernel = CUDA_KERNEL_gap_mean,
                                  .grid_x = blocks(x->dims[3], 128),
                                  .grid_y = (unsigned)x->dims[0],
                                  .args.gap = gap};
    return 2;
}

static int build_rows(const struct nn_step *step, const struct cuda_place *place,
                      struct cuda_launch *out)
{
    const struct nn_tensor *x = &step->in[NN_IN_X], *o = &step->out;
    const struct cuda_packed *packed = step->packed;
    const bool norm = step->op == NN_OP_LAYERNORM;
    *out = (struct cuda_launch){.kernel = norm ? CUDA_KERNEL_layernorm : CUDA_KERNEL_softmax,
                                .grid_x = blocks(x->dims[0], 4),
                                .grid_y = 1,
                                .args.rows = {.x = cuda_address(place, x),
                                              .out = cuda_address(place, o),
                                              .gamma = norm && packed ? packed->b[0] : 0,
                                              .beta = norm && packed ? packed->b[1] : 0,
                                              .rows = to_int(x->dims[0]),
                                              .c = to_int(x->dims[1]),
                                              .x_row = to_int(x->strides[0]),
                                              .out_row = to_int(o->strides[0]),
                                              .epsilon = step->attr.epsilon}};
    return 1;
}

int cuda_step_build(const struct nn_step *step, const struct cuda_place *place,
                    struct cuda_launch out[CUDA_STEP_LAUNCHES])
{
    static int (*const build[NN_OP_BACKEND_END])(
        const struct nn_step *step, const struct cuda_place *place, struct cuda_launch *out) = {
        [NN_OP_CONV] = build_conv,
        [NN_OP_DWCONV] = build_dwconv,
        [NN_OP_DECONV] = build_deconv,
        [NN_OP_GEMM] = build_gemm,
        [NN_OP_FFN] = build_ffn,
        [NN_OP_MAXPOOL] = build_pool,
        [NN_OP_AVGPOOL] = build_pool,
        [NN_OP_GAP] = build_gap,
        [NN_OP_UNARY] = build_point,
        [NN_OP_BINARY] = build_point,
        [NN_OP_REDUCE_MEAN] = build_reduce,
        [NN_OP_LAYERNORM] = build_rows,
        [NN_OP_MATMUL] = build_matmul,
        [NN_OP_SOFTMAX] = build_rows,
        [NN_OP_RESIZE] = build_resize,
        [NN_OP_SELECT] = build_select,
        [NN_OP_COPY] = build_point,
    };
    memset(out, 0, CUDA_STEP_LAUNCHES * sizeof(*out));
    return build[step->op](step, place, out);
}
