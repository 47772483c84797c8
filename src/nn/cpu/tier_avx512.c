/* Kernels for x86-64 with AVX-512 (F, BW, DQ, VL): 32 registers of 16 floats. Built with those
 * flags; called only where cpu_detect.c has found them. */
#define VEC_WIDTH 16
#define GEMM_VECTORS 3
#define GEMM_ROWS_1 16
#define GEMM_ROWS_2 14
#define GEMM_ROWS_3 8
#define GEMM_TILE "8x48"
#define TIER avx512
#include "nn/cpu/kernel_table.h"
