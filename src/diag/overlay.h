/*
 * A picture with what was found on it drawn over: outlines and labels.
 */
#ifndef SE_DIAG_OVERLAY_H
#define SE_DIAG_OVERLAY_H

#include "base/status.h"

/*
 * Decodes the picture again, as the settings allow, draws the readings (and lines, if the result
 * has them) over it and writes a PNG file to `path`, which is replaced. Errors: those of decoding,
 * SE_ERR_IO, SE_ERR_MEMORY; then there is no new file.
 */
int overlay_write(const void *bytes, size_t size, const se_settings *settings,
                  const se_result *result, const char *path, se_error *err);

#endif
