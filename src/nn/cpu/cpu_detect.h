/*
 * Which instruction sets this machine and its operating system offer.
 */
#ifndef SE_NN_CPU_DETECT_H
#define SE_NN_CPU_DETECT_H

#include <stdbool.h>

#include "nn/nn.h"

/* May kernels of this tier run here? AUTO and PORTABLE: always. `*missing`: what is absent, for
 * messages; static storage. */
bool cpu_has_tier(enum nn_cpu_tier tier, const char **missing);

/*
 * The fastest tier with matrix products of bfloat16 whose kernels may run here, of those with no
 * more than the instruction set `limit` (AUTO: any). AUTO: none may; then `*missing` says what is
 * absent, static storage.
 */
enum nn_cpu_tier cpu_bf16_tier(enum nn_cpu_tier limit, const char **missing);

/* May kernels for AVX-512 use VNNI (products of 8 bits) besides? */
bool cpu_has_vnni(void);

#endif
