/*
 * Which device computes: the GPU where there is one that computes rightly, else the CPU.
 */
#ifndef SE_READER_GPU_H
#define SE_READER_GPU_H

#include "ocr/recognize.h"
#include "reader/models.h"
#include "reader/settings.h"

struct networks {
    struct nn_model *detector;
    struct recognizer *recognizer;
    bool on_gpu;
    int device;       /* its index, on a GPU */
    se_error why_not; /* on the GPU; "" when it was not wanted */
};

/*
 * Loads both networks as the settings say. With use_gpu = auto or true they go to the GPU, with the
 * CPU as its spare, and must pass a self-test there; what stands in the way is an error with true
 * (SE_ERR_DEVICE) and a reason for the CPU with auto. Errors as nn_model_load, recognizer_open.
 */
int networks_open(const struct settings_values *values, const struct model_paths *paths,
                  struct networks *out, se_error *err);
/*
 * The same networks on the other GPUs that the setting `gpus` asks for, after networks_open put
 * `first` on one: more[0 … *count). With use_gpu = true each must be there and pass its self-test
 * (SE_ERR_DEVICE); with auto those that do not are left out.
 */
enum { NETWORKS_MORE = 7 };
int networks_open_more(const struct settings_values *values, const struct model_paths *paths,
                       const struct networks *first, struct networks more[NETWORKS_MORE],
                       int *count, se_error *err);
/* Empty ones are allowed. */
void networks_close(struct networks *networks);

#endif
