/*
 * Launches of products: linear layers, two of them as one, the selected head, matrices.
 */
#include "nn/cuda/cuda_build.h"
#include "nn/tensor.h"

void cuda_launch_gemm(struct cuda_launch *launch, const struct cuda_gemm *gemm)
{
    const bool wide = gemm->n_padded % 64 == 0;
    launch->kernel = wide ? CUDA_KERNEL_gemm_64x64 : CUDA_KERNEL_gemm_128x32;
    launch->grid_x = cuda_blocks(gemm->rows, wide ? 64 : 128);
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
        .rows = cuda_int(out->dims[0] * out->dims[1]),
        .image_rows = cuda_int(out->dims[1]),
        .k = cuda_int(x->dims[2]),
        .n = cuda_int(out->dims[2]),
        .x_image = cuda_int(x->strides[0]),
        .x_row = cuda_int(x->strides[1]),
        .scale_image = cuda_has(scale) ? cuda_int(scale->strides[0]) : 0,
        .residual_image = cuda_has(residual) ? cuda_int(residual->strides[0]) : 0,
        .residual_row = cuda_has(residual) ? cuda_int(residual->strides[1]) : 0,
        .out_image = cuda_int(out->strides[0]),
        .out_row = cuda_int(out->strides[1]),
        .vector = cuda_is_vector(place, x) && cuda_is_vector(place, scale),
        .residual_mode = (int)step->attr.residual,
        .act = cuda_act_of(&step->attr.act),
    };
}

int cuda_build_gemm(const struct nn_step *step, const struct cuda_place *place,
                    struct cuda_launch *out)
{
    const struct cuda_packed *packed = step->packed;
    struct cuda_gemm gemm = rows_gemm(step, place);
    gemm.w = packed->w[0];
    gemm.bias = packed->b[0];
    gemm.k_padded = packed->k_padded;
    gemm.n_padded = packed->n_padded;
    cuda_launch_gemm(out, &gemm);
    return 1;
}

/* hidden = act(x · w1), then out = hidden · w2 with the residual. */
static int build_two_products(const struct nn_step *step, const struct cuda_place *place,
                              struct cuda_launch *out)
{
    const struct cuda_packed *packed = step->packed;
    const int hidden = cuda_int(step->node->weight[0].dims[0]),
              pitch = cuda_int(cuda_padded(hidden, 8));
    const struct cuda_gemm all = rows_gemm(step, place);
    struct cuda_gemm first = all, second = all;
    first.w = packed->w[0];
    first.bias = packed->b[0];
    first.k_padded = packed->ci_padded;
    first.n = hidden;
    first.n_padded = packed->hidden_padded;
    first.out = cuda_scratch_address(step, place);
    first.out_image = all.image_rows * pitch;
    first.out_row = pitch;
    first.act = cuda_act_of(&step->attr.hidden);
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
    cuda_launch_gemm(&out[0], &first);
    cuda_launch_gemm(&out[1], &second);
    return 2;
}

int cuda_build_ffn(const struct nn_step *step, const struct cuda_place *place,
                   struct cuda_launch *out)
{
    const struct cuda_packed *packed = step->packed;
    const enum cuda_ffn_way way = (enum cuda_ffn_way)step->tune[CUDA_TUNE_WAY];
    if (way == CUDA_FFN_TWO)
        return build_two_products(step, place, out);
    const struct cuda_gemm rows = rows_gemm(step, place);
    out->kernel = way == CUDA_FFN_FUSED ? CUDA_KERNEL_ffn : CUDA_KERNEL_squeeze;
    out->grid_x =
        way == CUDA_FFN_FUSED ? cuda_blocks(rows.rows, CUDA_FFN_ROWS) : (unsigned)rows.rows;
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
        .hidden = cuda_int(step->node->weight[0].dims[0]),
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
        .hidden_act = cuda_act_of(&step->attr.hidden),
        .act = rows.act,
    };
    return 1;
}

uint64_t cuda_select_output(const struct nn_step *step, const struct cuda_place *place)
{
    return cuda_scratch_address(step, place);
}

int cuda_build_select(const struct nn_step *step, const struct cuda_place *place,
                      struct cuda_launch *out)
{
    const struct nn_tensor *x = &step->in[NN_IN_X];
    const struct cuda_packed *packed = step->packed;
    const int classes = cuda_int(step->node->weight[0].dims[0]), rows = cuda_int(x->dims[0]);
    const unsigned parts = cuda_blocks(classes, CUDA_SELECT_COLUMNS);
    const uint64_t scratch = cuda_scratch_address(step, place);
    const struct cuda_select select = {
        .g = {.x = cuda_address(place, x),
              .w = packed->w[0],
              .bias = packed->b[0],
              .rows = rows,
              .image_rows = rows,
              .k = cuda_int(x->dims[1]),
              .k_padded = packed->k_padded,
              .n = classes,
              .n_padded = packed->n_padded,
              .x_row = cuda_int(x->strides[0]),
              .vector = cuda_is_vector(place, x)},
        .slot = packed->slot,
        .partial = scratch + (uint64_t)cuda_padded(4 * nn_tensor_count(&step->out), 32),
        .out = scratch,
        .columns = cuda_int((int64_t)step->attr.column_count),
        .parts = (int)(2 * parts),
    };
    out[0] = (struct cuda_launch){.kernel = CUDA_KERNEL_select_scan,
                                  .grid_x = cuda_blocks(rows, 64),
                                  .grid_y = parts,
                                  .args.select = select};
    out[1] = (struct cuda_launch){.kernel = CUDA_KERNEL_select_finish,
                                  .grid_x = (unsigned)rows,
                                  .grid_y = 1,
                                  .args.select = select};
    return 2;
}

int cuda_build_matmul(const struct nn_step *step, const struct cuda_place *place,
                      struct cuda_launch *out)
{
    const struct nn_tensor *x = &step->in[NN_IN_X], *y = &step->in[NN_IN_B], *o = &step->out;
    struct cuda_matmul m = {
        .x = cuda_address(place, x),
        .y = cuda_address(place, y),
        .out = cuda_address(place, o),
        .batch1 = cuda_int(o->dims[1]),
        .m = cuda_int(o->dims[2]),
        .n = cuda_int(o->dims[3]),
        .k = cuda_int(x->dims[3]),
    };
    for (int i = 0; i < 4; i++) {
        m.x_stride[i] = cuda_int(x->strides[i]);
        m.y_stride[i] = cuda_int(y->strides[i]);
        m.out_stride[i] = cuda_int(o->strides[i]);
    }
    *out = (struct cuda_launch){.kernel = CUDA_KERNEL_matmul,
                                .grid_x = cuda_blocks(m.m, 64) * cuda_blocks(m.n, 64),
                                .grid_y = (unsigned)(o->dims[0] * o->dims[1]),
                                .args.matmul = m};
    return 1;
}
