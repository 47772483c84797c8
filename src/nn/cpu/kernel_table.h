/*
 * The whole of a tier: included last by tier_*.c, which defines
 *
 *   VEC_WIDTH      floats in a vector
 *   GEMM_VECTORS   vectors in a usual panel; GEMM_ROWS_1, _2, _3: rows of the tiles
 *   TIER_HAS_TILES instead of these two: products are those of kernel_amx.h
 *   TIER_HAS_DOTS  instead of these two: products are those of kernel_dot.h
 *   GEMM_TILE      that in words, "6x16"
 *   TIER           the suffix of names: avx2
 *
 * and gets the table cpu_kernels_TIER.
 */
#include <stdbool.h>

#ifdef TIER_HAS_TILES
#include "nn/cpu/kernel_amx.h"
#elif defined(TIER_HAS_DOTS)
#include "nn/cpu/kernel_dot.h"
#else
#include "nn/cpu/kernel_gemm.h"
#endif
#include "nn/cpu/kernel_conv.h"
#include "nn/cpu/kernel_planes.h"
#include "nn/cpu/kernel_rows.h"
#include "nn/cpu/kernel_wino.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

#define VECTOR_TILE "x" TEXT(VEC_WIDTH)
#define PIXEL_TILE "8x" TEXT(VEC_WIDTH)
#define CPU_TILE_gemm GEMM_TILE
#define CPU_TILE_dwconv PIXEL_TILE
#define CPU_TILE_wino_in VECTOR_TILE
#define CPU_TILE_wino_out VECTOR_TILE
#define CPU_TILE_planes VECTOR_TILE
#define CPU_TILE_max4 VECTOR_TILE
#define CPU_TILE_maxpool VECTOR_TILE
#define CPU_TILE_avgpool VECTOR_TILE
#define CPU_TILE_resize VECTOR_TILE
#define CPU_TILE_sum VECTOR_TILE
#define CPU_TILE_unary VECTOR_TILE
#define CPU_TILE_binary VECTOR_TILE
#define CPU_TILE_softmax VECTOR_TILE
#define CPU_TILE_layernorm VECTOR_TILE
#define CPU_TILE_logsum VECTOR_TILE

static const char *const kernel_names[CPU_KERNEL_COUNT] = {
#define X(name, type) "f32_" #name "_" CPU_TILE_##name "__" TEXT(TIER),
    CPU_KERNELS(X)
#undef X
};

#ifndef BF16_PARTS
static float peak(size_t rounds)
{
    vf sum[CPU_PEAK_FMAS];
    for (int j = 0; j < CPU_PEAK_FMAS; j++)
        sum[j] = vf_set1((float)j);
    const vf x = vf_set1(0.999f), y = vf_set1(1e-3f);
    for (size_t i = 0; i < rounds; i++) {
        UNROLL
        for (int j = 0; j < CPU_PEAK_FMAS; j++)
            sum[j] = vf_fma(sum[j], x, y);
    }
    for (int j = 1; j < CPU_PEAK_FMAS; j++)
        sum[0] += sum[j];
    return vf_sum(sum[0]);
}
#endif

const struct cpu_kernels JOIN(cpu_kernels_, TIER) = {
    .tier = TEXT(TIER),
    .tile = GEMM_SIZES,
#define X(name, type) .name = name,
    CPU_KERNELS(X)
#undef X
        .peak = peak,
#ifdef BF16_PARTS
    .split = split,
#endif
    .names = kernel_names,
};
