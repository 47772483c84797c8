/*
 * Outlines on binary maps and the geometry of DB post-processing (Liao et al. 2020, "Real-time
 * Scene Text Detection with Differentiable Binarization"): components, hulls, minimum-area
 * rectangles, scores, unclipping.
 */
#ifndef SE_IMAGE_CONTOUR_H
#define SE_IMAGE_CONTOUR_H

#include "image/image.h"

/* One 8-connected component of a binary map. */
struct component {
    struct rect box;       /* bounding box, pixels */
    int pixels;            /* how many belong to it */
    struct point *outline; /* pixel corners of its outer border's convex hull, clockwise */
    int outline_count;     /* >= 3 unless degenerate */
};

struct component_list {
    struct component *items; /* in order of their first pixel, row by row */
    int count;
    void *memory; /* owned */
};

/*
 * Finds the components of map[h][w] (nonzero: set), at most `max_components` (the largest by
 * pixels are kept), each of at least `min_pixels`. Iterative, memory linear in w × h.
 */
int contour_components(const uint8_t *map, int width, int height, int min_pixels,
                       int max_components, struct component_list *out, se_error *err);
void contour_components_free(struct component_list *list);

/* 2 × 2 dilation as RapidOCR's (anchor as OpenCV's default for a 2 × 2 kernel of ones):
 * out(x, y) = max of in(x-1..x, y-1..y). In and out must differ. */
void contour_dilate2x2(const uint8_t *in, uint8_t *out, int width, int height);

/* Convex hull (Andrew's monotone chain), clockwise in picture coordinates; `out` has room for
 * `count`. Returns the number of hull points. points is reordered. */
int contour_convex_hull(struct point *points, int count, struct point *out);

/* Smallest rectangle round a convex polygon (rotating calipers). Corners clockwise, first the one
 * that is the text's top left when the longer or horizontal side is taken as the baseline (as
 * PaddleOCR's get_mini_boxes). *short_side may be NULL. */
struct quad contour_min_area_rect(const struct point *hull, int count, float *short_side);

/* Mean of prob[h][w] inside the polygon (scan-line fill, pixels whose centre lies inside, at least
 * the nearest pixel). Clipped to the map. */
float contour_mean_inside(const float *prob, int width, int height, const struct point *polygon,
                          int count);

/* Area (shoelace, positive) and perimeter of a polygon. */
float contour_area(const struct point *polygon, int count);
float contour_perimeter(const struct point *polygon, int count);

/* Grows a rectangle outward on all sides by distance = area × ratio / perimeter (Vatti clipping of
 * a rectangle with round joins has the same minimum-area rectangle). */
struct quad contour_unclip(const struct quad *rect, float ratio);

#endif
