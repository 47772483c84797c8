/*
 * Every kernel on a GPU against the plain C reference: small steps, made here, that between them
 * launch all of them.
 */
#ifndef SE_NN_CUDA_CUDA_CHECK_H
#define SE_NN_CUDA_CUDA_CHECK_H

#include "base/arena.h"
#include "nn/backend.h"
#include "nn/cuda/cuda_device.h"

enum { CUDA_CHECK_MAX_CASES = 32 };

/* A step with its node; tensors and weights lie in an arena. Of its inputs, X is the plan's input,
 * the others are constants. */
struct cuda_check_case {
    const char *name;
    struct nn_step step;
    struct nn_node node;
};

/* Fills in all cases for a GPU of so many multiprocessors; returns how many. 0: no memory. Nothing
 * in them is random: all numbers are exact in halves. */
int cuda_check_cases(struct cuda_check_case cases[CUDA_CHECK_MAX_CASES], int multiprocessors,
                     struct arena *arena);

/* What was found of one kernel. */
struct cuda_check_result {
    bool right;
    double error;          /* the largest of its cases, relative to the largest number expected */
    const char *case_name; /* of that error */
};

/*
 * Opens the GPU, runs all cases there and in the reference, and fills in a result for each kernel.
 * A kernel is right when every case that launches it is, but for the conversions at both ends of
 * every case: those are when any case is. SE_ERR_DEVICE, SE_ERR_LIMIT, SE_ERR_MEMORY when it could
 * not be found out; SE_ERR_INTERNAL when a kernel is in no case.
 */
int cuda_check_kernels(int device, struct cuda_check_result results[CUDA_KERNEL_COUNT],
                       se_error *err);

#endif
