/*
 * Inside of a plan on a GPU, for the files that run it.
 */
#ifndef SE_NN_CUDA_CUDA_PLAN_STATE_H
#define SE_NN_CUDA_CUDA_PLAN_STATE_H

#include "nn/cuda/cuda_arena.h"
#include "nn/cuda/cuda_map.h"
#include "nn/cuda/cuda_plan.h"
#include "nn/cuda/cuda_step.h"

struct cuda_plan {
    struct cuda_device *device;
    const struct nn_step *steps;
    int32_t step_count;
    struct cuda_constant *constant;
    size_t constant_count, constant_bytes;
    uint64_t constants;
    /* Since it was bound: */
    struct cuda_arena *arena;
    unsigned generation;
    struct cuda_place place;
    struct cuda_launch *launches;
    int32_t *first; /* [step_count + 1]: of each step's launches */
    struct cuda_launch to_half, to_float;
    /* Of the staging memory: input floats, or what a reduction needs on its way; output floats, or
     * what it comes to. */
    size_t input_bytes, result_bytes;
    size_t output_bytes;           /* floats of the output */
    uint64_t result;               /* device address of the output as floats */
    bool converts;                 /* by to_float; else a step made floats */
    struct nn_reduction reduction; /* that the graphs were made for */
    struct cuda_map_layout map;    /* where it is wanted */
    uint64_t map_address;          /* of the output, halves */
    struct cuda_launch map_launches[CUDA_MAP_LAUNCHES];
    void *graph;        /* of a run on floats */
    void *pixels_graph; /* of one behind kernels that made its input; NULL: not yet needed */
};

/* Launches a kernel into the plan's stream. */
int cuda_plan_launch(const struct cuda_plan *state, const struct cuda_launch *launch,
                     se_error *err);
/* Launches the steps [first, end). */
int cuda_plan_launch_steps(const struct cuda_plan *state, int32_t first, int32_t end,
                           se_error *err);
/* Puts work into the plan's stream. */
typedef int cuda_plan_work(const struct cuda_plan *state, const void *context, se_error *err);
/* Makes a graph of what `work` puts into the stream, which does not run now. */
int cuda_plan_capture(const struct cuda_plan *state, cuda_plan_work *work, const void *context,
                      void **made, se_error *err);
/* Makes the graph of a bound plan: all that a run does; without `floats`, all behind the making of
 * its input. */
int cuda_plan_record(const struct cuda_plan *state, bool floats, void **graph, se_error *err);
/* Puts the output's way to the host, as floats, into the plan's stream. */
int cuda_plan_copy_out(const struct cuda_plan *state, se_error *err);
/* Waits for the plan's stream. */
int cuda_plan_wait(const struct cuda_plan *state, se_error *err);

#endif
