/*
 * The small models of cases/ against the results ONNX Runtime gave for them (cases/make_cases.py):
 * each operation and its variants, the patterns that fusion looks for, and near misses.
 *
 * Each case runs on every backend that this machine has, with and without fusion, and with every
 * tensor kept or memory shared. A second input in between shows what is left over from a run
 * before.
 *
 *   test_ref_cases FOLDER [NAME]     NAME: only cases whose name contains it
 */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nn/cpu/cpu_detect.h"
#include "nn/inspect.h"
#include "tensor_file.h"

enum { MAX_CASES = 512, NAME_SIZE = 64 };

static const char *folder;

struct variant {
    const char *name;
    struct nn_model_options options;
    bool keep_all;
};

static const struct variant variants[] = {
    {"ref, unfused, all kept", {.backend = NN_BACKEND_REF, .no_fusion = true}, true},
    {"ref, unfused", {.backend = NN_BACKEND_REF, .no_fusion = true}, false},
    {"ref, all kept", {.backend = NN_BACKEND_REF}, true},
    {"ref", {.backend = NN_BACKEND_REF}, false},
    {"cpu portable, all kept", {.backend = NN_BACKEND_CPU, .cpu = NN_CPU_PORTABLE}, true},
    {"cpu portable", {.backend = NN_BACKEND_CPU, .cpu = NN_CPU_PORTABLE}, false},
    {"cpu avx512", {.backend = NN_BACKEND_CPU, .cpu = NN_CPU_AVX512}, false},
    {"cpu, unfused", {.backend = NN_BACKEND_CPU, .no_fusion = true}, true},
    {"cpu", {.backend = NN_BACKEND_CPU}, false},
};

/* Largest error, relative to the largest expected number where that is above 1. */
static double worst_error(const struct tensor_entry *expected, const float *got)
{
    double error = 0, scale = 1;
    for (size_t i = 0; i < expected->count; i++) {
        const double difference = fabs((double)expected->data[i] - (double)got[i]);
        error = difference <= error ? error : difference; /* a NaN is taken over */
        scale = fmax(scale, fabs((double)expected->data[i]));
    }
    return error / scale;
}

static void check_output(const char *what, const struct nn_exec *exec,
                         const struct tensor_entry *expected, double limit)
{
    struct nn_shape shape;
    const float *out = nn_exec_output(exec, &shape);
    float *turned = malloc(expected->count * sizeof(float));
    assert_non_null(turned);
    struct nn_shape onnx = shape;
    if (shape.rank == 4) {
        onnx.dims[1] = shape.dims[3];
        onnx.dims[2] = shape.dims[1];
        onnx.dims[3] = shape.dims[2];
    }
    if (shape.rank != expected->shape.rank ||
        memcmp(onnx.dims, expected->shape.dims, (size_t)shape.rank * sizeof(shape.dims[0])) != 0)
        fail_msg("%s: shape differs", what);
    if (shape.rank == 4)
        tensor_to_channels_first(&onnx, out, turned);
    else
        memcpy(turned, out, expected->count * sizeof(float));
    const double error = worst_error(expected, turned);
    if (!(error < limit))
        fail_msg("%s: error %g", what, error);
    free(turned);
}

/* What the CPU backend openly lacks: transposed convolutions other than by non-overlapping blocks.
 */
static bool may_be_refused(const char *name, const struct variant *variant)
{
    return variant->options.backend == NN_BACKEND_CPU &&
           (strstr(name, "convtranspose") || strcmp(name, "deconv_general") == 0);
}

static void run_variant(const char *name, const struct variant *variant,
                        const struct tensor_file *file)
{
    struct nn_model *model;
    struct nn_exec *exec;
    se_error err;
    char path[512], what[160];
    const struct tensor_entry *input = &file->entries[0];
    const int64_t *d = input->shape.dims;
    const int64_t nhwc[4] = {d[0], d[2], d[3], d[1]};
    snprintf(path, sizeof(path), "%s/%s.onnx", folder, name);
    snprintf(what, sizeof(what), "%s on %s", name, variant->name);
    se_error_clear(&err);
    const int status = nn_model_load(&model, path, &variant->options, &err);
    if (status == SE_ERR_UNSUPPORTED && may_be_refused(name, variant)) {
        assert_non_null(strstr(err.message, "ConvTranspose"));
        return;
    }
    if (status != SE_OK ||
        (variant->keep_all ? nn_exec_create_inspected(&exec, model, NULL, &err)
                           : nn_exec_create(&exec, model, NULL, 0, &err)) != SE_OK ||
        nn_exec_prepare(exec, nhwc, &err) != SE_OK)
        fail_msg("%s: %s", what, err.message);
    /* Products of the tier amx have errors of up to 3·2^-16 = 4.6e-5, in sums about a quarter. */
    const double limit = strcmp(nn_model_backend_name(model), "cpu amx") == 0 ? 1.2e-5 : 5e-6;
    for (int run = 0; run < 3; run++) {
        float *to = nn_exec_input(exec);
        tensor_to_channels_last(&input->shape, input->data, to);
        for (size_t i = 0; i < input->count && run == 1; i++)
            to[i] = 1e6f * to[i] - 3;
        if (nn_exec_run(exec, NULL, &err) != SE_OK)
            fail_msg("%s: %s", what, err.message);
        if (run != 1)
            check_output(what, exec, &file->entries[1], limit);
    }
    nn_exec_free(exec);
    nn_model_free(model);
}

static void test_case(void **state)
{
    const char *name = *state;
    struct tensor_file file;
    se_error err;
    char path[512];
    snprintf(path, sizeof(path), "%s/%s.tensors", folder, name);
    if (tensor_file_load(&file, path, &err) != SE_OK)
        fail_msg("%s", err.message);
    assert_int_equal(file.count, 2);
    for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
        const char *missing;
        if (cpu_has_tier(variants[i].options.cpu, &missing))
            run_variant(name, &variants[i], &file);
        else
            print_message("SKIP %s: this machine lacks %s\n", variants[i].name, missing);
    }
    tensor_file_free(&file);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

int main(int argc, char **argv)
{
    static char names[MAX_CASES][NAME_SIZE];
    static struct CMUnitTest tests[MAX_CASES];
    size_t count = 0;
    folder = argc > 1 ? argv[1] : ".";
    DIR *open = opendir(folder);
    for (const struct dirent *entry; open && (entry = readdir(open));) {
        const char *end = strstr(entry->d_name, ".onnx");
        const size_t length = end ? (size_t)(end - entry->d_name) : 0;
        if (length == 0 || length >= NAME_SIZE || count == MAX_CASES ||
            (argc > 2 && !strstr(entry->d_name, argv[2])))
            continue;
        memcpy(names[count++], entry->d_name, length);
    }
    if (open)
        closedir(open);
    if (count == 0) {
        fprintf(stderr, "no cases in %s\n", folder);
        return 1;
    }
    qsort(names, count, NAME_SIZE, by_name);
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){
            .name = names[i], .test_func = test_case, .initial_state = names[i]};
    return _cmocka_run_group_tests("ref_cases", tests, count, NULL, NULL);
}
