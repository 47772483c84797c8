/*
 * Vector functions: exponential, sigmoid, GELU, erf. Included by tier_*.c behind vec.h.
 *
 * Stated errors were measured at 262,144 places of [-8, 8] and as many of [-1e4, 1e4] (tests/nn/
 * kernel_rows_test.c repeats it); NaN gives NaN.
 */
#ifndef SE_NN_CPU_KERNEL_MATH_H
#define SE_NN_CPU_KERNEL_MATH_H

#include "nn/cpu/vec.h"
#include "nn/ir.h"

/*
 * e^x, relative error ≤ 2.5e-7 for x in [-87, 88]; below that e^-87, above it e^88.
 *
 * x = n·ln 2 + r, |r| ≤ ln 2 / 2; e^r = 1 + r + r²·q(r), q of degree 4 fitted like the polynomial
 * of vf_normal_slope (relative error 3e-9 before rounding); 2^n by adding n to the exponent. The
 * rounding to n is that of adding 1.5·2^23.
 */
INLINE vf vf_exp(vf x)
{
    const vf magic = vf_set1(12582912.0f);
    x = vf_max(vf_set1(-87.0f), vf_min(vf_set1(88.0f), x));
    const vf shifted = vf_fma(x, vf_set1(1.44269504f), magic);
    const vf n = shifted - magic;
    vf r = vf_fma(n, vf_set1(-0.693145752f), x); /* ln 2 in two parts: 16 bits, the rest */
    r = vf_fma(n, vf_set1(-1.42860677e-6f), r);
    vf p = vf_set1(1.381459879e-3f);
    p = vf_fma(p, r, vf_set1(8.368716576e-3f));
    p = vf_fma(p, r, vf_set1(4.166838899e-2f));
    p = vf_fma(p, r, vf_set1(0.1666652113f));
    p = vf_fma(p, r, vf_set1(0.4999999404f));
    p = vf_fma(p, r, vf_set1(1.0f));
    p = vf_fma(p, r, vf_set1(1.0f));
    return (vf)((vi)p + ((vi)shifted << 23));
}

INLINE vf vf_sigmoid(vf x)
{
    return vf_set1(1.0f) / (vf_set1(1.0f) + vf_exp(-x));
}

/*
 * (Φ(x) - 1/2) / x for the normal distribution's Φ, up to |x| = 5.15; past that its value there.
 * For `count` ≤ GEMM_VECTORS vectors at once, so that their chains of operations overlap.
 *
 * An even function, so a polynomial in v = 2·(x / 5.15)² - 1, degree 13, own fit: least squares on
 * Chebyshev polynomials, reweighted till |x·error| was level at 5.4e-8 (Lawson's method), then
 * written in powers of v. Even and odd powers are summed apart: two short chains, not one long.
 */
INLINE void vf_normal_slope(const vf *x, vf *slope, const int count)
{
    static const float c[14] = {
        0.1372650993f,   -0.06836929744f,  0.05040308849f,  -0.04007747086f,  0.03189439039f,
        -0.02442891616f, 0.01756196759f,   -0.01204983043f, 0.008068022767f,  -0.004470190613f,
        0.001720254321f, -0.001119849213f, 0.001101832983f, -0.0004117581682f};
    vf v[GEMM_VECTORS], square[GEMM_VECTORS], odd[GEMM_VECTORS];
    UNROLL
    for (int n = 0; n < count; n++) {
        const vf scaled = vf_fma(x[n] * x[n], vf_set1(2.0f / (5.15f * 5.15f)), vf_set1(-1.0f));
        v[n] = vf_min(vf_set1(1.0f), scaled);
        square[n] = v[n] * v[n];
        odd[n] = vf_set1(c[13]);
        slope[n] = vf_set1(c[12]);
    }
    UNROLL
    for (int i = 11; i > 0; i -= 2) {
        UNROLL
        for (int n = 0; n < count; n++) {
            odd[n] = vf_fma(odd[n], square[n], vf_set1(c[i]));
            slope[n] = vf_fma(slope[n], square[n], vf_set1(c[i - 1]));
        }
    }
    UNROLL
    for (int n = 0; n < count; n++)
        slope[n] = vf_fma(odd[n], v[n], slope[n]);
}

/* 0.5·x·(1 + erf(x / √2)) = x·Φ(x) for `count` vectors; absolute error ≤ 2.5e-7·max(1, |x|).
 * Exactly x or 0 for |x| of 5.3 and more. */
INLINE void vf_gelu(vf *x, const int count)
{
    vf slope[GEMM_VECTORS];
    vf_normal_slope(x, slope, count);
    UNROLL
    for (int n = 0; n < count; n++) {
        const vf phi = vf_fma(x[n], slope[n], vf_set1(0.5f));
        x[n] *= vf_max(vf_set1(0.0f), vf_min(vf_set1(1.0f), phi));
    }
}

/* erf(x) = 2·Φ(√2·x) - 1; absolute error ≤ 4e-7. */
INLINE vf vf_erf(vf x)
{
    const vf scaled = x * vf_set1(1.41421356f);
    vf slope;
    vf_normal_slope(&scaled, &slope, 1);
    const vf erf = (scaled + scaled) * slope;
    return vf_max(vf_set1(-1.0f), vf_min(vf_set1(1.0f), erf));
}

INLINE vf vf_sqrt(vf x)
{
#if VEC_WIDTH == 16 && defined(__AVX512F__)
    return _mm512_sqrt_ps(x);
#elif VEC_WIDTH == 8 && defined(__AVX__)
    return _mm256_sqrt_ps(x);
#elif VEC_WIDTH == 4 && defined(__SSE2__)
    return _mm_sqrt_ps(x);
#elif VEC_WIDTH == 4 && defined(__aarch64__)
    return (vf)vsqrtq_f32((float32x4_t)x);
#else
    float lanes[VL];
    vf_store(lanes, x);
    for (size_t i = 0; i < VL; i++)
        lanes[i] = __builtin_sqrtf(lanes[i]);
    return vf_load(lanes);
#endif
}

INLINE vf vf_func(vf x, enum nn_func func, vf alpha, vf beta)
{
    switch (func) {
    case NN_FUNC_RELU:
        return vf_max(vf_set1(0.0f), x);
    case NN_FUNC_SIGMOID:
        return vf_sigmoid(x);
    case NN_FUNC_HARDSIGMOID:
        return vf_min(vf_set1(1.0f), vf_max(vf_set1(0.0f), vf_fma(x, alpha, beta)));
    case NN_FUNC_GELU:
        vf_gelu(&x, 1);
        return x;
    case NN_FUNC_SWISH:
        return x * vf_sigmoid(x);
    case NN_FUNC_ERF:
        return vf_erf(x);
    case NN_FUNC_SQRT:
        return vf_sqrt(x);
    case NN_FUNC_NONE:
    case NN_FUNC_COUNT:
        break;
    }
    return x;
}

/* x = func(x) for `count` ≤ GEMM_VECTORS vectors that lie one behind the other. */
INLINE void func_vectors(float *x, const int count, enum nn_func func, vf alpha, vf beta)
{
    vf v[GEMM_VECTORS];
    UNROLL
    for (int n = 0; n < count; n++)
        v[n] = vf_load(x + n * VL);
    if (func == NN_FUNC_GELU)
        vf_gelu(v, count);
    UNROLL
    for (int n = 0; n < count; n++)
        vf_store(x + n * VL, func == NN_FUNC_GELU ? v[n] : vf_func(v[n], func, alpha, beta));
}

/* x[i][j] = func(x[i][j]) in place, i < rows, j < c. */
INLINE void func_block(float *x, ptrdiff_t ldx, size_t rows, size_t c, enum nn_func func, vf alpha,
                       vf beta)
{
    if (c == GEMM_VECTORS * VL) { /* a panel: one loop, so that constants are set up once */
        for (size_t i = 0; i < rows; i++)
            func_vectors(x + (ptrdiff_t)i * ldx, GEMM_VECTORS, func, alpha, beta);
        return;
    }
    for (size_t i = 0; i < rows; i++) {
        float *row = x + (ptrdiff_t)i * ldx;
        size_t j = 0;
        for (; j + 2 * VL <= c; j += 2 * VL)
            func_vectors(row + j, 2, func, alpha, beta);
        for (; j + VL <= c; j += VL)
            func_vectors(row + j, 1, func, alpha, beta);
        if (j < c)
            vf_store_part(row + j, vf_func(vf_load_part(row + j, c - j), func, alpha, beta), c - j);
    }
}

/* The same with one loop per function, so that none asks inside the loop. */
__attribute__((unused)) static void act_block(float *x, ptrdiff_t ldx, size_t rows, size_t c,
                                              const struct nn_activation *act)
{
    const vf alpha = vf_set1(act->alpha), beta = vf_set1(act->beta);
    switch (act->func) {
#define CASE(name)                                                                                 \
    case name:                                                                                     \
        func_block(x, ldx, rows, c, name, alpha, beta);                                            \
        break;
        CASE(NN_FUNC_RELU)
        CASE(NN_FUNC_SIGMOID)
        CASE(NN_FUNC_HARDSIGMOID)
        CASE(NN_FUNC_GELU)
        CASE(NN_FUNC_SWISH)
        CASE(NN_FUNC_ERF)
        CASE(NN_FUNC_SQRT)
#undef CASE
    case NN_FUNC_NONE:
    case NN_FUNC_COUNT:
        break;
    }
}

#endif
