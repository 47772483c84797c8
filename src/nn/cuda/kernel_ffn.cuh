/*
 * Linear layer, activation, linear layer as one kernel: the hidden channels never leave the block.
 *
 *   shared: x [32][LDX] | h [32][LDH] | one 16 × 16 tile of floats for each of the 8 warps
 *
 * For each 64 hidden channels the warps make 2 × 4 tiles of h, then add h times 64 rows of w2 to
 * the result, whose tiles stay in registers: warp w has columns 16 · (w + 8 · i). Weights are read
 * from global memory, where they stay in the L2 cache.
 */
#ifndef SE_NN_CUDA_KERNEL_FFN_CUH
#define SE_NN_CUDA_KERNEL_FFN_CUH

#include "kernel_device.cuh"

enum {
    FFN_WARPS = 8,
    FFN_LDX = CUDA_FFN_CHANNELS + 8,
    FFN_LDH = CUDA_FFN_HIDDEN + 8,
    FFN_TILES = CUDA_FFN_CHANNELS / 16 / FFN_WARPS /* columns of tiles of a warp */
};

/* (x · scale)[row, k … k + 8) */
DEVICE half8 ffn_input(const struct cuda_ffn &p, int row, int k)
{
    half8 x = zero8();
    if (row >= p.rows || k >= p.ci)
        return x;
    const int image = row / p.image_rows, inside = row % p.image_rows;
    const half *from = p.x + image * p.x_image + inside * p.x_row + k;
    const half *scale = p.scale ? p.scale + image * p.scale_image + k : nullptr;
    if (p.vector) {
        x = load8(from);
        if (scale) {
            const half8 s = load8(scale);
            UNROLL
            for (int i = 0; i < 8; i++)
                x.at[i] = to_half_value(number(x.at[i]) * number(s.at[i]));
        }
        return x;
    }
    for (int i = 0; i < 8 && k + i < p.ci; i++)
        x.at[i] = scale ? to_half_value(number(from[i]) * number(scale[i])) : from[i];
    return x;
}

DEVICE void ffn_output(const struct cuda_ffn &p, int row, int column, float v, half self)
{
    const int image = row / p.image_rows, inside = row % p.image_rows;
    float residual = 0.0f;
    if (p.residual_self)
        residual = number(self);
    else if (p.residual_mode != CUDA_RESIDUAL_NONE)
        residual = number(p.residual[image * p.residual_image + inside * p.residual_row + column]);
    p.out[image * p.out_image + inside * p.out_row + column] =
        to_half_value(finish(p.act, p.residual_mode, v + p.b2[column], residual));
}

KERNEL(ffn, cuda_ffn, 256)
{
    SHARED(half, x, CUDA_FFN_ROWS * FFN_LDX);
    SHARED(half, h, CUDA_FFN_ROWS * FFN_LDH);
    SHARED(float, stage, FFN_WARPS * 256);
    PER_WARP(tile_c, sum, FFN_WARPS, 2 * FFN_TILES);
    const int row = BLOCK_X * CUDA_FFN_ROWS;
    THREADS(t)
    {
        const int chunks = p.ci_padded / 8;
        for (int i = t; i < CUDA_FFN_ROWS * chunks; i += 32 * FFN_WARPS)
            store8(x + i / chunks * FFN_LDX + i % chunks * 8,
                   ffn_input(p, row + i / chunks, i % chunks * 8));
    }
    WARPS(w)
    {
        UNROLL
        for (int i = 0; i < 2 * FFN_TILES; i++)
            tile_zero(sum[WARP_SLOT(w)][i]);
    }
    for (int hidden = 0; hidden < p.hidden_padded; hidden += CUDA_FFN_HIDDEN) {
        WARPS(w)
        {
            const int m = w / 4 * 16, n = w % 4 * 16;
            float *tile = stage + w * 256;
            tile_c c;
            tile_zero(c);
            for (int k = 0; k < p.ci_padded; k += 16) {
                tile_a a;
                tile_b b;
                tile_load(a, x + m * FFN_LDX + k, FFN_LDX);
                tile_load(b, p.w1 + k * p.hidden_padded + hidden + n, p.hidden_padded);
                tile_mma(c, a, b);
            }
            tile_store(tile, c, 16);
            LANES(l)
            {
                for (int i = l; i < 256; i += 32)
                    h[(m + i / 16) * FFN_LDH + n + i % 16] =
                        to_half_value(activate(p.hidden_act, tile[i] + p.b1[hidden + n + i % 16]));
            }
        }
        WARPS(w)
        {
            UNROLL
            for (int k = 0; k < CUDA_FFN_HIDDEN; k += 16) {
                tile_a a[2];
                tile_load(a[0], h + k, FFN_LDH);
                tile_load(a[1], h + 16 * FFN_LDH + k, FFN_LDH);
                UNROLL
                for (int i = 0; i < FFN_TILES; i++) {
                    const int column = 16 * (w + FFN_WARPS * i);
                    if (column >= p.co_padded)
                        continue;
                    tile_b b;
                    tile_load(b, p.w2 + (hidden + k) * p.co_padded + column, p.co_padded);
                    tile_mma(sum[WARP_SLOT(w)][2 * i], a[0], b);
                    tile_mma(sum[WARP_SLOT(w)][2 * i + 1], a[1], b);
                }
            }
        }
    }
    WARPS_LAST(w)
    {
        float *tile = stage + w * 256;
        UNROLL
        for (int i = 0; i < 2 * FFN_TILES; i++) {
            const int column = 16 * (w + FFN_WARPS * (i / 2));
            if (column >= p.co_padded)
                continue;
            tile_store(tile, sum[WARP_SLOT(w)][i], 16);
            LANES(l)
            {
                for (int e = l; e < 256; e += 32) {
                    const int inside = i % 2 * 16 + e / 16, j = column + e % 16;
                    if (row + inside < p.rows && j < p.co)
                        ffn_output(p, row + inside, j, tile[e],
                                   j < p.ci ? x[inside * FFN_LDX + j] : half_nearest(0.0f));
                }
            }
        }
    }
}

/* A narrow waist (the gates: few hidden channels, one row an image): a block a row, sums in order
 * of the channel, so that a row's result does not depend on how many rows there are. */
KERNEL(squeeze, cuda_ffn, 128)
{
    SHARED(float, x, CUDA_SQUEEZE_CHANNELS);
    SHARED(float, h, CUDA_SQUEEZE_CHANNELS);
    const int row = BLOCK_X;
    THREADS(t)
    {
        for (int k = 8 * t; k < p.ci; k += 8 * 128) {
            const half8 in = ffn_input(p, row, k);
            for (int i = 0; i < 8 && k + i < p.ci; i++)
                x[k + i] = number(in.at[i]);
        }
    }
    THREADS(t)
    {
        for (int j = t; j < p.hidden; j += 128) {
            float sum = p.b1[j];
            for (int k = 0; k < p.ci; k++)
                sum += x[k] * number(p.w1[k * p.hidden_padded + j]);
            h[j] = activate(p.hidden_act, sum);
        }
    }
    THREADS_LAST(t)
    {
        for (int j = t; j < p.co; j += 128) {
            float sum = 0.0f;
            for (int k = 0; k < p.hidden; k++)
                sum += h[k] * number(p.w2[k * p.co_padded + j]);
            ffn_output(p, row, j, sum, j < p.ci ? half_nearest(x[j]) : half_nearest(0.0f));
        }
    }
}

#endif
