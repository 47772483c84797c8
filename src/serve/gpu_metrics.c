#include "serve/gpu_metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/gpu_monitor.h"

/* Opened by the first who asks and kept as long as the program runs; NULL: there is no NVML. */
static struct gpu_monitor *monitor;
static bool opened;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static size_t read_states(struct gpu_state *states)
{
    size_t count = 0;
    pthread_mutex_lock(&mutex);
    if (!opened && gpu_monitor_open(&monitor, NULL) != SE_OK)
        monitor = NULL;
    opened = true;
    if (monitor)
        count = gpu_monitor_read(monitor, states);
    pthread_mutex_unlock(&mutex);
    return count;
}

static double memory_used(const struct gpu_state *state)
{
    return state->memory_used;
}

static double memory_total(const struct gpu_state *state)
{
    return state->memory_total;
}

static double load(const struct gpu_state *state)
{
    return state->load;
}

static double celsius(const struct gpu_state *state)
{
    return state->celsius;
}

static double watts(const struct gpu_state *state)
{
    return state->watts;
}

static int append_info(const struct gpu_state *states, size_t count, struct buffer *out,
                       se_error *err)
{
    FORWARD_IF_ERROR(buffer_printf(out, err,
                                   "# HELP serialeye_gpu_info The GPUs of this machine.\n"
                                   "# TYPE serialeye_gpu_info gauge\n"));
    for (size_t i = 0; i < count; i++)
        FORWARD_IF_ERROR(buffer_printf(out, err,
                                       "serialeye_gpu_info{gpu=\"%d\",uuid=\"%s\",name=\"%s\"} 1\n",
                                       states[i].id, states[i].uuid, states[i].name));
    return SE_OK;
}

int gpu_metrics_append(struct buffer *out, se_error *err)
{
    static const struct {
        const char *name, *help;
        double (*value)(const struct gpu_state *);
    } gauges[] = {
        {"serialeye_gpu_memory_used_bytes", "Memory in use, by all programs.", memory_used},
        {"serialeye_gpu_memory_total_bytes", "Memory that there is.", memory_total},
        {"serialeye_gpu_load_ratio", "Part of the time in which it computed.", load},
        {"serialeye_gpu_temperature_celsius", "Its temperature.", celsius},
        {"serialeye_gpu_power_watts", "What it draws.", watts},
    };
    struct gpu_state states[GPU_MONITOR_MOST];
    const size_t count = read_states(states);
    if (count == 0)
        return SE_OK;
    FORWARD_IF_ERROR(append_info(states, count, out, err));
    for (size_t g = 0; g < sizeof(gauges) / sizeof(gauges[0]); g++) {
        FORWARD_IF_ERROR(buffer_printf(out, err, "# HELP %s %s\n# TYPE %s gauge\n", gauges[g].name,
                                       gauges[g].help, gauges[g].name));
        for (size_t i = 0; i < count; i++) {
            const double value = gauges[g].value(&states[i]);
            if (isfinite(value))
                FORWARD_IF_ERROR(buffer_printf(out, err, "%s{gpu=\"%d\"} %.15g\n", gauges[g].name,
                                               states[i].id, value));
        }
    }
    return SE_OK;
}
