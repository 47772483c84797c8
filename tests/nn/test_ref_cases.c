/*
 * The cases of case_list.h on every backend of the CPU that this machine has, with and without
 * fusion, and with every tensor kept or memory shared.
 *
 *   test_ref_cases FOLDER [NAME]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "case_list.h"
#include "nn/cpu/cpu_detect.h"

static const struct case_variant variants[] = {
    {"ref, unfused, all kept", {.backend = NN_BACKEND_REF, .no_fusion = true}, true},
    {"ref, unfused", {.backend = NN_BACKEND_REF, .no_fusion = true}, false},
    {"ref, all kept", {.backend = NN_BACKEND_REF}, true},
    {"ref", {.backend = NN_BACKEND_REF}, false},
    {"cpu portable, all kept", {.backend = NN_BACKEND_CPU, .cpu = NN_CPU_PORTABLE}, true},
    {"cpu portable", {.backend = NN_BACKEND_CPU, .cpu = NN_CPU_PORTABLE}, false},
    {"cpu avx512", {.backend = NN_BACKEND_CPU, .cpu = NN_CPU_AVX512}, false},
    {"cpu amx bf16", {.backend = NN_BACKEND_CPU, .cpu = NN_CPU_AMX_BF16}, false},
    {"cpu avx512 bf16", {.backend = NN_BACKEND_CPU, .cpu = NN_CPU_AVX512_BF16}, false},
    {"cpu, unfused", {.backend = NN_BACKEND_CPU, .no_fusion = true}, true},
    {"cpu", {.backend = NN_BACKEND_CPU}, false},
};

/* What the CPU backend openly lacks: transposed convolutions other than by non-overlapping blocks.
 */
static bool may_be_refused(const char *name, const struct case_variant *variant)
{
    return variant->options.backend == NN_BACKEND_CPU &&
           (strstr(name, "convtranspose") || strcmp(name, "deconv_general") == 0);
}

/* Products of the tier amx have errors of up to 3·2^-16 = 4.6e-5, in sums about a quarter; those of
 * bfloat16 of up to 2^-7 = 8e-3. */
static double limit(const struct nn_model *model)
{
    if (strcmp(nn_model_precision_name(model), "bf16") == 0)
        return 5e-3;
    return strcmp(nn_model_backend_name(model), "cpu amx") == 0 ? 1.2e-5 : 5e-6;
}

static bool begin(const struct case_variant *variant)
{
    const char *missing;
    if (cpu_has_tier(variant->options.cpu, &missing))
        return true;
    print_message("SKIP %s: this machine lacks %s\n", variant->name, missing);
    return false;
}

int main(int argc, char **argv)
{
    const struct case_list list = {.name = "ref_cases",
                                   .variants = variants,
                                   .count = sizeof(variants) / sizeof(variants[0]),
                                   .limit = limit,
                                   .may_be_refused = may_be_refused,
                                   .begin = begin};
    return case_list_run(&list, argc, argv);
}
