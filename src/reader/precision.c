#include "reader/precision.h"

#include <string.h>

#include "nn/cpu/cpu_detect.h"
#include "ocr/code_head.h"
#include "ocr/int8_table.h"
#include "reader/file_hash.h"
#include "reader/models.h"

/* Of a file among the models the table is trusted, as when a reader is opened; `set`: the setting
 * that names another. */
static int model_hash(int model, const char *set, const char *path, char own[SHA256_HEX_SIZE],
                      const char **out, se_error *err)
{
    uint64_t size;
    *out = model_files[model].sha256;
    if (!set[0])
        return SE_OK;
    *out = own;
    return sha256_of_file(path, own, &size, err);
}

int precision_tier(const struct settings_values *values, enum nn_cpu_tier *out, se_error *err)
{
    const bool asked = values->precision == SETTING_BF16;
    const char *missing = "bfloat16: the backend ref computes in fp32 alone";
    *out = values->cpu;
    if (!asked && values->precision != SETTING_PRECISION_AUTO)
        return SE_OK;
    enum nn_cpu_tier tier = NN_CPU_AUTO;
    if (values->backend != NN_BACKEND_REF)
        tier = cpu_bf16_tier(values->cpu, &missing);
    RETURN_ERROR_IF(tier == NN_CPU_AUTO && asked, err, SE_ERR_UNSUPPORTED,
                    "precision = bf16: this machine, as set, lacks %s", missing);
    if (tier != NN_CPU_AUTO)
        *out = tier;
    return SE_OK;
}

int precision_detector(const struct settings_values *values, const char *path,
                       struct nn_model_options *out, se_error *err)
{
    *out = (struct nn_model_options){.backend = values->backend};
    FORWARD_IF_ERROR(precision_tier(values, &out->cpu, err));
    if (values->precision != SETTING_INT8)
        return SE_OK;
    RETURN_ERROR_IF(values->backend == NN_BACKEND_REF, err, SE_ERR_UNSUPPORTED,
                    "precision = int8: the backend ref computes in fp32 alone");
    char own[SHA256_HEX_SIZE];
    const char *sha256;
    FORWARD_IF_ERROR(model_hash(MODEL_DETECTOR, values->detector, path, own, &sha256, err));
    const struct int8_model *model = int8_model_find(sha256);
    RETURN_ERROR_IF(!model, err, SE_ERR_MODEL,
                    "%s: precision = int8, but there are no 8-bit ranges for this model (SHA-256 "
                    "%s): use fp32, or make some with tools/calibrate/int8.py",
                    path, sha256);
    out->ranges = model->ranges;
    out->range_count = model->range_count;
    return SE_OK;
}

int precision_codes(const struct settings_values *values, const char *path, bool *out,
                    se_error *err)
{
    char own[SHA256_HEX_SIZE];
    const char *sha256;
    FORWARD_IF_ERROR(model_hash(MODEL_RECOGNIZER, values->recognizer, path, own, &sha256, err));
    *out = strcmp(sha256, code_head_table.sha256) == 0 && !values->dictionary[0];
    return SE_OK;
}
