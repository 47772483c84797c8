/*
 * A plan on a GPU, and the arena it runs in.
 *
 *   host    reserved addresses, never readable: what the planner's tensors point into
 *   device  halves: one for each float of the plan | staging: input floats, output floats
 *   pinned  input floats | output floats
 *
 * A run is one CUDA graph, made when the plan is bound: copy in, to halves, every launch of every
 * step, to floats, copy out. Each arena has a stream of its own, so that pictures read side by side
 * overlap.
 */
#ifndef SE_NN_CUDA_CUDA_PLAN_H
#define SE_NN_CUDA_CUDA_PLAN_H

#include "nn/backend.h"
#include "nn/cuda/cuda_device.h"

/* The functions of struct nn_backend and struct nn_remote for one device. */
int cuda_plan_compile(struct cuda_device *device, struct nn_plan *plan, se_error *err);
void cuda_plan_release(struct nn_plan *plan);
int cuda_plan_run(const struct nn_plan *plan, const struct budget *budget, se_error *err);
int cuda_arena_make(struct cuda_device *device, size_t bytes, void **arena, se_error *err);
void cuda_arena_free(void *arena);
int cuda_plan_bind(struct nn_plan *plan, const struct nn_tensor *input,
                   const struct nn_tensor *output, void *arena, se_error *err);
float *cuda_plan_input(const struct nn_plan *plan);
const float *cuda_plan_output(const struct nn_plan *plan);
float *cuda_plan_output_of(const struct nn_plan *plan);
bool cuda_plan_map(const struct nn_plan *plan, int image, struct nn_map *out);
int cuda_plan_map_sums(const struct nn_plan *plan, int image, const struct nn_map_span *spans,
                       const int32_t *first, int count, double *sums, se_error *err);
int cuda_plan_fetch_output(const struct nn_plan *plan, se_error *err);
int cuda_plan_hand_over(const struct nn_plan *plan, int first, int n, const struct nn_plan *to,
                        se_error *err);
int cuda_plan_time_steps(const struct nn_plan *plan, double *ms, se_error *err);
int cuda_plan_fetch(const struct nn_plan *plan, const struct nn_tensor *tensor, float *out,
                    se_error *err);

/* Marks the kernels that a bound plan launches. */
void cuda_plan_kernels(const struct nn_plan *plan, bool used[CUDA_KERNEL_COUNT]);
/* Launches of a run, conversions included (tests). */
size_t cuda_plan_launch_count(const struct nn_plan *plan);

#endif
