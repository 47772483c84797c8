/*
 * serialeye bench: how long each stage of a picture takes, or how fast a network runs.
 */
#define _GNU_SOURCE
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "cli/bench_compare.h"
#include "cli/interrupt.h"
#include "cli/picture_list.h"
#include "cli/picture_load.h"
#include "cli/setting_options.h"
#include "cli/text.h"
#include "diag/bench.h"

static const char usage[] =
    "usage: serialeye bench [OPTION]… [FILE|DIR]…\n"
    "       serialeye bench --network det|rec [--shape HxW] [--batch N] [OPTION]…\n"
    "       serialeye bench --gpu [--network det|rec [--shape HxW] [--batch N,…]] [OPTION]…\n"
    "                       [FILE|DIR]…\n\n"
    "Times the stages of reading pictures, one after another, or one network, beside the peak of\n"
    "the processor, which is measured in the same run. Without a picture: a drawn one.\n\n"
    "  --network NAME    det, the detector, or rec, the recognizer with all its classes\n"
    "  --shape HxW       of its input; 736x736 for det, 48x320 for rec\n"
    "  --batch N         images in one run, 1; with --gpu several sizes, 1,4 for det, 1,8,32 for\n"
    "                    rec\n"
    "  --gpu             the CPU against the GPU: the network named, the pictures named, or, with\n"
    "                    neither, both networks and a drawn picture; without a GPU the CPU alone\n"
    "  --iterations N    runs that count, after one that does not; 5 a picture, 20 a network\n"
    "  --threads N       threads; 0: as many as the machine grants\n"
    "  --json            one JSON object\n"
    "  --backend NAME    cpu, or ref: slow plain C\n"
    "  --set NAME=VALUE  any setting; \"serialeye config\" lists them\n"
    "  --config FILE     settings from an INI file\n"
    "  -h, --help        print this\n\n"
    "Of a picture the fastest run counts, without a time limit; the stages are means over the\n"
    "pictures. GFLOP/s and per cent of the peak count the products of the networks alone, those\n"
    "of a network in its shortest run; GB/s what a stage makes: pixels, or a network's input.\n"
    "The peak of a GPU is that of its tensor cores in fp16 by NVIDIA's data sheets, at the clock\n"
    "that the driver names; a run on it begins and ends in the host's memory, but for \"steps\n"
    "ms\": all steps as one graph. With --gpu also how many pictures a second are read, \"jobs\"\n"
    "side by side.\n"
    "Exit status 1 when a picture failed.\n";

static const struct short_form short_forms[] = {
    {"--threads", "threads", NULL},
    {"--backend", "backend", NULL},
};

enum { PICTURE_ITERATIONS = 5, NETWORK_ITERATIONS = 20 };

struct bench_request {
    const char *network, *shape, *batch;
    long iterations; /* 0: not given */
    bool json, gpu;
    char **arguments;
    int argument_count;
};

static const struct command *const self = &command_bench;

/* ---- command line --------------------------------------------------------------------------- */

static int take_iterations(struct bench_request *request, const char *text)
{
    char *end;
    request->iterations = strtol(text, &end, 10);
    if (end == text || *end || request->iterations < 1 ||
        request->iterations > BENCH_MAX_ITERATIONS)
        return cli_misuse(self, "--iterations takes 1 to %d, not \"%.40s\"", BENCH_MAX_ITERATIONS,
                          text);
    return -1;
}

/* Takes one option; -1 to go on, else the exit status. */
static int take_option(struct bench_request *request, struct setting_options *settings, int option,
                       const char *argument)
{
    switch (option) {
    case 'n':
        request->network = argument;
        return -1;
    case 's':
        request->shape = argument;
        return -1;
    case 'b':
        request->batch = argument;
        return -1;
    case 'g':
        request->gpu = true;
        return -1;
    case 'i':
        return take_iterations(request, argument);
    case 'j':
        request->json = true;
        return -1;
    default:
        return setting_options_take(settings, self, short_forms, option, argument);
    }
}

static int parse(int argc, char **argv, struct bench_request *request,
                 struct setting_options *settings)
{
    static const struct option long_options[] = {
        {"network", required_argument, NULL, 'n'},
        {"shape", required_argument, NULL, 's'},
        {"batch", required_argument, NULL, 'b'},
        {"gpu", no_argument, NULL, 'g'},
        {"iterations", required_argument, NULL, 'i'},
        {"json", no_argument, NULL, 'j'},
        {"threads", required_argument, NULL, OPTION_SHORT_FORM},
        {"backend", required_argument, NULL, OPTION_SHORT_FORM + 1},
        {"help", no_argument, NULL, 'h'},
        SETTING_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    int option, status = -1;
    while (status < 0 && (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
        status = take_option(request, settings, option, optarg);
    request->arguments = argv + optind;
    request->argument_count = argc - optind;
    if (status < 0 && request->network && request->argument_count > 0)
        status = cli_misuse(self, "--network takes no picture");
    if (status < 0 && request->shape && !request->network)
        status = cli_misuse(self, "--shape belongs to --network");
    if (status < 0 && request->batch && !request->network)
        status = cli_misuse(self, "--batch belongs to --network");
    return status;
}

/* ---- one network ---------------------------------------------------------------------------- */

static bool parse_side(const char **text, char end, int *side)
{
    char *after;
    const long value = strtol(*text, &after, 10);
    const bool right =
        **text >= '0' && **text <= '9' && *after == end && value >= 1 && value <= BENCH_MAX_SIDE;
    *side = right ? (int)value : 0;
    *text = after + 1;
    return right;
}

static int print_network(const struct bench_request *request, const struct bench_network *bench)
{
    if (!request->json) {
        printf("%s %dx%d, batch %d, %s, %s, %d %s: shortest %.2f ms, median %.2f ms of %d; %.2f "
               "GFLOP, "
               "%.1f GFLOP/s, %.0f %% of the peak\n",
               request->network, bench->height, bench->width, bench->batch, bench->backend,
               bench->precision, bench->threads, bench->threads == 1 ? "thread" : "threads",
               bench->ms_min, bench->ms_median, bench->iterations, bench->gflop, bench->gflops,
               bench->percent_of_peak);
        return cli_flush_stdout();
    }
    char shape[40];
    snprintf(shape, sizeof(shape), "%dx%d", bench->height, bench->width);
    json_t *all = json_object();
    int failed = json_object_set_new(all, "name", json_string(request->network));
    failed |= json_object_set_new(all, "shape", json_string(shape));
    failed |= json_object_set_new(all, "batch", json_integer(bench->batch));
    failed |= json_object_set_new(all, "backend", json_string(bench->backend));
    failed |= json_object_set_new(all, "precision", json_string(bench->precision));
    failed |= json_object_set_new(all, "threads", json_integer(bench->threads));
    failed |= json_object_set_new(all, "iterations", json_integer(bench->iterations));
    failed |= json_object_set_new(all, "ms_min", json_real(bench->ms_min));
    failed |= json_object_set_new(all, "ms_median", json_real(bench->ms_median));
    failed |= json_object_set_new(all, "gflop", json_real(bench->gflop));
    failed |= json_object_set_new(all, "gflops", json_real(bench->gflops));
    failed |= json_object_set_new(all, "percent_of_peak", json_real(bench->percent_of_peak));
    return text_print_json(all, failed);
}

/* What --network, --shape and --batch ask for; -1, or the exit status. */
static int parse_network(const struct bench_request *request, struct compare_network *network)
{
    const bool recognizer = strcmp(request->network, "rec") == 0;
    const char *shape = request->shape;
    if (!recognizer && strcmp(request->network, "det") != 0)
        return cli_misuse(self, "--network takes det or rec, not \"%.40s\"", request->network);
    compare_network_init(network, recognizer);
    if (shape &&
        (!parse_side(&shape, 'x', &network->height) || !parse_side(&shape, '\0', &network->width)))
        return cli_misuse(self, "--shape takes HEIGHTxWIDTH, each 1 to %d, not \"%.40s\"",
                          BENCH_MAX_SIDE, request->shape);
    if (!request->gpu) {
        network->batches[0] = 1;
        network->batch_count = 1;
    }
    if (request->batch && (!compare_parse_batches(request->batch, network) ||
                           (!request->gpu && network->batch_count > 1)))
        return cli_misuse(self, "--batch takes %s, each 1 to %d, not \"%.40s\"",
                          request->gpu ? "numbers with commas" : "a number", COMPARE_MAX_BATCH,
                          request->batch);
    return -1;
}

static int time_network(const struct bench_request *request, const se_settings *settings)
{
    struct compare_network network;
    se_error err;
    const int misuse = parse_network(request, &network);
    if (misuse >= 0)
        return misuse;
    struct bench_network bench = {
        .recognizer = network.recognizer,
        .height = network.height,
        .width = network.width,
        .batch = network.batches[0],
        .iterations = request->iterations ? (int)request->iterations : NETWORK_ITERATIONS,
    };
    const se_cancel *cancel = interrupt_watch(&err);
    if (!cancel || bench_network(settings, &bench, cancel, &err) != SE_OK)
        return cli_fail(&err);
    return print_network(request, &bench);
}

/* ---- pictures ------------------------------------------------------------------------------- */

struct tally {
    struct stage_times sum; /* of the pictures that were read */
    double *ms;             /* owned; [count] */
    size_t count, failed;
    double peak; /* GFLOP/s */
    int threads, iterations;
    const char *detector, *recognizer; /* their precision */
};

struct row {
    const char *name;
    double ms;
    double gflops, percent, gbytes; /* NAN: does not apply */
};

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct row row_of(const struct tally *tally, enum stage stage)
{
    const struct stage_use *use = &tally->sum.stages[stage];
    struct row row = {stage_name(stage), 1e-6 * (double)use->ns / (double)tally->count, NAN, NAN,
                      NAN};
    if (use->flop > 0) {
        row.gflops = use->flop / (double)use->ns;
        row.percent = 100 * row.gflops / tally->peak;
    } else if (use->bytes > 0) {
        row.gbytes = use->bytes / (double)use->ns;
    }
    return row;
}

static void print_number(double value, const char *format)
{
    if (isnan(value))
        printf("%10s", "");
    else
        printf(format, value);
}

/* Stages, what lies between them, and the whole, as rows. */
enum { ROW_OTHER = STAGE_COUNT, ROW_TOTAL, ROW_COUNT };

static void make_rows(const struct tally *tally, struct row rows[ROW_COUNT])
{
    double total = 0, stages = 0;
    for (size_t i = 0; i < tally->count; i++)
        total += tally->ms[i] / (double)tally->count;
    for (int i = 0; i < STAGE_COUNT; i++) {
        rows[i] = row_of(tally, (enum stage)i);
        stages += rows[i].ms;
    }
    rows[ROW_OTHER] = (struct row){"other", total - stages, NAN, NAN, NAN};
    rows[ROW_TOTAL] = (struct row){"total", total, NAN, NAN, NAN};
}

static double median_ms(const struct tally *tally)
{
    return (tally->ms[(tally->count - 1) / 2] + tally->ms[tally->count / 2]) / 2;
}

static int print_plain(const struct tally *tally, const struct row rows[ROW_COUNT])
{
    printf("%zu %s, fastest of %d runs, %d %s, detector %s, recognizer %s, peak %.1f GFLOP/s\n\n",
           tally->count, tally->count == 1 ? "picture" : "pictures", tally->iterations,
           tally->threads, tally->threads == 1 ? "thread" : "threads", tally->detector,
           tally->recognizer, tally->peak);
    printf("%-10s%10s%8s%10s%10s%10s\n", "stage", "ms", "share", "GFLOP/s", "% of peak", "GB/s");
    for (int i = 0; i < ROW_COUNT; i++) {
        printf("%-10s%10.2f%6.1f %%", rows[i].name, rows[i].ms,
               100 * rows[i].ms / rows[ROW_TOTAL].ms);
        print_number(rows[i].gflops, "%10.1f");
        print_number(rows[i].percent, "%10.1f");
        print_number(rows[i].gbytes, "%10.2f");
        putchar('\n');
    }
    if (tally->count > 1)
        printf("\nmedian of the pictures %.2f ms\n", median_ms(tally));
    return cli_flush_stdout();
}

static int print_json(const struct tally *tally, const struct row rows[ROW_COUNT])
{
    json_t *all = json_object();
    json_t *stages = json_array();
    int failed = json_object_set_new(all, "pictures", json_integer((json_int_t)tally->count));
    failed |= json_object_set_new(all, "failed", json_integer((json_int_t)tally->failed));
    failed |= json_object_set_new(all, "iterations", json_integer(tally->iterations));
    failed |= json_object_set_new(all, "threads", json_integer(tally->threads));
    failed |= json_object_set_new(all, "detector_precision", json_string(tally->detector));
    failed |= json_object_set_new(all, "recognizer_precision", json_string(tally->recognizer));
    failed |= json_object_set_new(all, "peak_gflops", json_real(tally->peak));
    failed |= json_object_set_new(all, "ms_median", json_real(median_ms(tally)));
    failed |= json_object_set_new(all, "ms_mean", json_real(rows[ROW_TOTAL].ms));
    for (int i = 0; i < ROW_TOTAL; i++) {
        json_t *one = json_object();
        failed |= json_object_set_new(one, "stage", json_string(rows[i].name));
        failed |= json_object_set_new(one, "ms", json_real(rows[i].ms));
        if (!isnan(rows[i].gflops)) {
            failed |= json_object_set_new(one, "gflops", json_real(rows[i].gflops));
            failed |= json_object_set_new(one, "percent_of_peak", json_real(rows[i].percent));
        }
        if (!isnan(rows[i].gbytes))
            failed |= json_object_set_new(one, "gb_per_s", json_real(rows[i].gbytes));
        failed |= json_array_append_new(stages, one);
    }
    failed |= json_object_set_new(all, "stages", stages);
    return text_print_json(all, failed);
}

static void add_to_tally(struct tally *tally, const struct bench_picture *picture)
{
    for (int i = 0; i < STAGE_COUNT; i++) {
        tally->sum.stages[i].ns += picture->times.stages[i].ns;
        tally->sum.stages[i].flop += picture->times.stages[i].flop;
        tally->sum.stages[i].bytes += picture->times.stages[i].bytes;
    }
    tally->ms[tally->count++] = picture->ms;
}

/* One picture of the list; or the drawn one, when there is no list. */
static int time_picture(se_reader *reader, const struct picture_entry *entry,
                        const se_cancel *cancel, struct tally *tally, se_error *err)
{
    struct buffer bytes;
    struct bench_picture picture;
    if (entry && entry->problem.code != SE_OK) {
        *err = entry->problem;
        return err->code;
    }
    int status = entry ? picture_load(entry->path, &bytes, err) : bench_make_picture(&bytes, err);
    if (status == SE_OK)
        status =
            bench_picture(reader, bytes.data, bytes.size, tally->iterations, cancel, &picture, err);
    if (status == SE_OK)
        add_to_tally(tally, &picture);
    buffer_free(&bytes);
    return status;
}

/* Times all pictures; those that fail are said and passed over. False when interrupted. */
static bool time_all(se_reader *reader, const struct picture_list *list, const se_cancel *cancel,
                     struct tally *tally)
{
    const size_t count = list->count > 0 ? list->count : 1;
    for (size_t i = 0; i < count; i++) {
        const struct picture_entry *entry = list->count > 0 ? &list->entries[i] : NULL;
        se_error err;
        const int status = time_picture(reader, entry, cancel, tally, &err);
        if (status == SE_ERR_CANCELLED)
            return false;
        if (status != SE_OK) {
            tally->failed++;
            text_say_failure(entry ? entry->path : NULL, &err);
        }
    }
    return true;
}

static int report(struct tally *tally, bool json)
{
    struct row rows[ROW_COUNT];
    if (tally->count == 0)
        return STATUS_SOME_FAILED;
    qsort(tally->ms, tally->count, sizeof(*tally->ms), by_size);
    make_rows(tally, rows);
    const int status = json ? print_json(tally, rows) : print_plain(tally, rows);
    return tally->failed > 0 ? STATUS_SOME_FAILED : status;
}

static int time_list(const struct bench_request *request, se_settings *settings,
                     const struct picture_list *list)
{
    se_error err;
    se_reader *reader = NULL;
    struct tally tally = {
        .threads = bench_threads(settings),
        .iterations = request->iterations ? (int)request->iterations : PICTURE_ITERATIONS,
    };
    const se_cancel *cancel = interrupt_watch(&err);
    int status = cancel ? se_settings_set(settings, "jobs", "1", "bench", &err) : SE_ERR_MEMORY;
    if (status == SE_OK)
        status = bench_peak(settings, tally.threads, &tally.peak, &err);
    if (status == SE_OK)
        status = se_open(&reader, settings, &err);
    const size_t room = list->count > 0 ? list->count : 1;
    if (status == SE_OK && !(tally.ms = calloc(room, sizeof(*tally.ms))))
        status = se_fail_memory(&err, "times", room * sizeof(*tally.ms));
    if (status != SE_OK) {
        status = cli_fail(&err);
    } else if (!time_all(reader, list, cancel, &tally)) {
        fputs("serialeye: interrupted\n", stderr);
        status = STATUS_SOME_FAILED;
    } else {
        tally.detector = bench_precision(reader, false);
        tally.recognizer = bench_precision(reader, true);
        status = report(&tally, request->json);
    }
    free(tally.ms);
    se_close(reader);
    return status;
}

static int compare(const struct bench_request *request, const se_settings *settings,
                   const struct picture_list *list)
{
    struct compare_request all = {
        .list = list, .iterations = (int)request->iterations, .json = request->json};
    if (request->network) {
        const int misuse = parse_network(request, &all.networks[0]);
        if (misuse >= 0)
            return misuse;
        all.network_count = 1;
    } else if (list->count == 0) {
        compare_network_init(&all.networks[0], false);
        compare_network_init(&all.networks[1], true);
        all.network_count = 2;
    }
    all.pictures = !request->network;
    return compare_run(&all, settings);
}

static int time_pictures(const struct bench_request *request, se_settings *settings)
{
    struct picture_list list = {.entries = NULL};
    se_error err;
    int status = -1;
    for (int i = 0; i < request->argument_count && status < 0; i++)
        if (picture_list_add(&list, request->arguments[i], &err) != SE_OK)
            status = cli_fail(&err);
    if (status < 0 && request->argument_count > 0 && list.count == 0)
        status = cli_misuse(self, "no pictures in what was named");
    if (status < 0)
        status =
            request->gpu ? compare(request, settings, &list) : time_list(request, settings, &list);
    picture_list_free(&list);
    return status;
}

/* --------------------------------------------------------------------------------------------- */

static int run(int argc, char **argv)
{
    struct bench_request request = {.network = NULL};
    struct setting_options options;
    se_settings *settings = NULL;
    se_error err;
    if (setting_options_init(&options, argc, &err) != SE_OK)
        return cli_fail(&err);
    int status = parse(argc, argv, &request, &options);
    if (status < 0 && setting_options_apply(&options, &settings, &err) != SE_OK)
        status = cli_fail(&err);
    if (status < 0)
        status = request.network && !request.gpu ? time_network(&request, settings)
                                                 : time_pictures(&request, settings);
    se_settings_free(settings);
    setting_options_free(&options);
    return status;
}

const struct command command_bench = {"bench", "times the stages of reading, or a network", usage,
                                      run};
