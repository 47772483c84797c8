/*
 * GET /metrics, in the text format of Prometheus (version 0.0.4).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "serve/gpu_metrics.h"
#include "serve/metrics.h"
#include "serve/query.h"
#include "serve/routes.h"

enum { MAX_REPLY = 4 << 20 };

/* One line with its description; name, type, help. */
static int append_one(struct buffer *out, const char *name, const char *type, const char *help,
                      double value, se_error *err)
{
    return buffer_printf(out, err, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", name, help, name, type,
                         name, value);
}

/* ---- processes ------------------------------------------------------------------------------ */

/* Resident bytes of a process, 0 when it has ended. */
static double resident_bytes(pid_t pid)
{
    char path[64];
    long pages = 0;
    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    if (fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Seconds of processor time of a process, and when it began, since the machine did; 0 when it has
 * ended. */
static double cpu_seconds(pid_t pid, double *started)
{
    char path[64], text[1024];
    unsigned long user = 0, system = 0;
    unsigned long long start = 0;
    const double ticks = (double)sysconf(_SC_CLK_TCK);
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    const char *after = NULL;
    if (file && fgets(text, sizeof(text), file))
        after = strrchr(text, ')'); /* the name before it may hold anything */
    /* proc(5): fields 14, 15 and 22, the state being the third. */
    if (!after || sscanf(after + 1,
                         " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d"
                         " %*d %llu",
                         &user, &system, &start) != 3)
        user = system = 0;
    if (file)
        fclose(file);
    *started = (double)start / ticks;
    return (double)(user + system) / ticks;
}

static double open_files(void)
{
    double count = -1; /* the folder's own */
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return 0;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count - 2; /* . and .. */
}

/* When the machine started, seconds since 1970. */
static double boot_time(void)
{
    struct timespec now, up;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &up);
    return (double)(now.tv_sec - up.tv_sec) + (double)(now.tv_nsec - up.tv_nsec) * 1e-9;
}

static int append_front(struct buffer *out, se_error *err)
{
    double started;
    const double cpu = cpu_seconds(getpid(), &started);
    FORWARD_IF_ERROR(append_one(out, "process_cpu_seconds_total", "counter",
                                "Processor time of the front process.", cpu, err));
    FORWARD_IF_ERROR(append_one(out, "process_resident_memory_bytes", "gauge",
                                "Memory of the front process.", resident_bytes(getpid()), err));
    FORWARD_IF_ERROR(append_one(out, "process_start_time_seconds", "gauge",
                                "When the front process began.", boot_time() + started, err));
    return append_one(out, "process_open_fds", "gauge", "Open files of the front process.",
                      open_files(), err);
}

static int append_workers(const struct engine_numbers *numbers, struct buffer *out, se_error *err)
{
    double started;
    FORWARD_IF_ERROR(buffer_printf(
        out, err,
        "# HELP serialeye_worker_resident_memory_bytes Memory of the worker processes.\n"
        "# TYPE serialeye_worker_resident_memory_bytes gauge\n"));
    for (int i = 0; i < ENGINE_MAX_WORKERS; i++)
        if (numbers->pids[i])
            FORWARD_IF_ERROR(buffer_printf(
                out, err, "serialeye_worker_resident_memory_bytes{worker=\"%d\"} %.15g\n", i,
                resident_bytes(numbers->pids[i])));
    FORWARD_IF_ERROR(buffer_printf(
        out, err,
        "# HELP serialeye_worker_cpu_seconds_total Processor time of the worker processes.\n"
        "# TYPE serialeye_worker_cpu_seconds_total counter\n"));
    for (int i = 0; i < ENGINE_MAX_WORKERS; i++)
        if (numbers->pids[i])
            FORWARD_IF_ERROR(
                buffer_printf(out, err, "serialeye_worker_cpu_seconds_total{worker=\"%d\"} %.15g\n",
                              i, cpu_seconds(numbers->pids[i], &started)));
    return SE_OK;
}

/* ---- queue and store ------------------------------------------------------------------------ */

static int append_queue(const struct engine_numbers *numbers,
                        const struct admission_numbers *admitted, const struct serve_config *config,
                        struct buffer *out, se_error *err)
{
    const struct {
        const char *name, *type, *help;
        double value;
    } lines[] = {
        {"serialeye_pictures_waiting", "gauge", "Pictures that wait for a worker.",
         (double)numbers->waiting},
        {"serialeye_pictures_running", "gauge", "Pictures that are being read.",
         (double)numbers->running},
        {"serialeye_requests_admitted", "gauge", "Requests with pictures in work or waiting.",
         admitted->seats},
        {"serialeye_requests_uploading", "gauge", "Requests whose pictures are being sent.",
         admitted->uploading},
        {"serialeye_request_bytes_admitted", "gauge", "The bodies of both.",
         (double)admitted->bytes},
        {"serialeye_overloads_total", "counter", "Requests refused because too much waits.",
         (double)admitted->overloads},
        {"serialeye_workers", "gauge", "Worker processes that there should be.", config->workers},
        {"serialeye_workers_ready", "gauge", "Worker processes that are ready.",
         numbers->workers_ready},
        {"serialeye_worker_restarts_total", "counter", "Worker processes that were replaced.",
         (double)numbers->restarts},
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        FORWARD_IF_ERROR(
            append_one(out, lines[i].name, lines[i].type, lines[i].help, lines[i].value, err));
    static const char name[] = "serialeye_picture_duration_seconds";
    FORWARD_IF_ERROR(buffer_printf(
        out, err, "# HELP %s A worker's time with a picture.\n# TYPE %s histogram\n", name, name));
    FORWARD_IF_ERROR(histogram_append(&numbers->picture_seconds, name, "", out, err));
    static const char batch[] = "serialeye_batch_pictures";
    FORWARD_IF_ERROR(buffer_printf(
        out, err, "# HELP %s Pictures given to a worker at once.\n# TYPE %s histogram\n", batch,
        batch));
    return histogram_append(&numbers->batch_pictures, batch, "", out, err);
}

static int append_stages(const struct engine_numbers *numbers, struct buffer *out, se_error *err)
{
    static const char name[] = "serialeye_stage_seconds_total";
    FORWARD_IF_ERROR(buffer_printf(
        out, err, "# HELP %s Where the time of pictures went.\n# TYPE %s counter\n", name, name));
    for (int i = 0; i < STAGE_COUNT; i++)
        FORWARD_IF_ERROR(buffer_printf(out, err, "%s{stage=\"%s\"} %.9g\n", name,
                                       stage_name((enum stage)i), numbers->stage_seconds[i]));
    return SE_OK;
}

/* What waits in the store; a store that fails is a number, too. */
static int append_store(struct store *store, struct buffer *out, se_error *err)
{
    int64_t jobs = 0, pictures = 0;
    const bool good = store_waiting(store, &jobs, &pictures, NULL) == SE_OK;
    FORWARD_IF_ERROR(
        append_one(out, "serialeye_store_up", "gauge", "Does the store answer?", good, err));
    if (!good)
        return SE_OK;
    FORWARD_IF_ERROR(append_one(out, "serialeye_jobs_open", "gauge", "Jobs that are not finished.",
                                (double)jobs, err));
    return append_one(out, "serialeye_job_pictures_open", "gauge", "Their pictures not read yet.",
                      (double)pictures, err);
}

static void make_reply(struct request *request)
{
    struct service *service = request->service;
    struct buffer *out = &request->reply.body;
    struct engine_numbers numbers;
    struct admission_numbers admitted;
    se_error err;
    engine_numbers(service->engine, &numbers);
    admission_numbers(service->admission, &admitted);
    buffer_init(out, MAX_REPLY);
    int status = buffer_printf(out, &err,
                               "# HELP serialeye_build_info The program.\n"
                               "# TYPE serialeye_build_info gauge\n"
                               "serialeye_build_info{version=\"%s\"} 1\n",
                               se_version());
    if (status == SE_OK)
        status = metrics_append(service->metrics, out, &err);
    if (status == SE_OK)
        status = append_queue(&numbers, &admitted, config_now(&service->config), out, &err);
    if (status == SE_OK)
        status = append_stages(&numbers, out, &err);
    if (status == SE_OK)
        status = append_one(out, "serialeye_connections", "gauge", "Open connections.",
                            (double)slow_guard_connections(service->guard), &err);
    if (status == SE_OK)
        status = append_store(service->store, out, &err);
    if (status == SE_OK)
        status = append_front(out, &err);
    if (status == SE_OK)
        status = append_workers(&numbers, out, &err);
    if (status == SE_OK)
        status = gpu_metrics_append(out, &err);
    if (status == SE_OK)
        request_succeed(request, 200, "text/plain; version=0.0.4; charset=utf-8");
    else
        request_fail_error(request, &err);
}

void routes_metrics(struct request *request)
{
    if (query_check(request, ""))
        request_errand(request, make_reply);
}
