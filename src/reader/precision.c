#include "reader/precision.h"

#include <string.h>

#include "nn/cpu/cpu_detect.h"
#include "ocr/code_head.h"
#include "ocr/int8_table.h"
#include "ocr/shortlist.h"
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

bool precision_is_int8(const struct settings_values *values)
{
    const char *missing;
    const enum nn_cpu_tier limit = values->cpu;
    if (values->precision != SETTING_PRECISION_AUTO || values->backend == NN_BACKEND_REF)
        return values->precision == SETTING_INT8;
    if ((limit == NN_CPU_AUTO || limit == NN_CPU_AVX512) && cpu_has_tier(NN_CPU_AVX512, &missing))
        return cpu_has_vnni() && cpu_bf16_tier(limit, &missing) != NN_CPU_AMX_BF16;
    return (limit == NN_CPU_AUTO || limit == NN_CPU_AVX2) && cpu_has_tier(NN_CPU_AVX2, &missing);
}

/* Of the steps that are left in float32, in a network in 8 bits. */
static enum nn_cpu_tier tier_beside_int8(const struct settings_values *values, int model)
{
    const char *missing;
    const enum nn_cpu_tier tier =
        model == MODEL_RECOGNIZER ? cpu_bf16_tier(values->cpu, &missing) : NN_CPU_AUTO;
    return tier == NN_CPU_AUTO ? values->cpu : tier;
}

int precision_network(const struct settings_values *values, int model, const char *path,
                      struct nn_model_options *out, se_error *err)
{
    *out = (struct nn_model_options){.backend = values->backend};
    FORWARD_IF_ERROR(precision_tier(values, &out->cpu, err));
    if (!precision_is_int8(values))
        return SE_OK;
    RETURN_ERROR_IF(values->backend == NN_BACKEND_REF, err, SE_ERR_UNSUPPORTED,
                    "precision = int8: the backend ref computes in fp32 alone");
    char own[SHA256_HEX_SIZE];
    const char *sha256;
    const char *set = model == MODEL_DETECTOR ? values->detector : values->recognizer;
    FORWARD_IF_ERROR(model_hash(model, set, path, own, &sha256, err));
    const struct int8_model *ranges = int8_model_find(sha256);
    RETURN_ERROR_IF(!ranges && values->precision == SETTING_INT8, err, SE_ERR_MODEL,
                    "%s: precision = int8, but there are no 8-bit ranges for this model (SHA-256 "
                    "%s): use auto or fp32, or make some with tools/calibrate/int8.py",
                    path, sha256);
    if (ranges) {
        out->cpu = tier_beside_int8(values, model);
        out->ranges = ranges->ranges;
        out->range_count = ranges->range_count;
    }
    return SE_OK;
}

int precision_of_spare(const struct settings_values *values, struct nn_model_options *out,
                       se_error *err)
{
    *out = (struct nn_model_options){.backend = NN_BACKEND_GPU, .spare = true};
    return precision_tier(values, &out->cpu, err);
}

int precision_head(const struct settings_values *values, const char *path,
                   struct precision_head *out, se_error *err)
{
    char own[SHA256_HEX_SIZE];
    const char *sha256;
    FORWARD_IF_ERROR(model_hash(MODEL_RECOGNIZER, values->recognizer, path, own, &sha256, err));
    const bool own_words = !values->dictionary[0];
    *out = (struct precision_head){
        .codes = own_words && strcmp(sha256, code_head_table.sha256) == 0,
    };
    if (own_words && strcmp(sha256, shortlist_table.sha256) == 0)
        out->shortlist = shortlist_table.list;
    return SE_OK;
}
