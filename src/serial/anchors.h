/*
 * Words that announce an identifier ("S/N", "Seriennummer", "製造番号"), or something that is none
 * ("FCC ID", "Date"), in many languages, tolerant to what cameras and OCR do to them.
 *
 * The table (anchor_table.c) holds words in lower case without marks, in a small pattern language:
 *   letter, digit  itself; look-alikes cost a little, others an edit (see anchor_limit)
 *   space          any gap or none: spaces, dots, colons, dashes, slashes
 *   /              a slash, or what a slash is mistaken for: \ | I l 1 !
 *   #              a number sign: # or №
 */
#ifndef SE_SERIAL_ANCHORS_H
#define SE_SERIAL_ANCHORS_H

#include "serial/work.h"

enum anchor_flags {
    ANCHOR_NUMBER = 1,       /* a word for "number" may follow ("serial" + "no.") */
    ANCHOR_NEEDS_NUMBER = 2, /* … must follow ("fabr" + "nr") */
    ANCHOR_COLON = 4,        /* counts only with a colon, dot, number word, or digit behind it */
    ANCHOR_GLUED = 8,        /* the value may follow without a gap ("SerialC02…", "S/NABC") */
    ANCHOR_ANYWHERE = 16,    /* may stand inside a run of letters ("A2141Serial") */
    ANCHOR_MAYBE = 32,       /* may belong to the value ("SN123456") */
    ANCHOR_UPPER = 64,       /* only as capitals, or with a colon behind it */
    ANCHOR_STRICT = 256,     /* with ANCHOR_COLON: a colon and nothing else will do */
    ANCHOR_SECOND = 512,     /* devices have it besides a serial number, which comes first */
    ANCHOR_CUT = 128         /* also with its beginning cut off, at the start of a line */
};

struct anchor_row {
    const char *pattern; /* UTF-8 */
    enum work_says says;
    float weight; /* log-odds that it gives to the code behind it */
    unsigned flags;
};

extern const struct anchor_row anchor_rows[];
extern const size_t anchor_row_count;
enum { ANCHOR_MAX_ROWS = 1024, ANCHOR_MAX_NUMBERS = 64 }; /* room for them */
/* Words for "number", the longest first. */
extern const char *const anchor_numbers[];
extern const size_t anchor_number_count;
/* Index of "no" among them. */
extern const size_t anchor_number_no;

/* Finds the anchors of every text into work->anchors. SE_ERR_MEMORY. */
int anchors_find(struct work *work, se_error *err);

#endif
