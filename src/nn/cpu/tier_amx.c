/* Kernels for x86-64 with AMX (TILE, BF16) besides AVX-512 (F, BW, DQ, VL, BF16): matrix products
 * on tiles, all else as in tier_avx512.c. Built with those flags; called only where cpu_detect.c
 * has found them. */
#define VEC_WIDTH 16
#define GEMM_VECTORS 2
#define GEMM_ROWS_3 8 /* of a tile without tiles of AMX: how many sums registers hold */
#define TIER_HAS_TILES
#define BF16_PARTS 2 /* float32 as two numbers of bfloat16 */
#define GEMM_TILE "32x32"
#define TIER amx
#include "nn/cpu/kernel_table.h"
