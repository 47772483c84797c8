/*
 * serialeye models: fetches, verifies and lists the model files.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/interrupt.h"
#include "cli/setting_options.h"
#include "cli/text.h"
#include "diag/model_check.h"
#include "diag/model_fetch.h"

static const char usage[] =
    "usage: serialeye models fetch [--force]\n"
    "       serialeye models verify\n"
    "       serialeye models list [--json]\n\n"
    "fetch   downloads the wheel rapidocr 3.10.0 with pip, checks its SHA-256 and installs the\n"
    "        networks out of it; does nothing when they are in place. Nothing is ever downloaded\n"
    "        while pictures are read\n"
    "verify  checks the SHA-256 of the installed files; exit status 1 when one is not right\n"
    "list    prints name, state, size, SHA-256 and path\n\n"
    "  --force           fetch: also when they are in place\n"
    "  --json            list: one JSON object\n"
    "  --set models=DIR  the folder, instead of ~/.local/share/serialeye/models\n"
    "  --set NAME=VALUE, --config FILE\n"
    "  -h, --help        print this\n";

struct models_request {
    const char *action;
    bool json, force;
    const se_settings *settings;
};

/* Reports of all networks; SE_ERR_MEMORY leaves none to free. */
static int make_reports(const se_settings *settings, struct model_report reports[MODEL_COUNT],
                        se_error *err)
{
    for (int i = 0; i < MODEL_COUNT; i++) {
        const int status = model_report_make(settings, i, &reports[i], err);
        if (status != SE_OK) {
            while (i-- > 0)
                model_report_free(&reports[i]);
            return status;
        }
    }
    return SE_OK;
}

static void free_reports(struct model_report reports[MODEL_COUNT])
{
    for (int i = 0; i < MODEL_COUNT; i++)
        model_report_free(&reports[i]);
}

/* Counts what is wrong, and says it on stderr when `loud`. */
static int count_faults(const struct model_report reports[MODEL_COUNT], bool loud)
{
    int faults = 0;
    for (int i = 0; i < MODEL_COUNT; i++) {
        if (reports[i].message[0] == '\0')
            continue;
        faults++;
        if (loud)
            fprintf(stderr, "serialeye: %s: %s\n", reports[i].file->what, reports[i].message);
    }
    return faults;
}

static int fetch(const struct models_request *request)
{
    struct model_report reports[MODEL_COUNT];
    se_error err;
    if (make_reports(request->settings, reports, &err) != SE_OK)
        return cli_fail(&err);
    const bool in_place = count_faults(reports, false) == 0;
    free_reports(reports);
    if (in_place && !request->force) {
        puts("The models are in place.");
        return cli_flush_stdout();
    }
    char *folder;
    if (model_fetch_folder(request->settings, &folder, &err) != SE_OK)
        return cli_fail(&err);
    const se_cancel *cancel = interrupt_watch(&err);
    int status = cancel ? SE_OK : SE_ERR_MEMORY;
    if (cancel)
        status = model_fetch(&model_source, folder, cancel, &err);
    if (status == SE_OK)
        printf("Installed into %s:\n", folder);
    for (int i = 0; i < MODEL_FILE_COUNT && status == SE_OK; i++)
        printf("  %s\n", model_files[i].name);
    free(folder);
    if (status == SE_OK)
        return cli_flush_stdout();
    cli_fail(&err);
    return STATUS_SOME_FAILED;
}

static int verify(const struct models_request *request)
{
    struct model_report reports[MODEL_COUNT];
    se_error err;
    if (make_reports(request->settings, reports, &err) != SE_OK)
        return cli_fail(&err);
    const int faults = count_faults(reports, true);
    for (int i = 0; i < MODEL_COUNT; i++)
        if (reports[i].message[0] == '\0')
            printf("%s: %s\n", reports[i].path,
                   reports[i].state == MODEL_STATE_OWN ? "set by hand, not verified" : "ok");
    free_reports(reports);
    const int status = cli_flush_stdout();
    return faults ? STATUS_SOME_FAILED : status;
}

static json_t *report_json(const struct model_report *report)
{
    json_t *one = json_object();
    int failed = json_object_set_new(one, "name", json_string(report->file->name));
    failed |= json_object_set_new(one, "what", json_string(report->file->what));
    failed |= json_object_set_new(one, "state", json_string(model_state_name(report->state)));
    if (report->path)
        failed |= json_object_set_new(one, "path", text_json(report->path));
    if (report->sha256[0]) {
        failed |= json_object_set_new(one, "size", json_integer((json_int_t)report->size));
        failed |= json_object_set_new(one, "sha256", json_string(report->sha256));
    }
    failed |=
        json_object_set_new(one, "expected_size", json_integer((json_int_t)report->file->size));
    failed |= json_object_set_new(one, "expected_sha256", json_string(report->file->sha256));
    if (report->message[0])
        failed |= json_object_set_new(one, "message", text_json(report->message));
    if (!failed)
        return one;
    json_decref(one);
    return NULL;
}

static int list_json(const struct model_report reports[MODEL_COUNT])
{
    json_t *all = json_object();
    json_t *models = json_array();
    int failed = !models;
    for (int i = 0; i < MODEL_COUNT; i++)
        failed |= json_array_append_new(models, report_json(&reports[i]));
    failed |= json_object_set_new(all, "source", json_string(model_source.requirement));
    failed |= json_object_set_new(all, "source_sha256", json_string(model_source.sha256));
    failed |= json_object_set_new(all, "models", models);
    return text_print_json(all, failed);
}

static int list(const struct models_request *request)
{
    struct model_report reports[MODEL_COUNT];
    se_error err;
    if (make_reports(request->settings, reports, &err) != SE_OK)
        return cli_fail(&err);
    int status;
    if (request->json) {
        status = list_json(reports);
    } else {
        for (int i = 0; i < MODEL_COUNT; i++) {
            const struct model_report *report = &reports[i];
            printf("%s (%s): %s\n", report->file->name, report->file->what,
                   model_state_name(report->state));
            if (report->path)
                printf("  %s\n", report->path);
            if (report->sha256[0])
                printf("  %" PRIu64 " bytes, SHA-256 %s\n", report->size, report->sha256);
            if (report->message[0])
                printf("  %s\n", report->message);
        }
        status = cli_flush_stdout();
    }
    free_reports(reports);
    return status;
}

static int act(const struct models_request *request)
{
    static const struct {
        const char *name;
        int (*run)(const struct models_request *request);
    } actions[] = {{"fetch", fetch}, {"verify", verify}, {"list", list}};
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        if (strcmp(actions[i].name, request->action) == 0)
            return actions[i].run(request);
    return cli_misuse(&command_models, "\"%s\" is none of fetch, verify, list", request->action);
}

static int run(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"json", no_argument, NULL, 'j'},
        {"force", no_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},
        SETTING_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    struct models_request request = {NULL, false, false, NULL};
    struct setting_options options;
    se_error err;
    if (setting_options_init(&options, argc, &err) != SE_OK)
        return cli_fail(&err);
    int option, status = -1;
    while (status < 0 && (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (option == 'j')
            request.json = true;
        else if (option == 'f')
            request.force = true;
        else
            status = setting_options_take(&options, &command_models, NULL, option, optarg);
    }
    if (status < 0 && argc - optind != 1)
        status = cli_misuse(&command_models, "takes one of fetch, verify, list");
    se_settings *settings = NULL;
    if (status < 0 && setting_options_apply(&options, &settings, &err) != SE_OK)
        status = cli_fail(&err);
    if (status < 0) {
        request.action = argv[optind];
        request.settings = settings;
        status = act(&request);
    }
    se_settings_free(settings);
    setting_options_free(&options);
    return status;
}

const struct command command_models = {"models", "fetches and checks the model files", usage, run};
