/*
 * Weights in the form the kernels want.
 */
#ifndef SE_NN_CPU_PACK_H
#define SE_NN_CPU_PACK_H

#include <stdbool.h>

#include "nn/cpu/kernels.h"

/*
 * What pack makes of a node, one allocation:
 *
 *   CONV    panels[g]: k = kh·kw·(ci/groups) in the order [ky][kx][ci], n = co/groups
 *           or, for views of split rows, panels[0]: a row of taps at a time, each rounded up
 *           to whole steps with zeros
 *           or, for Winograd, panels[36]: k = ci, n = co, no bias in them, and bias [co]
 *           and, where cpu_pack_is_planar says so, planes: the weights of struct cpu_planes
 *   DECONV  panels[ky]: k = ci, n = kw·co in the order [kx][co]; or, when all columns fit one
 *           vector, panels[0] alone: n = kh·kw·co in the order [ky][kx][co]
 *   GEMM    panels[0]
 *   FFN     panels[0], panels[1]
 *   SELECT  panels[0]: the columns that are neither chosen nor listed, in rising order; panels[1]:
 *           the chosen ones in the caller's order; panels[2]: those of the shortlist; columns: the
 *           numbers of the others, the listed and the chosen ones
 *   DWCONV  weight [taps, c_padded], bias [c_padded]
 *   LAYERNORM weight = gamma, bias = beta; NULL where absent
 */
struct cpu_packed {
    size_t panel_count;
    struct cpu_panels *panels;
    const float *weight, *bias, *planes;
    size_t c_padded;
    const int32_t *columns;
    /* Not NULL: in 8 bits (cpu_int8.h), and nothing above; SELECT: the columns that are not chosen,
     * and panels[0] and [2] have none; CONV: in 8 bits as well, owned. */
    const struct cpu_int8_packed *int8;
    bool owns_int8;
};

/* Is this convolution done by Winograd's method? From its weights and attributes alone. Never where
 * products are of split numbers: its transforms make their errors ten times as large. */
bool cpu_pack_is_wino(const struct cpu_tile *tile, const struct nn_attr *attr, int64_t ci,
                      int64_t co);

/* Is this convolution a product over views of split rows (cpu_conv_view.c)? */
bool cpu_pack_is_view(const struct cpu_tile *tile, const struct nn_attr *attr);

/* May this convolution be one of a stem that is computed over planes (cpu_planar.c)? */
enum { CPU_PLANAR_CHANNELS = 48 }; /* in, at most */
bool cpu_pack_is_planar(const struct cpu_tile *tile, const struct nn_attr *attr, int64_t ci,
                        int64_t co);

int cpu_pack(const struct cpu_kernels *kernels, const struct nn_node *node, void **packed,
             size_t *bytes, se_error *err);
void cpu_pack_free(void *packed);

/* Floats of the panels' b for a matrix [k, n], and of its bias. */
size_t cpu_panels_floats(const struct cpu_tile *tile, size_t k, size_t n);
size_t cpu_panels_bias_floats(const struct cpu_tile *tile, size_t n);
/*
 * Fills panels of a matrix [k, n] into b: element (i, j) is at source[rows ? rows[i] : i·k_step]
 * plus columns ? columns[j]·n_step : j·n_step.
 */
void cpu_panels_fill(const struct cpu_tile *tile, float *b, const float *source, size_t k, size_t n,
                     ptrdiff_t k_step, ptrdiff_t n_step, const size_t *rows,
                     const int32_t *columns);
/* The columns from vector `first` on, `vectors` of them (a multiple of tile->vectors unless they
 * reach the end, and `first` always one). */
struct cpu_panels cpu_panels_part(const struct cpu_tile *tile, const struct cpu_panels *panels,
                                  size_t first, size_t vectors);

#endif
