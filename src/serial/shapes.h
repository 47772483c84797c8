/*
 * Does a piece of text look like a serial number, whatever stands next to it?
 *
 * General knowledge about labels: serial numbers are 5 to 20 symbols with a long run of digits;
 * quantities, dates, standards, telephone numbers, addresses and part designators are not.
 */
#ifndef SE_SERIAL_SHAPES_H
#define SE_SERIAL_SHAPES_H

#include <stdbool.h>
#include <stddef.h>

struct shape {
    float bare;      /* log-odds that it is a serial number when nothing announces it */
    float announced; /* log-odds that it is the value of a field that asks for one */
    bool no_code;    /* a quantity, date, address, word: no identifier at all */
};

/* `raw`: '\0'-terminated ASCII as printed, letters in their case, separators - / . _ + : inside. */
struct shape shape_of(const char *raw);

/* Is this (any case) a unit of measurement that follows a number? */
bool shape_is_unit(const char *word, size_t length);

/* Is this (any case) the name of a body whose standards have numbers: "IS 13252"? */
bool shape_is_publisher(const char *word, size_t length);

/* Can these capitals be spoken? Vowels as often as in words, and no long run without one: true of
 * nearly all words in Latin script, seldom of random letters. False where anything else is in it.
 */
bool shape_is_speech(const char *key);

#endif
