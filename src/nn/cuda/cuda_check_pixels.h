/*
 * The part of cuda_check.h that is about pictures.
 */
#ifndef SE_NN_CUDA_CUDA_CHECK_PIXELS_H
#define SE_NN_CUDA_CUDA_CHECK_PIXELS_H

#include "nn/cuda/cuda_check.h"

/* Fills in results[CUDA_KERNEL_sample_…] of an open device. Errors as cuda_check_kernels. */
int cuda_check_pixels(struct cuda_device *device, struct cuda_check_result results[],
                      se_error *err);

#endif
