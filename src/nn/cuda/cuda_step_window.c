/*
 * Launches of what looks at pixels: convolutions, pooling, resizing.
 */
#include "nn/cuda/cuda_build.h"
#include "nn/tensor.h"

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
        .n = cuda_int(o->dims[0]),
        .h = cuda_int(x->dims[1]),
        .width = cuda_int(x->dims[2]),
        .c = cuda_int(x->dims[3]),
        .out_h = cuda_int(o->dims[1]),
        .out_width = cuda_int(o->dims[2]),
        .out_c = cuda_int(o->dims[3]),
        .c_padded = packed ? packed->n_padded : 0,
        .x_row = cuda_int(x->strides[2]),
        .out_row = cuda_int(o->strides[2]),
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
        .vector = cuda_is_vector(place, x) && cuda_is_vector(place, o),
        .act = cuda_act_of(&a->act),
    };
}

/* `across` pixels and `channels` channels a thread. */
static int launch_window(struct cuda_launch *out, enum cuda_kernel kernel,
                         const struct cuda_window *window, int across, int channels)
{
    *out = (struct cuda_launch){.kernel = kernel,
                                .grid_x = cuda_blocks((int64_t)window->n * window->out_h *
                                                          cuda_blocks(window->out_width, across) *
                                                          cuda_blocks(window->out_c, channels),
                                                      cuda_kernel_threads(kernel)),
                                .grid_y = 1,
                                .args.window = *window};
    return 1;
}

int cuda_build_dwconv(const struct nn_step *step, const struct cuda_place *place,
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
int cuda_build_conv(const struct nn_step *step, const struct cuda_place *place,
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
        .x_image = cuda_int(x->strides[0]),
        .x_row = w.x_row,
        .out_image = cuda_int(o->strides[0]),
        .out_row = w.out_row,
        .vector = cuda_is_vector(place, x),
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
    cuda_launch_gemm(out, &gemm);
    return 1;
}

/* Rows of the product are input pixels; each makes a block of output pixels. */
int cuda_build_deconv(const struct nn_step *step, const struct cuda_place *place,
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
        .x_image = cuda_int(x->strides[0]),
        .x_row = w.x_row,
        .out_image = cuda_int(o->strides[0]),
        .out_row = w.out_row,
        .vector = cuda_is_vector(place, x),
        .act = w.act,
        .width = w.width,
        .out_width = w.out_width,
        .kw = w.kw,
        .stride_y = w.stride_y,
        .stride_x = w.stride_x,
        .scatter = 1,
        .scatter_c = w.out_c,
    };
    cuda_launch_gemm(out, &gemm);
    return 1;
}

int cuda_build_pool(const struct nn_step *step, const struct cuda_place *place,
                    struct cuda_launch *out)
{
    const struct cuda_window w = window_of(step, place);
    return launch_window(out, step->op == NN_OP_MAXPOOL ? CUDA_KERNEL_maxpool : CUDA_KERNEL_avgpool,
                         &w, 1, 1);
}

int cuda_build_resize(const struct nn_step *step, const struct cuda_place *place,
                      struct cuda_launch *out)
{
    const struct nn_tensor *x = &step->in[NN_IN_X], *o = &step->out;
    const struct nn_tensor *residual = &step->in[NN_IN_RESIDUAL];
    const int32_t *factor = step->attr.factor;
    const bool vector =
        cuda_is_vector(place, x) && cuda_is_vector(place, o) && cuda_is_vector(place, residual);
    *out = (struct cuda_launch){
        .kernel = CUDA_KERNEL_resize,
        .grid_x = cuda_blocks(nn_tensor_count(o) / (vector ? 8 : 1), 128),
        .grid_y = 1,
        .args.resize = {.x = cuda_address(place, x),
                        .residual = cuda_address(place, residual),
                        .out = cuda_address(place, o),
                        .map_y = factor[0] > 0 ? 0 : cuda_map_address(place, step->attr.map[0]),
                        .map_x = factor[1] > 0 ? 0 : cuda_map_address(place, step->attr.map[1]),
                        .n = cuda_int(o->dims[0]),
                        .h = cuda_int(x->dims[1]),
                        .width = cuda_int(x->dims[2]),
                        .c = cuda_int(o->dims[3]),
                        .out_h = cuda_int(o->dims[1]),
                        .out_width = cuda_int(o->dims[2]),
                        .x_row = cuda_int(x->strides[2]),
                        .residual_row = cuda_has(residual) ? cuda_int(residual->strides[2]) : 0,
                        .out_row = cuda_int(o->strides[2]),
                        .factor_y = factor[0],
                        .factor_x = factor[1],
                        .vector = vector,
                        .residual_mode = (int)step->attr.residual,
                        .act = cuda_act_of(&step->attr.act)}};
    return 1;
}
