/* See fake_driver.h. Numbers of results and attributes are those of cuda.h. */
#define _GNU_SOURCE
#include "fake_driver.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emulation.h"
#include "nn/cuda/cuda_args.h"
#include "nn/cuda/cuda_driver.h"

enum {
    FAKE_INVALID_VALUE = 1,
    FAKE_INVALID_IMAGE = 200,
    FAKE_NOT_FOUND = 500,
    FAKE_ILLEGAL_ADDRESS = 700,
    MAX_ALLOCATIONS = 65536,
    MAX_PINNED = 4096,
    MAX_PARAMETERS = 4096
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct fake_controls controls = {
    .version = 12090, .devices = 1, .capability = 90, .multiprocessors = 4};
static _Atomic bool broken; /* by a sticky error, until the context goes */
static _Thread_local bool has_context;

static struct {
    void *memory;
    size_t bytes;
} allocations[MAX_ALLOCATIONS];

#define EXPORT __attribute__((visibility("default")))
EXPORT struct fake_controls *fake_cuda_controls(void);

struct fake_controls *fake_cuda_controls(void)
{
    return &controls;
}

static const struct {
    const char *name;
    int *value;
} words[] = {
    {"version", &controls.version},
    {"devices", &controls.devices},
    {"capability", &controls.capability},
    {"init", &controls.init_result},
    {"retain", &controls.retain_result},
    {"module", &controls.module_result},
    {"allocs", &controls.allocs_until_failure},
    {"mode", &controls.compute_mode},
    {"launches", &controls.launches_until_error},
    {"wrong", &controls.wrong_kernel},
};

__attribute__((constructor)) static void obey_environment(void)
{
    const char *at = getenv("FAKE_CUDA");
    while (at && *at) {
        char name[32];
        long long value;
        if (sscanf(at, " %31[a-z_]=%lld", name, &value) == 2) {
            for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (strcmp(words[i].name, name) == 0)
                    *words[i].value = (int)value;
            if (strcmp(name, "memory_mb") == 0)
                controls.memory_bytes = value << 20;
        }
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
}

/* ---- devices -------------------------------------------------------------------------------- */

#define ENTRY(symbol, parameters)                                                                  \
    EXPORT int symbol parameters;                                                                  \
    int symbol parameters

ENTRY(cuInit, (unsigned flags))
{
    return flags ? FAKE_INVALID_VALUE : controls.init_result;
}

ENTRY(cuDriverGetVersion, (int *version))
{
    *version = controls.version;
    return CUDA_OK;
}

ENTRY(cuGetErrorName, (int result, const char **name))
{
    *name = result == FAKE_ILLEGAL_ADDRESS ? "CUDA_ERROR_ILLEGAL_ADDRESS" : "CUDA_ERROR_FAKE";
    return CUDA_OK;
}

ENTRY(cuGetErrorString, (int result, const char **text))
{
    *text = result == FAKE_ILLEGAL_ADDRESS ? "an illegal memory access was encountered"
                                           : "an error that a test ordered";
    return CUDA_OK;
}

ENTRY(cuDeviceGetCount, (int *count))
{
    *count = controls.devices;
    return CUDA_OK;
}

ENTRY(cuDeviceGet, (int *device, int index))
{
    *device = index;
    return index < controls.devices ? CUDA_OK : FAKE_INVALID_VALUE;
}

ENTRY(cuDeviceGetName, (char *name, int size, int device))
{
    snprintf(name, (size_t)size, "Fake %d", device);
    return CUDA_OK;
}

ENTRY(cuDeviceGetAttribute, (int *value, int attribute, int device))
{
    (void)device;
    switch (attribute) {
    case CUDA_ATTRIBUTE_MAJOR:
        *value = controls.capability / 10;
        return CUDA_OK;
    case CUDA_ATTRIBUTE_MINOR:
        *value = controls.capability % 10;
        return CUDA_OK;
    case CUDA_ATTRIBUTE_MULTIPROCESSORS:
        *value = controls.multiprocessors;
        return CUDA_OK;
    case CUDA_ATTRIBUTE_CLOCK_KHZ:
        *value = 1000000;
        return CUDA_OK;
    case CUDA_ATTRIBUTE_COMPUTE_MODE:
        *value = controls.compute_mode;
        return CUDA_OK;
    default:
        return FAKE_INVALID_VALUE;
    }
}

static size_t total_bytes(void)
{
    return controls.memory_bytes ? (size_t)controls.memory_bytes : (size_t)80 << 30;
}

ENTRY(cuDeviceTotalMem_v2, (size_t * bytes, int device))
{
    (void)device;
    *bytes = total_bytes();
    return CUDA_OK;
}

ENTRY(cuDeviceGetPCIBusId, (char *id, int size, int device))
{
    snprintf(id, (size_t)size, "0000:%02x:00.0", device + 1);
    return CUDA_OK;
}

ENTRY(cuDevicePrimaryCtxRetain, (void **context, int device))
{
    if (controls.retain_result)
        return controls.retain_result;
    controls.contexts++;
    if (device >= 0 && device < FAKE_DEVICES)
        controls.opened[device]++;
    *context = &controls;
    return CUDA_OK;
}

ENTRY(cuDevicePrimaryCtxRelease_v2, (int device))
{
    (void)device;
    controls.contexts--;
    broken = false;
    return CUDA_OK;
}

ENTRY(cuCtxSetCurrent, (void *context))
{
    has_context = context != NULL;
    return CUDA_OK;
}

/* What any call but the ones above answers first; the one that was ordered to fail does so. */
static int state(void)
{
    if (__atomic_load_n(&controls.calls_until_error, __ATOMIC_SEQ_CST) > 0 &&
        __atomic_sub_fetch(&controls.calls_until_error, 1, __ATOMIC_SEQ_CST) == 0) {
        if (controls.call_result != FAKE_ILLEGAL_ADDRESS)
            return controls.call_result;
        broken = true;
    }
    return broken ? FAKE_ILLEGAL_ADDRESS : has_context ? CUDA_OK : 201 /* INVALID_CONTEXT */;
}

/* ---- memory --------------------------------------------------------------------------------- */

ENTRY(cuMemGetInfo_v2, (size_t * free_bytes, size_t *total))
{
    *total = total_bytes();
    *free_bytes = controls.free_bytes ? (size_t)controls.free_bytes
                                      : *total - (size_t)controls.allocated_bytes;
    return state();
}

static bool out_of_memory(size_t bytes)
{
    if (controls.allocs_until_failure > 0 && --controls.allocs_until_failure == 0) {
        controls.allocs_until_failure = 1; /* and all after it */
        return true;
    }
    return (size_t)controls.allocated_bytes + bytes > total_bytes();
}

ENTRY(cuMemAlloc_v2, (uint64_t * address, size_t bytes))
{
    const int refused = state();
    if (refused)
        return refused;
    pthread_mutex_lock(&mutex);
    int result = CUDA_OUT_OF_MEMORY, slot = 0;
    while (slot < MAX_ALLOCATIONS - 1 && allocations[slot].memory)
        slot++;
    void *memory = out_of_memory(bytes) ? NULL : aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (memory) {
        memset(memory, 0xff, bytes); /* NaNs, floats as halves */
        allocations[slot].memory = memory;
        allocations[slot].bytes = bytes;
        controls.allocations++;
        controls.allocation_calls++;
        controls.allocated_bytes += (long long)bytes;
        if (controls.allocated_bytes > controls.most_bytes)
            controls.most_bytes = controls.allocated_bytes;
        *address = (uint64_t)(uintptr_t)memory;
        result = CUDA_OK;
    }
    pthread_mutex_unlock(&mutex);
    return result;
}

ENTRY(cuMemFree_v2, (uint64_t address))
{
    pthread_mutex_lock(&mutex);
    int result = FAKE_INVALID_VALUE;
    for (int i = 0; i < MAX_ALLOCATIONS && result; i++) {
        if (allocations[i].memory && (uint64_t)(uintptr_t)allocations[i].memory == address) {
            controls.allocations--;
            controls.allocated_bytes -= (long long)allocations[i].bytes;
            free(allocations[i].memory);
            allocations[i].memory = NULL;
            result = CUDA_OK;
        }
    }
    pthread_mutex_unlock(&mutex);
    return result;
}

/* Pinned memory, so that a copy beside the stream can be told from one that only seems to be. */
static struct {
    unsigned char *memory;
    size_t bytes;
} pinned[MAX_PINNED];

static void *note_pinned(size_t bytes)
{
    void *memory = NULL;
    pthread_mutex_lock(&mutex);
    for (int i = 0; i < MAX_PINNED && !memory; i++)
        if (!pinned[i].memory) {
            memory = pinned[i].memory = calloc(1, bytes);
            pinned[i].bytes = bytes;
            controls.pinned += memory != NULL;
        }
    pthread_mutex_unlock(&mutex);
    return memory;
}

static bool is_pinned(const void *at, size_t bytes)
{
    bool inside = false;
    pthread_mutex_lock(&mutex);
    for (int i = 0; i < MAX_PINNED && !inside; i++) {
        const uintptr_t begin = (uintptr_t)pinned[i].memory, from = (uintptr_t)at;
        inside = begin && from >= begin && from + bytes <= begin + pinned[i].bytes;
    }
    pthread_mutex_unlock(&mutex);
    return inside;
}

ENTRY(cuMemAllocHost_v2, (void **memory, size_t bytes))
{
    const int refused = state();
    if (refused)
        return refused;
    *memory = note_pinned(bytes);
    return *memory ? CUDA_OK : CUDA_OUT_OF_MEMORY;
}

ENTRY(cuMemFreeHost, (void *memory))
{
    int result = FAKE_INVALID_VALUE;
    pthread_mutex_lock(&mutex);
    for (int i = 0; i < MAX_PINNED && result; i++)
        if (memory && pinned[i].memory == memory) {
            free(memory);
            pinned[i].memory = NULL;
            controls.pinned--;
            result = CUDA_OK;
        }
    pthread_mutex_unlock(&mutex);
    return result;
}

/* A copy must lie inside one allocation, as under compute-sanitizer. */
static bool is_inside(uint64_t address, size_t bytes)
{
    bool inside = false;
    pthread_mutex_lock(&mutex);
    for (int i = 0; i < MAX_ALLOCATIONS && !inside; i++) {
        const uint64_t begin = (uint64_t)(uintptr_t)allocations[i].memory;
        inside = begin && address >= begin && address + bytes <= begin + allocations[i].bytes;
    }
    pthread_mutex_unlock(&mutex);
    return inside;
}

static int copy(void *to, const void *from, uint64_t device, size_t bytes)
{
    const int refused = state();
    if (refused)
        return refused;
    if (!is_inside(device, bytes)) {
        broken = true;
        return FAKE_ILLEGAL_ADDRESS;
    }
    memcpy(to, from, bytes);
    __atomic_add_fetch(&controls.copies, 1, __ATOMIC_SEQ_CST);
    return CUDA_OK;
}

ENTRY(cuMemcpyHtoD_v2, (uint64_t to, const void *from, size_t bytes))
{
    return copy((void *)(uintptr_t)to, from, to, bytes);
}

ENTRY(cuMemcpyDtoH_v2, (void *to, uint64_t from, size_t bytes))
{
    return copy(to, (const void *)(uintptr_t)from, from, bytes);
}

/* ---- modules -------------------------------------------------------------------------------- */

/* The architecture that an image is for: ELF files of NVRTC 12.9 have it in e_flags, in the first
 * byte or, of ABI version 8, in the second; PTX names it. 0: neither. */
static int architecture_of(const unsigned char *image)
{
    if (memcmp(image, "\177ELF", 4) == 0) {
        uint32_t flags;
        memcpy(&flags, image + 48, sizeof(flags));
        return (int)(image[8] >= 8 ? flags >> 8 & 0xff : flags & 0xff);
    }
    const char *target = strstr((const char *)image, ".target sm_");
    return target ? 1000 + atoi(target + 11) : 0;
}

ENTRY(cuModuleLoadData, (void **module, const void *image))
{
    const int refused = state();
    if (refused)
        return refused;
    if (controls.module_result)
        return controls.module_result;
    controls.image_architecture = architecture_of(image);
    if (controls.image_architecture == 0)
        return FAKE_INVALID_IMAGE;
    controls.modules++;
    *module = &controls;
    return CUDA_OK;
}

ENTRY(cuModuleUnload, (void *module))
{
    (void)module;
    controls.modules--;
    return CUDA_OK;
}

/* A function is 1 + its number. */
ENTRY(cuModuleGetFunction, (void **function, void *module, const char *name))
{
    size_t size;
    (void)module;
    const int kernel = emulation_find(name, &size);
    *function = (void *)(uintptr_t)(kernel + 1);
    return kernel < 0 ? FAKE_NOT_FOUND : CUDA_OK;
}

/* ---- streams and graphs --------------------------------------------------------------------- */

struct work {
    struct work *next;
    int kernel; /* -1: a copy in, -2: a copy out, -3: one within */
    unsigned grid[3], threads;
    void *to;
    const void *from;
    uint64_t device;
    size_t bytes;
    unsigned char args[MAX_PARAMETERS];
};

struct stream {
    bool capturing;
    struct work *first, *last;
};

static int do_work(const struct work *w)
{
    if (w->kernel < 0) {
        if (w->kernel != -3 && !is_pinned(w->kernel == -1 ? w->from : w->to, w->bytes))
            __atomic_add_fetch(&controls.unpinned, 1, __ATOMIC_SEQ_CST);
        return copy(w->to, w->from, w->device, w->bytes);
    }
    const int refused = state();
    if (refused)
        return refused;
    __atomic_add_fetch(&controls.kernel_launches, 1, __ATOMIC_SEQ_CST);
    emulation_set_backwards(controls.backwards);
    unsigned grid[2] = {w->grid[0], w->grid[1]};
    if (controls.wrong_kernel == w->kernel + 1)
        grid[grid[0] > 1 ? 0 : 1]--;
    return emulation_run(w->kernel, grid[0], grid[1], w->grid[2], w->threads, w->args)
               ? CUDA_OK
               : FAKE_INVALID_VALUE;
}

/* Does it now, or keeps it while the stream is recorded. */
static int submit(struct stream *stream, const struct work *work)
{
    if (!stream->capturing)
        return do_work(work);
    struct work *kept = malloc(sizeof(*kept));
    if (!kept)
        return CUDA_OUT_OF_MEMORY;
    *kept = *work;
    if (stream->last)
        stream->last->next = kept;
    else
        stream->first = kept;
    stream->last = kept;
    return CUDA_OK;
}

static void free_work(struct work *work)
{
    while (work) {
        struct work *next = work->next;
        free(work);
        work = next;
    }
}

ENTRY(cuStreamCreate, (void **stream, unsigned flags))
{
    (void)flags;
    const int refused = state();
    if (refused)
        return refused;
    *stream = calloc(1, sizeof(struct stream));
    controls.streams += *stream != NULL;
    return *stream ? CUDA_OK : CUDA_OUT_OF_MEMORY;
}

ENTRY(cuStreamDestroy_v2, (void *stream))
{
    free_work(((struct stream *)stream)->first);
    free(stream);
    controls.streams--;
    return CUDA_OK;
}

ENTRY(cuStreamSynchronize, (void *stream))
{
    (void)stream;
    return state();
}

ENTRY(cuStreamBeginCapture_v2, (void *stream, int mode))
{
    const int refused = mode == CUDA_CAPTURE_THREAD_LOCAL ? state() : FAKE_INVALID_VALUE;
    ((struct stream *)stream)->capturing = refused == CUDA_OK;
    return refused;
}

ENTRY(cuStreamEndCapture, (void *stream, void **graph))
{
    struct stream *s = stream;
    *graph = s->first;
    *s = (struct stream){.capturing = false};
    return state();
}

/* The recorded work goes over from the graph to its executable form. */
ENTRY(cuGraphInstantiateWithFlags, (void **exec, void *graph, unsigned long long flags))
{
    (void)flags;
    const int refused = state();
    struct stream *made = refused ? NULL : calloc(1, sizeof(*made));
    if (!made)
        return refused ? refused : CUDA_OUT_OF_MEMORY;
    for (const struct work *w = graph; w; w = w->next) {
        made->capturing = true;
        struct work copy_of = *w;
        copy_of.next = NULL;
        if (submit(made, &copy_of))
            return CUDA_OUT_OF_MEMORY;
    }
    __atomic_add_fetch(&controls.graphs, 1, __ATOMIC_SEQ_CST);
    *exec = made;
    return CUDA_OK;
}

static void wait_while_held(void)
{
    __atomic_add_fetch(&controls.held, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&controls.hold, __ATOMIC_SEQ_CST))
        usleep(200);
    __atomic_sub_fetch(&controls.held, 1, __ATOMIC_SEQ_CST);
}

ENTRY(cuGraphLaunch, (void *exec, void *stream))
{
    (void)stream;
    wait_while_held();
    const int refused = state();
    if (refused)
        return refused;
    if (controls.launches_until_error > 0 && --controls.launches_until_error == 0)
        broken = true;
    if (broken)
        return CUDA_OK; /* such errors show when the stream is waited for */
    __atomic_add_fetch(&controls.graph_launches, 1, __ATOMIC_SEQ_CST);
    for (const struct work *w = ((struct stream *)exec)->first; w; w = w->next) {
        const int result = do_work(w);
        if (result)
            return result;
    }
    return CUDA_OK;
}

ENTRY(cuGraphExecDestroy, (void *exec))
{
    free_work(((struct stream *)exec)->first);
    free(exec);
    __atomic_sub_fetch(&controls.graphs, 1, __ATOMIC_SEQ_CST);
    return CUDA_OK;
}

ENTRY(cuGraphDestroy, (void *graph))
{
    free_work(graph);
    return CUDA_OK;
}

ENTRY(cuMemcpyHtoDAsync_v2, (uint64_t to, const void *from, size_t bytes, void *stream))
{
    const struct work w = {
        .kernel = -1, .to = (void *)(uintptr_t)to, .from = from, .device = to, .bytes = bytes};
    return submit(stream, &w);
}

ENTRY(cuMemcpyDtoHAsync_v2, (void *to, uint64_t from, size_t bytes, void *stream))
{
    const struct work w = {.kernel = -2,
                           .to = to,
                           .from = (const void *)(uintptr_t)from,
                           .device = from,
                           .bytes = bytes};
    return submit(stream, &w);
}

ENTRY(cuMemcpyDtoDAsync_v2, (uint64_t to, uint64_t from, size_t bytes, void *stream))
{
    if (!is_inside(from, bytes)) {
        broken = true;
        return FAKE_ILLEGAL_ADDRESS;
    }
    const struct work w = {.kernel = -3,
                           .to = (void *)(uintptr_t)to,
                           .from = (const void *)(uintptr_t)from,
                           .device = to,
                           .bytes = bytes};
    return submit(stream, &w);
}

static const char *const names[] = {
#define NAME(name, args, threads) #name,
    CUDA_KERNELS(NAME)
#undef NAME
};

ENTRY(cuLaunchKernel, (void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                       unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                       void *stream, void **parameters, void **extra))
{
    struct work w = {.kernel = (int)(uintptr_t)function - 1,
                     .grid = {grid_x, grid_y, grid_z},
                     .threads = block_x};
    size_t size;
    if (w.kernel < 0 || block_y != 1 || block_z != 1 || shared_bytes != 0 || extra || !grid_x ||
        !grid_y || !grid_z || grid_x > 2147483647u || grid_y > 65535 || grid_z > 65535)
        return FAKE_INVALID_VALUE;
    emulation_find(names[w.kernel], &size);
    memcpy(w.args, parameters[0], size);
    return submit(stream, &w);
}
