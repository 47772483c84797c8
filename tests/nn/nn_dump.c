/*
 * Runs a model on the input tensor of a dump file and writes every tensor of the run, in the format
 * of tools/oracle/FORMAT.md, so that compare.py can hold it against another runtime.
 *
 *   nn_dump MODEL INPUT.tensors OUTPUT.tensors [--backend ref|cpu] [--tier NAME] [--no-fusion]
 *           [--threads N] [--time RUNS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/inspect.h"
#include "tensor_file.h"

static const char magic[] = "SETENSR1";

struct arguments {
    const char *model, *input, *output;
    struct nn_model_options options;
    int threads, runs;
};

static int parse(struct arguments *a, int argc, char **argv, se_error *err)
{
    const char **positional[] = {&a->model, &a->input, &a->output};
    size_t place = 0;
    *a = (struct arguments){.threads = 1, .options = {.backend = NN_BACKEND_REF}};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--no-fusion") == 0) {
            a->options.no_fusion = true;
        } else if (strcmp(argv[i], "--backend") == 0) {
            a->options.backend = strcmp(value, "cpu") == 0 ? NN_BACKEND_CPU : NN_BACKEND_REF;
            i++;
        } else if (strcmp(argv[i], "--tier") == 0) {
            for (int t = 0; t < NN_CPU_TIERS; t++)
                if (strcmp(value, nn_cpu_tier_name((enum nn_cpu_tier)t)) == 0)
                    a->options.cpu = (enum nn_cpu_tier)t;
            i++;
        } else if (strcmp(argv[i], "--threads") == 0) {
            a->threads = atoi(value);
            i++;
        } else if (strcmp(argv[i], "--time") == 0) {
            a->runs = atoi(value);
            i++;
        } else if (place < 3) {
            *positional[place++] = argv[i];
        }
    }
    RETURN_ERROR_IF(place < 3, err, SE_ERR_ARGUMENT, "usage: nn_dump MODEL INPUT OUTPUT [options]");
    return SE_OK;
}

/* ---- writing -------------------------------------------------------------------------------- */

static bool write_value(FILE *file, const struct nn_exec *exec, size_t index, const char *name,
                        const struct nn_shape *shape, int64_t count)
{
    float *copy = malloc((size_t)count * sizeof(float));
    if (!copy)
        return false;
    nn_exec_value_copy(exec, index, copy);
    const uint32_t length = (uint32_t)strlen(name), rank = (uint32_t)shape->rank;
    bool good = fwrite(&length, 4, 1, file) == 1 && fwrite(name, 1, length, file) == length &&
                fwrite(&rank, 4, 1, file) == 1;
    for (int i = 0; i < shape->rank && good; i++) {
        const uint32_t dim = (uint32_t)shape->dims[i];
        good = fwrite(&dim, 4, 1, file) == 1;
    }
    good = good && fwrite(copy, sizeof(float), (size_t)count, file) == (size_t)count;
    free(copy);
    return good;
}

static int write_all(const char *path, const struct nn_exec *exec, se_error *err)
{
    FILE *file = fopen(path, "wb");
    RETURN_ERROR_IF(!file, err, SE_ERR_IO, "%s: cannot be written", path);
    struct nn_shape shape;
    int64_t count;
    uint32_t total = 0;
    for (size_t i = 0; i < nn_exec_value_count(exec); i++)
        total += nn_exec_value_name(exec, i, &shape, &count) != NULL;
    bool good = fwrite(magic, 1, 8, file) == 8 && fwrite(&total, 4, 1, file) == 1;
    for (size_t i = 0; i < nn_exec_value_count(exec) && good; i++) {
        const char *name = nn_exec_value_name(exec, i, &shape, &count);
        if (name)
            good = write_value(file, exec, i, name, &shape, count);
    }
    good = fclose(file) == 0 && good;
    RETURN_ERROR_IF(!good, err, SE_ERR_IO, "%s: cannot be written", path);
    return SE_OK;
}

/* ---- running -------------------------------------------------------------------------------- */

/* Times runs of the plan as it is in use, with memory shared. */
static int time_runs(const struct arguments *a, const struct nn_model *model, struct pool *pool,
                     const int64_t nhwc[4], const struct nn_exec *inspected, se_error *err)
{
    struct nn_exec *exec = NULL;
    int status = nn_exec_create(&exec, model, pool, 0, err);
    if (status == SE_OK)
        status = nn_exec_prepare(exec, nhwc, err);
    double best = 0;
    for (int i = 0; i < a->runs && status == SE_OK; i++) {
        const size_t count = (size_t)(nhwc[0] * nhwc[1] * nhwc[2] * nhwc[3]);
        memcpy(nn_exec_input(exec), nn_exec_planned(inspected)->input.data, count * sizeof(float));
        const int64_t start = clock_now_ns();
        status = nn_exec_run(exec, NULL, err);
        const double ms = (double)(clock_now_ns() - start) * 1e-6;
        best = i == 0 || ms < best ? ms : best;
    }
    if (status == SE_OK) {
        const struct nn_planned *planned = nn_exec_planned(exec);
        printf("%s: best of %d: %.2f ms, %.2f GMAC, %.1f GMAC/s, %d steps, arena %.1f MB, plan "
               "%.2f MB\n",
               nn_model_backend_name(model), a->runs, best, planned->macs * 1e-9,
               planned->macs * 1e-6 / best, planned->plan.step_count,
               (double)planned->arena_bytes * 1e-6, (double)planned->own_bytes * 1e-6);
    }
    nn_exec_free(exec);
    return status;
}

static int run(const struct arguments *a, const struct tensor_file *file, se_error *err)
{
    struct nn_model *model = NULL;
    struct nn_exec *exec = NULL;
    struct pool *pool = NULL;
    RETURN_ERROR_IF(file->count == 0 || file->entries[0].shape.rank != 4, err, SE_ERR_ARGUMENT,
                    "%s: its first tensor should be the input and have 4 dimensions", a->input);
    const struct tensor_entry *input = &file->entries[0];
    const int64_t *dims = input->shape.dims;
    const int64_t nhwc[4] = {dims[0], dims[2], dims[3], dims[1]};
    int status = pool_create(&pool, a->threads, err);
    if (status == SE_OK)
        status = nn_model_load(&model, a->model, &a->options, err);
    if (status == SE_OK)
        status = nn_exec_create_inspected(&exec, model, pool, err);
    if (status == SE_OK)
        status = nn_exec_prepare(exec, nhwc, err);
    if (status == SE_OK) {
        tensor_to_channels_last(&input->shape, input->data, nn_exec_input(exec));
        status = nn_exec_run(exec, NULL, err);
    }
    if (status == SE_OK)
        status = write_all(a->output, exec, err);
    if (status == SE_OK && a->runs)
        status = time_runs(a, model, pool, nhwc, exec, err);
    nn_exec_free(exec);
    nn_model_free(model);
    pool_free(pool);
    return status;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    struct tensor_file file = {NULL, 0};
    se_error error;
    int status = parse(&arguments, argc, argv, &error);
    if (status == SE_OK)
        status = tensor_file_load(&file, arguments.input, &error);
    if (status == SE_OK)
        status = run(&arguments, &file, &error);
    tensor_file_free(&file);
    if (status != SE_OK)
        fprintf(stderr, "nn_dump: %s\n", error.message);
    return status == SE_OK ? 0 : 1;
}
