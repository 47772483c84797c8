/*
 * Barcodes by zxing-cpp, behind a C border. Code 128, Code 39, EAN/UPC, DataMatrix, QR.
 */
#ifndef SE_CODE_BARCODE_H
#define SE_CODE_BARCODE_H

#include "base/pool.h"
#include "image/image.h"

enum { BARCODE_MAX = 32, BARCODE_MAX_TEXT = 512 };

struct barcode {
    char text[BARCODE_MAX_TEXT]; /* UTF-8, '\0'-terminated; longer ones are left out */
    const char *symbology;       /* "code128", "code39", "ean13", "ean8", "upca", "upce",
                                    "datamatrix", "qr"; static storage */
    struct quad quad;            /* pixels of `image` */
};

/* Finds at most BARCODE_MAX barcodes in a grey image: two-dimensional ones first, then linear ones,
 * looked for side by side where there is a pool (may be NULL). No C++ exception leaves it.
 * SE_ERR_MEMORY. */
int barcode_find(const struct image *grey, struct pool *pool, struct barcode out[BARCODE_MAX],
                 int *count, se_error *err);

#endif
