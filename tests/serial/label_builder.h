/*
 * Small synthetic labels for tests: lines of text at places, turned as a whole.
 */
#ifndef SE_TESTS_SERIAL_LABEL_BUILDER_H
#define SE_TESTS_SERIAL_LABEL_BUILDER_H

#include "serial/serial.h"

enum { LABEL_LINES = 64, LABEL_CHARS = 128, LABEL_BARCODES = 4 };

/* One label and what was found on it. */
struct label {
    struct arena arena;
    struct ser_line lines[LABEL_LINES];
    struct ser_char chars[LABEL_LINES][LABEL_CHARS];
    struct ser_barcode barcodes[LABEL_BARCODES];
    struct ser_input input;
    struct ser_output found;
    float turned; /* degrees clockwise */
};

/* An empty label whose lines will be turned by `degrees` round its centre. */
void label_init(struct label *label, float degrees);
void label_free(struct label *label);
/* A line whose top left is (x, y), 24 high, 14 wide a character, every probability 0.999. */
struct ser_line *label_line(struct label *label, float x, float y, const char *text);
/* Lines below each other at (100, 100 …); within a row '@' begins another cell, 60 further right.
 */
void label_rows(struct label *label, const char *const *rows, size_t count);
void label_barcode(struct label *label, float x, float y, const char *symbology, const char *text);
/* Sets the runner-up of character `at` of the last line. */
void label_runner_up(struct label *label, size_t at, float p, char alt, float alt_p);
/* Runs ser_find; returns its status. */
int label_find(struct label *label);
/* Text and kind of reading `at`, "-" where there is none. */
const char *label_text(const struct label *label, size_t at);
const char *label_kind(const struct label *label, size_t at);
/* Is `text` (letters and digits compared) among the readings or their alternatives? */
int label_has(const struct label *label, const char *text);

#endif
