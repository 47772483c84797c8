/*
 * The part of cuda_check.h that is about maps.
 */
#ifndef SE_NN_CUDA_CUDA_CHECK_MAP_H
#define SE_NN_CUDA_CUDA_CHECK_MAP_H

#include "nn/cuda/cuda_check.h"

/* Fills in results[CUDA_KERNEL_map_…] of an open device. Errors as cuda_check_kernels. */
int cuda_check_map(struct cuda_device *device, struct cuda_check_result results[], se_error *err);

#endif
