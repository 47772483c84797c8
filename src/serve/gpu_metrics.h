/*
 * The machine's GPUs in /metrics.
 */
#ifndef SE_SERVE_GPU_METRICS_H
#define SE_SERVE_GPU_METRICS_H

#include "base/buffer.h"

/* Appends the gauges of each GPU in the text format of Prometheus (0.0.4); nothing where there is
 * none. Any thread. */
int gpu_metrics_append(struct buffer *out, se_error *err);

#endif
