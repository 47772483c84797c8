#include "serve/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/histogram.h"
#include "serve/request.h"

enum { FIRST_STATUS = 100, STATUS_COUNT = 500, MAX_RESULTS = 64, MAX_LABELS = 128 };

/* Of one route. */
struct route_count {
    uint64_t statuses[STATUS_COUNT];
    struct histogram seconds;
};

struct metrics {
    pthread_mutex_t mutex;
    size_t route_count;         /* the last one stands for requests without a route */
    struct route_count *routes; /* in the order of request_routes */
    struct histogram upload_pictures;
    struct {
        char name[WORK_CODE_SIZE];
        uint64_t count;
    } results[MAX_RESULTS];
};

int metrics_create(struct metrics **out, se_error *err)
{
    struct metrics *metrics = *out = calloc(1, sizeof(*metrics));
    if (!metrics)
        return se_fail_memory(err, "metrics", sizeof(*metrics));
    while (request_routes[metrics->route_count].method)
        metrics->route_count++;
    metrics->route_count++;
    metrics->upload_pictures.unit = HISTOGRAM_PICTURES;
    pthread_mutex_init(&metrics->mutex, NULL);
    metrics->routes = calloc(metrics->route_count, sizeof(*metrics->routes));
    if (metrics->routes)
        return SE_OK;
    metrics_free(metrics);
    *out = NULL;
    return se_fail_memory(err, "metrics", 0);
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    pthread_mutex_destroy(&metrics->mutex);
    free(metrics->routes);
    free(metrics);
}

void metrics_request(struct metrics *metrics, const struct route *route, unsigned status,
                     double seconds)
{
    const size_t index = route ? (size_t)(route - request_routes) : metrics->route_count - 1;
    struct route_count *count = &metrics->routes[index];
    pthread_mutex_lock(&metrics->mutex);
    if (status >= FIRST_STATUS && status < FIRST_STATUS + STATUS_COUNT)
        count->statuses[status - FIRST_STATUS]++;
    histogram_add(&count->seconds, seconds);
    pthread_mutex_unlock(&metrics->mutex);
}

void metrics_upload(struct metrics *metrics, size_t pictures)
{
    pthread_mutex_lock(&metrics->mutex);
    histogram_add(&metrics->upload_pictures, (double)pictures);
    pthread_mutex_unlock(&metrics->mutex);
}

void metrics_picture(struct metrics *metrics, const char *result)
{
    pthread_mutex_lock(&metrics->mutex);
    size_t i = 0;
    while (i < MAX_RESULTS && *metrics->results[i].name &&
           strcmp(metrics->results[i].name, result) != 0)
        i++;
    if (i < MAX_RESULTS) {
        snprintf(metrics->results[i].name, sizeof(metrics->results[i].name), "%s", result);
        metrics->results[i].count++;
    }
    pthread_mutex_unlock(&metrics->mutex);
}

/* ---- text ----------------------------------------------------------------------------------- */

static void write_labels(const struct metrics *metrics, size_t index, char out[MAX_LABELS])
{
    const struct route *route = &request_routes[index];
    if (index + 1 == metrics->route_count)
        snprintf(out, MAX_LABELS, "method=\"\",route=\"\"");
    else
        snprintf(out, MAX_LABELS, "method=\"%s\",route=\"%s\"", route->method, route->path);
}

static int append_statuses(const struct metrics *metrics, struct buffer *out, se_error *err)
{
    char labels[MAX_LABELS];
    FORWARD_IF_ERROR(buffer_printf(out, err,
                                   "# HELP serialeye_http_requests_total Requests that ended.\n"
                                   "# TYPE serialeye_http_requests_total counter\n"));
    for (size_t i = 0; i < metrics->route_count; i++) {
        write_labels(metrics, i, labels);
        for (unsigned k = 0; k < STATUS_COUNT; k++)
            if (metrics->routes[i].statuses[k] > 0)
                FORWARD_IF_ERROR(buffer_printf(
                    out, err, "serialeye_http_requests_total{%s,code=\"%u\"} %llu\n", labels,
                    k + FIRST_STATUS, (unsigned long long)metrics->routes[i].statuses[k]));
    }
    return SE_OK;
}

static int append_durations(const struct metrics *metrics, struct buffer *out, se_error *err)
{
    static const char name[] = "serialeye_http_request_duration_seconds";
    char labels[MAX_LABELS];
    FORWARD_IF_ERROR(buffer_printf(
        out, err, "# HELP %s From headers to the end of the reply.\n# TYPE %s histogram\n", name,
        name));
    for (size_t i = 0; i < metrics->route_count; i++) {
        write_labels(metrics, i, labels);
        FORWARD_IF_ERROR(histogram_append(&metrics->routes[i].seconds, name, labels, out, err));
    }
    return SE_OK;
}

static int append_results(const struct metrics *metrics, struct buffer *out, se_error *err)
{
    FORWARD_IF_ERROR(buffer_printf(out, err,
                                   "# HELP serialeye_pictures_total Pictures that were looked at, "
                                   "by status of their first reading, or failure.\n"
                                   "# TYPE serialeye_pictures_total counter\n"));
    for (size_t i = 0; i < MAX_RESULTS && *metrics->results[i].name; i++)
        FORWARD_IF_ERROR(buffer_printf(out, err, "serialeye_pictures_total{result=\"%s\"} %llu\n",
                                       metrics->results[i].name,
                                       (unsigned long long)metrics->results[i].count));
    return SE_OK;
}

static int append_uploads(const struct metrics *metrics, struct buffer *out, se_error *err)
{
    static const char name[] = "serialeye_request_pictures";
    FORWARD_IF_ERROR(buffer_printf(
        out, err, "# HELP %s Pictures that came in one request.\n# TYPE %s histogram\n", name,
        name));
    return histogram_append(&metrics->upload_pictures, name, "", out, err);
}

int metrics_append(struct metrics *metrics, struct buffer *out, se_error *err)
{
    pthread_mutex_lock(&metrics->mutex);
    int status = append_statuses(metrics, out, err);
    if (status == SE_OK)
        status = append_durations(metrics, out, err);
    if (status == SE_OK)
        status = append_uploads(metrics, out, err);
    if (status == SE_OK)
        status = append_results(metrics, out, err);
    pthread_mutex_unlock(&metrics->mutex);
    return status;
}
