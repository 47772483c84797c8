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

/* May kernels for AVX-512 use VNNI (products of 8 bits) besides? */
bool cpu_has_vnni(void);

#endif
