/*
 * Steps in 8 bits: FFN and GEMM of nodes whose ranges are known (struct nn_quant in nn/ir.h).
 *
 * Inputs and outputs stay float32. Inside a piece the input is rounded to 8 bits, and so is what is
 * between the two products of an FFN; residuals are added in float32.
 */
#ifndef SE_NN_CPU_INT8_H
#define SE_NN_CPU_INT8_H

#include "nn/cpu/cpu_step.h"
#include "nn/cpu/kernels_int8.h"

/* In a struct cpu_packed of a node in 8 bits; both lie in one allocation. */
struct cpu_int8_packed {
    const struct cpu_int8_kernels *kernels;
    /* Of the product's operand; GEMM: the first alone. */
    struct cpu_int8_range range[2];
    struct cpu_int8_panels panels[2];
};

/* The fastest 8-bit kernels that this machine has, of the tier of `kernels` or below. */
const struct cpu_int8_kernels *cpu_int8_kernels_for(const struct cpu_kernels *kernels);

/* As cpu_pack, for a node with ranges. SE_ERR_UNSUPPORTED when it is neither FFN nor GEMM. */
int cpu_int8_pack(const struct cpu_kernels *kernels, const struct nn_node *node, void **packed,
                  size_t *bytes, se_error *err);

extern const struct cpu_op cpu_op_int8_gemm, cpu_op_int8_ffn;

#endif
