/* All kernels as one module: what NVRTC compiles (tools/gpu/images.py). */
#include "kernel_gemm.cuh"
#include "kernel_ffn.cuh"
#include "kernel_window.cuh"
#include "kernel_rows.cuh"
#include "kernel_sample.cuh"
#include "kernel_map.cuh"
