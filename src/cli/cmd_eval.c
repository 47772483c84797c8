/*
 * serialeye eval: reads pictures whose truth is known and says how well that went.
 */
#define _GNU_SOURCE
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/setting_options.h"
#include "cli/text.h"
#include "diag/evaluate.h"
#include "diag/report_page.h"

static const char usage[] =
    "usage: serialeye eval [OPTION]… TABLE.tsv\n\n"
    "Reads the pictures of a table and compares what it read with what the table says: values "
    "with\n"
    "tabs between, the first line naming the columns. \"file\", below the table's folder, and\n"
    "\"serial\" must be among them: the right answer, \"|\" between accepted forms, \"-\" where "
    "there\n"
    "is no single one, \"none\" where there is no serial number. \"kind\" gives figures apart,\n"
    "\"codes\" (\"|\" between) are looked for in all lines of text.\n\n"
    "  --html FILE       a page that shows the misses, the pictures inside it\n"
    "  --json            one JSON object\n"
    "  --no-codes        serial numbers alone: each picture is read once, not twice\n"
    "  --jobs N          pictures side by side; 0: as many as the machine grants\n"
    "  --threads N       threads for one picture; 0: as suits\n"
    "  --no-barcodes     do not read barcodes\n"
    "  --time-limit MS   milliseconds for one picture; 0: none\n"
    "  --set NAME=VALUE  any setting; \"serialeye config\" lists them\n"
    "  --config FILE     settings from an INI file\n"
    "  -h, --help        print this\n\n"
    "Letters and digits alone are compared, in upper case. Serial: the first reading is right. "
    "Sure:\n"
    "it is called sure. Wrong: called sure and not on the device. Exit status 1 when pictures "
    "failed.\n";

static const struct short_form short_forms[] = {
    {"--jobs", "jobs", NULL},
    {"--threads", "threads", NULL},
    {"--no-barcodes", "barcodes", "false"},
    {"--time-limit", "time_limit_ms", NULL},
};

struct eval_request {
    const char *html, *table;
    bool json, no_codes;
    se_settings *settings;
    int jobs;
};

static const struct command *const self = &command_eval;

/* ---- text ----------------------------------------------------------------------------------- */

static void print_part(const char *name, size_t part, size_t all)
{
    if (all > 0)
        printf("%s %zu/%zu (%.1f %%)  ", name, part, all, 100.0 * (double)part / (double)all);
    else
        printf("%s -  ", name);
}

static void print_counts(const struct eval_counts *counts)
{
    print_part("codes", counts->codes_found, counts->codes_total);
    print_part("serial", counts->right, counts->asked);
    if (counts->has_status)
        print_part("sure", counts->sure, counts->asked);
    else
        printf("sure: not calibrated  ");
    printf("wrong %zu", counts->wrong);
    if (!isnan(counts->ms_median))
        printf("  ms median %.0f mean %.0f", counts->ms_median, counts->ms_mean);
    if (counts->failed > 0)
        printf("  failed %zu", counts->failed);
    putchar('\n');
}

static int print_kinds(const struct eval *eval, se_error *err)
{
    struct eval_counts counts;
    const char *kind = NULL;
    while ((kind = eval_next_kind(eval, kind))) {
        FORWARD_IF_ERROR(eval_count(eval, kind, &counts, err));
        char *clean = text_printable(kind);
        if (!clean)
            return se_fail_memory(err, "the name of a kind", strlen(kind));
        printf("  %-17s %3zu  codes %zu/%zu  serial %zu/%zu  wrong %zu\n", clean, counts.pictures,
               counts.codes_found, counts.codes_total, counts.right, counts.asked, counts.wrong);
        free(clean);
    }
    return SE_OK;
}

static void print_confusions(const struct confusions *confusions)
{
    enum { MOST = 20 };
    struct confusion pair;
    if (!confusion_at(confusions, 0, &pair))
        return;
    printf("\nread as another, truth → read (%zu texts compared, %zu too far apart):\n ",
           confusions->compared, confusions->apart);
    for (size_t rank = 0; rank < MOST && confusion_at(confusions, rank, &pair); rank++)
        printf("  %s→%s %u", *pair.truth ? pair.truth : "nothing",
               *pair.read ? pair.read : "nothing", pair.count);
    putchar('\n');
}

static void print_reliability(const struct reliability *reliability)
{
    printf("\nscore            pictures    mean   right\n");
    for (int b = 0; b < RELIABILITY_BINS; b++)
        if (reliability->bins[b].count > 0)
            printf("%.3f to %.3f   %8zu   %.3f   %.3f\n", reliability->bins[b].from,
                   reliability->bins[b].to, reliability->bins[b].count, reliability->bins[b].mean,
                   (double)reliability->bins[b].right / (double)reliability->bins[b].count);
    printf("expected calibration error %.1f %%\n", 100 * reliability->error);
}

static void print_words(const char *what, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        printf("%s %s", i ? "" : what, words[i]);
}

static int print_misses(const struct eval *eval, se_error *err)
{
    bool first = true;
    for (size_t i = 0; i < eval->count; i++) {
        const struct eval_row *row = &eval->rows[i];
        const struct score *score = &row->score;
        const bool failed = row->error.code != SE_OK;
        if (!failed && !eval_is_miss(row))
            continue;
        char *file = text_printable(row->truth->file), *serial = text_printable(row->truth->serial);
        if (file && serial) {
            printf("%s  %s:", first ? "\n" : "", file);
            if (score->asked && !score->right)
                printf(" serial %s, read %s;", serial, *score->best ? score->best : "nothing");
            print_words(" not found:", score->lost, score->lost_count);
            print_words(" sure and wrong:", score->wrong, score->wrong_count);
            printf("%s%s\n", failed ? " failed: " : "",
                   failed ? se_status_name(row->error.code) : "");
            first = false;
        }
        const bool whole = file && serial;
        free(file);
        free(serial);
        if (!whole)
            return se_fail_memory(err, "a name", 0);
    }
    return SE_OK;
}

static int print_plain(const struct eval *eval, se_error *err)
{
    struct eval_counts all;
    FORWARD_IF_ERROR(eval_count(eval, NULL, &all, err));
    print_counts(&all);
    FORWARD_IF_ERROR(print_kinds(eval, err));
    if (all.has_status) {
        struct reliability reliability;
        eval_reliability(eval, &reliability);
        print_reliability(&reliability);
    }
    print_confusions(&eval->confusions);
    return print_misses(eval, err);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *size_json(size_t value)
{
    return json_integer((json_int_t)value);
}

static int set_counts(json_t *to, const struct eval_counts *counts)
{
    int failed = json_object_set_new(to, "pictures", size_json(counts->pictures));
    failed |= json_object_set_new(to, "failed", size_json(counts->failed));
    failed |= json_object_set_new(to, "codes_found", size_json(counts->codes_found));
    failed |= json_object_set_new(to, "codes", size_json(counts->codes_total));
    failed |= json_object_set_new(to, "serial_right", size_json(counts->right));
    failed |= json_object_set_new(to, "serial", size_json(counts->asked));
    failed |=
        json_object_set_new(to, "sure", counts->has_status ? size_json(counts->sure) : json_null());
    failed |= json_object_set_new(to, "wrong", size_json(counts->wrong));
    if (!isnan(counts->ms_median)) {
        failed |= json_object_set_new(to, "ms_median", json_real(counts->ms_median));
        failed |= json_object_set_new(to, "ms_mean", json_real(counts->ms_mean));
    }
    return failed;
}

static json_t *kinds_json(const struct eval *eval, int *failed, se_error *err)
{
    json_t *kinds = json_array();
    const char *kind = NULL;
    while (!*failed && (kind = eval_next_kind(eval, kind))) {
        struct eval_counts counts;
        json_t *one = json_object();
        *failed |= eval_count(eval, kind, &counts, err) != SE_OK;
        *failed |= json_object_set_new(one, "kind", text_json(kind));
        *failed |= set_counts(one, &counts);
        *failed |= json_array_append_new(kinds, one);
    }
    return kinds;
}

static json_t *confusions_json(const struct eval *eval, int *failed)
{
    json_t *pairs = json_array();
    struct confusion pair;
    for (size_t rank = 0; !*failed && confusion_at(&eval->confusions, rank, &pair); rank++) {
        json_t *one = json_object();
        *failed |= json_object_set_new(one, "truth", json_string(pair.truth));
        *failed |= json_object_set_new(one, "read", json_string(pair.read));
        *failed |= json_object_set_new(one, "count", json_integer(pair.count));
        *failed |= json_array_append_new(pairs, one);
    }
    return pairs;
}

static json_t *reliability_json(const struct eval *eval, int *failed)
{
    struct reliability reliability;
    json_t *all = json_object(), *bins = json_array();
    eval_reliability(eval, &reliability);
    for (int b = 0; b < RELIABILITY_BINS; b++) {
        json_t *one = json_object();
        *failed |= json_object_set_new(one, "from", json_real(reliability.bins[b].from));
        *failed |= json_object_set_new(one, "to", json_real(reliability.bins[b].to));
        *failed |= json_object_set_new(one, "mean", json_real(reliability.bins[b].mean));
        *failed |= json_object_set_new(one, "pictures", size_json(reliability.bins[b].count));
        *failed |= json_object_set_new(one, "right", size_json(reliability.bins[b].right));
        *failed |= json_array_append_new(bins, one);
    }
    *failed |= json_object_set_new(all, "bins", bins);
    *failed |= json_object_set_new(all, "expected_calibration_error", json_real(reliability.error));
    return all;
}

static json_t *words_json(const char *const *words, size_t count, int *failed)
{
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++)
        *failed |= json_array_append_new(all, json_string(words[i]));
    return all;
}

static json_t *misses_json(const struct eval *eval, int *failed)
{
    json_t *misses = json_array();
    for (size_t i = 0; i < eval->count; i++) {
        const struct eval_row *row = &eval->rows[i];
        const struct score *score = &row->score;
        if (row->error.code == SE_OK && !eval_is_miss(row))
            continue;
        json_t *one = json_object();
        *failed |= json_object_set_new(one, "file", text_json(row->truth->file));
        *failed |= json_object_set_new(one, "serial", text_json(row->truth->serial));
        *failed |= json_object_set_new(one, "read", json_string(score->best));
        *failed |= json_object_set_new(one, "right", json_boolean(!score->asked || score->right));
        *failed |= json_object_set_new(one, "not_found",
                                       words_json(score->lost, score->lost_count, failed));
        *failed |=
            json_object_set_new(one, "wrong", words_json(score->wrong, score->wrong_count, failed));
        if (row->error.code != SE_OK)
            *failed |= json_object_set_new(one, "error", text_json(row->error.message));
        *failed |= json_array_append_new(misses, one);
    }
    return misses;
}

static int print_json(const struct eval_request *request, const struct eval *eval, se_error *err)
{
    struct eval_counts counts;
    FORWARD_IF_ERROR(eval_count(eval, NULL, &counts, err));
    json_t *all = json_object();
    int failed = json_object_set_new(all, "table", text_json(request->table));
    failed |= json_object_set_new(all, "jobs", json_integer(request->jobs));
    failed |= set_counts(all, &counts);
    failed |= json_object_set_new(all, "kinds", kinds_json(eval, &failed, err));
    failed |= json_object_set_new(all, "confusions", confusions_json(eval, &failed));
    failed |= json_object_set_new(
        all, "reliability", counts.has_status ? reliability_json(eval, &failed) : json_null());
    failed |= json_object_set_new(all, "misses", misses_json(eval, &failed));
    if (text_print_json(all, failed) != STATUS_ALL_DONE)
        return se_fail(err, SE_ERR_IO, "the answer could not be printed");
    return SE_OK;
}

/* ---- run ------------------------------------------------------------------------------------ */

static int report(const struct eval_request *request, const struct eval *eval)
{
    se_error err;
    struct eval_counts counts;
    int status =
        request->html ? report_page_write(eval, request->settings, request->html, &err) : SE_OK;
    if (status == SE_OK)
        status = request->json ? print_json(request, eval, &err) : print_plain(eval, &err);
    if (status == SE_OK)
        status = eval_count(eval, NULL, &counts, &err);
    if (status != SE_OK) {
        cli_fail(&err);
        return STATUS_SOME_FAILED;
    }
    const int flushed = cli_flush_stdout();
    return counts.failed > 0 ? STATUS_SOME_FAILED : flushed;
}

static int evaluate(struct eval_request *request, const struct truth *truth)
{
    struct eval eval;
    se_error err;
    struct eval_options options = {
        .codes = truth->has_codes && !request->no_codes,
        .keep_results = request->html != NULL,
        .progress = progress_wanted() ? progress_show : NULL,
        .cancel = interrupt_watch(&err),
    };
    int status = options.cancel
                     ? setting_settle_jobs(request->settings, truth->count, &request->jobs, &err)
                     : SE_ERR_MEMORY;
    options.jobs = request->jobs;
    if (status == SE_OK)
        status = eval_run(truth, request->settings, &options, &eval, &err);
    if (status == SE_ERR_CANCELLED) {
        fputs("serialeye: interrupted\n", stderr);
        return STATUS_SOME_FAILED;
    }
    if (status != SE_OK)
        return cli_fail(&err);
    status = report(request, &eval);
    eval_free(&eval);
    return status;
}

static int take_option(struct eval_request *request, struct setting_options *settings, int option,
                       const char *argument)
{
    switch (option) {
    case 'm':
        request->html = argument;
        return -1;
    case 'j':
        request->json = true;
        return -1;
    case 'n':
        request->no_codes = true;
        return -1;
    default:
        return setting_options_take(settings, self, short_forms, option, argument);
    }
}

static int parse(int argc, char **argv, struct eval_request *request,
                 struct setting_options *settings)
{
    static const struct option long_options[] = {
        {"html", required_argument, NULL, 'm'},
        {"json", no_argument, NULL, 'j'},
        {"no-codes", no_argument, NULL, 'n'},
        {"jobs", required_argument, NULL, OPTION_SHORT_FORM},
        {"threads", required_argument, NULL, OPTION_SHORT_FORM + 1},
        {"no-barcodes", no_argument, NULL, OPTION_SHORT_FORM + 2},
        {"time-limit", required_argument, NULL, OPTION_SHORT_FORM + 3},
        {"help", no_argument, NULL, 'h'},
        SETTING_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    int option, status = -1;
    while (status < 0 && (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
        status = take_option(request, settings, option, optarg);
    if (status < 0 && argc - optind != 1)
        status = cli_misuse(self, "takes one table");
    if (status < 0)
        request->table = argv[optind];
    se_error err;
    if (status < 0 && setting_options_apply(settings, &request->settings, &err) != SE_OK)
        status = cli_fail(&err);
    return status;
}

static int run(int argc, char **argv)
{
    struct eval_request request = {.html = NULL};
    struct setting_options settings;
    struct truth truth;
    se_error err;
    if (setting_options_init(&settings, argc, &err) != SE_OK)
        return cli_fail(&err);
    int status = parse(argc, argv, &request, &settings);
    if (status < 0 && truth_load(&truth, request.table, &err) != SE_OK) {
        status = cli_fail(&err);
    } else if (status < 0) {
        status = evaluate(&request, &truth);
        truth_free(&truth);
    }
    se_settings_free(request.settings);
    setting_options_free(&settings);
    return status;
}

const struct command command_eval = {"eval", "scores readings against what is known", usage, run};
