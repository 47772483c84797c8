/*
 * What the steps of ser_find hand to each other. Everything lives in the arena of one call.
 *
 *   ser_line, ser_barcode ─ text ─ anchors ─ atoms ─ candidates ─ links ─ scores ─ readings
 *                           work.c anchors.c tokens.c candidates.c links.c rank.c  output.c
 *                                                     chains.c
 *
 * Positions in a line are character indices; `end` is one past the last. All numbers from outside
 * (probabilities, quads, places along the line) are made finite and put in range in work.c, and
 * nothing behind it reads the input's own.
 */
#ifndef SE_SERIAL_WORK_H
#define SE_SERIAL_WORK_H

#include <stddef.h>

#include "serial/fold.h"
#include "serial/serial.h"

enum {
    WORK_MAX_ANCHORS = 512,
    WORK_MAX_ATOMS = 8192,
    WORK_MAX_CANDS = 4000,
    WORK_MAX_PIECES = 12,
    WORK_MIN_CODE = 4, /* symbols of an identifier */
    WORK_MAX_CODE = 34,
    WORK_MAX_CHARS = 48 /* symbols and separators */
};

/* A line's own axes, in pixels: origin + along × (ux, uy) + down × (-uy, ux). */
struct work_frame {
    bool valid; /* false: a quad without area; such a line has no neighbours */
    float ox, oy, ux, uy, w, h;
};

struct work_text {
    const struct ser_char *chars; /* probabilities in (0, 1], from <= to in 0 … 1 */
    size_t count;
    struct work_frame frame;
    const char *symbology;         /* of the barcode this text comes from; NULL for printed text */
    const struct lattice *lattice; /* NULL: none; steps of chars lie inside it, in order */
    const struct work_text *again; /* the same line read again: chars, frame, lattice alone */
    size_t again_count;
    struct ser_solid solid; /* of at most SER_MAX_SOLID columns, beyond 0 … 100 */
    size_t input_line;      /* of the input; without meaning for a barcode */
    size_t first_anchor, anchor_count;
    size_t first_atom, atom_count;
};

/* What an anchor word says about the code next to it. */
enum work_says {
    SAYS_SERIAL,
    SAYS_ASSET,
    SAYS_MAC,
    SAYS_IMEI,
    SAYS_MEID,
    SAYS_ICCID,
    SAYS_VIN,
    SAYS_GTIN,
    SAYS_PART,  /* model, part, article, type: one for all devices of a kind */
    SAYS_OTHER, /* approvals, dates, versions, telephone numbers: no identifier of the device */
    SAYS_SECRET /* product keys and passwords: never returned */
};

struct work_anchor {
    size_t line, begin, end;
    enum work_says says;
    float weight;      /* log-odds for a code right behind it */
    bool may_be_value; /* "SN123": the letters may belong to the code */
    bool weak;         /* "No.", which other words may stand before; "l No.": their rest does */
    bool rest;
    bool second;      /* "Battery S/N", "Device ID": any other serial number comes first */
    const char *name; /* the row of the anchor table, static */
    bool answered;    /* a value stands beside, behind or below it; from links.c */
};

/* How an atom hangs on the one before it in its line. */
enum work_gap {
    GAP_NONE,  /* first of its line or right behind an anchor */
    GAP_TIGHT, /* one of - / . _ + between them, no space */
    GAP_LOOSE, /* a - or / with a space */
    GAP_COLON, /* one colon, no space */
    GAP_SPACE, /* spaces only */
    GAP_BREAK  /* anything else, or an anchor */
};

/* A run of word characters outside anchors. */
struct work_atom {
    size_t line, begin, end;
    enum work_gap gap;
    bool code; /* 0-9 A-Z a-z only */
    int digits, letters, lower;
};

struct work_piece {
    size_t line, begin, end;
};

enum work_link { LINK_NONE, LINK_BEHIND, LINK_BESIDE, LINK_BELOW, LINK_ABOVE, LINK_ASIDE };

/* Something that may be an identifier: characters of one place, or of a chain of places. */
struct work_cand {
    struct work_piece pieces[WORK_MAX_PIECES];
    size_t piece_count;
    struct ser_char chars[WORK_MAX_CHARS]; /* ASCII capitals; separators inside are kept */
    size_t char_count;
    char raw[WORK_MAX_CHARS + 1]; /* the same in the case that was printed */
    char key[WORK_MAX_CODE + 1];  /* the symbols alone, capitals */
    uint8_t place[WORK_MAX_CODE]; /* index of each key symbol in chars */
    size_t key_length;
    bool chain;            /* pieces of several places, or of a token: needs a format or anchor */
    bool over_space;       /* joined over a space */
    float joint;           /* log-odds of cutting the text this way */
    float bare, announced; /* of the shape, see shapes.h */
    bool value_like;       /* could be what a label's field holds */
    const struct work_anchor *anchor; /* what announces it, NULL: nothing; from links.c */
    enum work_link link;
    float strength; /* 0 … 1, of the link */
};

struct format;

struct work {
    struct arena *arena;
    const struct ser_input *input;
    struct work_text *texts;
    size_t text_count;
    struct work_anchor *anchors; /* [WORK_MAX_ANCHORS], in order of lines and of begin */
    size_t anchor_count;
    struct work_atom *atoms; /* [WORK_MAX_ATOMS], in order of lines and of begin */
    size_t atom_count;
    struct work_cand **cands; /* [WORK_MAX_CANDS] */
    size_t cand_count;
    /* The built-in formats and the user's; of each: its lengths (format_lengths), and whether a
     * word of its maker stands in the picture. */
    const struct format *const *formats;
    size_t format_count;
    const uint64_t *format_lengths;
    const bool *format_maker;
    size_t decode_effort; /* left for decoding, see constrain.h */
    size_t designators;   /* atoms like R12 or C105: many of them mean a circuit board */
};

/* Cleans the input and sets up empty lists. SE_ERR_MEMORY. */
int work_prepare(struct work *work, const struct ser_input *input, struct arena *arena,
                 se_error *err);

/* Box of characters [begin, end) of a text in another frame's coordinates: centre and half sizes.
 */
struct work_box {
    float x, y;       /* centre */
    float half, high; /* half the length along its own line, half its height */
    bool aligned;     /* runs the same way, to about 25° */
};
struct work_box work_box_in(const struct work_frame *frame, const struct work_text *text,
                            size_t begin, size_t end);
/* Place of characters along their own line, in pixels from the line's left end. */
void work_extent(const struct work_text *text, size_t begin, size_t end, float *from, float *to);
/* Quad of characters [begin, end) of a text. */
void work_quad(const struct work_text *text, size_t begin, size_t end, float quad[4][2]);
/* Characters [*begin, *end) of `again` that stand where `piece` stands in its line `text`; where
 * the piece is bounded by something else than letters and digits, with all of those that follow
 * there: a text that was taken for whole may go on. *end is 0 where there are none. */
void work_characters_at(const struct work_text *again, const struct work_text *text,
                        const struct work_piece *piece, size_t *begin, size_t *end);

#endif
