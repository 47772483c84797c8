#include "case_list.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nn/inspect.h"
#include "tensor_file.h"

enum { MAX_CASES = 512, NAME_SIZE = 64 };

static const struct case_list *list;
static const char *folder;

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

static void run_variant(const char *name, const struct case_variant *variant,
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
    if (status == SE_ERR_UNSUPPORTED && list->may_be_refused &&
        list->may_be_refused(name, variant)) {
        assert_non_null(strstr(err.message, "ConvTranspose"));
        return;
    }
    if (status != SE_OK ||
        (variant->keep_all ? nn_exec_create_inspected(&exec, model, NULL, &err)
                           : nn_exec_create(&exec, model, NULL, 0, &err)) != SE_OK ||
        nn_exec_prepare(exec, nhwc, &err) != SE_OK)
        fail_msg("%s: %s", what, err.message);
    const double limit = list->limit(model);
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
    for (size_t i = 0; i < list->count; i++)
        if (!list->begin || list->begin(&list->variants[i]))
            run_variant(name, &list->variants[i], &file);
    tensor_file_free(&file);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

int case_list_run(const struct case_list *of, int argc, char **argv)
{
    static char names[MAX_CASES][NAME_SIZE];
    static struct CMUnitTest tests[MAX_CASES];
    size_t count = 0;
    list = of;
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
    return _cmocka_run_group_tests(list->name, tests, count, NULL, NULL);
}
