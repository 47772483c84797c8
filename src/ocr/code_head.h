/*
 * The recognizer's last layer, learned anew for codes.
 *
 * The network was trained to read words and prose of many languages; in codes, whose neighbours say
 * nothing, it takes Q for 0, V for U, and is surer of that than it should be. What it knows of a
 * symbol's shape is all in the 120 numbers that its last layer meets, and nearly all of them can be
 * told from a lattice's row, which is a linear function of them. So another linear layer can stand
 * behind the lattice:
 *
 *   gain[s] = bias[s] + sum over columns of weight[column, s] × (logp[column] - mean of the row)
 *
 * with s one of the 36 digits and capitals, logp no less than CODE_HEAD_LEAST; the gains are added
 * to the symbols' log-odds. code_head_table.c is written by tools/calibrate/head.py, which says
 * what it was learned from (docs/decisions/0024-code-head.md: why, and what it is worth).
 */
#ifndef SE_OCR_CODE_HEAD_H
#define SE_OCR_CODE_HEAD_H

#include <stdbool.h>

#include "base/ctc.h"
#include "base/lattice.h"

enum { CODE_SYMBOLS = 36, CODE_LEAST = 4, CODE_HEAD_ROWS = 110, CODE_HEAD_UNIT = 10000 };

/* Log-probabilities below this say nothing more. */
#define CODE_HEAD_LEAST (-30.0F)

/* In units of 1 / CODE_HEAD_UNIT; symbols in the order 0 … 9, A … Z. */
struct code_head_table {
    const char *sha256; /* of the recognizer's ONNX file, lower case hexadecimal */
    uint32_t code_points[CODE_HEAD_ROWS]; /* of the columns; 0: the blank */
    int16_t weights[CODE_HEAD_ROWS][CODE_SYMBOLS];
    int32_t bias[CODE_SYMBOLS];
};
extern const struct code_head_table code_head_table;

/* The layer for one alphabet, of CODE_HEAD_ROWS columns. */
struct code_head {
    float weights[CODE_HEAD_ROWS][CODE_SYMBOLS]; /* by column of the alphabet */
    int8_t symbol[CODE_HEAD_ROWS];               /* 0 … 35 that a column counts as; -1: none */
};

/* Orders the table by the columns of `alphabet`. False where it has other code points: the layer
 * belongs to another network. */
bool code_head_open(struct code_head *head, const struct alphabet *alphabet);

/* The gains of the symbols at a row of a lattice of that alphabet. */
void code_head_gains(const struct code_head *head, const float *logp, float gains[CODE_SYMBOLS]);

/*
 * Symbols 0-9, A-Z of codes: runs of letters, digits and dashes with CODE_LEAST symbols at least,
 * one of them a digit, and no small letters but such as look like their capitals. Sets is_code[i]
 * of each character.
 */
void code_head_find(const struct text_char *chars, size_t count, bool is_code[]);

/* The step of a character of a lattice at which its own column has most; -1: it has none. */
int code_head_peak(const struct lattice *lattice, const struct text_char *c);

/* The lattice with the odds of the symbols of its codes moved by their gains; `chars`: its text
 * (ctc_greedy). *out is `lattice` itself where it holds no code. classes as lattice_weigh. Returns
 * 0, or -1 when the arena is spent. */
int code_head_apply(const struct code_head *head, const struct lattice *lattice,
                    const struct text_char *chars, size_t count, const int32_t *classes,
                    struct arena *arena, struct lattice *out);

#endif
