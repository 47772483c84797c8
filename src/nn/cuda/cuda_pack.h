/*
 * Weights as the kernels want them, resident on the device: halves for products, floats for biases.
 *
 *   GEMM    w[0] [k_padded][n_padded] of [co, ci]
 *   CONV    the same, k = (ky · kw + kx) · ci + channel; with groups: w[0] [group][tap][ci][co]
 *   DECONV  w[0] [group][tap][ci][co]; where blocks do not overlap also w[1] [k_padded][n_padded],
 *           n = (ky · kw + kx) · co + channel, its bias repeated for each tap
 *   DWCONV  w[0] [ky][kx][c_padded]
 *   FFN     w[0] [ci_padded][hidden_padded], w[1] [hidden_padded][co_padded]
 *   SELECT  as GEMM, and slot[classes]
 *   LAYERNORM  b[0] gamma, b[1] beta
 *
 * Biases are there, zero, where the node has none; so are the padded parts.
 */
#ifndef SE_NN_CUDA_CUDA_PACK_H
#define SE_NN_CUDA_CUDA_PACK_H

#include "nn/backend.h"
#include "nn/cuda/cuda_device.h"

struct cuda_packed {
    struct cuda_device *device;
    uint64_t memory;
    size_t bytes;
    uint64_t w[2], b[2], slot;               /* addresses; 0: none */
    int k_padded, n_padded;                  /* of the products with one matrix */
    int ci_padded, hidden_padded, co_padded; /* FFN */
};

/* The nearest half, as 16 bits; numbers past the range become the largest half. */
uint16_t cuda_half(float x);
float cuda_half_value(uint16_t half);

/* Packs and uploads. SE_ERR_LIMIT when the device's memory does not suffice, SE_ERR_DEVICE,
 * SE_ERR_MEMORY. */
int cuda_pack(struct cuda_device *device, const struct nn_node *node, struct cuda_packed **out,
              se_error *err);
void cuda_pack_free(struct cuda_packed *packed);

/* Is this a transposed convolution whose blocks do not overlap, at these paddings? */
bool cuda_deconv_is_product(const struct nn_attr *attr);

#endif
