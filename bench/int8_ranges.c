/*
 * Between which numbers the channels lie that the detector's linear layers meet, seen while it
 * looks at pictures in float32: the input of tools/calibrate/int8.py.
 *
 *   int8_ranges MODEL SIDE… < LIST      LIST: paths of pictures, one a line
 *
 * Every picture is looked at with each SIDE as the longer side at most. Prints a line for every
 * operand: node, "x" or "hidden", the signal beside the error of rounding in decibels, and for
 * every channel LOW:HIGH, the range that rounds to 8 bits with the least mean square error.
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

enum {
    BINS = 1 << 11,      /* half of them below zero */
    MAX_OPERANDS = 1024, /* far more than such a network has */
    STEPS = 40,          /* ranges that are tried on either side */
    LEVELS = 255,
};

/* Histogram of a channel, whose bins double in width when a number lies outside. */
struct channel {
    float width; /* of a bin */
    float low, high;
    uint32_t count[BINS];
};

struct operand {
    const char *node;
    enum nn_observed what;
    size_t channel_count;
    struct channel *channels;
};

static struct operand operands[MAX_OPERANDS];
static size_t operand_count;

static void *allocate(size_t count, size_t size)
{
    void *p = calloc(count, size);
    if (!p) {
        fprintf(stderr, "int8_ranges: no memory\n");
        exit(1);
    }
    return p;
}

static struct operand *operand_of(const char *node, enum nn_observed what, size_t channels)
{
    for (size_t i = 0; i < operand_count; i++)
        if (operands[i].what == what && strcmp(operands[i].node, node) == 0)
            return &operands[i];
    if (operand_count == MAX_OPERANDS) {
        fprintf(stderr, "int8_ranges: more than %d operands\n", MAX_OPERANDS);
        exit(1);
    }
    struct operand *o = &operands[operand_count++];
    *o = (struct operand){node, what, channels, allocate(channels, sizeof(struct channel))};
    for (size_t i = 0; i < channels; i++)
        o->channels[i].width = 0x1p-8F;
    return o;
}

static void widen(struct channel *c)
{
    uint32_t wide[BINS] = {0};
    for (int i = 0; i < BINS; i++)
        wide[(i + BINS / 2) / 2] += c->count[i];
    memcpy(c->count, wide, sizeof(wide));
    c->width *= 2;
}

static void see(void *context, const struct nn_node *node, enum nn_observed what, const float *x,
                size_t rows, size_t c, ptrdiff_t pitch)
{
    (void)context;
    struct operand *o = operand_of(node->name, what, c);
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + (ptrdiff_t)r * pitch;
        for (size_t i = 0; i < c; i++) {
            struct channel *channel = &o->channels[i];
            channel->low = fminf(channel->low, row[i]);
            channel->high = fmaxf(channel->high, row[i]);
            while (fabsf(row[i]) >= channel->width * (BINS / 2 - 1))
                widen(channel);
            channel->count[(int)floorf(row[i] / channel->width) + BINS / 2]++;
        }
    }
}

/* Sum of the squares of errors: numbers inside [low, high] are rounded, others moved to a border.
 */
static double error_of(const struct channel *c, double low, double high)
{
    const double step = (high - low) / LEVELS, inside = step * step / 12;
    double sum = 0;
    for (int i = 0; i < BINS; i++) {
        const double v = (i - BINS / 2 + 0.5) * (double)c->width;
        const double beyond = v < low ? low - v : v > high ? v - high : 0;
        sum += c->count[i] * (beyond > 0 ? beyond * beyond : inside);
    }
    return sum;
}

/* The best range; returns its error. */
static double choose(const struct channel *c, double *best_low, double *best_high)
{
    *best_low = (double)c->low;
    *best_high = (double)c->high;
    double best = error_of(c, *best_low, *best_high);
    for (int a = STEPS / 4; a <= STEPS; a++) {
        for (int b = STEPS / 4; b <= STEPS; b++) {
            const double low = (double)c->low * a / STEPS, high = (double)c->high * b / STEPS;
            const double error = error_of(c, low, high);
            if (error < best) {
                best = error;
                *best_low = low;
                *best_high = high;
            }
        }
    }
    return best;
}

static void print_operand(const struct operand *o)
{
    double *ranges = allocate(o->channel_count * 2, sizeof(double)), error = 0, power = 0;
    for (size_t i = 0; i < o->channel_count; i++) {
        const struct channel *c = &o->channels[i];
        error += choose(c, &ranges[2 * i], &ranges[2 * i + 1]);
        for (int k = 0; k < BINS; k++) {
            const double v = (k - BINS / 2 + 0.5) * (double)c->width;
            power += c->count[k] * v * v;
        }
    }
    printf("%s %s %.1f", o->node, o->what == NN_OBSERVED_X ? "x" : "hidden",
           10 * log10(power / error));
    for (size_t i = 0; i < o->channel_count; i++)
        printf(" %.6g:%.6g", ranges[2 * i], ranges[2 * i + 1]);
    putchar('\n');
    free(ranges);
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
        free(operands[i].channels);
    return status == SE_OK ? 0 : 1;
}
