/*
 * What libheif must not be given: HEIF files whose items refer to each other in circles, or so
 * often that decoding never ends. libheif 1.15 follows such references without bound.
 */
#ifndef SE_IMAGE_HEIF_CHECK_H
#define SE_IMAGE_HEIF_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/*
 * Checks the boxes that lead to the items and their references, and these. Errors: SE_ERR_TRUNCATED
 * where a box ends behind the file, SE_ERR_CORRUPT, SE_ERR_LIMIT, SE_ERR_MEMORY. Everything else is
 * libheif's to judge. Any bytes are safe.
 */
int heif_check(const uint8_t *bytes, size_t size, se_error *err);

#endif
