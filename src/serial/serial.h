/*
 * Which text in a picture is the serial number? Lines of text (and barcodes) in, ranked readings
 * out.
 *
 * Depends on src/base alone: the caller turns what the OCR found into ser_line. All input is
 * hostile: any text, any numbers. Time and memory are bounded by the limits below: the work takes
 * at most SER_WORK_BYTES besides the arena, and well under a second.
 */
#ifndef SE_SERIAL_SERIAL_H
#define SE_SERIAL_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/lattice.h"
#include "base/status.h"
#include "serial/known_list.h"

enum {
    SER_MAX_LINES = 2000,  /* further lines are not looked at */
    SER_MAX_LINE = 1024,   /* characters of a line that are looked at */
    SER_MAX_CHARS = 65536, /* characters of all lines and barcodes that are looked at */
    SER_MAX_BARCODES = 64,
    SER_MAX_READINGS = 32,
    SER_MAX_ALTERNATIVES = 4,
    SER_MAX_SOLID = 4096, /* columns of what covers a line */
    SER_MAX_AGAIN = 4,    /* further readings of a line that are looked at */
    SER_WORK_BYTES = 64 << 20
};

/* One recognized character. */
struct ser_char {
    uint32_t c;   /* code point */
    float p;      /* probability */
    uint32_t alt; /* runner-up, 0: none */
    float alt_p;
    float from, to; /* where along the line, 0 … 1 */
    int step, end;  /* steps [step, end) of the line's lattice; both 0: unknown */
};

/* Where a line of text, and what lies right before and behind it, is covered by something solid.
 * Column i is that of part -beyond + (i + 0.5) × (1 + 2 × beyond) / count of the line's length. */
struct ser_solid {
    const uint8_t *columns; /* [count] 1: solid, 0: paper or strokes */
    size_t count;           /* 0: unknown */
    float beyond;           /* parts of the line's length */
};

/* One line of text in the picture. */
struct ser_line {
    const struct ser_char *chars;
    size_t count;
    float score;      /* mean probability */
    float quad[4][2]; /* clockwise from the text's top left, pixels of the upright picture */
    const struct lattice *lattice; /* what `chars` was read from; NULL where there is none */
    /* The same line read again, cut out of the picture a little differently: witnesses for its
     * characters, no lines of their own. */
    const struct ser_line *again;
    size_t again_count;
    struct ser_solid solid;
};

/* One decoded barcode. */
struct ser_barcode {
    const char *text; /* UTF-8 */
    size_t length;
    const char *symbology; /* "code128", "code39", "ean13", "qr", … */
    float quad[4][2];
};

enum ser_kind {
    SER_SERIAL,
    SER_ASSET,
    SER_MAC,
    SER_IMEI,
    SER_MEID,
    SER_ICCID,
    SER_VIN,
    SER_CONTAINER,
    SER_GTIN,
    SER_PART,
    SER_CODE
};

/* What a list of known serial numbers says about a reading. */
enum ser_known {
    SER_KNOWN_UNASKED, /* there is no list */
    SER_KNOWN_EXACT,   /* on the list as read */
    SER_KNOWN_NEAREST, /* corrected to what is on the list */
    SER_KNOWN_NEW      /* nothing on the list is likely to be it */
};

enum { SER_FROM_TEXT = 1, SER_FROM_BARCODE = 2 };

struct ser_alternative {
    const char *text;
    float score;
};

/* What a place says by itself, where a pattern or a list decided: probabilities that the lattice
 * gives to the reading's text, and to the likeliest text of all. */
struct ser_unconstrained {
    const char *text; /* the likeliest, letters and digits; NULL: not decided by a rule */
    float p;          /* of the reading's text */
    float text_p;     /* of `text` */
};

/* One identifier. All pointers into the arena given to ser_find. */
struct ser_reading {
    const char *text;    /* canonical */
    const char *printed; /* as seen */
    enum ser_kind kind;
    const char *format;           /* row of the format table, "generic" when none */
    float score;                  /* probability that `text` is exactly right, 0 … 1 */
    float quad[4][2];             /* of the identifier alone, not of the whole line */
    unsigned sources;             /* SER_FROM_… */
    const struct ser_char *chars; /* of `text` */
    const char *const *rules;     /* [char_count]: what corrected a character; NULL: as read */
    size_t char_count;
    const struct ser_alternative *alternatives;
    size_t alternative_count;
    const size_t *lines; /* of the input, that it was read from; none for a barcode's */
    size_t line_count;
    const char *why;        /* for people: the evidence, "anchor S/N beside; apple-12" */
    const double *evidence; /* [EVIDENCE_TERMS], see evidence.h */
    const char *anchor;     /* the word that announces it, static; NULL: none does */
    bool second; /* the number of a part, or one that mostly stands beside the device's own */
    bool announced_second; /* a word says so: "Battery S/N", "Device ID" */
    bool matches_pattern;
    struct ser_unconstrained alone;
    enum ser_known known;
    float rank; /* place in the order of answers: the higher, the earlier */
    /* What it was read from, in columns of symbols (decode.h); NULL unless asked for. */
    const struct lattice *strip;
    /* Of several pictures of one device, see same_device.h; all 0 in a reading of one picture. */
    size_t picture; /* the one that `quad` and `printed` are of */
    const struct ser_sighting *seen;
    size_t seen_count;
    double disagreement; /* log-odds taken off because pictures show something else; 0 or less */
};

struct format;

struct ser_input {
    const struct ser_line *lines;
    size_t line_count;
    const struct ser_barcode *barcodes;
    size_t barcode_count;
    int width, height;            /* of the upright picture */
    const struct format *formats; /* the user's own, see format_file.h; NULL: none */
    size_t format_count;
    const char
        *without; /* name of a row of the table that is left out, to see what it adds; NULL */
    const struct automaton *pattern; /* what the serial number looks like, or NULL */
    const struct known_list *known;  /* serial numbers that there are, or NULL */
    bool strips;                     /* readings keep what they were read from */
    bool draft;                      /* readings need no alternatives: another call will follow */
};

struct ser_output {
    struct ser_reading *readings; /* the likeliest answer first */
    size_t count;
    bool unanswered; /* "S/N" stands there, but nothing that could be its value was read */
    float unanswered_quad[4][2]; /* … of that word */
};

/* Finds and ranks identifiers; `arena` holds the answer alone. SE_ERR_MEMORY when it is spent. */
int ser_find(const struct ser_input *input, struct arena *arena, struct ser_output *out,
             se_error *err);

/* What may be relied on, as in the contract. */
enum ser_status { SER_SURE, SER_CHECK, SER_UNREADABLE };

/* Sure when the probability of error is below `max_error` (at 0 nothing is); unreadable when the
 * characters alone are wrong in four of five such cases. */
enum ser_status ser_status_of(const struct ser_reading *reading, double max_error);
const char *ser_status_name(enum ser_status status);

/* "exact", "nearest", "new" as in the contract; NULL for SER_KNOWN_UNASKED. */
const char *ser_known_name(enum ser_known known);

/* "serial", "asset", … as in the contract. */
const char *ser_kind_name(enum ser_kind kind);

#endif
