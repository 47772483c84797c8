#include "nn/gpu_info.h"

#include <pthread.h>
#include <stdio.h>

#ifdef SE_GPU

#include "nn/cuda/cuda_check.h"
#include "nn/cuda/cuda_device.h"
#include "nn/cuda/cuda_images.h"

static void name_of_image(const struct cuda_image *image, char *text, size_t size)
{
    snprintf(text, size, "%ssm_%d", image->ptx ? "PTX for " : "", image->architecture);
}

static char images_text[256];

static void list_images(void)
{
    size_t used = 0;
    for (size_t i = 0; i < cuda_image_count && used < sizeof(images_text); i++) {
        char name[32];
        name_of_image(&cuda_images[i], name, sizeof(name));
        used += (size_t)snprintf(images_text + used, sizeof(images_text) - used, "%s%s",
                                 i ? ", " : "", name);
    }
    if (used < sizeof(images_text))
        snprintf(images_text + used, sizeof(images_text) - used, " (%s)", cuda_images_compiler);
}

const char *nn_gpu_images(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, list_images);
    return images_text;
}

int nn_gpu_count(int *version, int *count, se_error *err)
{
    const struct cuda_driver *driver;
    *count = *version = 0;
    FORWARD_IF_ERROR(cuda_driver_get(&driver, err));
    *version = driver->version;
    return cuda_device_count(count, err);
}

int nn_gpu_describe(int index, struct nn_gpu_info *out, se_error *err)
{
    struct cuda_device device;
    const int status = cuda_device_describe(index, &device, err);
    *out = (struct nn_gpu_info){.major = device.capability / 10,
                                .minor = device.capability % 10,
                                .multiprocessors = device.multiprocessors,
                                .total_bytes = device.total_bytes};
    snprintf(out->name, sizeof(out->name), "%s", device.name);
    if (device.image >= 0)
        name_of_image(&cuda_images[device.image], out->code, sizeof(out->code));
    return status;
}

int nn_gpu_check_kernels(int index, int *kernels, char wrong[NN_GPU_WRONG_SIZE], se_error *err)
{
    struct cuda_check_result results[CUDA_KERNEL_COUNT];
    size_t used = 0;
    wrong[0] = '\0';
    *kernels = CUDA_KERNEL_COUNT;
    FORWARD_IF_ERROR(cuda_check_kernels(index, results, err));
    for (int k = 0; k < CUDA_KERNEL_COUNT && used < NN_GPU_WRONG_SIZE; k++)
        if (!results[k].right)
            used += (size_t)snprintf(wrong + used, NN_GPU_WRONG_SIZE - used,
                                     "%s%s (%s: off by %.2g)", used ? ", " : "",
                                     cuda_kernel_name(k), results[k].case_name, results[k].error);
    return SE_OK;
}

size_t nn_gpu_used(int index)
{
    return index >= 0 && index < CUDA_MAX_DEVICES ? cuda_device_used_at(index) : 0;
}

#else

size_t nn_gpu_used(int index)
{
    (void)index;
    return 0;
}

static int no_support(se_error *err)
{
    return se_fail(err, SE_ERR_DEVICE, "this build has no GPU support");
}

const char *nn_gpu_images(void)
{
    return NULL;
}

int nn_gpu_count(int *version, int *count, se_error *err)
{
    *count = *version = 0;
    return no_support(err);
}

int nn_gpu_check_kernels(int index, int *kernels, char wrong[NN_GPU_WRONG_SIZE], se_error *err)
{
    (void)index;
    *kernels = 0;
    wrong[0] = '\0';
    return no_support(err);
}

int nn_gpu_describe(int index, struct nn_gpu_info *out, se_error *err)
{
    (void)index;
    *out = (struct nn_gpu_info){.major = 0};
    return no_support(err);
}

#endif
