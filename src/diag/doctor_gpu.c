/*
 * What NVIDIA's driver says of its GPUs.
 */
#include <stdio.h>

#include "diag/doctor.h"
#include "nn/gpu_info.h"

static void add_one(struct doctor_report *report, int index)
{
    struct nn_gpu_info info;
    char name[32];
    se_error err = {0, ""};
    snprintf(name, sizeof(name), "GPU %d", index);
    if (nn_gpu_describe(index, &info, &err) == SE_OK)
        doctor_add(report, DOCTOR_OK, "gpu", name,
                   "%s, compute capability %d.%d, %d multiprocessors, %zu MiB, code %s", info.name,
                   info.major, info.minor, info.multiprocessors, info.total_bytes >> 20, info.code);
    else
        doctor_add(report, DOCTOR_NOTE, "gpu", name, "%s", err.message);
}

/* Every kernel against the CPU's reference, on the GPU that would be used. */
static void check_kernels(struct doctor_report *report, int device)
{
    int kernels;
    char wrong[NN_GPU_WRONG_SIZE];
    se_error err = {0, ""};
    if (nn_gpu_check_kernels(device, &kernels, wrong, &err) != SE_OK)
        doctor_add(report, DOCTOR_NOTE, "gpu", "kernels", "not tested: %s", err.message);
    else if (wrong[0])
        doctor_add(report, DOCTOR_FAULT, "gpu", "kernels",
                   "wrong on GPU %d: %s; please report this", device, wrong);
    else
        doctor_add(report, DOCTOR_OK, "gpu", "kernels",
                   "all %d give on GPU %d what the CPU's reference gives", kernels, device);
}

void doctor_add_cuda(struct doctor_report *report, int device)
{
    int version, count;
    se_error err = {0, ""};
    const char *images = nn_gpu_images();
    doctor_add(report, images ? DOCTOR_OK : DOCTOR_NOTE, "gpu", "code", "%s",
               images ? images : "none: this build has no GPU support");
    if (!images)
        return;
    if (nn_gpu_count(&version, &count, &err) != SE_OK) {
        doctor_add(report, DOCTOR_OK, "gpu", "CUDA", "%s", err.message);
        return;
    }
    doctor_add(report, DOCTOR_OK, "gpu", "CUDA", "the driver supports %d.%d; 12.0 is needed",
               version / 1000, version % 1000 / 10);
    for (int i = 0; i < count; i++)
        add_one(report, i);
    if (device >= 0 && device < count)
        check_kernels(report, device);
}
