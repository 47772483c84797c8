/*
 * Maps reduced to runs, kernel by kernel on the CPU, against plain C: any size, any pattern,
 * threads from first to last and back, with guards round every buffer. Then what comes back is
 * looked at as the program does.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "emulation.h"
#include "image/contour.h"
#include "nn/cuda/cuda_map.h"
#include "nn/cuda/cuda_pack.h"

enum { GUARD = 256, IMAGES = 2 };

static uint32_t seed;

static uint32_t next(void)
{
    seed = seed * 1664525U + 1013904223U;
    return seed >> 8;
}

/* ---- patterns ------------------------------------------------------------------------------- */

typedef float pattern(int h, int width, int y, int x);

static float empty(int h, int width, int y, int x)
{
    (void)h, (void)width, (void)y, (void)x;
    return 0.0625F;
}

static float full(int h, int width, int y, int x)
{
    (void)h, (void)width, (void)y, (void)x;
    return 0.75F;
}

/* As many runs and components as there can be: dilated, they just do not touch. */
static float dots(int h, int width, int y, int x)
{
    (void)h, (void)width;
    return y % 3 == 0 && x % 3 == 0 ? 0.5F : 0;
}

static float columns(int h, int width, int y, int x)
{
    (void)h, (void)width, (void)y;
    return x % 3 == 1 ? 0.5F : 0.1875F;
}

/* Teeth that only the last row joins. */
static float comb(int h, int width, int y, int x)
{
    (void)width;
    return x % 4 == 0 || y == h - 1 ? 1 : 0;
}

/* Corners that touch, both ways. */
static float diagonals(int h, int width, int y, int x)
{
    (void)h, (void)width;
    return (x + y) % 9 == 0 || (x - y + 900) % 11 == 0 ? 0.375F : 0;
}

/* A snake: one component that goes through every fourth row, to and fro. */
static float snake(int h, int width, int y, int x)
{
    (void)h;
    return y % 4 == 0 || (y % 8 < 4 ? x == width - 1 : x == 0) ? 0.5F : 0;
}

/* Across the borders of words, cells and blocks. */
static float borders(int h, int width, int y, int x)
{
    (void)h, (void)width;
    return (x % 32 >= 30 || x % 32 <= 1) && (y % 32 >= 30 || y % 32 == 0) ? 0.5F : 0.125F;
}

static float noise(int h, int width, int y, int x)
{
    (void)h, (void)width, (void)y, (void)x;
    return (float)(next() % 128) / 128;
}

static float sparse(int h, int width, int y, int x)
{
    (void)h, (void)width, (void)y, (void)x;
    return next() % 17 == 0 ? 0.5F : 0;
}

/* What is no probability is not set; NaNs are not even faint. */
static float strange(int h, int width, int y, int x)
{
    static const float values[] = {0.5F, NAN, INFINITY, -INFINITY, 2, -1, 0.25F, 1};
    (void)h, (void)width;
    return values[(x + 3 * y) % 8];
}

/* ---- what is expected ----------------------------------------------------------------------- */

static const struct nn_map_params params = {.threshold = 0.25F, .most = 1, .faint = 0.125F};

/* Marks everything connected with run i as its part. */
static void fill(const struct nn_map *map, struct nn_map_run *runs, const int *row, int32_t i,
                 int32_t *stack)
{
    int32_t count = 0;
    stack[count++] = i;
    runs[i].part = i;
    while (count > 0) {
        const int32_t at = stack[--count];
        for (int y = row[at] - 1; y <= row[at] + 1; y += 2)
            for (int32_t k = y < 0 || y >= map->height ? 0 : map->row_first[y];
                 y >= 0 && y < map->height && k < map->row_first[y + 1]; k++)
                if (runs[k].part < 0 && runs[k].end >= runs[at].start &&
                    runs[k].start <= runs[at].end) {
                    runs[k].part = i;
                    stack[count++] = k;
                }
    }
}

/* The definition, pixel by pixel; free(map->row_first). */
static void reduce(const float *values, int h, int width, struct nn_map *map)
{
    const int cell_columns = (width + 31) / 32, cell_rows = (h + 31) / 32;
    const size_t pixels = (size_t)h * (size_t)width;
    uint8_t *set = malloc(2 * pixels);
    int32_t *first = calloc((size_t)h + 1 + (size_t)(cell_columns * cell_rows) + 2 * pixels + 2, 4);
    int *row = malloc(2 * pixels * sizeof(int) + sizeof(int));
    assert_true(set && first && row);
    int32_t *faint = first + h + 1;
    struct nn_map_run *runs = (void *)(faint + cell_columns * cell_rows);
    for (size_t i = 0; i < pixels; i++) {
        set[i] = values[i] > params.threshold && values[i] <= params.most;
        faint[(int)i / width / 32 * cell_columns + (int)i % width / 32] += values[i] > params.faint;
    }
    contour_dilate2x2(set, set + pixels, width, h);
    int32_t count = 0;
    for (int y = 0; y < h; y++) {
        const uint8_t *at = set + pixels + (size_t)y * (size_t)width;
        first[y] = count;
        for (int x = 0; x < width; x++) {
            if (!at[x])
                continue;
            if (x == 0 || !at[x - 1]) {
                row[count] = y;
                runs[count++] = (struct nn_map_run){.start = (uint16_t)x, .part = -1};
            }
            runs[count - 1].end = (uint16_t)(x + 1);
        }
    }
    first[h] = count;
    *map = (struct nn_map){width, h, cell_columns, cell_rows, first, faint, runs};
    for (int32_t i = 0; i < count; i++)
        if (runs[i].part < 0)
            fill(map, runs, row, i, row + pixels);
    free(set);
    free(row);
}

/* ---- on the GPU's side ---------------------------------------------------------------------- */

/* Memory with guards; every byte is 0xa5 at first. */
struct guarded {
    unsigned char *all, *at;
    size_t bytes;
};

static struct guarded guard(size_t bytes)
{
    struct guarded g = {.bytes = bytes};
    g.all = aligned_alloc(256, (bytes + 2 * GUARD + 255) / 256 * 256);
    assert_non_null(g.all);
    memset(g.all, 0xa5, bytes + 2 * GUARD);
    g.at = g.all + GUARD;
    return g;
}

static void check_guard(const char *what, const struct guarded *g)
{
    for (size_t i = 0; i < GUARD; i++)
        if (g->all[i] != 0xa5 || g->at[g->bytes + i] != 0xa5)
            fail_msg("%s: memory beyond a buffer was written", what);
}

struct device {
    struct nn_reduction reduction;
    struct cuda_map_layout layout;
    struct guarded map, scratch, result;
};

static void make_device(struct device *device, int images, int h, int width)
{
    device->reduction = (struct nn_reduction){true, params, images, h, width};
    cuda_map_measure(&device->reduction, &device->layout);
    device->map = guard((size_t)images * (size_t)h * (size_t)width * sizeof(uint16_t));
    device->scratch = guard(device->layout.scratch_bytes);
    device->result = guard(cuda_map_bytes(&device->reduction, &device->layout));
}

static void free_device(const char *what, struct device *device)
{
    check_guard(what, &device->map);
    check_guard(what, &device->scratch);
    check_guard(what, &device->result);
    free(device->map.all);
    free(device->scratch.all);
    free(device->result.all);
}

static void run_device(const struct device *device, bool backwards)
{
    struct cuda_launch launches[CUDA_MAP_LAUNCHES];
    const struct cuda_map_place place = {.map = (uint64_t)(uintptr_t)device->map.at,
                                         .scratch = (uint64_t)(uintptr_t)device->scratch.at,
                                         .result = (uint64_t)(uintptr_t)device->result.at};
    memset(device->result.at, 0xff, device->result.bytes);
    cuda_map_build(&device->reduction, &device->layout, &place, launches);
    emulation_set_backwards(backwards);
    for (int i = 0; i < CUDA_MAP_LAUNCHES; i++)
        assert_true(emulation_run((int)launches[i].kernel, launches[i].grid_x, launches[i].grid_y,
                                  1, cuda_kernel_threads(launches[i].kernel), &launches[i].args));
    emulation_set_backwards(false);
}

static const int32_t *result_of(const struct device *device, int image)
{
    return (const int32_t *)(const void *)device->result.at +
           (size_t)image * (size_t)device->layout.result_ints;
}

static void expect_same(const char *what, const struct nn_map *want, const struct nn_map *got)
{
    for (int y = 0; y <= want->height; y++)
        if (want->row_first[y] != got->row_first[y])
            fail_msg("%s: row %d begins with run %d, not %d", what, y, got->row_first[y],
                     want->row_first[y]);
    for (int i = 0; i < want->cell_columns * want->cell_rows; i++)
        if (want->faint[i] != got->faint[i])
            fail_msg("%s: %d faint pixels in cell %d, not %d", what, got->faint[i], i,
                     want->faint[i]);
    for (int32_t i = 0; i < want->row_first[want->height]; i++) {
        const struct nn_map_run *a = &want->runs[i], *b = &got->runs[i];
        if (a->start != b->start || a->end != b->end || a->part != b->part)
            fail_msg("%s: run %d is [%d, %d) of %d, not [%d, %d) of %d", what, i, b->start, b->end,
                     b->part, a->start, a->end, a->part);
    }
}

static void put_halves(const struct device *device, int image, const float *values, size_t pixels)
{
    uint16_t *to = (uint16_t *)(void *)device->map.at + (size_t)image * pixels;
    for (size_t i = 0; i < pixels; i++)
        to[i] = isnan(values[i])   ? 0x7e00
                : isinf(values[i]) ? (values[i] > 0 ? 0x7c00 : 0xfc00)
                                   : cuda_half(values[i]);
}

static void check_pattern(const char *name, pattern *draw, int h, int width)
{
    const size_t pixels = (size_t)h * (size_t)width;
    float *values = malloc(pixels * sizeof(*values));
    struct nn_map want[IMAGES], got;
    struct device device;
    char what[80];
    assert_non_null(values);
    make_device(&device, IMAGES, h, width);
    for (int image = 0; image < IMAGES; image++) {
        /* The second image is the first one turned round. */
        for (int y = 0; y < h; y++)
            for (int x = 0; x < width; x++)
                values[(size_t)y * (size_t)width + (size_t)x] =
                    image ? draw(h, width, h - 1 - y, width - 1 - x) : draw(h, width, y, x);
        put_halves(&device, image, values, pixels);
        reduce(values, h, width, &want[image]);
    }
    for (int backwards = 0; backwards < 2; backwards++) {
        run_device(&device, backwards);
        for (int image = 0; image < IMAGES; image++) {
            snprintf(what, sizeof(what), "%s %dx%d, image %d%s", name, width, h, image,
                     backwards ? ", backwards" : "");
            const bool fits = want[image].row_first[h] <= device.layout.most_runs;
            const bool seen =
                cuda_map_view(&device.reduction, &device.layout, result_of(&device, image), &got);
            if (seen != fits)
                fail_msg("%s: %d runs, of at most %d", what, want[image].row_first[h],
                         device.layout.most_runs);
            if (fits)
                expect_same(what, &want[image], &got);
            else
                assert_int_equal(got.row_first[h], want[image].row_first[h]);
        }
    }
    for (int image = 0; image < IMAGES; image++)
        free((void *)(uintptr_t)want[image].row_first);
    free_device(name, &device);
    free(values);
}

static void test_patterns(void **state)
{
    static const struct {
        const char *name;
        pattern *draw;
    } patterns[] = {{"empty", empty},     {"full", full},       {"dots", dots},
                    {"columns", columns}, {"comb", comb},       {"diagonals", diagonals},
                    {"snake", snake},     {"borders", borders}, {"noise", noise},
                    {"sparse", sparse},   {"strange", strange}};
    /* Sides that are multiples of nothing, of words, of more words than a warp has lanes, and of
     * more rows than a block has threads. */
    static const int sizes[][2] = {
        {1, 1},   {1, 2},    {2, 1},    {3, 31},    {31, 33}, {32, 32},  {33, 64},  {64, 128},
        {70, 83}, {5, 1100}, {300, 70}, {129, 160}, {7, 40},  {96, 129}, {517, 24}, {130, 1060}};
    (void)state;
    seed = 3;
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
        for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
            check_pattern(patterns[i].name, patterns[i].draw, sizes[k][0], sizes[k][1]);
}

/* Just as many runs as there is room for, and one more. */
static float full_house(int h, int width, int y, int x)
{
    (void)h, (void)width, (void)y;
    return x % 4 == 0 ? 0.5F : 0;
}

static float one_more(int h, int width, int y, int x)
{
    if (x >= width - 3)
        return y == h - 1 && x == width - 1 ? 0.5F : 0;
    return full_house(h, width, y, x);
}

static void test_room(void **state)
{
    enum { H = 128, WIDTH = 4 * NN_MAP_RUNS / H };
    struct device device;
    (void)state;
    make_device(&device, 1, H, WIDTH);
    assert_int_equal(device.layout.most_runs, NN_MAP_RUNS);
    free_device("room", &device);
    check_pattern("a full house", full_house, H, WIDTH);
    check_pattern("one run more", one_more, H, WIDTH + 3);
}

/* ---- what a GPU that computes wrongly may leave --------------------------------------------- */

static void test_nonsense_is_refused(void **state)
{
    enum { H = 40, WIDTH = 70 };
    float values[H * WIDTH];
    struct device device;
    struct nn_map map;
    (void)state;
    make_device(&device, 1, H, WIDTH);
    for (int i = 0; i < H * WIDTH; i++)
        values[i] = comb(H, WIDTH, i / WIDTH, i % WIDTH);
    put_halves(&device, 0, values, H * WIDTH);
    run_device(&device, false);
    assert_true(cuda_map_view(&device.reduction, &device.layout, result_of(&device, 0), &map));
    const int runs = map.row_first[H];
    assert_true(runs > 400);
    const struct {
        int at, value; /* an int of the result */
    } wrong[] = {{0, 1},
                 {1, -1},
                 {3, 1000000},
                 {H, device.layout.most_runs + 1},
                 {H, -5},
                 {device.layout.runs_at, 70 | 71 << 16},   /* beyond its row */
                 {device.layout.runs_at, 3 | 3 << 16},     /* empty */
                 {device.layout.runs_at + 2, 0 | 6 << 16}, /* over the one before */
                 {device.layout.runs_at + 1, 5},           /* a later run */
                 {device.layout.runs_at + 1, -1},
                 {device.layout.runs_at + 2 * (runs - 1) + 1, runs - 2}}; /* no first run */
    int32_t *result = (int32_t *)(void *)device.result.at;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const int32_t was = result[wrong[i].at];
        result[wrong[i].at] = wrong[i].value;
        if (cuda_map_view(&device.reduction, &device.layout, result, &map))
            fail_msg("fault %d is not seen", (int)i);
        result[wrong[i].at] = was;
    }
    assert_true(cuda_map_view(&device.reduction, &device.layout, result, &map));
    free_device("nonsense", &device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
