/*
 * serialeye cost: what a million pictures cost on rented machines, and when a GPU pays.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/pool.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/setting_options.h"
#include "cli/text.h"
#include "diag/bench_gpu.h"
#include "diag/cost.h"

static const char usage[] =
    "usage: serialeye cost [OPTION]…\n\n"
    "What reading a million pictures costs on rented machines, and when one with a GPU pays. How\n"
    "fast one vCPU reads is measured here, on a drawn picture with all cores busy, unless it is\n"
    "given; how fast a GPU reads has to be given.\n\n"
    "  --cpu-rate N      pictures a second that one vCPU reads\n"
    "  --gpu-rate NAME=N pictures a second of a machine, or of all with that GPU: T4=120\n"
    "  --bench FILE      both, out of what \"serialeye bench --gpu --json\" printed\n"
    "  --prices FILE     machines and prices of your own beside those built in, an INI file:\n"
    "                      [g4dn.xlarge]\n"
    "                      cloud = AWS\n"
    "                      vcpus = 4\n"
    "                      gpu = T4\n"
    "                      price = 0.526\n"
    "                      date = 2025-10\n"
    "                      rate = 120\n"
    "                    price: an hour; rate: pictures a second, where it is known\n"
    "  --price NAME=X    price of one machine an hour\n"
    "  --json            one JSON object\n"
    "  --set NAME=VALUE  any setting, for the measurement\n"
    "  --config FILE     settings from an INI file\n"
    "  -h, --help        print this\n\n"
    "The prices built in are examples: on-demand list prices in US dollars of the month shown.\n"
    "\"pays from\": the pictures a second, and the part of the time in which there must be work,\n"
    "from which the machine costs less than the cheapest without a GPU at full use.\n";

static const struct command *const self = &command_cost;
enum { MAX_BENCH_BYTES = 1 << 20 };
static const double MEASURE_SECONDS = 2;

struct cost_request {
    struct cost_table table;
    double cpu_rate; /* of one vCPU; 0: not given */
    char origin[80]; /* of cpu_rate */
    bool json;
};

/* ---- command line --------------------------------------------------------------------------- */

/* "NAME=N"; the name is cut off in place. */
static bool split(char *text, double *number)
{
    char *equals = strrchr(text, '=');
    if (!equals || equals == text || !cost_parse_number(equals + 1, number))
        return false;
    *equals = '\0';
    return true;
}

static int take_pair(struct cost_request *request, int option, const char *argument)
{
    double number;
    se_error err;
    char *name = strdup(argument);
    if (!name || !split(name, &number)) {
        free(name);
        return cli_misuse(self, "%s takes NAME=NUMBER, the number above 0, not \"%.60s\"",
                          option == 'p' ? "--price" : "--gpu-rate", argument);
    }
    const int status = option == 'p' ? cost_set_price(&request->table, name, number, &err)
                                     : cost_set_rate(&request->table, name, number, &err);
    free(name);
    return status == SE_OK ? -1 : cli_fail(&err);
}

static int load_prices(struct cost_request *request, const char *path)
{
    struct file_map map;
    se_error err;
    int status = file_map_open(&map, path, &err);
    if (status == SE_OK) {
        status = cost_table_load(&request->table, (const char *)map.data, map.size, path, &err);
        file_map_close(&map);
    }
    return status == SE_OK ? -1 : cli_fail(&err);
}

/* Rates out of the object that `serialeye bench --gpu --json` prints. */
static int take_bench(struct cost_request *request, const json_t *all, const char *path)
{
    const json_t *pictures = json_object_get(all, "pictures");
    const double cpu =
        json_number_value(json_object_get(json_object_get(pictures, "cpu"), "pictures_per_s"));
    const double gpu =
        json_number_value(json_object_get(json_object_get(pictures, "gpu"), "pictures_per_s"));
    const char *name = json_string_value(json_object_get(all, "gpu"));
    const json_int_t jobs = json_integer_value(json_object_get(pictures, "jobs"));
    if (!(cpu > 0) || jobs < 1)
        return cli_misuse(self,
                          "--bench: %.200s is not what \"serialeye bench --gpu --json\" prints of "
                          "pictures",
                          path);
    request->cpu_rate = cpu / (double)jobs;
    snprintf(request->origin, sizeof(request->origin), "out of the file of --bench");
    for (size_t i = 0; i < request->table.count; i++) {
        struct cost_machine *machine = &request->table.machines[i];
        if (name && gpu > 0 && machine->rate == 0 && cost_is_gpu(machine, name))
            machine->rate = gpu;
    }
    return -1;
}

static int load_bench(struct cost_request *request, const char *path)
{
    struct file_map map;
    se_error err;
    json_error_t wrong;
    if (file_map_open(&map, path, &err) != SE_OK)
        return cli_fail(&err);
    json_t *all = map.size <= MAX_BENCH_BYTES
                      ? json_loadb((const char *)map.data, map.size, JSON_REJECT_DUPLICATES, &wrong)
                      : NULL;
    file_map_close(&map);
    const int status = take_bench(request, all, path);
    json_decref(all);
    return status;
}

static int take_cpu_rate(struct cost_request *request, const char *text)
{
    if (!cost_parse_number(text, &request->cpu_rate))
        return cli_misuse(self, "--cpu-rate takes a number above 0, not \"%.40s\"", text);
    snprintf(request->origin, sizeof(request->origin), "given");
    return -1;
}

static int take_option(struct cost_request *request, struct setting_options *settings, int option,
                       const char *argument)
{
    switch (option) {
    case 'c':
        return take_cpu_rate(request, argument);
    case 'g':
    case 'p':
        return take_pair(request, option, argument);
    case 'f':
        return load_prices(request, argument);
    case 'b':
        return load_bench(request, argument);
    case 'j':
        request->json = true;
        return -1;
    default:
        return setting_options_take(settings, self, NULL, option, argument);
    }
}

/* Options in the order given, but for --prices: it comes first, as the others name its machines. */
static int parse(int argc, char **argv, struct cost_request *request,
                 struct setting_options *settings)
{
    static const struct option long_options[] = {
        {"cpu-rate", required_argument, NULL, 'c'},
        {"gpu-rate", required_argument, NULL, 'g'},
        {"bench", required_argument, NULL, 'b'},
        {"prices", required_argument, NULL, 'f'},
        {"price", required_argument, NULL, 'p'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        SETTING_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    int status = -1;
    for (int pass = 0; pass < 2 && status < 0; pass++) {
        int option;
        optind = 1;
        while (status < 0 && (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
            if ((option == 'f') == (pass == 0) || option == '?')
                status = take_option(request, settings, option, optarg);
    }
    if (status < 0 && optind < argc)
        status = cli_misuse(self, "\"%.60s\" is one argument too many", argv[optind]);
    return status;
}

/* ---- measuring ------------------------------------------------------------------------------ */

static int measure(struct cost_request *request, se_settings *settings, se_error *err)
{
    struct buffer drawn;
    const struct bench_pictures pictures = {.items = &drawn, .count = 1};
    const int jobs = pool_default_threads();
    double rate;
    const se_cancel *cancel = interrupt_watch(err);
    if (!cancel)
        return SE_ERR_MEMORY;
    FORWARD_IF_ERROR(se_settings_set(settings, "use_gpu", "false", "cost", err));
    FORWARD_IF_ERROR(bench_make_picture(&drawn, err));
    const int status =
        bench_throughput(settings, &pictures, jobs, MEASURE_SECONDS, cancel, &rate, err);
    buffer_free(&drawn);
    FORWARD_IF_ERROR(status);
    RETURN_ERROR_IF(!(rate > 0), err, SE_ERR_LIMIT, "no picture was read in %g s: give --cpu-rate",
                    MEASURE_SECONDS);
    request->cpu_rate = rate / jobs;
    snprintf(request->origin, sizeof(request->origin), "measured here, a drawn picture");
    return SE_OK;
}

/* ---- output --------------------------------------------------------------------------------- */

static void print_row(const struct cost_machine *m)
{
    printf("%-17s %-7s %5d %-5s %9.4f %-8s", m->name, m->cloud, m->vcpus, m->gpu[0] ? m->gpu : "-",
           m->price, m->date);
    if (m->rate > 0)
        printf(" %10.1f %10.2f", m->rate, m->per_million);
    else
        printf(" %10s %10s", "?", "?");
    if (m->pays_from_rate > 0)
        printf(" %8.1f/s", m->pays_from_rate);
    if (m->pays_from_use > 1)
        printf("   never");
    else if (m->pays_from_use > 0)
        printf(" %5.1f %%", 100 * m->pays_from_use);
    putchar('\n');
}

static int print_plain(const struct cost_request *request)
{
    const struct cost_table *table = &request->table;
    printf("One vCPU: %.2f pictures/s (%s).\n\n", request->cpu_rate, request->origin);
    printf("%-17s %-7s %5s %-5s %9s %-8s %10s %10s %10s\n", "machine", "cloud", "vCPUs", "GPU",
           "price/h", "of", "pictures/s", "a million", "pays from");
    for (size_t i = 0; i < table->count; i++)
        print_row(&table->machines[i]);
    if (table->cheapest_cpu >= 0)
        printf("\nThe cheapest without a GPU: %s, %.2f a million pictures.\n",
               table->machines[table->cheapest_cpu].name,
               table->machines[table->cheapest_cpu].per_million);
    printf("Prices are examples of the month shown; --price and --prices change them.\n");
    return cli_flush_stdout();
}

static int print_json(const struct cost_request *request)
{
    const struct cost_table *table = &request->table;
    json_t *all = json_object(), *rows = json_array();
    int failed = json_object_set_new(all, "cpu_rate", json_real(request->cpu_rate));
    failed |= json_object_set_new(all, "cpu_rate_origin", json_string(request->origin));
    failed |= json_object_set_new(all, "cheapest_cpu",
                                  table->cheapest_cpu < 0
                                      ? json_null()
                                      : text_json(table->machines[table->cheapest_cpu].name));
    for (size_t i = 0; i < table->count; i++) {
        const struct cost_machine *m = &table->machines[i];
        json_t *one = json_object();
        failed |= json_object_set_new(one, "name", text_json(m->name));
        failed |= json_object_set_new(one, "cloud", text_json(m->cloud));
        failed |= json_object_set_new(one, "gpu", m->gpu[0] ? text_json(m->gpu) : json_null());
        failed |= json_object_set_new(one, "vcpus", json_integer(m->vcpus));
        failed |= json_object_set_new(one, "price", json_real(m->price));
        failed |= json_object_set_new(one, "date", text_json(m->date));
        if (m->rate > 0) {
            failed |= json_object_set_new(one, "pictures_per_s", json_real(m->rate));
            failed |= json_object_set_new(one, "per_million", json_real(m->per_million));
        }
        if (m->pays_from_rate > 0)
            failed |= json_object_set_new(one, "pays_from_rate", json_real(m->pays_from_rate));
        if (m->pays_from_use > 0)
            failed |= json_object_set_new(one, "pays_from_use", json_real(m->pays_from_use));
        failed |= json_array_append_new(rows, one);
    }
    failed |= json_object_set_new(all, "machines", rows);
    return text_print_json(all, failed);
}

static int work(struct cost_request *request, const struct setting_options *options)
{
    se_settings *settings = NULL;
    se_error err;
    int status = setting_options_apply(options, &settings, &err);
    if (status == SE_OK && request->cpu_rate == 0)
        status = measure(request, settings, &err);
    se_settings_free(settings);
    if (status != SE_OK)
        return cli_fail(&err);
    cost_set_cpu_rate(&request->table, request->cpu_rate);
    cost_work_out(&request->table);
    return request->json ? print_json(request) : print_plain(request);
}

static int run(int argc, char **argv)
{
    static struct cost_request request; /* too large for a stack */
    struct setting_options options;
    se_error err;
    request = (struct cost_request){.cpu_rate = 0};
    cost_table_init(&request.table);
    if (setting_options_init(&options, argc, &err) != SE_OK)
        return cli_fail(&err);
    int status = parse(argc, argv, &request, &options);
    if (status < 0)
        status = work(&request, &options);
    setting_options_free(&options);
    return status;
}

const struct command command_cost = {
    "cost", "says what a million pictures cost, and when a GPU pays", usage, run};
