/*
 * How far an answer agrees with the truth about a picture. The same figures, to the last picture,
 * as those of the script that comes with the photographs (docs/contract.md says how it is used):
 * codes and texts are compared on A-Z and 0-9 alone, in upper case.
 */
#ifndef SE_DIAG_SCORE_H
#define SE_DIAG_SCORE_H

#include <stdbool.h>

#include "diag/truth.h"

struct answer_reading {
    const char *text, *kind;
    const char *status; /* NULL: not calibrated */
    double score;
};

/* What was read: the best reading first. */
struct answer {
    const struct answer_reading *readings;
    size_t reading_count;
    const char *const *lines; /* of text, in reading order */
    size_t line_count;
};

struct score {
    /* All below lives in the arena. Texts are normalised. */
    const char *const *lost; /* codes that were not found */
    size_t lost_count, code_count;
    const char *best;         /* first reading; "" without any */
    const char *const *wrong; /* sure and not right */
    size_t wrong_count;
    bool asked; /* the picture has a right answer … */
    bool right; /* … and this is it */
    bool sure;  /* `best` is called sure */
    bool has_status;
    double best_score; /* of the first reading */
};

/* Writes the letters and digits of `text` (UTF-8) in upper case to out[strlen(text) + 1]; returns
 * how many. Upper case is Unicode's: of "ß" it is SS. */
size_t score_normalise(const char *text, char *out);

/*
 * Scores the readings of `plain` and the codes in the lines of `lines`. Either may be NULL: the
 * picture failed, nothing was read; `count_codes` false: codes do not count at all. SE_ERR_MEMORY.
 */
int score_answer(const struct truth_row *truth, const struct answer *plain,
                 const struct answer *lines, bool count_codes, struct arena *arena,
                 struct score *out, se_error *err);

/* The parts of `text` between '|', normalised, without doubles; *count of them. NULL when memory is
 * spent. */
const char *const *score_forms(const char *text, struct arena *arena, size_t *count);

#endif
