/*
 * Between which numbers the channels lie that the linear layers of both networks meet, seen while
 * they read pictures in float32: the input of tools/calibrate/int8.py.
 *
 *   int8_ranges [--head FILE] DETECTOR RECOGNIZER SIDE… < LIST      LIST: paths of pictures, one a
 *                                                                   line
 *
 * Every picture is looked at with each SIDE as the longer side at most, and the lines found are
 * read. Prints a line for every operand: "detector" or "recognizer", node, "x" or "hidden", and
 * LOW:HIGH:MEAN for every channel. FILE gets the rows that the recognizer's last layer meets, as
 * float32: the input of tools/calibrate/shortlist.py.
 */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "image/decode.h"
#include "nn/inspect.h"
#include "ocr/detect.h"
#include "ocr/recognize.h"

enum { MAX_OPERANDS = 1024 /* far more than two such networks have */, LINES_BYTES = 256 << 20 };

struct channel {
    float low, high;
    double sum;
};

struct operand {
    const char *network, *node;
    enum nn_observed what;
    size_t count;
    double rows; /* seen */
    struct channel *channels;
};

struct networks {
    struct nn_model *detector;
    struct recognizer *recognizer;
    struct nn_exec *find, *read;
};

static struct operand operands[MAX_OPERANDS];
static size_t operand_count;
static FILE *head; /* NULL: nobody wants its rows */

static struct operand *operand_of(const char *network, const char *node, enum nn_observed what,
                                  size_t count)
{
    for (size_t i = 0; i < operand_count; i++) {
        const struct operand *o = &operands[i];
        if (o->what == what && strcmp(o->network, network) == 0 && strcmp(o->node, node) == 0)
            return &operands[i];
    }
    struct channel *channels =
        operand_count < MAX_OPERANDS ? calloc(count, sizeof(*channels)) : NULL;
    if (!channels) {
        fprintf(stderr, "int8_ranges: no room for node %s\n", node);
        exit(1);
    }
    operands[operand_count] = (struct operand){network, node, what, count, 0, channels};
    return &operands[operand_count++];
}

/* context: name of the network */
static void see(void *context, const struct nn_node *node, enum nn_observed what, const float *x,
                size_t rows, size_t c, ptrdiff_t pitch)
{
    struct operand *o = operand_of(context, node->name, what, c);
    o->rows += (double)rows;
    for (size_t r = 0; head && node->op == NN_OP_SELECT && r < rows; r++)
        fwrite(x + (ptrdiff_t)r * pitch, sizeof(*x), c, head);
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + (ptrdiff_t)r * pitch;
        for (size_t i = 0; i < c; i++) {
            struct channel *channel = &o->channels[i];
            channel->low = fminf(channel->low, row[i]);
            channel->high = fmaxf(channel->high, row[i]);
            channel->sum += (double)row[i];
        }
    }
}

static void print_operand(const struct operand *o)
{
    printf("%s %s %s", o->network, o->node, o->what == NN_OBSERVED_X ? "x" : "hidden");
    for (size_t i = 0; i < o->count; i++) {
        const struct channel *channel = &o->channels[i];
        printf(" %.6g:%.6g:%.6g", (double)channel->low, (double)channel->high,
               channel->sum / o->rows);
    }
    putchar('\n');
}

/* Reads the lines at `boxes`, for the observer alone. */
static int read_lines(const struct networks *networks, const struct image *image,
                      const struct text_boxes *boxes, se_error *err)
{
    struct arena arena;
    int done, status = SE_OK;
    const size_t count = (size_t)boxes->count;
    arena_init(&arena, LINES_BYTES);
    struct quad *quads = arena_alloc(&arena, count, sizeof(*quads));
    struct text_line *lines = arena_alloc(&arena, count, sizeof(*lines));
    if (!quads || !lines)
        status = se_fail_memory(err, "the lines of a picture", arena.max);
    for (size_t i = 0; i < count && status == SE_OK; i++)
        quads[i] = boxes->items[i].quad;
    if (status == SE_OK)
        status = ocr_recognize(networks->recognizer, networks->read, image, quads, boxes->count,
                               &recognize_defaults, NULL, &arena, lines, &done, err);
    arena_free(&arena);
    return status;
}

static int look(const struct networks *networks, const char *path, int side, se_error *err)
{
    static const struct img_limits limits = {.max_pixels = 64000000, .max_side = 16384};
    struct detect_params params = detect_defaults;
    struct file_map map;
    struct image image;
    struct text_boxes boxes;
    params.max_side = side;
    FORWARD_IF_ERROR(file_map_open(&map, path, err));
    int status = img_decode(map.data, map.size, &limits, side, NULL, &image, err);
    file_map_close(&map);
    FORWARD_IF_ERROR(status);
    status = ocr_detect(networks->find, &image, &params, NULL, &boxes, err);
    if (status == SE_OK) {
        status = read_lines(networks, &image, &boxes, err);
        text_boxes_free(&boxes);
    }
    image_free(&image);
    return status;
}

static int look_at_all(const struct networks *networks, char **sides, int side_count, se_error *err)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    int status = SE_OK;
    while (status == SE_OK && (length = getline(&line, &size, stdin)) > 0) {
        line[strcspn(line, "\n")] = '\0';
        for (int i = 0; i < side_count && status == SE_OK; i++)
            status = look(networks, line, (int)strtol(sides[i], NULL, 10), err);
    }
    free(line);
    return status;
}

static int open_networks(struct networks *networks, char **paths, se_error *err)
{
    static char names[2][16] = {"detector", "recognizer"};
    static const struct nn_observer detector = {see, names[0]}, recognizer = {see, names[1]};
    const struct nn_model_options options = {.backend = NN_BACKEND_CPU};
    const struct recognizer_options reading = {.model = paths[1]};
    FORWARD_IF_ERROR(nn_model_load(&networks->detector, paths[0], &options, err));
    FORWARD_IF_ERROR(nn_exec_create(&networks->find, networks->detector, NULL, 0, err));
    FORWARD_IF_ERROR(recognizer_open(&networks->recognizer, &reading, err));
    FORWARD_IF_ERROR(
        nn_exec_create(&networks->read, recognizer_model(networks->recognizer), NULL, 0, err));
    nn_exec_observe(networks->find, &detector);
    nn_exec_observe(networks->read, &recognizer);
    return SE_OK;
}

int main(int argc, char **argv)
{
    const char *path = argc > 2 && strcmp(argv[1], "--head") == 0 ? argv[2] : NULL;
    argc -= path ? 2 : 0;
    argv += path ? 2 : 0;
    if (argc < 4) {
        fprintf(stderr, "usage: int8_ranges [--head FILE] DETECTOR RECOGNIZER SIDE... < LIST\n");
        return 2;
    }
    head = path ? fopen(path, "wb") : NULL;
    if (path && !head) {
        perror(path);
        return 1;
    }
    struct networks networks = {0};
    se_error err;
    int status = open_networks(&networks, argv + 1, &err);
    if (status == SE_OK)
        status = look_at_all(&networks, argv + 3, argc - 3, &err);
    for (size_t i = 0; status == SE_OK && i < operand_count; i++)
        print_operand(&operands[i]);
    if (status != SE_OK)
        fprintf(stderr, "int8_ranges: %s\n", err.message);
    const bool unwritten = head && (ferror(head) || fclose(head) != 0);
    if (unwritten)
        perror(path);
    nn_exec_free(networks.read);
    recognizer_close(networks.recognizer);
    nn_exec_free(networks.find);
    nn_model_free(networks.detector);
    for (size_t i = 0; i < operand_count; i++)
        free(operands[i].channels);
    return status == SE_OK && !unwritten ? 0 : 1;
}
