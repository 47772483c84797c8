/*
 * Steps in 8 bits: FFN and GEMM of nodes whose ranges are known (struct nn_quant in nn/ir.h), of a
 * SELECT the columns that are not chosen, and CONV in a stem (cpu_int8_stem.c), but for which a
 * CONV stays in float32.
 *
 * Inputs and outputs stay float32. Inside a piece the input is rounded to 8 bits, and so is what is
 * between the two products of an FFN; residuals are added in float32.
 */
#ifndef SE_NN_CPU_INT8_H
#define SE_NN_CPU_INT8_H

#include "nn/cpu/cpu_step.h"
#include "nn/cpu/kernels_int8.h"

/* In a struct cpu_packed of a node in 8 bits; both lie in one allocation, but of a CONV. */
struct cpu_int8_packed {
    const struct cpu_int8_kernels *kernels;
    /* Of the product's operand; GEMM, SELECT, CONV: the first alone. */
    struct cpu_int8_range range[2];
    struct cpu_int8_panels panels[2];
};

/* The fastest 8-bit kernels that this machine has, of the tier of `kernels` or below. */
const struct cpu_int8_kernels *cpu_int8_kernels_for(const struct cpu_kernels *kernels);

/* Can a node with ranges be computed in 8 bits? SE_ERR_UNSUPPORTED. */
int cpu_int8_check(const struct nn_node *node, se_error *err);
/* As cpu_pack, for a GEMM or FFN with ranges. */
int cpu_int8_pack(const struct cpu_kernels *kernels, const struct nn_node *node, void **packed,
                  size_t *bytes, se_error *err);
/* The same of a CONV: panels[0] of depth [ky][kx][ci]. *packed: an allocation of its own. */
int cpu_int8_conv_pack(const struct cpu_kernels *kernels, const struct nn_node *node,
                       struct cpu_int8_packed **packed, size_t *bytes, se_error *err);

/* Of a SELECT: bytes that its columns which are not chosen take, and those columns in `memory`, at
 * a 64-byte boundary, of so many bytes: panels[0] the others, panels[1] the listed ones. `columns`:
 * numbers of classes, in this order. */
size_t cpu_int8_select_bytes(const struct cpu_kernels *kernels, const struct nn_node *node);
const struct cpu_int8_packed *cpu_int8_select_pack(const struct cpu_kernels *kernels,
                                                   const struct nn_node *node,
                                                   const int32_t *columns, void *memory);

/* Of panels[0] the columns from vector `first` on, `vectors` of them, as in cpu_panels_part. */
struct cpu_int8_panels cpu_int8_panels_part(const struct cpu_int8_packed *packed, size_t first,
                                            size_t vectors);

/* Logits of the columns of `part`, one of panels[0] or panels[1]. */
struct cpu_int8_logits {
    const struct cpu_int8_packed *packed;
    const struct cpu_int8_panels *part;
    const float *x; /* [rows, k], rows ldx apart */
    ptrdiff_t ldx;
    size_t rows;
    float *scratch; /* cpu_int8_logits_floats(packed, rows) of them */
    float *c;       /* [rows, part->n] */
    ptrdiff_t ldc;
};
size_t cpu_int8_logits_floats(const struct cpu_int8_packed *packed, size_t rows);
void cpu_int8_logits(const struct cpu_int8_logits *args);

extern const struct cpu_op cpu_op_int8_gemm, cpu_op_int8_ffn;

static inline size_t cpu_int8_whole(size_t count, size_t step)
{
    return (count + step - 1) / step * step;
}

#endif
