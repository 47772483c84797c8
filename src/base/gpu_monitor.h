/*
 * The NVIDIA GPUs of this machine and what they are doing, as the driver's library NVML has it.
 *
 * libnvidia-ml.so.1 is opened at run time: where it is not there, there are no GPUs to show. Any
 * thread, one call at a time.
 */
#ifndef SE_BASE_GPU_MONITOR_H
#define SE_BASE_GPU_MONITOR_H

#include "base/status.h"

enum { GPU_MONITOR_MOST = 64, GPU_NAME_SIZE = 96 };

/* One GPU; what the driver does not tell is NAN. */
struct gpu_state {
    int id;                   /* in the order of the driver */
    char uuid[GPU_NAME_SIZE]; /* "" when not told; printable ASCII without quotes, like the name */
    char name[GPU_NAME_SIZE];
    double memory_used, memory_total; /* bytes */
    double load;                      /* 0 … 1, of the last moments */
    double celsius, watts;
};

struct gpu_monitor;

/* SE_ERR_UNSUPPORTED, with the reason, where there is no NVML or it fails; SE_ERR_MEMORY. */
int gpu_monitor_open(struct gpu_monitor **out, se_error *err);
void gpu_monitor_close(struct gpu_monitor *monitor);
/* Fills states[GPU_MONITOR_MOST] and returns how many there are; a GPU that does not answer is left
 * out. */
size_t gpu_monitor_read(struct gpu_monitor *monitor, struct gpu_state *states);

#endif
