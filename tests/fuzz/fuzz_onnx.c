/*
 * Fuzz target: any bytes as an ONNX file. What loads is planned for a small input and, when that is
 * cheap, run, with and without fusion; both must agree on the shape of the result.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nn/inspect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_BYTES = 8 << 20, MAX_SIDE = 32 };
static const double max_macs = 4e6;

/* Loads and runs; the result's shape, rank -1 when there is none. */
static struct nn_shape run(const uint8_t *data, size_t size, bool no_fusion)
{
    const struct nn_model_options options = {.backend = NN_BACKEND_REF, .no_fusion = no_fusion};
    struct nn_shape shape = {.rank = -1};
    struct nn_model *model;
    struct nn_exec *exec;
    se_error err;
    if (nn_model_load_memory(&model, data, size, "fuzz", &options, &err) != SE_OK)
        return shape;
    const struct nn_shape declared = nn_model_input_shape(model);
    static const int order[4] = {0, 2, 3, 1};
    int64_t nhwc[4];
    for (int i = 0; i < 4; i++) {
        const int64_t dim = declared.dims[order[i]];
        nhwc[i] = dim > 0 && dim <= MAX_SIDE ? dim : i == 0 ? 1 : i == 3 ? 3 : 9;
    }
    if (nn_exec_create(&exec, model, NULL, MAX_BYTES, &err) == SE_OK &&
        nn_exec_prepare(exec, nhwc, &err) == SE_OK) {
        const int64_t count = nhwc[0] * nhwc[1] * nhwc[2] * nhwc[3];
        for (int64_t i = 0; i < count; i++)
            nn_exec_input(exec)[i] = (float)(i % 7) - 3;
        if (nn_exec_planned(exec)->macs <= max_macs && nn_exec_run(exec, NULL, &err) != SE_OK)
            abort();
        (void)nn_exec_output(exec, &shape);
    }
    nn_exec_free(exec);
    nn_model_free(model);
    return shape;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct nn_shape plain = run(data, size, true), fused = run(data, size, false);
    if (plain.rank >= 0 && fused.rank >= 0 &&
        (plain.rank != fused.rank ||
         memcmp(plain.dims, fused.dims, (size_t)plain.rank * sizeof(plain.dims[0])) != 0))
        abort();
    return 0;
}
