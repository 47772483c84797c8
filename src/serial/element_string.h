/*
 * GS1 element strings: what barcodes with application identifiers hold, cut into their elements.
 *
 *   01 00012345600012  17 251231  10 LOT7 <GS>  21 SN4711        (01)…, (17)…, (10)…, (21)…
 *
 * Identifiers and lengths: GS1 General Specifications, figures 3.2-1 and 7.8.5-2.
 */
#ifndef SE_SERIAL_ELEMENT_STRING_H
#define SE_SERIAL_ELEMENT_STRING_H

#include <stddef.h>

enum { ELEMENTS_MAX_COUNT = 12 };

/* One element; points into the text. */
struct element_part {
    const char *ai, *value;
    size_t ai_length, length;
};

/* Cuts `text` into elements and returns how many there are; 0 for anything else. Only strings that
 * begin with a whole GTIN (01) and its check digit, or with a serial shipping container code (00),
 * and hold something behind it are taken for element strings: other numbers begin with these
 * digits, too. Text with parentheses round its identifiers is none: it is read as print is. */
size_t element_string_split(const char *text, size_t length,
                            struct element_part parts[ELEMENTS_MAX_COUNT]);

#endif
