/*
 * Is what a GPU computes right? The same input there and on the CPU.
 */
#include <math.h>

#include "nn/model.h"

/* Softly curved stripes: every channel and pixel differs from its neighbours. */
static void fill(float *to, const int64_t nhwc[4])
{
    for (int64_t i = 0; i < nhwc[0] * nhwc[1] * nhwc[2] * nhwc[3]; i++) {
        const int64_t x = i / nhwc[3] % nhwc[2], y = i / nhwc[3] / nhwc[2];
        to[i] = (float)(0.6 * sin(0.7 * (double)x) + 0.4 * sin(0.31 * (double)(x + 2 * y)) +
                        0.1 * (double)(i % nhwc[3]));
    }
}

/* Roundings to half move numbers by far less; a wrong kernel moves nearly all by more. A few may
 * be classes, which differ by any amount where two are alike. */
static bool are_alike(const float *a, const float *b, int64_t count, double *share)
{
    static const double limit = 0.05, most = 0.02;
    int64_t different = 0;
    for (int64_t i = 0; i < count; i++) {
        const double x = (double)a[i], y = (double)b[i];
        different += !(a[i] == b[i] || fabs(x - y) <= limit * fmax(1, fabs(x)));
    }
    *share = (double)different / (double)count;
    return *share <= most;
}

static int compare(struct nn_exec *gpu, struct nn_exec *cpu, const int64_t nhwc[4], se_error *err)
{
    struct nn_exec *const both[] = {gpu, cpu};
    const float *out[2];
    struct nn_shape shape = {0};
    for (int i = 0; i < 2; i++) {
        FORWARD_IF_ERROR(nn_exec_prepare(both[i], nhwc, err));
        fill(nn_exec_input(both[i]), nhwc);
        FORWARD_IF_ERROR(nn_exec_run(both[i], NULL, err));
        out[i] = nn_exec_output(both[i], &shape);
    }
    RETURN_ERROR_IF(nn_exec_runs(gpu).gpu != 1, err, SE_ERR_DEVICE,
                    "the GPU failed at its first run, or has too little memory for it");
    int64_t count = 1;
    for (int i = 0; i < shape.rank; i++)
        count *= shape.dims[i];
    double share;
    RETURN_ERROR_IF(!are_alike(out[1], out[0], count, &share), err, SE_ERR_DEVICE,
                    "the GPU computes wrongly: %.0f %% of the results of its self-test are not the "
                    "CPU's; please report this with the output of \"serialeye doctor\"",
                    100 * share);
    return SE_OK;
}

int nn_model_self_test(const struct nn_model *model, const int64_t nhwc[4], se_error *err)
{
    struct nn_exec *gpu = NULL, *cpu = NULL;
    RETURN_ERROR_IF(!model->spare, err, SE_ERR_ARGUMENT, "a self-test needs a spare");
    int status = nn_exec_create(&gpu, model, NULL, 0, err);
    if (status == SE_OK)
        status = nn_exec_create(&cpu, model->spare, NULL, 0, err);
    if (status == SE_OK)
        status = compare(gpu, cpu, nhwc, err);
    nn_exec_free(cpu);
    nn_exec_free(gpu);
    return status;
}
