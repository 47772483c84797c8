/*
 * The GPU backend, for the engine.
 */
#ifndef SE_NN_CUDA_CUDA_BACKEND_H
#define SE_NN_CUDA_CUDA_BACKEND_H

#include "nn/backend.h"

/* Opens the GPU and gives its backend; struct nn_backend's close gives it back. `max_bytes` of its
 * memory are used at most, 0: all. NULL with SE_ERR_DEVICE and the reason when there is none. */
const struct nn_backend *nn_cuda_backend(int device, size_t max_bytes, se_error *err);

#endif
