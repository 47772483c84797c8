/*
 * Stands for NVIDIA's libnvidia-ml.so.1 in tests: two GPUs, the second of which tells little. The
 * environment variable NVML_STUB_BROKEN makes it fail as a driver does that was just replaced.
 */
#include <stdio.h>
#include <stdlib.h>

typedef struct nvml_device *nvml_device;

struct nvml_device {
    unsigned index;
};

struct nvml_memory {
    unsigned long long total, free, used;
};

struct nvml_utilization {
    unsigned gpu, memory;
};

enum { NOT_SUPPORTED = 3, NOT_FOUND = 6, DRIVER_NOT_LOADED = 9 };

static struct nvml_device devices[2] = {{0}, {1}};

#pragma GCC visibility push(default)
int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned *count);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, nvml_device *device);
int nvmlDeviceGetName(nvml_device device, char *name, unsigned size);
int nvmlDeviceGetUUID(nvml_device device, char *uuid, unsigned size);
int nvmlDeviceGetMemoryInfo(nvml_device device, struct nvml_memory *memory);
int nvmlDeviceGetUtilizationRates(nvml_device device, struct nvml_utilization *used);
int nvmlDeviceGetTemperature(nvml_device device, int sensor, unsigned *celsius);
int nvmlDeviceGetPowerUsage(nvml_device device, unsigned *milliwatts);
#pragma GCC visibility pop

int nvmlInit_v2(void)
{
    return getenv("NVML_STUB_BROKEN") ? DRIVER_NOT_LOADED : 0;
}

int nvmlShutdown(void)
{
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
    *count = 2;
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, nvml_device *device)
{
    if (index > 1)
        return NOT_FOUND;
    *device = &devices[index];
    return 0;
}

int nvmlDeviceGetName(nvml_device device, char *name, unsigned size)
{
    /* The second one's name tries to break out of where it is shown. */
    snprintf(name, size, "%s", device->index == 0 ? "Stub H100" : "Stub \"2\"\n\033[31m");
    return 0;
}

int nvmlDeviceGetUUID(nvml_device device, char *uuid, unsigned size)
{
    if (device->index == 1)
        return NOT_SUPPORTED;
    snprintf(uuid, size, "GPU-0123");
    return 0;
}

int nvmlDeviceGetMemoryInfo(nvml_device device, struct nvml_memory *memory)
{
    *memory = (struct nvml_memory){.total = 80ULL << 30, .used = 3ULL << (30 + device->index)};
    memory->free = memory->total - memory->used;
    return 0;
}

int nvmlDeviceGetUtilizationRates(nvml_device device, struct nvml_utilization *used)
{
    if (device->index == 1)
        return NOT_SUPPORTED;
    *used = (struct nvml_utilization){.gpu = 37, .memory = 11};
    return 0;
}

int nvmlDeviceGetTemperature(nvml_device device, int sensor, unsigned *celsius)
{
    *celsius = 41 + device->index;
    return sensor == 0 ? 0 : NOT_SUPPORTED;
}

int nvmlDeviceGetPowerUsage(nvml_device device, unsigned *milliwatts)
{
    *milliwatts = 123500;
    return device->index == 0 ? 0 : NOT_SUPPORTED;
}
