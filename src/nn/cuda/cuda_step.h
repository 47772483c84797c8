/*
 * From a step of a plan to launches of kernels.
 *
 * Tensors are halves on the device: where the planner counts n floats, there are n halves, so that
 * the device's arena is half as large as the planned one, and byte b of the plan is byte b / 2 of
 * it.
 */
#ifndef SE_NN_CUDA_CUDA_STEP_H
#define SE_NN_CUDA_CUDA_STEP_H

#include "nn/backend.h"
#include "nn/cuda/cuda_device.h"
#include "nn/cuda/cuda_pack.h"

/* One launch. `args` is the kernel's argument, by value. */
struct cuda_launch {
    enum cuda_kernel kernel;
    unsigned grid_x, grid_y;
    union cuda_args {
        struct cuda_gemm gemm;
        struct cuda_ffn ffn;
        struct cuda_select select;
        struct cuda_matmul matmul;
        struct cuda_window window;
        struct cuda_resize resize;
        struct cuda_gap gap;
        struct cuda_point point;
        struct cuda_reduce reduce;
        struct cuda_rows rows;
        struct cuda_convert convert;
        struct cuda_samples samples;
        struct cuda_map map;
        struct cuda_map_sums map_sums;
    } args;
};

enum { CUDA_STEP_LAUNCHES = 2 }; /* at most, of one step */

/* Memory that a step reads besides the arena: copies of constants and of maps. */
struct cuda_constant {
    const void *host; /* where the plan has it */
    size_t offset;    /* in the constants' memory on the device */
    size_t count;     /* elements */
    bool ints;        /* else floats, which become halves */
};

/* Where a plan lies. */
struct cuda_place {
    const unsigned char *host; /* the planned arena, never read */
    uint64_t device;
    uint64_t constants;
    const struct cuda_constant *constant;
    size_t constant_count;
    int multiprocessors;
};

/* How the FFN of a step is done. */
enum cuda_ffn_way { CUDA_FFN_FUSED, CUDA_FFN_TWO, CUDA_FFN_SQUEEZE };
enum { CUDA_TUNE_WAY }; /* place of that in step->tune */

/* SE_ERR_UNSUPPORTED when a node needs what the kernels lack. */
int cuda_step_supports(const struct nn_node *node, se_error *err);
/* Settles scratch memory and the way (tune[0]) of a step. SE_ERR_LIMIT for tensors of 2^31 elements
 * or more. */
int cuda_step_plan(struct nn_step *step, int multiprocessors, se_error *err);
/* The constants that a step reads: up to NN_INPUTS + 2. */
int cuda_step_constants(const struct nn_step *step, struct cuda_constant *out);
/* Fills in the launches of a step that lies at `place`; returns how many. */
int cuda_step_build(const struct nn_step *step, const struct cuda_place *place,
                    struct cuda_launch out[CUDA_STEP_LAUNCHES]);
/* Threads of a block of a kernel. */
unsigned cuda_kernel_threads(enum cuda_kernel kernel);

/* Address of the first element of a tensor. */
uint64_t cuda_address(const struct cuda_place *place, const struct nn_tensor *tensor);
/* Where SELECT leaves its result, as floats. */
uint64_t cuda_select_output(const struct nn_step *step, const struct cuda_place *place);

#endif
