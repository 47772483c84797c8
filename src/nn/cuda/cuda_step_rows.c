/*
 * Launches of what goes element by element, row by row, and of means.
 */
#include "nn/cuda/cuda_build.h"
#include "nn/tensor.h"

int cuda_build_point(const struct nn_step *step, const struct cuda_place *place,
                     struct cuda_launch *out)
{
    const struct nn_tensor *a = &step->in[NN_IN_X], *b = &step->in[NN_IN_B], *o = &step->out;
    const bool two = step->op == NN_OP_BINARY;
    struct cuda_point p = {
        .a = cuda_address(place, a),
        .b = two ? cuda_address(place, b) : 0,
        .out = cuda_address(place, o),
        .rank = o->rank,
        .count = cuda_int(nn_tensor_count(o)),
        .binary = two ? (int)step->attr.binary : CUDA_FIRST,
        .vector = o->dims[o->rank - 1] % 8 == 0,
        .act = step->op == NN_OP_COPY ? (struct cuda_act){0} : cuda_act_of(&step->attr.act),
    };
    for (int i = 0; i < o->rank; i++) {
        p.dims[i] = cuda_int(o->dims[i]);
        p.a_stride[i] = cuda_int(a->strides[i]);
        p.b_stride[i] = two ? cuda_int(b->strides[i]) : 0;
        p.out_stride[i] = cuda_int(o->strides[i]);
    }
    *out = (struct cuda_launch){.kernel = CUDA_KERNEL_point,
                                .grid_x = cuda_blocks(p.count / (p.vector ? 8 : 1), 128),
                                .grid_y = 1,
                                .args.point = p};
    return 1;
}

int cuda_build_reduce(const struct nn_step *step, const struct cuda_place *place,
                      struct cuda_launch *out)
{
    const struct nn_tensor *x = &step->in[NN_IN_X], *o = &step->out;
    struct cuda_reduce r = {
        .x = cuda_address(place, x),
        .out = cuda_address(place, o),
        .rank = x->rank,
        .kept = x->rank - step->attr.reduced,
        .count = cuda_int(nn_tensor_count(o)),
        .reduced = 1,
    };
    for (int i = 0; i < x->rank; i++) {
        r.dims[i] = cuda_int(x->dims[i]);
        r.x_stride[i] = cuda_int(x->strides[i]);
        if (i < r.kept)
            r.out_stride[i] = cuda_int(o->strides[i]);
        else
            r.reduced *= r.dims[i];
    }
    *out = (struct cuda_launch){.kernel = CUDA_KERNEL_reduce_mean,
                                .grid_x = cuda_blocks(r.count, 128),
                                .grid_y = 1,
                                .args.reduce = r};
    return 1;
}

int cuda_build_gap(const struct nn_step *step, const struct cuda_place *place,
                   struct cuda_launch *out)
{
    const struct nn_tensor *x = &step->in[NN_IN_X], *o = &step->out;
    const int64_t pixels = x->dims[1] * x->dims[2];
    const unsigned parts = cuda_blocks(pixels, CUDA_GAP_PIXELS);
    const struct cuda_gap gap = {
        .x = cuda_address(place, x),
        .partial = cuda_scratch_address(step, place),
        .out = cuda_address(place, o),
        .n = cuda_int(x->dims[0]),
        .pixels = cuda_int(pixels),
        .c = cuda_int(x->dims[3]),
        .x_image = cuda_int(x->strides[0]),
        .x_row = cuda_int(x->strides[2]),
        .out_row = cuda_int(o->strides[0]),
        .parts = (int)parts,
    };
    out[0] = (struct cuda_launch){.kernel = CUDA_KERNEL_gap_sum,
                                  .grid_x = parts,
                                  .grid_y = (unsigned)x->dims[0],
                                  .args.gap = gap};
    out[1] = (struct cuda_launch){.kernel = CUDA_KERNEL_gap_mean,
                                  .grid_x = cuda_blocks(x->dims[3], 128),
                                  .grid_y = (unsigned)x->dims[0],
                                  .args.gap = gap};
    return 2;
}

int cuda_build_rows(const struct nn_step *step, const struct cuda_place *place,
                    struct cuda_launch *out)
{
    const struct nn_tensor *x = &step->in[NN_IN_X], *o = &step->out;
    const struct cuda_packed *packed = step->packed;
    const bool norm = step->op == NN_OP_LAYERNORM;
    *out = (struct cuda_launch){.kernel = norm ? CUDA_KERNEL_layernorm : CUDA_KERNEL_softmax,
                                .grid_x = cuda_blocks(x->dims[0], 4),
                                .grid_y = 1,
                                .args.rows = {.x = cuda_address(place, x),
                                              .out = cuda_address(place, o),
                                              .gamma = norm && packed ? packed->b[0] : 0,
                                              .beta = norm && packed ? packed->b[1] : 0,
                                              .rows = cuda_int(x->dims[0]),
                                              .c = cuda_int(x->dims[1]),
                                              .x_row = cuda_int(x->strides[0]),
                                              .out_row = cuda_int(o->strides[0]),
                                              .epsilon = step->attr.epsilon}};
    return 1;
}
