/*
 * Vectors of VL floats for the kernel files, which are included once per instruction set.
 *
 * The including file (tier_*.c) defines VEC_WIDTH in floats and is compiled with the flags of its
 * instruction set and -ffp-contract=fast, so that a · b + c becomes one fused operation where the
 * set has one. Arithmetic is that of the compiler's vector types; intrinsics stand only where those
 * say too little: minimum, maximum, and loads and stores of a part of a vector. A width that the
 * instruction set has no registers for still computes right (the compiler splits it), which is how
 * tests run the 16-wide kernels on a machine without AVX-512.
 */
#ifndef SE_NN_CPU_VEC_H
#define SE_NN_CPU_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#define UNROLL_LONG UNROLL
#else
#define UNROLL _Pragma("GCC unroll 16")
#define UNROLL_LONG _Pragma("GCC unroll 32") /* of more than 16 rounds */
#endif
#define INLINE static inline __attribute__((always_inline))
/* Keeps the compiler from computing a pointer anew from others, which takes registers it lacks. */
#define KEEP_IN_REGISTER(pointer) __asm__("" : "+r"(pointer))

enum { VL = VEC_WIDTH };

typedef float vf __attribute__((vector_size(VEC_WIDTH * 4)));
typedef int32_t vi __attribute__((vector_size(VEC_WIDTH * 4)));
typedef float vf_unaligned __attribute__((vector_size(VEC_WIDTH * 4), aligned(4), may_alias));

INLINE vf vf_load(const float *p)
{
    return *(const vf_unaligned *)p;
}

INLINE void vf_store(float *p, vf v)
{
    *(vf_unaligned *)p = v;
}

/* x - 0 is x for every x, so this is a broadcast alone; x + 0 would change the sign of -0. */
INLINE vf vf_set1(float x)
{
    return x - (vf){0};
}

INLINE vf vf_fma(vf a, vf b, vf c)
{
    return a * b + c;
}

/* Lanes of `a` where `mask` is set, else of `b`. */
INLINE vf vf_blend(vi mask, vf a, vf b)
{
    return (vf)((mask & (vi)a) | (~mask & (vi)b));
}

/*
 * Minimum and maximum. Where a lane of `b` is not a number, so is the result on x86-64; where one
 * of `a` is not, the result is `b`. Activations pass the constant as `a`, so NaN goes through them.
 */
INLINE vf vf_min(vf a, vf b)
{
#if VEC_WIDTH == 16 && defined(__AVX512F__)
    return _mm512_min_ps(a, b);
#elif VEC_WIDTH == 8 && defined(__AVX__)
    return _mm256_min_ps(a, b);
#elif VEC_WIDTH == 4 && defined(__SSE2__)
    return _mm_min_ps(a, b);
#elif VEC_WIDTH == 4 && defined(__aarch64__)
    return (vf)vminq_f32((float32x4_t)a, (float32x4_t)b);
#else
    return vf_blend(a < b, a, b);
#endif
}

INLINE vf vf_max(vf a, vf b)
{
#if VEC_WIDTH == 16 && defined(__AVX512F__)
    return _mm512_max_ps(a, b);
#elif VEC_WIDTH == 8 && defined(__AVX__)
    return _mm256_max_ps(a, b);
#elif VEC_WIDTH == 4 && defined(__SSE2__)
    return _mm_max_ps(a, b);
#elif VEC_WIDTH == 4 && defined(__aarch64__)
    return (vf)vmaxq_f32((float32x4_t)a, (float32x4_t)b);
#else
    return vf_blend(a > b, a, b);
#endif
}

#if VEC_WIDTH == 8 && defined(__AVX2__)
INLINE __m256i vf_part_mask(size_t count)
{
    static const int32_t ones[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(const void *)(ones + 8 - count));
}
#endif

/* The first `count` < VL floats at p; the other lanes are 0. Touches no other memory. */
INLINE vf vf_load_part(const float *p, size_t count)
{
#if VEC_WIDTH == 16 && defined(__AVX512F__)
    return _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
#elif VEC_WIDTH == 8 && defined(__AVX2__)
    return _mm256_maskload_ps(p, vf_part_mask(count));
#else
    float lanes[VL] = {0};
    for (size_t i = 0; i < count; i++)
        lanes[i] = p[i];
    return vf_load(lanes);
#endif
}

/* Writes the first `count` < VL lanes. Touches no other memory. */
INLINE void vf_store_part(float *p, vf v, size_t count)
{
#if VEC_WIDTH == 16 && defined(__AVX512F__)
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), v);
#elif VEC_WIDTH == 8 && defined(__AVX2__)
    _mm256_maskstore_ps(p, vf_part_mask(count), v);
#else
    float lanes[VL];
    vf_store(lanes, v);
    for (size_t i = 0; i < count; i++)
        p[i] = lanes[i];
#endif
}

/* As the two above for any count, whole vectors included. */
INLINE vf vf_load_some(const float *p, size_t count)
{
    return count >= VL ? vf_load(p) : vf_load_part(p, count);
}

INLINE void vf_store_some(float *p, vf v, size_t count)
{
    if (count >= VL)
        vf_store(p, v);
    else
        vf_store_part(p, v, count);
}

/* Sum of all lanes, in a fixed order. */
INLINE float vf_sum(vf v)
{
    float lanes[VL];
    vf_store(lanes, v);
    for (size_t half = VL / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            lanes[i] += lanes[i + half];
    return lanes[0];
}

INLINE float vf_largest(vf v)
{
    float lanes[VL];
    vf_store(lanes, v);
    float largest = lanes[0];
    for (size_t i = 1; i < VL; i++)
        largest = lanes[i] > largest ? lanes[i] : largest;
    return largest;
}

#endif
