/*
 * serialeye doctor: what this machine offers and what is amiss.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/plain_command.h"
#include "cli/text.h"
#include "diag/doctor.h"

static const char usage[] =
    "usage: serialeye doctor [--gpu] [--json] [--config FILE] [--set NAME=VALUE]…\n\n"
    "Says what the machine offers, whether the models and libraries are in order, what will be\n"
    "used and why. Exit status 1 when pictures cannot be read.\n\n"
    "  --gpu             the GPU alone, and exit status 1 when it cannot be used\n"
    "  --json            one JSON object\n"
    "  --config FILE     settings from an INI file\n"
    "  --set NAME=VALUE  any setting\n"
    "  -h, --help        print this\n";

/* --gpu was given. The rest of the options is what every plain command has. */
static bool gpu_alone;

static bool is_shown(const struct doctor_finding *finding)
{
    return !gpu_alone || strcmp(finding->topic, "gpu") == 0 || strcmp(finding->topic, "use") == 0 ||
           finding->state == DOCTOR_FAULT;
}

static int print_plain(const struct doctor_report *report)
{
    const char *topic = "";
    for (size_t i = 0; i < report->count; i++) {
        const struct doctor_finding *finding = &report->findings[i];
        if (!is_shown(finding))
            continue;
        if (strcmp(topic, finding->topic) != 0)
            printf("%s%s\n", *topic ? "\n" : "", finding->topic);
        topic = finding->topic;
        printf("  %-17s %s%s\n", finding->name, finding->state == DOCTOR_FAULT ? "FAULT: " : "",
               finding->value);
    }
    return cli_flush_stdout();
}

static int print_json(const struct doctor_report *report)
{
    json_t *all = json_object();
    json_t *findings = json_array();
    int failed = json_object_set_new(all, "ok", json_boolean(!doctor_has_fault(report)));
    for (size_t i = 0; i < report->count; i++) {
        const struct doctor_finding *finding = &report->findings[i];
        if (!is_shown(finding))
            continue;
        json_t *one = json_object();
        failed |= json_object_set_new(one, "topic", json_string(finding->topic));
        failed |= json_object_set_new(one, "name", json_string(finding->name));
        failed |= json_object_set_new(one, "state", json_string(doctor_state_name(finding->state)));
        failed |= json_object_set_new(one, "value", text_json(finding->value));
        failed |= json_array_append_new(findings, one);
    }
    failed |= json_object_set_new(all, "findings", findings);
    return text_print_json(all, failed);
}

static int examine(const se_settings *settings, bool json)
{
    struct doctor_report report;
    se_error err;
    if (doctor_examine(settings, "", gpu_alone, &report, &err) != SE_OK)
        return cli_fail(&err);
    int status = json ? print_json(&report) : print_plain(&report);
    if (status == STATUS_ALL_DONE && doctor_has_fault(&report))
        status = STATUS_SOME_FAILED;
    doctor_free(&report);
    return status;
}

static int run(int argc, char **argv)
{
    int kept = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--gpu") == 0)
            gpu_alone = true;
        else
            argv[kept++] = argv[i];
    }
    argc = kept;
    argv[argc] = NULL;
    return plain_command_run(&command_doctor, argc, argv, examine);
}

const struct command command_doctor = {"doctor", "says whether all is in order", usage, run};
