/*
 * The kernels as compiled code inside the program (tools/gpu/images.py makes the array).
 */
#ifndef SE_NN_CUDA_CUDA_IMAGES_H
#define SE_NN_CUDA_CUDA_IMAGES_H

#include <stdbool.h>
#include <stddef.h>

struct cuda_image {
    int architecture; /* 10 · major + minor of the compute capability */
    bool ptx;         /* for the driver to compile, on this architecture or any later one */
    const unsigned char *data; /* zlib */
    size_t packed_size;
    size_t size;
};

extern const struct cuda_image cuda_images[];
extern const size_t cuda_image_count;
extern const char cuda_images_compiler[]; /* "NVRTC 12.9" */

#endif
