/*
 * Hulls, rectangles and means over polygons.
 */
#include "image/contour.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static int contour_compare_points(const void *a, const void *b)
{
    const struct point *p = a, *q = b;
    if (p->x != q->x)
        return p->x < q->x ? -1 : 1;
    return (p->y > q->y) - (p->y < q->y);
}

/* Positive when a → b → c turns clockwise in picture coordinates (y downwards). */
static double contour_cross(struct point a, struct point b, struct point c)
{
    const double abx = (double)b.x - (double)a.x, aby = (double)b.y - (double)a.y;
    const double bcx = (double)c.x - (double)b.x, bcy = (double)c.y - (double)b.y;
    return abx * bcy - aby * bcx;
}

int contour_convex_hull(struct point *points, int count, struct point *out)
{
    if (count < 1)
        return 0;
    qsort(points, (size_t)count, sizeof(*points), contour_compare_points);
    int distinct = 1;
    for (int i = 1; i < count; i++)
        if (contour_compare_points(&points[i], &points[distinct - 1]) != 0)
            points[distinct++] = points[i];
    out[0] = points[0];
    if (distinct == 1)
        return 1;
    /* Each point goes to the side of the line from first to last on which it lies, so that both
     * chains together never hold more than `count`. */
    const struct point first = points[0], last = points[distinct - 1];
    int n = 1;
    for (int i = 1; i < distinct; i++) {
        if (i < distinct - 1 && contour_cross(first, last, points[i]) >= 0)
            continue;
        while (n >= 2 && contour_cross(out[n - 2], out[n - 1], points[i]) <= 0)
            n--;
        out[n++] = points[i];
    }
    /* Back along the other side. The first point closes the chain and is not stored again. */
    const int base = n;
    for (int i = distinct - 2; i >= 0; i--) {
        if (i > 0 && contour_cross(first, last, points[i]) <= 0)
            continue;
        while (n > base && contour_cross(out[n - 2], out[n - 1], points[i]) <= 0)
            n--;
        if (i > 0)
            out[n++] = points[i];
    }
    return n;
}

/* A direction and how far a polygon reaches along it and across it, seen from its first corner. */
struct contour_extent {
    double ux, uy;
    double along_min, along_max, across_min, across_max;
};

static double contour_extent_area(const struct contour_extent *extent)
{
    return (extent->along_max - extent->along_min) * (extent->across_max - extent->across_min);
}

static struct contour_extent contour_measure(const struct point *hull, int count, double ux,
                                             double uy)
{
    struct contour_extent extent = {ux, uy, 0, 0, 0, 0};
    for (int i = 1; i < count; i++) {
        const double x = (double)hull[i].x - (double)hull[0].x;
        const double y = (double)hull[i].y - (double)hull[0].y;
        const double along = x * ux + y * uy, across = y * ux - x * uy;
        extent.along_min = along < extent.along_min ? along : extent.along_min;
        extent.along_max = along > extent.along_max ? along : extent.along_max;
        extent.across_min = across < extent.across_min ? across : extent.across_min;
        extent.across_max = across > extent.across_max ? across : extent.across_max;
    }
    return extent;
}

static struct point contour_extent_corner(const struct contour_extent *extent, struct point origin,
                                          double along, double across)
{
    return (struct point){(float)((double)origin.x + along * extent->ux - across * extent->uy),
                          (float)((double)origin.y + along * extent->uy + across * extent->ux)};
}

/*
 * The smallest rectangle has a side along one of the polygon's (Freeman & Shapira 1975). Every side
 * is tried against every corner: hulls of pixel maps have few corners (at most about 3.4 × side^2/3
 * of the map), and unlike calipers that turn from corner to corner this cannot lose its way where
 * rounding has made a hull slightly hollow.
 */
struct quad contour_min_area_rect(const struct point *hull, int count, float *short_side)
{
    if (short_side)
        *short_side = 0;
    if (count < 1)
        return (struct quad){0};
    struct contour_extent best = contour_measure(hull, count, 1.0, 0.0);
    for (int i = 0, found = 0; i < count; i++) {
        const struct point a = hull[i], b = hull[i + 1 < count ? i + 1 : 0];
        const double x = (double)b.x - (double)a.x, y = (double)b.y - (double)a.y;
        const double length = hypot(x, y);
        if (!(length > 0))
            continue;
        const struct contour_extent extent = contour_measure(hull, count, x / length, y / length);
        if (!found || contour_extent_area(&extent) < contour_extent_area(&best))
            best = extent;
        found = 1;
    }
    const struct point corner[4] = {
        contour_extent_corner(&best, hull[0], best.along_min, best.across_min),
        contour_extent_corner(&best, hull[0], best.along_max, best.across_min),
        contour_extent_corner(&best, hull[0], best.along_max, best.across_max),
        contour_extent_corner(&best, hull[0], best.along_min, best.across_max)};
    int first = 0;
    for (int k = 1; k < 4; k++) {
        const float middle = corner[k].x + corner[(k + 3) % 4].x;
        const float least = corner[first].x + corner[(first + 3) % 4].x;
        if (middle < least || (middle == least && corner[k].y < corner[first].y))
            first = k;
    }
    struct quad quad;
    for (int k = 0; k < 4; k++)
        quad.p[k] = corner[(first + k) % 4];
    if (short_side)
        *short_side =
            (float)fmin(best.along_max - best.along_min, best.across_max - best.across_min);
    return quad;
}

/* floor(v) held inside lowest … highest. */
static int contour_floor(double v, int lowest, int highest)
{
    return v <= lowest ? lowest : v >= highest ? highest : (int)floor(v);
}

/* Where the polygon's border crosses the line at height `y`: leftmost and rightmost; 0 if nowhere.
 */
static int contour_crossings(const struct point *polygon, int count, double y, double *left,
                             double *right)
{
    int found = 0;
    for (int i = 0; i < count; i++) {
        const struct point a = polygon[i], b = polygon[i + 1 < count ? i + 1 : 0];
        const double ay = (double)a.y, by = (double)b.y;
        if ((ay <= y) == (by <= y))
            continue;
        const double x = (double)a.x + (y - ay) / (by - ay) * ((double)b.x - (double)a.x);
        *left = !found || x < *left ? x : *left;
        *right = !found || x > *right ? x : *right;
        found = 1;
    }
    return found;
}

/* The rows [*begin, *end) of a map in which a polygon may have pixels, and the mean of its corners;
 * false for one that is empty or not finite. */
static bool contour_rows(const struct point *polygon, int count, int height, int *begin, int *end,
                         double mean[2])
{
    if (count < 1)
        return false;
    double top = (double)polygon[0].y, bottom = top;
    mean[0] = mean[1] = 0;
    for (int i = 0; i < count; i++) {
        const double x = (double)polygon[i].x, y = (double)polygon[i].y;
        if (!isfinite(x) || !isfinite(y))
            return false;
        top = y < top ? y : top;
        bottom = y > bottom ? y : bottom;
        mean[0] += x / count;
        mean[1] += y / count;
    }
    /* Pixel i is inside from a to b when a <= i + 1/2 < b. */
    *begin = contour_floor(ceil(top - 0.5), 0, height);
    *end = contour_floor(ceil(bottom - 0.5), 0, height);
    return true;
}

int contour_spans_inside(const struct point *polygon, int count, int width, int height,
                         struct contour_span *out)
{
    int begin, end, found = 0;
    double mean[2];
    if (!contour_rows(polygon, count, height, &begin, &end, mean))
        return 0;
    for (int y = begin; y < end; y++) {
        double left = 0, right = 0;
        if (!contour_crossings(polygon, count, y + 0.5, &left, &right))
            continue;
        const struct contour_span span = {y, contour_floor(ceil(left - 0.5), 0, width),
                                          contour_floor(ceil(right - 0.5), 0, width)};
        if (span.begin < span.end)
            out[found++] = span;
    }
    if (found == 0) {
        const int x = contour_floor(mean[0], 0, width - 1);
        out[found++] = (struct contour_span){contour_floor(mean[1], 0, height - 1), x, x + 1};
    }
    return found;
}

/* In double, four columns apart: sums of a row are the same however it is read. */
static double contour_sum(const float *row, int begin, int end)
{
    double part[4] = {0};
    int x = begin;
    for (; x + 4 <= end; x += 4)
        for (int k = 0; k < 4; k++)
            part[k] += (double)row[x + k];
    for (; x < end; x++)
        part[0] += (double)row[x];
    return part[0] + part[1] + part[2] + part[3];
}

float contour_mean_inside(const float *prob, int width, int height, const struct point *polygon,
                          int count)
{
    int begin, end;
    double mean[2], sum = 0;
    if (!contour_rows(polygon, count, height, &begin, &end, mean))
        return 0;
    size_t pixels = 0;
    for (int y = begin; y < end; y++) {
        double left = 0, right = 0;
        if (!contour_crossings(polygon, count, y + 0.5, &left, &right))
            continue;
        const int from = contour_floor(ceil(left - 0.5), 0, width);
        const int to = contour_floor(ceil(right - 0.5), 0, width);
        sum += contour_sum(prob + (size_t)y * (size_t)width, from, to);
        pixels += (size_t)(to - from);
    }
    if (pixels == 0)
        return prob[(size_t)contour_floor(mean[1], 0, height - 1) * (size_t)width +
                    (size_t)contour_floor(mean[0], 0, width - 1)];
    return (float)(sum / (double)pixels);
}

float contour_area(const struct point *polygon, int count)
{
    double twice = 0;
    for (int i = 1; i + 1 < count; i++) {
        const double ax = (double)polygon[i].x - (double)polygon[0].x;
        const double ay = (double)polygon[i].y - (double)polygon[0].y;
        const double bx = (double)polygon[i + 1].x - (double)polygon[0].x;
        const double by = (double)polygon[i + 1].y - (double)polygon[0].y;
        twice += ax * by - ay * bx;
    }
    return (float)(fabs(twice) / 2);
}

float contour_perimeter(const struct point *polygon, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++) {
        const struct point a = polygon[i], b = polygon[i + 1 < count ? i + 1 : 0];
        sum += hypot((double)b.x - (double)a.x, (double)b.y - (double)a.y);
    }
    return (float)sum;
}

struct quad contour_unclip(const struct quad *rect, float ratio)
{
    const struct point *p = rect->p;
    const double area = (double)contour_area(p, 4), perimeter = (double)contour_perimeter(p, 4);
    const double ux = (double)p[1].x - (double)p[0].x, uy = (double)p[1].y - (double)p[0].y;
    const double vx = (double)p[3].x - (double)p[0].x, vy = (double)p[3].y - (double)p[0].y;
    const double u = hypot(ux, uy), v = hypot(vx, vy);
    if (!(area > 0) || !(u > 0) || !(v > 0))
        return *rect;
    const double distance = area * (double)ratio / perimeter;
    /* Which way each corner moves along the two sides. */
    static const int sign[4][2] = {{-1, -1}, {1, -1}, {1, 1}, {-1, 1}};
    struct quad grown;
    for (int i = 0; i < 4; i++) {
        const double along = distance * sign[i][0] / u, across = distance * sign[i][1] / v;
        grown.p[i].x = (float)((double)p[i].x + along * ux + across * vx);
        grown.p[i].y = (float)((double)p[i].y + along * uy + across * vy);
    }
    return grown;
}
