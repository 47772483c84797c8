/* 8-bit kernels for x86-64 with AVX2 and FMA. 8 sums, 4 registers of weights, 2 of inputs. */
#define VEC_WIDTH 8
#define GEMM_VECTORS 2
#define INT8_ROWS 4
#define INT8_TILE "4x16"
#define TIER avx2
#include "nn/cpu/kernel_int8.h"
