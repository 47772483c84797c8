#define _GNU_SOURCE
#include "diag/doctor.h"

#include <ini.h>
#include <jansson.h>
#include <jpeglib.h>
#include <spng.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <webp/decode.h>

#include "base/pool.h"
#include "diag/model_check.h"
#include "image/decode.h"
#include "nn/nn.h"
#include "reader/gpu.h"
#include "reader/precision.h"

enum { ARENA_BYTES = 1 << 20 };

const char *doctor_state_name(enum doctor_state state)
{
    static const char *const names[] = {"ok", "note", "fault"};
    return names[state];
}

void doctor_add(struct doctor_report *report, enum doctor_state state, const char *topic,
                const char *name, const char *format, ...)
{
    char value[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    struct doctor_finding finding = {.state = state};
    finding.topic = arena_copy(&report->arena, topic, strlen(topic));
    finding.name = arena_copy(&report->arena, name, strlen(name));
    finding.value = arena_copy(&report->arena, value, strlen(value));
    if (!finding.topic || !finding.name || !finding.value || report->count == DOCTOR_MAX_FINDINGS)
        report->incomplete = true;
    else
        report->findings[report->count++] = finding;
}

/* ---- models --------------------------------------------------------------------------------- */

static int add_model_file(struct doctor_report *report, const se_settings *settings, int model,
                          se_error *err)
{
    struct model_report found;
    FORWARD_IF_ERROR(model_report_make(settings, model, &found, err));
    if (found.message[0])
        doctor_add(report, DOCTOR_FAULT, "models", found.file->what, "%s", found.message);
    else
        doctor_add(report, DOCTOR_OK, "models", found.file->what, "%s (%s)", found.path,
                   found.state == MODEL_STATE_OWN ? "set by hand" : "SHA-256 right");
    model_report_free(&found);
    return SE_OK;
}

/* What runs the networks; static storage. backend NULL: nothing can. */
struct doctor_networks {
    const char *backend, *precision, *recognizer_precision;
    bool on_gpu, refused; /* use_gpu = true could not be done */
    se_error why_not;
};

/* Loads both as se_open does. */
static void add_loading(struct doctor_report *report, const struct settings_values *values,
                        struct doctor_networks *networks)
{
    struct model_paths paths;
    se_error err;
    *networks = (struct doctor_networks){0};
    if (models_find(values, &paths, &err) != SE_OK) {
        doctor_add(report, DOCTOR_FAULT, "models", "loading", "%s", err.message);
        return;
    }
    struct networks opened;
    const int status = networks_open(values, &paths, &opened, &err);
    if (status == SE_OK) {
        networks->backend = nn_model_backend_name(opened.detector);
        networks->precision = nn_model_precision_name(opened.detector);
        networks->recognizer_precision =
            nn_model_precision_name(recognizer_model(opened.recognizer));
        networks->on_gpu = opened.on_gpu;
        networks->why_not = opened.why_not;
        networks_close(&opened);
        doctor_add(report, DOCTOR_OK, "models", "loading", "both are understood");
    } else if (status == SE_ERR_DEVICE && values->use_gpu == SETTING_TRUE) {
        struct settings_values on_cpu = *values;
        const se_error why_not = err;
        on_cpu.use_gpu = SETTING_FALSE;
        add_loading(report, &on_cpu, networks); /* the models may be right all the same */
        networks->backend = NULL;
        networks->refused = true;
        networks->why_not = why_not;
    } else {
        doctor_add(report, DOCTOR_FAULT, "models", "loading", "%s", err.message);
    }
    model_paths_free(&paths);
}

/* ---- libraries ------------------------------------------------------------------------------ */

#define STRING_(x) #x
#define STRING(x) STRING_(x)

static void add_libraries(struct doctor_report *report)
{
    const int webp = WebPGetDecoderVersion();
    char heif[256];
    doctor_add(report, DOCTOR_OK, "libraries", "libjpeg-turbo", "%s",
               STRING(LIBJPEG_TURBO_VERSION));
    doctor_add(report, DOCTOR_OK, "libraries", "libspng", "%s", spng_version_string());
    doctor_add(report, DOCTOR_OK, "libraries", "libwebp", "%d.%d.%d", webp >> 16, webp >> 8 & 255,
               webp & 255);
    const bool heic = img_heic_available(heif, sizeof(heif));
    doctor_add(report, heic ? DOCTOR_OK : DOCTOR_NOTE, "libraries", "libheif", "%s%s", heif,
               heic ? "" : ": HEIC and AVIF cannot be read");
    doctor_add(report, DOCTOR_OK, "libraries", "zxing-cpp", "%s", ZXING_VERSION);
    doctor_add(report, DOCTOR_OK, "libraries", "jansson", "%s", jansson_version_str());
}

/* ---- use ------------------------------------------------------------------------------------ */

static void add_use(struct doctor_report *report, const struct settings_values *values,
                    const struct doctor_networks *networks, int nvidia)
{
    const int cpus = pool_default_threads();
    if (networks->refused)
        doctor_add(report, DOCTOR_FAULT, "use", "setting use_gpu", "%s", networks->why_not.message);
    else if (nvidia > 0 && !networks->on_gpu && networks->why_not.message[0])
        doctor_add(report, DOCTOR_NOTE, "use", "gpu", "not used: %s", networks->why_not.message);
    if (networks->on_gpu) {
        doctor_add(report, DOCTOR_OK, "use", "networks",
                   "%s: its self-test gives what the CPU gives; the CPU stands by",
                   networks->backend);
        doctor_add(report, DOCTOR_OK, "use", "precision", "fp16, sums fp32");
    } else if (networks->backend) {
        doctor_add(report, DOCTOR_OK, "use", "networks", "%s: %s", networks->backend,
                   values->cpu == NN_CPU_AUTO ? "the fastest that this processor runs"
                                              : "by the setting cpu");
        doctor_add(report, DOCTOR_OK, "use", "precision", "detector %s, recognizer %s",
                   networks->precision, networks->recognizer_precision);
    }
    doctor_add(report, DOCTOR_OK, "use", "one picture", "%d threads (%s)",
               values->threads ? values->threads : cpus,
               values->threads ? "setting threads" : "cores granted");
    doctor_add(report, DOCTOR_OK, "use", "several pictures", "%d side by side, %d threads each",
               values->jobs ? values->jobs : cpus, values->threads ? values->threads : 1);
}

/* --------------------------------------------------------------------------------------------- */

int doctor_examine(const se_settings *settings, const char *root, bool gpu,
                   struct doctor_report *out, se_error *err)
{
    struct settings_values own = *settings_values_of(settings);
    const struct settings_values *values = &own;
    if (gpu)
        own.use_gpu = SETTING_TRUE;
    struct doctor_networks networks;
    *out = (struct doctor_report){.count = 0};
    arena_init(&out->arena, ARENA_BYTES);
    doctor_add(out, DOCTOR_OK, "program", "version", "%s", se_version());
    doctor_add_machine(out, root);
    int status = SE_OK;
    for (int model = 0; model < MODEL_COUNT && status == SE_OK; model++)
        status = add_model_file(out, settings, model, err);
    if (status == SE_OK) {
        add_loading(out, values, &networks);
        add_libraries(out);
        const int nvidia = doctor_add_gpus(out, root);
        doctor_add_cuda(out, gpu ? values->device : -1);
        add_use(out, values, &networks, nvidia);
    }
    if (status == SE_OK && out->incomplete)
        status = se_fail_memory(err, "the report", 0);
    if (status != SE_OK)
        doctor_free(out);
    return status;
}

bool doctor_has_fault(const struct doctor_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        if (report->findings[i].state == DOCTOR_FAULT)
            return true;
    return false;
}

void doctor_free(struct doctor_report *report)
{
    arena_free(&report->arena);
    report->count = 0;
}
