/*
 * A GPU: its context, its kernels, and an account of the memory taken from it.
 *
 * Opened when the first model asks for it and closed when the last one goes. A failure other than
 * lack of memory leaves a context that can do nothing more (CUDA calls such errors sticky): the
 * device is lost to this process, and every later call says why.
 */
#ifndef SE_NN_CUDA_CUDA_DEVICE_H
#define SE_NN_CUDA_CUDA_DEVICE_H

#include <pthread.h>
#include <stdbool.h>

#include "nn/cuda/cuda_args.h"
#include "nn/cuda/cuda_driver.h"

enum { CUDA_MAX_DEVICES = 8, CUDA_LEAST_CAPABILITY = 70, CUDA_MEMORY_ALIGN = 256 };

struct cuda_device {
    int index;
    const struct cuda_driver *driver;
    int handle;
    char name[80];
    int capability; /* 10 · major + minor */
    int multiprocessors;
    int clock_khz; /* of the multiprocessors, at most; 0: not told */
    int image;     /* in cuda_images */
    size_t total_bytes;
    /* While open: */
    void *context, *module;
    void *function[CUDA_KERNEL_COUNT];
    int users;
    pthread_mutex_t mutex; /* guards what follows */
    size_t budget, used;   /* bytes; budget 0: none */
    bool lost;
    char why[200]; /* it was lost */
};

/* How many GPUs the driver shows (at most CUDA_MAX_DEVICES are used). SE_ERR_DEVICE without a
 * driver. */
int cuda_device_count(int *count, se_error *err);
/* Name, capability, memory of a GPU and the image that suits it; nothing is opened. SE_ERR_DEVICE
 * for an index that is not there, and for a card that is not supported; *out is filled in as far as
 * it is known. */
int cuda_device_describe(int index, struct cuda_device *out, se_error *err);

/* GFLOP/s of its tensor cores on dense halves; 0: not known. Of a described or open device. */
double cuda_device_peak_gflops(const struct cuda_device *device);

/* Opens the GPU, or shares it when it is open. `budget`: bytes that may be taken from it, 0: all;
 * of several openings the largest counts. SE_ERR_DEVICE. */
int cuda_device_open(int index, size_t budget, struct cuda_device **out, se_error *err);
void cuda_device_close(struct cuda_device *device);
/* The one of this index, 0 … CUDA_MAX_DEVICES - 1, whether or not it is open. */
struct cuda_device *cuda_device_at(int index);
/* "gemm_64x64". Static storage. */
const char *cuda_kernel_name(int kernel);
/* Makes the context that of this thread; SE_ERR_DEVICE when the device is lost. */
int cuda_device_enter(struct cuda_device *device, se_error *err);
/* SE_OK for CUDA_OK, SE_ERR_LIMIT for lack of memory; else the device is lost. `what`: "a copy". */
int cuda_device_check(struct cuda_device *device, int result, const char *what, se_error *err);

/* Memory of the device, from the budget; *address 256-byte aligned. SE_ERR_LIMIT past the budget or
 * when there is no more. The caller has entered. */
int cuda_device_alloc(struct cuda_device *device, size_t bytes, uint64_t *address, se_error *err);
/* Address 0 is allowed. Also of a lost device. */
void cuda_device_free(struct cuda_device *device, uint64_t address, size_t bytes);
/* Bytes taken now, over all models and execs. */
size_t cuda_device_used(struct cuda_device *device);
/* The same of the GPU of an index, 0 … CUDA_MAX_DEVICES - 1; 0 while it is not open. */
size_t cuda_device_used_at(int index);

#endif
