/*
 * A network that is made up: it reads characters drawn as blocks whose grey level is the letter,
 * light at the top and dark at the bottom. It stands in for nn/ where a test is linked with it.
 *
 *   ████    ████    255
 *   ▒▒▒▒    ░░░░    40 + 8 × letter, in the red channel alone
 *                   0
 */
#ifndef SE_TESTS_OCR_BLOCKS_NETWORK_H
#define SE_TESTS_OCR_BLOCKS_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ocr/recognize.h"

enum { LETTERS = 26, CLASSES = LETTERS + 2, HEIGHT = 48, BLOCK = 16 };

struct nn_model {
    size_t columns;
};

struct part {
    int64_t dims[4];
    float *input, *output;
};

struct nn_exec {
    struct part parts[NN_EXEC_SET];
    int part_count; /* 0: not prepared */
    int runs;
    bool takes_sets;
    int sets;            /* of several inputs, so far */
    int64_t most_lines;  /* more at once pass the limit; 0: none */
    int64_t most_width;  /* of all inputs of a set together; likewise */
    struct budget *ends; /* whose time is over … */
    int ends_after;      /* … after so many runs */
    bool wrong_shape;
    bool takes_pixels, no_room; /* as a GPU; then without memory for a picture */
    int pixel_runs;
};

/* What the model's file says of its characters and how many classes it has: of all models. */
extern const char *blocks_words;
extern int64_t blocks_classes;

/* Frees what was prepared. */
void blocks_exec_clear(struct nn_exec *exec);

#endif
