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
#if VEC_WIDTH == 16 && defined(__AVX512F__)
/* Of vf_gelu below: [power, 0 to 4][piece, n = 0 … 15, then -16 … -1]. */
static const float gelu_piece[5][32] __attribute__((aligned(64))) = {
    {0.5f,           0.634482861f,    0.754116118f,    0.848788202f,
     0.915434301f,   0.957170069f,    0.980419934f,    0.991941392f,
     0.997020245f,   0.999011755f,    0.999706447f,    0.999921978f,
     0.999981463f,   0.999996066f,    0.999999225f,    0.99999994f,
     0.0f,           1.25975831e-07f, 7.45282364e-07f, 3.93394066e-06f,
     1.8536839e-05f, 7.80216433e-05f, 0.000293555669f, 0.000988219981f,
     0.00297976309f, 0.0080586141f,   0.0195800774f,   0.0428299494f,
     0.0845657215f,  0.151211798f,    0.245883852f,    0.365517169f},
    {0.39893958f,     0.376052767f,   0.314973265f,
     0.234412774f,    0.155013934f,   0.091083765f,
     0.04755437f,     0.0220606048f,  0.00909325853f,
     0.00333038508f,  0.00108377519f, 0.000313365046f,
     8.05053642e-05f, 1.8376295e-05f, 3.726881e-06f,
     6.71556563e-07f, 0.0f,           6.71556563e-07f,
     3.726881e-06f,   1.8376295e-05f, 8.05053642e-05f,
     0.000313365046f, 0.00108377519f, 0.00333038508f,
     0.00909325853f,  0.0220606048f,  0.04755437f,
     0.091083765f,    0.155013934f,   0.234412774f,
     0.314973265f,    0.376052767f},
    {2.11609392e-15f,
     -0.0646326616f,
     -0.108269975f,
     -0.12086717f,
     -0.106570996f,
     -0.0782749355f,
     -0.0490408577f,
     -0.0265422482f,
     -0.0125037348f,
     -0.00515201455f,
     -0.00186290918f,
     -0.000592530938f,
     -0.00016607056f,
     -4.10686735e-05f,
     -8.9703708e-06f,
     -1.73198237e-06f,
     0.0f,
     1.73198237e-06f,
     8.9703708e-06f,
     4.10686735e-05f,
     0.00016607056f,
     0.000592530938f,
     0.00186290918f,
     0.00515201455f,
     0.0125037348f,
     0.0265422482f,
     0.0490408577f,
     0.0782749355f,
     0.106570996f,
     0.12086717f,
     0.108269975f,
     0.0646326616f},
    {-0.0661235154f,
     -0.0550039634f,
     -0.0276459046f,
     0.0023186428f,
     0.0227829926f,
     0.029496273f,
     0.0257243738f,
     0.0176236331f,
     0.00998732727f,
     0.00479605841f,
     0.00197801832f,
     0.000706472667f,
     0.000219727983f,
     5.97438157e-05f,
     1.42415984e-05f,
     2.9827836e-06f,
     0.0f,
     2.98278383e-06f,
     1.42415984e-05f,
     5.97438157e-05f,
     0.000219727983f,
     0.000706472667f,
     0.00197801832f,
     0.00479605841f,
     0.00998732727f,
     0.0176236331f,
     0.0257243738f,
     0.029496273f,
     0.0227829926f,
     0.0023186428f,
     -0.0276459046f,
     -0.0550039634f},
    {-7.02306702e-13f,
     0.0153943961f,
     0.0226422027f,
     0.0194102358f,
     0.00985707622f,
     0.000364362699f,
     -0.00505800219f,
     -0.00613552937f,
     -0.00474773254f,
     -0.00282932771f,
     -0.00137850584f,
     -0.000564451737f,
     -0.000197230795f,
     -5.9371283e-05f,
     -1.54952613e-05f,
     -3.522116e-06f,
     0.0f,
     3.52211373e-06f,
     1.54952613e-05f,
     5.9371283e-05f,
     0.000197230795f,
     0.000564451737f,
     0.00137850584f,
     0.00282932771f,
     0.00474773254f,
     0.00613552937f,
     0.00505800219f,
     -0.000364362699f,
     -0.00985707622f,
     -0.0194102358f,
     -0.0226422027f,
     -0.0153943961f},
};

/*
 * x·Φ(x), where a register pair is a table of 32 entries: 15 operations instead of 21. Φ is cut
 * into 31 pieces of 11/32 round n·11/32, n = -15 … 15, each a polynomial of degree 4 in the
 * distance to its middle; below them (n = -16) it is 0. Own fit: least squares, reweighted till the
 * error was level (Lawson's method), at most 1.0e-7; the last piece ends at exactly 1.
 */
INLINE void vf_gelu(vf *x, const int count)
{
    const vf magic = vf_set1(12582912.0f);
    vf r[GEMM_VECTORS], phi[GEMM_VECTORS];
    __m512i n[GEMM_VECTORS];
    UNROLL
    for (int i = 0; i < count; i++) {
        const vf inside = vf_max(vf_set1(-5.5f), vf_min(vf_set1(5.3125f), x[i]));
        const vf shifted = vf_fma(inside, vf_set1(32.0f / 11.0f), magic);
        n[i] = (__m512i)shifted; /* its low five bits are those of n */
        r[i] = vf_fma(shifted - magic, vf_set1(-11.0f / 32.0f), inside);
        phi[i] = _mm512_permutex2var_ps(vf_load(gelu_piece[4]), n[i], vf_load(gelu_piece[4] + 16));
    }
    UNROLL
    for (int k = 3; k >= 0; k--) {
        UNROLL
        for (int i = 0; i < count; i++)
            phi[i] = vf_fma(
                phi[i], r[i],
                _mm512_permutex2var_ps(vf_load(gelu_piece[k]), n[i], vf_load(gelu_piece[k] + 16)));
    }
    UNROLL
    for (int i = 0; i < count; i++)
        x[i] *= phi[i];
}
#else
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
#endif

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
