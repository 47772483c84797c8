/* 8-bit kernels for x86-64 with AVX-512 (F, BW, DQ, VL, VNNI). */
#define VEC_WIDTH 16
#define GEMM_VECTORS 3
#define INT8_ROWS 8
#define INT8_TILE "8x48"
#define TIER avx512vnni
#include "nn/cpu/kernel_int8.h"
