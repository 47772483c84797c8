/*
 * Connected components of a binary map, by runs.
 *
 *   row 0   .##..###.      runs 0 [1,3) and 1 [5,8)
 *   row 1   ...##....      run 2 [3,5) touches both: 0, 1 and 2 become one component
 *
 * Runs are numbered in reading order and joined by union-find, always under the smaller number. So
 * a component's root is the run of its first pixel, and roots in rising order are the components in
 * the order in which the result lists them.
 *
 * A convex hull needs only the outermost pixels of each row. As many rows as a component has, so
 * many runs it has at least, which keeps everything linear in the number of runs.
 */
#include "image/contour.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { CONTOUR_MAX_SIDE = 65535 };

struct contour_width {
    int left, right; /* outermost pixels of a row: first column, last + 1 */
};

struct contour_part {
    struct component component;
    size_t spans; /* index of its first row's contour_width */
};

/* All that is needed on the way. */
struct contour_work {
    const uint8_t *map;
    int width, height;
    struct contour_run *runs; /* their parents later: index of the component */
    int run_count;
    struct contour_part *parts;
    int part_count;
    struct contour_width *spans;
};

/* First run of set pixels at or after `from`: returns its start, or `width` when there is none. */
static int contour_next_run(const uint8_t *row, int width, int from, int *end)
{
    int x = from;
    for (; x + 8 <= width; x += 8) {
        uint64_t eight;
        memcpy(&eight, row + x, sizeof(eight));
        if (eight)
            break;
    }
    while (x < width && !row[x])
        x++;
    const int start = x;
    while (x < width && row[x])
        x++;
    *end = x;
    return start;
}

static int contour_count_runs(const struct contour_work *work)
{
    int count = 0;
    for (int y = 0; y < work->height; y++) {
        const uint8_t *row = work->map + (size_t)y * (size_t)work->width;
        int end = 0;
        while (contour_next_run(row, work->width, end, &end) < work->width)
            count++;
    }
    return count;
}

static int contour_root(struct contour_run *runs, int run)
{
    while (runs[run].parent != run) {
        runs[run].parent = runs[runs[run].parent].parent;
        run = runs[run].parent;
    }
    return run;
}

static void contour_join(struct contour_run *runs, int a, int b)
{
    const int root_a = contour_root(runs, a), root_b = contour_root(runs, b);
    if (root_a < root_b)
        runs[root_b].parent = root_a;
    else
        runs[root_a].parent = root_b;
}

/* Finds all runs and joins those that touch, also by a corner. */
static void contour_find_runs(struct contour_work *work)
{
    struct contour_run *runs = work->runs;
    int count = 0, above = 0, above_end = 0;
    for (int y = 0; y < work->height; y++) {
        const uint8_t *row = work->map + (size_t)y * (size_t)work->width;
        const int first = count;
        int start, end = 0;
        while ((start = contour_next_run(row, work->width, end, &end)) < work->width) {
            runs[count] = (struct contour_run){start, end, y, count};
            while (above < above_end && runs[above].end < start)
                above++;
            /* The last one that touches may also touch the next run of this row. */
            for (int i = above; i < above_end && runs[i].start <= end; i++)
                contour_join(runs, i, count);
            count++;
        }
        above = first;
        above_end = count;
    }
}

/* Turns every run's parent into the index of its component. */
static void contour_number_parts(struct contour_work *work)
{
    struct contour_run *runs = work->runs;
    int count = 0;
    for (int i = 0; i < work->run_count; i++)
        runs[i].parent = runs[i].parent == i ? count++ : runs[runs[i].parent].parent;
    work->part_count = count;
}

static void contour_measure_parts(struct contour_work *work)
{
    for (int i = 0; i < work->run_count; i++) {
        const struct contour_run *run = &work->runs[i];
        struct component *part = &work->parts[run->parent].component;
        if (part->pixels == 0)
            part->box = (struct rect){run->start, run->row, run->end - run->start, 1};
        const int right = part->box.x + part->box.width;
        const int left = run->start < part->box.x ? run->start : part->box.x;
        part->box.width = (run->end > right ? run->end : right) - left;
        part->box.x = left;
        part->box.height = run->row + 1 - part->box.y;
        part->pixels += run->end - run->start;
    }
}

static int contour_compare_falling(const void *a, const void *b)
{
    const int x = *(const int *)a, y = *(const int *)b;
    return (x < y) - (x > y);
}

/* Zeroes the pixels of the parts that are not wanted; returns how many are left. */
static int contour_select(struct contour_work *work, int min_pixels, int max_parts, int *sorted)
{
    int count = 0;
    for (int i = 0; i < work->part_count; i++) {
        struct component *part = &work->parts[i].component;
        if (part->pixels < min_pixels)
            part->pixels = 0;
        else
            sorted[count++] = part->pixels;
    }
    if (count <= max_parts)
        return count;
    qsort(sorted, (size_t)count, sizeof(*sorted), contour_compare_falling);
    const int least = sorted[max_parts - 1];
    int equals = 0; /* how many of exactly that size still have room */
    for (int i = max_parts - 1; i >= 0 && sorted[i] == least; i--)
        equals++;
    for (int i = 0; i < work->part_count; i++) {
        struct component *part = &work->parts[i].component;
        if (part->pixels < least || (part->pixels == least && equals-- <= 0))
            part->pixels = 0;
    }
    return max_parts;
}

static void contour_find_spans(struct contour_work *work)
{
    for (int i = 0; i < work->run_count; i++) {
        const struct contour_run *run = &work->runs[i];
        const struct contour_part *part = &work->parts[run->parent];
        if (part->component.pixels == 0)
            continue;
        struct contour_width *span =
            &work->spans[part->spans + (size_t)(run->row - part->component.box.y)];
        /* Runs come from left to right. */
        if (span->right == 0)
            span->left = run->start;
        span->right = run->end;
    }
}

/* Appends (x, y) to a chain that turns clockwise, begun at `base`. */
static int contour_push(struct point *chain, int base, int count, int x, int y)
{
    while (count - base >= 2) {
        const int64_t ax = (int64_t)chain[count - 2].x, ay = (int64_t)chain[count - 2].y;
        const int64_t bx = (int64_t)chain[count - 1].x, by = (int64_t)chain[count - 1].y;
        if ((bx - ax) * (y - by) - (by - ay) * (x - bx) > 0)
            break;
        count--;
    }
    chain[count] = (struct point){(float)x, (float)y};
    return count + 1;
}

/* Hull of pixel corners: down the right border, then up the left one. `hull` has room for two
 * points on each of the height + 1 lines between rows. */
static int contour_hull_of_spans(const struct contour_width *spans, int top, int height,
                                 struct point *hull)
{
    int count = 0;
    for (int y = 0; y <= height; y++) {
        const int above = y > 0 ? spans[y - 1].right : 0;
        const int below = y < height ? spans[y].right : 0;
        count = contour_push(hull, 0, count, above > below ? above : below, top + y);
    }
    const int base = count;
    for (int y = height; y >= 0; y--) {
        const int above = y > 0 ? spans[y - 1].left : INT_MAX;
        const int below = y < height ? spans[y].left : INT_MAX;
        count = contour_push(hull, base, count, above < below ? above : below, top + y);
    }
    return count;
}

/* Moves the parts that were kept into *out, one block of memory, and finds their hulls. */
static int contour_collect(struct contour_work *work, int kept, struct component_list *out,
                           se_error *err)
{
    size_t rows = 0;
    for (int i = 0; i < work->part_count; i++) {
        work->parts[i].spans = rows;
        if (work->parts[i].component.pixels > 0)
            rows += (size_t)work->parts[i].component.box.height;
    }
    const size_t items_size = (size_t)kept * sizeof(struct component);
    const size_t size = items_size + 2 * (rows + (size_t)kept) * sizeof(struct point);
    work->spans = calloc(rows + 1, sizeof(*work->spans));
    char *memory = malloc(size + 1);
    if (!work->spans || !memory) {
        free(memory);
        return se_fail_memory(err, "the outlines of components", size);
    }
    contour_find_spans(work);
    struct component *items = (struct component *)(void *)memory;
    struct point *points = (struct point *)(void *)(memory + items_size);
    int count = 0;
    for (int i = 0; i < work->part_count; i++) {
        struct component *part = &work->parts[i].component;
        if (part->pixels == 0)
            continue;
        part->outline = points;
        part->outline_count = contour_hull_of_spans(work->spans + work->parts[i].spans, part->box.y,
                                                    part->box.height, points);
        points += part->outline_count;
        items[count++] = *part;
    }
    *out = (struct component_list){items, count, memory};
    return SE_OK;
}

/* From runs whose components are known on. */
static int contour_finish(struct contour_work *work, int min_pixels, int max_components,
                          struct component_list *out, se_error *err)
{
    contour_number_parts(work);
    int *sorted = malloc((size_t)work->part_count * sizeof(*sorted));
    work->parts = calloc((size_t)work->part_count, sizeof(*work->parts));
    int status = SE_OK;
    if (!work->parts || !sorted) {
        status = se_fail_memory(err, "components", (size_t)work->part_count * sizeof(*work->parts));
    } else {
        contour_measure_parts(work);
        const int kept = contour_select(work, min_pixels, max_components, sorted);
        status = contour_collect(work, kept, out, err);
    }
    free(work->parts);
    free(work->spans);
    free(sorted);
    return status;
}

int contour_components(const uint8_t *map, int width, int height, int min_pixels,
                       int max_components, struct component_list *out, se_error *err)
{
    *out = (struct component_list){0};
    RETURN_ERROR_IF(width < 1 || height < 1 || width > CONTOUR_MAX_SIDE ||
                        height > CONTOUR_MAX_SIDE || width > INT_MAX / height,
                    err, SE_ERR_ARGUMENT, "components of a map of %d x %d", width, height);
    RETURN_ERROR_IF(max_components < 1, err, SE_ERR_ARGUMENT, "at most %d components",
                    max_components);
    struct contour_work work = {.map = map, .width = width, .height = height};
    work.run_count = contour_count_runs(&work);
    if (work.run_count == 0)
        return SE_OK;
    work.runs = malloc((size_t)work.run_count * sizeof(*work.runs));
    if (!work.runs)
        return se_fail_memory(err, "runs", (size_t)work.run_count * sizeof(*work.runs));
    contour_find_runs(&work);
    const int status = contour_finish(&work, min_pixels, max_components, out, err);
    free(work.runs);
    return status;
}

int contour_components_of_runs(struct contour_run *runs, int count, int min_pixels,
                               int max_components, struct component_list *out, se_error *err)
{
    *out = (struct component_list){0};
    RETURN_ERROR_IF(max_components < 1, err, SE_ERR_ARGUMENT, "at most %d components",
                    max_components);
    for (int i = 0; i < count; i++) {
        const struct contour_run *run = &runs[i], *last = i > 0 ? run - 1 : NULL;
        RETURN_ERROR_IF(run->start < 0 || run->end <= run->start || run->end > CONTOUR_MAX_SIDE ||
                            run->row < 0 || run->row > CONTOUR_MAX_SIDE || run->parent < 0 ||
                            run->parent > i || runs[run->parent].parent != run->parent ||
                            (last && (run->row < last->row ||
                                      (run->row == last->row && run->start <= last->end))),
                        err, SE_ERR_ARGUMENT, "run %d of a map contradicts others", i);
    }
    struct contour_work work = {.runs = runs, .run_count = count};
    return count > 0 ? contour_finish(&work, min_pixels, max_components, out, err) : SE_OK;
}

void contour_components_free(struct component_list *list)
{
    free(list->memory);
    *list = (struct component_list){0};
}

void contour_dilate2x2(const uint8_t *in, uint8_t *out, int width, int height)
{
    const size_t w = (size_t)width;
    for (size_t y = 0; y < (size_t)height; y++) {
        const uint8_t *restrict row = in + y * w;
        const uint8_t *restrict above = y > 0 ? row - w : row;
        uint8_t *restrict to = out + y * w;
        to[0] = row[0] > above[0] ? row[0] : above[0];
        for (size_t x = 1; x < w; x++) {
            const uint8_t here = row[x] > above[x] ? row[x] : above[x];
            const uint8_t left = row[x - 1] > above[x - 1] ? row[x - 1] : above[x - 1];
            to[x] = here > left ? here : left;
        }
    }
}
