/*
 * Linear barcodes are looked for one at a time: what was found is painted over, and the search
 * starts anew, until nothing is left. (zxing-cpp 1.4 can look for many at once, but aborts the
 * program when it meets the same text twice.)
 *
 * The reader stops at the second row that agrees, so the whole symbol must be found here: from the
 * row that was read, up and down, as long as the rows look like it.
 *
 *        ┌ ┃ ┃┃ ┃┃┃ ┃ ┐ first row alike           rows may shift a pixel against each other:
 *        │ ┃ ┃┃ ┃┃┃ ┃ │ row that was read          symbols in photographs are slanted
 *        └ ┃ ┃┃ ┃┃┃ ┃ ┘ last row alike
 */
#include "code/barcode.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "code/zxing_shim.h"
#include "image/ops.h"

enum {
    BARCODE_MAX_SIDE = 2400,  /* larger pictures are shrunk: no codes lost, half the time */
    BARCODE_SMALL_SIDE = 800, /* of a second look for matrix codes: evens out rough modules */
    BARCODE_MIN_SIDE = 8,
    BARCODE_MISSES = 3,    /* rows in a row that may look different, where dirt or glare crosses */
    BARCODE_MODEL_ROWS = 8 /* how far back the row is that others are compared with */
};

#define BARCODE_NO_MEMORY "out of memory while reading barcodes"
#define BARCODE_LIKE 0.6 /* correlation of two rows of one symbol */

/* Rows of pixels as the symbol has them: along its bars' row, whatever the picture's axis. */
struct barcode_rows {
    uint8_t *pixels;
    ptrdiff_t along, across; /* bytes to the next pixel of a row, to the next row */
    int length, count;       /* pixels a row, rows */
};

/* A part of one row. */
struct barcode_span {
    int row, begin, end;
};

/* Where coordinates of the searched picture lie in the caller's. */
struct barcode_scale {
    double x, y;
};

static struct barcode_rows barcode_rows_of(const struct image *image, bool upright)
{
    const ptrdiff_t stride = (ptrdiff_t)image->stride;
    if (upright)
        return (struct barcode_rows){image->data, stride, 1, image->height, image->width};
    return (struct barcode_rows){image->data, 1, stride, image->width, image->height};
}

/* Correlation (-1 … 1) of `length` pixels of two rows; 0 outside the picture and where one is flat.
 */
static double barcode_likeness(const struct barcode_rows *rows, int row_a, int begin_a, int row_b,
                               int begin_b, int length)
{
    if (begin_a < 0 || begin_b < 0 || begin_a + length > rows->length ||
        begin_b + length > rows->length)
        return 0;
    const uint8_t *p = rows->pixels + row_a * rows->across + begin_a * rows->along;
    const uint8_t *q = rows->pixels + row_b * rows->across + begin_b * rows->along;
    int64_t sp = 0, sq = 0, spp = 0, sqq = 0, spq = 0;
    for (int i = 0; i < length; i++, p += rows->along, q += rows->along) {
        sp += *p;
        sq += *q;
        spp += *p * *p;
        sqq += *q * *q;
        spq += *p * *q;
    }
    const double vp = (double)(length * spp - sp * sp), vq = (double)(length * sqq - sq * sq);
    return vp > 0 && vq > 0 ? (double)(length * spq - sp * sq) / sqrt(vp * vq) : 0;
}

/* How far one half of a row has moved in `row` against where it is expected: -reach … reach pixels;
 * *likeness says how sure that is. */
static int barcode_shift(const struct barcode_rows *rows, int row_a, int begin_a, int row,
                         int expected, int length, int reach, double *likeness)
{
    int best = 0;
    *likeness = barcode_likeness(rows, row_a, begin_a, row, expected, length);
    for (int shift = -reach; shift <= reach; shift++) {
        const double value = barcode_likeness(rows, row_a, begin_a, row, expected + shift, length);
        if (value > *likeness) {
            *likeness = value;
            best = shift;
        }
    }
    return best;
}

/*
 * Follows the symbol from `read` in steps of `step` (1 or -1) rows; returns its last row there.
 * Its two halves are followed apart, as the symbol may widen. They are compared with a row a few
 * rows back: with the one before, a slope of a third of a pixel would never show; with the first
 * one, the widening would tell the rows apart.
 */
static struct barcode_span barcode_follow(const struct barcode_rows *rows, struct barcode_span read,
                                          int step)
{
    struct barcode_span model = read, last = read;
    for (int row = read.row + step; row >= 0 && row < rows->count; row += step) {
        const int reach = abs(row - last.row);
        if (reach > BARCODE_MISSES)
            break;
        const int half = (model.end - model.begin) / 2;
        double left, right;
        const int begin = last.begin + barcode_shift(rows, model.row, model.begin, row, last.begin,
                                                     half, reach, &left);
        const int end = last.end + barcode_shift(rows, model.row, model.end - half, row,
                                                 last.end - half, half, reach, &right);
        if (left < BARCODE_LIKE || right < BARCODE_LIKE)
            continue;
        last = (struct barcode_span){row, begin, end};
        if (abs(row - model.row) >= BARCODE_MODEL_ROWS)
            model = last;
    }
    return last;
}

/* Paints the rows from `read` to `last` white, and a little beside them. */
static void barcode_paint(const struct barcode_rows *rows, struct barcode_span read,
                          struct barcode_span last)
{
    const int step = last.row < read.row ? -1 : 1, height = abs(last.row - read.row);
    for (int i = 0; i <= height; i++) {
        const int shift = height ? (last.begin - read.begin) * i / height : 0;
        const int begin = read.begin + shift - 2, end = read.end + shift + 2;
        uint8_t *row = rows->pixels + (read.row + step * i) * rows->across;
        for (int x = begin < 0 ? 0 : begin; x < end && x < rows->length; x++)
            row[x * rows->along] = 255;
    }
}

static int barcode_between(int v, int lowest, int highest)
{
    return v < lowest ? lowest : v > highest ? highest : v;
}

/* Paints over a linear symbol that was found, so that it is not found again, and grows its corners
 * to the whole of it. */
static void barcode_take_linear(const struct image *image, struct zxing_symbol *symbol)
{
    const bool upright = abs(symbol->x[1] - symbol->x[0]) < abs(symbol->y[1] - symbol->y[0]);
    const struct barcode_rows rows = barcode_rows_of(image, upright);
    int *along = upright ? symbol->y : symbol->x, *across = upright ? symbol->x : symbol->y;
    const bool backwards = along[1] < along[0];
    const int first = backwards ? along[1] : along[0], final = backwards ? along[0] : along[1];
    const struct barcode_span read = {barcode_between(across[0], 0, rows.count - 1),
                                      barcode_between(first, 0, rows.length - 1),
                                      barcode_between(final, 0, rows.length - 1) + 1};
    const struct barcode_span lower = barcode_follow(&rows, read, -1);
    const struct barcode_span upper = barcode_follow(&rows, read, 1);
    barcode_paint(&rows, read, lower);
    barcode_paint(&rows, read, upper);
    /* Whether the symbol's own top lies at rising rows: reading direction turned a quarter
     * clockwise points down the symbol. */
    const bool down_is_rising = upright == backwards;
    const struct barcode_span top = down_is_rising ? lower : upper;
    const struct barcode_span bottom = down_is_rising ? upper : lower;
    along[0] = backwards ? top.end : top.begin;
    along[1] = backwards ? top.begin : top.end;
    along[2] = backwards ? bottom.begin : bottom.end;
    along[3] = backwards ? bottom.end : bottom.begin;
    across[0] = across[1] = top.row + !down_is_rising;
    across[2] = across[3] = bottom.row + down_is_rising;
}

/* Appends a symbol, unless its text is empty, too long or no text at all. */
static void barcode_append(const struct zxing_symbol *symbol, struct barcode_scale scale,
                           struct barcode *out, int *count)
{
    if (*count >= BARCODE_MAX || symbol->length == 0 || symbol->length >= BARCODE_MAX_TEXT)
        return;
    for (size_t at = 0; at < symbol->length;) {
        uint32_t code_point;
        at += utf8_get(symbol->text + at, symbol->length - at, &code_point);
        if (code_point == 0 || code_point == UTF8_REPLACEMENT)
            return;
    }
    struct barcode *barcode = &out[(*count)++];
    barcode->symbology = symbol->symbology;
    memcpy(barcode->text, symbol->text, symbol->length + 1);
    for (int i = 0; i < 4; i++)
        barcode->quad.p[i] =
            (struct point){(float)(symbol->x[i] * scale.x), (float)(symbol->y[i] * scale.y)};
}

/* Two-dimensional codes of `image`; symbols has room for BARCODE_MAX. */
static int barcode_search_matrix(const struct image *image, struct barcode_scale scale,
                                 struct zxing_symbol *symbols, struct barcode *out, int *count,
                                 se_error *err)
{
    int found;
    RETURN_ERROR_IF(zxing_shim_read_matrix(image->data, image->width, image->height,
                                           (int)image->stride, BARCODE_MAX, symbols,
                                           &found) != SE_OK,
                    err, SE_ERR_MEMORY, BARCODE_NO_MEMORY);
    for (int i = 0; i < found; i++)
        barcode_append(&symbols[i], scale, out, count);
    return SE_OK;
}

/* Linear codes of `image`, which are painted over. */
static int barcode_search_linear(const struct image *image, struct barcode_scale scale,
                                 struct zxing_symbol *symbol, struct barcode *out, int *count,
                                 se_error *err)
{
    for (int pass = 0; pass < BARCODE_MAX; pass++) {
        int found;
        RETURN_ERROR_IF(zxing_shim_read_linear(image->data, image->width, image->height,
                                               (int)image->stride, symbol, &found) != SE_OK,
                        err, SE_ERR_MEMORY, BARCODE_NO_MEMORY);
        if (found == 0)
            break;
        barcode_take_linear(image, symbol);
        barcode_append(symbol, scale, out, count);
    }
    return SE_OK;
}

/* Makes a copy of `grey` whose longer side is at most `side`, and never one below the smallest. */
static int barcode_copy(const struct image *grey, int side, struct image *copy,
                        struct barcode_scale *scale, se_error *err)
{
    const int longer = grey->width > grey->height ? grey->width : grey->height;
    const double shrink = longer > side ? (double)side / longer : 1.0;
    const int width = (int)(grey->width * shrink + 0.5);
    const int height = (int)(grey->height * shrink + 0.5);
    FORWARD_IF_ERROR(image_create(copy, width < BARCODE_MIN_SIDE ? BARCODE_MIN_SIDE : width,
                                  height < BARCODE_MIN_SIDE ? BARCODE_MIN_SIDE : height, 1, err));
    *scale = (struct barcode_scale){(double)grey->width / copy->width,
                                    (double)grey->height / copy->height};
    const int status = img_resize(grey, copy, err);
    if (status != SE_OK)
        image_free(copy);
    return status;
}

/* The searches of one picture, which know nothing of each other; that of smaller matrices counts
 * where the first one finds none. The longest come first. */
enum { BARCODE_MATRIX, BARCODE_LINEAR, BARCODE_SMALL_MATRIX, BARCODE_SEARCHES };

struct barcode_search {
    struct image copy, painted; /* the same; linear codes are painted over */
    struct barcode_scale scale;
    struct barcode_part {
        struct zxing_symbol symbols[BARCODE_MAX];
        struct barcode found[BARCODE_MAX];
        int count, status;
        se_error err;
    } part[BARCODE_SEARCHES];
};

/* Two-dimensional codes in a smaller picture: large ones, and those that noise breaks up. */
static int barcode_search_small(const struct barcode_search *search, struct barcode_part *part)
{
    const struct image *copy = &search->copy;
    const int longer = copy->width > copy->height ? copy->width : copy->height;
    if (longer <= BARCODE_SMALL_SIDE)
        return SE_OK;
    struct image small;
    struct barcode_scale scale;
    FORWARD_IF_ERROR(barcode_copy(copy, BARCODE_SMALL_SIDE, &small, &scale, &part->err));
    scale.x *= search->scale.x;
    scale.y *= search->scale.y;
    const int status =
        barcode_search_matrix(&small, scale, part->symbols, part->found, &part->count, &part->err);
    image_free(&small);
    return status;
}

static void barcode_search_piece(void *context, size_t piece, int thread)
{
    (void)thread;
    struct barcode_search *search = context;
    struct barcode_part *part = &search->part[piece];
    if (piece == BARCODE_MATRIX)
        part->status = barcode_search_matrix(&search->copy, search->scale, part->symbols,
                                             part->found, &part->count, &part->err);
    else if (piece == BARCODE_LINEAR)
        part->status = barcode_search_linear(&search->painted, search->scale, part->symbols,
                                             part->found, &part->count, &part->err);
    else
        part->status = barcode_search_small(search, part);
}

/* All searches, and what they found: two-dimensional codes, then the others. */
static int barcode_search(struct barcode_search *search, struct pool *pool, struct barcode *out,
                          int *count, se_error *err)
{
    static const int order[] = {BARCODE_MATRIX, BARCODE_SMALL_MATRIX, BARCODE_LINEAR};
    pool_run(pool, barcode_search_piece, search, BARCODE_SEARCHES);
    for (int i = 0; i < BARCODE_SEARCHES; i++) {
        struct barcode_part *part = &search->part[order[i]];
        if (part->status != SE_OK) {
            if (err)
                *err = part->err;
            return part->status;
        }
        if (order[i] == BARCODE_SMALL_MATRIX && search->part[BARCODE_MATRIX].count > 0)
            continue;
        for (int k = 0; k < part->count && *count < BARCODE_MAX; k++)
            out[(*count)++] = part->found[k];
    }
    return SE_OK;
}

int barcode_find(const struct image *grey, struct pool *pool, struct barcode out[BARCODE_MAX],
                 int *count, se_error *err)
{
    *count = 0;
    RETURN_ERROR_IF(!grey->data || grey->channels != 1, err, SE_ERR_ARGUMENT,
                    "barcodes are looked for in grey images");
    if (grey->width < BARCODE_MIN_SIDE || grey->height < BARCODE_MIN_SIDE)
        return SE_OK;
    struct barcode_search *search = calloc(1, sizeof(*search));
    if (!search)
        return se_fail_memory(err, "barcodes", sizeof(*search));
    struct barcode_scale scale;
    int status = barcode_copy(grey, BARCODE_MAX_SIDE, &search->copy, &search->scale, err);
    if (status == SE_OK) {
        const struct image *copy = &search->copy;
        const int longer = copy->width > copy->height ? copy->width : copy->height;
        status = barcode_copy(copy, longer, &search->painted, &scale, err);
    }
    if (status == SE_OK)
        status = barcode_search(search, pool, out, count, err);
    image_free(&search->painted);
    image_free(&search->copy);
    free(search);
    if (status != SE_OK)
        *count = 0;
    return status;
}
