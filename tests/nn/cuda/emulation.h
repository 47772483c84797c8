/*
 * Kernels by name, run on the CPU.
 */
#ifndef SE_TESTS_NN_CUDA_EMULATION_H
#define SE_TESTS_NN_CUDA_EMULATION_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Number of a kernel and the size of its argument; -1 for a name that is none. */
int emulation_find(const char *name, size_t *args_size);
/* Runs a grid of blocks. False when `threads` is not what the kernel was compiled for. */
bool emulation_run(int kernel, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned threads,
                   const void *args);
/* Whether threads of a phase run from the last to the first, in kernels that this thread of the
 * host runs. */
void emulation_set_backwards(bool backwards);

#ifdef __cplusplus
}
#endif

#endif
