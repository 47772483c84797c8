#define _GNU_SOURCE
#include "nn/cuda/cuda_driver.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where Windows puts the driver of WSL2, which not every system there searches. */
#define WSL_PATH "/usr/lib/wsl/lib/libcuda.so.1"

static struct {
    pthread_mutex_t mutex;
    bool tried;
    char path[4096]; /* of tests */
    bool own_path;
    const char *control; /* of tests */
    void *library;
    struct cuda_driver driver;
    int status;
    se_error error;
} opened = {.mutex = PTHREAD_MUTEX_INITIALIZER};

const char *cuda_result_text(const struct cuda_driver *driver, int result,
                             char text[CUDA_RESULT_TEXT])
{
    const char *name = NULL, *words = NULL;
    if (driver->error_name(result, &name) != CUDA_OK)
        name = NULL;
    if (driver->error_text(result, &words) != CUDA_OK)
        words = NULL;
    if (name)
        snprintf(text, CUDA_RESULT_TEXT, "%.60s (%.80s)", name, words ? words : "no description");
    else
        snprintf(text, CUDA_RESULT_TEXT, "CUDA error %d", result);
    return text;
}

static int open_library(se_error *err)
{
    if (opened.own_path) {
        opened.library = opened.path[0] ? dlopen(opened.path, RTLD_NOW | RTLD_LOCAL) : NULL;
    } else {
        opened.library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
        if (!opened.library)
            opened.library = dlopen(WSL_PATH, RTLD_NOW | RTLD_LOCAL);
    }
    RETURN_ERROR_IF(
        !opened.library, err, SE_ERR_DEVICE,
        "NVIDIA's driver (libcuda.so.1) is not installed: install driver " CUDA_LEAST_DRIVER
        " or later, or set use_gpu = false");
    return SE_OK;
}

static int find_entries(struct cuda_driver *driver, se_error *err)
{
    void *found;
#define CUDA_FIND(field, symbol, parameters)                                                       \
    found = dlsym(opened.library, #symbol);                                                        \
    RETURN_ERROR_IF(!found, err, SE_ERR_DEVICE,                                                    \
                    "NVIDIA's driver is too old: its libcuda.so.1 lacks " #symbol                  \
                    "; install driver " CUDA_LEAST_DRIVER " or later");                            \
    memcpy(&driver->field, &found, sizeof(found));
    CUDA_ENTRIES(CUDA_FIND)
#undef CUDA_FIND
    return SE_OK;
}

/* Why the driver would not start. */
static int explain_init(const struct cuda_driver *driver, int result, se_error *err)
{
    char text[CUDA_RESULT_TEXT];
    const char *hidden = getenv("CUDA_VISIBLE_DEVICES");
    const char *control = opened.control ? opened.control : "/dev/nvidiactl";
    if (access(control, F_OK) == 0 && access(control, R_OK | W_OK) != 0)
        return se_fail(err, SE_ERR_DEVICE,
                       "no permission to use the GPU: %s: %s; add this user to the file's group",
                       control, strerror(errno));
    switch (result) {
    case CUDA_NO_DEVICE:
        if (hidden)
            return se_fail(err, SE_ERR_DEVICE,
                           "NVIDIA's driver shows no GPU; CUDA_VISIBLE_DEVICES is \"%.60s\"",
                           hidden);
        return se_fail(err, SE_ERR_DEVICE, "NVIDIA's driver finds no GPU");
    case CUDA_STUB_LIBRARY:
        return se_fail(err, SE_ERR_DEVICE,
                       "libcuda.so.1 is the CUDA toolkit's stub, not the driver: take its folder "
                       "out of LD_LIBRARY_PATH");
    case CUDA_SYSTEM_MISMATCH:
        return se_fail(err, SE_ERR_DEVICE,
                       "NVIDIA's kernel module and libcuda.so.1 are of different versions: restart "
                       "the machine");
    default:
        return se_fail(err, SE_ERR_DEVICE, "NVIDIA's driver does not start: %s",
                       cuda_result_text(driver, result, text));
    }
}

static int start(struct cuda_driver *driver, se_error *err)
{
    FORWARD_IF_ERROR(open_library(err));
    FORWARD_IF_ERROR(find_entries(driver, err));
    if (driver->driver_version(&driver->version) != CUDA_OK)
        driver->version = 0;
    RETURN_ERROR_IF(driver->version < CUDA_LEAST_VERSION, err, SE_ERR_DEVICE,
                    "NVIDIA's driver is too old: it supports CUDA %d.%d, 12.0 is needed; install "
                    "driver " CUDA_LEAST_DRIVER " or later",
                    driver->version / 1000, driver->version % 1000 / 10);
    const int result = driver->init(0);
    return result == CUDA_OK ? SE_OK : explain_init(driver, result, err);
}

int cuda_driver_get(const struct cuda_driver **out, se_error *err)
{
    pthread_mutex_lock(&opened.mutex);
    if (!opened.tried) {
        se_error_clear(&opened.error);
        opened.status = start(&opened.driver, &opened.error);
        opened.tried = true;
    }
    *out = opened.status == SE_OK ? &opened.driver : NULL;
    if (opened.status != SE_OK && err)
        *err = opened.error;
    pthread_mutex_unlock(&opened.mutex);
    return opened.status;
}

void cuda_driver_use_control(const char *path)
{
    opened.control = path;
}

void cuda_driver_use(const char *path)
{
    pthread_mutex_lock(&opened.mutex);
    if (opened.library)
        dlclose(opened.library);
    opened.library = NULL;
    opened.tried = false;
    opened.own_path = path != NULL;
    snprintf(opened.path, sizeof(opened.path), "%s", path ? path : "");
    pthread_mutex_unlock(&opened.mutex);
}
