#include "cli/bench_compare.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/picture_load.h"
#include "cli/text.h"
#include "diag/bench_gpu.h"

enum {
    NETWORK_ITERATIONS = 20,
    PICTURE_ITERATIONS = 5,
    MAX_PAIRS = 2 * COMPARE_MAX_BATCHES,
    MAX_BYTES = 1 << 30 /* of all pictures */
};
static const double RACE_SECONDS = 2;

struct results {
    char gpu[BENCH_GPU_NAME]; /* "": none is used */
    se_error why_not;
    struct bench_pair pairs[MAX_PAIRS];
    int pair_count;
    bool has_pictures;
    size_t picture_count;
    int jobs;
    struct bench_side cpu_side, gpu_side; /* the second with `gpu` alone */
};

void compare_network_init(struct compare_network *network, bool recognizer)
{
    *network = recognizer ? (struct compare_network){true, 48, 320, {1, 8, 32}, 3}
                          : (struct compare_network){false, 736, 736, {1, 4}, 2};
}

bool compare_parse_batches(const char *text, struct compare_network *network)
{
    network->batch_count = 0;
    for (;;) {
        char *end;
        if (*text < '0' || *text > '9' || network->batch_count == COMPARE_MAX_BATCHES)
            return false;
        const long value = strtol(text, &end, 10);
        if (value < 1 || value > COMPARE_MAX_BATCH || (*end && *end != ','))
            return false;
        network->batches[network->batch_count++] = (int)value;
        if (!*end)
            return true;
        text = end + 1;
    }
}

/* ---- measuring ------------------------------------------------------------------------------ */

static int measure_networks(const struct compare_request *request, const se_settings *settings,
                            const se_cancel *cancel, struct results *out, se_error *err)
{
    for (int n = 0; n < request->network_count; n++) {
        const struct compare_network *network = &request->networks[n];
        for (int b = 0; b < network->batch_count; b++) {
            struct bench_pair *pair = &out->pairs[out->pair_count];
            pair->cpu = (struct bench_network){
                .recognizer = network->recognizer,
                .height = network->height,
                .width = network->width,
                .batch = network->batches[b],
                .iterations = request->iterations ? request->iterations : NETWORK_ITERATIONS,
            };
            FORWARD_IF_ERROR(bench_pair(settings, out->gpu[0] != '\0', pair, cancel, err));
            out->pair_count++;
        }
    }
    return SE_OK;
}

/* All pictures of the list into memory; the drawn one where there is no list. */
static int load_pictures(const struct picture_list *list, struct bench_pictures *out, se_error *err)
{
    const size_t room = list->count > 0 ? list->count : 1;
    size_t bytes = 0;
    out->count = 0;
    out->items = calloc(room, sizeof(*out->items));
    if (!out->items)
        return se_fail_memory(err, "pictures", room * sizeof(*out->items));
    for (size_t i = 0; i < room; i++) {
        struct buffer *to = &out->items[out->count++];
        if (list->count == 0) {
            FORWARD_IF_ERROR(bench_make_picture(to, err));
            break;
        }
        if (list->entries[i].problem.code != SE_OK) {
            if (err)
                *err = list->entries[i].problem;
            return list->entries[i].problem.code;
        }
        FORWARD_IF_ERROR(picture_load(list->entries[i].path, to, err));
        bytes += to->size;
        RETURN_ERROR_IF(bytes > MAX_BYTES, err, SE_ERR_LIMIT,
                        "more than %d MiB of pictures: name fewer", MAX_BYTES >> 20);
    }
    return SE_OK;
}

/* Both sides; the GPU's failure leaves the CPU's numbers, and its reason. */
static int measure_sides(const struct compare_request *request, const se_settings *settings,
                         const struct bench_pictures *pictures, const se_cancel *cancel,
                         struct results *out, se_error *err)
{
    const int iterations = request->iterations ? request->iterations : PICTURE_ITERATIONS;
    out->jobs = bench_jobs(settings);
    out->picture_count = pictures->count;
    FORWARD_IF_ERROR(bench_side(settings, false, pictures, iterations, out->jobs, RACE_SECONDS,
                                cancel, &out->cpu_side, err));
    out->has_pictures = true;
    if (!out->gpu[0])
        return SE_OK;
    const int status = bench_side(settings, true, pictures, iterations, out->jobs, RACE_SECONDS,
                                  cancel, &out->gpu_side, &out->why_not);
    if (status == SE_OK)
        return SE_OK;
    if (status == SE_ERR_DEVICE) {
        out->gpu[0] = '\0';
        return SE_OK;
    }
    if (err)
        *err = out->why_not;
    return status;
}

static int measure(const struct compare_request *request, const se_settings *settings,
                   struct results *out, se_error *err)
{
    const se_cancel *cancel = interrupt_watch(err);
    if (!cancel)
        return SE_ERR_MEMORY;
    se_error_clear(&out->why_not);
    if (bench_gpu_find(settings, out->gpu, &out->why_not) != SE_OK)
        out->gpu[0] = '\0';
    FORWARD_IF_ERROR(measure_networks(request, settings, cancel, out, err));
    if (!request->pictures)
        return SE_OK;
    struct bench_pictures pictures = {.count = 0};
    int status = load_pictures(request->list, &pictures, err);
    if (status == SE_OK)
        status = measure_sides(request, settings, &pictures, cancel, out, err);
    bench_pictures_free(&pictures);
    return status;
}

/* ---- for people ----------------------------------------------------------------------------- */

static void print_time(const struct bench_network *bench)
{
    printf("%10.3f %9.1f %6.1f %%", bench->ms_min, bench->gflops, bench->percent_of_peak);
}

static void print_pairs(const struct results *results)
{
    printf("\n%-4s %-9s %6s %10s %9s %8s", "", "shape", "batch", "CPU ms", "GFLOP/s", "of peak");
    if (results->gpu[0])
        printf(" %10s %9s %8s %9s %10s", "GPU ms", "GFLOP/s", "of peak", "speed-up", "steps ms");
    putchar('\n');
    for (int i = 0; i < results->pair_count; i++) {
        const struct bench_pair *pair = &results->pairs[i];
        char shape[24];
        snprintf(shape, sizeof(shape), "%dx%d", pair->cpu.height, pair->cpu.width);
        printf("%-4s %-9s %6d ", pair->cpu.recognizer ? "rec" : "det", shape, pair->cpu.batch);
        print_time(&pair->cpu);
        if (pair->has_gpu) {
            putchar(' ');
            print_time(&pair->gpu);
            printf(" %8.1fx %10.3f", pair->cpu.ms_min / pair->gpu.ms_min, pair->gpu.ms_device);
        } else if (results->gpu[0]) {
            printf(" %s", pair->why_not.message);
        }
        putchar('\n');
    }
}

static double stage_ms(const struct bench_side *side, int stage)
{
    return 1e-6 * (double)side->mean.stages[stage].ns;
}

static void print_stage(const char *name, double cpu, double gpu, bool has_gpu)
{
    printf("%-10s%12.2f", name, cpu);
    if (has_gpu)
        printf("%12.2f%11.1fx", gpu, gpu > 0 ? cpu / gpu : 0);
    putchar('\n');
}

static void print_sides(const struct results *results)
{
    const bool gpu = results->gpu[0] != '\0';
    const struct bench_side *a = &results->cpu_side, *b = &results->gpu_side;
    printf("\n%-10s%12s", "stage", "CPU ms");
    printf(gpu ? "%12s%12s\n" : "\n", "GPU ms", "speed-up");
    for (int i = 0; i < STAGE_COUNT; i++)
        print_stage(stage_name((enum stage)i), stage_ms(a, i), stage_ms(b, i), gpu);
    print_stage("total", a->ms_mean, b->ms_mean, gpu);
    print_stage("median", a->ms_median, b->ms_median, gpu);
    printf("\n%zu %s, %d side by side: CPU %.1f pictures/s", results->picture_count,
           results->picture_count == 1 ? "picture" : "pictures", results->jobs, a->per_second);
    if (gpu)
        printf(", GPU %.1f pictures/s, %.1f times as many", b->per_second,
               b->per_second / a->per_second);
    putchar('\n');
    if (gpu)
        printf("GPU memory, one picture at a time: %.0f MiB\n", (double)b->gpu_bytes / (1 << 20));
}

static int print_plain(const struct results *results)
{
    if (results->gpu[0])
        printf("GPU: %s\n", results->gpu);
    else
        printf("The CPU alone: %s\n", results->why_not.message);
    if (results->pair_count > 0)
        print_pairs(results);
    if (results->has_pictures)
        print_sides(results);
    return cli_flush_stdout();
}

/* ---- for machines --------------------------------------------------------------------------- */

static json_t *network_json(const struct bench_network *bench, int *failed)
{
    json_t *one = json_object();
    *failed |= json_object_set_new(one, "backend", json_string(bench->backend));
    *failed |= json_object_set_new(one, "precision", json_string(bench->precision));
    *failed |= json_object_set_new(one, "ms_min", json_real(bench->ms_min));
    *failed |= json_object_set_new(one, "ms_median", json_real(bench->ms_median));
    if (bench->gpu)
        *failed |= json_object_set_new(one, "ms_device", json_real(bench->ms_device));
    *failed |= json_object_set_new(one, "gflops", json_real(bench->gflops));
    *failed |= json_object_set_new(one, "peak_gflops", json_real(bench->peak_gflops));
    *failed |= json_object_set_new(one, "percent_of_peak", json_real(bench->percent_of_peak));
    return one;
}

static json_t *pairs_json(const struct results *results, int *failed)
{
    json_t *all = json_array();
    for (int i = 0; i < results->pair_count; i++) {
        const struct bench_pair *pair = &results->pairs[i];
        char shape[24];
        json_t *one = json_object();
        snprintf(shape, sizeof(shape), "%dx%d", pair->cpu.height, pair->cpu.width);
        *failed |=
            json_object_set_new(one, "name", json_string(pair->cpu.recognizer ? "rec" : "det"));
        *failed |= json_object_set_new(one, "shape", json_string(shape));
        *failed |= json_object_set_new(one, "batch", json_integer(pair->cpu.batch));
        *failed |= json_object_set_new(one, "gflop", json_real(pair->cpu.gflop));
        *failed |= json_object_set_new(one, "cpu", network_json(&pair->cpu, failed));
        if (pair->has_gpu) {
            *failed |= json_object_set_new(one, "gpu", network_json(&pair->gpu, failed));
            *failed |= json_object_set_new(one, "speed_up",
                                           json_real(pair->cpu.ms_min / pair->gpu.ms_min));
        } else if (pair->why_not.message[0]) {
            *failed |= json_object_set_new(one, "why_not", text_json(pair->why_not.message));
        }
        *failed |= json_array_append_new(all, one);
    }
    return all;
}

static json_t *side_json(const struct bench_side *side, int *failed)
{
    json_t *one = json_object(), *stages = json_object();
    *failed |= json_object_set_new(one, "ms_mean", json_real(side->ms_mean));
    *failed |= json_object_set_new(one, "ms_median", json_real(side->ms_median));
    *failed |= json_object_set_new(one, "pictures_per_s", json_real(side->per_second));
    *failed |= json_object_set_new(one, "peak_gflops", json_real(side->peak_gflops));
    if (side->gpu_bytes > 0)
        *failed |= json_object_set_new(one, "gpu_memory_mb",
                                       json_real((double)side->gpu_bytes / (1 << 20)));
    for (int i = 0; i < STAGE_COUNT; i++)
        *failed |=
            json_object_set_new(stages, stage_name((enum stage)i), json_real(stage_ms(side, i)));
    *failed |= json_object_set_new(one, "stages_ms", stages);
    return one;
}

static int print_json(const struct results *results)
{
    const bool gpu = results->gpu[0] != '\0';
    json_t *all = json_object();
    int failed = json_object_set_new(all, "gpu", gpu ? text_json(results->gpu) : json_null());
    if (!gpu)
        failed |= json_object_set_new(all, "why_not", text_json(results->why_not.message));
    failed |= json_object_set_new(all, "networks", pairs_json(results, &failed));
    if (results->has_pictures) {
        json_t *pictures = json_object();
        failed |= json_object_set_new(pictures, "count",
                                      json_integer((json_int_t)results->picture_count));
        failed |= json_object_set_new(pictures, "jobs", json_integer(results->jobs));
        failed |= json_object_set_new(pictures, "cpu", side_json(&results->cpu_side, &failed));
        if (gpu)
            failed |= json_object_set_new(pictures, "gpu", side_json(&results->gpu_side, &failed));
        failed |= json_object_set_new(all, "pictures", pictures);
    }
    return text_print_json(all, failed);
}

int compare_run(const struct compare_request *request, const se_settings *settings)
{
    static struct results results; /* too large for a stack */
    se_error err;
    results = (struct results){.pair_count = 0};
    if (measure(request, settings, &results, &err) != SE_OK)
        return cli_fail(&err);
    return request->json ? print_json(&results) : print_plain(&results);
}
