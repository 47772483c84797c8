/*
 * The same lines in two ways: how many crops the GPU reads as the CPU does.
 *
 *   same_crops DETECTOR RECOGNIZER [--device N] < LIST      LIST: paths of pictures, one a line
 *
 * The CPU finds the lines of each picture; then both read the very same quads of the same pixels,
 * each cutting them out and decoding them as in a first look. Prints a JSON object: lines, those of
 * the same text, and the others. Exit status 1 when a picture fails, 77 without a GPU.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "image/decode.h"
#include "ocr/detect.h"
#include "ocr/recognize.h"

enum { WANT_SIDE = 2000, MOST_BYTES = 512 << 20, SKIP = 77, TEXT = 2048 };
static const struct img_limits limits = {.max_pixels = 64000000, .max_side = 16384};

struct reader {
    struct recognizer *recognizer;
    struct nn_exec *exec;
};

struct comparison {
    struct nn_model *detector;
    struct nn_exec *exec; /* of the detector */
    struct reader cpu, gpu;
    int pictures, lines, same, printed;
};

static int open_reader(struct reader *reader, const char *model, enum nn_backend_kind backend,
                       int device, se_error *err)
{
    const struct recognizer_options options = {.model = model,
                                               .network = {.backend = backend, .device = device}};
    FORWARD_IF_ERROR(recognizer_open(&reader->recognizer, &options, err));
    return nn_exec_create(&reader->exec, recognizer_model(reader->recognizer), NULL, 0, err);
}

static void close_reader(struct reader *reader)
{
    nn_exec_free(reader->exec);
    recognizer_close(reader->recognizer);
}

/* ASCII as it is, all else as \uXXXX: valid in JSON. */
static void text_of(const struct text_line *line, char out[TEXT])
{
    size_t used = 0;
    for (size_t i = 0; i < line->count && used + 13 < TEXT; i++) {
        const unsigned c = line->chars[i].c;
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
            out[used++] = (char)c;
        else if (c < 0x10000)
            used += (size_t)sprintf(out + used, "\\u%04x", c);
        else
            used += (size_t)sprintf(out + used, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
                                    0xdc00 + ((c - 0x10000) & 0x3ff));
    }
    out[used] = '\0';
}

static int read_lines(const struct reader *reader, const struct image *image,
                      const struct text_boxes *boxes, struct arena *arena, struct text_line **lines,
                      se_error *err)
{
    const size_t count = (size_t)boxes->count;
    struct quad *quads = arena_alloc(arena, count, sizeof(*quads));
    *lines = arena_alloc(arena, count, sizeof(**lines));
    if (!quads || !*lines)
        return se_fail_memory(err, "the lines of a picture", arena->max);
    for (size_t i = 0; i < count; i++)
        quads[i] = boxes->items[i].quad;
    int done;
    return ocr_recognize(reader->recognizer, reader->exec, image, quads, boxes->count,
                         &recognize_defaults, NULL, arena, *lines, &done, err);
}

static void compare(struct comparison *c, const char *path, const struct text_line *cpu,
                    const struct text_line *gpu, int count)
{
    char a[TEXT], b[TEXT];
    for (int i = 0; i < count; i++) {
        text_of(&cpu[i], a);
        text_of(&gpu[i], b);
        const bool same = strcmp(a, b) == 0;
        const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
        if (!same && !strpbrk(name, "\"\\"))
            printf("%s  {\"file\": \"%s\", \"line\": %d, \"cpu\": \"%s\", \"gpu\": \"%s\"}",
                   c->printed++ > 0 ? ",\n" : "\n", name, i, a, b);
        c->lines++;
        c->same += same;
    }
}

static int compare_picture(struct comparison *c, const char *path, se_error *err)
{
    struct file_map map;
    struct image image;
    struct text_boxes boxes;
    struct arena arena;
    struct text_line *cpu, *gpu;
    FORWARD_IF_ERROR(file_map_open(&map, path, err));
    int status = img_decode(map.data, map.size, &limits, WANT_SIDE, NULL, &image, err);
    file_map_close(&map);
    FORWARD_IF_ERROR(status);
    status = ocr_detect(c->exec, &image, &detect_defaults, NULL, &boxes, err);
    if (status == SE_OK) {
        arena_init(&arena, MOST_BYTES);
        status = read_lines(&c->cpu, &image, &boxes, &arena, &cpu, err);
        if (status == SE_OK)
            status = read_lines(&c->gpu, &image, &boxes, &arena, &gpu, err);
        if (status == SE_OK)
            compare(c, path, cpu, gpu, boxes.count);
        arena_free(&arena);
        text_boxes_free(&boxes);
    }
    image_free(&image);
    c->pictures += status == SE_OK;
    return status;
}

static int open_all(struct comparison *c, const char *detector, const char *recognizer,
                    se_error *err)
{
    const struct nn_model_options options = {.backend = NN_BACKEND_CPU};
    FORWARD_IF_ERROR(nn_model_load(&c->detector, detector, &options, err));
    FORWARD_IF_ERROR(nn_exec_create(&c->exec, c->detector, NULL, 0, err));
    return open_reader(&c->cpu, recognizer, NN_BACKEND_CPU, 0, err);
}

/* How many pictures failed. */
static int compare_all(struct comparison *c)
{
    char *line = NULL;
    size_t size = 0;
    int failed = 0;
    printf("{\"different\": [");
    while (getline(&line, &size, stdin) > 0) {
        se_error err;
        line[strcspn(line, "\n")] = '\0';
        if (compare_picture(c, line, &err) != SE_OK) {
            fprintf(stderr, "same_crops: %s: %s\n", line, err.message);
            failed++;
        }
    }
    printf(
        "], \"pictures\": %d, \"lines\": %d, \"same\": %d, \"failed\": %d, \"gpu_runs\": %llu}\n",
        c->pictures, c->lines, c->same, failed, (unsigned long long)nn_exec_runs(c->gpu.exec).gpu);
    free(line);
    return failed;
}

int main(int argc, char **argv)
{
    struct comparison c = {0};
    se_error err;
    if (argc != 3 && !(argc == 5 && strcmp(argv[3], "--device") == 0)) {
        fprintf(stderr, "usage: same_crops DETECTOR RECOGNIZER [--device N] < LIST\n");
        return 2;
    }
    const int device = argc == 5 ? (int)strtol(argv[4], NULL, 10) : 0;
    int status = open_all(&c, argv[1], argv[2], &err) == SE_OK ? 0 : 1;
    if (status == 0 && open_reader(&c.gpu, argv[2], NN_BACKEND_GPU, device, &err) != SE_OK)
        status = err.code == SE_ERR_DEVICE || err.code == SE_ERR_UNSUPPORTED ? SKIP : 1;
    if (status == 0)
        status = compare_all(&c) > 0;
    else
        fprintf(stderr, "%s: %s\n", status == SKIP ? "SKIP" : "same_crops", err.message);
    close_reader(&c.gpu);
    close_reader(&c.cpu);
    nn_exec_free(c.exec);
    nn_model_free(c.detector);
    return status;
}
