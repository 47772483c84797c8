/*
 * Memory of an exec on a GPU; see cuda_plan.h for its parts.
 */
#ifndef SE_NN_CUDA_CUDA_ARENA_H
#define SE_NN_CUDA_CUDA_ARENA_H

#include "nn/cuda/cuda_device.h"

struct cuda_arena {
    struct cuda_device *device;
    size_t map_bytes; /* of the reservation, with this header */
    uint64_t memory;  /* halves */
    size_t bytes;     /* of memory */
    void *stream;
    /* Grown by plans that need more; `generation` then changes, since graphs hold the addresses. */
    float *pinned;
    uint64_t staging;
    size_t staging_bytes;
    unsigned generation;
    /* The picture that images are made of. */
    uint64_t picture;
    unsigned char *picture_pinned;
    size_t picture_bytes;
    uint64_t picture_id; /* struct nn_pixels; 0: none is there */
    /* struct cuda_sample of a batch. */
    uint64_t samples;
    void *samples_pinned;
    size_t samples_bytes;
};

/* The arena behind the address that the planner uses. */
struct cuda_arena *cuda_arena_of(void *base);
/* Makes room for this many bytes in `pinned` and `staging`. SE_ERR_LIMIT, SE_ERR_DEVICE; the arena
 * stays usable for plans that need no more than it had. */
/* The same for `picture` and for `samples`; what was there is lost when they grow. */
int cuda_arena_picture(struct cuda_arena *arena, size_t bytes, se_error *err);
int cuda_arena_samples(struct cuda_arena *arena, size_t bytes, se_error *err);
int cuda_arena_stage(struct cuda_arena *arena, size_t bytes, se_error *err);

#endif
