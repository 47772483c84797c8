/* Kernels for x86-64 with AVX2 and FMA: 16 registers of 8 floats. Built with those flags; called
 * only where cpu_detect.c has found them. */
#define VEC_WIDTH 8
#define GEMM_VECTORS 2
#define GEMM_ROWS_1 6
#define GEMM_ROWS_2 6
#define GEMM_ROWS_3 4
#define GEMM_TILE "6x16"
#define TIER avx2
#include "nn/cpu/kernel_table.h"
