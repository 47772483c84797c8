#include "ocr/reading_order.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* All in line heights unless said otherwise; chosen on photographs of labels and boards. */
static const float SAME_DIRECTION = 0.94F; /* cosine: 20° */
static const float LIKE_SIZE = 2.2F;       /* ratio of heights in one block */
static const float ROW_GAP = 2.5F;         /* between neighbours in a row */
static const float ROW_OFFSET = 0.5F;      /* across it */
static const float LINE_GAP = 0.8F;        /* between rows */
static const float SHORT_LINE = 1.5F;      /* below this width the direction is not known */

struct line {
    struct point centre, along; /* along: unit vector of the baseline */
    float width, height;
    float left, top;  /* of the bounding box */
    int index, block; /* block: index of the line that stands for it */
    float row_at, at; /* places across and along the block's direction */
    float block_left, block_top;
    int row;
};

static float dot(struct point a, struct point b)
{
    return a.x * b.x + a.y * b.y;
}

static struct point minus(struct point a, struct point b)
{
    return (struct point){a.x - b.x, a.y - b.y};
}

static struct point across(struct point along)
{
    return (struct point){-along.y, along.x};
}

static bool is_short(const struct line *line)
{
    return line->width < SHORT_LINE * line->height;
}

static struct line make_line(const struct quad *quad, int index)
{
    struct point p[4];
    for (int i = 0; i < 4; i++) {
        const struct point q = quad->p[i];
        /* Bounded, so that differences and products below stay finite. */
        p[i].x = fabsf(q.x) < 1e6F ? q.x : 0;
        p[i].y = fabsf(q.y) < 1e6F ? q.y : 0;
    }
    const struct point u = {(p[1].x - p[0].x + p[2].x - p[3].x) / 2,
                            (p[1].y - p[0].y + p[2].y - p[3].y) / 2};
    const struct point v = {(p[3].x - p[0].x + p[2].x - p[1].x) / 2,
                            (p[3].y - p[0].y + p[2].y - p[1].y) / 2};
    struct line line = {.index = index, .block = index};
    line.width = hypotf(u.x, u.y);
    line.height = hypotf(v.x, v.y);
    line.along =
        line.width > 0 ? (struct point){u.x / line.width, u.y / line.width} : (struct point){1, 0};
    line.centre = (struct point){(p[0].x + p[1].x + p[2].x + p[3].x) / 4,
                                 (p[0].y + p[1].y + p[2].y + p[3].y) / 4};
    line.left = fminf(fminf(p[0].x, p[1].x), fminf(p[2].x, p[3].x));
    line.top = fminf(fminf(p[0].y, p[1].y), fminf(p[2].y, p[3].y));
    return line;
}

/* Do two lines belong to one block? Seen from the wider one, whose direction is surer. */
static bool are_neighbours(const struct line *a, const struct line *b)
{
    const struct line *wide = a->width >= b->width ? a : b, *other = wide == a ? b : a;
    float height;
    if (is_short(a) || is_short(b)) {
        /* A single character may be boxed the other way round. */
        const float size = fmaxf(other->width, other->height);
        if (size > LIKE_SIZE * wide->height)
            return false;
        height = fminf(wide->height, size);
    } else {
        const float low = fminf(a->height, b->height), high = fmaxf(a->height, b->height);
        if (dot(a->along, b->along) < SAME_DIRECTION || high > LIKE_SIZE * low)
            return false;
        height = low;
    }
    const struct point step = minus(other->centre, wide->centre);
    const float offset = fabsf(dot(step, across(wide->along)));
    const float gap_along = fabsf(dot(step, wide->along)) - (wide->width + other->width) / 2;
    const float gap_across = offset - (wide->height + other->height) / 2;
    return (gap_along < ROW_GAP * height && offset < ROW_OFFSET * height) ||
           (gap_along < 0 && gap_across < LINE_GAP * height);
}

/* The line that stands for a block (union and find, halving paths). */
static int find_block(struct line *lines, int i)
{
    while (lines[i].block != i) {
        lines[i].block = lines[lines[i].block].block;
        i = lines[i].block;
    }
    return i;
}

static void find_blocks(struct line *lines, int count)
{
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < i; j++) {
            if (!are_neighbours(&lines[i], &lines[j]))
                continue;
            const int a = find_block(lines, i), b = find_block(lines, j);
            /* The smaller index stands for both: the result does not depend on luck. */
            if (a < b)
                lines[b].block = a;
            else
                lines[a].block = b;
        }
    }
    for (int i = 0; i < count; i++)
        lines[i].block = find_block(lines, i);
}

static int compare(float a, float b)
{
    return (a > b) - (a < b);
}

static int by_block(const void *left, const void *right)
{
    const struct line *a = left, *b = right;
    int order = compare(a->block_top, b->block_top);
    order = order ? order : compare(a->block_left, b->block_left);
    order = order ? order : (a->block > b->block) - (a->block < b->block);
    order = order ? order : compare(a->row_at, b->row_at);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

static int by_place_in_row(const void *left, const void *right)
{
    const struct line *a = left, *b = right;
    int order = (a->row > b->row) - (a->row < b->row);
    order = order ? order : compare(a->at, b->at);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

/* Direction (length-weighted mean) and top left corner of every block, and the places of its lines
 * in its own frame. Sums are gathered at the line that stands for the block. */
static void place_in_blocks(struct line *lines, int count, struct point *sum)
{
    for (int i = 0; i < count; i++) {
        sum[i] = (struct point){0, 0};
        lines[i].block_left = lines[i].left;
        lines[i].block_top = lines[i].top;
    }
    for (int i = 0; i < count; i++) {
        struct line *first = &lines[lines[i].block];
        sum[lines[i].block].x += lines[i].along.x * lines[i].width;
        sum[lines[i].block].y += lines[i].along.y * lines[i].width;
        first->block_left = fminf(first->block_left, lines[i].left);
        first->block_top = fminf(first->block_top, lines[i].top);
    }
    for (int i = 0; i < count; i++) {
        struct point along = sum[lines[i].block];
        const float length = hypotf(along.x, along.y);
        along = length > 0 ? (struct point){along.x / length, along.y / length}
                           : lines[lines[i].block].along;
        lines[i].block_left = lines[lines[i].block].block_left;
        lines[i].block_top = lines[lines[i].block].block_top;
        lines[i].at = dot(lines[i].centre, along);
        lines[i].row_at = dot(lines[i].centre, across(along));
    }
}

/* Numbers the rows of one block whose lines come sorted across its direction. A line joins the row
 * above when it stands level with that row's nearest member: rows may run askew or bend. */
static void find_rows(struct line *lines, int count)
{
    int row = 0, row_begin = 0;
    for (int i = 0; i < count; i++) {
        if (i > row_begin) {
            const struct line *nearest = &lines[row_begin];
            for (int j = row_begin + 1; j < i; j++)
                if (fabsf(lines[j].at - lines[i].at) < fabsf(nearest->at - lines[i].at))
                    nearest = &lines[j];
            const struct line *level = is_short(nearest) ? &lines[i] : nearest;
            float offset = fabsf(lines[i].row_at - nearest->row_at);
            if (!is_short(level))
                offset = fabsf(dot(minus(lines[i].centre, nearest->centre), across(level->along)));
            if (offset >= ROW_OFFSET * fminf(nearest->height, lines[i].height)) {
                row++;
                row_begin = i;
            }
        }
        lines[i].row = row;
    }
    qsort(lines, (size_t)count, sizeof(*lines), by_place_in_row);
}

int ocr_reading_order(const struct quad *quads, int count, int *order, se_error *err)
{
    if (count <= 0)
        return SE_OK;
    const size_t size = (size_t)count * (sizeof(struct line) + sizeof(struct point));
    struct line *lines = malloc(size);
    if (!lines)
        return se_fail_memory(err, "the reading order", size);
    struct point *sum = (struct point *)(lines + count);
    for (int i = 0; i < count; i++)
        lines[i] = make_line(&quads[i], i);
    find_blocks(lines, count);
    place_in_blocks(lines, count, sum);
    qsort(lines, (size_t)count, sizeof(*lines), by_block);
    for (int begin = 0, end; begin < count; begin = end) {
        for (end = begin + 1; end < count && lines[end].block == lines[begin].block; end++)
            ;
        find_rows(lines + begin, end - begin);
    }
    for (int i = 0; i < count; i++)
        order[i] = lines[i].index;
    free(lines);
    return SE_OK;
}
