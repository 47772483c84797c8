/*
 * A picture with what was found on it drawn over: outlines and labels.
 */
#ifndef SE_DIAG_OVERLAY_H
#define SE_DIAG_OVERLAY_H

#include "base/status.h"
#include "image/image.h"

/* Decodes the picture again, as the settings allow, and draws the readings (and lines, if the
 * result has them) over it, into a new image in *out. Errors: those of decoding, SE_ERR_MEMORY. */
int overlay_draw(const void *bytes, size_t size, const se_settings *settings,
                 const se_result *result, struct image *out, se_error *err);

/*
 * Writes such an image to `path`, which is replaced, as a PNG file. Errors: the same, and
 * SE_ERR_IO; then there is no new file.
 */
int overlay_write(const void *bytes, size_t size, const se_settings *settings,
                  const se_result *result, const char *path, se_error *err);

#endif
