/*
 * Names, numbers and types of cuda_driver.h against NVIDIA's own cuda.h, as far as a compiler can
 * tell; then every architecture of the program's images, and what kernels take of a block's means.
 *
 *   test_cuda_abi REPORT     REPORT: what tools/gpu/images.py wrote beside the images; it is
 * printed
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <cuda.h>

#include "nn/cuda/cuda_args.h"
#include "nn/cuda/cuda_driver.h"
#include "nn/cuda/cuda_images.h"
#include "nn/cuda/cuda_step.h"

_Static_assert((int)CUDA_OK == (int)CUDA_SUCCESS, "result");
_Static_assert((int)CUDA_OUT_OF_MEMORY == (int)CUDA_ERROR_OUT_OF_MEMORY, "result");
_Static_assert((int)CUDA_STUB_LIBRARY == (int)CUDA_ERROR_STUB_LIBRARY, "result");
_Static_assert((int)CUDA_NO_DEVICE == (int)CUDA_ERROR_NO_DEVICE, "result");
_Static_assert((int)CUDA_NO_BINARY == (int)CUDA_ERROR_NO_BINARY_FOR_GPU, "result");
_Static_assert((int)CUDA_SYSTEM_MISMATCH == (int)CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, "result");
_Static_assert((int)CUDA_ATTRIBUTE_MULTIPROCESSORS == (int)CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT,
               "attribute");
_Static_assert((int)CUDA_ATTRIBUTE_COMPUTE_MODE == (int)CU_DEVICE_ATTRIBUTE_COMPUTE_MODE,
               "attribute");
_Static_assert((int)CUDA_ATTRIBUTE_CLOCK_KHZ == (int)CU_DEVICE_ATTRIBUTE_CLOCK_RATE, "attribute");
_Static_assert((int)CUDA_ATTRIBUTE_MAJOR == (int)CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
               "attribute");
_Static_assert((int)CUDA_ATTRIBUTE_MINOR == (int)CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
               "attribute");
_Static_assert((int)CUDA_MODE_PROHIBITED == (int)CU_COMPUTEMODE_PROHIBITED, "mode");
_Static_assert((int)CUDA_STREAM_NON_BLOCKING == (int)CU_STREAM_NON_BLOCKING, "flag");
_Static_assert((int)CUDA_CAPTURE_THREAD_LOCAL == (int)CU_STREAM_CAPTURE_MODE_THREAD_LOCAL, "mode");
_Static_assert(sizeof(CUdeviceptr) == sizeof(uint64_t) && sizeof(CUdevice) == sizeof(int) &&
                   sizeof(CUresult) == sizeof(int) && sizeof(CUfunction) == sizeof(void *),
               "types");

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

/* cuda.h gives the plain name of a function the version that it describes: cuMemAlloc becomes
 * cuMemAlloc_v2. What we look up must be that version. */
#define VERSION_OF(name)                                                                           \
    {                                                                                              \
#name, TEXT(name)                                                                          \
    }
static const struct {
    const char *plain, *versioned;
} versions[] = {
    VERSION_OF(cuInit),
    VERSION_OF(cuDriverGetVersion),
    VERSION_OF(cuGetErrorName),
    VERSION_OF(cuGetErrorString),
    VERSION_OF(cuDeviceGetCount),
    VERSION_OF(cuDeviceGet),
    VERSION_OF(cuDeviceGetName),
    VERSION_OF(cuDeviceGetAttribute),
    VERSION_OF(cuDeviceTotalMem),
    VERSION_OF(cuDeviceGetPCIBusId),
    VERSION_OF(cuDevicePrimaryCtxRetain),
    VERSION_OF(cuDevicePrimaryCtxRelease),
    VERSION_OF(cuCtxSetCurrent),
    VERSION_OF(cuMemGetInfo),
    VERSION_OF(cuMemAlloc),
    VERSION_OF(cuMemFree),
    VERSION_OF(cuMemAllocHost),
    VERSION_OF(cuMemFreeHost),
    VERSION_OF(cuMemcpyHtoD),
    VERSION_OF(cuMemcpyDtoH),
    VERSION_OF(cuMemcpyHtoDAsync),
    VERSION_OF(cuMemcpyDtoHAsync),
    VERSION_OF(cuMemcpyDtoDAsync),
    VERSION_OF(cuModuleLoadData),
    VERSION_OF(cuModuleUnload),
    VERSION_OF(cuModuleGetFunction),
    VERSION_OF(cuStreamCreate),
    VERSION_OF(cuStreamDestroy),
    VERSION_OF(cuStreamSynchronize),
    VERSION_OF(cuStreamBeginCapture),
    VERSION_OF(cuStreamEndCapture),
    VERSION_OF(cuGraphInstantiateWithFlags),
    VERSION_OF(cuGraphLaunch),
    VERSION_OF(cuGraphExecDestroy),
    VERSION_OF(cuGraphDestroy),
    VERSION_OF(cuLaunchKernel),
};

static const char *report_path;

static void test_versions(void **state)
{
    static const char *const looked_up[] = {
#define SYMBOL(field, symbol, parameters) #symbol,
        CUDA_ENTRIES(SYMBOL)
#undef SYMBOL
    };
    const size_t count = sizeof(versions) / sizeof(versions[0]);
    (void)state;
    assert_int_equal(count, sizeof(looked_up) / sizeof(looked_up[0]));
    for (size_t i = 0; i < count; i++)
        assert_string_equal(versions[i].versioned, looked_up[i]);
}

static void test_images(void **state)
{
    static const int wanted[] = {70, 75, 80, 86, 89, 90, 100, 120};
    bool has_ptx = false;
    (void)state;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        bool found = false;
        for (size_t k = 0; k < cuda_image_count; k++)
            found = found || (!cuda_images[k].ptx && cuda_images[k].architecture == wanted[i]);
        if (!found)
            fail_msg("no code for sm_%d", wanted[i]);
    }
    for (size_t k = 0; k < cuda_image_count; k++)
        has_ptx = has_ptx || cuda_images[k].ptx;
    assert_true(has_ptx);
}

/* What every architecture has: 48 KiB of shared memory without asking for more, 65536 registers a
 * block, 255 a thread (CUDA C++ Programming Guide, "Technical Specifications per Compute
 * Capability"). Hot kernels do not spill. */
static void test_report(void **state)
{
    static const char *const hot[] = {"gemm_64x64", "gemm_128x32", "ffn", "dwconv_3x3_s1",
                                      "dwconv_7x7_s1"};
    FILE *file = fopen(report_path, "r");
    char line[256], name[64];
    int registers, spilled, shared, kernels = 0;
    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        print_message("%s", line);
        if (sscanf(line, " %63s %d registers %d bytes spilled %d bytes shared", name, &registers,
                   &spilled, &shared) != 4)
            continue;
        kernels++;
        assert_true(shared <= 48 * 1024);
        unsigned threads = 0;
#define THREADS_OF(kernel, args, count)                                                            \
    if (strcmp(name, #kernel) == 0)                                                                \
        threads = cuda_kernel_threads(CUDA_KERNEL_##kernel);
        CUDA_KERNELS(THREADS_OF)
#undef THREADS_OF
        assert_in_range(threads, 32, 1024);
        assert_true(registers <= 255 && (unsigned)registers * threads <= 65536);
        for (size_t i = 0; i < sizeof(hot) / sizeof(hot[0]); i++)
            if (strcmp(name, hot[i]) == 0 && spilled > 0)
                fail_msg("%s spills %d bytes", name, spilled);
    }
    fclose(file);
    assert_int_equal(kernels, 8 * CUDA_KERNEL_COUNT);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_images),
        cmocka_unit_test(test_report),
    };
    report_path = argc > 1 ? argv[1] : "";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
