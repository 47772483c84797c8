/*
 * serialeye read: reads the serial numbers on pictures.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "cli/interrupt.h"
#include "cli/picture_list.h"
#include "cli/read_device.h"
#include "cli/read_run.h"
#include "cli/resume.h"
#include "cli/setting_options.h"

static const char usage[] =
    "usage: serialeye read [OPTION]… FILE|DIR|-…\n\n"
    "Reads the serial numbers on photographs: JPEG, PNG, WebP, HEIC and AVIF files, all those in\n"
    "and below folders, or a picture on standard input (-). Prints, per picture and the likeliest\n"
    "first: the number, its kind, how sure it is.\n\n"
    "  --json            one JSON object a line and picture\n"
    "  --csv             one row a picture: file, text, kind, format, score, status, printed, "
    "error\n"
    "  --lines           all lines of text, too\n"
    "  --explain         the evidence for each reading, too: what its score is the sum of\n"
    "  --same-device     all pictures show one device: one answer out of all of them\n"
    "  --overlay OUT.png draw what was found over the picture (one picture only)\n"
    "  --out FILE        write there instead of to standard output\n"
    "  --resume          go on with the file of --out: skip the pictures that are in it\n"
    "  --jobs N          pictures side by side; 0: as many as the machine grants\n"
    "  --threads N       threads for one picture; 0: as suits\n"
    "  --no-barcodes     do not read barcodes\n"
    "  --time-limit MS   milliseconds for one picture; 0: none\n"
    "  --backend NAME    cpu, or ref: slow plain C\n"
    "  --pattern P       what the serial number looks like, for one '[A-Z]{2}[0-9]{8}'\n"
    "  --known FILE      serial numbers that there are, one a line\n"
    "  --preset NAME     what kind of picture it is: etched, etched-dark, etched-light, sticker,\n"
    "                    sticker-damaged, screen, screen-glare, or auto\n"
    "  --set NAME=VALUE  any setting; \"serialeye config\" lists them\n"
    "  --config FILE     settings from an INI file\n"
    "  -h, --help        print this\n\n"
    "Exit status: 0 all pictures were read, also when no serial number was found; 1 some failed;\n"
    "2 wrong use or settings.\n";

/* Options that stand for settings; getopt's value is OPTION_SHORT_FORM + the row. */
static const struct short_form short_forms[] = {
    {"--jobs", "jobs", NULL},
    {"--threads", "threads", NULL},
    {"--no-barcodes", "barcodes", "false"},
    {"--time-limit", "time_limit_ms", NULL},
    {"--backend", "backend", NULL},
    {"--pattern", "pattern", NULL},
    {"--known", "known", NULL},
    {"--preset", "preset", NULL},
};

struct read_request {
    enum outcome_format format;
    bool json, csv, lines, explain, resume, same_device;
    const char *out, *overlay;
    char **arguments;
    int argument_count;
    se_settings *settings;
};

/* ---- command line --------------------------------------------------------------------------- */

static int check_request(const struct read_request *request)
{
    const struct command *self = &command_read;
    int inputs = 0;
    if (request->argument_count == 0)
        return cli_misuse(self, "no picture was named");
    if (request->json && request->csv)
        return cli_misuse(self, "--json and --csv exclude each other");
    if (request->csv && request->explain)
        return cli_misuse(self, "--csv has no room for --explain");
    if (request->csv && request->lines)
        return cli_misuse(self, "--csv has no room for --lines");
    if (request->resume && !request->out)
        return cli_misuse(self, "--resume goes on with the file of --out: name one");
    if (request->resume && !request->json && !request->csv)
        return cli_misuse(self, "--resume needs --json or --csv");
    if (request->same_device && (request->csv || request->lines || request->resume))
        return cli_misuse(self, "--same-device gives one answer, plain or as --json: not with "
                                "--csv, --lines or --resume");
    if (request->same_device && request->overlay)
        return cli_misuse(self, "--overlay draws over one picture: not with --same-device");
    for (int i = 0; i < request->argument_count; i++)
        inputs += strcmp(request->arguments[i], "-") == 0;
    if (inputs > 1)
        return cli_misuse(self, "standard input can be read once only");
    return -1;
}

/* Takes one option; -1 to go on, else the exit status. */
static int take_option(struct read_request *request, struct setting_options *settings, int option,
                       char *argument)
{
    switch (option) {
    case 'j':
        request->json = true;
        return -1;
    case 'c':
        request->csv = true;
        return -1;
    case 'l':
        request->lines = true;
        return -1;
    case 'e':
        request->explain = true;
        return -1;
    case 'r':
        request->resume = true;
        return -1;
    case 's':
        request->same_device = true;
        return -1;
    case 'o':
        request->out = argument;
        return -1;
    case 'O':
        request->overlay = argument;
        return -1;
    default:
        return setting_options_take(settings, &command_read, short_forms, option, argument);
    }
}

static int parse(int argc, char **argv, struct read_request *request,
                 struct setting_options *settings)
{
    static const struct option long_options[] = {
        {"json", no_argument, NULL, 'j'},
        {"csv", no_argument, NULL, 'c'},
        {"lines", no_argument, NULL, 'l'},
        {"explain", no_argument, NULL, 'e'},
        {"overlay", required_argument, NULL, 'O'},
        {"out", required_argument, NULL, 'o'},
        {"resume", no_argument, NULL, 'r'},
        {"same-device", no_argument, NULL, 's'},
        {"jobs", required_argument, NULL, OPTION_SHORT_FORM},
        {"threads", required_argument, NULL, OPTION_SHORT_FORM + 1},
        {"no-barcodes", no_argument, NULL, OPTION_SHORT_FORM + 2},
        {"time-limit", required_argument, NULL, OPTION_SHORT_FORM + 3},
        {"backend", required_argument, NULL, OPTION_SHORT_FORM + 4},
        {"pattern", required_argument, NULL, OPTION_SHORT_FORM + 5},
        {"known", required_argument, NULL, OPTION_SHORT_FORM + 6},
        {"preset", required_argument, NULL, OPTION_SHORT_FORM + 7},
        {"help", no_argument, NULL, 'h'},
        SETTING_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    int option, status = -1;
    while (status < 0 && (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
        status = take_option(request, settings, option, optarg);
    request->arguments = argv + optind;
    request->argument_count = argc - optind;
    request->format = request->json ? OUTCOME_JSON : request->csv ? OUTCOME_CSV : OUTCOME_PLAIN;
    if (status < 0)
        status = check_request(request);
    se_error err;
    if (status < 0 && setting_options_apply(settings, &request->settings, &err) != SE_OK)
        status = cli_fail(&err);
    return status;
}

/* ---- pictures ------------------------------------------------------------------------------- */

static int list_pictures(const struct read_request *request, struct picture_list *list,
                         se_error *err)
{
    for (int i = 0; i < request->argument_count; i++) {
        const size_t before = list->count;
        FORWARD_IF_ERROR(picture_list_add(list, request->arguments[i], err));
        if (list->count == before)
            fprintf(stderr, "serialeye: %s: no pictures in it\n", request->arguments[i]);
    }
    return SE_OK;
}

/* Takes the pictures out that an earlier run has written about. */
static void drop_done(struct picture_list *list, const struct resume_names *done)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (resume_has(done, list->entries[i].path))
            free(list->entries[i].path);
        else
            list->entries[kept++] = list->entries[i];
    }
    list->count = kept;
}

/* The file that outcomes go to, an earlier run's cut last line taken off it. */
static int open_out(const struct read_request *request, const struct resume_names *done, FILE **out,
                    se_error *err)
{
    *out = stdout;
    if (request->out) {
        *out = fopen(request->out, request->resume ? "abe" : "wbe");
        RETURN_ERROR_IF(!*out, err, SE_ERR_IO, "%s: %s", request->out, strerror(errno));
        if (request->resume && ftruncate(fileno(*out), (off_t)done->end) != 0) {
            fclose(*out);
            return se_fail(err, SE_ERR_IO, "%s: %s", request->out, strerror(errno));
        }
    }
    if (request->format == OUTCOME_CSV && done->end == 0)
        fputs(outcome_csv_header, *out);
    return SE_OK;
}

/* ---- run ------------------------------------------------------------------------------------ */

static int report(const struct read_counts *counts, size_t count)
{
    if (counts->interrupted)
        fprintf(stderr, "serialeye: interrupted after %zu of %zu pictures\n", counts->read, count);
    else if (counts->failed > 0 && count > 1)
        fprintf(stderr, "serialeye: %zu of %zu pictures failed\n", counts->failed, count);
    return counts->interrupted || counts->failed ? STATUS_SOME_FAILED : STATUS_ALL_DONE;
}

static int read_list(const struct read_request *request, const struct picture_list *list, FILE *out)
{
    se_error err;
    struct read_counts counts;
    struct read_job job = {
        .pictures = list,
        .style = {request->format, request->argument_count > 1 || list->searched, request->lines,
                  request->explain},
        .lines = request->lines,
        .explain = request->explain,
        .out = out,
        .out_name = request->out ? request->out : "standard output",
        .show_progress =
            list->count > 1 && isatty(STDERR_FILENO) && (request->out || !isatty(STDOUT_FILENO)),
        .settings = request->settings,
        .overlay = request->overlay,
    };
    if (setting_settle_jobs(request->settings, list->count, &job.jobs, &err) != SE_OK)
        return cli_fail(&err);
    job.cancel = interrupt_watch(&err);
    if (!job.cancel || se_open(&job.reader, request->settings, &err) != SE_OK)
        return cli_fail(&err);
    const int status =
        request->same_device ? read_device(&job, &counts, &err) : read_run(&job, &counts, &err);
    se_close(job.reader);
    if (status == SE_OK)
        return report(&counts, list->count);
    cli_fail(&err);
    return STATUS_SOME_FAILED;
}

static int close_out(const struct read_request *request, FILE *out, int status)
{
    if (out == stdout) {
        const int flushed = cli_flush_stdout();
        return status == STATUS_ALL_DONE ? flushed : status;
    }
    if (fclose(out) == 0)
        return status;
    fprintf(stderr, "serialeye: %s: %s\n", request->out, strerror(errno));
    return status == STATUS_ALL_DONE ? STATUS_SOME_FAILED : status;
}

static int read_request_run(const struct read_request *request)
{
    struct picture_list list = {.entries = NULL};
    struct resume_names done = {.names = NULL};
    se_error err;
    FILE *out = NULL;
    int status = -1;
    if (request->resume && resume_read(&done, request->out, request->format, &err) != SE_OK)
        status = cli_fail(&err);
    if (status < 0 && list_pictures(request, &list, &err) != SE_OK)
        status = cli_fail(&err);
    if (status < 0 && request->overlay && list.count != 1)
        status = cli_misuse(&command_read, "--overlay takes one picture, not %zu", list.count);
    if (status < 0) {
        drop_done(&list, &done);
        if (open_out(request, &done, &out, &err) != SE_OK)
            status = cli_fail(&err);
    }
    if (status < 0) {
        status = list.count > 0 ? read_list(request, &list, out) : STATUS_ALL_DONE;
        status = close_out(request, out, status);
    }
    resume_free(&done);
    picture_list_free(&list);
    return status;
}

static int run(int argc, char **argv)
{
    struct read_request request = {.format = OUTCOME_PLAIN};
    struct setting_options settings;
    se_error err;
    if (setting_options_init(&settings, argc, &err) != SE_OK)
        return cli_fail(&err);
    int status = parse(argc, argv, &request, &settings);
    if (status < 0)
        status = read_request_run(&request);
    se_settings_free(request.settings);
    setting_options_free(&settings);
    return status;
}

const struct command command_read = {"read", "reads the serial numbers on pictures", usage, run};
