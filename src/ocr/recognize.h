/*
 * Reads the characters of text lines with the recognizer network (CTC).
 */
#ifndef SE_OCR_RECOGNIZE_H
#define SE_OCR_RECOGNIZE_H

#include "base/arena.h"
#include "base/budget.h"
#include "image/image.h"
#include "nn/nn.h"
#include "ocr/lattice.h"

struct recognizer_options {
    const char *model;      /* path of the ONNX file */
    const char *dictionary; /* path of a file with one character a line; NULL: the metadata key
                               "character" of the model */
    enum nn_backend_kind backend;
    enum nn_cpu_tier cpu;
};

/* Model, dictionary and alphabet; immutable, shared by threads. */
struct recognizer;

/* SE_ERR_MODEL when model and dictionary do not fit each other (classes = characters + blank, and
 * one more for the space when the dictionary lacks it). */
int recognizer_open(struct recognizer **out, const struct recognizer_options *options,
                    se_error *err);
void recognizer_close(struct recognizer *recognizer);
const struct nn_model *recognizer_model(const struct recognizer *recognizer);
const struct alphabet *recognizer_alphabet(const struct recognizer *recognizer);

/* One read character. */
struct text_char {
    uint32_t c;   /* code point of the best class of the full head */
    float p;      /* its probability */
    uint32_t alt; /* best other character of the alphabet at its place, 0: none */
    float alt_p;
    float from, to; /* where along the line, 0 … 1 */
};

struct text_line {
    struct quad quad; /* clockwise from the text's own top left, after any turn that was needed */
    struct text_char *chars;
    size_t count;
    float score; /* mean of the characters' probabilities, 0 for an empty line */
    struct lattice lattice;
};

struct recognize_params {
    int batch_size;   /* lines of like width recognized together, 1 … 64 */
    float turn_below; /* a line that scores less is read the other way up too */
};

extern const struct recognize_params recognize_defaults;

/*
 * Reads `count` lines at `quads` of `image` (grey or RGB). lines[i] belongs to quads[i]; a line of
 * which nothing was read has count 0. Everything that lines point to lives in `arena`. The result
 * of a line does not depend on the other lines, nor on batch_size.
 * Stops early without an error when the budget is over: *done tells how many leading lines of the
 * order in which they were taken (by width) were read; unread ones have steps == 0.
 */
int ocr_recognize(const struct recognizer *recognizer, struct nn_exec *exec,
                  const struct image *image, const struct quad *quads, int count,
                  const struct recognize_params *params, const struct budget *budget,
                  struct arena *arena, struct text_line *lines, int *done, se_error *err);

#endif
