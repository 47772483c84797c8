/*
 * What several looks found, brought together: one line for each place in the picture, the better
 * of those that were read there, and the readings that follow from all of them.
 */
#ifndef SE_READER_MERGE_H
#define SE_READER_MERGE_H

#include "ocr/recognize.h"
#include "serial/serial.h"

enum { MERGE_MAX_LINES = SER_MAX_LINES };

/* What covers the line at a quad, in upright pixels. */
struct merge_solid {
    struct quad quad;
    struct ser_solid solid;
};

struct merge {
    struct text_line *lines; /* [line_count], quads in upright pixels, in reading order */
    size_t line_count;
    const struct text_line *again; /* [again_count], lines read again: witnesses, see serial.h */
    size_t again_count;
    const struct merge_solid *solids; /* [solid_count] */
    size_t solid_count;
    struct ser_output found; /* readings of all lines and barcodes */
    const struct ser_barcode *barcodes;
    size_t barcode_count;
    const struct format *formats; /* the user's own; NULL: none */
    size_t format_count;
    const struct automaton *pattern; /* what the serial number looks like, or NULL */
    const struct known_list *known;  /* serial numbers that there are, or NULL */
    bool strips;                     /* readings keep what they were read from */
    bool draft;                      /* is `found` one? */
    float quarter;                   /* degrees that looks turn the picture by, which lies on its
                                        side: only a calibrated score convinces then; else 0 */
    int width, height;               /* of the upright picture */
    struct arena *work;              /* lines */
    struct arena *readings;          /* what `found` points to */
};

/* Begins with no lines. Barcodes and arenas outlive the merge. */
void merge_init(struct merge *merge, struct arena *work, struct arena *readings,
                const struct ser_barcode *barcodes, size_t barcode_count, int width, int height);

/* Adds the lines of one look and ranks anew, as a draft: merge_finish tells the alternatives. Lines
 * without characters are left out; past MERGE_MAX_LINES the remaining ones are. SE_ERR_MEMORY. */
int merge_add(struct merge *merge, const struct text_line *lines, size_t count, se_error *err);

/* Ranks once more, with all that readings hold, where the last ranking was a draft.
 * SE_ERR_MEMORY. */
int merge_finish(struct merge *merge, se_error *err);

/* The line whose quad this is, or NULL. */
struct text_line *merge_line_at(struct merge *merge, const struct quad *quad);

/* Notes what covers lines, for the next time that readings are ranked. `solids`, all that there
 * are, outlive the merge. */
void merge_set_solids(struct merge *merge, const struct merge_solid *solids, size_t count);

/* Takes further readings of lines in, as witnesses for those that stand at their places, and ranks
 * anew. `again`, all that there are, outlives the merge. SE_ERR_MEMORY. */
int merge_set_again(struct merge *merge, const struct text_line *again, size_t count,
                    se_error *err);

/* Does what is known of this place (upright pixels) leave nothing to gain from reading it again?
 * Never where the best reading lies: as long as it does not convince it is worth another try. */
bool merge_is_well_read(const struct merge *merge, const struct quad *quad);

/* Do two boxes cut nearly the same out of the picture? */
bool merge_is_same_cut(const struct quad *a, const struct quad *b);

/* Is the best reading the answer to "which device is this?", and so good that no further look is
 * worth its time? */
bool merge_is_convincing(const struct merge *merge);

/* Is the best reading a good one, whatever it names, and no word left without its value? */
bool merge_is_plausible(const struct merge *merge);

/* Is it that also while there are lines that were not read? So not one of two. */
bool merge_is_answered(const struct merge *merge);

/* Does one of the first `first` readings lie at this place (upright pixels)? */
bool merge_holds_reading(const struct merge *merge, size_t first, const struct quad *quad);

/* Does the best reading lie at this place (upright pixels)? */
bool merge_holds_answer(const struct merge *merge, const struct quad *quad);

/* Was all text that was found read clearly, and is the best reading plausible, and none that has a
 * better one beside it? Then only text that was not found can say more. */
bool merge_is_settled(const struct merge *merge);

/* By how many degrees, clockwise, the picture must be turned so that most of what was read clearly
 * runs from left to right: 90, 270, or 0 where it does or too little was read. */
float merge_quarter_turn(const struct merge *merge);

/* Was there text that could not be read well, or none at all? Then another angle may help. */
bool merge_text_was_unclear(const struct merge *merge);

#endif
