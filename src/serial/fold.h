/*
 * Characters as the rules see them: folded to lower-case base letters for words, to one of 36
 * symbols for codes, and sorted into classes.
 */
#ifndef SE_SERIAL_FOLD_H
#define SE_SERIAL_FOLD_H

#include <stdbool.h>
#include <stdint.h>

enum fold_class {
    FOLD_SPACE,
    FOLD_DIGIT,
    FOLD_UPPER,
    FOLD_LOWER,
    FOLD_LETTER, /* a letter of another script, or with a mark: part of words, not of codes */
    FOLD_MARK    /* everything else: punctuation, symbols */
};

enum { FOLD_SYMBOLS = 36, FOLD_NO_SYMBOL = 255 };

/* Lower-case base form: É → e, Ж → ж, Ａ → a, ° and º → o; other code points unchanged. */
uint32_t fold_letter(uint32_t c);

/* Class of a code point. Latin, Greek and Cyrillic capitals that look like A … Z are FOLD_UPPER. */
enum fold_class fold_class(uint32_t c);

/* Part of a word or code: not a space and not a mark. */
bool fold_is_word(uint32_t c);

/* A small letter that does not look like its capital, as c, o and s do. */
bool fold_is_small(uint32_t c);

/* A script written without spaces between words (Chinese, Japanese, Korean, Thai). */
bool fold_is_unspaced(uint32_t c);

/* Symbol 0 … 35 (0-9, A-Z) of a code's character, FOLD_NO_SYMBOL for anything else. Full-width
 * forms and Cyrillic or Greek capitals of the same shape count as the Latin letter. */
uint8_t fold_symbol(uint32_t c);

/* '0' … 'Z' of symbol 0 … 35. */
char fold_symbol_char(uint8_t symbol);

/* A symbol that cameras take for another. */
struct fold_confusion {
    uint8_t symbol;
    float p; /* rough share of such mistakes, used where the recognizer names no runner-up */
};

enum { FOLD_CONFUSIONS = 8 };

/* What may be printed where `symbol` was read; returns how many of out[] were filled. */
int fold_confusions(uint8_t symbol, struct fold_confusion out[FOLD_CONFUSIONS]);

/* Look-alikes inside words: two folded letters that share a bit are easily confused (5/s, 1/l,
 * 0/o). */
uint16_t fold_groups(uint32_t c);

#endif
