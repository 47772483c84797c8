#include "model_run.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

char model_detector[512], model_recognizer[512];

bool model_find(void)
{
    const char *folder = getenv("SERIALEYE_MODELS"), *home = getenv("HOME");
    char standard[400];
    struct stat info;
    if (!folder) {
        snprintf(standard, sizeof(standard), "%.300s/.local/share/serialeye/models",
                 home ? home : "");
        folder = standard;
    }
    snprintf(model_detector, sizeof(model_detector), "%.400s/PP-OCRv6_det_small.onnx", folder);
    snprintf(model_recognizer, sizeof(model_recognizer), "%.400s/PP-OCRv6_rec_small.onnx", folder);
    if (stat(model_detector, &info) == 0 && stat(model_recognizer, &info) == 0)
        return true;
    printf("SKIP: no %s; fetch the models, or name their folder in SERIALEYE_MODELS\n",
           model_detector);
    return false;
}

struct model_run model_run_start(const char *path, const struct nn_model_options *options,
                                 const int64_t nhwc[4], const struct model_run_options *how)
{
    struct model_run run;
    se_error err = {0, ""};
    if (nn_model_load(&run.model, path, options, &err) != SE_OK ||
        (how->keep_all ? nn_exec_create_inspected(&run.exec, run.model, how->pool, &err)
                       : nn_exec_create(&run.exec, run.model, how->pool, 0, &err)) != SE_OK ||
        nn_exec_prepare(run.exec, nhwc, &err) != SE_OK)
        fail_msg("%s", err.message);
    float *to = nn_exec_input(run.exec);
    const int64_t image = nhwc[1] * nhwc[2] * nhwc[3];
    for (int64_t i = 0; i < nhwc[0] * image; i++) {
        const int64_t at = how->alike ? i % image : i;
        const int64_t x = at / nhwc[3] % nhwc[2], y = at / nhwc[3] / nhwc[2];
        *to++ = (float)(sin(0.7 * (double)x) + sin(0.31 * (double)(x + 2 * y)) +
                        0.1 * (double)(i % nhwc[3]));
    }
    if (nn_exec_run(run.exec, NULL, &err) != SE_OK)
        fail_msg("%s", err.message);
    run.out = nn_exec_output(run.exec, &run.shape);
    assert_true(nn_shape_count(&run.shape, &run.count));
    return run;
}

void model_run_end(struct model_run *run)
{
    nn_exec_free(run->exec);
    nn_model_free(run->model);
}

int model_run_compare(const struct model_run *of, const struct model_run *other, double limit,
                      double (*difference)(const float *a, const float *b, int64_t count))
{
    int compared = 0;
    const size_t count = nn_exec_value_count(of->exec);
    for (size_t i = 0; i < nn_exec_value_count(other->exec); i++) {
        struct nn_shape shape, shape2;
        int64_t elements, elements2;
        const char *name = nn_exec_value_name(other->exec, i, &shape, &elements), *name2 = NULL;
        size_t k = 0;
        for (; name && k < count && (!name2 || strcmp(name, name2) != 0); k++)
            name2 = nn_exec_value_name(of->exec, k, &shape2, &elements2);
        if (!name || !name2 || strcmp(name, name2) != 0)
            continue;
        assert_int_equal(elements, elements2);
        float *a = malloc((size_t)elements * sizeof(float));
        float *b = malloc((size_t)elements * sizeof(float));
        assert_true(a && b);
        nn_exec_value_copy(of->exec, k - 1, a);
        nn_exec_value_copy(other->exec, i, b);
        const double d = difference(a, b, elements);
        if (!(d < limit))
            fail_msg("%s differs by %g", name, d);
        free(a);
        free(b);
        compared++;
    }
    return compared;
}
