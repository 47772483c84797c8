#include "reader/gpu.h"

#include "nn/gpu_info.h"
#include "reader/precision.h"

/* Shapes of the self-test: every kind of step of the networks, in a few milliseconds. */
static const int64_t detector_shape[4] = {1, 64, 96, 3}, recognizer_shape[4] = {2, 48, 96, 3};

static int options_of(const struct settings_values *values, int model, const char *path, bool gpu,
                      struct nn_model_options *out, se_error *err)
{
    if (!gpu)
        return precision_network(values, model, path, out, err);
    FORWARD_IF_ERROR(precision_of_spare(values, out, err));
    out->device = values->device;
    out->device_max_bytes = (size_t)values->gpu_memory_mb << 20;
    return SE_OK;
}

static int load(const struct settings_values *values, const struct model_paths *paths, bool gpu,
                struct networks *out, se_error *err)
{
    struct nn_model_options detector;
    struct recognizer_options recognizer = {
        .model = paths->recognizer,
        .dictionary = values->dictionary[0] ? values->dictionary : NULL,
    };
    FORWARD_IF_ERROR(options_of(values, MODEL_DETECTOR, paths->detector, gpu, &detector, err));
    FORWARD_IF_ERROR(
        options_of(values, MODEL_RECOGNIZER, paths->recognizer, gpu, &recognizer.network, err));
    struct precision_head head;
    FORWARD_IF_ERROR(precision_head(values, paths->recognizer, &head, err));
    recognizer.codes = head.codes;
    /* The spare of a GPU computes what the GPU does: the self-test holds them to each other. */
    if (!gpu)
        recognizer.network.shortlist = head.shortlist;
    FORWARD_IF_ERROR(nn_model_load(&out->detector, paths->detector, &detector, err));
    FORWARD_IF_ERROR(recognizer_open(&out->recognizer, &recognizer, err));
    if (!gpu)
        return SE_OK;
    FORWARD_IF_ERROR(nn_model_self_test(out->detector, detector_shape, err));
    FORWARD_IF_ERROR(nn_model_self_test(recognizer_model(out->recognizer), recognizer_shape, err));
    out->on_gpu = true;
    out->device = values->device;
    return SE_OK;
}

void networks_close(struct networks *networks)
{
    nn_model_free(networks->detector);
    recognizer_close(networks->recognizer);
    *networks = (struct networks){.why_not = networks->why_not};
}

int networks_open(const struct settings_values *values, const struct model_paths *paths,
                  struct networks *out, se_error *err)
{
    *out = (struct networks){.detector = NULL};
    se_error_clear(&out->why_not);
    if (values->use_gpu == SETTING_FALSE || values->backend == NN_BACKEND_REF) {
        RETURN_ERROR_IF(values->use_gpu == SETTING_TRUE, err, SE_ERR_SETTING,
                        "use_gpu = true with backend = ref: one of the two");
        const int status = load(values, paths, false, out, err);
        if (status != SE_OK)
            networks_close(out);
        return status;
    }
    int status = load(values, paths, true, out, &out->why_not);
    if (status == SE_OK)
        return SE_OK;
    networks_close(out);
    const bool device = status == SE_ERR_DEVICE || status == SE_ERR_LIMIT;
    if (!device || values->use_gpu == SETTING_TRUE) {
        if (err)
            *err = out->why_not;
        return device ? se_fail(err, SE_ERR_DEVICE, "use_gpu = true: %.400s", out->why_not.message)
                      : status;
    }
    status = load(values, paths, false, out, err);
    if (status != SE_OK)
        networks_close(out);
    return status;
}

/* How many GPUs are asked for besides the first. */
static int count_more(const struct settings_values *values)
{
    int version, there = 0;
    if (values->gpus > 0)
        return values->gpus - 1;
    if (nn_gpu_count(&version, &there, NULL) != SE_OK)
        return 0;
    const int rest = there - values->device - 1;
    return rest < NETWORKS_MORE ? rest : NETWORKS_MORE;
}

int networks_open_more(const struct settings_values *values, const struct model_paths *paths,
                       const struct networks *first, struct networks more[NETWORKS_MORE],
                       int *count, se_error *err)
{
    *count = 0;
    const int wanted = first->on_gpu ? count_more(values) : 0;
    for (int i = 0; i < wanted; i++) {
        struct settings_values own = *values;
        own.device += 1 + i;
        own.use_gpu = SETTING_TRUE;
        const int status = networks_open(&own, paths, &more[*count], err);
        if (status == SE_OK) {
            ++*count;
            continue;
        }
        if (status == SE_ERR_DEVICE && values->use_gpu == SETTING_AUTO) {
            se_error_clear(err);
            continue;
        }
        while (*count > 0)
            networks_close(&more[--*count]);
        return status;
    }
    return SE_OK;
}
