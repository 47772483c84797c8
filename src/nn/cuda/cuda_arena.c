#define _GNU_SOURCE
#include "nn/cuda/cuda_arena.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "nn/cuda/cuda_plan.h"

enum { HEADER = 65536 }; /* a multiple of any page */

_Static_assert(sizeof(struct cuda_arena) <= HEADER, "the header fits in front of the addresses");

/* No two states of any arenas have the same number. */
static unsigned next_generation(void)
{
    static atomic_uint last;
    return atomic_fetch_add(&last, 1) + 1;
}

struct cuda_arena *cuda_arena_of(void *base)
{
    return (struct cuda_arena *)(void *)((unsigned char *)base - HEADER);
}

/* Addresses for the planner, and a header in front of them that can be read. */
static int reserve(size_t bytes, struct cuda_arena **out, se_error *err)
{
    if (bytes > SIZE_MAX / 2)
        return se_fail_memory(err, "addresses of GPU tensors", bytes);
    void *map =
        mmap(NULL, HEADER + bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED)
        return se_fail_memory(err, "addresses of GPU tensors", bytes);
    if (mprotect(map, HEADER, PROT_READ | PROT_WRITE) != 0) {
        munmap(map, HEADER + bytes);
        return se_fail_memory(err, "the header of GPU tensors", HEADER);
    }
    *out = map;
    **out = (struct cuda_arena){.map_bytes = HEADER + bytes};
    return SE_OK;
}

int cuda_arena_make(struct cuda_device *device, size_t bytes, void **arena, se_error *err)
{
    struct cuda_arena *made = NULL;
    *arena = NULL;
    FORWARD_IF_ERROR(cuda_device_enter(device, err));
    FORWARD_IF_ERROR(reserve(bytes, &made, err));
    void *base = (unsigned char *)made + HEADER;
    made->device = device;
    made->generation = next_generation();
    made->bytes = bytes / 2 + CUDA_MEMORY_ALIGN;
    int status = cuda_device_check(
        device, device->driver->stream_create(&made->stream, CUDA_STREAM_NON_BLOCKING), "a stream",
        err);
    if (status == SE_OK)
        status = cuda_device_alloc(device, made->bytes, &made->memory, err);
    if (status != SE_OK) {
        cuda_arena_free(base);
        return status;
    }
    *arena = base;
    return SE_OK;
}

/* Memory of the device with pinned memory of the host in front of it. */
static int make_pair(struct cuda_device *device, size_t bytes, uint64_t *address, void **pinned,
                     se_error *err)
{
    FORWARD_IF_ERROR(cuda_device_alloc(device, bytes, address, err));
    const int status = cuda_device_check(device, device->driver->host_alloc(pinned, bytes),
                                         "pinned memory of the host", err);
    if (status != SE_OK) {
        cuda_device_free(device, *address, bytes);
        *address = 0;
        *pinned = NULL;
    }
    return status;
}

static void drop_pair(struct cuda_device *device, size_t bytes, uint64_t address, void *pinned)
{
    cuda_device_free(device, address, bytes);
    if (pinned)
        (void)device->driver->host_free(pinned);
}

void cuda_arena_free(void *base)
{
    if (!base)
        return;
    struct cuda_arena *arena = cuda_arena_of(base);
    /* What a lost device refuses goes with its context. */
    (void)arena->device->driver->context_use(arena->device->context);
    if (arena->stream)
        (void)arena->device->driver->stream_destroy(arena->stream);
    drop_pair(arena->device, arena->staging_bytes, arena->staging, arena->pinned);
    drop_pair(arena->device, arena->picture_bytes, arena->picture, arena->picture_pinned);
    drop_pair(arena->device, arena->samples_bytes, arena->samples, arena->samples_pinned);
    cuda_device_free(arena->device, arena->memory, arena->bytes);
    munmap(arena, arena->map_bytes);
}

int cuda_arena_stage(struct cuda_arena *arena, size_t bytes, se_error *err)
{
    void *pinned = NULL;
    uint64_t staging;
    if (bytes <= arena->staging_bytes)
        return SE_OK;
    FORWARD_IF_ERROR(make_pair(arena->device, bytes, &staging, &pinned, err));
    drop_pair(arena->device, arena->staging_bytes, arena->staging, arena->pinned);
    arena->pinned = pinned;
    arena->staging = staging;
    arena->staging_bytes = bytes;
    arena->generation = next_generation();
    return SE_OK;
}

int cuda_arena_picture(struct cuda_arena *arena, size_t bytes, se_error *err)
{
    void *pinned = NULL;
    if (bytes <= arena->picture_bytes)
        return SE_OK;
    /* The old one first: it is large, and its contents are not needed. */
    drop_pair(arena->device, arena->picture_bytes, arena->picture, arena->picture_pinned);
    arena->picture_pinned = NULL;
    arena->picture = arena->picture_id = 0;
    arena->picture_bytes = 0;
    FORWARD_IF_ERROR(make_pair(arena->device, bytes, &arena->picture, &pinned, err));
    arena->picture_pinned = pinned;
    arena->picture_bytes = bytes;
    return SE_OK;
}

int cuda_arena_samples(struct cuda_arena *arena, size_t bytes, se_error *err)
{
    void *pinned = NULL;
    uint64_t samples;
    if (bytes <= arena->samples_bytes)
        return SE_OK;
    FORWARD_IF_ERROR(make_pair(arena->device, bytes, &samples, &pinned, err));
    drop_pair(arena->device, arena->samples_bytes, arena->samples, arena->samples_pinned);
    arena->samples_pinned = pinned;
    arena->samples = samples;
    arena->samples_bytes = bytes;
    return SE_OK;
}
