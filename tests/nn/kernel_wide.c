/*
 * The text of tier_avx512.c compiled for AVX2: the compiler splits each 16-wide operation in two,
 * so that its tiles, tails and strides are tested on machines without AVX-512.
 */
#define VEC_WIDTH 16
#define GEMM_VECTORS 3
#define GEMM_ROWS_1 8
#define GEMM_ROWS_2 8
#define GEMM_ROWS_3 8
#define GEMM_TILE "8x48"
#define TIER wide
#include "nn/cpu/kernel_table.h"
