/* 8-bit kernels for any machine of the architecture, 128-bit vectors. */
#define VEC_WIDTH 4
#define GEMM_VECTORS 2
#define INT8_ROWS 4
#define INT8_TILE "4x8"
#define TIER portable
#include "nn/cpu/kernel_int8.h"
