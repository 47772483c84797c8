#include "nn/cuda/cuda_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/cuda/cuda_check_map.h"
#include "nn/cuda/cuda_check_pixels.h"
#include "nn/cuda/cuda_pack.h"
#include "nn/cuda/cuda_plan.h"
#include "nn/tensor.h"

enum { ARENA_BYTES = 64 << 20, ALIGN = 256 };

/* Results are halves, of sums of hundreds: what their roundings may come to. */
static const double LIMIT = 4e-3;

static size_t rounded(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* x | out | scratch, in memory from `base` on; the bytes that this takes. */
static size_t place(struct nn_step *step, unsigned char *base)
{
    struct nn_tensor *x = &step->in[NN_IN_X], *out = &step->out;
    const size_t x_bytes = rounded((size_t)nn_tensor_count(x) * sizeof(float));
    const size_t out_bytes = rounded((size_t)nn_tensor_count(out) * sizeof(float));
    if (base) {
        x->data = (float *)(void *)base;
        out->data = (float *)(void *)(base + x_bytes);
        step->scratch = base + x_bytes + out_bytes;
    }
    return x_bytes + out_bytes + rounded(step->scratch_bytes);
}

static void fill(const struct nn_tensor *x, float *to)
{
    for (int64_t i = 0; i < nn_tensor_count(x); i++)
        to[i] = (float)((i * 37 + i / 64) % 129 - 64) / 64;
}

/* The reference's result of a case into `out`. */
static int run_reference(const struct cuda_check_case *one, float *out, se_error *err)
{
    const struct nn_backend *ref = nn_ref_backend();
    struct nn_step step = one->step;
    struct nn_plan plan = {.steps = &step, .step_count = 1, .threads = 1};
    void *packed = NULL;
    size_t bytes;
    step.node = &one->node;
    FORWARD_IF_ERROR(ref->pack(&one->node, &packed, &bytes, err));
    step.packed = packed;
    int status = ref->compile(&plan, err);
    if (status == SE_OK) {
        bytes = place(&step, NULL);
        unsigned char *memory = aligned_alloc(ALIGN, bytes);
        if (!memory) {
            status = se_fail_memory(err, "a test of the GPU", bytes);
        } else {
            place(&step, memory);
            fill(&step.in[NN_IN_X], step.in[NN_IN_X].data);
            status = ref->run(&plan, NULL, NULL, err);
            memcpy(out, step.out.data, (size_t)nn_tensor_count(&step.out) * sizeof(*out));
        }
        free(memory);
        if (ref->release)
            ref->release(&plan);
    }
    if (packed)
        ref->pack_free(packed);
    return status;
}

/* Binds, runs and compares a compiled plan; which kernels it launched in `used`. */
static int run_plan(struct cuda_device *device, struct nn_plan *plan, const float *want,
                    double *error, bool used[CUDA_KERNEL_COUNT], se_error *err)
{
    struct nn_step *step = plan->steps;
    void *base;
    FORWARD_IF_ERROR(cuda_arena_make(device, place(step, NULL), &base, err));
    place(step, base);
    int status = cuda_plan_bind(plan, &step->in[NN_IN_X], &step->out, base, err);
    if (status == SE_OK) {
        cuda_plan_kernels(plan, used);
        fill(&step->in[NN_IN_X], cuda_plan_input(plan));
        status = cuda_plan_run(plan, NULL, err);
    }
    double scale = 1;
    *error = 0;
    for (int64_t i = 0; status == SE_OK && i < nn_tensor_count(&step->out); i++) {
        const double d = fabs((double)want[i] - (double)cuda_plan_output(plan)[i]);
        *error = d <= *error ? *error : d; /* a NaN is taken over, and stays */
        scale = fmax(scale, fabs((double)want[i]));
    }
    *error /= scale;
    cuda_arena_free(base);
    return status;
}

static int run_case(struct cuda_device *device, const struct cuda_check_case *one,
                    const float *want, double *error, bool used[CUDA_KERNEL_COUNT], se_error *err)
{
    struct nn_step step = one->step;
    struct nn_plan plan = {.steps = &step, .step_count = 1, .threads = 1};
    struct cuda_packed *packed = NULL;
    step.node = &one->node;
    FORWARD_IF_ERROR(cuda_device_enter(device, err));
    FORWARD_IF_ERROR(cuda_pack(device, &one->node, &packed, err));
    step.packed = packed;
    int status = cuda_plan_compile(device, &plan, err);
    if (status == SE_OK) {
        status = run_plan(device, &plan, want, error, used, err);
        cuda_plan_release(&plan);
    }
    if (packed)
        cuda_pack_free(packed);
    return status;
}

static bool is_conversion(int kernel)
{
    return kernel == CUDA_KERNEL_to_half || kernel == CUDA_KERNEL_to_float;
}

/* Takes a case's error over into the results of the kernels that it used. */
static void note(const struct cuda_check_case *one, double error,
                 const bool used[CUDA_KERNEL_COUNT],
                 struct cuda_check_result results[CUDA_KERNEL_COUNT])
{
    const bool right = error <= LIMIT;
    for (int k = 0; k < CUDA_KERNEL_COUNT; k++) {
        struct cuda_check_result *r = &results[k];
        if (!used[k])
            continue;
        const bool first = !r->case_name;
        if (is_conversion(k)) {
            if (first || (right && !(r->error <= error)))
                *r = (struct cuda_check_result){right || r->right, error, one->name};
        } else if (first || !(error <= r->error)) {
            *r = (struct cuda_check_result){right && (first || r->right), error, one->name};
        }
    }
}

static int check_all(struct cuda_device *device, const struct cuda_check_case *cases, int count,
                     struct cuda_check_result results[CUDA_KERNEL_COUNT], se_error *err)
{
    for (int i = 0; i < count; i++) {
        bool used[CUDA_KERNEL_COUNT] = {false};
        double error = 0;
        const size_t bytes = (size_t)nn_tensor_count(&cases[i].step.out) * sizeof(float);
        float *want = malloc(bytes);
        if (!want)
            return se_fail_memory(err, "a test of the GPU", bytes);
        int status = run_reference(&cases[i], want, err);
        if (status == SE_OK)
            status = run_case(device, &cases[i], want, &error, used, err);
        free(want);
        FORWARD_IF_ERROR(status);
        note(&cases[i], error, used, results);
    }
    FORWARD_IF_ERROR(cuda_check_pixels(device, results, err));
    FORWARD_IF_ERROR(cuda_check_map(device, results, err));
    for (int k = 0; k < CUDA_KERNEL_COUNT; k++)
        RETURN_ERROR_IF(!results[k].case_name, err, SE_ERR_INTERNAL,
                        "no test of the GPU launches kernel %s", cuda_kernel_name(k));
    return SE_OK;
}

int cuda_check_kernels(int index, struct cuda_check_result results[CUDA_KERNEL_COUNT],
                       se_error *err)
{
    struct cuda_device *device;
    struct arena arena;
    memset(results, 0, CUDA_KERNEL_COUNT * sizeof(*results));
    struct cuda_check_case *cases = calloc(CUDA_CHECK_MAX_CASES, sizeof(*cases));
    if (!cases)
        return se_fail_memory(err, "tests of the GPU", CUDA_CHECK_MAX_CASES * sizeof(*cases));
    int status = cuda_device_open(index, 0, &device, err);
    if (status == SE_OK) {
        arena_init(&arena, ARENA_BYTES);
        const int count = cuda_check_cases(cases, device->multiprocessors, &arena);
        status = count > 0 ? check_all(device, cases, count, results, err)
                           : se_fail_memory(err, "tests of the GPU", ARENA_BYTES);
        arena_free(&arena);
        cuda_device_close(device);
    }
    free(cases);
    return status;
}
