/*
 * Components against a flood fill, hulls and rectangles against brute force, means against
 * point-in-polygon.
 */
#include "image_testing.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "image/contour.h"

/* ---- components ----------------------------------------------------------------------------- */

static void flood(const uint8_t *map, int w, int h, int x, int y, int label, int *labels)
{
    int *stack = malloc((size_t)w * (size_t)h * sizeof(*stack)), count = 0;
    assert_non_null(stack);
    labels[y * w + x] = label;
    stack[count++] = y * w + x;
    while (count > 0) {
        const int at = stack[--count];
        for (int v = at / w - 1; v <= at / w + 1; v++)
            for (int u = at % w - 1; u <= at % w + 1; u++)
                if (u >= 0 && v >= 0 && u < w && v < h && map[v * w + u] && !labels[v * w + u]) {
                    labels[v * w + u] = label;
                    stack[count++] = v * w + u;
                }
    }
    free(stack);
}

static double cross(struct point a, struct point b, double x, double y)
{
    return ((double)b.x - (double)a.x) * (y - (double)a.y) -
           ((double)b.y - (double)a.y) * (x - (double)a.x);
}

/* A hull: strictly convex, clockwise, corners among the pixels' corners, nothing outside. */
static void check_outline(const struct component *part, const int *labels, int label, int w)
{
    const struct rect box = part->box;
    assert_true(part->outline_count >= 4);
    for (int k = 0; k < part->outline_count; k++) {
        const struct point a = part->outline[k];
        const struct point b = part->outline[(k + 1) % part->outline_count];
        const struct point c = part->outline[(k + 2) % part->outline_count];
        assert_true(cross(a, b, (double)c.x, (double)c.y) > 0);
        bool corner_of_a_pixel = false;
        for (int v = box.y; v < box.y + box.height; v++)
            for (int u = box.x; u < box.x + box.width; u++) {
                if (labels[v * w + u] != label)
                    continue;
                for (int i = 0; i < 4; i++) {
                    assert_true(cross(a, b, u + i % 2, v + i / 2) >= 0);
                    corner_of_a_pixel |= a.x == (float)(u + i % 2) && a.y == (float)(v + i / 2);
                }
            }
        assert_true(corner_of_a_pixel);
    }
}

static void check_components(const uint8_t *map, int w, int h)
{
    int *labels = calloc((size_t)w * (size_t)h, sizeof(*labels)), count = 0;
    assert_non_null(labels);
    struct component_list list;
    assert_int_equal(contour_components(map, w, h, 1, w * h, &list, NULL), SE_OK);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            if (!map[y * w + x] || labels[y * w + x])
                continue;
            flood(map, w, h, x, y, ++count, labels);
            assert_true(count <= list.count);
            int left = w, right = 0, bottom = 0, pixels = 0;
            for (int v = 0; v < h; v++)
                for (int u = 0; u < w; u++)
                    if (labels[v * w + u] == count) {
                        left = u < left ? u : left;
                        right = u > right ? u : right;
                        bottom = v;
                        pixels++;
                    }
            const struct component *part = &list.items[count - 1];
            assert_int_equal(part->box.x, left);
            assert_int_equal(part->box.y, y);
            assert_int_equal(part->box.width, right + 1 - left);
            assert_int_equal(part->box.height, bottom + 1 - y);
            assert_int_equal(part->pixels, pixels);
            check_outline(part, labels, count, w);
        }
    assert_int_equal(list.count, count);
    contour_components_free(&list);
    assert_int_equal(list.count, 0);
    free(labels);
}

static void test_components_are_the_flood_fill(void **state)
{
    (void)state;
    uint64_t seed = 21;
    uint8_t map[40 * 40];
    for (int round = 0; round < 200; round++) {
        const int w = round < 20 ? 1 : testing_between(&seed, 1, 40);
        const int h = round >= 10 && round < 30 ? 1 : testing_between(&seed, 1, 40);
        const int density = testing_between(&seed, 1, 9);
        for (int i = 0; i < w * h; i++)
            map[i] = (uint8_t)(testing_between(&seed, 0, 9) < density ? 1 + i % 255 : 0);
        check_components(map, w, h);
    }
}

static void test_components_of_shapes_that_join_late(void **state)
{
    (void)state;
    static const char *const pictures[] = {"#.#.#.#"
                                           "#.#.#.#"
                                           "#######",
                                           "#.....#"
                                           ".#...#."
                                           "..###..",
                                           "#######"
                                           "......#"
                                           "#####.#"
                                           "#...#.#"
                                           "#.###.#"
                                           "#.....#"
                                           "#######",
                                           "#.#.#.#"
                                           ".#.#.#."
                                           "#.#.#.#"};
    for (size_t i = 0; i < sizeof(pictures) / sizeof(pictures[0]); i++) {
        uint8_t map[49];
        const int h = (int)strlen(pictures[i]) / 7;
        for (int k = 0; k < 7 * h; k++)
            map[k] = pictures[i][k] == '#';
        check_components(map, 7, h);
        struct component_list list;
        assert_int_equal(contour_components(map, 7, h, 1, 9, &list, NULL), SE_OK);
        assert_int_equal(list.count, 1);
        contour_components_free(&list);
    }
}

static void test_components_keeps_the_largest(void **state)
{
    (void)state;
    /* Bars of these lengths, one below the other. */
    static const int lengths[] = {3, 7, 5, 7, 1, 5, 5, 9};
    uint8_t map[16 * 10] = {0};
    for (int i = 0; i < 8; i++)
        memset(map + 2 * i * 10, 1, (size_t)lengths[i]);
    static const struct {
        int min_pixels, max_components, count;
        int kept[8];
    } cases[] = {{1, 100, 8, {3, 7, 5, 7, 1, 5, 5, 9}},
                 {4, 100, 6, {7, 5, 7, 5, 5, 9}},
                 {1, 4, 4, {7, 5, 7, 9}},
                 {6, 2, 2, {7, 9}},
                 {1, 1, 1, {9}},
                 {10, 5, 0, {0}}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct component_list list;
        assert_int_equal(contour_components(map, 10, 16, cases[i].min_pixels,
                                            cases[i].max_components, &list, NULL),
                         SE_OK);
        assert_int_equal(list.count, cases[i].count);
        for (int k = 0; k < list.count; k++)
            assert_int_equal(list.items[k].pixels, cases[i].kept[k]);
        contour_components_free(&list);
    }
}

static void test_components_refuses_impossible_maps(void **state)
{
    (void)state;
    uint8_t map[1] = {1};
    struct component_list list;
    assert_int_equal(contour_components(map, 0, 1, 1, 1, &list, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(contour_components(map, 1, -1, 1, 1, &list, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(contour_components(map, 65536, 1, 1, 1, &list, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(contour_components(map, 65535, 65535, 1, 1, &list, NULL), SE_ERR_ARGUMENT);
    assert_int_equal(contour_components(map, 1, 1, 1, 0, &list, NULL), SE_ERR_ARGUMENT);
    assert_null(list.memory);
    map[0] = 0;
    assert_int_equal(contour_components(map, 1, 1, 1, 1, &list, NULL), SE_OK);
    assert_int_equal(list.count, 0);
    contour_components_free(&list);
}

/* Runs that somebody else has joined give the components of the map itself. */
static void test_components_of_runs(void **state)
{
    /* Two bars that the last row joins, and a pixel apart. */
    const uint8_t map[4 * 7] = {1, 0, 1, 1, 0, 0, 1, /* */
                                1, 0, 1, 0, 0, 0, 0, /* */
                                1, 0, 0, 0, 0, 0, 0, /* */
                                0, 1, 1, 1, 0, 0, 0};
    const struct contour_run right[] = {{0, 1, 0, 0}, {2, 4, 0, 1}, {6, 7, 0, 2}, {0, 1, 1, 0},
                                        {2, 3, 1, 1}, {0, 1, 2, 0}, {1, 4, 3, 0}};
    enum { COUNT = sizeof(right) / sizeof(right[0]) };
    struct contour_run runs[COUNT];
    struct component_list want, got;
    (void)state;
    assert_int_equal(contour_components(map, 7, 4, 1, 10, &want, NULL), SE_OK);
    memcpy(runs, right, sizeof(right));
    assert_int_equal(contour_components_of_runs(runs, COUNT, 1, 10, &got, NULL), SE_OK);
    assert_int_equal(got.count, 3);
    assert_int_equal(want.count, got.count);
    for (int i = 0; i < got.count; i++) {
        assert_memory_equal(&got.items[i].box, &want.items[i].box, sizeof(struct rect));
        assert_int_equal(got.items[i].pixels, want.items[i].pixels);
        assert_int_equal(got.items[i].outline_count, want.items[i].outline_count);
        assert_memory_equal(got.items[i].outline, want.items[i].outline,
                            (size_t)got.items[i].outline_count * sizeof(struct point));
    }
    contour_components_free(&want);
    contour_components_free(&got);
    assert_int_equal(contour_components_of_runs(runs, 0, 1, 10, &got, NULL), SE_OK);
    assert_int_equal(got.count, 0);
    memcpy(runs, right, sizeof(right));
    assert_int_equal(contour_components_of_runs(runs, COUNT, 1, 0, &got, NULL), SE_ERR_ARGUMENT);
    const struct contour_run wrong[] = {{-1, 1, 0, 3}, {2, 2, 1, 3},  {2, 3, 1, 4},
                                        {2, 3, 1, -1}, {2, 3, -1, 3}, {2, 65536, 1, 3},
                                        {1, 3, 1, 0},  {2, 3, 0, 0}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        memcpy(runs, right, sizeof(right));
        runs[i == 6 ? 4 : 3] = wrong[i];
        if (contour_components_of_runs(runs, COUNT, 1, 10, &got, NULL) != SE_ERR_ARGUMENT)
            fail_msg("run %d is taken", (int)i);
    }
    memcpy(runs, right, sizeof(right));
    runs[5].parent = 3; /* which is no first run */
    assert_int_equal(contour_components_of_runs(runs, COUNT, 1, 10, &got, NULL), SE_ERR_ARGUMENT);
}

static void test_dilation(void **state)
{
    (void)state;
    uint64_t seed = 22;
    uint8_t in[30 * 30], out[30 * 30];
    for (int round = 0; round < 50; round++) {
        const int w = testing_between(&seed, 1, 30), h = testing_between(&seed, 1, 30);
        for (int i = 0; i < w * h; i++)
            in[i] = (uint8_t)testing_random(&seed);
        contour_dilate2x2(in, out, w, h);
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                int most = 0;
                for (int v = y > 0 ? y - 1 : 0; v <= y; v++)
                    for (int u = x > 0 ? x - 1 : 0; u <= x; u++)
                        most = in[v * w + u] > most ? in[v * w + u] : most;
                assert_int_equal(out[y * w + x], most);
            }
    }
}

/* ---- polygons ------------------------------------------------------------------------------- */

static int random_points(uint64_t *seed, struct point *points, int most)
{
    const int count = testing_between(seed, 1, most);
    const int range = testing_between(seed, 1, 50);
    for (int i = 0; i < count; i++)
        points[i] = (struct point){(float)testing_between(seed, -range, range),
                                   (float)testing_between(seed, -range, range)};
    return count;
}

static void test_hull_is_convex_and_holds_all(void **state)
{
    (void)state;
    uint64_t seed = 23;
    struct point points[40], copy[40], hull[40];
    for (int round = 0; round < 2000; round++) {
        const int count = random_points(&seed, points, round % 40 + 1);
        memcpy(copy, points, sizeof(points));
        const int n = contour_convex_hull(points, count, hull);
        assert_in_range(n, 1, count);
        for (int k = 0; k < n; k++) {
            const struct point a = hull[k], b = hull[(k + 1) % n], c = hull[(k + 2) % n];
            if (n >= 3)
                assert_true(cross(a, b, (double)c.x, (double)c.y) > 0);
            bool given = false;
            for (int i = 0; i < count; i++) {
                given |= copy[i].x == a.x && copy[i].y == a.y;
                assert_true(cross(a, b, (double)copy[i].x, (double)copy[i].y) >= 0);
            }
            assert_true(given);
        }
        if (n == 1)
            for (int i = 0; i < count; i++)
                assert_true(copy[i].x == hull[0].x && copy[i].y == hull[0].y);
    }
    assert_int_equal(contour_convex_hull(points, 0, hull), 0);
}

/* Extent of points along a direction. */
static double extent(const struct point *points, int count, double ux, double uy)
{
    double least = INFINITY, most = -INFINITY;
    for (int i = 0; i < count; i++) {
        const double at = (double)points[i].x * ux + (double)points[i].y * uy;
        least = at < least ? at : least;
        most = at > most ? at : most;
    }
    return most - least;
}

static double distance(struct point a, struct point b)
{
    return hypot((double)a.x - (double)b.x, (double)a.y - (double)b.y);
}

static void test_min_area_rect_beats_every_angle(void **state)
{
    (void)state;
    uint64_t seed = 24;
    struct point points[40], hull[40];
    for (int round = 0; round < 300; round++) {
        const int count = random_points(&seed, points, 40);
        const int n = contour_convex_hull(points, count, hull);
        float short_side;
        const struct quad quad = contour_min_area_rect(hull, n, &short_side);
        const double w = distance(quad.p[0], quad.p[1]), h = distance(quad.p[1], quad.p[2]);
        double best = INFINITY;
        for (int step = 0; step < 3600; step++) {
            const double c = cos(step * 3.14159265358979 / 7200),
                         s = sin(step * 3.14159265358979 / 7200);
            const double area = extent(hull, n, c, s) * extent(hull, n, -s, c);
            best = area < best ? area : best;
        }
        assert_true(w * h <= best + 1e-3);
        assert_true(fabs((double)short_side - (w < h ? w : h)) < 1e-3);
        /* A rectangle, clockwise, with all points inside. */
        for (int k = 0; k < 4; k++) {
            const struct point a = quad.p[k], b = quad.p[(k + 1) % 4], c = quad.p[(k + 2) % 4];
            const double along = ((double)b.x - (double)a.x) * ((double)c.x - (double)b.x) +
                                 ((double)b.y - (double)a.y) * ((double)c.y - (double)b.y);
            assert_true(fabs(along) < 1e-2);
            const double side = distance(a, b);
            for (int i = 0; i < n && side > 1e-3; i++)
                assert_true(cross(a, b, (double)hull[i].x, (double)hull[i].y) / side > -1e-3);
        }
        /* The side from the last corner to the first lies leftmost. */
        for (int k = 0; k < 4; k++)
            assert_true(quad.p[0].x + quad.p[3].x <= quad.p[k].x + quad.p[(k + 3) % 4].x + 1e-4f);
    }
}

static void test_min_area_rect_starts_at_the_top_left(void **state)
{
    (void)state;
    /* A line of text 100 × 10, turned clockwise round its top left corner. */
    for (int degrees = -84; degrees <= 84; degrees += 3) {
        const double c = cos(degrees * 3.14159265358979 / 180);
        const double s = sin(degrees * 3.14159265358979 / 180);
        const double x[4] = {0, 100 * c, 100 * c - 10 * s, -10 * s};
        const double y[4] = {0, 100 * s, 100 * s + 10 * c, 10 * c};
        struct point points[4], hull[4];
        for (int i = 0; i < 4; i++)
            points[i] = (struct point){(float)x[i], (float)y[i]};
        float short_side;
        const struct quad quad =
            contour_min_area_rect(hull, contour_convex_hull(points, 4, hull), &short_side);
        for (int i = 0; i < 4; i++)
            assert_true(fabs((double)quad.p[i].x - x[i]) < 1e-3 &&
                        fabs((double)quad.p[i].y - y[i]) < 1e-3);
        assert_true(fabs((double)short_side - 10) < 1e-3);
    }
}

static void test_min_area_rect_of_degenerate_hulls(void **state)
{
    (void)state;
    float short_side = 5;
    const struct point two[2] = {{1, 2}, {4, 6}};
    struct quad quad = contour_min_area_rect(NULL, 0, &short_side);
    assert_true(short_side == 0 && quad.p[2].x == 0);
    quad = contour_min_area_rect(two, 1, &short_side);
    for (int i = 0; i < 4; i++)
        assert_true(quad.p[i].x == 1 && quad.p[i].y == 2);
    quad = contour_min_area_rect(two, 2, &short_side);
    assert_true(fabsf(short_side) < 1e-6f);
    assert_true(fabs(distance(quad.p[0], quad.p[2]) - 5) < 1e-5);
    const struct point bad[3] = {{NAN, 0}, {INFINITY, 1}, {0, -INFINITY}};
    contour_min_area_rect(bad, 3, &short_side);
    contour_min_area_rect(bad, 3, NULL);
}

/* Spans are inside the map, row by row, and of the pixels that the mean is of. */
static void check_spans(const float *map, int w, int h, const struct point *hull, int n,
                        double mean)
{
    struct contour_span spans[64];
    double sum = 0;
    int pixels = 0;
    assert_true(h <= 64);
    const int count = contour_spans_inside(hull, n, w, h, spans);
    assert_in_range(count, 1, h);
    for (int i = 0; i < count; i++) {
        assert_true(i == 0 || spans[i].y > spans[i - 1].y);
        assert_true(spans[i].y >= 0 && spans[i].y < h && spans[i].begin >= 0 &&
                    spans[i].begin < spans[i].end && spans[i].end <= w);
        for (int x = spans[i].begin; x < spans[i].end; x++, pixels++)
            sum += (double)map[spans[i].y * w + x];
    }
    assert_true(fabs(sum / pixels - mean) < 1e-6);
}

static void test_mean_is_over_the_pixels_inside(void **state)
{
    (void)state;
    uint64_t seed = 25;
    float map[24 * 31];
    int empty = 0;
    for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
        map[i] = (float)testing_between(&seed, 0, 1000) / 1000;
    for (int round = 0; round < 3000; round++) {
        const int w = testing_between(&seed, 1, 31), h = testing_between(&seed, 1, 24);
        struct point points[12], hull[12];
        const int range = round % 3 ? 400 : 15;
        const int count = testing_between(&seed, 3, 12);
        for (int i = 0; i < count; i++)
            /* Odd tenths: no pixel's centre on the border. */
            points[i] = (struct point){(float)testing_between(&seed, -range, range) / 10 + 10.03f,
                                       (float)testing_between(&seed, -range, range) / 10 + 10.07f};
        const int n = contour_convex_hull(points, count, hull);
        double sum = 0;
        int pixels = 0;
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                bool inside = true;
                for (int k = 0; k < n; k++)
                    inside &= cross(hull[k], hull[(k + 1) % n], x + 0.5, y + 0.5) > 0;
                if (inside) {
                    sum += (double)map[y * w + x];
                    pixels++;
                }
            }
        const double mean = (double)contour_mean_inside(map, w, h, hull, n);
        check_spans(map, w, h, hull, n, mean);
        empty += pixels == 0;
        if (pixels > 0)
            assert_true(fabs(mean - sum / pixels) < 1e-5);
        else
            assert_true(mean >= 0 && mean <= 1);
    }
    assert_true(empty > 10);
}

static void test_mean_of_odd_polygons(void **state)
{
    (void)state;
    const float map[4] = {0.1f, 0.2f, 0.3f, 0.4f};
    const struct point small[3] = {{1.6f, 1.6f}, {1.7f, 1.6f}, {1.6f, 1.7f}};
    const struct point outside[3] = {{-9, -9}, {-8, -9}, {-9, -8}};
    const struct point huge[4] = {
        {-3e38f, -3e38f}, {3e38f, -3e38f}, {3e38f, 3e38f}, {-3e38f, 3e38f}};
    const struct point bad[3] = {{0, 0}, {NAN, 1}, {1, 1}}, infinite[3] = {{0, 0}, {1, INFINITY}};
    assert_true(contour_mean_inside(map, 2, 2, small, 3) == 0.4f);
    assert_true(contour_mean_inside(map, 2, 2, outside, 3) == 0.1f);
    assert_true(fabsf(contour_mean_inside(map, 2, 2, huge, 4) - 0.25f) < 1e-6f);
    assert_true(contour_mean_inside(map, 2, 2, bad, 3) == 0);
    assert_true(contour_mean_inside(map, 2, 2, infinite, 3) == 0);
    struct contour_span spans[2];
    assert_int_equal(contour_spans_inside(bad, 3, 2, 2, spans), 0);
    assert_int_equal(contour_spans_inside(infinite, 3, 2, 2, spans), 0);
    assert_int_equal(contour_spans_inside(small, 0, 2, 2, spans), 0);
    assert_int_equal(contour_spans_inside(huge, 4, 2, 2, spans), 2);
    assert_true(contour_mean_inside(map, 2, 2, small, 0) == 0);
    assert_true(contour_mean_inside(map, 2, 2, small, 1) == 0.4f);
}

static void test_area_and_perimeter(void **state)
{
    (void)state;
    const struct point l[6] = {{0, 0}, {4, 0}, {4, 1}, {1, 1}, {1, 3}, {0, 3}};
    assert_true(fabsf(contour_area(l, 6) - 6) < 1e-6f);
    assert_true(fabsf(contour_perimeter(l, 6) - 14) < 1e-6f);
    assert_true(contour_area(l, 2) == 0 && contour_area(l, 0) == 0);
    assert_true(contour_perimeter(l, 1) == 0 && contour_perimeter(l, 0) == 0);
    assert_true(fabsf(contour_perimeter(l, 2) - 8) < 1e-6f);
}

static void test_unclip_grows_every_side(void **state)
{
    (void)state;
    for (int degrees = 0; degrees < 360; degrees += 17) {
        const double c = cos(degrees / 57.29577951), s = sin(degrees / 57.29577951);
        struct quad rect;
        static const int corner[4][2] = {{0, 0}, {60, 0}, {60, 12}, {0, 12}};
        for (int i = 0; i < 4; i++)
            rect.p[i] = (struct point){(float)(50 + corner[i][0] * c - corner[i][1] * s),
                                       (float)(40 + corner[i][0] * s + corner[i][1] * c)};
        const struct quad grown = contour_unclip(&rect, 1.5f);
        const double by = 60 * 12 * 1.5 / 144;
        for (int i = 0; i < 4; i++) {
            const double x = corner[i][0] + (corner[i][0] ? by : -by);
            const double y = corner[i][1] + (corner[i][1] ? by : -by);
            assert_true(fabs((double)grown.p[i].x - (50 + x * c - y * s)) < 1e-3);
            assert_true(fabs((double)grown.p[i].y - (40 + x * s + y * c)) < 1e-3);
        }
    }
    const struct quad line = {{{1, 1}, {5, 1}, {5, 1}, {1, 1}}};
    const struct quad same = contour_unclip(&line, 2);
    assert_memory_equal(&line, &same, sizeof(line));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_components_are_the_flood_fill),
        cmocka_unit_test(test_components_of_shapes_that_join_late),
        cmocka_unit_test(test_components_keeps_the_largest),
        cmocka_unit_test(test_components_refuses_impossible_maps),
        cmocka_unit_test(test_components_of_runs),
        cmocka_unit_test(test_dilation),
        cmocka_unit_test(test_hull_is_convex_and_holds_all),
        cmocka_unit_test(test_min_area_rect_beats_every_angle),
        cmocka_unit_test(test_min_area_rect_starts_at_the_top_left),
        cmocka_unit_test(test_min_area_rect_of_degenerate_hulls),
        cmocka_unit_test(test_mean_is_over_the_pixels_inside),
        cmocka_unit_test(test_mean_of_odd_polygons),
        cmocka_unit_test(test_area_and_perimeter),
        cmocka_unit_test(test_unclip_grows_every_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
