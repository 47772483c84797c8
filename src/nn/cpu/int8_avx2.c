/* 8-bit kernels for x86-64 with AVX2 and FMA. 9 sums, 2 registers of inputs, 1 of ones; weights
 * from the cache where registers run out. */
#define VEC_WIDTH 8
#define GEMM_VECTORS 3
#define INT8_ROWS 3
#define INT8_TILE "3x24"
#define TIER avx2
#include "nn/cpu/kernel_int8.h"
