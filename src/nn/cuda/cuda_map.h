/*
 * A map of probabilities reduced on the GPU (kernel_map.cuh): memory, launches.
 */
#ifndef SE_NN_CUDA_CUDA_MAP_H
#define SE_NN_CUDA_CUDA_MAP_H

#include "nn/backend.h"
#include "nn/cuda/cuda_step.h"

enum { CUDA_MAP_LAUNCHES = 6 };

/* See struct cuda_map. The scratch memory is bits | counts | parents of all images, each from a
 * multiple of 256 bytes on. */
struct cuda_map_layout {
    int words, cell_rows, most_runs;
    int cells_at, runs_at, result_ints; /* of one image */
    size_t bits_bytes, counts_bytes, parent_bytes, scratch_bytes;
};

/* Device addresses. */
struct cuda_map_place {
    uint64_t map, scratch, result;
};

/* Zero where nothing is wanted. */
void cuda_map_measure(const struct nn_reduction *reduction, struct cuda_map_layout *out);
/* Bytes that come back of all images. */
size_t cuda_map_bytes(const struct nn_reduction *reduction, const struct cuda_map_layout *layout);
void cuda_map_build(const struct nn_reduction *reduction, const struct cuda_map_layout *layout,
                    const struct cuda_map_place *place, struct cuda_launch out[CUDA_MAP_LAUNCHES]);
/* The result of one image as nn.h has it; false when there are more runs than room, or they
 * contradict each other. */
bool cuda_map_view(const struct nn_reduction *reduction, const struct cuda_map_layout *layout,
                   const int32_t *result, struct nn_map *out);

#endif
