/*
 * The table of identifier formats (format_table.c) and what can be done with a row: does a code fit
 * it, does its check digit agree, and which nearby code would fit.
 *
 * To add a format: one row in format_table.c with two or more passing and failing examples; the
 * tests run every example of every row. Users add theirs in a file, see format_file.h.
 *
 * Patterns describe the symbols of the code, capitals, without separators:
 *   A … Z, 0 … 9   itself
 *   a letter   d digit   x letter or digit   h hexadecimal digit
 *   n letter or digit but not I, O           v the alphabet of VINs: not I, O, Q
 *   [ABC0-9]   one of a set
 *   {n} {m,n}  repeats the element before it
 */
#ifndef SE_SERIAL_FORMATS_H
#define SE_SERIAL_FORMATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "serial/work.h"

enum format_flags {
    FORMAT_VETO = 1,      /* a failing check means: not of this format */
    FORMAT_ANNOUNCED = 2, /* only next to an anchor of its kind (serial ones: a serial anchor) */
    FORMAT_STRIP = 4,     /* separators are not part of the code */
    FORMAT_CHAIN = 8,     /* may be spread over lines and boxes: its check digit proves it */
    FORMAT_COMPLETE = 16, /* the check digit may be missing and is then computed */
    FORMAT_SECRET = 32,   /* a product key: never returned */
    FORMAT_MIXED = 64,    /* needs at least one letter and one digit */
    FORMAT_SERVICE_TAG = 128, /* only next to the words "service tag", or with a maker's word */
    FORMAT_GROUPS = 256,      /* printed in groups: counts over spaces too */
    FORMAT_MAKER = 512,       /* only where a word of its maker stands in the picture */
    FORMAT_SECOND = 1024      /* of a device that mostly has a serial number besides */
};

enum { FORMAT_EXAMPLES = 4 };

struct format {
    const char *name;
    enum ser_kind kind;
    const char *source; /* where the layout is described */
    const char *pattern;
    /* What a code begins with, one of these words ("FOC FTX"), and words of the maker, lower case,
     * that make the format likelier where one stands in the picture; NULL: none. */
    const char *starts, *makers;
    /* Does the code agree with itself? NULL: nothing to check. */
    bool (*check)(const char *key, size_t length);
    /* Share of genuine codes that pass the check. */
    float conform;
    /* Log-odds when nothing announces the code, and when an anchor of its kind does. */
    float bare, announced;
    unsigned flags;
    const char *pass[FORMAT_EXAMPLES], *fail[FORMAT_EXAMPLES];
};

extern const struct format format_rows[];
extern const size_t format_row_count;

/* Allowed symbols of each position (bit s: symbol s of fold_symbol) for a code of `length`; false
 * where the format has no codes of that length. */
bool format_masks(const struct format *format, size_t length, uint64_t masks[WORK_MAX_CODE]);

/* Is there a start among the row's that the code begins with? True for a row without. */
bool format_starts_well(const struct format *format, const char *key);
/* Does the code fit the pattern; and does it pass the check where there is one? */
bool format_fits(const struct format *format, const char *key, size_t length);
bool format_passes(const struct format *format, const char *key, size_t length);
/* Lengths of the format's codes: bit n is set for n symbols. */
uint64_t format_lengths(const struct format *format);
/* Sets the formats of a call: the table's rows and `extra`. Finds the words of makers in the texts.
 * SE_ERR_MEMORY. */
int format_prepare(struct work *work, const struct format *extra, size_t extra_count,
                   se_error *err);
/* Does the format's check test a digit that was computed from the others? Other checks only say
 * that the layout makes sense: a week up to 53, a known maker. */
bool format_has_check_digit(const struct format *format);
/* Is it a code of a FORMAT_CHAIN row, with the right check digit? */
bool format_is_proven(const struct work *work, const char *key, size_t length);

/* A candidate read in the light of a format. */
struct repair {
    char key[WORK_MAX_CODE + 1];
    size_t length;
    bool checked;                   /* the check digit agrees */
    bool completed;                 /* the last symbol was computed, not read */
    uint8_t changed[WORK_MAX_CODE]; /* 1: this symbol is not the one read */
    size_t changes;
    float cost; /* log of how much less likely than what was read */
    float sure; /* share of the evidence against other ways to fit, 0 … 1 */
};

/* Finds the most likely code that fits the format, given the candidate's characters, runner-ups and
 * common confusions. False when there is none near. `effort` bounds the search over many calls. */
bool format_repair(const struct format *format, const struct work_cand *cand, size_t *effort,
                   struct repair *out);

/* What is wrong with a pattern, and at which character; NULL: nothing. The table's own are right.
 */
const char *format_pattern_error(const char *pattern, size_t *at);

/* Checks and flags by the names that a user's file and the printed table have for them. */
struct format_check {
    const char *name;
    bool (*check)(const char *key, size_t length);
};
struct format_flag {
    const char *name;
    unsigned flag;
};
extern const struct format_check format_checks[];
extern const size_t format_check_count;
extern const struct format_flag format_flag_names[];
extern const size_t format_flag_count;

/* Checks of rows, in check_digits.c. */
bool check_vin(const char *key, size_t length);
bool check_iso6346(const char *key, size_t length);
bool check_luhn(const char *key, size_t length);
bool check_gtin(const char *key, size_t length);
bool check_unicast(const char *key, size_t length);
bool check_hex_vendor(const char *key, size_t length);
bool check_cisco(const char *key, size_t length);
bool check_hp(const char *key, size_t length);
bool check_fortinet(const char *key, size_t length);
bool check_vaisala(const char *key, size_t length);

#endif
