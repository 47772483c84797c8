/*
 * A libcuda.so.1 for tests: device memory is the host's, kernels run on the CPU (emulation.h), and
 * everything that a driver may refuse can be ordered.
 *
 * Tests open the library like the program does, and reach its controls by name (fake_controls).
 * Without controls it can be ordered by the environment: FAKE_CUDA="capability=37 memory_mb=64".
 */
#ifndef SE_TESTS_NN_CUDA_FAKE_DRIVER_H
#define SE_TESTS_NN_CUDA_FAKE_DRIVER_H

#include <stddef.h>
#include <stdint.h>

enum { FAKE_DEVICES = 8 };

struct fake_controls {
    int version;    /* 12090 */
    int devices;    /* 1 */
    int capability; /* 90 */
    int compute_mode;
    int multiprocessors;      /* 4 */
    int init_result;          /* of cuInit */
    int retain_result;        /* of cuDevicePrimaryCtxRetain */
    int module_result;        /* of cuModuleLoadData */
    long long memory_bytes;   /* of a device; 0: 80 GiB */
    long long free_bytes;     /* shown as free; 0: what is not allocated */
    int allocs_until_failure; /* > 0: that many allocations succeed, then CUDA_ERROR_OUT_OF_MEMORY
                               */
    int launches_until_error; /* > 0: that many graph launches succeed, then a sticky error */
    int calls_until_error;    /* > 0: that many calls of the driver, less one, succeed, and then one
                               * answers call_result; 700: and so does all that follows */
    int call_result;
    int wrong_kernel; /* 1 + its number: its last block is left out */
    int backwards;    /* threads of a phase run from the last to the first */
    int hold;         /* not 0: graphs that are launched wait until it is 0. Atomic */
    /* Counted: */
    int held; /* graphs that wait. Atomic */
    long long allocated_bytes, most_bytes, allocation_calls;
    int unpinned; /* copies in a stream of memory that is not pinned: those do not overlap. Atomic
                   */
    int allocations, contexts, modules, streams, graphs, pinned; /* alive */
    int opened[FAKE_DEVICES]; /* times that a context of each device was taken */
    long long kernel_launches, graph_launches, copies;
    int image_architecture; /* of the last module; PTX: 1000 + its target */
};

/* Symbol of the library: struct fake_controls *fake_cuda_controls(void). */
typedef struct fake_controls *fake_controls_fn(void);

#endif
