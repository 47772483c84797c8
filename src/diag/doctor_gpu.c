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

void doctor_add_cuda(struct doctor_report *report)
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
}
