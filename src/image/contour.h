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
    struct point *outline; /* convex hull of its pixels' corners, clockwise, no three in a line */
    int outline_count;     /* >= 4: the smallest hull is that of one pixel */
};

struct component_list {
    struct component *items; /* in order of their first pixel, row by row */
    int count;
    void *memory; /* owned */
};

/*
 * Finds the components of map[h][w] (nonzero: set), at most `max_components` (the largest by
 * pixels are kept, of equals the first), each of at least `min_pixels`. Sides 1 … 65535 and at most
 * INT_MAX pixels. Iterative; time and memory linear in w × h. SE_ERR_ARGUMENT, SE_ERR_MEMORY.
 */
int contour_components(const uint8_t *map, int width, int height, int min_pixels,
                       int max_components, struct component_list *out, se_error *err);

/* Set pixels [start, end) of a row, with no set pixel next to them. */
struct contour_run {
    int start, end;
    int row;
    int parent; /* a run of the same component, not after this one */
};

/* The same of runs in reading order whose components are known: each parent is the first run of
 * its component. Coordinates 0 … 65535. `runs` is spoilt. SE_ERR_ARGUMENT, SE_ERR_MEMORY. */
int contour_components_of_runs(struct contour_run *runs, int count, int min_pixels,
                               int max_components, struct component_list *out, se_error *err);
void contour_components_free(struct component_list *list);

/* 2 × 2 dilation as RapidOCR's (anchor as OpenCV's default for a 2 × 2 kernel of ones):
 * out(x, y) = max of in(x-1..x, y-1..y). In and out must differ. */
void contour_dilate2x2(const uint8_t *in, uint8_t *out, int width, int height);

/* Convex hull (Andrew's monotone chain), clockwise in picture coordinates, no three points in a
 * line; `out` has room for `count`. Returns the number of hull points: 1 or 2 when the points all
 * coincide or lie on a line. points is reordered; they must be finite. */
int contour_convex_hull(struct point *points, int count, struct point *out);

/* Rectangle of the smallest area round a convex polygon, one of its sides along a side of the
 * polygon. Corners clockwise, ordered as by PaddleOCR's get_mini_boxes: the side whose middle lies
 * leftmost runs from the last corner up to the first. So the top left of text comes first, also of
 * text that runs up or down, until its line is almost upright. *short_side may be NULL. Zeros for
 * an empty polygon. */
struct quad contour_min_area_rect(const struct point *hull, int count, float *short_side);

/* Mean of prob[h][w] inside a convex polygon: over the pixels whose centre lies inside, or the
 * pixel nearest to the mean of its corners when there is none. Clipped to the map. Of a polygon
 * that is not convex, each row counts from its first to its last border. 0 for an empty polygon or
 * one with a coordinate that is not finite. */
float contour_mean_inside(const float *prob, int width, int height, const struct point *polygon,
                          int count);

/* Columns [begin, end) of row y. */
struct contour_span {
    int y, begin, end;
};

/* The pixels of which contour_mean_inside is the mean, in a map[h][w], row by row into out[h];
 * returns how many spans. 0 where the mean is 0 by definition. */
int contour_spans_inside(const struct point *polygon, int count, int width, int height,
                         struct contour_span *out);

/* Area (shoelace, positive) and perimeter of a polygon. */
float contour_area(const struct point *polygon, int count);
float contour_perimeter(const struct point *polygon, int count);

/* Grows a rectangle outward on all sides by distance = area × ratio / perimeter (Vatti clipping of
 * a rectangle with round joins has the same minimum-area rectangle). One without area stays. */
struct quad contour_unclip(const struct quad *rect, float ratio);

#endif
