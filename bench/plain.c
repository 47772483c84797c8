/*
 * What the plain pipeline takes: each picture decoded, its lines found once and read once, nothing
 * else. No barcodes, no second reading, no search for a serial number.
 *
 *   plain DETECTOR RECOGNIZER [SIDE [THREADS]] < LIST      LIST: paths of pictures, one a line
 *
 * SIDE: of the detector's input, 640 as in the first look of `read`. Prints a JSON object: the
 * fastest of three runs of each picture in milliseconds, from bytes in memory to text, and their
 * median and mean. Matrix products in bfloat16 where the processor has it, as `read` does. Exit
 * status 1 when a picture fails.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/median.h"
#include "image/decode.h"
#include "nn/backend.h"
#include "nn/cpu/cpu_detect.h"
#include "ocr/detect.h"
#include "ocr/recognize.h"

enum { FIRST_SIDE = 640, WANT_SIDE = 2000, MOST_BYTES = 512 << 20, RUNS = 3, MOST_PICTURES = 4096 };
static const struct img_limits limits = {.max_pixels = 64000000, .max_side = 16384};

struct plain {
    struct pool *pool;
    struct nn_model *model;
    struct nn_exec *detector;
    struct recognizer *recognizer;
    struct nn_exec *reader;
    int side;
};

static int open_all(struct plain *p, const char *detector, const char *recognizer, int threads,
                    se_error *err)
{
    const char *missing;
    const enum nn_cpu_tier tier = cpu_bf16_tier(NN_CPU_AUTO, &missing);
    const struct nn_model_options found = {.backend = NN_BACKEND_CPU, .cpu = tier};
    const struct recognizer_options read = {.model = recognizer,
                                            .network = {.backend = NN_BACKEND_CPU, .cpu = tier}};
    FORWARD_IF_ERROR(pool_create(&p->pool, threads, err));
    FORWARD_IF_ERROR(nn_model_load(&p->model, detector, &found, err));
    FORWARD_IF_ERROR(nn_exec_create(&p->detector, p->model, p->pool, 0, err));
    FORWARD_IF_ERROR(recognizer_open(&p->recognizer, &read, err));
    return nn_exec_create(&p->reader, recognizer_model(p->recognizer), p->pool, 0, err);
}

static void close_all(struct plain *p)
{
    nn_exec_free(p->reader);
    recognizer_close(p->recognizer);
    nn_exec_free(p->detector);
    nn_model_free(p->model);
    pool_free(p->pool);
}

static int read_lines(struct plain *p, const struct image *image, const struct text_boxes *boxes,
                      se_error *err)
{
    struct recognize_params params = recognize_defaults;
    struct arena arena;
    arena_init(&arena, MOST_BYTES);
    const size_t count = (size_t)boxes->count;
    struct quad *quads = arena_alloc(&arena, count + 1, sizeof(*quads));
    struct text_line *lines = arena_alloc(&arena, count + 1, sizeof(*lines));
    int done, status = SE_ERR_MEMORY;
    params.turn_below = 0;
    params.parallel_crops = true;
    params.pool = p->pool;
    for (size_t i = 0; quads && i < count; i++)
        quads[i] = boxes->items[i].quad;
    if (quads && lines)
        status = ocr_recognize(p->recognizer, p->reader, image, quads, boxes->count, &params, NULL,
                               &arena, lines, &done, err);
    arena_free(&arena);
    return status;
}

static int read_picture(struct plain *p, const struct file_map *map, se_error *err)
{
    struct detect_params params = detect_defaults;
    struct image image;
    struct text_boxes boxes;
    params.pool = p->pool;
    params.max_side = p->side;
    if (params.enlarge_to > p->side)
        params.enlarge_to = p->side;
    FORWARD_IF_ERROR(img_decode(map->data, map->size, &limits, WANT_SIDE, NULL, &image, err));
    int status = ocr_detect(p->detector, &image, &params, NULL, &boxes, err);
    if (status == SE_OK) {
        status = read_lines(p, &image, &boxes, err);
        text_boxes_free(&boxes);
    }
    image_free(&image);
    return status;
}

/* The fastest of the runs, milliseconds. */
static int time_picture(struct plain *p, const char *path, double *least, se_error *err)
{
    struct file_map map;
    FORWARD_IF_ERROR(file_map_open(&map, path, err));
    int status = SE_OK;
    for (int i = 0; i < RUNS && status == SE_OK; i++) {
        const int64_t start = clock_now_ns();
        status = read_picture(p, &map, err);
        const double ms = (double)(clock_now_ns() - start) / 1e6;
        *least = i == 0 || ms < *least ? ms : *least;
    }
    file_map_close(&map);
    return status;
}

/* How many pictures failed. */
static int time_all(struct plain *p)
{
    static double times[MOST_PICTURES];
    char *line = NULL;
    size_t size = 0, count = 0;
    int failed = 0;
    double sum = 0;
    while (count < MOST_PICTURES && getline(&line, &size, stdin) > 0) {
        se_error err;
        line[strcspn(line, "\n")] = '\0';
        if (time_picture(p, line, &times[count], &err) != SE_OK) {
            fprintf(stderr, "plain: %s: %s\n", line, err.message);
            failed++;
            continue;
        }
        sum += times[count++];
    }
    free(line);
    const double median = count > 0 ? median_of(times, count) : 0;
    printf("{\"pictures\": %zu, \"failed\": %d, \"threads\": %d, \"ms_median\": %.3f, "
           "\"ms_mean\": %.3f}\n",
           count, failed, pool_size(p->pool), median, count > 0 ? sum / (double)count : 0);
    return failed;
}

int main(int argc, char **argv)
{
    struct plain plain = {0};
    se_error err;
    if (argc < 3 || argc > 5) {
        fputs("usage: plain DETECTOR RECOGNIZER [SIDE [THREADS]] < LIST\n", stderr);
        return 2;
    }
    int failed = 1;
    if (argc > 3 && (atoi(argv[3]) < 64 || atoi(argv[3]) > 4096)) {
        fputs("plain: SIDE is 64 to 4096\n", stderr);
        return 2;
    }
    if (argc > 4 && (atoi(argv[4]) < 0 || atoi(argv[4]) > 256)) {
        fputs("plain: THREADS is 0, as many as there are, to 256\n", stderr);
        return 2;
    }
    plain.side = argc > 3 ? atoi(argv[3]) : FIRST_SIDE;
    if (open_all(&plain, argv[1], argv[2], argc > 4 ? atoi(argv[4]) : 0, &err) == SE_OK)
        failed = time_all(&plain);
    else
        fprintf(stderr, "plain: %s\n", err.message);
    close_all(&plain);
    return failed > 0;
}
