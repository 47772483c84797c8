/*
 * In which precision the networks run: the setting `precision`, and for which models there are
 * 8-bit ranges.
 */
#ifndef SE_READER_PRECISION_H
#define SE_READER_PRECISION_H

#include "nn/nn.h"
#include "reader/settings.h"

/*
 * Options for the detector at `path`. precision = int8 takes the ranges of this file, and is
 * SE_ERR_MODEL when there are none and SE_ERR_UNSUPPORTED with the backend `ref`; auto takes them
 * where there are any and 8 bits are faster: with VNNI. A file set by hand is known by its SHA-256
 * (SE_ERR_IO when it cannot be read).
 */
int precision_detector(const struct settings_values *values, const char *path,
                       struct nn_model_options *out, se_error *err);

#endif
