/* As tier_amx.c, with matrix products of plain bfloat16, their sums in float32. */
#define VEC_WIDTH 16
#define GEMM_VECTORS 2
#define GEMM_ROWS_3 8
#define TIER_HAS_TILES
#define BF16_PARTS 1
#define GEMM_TILE "32x32"
#define TIER amx_bf16
#include "nn/cpu/kernel_table.h"
