/*
 * The reference backend: what every other one is compared with.
 *
 * Written to be obviously right: one thread, double accumulation, each tensor read through its own
 * strides. The only concession to speed is that weights are kept as doubles with the output channel
 * innermost, so that the compiler can add up many channels at once.
 */
#ifndef SE_NN_REF_REF_H
#define SE_NN_REF_REF_H

#include "nn/backend.h"

/*
 * Weights as doubles:
 *   CONV, DECONV  w[0] [group][kh][kw][ci / groups][co / groups]
 *   DWCONV        w[0] [kh][kw][c]
 *   GEMM, SELECT  w[0] [ci][co]
 *   FFN           w[0] [ci][hidden], w[2] [hidden][co]
 * Others as in struct nn_node; absent ones are NULL.
 */
struct ref_packed {
    double *w[NN_WEIGHTS];
    double data[];
};

double ref_func(const struct nn_activation *act, double x);

/* Each runs one step. */
void ref_conv(const struct nn_step *step);
void ref_dwconv(const struct nn_step *step);
void ref_deconv(const struct nn_step *step);
void ref_gemm(const struct nn_step *step);
void ref_ffn(const struct nn_step *step);
void ref_select(const struct nn_step *step);
void ref_maxpool(const struct nn_step *step);
void ref_avgpool(const struct nn_step *step);
void ref_gap(const struct nn_step *step);
void ref_unary(const struct nn_step *step);
void ref_binary(const struct nn_step *step);
void ref_reduce_mean(const struct nn_step *step);
void ref_layernorm(const struct nn_step *step);
void ref_matmul(const struct nn_step *step);
void ref_softmax(const struct nn_step *step);
void ref_resize(const struct nn_step *step);

/* Address of an element of a tensor of rank 2, 3, 4. */
static inline float *ref_at2(const struct nn_tensor *t, int64_t i, int64_t j)
{
    return t->data + i * t->strides[0] + j * t->strides[1];
}

static inline float *ref_at3(const struct nn_tensor *t, int64_t i, int64_t j, int64_t k)
{
    return ref_at2(t, i, j) + k * t->strides[2];
}

static inline float *ref_at4(const struct nn_tensor *t, int64_t i, int64_t j, int64_t k, int64_t l)
{
    return ref_at3(t, i, j, k) + l * t->strides[3];
}

#endif
