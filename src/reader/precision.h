/*
 * In which precision the networks run on the CPU, the setting `precision`, and what else belongs to
 * one file of weights alone.
 *
 *   fp32   as the models are
 *   bf16   matrix products of bfloat16 with sums in float32, of both networks, by AMX or AVX-512
 *   int8   matrix products of 8 bits, of the detector alone, where there are ranges for its model
 *   auto   bf16 where the processor has it and the setting `cpu` allows that, else fp32: the
 *          fastest that reads as many serial numbers as fp32 (docs/SPEED.md)
 */
#ifndef SE_READER_PRECISION_H
#define SE_READER_PRECISION_H

#include "nn/nn.h"
#include "reader/settings.h"

/*
 * The tier that both networks run on. precision = bf16 is SE_ERR_UNSUPPORTED where that is not to
 * be had: with the backend `ref`, below the tier avx512, without its instructions.
 */
int precision_tier(const struct settings_values *values, enum nn_cpu_tier *out, se_error *err);

/*
 * Options for the detector at `path`. precision = int8 takes the ranges of this file, and is
 * SE_ERR_MODEL when there are none and SE_ERR_UNSUPPORTED with the backend `ref`. A file set by
 * hand is known by its SHA-256 (SE_ERR_IO when it cannot be read).
 */
int precision_detector(const struct settings_values *values, const char *path,
                       struct nn_model_options *out, se_error *err);

/*
 * Whether the last layer for codes (ocr/code_head.h) belongs to the recognizer at `path`: a file
 * set by hand is known by its SHA-256 (SE_ERR_IO when it cannot be read), and has to come with its
 * own dictionary. Another network is read as it is.
 */
int precision_codes(const struct settings_values *values, const char *path, bool *out,
                    se_error *err);

#endif
