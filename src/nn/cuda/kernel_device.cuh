/*
 * The language of the kernels: CUDA C where NVRTC compiles them, C++ on the CPU where the tests do.
 *
 * A kernel is a sequence of phases. A phase is a loop over the threads (or warps) of a block that
 * ends with a barrier; on the GPU each thread does its own turn of it, on the CPU one does all:
 *
 *     THREADS(t) { shared[t] = …; }          every thread, then a barrier
 *     WARPS(w) { … LANES(l) { … } … }        every warp, then a barrier; LANES ends with the warp's
 *     THREADS_LAST(t) { … }                  every thread, no barrier: the end of a kernel
 *
 * What a thread or a warp keeps from phase to phase is an array with one place a thread
 * (PER_THREAD, PER_WARP) on the CPU and one place in all on the GPU: x[THREAD_SLOT(t)],
 * x[WARP_SLOT(w)]. Nothing may leave a phase early (break, return); `continue` is fine. Phases
 * stand in code that all threads of a block go through alike.
 *
 * Products of 16 × 16 tiles are tile_mma and nothing else: tensor cores on the GPU, loops on the
 * CPU.
 */
#ifndef SE_NN_CUDA_KERNEL_DEVICE_CUH
#define SE_NN_CUDA_KERNEL_DEVICE_CUH

#if defined(__CUDACC_RTC__)

#include <cuda_fp16.h>
#include <mma.h>

#define KERNEL(name, args, threads)                                                                \
    extern "C" __global__ void __launch_bounds__(threads) name(const struct args p)
#define DEVICE static __device__ __forceinline__
#define UNROLL _Pragma("unroll")
#define INFINITY __int_as_float(0x7f800000)

#define THREADS(t)                                                                                 \
    for (int t = (int)threadIdx.x, t##_turn = 1; t##_turn; t##_turn = 0, __syncthreads())
#define THREADS_LAST(t) for (int t = (int)threadIdx.x, t##_turn = 1; t##_turn; t##_turn = 0)
#define WARPS(w)                                                                                   \
    for (int w = (int)threadIdx.x / 32, w##_turn = 1; w##_turn; w##_turn = 0, __syncthreads())
#define WARPS_LAST(w) for (int w = (int)threadIdx.x / 32, w##_turn = 1; w##_turn; w##_turn = 0)
#define LANES(l)                                                                                   \
    for (int l = (int)threadIdx.x % 32, l##_turn = 1; l##_turn; l##_turn = 0, __syncwarp())

#define SHARED(type, name, count) __shared__ __align__(128) type name[count]
#define PER_THREAD(type, name, threads, count) type name[1][count]
#define PER_WARP(type, name, warps, count) type name[1][count]
#define THREAD_SLOT(t) ((void)(t), 0)
#define WARP_SLOT(w) ((void)(w), 0)

#define BLOCK_X ((int)blockIdx.x)
#define BLOCK_Y ((int)blockIdx.y)
#define BLOCK_Z ((int)blockIdx.z)

typedef nvcuda::wmma::fragment<nvcuda::wmma::matrix_a, 16, 16, 16, half, nvcuda::wmma::row_major>
    tile_a;
typedef nvcuda::wmma::fragment<nvcuda::wmma::matrix_b, 16, 16, 16, half, nvcuda::wmma::row_major>
    tile_b;
typedef nvcuda::wmma::fragment<nvcuda::wmma::accumulator, 16, 16, 16, float> tile_c;

/* Tiles begin at 32-byte boundaries; ld is a multiple of 8 halves or 4 floats (CUDA C++ Programming
 * Guide, "Warp Matrix Functions"). */
DEVICE void tile_load(tile_a &tile, const half *from, int ld)
{
    nvcuda::wmma::load_matrix_sync(tile, from, (unsigned)ld);
}

DEVICE void tile_load(tile_b &tile, const half *from, int ld)
{
    nvcuda::wmma::load_matrix_sync(tile, from, (unsigned)ld);
}

DEVICE void tile_zero(tile_c &tile)
{
    nvcuda::wmma::fill_fragment(tile, 0.0f);
}

DEVICE void tile_mma(tile_c &c, const tile_a &a, const tile_b &b)
{
    nvcuda::wmma::mma_sync(c, a, b, c);
}

/* All lanes may read what was stored. */
DEVICE void tile_store(float *to, const tile_c &tile, int ld)
{
    nvcuda::wmma::store_matrix_sync(to, tile, (unsigned)ld, nvcuda::wmma::mem_row_major);
    __syncwarp();
}

/* Eight halves that lie at a 16-byte boundary. */
struct alignas(16) half8 {
    half at[8];
};

DEVICE half8 load8(const half *from)
{
    return *reinterpret_cast<const half8 *>(from);
}

DEVICE void store8(half *to, const half8 &value)
{
    *reinterpret_cast<half8 *>(to) = value;
}

DEVICE float number(half x)
{
    return __half2float(x);
}

DEVICE half half_nearest(float x)
{
    return __float2half_rn(x);
}

/* Operations that are rounded on their own, never joined with another one. */
DEVICE float mul_rn(float a, float b)
{
    return __fmul_rn(a, b);
}

DEVICE float add_rn(float a, float b)
{
    return __fadd_rn(a, b);
}

DEVICE float div_rn(float a, float b)
{
    return __fdiv_rn(a, b);
}

DEVICE double mul_rn(double a, double b)
{
    return __dmul_rn(a, b);
}

DEVICE double add_rn(double a, double b)
{
    return __dadd_rn(a, b);
}

DEVICE double div_rn(double a, double b)
{
    return __ddiv_rn(a, b);
}

/* The smaller one stays; what was there is returned. */
DEVICE int atomic_min(int *at, int value)
{
    return atomicMin(at, value);
}

DEVICE int bit_count(unsigned bits)
{
    return __popc(bits);
}

/* Of bits that are not all zero. */
DEVICE int lowest_bit(unsigned bits)
{
    return __ffs(static_cast<int>(bits)) - 1;
}

#else
#include "kernel_emulation.cuh" /* tests/nn/cuda */
#endif

#define CUDA_KERNEL_SIDE
#include "cuda_args.h"

#define HALF_MOST 65504.0f

/* Numbers past the range of a half become the largest one; a NaN stays a NaN. */
DEVICE half to_half_value(float x)
{
    return half_nearest(x > HALF_MOST ? HALF_MOST : x < -HALF_MOST ? -HALF_MOST : x);
}

DEVICE half8 zero8()
{
    half8 zero;
    UNROLL
    for (int i = 0; i < 8; i++)
        zero.at[i] = half_nearest(0.0f);
    return zero;
}

/* As enum nn_func says (ir.h). */
DEVICE float activate(const struct cuda_act &act, float x)
{
    switch (act.func) {
    case CUDA_FUNC_RELU:
        return x < 0.0f ? 0.0f : x;
    case CUDA_FUNC_SIGMOID:
        return 1.0f / (1.0f + expf(-x));
    case CUDA_FUNC_HARDSIGMOID: {
        const float y = act.alpha * x + act.beta;
        return y > 1.0f ? 1.0f : y < 0.0f ? 0.0f : y;
    }
    case CUDA_FUNC_GELU:
        return 0.5f * x * (1.0f + erff(x * 0.70710678f));
    case CUDA_FUNC_SWISH:
        return x / (1.0f + expf(-x));
    case CUDA_FUNC_ERF:
        return erff(x);
    case CUDA_FUNC_SQRT:
        return sqrtf(x);
    default:
        return x;
    }
}

/* act(x) with a residual where the mode says. */
DEVICE float finish(const struct cuda_act &act, int mode, float x, float residual)
{
    if (mode == CUDA_RESIDUAL_BEFORE)
        x += residual;
    x = activate(act, x);
    return mode == CUDA_RESIDUAL_AFTER ? x + residual : x;
}

#endif
