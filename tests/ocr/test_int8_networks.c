/*
 * Both networks in 8 bits: the lines that the detector finds and what the recognizer reads, beside
 * float32; the same with a shortlist; what is refused, and what an observer sees.
 *
 *   test_int8_networks PICTURE      models in $SERIALEYE_MODELS, else in the user's data folder
 *
 * Exit status 77 (skipped) without models.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/file.h"
#include "image/decode.h"
#include "nn/inspect.h"
#include "ocr/detect.h"
#include "ocr/int8_table.h"
#include "ocr/recognize.h"
#include "ocr/shortlist.h"

static char detector[512], recognizer[512];
static const char *picture;

static bool find_model(const char *name, char path[512])
{
    const char *folder = getenv("SERIALEYE_MODELS"), *home = getenv("HOME");
    struct stat info;
    if (folder)
        snprintf(path, 512, "%.400s/%s", folder, name);
    else
        snprintf(path, 512, "%.300s/.local/share/serialeye/models/%s", home ? home : "", name);
    return stat(path, &info) == 0;
}

static void load_picture(struct image *image)
{
    static const struct img_limits limits = {.max_pixels = 64000000, .max_side = 16384};
    struct file_map map;
    assert_int_equal(file_map_open(&map, picture, NULL), SE_OK);
    assert_int_equal(img_decode(map.data, map.size, &limits, 0, NULL, image, NULL), SE_OK);
    file_map_close(&map);
}

static struct nn_model_options int8_options(const char *sha256, enum nn_cpu_tier cpu)
{
    const struct int8_model *int8 = int8_model_find(sha256);
    assert_non_null(int8);
    return (struct nn_model_options){
        .cpu = cpu, .ranges = int8->ranges, .range_count = int8->range_count};
}

/* Boxes in the picture; *map: a copy of the probability map, owned by the caller. */
static struct text_boxes find_lines(const struct nn_model_options *options, int threads,
                                    float **map, int64_t *count)
{
    struct image image;
    struct text_boxes boxes;
    struct nn_model *model;
    struct nn_exec *exec;
    struct pool *pool;
    struct nn_shape shape;
    se_error err = {0, ""};
    load_picture(&image);
    struct detect_params params = detect_defaults;
    params.max_side = 640;
    if (nn_model_load(&model, detector, options, &err) != SE_OK ||
        pool_create(&pool, threads, &err) != SE_OK ||
        nn_exec_create(&exec, model, pool, 0, &err) != SE_OK ||
        ocr_detect(exec, &image, &params, NULL, &boxes, &err) != SE_OK)
        fail_msg("%s", err.message);
    const float *out = nn_exec_output(exec, &shape);
    *count = shape.dims[1] * shape.dims[2];
    *map = malloc((size_t)*count * sizeof(float));
    assert_non_null(*map);
    memcpy(*map, out, (size_t)*count * sizeof(float));
    nn_exec_free(exec);
    pool_free(pool);
    nn_model_free(model);
    image_free(&image);
    return boxes;
}

static void test_finds_the_same_lines(void **state)
{
    static const enum nn_cpu_tier tiers[] = {NN_CPU_AUTO, NN_CPU_PORTABLE};
    const struct nn_model_options fp32 = {.backend = NN_BACKEND_CPU};
    float *expected, *map;
    int64_t count, count8;
    (void)state;
    struct text_boxes want = find_lines(&fp32, 1, &expected, &count);
    assert_true(want.count > 5);
    for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {
        const struct nn_model_options options = int8_options(INT8_DETECTOR, tiers[i]);
        struct text_boxes got = find_lines(&options, 1, &map, &count8);
        double total = 0;
        assert_int_equal(count, count8);
        for (int64_t k = 0; k < count; k++)
            total += fabs((double)map[k] - (double)expected[k]);
        /* Not the same numbers, or nothing ran in 8 bits; but close to them. */
        if (!(total > 0 && total / (double)count < 0.01))
            fail_msg("the map in 8 bits differs by %g on average", total / (double)count);
        assert_int_equal(got.count, want.count);
        for (int k = 0; k < got.count; k++)
            for (int c = 0; c < 4; c++)
                assert_true(hypotf(got.items[k].quad.p[c].x - want.items[k].quad.p[c].x,
                                   got.items[k].quad.p[c].y - want.items[k].quad.p[c].y) < 8);
        free(map);
        text_boxes_free(&got);
    }
    text_boxes_free(&want);
    free(expected);
}

static void test_threads_change_nothing(void **state)
{
    const struct nn_model_options options = int8_options(INT8_DETECTOR, NN_CPU_AUTO);
    float *one, *three;
    int64_t count, count3;
    (void)state;
    struct text_boxes a = find_lines(&options, 1, &one, &count);
    struct text_boxes b = find_lines(&options, 3, &three, &count3);
    assert_int_equal(count, count3);
    assert_memory_equal(one, three, (size_t)count * sizeof(float));
    text_boxes_free(&a);
    text_boxes_free(&b);
    free(one);
    free(three);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* The lines at `boxes` of the picture, in the arena. */
static struct text_line *read_lines(const struct nn_model_options *network, int threads,
                                    const struct text_boxes *boxes, struct arena *arena)
{
    const struct recognizer_options options = {.model = recognizer, .network = *network};
    const size_t count = (size_t)boxes->count;
    struct recognizer *opened;
    struct nn_exec *exec;
    struct image image;
    struct pool *pool;
    int done;
    load_picture(&image);
    struct quad *quads = arena_alloc(arena, count, sizeof(*quads));
    struct text_line *lines = arena_alloc(arena, count, sizeof(*lines));
    assert_true(quads && lines);
    for (size_t i = 0; i < count; i++)
        quads[i] = boxes->items[i].quad;
    assert_int_equal(recognizer_open(&opened, &options, NULL), SE_OK);
    assert_int_equal(pool_create(&pool, threads, NULL), SE_OK);
    assert_int_equal(nn_exec_create(&exec, recognizer_model(opened), pool, 0, NULL), SE_OK);
    assert_int_equal(ocr_recognize(opened, exec, &image, quads, boxes->count, &recognize_defaults,
                                   NULL, arena, lines, &done, NULL),
                     SE_OK);
    assert_int_equal(done, boxes->count);
    nn_exec_free(exec);
    pool_free(pool);
    recognizer_close(opened);
    image_free(&image);
    return lines;
}

/* Spaces are left out: where letters stand apart they may be seen or not. */
static size_t letters_of(const struct text_line *line, uint32_t *out, size_t most)
{
    size_t count = 0;
    for (size_t i = 0; i < line->count && count < most; i++)
        if (line->chars[i].c != ' ')
            out[count++] = line->chars[i].c;
    return count;
}

static bool is_same_text(const struct text_line *a, const struct text_line *b)
{
    uint32_t left[200], right[200];
    const size_t count = letters_of(a, left, 200);
    return count == letters_of(b, right, 200) && memcmp(left, right, count * sizeof(*left)) == 0;
}

/* What float32 reads clearly 8 bits read, too, and with any number of threads. */
static void test_reads_the_same_text(void **state)
{
    const struct nn_model_options fp32 = {.backend = NN_BACKEND_CPU};
    const struct nn_model_options eight[] = {int8_options(INT8_RECOGNIZER, NN_CPU_AUTO),
                                             int8_options(INT8_RECOGNIZER, NN_CPU_PORTABLE)};
    float *map;
    int64_t count;
    struct arena arena;
    (void)state;
    arena_init(&arena, 64 << 20);
    struct text_boxes boxes = find_lines(&fp32, 1, &map, &count);
    const struct text_line *want = read_lines(&fp32, 1, &boxes, &arena);
    for (size_t i = 0; i < sizeof(eight) / sizeof(eight[0]); i++) {
        const struct text_line *got = read_lines(&eight[i], 1, &boxes, &arena);
        const struct text_line *three = i == 0 ? read_lines(&eight[i], 3, &boxes, &arena) : got;
        int clear = 0;
        bool other = false;
        for (int k = 0; k < boxes.count; k++) {
            other |= got[k].score != want[k].score;
            clear += want[k].score > 0.95F;
            assert_true(want[k].score <= 0.95F || is_same_text(&got[k], &want[k]));
            assert_true(got[k].score == three[k].score && is_same_text(&got[k], &three[k]));
        }
        assert_true(clear > 4 && other); /* the same scores: nothing ran in 8 bits */
    }
    text_boxes_free(&boxes);
    free(map);
    arena_free(&arena);
}

/* ---- the shortlist -------------------------------------------------------------------------- */

/* Steps in which columns were left out. */
static int compare_lattices(const struct lattice *all, const struct lattice *listed)
{
    int closed = 0;
    assert_int_equal(all->steps, listed->steps);
    for (int step = 0; step < all->steps; step++) {
        const float *a = all->logp + (size_t)step * all->stride;
        const float *b = listed->logp + (size_t)step * listed->stride;
        assert_int_equal(all->best[step], listed->best[step]);
        for (size_t i = 0; i < all->stride; i++) /* the alphabet is closed with its recognizer */
            assert_float_equal(a[i], b[i], 0.05);
        closed += listed->reject[step] < all->reject[step];
    }
    return closed;
}

/* A few lines, and 8 bits alone: sanitizers make float32 slow, and tests/nn/test_graph.c has that.
 */
static void test_a_shortlist_changes_next_to_nothing(void **state)
{
    enum { MOST_LINES = 6 };
    const struct nn_model_options detecting = int8_options(INT8_DETECTOR, NN_CPU_AUTO);
    struct nn_model_options reading = int8_options(INT8_RECOGNIZER, NN_CPU_AUTO);
    int steps = 0, closed = 0;
    float *map;
    int64_t count;
    struct arena arena;
    (void)state;
    arena_init(&arena, 64 << 20);
    struct text_boxes boxes = find_lines(&detecting, 1, &map, &count);
    assert_true(boxes.count >= MOST_LINES);
    boxes.count = MOST_LINES;
    const struct text_line *all = read_lines(&reading, 1, &boxes, &arena);
    reading.shortlist = shortlist_table.list;
    const struct text_line *listed = read_lines(&reading, 1, &boxes, &arena);
    const struct text_line *three = read_lines(&reading, 3, &boxes, &arena);
    for (int k = 0; k < boxes.count; k++) {
        steps += all[k].lattice.steps;
        closed += compare_lattices(&all[k].lattice, &listed[k].lattice);
        assert_true(listed[k].score == three[k].score && is_same_text(&listed[k], &three[k]));
    }
    assert_true(steps > 100 && closed > steps / 2);
    text_boxes_free(&boxes);
    free(map);
    arena_free(&arena);
}

/* ---- what is refused ------------------------------------------------------------------------ */

static void expect_refusal(const struct nn_model_options *options, int status, const char *words)
{
    struct nn_model *model;
    se_error err;
    assert_int_equal(nn_model_load(&model, detector, options, &err), status);
    assert_null(model);
    if (!strstr(err.message, words))
        fail_msg("no \"%s\" in: %s", words, err.message);
}

static void test_refusals(void **state)
{
    enum { X = NN_RANGE_NUMBERS * 48, HIDDEN = NN_RANGE_NUMBERS * 96 };
    static int16_t x[X], hidden[HIDDEN], positive[X], none[X], beyond[X];
    static const struct nn_range wrong[] = {
        {"Conv.999", x, sizeof(x), hidden, sizeof(hidden)},             /* no such node */
        {"Conv.5", x, sizeof(x), hidden, sizeof(hidden)},               /* depthwise */
        {"Conv.9", positive, sizeof(positive), hidden, sizeof(hidden)}, /* without 0 */
        {"Conv.9", none, sizeof(none), hidden, sizeof(hidden)},         /* empty */
        {"Conv.9", beyond, sizeof(beyond), hidden, sizeof(hidden)},     /* the mean is not inside */
        {"Conv.9", x, sizeof(x), x, sizeof(x)},                         /* for too few channels */
        {"Conv.9", x, sizeof(x), NULL, 0}, /* none between the layers */
        {"Conv.9", x, sizeof(x) - 4, hidden, sizeof(hidden)},
    };
    static const char *const words[] = {"Conv.999", "Conv.5", "Conv.9", "Conv.9",
                                        "Conv.9",   "Conv.9", "Conv.9", "Conv.9"};
    (void)state;
    static const int16_t ends[4][NN_RANGE_NUMBERS] = {
        {-34, 300, 20}, {-300, 300, 0}, {100, 300, 200}, {-300, 300, 301}};
    for (size_t i = 0; i < HIDDEN; i++) {
        hidden[i] = ends[0][i % NN_RANGE_NUMBERS];
        x[i % X] = ends[1][i % NN_RANGE_NUMBERS];
        positive[i % X] = ends[2][i % NN_RANGE_NUMBERS];
        beyond[i % X] = ends[3][i % NN_RANGE_NUMBERS];
    }
    const struct nn_range right = {"Conv.9", x, sizeof(x), hidden, sizeof(hidden)};
    const struct nn_model_options good = {.ranges = &right, .range_count = 1};
    struct nn_model *model;
    assert_int_equal(nn_model_load(&model, detector, &good, NULL), SE_OK);
    nn_model_free(model);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const struct nn_model_options options = {.ranges = &wrong[i], .range_count = 1};
        expect_refusal(&options, SE_ERR_MODEL, words[i]);
    }
    struct nn_model_options options = int8_options(INT8_DETECTOR, NN_CPU_AUTO);
    options.backend = NN_BACKEND_REF;
    expect_refusal(&options, SE_ERR_UNSUPPORTED, "fp32");
    assert_null(int8_model_find("0"));
}

/* ---- observing ------------------------------------------------------------------------------ */

struct seen {
    size_t inputs, hidden;
    float low, high;
};

static void see(void *context, const struct nn_node *node, enum nn_observed what, const float *x,
                size_t rows, size_t c, ptrdiff_t pitch)
{
    struct seen *seen = context;
    if (strcmp(node->name, "Conv.9") != 0)
        return;
    *(what == NN_OBSERVED_X ? &seen->inputs : &seen->hidden) += rows * c;
    for (size_t i = 0; what == NN_OBSERVED_HIDDEN && i < rows * c; i++) {
        const float v = x[(ptrdiff_t)(i / c) * pitch + (ptrdiff_t)(i % c)];
        seen->low = fminf(seen->low, v);
        seen->high = fmaxf(seen->high, v);
    }
}

static void test_observer(void **state)
{
    const struct nn_model_options options = {.backend = NN_BACKEND_CPU};
    const int64_t nhwc[4] = {1, 64, 96, 3};
    struct seen seen = {0};
    const struct nn_observer observer = {see, &seen};
    struct nn_model *model;
    struct nn_exec *exec;
    (void)state;
    assert_int_equal(nn_model_load(&model, detector, &options, NULL), SE_OK);
    assert_int_equal(nn_exec_create(&exec, model, NULL, 0, NULL), SE_OK);
    assert_int_equal(nn_exec_prepare(exec, nhwc, NULL), SE_OK);
    for (int i = 0; i < 64 * 96 * 3; i++)
        nn_exec_input(exec)[i] = (float)(i / 3 % 7) - 3;
    nn_exec_observe(exec, &observer);
    assert_int_equal(nn_exec_run(exec, NULL, NULL), SE_OK);
    /* A quarter of the input's sides; 48 channels, twice as many between the layers. */
    assert_int_equal(seen.inputs, 16 * 24 * 48);
    assert_int_equal(seen.hidden, 16 * 24 * 96);
    assert_true(seen.low < 0 && seen.low > -0.17001F && seen.high > 0); /* behind a GELU */
    nn_exec_observe(exec, NULL);
    assert_int_equal(nn_exec_run(exec, NULL, NULL), SE_OK);
    assert_int_equal(seen.inputs, 16 * 24 * 48);
    nn_exec_free(exec);
    nn_model_free(model);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_the_same_lines),
        cmocka_unit_test(test_threads_change_nothing),
        cmocka_unit_test(test_reads_the_same_text),
        cmocka_unit_test(test_a_shortlist_changes_next_to_nothing),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_observer),
    };
    if (argc != 2)
        return 2;
    picture = argv[1];
    if (!find_model("PP-OCRv6_det_small.onnx", detector) ||
        !find_model("PP-OCRv6_rec_small.onnx", recognizer)) {
        printf("SKIP: no %s; fetch the models, or name their folder in SERIALEYE_MODELS\n",
               recognizer[0] ? recognizer : detector);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
