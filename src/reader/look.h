/*
 * One look: finds the text lines of a view, reads those that are worth it and merges them into what
 * is known.
 *
 *   view ─ detect ─ boxes ─ by shape, the likeliest to hold a serial number first ─ read ─ merge
 *                                    └── rounds: an answer after any of them ends the look ──┘
 *
 * Which lines a round holds depends on the boxes alone, so results are the same whatever the
 * threads and the batch.
 */
#ifndef SE_READER_LOOK_H
#define SE_READER_LOOK_H

#include "ocr/detect.h"
#include "reader/merge.h"
#include "reader/picture.h"
#include "reader/reader.h"

enum { SEARCH_MAX_TRIED = 4 * MERGE_MAX_LINES };

/* What all looks at a picture share. */
struct search {
    const struct se_reader *reader;
    struct slot *slot;
    const struct budget *budget;
    struct se_result *result;
    struct arena arena; /* lines and lattices */
    struct picture picture;
    struct merge merge;
    struct quad *tried; /* boxes that were read, in upright pixels */
    size_t tried_count;
    double detect_ns; /* that the last look's detector took for a pixel of its input; 0: none yet */
    double read_ns;   /* that the lines read last took for a square of their height; 0: none yet */
    bool all_lines;   /* read everything, stop for nothing */
    bool turn_later;  /* of the lines under way (recognize_params) */
    bool as_they_lie; /* likewise */
    const struct text_line *known; /* likewise */
};

/* The failure for an arena that is spent. */
int search_out_of_arena(const struct search *search, se_error *err);

/* Is there nothing more to be done: an answer that convinces (unless all lines are wanted), or no
 * time left? */
bool search_is_over(const struct search *search);

/* Reads the lines at `quads` of `view`, each with its own of `treatments` (NULL: with none); their
 * quads come back in upright pixels. Says in the result when the time was over before all were
 * read. */
int search_read(struct search *search, const struct view *view, const struct quad *quads, int count,
                const enum img_treatment *treatments, struct text_line *lines, se_error *err);
/* The same for lines given in upright pixels, from full resolution; `area` holds all of them, and
 * `quads` is written over. */
int search_read_sharp(struct search *search, struct rect area, struct quad *quads, int count,
                      const enum img_treatment *treatments, struct text_line *lines, se_error *err);
/* Is a line, given in upright pixels, so low in the base picture that full resolution shows more of
 * it? */
bool search_wants_sharp(const struct search *search, const struct quad *line);

/* Where a look saw anything like text, in pixels of the upright picture. */
struct look_seen {
    struct rect areas[DETECT_MAX_AREAS];
    int count;
};

/* Takes one look at `view`; `name` (static, or in the result's arena) is noted in the result. Does
 * nothing when the time is over or would be before any line is read, and says so in the result.
 * `seen` may be NULL. */
int look_at(struct search *search, const char *name, const struct view *view,
            const struct detect_params *params, struct look_seen *seen, se_error *err);

/* The same for a view that is the base picture turned: its lines are cut out of the base picture,
 * so it need not be sharper than the detector's input. */
int look_at_turned(struct search *search, const char *name, const struct view *view,
                   const struct detect_params *params, se_error *err);

/* The same as look_at with pixels that are treated: those the detector sees, and those of every
 * line. Lines that were read untreated are read again, unless nothing is to be gained. */
int look_at_treated(struct search *search, const struct view *view,
                    const struct detect_params *params, enum img_treatment treatment,
                    se_error *err);

/* Reads the lines whose quads these are again, once with each of `treatments`: those of one
 * resolution in one batch, whatever the treatment. A line becomes the mean of its readings; where
 * that cannot be (ocr_combine), the better one stays. Does nothing when the time would be over
 * before. */
int look_again(struct search *search, const struct quad *quads, int count,
               const enum img_treatment *treatments, int treatment_count, se_error *err);

#endif
