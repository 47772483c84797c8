/*
 * The GPU backend: one struct nn_backend for each device that may be used, over the same functions.
 */
#include "nn/cuda/cuda_backend.h"

#include <stdlib.h>

#include "nn/cuda/cuda_map.h"
#include "nn/cuda/cuda_pack.h"
#include "nn/cuda/cuda_pixels.h"
#include "nn/cuda/cuda_plan.h"
#include "nn/cuda/cuda_step.h"

static void free_packed(void *packed)
{
    cuda_pack_free(packed);
}

static int run_plan(const struct nn_plan *plan, struct pool *pool, const struct budget *budget,
                    se_error *err)
{
    (void)pool;
    return cuda_plan_run(plan, budget, err);
}

static int pack_node(int index, const struct nn_node *node, void **packed, size_t *bytes,
                     se_error *err)
{
    struct cuda_packed *made;
    const int status = cuda_pack(cuda_device_at(index), node, &made, err);
    *packed = made;
    *bytes = made ? made->bytes : 0;
    return status;
}

#define CUDA_BACKEND(i)                                                                            \
    static int pack_##i(const struct nn_node *node, void **packed, size_t *bytes, se_error *err)   \
    {                                                                                              \
        return pack_node(i, node, packed, bytes, err);                                             \
    }                                                                                              \
    static int compile_##i(struct nn_plan *plan, se_error *err)                                    \
    {                                                                                              \
        return cuda_plan_compile(cuda_device_at(i), plan, err);                                    \
    }                                                                                              \
    static int arena_make_##i(size_t bytes, void **arena, se_error *err)                           \
    {                                                                                              \
        return cuda_arena_make(cuda_device_at(i), bytes, arena, err);                              \
    }                                                                                              \
    static double peak_##i(void)                                                                   \
    {                                                                                              \
        return cuda_device_peak_gflops(cuda_device_at(i));                                         \
    }                                                                                              \
    static void close_##i(void)                                                                    \
    {                                                                                              \
        cuda_device_close(cuda_device_at(i));                                                      \
    }                                                                                              \
    static const struct nn_remote remote_##i = {                                                   \
        .arena_make = arena_make_##i,                                                              \
        .arena_free = cuda_arena_free,                                                             \
        .bind = cuda_plan_bind,                                                                    \
        .input = cuda_plan_input,                                                                  \
        .output = cuda_plan_output,                                                                \
        .output_of = cuda_plan_output_of,                                                          \
        .send_pixels = cuda_plan_send_pixels,                                                      \
        .run_pixels = cuda_plan_run_pixels,                                                        \
        .map = cuda_plan_map,                                                                      \
        .map_sums = cuda_plan_map_sums,                                                            \
        .fetch_output = cuda_plan_fetch_output,                                                    \
        .hand_over = cuda_plan_hand_over,                                                          \
        .make_ready = cuda_plan_make_pixels_graph,                                                 \
        .time_steps = cuda_plan_time_steps,                                                        \
        .fetch = cuda_plan_fetch,                                                                  \
    };                                                                                             \
    static const struct nn_backend backend_##i = {                                                 \
        .name = "gpu " #i,                                                                         \
        .owns_weights = true,                                                                      \
        .supports = cuda_step_supports,                                                            \
        .pack = pack_##i,                                                                          \
        .pack_free = free_packed,                                                                  \
        .compile = compile_##i,                                                                    \
        .release = cuda_plan_release,                                                              \
        .run = run_plan,                                                                           \
        .peak_gflops = peak_##i,                                                                   \
        .precision = "fp16",                                                                       \
        .remote = &remote_##i,                                                                     \
        .close = close_##i,                                                                        \
    };

CUDA_BACKEND(0)
CUDA_BACKEND(1)
CUDA_BACKEND(2)
CUDA_BACKEND(3)
CUDA_BACKEND(4)
CUDA_BACKEND(5)
CUDA_BACKEND(6)
CUDA_BACKEND(7)

const struct nn_backend *nn_cuda_backend(int device, size_t max_bytes, se_error *err)
{
    static const struct nn_backend *const backends[CUDA_MAX_DEVICES] = {
        &backend_0, &backend_1, &backend_2, &backend_3,
        &backend_4, &backend_5, &backend_6, &backend_7,
    };
    struct cuda_device *opened;
    if (cuda_device_open(device, max_bytes, &opened, err) != SE_OK)
        return NULL;
    return backends[device];
}
