#include "cli/top_view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/gpu_monitor.h"
#include "base/status.h"
#include "cli/text.h"

static const char requests[] = "serialeye_http_requests_total";
static const char request_seconds[] = "serialeye_http_request_duration_seconds_bucket";
static const char picture_seconds[] = "serialeye_picture_duration_seconds_bucket";
static const char pictures[] = "serialeye_pictures_total";

static double or_zero(double value)
{
    return isnan(value) ? 0 : value;
}

static double value_of(const struct scrape *scrape, const char *name)
{
    return or_zero(scrape_sum(scrape, name, NULL));
}

/* Seconds that the service has been up. */
static double up_seconds(const struct scrape *now)
{
    const double start = scrape_sum(now, "process_start_time_seconds", NULL);
    return isnan(start) ? NAN : fmax(0, (double)time(NULL) - start);
}

/* Growth of a counter between two looks, or since the start of the service where there is one. */
static double growth(const struct scrape *before, const struct scrape *now, const char *name,
                     const char *part)
{
    const double value = or_zero(scrape_sum(now, name, part));
    return fmax(0, value - (before ? or_zero(scrape_sum(before, name, part)) : 0));
}

/* Growth of a counter a second. */
static double rate(const struct scrape *before, const struct scrape *now, const char *name,
                   const char *part)
{
    const double seconds = before ? (double)(now->at_ns - before->at_ns) / 1e9 : up_seconds(now);
    return seconds > 0 ? growth(before, now, name, part) / seconds : 0;
}

/* ---- GPUs ----------------------------------------------------------------------------------- */

static double gpu_value(const struct scrape *now, const char *name, int id)
{
    char part[32];
    snprintf(part, sizeof(part), "gpu=\"%d\"", id);
    return scrape_sum(now, name, part);
}

/* The GPUs that the service reports, those of its own machine. */
static size_t find_gpus(const struct scrape *now, struct gpu_state states[GPU_MONITOR_MOST])
{
    size_t count = 0;
    for (size_t i = 0; i < now->count && count < GPU_MONITOR_MOST; i++) {
        const struct sample *sample = &now->samples[i];
        char id[16];
        if (strcmp(sample->name, "serialeye_gpu_info") != 0)
            continue;
        struct gpu_state *state = &states[count++];
        sample_label(sample, "gpu", id, sizeof(id));
        state->id = 0;
        if (sscanf(id, "%d", &state->id) != 1)
            state->id = -1;
        sample_label(sample, "uuid", state->uuid, sizeof(state->uuid));
        sample_label(sample, "name", state->name, sizeof(state->name));
        state->memory_used = gpu_value(now, "serialeye_gpu_memory_used_bytes", state->id);
        state->memory_total = gpu_value(now, "serialeye_gpu_memory_total_bytes", state->id);
        state->load = gpu_value(now, "serialeye_gpu_load_ratio", state->id);
        state->celsius = gpu_value(now, "serialeye_gpu_temperature_celsius", state->id);
        state->watts = gpu_value(now, "serialeye_gpu_power_watts", state->id);
    }
    return count;
}

/* ---- text ----------------------------------------------------------------------------------- */

/* A number, or "-" for none. */
static const char *number(double value, const char *format, char text[32])
{
    if (isnan(value))
        return "-";
    snprintf(text, 32, format, value); /* formats are the callers' own */
    return text;
}

static int append_head(const char *url, const struct scrape *now, struct buffer *out, se_error *err)
{
    char version[40] = "", *clean = text_printable(url);
    if (!clean)
        return se_fail_memory(err, "an address", strlen(url));
    for (size_t i = 0; i < now->count; i++)
        if (strcmp(now->samples[i].name, "serialeye_build_info") == 0)
            sample_label(&now->samples[i], "version", version, sizeof(version));
    char *plain = text_printable(version);
    const double up = or_zero(up_seconds(now));
    const int status =
        buffer_printf(out, err, "serialeye %s at %s, up %d:%02d:%02d\n\n", plain ? plain : "",
                      clean, (int)(up / 3600), (int)fmod(up / 60, 60), (int)fmod(up, 60));
    free(plain);
    free(clean);
    return status;
}

static int append_requests(const struct scrape *before, const struct scrape *now,
                           struct buffer *out, se_error *err)
{
    char a[32], b[32], c[32];
    const char *const classes[] = {"code=\"2", "code=\"4", "code=\"5"};
    FORWARD_IF_ERROR(buffer_printf(
        out, err, "requests   %8.1f/s  2xx %.0f  4xx %.0f  5xx %.0f  open connections %.0f\n",
        rate(before, now, requests, NULL), or_zero(scrape_sum(now, requests, classes[0])),
        or_zero(scrape_sum(now, requests, classes[1])),
        or_zero(scrape_sum(now, requests, classes[2])), value_of(now, "serialeye_connections")));
    FORWARD_IF_ERROR(
        buffer_printf(out, err, "  time       p50 <= %s  p95 <= %s  p99 <= %s s\n",
                      number(scrape_quantile(before, now, request_seconds, 0.5), "%.3g", a),
                      number(scrape_quantile(before, now, request_seconds, 0.95), "%.3g", b),
                      number(scrape_quantile(before, now, request_seconds, 0.99), "%.3g", c)));
    return buffer_printf(
        out, err,
        "queue      %8.0f waiting  %.0f being read  %.0f requests let in"
        "  %.0f refused\n",
        value_of(now, "serialeye_pictures_waiting"), value_of(now, "serialeye_pictures_running"),
        value_of(now, "serialeye_requests_admitted"), value_of(now, "serialeye_overloads_total"));
}

static int append_pictures(const struct scrape *before, const struct scrape *now,
                           struct buffer *out, se_error *err)
{
    char a[32], b[32];
    FORWARD_IF_ERROR(
        buffer_printf(out, err, "pictures   %8.1f/s ", rate(before, now, pictures, NULL)));
    for (size_t i = 0; i < now->count; i++) {
        char result[32];
        if (strcmp(now->samples[i].name, pictures) != 0)
            continue;
        sample_label(&now->samples[i], "result", result, sizeof(result));
        char *clean = text_printable(result);
        if (!clean)
            return se_fail_memory(err, "a name", 0);
        const int status = buffer_printf(out, err, " %s %.0f ", clean, now->samples[i].value);
        free(clean);
        FORWARD_IF_ERROR(status);
    }
    return buffer_printf(out, err, "\n  time       p50 <= %s  p95 <= %s s\n",
                         number(scrape_quantile(before, now, picture_seconds, 0.5), "%.3g", a),
                         number(scrape_quantile(before, now, picture_seconds, 0.95), "%.3g", b));
}

/* Where a picture's time goes, of services that tell. */
static int append_stages(const struct scrape *before, const struct scrape *now, struct buffer *out,
                         se_error *err)
{
    static const char sums[] = "serialeye_stage_seconds_total";
    const double all = growth(before, now, sums, NULL);
    bool any = false;
    for (size_t i = 0; i < now->count; i++) {
        char stage[32], part[48];
        if (strcmp(now->samples[i].name, sums) != 0)
            continue;
        sample_label(&now->samples[i], "stage", stage, sizeof(stage));
        snprintf(part, sizeof(part), "stage=\"%s\"", stage);
        char *clean = text_printable(stage);
        if (!clean)
            return se_fail_memory(err, "a name", 0);
        const double share = all > 0 ? growth(before, now, sums, part) / all : 0;
        const int status =
            buffer_printf(out, err, "%s %s %.0f %%", any ? "" : "stages    ", clean, 100 * share);
        free(clean);
        FORWARD_IF_ERROR(status);
        any = true;
    }
    return any ? buffer_printf(out, err, "\n") : SE_OK;
}

static int append_machine(const struct scrape *before, const struct scrape *now, struct buffer *out,
                          se_error *err)
{
    static const char front[] = "process_cpu_seconds_total";
    static const char workers[] = "serialeye_worker_cpu_seconds_total";
    static const double MIB = 1048576;
    FORWARD_IF_ERROR(buffer_printf(out, err, "workers    %8.0f of %.0f ready  %.0f replaced\n",
                                   value_of(now, "serialeye_workers_ready"),
                                   value_of(now, "serialeye_workers"),
                                   value_of(now, "serialeye_worker_restarts_total")));
    return buffer_printf(out, err,
                         "processor  %8.0f %% workers  %.0f %% front process\n"
                         "memory     %8.0f MiB workers  %.0f MiB front process\n",
                         100 * rate(before, now, workers, NULL),
                         100 * rate(before, now, front, NULL),
                         value_of(now, "serialeye_worker_resident_memory_bytes") / MIB,
                         value_of(now, "process_resident_memory_bytes") / MIB);
}

static int append_gpus(const struct scrape *now, struct buffer *out, se_error *err)
{
    static const double GIB = 1073741824;
    struct gpu_state states[GPU_MONITOR_MOST];
    const size_t count = find_gpus(now, states);
    if (count == 0)
        return buffer_printf(out, err, "\nno GPU\n");
    FORWARD_IF_ERROR(buffer_printf(out, err, "\n%3s  %-28s %18s %6s %6s %7s\n", "GPU", "name",
                                   "memory GiB", "load", "deg C", "watts"));
    for (size_t i = 0; i < count; i++) {
        const struct gpu_state *g = &states[i];
        char load[32], heat[32], power[32], used[32], total[32];
        char *name = text_printable(g->name);
        if (!name)
            return se_fail_memory(err, "a name", 0);
        const int status = buffer_printf(
            out, err, "%3d  %-28.28s %8s of %6s %6s %6s %7s\n", g->id, name,
            number(g->memory_used / GIB, "%.1f", used),
            number(g->memory_total / GIB, "%.1f", total), number(100 * g->load, "%.0f %%", load),
            number(g->celsius, "%.0f", heat), number(g->watts, "%.0f", power));
        free(name);
        FORWARD_IF_ERROR(status);
    }
    return SE_OK;
}

/* Keeps the first `rows` lines. */
static void cut_rows(struct buffer *out, size_t rows)
{
    for (size_t i = 0, seen = 0; i < out->size; i++)
        if (out->data[i] == '\n' && ++seen == rows) {
            out->size = i + 1;
            out->data[out->size] = '\0';
        }
}

int top_text(const char *url, const struct scrape *before, const struct scrape *now, size_t rows,
             struct buffer *out, se_error *err)
{
    FORWARD_IF_ERROR(append_head(url, now, out, err));
    FORWARD_IF_ERROR(append_requests(before, now, out, err));
    FORWARD_IF_ERROR(append_pictures(before, now, out, err));
    FORWARD_IF_ERROR(append_stages(before, now, out, err));
    FORWARD_IF_ERROR(append_machine(before, now, out, err));
    FORWARD_IF_ERROR(append_gpus(now, out, err));
    cut_rows(out, rows);
    return SE_OK;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

/* Whole numbers, as bytes and counts are, stay exact. */
static json_t *real_or_null(double value)
{
    static const double EXACT = 9007199254740992; /* 2^53 */
    if (!isfinite(value))
        return json_null();
    return value >= -EXACT && value <= EXACT && value <= floor(value)
               ? json_integer((json_int_t)value)
               : json_real(value);
}

static int set_sums(json_t *to, const struct scrape *now)
{
    static const struct {
        const char *key, *name;
    } sums[] = {
        {"connections", "serialeye_connections"},
        {"pictures_waiting", "serialeye_pictures_waiting"},
        {"pictures_running", "serialeye_pictures_running"},
        {"requests_admitted", "serialeye_requests_admitted"},
        {"overloads", "serialeye_overloads_total"},
        {"workers", "serialeye_workers"},
        {"workers_ready", "serialeye_workers_ready"},
        {"worker_restarts", "serialeye_worker_restarts_total"},
        {"worker_cpu_seconds", "serialeye_worker_cpu_seconds_total"},
        {"front_cpu_seconds", "process_cpu_seconds_total"},
        {"worker_memory_bytes", "serialeye_worker_resident_memory_bytes"},
        {"front_memory_bytes", "process_resident_memory_bytes"},
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
        failed |=
            json_object_set_new(to, sums[i].key, real_or_null(scrape_sum(now, sums[i].name, NULL)));
    return failed;
}

/* The values of a counter by one of its labels. */
static json_t *by_label(const struct scrape *now, const char *name, const char *label, int *failed)
{
    json_t *all = json_object();
    for (size_t i = 0; i < now->count; i++) {
        char key[64];
        if (strcmp(now->samples[i].name, name) != 0)
            continue;
        sample_label(&now->samples[i], label, key, sizeof(key));
        const json_t *held = json_object_get(all, key);
        const double sum = now->samples[i].value + (held ? json_number_value(held) : 0);
        *failed |= json_object_set_new(all, key, real_or_null(sum));
    }
    return all;
}

static json_t *gpus_json(const struct scrape *now, int *failed)
{
    struct gpu_state states[GPU_MONITOR_MOST];
    const size_t count = find_gpus(now, states);
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct gpu_state *g = &states[i];
        json_t *one = json_object();
        *failed |= json_object_set_new(one, "id", json_integer(g->id));
        *failed |= json_object_set_new(one, "uuid", text_json(g->uuid));
        *failed |= json_object_set_new(one, "name", text_json(g->name));
        *failed |= json_object_set_new(one, "memory_used", real_or_null(g->memory_used));
        *failed |= json_object_set_new(one, "memory_total", real_or_null(g->memory_total));
        *failed |= json_object_set_new(one, "load", real_or_null(g->load));
        *failed |= json_object_set_new(one, "celsius", real_or_null(g->celsius));
        *failed |= json_object_set_new(one, "watts", real_or_null(g->watts));
        *failed |= json_array_append_new(all, one);
    }
    return all;
}

json_t *top_json(const char *url, const struct scrape *now, int *failed)
{
    json_t *all = json_object();
    *failed |= json_object_set_new(all, "url", text_json(url));
    *failed |= json_object_set_new(all, "up_seconds", real_or_null(up_seconds(now)));
    *failed |= json_object_set_new(all, "requests", by_label(now, requests, "code", failed));
    *failed |= json_object_set_new(all, "pictures", by_label(now, pictures, "result", failed));
    *failed |= json_object_set_new(all, "stage_seconds",
                                   by_label(now, "serialeye_stage_seconds_total", "stage", failed));
    *failed |= json_object_set_new(all, "request_p50_seconds",
                                   real_or_null(scrape_quantile(NULL, now, request_seconds, 0.5)));
    *failed |= json_object_set_new(all, "request_p99_seconds",
                                   real_or_null(scrape_quantile(NULL, now, request_seconds, 0.99)));
    *failed |= set_sums(all, now);
    *failed |= json_object_set_new(all, "gpus", gpus_json(now, failed));
    return all;
}
