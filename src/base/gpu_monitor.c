#include "base/gpu_monitor.h"

#include <dlfcn.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From NVIDIA's nvml.h, whose binary interface is stable: a device is an opaque pointer, 0 is
 * success. */
typedef struct nvml_device *nvml_device;
typedef int nvml_status;

struct nvml_memory {
    unsigned long long total, free, used;
};

struct nvml_utilization {
    unsigned gpu, memory; /* percent */
};

enum { NVML_TEMPERATURE_GPU = 0 };

struct gpu_monitor {
    void *library;
    nvml_status (*init)(void);
    nvml_status (*shutdown)(void);
    nvml_status (*count)(unsigned *);
    nvml_status (*handle)(unsigned, nvml_device *);
    nvml_status (*name)(nvml_device, char *, unsigned);
    nvml_status (*memory)(nvml_device, struct nvml_memory *);
    /* May lack or fail. */
    nvml_status (*uuid)(nvml_device, char *, unsigned);
    nvml_status (*utilization)(nvml_device, struct nvml_utilization *);
    nvml_status (*temperature)(nvml_device, int, unsigned *);
    nvml_status (*power)(nvml_device, unsigned *); /* milliwatts */
};

/* The address of a function, stored as POSIX says it can be (dlsym, rationale). */
static void find(void *library, const char *name, void *function)
{
    void *const address = dlsym(library, name);
    memcpy(function, &address, sizeof(address));
}

static void find_all(struct gpu_monitor *monitor)
{
    void *const library = monitor->library;
    find(library, "nvmlInit_v2", &monitor->init);
    find(library, "nvmlShutdown", &monitor->shutdown);
    find(library, "nvmlDeviceGetCount_v2", &monitor->count);
    find(library, "nvmlDeviceGetHandleByIndex_v2", &monitor->handle);
    find(library, "nvmlDeviceGetName", &monitor->name);
    find(library, "nvmlDeviceGetMemoryInfo", &monitor->memory);
    find(library, "nvmlDeviceGetUUID", &monitor->uuid);
    find(library, "nvmlDeviceGetUtilizationRates", &monitor->utilization);
    find(library, "nvmlDeviceGetTemperature", &monitor->temperature);
    find(library, "nvmlDeviceGetPowerUsage", &monitor->power);
}

static int start(struct gpu_monitor *monitor, se_error *err)
{
    static const char file[] = "libnvidia-ml.so.1";
    monitor->library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    RETURN_ERROR_IF(!monitor->library, err, SE_ERR_UNSUPPORTED, "%s", dlerror());
    find_all(monitor);
    RETURN_ERROR_IF(!monitor->init || !monitor->shutdown || !monitor->count || !monitor->handle ||
                        !monitor->name || !monitor->memory,
                    err, SE_ERR_UNSUPPORTED, "%s lacks functions of NVML", file);
    const nvml_status status = monitor->init();
    RETURN_ERROR_IF(status != 0, err, SE_ERR_UNSUPPORTED, "%s: nvmlInit failed with %d", file,
                    status);
    return SE_OK;
}

int gpu_monitor_open(struct gpu_monitor **out, se_error *err)
{
    *out = NULL;
    struct gpu_monitor *monitor = calloc(1, sizeof(*monitor));
    if (!monitor)
        return se_fail_memory(err, "the monitor of GPUs", sizeof(*monitor));
    const int status = start(monitor, err);
    if (status != SE_OK) {
        if (monitor->library)
            dlclose(monitor->library);
        free(monitor);
        return status;
    }
    *out = monitor;
    return SE_OK;
}

void gpu_monitor_close(struct gpu_monitor *monitor)
{
    if (!monitor)
        return;
    monitor->shutdown();
    dlclose(monitor->library);
    free(monitor);
}

/* What a driver calls a device is put into texts of several formats: nothing that would end a
 * string or a line there. */
static void make_plain(char text[GPU_NAME_SIZE])
{
    text[GPU_NAME_SIZE - 1] = '\0';
    for (char *c = text; *c; c++)
        if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\')
            *c = '?';
}

static bool read_one(const struct gpu_monitor *monitor, unsigned index, struct gpu_state *state)
{
    nvml_device device = NULL;
    struct nvml_memory memory;
    struct nvml_utilization used;
    unsigned value;
    *state = (struct gpu_state){.id = (int)index, .load = NAN, .celsius = NAN, .watts = NAN};
    if (monitor->handle(index, &device) != 0 || monitor->memory(device, &memory) != 0 ||
        monitor->name(device, state->name, GPU_NAME_SIZE) != 0)
        return false;
    if (!monitor->uuid || monitor->uuid(device, state->uuid, GPU_NAME_SIZE) != 0)
        state->uuid[0] = '\0';
    make_plain(state->name);
    make_plain(state->uuid);
    state->memory_used = (double)memory.used;
    state->memory_total = (double)memory.total;
    if (monitor->utilization && monitor->utilization(device, &used) == 0)
        state->load = (double)used.gpu / 100;
    if (monitor->temperature && monitor->temperature(device, NVML_TEMPERATURE_GPU, &value) == 0)
        state->celsius = (double)value;
    if (monitor->power && monitor->power(device, &value) == 0)
        state->watts = (double)value / 1000;
    return true;
}

size_t gpu_monitor_read(struct gpu_monitor *monitor, struct gpu_state *states)
{
    unsigned there = 0;
    size_t count = 0;
    if (monitor->count(&there) != 0)
        return 0;
    for (unsigned i = 0; i < there && count < GPU_MONITOR_MOST; i++)
        count += read_one(monitor, i, &states[count]);
    return count;
}
