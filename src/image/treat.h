/*
 * Treatments: filters, with their sizes, that make text readable which is not as it is.
 */
#ifndef SE_IMAGE_TREAT_H
#define SE_IMAGE_TREAT_H

#include "image/image.h"

enum img_treatment {
    IMG_PLAIN,      /* none */
    IMG_INVERT,     /* light text becomes dark */
    IMG_CONTRAST,   /* CLAHE: faint text */
    IMG_SHARPEN,    /* unsharp mask: soft text */
    IMG_BACKGROUND, /* divided by the light around: shadows, glare */
    IMG_WHITE_HAT,  /* thin light strokes alone: engraved in dark metal */
    IMG_BLACK_HAT,  /* thin dark strokes alone: etched in bright metal, reflections */
    IMG_ADAPTIVE,   /* black and white, by a threshold for each pixel: damaged print */
    IMG_TREATMENTS
};

/* "plain", "invert", …: as looks are named. */
extern const char *const img_treatment_names[IMG_TREATMENTS];

/* Treats `image` in place; most make it grey, it is then replaced (so not a window). `text_height`:
 * of its lines, pixels. SE_ERR_MEMORY. */
int img_treat(struct image *image, enum img_treatment treatment, float text_height, se_error *err);

#endif
