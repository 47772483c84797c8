/*
 * Reads the characters of text lines with the recognizer network (CTC).
 */
#ifndef SE_OCR_RECOGNIZE_H
#define SE_OCR_RECOGNIZE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/budget.h"
#include "base/pool.h"
#include "image/treat.h"
#include "nn/nn.h"
#include "base/ctc.h"
#include "base/lattice.h"

struct recognizer_options {
    const char *model;      /* path of the ONNX file */
    const char *dictionary; /* path of a file with one character a line; NULL: the metadata key
                               "character" of the model */
    struct nn_model_options network; /* all but the head's columns */
    bool codes; /* with the last layer for codes (code_head.h): of the network that it was learned
                   for alone */
};

/* Model, dictionary and alphabet; immutable, shared by threads. */
struct recognizer;

/* SE_ERR_MODEL when model and dictionary do not fit each other (classes = characters + blank, and
 * one more for the space when the dictionary lacks it). */
int recognizer_open(struct recognizer **out, const struct recognizer_options *options,
                    se_error *err);
/* NULL is allowed. */
void recognizer_close(struct recognizer *recognizer);
const struct nn_model *recognizer_model(const struct recognizer *recognizer);
const struct alphabet *recognizer_alphabet(const struct recognizer *recognizer);

struct text_line {
    struct quad quad; /* clockwise from the text's own top left, after any turn that was needed */
    struct text_char *chars; /* from, to: along quad */
    size_t count;
    float score;   /* mean of the characters' probabilities, 0 for an empty line */
    float worth;   /* mean of their logarithms, as the network said them */
    int votes;     /* readings it is the mean of, besides the first */
    bool unturned; /* reads badly, and was not read the other way up (turn_later) */
    struct lattice lattice;
};

/* Pixels, all lines of a batch together, where they are several: bounds the tensors. */
enum { RECOGNIZE_BATCH_WIDTH = 6400 };

struct recognize_params {
    int batch_size;   /* lines of like width recognized together, 1 … 64 */
    float turn_below; /* a line that scores less is read the other way up too */
    bool turn_later;  /* but none is where the others tell which way up the text is */
    bool unweighed;   /* letters are left as the network reads them (ocr/glyph.h) */
    bool as_they_lie; /* each line is read once: where its top and its ends are is known */
    /* [count] what lines read as they lie, of the same quads: each is turned at once. NULL: not
     * known */
    const struct text_line *known;
    const enum img_treatment *treatments; /* [count] of each line's crop; NULL: none */
    bool parallel_crops; /* cut the lines of a batch out side by side, where there is a pool */
    struct pool *pool;   /* may be NULL */
};

extern const struct recognize_params recognize_defaults;

/*
 * Reads `count` lines at `quads` of `image` (grey or RGB). lines[i] belongs to quads[i]; a line of
 * which nothing was read has count 0. Everything that lines point to lives in `arena`. The result
 * of a line does not depend on the other lines, but for turn_later, nor on batch_size.
 *
 * Stops early without an error when the budget is over: *done of the lines were read as they
 * should be; unread ones have lattice.steps == 0. A quad without area, or with coordinates that are
 * not finite, is an empty line and counts as done.
 *
 * Errors: SE_ERR_MEMORY, SE_ERR_CANCELLED, SE_ERR_MODEL for an output of another shape, and those
 * of nn_exec_prepare.
 */
int ocr_recognize(const struct recognizer *recognizer, struct nn_exec *exec,
                  const struct image *image, const struct quad *quads, int count,
                  const struct recognize_params *params, const struct budget *budget,
                  struct arena *arena, struct text_line *lines, int *done, se_error *err);

/*
 * Makes *line the mean of itself and of `other`, a reading of the same crop with other pixels: what
 * they agree on stays, the rest becomes as doubtful as it is. *taken says whether: not when either
 * is longer, nor when the crops are of different size. SE_ERR_MEMORY.
 */
int ocr_combine(const struct recognizer *recognizer, struct text_line *line,
                const struct text_line *other, struct arena *arena, bool *taken, se_error *err);

#endif
