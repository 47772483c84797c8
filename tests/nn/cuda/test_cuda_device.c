/*
 * What goes wrong with a GPU, and what is said of it: no driver, an old one, a card that is too
 * old, lack of memory, failures in the middle. The driver of the tests does as it is told.
 */
#define _GNU_SOURCE
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_start.h"
#include "nn/cuda/cuda_check.h"
#include "nn/cuda/cuda_device.h"
#include "nn/cuda/cuda_images.h"
#include "nn/cuda/cuda_pack.h"
#include "nn/inspect.h"

static struct fake_controls *fake;
static const char *model_path;

/* The driver as it is at first. */
static int reset(void **state)
{
    (void)state;
    cuda_driver_use(FAKE_CUDA);
    fake = fake_start();
    *fake = (struct fake_controls){
        .version = 12090, .devices = 1, .capability = 90, .multiprocessors = 4};
    return 0;
}

/* Everything that the driver gave was given back. */
static void expect_nothing_left(void)
{
    assert_int_equal(fake->allocations, 0);
    assert_int_equal(fake->allocated_bytes, 0);
    assert_int_equal(fake->contexts, 0);
    assert_int_equal(fake->modules, 0);
    assert_int_equal(fake->streams, 0);
    assert_int_equal(fake->graphs, 0);
    assert_int_equal(fake->unpinned, 0);
    assert_int_equal(fake->pinned, 0);
}

/* ---- opening -------------------------------------------------------------------------------- */

static void expect_refusal(int index, const char *words)
{
    struct cuda_device *device;
    se_error err = {0, ""};
    assert_int_equal(cuda_device_open(index, 0, &device, &err), SE_ERR_DEVICE);
    assert_null(device);
    if (!strstr(err.message, words))
        fail_msg("\"%s\" is not in: %s", words, err.message);
    expect_nothing_left();
}

static void test_no_driver(void **state)
{
    (void)state;
    cuda_driver_use("");
    expect_refusal(0, "libcuda.so.1) is not installed");
    expect_refusal(0, "install driver 525 or later");
    cuda_driver_use(LIBRARY_WITHOUT_CUDA);
    expect_refusal(0, "lacks cuInit");
}

static void test_old_driver(void **state)
{
    (void)state;
    fake->version = 11040;
    expect_refusal(0, "supports CUDA 11.4, 12.0 is needed; install driver 525");
    fake->version = 12000;
    cuda_driver_use(FAKE_CUDA);
    struct cuda_device *device;
    assert_int_equal(cuda_device_open(0, 0, &device, NULL), SE_OK);
    cuda_device_close(device);
}

static void test_no_start(void **state)
{
    (void)state;
    unsetenv("CUDA_VISIBLE_DEVICES");
    fake->init_result = CUDA_NO_DEVICE;
    expect_refusal(0, "finds no GPU");
    cuda_driver_use(FAKE_CUDA);
    setenv("CUDA_VISIBLE_DEVICES", "7", 1);
    expect_refusal(0, "CUDA_VISIBLE_DEVICES is \"7\"");
    unsetenv("CUDA_VISIBLE_DEVICES");
    cuda_driver_use(FAKE_CUDA);
    fake->init_result = CUDA_SYSTEM_MISMATCH;
    expect_refusal(0, "of different versions: restart");
    cuda_driver_use(FAKE_CUDA);
    fake->init_result = CUDA_STUB_LIBRARY;
    expect_refusal(0, "toolkit's stub");
    cuda_driver_use(FAKE_CUDA);
    fake->init_result = 999;
    expect_refusal(0, "does not start: CUDA_ERROR_FAKE");
}

/* In a process of another user, since root may open all files. */
static int refused_message(const char *control)
{
    struct cuda_device *device;
    se_error err = {0, ""};
    const pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(3);
        cuda_driver_use_control(control);
        const bool said = cuda_device_open(0, 0, &device, &err) == SE_ERR_DEVICE &&
                          strstr(err.message, "no permission to use the GPU: ") &&
                          strstr(err.message, control) && strstr(err.message, "group");
        _exit(said ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_no_permission(void **state)
{
    char path[] = "/tmp/serialeye-control-XXXXXX";
    const int file = mkstemp(path);
    (void)state;
    assert_true(file >= 0);
    fake->init_result = CUDA_NO_DEVICE;
    assert_int_equal(fchmod(file, 0), 0);
    assert_int_equal(refused_message(path), 0);
    assert_int_equal(fchmod(file, 0666), 0);
    assert_int_equal(refused_message(path), 1); /* it says something else then */
    close(file);
    unlink(path);
    assert_int_equal(refused_message(path), 1);
}

static void test_cards(void **state)
{
    (void)state;
    fake->devices = 0;
    expect_refusal(0, "finds no GPU");
    fake->devices = 2;
    expect_refusal(2, "there are GPUs 0 to 1");
    expect_refusal(-1, "device = -1");
    expect_refusal(8, "device = 8");
    fake->capability = 37;
    expect_refusal(0, "compute capability 3.7, which is not supported: 7.0 or later");
    fake->capability = 90;
    fake->compute_mode = 2;
    expect_refusal(0, "prohibited");
    fake->compute_mode = 0;
    fake->retain_result = CUDA_OUT_OF_MEMORY;
    expect_refusal(0, "has no free memory");
    fake->retain_result = 3;
    expect_refusal(0, "cannot be used");
    fake->retain_result = 0;
    fake->free_bytes = 100 << 20;
    expect_refusal(0, "has 100 MiB of its");
    fake->free_bytes = 0;
    fake->module_result = CUDA_NO_BINARY;
    expect_refusal(0, "does not take this program's code");
}

/* Each architecture gets its own code; what lies between, that of the one before; what is newer
 * than all, PTX. */
static void test_images(void **state)
{
    static const int pairs[][2] = {{70, 70},    {72, 70},   {75, 75},   {80, 80},   {86, 86},
                                   {87, 86},    {89, 89},   {90, 90},   {100, 100}, {103, 100},
                                   {110, 1075}, {120, 120}, {121, 120}, {130, 1075}};
    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct cuda_device *device;
        se_error err = {0, ""};
        fake->capability = pairs[i][0];
        if (cuda_device_open(0, 0, &device, &err) != SE_OK)
            fail_msg("capability %d: %s", pairs[i][0], err.message);
        assert_int_equal(device->capability, pairs[i][0]);
        assert_int_equal(fake->image_architecture, pairs[i][1]);
        cuda_device_close(device);
    }
    expect_nothing_left();
}

/* ---- memory --------------------------------------------------------------------------------- */

static void test_budget(void **state)
{
    struct cuda_device *device, *again;
    uint64_t a, b;
    se_error err = {0, ""};
    (void)state;
    assert_int_equal(cuda_device_open(0, 1 << 20, &device, &err), SE_OK);
    assert_int_equal(cuda_device_enter(device, &err), SE_OK);
    assert_int_equal(cuda_device_alloc(device, 1 << 19, &a, &err), SE_OK);
    assert_int_equal(a % CUDA_MEMORY_ALIGN, 0);
    assert_int_equal(cuda_device_alloc(device, (1 << 19) + 1, &b, &err), SE_ERR_LIMIT);
    assert_non_null(strstr(err.message, "gpu_memory_mb = 1"));
    assert_int_equal(cuda_device_alloc(device, SIZE_MAX - 100, &b, &err), SE_ERR_LIMIT);
    assert_int_equal(cuda_device_used(device), 1 << 19);
    assert_int_equal(cuda_device_open(0, 1 << 21, &again, &err), SE_OK);
    assert_ptr_equal(device, again);
    assert_int_equal(cuda_device_alloc(device, (1 << 19) + 1, &b, &err), SE_OK);
    cuda_device_free(device, b, (1 << 19) + 1);
    cuda_device_free(device, a, 1 << 19);
    fake->allocs_until_failure = 1;
    assert_int_equal(cuda_device_alloc(device, 100, &b, &err), SE_ERR_LIMIT);
    assert_non_null(strstr(err.message, "has no memory left"));
    assert_int_equal(cuda_device_used(device), 0);
    assert_int_equal(cuda_device_enter(device, &err), SE_OK); /* not lost by that */
    cuda_device_close(again);
    cuda_device_close(device);
    expect_nothing_left();
}

/* ---- halves --------------------------------------------------------------------------------- */

/* Every half is its own nearest, and the middle between two goes to the even one. */
static void test_halves(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 0x7c00; i++) {
        const float value = cuda_half_value((uint16_t)i);
        assert_int_equal(cuda_half(value), i);
        assert_int_equal(cuda_half(-value), i | 0x8000);
        if (i + 1 == 0x7c00)
            break;
        const float next = cuda_half_value((uint16_t)(i + 1)), middle = (value + next) / 2;
        assert_int_equal(cuda_half(middle), i + (i & 1));
        assert_int_equal(cuda_half(nextafterf(middle, 0)), i);
        assert_int_equal(cuda_half(nextafterf(middle, 1e9F)), i + 1);
    }
    assert_int_equal(cuda_half(1e9F), 0x7bff);
    assert_int_equal(cuda_half(-INFINITY), 0xfbff);
    assert_int_equal(cuda_half(65519), 0x7bff);
    assert_true(isnan(cuda_half_value(cuda_half(NAN))));
}

/* ---- the test of every kernel --------------------------------------------------------------- */

static void check_kernels(struct cuda_check_result results[CUDA_KERNEL_COUNT])
{
    se_error err = {0, ""};
    if (cuda_check_kernels(0, results, &err) != SE_OK)
        fail_msg("%s", err.message);
    expect_nothing_left();
}

/* Right ones are found right, on any number of multiprocessors; of a wrong one, its name. */
static void test_kernels(void **state)
{
    struct cuda_check_result results[CUDA_KERNEL_COUNT];
    (void)state;
    for (int i = 0; i < 2; i++) {
        fake->multiprocessors = i ? 132 : 1;
        fake->backwards = i;
        check_kernels(results);
        for (int k = 0; k < CUDA_KERNEL_COUNT; k++)
            if (!results[k].right)
                fail_msg("%s: off by %g in %s", cuda_kernel_name(k), results[k].error,
                         results[k].case_name);
    }
    fake->backwards = 0;
    fake->multiprocessors = 1;
    for (int wrong = 0; wrong < CUDA_KERNEL_COUNT; wrong++) {
        fake->wrong_kernel = wrong + 1;
        check_kernels(results);
        for (int k = 0; k < CUDA_KERNEL_COUNT; k++) {
            /* Input and result of all others go through these. */
            const bool all = wrong == CUDA_KERNEL_to_half || wrong == CUDA_KERNEL_to_float;
            /* Pictures are tested through a copy. */
            const bool through = wrong == CUDA_KERNEL_point &&
                                 (k == CUDA_KERNEL_sample_resize || k == CUDA_KERNEL_sample_warp);
            /* Two that are launched together cannot be told apart. */
            static const int pairs[][2] = {{CUDA_KERNEL_gap_sum, CUDA_KERNEL_gap_mean},
                                           {CUDA_KERNEL_select_scan, CUDA_KERNEL_select_finish}};
            bool together = false;
            for (size_t p = 0; p < sizeof(pairs) / sizeof(pairs[0]); p++)
                together |= (pairs[p][0] == k && pairs[p][1] == wrong) ||
                            (pairs[p][1] == k && pairs[p][0] == wrong);
            if (k == wrong ? results[k].right : !results[k].right && !all && !together && !through)
                fail_msg("%s is wrong, and %s is found %s", cuda_kernel_name(wrong),
                         cuda_kernel_name(k), results[k].right ? "right" : "wrong");
        }
    }
}

/* What a device refuses or loses meanwhile is said, and nothing is left behind. */
static void test_kernels_fail(void **state)
{
    struct cuda_check_result results[CUDA_KERNEL_COUNT];
    bool failed = true;
    se_error err;
    (void)state;
    fake->capability = 37;
    assert_int_equal(cuda_check_kernels(0, results, &err), SE_ERR_DEVICE);
    fake->capability = 90;
    fake->launches_until_error = 3;
    assert_int_equal(cuda_check_kernels(0, results, &err), SE_ERR_DEVICE);
    assert_non_null(strstr(err.message, "CUDA_ERROR_ILLEGAL_ADDRESS"));
    fake->launches_until_error = 0;
    for (int n = 1; failed && n < 400; n++) {
        fake->allocs_until_failure = n;
        const int status = cuda_check_kernels(0, results, &err);
        failed = status != SE_OK;
        if (failed)
            assert_int_equal(status, SE_ERR_LIMIT);
        fake->allocs_until_failure = 0;
        expect_nothing_left();
    }
    assert_false(failed);
}

/* ---- a network ------------------------------------------------------------------------------ */

struct run {
    struct nn_model *model;
    struct nn_exec *exec;
};

static struct run load(bool spare, size_t max_bytes)
{
    struct run run;
    se_error err = {0, ""};
    const struct nn_model_options options = {
        .backend = NN_BACKEND_GPU, .spare = spare, .device_max_bytes = max_bytes};
    if (nn_model_load(&run.model, model_path, &options, &err) != SE_OK ||
        nn_exec_create(&run.exec, run.model, NULL, 0, &err) != SE_OK)
        fail_msg("%s", err.message);
    return run;
}

static void end(struct run *run)
{
    nn_exec_free(run->exec);
    nn_model_free(run->model);
    expect_nothing_left();
}

/* The shape of the case's input, n times. */
static void fill(struct nn_exec *exec, const int64_t nhwc[4])
{
    float *to = nn_exec_input(exec);
    for (int64_t i = 0; i < nhwc[0] * nhwc[1] * nhwc[2] * nhwc[3]; i++)
        to[i] = (float)sin(0.37 * (double)i);
}

static const int64_t shape[4] = {1, 16, 24, 4};

static void test_memory_goes_back(void **state)
{
    (void)state;
    struct run run = load(false, 0);
    const long long weights = fake->allocated_bytes;
    for (int i = 0; i < 120; i++) {
        const int64_t one[4] = {1, 16 + i % 9, 16 + i % 11, 4}; /* 99 of them */
        assert_int_equal(nn_exec_prepare(run.exec, one, NULL), SE_OK);
        fill(run.exec, one);
        assert_int_equal(nn_exec_run(run.exec, NULL, NULL), SE_OK);
        assert_true(fake->graphs <= 64);
    }
    const long long most = fake->most_bytes;
    for (int i = 0; i < 200; i++) {
        const int64_t one[4] = {1, 16 + i % 9, 16 + i % 11, 4};
        assert_int_equal(nn_exec_prepare(run.exec, one, NULL), SE_OK);
        assert_int_equal(nn_exec_run(run.exec, NULL, NULL), SE_OK);
    }
    assert_int_equal(fake->most_bytes, most);
    nn_exec_trim(run.exec);
    assert_int_equal(fake->allocated_bytes, weights);
    assert_int_equal(nn_exec_prepare(run.exec, shape, NULL), SE_OK);
    assert_int_equal(nn_exec_run(run.exec, NULL, NULL), SE_OK);
    end(&run);
}

/* Once every size was met, no run takes anything of the driver, however many there are. */
static void test_long_loop(void **state)
{
    enum { SIZES = 20, RUNS = 6000 };
    struct fake_controls after = {0};
    (void)state;
    struct run run = load(false, 0);
    for (int i = 0; i < RUNS; i++) {
        const int64_t one[4] = {1 + i % 2, 2 + i % 4, 2 + i % 5, 4};
        assert_int_equal(nn_exec_prepare(run.exec, one, NULL), SE_OK);
        assert_int_equal(nn_exec_run(run.exec, NULL, NULL), SE_OK);
        if (i == 2 * SIZES)
            after = *fake;
    }
    assert_int_equal(fake->graph_launches, RUNS);
    assert_int_equal(fake->allocation_calls, after.allocation_calls);
    assert_int_equal(fake->allocated_bytes, after.allocated_bytes);
    assert_int_equal(fake->most_bytes, after.most_bytes);
    assert_int_equal(fake->graphs, after.graphs);
    assert_int_equal(fake->graphs, SIZES);
    assert_int_equal(fake->pinned, after.pinned);
    assert_int_equal(fake->streams, after.streams);
    end(&run);
}

/* Few graphs serve all batches, and what they hold besides changes nothing in what was asked for.
 */
static void test_batches_in_buckets(void **state)
{
    enum { MOST = 9 };
    float *want[MOST + 1] = {NULL};
    int64_t one_image = 0;
    (void)state;
    struct run run = load(true, 0);
    for (int n = 1; n <= MOST; n++) {
        const int64_t some[4] = {n, 16, 24, 4};
        struct nn_shape out;
        assert_int_equal(nn_exec_prepare(run.exec, some, NULL), SE_OK);
        fill(run.exec, some);
        assert_int_equal(nn_exec_run(run.exec, NULL, NULL), SE_OK);
        const float *got = nn_exec_output(run.exec, &out);
        assert_int_equal(out.dims[0], n);
        one_image =
            out.dims[1] * (out.rank > 2 ? out.dims[2] : 1) * (out.rank > 3 ? out.dims[3] : 1);
        const size_t bytes = (size_t)(n * one_image) * sizeof(float);
        want[n] = malloc(bytes);
        assert_non_null(want[n]);
        memcpy(want[n], got, bytes);
        /* fill gives the first images of each batch the same numbers. */
        for (int m = 1; m < n; m++)
            assert_memory_equal(want[n], want[m], (size_t)(m * one_image) * sizeof(float));
    }
    assert_int_equal(fake->graphs, 5); /* of 1, 2, 4, 8 and 12 images */
    /* What is left over from a larger batch may be anything. */
    const int64_t three[4] = {3, 16, 24, 4};
    struct nn_shape out;
    assert_int_equal(nn_exec_prepare(run.exec, three, NULL), SE_OK);
    memset(nn_exec_input(run.exec), 0xff, 4 * 16 * 24 * 4 * sizeof(float));
    fill(run.exec, three);
    assert_int_equal(nn_exec_run(run.exec, NULL, NULL), SE_OK);
    assert_memory_equal(nn_exec_output(run.exec, &out), want[3],
                        (size_t)(3 * one_image) * sizeof(float));
    /* The spare gets the images that were asked for, and no others. */
    fake->launches_until_error = 1;
    assert_int_equal(nn_exec_run(run.exec, NULL, NULL), SE_OK);
    const float *got = nn_exec_output(run.exec, &out);
    assert_int_equal(out.dims[0], 3);
    for (int64_t i = 0; i < 3 * one_image; i++)
        assert_true(fabs((double)got[i] - (double)want[3][i]) <
                    0.01 * fmax(1, fabs((double)got[i])));
    for (int n = 1; n <= MOST; n++)
        free(want[n]);
    nn_exec_free(run.exec);
    nn_model_free(run.model);
    assert_int_equal(fake->contexts, 0);
}

/* A run is one graph of launches and copies, and nothing else. */
static void test_one_graph(void **state)
{
    (void)state;
    struct run run = load(false, 0);
    assert_int_equal(nn_exec_prepare(run.exec, shape, NULL), SE_OK);
    assert_int_equal(fake->kernel_launches, 0);
    fill(run.exec, shape);
    const long long copies = fake->copies;
    assert_int_equal(nn_exec_run(run.exec, NULL, NULL), SE_OK);
    assert_int_equal(fake->graph_launches, 1);
    assert_int_equal(fake->copies, copies + 2);
    assert_int_equal(nn_exec_run(run.exec, NULL, NULL), SE_OK);
    assert_int_equal(fake->graph_launches, 2);
    end(&run);
}

/* A batch that finds no memory is refused, so that the caller halves it; a single picture is then
 * the CPU's; and smaller ones are the GPU's again. */
static void test_too_little_memory(void **state)
{
    const int64_t many[4] = {64, 64, 64, 4}, large[4] = {1, 512, 512, 4};
    se_error err = {0, ""};
    (void)state;
    struct run run = load(true, 3 << 20);
    assert_int_equal(nn_exec_prepare(run.exec, shape, &err), SE_OK);
    assert_int_equal(nn_exec_run(run.exec, NULL, &err), SE_OK);
    assert_int_equal(nn_exec_prepare(run.exec, many, &err), SE_ERR_LIMIT);
    assert_non_null(strstr(err.message, "gpu_memory_mb = 3"));
    assert_int_equal(nn_exec_prepare(run.exec, large, &err), SE_OK);
    fill(run.exec, large);
    assert_int_equal(nn_exec_run(run.exec, NULL, &err), SE_OK);
    assert_int_equal(nn_exec_runs(run.exec).gpu, 1);
    assert_int_equal(nn_exec_runs(run.exec).spare, 1);
    assert_int_equal(nn_exec_runs(run.exec).short_batch, 1);
    assert_int_equal(nn_exec_runs(run.exec).short_image, 1);
    assert_int_equal(nn_exec_runs(run.exec).short_picture, 0);
    assert_int_equal(nn_exec_prepare(run.exec, shape, &err), SE_OK);
    fill(run.exec, shape);
    assert_int_equal(nn_exec_run(run.exec, NULL, &err), SE_OK);
    assert_int_equal(nn_exec_runs(run.exec).gpu, 2);
    end(&run);
    run = load(false, 3 << 20);
    assert_int_equal(nn_exec_prepare(run.exec, large, &err), SE_ERR_LIMIT);
    end(&run);
}

/* Each allocation fails once: an error or the CPU, never a leak. */
static void test_every_allocation(void **state)
{
    bool failed = true;
    (void)state;
    for (int n = 1; failed && n < 200; n++) {
        struct nn_model *model;
        struct nn_exec *exec = NULL;
        se_error err = {0, ""};
        const struct nn_model_options options = {.backend = NN_BACKEND_GPU};
        fake->allocs_until_failure = n;
        int status = nn_model_load(&model, model_path, &options, &err);
        if (status == SE_OK)
            status = nn_exec_create(&exec, model, NULL, 0, &err);
        if (status == SE_OK)
            status = nn_exec_prepare(exec, shape, &err);
        failed = status != SE_OK;
        if (failed)
            assert_int_equal(status, SE_ERR_LIMIT);
        fake->allocs_until_failure = 0;
        if (exec && failed) /* it works as soon as there is memory */
            assert_int_equal(nn_exec_prepare(exec, shape, &err), SE_OK);
        nn_exec_free(exec);
        nn_model_free(model);
        expect_nothing_left();
    }
    assert_false(failed);
}

/* An error in the middle: the CPU computes the same input, and all that come after. */
static void test_failure(void **state)
{
    struct nn_shape out_shape;
    se_error err = {0, ""};
    (void)state;
    struct run run = load(true, 0);
    assert_int_equal(nn_exec_prepare(run.exec, shape, &err), SE_OK);
    fill(run.exec, shape);
    assert_int_equal(nn_exec_run(run.exec, NULL, &err), SE_OK);
    const float *out = nn_exec_output(run.exec, &out_shape);
    int64_t count = 1;
    for (int i = 0; i < out_shape.rank; i++)
        count *= out_shape.dims[i];
    float *before = malloc((size_t)count * sizeof(float));
    assert_non_null(before);
    memcpy(before, out, (size_t)count * sizeof(float));
    fake->launches_until_error = 1;
    for (int i = 0; i < 3; i++) {
        if (i > 0)
            fill(run.exec, shape);
        assert_int_equal(nn_exec_run(run.exec, NULL, &err), SE_OK);
        out = nn_exec_output(run.exec, &out_shape);
        for (int64_t k = 0; k < count; k++)
            if (!(fabs((double)out[k] - (double)before[k]) < 0.01 * fmax(1, fabs((double)out[k]))))
                fail_msg("run %d, element %lld: %g, not %g", i, (long long)k, (double)out[k],
                         (double)before[k]);
    }
    free(before);
    assert_int_equal(nn_exec_prepare(run.exec, shape, &err), SE_OK);
    fill(run.exec, shape);
    assert_int_equal(nn_exec_run(run.exec, NULL, &err), SE_OK);
    assert_int_equal(nn_exec_runs(run.exec).gpu, 1);
    assert_int_equal(nn_exec_runs(run.exec).spare, 4);
    nn_exec_free(run.exec);
    nn_model_free(run.model);
    assert_int_equal(fake->contexts, 0);
    /* Opened again, it has a new context. */
    run = load(false, 0);
    assert_int_equal(nn_exec_prepare(run.exec, shape, &err), SE_OK);
    fake->launches_until_error = 1;
    assert_int_equal(nn_exec_run(run.exec, NULL, &err), SE_ERR_DEVICE);
    assert_non_null(strstr(err.message, "GPU 0 is no longer used"));
    assert_non_null(strstr(err.message, "CUDA_ERROR_ILLEGAL_ADDRESS"));
    assert_int_equal(nn_exec_run(run.exec, NULL, &err), SE_ERR_DEVICE);
    nn_exec_free(run.exec);
    nn_model_free(run.model);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_no_driver, reset),
        cmocka_unit_test_setup(test_old_driver, reset),
        cmocka_unit_test_setup(test_no_start, reset),
        cmocka_unit_test_setup(test_no_permission, reset),
        cmocka_unit_test_setup(test_cards, reset),
        cmocka_unit_test_setup(test_images, reset),
        cmocka_unit_test_setup(test_budget, reset),
        cmocka_unit_test_setup(test_halves, reset),
        cmocka_unit_test_setup(test_kernels, reset),
        cmocka_unit_test_setup(test_kernels_fail, reset),
        cmocka_unit_test_setup(test_memory_goes_back, reset),
        cmocka_unit_test_setup(test_long_loop, reset),
        cmocka_unit_test_setup(test_batches_in_buckets, reset),
        cmocka_unit_test_setup(test_one_graph, reset),
        cmocka_unit_test_setup(test_too_little_memory, reset),
        cmocka_unit_test_setup(test_every_allocation, reset),
        cmocka_unit_test_setup(test_failure, reset),
    };
    model_path = argc > 1 ? argv[1] : "";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
