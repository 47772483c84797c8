/*
 * Between which numbers the channels lie that the detector's linear layers meet, seen while it
 * looks at pictures in float32: the input of tools/calibrate/int8.py.
 *
 *   int8_ranges MODEL SIDE… < LIST      LIST: paths of pictures, one a line
 *
 * Every picture is looked at with each SIDE as the longer side at most. Prints a line for every
 * operand: node, "x" or "hidden", and LOW:HIGH for every channel.
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

enum { MAX_OPERANDS = 1024 }; /* far more than such a network has */

struct operand {
    const char *node;
    enum nn_observed what;
    size_t channels;
    float *ranges; /* [channels][2] */
};

static struct operand operands[MAX_OPERANDS];
static size_t operand_count;

static struct operand *operand_of(const char *node, enum nn_observed what, size_t channels)
{
    for (size_t i = 0; i < operand_count; i++)
        if (operands[i].what == what && strcmp(operands[i].node, node) == 0)
            return &operands[i];
    float *ranges = operand_count < MAX_OPERANDS ? calloc(channels, 2 * sizeof(float)) : NULL;
    if (!ranges) {
        fprintf(stderr, "int8_ranges: no room for node %s\n", node);
        exit(1);
    }
    operands[operand_count] = (struct operand){node, what, channels, ranges};
    return &operands[operand_count++];
}

static void see(void *context, const struct nn_node *node, enum nn_observed what, const float *x,
                size_t rows, size_t c, ptrdiff_t pitch)
{
    (void)context;
    float *ranges = operand_of(node->name, what, c)->ranges;
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + (ptrdiff_t)r * pitch;
        for (size_t i = 0; i < c; i++) {
            ranges[2 * i] = fminf(ranges[2 * i], row[i]);
            ranges[2 * i + 1] = fmaxf(ranges[2 * i + 1], row[i]);
        }
    }
}

static void print_operand(const struct operand *o)
{
    printf("%s %s", o->node, o->what == NN_OBSERVED_X ? "x" : "hidden");
    for (size_t i = 0; i < o->channels; i++)
        printf(" %.6g:%.6g", (double)o->ranges[2 * i], (double)o->ranges[2 * i + 1]);
    putchar('\n');
}

static int look(struct nn_exec *exec, const char *path, int side, se_error *err)
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
    status = ocr_detect(exec, &image, &params, NULL, &boxes, err);
    image_free(&image);
    if (status == SE_OK)
        text_boxes_free(&boxes);
    return status;
}

static int look_at_all(struct nn_exec *exec, char **sides, int side_count, se_error *err)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    int status = SE_OK;
    while (status == SE_OK && (length = getline(&line, &size, stdin)) > 0) {
        line[strcspn(line, "\n")] = '\0';
        for (int i = 0; i < side_count && status == SE_OK; i++)
            status = look(exec, line, (int)strtol(sides[i], NULL, 10), err);
    }
    free(line);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: int8_ranges MODEL SIDE... < LIST\n");
        return 2;
    }
    const struct nn_model_options options = {.backend = NN_BACKEND_CPU};
    const struct nn_observer observer = {.see = see};
    struct nn_model *model = NULL;
    struct nn_exec *exec = NULL;
    se_error err;
    int status = nn_model_load(&model, argv[1], &options, &err);
    if (status == SE_OK)
        status = nn_exec_create(&exec, model, NULL, 0, &err);
    if (status == SE_OK) {
        nn_exec_observe(exec, &observer);
        status = look_at_all(exec, argv + 2, argc - 2, &err);
    }
    for (size_t i = 0; status == SE_OK && i < operand_count; i++)
        print_operand(&operands[i]);
    if (status != SE_OK)
        fprintf(stderr, "int8_ranges: %s\n", err.message);
    nn_exec_free(exec);
    nn_model_free(model);
    for (size_t i = 0; i < operand_count; i++)
        free(operands[i].ranges);
    return status == SE_OK ? 0 : 1;
}
