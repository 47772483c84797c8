/* Kernels for x86-64 with AVX-512 (F, BW, DQ, VL, BF16): matrix products of plain bfloat16, their
 * sums in float32, all else as in tier_avx512.c. Built with those flags; called only where
 * cpu_detect.c has found them. */
#define VEC_WIDTH 16
#define GEMM_VECTORS 2
#define GEMM_ROWS_3 8
#define TIER_HAS_DOTS
#define BF16_PARTS 1
#define GEMM_TILE "8x32"
#define TIER avx512_bf16
#include "nn/cpu/kernel_table.h"
