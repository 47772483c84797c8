/*
 * The GPUs of this machine, for people.
 */
#ifndef SE_NN_GPU_INFO_H
#define SE_NN_GPU_INFO_H

#include <stddef.h>

#include "base/status.h"

struct nn_gpu_info {
    char name[80];
    int major, minor; /* compute capability */
    int multiprocessors;
    size_t total_bytes;
    char code[32]; /* of this program that it gets: "sm_90", "PTX for sm_75"; "" for none */
};

/* What code this program has, and what made it: "sm_70 … sm_120, PTX for sm_75 (NVRTC 12.9)"; NULL:
 * this build has no GPU support. Static storage. */
const char *nn_gpu_images(void);
/* Version of the CUDA that the driver supports, 1000 · major + 10 · minor, and how many GPUs it
 * shows. SE_ERR_DEVICE says what is missing and what to do. */
int nn_gpu_count(int *version, int *count, se_error *err);
/* Runs every kernel of the program on a GPU against the plain C reference, in a second or so, and
 * counts the kernels; names those that compute something else, with how wrong they are, in `wrong`
 * ("": none). SE_ERR_DEVICE and the like when that could not be found out. */
enum { NN_GPU_WRONG_SIZE = 800 };
int nn_gpu_check_kernels(int index, int *kernels, char wrong[NN_GPU_WRONG_SIZE], se_error *err);
/* Bytes of the memory of a GPU that all models and execs of this process take now; the driver's
 * context is not in it. 0 for one that is not in use. */
size_t nn_gpu_used(int index);
/* One of them. SE_ERR_DEVICE for one that cannot be used; *out then holds what is known. */
int nn_gpu_describe(int index, struct nn_gpu_info *out, se_error *err);

#endif
