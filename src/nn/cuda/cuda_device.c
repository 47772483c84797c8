#include "nn/cuda/cuda_device.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "nn/cuda/cuda_images.h"

static struct cuda_device devices[CUDA_MAX_DEVICES];
static pthread_mutex_t devices_mutex = PTHREAD_MUTEX_INITIALIZER;

/* ---- what there is -------------------------------------------------------------------------- */

static const char *const kernel_names[CUDA_KERNEL_COUNT] = {
#define CUDA_NAME(name, args, threads) #name,
    CUDA_KERNELS(CUDA_NAME)
#undef CUDA_NAME
};

const char *cuda_kernel_name(int kernel)
{
    return kernel_names[kernel];
}

int cuda_device_count(int *count, se_error *err)
{
    const struct cuda_driver *driver;
    *count = 0;
    FORWARD_IF_ERROR(cuda_driver_get(&driver, err));
    const int result = driver->device_count(count);
    if (result != CUDA_OK) {
        char text[CUDA_RESULT_TEXT];
        return se_fail(err, SE_ERR_DEVICE, "the GPUs cannot be counted: %s",
                       cuda_result_text(driver, result, text));
    }
    return SE_OK;
}

/* The image for a capability: code of the same major and no higher minor version, else PTX. */
static int find_image(int capability)
{
    int best = -1;
    for (size_t i = 0; i < cuda_image_count; i++) {
        const struct cuda_image *image = &cuda_images[i];
        const bool fits = image->architecture <= capability &&
                          (image->ptx || image->architecture / 10 == capability / 10);
        if (fits && (best < 0 || (cuda_images[best].ptx && !image->ptx) ||
                     (cuda_images[best].ptx == image->ptx &&
                      cuda_images[best].architecture < image->architecture)))
            best = (int)i;
    }
    return best;
}

static int attribute(const struct cuda_device *device, int which)
{
    int value = 0;
    return device->driver->device_attribute(&value, which, device->handle) == CUDA_OK ? value : 0;
}

int cuda_device_describe(int index, struct cuda_device *out, se_error *err)
{
    int count;
    *out = (struct cuda_device){.index = index, .image = -1};
    FORWARD_IF_ERROR(cuda_driver_get(&out->driver, err));
    FORWARD_IF_ERROR(cuda_device_count(&count, err));
    RETURN_ERROR_IF(count == 0, err, SE_ERR_DEVICE, "NVIDIA's driver finds no GPU");
    RETURN_ERROR_IF(index < 0 || index >= count || index >= CUDA_MAX_DEVICES, err, SE_ERR_DEVICE,
                    "device = %d: there are GPUs 0 to %d", index,
                    (count < CUDA_MAX_DEVICES ? count : CUDA_MAX_DEVICES) - 1);
    RETURN_ERROR_IF(out->driver->device_get(&out->handle, index) != CUDA_OK, err, SE_ERR_DEVICE,
                    "GPU %d cannot be used", index);
    if (out->driver->device_name(out->name, sizeof(out->name), out->handle) != CUDA_OK)
        snprintf(out->name, sizeof(out->name), "GPU %d", index);
    if (out->driver->device_memory(&out->total_bytes, out->handle) != CUDA_OK)
        out->total_bytes = 0;
    out->capability =
        10 * attribute(out, CUDA_ATTRIBUTE_MAJOR) + attribute(out, CUDA_ATTRIBUTE_MINOR);
    out->multiprocessors = attribute(out, CUDA_ATTRIBUTE_MULTIPROCESSORS);
    out->clock_khz = attribute(out, CUDA_ATTRIBUTE_CLOCK_KHZ);
    out->image = find_image(out->capability);
    RETURN_ERROR_IF(out->capability < CUDA_LEAST_CAPABILITY || out->image < 0, err, SE_ERR_DEVICE,
                    "GPU %d (%s) is of compute capability %d.%d, which is not supported: %d.%d or "
                    "later is needed (Volta, 2017)",
                    index, out->name, out->capability / 10, out->capability % 10,
                    CUDA_LEAST_CAPABILITY / 10, CUDA_LEAST_CAPABILITY % 10);
    RETURN_ERROR_IF(
        attribute(out, CUDA_ATTRIBUTE_COMPUTE_MODE) == CUDA_MODE_PROHIBITED, err, SE_ERR_DEVICE,
        "GPU %d (%s) is in compute mode \"prohibited\": nvidia-smi -i %d -c 0 changes it", index,
        out->name, index);
    return SE_OK;
}

/* Floating-point operations of a multiprocessor in one clock, on dense halves: NVIDIA's data sheets
 * of V100 (112 to 125 TFLOPS), T4 (65), A100 (312), A10 (125), L4 (121), H100 SXM (989), B200
 * (2250) and RTX 5090 (419), by their multiprocessors and clocks. */
static double flop_per_clock(int capability)
{
    switch (capability) {
    case 80:
        return 2048;
    case 90:
        return 4096;
    case 100:
    case 103:
        return 8192;
    default:
        return 1024;
    }
}

double cuda_device_peak_gflops(const struct cuda_device *device)
{
    return flop_per_clock(device->capability) * device->multiprocessors * 1e-6 * device->clock_khz;
}

/* ---- failures ------------------------------------------------------------------------------- */

static int fail_lost(const struct cuda_device *device, se_error *err)
{
    return se_fail(err, SE_ERR_DEVICE, "GPU %d is no longer used: %s", device->index, device->why);
}

int cuda_device_check(struct cuda_device *device, int result, const char *what, se_error *err)
{
    char text[CUDA_RESULT_TEXT];
    if (result == CUDA_OK)
        return SE_OK;
    RETURN_ERROR_IF(result == CUDA_OUT_OF_MEMORY, err, SE_ERR_LIMIT,
                    "GPU %d (%s) has no memory left for %s", device->index, device->name, what);
    pthread_mutex_lock(&device->mutex);
    if (!device->lost) {
        device->lost = true;
        snprintf(device->why, sizeof(device->why), "%s: %s", what,
                 cuda_result_text(device->driver, result, text));
    }
    const int status = fail_lost(device, err);
    pthread_mutex_unlock(&device->mutex);
    return status;
}

int cuda_device_enter(struct cuda_device *device, se_error *err)
{
    pthread_mutex_lock(&device->mutex);
    const int status = device->lost ? fail_lost(device, err) : SE_OK;
    pthread_mutex_unlock(&device->mutex);
    FORWARD_IF_ERROR(status);
    return cuda_device_check(device, device->driver->context_use(device->context), "its context",
                             err);
}

/* ---- opening -------------------------------------------------------------------------------- */

static int unpack(const struct cuda_image *image, unsigned char **out, se_error *err)
{
    uLongf size = image->size;
    *out = malloc(image->size + 1);
    if (!*out)
        return se_fail_memory(err, "the GPU's code", image->size);
    const int status = uncompress(*out, &size, image->data, (uLong)image->packed_size);
    if (status != Z_OK || size != image->size) {
        free(*out);
        return se_fail(err, SE_ERR_INTERNAL, "the GPU's code in this program is damaged");
    }
    (*out)[image->size] = '\0'; /* PTX is text */
    return SE_OK;
}

static int load_kernels(struct cuda_device *device, se_error *err)
{
    unsigned char *image;
    char text[CUDA_RESULT_TEXT];
    FORWARD_IF_ERROR(unpack(&cuda_images[device->image], &image, err));
    int result = device->driver->module_load(&device->module, image);
    free(image);
    RETURN_ERROR_IF(result == CUDA_OUT_OF_MEMORY, err, SE_ERR_DEVICE,
                    "GPU %d (%s) has no free memory", device->index, device->name);
    RETURN_ERROR_IF(result != CUDA_OK, err, SE_ERR_DEVICE,
                    "GPU %d (%s) does not take this program's code: %s", device->index,
                    device->name, cuda_result_text(device->driver, result, text));
    for (int i = 0; i < CUDA_KERNEL_COUNT; i++) {
        result =
            device->driver->module_function(&device->function[i], device->module, kernel_names[i]);
        RETURN_ERROR_IF(result != CUDA_OK, err, SE_ERR_DEVICE, "GPU %d (%s): kernel %s: %s",
                        device->index, device->name, kernel_names[i],
                        cuda_result_text(device->driver, result, text));
    }
    return SE_OK;
}

static int check_free_memory(const struct cuda_device *device, se_error *err)
{
    enum { LEAST = 256 << 20 }; /* both networks and one picture */
    size_t free_bytes = 0, total = 0;
    if (device->driver->memory_info(&free_bytes, &total) != CUDA_OK)
        return SE_OK; /* the first allocation will tell */
    RETURN_ERROR_IF(free_bytes < LEAST, err, SE_ERR_DEVICE,
                    "GPU %d (%s) has %zu MiB of its %zu MiB free, %d are needed: other programs "
                    "use it (nvidia-smi lists them)",
                    device->index, device->name, free_bytes >> 20, total >> 20, LEAST >> 20);
    return SE_OK;
}

static void shut(struct cuda_device *device)
{
    if (device->module)
        (void)device->driver->module_unload(device->module);
    if (device->context)
        (void)device->driver->context_release(device->handle);
    device->module = device->context = NULL;
    pthread_mutex_destroy(&device->mutex);
}

static int open_first(struct cuda_device *device, int index, se_error *err)
{
    char text[CUDA_RESULT_TEXT];
    FORWARD_IF_ERROR(cuda_device_describe(index, device, err));
    pthread_mutex_init(&device->mutex, NULL);
    const int result = device->driver->context_retain(&device->context, device->handle);
    int status = SE_OK;
    if (result == CUDA_OUT_OF_MEMORY)
        status = se_fail(err, SE_ERR_DEVICE,
                         "GPU %d (%s) has no free memory: other programs use it (nvidia-smi lists "
                         "them)",
                         index, device->name);
    else if (result != CUDA_OK)
        status = se_fail(err, SE_ERR_DEVICE, "GPU %d (%s) cannot be used: %s", index, device->name,
                         cuda_result_text(device->driver, result, text));
    if (status == SE_OK)
        status = cuda_device_enter(device, err);
    if (status == SE_OK)
        status = check_free_memory(device, err);
    if (status == SE_OK)
        status = load_kernels(device, err);
    if (status != SE_OK)
        shut(device);
    return status;
}

int cuda_device_open(int index, size_t budget, struct cuda_device **out, se_error *err)
{
    *out = NULL;
    RETURN_ERROR_IF(index < 0 || index >= CUDA_MAX_DEVICES, err, SE_ERR_DEVICE,
                    "device = %d: GPUs 0 to %d can be used", index, CUDA_MAX_DEVICES - 1);
    struct cuda_device *device = &devices[index];
    pthread_mutex_lock(&devices_mutex);
    const int status = device->users == 0 ? open_first(device, index, err) : SE_OK;
    if (status == SE_OK) {
        pthread_mutex_lock(&device->mutex);
        const bool first = device->users++ == 0;
        if (first || budget == 0 || (device->budget != 0 && budget > device->budget))
            device->budget = budget;
        pthread_mutex_unlock(&device->mutex);
        *out = device;
    }
    pthread_mutex_unlock(&devices_mutex);
    return status;
}

void cuda_device_close(struct cuda_device *device)
{
    pthread_mutex_lock(&devices_mutex);
    if (--device->users == 0)
        shut(device);
    pthread_mutex_unlock(&devices_mutex);
}

struct cuda_device *cuda_device_at(int index)
{
    return &devices[index];
}

/* ---- memory --------------------------------------------------------------------------------- */

static size_t rounded(size_t bytes)
{
    return (bytes + CUDA_MEMORY_ALIGN - 1) / CUDA_MEMORY_ALIGN * CUDA_MEMORY_ALIGN;
}

int cuda_device_alloc(struct cuda_device *device, size_t bytes, uint64_t *address, se_error *err)
{
    *address = 0;
    RETURN_ERROR_IF(bytes > SIZE_MAX / 2, err, SE_ERR_LIMIT, "%zu bytes of GPU memory", bytes);
    bytes = rounded(bytes);
    pthread_mutex_lock(&device->mutex);
    const size_t used = device->used, budget = device->budget;
    const bool fits = budget == 0 || (used <= budget && bytes <= budget - used);
    if (fits)
        device->used += bytes;
    pthread_mutex_unlock(&device->mutex);
    RETURN_ERROR_IF(!fits, err, SE_ERR_LIMIT,
                    "GPU %d: %zu MiB more than the %zu MiB in use would pass gpu_memory_mb = %zu",
                    device->index, (bytes >> 20) + 1, used >> 20, budget >> 20);
    const int status = cuda_device_check(device, device->driver->memory_alloc(address, bytes),
                                         "tensors or weights", err);
    if (status != SE_OK) {
        pthread_mutex_lock(&device->mutex);
        device->used -= bytes;
        pthread_mutex_unlock(&device->mutex);
        *address = 0;
    }
    return status;
}

void cuda_device_free(struct cuda_device *device, uint64_t address, size_t bytes)
{
    if (!address)
        return;
    /* Of a lost device the context owns the memory, and nothing more can be done. */
    (void)device->driver->context_use(device->context);
    (void)device->driver->memory_free(address);
    pthread_mutex_lock(&device->mutex);
    device->used -= rounded(bytes);
    pthread_mutex_unlock(&device->mutex);
}

size_t cuda_device_used(struct cuda_device *device)
{
    pthread_mutex_lock(&device->mutex);
    const size_t used = device->used;
    pthread_mutex_unlock(&device->mutex);
    return used;
}

size_t cuda_device_used_at(int index)
{
    struct cuda_device *device = &devices[index];
    pthread_mutex_lock(&devices_mutex);
    const size_t used = device->users > 0 ? cuda_device_used(device) : 0;
    pthread_mutex_unlock(&devices_mutex);
    return used;
}
