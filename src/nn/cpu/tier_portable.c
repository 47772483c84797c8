/* Kernels for any machine of the architecture, 128-bit vectors: NEON's 32 registers on aarch64,
 * SSE2's 16 on x86-64, what the compiler makes of them elsewhere. */
#define VEC_WIDTH 4
#if defined(__aarch64__)
#define GEMM_VECTORS 3
#define GEMM_ROWS_1 8
#define GEMM_ROWS_2 8
#define GEMM_ROWS_3 8
#define GEMM_TILE "8x12"
#else
#define GEMM_VECTORS 2
#define GEMM_ROWS_1 6
#define GEMM_ROWS_2 6
#define GEMM_ROWS_3 4
#define GEMM_TILE "6x8"
#endif
#define TIER portable
#include "nn/cpu/kernel_table.h"
