/*
 * What barcode.c needs of zxing-cpp, without C++. Pixels are grey, `stride` bytes from row to row;
 * height × stride must fit an int. No exception leaves it: a lack of memory is SE_ERR_MEMORY, and a
 * symbol over which zxing-cpp stumbles (1.4 throws at some distorted ones) is a symbol not found.
 */
#ifndef SE_CODE_ZXING_SHIM_H
#define SE_CODE_ZXING_SHIM_H

#include "code/barcode.h"

#ifdef __cplusplus
extern "C" {
#endif

struct zxing_symbol {
    const char *symbology; /* static storage */
    size_t length;         /* of its text, which may be longer than what fits below */
    char text[BARCODE_MAX_TEXT];
    int x[4],
        y[4]; /* corners as zxing-cpp orders them: from the symbol's own top left, clockwise */
};

/* Looks for one linear barcode. *count becomes 0 or 1. SE_OK or SE_ERR_MEMORY. */
int zxing_shim_read_linear(const uint8_t *pixels, int width, int height, int stride,
                           struct zxing_symbol *out, int *count);

/* Looks for at most `max` two-dimensional codes. SE_OK or SE_ERR_MEMORY. */
int zxing_shim_read_matrix(const uint8_t *pixels, int width, int height, int stride, int max,
                           struct zxing_symbol *out, int *count);

#ifdef __cplusplus
}
#endif

#endif
