/*
 * The words of kernel_device.cuh on the CPU: a thread of the host runs all threads of a block,
 * phase by phase.
 *
 * Threads of a phase run forwards or backwards (emulation_backwards): where the two differ, threads
 * of one phase depend on each other, which on a GPU is a race. Shared memory is NaNs at first.
 * Tiles and vectors are checked for the alignment that a GPU asks for.
 */
#ifndef SE_TESTS_NN_CUDA_KERNEL_EMULATION_H
#define SE_TESTS_NN_CUDA_KERNEL_EMULATION_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- where we are --------------------------------------------------------------------------- */

struct emulation {
    int threads; /* of a block */
    int x, y, z; /* the block */
};
extern thread_local struct emulation emulated;
extern thread_local bool emulation_backwards;

#define KERNEL(name, args, threads) void name(const struct args &p)
#define DEVICE static inline
#define UNROLL

/* Turn i of n, counted from the end where threads run backwards. */
#define EMULATED_LOOP(i, n)                                                                        \
    for (int i##_turn = 0, i = emulation_backwards ? (n)-1 : 0; i##_turn < (n);                    \
         i##_turn++, i += emulation_backwards ? -1 : 1)
#define THREADS(t) EMULATED_LOOP(t, emulated.threads)
#define THREADS_LAST(t) EMULATED_LOOP(t, emulated.threads)
#define WARPS(w) EMULATED_LOOP(w, emulated.threads / 32)
#define WARPS_LAST(w) EMULATED_LOOP(w, emulated.threads / 32)
#define LANES(l) EMULATED_LOOP(l, 32)

#define SHARED(type, name, count)                                                                  \
    alignas(128) type name[count];                                                                 \
    memset(static_cast<void *>(name), 0xff, sizeof(name))
#define PER_THREAD(type, name, threads, count) type name[threads][count]
#define PER_WARP(type, name, warps, count) type name[warps][count]
#define THREAD_SLOT(t) (t)
#define WARP_SLOT(w) (w)
#define BLOCK_X (emulated.x)
#define BLOCK_Y (emulated.y)
#define BLOCK_Z (emulated.z)

/* ---- halves --------------------------------------------------------------------------------- */

struct half {
    uint16_t bits;
};

extern float emulated_halves[65536]; /* the value of each */
uint16_t emulated_half(float x);     /* nearest; past the range infinity, as on the GPU */

static inline float number(half x)
{
    return emulated_halves[x.bits];
}

static inline half half_nearest(float x)
{
    return {emulated_half(x)};
}

/* Compiled without contraction, these are the operations themselves. */
template <typename T> static inline T mul_rn(T a, T b)
{
    return a * b;
}

template <typename T> static inline T add_rn(T a, T b)
{
    return a + b;
}

template <typename T> static inline T div_rn(T a, T b)
{
    return a / b;
}

static inline int atomic_min(int *at, int value)
{
    const int was = *at;
    *at = value < was ? value : was;
    return was;
}

static inline int bit_count(unsigned bits)
{
    return __builtin_popcount(bits);
}

static inline int lowest_bit(unsigned bits)
{
    return __builtin_ctz(bits);
}

struct alignas(16) half8 {
    half at[8];
};

static inline void emulation_aligned(const void *at, uintptr_t bytes)
{
    if (reinterpret_cast<uintptr_t>(at) % bytes != 0) {
        fprintf(stderr, "a kernel reads or writes %p, which is no multiple of %d\n", at,
                static_cast<int>(bytes));
        abort();
    }
}

static inline half8 load8(const half *from)
{
    half8 value;
    emulation_aligned(from, 16);
    memcpy(&value, from, sizeof(value));
    return value;
}

static inline void store8(half *to, const half8 &value)
{
    emulation_aligned(to, 16);
    memcpy(to, &value, sizeof(value));
}

/* ---- tiles ---------------------------------------------------------------------------------- */

struct tile {
    float at[16][16];
};
struct tile_a : tile {
};
struct tile_b : tile {
};
struct tile_c : tile {
};

static inline void tile_load(tile &to, const half *from, int ld)
{
    emulation_aligned(from, 32);
    emulation_aligned(reinterpret_cast<const void *>(static_cast<uintptr_t>(ld)), 8);
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 16; j++)
            to.at[i][j] = number(from[i * ld + j]);
}

static inline void tile_zero(tile_c &to)
{
    memset(&to, 0, sizeof(to));
}

static inline void tile_mma(tile_c &c, const tile_a &a, const tile_b &b)
{
    for (int i = 0; i < 16; i++)
        for (int k = 0; k < 16; k++)
            for (int j = 0; j < 16; j++)
                c.at[i][j] += a.at[i][k] * b.at[k][j];
}

static inline void tile_store(float *to, const tile_c &from, int ld)
{
    emulation_aligned(to, 32);
    emulation_aligned(reinterpret_cast<const void *>(static_cast<uintptr_t>(ld)), 4);
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 16; j++)
            to[i * ld + j] = from.at[i][j];
}

#endif
