/*
 * Matrix products on tensor cores: linear layers, 1 × 1 convolutions, dense convolutions whose
 * patches are gathered on the way (implicit GEMM), transposed convolutions by blocks.
 *
 *   block: 4 warps, WARPS_M × WARPS_N of them, 32 × 32 of the result each, k in steps of 32
 *   shared: a [BM][LDA] | b [BK][LDB], and afterwards, in the same place, c [BM][LDC] in float
 *
 * Sums run over k in the same order whatever the tile, so both tiles, and the fused FFN, give the
 * same bits.
 */
#ifndef SE_NN_CUDA_KERNEL_GEMM_CUH
#define SE_NN_CUDA_KERNEL_GEMM_CUH

#include "kernel_device.cuh"

template <int WARPS_M, int WARPS_N> struct gemm_shape {
    enum {
        BM = 32 * WARPS_M,
        BN = 32 * WARPS_N,
        BK = 32,
        LDA = BK + 8,
        LDB = BN + 8,
        LDC = BN + 4,
        A_BYTES = BM * LDA * 2,
        B_BYTES = BK * LDB * 2,
        C_BYTES = BM * LDC * 4,
        BYTES = A_BYTES + B_BYTES > C_BYTES ? A_BYTES + B_BYTES : C_BYTES
    };
};

/* The element of a patch: channel and tap k of output pixel `pixel` of `image`. */
DEVICE const half *gemm_patch(const struct cuda_gemm &p, int image, int pixel, int k)
{
    const int tap = k / p.c, ky = tap / p.kw, kx = tap % p.kw;
    const int oy = pixel / p.out_width, ox = pixel % p.out_width;
    const int y = oy * p.stride_y - p.pad_y + ky * p.dilation_y;
    const int x = ox * p.stride_x - p.pad_x + kx * p.dilation_x;
    if (y < 0 || y >= p.h || x < 0 || x >= p.width)
        return nullptr;
    return p.x + image * p.x_image + (y * p.width + x) * p.x_row + k % p.c;
}

DEVICE half gemm_scaled(const half *x, const half *scale)
{
    return scale ? to_half_value(number(*x) * number(*scale)) : *x;
}

/* a[row, k … k + 8) */
DEVICE half8 gemm_a(const struct cuda_gemm &p, int row, int k)
{
    half8 a = zero8();
    if (row >= p.rows || k >= p.k)
        return a;
    const int image = row / p.image_rows, inside = row % p.image_rows;
    if (p.window) {
        if (p.vector) {
            const half *from = gemm_patch(p, image, inside, k);
            return from ? load8(from) : a;
        }
        for (int i = 0; i < 8 && k + i < p.k; i++) {
            const half *from = gemm_patch(p, image, inside, k + i);
            if (from)
                a.at[i] = *from;
        }
        return a;
    }
    const half *from = p.x + image * p.x_image + inside * p.x_row + k;
    const half *scale = p.scale ? p.scale + image * p.scale_image + k : nullptr;
    if (p.vector && !scale)
        return load8(from);
    if (p.vector) {
        const half8 x = load8(from), s = load8(scale);
        UNROLL
        for (int i = 0; i < 8; i++)
            a.at[i] = gemm_scaled(&x.at[i], &s.at[i]);
        return a;
    }
    for (int i = 0; i < 8 && k + i < p.k; i++)
        a.at[i] = gemm_scaled(from + i, scale ? scale + i : nullptr);
    return a;
}

/* Rows row … of a times columns column … of w, into c [BM][LDC] in shared memory. */
template <int WARPS_M, int WARPS_N>
DEVICE void gemm_product(const struct cuda_gemm &p, int row, int column, unsigned char *shared)
{
    typedef gemm_shape<WARPS_M, WARPS_N> S;
    half *a = reinterpret_cast<half *>(shared);
    half *b = reinterpret_cast<half *>(shared + S::A_BYTES);
    float *c = reinterpret_cast<float *>(shared);
    PER_WARP(tile_c, sum, 4, 4);
    WARPS(w)
    {
        UNROLL
        for (int i = 0; i < 4; i++)
            tile_zero(sum[WARP_SLOT(w)][i]);
    }
    for (int k = 0; k < p.k_padded; k += S::BK) {
        THREADS(t)
        {
            for (int i = t; i < S::BM * S::BK / 8; i += 128)
                store8(a + i / 4 * S::LDA + i % 4 * 8, gemm_a(p, row + i / 4, k + i % 4 * 8));
            for (int i = t; i < S::BK * S::BN / 8; i += 128) {
                const int r = i / (S::BN / 8), j = i % (S::BN / 8) * 8;
                store8(b + r * S::LDB + j, load8(p.w + (k + r) * p.n_padded + column + j));
            }
        }
        WARPS(w)
        {
            const int m = w / WARPS_N * 32, n = w % WARPS_N * 32;
            UNROLL
            for (int kk = 0; kk < S::BK; kk += 16) {
                tile_a ta[2];
                tile_b tb[2];
                UNROLL
                for (int i = 0; i < 2; i++) {
                    tile_load(ta[i], a + (m + 16 * i) * S::LDA + kk, S::LDA);
                    tile_load(tb[i], b + kk * S::LDB + n + 16 * i, S::LDB);
                }
                UNROLL
                for (int i = 0; i < 4; i++)
                    tile_mma(sum[WARP_SLOT(w)][i], ta[i / 2], tb[i % 2]);
            }
        }
    }
    WARPS(w)
    {
        const int m = w / WARPS_N * 32, n = w % WARPS_N * 32;
        UNROLL
        for (int i = 0; i < 4; i++)
            tile_store(c + (m + i / 2 * 16) * S::LDC + n + i % 2 * 16, sum[WARP_SLOT(w)][i],
                       S::LDC);
    }
}

/* Offset of out[row, column]. */
DEVICE int gemm_place(const struct cuda_gemm &p, int image, int inside, int column)
{
    if (!p.scatter)
        return image * p.out_image + inside * p.out_row + column;
    const int tap = column / p.scatter_c;
    const int y = inside / p.width * p.stride_y + tap / p.kw;
    const int x = inside % p.width * p.stride_x + tap % p.kw;
    return image * p.out_image + (y * p.out_width + x) * p.out_row + column % p.scatter_c;
}

template <int WARPS_M, int WARPS_N> DEVICE void gemm_block(const struct cuda_gemm &p)
{
    typedef gemm_shape<WARPS_M, WARPS_N> S;
    SHARED(unsigned char, shared, S::BYTES);
    const int row = BLOCK_X * S::BM, column = BLOCK_Y * S::BN;
    gemm_product<WARPS_M, WARPS_N>(p, row, column, shared);
    const float *c = reinterpret_cast<const float *>(shared);
    THREADS_LAST(t)
    {
        for (int i = t; i < S::BM * S::BN; i += 128) {
            const int r = row + i / S::BN, j = column + i % S::BN;
            if (r >= p.rows || j >= p.n)
                continue;
            const int image = r / p.image_rows, inside = r % p.image_rows;
            float residual = 0.0f;
            if (p.residual_mode != CUDA_RESIDUAL_NONE) {
                const half *from = p.residual + image * p.residual_image;
                residual = number(gemm_scaled(
                    from + inside * p.residual_row + j,
                    p.residual_scale ? p.residual_scale + image * p.scale_image + j : nullptr));
            }
            const float v = c[i / S::BN * S::LDC + i % S::BN] + p.bias[j];
            p.out[gemm_place(p, image, inside, j)] =
                to_half_value(finish(p.act, p.residual_mode, v, residual));
        }
    }
}

KERNEL(gemm_64x64, cuda_gemm, 128)
{
    gemm_block<2, 2>(p);
}

KERNEL(gemm_128x32, cuda_gemm, 128)
{
    gemm_block<4, 1>(p);
}

/* ---- the selected head ---------------------------------------------------------------------- */

/* Running log-sum-exp: of all classes, and of those that were not chosen. */
struct select_state {
    float top, sum, rest, best;
};

DEVICE void select_add(struct select_state &s, float v, bool chosen, int column)
{
    const float others = chosen ? 0.0f : 1.0f;
    if (v > s.top) {
        const float shrink = expf(s.top - v);
        s = {v, s.sum * shrink + 1.0f, s.rest * shrink + others, (float)column};
        return;
    }
    const float e = expf(v - s.top);
    s.sum += e;
    s.rest += others * e;
}

/* Two of them as one; of equal tops the lower class is the best. */
DEVICE void select_join(struct select_state &s, const struct select_state &other)
{
    if (other.sum == 0.0f)
        return;
    if (s.sum == 0.0f) {
        s = other;
        return;
    }
    const bool swap = other.top > s.top || (other.top == s.top && other.best < s.best);
    const struct select_state high = swap ? other : s, low = swap ? s : other;
    const float shrink = expf(low.top - high.top);
    s = {high.top, high.sum + low.sum * shrink, high.rest + low.rest * shrink, high.best};
}

/* Block: 64 rows, CUDA_SELECT_COLUMNS classes in tiles of 64; two threads a row. Chosen logits go
 * to out as they are. */
KERNEL(select_scan, cuda_select, 128)
{
    typedef gemm_shape<2, 2> S;
    SHARED(unsigned char, shared, S::BYTES);
    PER_THREAD(struct select_state, state, 128, 1);
    const float *c = reinterpret_cast<const float *>(shared);
    const int row = BLOCK_X * S::BM;
    THREADS(t)
    {
        state[THREAD_SLOT(t)][0] = {-INFINITY, 0.0f, 0.0f, 0.0f};
    }
    for (int tile = 0; tile < CUDA_SELECT_COLUMNS; tile += S::BN) {
        const int column = BLOCK_Y * CUDA_SELECT_COLUMNS + tile;
        if (column >= p.g.n_padded)
            break;
        gemm_product<2, 2>(p.g, row, column, shared);
        THREADS(t)
        {
            const int r = row + t / 2;
            for (int i = t % 2 * 32; i < t % 2 * 32 + 32; i++) {
                const int j = column + i;
                if (r >= p.g.rows || j >= p.g.n)
                    continue;
                const float v = c[t / 2 * S::LDC + i] + p.g.bias[j];
                const int slot = p.slot[j];
                if (slot >= 0)
                    p.out[r * (p.columns + 3) + slot] = v;
                select_add(state[THREAD_SLOT(t)][0], v, slot >= 0, j);
            }
        }
    }
    THREADS_LAST(t)
    {
        const int r = row + t / 2;
        if (r >= p.g.rows)
            continue;
        float *to = p.partial + ((r * p.parts) + BLOCK_Y * 2 + t % 2) * 4;
        const struct select_state s = state[THREAD_SLOT(t)][0];
        to[0] = s.top;
        to[1] = s.sum;
        to[2] = s.rest;
        to[3] = s.best;
    }
}

/* Block: one row. */
KERNEL(select_finish, cuda_select, 128)
{
    SHARED(struct select_state, shared, 128);
    const int row = BLOCK_X;
    float *out = p.out + row * (p.columns + 3);
    THREADS(t)
    {
        struct select_state s = {-INFINITY, 0.0f, 0.0f, 0.0f};
        for (int i = t; i < p.parts; i += 128) {
            const float *from = p.partial + (row * p.parts + i) * 4;
            select_join(s, {from[0], from[1], from[2], from[3]});
        }
        shared[t] = s;
    }
    for (int half_way = 64; half_way > 0; half_way /= 2) {
        THREADS(t)
        {
            if (t < half_way)
                select_join(shared[t], shared[t + half_way]);
        }
    }
    THREADS_LAST(t)
    {
        const struct select_state s = shared[0];
        const float log_sum = logf(s.sum);
        for (int i = t; i < p.columns; i += 128)
            out[i] = out[i] - s.top - log_sum;
        if (t == 0) {
            out[p.columns] = s.rest > 0.0f ? logf(s.rest) - log_sum : -INFINITY;
            out[p.columns + 1] = s.best;
            out[p.columns + 2] = -log_sum;
        }
    }
}

/* ---- products of two computed matrices ------------------------------------------------------ */

/* Block: 64 × 64 of one product; any strides, so elements come one at a time. */
KERNEL(matmul, cuda_matmul, 128)
{
    typedef gemm_shape<2, 2> S;
    SHARED(unsigned char, shared, S::BYTES);
    half *a = reinterpret_cast<half *>(shared);
    half *b = reinterpret_cast<half *>(shared + S::A_BYTES);
    float *c = reinterpret_cast<float *>(shared);
    const int tiles_n = (p.n + S::BN - 1) / S::BN;
    const int row = BLOCK_X / tiles_n * S::BM, column = BLOCK_X % tiles_n * S::BN;
    const int b0 = BLOCK_Y / p.batch1, b1 = BLOCK_Y % p.batch1;
    const half *x = p.x + b0 * p.x_stride[0] + b1 * p.x_stride[1];
    const half *y = p.y + b0 * p.y_stride[0] + b1 * p.y_stride[1];
    half *out = p.out + b0 * p.out_stride[0] + b1 * p.out_stride[1];
    const half zero = half_nearest(0.0f);
    PER_WARP(tile_c, sum, 4, 4);
    WARPS(w)
    {
        UNROLL
        for (int i = 0; i < 4; i++)
            tile_zero(sum[WARP_SLOT(w)][i]);
    }
    for (int k = 0; k < p.k; k += S::BK) {
        THREADS(t)
        {
            for (int i = t; i < S::BM * S::BK; i += 128) {
                const int r = i / S::BK, j = i % S::BK;
                a[r * S::LDA + j] = row + r < p.m && k + j < p.k
                                        ? x[(row + r) * p.x_stride[2] + (k + j) * p.x_stride[3]]
                                        : zero;
            }
            for (int i = t; i < S::BK * S::BN; i += 128) {
                const int r = i / S::BN, j = i % S::BN;
                b[r * S::LDB + j] = k + r < p.k && column + j < p.n
                                        ? y[(k + r) * p.y_stride[2] + (column + j) * p.y_stride[3]]
                                        : zero;
            }
        }
        WARPS(w)
        {
            const int m = w / 2 * 32, n = w % 2 * 32;
            UNROLL
            for (int kk = 0; kk < S::BK; kk += 16) {
                UNROLL
                for (int i = 0; i < 4; i++) {
                    tile_a ta;
                    tile_b tb;
                    tile_load(ta, a + (m + i / 2 * 16) * S::LDA + kk, S::LDA);
                    tile_load(tb, b + kk * S::LDB + n + i % 2 * 16, S::LDB);
                    tile_mma(sum[WARP_SLOT(w)][i], ta, tb);
                }
            }
        }
    }
    WARPS(w)
    {
        const int m = w / 2 * 32, n = w % 2 * 32;
        UNROLL
        for (int i = 0; i < 4; i++)
            tile_store(c + (m + i / 2 * 16) * S::LDC + n + i % 2 * 16, sum[WARP_SLOT(w)][i],
                       S::LDC);
    }
    THREADS_LAST(t)
    {
        for (int i = t; i < S::BM * S::BN; i += 128) {
            const int r = row + i / S::BN, j = column + i % S::BN;
            if (r < p.m && j < p.n)
                out[r * p.out_stride[2] + j * p.out_stride[3]] =
                    to_half_value(c[i / S::BN * S::LDC + i % S::BN]);
        }
    }
}

#endif
