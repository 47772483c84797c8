/*
 * In which precision the networks run on the CPU, the setting `precision`, and what else belongs to
 * one file of weights alone.
 *
 *   fp32   as the models are
 *   bf16   matrix products of bfloat16 with sums in float32, by AMX or AVX-512
 *   int8   matrix products of 8 bits where there are ranges for them (ocr/int8_table.h). What is
 * left is as in bf16 in the recognizer, where that is to be had, and as in fp32 in the detector,
 *          whose largest other layers are no faster in bf16
 *   auto   of what the processor has and the setting `cpu` allows the fastest that reads as many
 *          serial numbers as fp32 (docs/SPEED.md): bf16 with AMX; else int8, for networks with
 *          ranges, with AVX-512 VNNI, or with AVX2 where there is no AVX-512; else bf16, else fp32
 */
#ifndef SE_READER_PRECISION_H
#define SE_READER_PRECISION_H

#include "nn/nn.h"
#include "reader/settings.h"

/*
 * The tier of networks that are not in 8 bits. precision = bf16 is SE_ERR_UNSUPPORTED where that is
 * not to be had: with the backend `ref`, below the tier avx512, without its instructions.
 */
int precision_tier(const struct settings_values *values, enum nn_cpu_tier *out, se_error *err);

/* Do networks that have ranges run in 8 bits? */
bool precision_is_int8(const struct settings_values *values);

/*
 * Backend, tier and ranges for the network at `path`, MODEL_DETECTOR or MODEL_RECOGNIZER. precision
 * = int8 is SE_ERR_MODEL when there are no ranges for this file and SE_ERR_UNSUPPORTED with the
 * backend `ref`. A file set by hand is known by its SHA-256 (SE_ERR_IO when it cannot be read).
 */
int precision_network(const struct settings_values *values, int model, const char *path,
                      struct nn_model_options *out, se_error *err);

/*
 * The same for a network on a GPU: backend, and the tier of its spare on the CPU. That is never in
 * 8 bits: the GPU's self-test holds both to each other, more closely than 8 bits are to float32.
 */
int precision_of_spare(const struct settings_values *values, struct nn_model_options *out,
                       se_error *err);

/* What was learned of a recognizer's last layer. */
struct precision_head {
    bool codes;                    /* the last layer for codes (ocr/code_head.h) belongs to it */
    struct nn_shortlist shortlist; /* its likely columns (ocr/shortlist.h); none: not known */
};

/*
 * What is known of the last layer of the recognizer at `path`: a file set by hand is known by its
 * SHA-256 (SE_ERR_IO when it cannot be read), and has to come with its own dictionary. Another
 * network is read as it is.
 */
int precision_head(const struct settings_values *values, const char *path,
                   struct precision_head *out, se_error *err);

#endif
