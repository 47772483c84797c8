/*
 * NVIDIA's driver, found at run time: libcuda.so.1 and the entry points that are used.
 *
 * Nothing of NVIDIA's is needed to build: names, types and numbers here are those of cuda.h of CUDA
 * 12.9 (in the wheel nvidia-cuda-runtime-cu12 12.9.79), against which tests/nn/cuda/test_cuda_abi.c
 * checks them. Handles are opaque pointers, device addresses integers.
 */
#ifndef SE_NN_CUDA_CUDA_DRIVER_H
#define SE_NN_CUDA_CUDA_DRIVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* CUresult: those that are told apart. */
enum {
    CUDA_OK = 0,
    CUDA_OUT_OF_MEMORY = 2,
    CUDA_STUB_LIBRARY = 34,
    CUDA_NO_DEVICE = 100,
    CUDA_NO_BINARY = 209,
    CUDA_SYSTEM_MISMATCH = 803
};

/* CUdevice_attribute */
enum {
    CUDA_ATTRIBUTE_MULTIPROCESSORS = 16,
    CUDA_ATTRIBUTE_COMPUTE_MODE = 20,
    CUDA_ATTRIBUTE_CLOCK_KHZ = 13,
    CUDA_ATTRIBUTE_MAJOR = 75,
    CUDA_ATTRIBUTE_MINOR = 76
};
enum { CUDA_MODE_PROHIBITED = 2 };      /* CUcomputemode */
enum { CUDA_STREAM_NON_BLOCKING = 1 };  /* CUstream_flags */
enum { CUDA_CAPTURE_THREAD_LOCAL = 1 }; /* CUstreamCaptureMode */

/* Oldest driver: CUDA 12.0, that is 525. Code that NVRTC 12.x made loads on every driver of
 * the 12.x family and later ones ("CUDA Compatibility", minor version compatibility, table 1,
 * docs.nvidia.com/deploy/cuda-compatibility). */
enum { CUDA_LEAST_VERSION = 12000 };
#define CUDA_LEAST_DRIVER "525"

/* Field, symbol, parameters; all return CUresult. */
#define CUDA_ENTRIES(X)                                                                            \
    X(init, cuInit, (unsigned flags))                                                              \
    X(driver_version, cuDriverGetVersion, (int *version))                                          \
    X(error_name, cuGetErrorName, (int result, const char **name))                                 \
    X(error_text, cuGetErrorString, (int result, const char **text))                               \
    X(device_count, cuDeviceGetCount, (int *count))                                                \
    X(device_get, cuDeviceGet, (int *device, int index))                                           \
    X(device_name, cuDeviceGetName, (char *name, int size, int device))                            \
    X(device_attribute, cuDeviceGetAttribute, (int *value, int attribute, int device))             \
    X(device_memory, cuDeviceTotalMem_v2, (size_t * bytes, int device))                            \
    X(device_bus, cuDeviceGetPCIBusId, (char *id, int size, int device))                           \
    X(context_retain, cuDevicePrimaryCtxRetain, (void **context, int device))                      \
    X(context_release, cuDevicePrimaryCtxRelease_v2, (int device))                                 \
    X(context_use, cuCtxSetCurrent, (void *context))                                               \
    X(memory_info, cuMemGetInfo_v2, (size_t * free, size_t * total))                               \
    X(memory_alloc, cuMemAlloc_v2, (uint64_t * address, size_t bytes))                             \
    X(memory_free, cuMemFree_v2, (uint64_t address))                                               \
    X(host_alloc, cuMemAllocHost_v2, (void **memory, size_t bytes))                                \
    X(host_free, cuMemFreeHost, (void *memory))                                                    \
    X(copy_in, cuMemcpyHtoD_v2, (uint64_t to, const void *from, size_t bytes))                     \
    X(copy_out, cuMemcpyDtoH_v2, (void *to, uint64_t from, size_t bytes))                          \
    X(copy_in_async, cuMemcpyHtoDAsync_v2,                                                         \
      (uint64_t to, const void *from, size_t bytes, void *stream))                                 \
    X(copy_out_async, cuMemcpyDtoHAsync_v2, (void *to, uint64_t from, size_t bytes, void *stream)) \
    X(copy_within_async, cuMemcpyDtoDAsync_v2,                                                     \
      (uint64_t to, uint64_t from, size_t bytes, void *stream))                                    \
    X(module_load, cuModuleLoadData, (void **module, const void *image))                           \
    X(module_unload, cuModuleUnload, (void *module))                                               \
    X(module_function, cuModuleGetFunction, (void **function, void *module, const char *name))     \
    X(stream_create, cuStreamCreate, (void **stream, unsigned flags))                              \
    X(stream_destroy, cuStreamDestroy_v2, (void *stream))                                          \
    X(stream_wait, cuStreamSynchronize, (void *stream))                                            \
    X(capture_begin, cuStreamBeginCapture_v2, (void *stream, int mode))                            \
    X(capture_end, cuStreamEndCapture, (void *stream, void **graph))                               \
    X(graph_make, cuGraphInstantiateWithFlags,                                                     \
      (void **exec, void *graph, unsigned long long flags))                                        \
    X(graph_launch, cuGraphLaunch, (void *exec, void *stream))                                     \
    X(graph_exec_destroy, cuGraphExecDestroy, (void *exec))                                        \
    X(graph_destroy, cuGraphDestroy, (void *graph))                                                \
    X(launch, cuLaunchKernel,                                                                      \
      (void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,        \
       unsigned block_y, unsigned block_z, unsigned shared_bytes, void *stream, void **parameters, \
       void **extra))

struct cuda_driver {
#define CUDA_FIELD(field, symbol, parameters) int(*field) parameters;
    CUDA_ENTRIES(CUDA_FIELD)
#undef CUDA_FIELD
    int version; /* 1000 · major + 10 · minor of the CUDA that it supports */
};

/* The driver, opened and initialised at the first call and never closed; later calls give the same
 * answer. SE_ERR_DEVICE says what is missing and what to do. Thread-safe. */
int cuda_driver_get(const struct cuda_driver **out, se_error *err);

/* For tests: the next cuda_driver_get opens `path` ("": no library at all; NULL: the usual one)
 * instead. Nothing that the driver made may be left. */
void cuda_driver_use(const char *path);

/* For tests: the file by which users are allowed or refused; NULL: the usual one. */
void cuda_driver_use_control(const char *path);

/* "CUDA_ERROR_NOT_FOUND (named symbol not found)" */
enum { CUDA_RESULT_TEXT = 160 };
const char *cuda_result_text(const struct cuda_driver *driver, int result,
                             char text[CUDA_RESULT_TEXT]);

#endif
