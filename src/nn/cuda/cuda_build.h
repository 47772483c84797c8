/*
 * What the builders of launches (cuda_step_*.c) share: from a step's tensors to a kernel's numbers.
 */
#ifndef SE_NN_CUDA_CUDA_BUILD_H
#define SE_NN_CUDA_CUDA_BUILD_H

#include "nn/cuda/cuda_step.h"

static inline bool cuda_has(const struct nn_tensor *tensor)
{
    return tensor->rank > 0;
}

/* cuda_step_plan saw to it that it fits. */
static inline int cuda_int(int64_t x)
{
    return (int)x;
}

static inline unsigned cuda_blocks(int64_t items, int64_t per_block)
{
    return (unsigned)((items + per_block - 1) / per_block);
}

static inline int64_t cuda_padded(int64_t count, int64_t step)
{
    return (count + step - 1) / step * step;
}

static inline struct cuda_act cuda_act_of(const struct nn_activation *act)
{
    return (struct cuda_act){(int)act->func, act->alpha, act->beta};
}

/* Address of a map of RESIZE, and of a step's scratch memory. */
uint64_t cuda_map_address(const struct cuda_place *place, const int32_t *map);
uint64_t cuda_scratch_address(const struct nn_step *step, const struct cuda_place *place);
/* Can it be read or written 8 halves at a time, at multiples of 8 along its last dimension? */
bool cuda_is_vector(const struct cuda_place *place, const struct nn_tensor *tensor);

/* Launches a product; the tile by the padded columns alone: whatever the rows, the same kernel. */
void cuda_launch_gemm(struct cuda_launch *launch, const struct cuda_gemm *gemm);

/* As cuda_step_build, each for its operations. */
typedef int cuda_build_fn(const struct nn_step *step, const struct cuda_place *place,
                          struct cuda_launch *out);
cuda_build_fn cuda_build_gemm, cuda_build_ffn, cuda_build_select, cuda_build_matmul,
    cuda_build_dwconv, cuda_build_conv, cuda_build_deconv, cuda_build_pool, cuda_build_resize,
    cuda_build_point, cuda_build_reduce, cuda_build_gap, cuda_build_rows;

#endif
