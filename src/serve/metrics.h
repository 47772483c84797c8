/*
 * What happened since the start, counted for /metrics. Any thread.
 */
#ifndef SE_SERVE_METRICS_H
#define SE_SERVE_METRICS_H

#include "base/buffer.h"

struct metrics;
struct route;

int metrics_create(struct metrics **out, se_error *err);
void metrics_free(struct metrics *metrics);

/* A request has ended. `route`: NULL when there is none of its path and method. */
void metrics_request(struct metrics *metrics, const struct route *route, unsigned status,
                     double seconds);
/* So many pictures came in one request. */
void metrics_upload(struct metrics *metrics, size_t pictures);
/* A picture was read: "sure", "check", "unreadable", "none", or the code of why it failed. */
void metrics_picture(struct metrics *metrics, const char *result);

/* Appends all in the text format of Prometheus (0.0.4). */
int metrics_append(struct metrics *metrics, struct buffer *out, se_error *err);

#endif
